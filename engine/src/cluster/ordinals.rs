//! How many pods each owner had before: what the names of the next ones follow from.

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

/// The ordinals of one owner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Next {
    /// A DaemonSet on each node, by the node's number.
    on_nodes: Vec<u32>,
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
            Some(node) => next.on_nodes.get(node.index()).copied().unwrap_or(0),
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
        let next = match node.filter(|_| key.kind == sym::DAEMON_SET) {
            Some(node) => {
                if entry.on_nodes.len() <= node.index() {
                    entry.on_nodes.resize(node.index() + 1, 0);
                }
                &mut entry.on_nodes[node.index()]
            }
            None => &mut entry.elsewhere,
        };
        *next = (*next).max(ordinal + 1);
    }
}
