//! Workloads and other objects: applied, scaled, deleted, statuses.

use super::Weaver;
use crate::event::{Body, Propagation, Track, WorkloadStatus};
use crate::import::audit::Act;
use crate::import::error::ImportError;
use crate::import::sighting::ObjectView;
use crate::names::{ObjectId, Sym, sym};

impl Weaver<'_> {
    /// Who usually writes an object's manifest: the controller that owns it, else people.
    fn manifest_track(view: &ObjectView) -> Track {
        view.owner.map_or(Track::User, |owner| Self::controller_track(owner.kind))
    }

    pub(super) fn object_first(&mut self, view: &ObjectView) -> Result<ObjectId, ImportError> {
        let key = (self.here.kind, self.here.namespace, self.here.name);
        let object = self.object_id(self.here.uid, key);
        self.count_opaque(key.0);
        self.name_priority_class(view.priority_class, None);
        let author = self.author(Act::Create, Self::manifest_track(view));
        self.emit(&author, Body::Applied { object, manifest: view.manifest })?;
        if let Some(status) = view.status.filter(|status| *status != WorkloadStatus::default()) {
            let author = self.author(Act::Status, Self::controller_track(key.0));
            self.emit(&author, Body::StatusWritten { object, status })?;
        }
        if let Some(propagation) = view.deletion {
            let author = self.author(Act::Delete, Track::User);
            self.emit(&author, Body::DeleteRequested { object, propagation })?;
        }
        Ok(object)
    }

    fn count_opaque(&mut self, kind: Sym) {
        let known = matches!(
            kind,
            sym::DAEMON_SET | sym::REPLICA_SET | sym::DEPLOYMENT | sym::PRIORITY_CLASS | sym::NAMESPACE
        );
        if !known {
            let kind = self.names.text(kind).to_owned();
            *self.report.opaque_kinds.entry(kind).or_default() += 1;
        }
    }

    pub(super) fn name_priority_class(&mut self, class: Sym, priority: Option<i32>) {
        if !class.is_empty() {
            let known = self.priority_classes.entry(class).or_insert(None);
            *known = known.or(priority);
        }
    }

    pub(super) fn object_changed(
        &mut self,
        object: ObjectId,
        old: &ObjectView,
        new: &ObjectView,
    ) -> Result<(), ImportError> {
        let events = self.out.len();
        // A deletion raises the generation by itself.
        let same_but_generation = old.sans_generation == new.sans_generation;
        if old.manifest != new.manifest && !(same_but_generation && new.deletion.is_some()) {
            self.name_priority_class(new.priority_class, None);
            let author = self.author(Act::Change, self.change_track(old, new));
            let scales = matches!(self.here.kind, sym::REPLICA_SET | sym::DEPLOYMENT);
            let body = match new.replicas.filter(|_| scales && old.replicas != new.replicas) {
                Some(replicas) if old.sans_replicas == new.sans_replicas => Body::Scaled { object, replicas },
                _ => Body::Applied { object, manifest: new.manifest },
            };
            self.emit(&author, body)?;
        }
        if old.status != new.status {
            let author = self.author(Act::Status, Self::controller_track(self.here.kind));
            let status = new.status.unwrap_or_default();
            self.emit(&author, Body::StatusWritten { object, status })?;
        }
        if let Some(propagation) = new.deletion.filter(|_| old.deletion.is_none()) {
            self.delete_requested(object, propagation, new)?;
        }
        if self.out.len() == events {
            self.report.drop_one(if old.status_text == new.status_text {
                "object: metadata that is not kept"
            } else {
                "object: status detail that is not kept"
            });
        }
        Ok(())
    }

    /// Who usually makes such a change. A Deployment's controller writes the revision that it is at into an
    /// annotation, and touches nothing else of the object.
    fn change_track(&self, old: &ObjectView, new: &ObjectView) -> Track {
        let revision_only = self.here.kind == sym::DEPLOYMENT && {
            let generation = |view: &ObjectView| -> Option<i64> {
                let text = self.names.doc_text(view.manifest);
                let value: serde_json::Value = serde_json::from_str(text).ok()?;
                value.pointer("/metadata/generation")?.as_i64()
            };
            generation(old) == generation(new)
        };
        if revision_only { Track::Deployment } else { Self::manifest_track(new) }
    }

    fn delete_requested(
        &mut self,
        object: ObjectId,
        propagation: Propagation,
        view: &ObjectView,
    ) -> Result<(), ImportError> {
        let author = self.author(Act::Delete, self.deletion_track(view));
        let asked = author.write.and_then(|write| write.propagation);
        // Background with a finalizer of somebody else's: it stays until that is done.
        let propagation = match asked {
            Some(Propagation::Background) | None => propagation,
            Some(asked) => asked,
        };
        self.emit(&author, Body::DeleteRequested { object, propagation })
    }

    /// Who usually deletes such an object: the garbage collector if its owner is gone, else whoever writes it.
    fn deletion_track(&self, view: &ObjectView) -> Track {
        let Some(owner) = view.owner else { return Track::User };
        let owner = self.objects.get(&owner.uid).and_then(|id| self.cluster.object(*id));
        match owner {
            Some(owner) if owner.present && owner.deleting.is_none() => Self::manifest_track(view),
            _ => Track::Lifecycle,
        }
    }

    pub(super) fn object_deleted(&mut self, object: ObjectId, view: &ObjectView) -> Result<(), ImportError> {
        let waiting = view.deletion.is_some();
        let expected = if waiting { Track::Lifecycle } else { self.deletion_track(view) };
        let mut author = self.author(Act::Delete, expected);
        if waiting && author.is_inferred() {
            // The removal of the last finalizer is what removes the object; its answer has the version before.
            let version = std::mem::take(&mut self.here.version);
            author = self.author(Act::Change, expected);
            self.here.version = version;
        }
        self.emit(
            &author,
            if waiting {
                Body::ObjectRemoved { object }
            } else {
                Body::DeleteRequested { object, propagation: Propagation::Background }
            },
        )
    }
}
