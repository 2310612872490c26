//! Nodes in order of their names, without comparing names again and again.

use crate::names::{Names, NodeId};

/// A node's place among all nodes' names. Sets ordered by it are ordered by name.
pub(super) type Rank = u32;

/// Between neighbours there is so much room at first.
const GAP: Rank = 4;

/// So many nodes without a rank are given theirs one by one.
const FEW: usize = 8;

/// The ranks of nodes. A node that joins gets one between its neighbours'; only when there is no room left
/// between two of them are all ranks given anew.
#[derive(Clone, Debug, Default)]
pub(super) struct NameOrder {
    /// By the node's number; 0 is none.
    ranks: Vec<Rank>,
    /// By rank.
    nodes: Vec<Option<NodeId>>,
    sorted: Vec<NodeId>,
    /// Counts how often all ranks were given anew.
    epoch: u64,
}

impl NameOrder {
    /// How often all ranks were given anew. Sets from another epoch are in no order.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A node's rank, if it was given one.
    pub fn known(&self, node: NodeId) -> Option<Rank> {
        self.ranks.get(node.index()).copied().filter(|rank| *rank != 0)
    }

    /// The node of a rank.
    pub fn node(&self, rank: Rank) -> Option<NodeId> {
        self.nodes.get(rank as usize).copied().flatten()
    }

    /// A node's rank, given if need be. O(log n) comparisons and moving what comes after.
    pub fn rank(&mut self, node: NodeId, names: &Names) -> Rank {
        if let Some(rank) = self.known(node) {
            return rank;
        }
        let name = names.node_name(node);
        let at = self.sorted.partition_point(|other| names.node_name(*other) < name);
        self.sorted.insert(at, node);
        self.place(at);
        self.ranks[node.index()]
    }

    /// Gives ranks to nodes that come in order of their names. Takes time proportional to the number of all nodes if
    /// more than a few have none.
    pub fn learn(&mut self, nodes: &[NodeId], names: &Names) {
        let new: Vec<_> = nodes.iter().copied().filter(|node| self.known(*node).is_none()).collect();
        if new.len() <= FEW {
            new.into_iter().for_each(|node| _ = self.rank(node, names));
            return;
        }
        let old = std::mem::take(&mut self.sorted);
        self.sorted.reserve(old.len() + new.len());
        let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
        let merged = std::iter::from_fn(|| match (old.peek(), new.peek()) {
            (Some(a), Some(b)) if names.node_name(*a) < names.node_name(*b) => old.next(),
            (Some(_), None) => old.next(),
            _ => new.next(),
        });
        self.sorted.extend(merged);
        self.renumber();
    }

    /// Gives a rank to the node at a position.
    fn place(&mut self, at: usize) {
        let rank_of = |position: usize| self.sorted.get(position).and_then(|node| self.known(*node));
        let before = at.checked_sub(1).and_then(rank_of).unwrap_or(0);
        let rank = match rank_of(at + 1) {
            None => Some(before + GAP),
            Some(after) if after - before > 1 => Some(before + (after - before) / 2),
            Some(_) => None,
        };
        match rank {
            Some(rank) => self.set(self.sorted[at], rank),
            None => self.renumber(),
        }
    }

    fn renumber(&mut self) {
        self.epoch += 1;
        self.nodes.clear();
        for position in 0..self.sorted.len() {
            // Nodes are numbered by 32 bits; a quarter of those is more than any machine holds.
            self.set(self.sorted[position], (position as Rank + 1) * GAP);
        }
    }

    fn set(&mut self, node: NodeId, rank: Rank) {
        if self.ranks.len() <= node.index() {
            self.ranks.resize(node.index() + 1, 0);
        }
        if self.nodes.len() <= rank as usize {
            self.nodes.resize(rank as usize + 1, None);
        }
        self.ranks[node.index()] = rank;
        self.nodes[rank as usize] = Some(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(order: &NameOrder, nodes: &[NodeId], names: &Names) {
        let mut nodes = nodes.to_vec();
        nodes.sort_by_key(|node| order.known(*node));
        let sorted: Vec<_> = nodes.iter().map(|node| names.node_name(*node)).collect();
        assert!(sorted.is_sorted(), "{sorted:?}");
        for node in nodes {
            assert_eq!(order.known(node).and_then(|rank| order.node(rank)), Some(node));
        }
    }

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
        ordered(&order, &nodes, &names);
    }

    #[test]
    fn many_at_once_are_ordered_with_those_that_were_there() {
        let mut names = Names::new();
        let mut order = NameOrder::default();
        let mut node = |text: &str| {
            let name = names.sym(text);
            names.node(name)
        };
        let few: Vec<_> = ["n050", "n051x", "a", "z"].map(&mut node).to_vec();
        let many: Vec<_> = (0..100).map(|n| node(&format!("n{n:03}"))).collect();
        few.iter().for_each(|node| _ = order.rank(*node, &names));
        order.learn(&many, &names);
        ordered(&order, &[few, many].concat(), &names);
    }
}
