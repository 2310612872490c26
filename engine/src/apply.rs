//! Manifests that a person applies, as events: the way from the strict door into a cluster.
//!
//! All documents of a file become one batch. Either every one of them is accepted, or nothing is.

use serde_json::Value;

use crate::cluster::{Cluster, ObjectSpec};
use crate::event::Body;
use crate::manifest::{self, Decoded, Document, Refusal};
use crate::names::{DocId, Names, ObjectId, Sym};

/// Documents that were accepted.
#[derive(Debug, Default)]
pub struct Applied {
    /// One event a document that changes something.
    pub bodies: Vec<Body>,
    /// `daemonset.apps/fluentd created`, one a document, in the words of `kubectl apply`.
    pub outcomes: Vec<Outcome>,
    /// What the API server would warn of.
    pub warnings: Vec<String>,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The object.
    pub object: ObjectId,
    /// What was done to it.
    pub verb: Verb,
}

/// What an application did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The object is new.
    Created,
    /// The object changed.
    Configured,
    /// The object is as it was.
    Unchanged,
}

/// Documents of which at least one was refused. Nothing is applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyRefused {
    /// The API server would refuse these.
    #[error("{}", summary(.0))]
    Refused(Vec<Rejected>),
    /// There is nothing in it.
    #[error("{source_name} has no document in it")]
    Empty {
        /// The file.
        source_name: String,
    },
    /// Nodes and pods are not applied as manifests.
    #[error("{source_name}: a {kind} cannot be applied to a trace")]
    NotApplicable {
        /// The file.
        source_name: String,
        /// The kind.
        kind: String,
        /// The line on which the document begins.
        line: usize,
    },
}

/// A document that was refused.
#[derive(Debug)]
pub struct Rejected {
    /// The file.
    pub source: String,
    /// Its number in the file, from 0.
    pub index: usize,
    /// The API server's answer, with places.
    pub refusal: Refusal,
}

fn summary(rejected: &[Rejected]) -> String {
    let texts: Vec<_> = rejected.iter().map(|r| format!("{}: {}", r.source, r.refusal.message)).collect();
    texts.join("\n")
}

/// Judges the documents of a file as the API server would, against a cluster as it is, and gives the events that
/// apply them. `namespace` is for documents that name none.
///
/// # Errors
/// Every document that is refused, each with all its problems.
pub fn apply(
    decoded: &Decoded,
    namespace: &str,
    cluster: &Cluster,
    names: &mut Names,
) -> Result<Applied, ApplyRefused> {
    let mut applied = Applied::default();
    let mut rejected = Vec::new();
    let mut pending: Vec<(ObjectId, DocId)> = Vec::new();
    for document in &decoded.documents {
        if matches!(document.kind.as_str(), "Node" | "Pod") && document.api_version == "v1" {
            return Err(ApplyRefused::NotApplicable {
                source_name: document.source.clone(),
                kind: document.kind.clone(),
                line: document.place.line as usize,
            });
        }
        match one(document, namespace, cluster, names, &pending) {
            Ok((outcome, manifest, warnings)) => {
                applied.outcomes.push(outcome);
                applied.warnings.extend(warnings);
                if outcome.verb != Verb::Unchanged {
                    pending.push((outcome.object, manifest));
                    applied.bodies.push(Body::Applied { object: outcome.object, manifest });
                }
            }
            Err(refusal) => {
                rejected.push(Rejected { source: document.source.clone(), index: document.index, refusal })
            }
        }
    }
    if rejected.is_empty() { Ok(applied) } else { Err(ApplyRefused::Refused(rejected)) }
}

fn one(
    document: &Document,
    namespace: &str,
    cluster: &Cluster,
    names: &mut Names,
    pending: &[(ObjectId, DocId)],
) -> Result<(Outcome, DocId, Vec<String>), Refusal> {
    let (kind, name) = (names.sym(&document.kind), names.sym(&document.name));
    let own = if document.namespace.is_empty() { namespace } else { &document.namespace };
    let namespace_sym = if cluster_wide(&document.kind) { Sym::EMPTY } else { names.sym(own) };
    let existing = cluster.find_object(kind, namespace_sym, name);
    let object = match existing {
        Some(object) => object.id,
        None => names.object(cluster.next_key(kind, namespace_sym, name)),
    };
    // An earlier document of the same file may have created or changed the object.
    let earlier = pending.iter().rev().find(|(id, _)| *id == object).map(|(_, manifest)| *manifest);
    let stored = earlier.or(existing.map(|object| object.manifest));
    let previous = stored.map(|stored| scaled(names, stored, existing));
    let admitted = manifest::admit(document, previous.as_ref(), own)?;
    let mut manifest = admitted.object;
    forget_volatile(&mut manifest, existing.is_none());
    let manifest = names.doc(&manifest.to_string());
    let verb = match stored {
        None => Verb::Created,
        Some(stored) if stored == manifest => Verb::Unchanged,
        Some(_) => Verb::Configured,
    };
    Ok((Outcome { object, verb }, manifest, admitted.warnings))
}

/// The stored object; a scale since it was applied is part of it.
fn scaled(names: &Names, manifest: DocId, object: Option<&crate::cluster::Object>) -> Value {
    let mut value: Value = serde_json::from_str(names.doc_text(manifest)).unwrap_or_default();
    let replicas = match object.map(|object| &object.spec) {
        Some(ObjectSpec::ReplicaSet { replicas } | ObjectSpec::Deployment { replicas }) => *replicas,
        _ => return value,
    };
    if let Some(place) = value.pointer_mut("/spec/replicas") {
        *place = replicas.into();
    }
    value
}

/// What the API server keeps beside the manifest is the cluster's to know: generations and times follow from
/// the events.
fn forget_volatile(manifest: &mut Value, new: bool) {
    let Some(object) = manifest.as_object_mut() else { return };
    object.remove("status");
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for field in ["uid", "resourceVersion", "managedFields", "creationTimestamp"] {
        metadata.remove(field);
    }
    if new {
        metadata.remove("generation");
    }
}

/// Whether objects of a kind live outside namespaces, as far as the kinds go that simulations read.
fn cluster_wide(kind: &str) -> bool {
    matches!(
        kind,
        "Namespace"
            | "PriorityClass"
            | "Node"
            | "ClusterRole"
            | "ClusterRoleBinding"
            | "CustomResourceDefinition"
            | "StorageClass"
            | "PersistentVolume"
            | "RuntimeClass"
            | "CSIDriver"
            | "APIService"
            | "MutatingWebhookConfiguration"
            | "ValidatingWebhookConfiguration"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding"
            | "IngressClass"
    )
}
