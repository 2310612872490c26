//! How many pods each owner had before: what the names of the next ones follow from.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::names::{Names, NodeId, ObjectId, Sym, sym};

/// The next ordinals of owners, by kind, namespace and name: they outlive incarnations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ordinals {
    #[serde(with = "crate::saved::sorted")]
    places: FxHashMap<(Sym, Sym, Sym), u32>,
    /// By place.
    next: Vec<Next>,
    /// By number of object: its place, where it is known.
    of_object: Vec<Option<u32>>,
}

/// So many pods, or more.
const MANY: u8 = u8::MAX;

/// The ordinals of one owner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Next {
    /// A DaemonSet on each node, by the node's number; [`MANY`] where it stands in `beyond`.
    on_nodes: Vec<u8>,
    beyond: BTreeMap<NodeId, u32>,
    /// Everything else.
    elsewhere: u32,
}

impl Ordinals {
    /// The ordinal of the next pod of an owner, for daemon pods on a node.
    pub fn next(&self, owner: ObjectId, node: Option<NodeId>, names: &Names) -> u32 {
        let key = names.object_key(owner);
        let known = self.of_object.get(owner.index()).copied().flatten();
        let place = known.or_else(|| self.places.get(&(key.kind, key.namespace, key.name)).copied());
        let Some(next) = place.and_then(|place| self.next.get(place as usize)) else { return 0 };
        match node.filter(|_| key.kind == sym::DAEMON_SET) {
            Some(node) => next.on(node),
            None => next.elsewhere,
        }
    }

    /// Takes note that there is a pod with an ordinal.
    pub fn used(&mut self, owner: ObjectId, node: Option<NodeId>, ordinal: u32, names: &Names) {
        let key = names.object_key(owner);
        if self.of_object.len() <= owner.index() {
            self.of_object.resize(owner.index() + 1, None);
        }
        let place = *self.of_object[owner.index()].get_or_insert_with(|| {
            let free = self.next.len() as u32;
            *self.places.entry((key.kind, key.namespace, key.name)).or_insert(free)
        }) as usize;
        if self.next.len() <= place {
            self.next.resize_with(place + 1, Next::default);
        }
        let entry = &mut self.next[place];
        match node.filter(|_| key.kind == sym::DAEMON_SET) {
            Some(node) => entry.used_on(node, ordinal),
            None => entry.elsewhere = entry.elsewhere.max(ordinal + 1),
        }
    }
}

impl Next {
    fn on(&self, node: NodeId) -> u32 {
        match self.on_nodes.get(node.index()) {
            Some(&MANY) => self.beyond.get(&node).copied().unwrap_or(u32::from(MANY)),
            few => few.copied().map_or(0, u32::from),
        }
    }

    fn used_on(&mut self, node: NodeId, ordinal: u32) {
        let next = self.on(node).max(ordinal + 1);
        if self.on_nodes.len() <= node.index() {
            self.on_nodes.resize(node.index() + 1, 0);
        }
        let few = u8::try_from(next).unwrap_or(MANY);
        self.on_nodes[node.index()] = few;
        if few == MANY {
            self.beyond.insert(node, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_may_be_many_pods_before() {
        let (mut next, node) = (Next::default(), NodeId::from_index);
        assert_eq!(next.on(node(3)), 0);
        for ordinal in [0, 1, 253, 254, 255, 7, 1_000_000] {
            let expected = next.on(node(3)).max(ordinal + 1);
            next.used_on(node(3), ordinal);
            assert_eq!(next.on(node(3)), expected);
        }
        next.used_on(node(2), 4);
        assert_eq!([next.on(node(2)), next.on(node(3)), next.on(node(4))], [5, 1_000_001, 0]);
        assert_eq!(next.beyond.len(), 1);
    }
}
