//! What a pod is made from, compiled: labels, requests, ports, tolerations. One per template and revision.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ApplyError;
use crate::names::{DocId, Names, PodShape, Sym, sym};
use crate::quantity::parse_scaled;
use crate::selector::{NodeSelector, Placement, Toleration};

/// A pod's shape, compiled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shape {
    /// What it was compiled from.
    pub doc: DocId,
    /// Label `controller-revision-hash`; empty if absent.
    pub revision_hash: Sym,
    /// Label `pod-template-generation`.
    pub template_generation: Option<i64>,
    /// All labels, the two above included.
    pub labels: Vec<(Sym, Sym)>,
    /// Node selector, required affinity (without the daemon pod's own node) and tolerations.
    pub placement: Placement,
    /// Requests: `cpu` in millicores, everything else in whole units.
    pub requests: Vec<(Sym, i64)>,
    /// Host ports: protocol, address (`0.0.0.0` if empty), port.
    pub host_ports: Vec<(Sym, Sym, u16)>,
    /// The name of its priority class; empty if none.
    pub priority_class: Sym,
    /// `spec.priority`, where the pod carries it.
    pub priority: Option<i32>,
    /// Whether `spec.preemptionPolicy` is `Never`, where the pod carries one.
    pub never_preempts: Option<bool>,
    /// `spec.schedulerName`.
    pub scheduler: Sym,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace_s: u32,
    /// The first container's image.
    pub image: Sym,
}

/// Compiles a shape.
pub(super) fn compile(shape: PodShape, names: &mut Names) -> Result<Shape, ApplyError> {
    let malformed = |e: serde_json::Error| ApplyError::BadManifest { reason: e.to_string() };
    let value: Value = serde_json::from_str(names.doc_text(shape.doc)).map_err(malformed)?;
    let spec = value.get("spec").cloned().unwrap_or_else(|| json!({ "containers": [] }));
    let spec: PodSpec = serde_json::from_value(spec).map_err(malformed)?;
    let mut labels: Vec<(Sym, Sym)> = value
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (names.sym(key), names.sym(value.as_str().unwrap_or_default())))
        .collect();
    if let Some(generation) = shape.template_generation {
        labels.push((sym::TEMPLATE_GENERATION_LABEL, names.sym(&generation.to_string())));
    }
    if !shape.revision_hash.is_empty() {
        labels.push((sym::REVISION_HASH_LABEL, shape.revision_hash));
    }
    let first = spec.containers.first();
    Ok(Shape {
        doc: shape.doc,
        revision_hash: shape.revision_hash,
        template_generation: shape.template_generation,
        labels,
        placement: placement(&spec, names),
        requests: requests(&spec, names),
        host_ports: host_ports(&spec, names),
        priority_class: names.sym(spec.priority_class_name.as_deref().unwrap_or_default()),
        priority: spec.priority,
        never_preempts: spec.preemption_policy.as_deref().map(|policy| policy == "Never"),
        scheduler: names.sym(spec.scheduler_name.as_deref().unwrap_or("default-scheduler")),
        grace_s: spec
            .termination_grace_period_seconds
            .map_or(30, |s| u32::try_from(s.max(1)).unwrap_or(u32::MAX)),
        image: names.sym(first.and_then(|c| c.image.as_deref()).unwrap_or_default()),
    })
}

/// The placement rules of a pod as it stands: nothing is added to its tolerations.
fn placement(spec: &PodSpec, names: &mut Names) -> Placement {
    let tolerations = spec.tolerations.iter().flatten();
    let tolerations: Vec<_> = tolerations.map(|t| Toleration::compile(t, names)).collect();
    let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
    let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    let required = required.map(|selector| NodeSelector::compile(selector, names));
    Placement { tolerations, required, ..Placement::compile(spec, names) }
}

fn host_ports(spec: &PodSpec, names: &mut Names) -> Vec<(Sym, Sym, u16)> {
    let sidecars = spec.init_containers.iter().flatten().filter(|c| is_sidecar(c));
    let mut ports = Vec::new();
    for port in spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten()) {
        // `SetDefaults_Pod` gives a hostNetwork pod the container's port.
        let host_network = spec.host_network == Some(true);
        let number = port.host_port.or(host_network.then_some(port.container_port)).unwrap_or(0);
        let Ok(number @ 1..) = u16::try_from(number) else { continue };
        let protocol = names.sym(port.protocol.as_deref().filter(|p| !p.is_empty()).unwrap_or("TCP"));
        let address = names.sym(port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0"));
        ports.push((protocol, address, number));
    }
    ports
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

type Amounts = Vec<(Sym, i64)>;

/// What a pod asks for, after `resource.PodRequests`: the sum over containers and sidecars, or the highest
/// step of the init containers where that is more; pod-level requests replace; overhead is added.
fn requests(spec: &PodSpec, names: &mut Names) -> Amounts {
    let mut sum = Amounts::new();
    for container in &spec.containers {
        add(&mut sum, &container_requests(container, names));
    }
    let (mut highest, mut sidecars) = (Amounts::new(), Amounts::new());
    for container in spec.init_containers.iter().flatten() {
        let mut step = container_requests(container, names);
        if is_sidecar(container) {
            add(&mut sum, &step);
            add(&mut sidecars, &step);
            step = sidecars.clone();
        } else {
            add(&mut step, &sidecars);
        }
        raise(&mut highest, &step);
    }
    raise(&mut sum, &highest);
    let pod_level = spec.resources.as_ref().and_then(|r| r.requests.as_ref());
    for (name, quantity) in pod_level.into_iter().flatten() {
        if name == "cpu" || name == "memory" || name.starts_with("hugepages-") {
            let (name, amount) = read_amount(name, quantity, names);
            set(&mut sum, name, |_| amount);
        }
    }
    for (name, quantity) in spec.overhead.iter().flatten() {
        let (name, amount) = read_amount(name, quantity, names);
        set(&mut sum, name, |old| old + amount);
    }
    sum.retain(|amount| amount.1 != 0);
    sum
}

/// A container's requests; limits stand in where a request is missing (`SetDefaults_Pod`).
fn container_requests(container: &Container, names: &mut Names) -> Amounts {
    let Some(resources) = &container.resources else { return Amounts::new() };
    let mut amounts = Amounts::new();
    for (name, quantity) in resources.limits.iter().flatten().chain(resources.requests.iter().flatten()) {
        let (name, amount) = read_amount(name, quantity, names);
        set(&mut amounts, name, |_| amount);
    }
    amounts
}

fn read_amount(name: &str, quantity: &Quantity, names: &mut Names) -> (Sym, i64) {
    // A quantity that does not parse cannot have come through an API server; it asks for nothing.
    let amount = parse_scaled(&quantity.0, if name == "cpu" { 3 } else { 0 }).unwrap_or(0);
    (names.sym(name), amount)
}

fn set(amounts: &mut Amounts, name: Sym, new: impl FnOnce(i64) -> i64) {
    match amounts.iter_mut().find(|a| a.0 == name) {
        Some(amount) => amount.1 = new(amount.1),
        None => amounts.push((name, new(0))),
    }
}

fn add(amounts: &mut Amounts, more: &[(Sym, i64)]) {
    for &(name, amount) in more {
        set(amounts, name, |old| old.saturating_add(amount));
    }
}

fn raise(amounts: &mut Amounts, floor: &[(Sym, i64)]) {
    for &(name, amount) in floor {
        set(amounts, name, |old| old.max(amount));
    }
}

/// The document of the pods that the DaemonSet controller makes from a template, after `CreatePodTemplate`
/// and `GetPodFromTemplate`: labels, annotations and finalizers, and the spec with the automatic tolerations
/// and without required node affinity, which each pod gets for its own node.
pub(crate) fn daemon_pod_doc(template: &Value) -> Value {
    let mut metadata = Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let mut spec = template.get("spec").cloned().unwrap_or_else(|| json!({}));
    if let Some(node_affinity) = spec.pointer_mut("/affinity/nodeAffinity").and_then(Value::as_object_mut) {
        node_affinity.remove("requiredDuringSchedulingIgnoredDuringExecution");
    }
    let host_network = spec.get("hostNetwork").and_then(Value::as_bool).unwrap_or(false);
    if let Some(spec) = spec.as_object_mut() {
        let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
        if let Some(tolerations) = tolerations.as_array_mut() {
            add_daemon_tolerations(tolerations, host_network);
        }
    }
    json!({ "metadata": metadata, "spec": spec })
}

fn add_daemon_tolerations(tolerations: &mut Vec<Value>, host_network: bool) {
    let automatic = [
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/disk-pressure", "NoSchedule"),
        ("node.kubernetes.io/memory-pressure", "NoSchedule"),
        ("node.kubernetes.io/pid-pressure", "NoSchedule"),
        ("node.kubernetes.io/unschedulable", "NoSchedule"),
        ("node.kubernetes.io/network-unavailable", "NoSchedule"),
    ];
    for (key, effect) in &automatic[..if host_network { 7 } else { 6 }] {
        let added = json!({ "key": key, "operator": "Exists", "effect": effect });
        let same = |t: &Value| {
            ["key", "operator", "effect"].iter().all(|field| t.get(field) == added.get(field))
                && t.get("value").and_then(Value::as_str).unwrap_or_default().is_empty()
        };
        let mut found = false;
        for toleration in tolerations.iter_mut().filter(|t| same(t)) {
            *toleration = added.clone();
            found = true;
        }
        if !found {
            tolerations.push(added);
        }
    }
}
