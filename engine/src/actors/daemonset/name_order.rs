//! Nodes in order of their names, without comparing names again and again.

use crate::names::{Names, NodeId};

/// A node's place among all nodes' names. Sets ordered by it are ordered by name.
pub(super) type Rank = u64;

/// Between neighbours there is so much room at first.
const GAP: Rank = 1 << 32;

/// The ranks of nodes. A node that joins gets one between its neighbours'; only when there is no room left
/// between two of them are all ranks given anew.
#[derive(Clone, Debug, Default)]
pub(super) struct NameOrder {
    /// By the node's number; 0 is none.
    ranks: Vec<Rank>,
    sorted: Vec<NodeId>,
    /// Counts how often all ranks were given anew.
    epoch: u64,
}

impl NameOrder {
    /// How often all ranks were given anew. Sets from another epoch are in no order.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A node's rank, given if need be. O(log n) comparisons and moving what comes after.
    pub fn rank(&mut self, node: NodeId, names: &Names) -> Rank {
        if self.ranks.len() <= node.index() {
            self.ranks.resize(node.index() + 1, 0);
        }
        if self.ranks[node.index()] == 0 {
            let name = names.node_name(node);
            let at = self.sorted.partition_point(|other| names.node_name(*other) < name);
            self.sorted.insert(at, node);
            self.place(at);
        }
        self.ranks[node.index()]
    }

    /// Gives a rank to the node at a position.
    fn place(&mut self, at: usize) {
        let rank_of = |position: usize| self.sorted.get(position).map(|node| self.ranks[node.index()]);
        let before = at.checked_sub(1).and_then(rank_of).unwrap_or(0);
        let rank = match rank_of(at + 1) {
            None => before.checked_add(GAP),
            Some(after) if after - before > 1 => Some(before + (after - before) / 2),
            Some(_) => None,
        };
        match rank {
            Some(rank) => self.ranks[self.sorted[at].index()] = rank,
            None => {
                self.epoch += 1;
                for (position, node) in self.sorted.iter().enumerate() {
                    self.ranks[node.index()] = (position as Rank + 1) * GAP;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_order_like_names_however_nodes_come() {
        let mut names = Names::new();
        let mut order = NameOrder::default();
        // Every name goes between the last one and "b": the room is used up again and again.
        let mut texts = vec!["b".to_owned(), "a".to_owned()];
        texts.extend((0..200).map(|n| format!("a{}", "z".repeat(n))));
        let mut nodes = Vec::new();
        for text in &texts {
            let name = names.sym(text);
            let node = names.node(name);
            order.rank(node, &names);
            nodes.push(node);
        }
        assert!(order.epoch() > 0);
        nodes.sort_by_key(|node| order.rank(*node, &names));
        let sorted: Vec<_> = nodes.iter().map(|node| names.node_name(*node)).collect();
        assert!(sorted.is_sorted(), "{sorted:?}");
    }
}
