//! Holds a recording of a real cluster against the engine's own decisions, write by write.
//!
//! The recording is folded with every track played back. At each write that a real controller made, ours is asked, in
//! that state, for its decision. Where upstream chooses at random (which of several nodes a rolling update takes
//! first), equal means: as many, and from among those that ours may choose too.
//!
//! A real controller decides on a view that is a little old: its informers lag behind, and its writes wait for the
//! client's rate limit. So a decision counts as equal if it is right in some state of the last seconds
//! ([`WINDOW`]) that has all of the controller's own earlier creations and deletions in it (upstream waits for
//! these, see `ControllerExpectations`). How long before its first write a sync was decided is counted.

mod book;
mod course;
mod others;
mod owned;
mod past;
mod report;
mod words;

use std::collections::BTreeMap;

pub use report::{Disagreement, Kind, Report, Tally};

use book::Desk;
use course::{Course, Deed, Missing, PodWrite};
use owned::{admits, revision_of};

use crate::actors::daemonset::{DaemonSetController, Key, Opinion, Settings};
use crate::cluster::{ApplyError, Change, Cluster};
use crate::event::{Body, Event, Flags, Phase, Track, WorkloadStatus};
use crate::names::{Names, ObjectId, PodId, RevisionId, Seq, Sym, sym};
use crate::replay::{Source, SourceError};
use crate::sim::Actor;
use crate::time::{Micros, Time};

/// How long before a write the state in which it was decided may lie.
pub const WINDOW: Micros = Micros::seconds(60);

/// What was right so long ago is looked for among nodes and pods of different states first.
const NEAR: Micros = Micros::millis(500);

/// A recording that cannot be held against anything.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// It cannot be read.
    #[error(transparent)]
    Source(SourceError),
    /// An event is not one that a cluster can have had.
    #[error("event {seq} of the recording cannot be applied: {error}")]
    Event {
        /// Its number.
        seq: Seq,
        /// What does not fit.
        error: ApplyError,
    },
}

/// Holds a recording against the engine's own decisions. `progress` is told how many events were read, and the time
/// of the last.
///
/// # Errors
/// See [`ShadowError`].
pub fn shadow(
    source: &mut dyn Source,
    names: Names,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<Report, ShadowError> {
    let mut shadow = Shadow::new(names);
    let mut events = Vec::new();
    loop {
        events.clear();
        if !source.next(&mut shadow.names, &mut events).map_err(ShadowError::Source)? {
            return Ok(shadow.finish());
        }
        for event in &events {
            let seq = shadow.seq.next();
            shadow.take(seq, event).map_err(|error| ShadowError::Event { seq, error })?;
            if seq.0.is_multiple_of(1024) {
                progress(seq.0, event.at);
            }
        }
    }
}

/// A recording being held against ours.
struct Shadow {
    names: Names,
    cluster: Cluster,
    controller: DaemonSetController,
    courses: BTreeMap<ObjectId, Course>,
    seq: Seq,
    report: Report,
}

impl Shadow {
    fn new(names: Names) -> Self {
        Shadow {
            names,
            cluster: Cluster::new(),
            controller: DaemonSetController::new(Settings::default()),
            courses: BTreeMap::new(),
            seq: Seq::NONE,
            report: Report::default(),
        }
    }

    fn take(&mut self, seq: Seq, event: &Event) -> Result<(), ApplyError> {
        self.seq = seq;
        self.report.events += 1;
        let begin = self.report.span.map_or(event.at, |span| span.0);
        self.report.span = Some((begin, event.at));
        if !event.flags.has(Flags::GENESIS) && event.track == Track::DaemonSet {
            self.judge(seq, event);
        }
        if !event.flags.has(Flags::GENESIS)
            && let Some((kind, same)) = others::judge(event, &self.cluster, &self.names)
        {
            self.judge_others(kind, same, seq, event);
        }
        let change = self.cluster.apply(&mut self.names, seq, event)?;
        self.controller.observe(seq, event, &change, &self.cluster, &self.names);
        self.enter(event, &change);
        for key in self.concerned(event, &change) {
            self.ask(key, seq, event.at);
        }
        Ok(())
    }

    /// Enters an event into the books of the DaemonSets that it is about.
    fn enter(&mut self, event: &Event, change: &Change) {
        let (cluster, names) = (&self.cluster, &self.names);
        match event.body {
            Body::NodeJoined { node, .. }
            | Body::NodeLeft { node }
            | Body::NodeLabelSet { node, .. }
            | Body::NodeLabelRemoved { node, .. }
            | Body::NodeTaintAdded { node, .. }
            | Body::NodeTaintRemoved { node, .. } => {
                for (object, _) in cluster.daemon_sets() {
                    self.courses.entry(object.id).or_default().book.node(node, object, cluster, names);
                }
            }
            body => {
                let Some(pod) = body.pod() else { return };
                let owner = cluster.pod(pod).and_then(|pod| pod.owner);
                for owner in [change.owner, owner.filter(|owner| Some(*owner) != change.owner)] {
                    let Some(owner) = owner.filter(|o| names.object_key(*o).kind == sym::DAEMON_SET) else {
                        continue;
                    };
                    self.courses.entry(owner).or_default().book.pod(pod, owner, cluster, names);
                }
            }
        }
    }

    fn finish(self) -> Report {
        self.report
    }

    /// The DaemonSets that an event may matter to.
    fn concerned(&self, event: &Event, change: &Change) -> Vec<Key> {
        let every = || self.cluster.daemon_sets().map(|(object, _)| Key::of(object)).collect();
        let owned = |owner: Option<ObjectId>, namespace: Option<Sym>| -> Vec<Key> {
            let of_owner = |id: ObjectId| {
                let object = self.cluster.object(id).filter(|object| object.key.kind == sym::DAEMON_SET);
                object.map(Key::of)
            };
            let mut keys: Vec<Key> = owner.and_then(of_owner).into_iter().collect();
            keys.extend(change.owner.filter(|before| Some(*before) != owner).and_then(of_owner));
            if owner.is_none() || change.owner.is_none() {
                let near = self.cluster.daemon_sets().map(|(object, _)| Key::of(object));
                keys.extend(near.filter(|key| owner.is_none() && Some(key.namespace) == namespace));
            }
            keys.dedup();
            keys
        };
        match event.body {
            Body::NodeJoined { .. }
            | Body::NodeLeft { .. }
            | Body::NodeLabelSet { .. }
            | Body::NodeLabelRemoved { .. }
            | Body::NodeTaintAdded { .. }
            | Body::NodeTaintRemoved { .. } => every(),
            Body::Reported { .. } | Body::Synced { .. } | Body::PodRefused { .. } => Vec::new(),
            body => {
                if let Some(pod) = body.pod() {
                    let pod = self.cluster.pod(pod);
                    return owned(pod.and_then(|pod| pod.owner), pod.map(|pod| pod.namespace));
                }
                if let Some(revision) = revision_of(&body) {
                    let revision = self.cluster.revision(revision);
                    return owned(revision.and_then(|r| r.owner), revision.map(|r| r.namespace));
                }
                match body.object().map(|object| (object, self.names.object_key(object).kind)) {
                    Some((object, sym::DAEMON_SET)) => {
                        self.cluster.object(object).map(Key::of).into_iter().collect()
                    }
                    Some((_, sym::PRIORITY_CLASS | sym::NAMESPACE)) => every(),
                    _ => Vec::new(),
                }
            }
        }
    }

    /// Asks ours what it would do now.
    fn ask(&mut self, key: Key, seq: Seq, at: Time) {
        let opinion = self.controller.opinion(key, &self.cluster, &mut self.names, at);
        if let Some(id) = opinion.outcome.object {
            let course = self.courses.entry(id).or_default();
            if let Some(object) = self.cluster.object(id) {
                course.book.object(object, opinion.outcome.hash, &self.cluster, &self.names);
            }
            course.past.add(seq, at, opinion);
        }
    }

    fn judge(&mut self, seq: Seq, event: &Event) {
        let at = event.at;
        let inferred = event.flags.has(Flags::INFERRED);
        match event.body {
            Body::PodCreated { owner: Some(owner), node: Some(node), .. } => {
                self.judge_pod(seq, at, owner, Deed::Created { node }, Kind::PodCreated, &event.body);
            }
            Body::PodRefused { owner, node: Some(node), .. } => {
                self.refresh(owner, at);
                let (course, desk) = self.course(owner);
                course.write(PodWrite { seq, at, deed: Deed::Refused { node } }, &desk);
            }
            Body::PodDeleted { pod, .. } => {
                let Some(facts) = self.cluster.pod(pod).filter(|pod| !pod.terminating()) else {
                    return;
                };
                let Some(owner) = facts.owner else { return };
                if inferred {
                    self.refresh(owner, at);
                    let alike = self.course(owner).0.may_delete(pod, facts.made, seq, at).is_some();
                    let tally = self.report.tallies.entry(Kind::PodDeleted).or_default();
                    tally.unattributed += 1;
                    tally.unattributed_alike += u64::from(alike);
                } else {
                    let deed = Deed::Deleted { pod, made: facts.made };
                    self.judge_pod(seq, at, owner, deed, Kind::PodDeleted, &event.body);
                }
                if let (Phase::Failed, Some(node)) = (facts.phase, facts.node) {
                    self.controller.failed_pod_deleted(owner, node, &self.cluster, at);
                }
            }
            Body::StatusWritten { object, status } => self.judge_status(seq, at, object, &status),
            body => self.judge_other(seq, at, &body),
        }
    }

    /// Asks again, as time may have passed.
    fn refresh(&mut self, owner: ObjectId, at: Time) {
        let object = self.cluster.object(owner).filter(|o| o.present && o.key.kind == sym::DAEMON_SET);
        if let Some(key) = object.map(Key::of) {
            self.ask(key, self.cluster.last_event(), at);
        }
    }

    fn judge_pod(&mut self, seq: Seq, at: Time, owner: ObjectId, deed: Deed, kind: Kind, body: &Body) {
        self.refresh(owner, at);
        let (course, desk) = self.course(owner);
        let verdict = course.write(PodWrite { seq, at, deed }, &desk);
        if let Some(missing) = verdict.missing {
            self.missing(seq, at, owner, &missing);
        }
        self.count(kind, verdict.lag, seq, at, Some(owner), body);
    }

    fn missing(&mut self, seq: Seq, at: Time, owner: ObjectId, missing: &Missing) {
        for (count, kind) in [(missing.creates, Kind::PodCreated), (missing.deletes, Kind::PodDeleted)] {
            if count > 0 {
                let recorded = format!("{count} fewer than ours before the sync was over");
                self.disagree(kind, seq, at, Some(owner), recorded);
            }
        }
    }

    fn judge_status(&mut self, seq: Seq, at: Time, object: ObjectId, status: &WorkloadStatus) {
        if self.names.object_key(object).kind != sym::DAEMON_SET {
            return;
        }
        self.refresh(object, at);
        let (course, desk) = self.course(object);
        let missing = course.end(&desk);
        let before = desk.cluster.object(object).map_or(0, |object| object.status.observed_generation);
        let fits = |opinion: &Opinion| {
            opinion.status.is_some_and(|ours| {
                let observed = [ours.observed_generation, before].contains(&status.observed_generation);
                let same = WorkloadStatus {
                    observed_generation: ours.observed_generation,
                    collision_count: ours.collision_count,
                    ..*status
                };
                observed && same == ours
            })
        };
        let mut lag =
            course.past.since(Seq::NONE, seq, at).find(|(m, _)| fits(&m.opinion)).map(|(_, lag)| lag);
        if lag.is_none_or(|lag| lag > NEAR) {
            let patched = course.book.opinions((seq, at), Seq::NONE, Some(status.desired), &desk);
            let fitting = patched.iter().filter(|(moment, _)| fits(&moment.opinion)).map(|(_, lag)| *lag);
            lag = fitting.chain(lag).min();
        }
        if let Some(missing) = missing {
            self.missing(seq, at, object, &missing);
        }
        let body = Body::StatusWritten { object, status: *status };
        self.count(Kind::StatusWritten, lag, seq, at, Some(object), &body);
    }

    fn judge_other(&mut self, seq: Seq, at: Time, body: &Body) {
        let (owner, kind) = match *body {
            Body::RevisionCreated { owner, .. } => (owner, Kind::RevisionCreated),
            Body::RevisionNumbered { revision, .. }
            | Body::RevisionLabelled { revision, .. }
            | Body::RevisionReleased { revision } => (self.owner_of(revision), Kind::RevisionChanged),
            Body::RevisionAdopted { owner, .. } => (Some(owner), Kind::RevisionChanged),
            Body::RevisionDeleted { revision } => (self.owner_of(revision), Kind::RevisionDeleted),
            Body::PodAdopted { owner, .. } => (Some(owner), Kind::PodAdopted),
            Body::PodReleased { pod } => (self.owner_of_pod(pod), Kind::PodReleased),
            Body::PodLabelSet { pod, .. } => (self.owner_of_pod(pod), Kind::PodRelabelled),
            _ => return,
        };
        let Some(owner) = owner else { return };
        self.refresh(owner, at);
        let (course, desk) = self.course(owner);
        let begins = matches!(body, Body::RevisionCreated { .. } | Body::RevisionNumbered { .. });
        let missing = if begins { course.end(&desk) } else { None };
        let fits = |opinion: &Opinion| admits(opinion, body);
        let lag = course.past.since(Seq::NONE, seq, at).find(|(m, _)| fits(&m.opinion)).map(|(_, lag)| lag);
        if let Some(missing) = missing {
            self.missing(seq, at, owner, &missing);
        }
        self.count(kind, lag, seq, at, Some(owner), body);
    }

    fn course(&mut self, owner: ObjectId) -> (&mut Course, Desk<'_>) {
        let desk = Desk { controller: &self.controller, cluster: &self.cluster, names: &self.names };
        (self.courses.entry(owner).or_default(), desk)
    }

    /// Counts what another controller wrote. What nobody signs was attributed by the rules that it would be held against.
    fn judge_others(&mut self, kind: Kind, same: bool, seq: Seq, event: &Event) {
        let tally = self.report.tallies.entry(kind).or_default();
        if event.flags.has(Flags::INFERRED) {
            tally.unattributed += 1;
            tally.unattributed_alike += u64::from(same);
        } else if same {
            tally.agreed += 1;
        } else {
            tally.disagreed += 1;
            let (seq, at) = (seq, event.at);
            let recorded = words::write(&event.body, &self.cluster, &self.names);
            let about = match event.body.node() {
                Some(node) => format!("Node {}", self.names.node_name(node)),
                None => "a pod".to_owned(),
            };
            let (ours, state) = ("nothing of the kind".to_owned(), String::new());
            self.report.disagreements.push(Disagreement { kind, seq, at, about, recorded, ours, state });
        }
    }

    fn owner_of(&self, revision: RevisionId) -> Option<ObjectId> {
        self.cluster.revision(revision)?.owner
    }

    fn owner_of_pod(&self, pod: PodId) -> Option<ObjectId> {
        self.cluster.pod(pod)?.owner
    }

    fn count(
        &mut self,
        kind: Kind,
        lag: Option<Micros>,
        seq: Seq,
        at: Time,
        owner: Option<ObjectId>,
        body: &Body,
    ) {
        let tally = self.report.tallies.entry(kind).or_default();
        match lag {
            Some(lag) => {
                tally.agreed += 1;
                tally.agreed_late += u64::from(lag > Micros::ZERO);
                let class = CLASSES.into_iter().find(|class| lag <= *class).unwrap_or(WINDOW);
                *self.report.lags.entry(class).or_default() += 1;
            }
            None => {
                let recorded = words::write(body, &self.cluster, &self.names);
                self.disagree(kind, seq, at, owner, recorded);
            }
        }
    }

    fn disagree(&mut self, kind: Kind, seq: Seq, at: Time, owner: Option<ObjectId>, recorded: String) {
        self.report.tallies.entry(kind).or_default().disagreed += 1;
        let about = owner.map_or_else(String::new, |owner| words::object(owner, &self.names));
        let newest = owner.and_then(|owner| self.courses.get(&owner)).and_then(|c| c.past.newest());
        let ours = newest.map_or_else(
            || "nothing is known of it".to_owned(),
            |moment| words::opinion(&moment.opinion, &self.cluster, &self.names),
        );
        let state = owner.map_or_else(String::new, |owner| words::state(owner, &self.cluster));
        self.report.disagreements.push(Disagreement { kind, seq, at, about, recorded, ours, state });
    }
}

/// Classes of how long before a write its state was last.
const CLASSES: [Micros; 8] = [
    Micros::ZERO,
    Micros::millis(10),
    Micros::millis(100),
    Micros::millis(500),
    Micros::seconds(2),
    Micros::seconds(5),
    Micros::seconds(10),
    WINDOW,
];
