//! Objects are applied, scaled, undone and deleted.

use serde_json::Value;

use super::{ApplyError, Effect, replace};
use crate::cluster::Cluster;
use crate::cluster::object::{self, Object, ObjectSpec};
use crate::event::{Body, Event, Propagation, WorkloadStatus};
use crate::names::{DocId, Names, ObjectId, RevisionId, Seq};
use crate::time::ApiSeconds;

impl Cluster {
    pub(super) fn dispatch_object(&mut self, names: &mut Names, seq: Seq, event: &Event) -> Effect {
        match event.body {
            Body::Applied { object, manifest } => {
                self.applied(names, seq, object, manifest, event.at.api_seconds())
            }
            Body::Scaled { object, replicas: wanted } => {
                let entry = self.object_mut(names, object)?;
                let (ObjectSpec::ReplicaSet { replicas } | ObjectSpec::Deployment { replicas }) =
                    &mut entry.spec
                else {
                    return Ok(false);
                };
                if std::mem::replace(replicas, wanted) == wanted {
                    return Ok(false);
                }
                entry.generation += 1;
                (entry.applied, entry.changed) = (seq, seq);
                Ok(true)
            }
            Body::DeleteRequested { object, propagation } => {
                let entry = self.object_mut(names, object)?;
                (entry.applied, entry.changed) = (seq, seq);
                if propagation == Propagation::Background {
                    return self.object_removed(names, object);
                }
                // A deletion that waits for finalizers is a change of what is wanted (`rest.BeforeDelete`).
                entry.generation += i64::from(entry.deleting.is_none());
                Ok(replace(&mut entry.deleting, Some(propagation)))
            }
            Body::ObjectRemoved { object } => {
                let entry = self.object_mut(names, object)?;
                (entry.applied, entry.changed) = (seq, seq);
                self.object_removed(names, object)
            }
            Body::RolloutUndone { object, to_revision } => {
                self.rollout_undone(names, seq, object, to_revision)
            }
            Body::StatusWritten { object, status } => {
                let entry = self.object_mut(names, object)?;
                entry.changed = seq;
                Ok(replace(&mut entry.status, status))
            }
            _ => Ok(false),
        }
    }

    /// An object, also one that is gone.
    pub(super) fn any_object_mut(&mut self, object: ObjectId) -> Option<&mut Object> {
        self.objects.get_mut(object.index())?.as_deref_mut()
    }

    /// Where an object is or will be.
    pub(super) fn object_place(&mut self, object: ObjectId) -> &mut Option<Box<Object>> {
        if self.objects.len() <= object.index() {
            self.objects.resize_with(object.index() + 1, || None);
        }
        &mut self.objects[object.index()]
    }

    fn object_mut(&mut self, names: &Names, object: ObjectId) -> Result<&mut Object, ApplyError> {
        let found = self.any_object_mut(object).filter(|o| o.present);
        found.ok_or_else(|| {
            let kind = names.text(names.object_key(object).kind);
            ApplyError::NoSuchObject(format!("{kind} {}", names.object_name(object)))
        })
    }

    fn applied(
        &mut self,
        names: &mut Names,
        seq: Seq,
        id: ObjectId,
        manifest: DocId,
        now: ApiSeconds,
    ) -> Effect {
        let key = names.object_key(id);
        let parsed = object::parse(key.kind, manifest, names)?;
        if let Some(old) = self.any_object_mut(id).filter(|o| o.present) {
            if old.manifest == manifest {
                return Ok(false);
            }
            let before: Value = serde_json::from_str(names.doc_text(old.manifest)).unwrap_or_default();
            let mut spec = parsed.spec;
            // A scale changed the number without the manifest, so the number is compared by itself.
            let spec_changed =
                before.get("spec") != parsed.value.get("spec") || replicas_differ(&old.spec, &spec);
            if let (ObjectSpec::DaemonSet(before), ObjectSpec::DaemonSet(after)) = (&old.spec, &mut spec) {
                let step = i64::from(before.template != after.template);
                after.template_generation = after.template_generation.max(before.template_generation + step);
            }
            (old.spec, old.manifest, old.owners, old.changed) = (spec, manifest, parsed.owners, seq);
            if spec_changed {
                old.generation = (old.generation + 1).max(parsed.generation.unwrap_or(0));
                old.applied = seq;
            }
            return Ok(true);
        }
        // Pods and revisions may have been met before their owner.
        let early = self.object_place(id).take().filter(|entry| entry.applied == Seq::NONE);
        let (pods, revisions) = early.map(|entry| (entry.pods, entry.revisions)).unwrap_or_default();
        let object = Object {
            id,
            key,
            present: true,
            manifest,
            generation: parsed.generation.unwrap_or(1),
            created: parsed.created.unwrap_or(now),
            deleting: None,
            owners: parsed.owners,
            status: WorkloadStatus::default(),
            spec: parsed.spec,
            applied: seq,
            changed: seq,
            pods,
            revisions,
        };
        *self.object_place(id) = Some(Box::new(object));
        self.current.insert((key.kind, key.namespace, key.name), id);
        let list = self.listed.entry(key.kind).or_default();
        let name = names.object_name(id);
        let at = list.partition_point(|other| names.object_name(*other) < name);
        list.insert(at, id);
        Ok(true)
    }

    fn object_removed(&mut self, names: &Names, id: ObjectId) -> Effect {
        let object = self.object_mut(names, id)?;
        object.present = false;
        let kind = object.key.kind;
        if let Some(list) = self.listed.get_mut(&kind) {
            list.retain(|other| *other != id);
        }
        Ok(true)
    }

    fn rollout_undone(&mut self, names: &mut Names, seq: Seq, id: ObjectId, to_revision: i64) -> Effect {
        let object = self.object_mut(names, id)?;
        let (manifest, revisions) = (object.manifest, object.revisions.clone());
        let wanted = |r: &RevisionId| self.revision(*r).is_some_and(|r| r.present && r.number == to_revision);
        let revision = revisions.iter().copied().find(wanted).and_then(|r| self.revision(r));
        let Some(template) = revision.map(|r| r.template) else {
            return Err(ApplyError::NoSuchObject(format!(
                "revision {to_revision} of {}",
                names.object_name(id)
            )));
        };
        let read = |doc| -> Result<Value, ApplyError> {
            let malformed = |e: serde_json::Error| ApplyError::BadManifest { reason: e.to_string() };
            serde_json::from_str(names.doc_text(doc)).map_err(malformed)
        };
        let (mut value, template) = (read(manifest)?, read(template)?);
        if let Some(place) = value.pointer_mut("/spec/template") {
            *place = template;
        }
        // The stored generations belong to the spec that is being left.
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("generation");
        }
        let manifest = names.doc(&value.to_string());
        self.applied(names, seq, id, manifest, ApiSeconds(0))
    }
}

fn replicas_differ(before: &ObjectSpec, after: &ObjectSpec) -> bool {
    match (before, after) {
        (ObjectSpec::ReplicaSet { replicas: a }, ObjectSpec::ReplicaSet { replicas: b })
        | (ObjectSpec::Deployment { replicas: a }, ObjectSpec::Deployment { replicas: b }) => a != b,
        _ => false,
    }
}
