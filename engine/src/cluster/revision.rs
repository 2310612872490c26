//! A ControllerRevision: one template that a DaemonSet has had.

use serde::{Deserialize, Serialize};

use crate::names::{DocId, ObjectId, Seq, Sym};
use crate::time::ApiSeconds;

/// A ControllerRevision.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Revision {
    /// Its controller.
    pub owner: Option<ObjectId>,
    /// Its namespace.
    pub namespace: Sym,
    /// Its name.
    pub name: Sym,
    /// `revision`.
    pub number: i64,
    /// Label `controller-revision-hash`; empty if absent.
    pub hash: Sym,
    /// `data`, as the canonical JSON of the template. Equal templates are equal documents.
    pub template: DocId,
    /// `metadata.creationTimestamp`.
    pub created: ApiSeconds,
    /// Whether it still exists.
    pub present: bool,
    /// The event that created it.
    pub made: Seq,
}
