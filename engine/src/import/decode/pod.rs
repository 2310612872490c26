//! Pods.

use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::{Decoder, since, status_of};
use crate::event::{ConditionStatus, Phase};
use crate::import::sighting::{PodView, TextId, Uid};
use crate::import::wire::{Metadata, Object, PodSpecHead, PodStatusJson, number_of, text_of};
use crate::names::{Sym, sym};
use crate::time::ApiSeconds;

/// What a pod's spec said when it was last read.
#[derive(Clone, Copy)]
pub(in crate::import) struct SpecSeen {
    hash: u64,
    node: Option<Sym>,
    target: Option<Sym>,
    text: TextId,
    extras: TextId,
    priority_class: Sym,
    priority: Option<i32>,
}

impl Decoder<'_> {
    pub(super) fn pod(
        &mut self,
        uid: Uid,
        metadata: &Metadata,
        object: &Object,
    ) -> Result<PodView, serde_json::Error> {
        let spec = self.pod_spec(uid, metadata, object)?;
        let status: PodStatusJson = match object.status {
            Some(raw) => serde_json::from_str(raw.get())?,
            None => PodStatusJson::default(),
        };
        let mut view = PodView {
            owner: self.owner(metadata),
            target: spec.target,
            node: spec.node,
            labels: self.tables.labels(metadata.labels.map(|raw| raw.get()), self.names)?,
            extras: spec.extras,
            spec: spec.text,
            priority_class: spec.priority_class,
            priority: spec.priority,
            phase: phase(status.phase.as_deref()),
            reason: self.sym(status.reason.as_ref()),
            ready: None,
            disruption: None,
            unschedulable: None,
            nominated: status.nominated_node_name.filter(|n| !n.is_empty()).map(|n| self.names.sym(&n)),
            restarts: 0,
            deletion: None,
        };
        for condition in status.conditions.iter().flatten() {
            let state = status_of(condition.status.as_ref());
            let changed = since(condition.last_transition_time.as_ref());
            match condition.condition.as_deref() {
                Some("Ready") => view.ready = Some((state, changed)),
                Some("DisruptionTarget") => {
                    view.disruption = Some((state, changed, self.sym(condition.reason.as_ref())));
                }
                Some("PodScheduled")
                    if state == ConditionStatus::False
                        && condition.reason.as_deref() == Some("Unschedulable") =>
                {
                    let message = text_of(condition.message).unwrap_or_default();
                    view.unschedulable = Some(self.names.sym(&message));
                }
                _ => {}
            }
        }
        let restarts = status.container_statuses.iter().flatten();
        let restarts: i64 = restarts.filter_map(|container| number_of(container.restart_count)).sum();
        view.restarts = u32::try_from(restarts).unwrap_or(0);
        if let Some(deadline) = metadata.deletion_timestamp.as_ref().and_then(|t| ApiSeconds::parse(t).ok()) {
            let grace = number_of(metadata.deletion_grace_period_seconds).unwrap_or(0);
            view.deletion = Some((deadline, u32::try_from(grace).unwrap_or(0)));
        }
        Ok(view)
    }

    /// A pod's spec is set for life but for its binding and a few fields, so it is read in full once.
    fn pod_spec(
        &mut self,
        uid: Uid,
        metadata: &Metadata,
        object: &Object,
    ) -> Result<SpecSeen, serde_json::Error> {
        let raw = object.spec.map_or("{}", |raw| raw.get());
        let hash = xxh3_64(raw.as_bytes());
        let known = self.pods.get(&uid).copied();
        if let Some(known) = known.filter(|known| known.hash == hash) {
            return Ok(known);
        }
        if let Some(known) = known.filter(|known| known.node.is_none()) {
            let head: PodSpecHead = serde_json::from_str(raw)?;
            if let Some(node) = head.node_name.filter(|node| !node.is_empty()) {
                let bound = SpecSeen { hash, node: Some(self.names.sym(&node)), ..known };
                self.pods.insert(uid, bound);
                return Ok(bound);
            }
        }
        let mut spec: Value = serde_json::from_str(raw)?;
        let node = take_text(&mut spec, "nodeName").map(|node| self.names.sym(&node));
        let target = take_target(&mut spec).map(|node| self.names.sym(&node));
        strip_service_account_volumes(&mut spec);
        take_text(&mut spec, "hostname");
        let class = spec.get("priorityClassName").and_then(Value::as_str).unwrap_or_default();
        let priority_class = self.names.sym(class);
        let priority = spec.get("priority").and_then(Value::as_i64).and_then(|p| i32::try_from(p).ok());
        let text = self.tables.text(&spec.to_string());
        let extras = match known {
            Some(known) => {
                if known.text != text {
                    self.report.drop_one("Pod: spec changed in place");
                }
                known.extras
            }
            None => self.pod_extras(metadata)?,
        };
        // What the pod was made from stays what it was when it was made.
        let text = known.map_or(text, |known| known.text);
        let seen = SpecSeen { hash, node, target, text, extras, priority_class, priority };
        self.pods.insert(uid, seen);
        Ok(seen)
    }

    /// Annotations and finalizers, without what nodes and networks write on single pods.
    fn pod_extras(&mut self, metadata: &Metadata) -> Result<TextId, serde_json::Error> {
        let mut extras = Map::new();
        if let Some(raw) = metadata.annotations {
            let mut annotations: Map<String, Value> = serde_json::from_str(raw.get())?;
            let before = annotations.len();
            annotations.retain(|key, _| !is_per_pod_annotation(key));
            for _ in annotations.len()..before {
                self.report.drop_one("Pod: annotation of a single pod");
            }
            if !annotations.is_empty() {
                extras.insert("annotations".to_owned(), Value::Object(annotations));
            }
        }
        let finalizers: Vec<&str> = metadata.finalizers.iter().flatten().map(|f| &**f).collect();
        if !finalizers.is_empty() {
            extras.insert("finalizers".to_owned(), json!(finalizers));
        }
        Ok(self.tables.text(&Value::Object(extras).to_string()))
    }
}

fn is_per_pod_annotation(key: &str) -> bool {
    const PREFIXES: [&str; 5] = [
        "cni.projectcalico.org/",
        "k8s.v1.cni.cncf.io/",
        "k8s.ovn.org/",
        "kubernetes.io/config.",
        "kubectl.kubernetes.io/last-applied-configuration",
    ];
    PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

fn phase(text: Option<&str>) -> Phase {
    match text {
        Some("Running") => Phase::Running,
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        Some("Unknown") => Phase::Unknown,
        _ => Phase::Pending,
    }
}

fn take_text(object: &mut Value, key: &str) -> Option<String> {
    match object.as_object_mut()?.remove(key)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The node that required affinity pins the pod to, after `GetTargetNodeName`. Where the affinity does nothing
/// else, it is what the DaemonSet controller gave this one pod, and is taken out of the spec.
fn take_target(spec: &mut Value) -> Option<String> {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let terms = spec.pointer(&format!("/affinity/nodeAffinity/{REQUIRED}/nodeSelectorTerms"))?.as_array()?;
    let fields = terms.iter().flat_map(|term| term.get("matchFields").and_then(Value::as_array)).flatten();
    let is = |field: &Value, key, value| field.get(key).and_then(Value::as_str) == Some(value);
    let mut named = fields.filter(|f| is(f, "key", "metadata.name") && is(f, "operator", "In"));
    let values = named.next()?.get("values")?.as_array()?;
    let [Value::String(node)] = values.as_slice() else { return None };
    let node = node.clone();
    let own = match terms.as_slice() {
        [Value::Object(term)] => {
            term.keys().all(|key| key == "matchFields")
                && term.get("matchFields").and_then(Value::as_array).is_some_and(|fields| fields.len() == 1)
        }
        _ => false,
    };
    if own {
        remove_empty(spec, &["affinity", "nodeAffinity", REQUIRED]);
    }
    Some(node)
}

/// The node that a pod's spec, in JSON, is for.
pub(in crate::import) fn target_of(spec: &str) -> Option<String> {
    let mut spec: Value = serde_json::from_str(spec).ok()?;
    take_target(&mut spec)
}

/// Removes what a path leads to, and what that leaves empty above it.
fn remove_empty(value: &mut Value, path: &[&str]) {
    let Some(map) = value.as_object_mut() else { return };
    match path {
        [] => {}
        [last] => {
            map.remove(*last);
        }
        [first, rest @ ..] => {
            let Some(inner) = map.get_mut(*first) else { return };
            remove_empty(inner, rest);
            if inner.as_object().is_some_and(Map::is_empty) {
                map.remove(*first);
            }
        }
    }
}

/// The volume with the service account's token, which the API server adds under a name of its own for each pod.
fn strip_service_account_volumes(spec: &mut Value) {
    let generated = |name: Option<&Value>| {
        name.and_then(Value::as_str).is_some_and(|name| name.starts_with("kube-api-access-"))
    };
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            strip_from_list(container, "volumeMounts", |mount| generated(mount.get("name")));
        }
    }
    strip_from_list(spec, "volumes", |volume| generated(volume.get("name")));
}

fn strip_from_list(object: &mut Value, key: &str, unwanted: impl Fn(&Value) -> bool) {
    let Some(map) = object.as_object_mut() else { return };
    let Some(list) = map.get_mut(key).and_then(Value::as_array_mut) else { return };
    list.retain(|entry| !unwanted(entry));
    if list.is_empty() {
        map.remove(key);
    }
}

/// The two labels of a daemon pod that its shape holds by themselves, and the rest.
pub(in crate::import) fn split_labels<'l>(
    labels: &'l [(Sym, Sym)],
    names: &'l crate::names::Names,
) -> (Sym, Option<i64>, impl Iterator<Item = (&'l str, &'l str)>) {
    let of = |key| labels.iter().find(|label| label.0 == key).map(|label| label.1);
    let hash = of(sym::REVISION_HASH_LABEL).unwrap_or(Sym::EMPTY);
    let generation = of(sym::TEMPLATE_GENERATION_LABEL).and_then(|text| names.text(text).parse::<i64>().ok());
    let rest = labels.iter().filter(move |label| match label.0 {
        sym::REVISION_HASH_LABEL => false,
        sym::TEMPLATE_GENERATION_LABEL => generation.is_none(),
        _ => true,
    });
    (hash, generation, rest.map(|label| (names.text(label.0), names.text(label.1))))
}
