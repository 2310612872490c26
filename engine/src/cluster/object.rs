//! Workloads and the other API objects that a simulation reads, compiled from their manifests.

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::policy::v1 as policy;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ApplyError;
use crate::event::{Propagation, WorkloadStatus};
use crate::names::{DocId, Names, ObjectId, ObjectKey, PodId, RevisionId, Seq, Sym, sym};
use crate::quantity::IntOrPercent;
use crate::selector::{LabelSelector, Placement};
use crate::time::ApiSeconds;

/// The annotation by which apps/v1 carries a DaemonSet's template generation.
pub const TEMPLATE_GENERATION_ANNOTATION: &str = "deprecated.daemonset.template.generation";

/// One incarnation of an API object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// Which object this is.
    pub id: ObjectId,
    /// Its kind, namespace and name.
    pub key: ObjectKey,
    /// Whether it exists.
    pub present: bool,
    /// The manifest, without status.
    pub manifest: DocId,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: ApiSeconds,
    /// While it waits for finalizers: how its dependents are treated.
    pub deleting: Option<Propagation>,
    /// `metadata.ownerReferences`.
    pub owners: Vec<OwnerReference>,
    /// The status that a controller last wrote.
    pub status: WorkloadStatus,
    /// What the manifest asks for.
    pub spec: ObjectSpec,
    /// The last event that changed its spec or its existence.
    pub applied: Seq,
    /// The last event about it.
    pub changed: Seq,
    /// Pods that it controls, in no particular order.
    pub pods: Vec<PodId>,
    /// Revisions that it controls, in no particular order.
    pub revisions: Vec<RevisionId>,
}

/// An entry of `metadata.ownerReferences`. Owners are known by kind and name: uids are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerReference {
    /// The owner's kind.
    pub kind: Sym,
    /// Its name; its namespace is the object's, or none.
    pub name: Sym,
    /// Whether it is the managing controller.
    pub controller: bool,
    /// `blockOwnerDeletion`: whether an owner that goes in the foreground waits for the object.
    pub blocks: bool,
}

/// What a manifest asks for, by kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ObjectSpec {
    /// A DaemonSet.
    DaemonSet(Box<DaemonSet>),
    /// A ReplicaSet.
    ReplicaSet {
        /// `spec.replicas`.
        replicas: u32,
    },
    /// A Deployment.
    Deployment {
        /// `spec.replicas`.
        replicas: u32,
    },
    /// A PriorityClass.
    PriorityClass {
        /// `value`.
        value: i32,
        /// `globalDefault`.
        global_default: bool,
        /// Whether `preemptionPolicy` is `Never`: its pods wait for room instead of making it.
        never_preempts: bool,
    },
    /// Anything else, kept as its manifest.
    Opaque,
    /// A PodDisruptionBudget.
    PodDisruptionBudget(Box<DisruptionBudget>),
}

/// A PodDisruptionBudget's spec, compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisruptionBudget {
    /// `spec.selector`; an error selects nothing.
    pub selector: Result<LabelSelector, crate::selector::SelectorError>,
    /// `spec.minAvailable`.
    pub min_available: Option<IntOrPercent>,
    /// `spec.maxUnavailable`; it wins over the other.
    pub max_unavailable: Option<IntOrPercent>,
    /// Whether `spec.unhealthyPodEvictionPolicy` is `AlwaysAllow`: pods that are not ready may always go.
    pub unhealthy_may_go: bool,
}

/// A DaemonSet's spec, compiled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DaemonSet {
    /// `spec.selector`; an error is what a sync fails with.
    pub selector: Result<LabelSelector, crate::selector::SelectorError>,
    /// Whether the selector is the empty one, which the controller refuses to act on.
    pub selects_all: bool,
    /// Canonical JSON of `spec.template`.
    pub template: DocId,
    /// Canonical JSON of what a pod of it is made from: labels, annotations and the spec with the automatic
    /// tolerations.
    pub pod_doc: DocId,
    /// `spec.template.metadata.labels`.
    pub template_labels: Vec<(Sym, Sym)>,
    /// The template generation.
    pub template_generation: i64,
    /// Where pods go.
    pub placement: Placement,
    /// `spec.template.spec.priorityClassName`; empty if none.
    pub priority_class: Sym,
    /// `spec.updateStrategy`.
    pub strategy: UpdateStrategy,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i64,
    /// `spec.revisionHistoryLimit`.
    pub revision_history_limit: i64,
}

/// `spec.updateStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateStrategy {
    /// Old pods are replaced a few at a time.
    RollingUpdate {
        /// `maxUnavailable`; absent is an error where it is used.
        max_unavailable: Option<IntOrPercent>,
        /// `maxSurge`.
        max_surge: Option<IntOrPercent>,
    },
    /// RollingUpdate without its parameters.
    RollingUpdateUnset,
    /// Old pods stay until somebody deletes them.
    OnDelete,
    /// A type that does nothing.
    Other,
}

impl Object {
    /// Kind and name of its managing controller.
    pub fn controller(&self) -> Option<(Sym, Sym)> {
        self.owners.iter().find(|owner| owner.controller).map(|owner| (owner.kind, owner.name))
    }

    /// The PodDisruptionBudget's spec, if this is one.
    pub fn disruption_budget(&self) -> Option<&DisruptionBudget> {
        match &self.spec {
            ObjectSpec::PodDisruptionBudget(budget) => Some(budget),
            _ => None,
        }
    }

    /// The DaemonSet's spec, if this is one.
    pub fn daemon_set(&self) -> Option<&DaemonSet> {
        match &self.spec {
            ObjectSpec::DaemonSet(daemon_set) => Some(daemon_set),
            _ => None,
        }
    }
}

/// A manifest, read.
pub(super) struct Parsed {
    pub value: Value,
    pub spec: ObjectSpec,
    /// `metadata.generation`, where the manifest has it (a recorded object).
    pub generation: Option<i64>,
    pub created: Option<ApiSeconds>,
    pub owners: Vec<OwnerReference>,
}

/// Reads a manifest of a kind. DaemonSets get template generation 1 unless they carry one.
pub(super) fn parse(kind: Sym, manifest: DocId, names: &mut Names) -> Result<Parsed, ApplyError> {
    let malformed = |e: serde_json::Error| ApplyError::BadManifest { reason: e.to_string() };
    let value: Value = serde_json::from_str(names.doc_text(manifest)).map_err(malformed)?;
    let replicas = || {
        let replicas = value.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        u32::try_from(replicas).unwrap_or(u32::MAX)
    };
    let spec = match kind {
        sym::DAEMON_SET => ObjectSpec::DaemonSet(Box::new(daemon_set(&value, names)?)),
        sym::REPLICA_SET => ObjectSpec::ReplicaSet { replicas: replicas() },
        sym::DEPLOYMENT => ObjectSpec::Deployment { replicas: replicas() },
        sym::PRIORITY_CLASS => ObjectSpec::PriorityClass {
            value: value.get("value").and_then(Value::as_i64).map_or(0, clamp_i32),
            global_default: value.get("globalDefault").and_then(Value::as_bool).unwrap_or(false),
            never_preempts: value.get("preemptionPolicy").and_then(Value::as_str) == Some("Never"),
        },
        sym::POD_DISRUPTION_BUDGET => {
            ObjectSpec::PodDisruptionBudget(Box::new(disruption_budget(&value, names)?))
        }
        _ => ObjectSpec::Opaque,
    };
    let generation = value.pointer("/metadata/generation").and_then(Value::as_i64).filter(|g| *g > 0);
    let created = value.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
    let created = created.and_then(|text| ApiSeconds::parse(text).ok());
    let owners = owners(&value, names);
    Ok(Parsed { value, spec, generation, created, owners })
}

fn owners(value: &Value, names: &mut Names) -> Vec<OwnerReference> {
    let owners = value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owners = owners.into_iter().flatten().filter_map(|owner| {
        let says = |field: &str| owner.get(field).and_then(Value::as_bool) == Some(true);
        let (kind, name) = (owner.get("kind")?.as_str()?, owner.get("name")?.as_str()?);
        let (controller, blocks) = (says("controller"), says("blockOwnerDeletion"));
        Some(OwnerReference { kind: names.sym(kind), name: names.sym(name), controller, blocks })
    });
    owners.collect()
}

/// The labels of a pod template; a document that is none has none.
pub(super) fn template_labels(template: DocId, names: &mut Names) -> Vec<(Sym, Sym)> {
    let value: Value = serde_json::from_str(names.doc_text(template)).unwrap_or_default();
    let labels = value.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    labels.map(|(key, value)| (names.sym(key), names.sym(value.as_str().unwrap_or_default()))).collect()
}

fn clamp_i32(value: i64) -> i32 {
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

fn daemon_set(value: &Value, names: &mut Names) -> Result<DaemonSet, ApplyError> {
    let malformed = |e: serde_json::Error| ApplyError::BadManifest { reason: e.to_string() };
    // k8s-openapi does not fill in what a served object always has, so only the parts that are used are read.
    let typed: apps::DaemonSetSpec =
        serde_json::from_value(value.get("spec").cloned().unwrap_or_default()).map_err(malformed)?;
    let template = value.pointer("/spec/template").cloned().unwrap_or_default();
    let pod_spec = typed.template.spec.clone().unwrap_or_default();
    let template_labels = typed.template.metadata.as_ref().and_then(|m| m.labels.as_ref());
    let annotation = value
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(TEMPLATE_GENERATION_ANNOTATION))
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok());
    let has_selector = value.pointer("/spec/selector").is_some_and(|selector| !selector.is_null());
    let selector = LabelSelector::compile(has_selector.then_some(&typed.selector), names);
    Ok(DaemonSet {
        selects_all: selector.as_ref().is_ok_and(LabelSelector::is_everything),
        selector,
        template: names.doc(&template.to_string()),
        pod_doc: names.doc(&super::shape::daemon_pod_doc(&template).to_string()),
        template_labels: template_labels
            .into_iter()
            .flatten()
            .map(|(key, value)| (names.sym(key), names.sym(value)))
            .collect(),
        template_generation: annotation.unwrap_or(1),
        placement: Placement::compile(&pod_spec, names),
        priority_class: names.sym(pod_spec.priority_class_name.as_deref().unwrap_or_default()),
        strategy: strategy(typed.update_strategy.as_ref()),
        min_ready_seconds: i64::from(typed.min_ready_seconds.unwrap_or(0)),
        revision_history_limit: i64::from(typed.revision_history_limit.unwrap_or(10)),
    })
}

fn disruption_budget(value: &Value, names: &mut Names) -> Result<DisruptionBudget, ApplyError> {
    let malformed = |e: serde_json::Error| ApplyError::BadManifest { reason: e.to_string() };
    let spec = value.get("spec").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let spec: policy::PodDisruptionBudgetSpec = serde_json::from_value(spec).map_err(malformed)?;
    // Before policy/v1 an empty selector selected nothing.
    let old = value.get("apiVersion").and_then(Value::as_str) == Some("policy/v1beta1");
    let selector = LabelSelector::compile(spec.selector.as_ref(), names);
    let selector = match selector {
        Ok(selector) if old && selector.is_everything() => LabelSelector::compile(None, names),
        selector => selector,
    };
    Ok(DisruptionBudget {
        selector,
        min_available: spec.min_available.as_ref().map(IntOrPercent::from_api),
        max_unavailable: spec.max_unavailable.as_ref().map(IntOrPercent::from_api),
        unhealthy_may_go: spec.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow"),
    })
}

fn strategy(strategy: Option<&apps::DaemonSetUpdateStrategy>) -> UpdateStrategy {
    let Some(strategy) = strategy else { return UpdateStrategy::RollingUpdateUnset };
    match strategy.type_.as_deref() {
        Some("RollingUpdate") => match &strategy.rolling_update {
            Some(rolling) => UpdateStrategy::RollingUpdate {
                max_unavailable: rolling.max_unavailable.as_ref().map(IntOrPercent::from_api),
                max_surge: rolling.max_surge.as_ref().map(IntOrPercent::from_api),
            },
            None => UpdateStrategy::RollingUpdateUnset,
        },
        Some("OnDelete") => UpdateStrategy::OnDelete,
        _ => UpdateStrategy::Other,
    }
}
