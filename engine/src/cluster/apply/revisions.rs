//! ControllerRevisions, and the lists of who owns them.

use super::{ApplyError, Change, Effect, replace};
use crate::cluster::object::{self, Object, ObjectSpec};
use crate::cluster::{Cluster, Revision};
use crate::event::{Body, Event, WorkloadStatus};
use crate::names::{DocId, Names, ObjectId, RevisionId, Seq};
use crate::time::ApiSeconds;

impl Cluster {
    pub(super) fn dispatch_revision(
        &mut self,
        names: &mut Names,
        seq: Seq,
        event: &Event,
        change: &mut Change,
    ) -> Effect {
        match event.body {
            Body::RevisionCreated { revision, owner, number, namespace, name, hash, template, created } => {
                let expected = self.next_revision();
                if revision != expected {
                    let (expected, found) = (expected.number(), revision.number());
                    return Err(ApplyError::RevisionOutOfTurn { expected, found });
                }
                self.template_labels
                    .entry(template)
                    .or_insert_with(|| object::template_labels(template, names));
                let made = seq;
                self.revisions.push(Revision {
                    owner,
                    namespace,
                    name,
                    number,
                    hash,
                    template,
                    created,
                    present: true,
                    made,
                });
                self.list_revision(names, revision, owner)?;
                Ok(true)
            }
            Body::RevisionNumbered { revision, number } => {
                Ok(replace(&mut self.revision_mut(revision)?.number, number))
            }
            Body::RevisionLabelled { revision, hash } => {
                Ok(replace(&mut self.revision_mut(revision)?.hash, hash))
            }
            Body::RevisionAdopted { revision, owner } => {
                self.unlist_revision(revision)?;
                self.list_revision(names, revision, Some(owner))?;
                Ok(true)
            }
            Body::RevisionReleased { revision } => {
                change.owner = self.revision_mut(revision)?.owner;
                self.unlist_revision(revision)?;
                self.list_revision(names, revision, None)?;
                Ok(true)
            }
            Body::RevisionDeleted { revision } => {
                change.owner = self.revision_mut(revision)?.owner;
                self.unlist_revision(revision)?;
                self.revision_mut(revision)?.present = false;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn revision_mut(&mut self, revision: RevisionId) -> Result<&mut Revision, ApplyError> {
        let found = self.revisions.get_mut(revision.index()).filter(|r| r.present);
        found.ok_or(ApplyError::NoSuchRevision(revision.number()))
    }

    fn list_revision(
        &mut self,
        names: &Names,
        id: RevisionId,
        owner: Option<ObjectId>,
    ) -> Result<(), ApplyError> {
        let revision = self.revision_mut(id)?;
        revision.owner = owner;
        let namespace = revision.namespace;
        match owner {
            Some(owner) => self.owner_entry(names, owner).revisions.push(id),
            None => self.orphan_revisions.entry(namespace).or_default().push(id),
        }
        Ok(())
    }

    fn unlist_revision(&mut self, id: RevisionId) -> Result<(), ApplyError> {
        let revision = self.revision_mut(id)?;
        let (owner, namespace) = (revision.owner, revision.namespace);
        let list = match owner {
            Some(owner) => self.any_object_mut(owner).map(|o| &mut o.revisions),
            None => self.orphan_revisions.get_mut(&namespace),
        };
        if let Some(list) = list {
            list.retain(|other| *other != id);
        }
        Ok(())
    }

    /// The entry of an owner; an owner that was never applied gets one that is not present, so that pods of
    /// objects outside the recording still have somewhere to be listed.
    pub(super) fn owner_entry(&mut self, names: &Names, owner: ObjectId) -> &mut Object {
        let key = names.object_key(owner);
        self.object_place(owner).get_or_insert_with(|| {
            Box::new(Object {
                id: owner,
                key,
                present: false,
                manifest: DocId::from_index(0),
                generation: 0,
                created: ApiSeconds(0),
                deleting: None,
                owners: Vec::new(),
                status: WorkloadStatus::default(),
                spec: ObjectSpec::Opaque,
                applied: Seq::NONE,
                changed: Seq::NONE,
                pods: Vec::new(),
                revisions: Vec::new(),
            })
        })
    }
}
