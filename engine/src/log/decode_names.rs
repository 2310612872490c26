//! From the log's numbers to this process's: what a reader has met so far.

use rkyv::rend::u32_le;
use rkyv::vec::ArchivedVec;

use super::dictionary::{TABLES, Table};
use super::digest::RunHasher;
use super::payload::{ArchivedDelta, ArchivedTexts};
use crate::names::{
    DocId, Effect, Names, NodeId, NodeSpec, NodeSpecId, ObjectId, ObjectKey, PodShape, ResourceList,
    ResourcesId, ShapeId, Sym, Taint,
};

/// This process's numbers by the log's (less 1).
#[derive(Clone, Default)]
pub(super) struct LogNames {
    pub symbols: Vec<Sym>,
    pub nodes: Vec<NodeId>,
    pub objects: Vec<ObjectId>,
    pub documents: Vec<DocId>,
    pub shapes: Vec<ShapeId>,
    pub resources: Vec<ResourcesId>,
    pub node_specs: Vec<NodeSpecId>,
    /// What stands for names beyond the tables, in a repair; without it they are an error.
    beyond: Option<Beyond>,
}

/// One entry of each table that says that it is lost.
#[derive(Clone, Copy)]
struct Beyond {
    symbol: Sym,
    node: NodeId,
    object: ObjectId,
    document: DocId,
    shape: ShapeId,
    resources: ResourcesId,
    node_spec: NodeSpecId,
}

/// What is wrong with a record, for people. One word wide: it is part of every result on the way of every event.
#[derive(Debug)]
// `Box<str>` is two words wide.
#[allow(clippy::box_collection)]
pub(super) struct Wrong(Box<String>);

impl From<String> for Wrong {
    fn from(text: String) -> Wrong {
        Wrong(Box::new(text))
    }
}

impl From<&str> for Wrong {
    #[cold]
    fn from(text: &str) -> Wrong {
        Wrong(Box::new(text.to_owned()))
    }
}

impl From<Wrong> for String {
    fn from(wrong: Wrong) -> String {
        *wrong.0
    }
}

#[inline]
fn entry<T: Copy>(table: &[T], beyond: Option<T>, what: &str, number: u32) -> Result<T, Wrong> {
    match table.get((number as usize).wrapping_sub(1)).copied() {
        Some(id) => Ok(id),
        None => no_entry(table.len(), beyond, what, number),
    }
}

#[cold]
fn no_entry<T>(len: usize, beyond: Option<T>, what: &str, number: u32) -> Result<T, Wrong> {
    if number == 0 {
        return Err(format!("{what} is missing").into());
    }
    beyond.ok_or_else(|| {
        format!("{what} {number} is not in the log's dictionary, which has {len} so far").into()
    })
}

impl LogNames {
    #[inline]
    pub fn sym(&self, number: u32) -> Result<Sym, Wrong> {
        if number == 0 {
            Ok(Sym::EMPTY)
        } else {
            entry(&self.symbols, self.beyond.map(|b| b.symbol), "symbol", number)
        }
    }

    #[inline]
    pub fn node(&self, number: u32) -> Result<NodeId, Wrong> {
        entry(&self.nodes, self.beyond.map(|b| b.node), "node", number)
    }

    #[inline]
    pub fn object(&self, number: u32) -> Result<ObjectId, Wrong> {
        entry(&self.objects, self.beyond.map(|b| b.object), "object", number)
    }

    #[inline]
    pub fn doc(&self, number: u32) -> Result<DocId, Wrong> {
        entry(&self.documents, self.beyond.map(|b| b.document), "document", number)
    }

    #[inline]
    pub fn shape(&self, number: u32) -> Result<ShapeId, Wrong> {
        entry(&self.shapes, self.beyond.map(|b| b.shape), "shape", number)
    }

    #[inline]
    pub fn resources(&self, number: u32) -> Result<ResourcesId, Wrong> {
        entry(&self.resources, self.beyond.map(|b| b.resources), "resource list", number)
    }

    #[inline]
    pub fn node_spec(&self, number: u32) -> Result<NodeSpecId, Wrong> {
        entry(&self.node_specs, self.beyond.map(|b| b.node_spec), "node spec", number)
    }

    /// What a reader knows whose numbers of the log's entries are given; none if a symbol is not in the dictionary.
    pub fn from_indexes(indexes: &[Vec<u32>; TABLES], names: &Names) -> Option<LogNames> {
        fn ids<T>(indexes: &[u32], id: impl Fn(usize) -> T) -> Vec<T> {
            indexes.iter().map(|&index| id(index as usize)).collect()
        }
        let [symbols, nodes, objects, documents, shapes, resources, node_specs] = indexes;
        Some(LogNames {
            symbols: symbols.iter().map(|&index| names.sym_at(index as usize)).collect::<Option<_>>()?,
            nodes: ids(nodes, NodeId::from_index),
            objects: ids(objects, ObjectId::from_index),
            documents: ids(documents, DocId::from_index),
            shapes: ids(shapes, ShapeId::from_index),
            resources: ids(resources, ResourcesId::from_index),
            node_specs: ids(node_specs, NodeSpecId::from_index),
            beyond: None,
        })
    }

    /// How many entries each table has.
    pub fn counts(&self) -> [usize; TABLES] {
        [
            self.symbols.len(),
            self.nodes.len(),
            self.objects.len(),
            self.documents.len(),
            self.shapes.len(),
            self.resources.len(),
            self.node_specs.len(),
        ]
    }

    /// Fills the tables up to some counts with names that say that they are lost, and answers with such names for
    /// whatever lies beyond. Gives how many were filled in.
    pub fn stand_in(&mut self, counts: Option<[u32; TABLES]>, names: &mut Names) -> u64 {
        let before: usize = self.counts().iter().sum();
        let [symbols, nodes, objects, documents, shapes, resources, node_specs] = match counts {
            Some(counts) => counts.map(|count| count as usize),
            None => self.counts(),
        };
        self.symbols.extend((self.symbols.len()..symbols).map(|i| lost_symbol(names, "name", i + 1)));
        self.nodes.extend((self.nodes.len()..nodes).map(|i| lost_node(names, i + 1)));
        self.objects.extend((self.objects.len()..objects).map(|i| lost_object(names, i + 1)));
        self.documents
            .extend((self.documents.len()..documents).map(|i| lost_document(names, "document", i + 1)));
        self.shapes.extend((self.shapes.len()..shapes).map(|i| lost_shape(names, i + 1)));
        let no_resources = names.resources(ResourceList::default());
        self.resources.resize(self.resources.len().max(resources), no_resources);
        let no_spec = names.node_spec(NodeSpec::default());
        self.node_specs.resize(self.node_specs.len().max(node_specs), no_spec);
        self.beyond = Some(Beyond {
            symbol: lost_symbol(names, "name", 0),
            node: lost_node(names, 0),
            object: lost_object(names, 0),
            document: lost_document(names, "document", 0),
            shape: lost_shape(names, 0),
            resources: no_resources,
            node_spec: no_spec,
        });
        self.counts().iter().sum::<usize>() as u64 - before as u64
    }

    /// Takes in the new names of a frame. After an error the dictionary is not fit for use.
    pub fn learn(
        &mut self,
        delta: &ArchivedDelta,
        names: &mut Names,
        hasher: &mut Option<RunHasher>,
    ) -> Result<(), Wrong> {
        for (count, base) in self.counts().into_iter().zip(delta.base) {
            if count != base.to_native() as usize {
                return Err(format!("its names follow on {base} others, and there are {count}").into());
            }
        }
        each_text(&delta.symbols, |text| {
            self.symbols.push(names.sym(text));
            hasher.iter_mut().for_each(|hasher| hasher.text(Table::Symbols, text));
        })?;
        each_text(&delta.documents, |text| {
            self.documents.push(names.doc(text));
            hasher.iter_mut().for_each(|hasher| hasher.text(Table::Documents, text));
        })?;
        for number in delta.nodes.iter() {
            self.nodes.push(names.node(self.sym(number.to_native())?));
        }
        self.learn_objects(&mut Words::of(&delta.objects), names)?;
        self.learn_shapes(&mut Words::of(&delta.shapes), names)?;
        self.learn_resources(&mut Words::of(&delta.resources), names)?;
        self.learn_node_specs(&mut Words::of(&delta.node_specs), names)?;
        if let Some(hasher) = hasher {
            hasher.entry(Table::Nodes, delta.nodes.iter().map(|w| w.to_native()));
            hasher.entry(Table::Objects, delta.objects.iter().map(|w| w.to_native()));
            hasher.entry(Table::Shapes, delta.shapes.iter().map(|w| w.to_native()));
            hasher.entry(Table::Resources, delta.resources.iter().map(|w| w.to_native()));
            hasher.entry(Table::NodeSpecs, delta.node_specs.iter().map(|w| w.to_native()));
        }
        Ok(())
    }

    fn learn_objects(&mut self, words: &mut Words, names: &mut Names) -> Result<(), Wrong> {
        while !words.is_empty() {
            let kind = self.sym(words.next()?)?;
            let namespace = self.sym(words.next()?)?;
            let name = self.sym(words.next()?)?;
            let incarnation = words.next()?;
            self.objects.push(names.object(ObjectKey { kind, namespace, name, incarnation }));
        }
        Ok(())
    }

    fn learn_shapes(&mut self, words: &mut Words, names: &mut Names) -> Result<(), Wrong> {
        while !words.is_empty() {
            let doc = self.doc(words.next()?)?;
            let revision_hash = self.sym(words.next()?)?;
            let generated = words.next()? != 0;
            let generation = words.wide()?;
            let template_generation = generated.then_some(generation);
            self.shapes.push(names.shape(PodShape { doc, revision_hash, template_generation }));
        }
        Ok(())
    }

    fn learn_resources(&mut self, words: &mut Words, names: &mut Names) -> Result<(), Wrong> {
        while !words.is_empty() {
            let mut list = ResourceList::default();
            for _ in 0..words.next()? {
                let name = self.sym(words.next()?)?;
                list.0.push((name, words.wide()?));
            }
            self.resources.push(names.resources(list));
        }
        Ok(())
    }

    fn learn_node_specs(&mut self, words: &mut Words, names: &mut Names) -> Result<(), Wrong> {
        while !words.is_empty() {
            let (labels, taints, unschedulable) = (words.next()?, words.next()?, words.next()? != 0);
            let allocatable = match words.next()? {
                0 => None,
                number => Some(self.resources(number)?),
            };
            let mut spec = NodeSpec { unschedulable, allocatable, ..NodeSpec::default() };
            for _ in 0..labels {
                spec.labels.push((self.sym(words.next()?)?, self.sym(words.next()?)?));
            }
            for _ in 0..taints {
                let (key, value) = (self.sym(words.next()?)?, self.sym(words.next()?)?);
                spec.taints.push(Taint { key, value, effect: effect(words.next()?)? });
            }
            self.node_specs.push(names.node_spec(spec));
        }
        Ok(())
    }
}

/// A text that says that a name is lost; number 0 where the number is not known either.
fn lost_symbol(names: &mut Names, what: &str, number: usize) -> Sym {
    names.sym(&format!("lost-{what}-{number}"))
}

fn lost_node(names: &mut Names, number: usize) -> NodeId {
    let name = lost_symbol(names, "node", number);
    names.node(name)
}

fn lost_object(names: &mut Names, number: usize) -> ObjectId {
    let (kind, name) = (names.sym("Lost"), lost_symbol(names, "object", number));
    names.object(ObjectKey { kind, namespace: Sym::EMPTY, name, incarnation: 0 })
}

fn lost_document(names: &mut Names, what: &str, number: usize) -> DocId {
    names.doc(&format!("{{\"lost\":\"{what} {number}\"}}"))
}

fn lost_shape(names: &mut Names, number: usize) -> ShapeId {
    let doc = lost_document(names, "pod", number);
    names.shape(PodShape { doc, revision_hash: Sym::EMPTY, template_generation: None })
}

/// A taint effect by its number.
pub(super) fn effect(number: u32) -> Result<Effect, Wrong> {
    let all = [Effect::NoSchedule, Effect::PreferNoSchedule, Effect::NoExecute];
    let found = all.into_iter().find(|&effect| effect as u32 == number);
    found.ok_or_else(|| format!("taint effect {number} is unknown").into())
}

fn each_text(texts: &ArchivedTexts, mut f: impl FnMut(&str)) -> Result<(), Wrong> {
    let mut rest: &[u8] = &texts.bytes;
    for len in texts.lens.iter() {
        let (text, after) = rest.split_at_checked(len.to_native() as usize).ok_or("its texts are cut off")?;
        f(std::str::from_utf8(text).map_err(|e| Wrong::from(format!("a text is not UTF-8: {e}")))?);
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err("bytes follow its last text".into()) }
}

/// Words of entries, taken one after the other.
struct Words<'a>(std::slice::Iter<'a, u32_le>);

impl<'a> Words<'a> {
    fn of(list: &'a ArchivedVec<u32_le>) -> Words<'a> {
        Words(list.iter())
    }

    fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    fn next(&mut self) -> Result<u32, Wrong> {
        self.0.next().map(|word| word.to_native()).ok_or("an entry of its names is cut off".into())
    }

    fn wide(&mut self) -> Result<i64, Wrong> {
        let (low, high) = (self.next()?, self.next()?);
        Ok((u64::from(low) | (u64::from(high) << 32)) as i64)
    }
}
