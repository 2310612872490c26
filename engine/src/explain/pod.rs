//! A pod by its name: its life, and what it waits for.

use std::collections::BTreeSet;

use serde::Serialize;

use super::WorkloadName;
use super::history::{ExplainError, History, Moment, Seen, Tape, collect, seek};
use super::life::{Life, Lives};
use super::pages::{Pages, Sparse, objects_of};
use super::pending::Pending;
use crate::cluster::{Cluster, generated_name};
use crate::event::Body;
use crate::log::{Part, Subject};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, sym};
use crate::time::Time;

/// How many names are offered in place of one that there is not.
const KNOWN_MAX: usize = 10_000;

/// A pod's life and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodExplanation {
    /// The moment.
    #[serde(serialize_with = "super::as_text")]
    pub at: Time,
    /// The last event before it.
    pub event: u64,
    /// The kind of its owner; empty if it has none.
    pub owner_kind: String,
    /// `namespace/name` of its owner; empty if it has none.
    pub owner: String,
    /// The node that it is bound to or, unbound, for.
    pub node: Option<String>,
    /// Its life.
    pub life: Life,
    /// What it waits for, if it is pending.
    pub pending: Option<Pending>,
}

impl PodExplanation {
    /// Whether it belongs to a DaemonSet, whose rules then say more.
    pub fn is_daemon_pod(&self) -> bool {
        self.owner_kind == "DaemonSet"
    }
}

/// Explains a pod's life up to a moment; of several pods of one name the last.
///
/// # Errors
/// The log cannot be read, or has no such pod or moment.
pub fn explain_pod(
    tape: &Tape<'_>,
    name: &WorkloadName,
    moment: Moment,
) -> Result<PodExplanation, ExplainError> {
    let mut lives = Lives::default();
    let history = match seek(tape, moment)? {
        Some(mut history) => {
            look_up(&mut lives, &mut history, name)?;
            history
        }
        None => collect(tape, moment, |seen| lives.observe(seen, |seen, id| is_named(seen, id, name)))?,
    };
    let Some(life) = lives.list.last() else { return Err(no_such_pod(&history, name)) };
    let traced = life.trace(&history)?;
    let mut numbers = BTreeSet::new();
    traced.numbers(&mut numbers);
    let tales = history.tell(tape, &numbers)?;
    let (names, cluster) = (&history.names, &history.cluster);
    // A slot that was given to another pod shows that one.
    let pod = cluster.pod(life.id).filter(|pod| life.events.first().is_some_and(|e| e.0 == pod.made));
    let owner = pod.and_then(|pod| pod.owner);
    Ok(PodExplanation {
        at: history.now,
        event: history.last.0,
        owner_kind: owner.map_or_else(String::new, |o| names.text(names.object_key(o).kind).to_owned()),
        owner: owner.map_or_else(String::new, |owner| names.object_name(owner)),
        node: pod.and_then(|pod| pod.node).map(|node| names.node_name(node).to_owned()),
        life: traced.tell(&tales),
        pending: pod.and_then(|_| Pending::of(cluster, names, life.id)),
    })
}

/// Collects the life of the last pod of a name from the parts of the log that touch it.
fn look_up(lives: &mut Lives, history: &mut History<'_>, name: &WorkloadName) -> Result<(), ExplainError> {
    let Some((pages, cluster, names)) = history.pages() else { return Ok(()) };
    let made = generated(cluster, names, name);
    let found = match made.is_empty() {
        true => given(pages, names, name)?.into_iter().collect(),
        false => made,
    };
    let touches = |pages: &Pages<'_>, part: &Part, whose: &Whose| {
        let owner = whose.owner.is_none_or(|owner| pages.touches(part, Subject::Object(owner)));
        let node = whose.node.is_none_or(|node| pages.touches(part, Subject::Node(node)));
        owner && node && part.last >= whose.from
    };
    let mut sparse = Sparse::default();
    pages.visit(
        |pages, part| found.iter().any(|whose| touches(pages, part, whose)),
        |pages, seq, event| {
            let wanted = match (event.body.pod(), event.body) {
                (Some(_), Body::PodCreated { owner, node, .. }) => found.iter().any(|whose| {
                    let owned = whose.owner.is_none_or(|one| Some(one) == owner);
                    owned && whose.node.is_none_or(|one| Some(one) == node) && seq >= whose.from
                }),
                (Some(pod), _) => sparse.pod(pod).is_some(),
                (None, _) => false,
            };
            if wanted && sparse.fold(names, seq, event) {
                pages.follow(seq, event);
                let seen = Seen { seq, event, cluster: &sparse.cluster, names };
                lives.observe(&seen, |seen, id| is_named(seen, id, name));
            }
            Ok(())
        },
    )
}

/// Where the events of a pod are to be found.
struct Whose {
    owner: Option<ObjectId>,
    node: Option<NodeId>,
    from: Seq,
}

/// Pods that were given the name because of their owner, node and ordinal.
fn generated(cluster: &Cluster, names: &Names, name: &WorkloadName) -> Vec<Whose> {
    let mut found = Vec::new();
    for owner in objects_of(names, |key| {
        names.text(key.namespace) == name.namespace && may_be_owner(names.text(key.name), name)
    }) {
        let key = names.object_key(owner);
        let nodes = (0..names.node_count()).map(|index| Some(NodeId::from_index(index)));
        for node in nodes.filter(|_| key.kind == sym::DAEMON_SET).chain([None]) {
            let mut ordinals = 0..cluster.next_ordinal(owner, node, names);
            let named =
                |ordinal| generated_name(names, key.namespace, Some(owner), node, ordinal) == name.name;
            if ordinals.any(named) {
                found.push(Whose { owner: Some(owner), node, from: Seq::NONE });
            }
        }
    }
    found
}

/// The last pod that came with the name.
fn given(pages: &mut Pages<'_>, names: &Names, name: &WorkloadName) -> Result<Option<Whose>, ExplainError> {
    let Some((namespace, named)) = name.symbols(names) else { return Ok(None) };
    for place in (0..pages.parts().len()).rev() {
        let part = pages.parts()[place];
        let events = pages.read(&part)?;
        for (index, event) in events.iter().enumerate().rev() {
            if let Body::PodCreated { node, name, namespace: in_, .. } = event.body
                && (in_, name) == (namespace, named)
            {
                // A pod may change its owner, and get a node: only one that was made for a node stays there.
                let from = Seq(part.first.0 + index as u64);
                return Ok(Some(Whose { owner: None, node, from }));
            }
        }
    }
    Ok(None)
}

/// Generated names are not made for pods that cannot bear this one.
fn may_be_owner(owner: &str, name: &WorkloadName) -> bool {
    name.name.starts_with(&owner[..owner.len().min(58)])
}

fn is_named(seen: &Seen<'_>, id: PodId, name: &WorkloadName) -> bool {
    let Some(pod) = seen.cluster.pod(id) else { return false };
    if seen.names.text(pod.namespace) != name.namespace {
        return false;
    }
    if !pod.name.is_empty() {
        return seen.names.text(pod.name) == name.name;
    }
    let owner = pod.owner.map_or("pod", |owner| seen.names.text(seen.names.object_key(owner).name));
    may_be_owner(owner, name) && seen.cluster.pod_name(id, seen.names) == name.name
}

fn no_such_pod(history: &History<'_>, name: &WorkloadName) -> ExplainError {
    let namespace = history.names.find_sym(&name.namespace);
    let pods = history.cluster.pods().filter(|(_, pod)| Some(pod.namespace) == namespace);
    let mut known: Vec<String> = pods
        .take(KNOWN_MAX)
        .map(|(id, _)| format!("{}/{}", name.namespace, history.cluster.pod_name(id, &history.names)))
        .collect();
    known.sort();
    ExplainError::NoSuchPod { name: name.to_string(), known }
}
