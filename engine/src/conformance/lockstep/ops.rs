//! What a scenario's steps do to the cluster.

use serde_json::Value;

use super::scenario::Scenario;
use crate::cluster::deletion_is_immediate;
use crate::conformance::objects;
use crate::event::{Body, ConditionStatus, Phase, PodCondition, Propagation, Track, Why};
use crate::names::{PodId, Sym, sym};

impl Scenario {
    /// Applies one operation. One about something that is not there any more is ignored.
    ///
    /// # Errors
    /// Names the operation that is not known or does not fit.
    pub fn apply(&mut self, op: &Value) -> Result<(), String> {
        let part = |field: &str| op.get(field).ok_or_else(|| format!("an op without {field}: {op}"));
        match objects::text(op, "/op") {
            "nodeApply" => self.node_apply(part("node")?),
            "nodeDelete" => self.node_delete(objects::text(op, "/name")),
            "dsCreate" => self.loader.daemon_set(part("daemonSet")?).map(|_| ()),
            "dsUpdate" => self.daemon_set_update(part("daemonSet")?),
            "dsDelete" => self.daemon_set_delete(objects::text(op, "/name"), objects::text(op, "/cascade")),
            "podCreate" => self.load_pod(objects::text(op, "/ref"), part("pod")?),
            "podDelete" => self.with_pod(op, Self::pod_delete),
            "podLabel" => self.with_pod(op, |s, pod| s.pod_label(pod, part("labels")?)),
            "podFail" => self.with_pod(op, Self::pod_fail),
            "podReady" => {
                let ready = part("ready")?.as_bool().unwrap_or(false);
                self.with_pod(op, |s, pod| s.pod_ready(pod, ready, Track::User))
            }
            "kubelet" => {
                let up = part("up")?.as_bool().unwrap_or(true);
                self.kubelet(objects::text(op, "/name"), up)
            }
            "advance" => {
                let ms = part("ms")?.as_i64().unwrap_or(0);
                self.advance_ms = self.advance_ms.max(ms);
                Ok(())
            }
            other => Err(format!("op {other:?} is not known")),
        }
    }

    /// Loads a pod under its reference; `…#k` is its ordinal, anything else its own name.
    pub fn load_pod(&mut self, reference: &str, pod: &Value) -> Result<(), String> {
        let ordinal = if reference.starts_with("orphan:") { None } else { reference.rsplit_once('#') };
        let ordinal = ordinal.and_then(|(_, ordinal)| ordinal.parse().ok());
        let id = self.loader.pod(pod, ordinal)?;
        self.take_note();
        self.book.name(id, reference, &self.loader.world.cluster);
        Ok(())
    }

    fn happen(&mut self, track: Track, body: Body) -> Result<(), String> {
        self.loader.happen(track, body).map(|_| ())
    }

    fn with_pod(
        &mut self,
        op: &Value,
        act: impl FnOnce(&mut Self, PodId) -> Result<(), String>,
    ) -> Result<(), String> {
        self.take_note();
        match self.book.pod(objects::text(op, "/ref")) {
            Some(pod) => act(self, pod),
            None => Ok(()),
        }
    }

    fn node_apply(&mut self, node: &Value) -> Result<(), String> {
        let name = objects::name(node).to_owned();
        match self.nodes.insert(name, node.clone()) {
            None => self.loader.node(node).map(|_| ()),
            Some(old) => {
                let names = &mut self.loader.world.names;
                let id = objects::node_id(objects::name(node), names);
                let changes = objects::node_changes(id, &old, node, names);
                changes.into_iter().try_for_each(|change| self.happen(Track::Cluster, change))
            }
        }
    }

    fn node_delete(&mut self, name: &str) -> Result<(), String> {
        if self.nodes.remove(name).is_none() {
            return Ok(());
        }
        let node = objects::node_id(name, &mut self.loader.world.names);
        self.happen(Track::Cluster, Body::NodeLeft { node })
    }

    fn find(&mut self, namespace: &str, name: &str) -> Option<crate::names::ObjectId> {
        let world = &mut self.loader.world;
        let (namespace, name) = (world.names.sym(namespace), world.names.sym(name));
        world.cluster.find_object(sym::DAEMON_SET, namespace, name).map(|object| object.id)
    }

    fn daemon_set_update(&mut self, value: &Value) -> Result<(), String> {
        match self.find(objects::text(value, "/metadata/namespace"), objects::name(value)) {
            None => Ok(()),
            Some(_) => {
                // The recording's API server made every update news, also one that changed nothing.
                self.updates += 1;
                let mut value = value.clone();
                value["metadata"]["resourceVersion"] = Value::String(self.updates.to_string());
                self.loader.daemon_set(&value).map(|_| ())
            }
        }
    }

    fn daemon_set_delete(&mut self, name: &str, cascade: &str) -> Result<(), String> {
        let (namespace, name) = name.split_once('/').ok_or("dsDelete: name is no namespace/name")?;
        let Some(object) = self.find(namespace, name) else { return Ok(()) };
        let propagation = match cascade {
            "background" | "" => Propagation::Background,
            "foreground" => Propagation::Foreground,
            "orphan" => Propagation::Orphan,
            other => return Err(format!("cascade {other:?} is not known")),
        };
        self.happen(Track::User, Body::DeleteRequested { object, propagation })?;
        if propagation == Propagation::Orphan {
            let owned = self.loader.world.cluster.object(object).cloned().ok_or("no object")?;
            for pod in owned.pods {
                self.happen(Track::Lifecycle, Body::PodReleased { pod })?;
            }
            for revision in owned.revisions {
                self.happen(Track::Lifecycle, Body::RevisionReleased { revision })?;
            }
            self.happen(Track::Lifecycle, Body::ObjectRemoved { object })?;
        }
        Ok(())
    }

    fn pod_delete(&mut self, pod: PodId) -> Result<(), String> {
        let facts = self.loader.world.cluster.pod(pod).ok_or("no pod")?;
        if facts.terminating() {
            return Ok(());
        }
        let deadline = self.loader.now.api_seconds();
        self.happen(Track::User, Body::PodDeleted { pod, why: Why::User, grace_s: 30, deadline })?;
        if deletion_is_immediate(&facts) {
            self.happen(Track::User, Body::PodGone { pod })?;
        }
        Ok(())
    }

    fn pod_label(&mut self, pod: PodId, labels: &Value) -> Result<(), String> {
        for (key, value) in labels.as_object().into_iter().flatten() {
            let names = &mut self.loader.world.names;
            let key = names.sym(key);
            let body = match value.as_str() {
                Some(value) => Body::PodLabelSet { pod, key, value: names.sym(value) },
                None => Body::PodLabelRemoved { pod, key },
            };
            self.happen(Track::User, body)?;
        }
        self.touch(pod)
    }

    /// An update that changes nothing that is looked at. The recording's API server made it news all the same.
    fn touch(&mut self, pod: PodId) -> Result<(), String> {
        let restarts = self.loader.world.cluster.pod(pod).map_or(0, |pod| pod.restarts) + 1;
        self.happen(Track::User, Body::PodRestarted { pod, restarts })
    }

    fn pod_fail(&mut self, pod: PodId) -> Result<(), String> {
        self.happen(Track::User, Body::PodPhaseSet { pod, phase: Phase::Failed, reason: Sym::EMPTY })?;
        self.pod_ready(pod, false, Track::User)
    }

    fn pod_ready(&mut self, pod: PodId, ready: bool, track: Track) -> Result<(), String> {
        let facts = self.loader.world.cluster.pod(pod).ok_or("no pod")?;
        if facts.ready == ready {
            return self.touch(pod);
        }
        let status = if ready { ConditionStatus::True } else { ConditionStatus::False };
        let (condition, since) = (PodCondition::Ready, self.loader.now.api_seconds());
        self.happen(track, Body::PodConditionSet { pod, condition, status, since })
    }

    fn kubelet(&mut self, name: &str, up: bool) -> Result<(), String> {
        if !self.nodes.contains_key(name) {
            return Ok(());
        }
        let node = objects::node_id(name, &mut self.loader.world.names);
        if up {
            return self.happen(Track::Cluster, Body::NodeReturned { node });
        }
        self.happen(Track::Cluster, Body::NodeSilent { node })?;
        let pods = self.loader.world.cluster.node(node).map(|node| node.pods.clone()).unwrap_or_default();
        let ready = |pod: &PodId| self.loader.world.cluster.pod(*pod).is_some_and(|pod| pod.ready);
        let pods: Vec<_> = pods.into_iter().filter(ready).collect();
        pods.into_iter().try_for_each(|pod| self.pod_ready(pod, false, Track::Lifecycle))
    }
}
