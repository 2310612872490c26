//! Puts the API objects of a case into a world, as events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::objects;
use crate::event::{Body, ConditionStatus, Event, Flags, Phase, PodCondition, Track, Why, WorkloadStatus};
use crate::names::{NodeId, ObjectId, ObjectKey, PodId, PodShape, RevisionId, Seq, ShapeId, Sym, sym};
use crate::sim::World;
use crate::time::{ApiSeconds, Time};

/// A world that is being filled, and which uids its objects have.
pub struct Loader {
    /// The world.
    pub world: World,
    /// When what is loaded happens.
    pub now: Time,
    by_uid: BTreeMap<String, ObjectId>,
}

/// Where a pod's labels and spec part: what is the same for all pods of a template, and what is its own.
struct PodParts {
    shape: ShapeId,
    node: Option<NodeId>,
    bound: bool,
}

impl Loader {
    /// Begins with an empty world.
    pub fn new(world: World, now: Time) -> Self {
        Loader { world, now, by_uid: BTreeMap::new() }
    }

    /// Lets something happen that comes from outside.
    ///
    /// # Errors
    /// It does not fit the world: the case contradicts itself.
    pub fn happen(&mut self, track: Track, body: Body) -> Result<Seq, String> {
        self.happen_with(track, Flags::NONE, body)
    }

    /// Lets something be so that was before: no news to those who wait for a change.
    fn was(&mut self, track: Track, body: Body) -> Result<Seq, String> {
        self.happen_with(track, Flags::GENESIS, body)
    }

    fn happen_with(&mut self, track: Track, flags: Flags, body: Body) -> Result<Seq, String> {
        let event = Event { flags, ..Event::new(self.now, track, body) };
        self.world.happen(event).map_err(|e| e.to_string())
    }

    /// Loads a node.
    pub fn node(&mut self, node: &Value) -> Result<NodeId, String> {
        let id = objects::node_id(objects::name(node), &mut self.world.names);
        let spec = objects::node_spec(node, &mut self.world.names);
        let spec = self.world.names.node_spec(spec);
        let created = objects::time(node, "/metadata/creationTimestamp")?;
        self.happen(Track::Cluster, Body::NodeJoined { node: id, spec, created })?;
        Ok(id)
    }

    /// Creates or changes a DaemonSet. A uid that is new is a new object.
    pub fn daemon_set(&mut self, value: &Value) -> Result<ObjectId, String> {
        let uid = objects::text(value, "/metadata/uid").to_owned();
        let names = &mut self.world.names;
        let namespace = names.sym(objects::text(value, "/metadata/namespace"));
        let name = names.sym(objects::name(value));
        let known = self.by_uid.get(&uid).copied();
        let object = known
            .unwrap_or_else(|| names.object(self.world.cluster.next_key(sym::DAEMON_SET, namespace, name)));
        self.by_uid.insert(uid, object);
        let mut manifest = value.clone();
        if let Some(manifest) = manifest.as_object_mut() {
            manifest.remove("status");
        }
        let manifest = self.world.names.doc(&manifest.to_string());
        self.happen(Track::User, Body::Applied { object, manifest })?;
        Ok(object)
    }

    /// Loads a DaemonSet's status.
    pub fn status(&mut self, object: ObjectId, value: &Value) -> Result<(), String> {
        let number = |field: &str| value.get(field).and_then(Value::as_i64).unwrap_or(0);
        let count = |field: &str| u32::try_from(number(field)).unwrap_or(0);
        let status = WorkloadStatus {
            desired: count("desiredNumberScheduled"),
            current: count("currentNumberScheduled"),
            misscheduled: count("numberMisscheduled"),
            ready: count("numberReady"),
            updated: count("updatedNumberScheduled"),
            available: count("numberAvailable"),
            unavailable: count("numberUnavailable"),
            collision_count: value.get("collisionCount").and_then(Value::as_u64).map(|n| n as u32),
            observed_generation: number("observedGeneration"),
        };
        self.happen(Track::DaemonSet, Body::StatusWritten { object, status }).map(|_| ())
    }

    /// Loads a ControllerRevision.
    pub fn revision(&mut self, value: &Value) -> Result<(), String> {
        let mut template =
            value.pointer("/data/spec/template").cloned().ok_or("a revision without template")?;
        if let Some(template) = template.as_object_mut() {
            template.remove("$patch");
        }
        let owner = self.owner(value);
        let created = objects::time(value, "/metadata/creationTimestamp")?;
        let names = &mut self.world.names;
        let hash = value.pointer("/metadata/labels/controller-revision-hash").and_then(Value::as_str);
        let body = Body::RevisionCreated {
            revision: RevisionId::from_index(0),
            owner,
            number: value.get("revision").and_then(Value::as_i64).unwrap_or(0),
            namespace: names.sym(objects::text(value, "/metadata/namespace")),
            name: names.sym(objects::name(value)),
            hash: names.sym(hash.unwrap_or_default()),
            template: names.doc(&template.to_string()),
            created,
        };
        self.happen(Track::DaemonSet, body).map(|_| ())
    }

    /// Loads a pod. With an ordinal its name follows from that, else it is its own.
    pub fn pod(&mut self, value: &Value, ordinal: Option<u32>) -> Result<PodId, String> {
        let owner = self.owner(value);
        let PodParts { shape, node, bound } = self.pod_parts(value);
        let created = objects::time(value, "/metadata/creationTimestamp")?;
        let pod = self.world.cluster.next_pod();
        let names = &mut self.world.names;
        let name = if ordinal.is_some() { Sym::EMPTY } else { names.sym(objects::name(value)) };
        let namespace = names.sym(objects::text(value, "/metadata/namespace"));
        let ordinal = ordinal.unwrap_or(0);
        let body = Body::PodCreated { pod, owner, node, ordinal, name, namespace, shape, created };
        self.was(Track::DaemonSet, body)?;
        if let Some(node) = node.filter(|_| bound) {
            self.was(Track::Scheduler, Body::PodBound { pod, node })?;
        }
        self.pod_status(pod, value)?;
        if value.pointer("/metadata/deletionTimestamp").is_some() {
            let deadline = objects::time(value, "/metadata/deletionTimestamp")?;
            self.was(Track::User, Body::PodDeleted { pod, why: Why::Unknown, grace_s: 30, deadline })?;
        }
        Ok(pod)
    }

    fn pod_status(&mut self, pod: PodId, value: &Value) -> Result<(), String> {
        let phase = match objects::text(value, "/status/phase") {
            "Running" => Phase::Running,
            "Succeeded" => Phase::Succeeded,
            "Failed" => Phase::Failed,
            _ => Phase::Pending,
        };
        if phase != Phase::Pending {
            self.was(Track::Kubelet, Body::PodPhaseSet { pod, phase, reason: Sym::EMPTY })?;
        }
        let conditions = value.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        for condition in conditions.filter(|c| objects::text(c, "/type") == "Ready") {
            let status = match objects::text(condition, "/status") {
                "True" => ConditionStatus::True,
                "Unknown" => ConditionStatus::Unknown,
                _ => ConditionStatus::False,
            };
            // Without a time a pod is never available where one has to pass.
            let since = match objects::text(condition, "/lastTransitionTime") {
                "" => ApiSeconds(i64::MAX),
                text => ApiSeconds::parse(text).map_err(|e| e.to_string())?,
            };
            let condition = PodCondition::Ready;
            self.was(Track::Kubelet, Body::PodConditionSet { pod, condition, status, since })?;
        }
        Ok(())
    }

    /// The controller that an object names; one that was not loaded gets an id of its own.
    fn owner(&mut self, value: &Value) -> Option<ObjectId> {
        let owners = value.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
        let owner = owners.iter().find(|o| o.get("controller").and_then(Value::as_bool) == Some(true))?;
        let uid = objects::text(owner, "/uid");
        if let Some(known) = self.by_uid.get(uid) {
            return Some(*known);
        }
        let names = &mut self.world.names;
        let key = ObjectKey {
            kind: names.sym(objects::text(owner, "/kind")),
            namespace: names.sym(objects::text(value, "/metadata/namespace")),
            name: names.sym(objects::text(owner, "/name")),
            // Beyond every incarnation that a case comes to.
            incarnation: u32::MAX - u32::try_from(self.by_uid.len()).unwrap_or(0),
        };
        let id = names.object(key);
        self.by_uid.insert(uid.to_owned(), id);
        Some(id)
    }

    fn pod_parts(&mut self, value: &Value) -> PodParts {
        let names = &mut self.world.names;
        let mut labels =
            value.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
        let hash = labels.remove("controller-revision-hash");
        let hash = hash.as_ref().and_then(Value::as_str).unwrap_or_default();
        let revision_hash = names.sym(hash);
        let template_generation =
            labels.get("pod-template-generation").and_then(Value::as_str).and_then(|text| text.parse().ok());
        if template_generation.is_some() {
            labels.remove("pod-template-generation");
        }
        let mut spec = value.get("spec").cloned().unwrap_or_else(|| json!({}));
        let bound = spec.as_object_mut().and_then(|spec| spec.remove("nodeName"));
        let bound = bound.as_ref().and_then(Value::as_str).filter(|node| !node.is_empty());
        let target = target_node(&spec).map(str::to_owned);
        if target.is_some()
            && let Some(affinity) = spec.pointer_mut("/affinity/nodeAffinity").and_then(Value::as_object_mut)
        {
            affinity.remove(REQUIRED);
        }
        let node = bound.or(target.as_deref()).map(|node| objects::node_id(node, names));
        let doc = names.doc(&json!({ "metadata": { "labels": labels }, "spec": spec }).to_string());
        let shape = names.shape(PodShape { doc, revision_hash, template_generation });
        PodParts { shape, node, bound: bound.is_some() }
    }
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// The node that a pod's required affinity names, after `GetTargetNodeName`.
fn target_node(spec: &Value) -> Option<&str> {
    let terms = spec.pointer(&format!("/affinity/nodeAffinity/{REQUIRED}/nodeSelectorTerms"))?.as_array()?;
    let fields = terms.iter().filter_map(|term| term.get("matchFields")?.as_array()).flatten();
    let mut named = fields.filter(|field| {
        objects::text(field, "/key") == "metadata.name" && objects::text(field, "/operator") == "In"
    });
    match named.next()?.get("values")?.as_array()?.as_slice() {
        [one] => one.as_str(),
        _ => None,
    }
}
