//! Workloads, ControllerRevisions, and every other kind.

use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::{Context, Decoder, hash_of};
use crate::event::{Propagation, WorkloadStatus};
use crate::import::error::ImportError;
use crate::import::sighting::{ObjectView, RevisionView};
use crate::import::wire::{Metadata, Object, number_of};
use crate::manifest;
use crate::names::{Names, sym};

/// What `kubectl apply` keeps for itself.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

impl Decoder<'_> {
    pub(super) fn workload(
        &mut self,
        context: &Context,
        kind: &str,
        metadata: &Metadata,
        object: &Object,
    ) -> Result<ObjectView, ImportError> {
        let mut value = self.through_the_right_door(context, kind, metadata, object)?;
        let status = value.as_object_mut().and_then(|map| map.remove("status"));
        if let Some(map) = value.as_object_mut() {
            // Items of typed lists do not say what they are.
            map.entry("kind").or_insert_with(|| kind.into());
        }
        let priority_class = value.pointer("/spec/template/spec/priorityClassName").and_then(Value::as_str);
        let priority_class = self.names.sym(priority_class.unwrap_or_default());
        self.strip_metadata(&mut value);
        let (manifest, sans_generation, sans_replicas) = hashes(&mut value, self.names);
        let replicas = value.pointer("/spec/replicas").and_then(Value::as_u64);
        let finalizer = |name| metadata.finalizers.iter().flatten().any(|f| &**f == name);
        let deletion = metadata.deletion_timestamp.as_ref().map(|_| {
            if finalizer(ORPHAN) {
                Propagation::Orphan
            } else {
                // Whatever else it waits for, it is there until that is done, as with dependents.
                Propagation::Foreground
            }
        });
        Ok(ObjectView {
            manifest,
            sans_generation,
            sans_replicas,
            replicas: replicas.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            owner: self.owner(metadata),
            deletion,
            status: status.as_ref().and_then(|status| workload_status(kind, status)),
            status_text: hash_of(object.status),
            priority_class,
        })
    }

    /// What a person wrote has no uid and no status: it goes through the strict door, which fills in what the API
    /// server would. What was recorded has been through that already and is taken as it is.
    fn through_the_right_door(
        &mut self,
        context: &Context,
        kind: &str,
        metadata: &Metadata,
        object: &Object,
    ) -> Result<Value, ImportError> {
        let recorded =
            metadata.uid.is_some() || metadata.resource_version.is_some() || object.status.is_some();
        if recorded {
            return context.value();
        }
        let mut value = context.value()?;
        if let Some(map) = value.as_object_mut() {
            map.entry("kind").or_insert_with(|| kind.into());
        }
        let document = manifest::decode_body(context.source_name, value.to_string().as_bytes());
        if !document.is_known() {
            return Ok(value);
        }
        let namespace = metadata.namespace.as_deref().unwrap_or("default");
        match manifest::admit(&document, None, namespace) {
            Ok(admitted) => Ok(admitted.object),
            Err(refusal) => {
                Err(ImportError::Refused { place: context.place(), reason: refusal.message.clone() })
            }
        }
    }

    /// Takes out of the metadata what is not the object's own or changes with every write.
    fn strip_metadata(&mut self, value: &mut Value) {
        let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        for field in [
            "managedFields",
            "resourceVersion",
            "uid",
            "selfLink",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ] {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            if annotations.remove(LAST_APPLIED).is_some() {
                self.report.drop_one("kubectl's last-applied-configuration annotation");
            }
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
        // These two are the deletion's, which is an event of its own.
        if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|f| f != FOREGROUND && f != ORPHAN);
            if finalizers.is_empty() {
                metadata.remove("finalizers");
            }
        }
        // Uids of owners are not kept, as no uid is: owners are found by kind and name.
        for owner in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
            owner.as_object_mut().map(|owner| owner.remove("uid"));
        }
    }

    pub(super) fn revision(
        &mut self,
        metadata: &Metadata,
        object: &Object,
    ) -> Result<RevisionView, serde_json::Error> {
        let data: Value = match object.data {
            Some(raw) => serde_json::from_str(raw.get())?,
            None => Value::Null,
        };
        let mut template = data.pointer("/spec/template").cloned().unwrap_or(data);
        // The patch directive is the ControllerRevision's wrapping, not the template's.
        if let Some(template) = template.as_object_mut() {
            template.remove("$patch");
        }
        let labels = self.tables.labels(metadata.labels.map(|raw| raw.get()), self.names)?;
        let labels = self.tables.labels_of(labels);
        let hash = labels.iter().find(|l| l.0 == sym::REVISION_HASH_LABEL).map(|l| l.1).unwrap_or_default();
        Ok(RevisionView {
            owner: self.owner(metadata),
            number: number_of(object.revision).unwrap_or(0),
            hash,
            template: self.names.doc(&template.to_string()),
        })
    }
}

/// The manifest's document, and hashes of it without what an event of its own can say.
fn hashes(value: &mut Value, names: &mut Names) -> (crate::names::DocId, u64, u64) {
    let manifest = names.doc(&value.to_string());
    let take = |value: &mut Value, part: &str, field: &str| -> Option<Value> {
        value.get_mut(part)?.as_object_mut()?.remove(field)
    };
    let generation = take(value, "metadata", "generation");
    let sans_generation = xxh3_64(value.to_string().as_bytes());
    let replicas = take(value, "spec", "replicas");
    let sans_replicas = xxh3_64(value.to_string().as_bytes());
    let mut restore = |part: &str, field: &str, old: Option<Value>| {
        if let (Some(map), Some(old)) = (value.get_mut(part).and_then(Value::as_object_mut), old) {
            map.insert(field.to_owned(), old);
        }
    };
    restore("metadata", "generation", generation);
    restore("spec", "replicas", replicas);
    (manifest, sans_generation, sans_replicas)
}

/// The counters of the kinds that have them.
fn workload_status(kind: &str, status: &Value) -> Option<WorkloadStatus> {
    let status: &Map<String, Value> = status.as_object()?;
    let number = |field: &str| status.get(field).and_then(Value::as_i64).unwrap_or(0);
    let count = |field: &str| u32::try_from(number(field)).unwrap_or(0);
    let collision_count = status.get("collisionCount").and_then(Value::as_u64);
    let collision_count = collision_count.and_then(|n| u32::try_from(n).ok());
    let observed_generation = number("observedGeneration");
    Some(match kind {
        "DaemonSet" => WorkloadStatus {
            desired: count("desiredNumberScheduled"),
            current: count("currentNumberScheduled"),
            misscheduled: count("numberMisscheduled"),
            ready: count("numberReady"),
            updated: count("updatedNumberScheduled"),
            available: count("numberAvailable"),
            unavailable: count("numberUnavailable"),
            collision_count,
            observed_generation,
        },
        "ReplicaSet" => WorkloadStatus {
            current: count("replicas"),
            ready: count("readyReplicas"),
            updated: count("fullyLabeledReplicas"),
            available: count("availableReplicas"),
            observed_generation,
            ..WorkloadStatus::default()
        },
        "Deployment" => WorkloadStatus {
            current: count("replicas"),
            ready: count("readyReplicas"),
            updated: count("updatedReplicas"),
            available: count("availableReplicas"),
            unavailable: count("unavailableReplicas"),
            collision_count,
            observed_generation,
            ..WorkloadStatus::default()
        },
        _ => return None,
    })
}
