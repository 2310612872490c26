//! ControllerRevisions.

use super::Weaver;
use crate::event::{Body, Track};
use crate::import::audit::Act;
use crate::import::error::ImportError;
use crate::import::sighting::RevisionView;
use crate::names::RevisionId;

impl Weaver<'_> {
    fn revision_track(view: &RevisionView) -> Track {
        view.owner.map_or(Track::DaemonSet, |owner| Self::controller_track(owner.kind))
    }

    pub(super) fn revision_first(&mut self, view: &RevisionView) -> Result<RevisionId, ImportError> {
        let owner = view.owner.map(|owner| self.owner(owner));
        let revision = self.cluster.next_revision();
        let author = self.author(Act::Create, Self::revision_track(view));
        let body = Body::RevisionCreated {
            revision,
            owner,
            number: view.number,
            namespace: self.here.namespace,
            name: self.here.name,
            hash: view.hash,
            template: view.template,
            created: self.here.created.unwrap_or(self.here.at.api_seconds()),
        };
        self.emit(&author, body)?;
        Ok(revision)
    }

    pub(super) fn revision_changed(
        &mut self,
        revision: RevisionId,
        old: &RevisionView,
        new: &RevisionView,
    ) -> Result<(), ImportError> {
        let expected = match (old.owner, new.owner) {
            (Some(owner), None) if self.is_going(owner) => Track::Lifecycle,
            (_, Some(_)) => Self::revision_track(new),
            _ => Self::revision_track(old),
        };
        let author = self.author(Act::Change, expected);
        let events = self.out.len();
        if old.owner != new.owner {
            let body = match new.owner {
                Some(owner) => Body::RevisionAdopted { revision, owner: self.owner(owner) },
                None => Body::RevisionReleased { revision },
            };
            self.emit(&author, body)?;
        }
        if old.hash != new.hash {
            self.emit(&author, Body::RevisionLabelled { revision, hash: new.hash })?;
        }
        if old.number != new.number {
            self.emit(&author, Body::RevisionNumbered { revision, number: new.number })?;
        }
        if self.out.len() == events {
            self.report.drop_one("ControllerRevision: nothing that is kept");
        }
        Ok(())
    }

    pub(super) fn revision_deleted(
        &mut self,
        revision: RevisionId,
        view: &RevisionView,
    ) -> Result<(), ImportError> {
        let gone = view.owner.is_none_or(|owner| self.is_going(owner));
        let expected = if gone { Track::Lifecycle } else { Self::revision_track(view) };
        let author = self.author(Act::Delete, expected);
        self.emit(&author, Body::RevisionDeleted { revision })
    }
}
