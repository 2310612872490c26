//! Where a run's DaemonSets had pods, from when to when.

use std::collections::BTreeMap;

use kubetape_engine::event::{Body, Event, Track, Why};
use kubetape_engine::names::{Names, NodeId, ObjectId, PodId, Seq, Sym, sym};
use kubetape_engine::time::Time;

/// More than anybody reads. Beyond it a run's placements are counted, not listed.
const KEPT_MAX: usize = 100_000;

/// A DaemonSet's pod on a node.
#[derive(Clone, Copy, Debug)]
pub struct Stay {
    /// The DaemonSet.
    pub owner: ObjectId,
    /// The node that the pod was for.
    pub node: NodeId,
    /// When it was created.
    pub since: Time,
    /// When its deletion was accepted, and why; or when it was gone without one.
    pub until: Option<(Time, Why)>,
}

/// All of a run's, in the order in which the pods were created.
#[derive(Debug, Default)]
pub struct History {
    /// The first of them.
    pub stays: Vec<Stay>,
    /// How many there were.
    pub count: u64,
    /// How often the API server refused an owner's pod, by its reason.
    pub refused: BTreeMap<(ObjectId, Sym), u64>,
    open: BTreeMap<PodId, usize>,
    /// What people's deletions of pods were about.
    deeds: BTreeMap<Seq, usize>,
    seen: u64,
}

impl History {
    /// Takes note of the run's next events.
    pub fn observe(&mut self, names: &Names, events: &[Event]) {
        for event in events {
            self.seen += 1;
            match event.body {
                Body::PodCreated { pod, owner: Some(owner), node: Some(node), .. }
                    if names.object_key(owner).kind == sym::DAEMON_SET =>
                {
                    self.count += 1;
                    if self.stays.len() < KEPT_MAX {
                        self.open.insert(pod, self.stays.len());
                        self.stays.push(Stay { owner, node, since: event.at, until: None });
                    }
                }
                Body::PodRefused { owner, reason, .. } => {
                    *self.refused.entry((owner, reason)).or_default() += 1;
                }
                Body::PodDeleted { pod, why, .. } => {
                    if let (Track::User, Some(&stay)) = (event.track, self.open.get(&pod)) {
                        self.deeds.insert(Seq(self.seen), stay);
                    }
                    self.end(pod, event.at, why);
                }
                Body::PodGone { pod } => {
                    self.end(pod, event.at, Why::Unknown);
                    self.open.remove(&pod);
                }
                _ => {}
            }
        }
    }

    fn end(&mut self, pod: PodId, at: Time, why: Why) {
        if let Some(&index) = self.open.get(&pod) {
            self.stays[index].until.get_or_insert((at, why));
        }
    }

    /// Which pod a person's deletion was about: the event's number in the run says which deletion.
    pub fn about(&self, deletion: Seq) -> Option<&Stay> {
        self.deeds.get(&deletion).and_then(|&stay| self.stays.get(stay))
    }

    /// In order of DaemonSet, node, time.
    pub fn sorted(&self, names: &Names) -> Vec<Stay> {
        let mut stays = self.stays.clone();
        stays.sort_by_cached_key(|stay| {
            (names.object_name(stay.owner), names.node_name(stay.node).to_owned(), stay.since)
        });
        stays
    }
}
