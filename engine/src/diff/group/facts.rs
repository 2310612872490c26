//! The properties of the nodes of two states, as sets of nodes.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::cluster::{Cluster, Node};
use crate::names::{Names, NodeId, Sym, Taint};

use super::bits::Bits;
use super::expression::{InState, Property, Term, status_text};

/// A property in a state (or in both), and the nodes that have it.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub state: InState,
    pub property: Property,
    /// Positions of the nodes, sorted.
    pub members: Vec<u32>,
    /// The same as bits, where that is shorter than the list.
    pub dense: Option<Bits>,
    /// Other properties that exactly the same nodes have; a few.
    pub synonyms: Vec<Term>,
    /// Whether it only names a node: a label that has another value on each.
    pub is_name: bool,
}

/// The nodes of two states with their properties. Properties that all nodes share, or none has, are left out,
/// and of those that the same nodes have one stands for all.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Names of the nodes that exist in either state, sorted.
    names: Vec<String>,
    /// The properties, the most telling first.
    facts: Vec<Fact>,
    /// Positions of each node's properties.
    of_node: Vec<Vec<u32>>,
}

/// How many other properties are kept beside one that the same nodes have.
const SYNONYMS: usize = 3;

/// The label that every kubelet puts on its node, with the node's name.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// On fewer nodes, values may well differ without being names.
const NAMES: usize = 8;

impl Facts {
    /// The properties of the nodes of two states. Takes time proportional to the number of properties of all
    /// nodes together.
    pub fn of(a: (&Cluster, &Names), b: (&Cluster, &Names)) -> Facts {
        let mut gathering = Gathering::default();
        let (mut in_a, mut in_b) = (Reader::default(), Reader::default());
        let exists = gathering.id(Property::Exists) as usize;
        let mut names = Vec::new();
        let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
        for (one, two) in pairs(a, b) {
            let index = names.len() as u32;
            names.push(one.map_or_else(|| name(b, two), |_| name(a, one)).to_owned());
            if let Some(node) = one.and_then(|node| a.0.node(node)) {
                in_a.read(node, a.1, &mut gathering, &mut of_a);
                gathering.list[exists].1.push(index);
            }
            if let Some(node) = two.and_then(|node| b.0.node(node)) {
                in_b.read(node, b.1, &mut gathering, &mut of_b);
                gathering.list[exists].2.push(index);
            }
            // A node that one state lacks would otherwise tell the states apart in each of its properties.
            for &id in if one.is_some() { &of_a } else { &of_b } {
                gathering.list[id as usize].1.push(index);
            }
            for &id in if two.is_some() { &of_b } else { &of_a } {
                gathering.list[id as usize].2.push(index);
            }
        }
        Facts::new(names, gathering.list)
    }

    fn new(names: Vec<String>, gathered: Vec<(Property, Vec<u32>, Vec<u32>)>) -> Facts {
        let mut facts: Vec<(InState, Property, Vec<u32>)> = Vec::new();
        for (property, a, b) in gathered {
            if a == b {
                facts.push((InState::Both, property, a));
            } else {
                facts.push((InState::A, property.clone(), a));
                facts.push((InState::B, property, b));
            }
        }
        facts.retain(|fact| !fact.2.is_empty() && fact.2.len() < names.len());
        let name_labels = name_labels(&facts);
        let is_name = |property: &Property| match property {
            Property::Label { key, .. } => key == HOSTNAME || name_labels.contains(key),
            _ => false,
        };
        // What one node has alone says less than what it has in common with others, and its name least.
        facts.sort_by_cached_key(|fact| (fact.2.len() == 1, is_name(&fact.1), fact.0, fact.1.clone()));
        let mut distinct: Vec<Fact> = Vec::new();
        let mut by_members: FxHashMap<Vec<u32>, usize> = FxHashMap::default();
        for (state, property, members) in facts {
            if let Some(&known) = by_members.get(&members) {
                if distinct[known].synonyms.len() < SYNONYMS {
                    distinct[known].synonyms.push(Term { negated: false, state, property });
                }
                continue;
            }
            by_members.insert(members.clone(), distinct.len());
            let dense = (members.len() >= names.len() / 64).then(|| Bits::of(names.len(), &members));
            let is_name = is_name(&property);
            distinct.push(Fact { state, property, members, dense, synonyms: Vec::new(), is_name });
        }
        let mut of_node = vec![Vec::new(); names.len()];
        for (id, fact) in distinct.iter().enumerate() {
            for &member in &fact.members {
                of_node[member as usize].push(id as u32);
            }
        }
        Facts { names, facts: distinct, of_node }
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.names.len()
    }

    /// The nodes' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The set of some nodes, and the names of which there is no node. The names are sorted.
    pub(super) fn set<'n>(&self, names: impl Iterator<Item = &'n str>) -> (Bits, Vec<String>) {
        let (mut set, mut unknown) = (Bits::empty(self.names.len()), Vec::new());
        let mut from = 0;
        for name in names {
            // Names come in order, and a step forward is mostly a short one.
            let mut step = 1;
            while self.names.get(from + step).is_some_and(|other| other.as_str() <= name) {
                from += step;
                step *= 2;
            }
            let range = &self.names[from..self.names.len().min(from + step)];
            match range.binary_search_by(|other| other.as_str().cmp(name)) {
                Ok(at) => set.insert((from + at) as u32),
                Err(_) => unknown.push(name.to_owned()),
            }
        }
        (set, unknown)
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn get(&self, fact: u32) -> &Fact {
        &self.facts[fact as usize]
    }

    pub(super) fn of_node(&self, node: u32) -> &[u32] {
        &self.of_node[node as usize]
    }

    pub(super) fn has(&self, fact: u32, node: u32) -> bool {
        let fact = self.get(fact);
        match &fact.dense {
            Some(bits) => bits.has(node),
            None => fact.members.binary_search(&node).is_ok(),
        }
    }

    /// Whether no node of a set has the property.
    pub(super) fn is_disjoint(&self, fact: u32, nodes: &Bits) -> bool {
        let fact = self.get(fact);
        match &fact.dense {
            Some(bits) => bits.is_disjoint(nodes),
            None => fact.members.iter().all(|&member| !nodes.has(member)),
        }
    }

    /// Whether all nodes of a set have the property.
    pub(super) fn contains(&self, fact: u32, nodes: &Bits) -> bool {
        let fact = self.get(fact);
        match &fact.dense {
            Some(bits) => nodes.is_subset(bits),
            None => {
                nodes.count() <= fact.members.len()
                    && nodes.iter().all(|n| fact.members.binary_search(&n).is_ok())
            }
        }
    }

    /// The nodes of a set that have the property, or that have it not.
    pub(super) fn select(&self, fact: u32, negated: bool, nodes: &Bits) -> Bits {
        let fact = self.get(fact);
        match (&fact.dense, negated) {
            (Some(bits), false) => nodes.and(bits),
            (Some(bits), true) => nodes.minus(bits),
            (None, false) => {
                let mut selected = Bits(vec![0; nodes.0.len()]);
                for &member in fact.members.iter().filter(|&&member| nodes.has(member)) {
                    selected.insert(member);
                }
                selected
            }
            (None, true) => {
                let mut selected = nodes.clone();
                for &member in &fact.members {
                    selected.remove(member);
                }
                selected
            }
        }
    }

    pub(super) fn names_of(&self, nodes: &Bits) -> impl Iterator<Item = String> {
        nodes.iter().map(|node| self.names[node as usize].clone())
    }

    /// Properties that the same nodes have (or lack) as have the one of a term.
    pub(super) fn synonyms(&self, term: &Term) -> Vec<Term> {
        let same = |fact: &&Fact| fact.state == term.state && fact.property == term.property;
        let found = self.facts.iter().find(same);
        let synonyms = found.into_iter().flat_map(|fact| &fact.synonyms).cloned();
        synonyms.map(|synonym| Term { negated: term.negated, ..synonym }).collect()
    }

    pub(super) fn term(&self, fact: u32, negated: bool) -> Term {
        let fact = self.get(fact);
        Term { negated, state: fact.state, property: fact.property.clone() }
    }
}

/// Keys of labels that have another value on each of at least [`NAMES`] nodes.
fn name_labels(facts: &[(InState, Property, Vec<u32>)]) -> BTreeSet<String> {
    let mut keys: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for (_, property, members) in facts {
        if let Property::Label { key, .. } = property {
            let (values, unique) = keys.entry(key).or_insert((0, true));
            *values += 1;
            *unique &= members.len() == 1;
        }
    }
    let names = keys.into_iter().filter(|(_, (values, unique))| *unique && *values >= NAMES);
    names.map(|(key, _)| key.to_owned()).collect()
}

fn name<'a>((_, names): (&Cluster, &'a Names), node: Option<NodeId>) -> &'a str {
    node.map_or("", |node| names.node_name(node))
}

/// The nodes that exist in either state, by name.
fn pairs<'a>(
    a: (&'a Cluster, &'a Names),
    b: (&'a Cluster, &'a Names),
) -> impl Iterator<Item = (Option<NodeId>, Option<NodeId>)> + 'a {
    let (mut in_a, mut in_b) =
        (a.0.nodes().iter().copied().peekable(), b.0.nodes().iter().copied().peekable());
    std::iter::from_fn(move || {
        let order = match (in_a.peek(), in_b.peek()) {
            (None, None) => return None,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(x), Some(y)) => a.1.node_name(*x).cmp(b.1.node_name(*y)),
        };
        let one = if order.is_le() { in_a.next() } else { None };
        let two = if order.is_ge() { in_b.next() } else { None };
        Some((one, two))
    })
}

/// Properties in the order in which they were met, with the nodes that have them in each state.
#[derive(Default)]
struct Gathering {
    list: Vec<(Property, Vec<u32>, Vec<u32>)>,
    ids: FxHashMap<Property, u32>,
}

impl Gathering {
    fn id(&mut self, property: Property) -> u32 {
        if let Some(&id) = self.ids.get(&property) {
            return id;
        }
        let id = self.list.len() as u32;
        self.ids.insert(property.clone(), id);
        self.list.push((property, Vec::new(), Vec::new()));
        id
    }
}

/// What a state's symbols are known as, so that texts are looked at once.
#[derive(Default)]
struct Reader {
    labels: FxHashMap<(Sym, Sym), [u32; 2]>,
    taints: FxHashMap<Taint, [u32; 2]>,
    /// How many values of a label are known.
    values: FxHashMap<Sym, u32>,
}

/// Values of one label beyond this number are not looked at one by one: they name things.
const VALUES_MAX: u32 = 10_000;

impl Reader {
    fn read(&mut self, node: &Node, names: &Names, gathering: &mut Gathering, ids: &mut Vec<u32>) {
        ids.clear();
        let text = |sym: Sym| names.text(sym).to_owned();
        for label in &node.labels {
            let values = self.values.entry(label.0).or_insert(0);
            match self.labels.get(label) {
                Some(known) => ids.extend(known),
                None if *values < VALUES_MAX => {
                    *values += 1;
                    let (key, value) = (text(label.0), text(label.1));
                    let both = [Property::Label { key: key.clone(), value }, Property::HasLabel { key }];
                    let both = both.map(|property| gathering.id(property));
                    self.labels.insert(*label, both);
                    ids.extend(both);
                }
                None => ids.push(gathering.id(Property::HasLabel { key: text(label.0) })),
            }
        }
        for taint in &node.taints {
            ids.extend(*self.taints.entry(*taint).or_insert_with(|| {
                let (key, value, effect) = (text(taint.key), text(taint.value), taint.effect.into());
                [Property::Taint { key: key.clone(), value, effect }, Property::HasTaint { key }]
                    .map(|property| gathering.id(property))
            }));
        }
        for condition in &node.conditions {
            let status = status_text(condition.status);
            ids.push(gathering.id(Property::Condition { condition: text(condition.condition), status }));
        }
        if node.unschedulable {
            ids.push(gathering.id(Property::Unschedulable));
        }
        // A key with two taints is one property.
        ids.sort_unstable();
        ids.dedup();
    }
}
