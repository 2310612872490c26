//! Expressions are found where they exist, and errors are told where they do not.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::diff::testing::Log;
use crate::event::{Body, Track};
use crate::names::{Effect, Taint};

/// Nodes with labels: `n0`, `n1`, … each with a hostname and what the table gives it.
fn nodes(labels: &[Vec<(String, String)>]) -> Log {
    let mut log = Log::new(&[]);
    for (index, labels) in labels.iter().enumerate() {
        let name = name(index);
        let mut all = vec![("kubernetes.io/hostname", name.as_str())];
        all.extend(labels.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        log.join(&name, &all);
    }
    log
}

fn name(index: usize) -> String {
    format!("n{index:05}")
}

fn facts(log: &Log) -> Facts {
    let side = (&log.cluster, &log.names);
    Facts::of(side, side)
}

/// Labels by a rule: node `i` has `key=value` wherever the rule gives a value.
fn labelled(count: usize, rule: impl Fn(usize) -> Vec<(&'static str, String)>) -> Log {
    let owned = |i| rule(i).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    nodes(&(0..count).map(owned).collect::<Vec<_>>())
}

fn pools(count: usize) -> Log {
    labelled(count, |i| {
        let mut labels = vec![
            ("pool", ["gpu", "cpu", "web"][i % 3].to_owned()),
            ("zone", ["a", "b", "c", "d"][(i / 3) % 4].to_owned()),
            ("os", "linux".to_owned()),
        ];
        if i % 5 == 0 {
            labels.push(("spot", "true".to_owned()));
        }
        labels
    })
}

fn describe_where(log: &Log, count: usize, changed: impl Fn(usize) -> bool) -> Grouping {
    let changed: Vec<String> = (0..count).filter(|i| changed(*i)).map(name).collect();
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let all: Vec<String> = (0..count).map(name).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    group(&facts(log), changed, all)
}

fn expression(grouping: &Grouping) -> String {
    assert!(grouping.is_exact(), "{grouping:#?}");
    assert_eq!(grouping.groups.len(), 1, "{grouping:#?}");
    grouping.groups[0].expression.to_string()
}

#[test]
fn the_shortest_expression_is_the_answer() {
    let log = pools(120);
    let find = |changed: &dyn Fn(usize) -> bool| expression(&describe_where(&log, 120, changed));
    let (gpu, spot, zone) = (|i| i % 3 == 0, |i| i % 5 == 0, |i: usize| (i / 3) % 4);
    assert_eq!(find(&|_| true), "every node");
    assert_eq!(find(&gpu), "pool=gpu");
    assert_eq!(find(&|i| !gpu(i)), "pool!=gpu");
    assert_eq!(find(&spot), "spot=true");
    assert_eq!(find(&|i| !spot(i)), "spot!=true");
    assert_eq!(find(&|i| gpu(i) && zone(i) == 1), "pool=gpu,zone=b");
    assert_eq!(find(&|i| gpu(i) && !spot(i)), "pool=gpu,spot!=true");
    assert_eq!(find(&|i| gpu(i) || spot(i)), "pool=gpu or spot=true");
    assert_eq!(find(&|i| zone(i) < 2), "zone in (a,b)");
    assert_eq!(find(&|i| gpu(i) && zone(i) == 1 && spot(i)), "pool=gpu,spot=true,zone=b");
    assert_eq!(find(&|i| gpu(i) && zone(i) < 2), "pool=gpu and zone in (a,b)");
    assert_eq!(find(&|i| spot(i) || (gpu(i) && zone(i) == 3)), "spot=true or (pool=gpu,zone=d)");
    assert_eq!(find(&|i| i == 7), "kubernetes.io/hostname=n00007");
}

#[test]
fn counts_are_of_the_nodes_that_the_expression_selects() {
    let grouping = describe_where(&pools(120), 120, |i| i % 3 == 0);
    let group = &grouping.groups[0];
    assert_eq!((group.selected, group.changed, grouping.changed), (40, 40, 40));
    assert_eq!(group.among, Among::AllNodes);
    assert_eq!(group.nodes.len(), 40);
}

#[test]
fn a_taint_that_only_one_state_has_is_said_to_be_there() {
    let a = pools(30);
    let mut b = a.clone();
    let (key, value) = (b.names.sym("maintenance"), b.names.sym("true"));
    for i in [2, 3, 11, 18, 19] {
        let node = b.node(&name(i));
        let taint = Taint { key, value, effect: Effect::NoExecute };
        b.push(Track::Cluster, Body::NodeTaintAdded { node, taint });
    }
    let facts = Facts::of((&a.cluster, &a.names), (&b.cluster, &b.names));
    let changed = [2, 3, 11, 18, 19].map(name);
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let grouping = group(&facts, changed.iter().copied(), changed.iter().copied());
    assert_eq!(expression(&grouping), "taint maintenance=true:NoExecute in B");
    assert_eq!(grouping.groups[0].synonyms[0].to_string(), "taint maintenance in B");
}

#[test]
fn nodes_that_are_only_in_one_state_are_described_so() {
    let a = pools(12);
    let b = pools(15);
    let facts = Facts::of((&a.cluster, &a.names), (&b.cluster, &b.names));
    let changed = [12, 13, 14].map(name);
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let grouping = group(&facts, changed.iter().copied(), changed.iter().copied());
    assert_eq!(expression(&grouping), "no node in A");
}

#[test]
fn all_that_could_change_are_every_node() {
    let log = pools(60);
    let had: Vec<String> = (0..60).filter(|i| (i * 31) % 11 < 6).map(name).collect();
    let had: Vec<&str> = had.iter().map(String::as_str).collect();
    let grouping = group(&facts(&log), had.iter().copied(), had.iter().copied());
    assert_eq!(expression(&grouping), "every node");
    assert_eq!(grouping.groups[0].among, Among::Candidates);
}

#[test]
fn names_of_nodes_are_the_last_resort() {
    let log = pools(120);
    let two = |i| i == 15 || i == 75;
    assert_eq!(expression(&describe_where(&log, 120, two)), "pool=gpu,spot=true,zone=b");
    let other = |i| i == 15 || i == 77;
    assert_eq!(expression(&describe_where(&log, 120, other)), "kubernetes.io/hostname in (n00015,n00077)");
}

#[test]
fn candidates_narrow_what_an_expression_has_to_tell_apart() {
    // Of the nodes that had a pod, those of pool gpu lost it; other gpu nodes never had one.
    let log = labelled(80, |i| {
        vec![("pool", ["gpu", "cpu"][i % 2].to_owned()), ("rack", ((i * 7) % 13).to_string())]
    });
    let had: Vec<String> = (0..80).filter(|i| (i * 31) % 11 < 6).map(name).collect();
    let had: Vec<&str> = had.iter().map(String::as_str).collect();
    let lost: Vec<String> = (0..80).filter(|i| (i * 31) % 11 < 6 && i % 2 == 0).map(name).collect();
    let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
    let grouping = group(&facts(&log), lost, had);
    assert_eq!(expression(&grouping), "pool=gpu");
    assert_eq!(grouping.groups[0].among, Among::Candidates);
}

#[test]
fn several_expressions_share_what_none_describes_alone() {
    let log = labelled(240, |i| {
        vec![
            ("pool", format!("p{}", i % 12)),
            ("zone", format!("z{}", (i / 12) % 5)),
            ("gen", format!("g{}", (i / 60) % 4)),
        ]
    });
    let changed =
        |i: usize| (i % 12 == 1 && (i / 12) % 5 == 2) || (i % 12 == 7 && (i / 60) % 4 == 3) || i % 12 == 4;
    let grouping = describe_where(&log, 240, changed);
    assert!(grouping.is_exact(), "{grouping:#?}");
    let shown: Vec<_> = grouping.groups.iter().map(|group| group.expression.to_string()).collect();
    assert_eq!(shown, ["pool=p4", "gen=g3,pool=p7", "pool=p1,zone=z2"]);
}

#[test]
fn an_approximation_tells_its_error() {
    let log = pools(120);
    // All of pool gpu but two of its nodes, and one node besides.
    let grouping = describe_where(&log, 120, |i| (i % 3 == 0 && i != 33 && i != 63) || i == 50);
    assert!(!grouping.is_exact());
    let group = &grouping.groups[0];
    assert!(group.expression.to_string().starts_with("pool=gpu"), "{grouping:#?}");
    assert_eq!(group.changed + grouping.rest.len(), 39);
    let wrong = (group.selected - group.changed) + grouping.rest.len();
    assert!((1..=3).contains(&wrong), "{grouping:#?}");
}

#[test]
fn nodes_without_anything_in_common_stay_a_list() {
    let log = labelled(64, |_| vec![("os", "linux".to_owned())]);
    let grouping = describe_where(&log, 64, |i| [3, 9, 17, 20, 41, 44, 59].contains(&i));
    assert_eq!(grouping.groups, []);
    assert_eq!(grouping.rest.len(), 7);
}

#[test]
fn thousands_of_nodes_with_hundreds_of_labels_are_described() {
    let log = labelled(3000, |i| {
        let keys = ["pool", "zone", "rack", "arch"];
        let mut labels: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(k, key)| (*key, format!("v{}", mixed(i, k) % (3 + 4 * k))))
            .collect();
        labels.extend(KEYS.iter().enumerate().filter_map(|(k, key)| {
            let value = mixed(i, k + 10) % 5;
            (value < 2).then(|| (*key, format!("v{value}")))
        }));
        labels
    });
    let value = |i, k| mixed(i, k) % (3 + 4 * k);
    let changed = |i| value(i, 0) == 1 && value(i, 1) != 2 && mixed(i, 17) % 5 == 1;
    assert_eq!(expression(&describe_where(&log, 3000, changed)), "k7=v1,pool=v1,zone!=v2");
}

const KEYS: [&str; 10] = ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"];

/// A number that depends on both, without pattern.
fn mixed(i: usize, k: usize) -> usize {
    (xxhash_rust::xxh3::xxh3_64(&[(i as u64).to_le_bytes(), (k as u64).to_le_bytes()].concat()) >> 8) as usize
}

/// A random term over the labels `k0..` with values `v0..`.
fn term() -> impl Strategy<Value = (usize, usize, bool, bool)> {
    (0..6_usize, 0..3_usize, any::<bool>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn an_exact_expression_is_found_wherever_there_is_one(
        labels in prop::collection::vec(prop::collection::vec(prop::option::of(0..3_usize), 6), 2..150),
        terms in prop::collection::vec(term(), 1..4),
        shape in 0..4_usize,
    ) {
        let table: Vec<Vec<(String, String)>> = labels
            .iter()
            .map(|row| {
                let set = row.iter().enumerate().filter_map(|(k, v)| v.map(|v| (format!("k{k}"), format!("v{v}"))));
                set.collect()
            })
            .collect();
        let holds = |row: &[Option<usize>], (key, value, has, negated): (usize, usize, bool, bool)| {
            let found = if has { row[key].is_some() } else { row[key] == Some(value) };
            found != negated
        };
        let selects = |row: &[Option<usize>]| {
            let mut held = terms.iter().map(|term| holds(row, *term));
            match (shape, terms.len()) {
                (0, _) => held.all(|h| h),
                (1, _) => held.any(|h| h),
                (2, 3) => holds(row, terms[0]) && (holds(row, terms[1]) || holds(row, terms[2])),
                (3, 3) => holds(row, terms[0]) || (holds(row, terms[1]) && holds(row, terms[2])),
                _ => held.all(|h| h),
            }
        };
        let log = nodes(&table);
        let changed: Vec<String> = (0..table.len()).filter(|i| selects(&labels[*i])).map(name).collect();
        let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
        prop_assume!(!changed.is_empty());
        let grouping = group(&facts(&log), changed.iter().copied(), changed.iter().copied());
        prop_assert!(grouping.is_exact(), "{grouping:#?}");
        prop_assert_eq!(grouping.groups.len(), 1);
        let found = &grouping.groups[0];
        prop_assert_eq!(found.among, Among::AllNodes);
        prop_assert!(found.expression.len() <= terms.len());
        prop_assert_eq!(found.nodes.iter().map(String::as_str).collect::<Vec<_>>(), changed);
        // The expression says what it selects: evaluated by hand, it gives the same nodes.
        let by_hand: Vec<String> =
            (0..table.len()).filter(|i| evaluate(&found.expression, &table[*i], &name(*i))).map(name).collect();
        prop_assert_eq!(&by_hand, &found.nodes);
    }
}

fn evaluate(expression: &Expression, labels: &[(String, String)], node: &str) -> bool {
    let holds = |term: &Term| {
        let found = match &term.property {
            Property::Label { key, value } if key == "kubernetes.io/hostname" => value == node,
            Property::Label { key, value } => labels.iter().any(|(k, v)| k == key && v == value),
            Property::HasLabel { key } => labels.iter().any(|(k, _)| k == key),
            other => panic!("{other:?}"),
        };
        found != term.negated
    };
    match expression {
        Expression::Every => true,
        Expression::All(terms) => terms.iter().all(holds),
        Expression::Any(terms) => terms.iter().any(holds),
        Expression::AllAny(first, pair) => holds(first) && pair.iter().any(holds),
        Expression::AnyAll(first, pair) => holds(first) || pair.iter().all(holds),
    }
}
