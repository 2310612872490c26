//! Writes to revisions, and to pods' owners and labels: whether ours would make them.

use crate::actors::daemonset::{Opinion, RevisionOperation};
use crate::event::Body;
use crate::names::{RevisionId, sym};

/// The revision that an event is about.
pub(super) fn revision_of(body: &Body) -> Option<RevisionId> {
    match *body {
        Body::RevisionCreated { revision, .. }
        | Body::RevisionNumbered { revision, .. }
        | Body::RevisionLabelled { revision, .. }
        | Body::RevisionAdopted { revision, .. }
        | Body::RevisionReleased { revision }
        | Body::RevisionDeleted { revision } => Some(revision),
        _ => None,
    }
}

/// Whether ours would write something to a revision, or to a pod's owner or labels.
pub(super) fn admits(opinion: &Opinion, body: &Body) -> bool {
    let outcome = &opinion.outcome;
    let has = |wanted: RevisionOperation| outcome.revisions.contains(&wanted);
    match *body {
        Body::RevisionCreated { number, template, .. } => outcome.revisions.iter().any(|operation| {
            matches!(operation, RevisionOperation::Create { number: n, template: t, .. } if (*n, *t) == (number, template))
        }),
        Body::RevisionNumbered { revision, number } => has(RevisionOperation::Number(revision, number)),
        Body::RevisionLabelled { revision, hash } => has(RevisionOperation::Label(revision, hash)),
        Body::RevisionAdopted { revision, .. } => has(RevisionOperation::Adopt(revision)),
        Body::RevisionReleased { revision } => has(RevisionOperation::Release(revision)),
        Body::RevisionDeleted { revision } => {
            let wanted = RevisionOperation::Delete(revision);
            has(wanted) || outcome.pruned.contains(&wanted)
        }
        Body::PodAdopted { pod, .. } => outcome.adopts.contains(&pod),
        Body::PodReleased { pod } => outcome.releases.contains(&pod),
        Body::PodLabelSet { pod, key, value } => {
            key == sym::REVISION_HASH_LABEL && value == outcome.hash && outcome.relabels.contains(&pod)
        }
        _ => false,
    }
}
