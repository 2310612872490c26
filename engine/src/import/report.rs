//! What an import read, dropped and inferred, in counts.

use std::collections::BTreeMap;

use crate::event::Track;
use crate::time::Time;

/// What kind of thing a source is, found by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// Watch events with arrival times.
    TimedWatch,
    /// Watch events as kubectl prints them, without times.
    Watch,
    /// The API server's audit log.
    Audit,
    /// Lists or single objects in JSON.
    Objects,
    /// Lists or objects in YAML.
    Yaml,
    /// Kubernetes Events as exporters write them.
    Events,
}

impl SourceKind {
    /// Words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::TimedWatch => "watch stream with times",
            SourceKind::Watch => "watch stream without times",
            SourceKind::Audit => "audit log",
            SourceKind::Objects => "objects in JSON",
            SourceKind::Yaml => "objects in YAML",
            SourceKind::Events => "Kubernetes Events",
        }
    }
}

/// One source, as it was read.
#[derive(Clone, Debug)]
pub struct SourceReport {
    /// The name it was given.
    pub name: String,
    /// What it turned out to be; by its first value.
    pub kind: SourceKind,
    /// Whether it was compressed with gzip.
    pub gzip: bool,
    /// Bytes read, as stored.
    pub bytes: u64,
    /// Lines.
    pub lines: u64,
    /// JSON values or YAML documents.
    pub values: u64,
}

/// A priority class that workloads name and nothing in the sources defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingPriorityClass {
    /// Recorded pods of it carry this priority, which was taken.
    TakenFromPods(i32),
    /// No pod says; pods of it are simulated with priority 0.
    Unknown,
}

/// What an import read, dropped and inferred.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The sources, in the order in which they were given.
    pub sources: Vec<SourceReport>,
    /// How many different objects there were, by kind.
    pub objects: BTreeMap<String, u64>,
    /// The time of the first and of the last event after the genesis (or of the genesis alone).
    pub span: Option<(Time, Time)>,
    /// Events after the genesis, by track.
    pub tracks: BTreeMap<Track, u64>,
    /// What was left out, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// What no source says outright and was concluded, by what it is.
    pub inferred: BTreeMap<String, u64>,
    /// How many events have their author from what: the audit log, API Events.
    pub attributed: BTreeMap<&'static str, u64>,
    /// Kinds that mean nothing to a simulation, with how many of them are kept as they are.
    pub opaque_kinds: BTreeMap<String, u64>,
    /// Kinds of which nothing is kept, with how often they were seen.
    pub ignored_kinds: BTreeMap<String, u64>,
    /// Priority classes that are named but not defined.
    pub missing_priority_classes: BTreeMap<String, MissingPriorityClass>,
    /// What a person should know, in sentences.
    pub warnings: Vec<String>,
}

impl Report {
    pub(super) fn drop_one(&mut self, reason: &'static str) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    pub(super) fn infer_one(&mut self, what: &str) {
        match self.inferred.get_mut(what) {
            Some(count) => *count += 1,
            None => {
                self.inferred.insert(what.to_owned(), 1);
            }
        }
    }

    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// How many things were left out.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// How many things were inferred.
    pub fn inferred_total(&self) -> u64 {
        self.inferred.values().sum()
    }
}
