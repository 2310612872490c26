//! The events that turn out to matter, looked up in a reading of their own.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::decisions::{Decided, PodKeys, Trail};
use super::super::side::{Side, SideError};
use super::Tell;
use crate::cluster::Cluster;
use crate::event::Event;
use crate::names::{Names, NodeId, Seq};
use crate::told::{Links, Told};

/// What is looked up once it is known what matters.
pub(super) struct Late<'t> {
    trail: &'t Trail,
    needed: BTreeSet<Seq>,
    /// Placements whose decisions are needed one by one.
    unclear: FxHashSet<(u32, NodeId)>,
    pub told: BTreeMap<Seq, Told>,
    pub decisions: FxHashMap<(u32, NodeId), Vec<Decided>>,
}

impl<'t> Late<'t> {
    pub fn new(trail: &'t Trail, needed: BTreeSet<Seq>, unclear: FxHashSet<(u32, NodeId)>) -> Self {
        Late { trail, needed, unclear, told: BTreeMap::new(), decisions: FxHashMap::default() }
    }

    /// Asks for a decision and what it goes back to; says whether it is not known yet.
    pub fn ask_for(&mut self, decided: Option<Decided>) -> bool {
        let Some(decided) = decided.filter(|decided| !self.told.contains_key(&decided.seq)) else {
            return false;
        };
        self.needed = Links::from(decided.seq, |seq| self.trail.cause(seq)).numbers().collect();
        self.unclear.clear();
        true
    }

    /// Reads a log once more. `folded` is its state at the end.
    pub fn read(&mut self, fresh: Side<'_>, folded: &mut Side<'_>, tell: &Tell<'_>) -> Result<(), SideError> {
        let mut side = fresh.with_names(folded.take_names());
        let mut keys = PodKeys::default();
        let last = self.needed.last().copied().unwrap_or(Seq::NONE);
        let nothing = Cluster::new();
        while side.last() < last || (!self.unclear.is_empty() && side.last() < self.trail.end()) {
            let Some(event) = side.skip()? else { break };
            let (names, seq) = (side.names(), side.last());
            let decided = keys.observe(names, &event);
            if let Some((set, node, verb, why)) = decided
                && seq > self.trail.same_until()
                && self.unclear.contains(&(set, node))
            {
                let decided = Decided { verb, why, at: event.at, seq };
                self.decisions.entry((set, node)).or_default().push(decided);
            }
            if self.needed.contains(&seq) {
                let text = self.text(seq, &event, names, [folded.cluster(), &nothing], &keys, tell);
                self.told.insert(seq, Told::new(seq, &event, names, text));
            }
        }
        folded.give_names(side.take_names());
        Ok(())
    }

    /// What an event says, as far as a later state can tell: what has changed since is left out.
    fn text(
        &self,
        seq: Seq,
        event: &Event,
        names: &Names,
        [cluster, nothing]: [&Cluster; 2],
        keys: &PodKeys,
        tell: &Tell<'_>,
    ) -> String {
        if let Some(pod) = event.body.pod()
            && cluster.pod(pod).is_none_or(|pod| pod.made > seq)
        {
            // The slot is another pod's by now.
            return match keys.of(pod) {
                Some((set, node)) => {
                    let (set, node) = (keys.set_name(set), names.node_name(node));
                    format!("{} of the pod of {set} on {node}", event.body.kind())
                }
                None => format!("{} of a pod that is gone", event.body.kind()),
            };
        }
        let changed = event.body.object().is_some_and(|object| self.trail.changed_after(object, seq));
        tell(event, names, if changed { nothing } else { cluster })
    }
}
