//! Lists of host ports that are taken, each kept once: most nodes have the same pods, and there may be a million nodes.

use rustc_hash::FxHashMap;

use crate::actors::capacity::Port;

/// A list in [`PortLists`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PortList(u32);

impl PortList {
    /// No port is taken.
    pub const NONE: PortList = PortList(0);
}

/// The lists that nodes have, by number. The first is the empty one.
#[derive(Debug)]
pub(super) struct PortLists {
    lists: Vec<Counted>,
    numbers: FxHashMap<Vec<Port>, u32>,
    free: Vec<u32>,
    /// Room for a list that is looked up.
    wanted: Vec<Port>,
}

/// A list, sorted, and how many nodes have it. Nobody counts who has the empty one.
#[derive(Debug, Default)]
struct Counted {
    ports: Vec<Port>,
    nodes: u32,
}

impl Default for PortLists {
    fn default() -> Self {
        PortLists {
            lists: vec![Counted::default()],
            numbers: FxHashMap::default(),
            free: Vec::new(),
            wanted: Vec::new(),
        }
    }
}

impl PortLists {
    /// The ports of a list.
    pub fn get(&self, list: PortList) -> &[Port] {
        &self.lists[list.0 as usize].ports
    }

    /// Gives a node the list that it has with some ports more.
    pub fn add(&mut self, list: &mut PortList, ports: &[Port]) {
        self.replace(list, |wanted| wanted.extend_from_slice(ports));
    }

    /// Gives a node the list that it has without some ports, each taken out once.
    pub fn remove(&mut self, list: &mut PortList, ports: &[Port]) {
        self.replace(list, |wanted| {
            for port in ports {
                if let Some(at) = wanted.iter().position(|other| other == port) {
                    wanted.remove(at);
                }
            }
        });
    }

    fn replace(&mut self, list: &mut PortList, change: impl FnOnce(&mut Vec<Port>)) {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.clear();
        wanted.extend_from_slice(self.get(*list));
        change(&mut wanted);
        wanted.sort_unstable();
        let next = self.number(&wanted);
        self.wanted = wanted;
        self.lists[next as usize].nodes += 1;
        let before = std::mem::replace(&mut list.0, next);
        if before != PortList::NONE.0 {
            self.give_up(before);
        }
    }

    fn number(&mut self, ports: &[Port]) -> u32 {
        if ports.is_empty() {
            return PortList::NONE.0;
        }
        if let Some(number) = self.numbers.get(ports) {
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.lists.push(Counted::default());
            self.lists.len() as u32 - 1
        });
        self.lists[number as usize].ports.extend_from_slice(ports);
        self.numbers.insert(ports.to_vec(), number);
        number
    }

    fn give_up(&mut self, number: u32) {
        let counted = &mut self.lists[number as usize];
        counted.nodes -= 1;
        if counted.nodes == 0 {
            self.numbers.remove(&counted.ports);
            counted.ports.clear();
            self.free.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Sym, sym};

    #[test]
    fn nodes_with_the_same_ports_share_a_list_and_nobody_keeps_one_for_nothing() {
        let port = |number| (sym::POD, Sym::EMPTY, number);
        let mut lists = PortLists::default();
        let (mut a, mut b) = (PortList::default(), PortList::default());
        lists.add(&mut a, &[port(80), port(443)]);
        lists.add(&mut b, &[port(443)]);
        lists.add(&mut b, &[port(80)]);
        assert_eq!(a, b);
        assert_eq!(lists.get(a), [port(80), port(443)]);
        lists.add(&mut a, &[port(80)]);
        assert_eq!(lists.get(a), [port(80), port(80), port(443)]);
        lists.remove(&mut a, &[port(80), port(9)]);
        assert_eq!(a, b);
        lists.remove(&mut a, &[port(80), port(443)]);
        lists.remove(&mut b, &[port(80), port(443)]);
        assert_eq!((lists.get(a), a, b), (&[][..], PortList::NONE, PortList::NONE));
        assert!(lists.numbers.is_empty());
        let longest = lists.lists.len();
        for round in 0..100 {
            lists.add(&mut a, &[port(round)]);
            lists.remove(&mut a, &[port(round)]);
        }
        assert_eq!(lists.lists.len(), longest);
    }
}
