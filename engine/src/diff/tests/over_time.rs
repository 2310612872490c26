//! Rollouts, divergences and causes of small worlds.

use super::*;
use crate::event::{Event, WorkloadStatus};
use crate::names::{Effect, ObjectId, Taint};

/// Writes a status of three nodes.
fn status(log: &mut Log, object: ObjectId, updated: u32, unavailable: u32) {
    let status = WorkloadStatus {
        desired: 3,
        updated,
        available: 3 - unavailable,
        unavailable,
        observed_generation: log.cluster.object(object).unwrap().generation,
        ..WorkloadStatus::default()
    };
    log.push(Track::DaemonSet, Body::StatusWritten { object, status });
}

#[test]
fn a_rollout_lasts_until_all_pods_are_updated_and_available() {
    let mut log = Log::new(&[]);
    let object = log.daemon_set("fluentd", "fluentd:1", "one");
    status(&mut log, object, 0, 3);
    log.wait(10);
    status(&mut log, object, 3, 0);
    log.wait(90);
    let before = Seq(log.events.len() as u64);
    log.daemon_set("fluentd", "fluentd:2", "two");
    status(&mut log, object, 0, 1);
    log.wait(20);
    status(&mut log, object, 2, 2);
    log.wait(5);
    status(&mut log, object, 3, 0);
    log.wait(100);
    status(&mut log, object, 3, 0);
    let over_time = over_time(&mut log.side().unwrap(), Time::MAX).unwrap();
    let set = &over_time.daemon_sets["default/fluentd"];
    let durations: Vec<_> = set.rollouts.iter().map(Rollout::duration).collect();
    assert_eq!(durations, [Some(Micros::seconds(10)), Some(Micros::seconds(25))]);
    assert!(set.rollouts[0].initial && !set.rollouts[1].initial);
    assert_eq!(set.rollouts[1].began, before.next());
    let second = set.rollouts[1].unavailability;
    assert_eq!(second, Unavailability { peak: 2, pod_us: (20 + 2 * 5) * 1_000_000 });
    assert_eq!(set.unavailability.pod_us, (3 * 10 + 20 + 2 * 5) * 1_000_000);
    // Without `updateStrategy` nothing bounds unavailability.
    assert_eq!(set.rollouts[1].over_budget, Micros::ZERO);
}

#[test]
fn a_rollout_that_the_next_one_overtakes_never_completes() {
    let mut log = Log::new(&[]);
    let object = log.daemon_set("fluentd", "fluentd:1", "one");
    log.wait(10).daemon_set("fluentd", "fluentd:2", "two");
    log.wait(10);
    status(&mut log, object, 3, 0);
    let over_time = over_time(&mut log.side().unwrap(), Time::MAX).unwrap();
    let rollouts = &over_time.daemon_sets["default/fluentd"].rollouts;
    let durations: Vec<_> = rollouts.iter().map(Rollout::duration).collect();
    assert_eq!(durations, [None, Some(Micros::seconds(10))]);
}

#[test]
fn time_over_the_budget_is_counted_after_the_first_rollout() {
    let mut log = Log::new(&[]);
    let strategy =
        r#""updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":0}},"#;
    let object = log.daemon_set_with("fluentd", "fluentd:1", "one", strategy);
    status(&mut log, object, 0, 3);
    log.wait(10);
    status(&mut log, object, 3, 0);
    log.daemon_set_with("fluentd", "fluentd:2", "two", strategy);
    status(&mut log, object, 0, 1);
    log.wait(7);
    status(&mut log, object, 1, 2);
    log.wait(4);
    status(&mut log, object, 3, 0);
    let over_time = over_time(&mut log.side().unwrap(), Time::MAX).unwrap();
    let rollouts = &over_time.daemon_sets["default/fluentd"].rollouts;
    assert_eq!(rollouts[0].over_budget, Micros::ZERO);
    assert_eq!(rollouts[1].over_budget, Micros::seconds(4));
}

#[test]
fn pods_and_restarts_are_counted() {
    let mut log = lesson(&[], "abc");
    let pod = log.pod("fluentd", "n1");
    for restarts in [1, 3] {
        log.push(Track::Kubelet, Body::PodRestarted { pod, restarts });
    }
    log.delete("fluentd", "n2", Why::User, Seq::NONE);
    log.gone("fluentd", "n2");
    let over_time = over_time(&mut log.side().unwrap(), Time::MAX).unwrap();
    let set = &over_time.daemon_sets["default/fluentd"];
    assert_eq!((set.pods_created, set.pods_deleted, set.container_restarts), (3, 1, 3));
}

/// Compares two logs at their ends and asks why they differ.
fn reasons(a: &Log, b: &Log) -> (Comparison, Reasons) {
    let options = Options { when: When::End, group: true, ..Options::default() };
    let mut compared = diff_with(|| a.side(), || b.side(), options).unwrap();
    let tell: &Tell<'_> = &|event, names, _| match event.body.node() {
        Some(node) => format!("{} {}", event.body.kind(), names.node_name(node)),
        None => event.body.kind().to_owned(),
    };
    let reasons = why(&mut compared, tell).unwrap();
    (compared.comparison, reasons)
}

#[test]
fn the_first_event_that_differs_is_found() {
    // More events than are compared at once, so that the stretch has to be found too.
    let mut a = Log::new(&[]);
    for node in 0..17_000 {
        a.join(&format!("n{node}"), &[]);
    }
    let mut b = Log::new(&["n16999", "n7"]);
    for node in 0..17_000 {
        b.join(&format!("n{node}"), &[]);
    }
    assert_eq!(reasons(&a, &b).1.divergence, None);
    let node = b.node("n77");
    b.push(Track::Cluster, Body::NodeCordoned { node });
    let node = a.node("n78");
    a.push(Track::Cluster, Body::NodeCordoned { node });
    let found = reasons(&a, &b).1.divergence.unwrap();
    assert_eq!(found.event, Seq(17_001));
    assert_eq!(found.a.unwrap().told.text, "NodeCordoned n78");
    assert_eq!(found.b.unwrap().told.text, "NodeCordoned n77");
    b.events.truncate(2000);
    let shorter = reasons(&a, &b).1.divergence.unwrap();
    assert_eq!((shorter.event, shorter.b), (Seq(2001), None));
    assert!(shorter.a.is_some());
}

#[test]
fn what_only_the_origin_tells_apart_is_the_same() {
    let a = lesson(&[], "abc");
    let mut b = a.clone();
    b.events = b.events.iter().map(|event| Event { origin: Seq(7), ..*event }).collect();
    assert_eq!(reasons(&a, &b).1.divergence, None);
}

#[test]
fn decisions_are_compared_whenever_they_were_taken() {
    let mut a = lesson(&[], "abc");
    let mut b = lesson(&["n3"], "abc");
    a.wait(3).delete("fluentd", "n1", Why::Outdated, Seq::NONE);
    a.wait(3).delete("fluentd", "n2", Why::Outdated, Seq::NONE);
    b.wait(1).delete("fluentd", "n2", Why::Outdated, Seq::NONE);
    b.wait(9).delete("fluentd", "n1", Why::Outdated, Seq::NONE);
    assert_eq!(reasons(&a, &b).1.decision, None);
    let fluentd = a.cluster.daemon_sets().next().unwrap().0.id;
    a.gone("fluentd", "n1");
    let created = a.wait(1).create(fluentd, "n1", Seq::NONE);
    b.wait(1).delete("fluentd", "n3", Why::User, Seq::NONE);
    let found = reasons(&a, &b).1.decision.unwrap();
    assert_eq!((found.daemon_set.as_str(), found.node.as_str()), ("default/fluentd", "n1"));
    let decided = found.a.unwrap().told;
    assert_eq!((decided.event, decided.at, decided.kind), (created.0, seconds(7), "PodCreated"));
    assert_eq!(found.b, None);
}

#[test]
fn a_decision_is_told_of_the_daemon_set_that_it_is_about() {
    // Met in one order when they were applied, and in the other when their pods came.
    let mut a = Log::new(&[]);
    a.join("n1", &[]);
    let last = a.daemon_set("z", "z:1", "z1");
    let first = a.daemon_set("a", "a:1", "a1");
    a.create(first, "n1", Seq::NONE);
    a.create(last, "n1", Seq::NONE);
    let mut b = a.clone();
    let deleted = b.wait(1).delete("a", "n1", Why::User, Seq::NONE);
    let found = reasons(&a, &b).1.decision.unwrap();
    assert_eq!((found.daemon_set.as_str(), found.node.as_str(), found.a), ("default/a", "n1", None));
    assert_eq!(found.b.unwrap().told.event, deleted.0);
}

#[test]
fn an_event_of_a_pod_whose_slot_was_taken_again_is_told_of_its_placement() {
    let a = lesson(&[], "abc");
    let mut b = a.clone();
    let fluentd = b.cluster.daemon_sets().next().unwrap().0.id;
    let other = b.replica_set("web");
    b.wait(1).delete("fluentd", "n2", Why::User, Seq::NONE);
    let gone = b.wait(1).gone("fluentd", "n2");
    // The slot is a ReplicaSet's pod's, then another placement's.
    b.create(other, "n1", Seq::NONE);
    b.delete("web", "n1", Why::User, Seq::NONE);
    let freed = b.gone("web", "n1");
    b.wait(1).delete("fluentd", "n1", Why::NodeNoLongerFits, gone);
    b.wait(1).delete("fluentd", "n3", Why::NodeNoLongerFits, freed);
    b.create(fluentd, "n4", Seq::NONE);
    let reasons = reasons(&a, &b).1;
    let causes =
        reasons.moments[0].iter().flat_map(|change| change.groups.iter().flatten().chain(&change.rest));
    let roots: std::collections::BTreeSet<&str> = causes.map(|cause| cause.root().text.as_str()).collect();
    let expected = [
        "PodCreated n4",
        "PodDeleted of the pod of default/fluentd on n2",
        "PodGone of a pod that is gone",
        "PodGone of the pod of default/fluentd on n2",
    ];
    assert_eq!(roots, expected.into());
}

#[test]
fn events_that_came_in_batches_cannot_be_asked_why() {
    let (a, mut b) = (lesson(&[], "abc"), lesson(&[], "abc"));
    b.delete("fluentd", "n1", Why::User, Seq::NONE);
    let streamed = |log: &Log| {
        let mut events = Some(log.events.clone());
        Side::from_batches::<SourceError, _>(log.names.clone(), move |_, batch| {
            batch.extend(events.take().unwrap_or_default());
            Ok(())
        })
    };
    let options = Options { when: When::End, group: true, ..Options::default() };
    let mut compared = diff_with(|| Ok(streamed(&a)), || Ok(streamed(&b)), options).unwrap();
    assert_eq!(compared.comparison.moments[0].count(ChangeKind::Lost), 1);
    let error = why(&mut compared, &|_, _, _| String::new()).unwrap_err();
    assert!(
        matches!(error, DiffError::A(SideError::ReadOnce) | DiffError::B(SideError::ReadOnce)),
        "{error}"
    );
}

#[test]
fn causes_are_shared_by_what_was_done_to_each_node() {
    let a = lesson(&[], "abc");
    let mut b = lesson(&["n3"], "abc");
    let (key, value) = (b.names.sym("gpu"), b.names.sym("true"));
    for name in ["n1", "n3"] {
        let node = b.node(name);
        let taint = Taint { key, value, effect: Effect::NoExecute };
        let tainted = b.wait(1).push(Track::Cluster, Body::NodeTaintAdded { node, taint });
        b.delete("fluentd", name, Why::NodeNoLongerFits, tainted);
    }
    b.delete("fluentd", "n2", Why::User, Seq::NONE);
    let (comparison, reasons) = reasons(&a, &b);
    let [lost] = comparison.groups[0].as_slice() else { panic!("{comparison:#?}") };
    assert_eq!((lost.kind, lost.grouping.changed), (ChangeKind::Lost, 3));
    let causes = &reasons.moments[0][0].groups[0];
    assert_eq!(causes.len(), 2, "{causes:#?}");
    let tainted = &causes[0];
    assert_eq!((tainted.placements, tainted.roots, tainted.verb), (2, 2, Verb::Deleted));
    assert_eq!((tainted.side, tainted.why), (Which::B, Some(Why::NodeNoLongerFits)));
    assert_eq!(tainted.root().text, "NodeTaintAdded n1");
    assert_eq!((tainted.decided.at, tainted.until), (seconds(1), seconds(2)));
    assert_eq!((causes[1].placements, causes[1].why), (1, Some(Why::User)));
    assert!(causes[1].because.links.is_empty());
}

#[test]
fn a_placement_that_only_the_first_log_made_is_laid_to_that_log() {
    let mut a = lesson(&[], "abc");
    let b = lesson(&[], "abc");
    let fluentd = a.cluster.daemon_sets().next().unwrap().0.id;
    let joined = a.wait(1).join("n4", &[]);
    a.create(fluentd, "n4", joined);
    let (_, reasons) = reasons(&a, &b);
    let cause = &reasons.moments[0][0].groups[0][0];
    assert_eq!(
        (cause.side, cause.verb, cause.root().text.as_str()),
        (Which::A, Verb::Created, "NodeJoined n4")
    );
}

#[test]
fn a_time_line_shows_what_differs_for_how_long() {
    let mut a = lesson(&[], "abc");
    let mut b = lesson(&["n2"], "abc");
    for name in ["n1", "n3"] {
        b.wait(2).delete("fluentd", name, Why::User, Seq::NONE);
        b.gone("fluentd", name);
    }
    let fluentd = b.cluster.daemon_sets().next().unwrap().0.id;
    b.wait(20).create(fluentd, "n1", Seq::NONE);
    a.wait(30);
    let compare = |tolerance| {
        let when = When::Timeline { tolerance: Micros::seconds(tolerance) };
        let options = Options { when, group: true, ..Options::default() };
        let mut compared = diff_with(|| a.side(), || b.side(), options).unwrap();
        let reasons = why(&mut compared, &|_, _, _| String::new()).unwrap();
        (compared.comparison.timeline, reasons.stretches)
    };
    let (found, causes) = compare(0);
    let shown: Vec<_> = found.iter().map(|s| (s.kind, s.from, s.to, s.grouping.changed)).collect();
    let lost = |from, to: Option<i64>| (ChangeKind::Lost, seconds(from), to.map(seconds), 1);
    assert_eq!(shown, [lost(2, Some(24)), lost(4, None)]);
    assert_eq!((causes[0][0].side, causes[0][0].verb), (Which::B, Verb::Deleted));
    assert_eq!(compare(22).0.len(), 1, "what lasts no longer than the tolerance is passed over");
}

#[test]
fn changes_are_grouped_and_costs_are_told_when_asked_for() {
    let mut a = Log::new(&[]);
    for i in 0..40 {
        a.join(&format!("n{i:02}"), &[("pool", if i % 4 == 0 { "gpu" } else { "cpu" }), ("os", "linux")]);
    }
    let fluentd = a.daemon_set("fluentd", "fluentd:1", "abc");
    for i in 0..40 {
        a.create(fluentd, &format!("n{i:02}"), Seq::NONE);
    }
    a.observe(fluentd);
    let mut b = a.clone();
    for i in (0..40).step_by(4) {
        b.delete("fluentd", &format!("n{i:02}"), Why::NodeNoLongerFits, Seq::NONE);
        b.gone("fluentd", &format!("n{i:02}"));
    }
    let at = When::At { a: seconds(3), b: seconds(3) };
    for when in [When::Settled, When::End, at, When::EverySettled] {
        let options = Options { when, group: true, over_time: true, spans: false };
        let comparison = diff_with(|| a.finished(), || b.finished(), options).unwrap().comparison;
        let [groups] = comparison.groups.as_slice() else { panic!("{comparison:#?}") };
        let [lost] = groups.as_slice() else { panic!("{groups:#?}") };
        assert_eq!((lost.kind, lost.name.as_str()), (ChangeKind::Lost, "fluentd"));
        assert_eq!(lost.grouping.groups[0].expression.to_string(), "pool=gpu");
        assert_eq!(lost.grouping.groups[0].changed, 10);
        let cost = comparison.over_time_b.unwrap();
        assert_eq!(cost.daemon_sets["default/fluentd"].pods_deleted, 10);
    }
}
