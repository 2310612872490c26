//! Calls inside upstream's own unit tests of the controller.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::loader::Loader;
use super::objects::{self, ZERO_TIME};
use super::{Runner, Tally, difference, id};
use crate::actors::daemonset::{
    ApiServer, DaemonPod, DaemonSetController, Key, Limits, Refusal, Report, Settings, SyncError, SyncOutcome,
};
use crate::cluster::{Cluster, DaemonSet, Object};
use crate::event::{Event, Phase, Track, WorkloadStatus};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, Sym};
use crate::selector::Eligibility;
use crate::sim::{Actor, World};
use crate::time::Time;

/// Runs calls inside unit tests.
#[derive(Debug)]
pub struct Upstream;

impl Runner for Upstream {
    fn run(&mut self, case: &Value, tally: &mut Tally) -> Result<(), String> {
        let verdict = match objects::text(case, "/kind") {
            "sync" => Call::load(case)?.sync(case)?,
            "nodeShouldRun" => Call::load(case)?.should_run(case)?,
            "updateNodeEnqueues" => Call::load(case)?.update_node(case)?,
            "updateCounts" => Call::load(case)?.update_counts(case)?,
            other => return Err(format!("kind {other:?} is not known")),
        };
        tally.count(&id(case), verdict);
        Ok(())
    }
}

/// What the fixture of a test makes the API server do. Recordings hold the controller's stores but not these
/// answers; they are part of the tests, so the test's name says them.
#[derive(Clone, Copy, Debug, Default)]
struct Fixture {
    /// Creations are counted and fail.
    creation_fails: bool,
    /// The clientset does not hold the DaemonSet, or holds it as being deleted: adoption is refused.
    adoption_fails: bool,
}

impl Fixture {
    fn of(test: &str) -> Fixture {
        let (test, case) = test.split_once('/').unwrap_or((test, ""));
        match test {
            "TestSimpleDaemonSetUpdatesStatusError" => {
                Fixture { creation_fails: case.contains("sync"), ..Fixture::default() }
            }
            "TestDontDoAnythingIfBeingDeletedRace" | "TestUpdateNode" | "TestDeleteNoDaemonPod" => {
                Fixture { adoption_fails: true, ..Fixture::default() }
            }
            _ => Fixture::default(),
        }
    }
}

/// Upstream's fakes: created pods are seen at once, without owner and creation time; only pods that the fakes
/// created can be deleted, and are then gone at once.
struct Fakes<'a> {
    spec: &'a DaemonSet,
    fixture: Fixture,
    creations_left: usize,
    hash: Sym,
    made_by_fakes: BTreeSet<PodId>,
    created: Vec<NodeId>,
    deleted: Vec<(Option<PodId>, NodeId)>,
}

impl ApiServer for Fakes<'_> {
    fn create(&mut self, node: NodeId, _names: &Names) -> Result<Option<DaemonPod>, Refusal> {
        let refuse = |reason: &str| Refusal { reason: reason.to_owned(), namespace_terminating: false };
        self.creations_left = self.creations_left.checked_sub(1).ok_or_else(|| refuse("limit reached"))?;
        self.created.push(node);
        if self.fixture.creation_fails {
            return Err(refuse("sync error"));
        }
        Ok(Some(DaemonPod {
            id: None,
            node,
            bound: self.spec.placement.node_name.is_some(),
            ready: false,
            ready_since: None,
            phase: Phase::Pending,
            terminating: false,
            created: ZERO_TIME,
            ordinal: u32::MAX,
            name: Sym::EMPTY,
            orphan: true,
            hash: self.hash,
            template_generation: None,
            made: Seq::NONE,
            changed: Seq::NONE,
        }))
    }

    fn delete(&mut self, pod: &DaemonPod) -> Result<bool, String> {
        self.deleted.push((pod.id, pod.node));
        if pod.id.is_none_or(|id| self.made_by_fakes.contains(&id)) {
            Ok(true)
        } else {
            Err("pod does not exist".to_owned())
        }
    }

    fn may_adopt(&self) -> bool {
        !self.fixture.adoption_fails
    }
}

/// A case, loaded.
struct Call {
    names: Names,
    cluster: Cluster,
    controller: DaemonSetController,
    daemon_sets: Vec<ObjectId>,
    pods: BTreeMap<PodId, String>,
    now: Time,
}

fn list<'a>(case: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    case.get(field).and_then(Value::as_array).into_iter().flatten()
}

impl Call {
    fn load(case: &Value) -> Result<Call, String> {
        // Calls that do not look at the clock say no time.
        let now = match objects::text(case, "/now") {
            "" => Time(0),
            text => Time::parse(text).map_err(|e| e.to_string())?,
        };
        let mut loader = Loader::new(World::new(Names::new(), Vec::new()), now);
        // A node update has the node twice, as it was and as it is; it is loaded as it was.
        let twice = objects::text(case, "/kind") == "updateNodeEnqueues";
        for node in list(case, "nodes").take(if twice { 1 } else { usize::MAX }) {
            loader.node(node)?;
        }
        let mut daemon_sets = Vec::new();
        for daemon_set in list(case, "daemonSets") {
            let object = loader.daemon_set(daemon_set)?;
            loader.status(object, &status_of(daemon_set))?;
            daemon_sets.push(object);
            if daemon_set.pointer("/metadata/deletionTimestamp").is_some() {
                let propagation = crate::event::Propagation::Foreground;
                loader.happen(Track::User, crate::event::Body::DeleteRequested { object, propagation })?;
            }
        }
        list(case, "controllerRevisions").try_for_each(|revision| loader.revision(revision))?;
        let mut pods = BTreeMap::new();
        for pod in list(case, "pods") {
            pods.insert(loader.pod(pod, None)?, objects::name(pod).to_owned());
        }
        let World { names, cluster, .. } = loader.world;
        let controller = DaemonSetController::new(Settings::default());
        Ok(Call { names, cluster, controller, daemon_sets, pods, now })
    }

    fn sync(mut self, case: &Value) -> Result<Result<(), String>, String> {
        let key = objects::text(case, "/sync");
        let (namespace, name) = key.split_once('/').ok_or("sync is no namespace/name")?;
        let key = Key { namespace: self.names.sym(namespace), name: self.names.sym(name) };
        let object = self.cluster.find_object(crate::names::sym::DAEMON_SET, key.namespace, key.name);
        let object: Object = object.cloned().ok_or("the synced DaemonSet is not there")?;
        let spec = object.daemon_set().cloned().ok_or("the synced object is no DaemonSet")?;
        let hash = self.names.sym(objects::text(case, "/currentHash"));
        self.current_revision(&object, &spec, hash)?;
        for node in list(case, "nodesInBackoff").filter_map(Value::as_str) {
            let node = objects::node_id(node, &mut self.names);
            self.controller.back_off(&object, node, self.now);
        }
        if case.get("expectationsSatisfied").and_then(Value::as_bool) == Some(false) {
            self.controller.expect_creation(key, self.now);
        }
        let limit = case.get("podCreateLimit").and_then(Value::as_u64).unwrap_or(0);
        let mut fakes = Fakes {
            spec: &spec,
            fixture: Fixture::of(objects::text(case, "/test")),
            creations_left: if limit == 0 {
                usize::MAX
            } else {
                usize::try_from(limit).unwrap_or(usize::MAX)
            },
            hash,
            // The fakes name their pods after an address.
            made_by_fakes: self
                .pods
                .iter()
                .filter(|(_, name)| name.starts_with("0x"))
                .map(|(id, _)| *id)
                .collect(),
            created: Vec::new(),
            deleted: Vec::new(),
        };
        let out = self.controller.decide(
            key,
            Seq::NONE,
            Some(&mut fakes),
            &self.cluster,
            &mut self.names,
            self.now,
        );
        let Fakes { created, deleted, .. } = fakes;
        Ok(self.compare(case, &out, &created, &deleted))
    }

    /// Gives the current template the revision that the recording says it has.
    fn current_revision(&mut self, object: &Object, spec: &DaemonSet, hash: Sym) -> Result<(), String> {
        let body = crate::event::Body::RevisionCreated {
            revision: self.cluster.next_revision(),
            owner: Some(object.id),
            number: i64::from(u16::MAX),
            namespace: object.key.namespace,
            name: hash,
            hash,
            template: spec.template,
            created: self.now.api_seconds(),
        };
        let event = Event::new(self.now, Track::DaemonSet, body);
        let seq = self.cluster.last_event().next();
        self.cluster.apply(&mut self.names, seq, &event).map(|_| ()).map_err(|e| e.to_string())
    }

    fn compare(
        &self,
        case: &Value,
        out: &SyncOutcome,
        created: &[NodeId],
        deleted: &[(Option<PodId>, NodeId)],
    ) -> Result<(), String> {
        let expect = case.get("expect").cloned().unwrap_or_default();
        let mut creates: Vec<_> = created.iter().map(|node| self.names.node_name(*node)).collect();
        creates.sort_unstable();
        let mut deletes: Vec<_> = deleted
            .iter()
            .map(|(pod, node)| {
                let pod = pod.and_then(|pod| self.pods.get(&pod)).map(String::as_str).unwrap_or_default();
                json!({ "pod": pod, "node": self.names.node_name(*node) })
            })
            .collect();
        deletes.sort_by_key(Value::to_string);
        let mut expected_deletes: Vec<_> = list(&expect, "deletes").cloned().collect();
        expected_deletes.sort_by_key(Value::to_string);
        let mut expected_creates: Vec<_> = list(&expect, "creates").filter_map(Value::as_str).collect();
        expected_creates.sort_unstable();
        // Upstream's listers are in no order here: where not all that is wanted is done, only numbers count.
        if expect.get("unordered").is_some() || !out.refusals.is_empty() {
            same("number of creates", &expected_creates.len(), &creates.len())?;
            same("number of deletes", &expected_deletes.len(), &deletes.len())?;
        } else {
            same("creates", &json!(expected_creates), &json!(creates))?;
            same("deletes", &json!(expected_deletes), &json!(deletes))?;
        }
        let warnings = out.reports.iter().filter(|r| !matches!(r, Report::SucceededDaemonPod(..)));
        same("warning events", &number(&expect, "events"), &(warnings.count() as i64))?;
        same("owner patches", &number(&expect, "ownerPatches"), &(out.owner_patches as i64))?;
        let status = out.status.map(|status| counters(&status));
        let expected_status = expect.get("statusWritten").map(expected_counters);
        same("status", &json!(expected_status), &json!(status))?;
        // That the fake client knows no such DaemonSet to write a status of is no decision of the controller.
        let text = objects::text(&expect, "/error");
        let expected_error = !text.is_empty() && !text.starts_with("error storing status");
        let error = out.error.as_ref().map(SyncError::to_string).unwrap_or_default();
        if expected_error == error.is_empty() {
            return Err(difference("error", &format!("{text:?}"), &format!("{error:?}")));
        }
        Ok(())
    }

    fn daemon_set(&self) -> Result<(&Object, &DaemonSet), String> {
        let object = self.daemon_sets.first().and_then(|id| self.cluster.object(*id));
        object.and_then(|object| Some((object, object.daemon_set()?))).ok_or("no DaemonSet".to_owned())
    }

    fn eligibility(&self, spec: &DaemonSet, node: NodeId) -> Eligibility {
        let node = self.cluster.node(node);
        node.map_or(Eligibility::default(), |node| {
            spec.placement.eligibility(node.name, &node.labels, &node.taints, &self.names)
        })
    }

    fn should_run(&self, case: &Value) -> Result<Result<(), String>, String> {
        let (_, spec) = self.daemon_set()?;
        let node = *self.cluster.nodes().first().ok_or("no node")?;
        let got = self.eligibility(spec, node);
        let got = json!({ "shouldRun": got.should_run, "shouldContinueRunning": got.should_continue });
        let expected = |field: &str| case.pointer(&format!("/expect/{field}")).and_then(Value::as_bool);
        let expected = json!({
            "shouldRun": expected("shouldRun").unwrap_or(false),
            "shouldContinueRunning": expected("shouldContinueRunning").unwrap_or(false),
        });
        Ok(same("node", &expected, &got))
    }

    fn update_node(mut self, case: &Value) -> Result<Result<(), String>, String> {
        let (object, _) = self.daemon_set()?;
        let key = Key::of(object);
        let mut nodes = list(case, "nodes");
        let (old, new) = (nodes.next().ok_or("no node")?, nodes.next().ok_or("no second node")?);
        let id = objects::node_id(objects::name(new), &mut self.names);
        for body in objects::node_changes(id, old, new, &mut self.names) {
            let event = Event::new(self.now, Track::Cluster, body);
            let seq = self.cluster.last_event().next();
            let change = self.cluster.apply(&mut self.names, seq, &event).map_err(|e| e.to_string())?;
            self.controller.observe(seq, &event, &change, &self.cluster, &self.names);
        }
        let expected = case.pointer("/expect/enqueued").and_then(Value::as_bool).unwrap_or(false);
        Ok(same("enqueued", &expected, &self.controller.is_queued(key)))
    }

    fn update_counts(&self, case: &Value) -> Result<Result<(), String>, String> {
        let (_, spec) = self.daemon_set()?;
        let nodes = self.cluster.nodes();
        let desired = nodes.iter().filter(|node| self.eligibility(spec, **node).should_run).count();
        let limits = Limits::resolve(&spec.strategy, desired as i64).map_err(|e| e.to_string())?;
        let got = json!({
            "maxSurge": limits.max_surge,
            "maxUnavailable": limits.max_unavailable,
            "desiredNumberScheduled": limits.desired,
        });
        let expect = case.get("expect").cloned().unwrap_or_default();
        let expected = json!({
            "maxSurge": number(&expect, "maxSurge"),
            "maxUnavailable": number(&expect, "maxUnavailable"),
            "desiredNumberScheduled": number(&expect, "desiredNumberScheduled"),
        });
        Ok(same("counts", &expected, &got))
    }
}

/// A DaemonSet's status. The tests' objects have no generation, which is always observed; ours begin with 1.
fn status_of(daemon_set: &Value) -> Value {
    let mut status = daemon_set.get("status").cloned().unwrap_or_else(|| json!({}));
    if daemon_set.pointer("/metadata/generation").is_none()
        && let Some(status) = status.as_object_mut()
    {
        status.insert("observedGeneration".to_owned(), json!(1));
    }
    status
}

fn number(value: &Value, field: &str) -> i64 {
    value.get(field).and_then(Value::as_i64).unwrap_or(0)
}

fn same<T: PartialEq + ToString>(what: &str, expected: &T, got: &T) -> Result<(), String> {
    if expected == got { Ok(()) } else { Err(difference(what, expected, got)) }
}

fn counters(status: &WorkloadStatus) -> Value {
    json!({
        "desiredNumberScheduled": status.desired,
        "currentNumberScheduled": status.current,
        "numberMisscheduled": status.misscheduled,
        "numberReady": status.ready,
        "updatedNumberScheduled": status.updated,
        "numberAvailable": status.available,
        "numberUnavailable": status.unavailable,
    })
}

fn expected_counters(status: &Value) -> Value {
    let fields = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberMisscheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
    ];
    fields.iter().map(|field| ((*field).to_owned(), json!(number(status, field)))).collect()
}
