//! Compares each sighting of an object with the one before it, and writes down what happened in between.
//!
//! Every event is applied to a cluster as it is made, so that what comes out folds without error, and so that
//! questions about the state ("would the controller have deleted this pod now?") can be asked on the way.

mod author;
mod deletion;
mod node;
mod object;
mod pod;
mod revision;

use rustc_hash::FxHashMap;

use self::author::{Author, Ground};
use super::audit::AuditLog;
use super::decode::Evidence;
use super::error::{ImportError, Place};
use super::genesis::History;
use super::order::Timed;
use super::report::Report;
use super::sighting::{
    LabelsId, NodeView, ObjectView, OwnerRef, PodView, Refusal, ReportView, RevisionView, Seen, Sighting,
    Tables, TextId, Uid, View,
};
use crate::cluster::Cluster;
use crate::event::{Body, Event, Flags};
use crate::names::{Names, NodeId, ObjectId, ObjectKey, PodId, RevisionId, Seq, ShapeId, Sym, sym};
use crate::time::{ApiSeconds, Micros, Time};

/// What is known of the incarnation with a uid.
enum Known {
    Nothing,
    Node(NodeKnown),
    Pod(PodId, PodView),
    Object(ObjectId, ObjectView),
    Revision(RevisionId, RevisionView),
    Gone,
}

struct NodeKnown {
    node: NodeId,
    view: NodeView,
    joined: Time,
    /// When its kubelet was last seen to post.
    posted: Time,
}

/// What is being looked at.
#[derive(Clone, Copy)]
struct Here {
    at: Time,
    version: u64,
    seen: Seen,
    source: u16,
    line: u64,
    kind: Sym,
    namespace: Sym,
    name: Sym,
    uid: Uid,
    created: Option<ApiSeconds>,
    genesis: bool,
}

/// Makes events of sightings.
pub(super) struct Weaver<'n> {
    names: &'n mut Names,
    tables: Tables,
    evidence: Evidence,
    audit: AuditLog,
    pub report: Report,
    /// How long a node may be silent before it is marked (`--node-monitor-grace-period`).
    node_grace: Micros,
    cluster: Cluster,
    here: Here,
    seq: Seq,
    known: Vec<Known>,
    versions: Vec<u64>,
    objects: FxHashMap<Uid, ObjectId>,
    incarnations: FxHashMap<(Sym, Sym, Sym), u32>,
    /// The uid that bears a kind, namespace and name now.
    bearers: FxHashMap<(Sym, Sym, Sym), Uid>,
    /// Who deleted pods that had no grace and are not gone yet.
    deleters: FxHashMap<PodId, Author>,
    shapes: FxHashMap<(LabelsId, TextId, TextId), ShapeId>,
    /// Priority classes that something names, with the priority that pods of it carry.
    pub priority_classes: std::collections::BTreeMap<Sym, Option<i32>>,
    out: Vec<Event>,
    /// Silences, which are noticed late; they are put in their place at the end.
    silences: Vec<Event>,
}

/// What comes out.
pub(super) struct Woven {
    pub genesis: Vec<Event>,
    pub events: Vec<Event>,
    pub report: Report,
    pub priority_classes: std::collections::BTreeMap<Sym, Option<i32>>,
}

impl<'n> Weaver<'n> {
    pub fn new(
        names: &'n mut Names,
        tables: Tables,
        evidence: Evidence,
        audit: AuditLog,
        report: Report,
        node_grace: Micros,
    ) -> Self {
        let uids = tables.uid_count();
        let here = Here {
            at: Time::MIN,
            version: 0,
            seen: Seen::Listed,
            source: 0,
            line: 0,
            kind: Sym::EMPTY,
            namespace: Sym::EMPTY,
            name: Sym::EMPTY,
            uid: Uid(0),
            created: None,
            genesis: true,
        };
        Weaver {
            names,
            tables,
            evidence,
            audit,
            report,
            node_grace,
            cluster: Cluster::new(),
            here,
            seq: Seq::NONE,
            known: std::iter::repeat_with(|| Known::Nothing).take(uids).collect(),
            versions: vec![0; uids],
            objects: FxHashMap::default(),
            incarnations: FxHashMap::default(),
            bearers: FxHashMap::default(),
            deleters: FxHashMap::default(),
            shapes: FxHashMap::default(),
            priority_classes: std::collections::BTreeMap::new(),
            out: Vec::new(),
            silences: Vec::new(),
        }
    }

    /// Makes the events of a history.
    ///
    /// # Errors
    /// An object that the state cannot take (a manifest that cannot be read).
    pub fn weave(mut self, history: History) -> Result<Woven, ImportError> {
        for timed in history.before {
            self.take(timed, true)?;
        }
        let genesis = std::mem::take(&mut self.out);
        for timed in history.after {
            let timed = Timed { at: timed.at.max(history.start), ..timed };
            self.take(timed, false)?;
        }
        let mut events = self.out;
        self.silences.sort_by_key(|event| event.at);
        events = merge(events, self.silences);
        Ok(Woven { genesis, events, report: self.report, priority_classes: self.priority_classes })
    }

    fn take(&mut self, timed: Timed, genesis: bool) -> Result<(), ImportError> {
        let Timed { at, sighting, .. } = timed;
        self.here = Here {
            at,
            version: sighting.version,
            seen: sighting.seen,
            source: sighting.source,
            line: sighting.line,
            kind: sighting.kind,
            namespace: sighting.namespace,
            name: sighting.name,
            uid: sighting.uid,
            created: sighting.created,
            genesis,
        };
        match sighting.view {
            View::Report(report) => return self.reported(&report),
            View::Refusal(refusal) => return self.refused(&refusal),
            _ => {}
        }
        if !self.is_news(&sighting) {
            return Ok(());
        }
        self.make_room()?;
        let uid = sighting.uid.0 as usize;
        self.versions[uid] = self.versions[uid].max(sighting.version);
        let known = std::mem::replace(&mut self.known[uid], Known::Gone);
        let known = if sighting.seen.is_deletion() {
            self.deleted(known, &sighting.view)?;
            Known::Gone
        } else {
            self.changed(known, sighting.view)?
        };
        self.known[uid] = known;
        Ok(())
    }

    /// Whether a sighting says anything that later ones have not said.
    fn is_news(&mut self, sighting: &Sighting) -> bool {
        let uid = sighting.uid.0 as usize;
        match self.known[uid] {
            Known::Gone => {
                self.report.drop_one("seen again after its deletion");
                false
            }
            Known::Nothing => true,
            _ if sighting.seen.is_deletion() => true,
            _ if sighting.version > self.versions[uid] => true,
            _ => {
                self.report.drop_one("version seen before");
                false
            }
        }
    }

    fn changed(&mut self, known: Known, view: View) -> Result<Known, ImportError> {
        if matches!(known, Known::Nothing) {
            let kind = self.names.text(self.here.kind).to_owned();
            *self.report.objects.entry(kind).or_default() += 1;
        }
        Ok(match (known, view) {
            (Known::Nothing, View::Node(view)) => Known::Node(self.node_first(*view)?),
            (Known::Node(known), View::Node(view)) => Known::Node(self.node_changed(known, *view)?),
            (Known::Nothing, View::Pod(view)) => Known::Pod(self.pod_first(&view)?, *view),
            (Known::Pod(pod, old), View::Pod(view)) => {
                self.pod_changed(pod, &old, &view)?;
                Known::Pod(pod, *view)
            }
            (Known::Nothing, View::Revision(view)) => Known::Revision(self.revision_first(&view)?, *view),
            (Known::Revision(id, old), View::Revision(view)) => {
                self.revision_changed(id, &old, &view)?;
                Known::Revision(id, *view)
            }
            (Known::Nothing, View::Object(view)) => Known::Object(self.object_first(&view)?, *view),
            (Known::Object(id, old), View::Object(view)) => {
                self.object_changed(id, &old, &view)?;
                Known::Object(id, *view)
            }
            (known, _) => {
                self.report.drop_one("uid that changes its kind");
                known
            }
        })
    }

    fn deleted(&mut self, known: Known, view: &View) -> Result<(), ImportError> {
        let key = (self.here.kind, self.here.namespace, self.here.name);
        if self.bearers.get(&key) == Some(&self.here.uid) {
            self.bearers.remove(&key);
        }
        match known {
            Known::Node(known) => self.node_left(&known),
            Known::Pod(pod, old) => {
                let last = if let View::Pod(view) = view { **view } else { old };
                self.pod_deleted(pod, &old, &last)?;
                self.deleters.remove(&pod);
                Ok(())
            }
            Known::Object(id, view) => self.object_deleted(id, &view),
            Known::Revision(id, view) => self.revision_deleted(id, &view),
            Known::Nothing | Known::Gone => Ok(()),
        }
    }

    /// An object whose name another one bears: that one must have gone unseen.
    fn make_room(&mut self) -> Result<(), ImportError> {
        let here = self.here;
        let key = (here.kind, here.namespace, here.name);
        if here.seen.is_deletion() {
            return Ok(());
        }
        let Some(bearer) = self.bearers.insert(key, here.uid).filter(|uid| *uid != here.uid) else {
            return Ok(());
        };
        let known = std::mem::replace(&mut self.known[bearer.0 as usize], Known::Gone);
        if matches!(known, Known::Gone) {
            return Ok(());
        }
        self.report.infer_one("deletion that was not recorded, as another object of the name follows");
        self.here.uid = bearer;
        // No write made it: nothing may be found under the newcomer's version.
        self.here.version = 0;
        self.deleted(known, &View::Nothing)?;
        self.here = here;
        self.bearers.insert(key, here.uid);
        Ok(())
    }

    fn emit(&mut self, author: &Author, body: Body) -> Result<(), ImportError> {
        let event = self.event(author, body);
        self.apply(&event)?;
        self.out.push(event);
        Ok(())
    }

    fn event(&mut self, author: &Author, body: Body) -> Event {
        let flags = match author.ground {
            Ground::Genesis => Flags::GENESIS,
            Ground::Inferred => {
                self.report.infer_one(&format!("author of {}", body.kind()));
                Flags::INFERRED
            }
            Ground::Audit => {
                *self.report.attributed.entry("audit log").or_default() += 1;
                Flags::NONE
            }
            Ground::ApiEvent => {
                *self.report.attributed.entry("API Events").or_default() += 1;
                Flags::NONE
            }
        };
        Event { by: author.by, flags, ..Event::new(self.here.at, author.track, body) }
    }

    fn apply(&mut self, event: &Event) -> Result<(), ImportError> {
        self.seq = self.seq.next();
        match self.cluster.apply(self.names, self.seq, event) {
            Ok(_) => Ok(()),
            Err(error) => Err(ImportError::DoesNotFit { place: self.place(), what: self.what(), error }),
        }
    }

    fn place(&self) -> Place {
        let source = self.report.sources.get(usize::from(self.here.source)).map_or("", |s| s.name.as_str());
        Place { source: source.to_owned(), line: self.here.line }
    }

    fn what(&self) -> String {
        let Here { kind, namespace, name, .. } = self.here;
        let (kind, name) = (self.names.text(kind), self.names.text(name));
        match namespace {
            Sym::EMPTY => format!("{kind} {name}"),
            namespace => format!("{kind} {}/{name}", self.names.text(namespace)),
        }
    }

    /// The object of an owner reference. One that the recording does not have gets an id all the same.
    fn owner(&mut self, owner: OwnerRef) -> ObjectId {
        // Mirror pods are owned by their node, which has no namespace.
        let namespace = if owner.kind == sym::NODE { Sym::EMPTY } else { self.here.namespace };
        self.object_id(owner.uid, (owner.kind, namespace, owner.name))
    }

    /// Whether a node was there and is no more. Of one that was never recorded nobody can say.
    fn is_lost(&self, node: NodeId) -> bool {
        self.cluster.node(node).is_some_and(|node| node.incarnation > 0 && !node.present)
    }

    /// Whether an owner is being deleted or is not there.
    fn is_going(&self, owner: OwnerRef) -> bool {
        let owner = self.objects.get(&owner.uid).and_then(|id| self.cluster.object(*id));
        owner.is_none_or(|owner| !owner.present || owner.deleting.is_some())
    }

    fn object_id(&mut self, uid: Uid, key: (Sym, Sym, Sym)) -> ObjectId {
        if let Some(&id) = self.objects.get(&uid) {
            return id;
        }
        let count = self.incarnations.entry(key).or_insert(0);
        let (kind, namespace, name) = key;
        let id = self.names.object(ObjectKey { kind, namespace, name, incarnation: *count });
        *count += 1;
        self.objects.insert(uid, id);
        id
    }

    fn reported(&mut self, report: &ReportView) -> Result<(), ImportError> {
        let Some(&object) = self.objects.get(&report.about.uid) else {
            self.report.drop_one("API Event: about a DaemonSet that is not recorded");
            return Ok(());
        };
        let node = report.node.map(|node| self.names.node(node));
        let author = self.author_of_report(report.component);
        let body = Body::Reported { object, node, reason: report.reason, message: report.message };
        self.emit(&author, body)
    }

    fn refused(&mut self, refusal: &Refusal) -> Result<(), ImportError> {
        let owner = self.owner(refusal.owner);
        let node = refusal.node.map(|node| self.names.node(node));
        let author = Author::audited(refusal.actor, refusal.actor.track(), refusal.user);
        self.emit(&author, Body::PodRefused { owner, node, reason: refusal.reason })
    }
}

/// Merges two lists in order of time; at the same time `events` come first.
fn merge(events: Vec<Event>, late: Vec<Event>) -> Vec<Event> {
    if late.is_empty() {
        return events;
    }
    let mut merged = Vec::with_capacity(events.len() + late.len());
    let mut late = late.into_iter().peekable();
    for event in events {
        while let Some(earlier) = late.next_if(|l| l.at < event.at) {
            merged.push(earlier);
        }
        merged.push(event);
    }
    merged.extend(late);
    merged
}
