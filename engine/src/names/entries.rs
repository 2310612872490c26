//! Parts of a dictionary, to be saved and put together again with the same numbers.

use serde::{Deserialize, Serialize};

use super::{Names, NodeSpec, ObjectKey, PodShape, ResourceList, Set, Sym, WELL_KNOWN};

/// How many entries each table of a dictionary has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    symbols: u32,
    nodes: u32,
    objects: u32,
    docs: u32,
    shapes: u32,
    node_specs: u32,
    resources: u32,
}

/// Entries of a dictionary in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    from: Counts,
    symbols: Vec<Box<str>>,
    nodes: Vec<Sym>,
    objects: Vec<ObjectKey>,
    docs: Vec<Box<str>>,
    shapes: Vec<PodShape>,
    node_specs: Vec<NodeSpec>,
    resources: Vec<ResourceList>,
}

/// Copies the entries from a position on.
fn tail<T: Clone>(set: &Set<T>, from: u32) -> Vec<T> {
    set.iter().skip(from as usize).cloned().collect()
}

impl Names {
    /// How many entries there are.
    pub fn counts(&self) -> Counts {
        // Every table is numbered by 32 bits.
        Counts {
            symbols: self.symbols.len() as u32,
            nodes: self.nodes.len() as u32,
            objects: self.objects.len() as u32,
            docs: self.docs.len() as u32,
            shapes: self.shapes.len() as u32,
            node_specs: self.node_specs.len() as u32,
            resources: self.resources.len() as u32,
        }
    }

    /// The entries that came after some counts; all of them after [`Counts::default`].
    pub fn entries_since(&self, from: Counts) -> Entries {
        Entries {
            from,
            symbols: tail(&self.symbols, from.symbols),
            nodes: tail(&self.nodes, from.nodes),
            objects: tail(&self.objects, from.objects),
            docs: tail(&self.docs, from.docs),
            shapes: tail(&self.shapes, from.shapes),
            node_specs: tail(&self.node_specs, from.node_specs),
            resources: tail(&self.resources, from.resources),
        }
    }

    /// A dictionary without any entry, not even the well-known symbols: to be filled by [`Names::extend`].
    pub fn unfilled() -> Names {
        Names {
            symbols: Set::default(),
            nodes: Set::default(),
            objects: Set::default(),
            docs: Set::default(),
            shapes: Set::default(),
            node_specs: Set::default(),
            resources: Set::default(),
        }
    }

    /// Adds entries under the numbers that they had. False, and the dictionary is of no use, if they do not follow on what
    /// is there, are not each new, or the well-known symbols are not where they belong.
    pub fn extend(&mut self, entries: Entries) -> bool {
        if entries.from != self.counts() {
            return false;
        }
        let known = |sym: &Sym, symbols: &Set<Box<str>>| sym.index() < symbols.len();
        let mut new = entries.symbols.into_iter().all(|text| self.symbols.insert(text));
        new &= entries.nodes.iter().all(|name| known(name, &self.symbols));
        new &= entries.nodes.into_iter().all(|name| self.nodes.insert(name));
        new &= entries.objects.into_iter().all(|key| self.objects.insert(key));
        new &= entries.docs.into_iter().all(|doc| self.docs.insert(doc));
        new &= entries.shapes.into_iter().all(|shape| self.shapes.insert(shape));
        new &= entries.node_specs.into_iter().all(|spec| self.node_specs.insert(spec));
        new &= entries.resources.into_iter().all(|list| self.resources.insert(list));
        new && WELL_KNOWN.iter().all(|&(number, text)| self.find_sym(text) == Some(Sym(number)))
    }

    /// Whether everything that is here has the same number in another dictionary, so that what one's numbers say holds
    /// in the other. Takes time in proportion to the entries.
    pub fn is_beginning_of(&self, other: &Names) -> bool {
        fn begins<T: PartialEq>(ours: &Set<T>, theirs: &Set<T>) -> bool {
            ours.len() <= theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| ours == theirs)
        }
        begins(&self.symbols, &other.symbols)
            && begins(&self.nodes, &other.nodes)
            && begins(&self.objects, &other.objects)
            && begins(&self.docs, &other.docs)
            && begins(&self.shapes, &other.shapes)
            && begins(&self.node_specs, &other.node_specs)
            && begins(&self.resources, &other.resources)
    }

    /// The symbol with a number, if there is one.
    pub fn sym_at(&self, index: usize) -> Option<Sym> {
        let number = u32::try_from(index).ok()?;
        (index < self.symbols.len()).then_some(Sym(number))
    }
}
