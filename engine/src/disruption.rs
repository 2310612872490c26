//! What PodDisruptionBudgets allow, after the disruption controller and the eviction subresource.
//!
//! Kubernetes keeps the answer in each budget's status, a moment behind the pods. Here it is counted when it is asked
//! for: nobody but an eviction and a preemption reads it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cluster::{Cluster, DisruptionBudget, Object, ObjectSpec, Pod};
use crate::event::Phase;
use crate::names::{Names, ObjectId, PodId, Sym, sym};

/// A budget's status (`PodDisruptionBudgetStatus`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetStatus {
    /// `expectedPods`.
    pub expected: i64,
    /// `desiredHealthy`.
    pub desired_healthy: i64,
    /// `currentHealthy`.
    pub healthy: i64,
    /// `disruptionsAllowed`.
    pub allowed: i64,
    /// Why the controller cannot tell, in its words (reason `SyncFailed`); then everything else is 0.
    pub failure: Option<String>,
}

/// The budgets of a cluster that have been asked about, with the disruptions that were granted since. Good for one
/// moment: pods that change afterwards are not noticed.
#[derive(Debug, Default)]
pub struct Budgets(BTreeMap<ObjectId, BudgetStatus>);

/// The API server's answer to a request for an eviction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The pod is deleted.
    Granted,
    /// 429: not now.
    NotNow(String),
    /// 500: it cannot say.
    Never(String),
}

/// The message of a refusal for want of a budget.
pub const TOO_MANY_REQUESTS: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

const SEVERAL_BUDGETS: &str =
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";

/// The status of a budget as the disruption controller's sync would write it (`trySync`). Takes time proportional to
/// the pods of the cluster.
pub fn status(cluster: &Cluster, names: &Names, budget: &Object) -> BudgetStatus {
    let Some(spec) = budget.disruption_budget() else { return BudgetStatus::default() };
    let pods: Vec<_> = cluster
        .pods()
        .filter(|(id, pod)| selects(cluster, names, spec, budget.key.namespace, *id, pod))
        .map(|(_, pod)| pod)
        .collect();
    match counts(cluster, names, spec, &pods) {
        Err(failure) => BudgetStatus { failure: Some(failure), ..BudgetStatus::default() },
        Ok((expected, desired_healthy)) => {
            let healthy = pods.iter().filter(|pod| pod.ready && !pod.terminating()).count() as i64;
            let allowed = if expected > 0 { (healthy - desired_healthy).max(0) } else { 0 };
            BudgetStatus { expected, desired_healthy, healthy, allowed, failure: None }
        }
    }
}

/// The budgets that select a pod, in order of their names.
pub fn budgets_of<'c>(cluster: &'c Cluster, names: &'c Names, id: PodId) -> impl Iterator<Item = &'c Object> {
    let pod = cluster.pod(id);
    cluster.objects_of_kind(sym::POD_DISRUPTION_BUDGET).filter(move |budget| {
        let selects = |spec, pod: &Pod| selects(cluster, names, spec, budget.key.namespace, id, pod);
        budget.disruption_budget().zip(pod).is_some_and(|(spec, pod)| selects(spec, &pod))
    })
}

fn selects(
    cluster: &Cluster,
    names: &Names,
    spec: &DisruptionBudget,
    namespace: Sym,
    id: PodId,
    pod: &Pod,
) -> bool {
    pod.namespace == namespace
        && spec.selector.as_ref().is_ok_and(|selector| selector.matches(cluster.pod_labels(id), names))
}

/// How many pods there should be and how many of them healthy (`getExpectedPodCount`).
fn counts(
    cluster: &Cluster,
    names: &Names,
    spec: &DisruptionBudget,
    pods: &[Pod],
) -> Result<(i64, i64), String> {
    let invalid = || "invalid value for IntOrString: neither a number nor a percentage".to_owned();
    match (spec.max_unavailable, spec.min_available) {
        (Some(max_unavailable), _) => {
            let expected = scale(cluster, names, pods)?;
            let unavailable = max_unavailable.scaled_up(expected).ok_or_else(invalid)?;
            Ok((expected, (expected - unavailable).max(0)))
        }
        (None, Some(crate::quantity::IntOrPercent::Int(healthy))) => {
            Ok((pods.len() as i64, i64::from(healthy)))
        }
        (None, Some(share)) => {
            let expected = scale(cluster, names, pods)?;
            Ok((expected, share.scaled_up(expected).ok_or_else(invalid)?))
        }
        (None, None) => Ok((0, 0)),
    }
}

/// How many pods the owners of some pods are to have (`getExpectedScale`). Pods without an owner count for nothing.
fn scale(cluster: &Cluster, names: &Names, pods: &[Pod]) -> Result<i64, String> {
    let mut scales: BTreeMap<ObjectId, i64> = BTreeMap::new();
    for pod in pods {
        let Some(owner) = pod.owner else { continue };
        let kind = names.text(names.object_key(owner).kind);
        let found = cluster.object(owner).filter(|object| object.present);
        let scaled = match kind {
            "ReplicaSet" => found.and_then(|set| match set.controller() {
                Some((sym::DEPLOYMENT, name)) => {
                    cluster.find_object(sym::DEPLOYMENT, set.key.namespace, name)
                }
                _ => Some(set),
            }),
            "StatefulSet" | "ReplicationController" => found,
            "DaemonSet" => return Err(no_scale("daemonsets.apps")),
            "Job" => return Err(no_scale("jobs.batch")),
            "Node" => return Err(no_scale("nodes")),
            other => return Err(no_scale(&format!("{}s", other.to_ascii_lowercase()))),
        };
        let Some(scaled) = scaled else {
            let name = names.object_name(owner);
            return Err(format!("found no controllers for a pod of {kind} {name}"));
        };
        scales.insert(scaled.id, replicas(names, scaled));
    }
    Ok(scales.values().sum())
}

fn no_scale(resource: &str) -> String {
    format!("{resource} does not implement the scale subresource")
}

fn replicas(names: &Names, object: &Object) -> i64 {
    match object.spec {
        ObjectSpec::ReplicaSet { replicas } | ObjectSpec::Deployment { replicas } => i64::from(replicas),
        _ => {
            let manifest: Value = serde_json::from_str(names.doc_text(object.manifest)).unwrap_or_default();
            manifest.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
        }
    }
}

impl Budgets {
    /// The status of a budget, less what was granted.
    pub fn status(&mut self, cluster: &Cluster, names: &Names, budget: &Object) -> &mut BudgetStatus {
        self.0.entry(budget.id).or_insert_with(|| status(cluster, names, budget))
    }

    /// Answers a request to evict a pod, after `EvictionREST.Create`; what is granted is taken from the budget.
    pub fn ask(&mut self, cluster: &Cluster, names: &Names, id: PodId) -> Verdict {
        let Some(pod) = cluster.pod(id) else { return Verdict::Granted };
        if pod.phase == Phase::Pending || pod.terminal() || pod.terminating() {
            return Verdict::Granted;
        }
        let mut budgets = budgets_of(cluster, names, id);
        let Some(budget) = budgets.next() else { return Verdict::Granted };
        if budgets.next().is_some() {
            return Verdict::Never(SEVERAL_BUDGETS.to_owned());
        }
        let unhealthy_may_go = budget.disruption_budget().is_some_and(|spec| spec.unhealthy_may_go);
        let status = self.status(cluster, names, budget);
        // A pod that is not ready protects nobody, as long as enough others do.
        let enough = status.desired_healthy > 0 && status.healthy >= status.desired_healthy;
        if !pod.ready && (unhealthy_may_go || enough) {
            return Verdict::Granted;
        }
        if status.allowed == 0 {
            return Verdict::NotNow(TOO_MANY_REQUESTS.to_owned());
        }
        status.allowed -= 1;
        Verdict::Granted
    }
}

#[cfg(test)]
#[path = "disruption_tests.rs"]
mod tests;
