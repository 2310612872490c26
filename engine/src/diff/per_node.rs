//! A column by node that takes little room where few nodes have a value.

use crate::names::NodeId;

/// Nodes whose values lie together.
const PAGE: usize = 64;

/// Values by node; nodes that were never asked for have the default.
#[derive(Debug)]
pub(super) struct PerNode<T> {
    pages: Vec<Option<Box<[T]>>>,
}

impl<T> Default for PerNode<T> {
    fn default() -> Self {
        PerNode { pages: Vec::new() }
    }
}

impl<T: Clone + Default> PerNode<T> {
    /// The value of a node, to be changed.
    pub fn entry(&mut self, node: NodeId) -> &mut T {
        let (page, at) = (node.index() / PAGE, node.index() % PAGE);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        &mut self.pages[page].get_or_insert_with(|| vec![T::default(); PAGE].into_boxed_slice())[at]
    }

    /// The value of a node, if any of its page was asked for.
    pub fn get(&self, node: NodeId) -> Option<&T> {
        let page = self.pages.get(node.index() / PAGE)?.as_ref()?;
        Some(&page[node.index() % PAGE])
    }

    /// All values of the pages that were asked for.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &T)> {
        let pages = self.pages.iter().enumerate().filter_map(|(at, page)| Some((at, page.as_ref()?)));
        pages.flat_map(|(at, page)| {
            page.iter().enumerate().map(move |(n, value)| (NodeId::from_index(at * PAGE + n), value))
        })
    }
}
