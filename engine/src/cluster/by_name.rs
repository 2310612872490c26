//! Nodes in the order of their names.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::names::{Names, NodeId};

/// How long a run of neighbours may get before it is cut in two.
const CHUNK_MAX: usize = 1024;

/// Nodes that exist, in the order of their names.
///
/// They are kept in short runs, so that a node's coming and going moves few others; the list as a whole is put
/// together when somebody asks for it after a change, which costs a copy of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<NodeId>", into = "Vec<NodeId>")]
pub(super) struct ByName {
    /// None is empty, and their elements together are in order.
    chunks: Vec<Vec<NodeId>>,
    len: usize,
    list: OnceLock<Vec<NodeId>>,
}

impl From<Vec<NodeId>> for ByName {
    fn from(list: Vec<NodeId>) -> Self {
        let chunks = list.chunks(CHUNK_MAX / 2).map(<[NodeId]>::to_vec).collect();
        ByName { chunks, len: list.len(), list: OnceLock::from(list) }
    }
}

impl From<ByName> for Vec<NodeId> {
    fn from(nodes: ByName) -> Self {
        nodes.list().to_vec()
    }
}

impl ByName {
    /// All of them.
    pub fn list(&self) -> &[NodeId] {
        self.list.get_or_init(|| self.chunks.concat())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds a node that is not there.
    pub fn insert(&mut self, node: NodeId, names: &Names) {
        self.list.take();
        self.len += 1;
        let (chunk, at) = self.place(node, names);
        let Some(run) = self.chunks.get_mut(chunk) else {
            self.chunks.push(vec![node]);
            return;
        };
        run.insert(at, node);
        if run.len() > CHUNK_MAX {
            let upper = run.split_off(CHUNK_MAX / 2);
            self.chunks.insert(chunk + 1, upper);
        }
    }

    /// Takes out a node that is there.
    pub fn remove(&mut self, node: NodeId, names: &Names) {
        let (chunk, at) = self.place(node, names);
        let Some(run) = self.chunks.get_mut(chunk).filter(|run| run.get(at) == Some(&node)) else { return };
        self.list.take();
        self.len -= 1;
        run.remove(at);
        if run.is_empty() {
            self.chunks.remove(chunk);
        }
    }

    /// The run and the place in it where a node is or belongs; beyond the last node, the end of the last run.
    fn place(&self, node: NodeId, names: &Names) -> (usize, usize) {
        let name = names.node_name(node);
        let before = |other: &NodeId| names.node_name(*other) < name;
        let chunk = self.chunks.partition_point(|run| run.last().is_some_and(&before));
        let chunk = chunk.min(self.chunks.len().saturating_sub(1));
        (chunk, self.chunks.get(chunk).map_or(0, |run| run.partition_point(before)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_and_go_in_any_order_and_stand_in_that_of_their_names() {
        let (mut names, mut nodes) = (Names::new(), ByName::default());
        let mut expected = std::collections::BTreeMap::new();
        for step in 0..10_000_u32 {
            // Any order will do, as long as it is not theirs.
            let text = format!("n{}", step.wrapping_mul(2_654_435_761) % 4_000);
            let sym = names.sym(&text);
            let node = names.node(sym);
            match expected.remove(&text) {
                Some(_) => nodes.remove(node, &names),
                None => {
                    expected.insert(text, node);
                    nodes.insert(node, &names);
                }
            }
            assert_eq!(nodes.len(), expected.len());
            if step % 500 == 0 {
                assert!(nodes.list().iter().eq(expected.values()));
            }
        }
        assert!(ByName::from(Vec::from(nodes.clone())).list() == nodes.list());
    }
}
