//! Events of every kind, for the tests of the log.

use crate::event::{
    Body, ConditionStatus, Event, Flags, Phase, PodCondition, Propagation, Track, Why, WorkloadStatus,
};
use crate::names::{
    Effect, Names, NodeSpec, ObjectKey, PodId, PodShape, ResourceList, RevisionId, Seq, Sym, Taint, sym,
};
use crate::time::{ApiSeconds, Time};

/// A moment of 2026.
pub(super) const START: Time = Time(1_795_486_622_000_000);

/// One body of every kind at least, with every optional field both there and absent.
pub(super) fn bodies(names: &mut Names) -> Vec<Body> {
    let (a, zone, empty) = (names.sym("worker-a"), sym::NODE_LABEL_ZONE, Sym::EMPTY);
    let (b, ds_name, space) = (names.sym("worker-b"), names.sym("fluentd"), names.sym("logging"));
    let (node, other) = (names.node(a), names.node(b));
    let cpu = names.resources(ResourceList(vec![(sym::MEMORY, 8 << 33), (sym::CPU, 4000)]));
    let taint = Taint { key: sym::TAINT_NOT_READY, value: empty, effect: Effect::NoExecute };
    let spec = names.node_spec(NodeSpec {
        labels: vec![(zone, b), (sym::HOSTNAME_LABEL, a)],
        taints: vec![taint],
        unschedulable: true,
        allocatable: Some(cpu),
    });
    let bare = names.node_spec(NodeSpec::default());
    let key = ObjectKey { kind: sym::DAEMON_SET, namespace: space, name: ds_name, incarnation: 0 };
    let object = names.object(key);
    let again = names.object(ObjectKey { incarnation: 1, ..key });
    let doc = names.doc(r#"{"kind":"DaemonSet","metadata":{"name":"fluentd"}}"#);
    let template = names.doc("{\"spec\":{\"containers\":[{\"image\":\"fluentd:λ\"}]}}");
    let hash = names.sym("5f7d8");
    let shape = names.shape(PodShape { doc: template, revision_hash: hash, template_generation: Some(-3) });
    let plain = names.shape(PodShape { doc: template, revision_hash: empty, template_generation: None });
    let (pod, pod2) = (PodId::from_index(0), PodId::from_index(70_000));
    let (revision, now) = (RevisionId::from_index(0), START.api_seconds());
    let reason = names.sym("KubeletNotReady");
    let status = WorkloadStatus {
        desired: 3,
        current: 2,
        misscheduled: 1,
        ready: 2,
        updated: 2,
        available: 1,
        unavailable: 2,
        collision_count: Some(0),
        observed_generation: 7,
    };
    vec![
        Body::NodeJoined { node, spec, created: ApiSeconds(now.0 - 86_400) },
        Body::NodeJoined { node: other, spec: bare, created: ApiSeconds(0) },
        Body::NodeLabelSet { node, key: zone, value: hash },
        Body::NodeLabelRemoved { node, key: zone },
        Body::NodeTaintAdded { node, taint },
        Body::NodeTaintRemoved { node, key: taint.key, effect: taint.effect },
        Body::NodeCordoned { node },
        Body::NodeUncordoned { node },
        Body::NodeCapacitySet { node, allocatable: cpu },
        Body::NodeConditionSet {
            node,
            condition: sym::READY,
            status: ConditionStatus::Unknown,
            reason,
            since: ApiSeconds(now.0 + 3),
        },
        Body::NodeSilent { node },
        Body::NodeReturned { node },
        Body::Applied { object, manifest: doc },
        Body::Scaled { object, replicas: u32::MAX },
        Body::DeleteRequested { object, propagation: Propagation::Foreground },
        Body::ObjectRemoved { object },
        Body::RolloutUndone { object: again, to_revision: i64::MIN },
        Body::PodCreated {
            pod,
            owner: Some(again),
            node: Some(node),
            ordinal: 2,
            name: empty,
            namespace: space,
            shape,
            created: now,
        },
        Body::PodCreated {
            pod: pod2,
            owner: None,
            node: None,
            ordinal: 0,
            name: b,
            namespace: empty,
            shape: plain,
            created: ApiSeconds(i64::MAX),
        },
        Body::PodRefused { owner: again, node: None, reason },
        Body::PodDeleted { pod, why: Why::Outdated, grace_s: 30, deadline: ApiSeconds(now.0 + 30) },
        Body::PodAdopted { pod: pod2, owner: again },
        Body::PodReleased { pod: pod2 },
        Body::PodLabelSet { pod: pod2, key: zone, value: empty },
        Body::PodLabelRemoved { pod: pod2, key: zone },
        Body::RevisionCreated {
            revision,
            owner: Some(again),
            number: 1,
            namespace: space,
            name: hash,
            hash,
            template,
            created: now,
        },
        Body::RevisionNumbered { revision, number: i64::MAX },
        Body::RevisionLabelled { revision, hash: empty },
        Body::RevisionAdopted { revision, owner: again },
        Body::RevisionReleased { revision },
        Body::RevisionDeleted { revision },
        Body::StatusWritten { object: again, status },
        Body::StatusWritten { object: again, status: WorkloadStatus::default() },
        Body::Synced { object: again },
        Body::Reported { object: again, node: Some(other), reason, message: a },
        Body::PodBound { pod, node },
        Body::PodUnschedulable { pod, message: reason },
        Body::PodNominated { pod, node: None },
        Body::PodPhaseSet { pod, phase: Phase::Running, reason: empty },
        Body::PodConditionSet {
            pod,
            condition: PodCondition::Ready,
            status: ConditionStatus::True,
            since: now,
        },
        Body::PodRestarted { pod, restarts: 4 },
        Body::PodGone { pod },
        Body::NodeLeft { node },
        // What came later comes last: logs of older versions end before it.
        Body::EvictionRefused { pod, message: reason },
        Body::DrainRequested { node, options: doc },
        Body::DrainEnded { node, message: empty },
    ]
}

/// The bodies as events that use every part of an event, numbered from 1.
pub(super) fn events(names: &mut Names) -> Vec<Event> {
    let by = names.sym("system:serviceaccount:kube-system:daemon-set-controller");
    let bodies = bodies(names);
    let mut events = Vec::new();
    let mut at = START;
    for (i, body) in bodies.into_iter().enumerate() {
        at = Time(at.0 + [0, 1, 250_000, 5_000_000_000][i % 4]);
        let mut event = Event::new(at, Track::ALL[i % Track::ALL.len()], body);
        event.cause = Seq(if i % 3 == 0 { 0 } else { i as u64 / 2 });
        event.origin = Seq([0, 17 + i as u64, (1 << 32) + i as u64][i % 3]);
        event.flags = if i % 5 == 0 { Flags::INFERRED } else { Flags::NONE };
        event.by = if i % 4 == 1 { by } else { Sym::EMPTY };
        events.push(event);
    }
    events
}
