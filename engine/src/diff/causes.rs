//! Why placements differ: the last decision about each, on either side, and the event from outside that it
//! goes back to.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::event::{Body, Event, Why};
use crate::names::{NodeId, ObjectId, Seq};
use crate::time::Time;

use super::decisions::{Decisions, Verb};
use super::side::{Side, SideError};

/// The placements that causes are asked for, and what a log knows about them.
pub struct Causes<'a> {
    /// The log, for its names. Its state is not folded.
    pub side: Side<'a>,
    /// The decision and what it goes back to, by DaemonSet (`namespace/name`) and node.
    placements: BTreeMap<(String, String), Chain>,
    events: FxHashMap<Seq, Event>,
}

/// A decision about a placement and the events that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// What was decided.
    pub verb: Verb,
    /// The decision, its cause, that one's cause, and so on; the last has none.
    pub events: Vec<Seq>,
}

/// A cause that several placements share: the same decision, going back to events that say the same of each
/// node, or to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCause {
    /// What was decided.
    pub verb: Verb,
    /// Why, where a pod was deleted.
    pub why: Option<Why>,
    /// The earliest of the events that the decisions go back to.
    pub root: Event,
    /// Its number.
    pub root_seq: Seq,
    /// How many such events there are.
    pub roots: usize,
    /// The earliest decision.
    pub decided: Seq,
    /// How many placements share the cause.
    pub placements: usize,
}

/// Reads a log up to a moment and remembers what led to the last decision about each of some placements
/// (DaemonSet as `namespace/name`, and node). The log is opened twice; what stays in memory are eight bytes an
/// event, and the events of the chains.
///
/// # Errors
/// The log cannot be read.
pub fn causes<'a>(
    open: impl Fn() -> Result<Side<'a>, SideError>,
    until: Time,
    wanted: &[(String, String)],
) -> Result<Causes<'a>, SideError> {
    let mut side = open()?;
    let (last, links) = last_decisions(&mut side, until, wanted)?;
    let names = side.names();
    let mut placements = BTreeMap::new();
    let mut needed = FxHashSet::default();
    for ((owner, node), (seq, verb)) in last {
        let mut events = vec![seq];
        // A cause lies before its effect, so that the chain ends; a log that says otherwise ends it here.
        while let Some(&cause) = events.last().and_then(|seq| links.get(seq.0 as usize - 1))
            && cause != Seq::NONE
            && events.last().is_some_and(|last| cause < *last)
        {
            events.push(cause);
        }
        needed.extend(events.iter().copied());
        let name = (names.object_name(owner), names.node_name(node).to_owned());
        placements.insert(name, Chain { verb, events });
    }
    let mut side = open()?;
    let mut events = FxHashMap::default();
    while side.peek()?.is_some_and(|at| at <= until) {
        let Some(event) = side.skip()? else { break };
        if needed.contains(&side.last()) {
            events.insert(side.last(), event);
        }
    }
    Ok(Causes { side, placements, events })
}

type Says = (&'static str, Option<Body>);
type LastDecisions = BTreeMap<(ObjectId, NodeId), (Seq, Verb)>;

/// The last decision about each wanted placement, and the cause of every event.
fn last_decisions(
    side: &mut Side<'_>,
    until: Time,
    wanted: &[(String, String)],
) -> Result<(LastDecisions, Vec<Seq>), SideError> {
    let mut by_node: FxHashMap<&str, FxHashSet<&str>> = FxHashMap::default();
    for (daemon_set, node) in wanted {
        by_node.entry(daemon_set).or_default().insert(node);
    }
    let (mut decisions, mut last, mut links) = (Decisions::default(), LastDecisions::new(), Vec::new());
    let mut owners: FxHashMap<ObjectId, String> = FxHashMap::default();
    // An object that came later under the same name supersedes.
    let mut newest: FxHashMap<(String, NodeId), ObjectId> = FxHashMap::default();
    while side.peek()?.is_some_and(|at| at <= until) {
        let Some(event) = side.skip()? else { break };
        links.push(event.cause);
        let (names, seq) = (side.names(), side.last());
        let Some((owner, node, verb)) = decisions.observe(names, &event) else { continue };
        let name = owners.entry(owner).or_insert_with(|| names.object_name(owner));
        if !by_node.get(name.as_str()).is_some_and(|nodes| nodes.contains(names.node_name(node))) {
            continue;
        }
        let before = newest.insert((name.clone(), node), owner);
        if let Some(before) = before.filter(|before| *before != owner) {
            last.remove(&(before, node));
        }
        last.insert((owner, node), (seq, verb));
    }
    Ok((last, links))
}

impl Causes<'_> {
    /// What led to the last decision about a placement; `None` if there was none.
    pub fn of(&self, daemon_set: &str, node: &str) -> Option<&Chain> {
        self.placements.get(&(daemon_set.to_owned(), node.to_owned()))
    }

    /// An event of a chain.
    pub fn event(&self, seq: Seq) -> Option<&Event> {
        self.events.get(&seq)
    }

    /// The causes that some of a DaemonSet's placements share, those of the most placements first. Placements
    /// without a decision are left out.
    pub fn shared<'n>(&self, daemon_set: &str, nodes: impl IntoIterator<Item = &'n str>) -> Vec<SharedCause> {
        let mut shared: Vec<(Says, SharedCause, FxHashSet<Seq>)> = Vec::new();
        for node in nodes {
            let Some(chain) = self.of(daemon_set, node) else { continue };
            let (Some(&decided), Some(&root_seq)) = (chain.events.first(), chain.events.last()) else {
                continue;
            };
            let (Some(decision), Some(&root)) = (self.event(decided), self.event(root_seq)) else { continue };
            let why = match decision.body {
                Body::PodDeleted { why, .. } => Some(why),
                _ => None,
            };
            let says = apart_from_node(&root.body);
            let same = |(other, cause, _): &&mut (Says, SharedCause, _)| {
                *other == says
                    && cause.verb == chain.verb
                    && cause.why == why
                    && cause.root.track == root.track
            };
            match shared.iter_mut().find(same) {
                Some((_, cause, roots)) => {
                    cause.placements += 1;
                    cause.decided = cause.decided.min(decided);
                    if root_seq < cause.root_seq {
                        (cause.root, cause.root_seq) = (root, root_seq);
                    }
                    roots.insert(root_seq);
                    cause.roots = roots.len();
                }
                None => {
                    let (verb, roots) = (chain.verb, FxHashSet::from_iter([root_seq]));
                    let cause = SharedCause { verb, why, root, root_seq, roots: 1, decided, placements: 1 };
                    shared.push((says, cause, roots));
                }
            }
        }
        let mut causes: Vec<SharedCause> = shared.into_iter().map(|(_, cause, _)| cause).collect();
        causes.sort_by_key(|cause| (std::cmp::Reverse(cause.placements), cause.root_seq));
        causes
    }
}

/// What an event says, whichever node (or pod) it says it of: its kind, and the rest where the rest is not of
/// that node alone.
fn apart_from_node(body: &Body) -> (&'static str, Option<Body>) {
    let node = NodeId::from_index(0);
    let rest = match *body {
        Body::NodeLabelSet { key, value, .. } => Some(Body::NodeLabelSet { node, key, value }),
        Body::NodeLabelRemoved { key, .. } => Some(Body::NodeLabelRemoved { node, key }),
        Body::NodeTaintAdded { taint, .. } => Some(Body::NodeTaintAdded { node, taint }),
        Body::NodeTaintRemoved { key, effect, .. } => Some(Body::NodeTaintRemoved { node, key, effect }),
        Body::Applied { .. }
        | Body::Scaled { .. }
        | Body::DeleteRequested { .. }
        | Body::ObjectRemoved { .. }
        | Body::RolloutUndone { .. } => Some(*body),
        _ => None,
    };
    (body.kind(), rest)
}
