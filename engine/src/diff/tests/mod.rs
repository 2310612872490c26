//! Comparisons of small worlds.
#![allow(clippy::unwrap_used)]

mod over_time;

use proptest::prelude::*;

use super::settled::{Interval, scan};
use super::testing::Log;
use super::*;
use crate::event::{Body, Phase, Track, Why};
use crate::names::{Seq, Sym};
use crate::time::{Micros, Time};

fn seconds(s: i64) -> Time {
    Time(0) + Micros::seconds(s)
}

fn placements(log: &Log) -> Placements {
    Placements::of(&log.cluster, &log.names)
}

/// Three nodes with a running daemon pod each.
fn lesson(first_met: &[&str], hash: &str) -> Log {
    let mut log = Log::new(first_met);
    for node in ["n1", "n2", "n3"] {
        log.join(node, &[]);
    }
    let fluentd = log.daemon_set("fluentd", "fluentd:1", hash);
    for node in ["n1", "n2", "n3"] {
        log.create(fluentd, node, Seq::NONE);
    }
    for node in ["n1", "n2", "n3"] {
        log.start("fluentd", node);
    }
    log.observe(fluentd);
    log
}

#[test]
fn states_are_the_same_whatever_numbers_and_hashes_they_use() {
    let (a, b) = (lesson(&[], "abc"), lesson(&["n3", "x", "fluentd", "n1"], "def"));
    let difference = compare(&placements(&a), &placements(&b));
    assert!(difference.is_same(Strictness::Strict), "{difference:#?}");
    assert_eq!(difference.daemon_sets[0].pods, Counts { a: 3, b: 3 });
    let revision = &difference.revisions[0];
    assert_eq!(revision.a.as_ref().unwrap().hash, "abc");
    assert_eq!(revision.b.as_ref().unwrap().hash, "def");
}

#[test]
fn lost_gained_and_changed_placements_are_found() {
    let a = lesson(&[], "abc");
    let mut b = lesson(&["n3"], "abc");
    b.delete("fluentd", "n1", Why::User, Seq::NONE);
    b.join("n0", &[]);
    let fluentd = b.daemon_set("fluentd", "fluentd:2", "new");
    b.create(fluentd, "n0", Seq::NONE);
    b.delete("fluentd", "n2", Why::Outdated, Seq::NONE);
    b.gone("fluentd", "n2");
    b.create(fluentd, "n2", Seq::NONE);
    let (pod, reason) = (b.pod("fluentd", "n3"), Sym::EMPTY);
    b.push(Track::Kubelet, Body::PodPhaseSet { pod, phase: Phase::Pending, reason });
    let difference = compare(&placements(&a), &placements(&b));
    let found: Vec<_> =
        difference.daemon_sets[0].placements.iter().map(|p| (p.node.as_str(), p.kind())).collect();
    let expected = [
        ("n0", ChangeKind::Gained),
        ("n1", ChangeKind::Lost),
        ("n2", ChangeKind::Revision),
        ("n3", ChangeKind::Pending),
    ];
    assert_eq!(found, expected);
    assert!(!difference.is_same(Strictness::Placements));
}

#[test]
fn a_phase_alone_counts_only_when_strict() {
    let a = lesson(&[], "abc");
    let mut b = lesson(&[], "abc");
    let (pod, reason) = (b.pod("fluentd", "n3"), Sym::EMPTY);
    b.push(Track::Kubelet, Body::PodPhaseSet { pod, phase: Phase::Unknown, reason });
    let difference = compare(&placements(&a), &placements(&b));
    assert!(difference.is_same(Strictness::Placements));
    assert!(!difference.is_same(Strictness::Strict));
    assert_eq!(difference.count(ChangeKind::State), 1);
}

#[test]
fn equal_revisions_on_exchanged_nodes_count_only_when_strict() {
    let world = |new: &str| {
        let mut log = lesson(&[], "abc");
        let fluentd = log.daemon_set("fluentd", "fluentd:2", "new");
        log.delete("fluentd", new, Why::Outdated, Seq::NONE);
        log.gone("fluentd", new);
        log.create(fluentd, new, Seq::NONE);
        log.start("fluentd", new);
        log
    };
    let difference = compare(&placements(&world("n1")), &placements(&world("n2")));
    assert!(difference.is_same(Strictness::Placements));
    assert_eq!(difference.count(ChangeKind::Revision), 2);
}

#[test]
fn replica_sets_are_compared_by_number_and_strictly_by_place() {
    let world = |nodes: &[&str]| {
        let mut log = lesson(&[], "abc");
        let web = log.replica_set("web");
        for node in nodes {
            log.create(web, node, Seq::NONE);
        }
        log
    };
    let difference = compare(&placements(&world(&["n1", "n2"])), &placements(&world(&["n2", "n3"])));
    assert!(difference.is_same(Strictness::Placements));
    assert!(!difference.is_same(Strictness::Strict));
    let fewer = compare(&placements(&world(&["n1", "n2"])), &placements(&world(&["n2"])));
    assert!(!fewer.is_same(Strictness::Placements));
    assert_eq!(fewer.replica_sets[0].pods, Counts { a: 2, b: 1 });
}

#[test]
fn pods_without_a_known_revision_are_told_apart_by_what_they_are_made_from() {
    let world = |image: &str| {
        let mut log = lesson(&[], "abc");
        let fluentd = log.daemon_set("fluentd", image, "abc");
        let object = log.cluster.object(fluentd).unwrap().clone();
        for revision in object.revisions {
            log.push(Track::DaemonSet, Body::RevisionDeleted { revision });
        }
        log
    };
    // Pods carry no generation; only those of the first world are what their DaemonSet makes now.
    let (current, outdated) = (placements(&world("fluentd:1")), placements(&world("fluentd:2")));
    assert!(matches!(current.templates[0].source, TemplateSource::Template(_)));
    assert!(matches!(outdated.templates[0].source, TemplateSource::Pod(_)));
    assert!(compare(&outdated, &outdated).is_same(Strictness::Strict));
}

#[test]
fn a_log_is_settled_five_seconds_after_what_controllers_do_and_before_what_they_do_by_themselves() {
    let mut log = lesson(&[], "abc");
    log.wait(30).start("fluentd", "n1");
    log.wait(20).join("n4", &[]);
    let fluentd = log.daemon_set("fluentd", "fluentd:2", "new");
    log.observe(fluentd);
    log.wait(20).join("n5", &[]);
    let settled = scan(&mut log.side().unwrap()).unwrap();
    let joined = seconds(50).0 - 1;
    assert_eq!(settled.intervals[1].end, Time(joined), "up to the moment at which the node joins");
    let stretches = [(5, 25), (35, 50), (55, 70)];
    let mut settled = settled;
    settled.intervals[1].end = seconds(50);
    let expected = stretches.map(|(start, end)| Interval { start: seconds(start), end: seconds(end) });
    assert_eq!(settled.intervals, expected);
}

#[test]
fn a_spec_that_is_not_observed_and_a_pod_that_terminates_are_not_settled() {
    let mut log = lesson(&[], "abc");
    let fluentd = log.daemon_set("fluentd", "fluentd:2", "new");
    log.wait(20).observe(fluentd);
    log.wait(20).delete("fluentd", "n1", Why::User, Seq::NONE);
    log.wait(20).gone("fluentd", "n1");
    let manifest = log.cluster.object(fluentd).unwrap().manifest;
    log.wait(6).push(Track::User, Body::Applied { object: fluentd, manifest });
    let settled = scan(&mut log.finished().unwrap()).unwrap();
    let expected =
        [Interval { start: seconds(25), end: seconds(35) }, Interval { start: seconds(65), end: Time::MAX }];
    assert_eq!(settled.intervals, expected);
}

#[test]
fn a_status_that_comes_late_unsettles_the_time_before_it() {
    let mut log = Log::new(&[]);
    log.join("n1", &[]);
    let fluentd = log.daemon_set("fluentd", "fluentd:1", "abc");
    log.wait(60);
    let never = scan(&mut log.side().unwrap()).unwrap();
    log.join("n2", &[]);
    let unreported = scan(&mut log.side().unwrap()).unwrap();
    log.observe(fluentd);
    let late = scan(&mut log.side().unwrap()).unwrap();
    assert_eq!(never.intervals, []);
    assert_eq!(unreported.intervals, [Interval { start: seconds(5), end: seconds(60) }]);
    assert_eq!(late.intervals, []);
}

#[test]
fn the_last_settled_moment_is_compared_even_if_the_logs_go_on() {
    let a = lesson(&[], "abc");
    let mut b = lesson(&["n2"], "abc");
    let mut longer = a.clone();
    longer.wait(20).delete("fluentd", "n1", Why::User, Seq::NONE);
    b.wait(20).delete("fluentd", "n2", Why::User, Seq::NONE);
    let comparison = diff(|| longer.side(), || b.side(), When::Settled).unwrap();
    assert_eq!(comparison.moments.len(), 1);
    assert_eq!(comparison.moments[0].at_a, seconds(15));
    assert!(comparison.is_same(Strictness::Strict));
    let at_end = diff(|| longer.side(), || b.side(), When::End).unwrap();
    assert!(!at_end.is_same(Strictness::Placements));
    let at = diff(|| longer.side(), || b.side(), When::At { a: seconds(19), b: seconds(19) }).unwrap();
    assert!(at.is_same(Strictness::Strict));
}

#[test]
fn every_settled_compares_at_both_ends_of_a_stretch_and_at_the_end() {
    let mut a = lesson(&[], "abc");
    let fluentd = a.cluster.daemon_sets().next().unwrap().0.id;
    a.wait(30).create(fluentd, "n9", Seq::NONE);
    a.wait(20).join("n4", &[]);
    let b = a.clone();
    let comparison = diff(|| a.side(), || b.side(), When::EverySettled).unwrap();
    let moments: Vec<_> = comparison.moments.iter().map(|moment| moment.at_a).collect();
    assert_eq!(moments, [seconds(5), seconds(25), seconds(35), seconds(50)]);
}

#[test]
fn logs_that_are_never_settled_together_cannot_pass() {
    let a = lesson(&[], "abc");
    let error = diff(|| a.side(), || a.side(), When::Settled).unwrap_err();
    assert!(matches!(error, DiffError::NeverSettled { .. }), "{error}");
    assert!(error.to_string().contains("settled never"), "{error}");
}

#[test]
fn a_log_that_does_not_fold_is_named_with_its_event() {
    let a = lesson(&[], "abc");
    let mut b = a.clone();
    let created = b.events.iter().position(|event| matches!(event.body, Body::PodCreated { .. })).unwrap();
    b.events.remove(created);
    let error = diff(|| a.side(), || b.side(), When::End).unwrap_err();
    assert!(error.to_string().starts_with("second log: event #"), "{error}");
}

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Join(usize),
    Create(usize, usize),
    Delete(usize, usize),
    Gone(usize, usize),
    Start(usize, usize),
    Update(usize, usize),
    Observe(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..14_i64).prop_map(Step::Wait),
        (0..6_usize).prop_map(Step::Join),
        (0..3_usize, 0..6_usize).prop_map(|(d, n)| Step::Create(d, n)),
        (0..3_usize, 0..6_usize).prop_map(|(d, n)| Step::Delete(d, n)),
        (0..3_usize, 0..6_usize).prop_map(|(d, n)| Step::Gone(d, n)),
        (0..3_usize, 0..6_usize).prop_map(|(d, n)| Step::Start(d, n)),
        (0..3_usize, 0..3_usize).prop_map(|(d, i)| Step::Update(d, i)),
        (0..3_usize).prop_map(Step::Observe),
    ];
    prop::collection::vec(step, 0..60)
}

/// A log of the steps that are possible when their turn comes.
fn world(first_met: &[&str], steps: &[Step]) -> Log {
    let mut log = Log::new(first_met);
    let sets = ["d0", "d1", "d2"].map(|name| log.daemon_set(name, "i0", &format!("{name}-0")));
    let node = |n: usize| format!("n{n}");
    let set = |d: usize| format!("d{d}");
    let mut live = std::collections::BTreeMap::new();
    for step in steps {
        match *step {
            Step::Wait(seconds) => {
                log.wait(seconds);
            }
            Step::Join(n) => {
                let id = log.node(&node(n));
                if log.cluster.present_node(id).is_none() {
                    log.join(&node(n), &[]);
                }
            }
            Step::Create(d, n) if !live.contains_key(&(d, n)) => {
                log.create(sets[d], &node(n), Seq::NONE);
                live.insert((d, n), false);
            }
            Step::Delete(d, n) if live.get(&(d, n)) == Some(&false) => {
                log.delete(&set(d), &node(n), Why::User, Seq::NONE);
                live.insert((d, n), true);
            }
            Step::Gone(d, n) if live.remove(&(d, n)).is_some() => {
                log.gone(&set(d), &node(n));
            }
            Step::Start(d, n) if live.contains_key(&(d, n)) => {
                log.start(&set(d), &node(n));
            }
            Step::Update(d, i) => {
                log.daemon_set(&set(d), &format!("i{i}"), &format!("d{d}-{i}"));
            }
            Step::Observe(d) => {
                log.observe(sets[d]);
            }
            _ => {}
        }
    }
    log
}

proptest! {
    #[test]
    fn a_log_does_not_differ_from_itself(steps in steps()) {
        let (a, b) = (world(&[], &steps), world(&["n5", "d1", "n0", "default"], &steps));
        let difference = compare(&placements(&a), &placements(&b));
        prop_assert!(difference.is_same(Strictness::Strict), "{difference:#?}");
        prop_assert!(difference.daemon_sets.iter().all(|set| set.placements.is_empty()));
        if let Ok(comparison) = diff(|| a.finished(), || b.finished(), When::EverySettled) {
            prop_assert!(comparison.is_same(Strictness::Strict));
        }
    }

    #[test]
    fn the_other_order_gives_the_mirrored_difference(one in steps(), two in steps()) {
        let (a, b) = (world(&[], &one), world(&["n3"], &two));
        let forth = compare(&placements(&a), &placements(&b));
        prop_assert_eq!(forth.mirrored(), compare(&placements(&b), &placements(&a)));
    }

    #[test]
    fn settled_moments_are_those_of_the_definition(steps in steps()) {
        let log = world(&[], &steps);
        let settled = scan(&mut log.finished().unwrap()).unwrap();
        let within = |t: Time| settled.intervals.iter().any(|i| i.start <= t && t <= i.end);
        let end = log.now + Micros::seconds(12);
        for half in 0..=(end.0 / 500_000) {
            let t = Time(half * 500_000);
            prop_assert_eq!(within(t), settled_by_definition(&log, t), "at {}", t);
        }
    }
}

/// The definition of a settled moment, word by word.
fn settled_by_definition(log: &Log, t: Time) -> bool {
    let disturbs = |event: &&crate::event::Event| settled::disturbs(event.track);
    let near = |event: &crate::event::Event| (event.at.0 - t.0).abs() < settled::QUIET.0;
    let (before, after): (Vec<_>, Vec<_>) = log.events.iter().partition(|event| event.at <= t);
    // What follows something from outside answers that.
    let mut own = after.into_iter().take_while(|event| disturbs(event));
    if before.is_empty() || before.into_iter().filter(disturbs).any(near) || own.any(near) {
        return false;
    }
    let mut side = log.side().unwrap();
    side.advance_to(t).unwrap();
    let cluster = side.cluster();
    let reported = |id| {
        let of_it = |event: &&crate::event::Event| matches!(event.body, Body::StatusWritten { object, .. } if object == id);
        log.events.iter().any(|event| of_it(&event))
    };
    cluster.pods().all(|(_, pod)| !pod.terminating())
        && cluster
            .daemon_sets()
            .all(|(object, _)| object.status.observed_generation >= object.generation || !reported(object.id))
}
