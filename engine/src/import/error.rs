//! What can be wrong with a source, with its place and what to do about it.

use std::fmt;

use crate::cluster::ApplyError;

/// Where in a source something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The source's name.
    pub source: String,
    /// The line, from 1, on which the JSON value or YAML document begins or, for syntax errors, breaks.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)
    }
}

/// A source that cannot be imported. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Reading failed.
    #[error("{name}: cannot be read after {offset} bytes: {error}")]
    Read {
        /// The source.
        name: String,
        /// How many bytes had been read.
        offset: u64,
        /// Why.
        error: std::io::Error,
    },
    /// The gzip stream stops before its end.
    #[error(
        "{name}: the gzip stream is cut off after {offset} bytes; the file was not copied or written to its end"
    )]
    TruncatedGzip {
        /// The source.
        name: String,
        /// How many compressed bytes there are.
        offset: u64,
    },
    /// The gzip stream is damaged.
    #[error("{name}: the gzip stream is damaged near byte {offset}: {reason}; copy the file again")]
    BadGzip {
        /// The source.
        name: String,
        /// How many compressed bytes had been read.
        offset: u64,
        /// What the decompressor says.
        reason: String,
    },
    /// There is nothing in it.
    #[error("{name}: is empty; expected a watch stream, an audit log, an object list or YAML manifests")]
    Empty {
        /// The source.
        name: String,
    },
    /// No kind of source that is known.
    #[error("{name}: byte {offset}: neither JSON nor YAML ({found}); {hint}")]
    Undetectable {
        /// The source.
        name: String,
        /// Where that shows.
        offset: u64,
        /// What is there instead.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// Text that is not JSON.
    #[error("{place}: not JSON at column {column}: {reason}")]
    BadJson {
        /// Where.
        place: Place,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// The source ends inside a JSON value.
    #[error(
        "{place}: the JSON value that begins here is cut off; the recording was not written to its end (drop the last line to import what is whole)"
    )]
    CutOff {
        /// Where the value begins.
        place: Place,
    },
    /// Text that is not YAML.
    #[error("{place}: not YAML: {reason}")]
    BadYaml {
        /// Where.
        place: Place,
        /// What the parser says.
        reason: String,
    },
    /// A JSON value that is none of the things that are imported.
    #[error(
        "{place}: neither a watch event (`type`, `object`), an audit event, a list nor an object; found {found}"
    )]
    Unrecognised {
        /// Where.
        place: Place,
        /// The keys that are there.
        found: String,
    },
    /// An object without `kind`.
    #[error(
        "{place}: an object without `kind`; every Kubernetes object has one (`kubectl get -o json` keeps it)"
    )]
    NoKind {
        /// Where.
        place: Place,
    },
    /// An object without `metadata.name`.
    #[error("{place}: {kind} without `metadata.name`")]
    NoName {
        /// Where.
        place: Place,
        /// Its kind.
        kind: String,
    },
    /// A watch event of an unknown type.
    #[error("{place}: unknown watch event type {found:?}; expected ADDED, MODIFIED, DELETED or BOOKMARK")]
    BadType {
        /// Where.
        place: Place,
        /// What is there.
        found: String,
    },
    /// A watch that ended with an error.
    #[error("{place}: the API server ended the watch: {message}; record again from a fresh list")]
    WatchError {
        /// Where.
        place: Place,
        /// What it said.
        message: String,
    },
    /// A field that cannot be what it is.
    #[error("{place}: {what}: {reason}")]
    BadField {
        /// Where.
        place: Place,
        /// Which object and field.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// A manifest that the API server would refuse.
    #[error("{place}: {reason}")]
    Refused {
        /// Where it begins.
        place: Place,
        /// What the API server would say.
        reason: String,
    },
    /// A node is deleted that was never there.
    #[error(
        "{place}: node {node:?} is deleted but was never added; add the list that the recording started from as one more source (`kubectl get nodes,ds,pods -A -o json`), or allow missing beginnings"
    )]
    NeverAdded {
        /// Where.
        place: Place,
        /// The node.
        node: String,
    },
    /// An object that the state cannot take.
    #[error("{place}: {what} does not fit what came before: {error}")]
    DoesNotFit {
        /// Where.
        place: Place,
        /// Which object.
        what: String,
        /// Why.
        error: ApplyError,
    },
    /// No source was given.
    #[error("nothing to import: give at least one file, or - for standard input")]
    NoSource,
    /// Sources with nothing that can be imported, such as an audit log of reads only.
    #[error("{names}: nothing in it says anything about nodes, pods or workloads; {hint}")]
    NothingFound {
        /// The sources.
        names: String,
        /// What to do.
        hint: &'static str,
    },
}
