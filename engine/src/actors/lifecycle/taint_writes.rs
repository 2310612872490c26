//! How fast taints are written: the calls of the node lifecycle controller's workers, and of the sender of its
//! Events, through one client's rate limit.
//!
//! Each worker has one call waiting, and the client serves who waits in turn; so while many nodes register, the
//! Events about them take one call of every so many from the taints.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::actors::limit::Bucket;
use crate::names::{NodeId, Seq};
use crate::time::Time;

/// Calls for one change of taints: the node is read, and patched.
const CALLS_PER_PATCH: u8 = 2;

/// Nodes that wait for their taints to be written, and who is writing.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TaintWrites {
    /// Nodes to look at.
    waiting: BTreeMap<NodeId, Asked>,
    /// The same, by whose turn it is.
    turns: BTreeSet<(Time, Seq, NodeId)>,
    /// Who has a call waiting, first come first.
    line: VecDeque<Caller>,
    /// Events that are not sent yet.
    events: u64,
    client: Bucket,
}

/// Since when a node is to be looked at, the event that asked for it then, and the one that did so last.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Asked {
    at: Time,
    first: Seq,
    last: Seq,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Caller {
    /// A worker that has a node in hand.
    Worker { node: NodeId, cause: Seq, calls: u8 },
    /// The sender of Events.
    Events,
}

impl TaintWrites {
    /// Adds a node, with the event that asks for it; one that waits keeps its turn.
    pub fn add(&mut self, node: NodeId, cause: Seq, now: Time) {
        let asked = self.waiting.entry(node).or_insert(Asked { at: now, first: cause, last: cause });
        asked.last = cause;
        self.turns.insert((asked.at, asked.first, node));
    }

    /// Adds an Event about a node. Without a limit nobody waits for those.
    pub fn report(&mut self, settings: &Settings) {
        self.events += u64::from(settings.client.is_some());
    }

    /// When there is something to do.
    pub fn due(&self, settings: &Settings, now: Time) -> Option<Time> {
        if self.waiting.is_empty() && self.line.is_empty() && self.events == 0 {
            return None;
        }
        let idle = self.busy() < settings.taint_workers.max(1);
        if idle && self.waiting.keys().any(|node| !self.has_in_hand(*node)) {
            return Some(now);
        }
        let calling = !self.line.is_empty() || self.events > 0;
        calling.then(|| settings.client.map_or(now, |limit| self.client.next_at(limit)))
    }

    /// The nodes whose taints are to be written now, each with the event that asked for it. `differs` says whether
    /// a node's taints are to be changed at all.
    pub fn take(
        &mut self,
        settings: &Settings,
        now: Time,
        mut differs: impl FnMut(NodeId, Seq) -> bool,
    ) -> Vec<(NodeId, Seq)> {
        let mut written = Vec::new();
        // What is written is not to be seen before the next act.
        let mut unseen = Vec::new();
        loop {
            while self.busy() < settings.taint_workers.max(1)
                && let Some((node, cause)) = self.next(&unseen)
            {
                if differs(node, cause) {
                    self.line.push_back(Caller::Worker { node, cause, calls: CALLS_PER_PATCH });
                }
            }
            if self.events > 0 && !self.line.contains(&Caller::Events) {
                self.line.push_back(Caller::Events);
            }
            if self.line.is_empty() || settings.client.is_some_and(|limit| !self.client.take(limit, now)) {
                return written;
            }
            match self.line.pop_front() {
                Some(Caller::Worker { node, cause, calls: ..=1 }) => {
                    written.push((node, cause));
                    if self.waiting.contains_key(&node) {
                        unseen.push(node);
                    }
                }
                Some(Caller::Worker { node, cause, calls }) => {
                    self.line.push_back(Caller::Worker { node, cause, calls: calls - 1 });
                }
                Some(Caller::Events) => self.events -= 1,
                None => {}
            }
        }
    }

    /// The next node that is neither in hand nor to be left for later.
    fn next(&mut self, later: &[NodeId]) -> Option<(NodeId, Seq)> {
        let free = |node| !self.has_in_hand(node) && !later.contains(&node);
        let turn = *self.turns.iter().find(|(.., node)| free(*node))?;
        self.turns.remove(&turn);
        Some((turn.2, self.waiting.remove(&turn.2)?.last))
    }

    fn busy(&self) -> usize {
        self.line.iter().filter(|caller| **caller != Caller::Events).count()
    }

    fn has_in_hand(&self, node: NodeId) -> bool {
        self.line.iter().any(|caller| matches!(caller, Caller::Worker { node: held, .. } if *held == node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::RateLimit;

    /// In which millisecond each of `nodes` nodes, all there from the beginning, gets its taints.
    fn written_at(settings: &Settings, nodes: u32, events: u64) -> Vec<i64> {
        let mut writes = TaintWrites::default();
        for node in 0..nodes {
            writes.add(NodeId::from_index(node as usize), Seq(1), Time(0));
        }
        (0..events).for_each(|_| writes.report(settings));
        let mut at = Vec::new();
        let mut now = Time(0);
        while at.len() < nodes as usize {
            now = now.max(writes.due(settings, now).unwrap());
            at.extend(writes.take(settings, now, |_, _| true).iter().map(|_| now.0 / 1_000));
        }
        at
    }

    #[test]
    fn without_a_limit_everything_is_written_at_once() {
        assert_eq!(written_at(&Settings::unlimited(), 100, 100), [0; 100]);
    }

    #[test]
    fn a_patch_takes_two_calls() {
        let client = Some(RateLimit { per_second: 10, burst: 4 });
        let settings = Settings { client, taint_workers: 1, ..Settings::default() };
        assert_eq!(written_at(&settings, 4, 0), [0, 0, 200, 400]);
    }

    #[test]
    fn events_take_one_call_in_nine() {
        let last = *written_at(&Settings::default(), 1_000, 1_000).last().unwrap();
        // (2,000 calls + 250 Events - a burst of 30) at 20 a second.
        assert!((110_000..112_000).contains(&last), "{last}");
    }
}
