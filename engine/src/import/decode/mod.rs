//! Turns one object's JSON into a [`Sighting`].

mod event;
mod node;
mod object;
mod pod;

use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

pub(super) use event::{Deed, Evidence};
pub(super) use pod::{split_labels, target_of};

use super::error::{ImportError, Place};
use super::events_alone::Fact;
use super::report::Report;
use super::sighting::{OwnerRef, Seen, Sighting, Tables, Uid, View};
use super::wire::{self, Metadata, Object, Text};
use crate::event::ConditionStatus;
use crate::names::{Names, NodeSpecId, Sym, sym};
use crate::time::{ApiSeconds, Time};

/// Where an object stands in its source, and how it got there.
#[derive(Clone, Copy)]
pub(super) struct Context<'s> {
    pub source_name: &'s str,
    pub source: u16,
    pub line: u64,
    pub seen: Seen,
    /// When it arrived, where the source says.
    pub arrived: Option<Time>,
    /// The kind of the list that it is in, for items that do not repeat it.
    pub list_kind: &'s str,
    /// All of the object's JSON, or of the watch event around it.
    pub whole: Whole<'s>,
}

/// The text of an object.
#[derive(Clone, Copy)]
pub(super) enum Whole<'s> {
    Object(&'s [u8]),
    InWatchEvent(&'s [u8]),
}

impl Context<'_> {
    pub fn place(&self) -> Place {
        Place { source: self.source_name.to_owned(), line: self.line }
    }

    /// The object as a tree, for kinds that are kept whole.
    fn value(&self) -> Result<serde_json::Value, ImportError> {
        match self.whole {
            Whole::Object(text) => serde_json::from_slice(text).map_err(|e| self.bad("the object", &e)),
            Whole::InWatchEvent(text) => {
                let mut value: serde_json::Value =
                    serde_json::from_slice(text).map_err(|e| self.bad("the object", &e))?;
                Ok(value.get_mut("object").map(serde_json::Value::take).unwrap_or_default())
            }
        }
    }

    fn bad(&self, what: &str, reason: &dyn std::fmt::Display) -> ImportError {
        ImportError::BadField { place: self.place(), what: what.to_owned(), reason: reason.to_string() }
    }
}

/// Reads objects; remembers what repeats.
pub(super) struct Decoder<'n> {
    pub names: &'n mut Names,
    pub tables: Tables,
    pub report: Report,
    pub evidence: Evidence,
    pub sightings: Vec<Sighting>,
    /// What Events told, in case nothing else does.
    pub facts: Vec<Fact>,
    node_specs: FxHashMap<u64, NodeSpecId>,
    pods: FxHashMap<Uid, pod::SpecSeen>,
}

/// Kinds that say nothing to a simulation, and change often, are large, or are secret.
const IGNORED_KINDS: [&str; 12] = [
    "Lease",
    "Endpoints",
    "EndpointSlice",
    "Secret",
    "ConfigMap",
    "Status",
    "Binding",
    "Eviction",
    "Scale",
    "TokenRequest",
    "SubjectAccessReview",
    "TokenReview",
];

/// Kinds without namespace that manifests often hold; a manifest without namespace of any other kind is for
/// `default`.
const CLUSTER_KINDS: [&str; 10] = [
    "Node",
    "Namespace",
    "PriorityClass",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "StorageClass",
    "PersistentVolume",
    "RuntimeClass",
    "APIService",
];

impl<'n> Decoder<'n> {
    pub fn new(names: &'n mut Names) -> Self {
        Decoder {
            names,
            tables: Tables::default(),
            report: Report::default(),
            evidence: Evidence::default(),
            sightings: Vec::new(),
            facts: Vec::new(),
            node_specs: FxHashMap::default(),
            pods: FxHashMap::default(),
        }
    }

    /// Reads one object.
    ///
    /// # Errors
    /// It has no kind or no name, or a field cannot be what it is.
    pub fn object(&mut self, context: Context, object: &Object) -> Result<(), ImportError> {
        let list_kind = context.list_kind.strip_suffix("List").filter(|kind| !kind.is_empty());
        let Some(kind) = object.kind.as_deref().filter(|kind| !kind.is_empty()).or(list_kind) else {
            return Err(ImportError::NoKind { place: context.place() });
        };
        let metadata: Metadata = match object.metadata {
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|e| context.bad(&format!("{kind}, field metadata"), &e))?,
            None => Metadata::default(),
        };
        let Some(name) = metadata.name.as_deref().filter(|name| !name.is_empty()) else {
            return Err(ImportError::NoName { place: context.place(), kind: kind.to_owned() });
        };
        if IGNORED_KINDS.contains(&kind) {
            *self.report.ignored_kinds.entry(kind.to_owned()).or_default() += 1;
            return Ok(());
        }
        if kind == "Event" {
            return self.event(&context, &metadata, object);
        }
        let mut sighting = self.frame(&context, kind, name, &metadata)?;
        let what = || format!("{kind} {name:?}");
        let bad = |e: serde_json::Error| context.bad(&what(), &e);
        sighting.view = match sighting.kind {
            sym::NODE => View::Node(Box::new(self.node(&metadata, object).map_err(bad)?)),
            sym::POD => View::Pod(Box::new(self.pod(sighting.uid, &metadata, object).map_err(bad)?)),
            sym::CONTROLLER_REVISION => {
                View::Revision(Box::new(self.revision(&metadata, object).map_err(bad)?))
            }
            _ => View::Object(Box::new(self.workload(&context, kind, &metadata, object)?)),
        };
        self.sightings.push(sighting);
        Ok(())
    }

    /// What every object has.
    fn frame(
        &mut self,
        context: &Context,
        kind: &str,
        name: &str,
        metadata: &Metadata,
    ) -> Result<Sighting, ImportError> {
        let time = |text: Option<&Text>| -> Result<Option<ApiSeconds>, ImportError> {
            let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
            ApiSeconds::parse(text).map(Some).map_err(|e| context.bad(&format!("{kind} {name:?}"), &e))
        };
        let created = time(metadata.creation_timestamp.as_ref())?;
        let given = metadata.uid.as_deref().filter(|uid| !uid.is_empty());
        let manifest = given.is_none();
        let namespace = match metadata.namespace.as_deref().unwrap_or_default() {
            "" if manifest && !CLUSTER_KINDS.contains(&kind) => "default",
            namespace => namespace,
        };
        let uid = match given {
            Some(uid) => self.tables.uid(uid),
            None => self.tables.uid(&format!("{kind}/{namespace}/{name}")),
        };
        let version = metadata.resource_version.as_deref().and_then(|v| v.parse().ok()).unwrap_or(0);
        let newest = match context.arrived {
            Some(_) => None,
            None => newest_time(context, metadata),
        };
        Ok(Sighting {
            version,
            arrived: context.arrived,
            newest,
            source: context.source,
            line: context.line,
            seen: context.seen,
            kind: self.names.sym(kind),
            namespace: self.names.sym(namespace),
            name: self.names.sym(name),
            uid,
            manifest,
            created,
            view: View::Nothing,
        })
    }

    /// The controller among an object's owners.
    pub fn owner(&mut self, metadata: &Metadata) -> Option<OwnerRef> {
        let owners = metadata.owner_references.as_deref().unwrap_or_default();
        let owner = owners.iter().find(|owner| wire::is_true(owner.controller))?;
        Some(OwnerRef {
            kind: self.names.sym(owner.kind.as_deref()?),
            name: self.names.sym(owner.name.as_deref()?),
            uid: self.tables.uid(owner.uid.as_deref()?),
        })
    }

    fn sym(&mut self, text: Option<&Text>) -> Sym {
        text.map_or(Sym::EMPTY, |text| self.names.sym(text))
    }
}

fn status_of(text: Option<&Text>) -> ConditionStatus {
    match text.map(|t| &**t) {
        Some("True") => ConditionStatus::True,
        Some("False") => ConditionStatus::False,
        _ => ConditionStatus::Unknown,
    }
}

/// A condition's `lastTransitionTime`; a missing or unreadable one reads as the epoch.
fn since(text: Option<&Text>) -> ApiSeconds {
    text.and_then(|text| ApiSeconds::parse(text).ok()).unwrap_or_default()
}

fn hash_of(raw: Option<&RawValue>) -> u64 {
    raw.map_or(0, |raw| xxh3_64(raw.get().as_bytes()))
}

/// Fields whose value is a time that has passed. Others (certificates' ends, schedules) may lie ahead.
const PAST_TIMES: [&str; 11] = [
    "creationTimestamp",
    "lastTransitionTime",
    "lastHeartbeatTime",
    "lastUpdateTime",
    "lastProbeTime",
    "startTime",
    "startedAt",
    "finishedAt",
    "firstTimestamp",
    "lastTimestamp",
    "time",
];

/// The newest of an object's own timestamps: no later than the write that made this version.
fn newest_time(context: &Context, metadata: &Metadata) -> Option<Time> {
    let text = match context.whole {
        Whole::Object(text) | Whole::InWatchEvent(text) => text,
    };
    let mut newest = None;
    let mut take = |time: Time| newest = newest.max(Some(time));
    for at in memchr::memmem::find_iter(text, b"\":") {
        let Some(key) = text[..at].rsplit(|b| *b == b'"').next() else { continue };
        if !PAST_TIMES.iter().any(|known| known.as_bytes() == key) {
            continue;
        }
        let value = text[at + 2..].trim_ascii_start();
        let Some(value) = value.strip_prefix(b"\"") else { continue };
        let end = value.iter().take(40).position(|b| *b == b'"');
        let value = end.and_then(|end| std::str::from_utf8(&value[..end]).ok());
        if let Some(time) = value.and_then(|text| Time::parse(text).ok()) {
            take(time);
        }
    }
    // The deletion timestamp lies ahead by the grace period.
    let deadline = metadata.deletion_timestamp.as_ref().and_then(|text| ApiSeconds::parse(text).ok());
    if let Some(deadline) = deadline {
        let grace = wire::number_of(metadata.deletion_grace_period_seconds).unwrap_or(0);
        take(ApiSeconds(deadline.0 - grace).start());
    }
    newest
}
