//! Reads recordings of real clusters, and makes the precise events of them.
//!
//! Sources are watch streams, audit logs, lists and manifests, in any combination of one cluster; what each is
//! shows in its content. An import goes in four steps:
//!
//! 1. `read` cuts a source into JSON values and tells what they are; `decode` reduces each object that is seen
//!    to a sighting.
//! 2. `order` puts sightings in the order in which they happened; `genesis` decides what was there before.
//! 3. `weave` compares each sighting with the one before it of the same object, and writes down what happened.
//! 4. The report counts what was dropped and what was inferred on the way.
//!
//! Where only Kubernetes Events were kept, `events_alone` makes of them what a watch would have shown.
//!
//! Nothing partial is returned: an import gives everything or one error.

mod actor;
mod audit;
mod decode;
mod error;
mod events_alone;
mod genesis;
mod json_stream;
mod order;
mod read;
mod report;
mod sighting;
mod source;
mod weave;
mod wire;
mod yaml;

pub use error::{ImportError, Place};
pub use report::{MissingPriorityClass, Report, SourceKind, SourceReport};
pub use source::Source;

use crate::event::{Body, Event, Flags, Track};
use crate::names::{Names, ObjectKey, Sym, sym};
use crate::time::{Micros, Time};

/// How to read what sources leave open.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long the recorded cluster let nodes be silent before it marked them (`--node-monitor-grace-period` of
    /// its controller manager; 50 s since Kubernetes 1.32, 40 s before).
    pub node_monitor_grace: Micros,
    /// Let nodes be deleted that were never added, and drop that, instead of refusing the recording.
    pub allow_missing: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { node_monitor_grace: Micros::seconds(50), allow_missing: false }
    }
}

/// An imported recording.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What was there when the recording began: marked [`Flags::GENESIS`], all at one time.
    pub genesis: Vec<Event>,
    /// What happened, in order; times never go back. Pods and revisions are numbered so that folding `genesis` and
    /// then these from an empty cluster gives every state that was recorded.
    pub events: Vec<Event>,
    /// What was read, dropped and inferred.
    pub report: Report,
}

/// Imports sources that record one cluster. `progress` is told how many bytes (as stored) were read so far, over
/// all sources.
///
/// # Errors
/// What is wrong with a source, with its place. Nothing is kept then but names in `names`.
pub fn import(
    sources: Vec<Source>,
    options: &Options,
    names: &mut Names,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let all: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let read::Read { sightings, tables, evidence, audit, mut report } = read::read(sources, names, progress)?;
    if sightings.is_empty() {
        let hint = if audit.is_empty() {
            "record nodes, pods and workloads (`kubectl get nodes,ds,rs,pods -A -o json`)"
        } else {
            "an audit log of level Metadata needs a watch stream beside it"
        };
        return Err(ImportError::NothingFound { names: all.join(", "), hint });
    }
    let ordered = order::order(sightings, &mut report);
    let history = genesis::split(ordered, options.allow_missing, names, &mut report)?;
    let start = history.start;
    let weaver = weave::Weaver::new(names, tables, evidence, audit, report, options.node_monitor_grace);
    let weave::Woven { mut genesis, events, mut report, priority_classes } = weaver.weave(history)?;
    let classes = missing_priority_classes(&genesis, &events, &priority_classes, start, names, &mut report);
    genesis.splice(0..0, classes);
    summarise(&genesis, &events, &mut report);
    Ok(Imported { genesis, events, report })
}

/// Priority classes that are named but defined nowhere. Where recorded pods carry their priority, the class is
/// made from that; the rest is reported.
fn missing_priority_classes(
    genesis: &[Event],
    events: &[Event],
    named: &std::collections::BTreeMap<Sym, Option<i32>>,
    start: Time,
    names: &mut Names,
    report: &mut Report,
) -> Vec<Event> {
    let defined: std::collections::BTreeSet<Sym> = genesis
        .iter()
        .chain(events)
        .filter_map(|event| match event.body {
            Body::Applied { object, .. } => Some(names.object_key(object)),
            _ => None,
        })
        .filter(|key| key.kind == sym::PRIORITY_CLASS)
        .map(|key| key.name)
        .collect();
    let mut made = Vec::new();
    let mut missing: Vec<(String, Sym, Option<i32>)> = named
        .iter()
        .filter(|(class, _)| !defined.contains(class) && !names.text(**class).starts_with("system-"))
        .map(|(class, priority)| (names.text(*class).to_owned(), *class, *priority))
        .collect();
    missing.sort();
    for (text, class, priority) in missing {
        let Some(value) = priority else {
            report.warn(format!(
                "priority class {text:?} is named but nothing defines it, and no pod shows its value; add `kubectl get priorityclasses -o json` as one more source"
            ));
            report.missing_priority_classes.insert(text, MissingPriorityClass::Unknown);
            continue;
        };
        report.warn(format!(
            "priority class {text:?} is named but nothing defines it; its value {value} was taken from recorded pods"
        ));
        report.infer_one("PriorityClass, from the priority of recorded pods");
        let manifest = serde_json::json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": { "name": text },
            "value": value,
        });
        let manifest = names.doc(&manifest.to_string());
        let key = ObjectKey { kind: sym::PRIORITY_CLASS, namespace: Sym::EMPTY, name: class, incarnation: 0 };
        let object = names.object(key);
        let flags = Flags::GENESIS.with(Flags::INFERRED);
        made.push(Event { flags, ..Event::new(start, Track::User, Body::Applied { object, manifest }) });
        report.missing_priority_classes.insert(text, MissingPriorityClass::TakenFromPods(value));
    }
    made
}

fn summarise(genesis: &[Event], events: &[Event], report: &mut Report) {
    for event in events {
        *report.tracks.entry(event.track).or_default() += 1;
    }
    let first = events.first().or(genesis.first()).map(|event| event.at);
    let last = events.last().or(genesis.last()).map(|event| event.at);
    report.span = first.zip(last);
}

#[cfg(test)]
mod budget_tests;
#[cfg(test)]
mod tests;
