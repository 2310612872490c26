//! Small sources, by hand: what each kind becomes, and what bad ones are told.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;

use super::*;
use crate::cluster::Cluster;
use crate::event::{Propagation, Why};
use crate::names::Seq;

fn source(name: &str, bytes: impl Into<Vec<u8>>) -> Source {
    Source { name: name.to_owned(), bytes: Box::new(std::io::Cursor::new(bytes.into())) }
}

fn run(texts: &[&str]) -> Result<(Imported, Names), ImportError> {
    let mut names = Names::new();
    let sources = texts.iter().enumerate().map(|(i, text)| source(&format!("source-{i}"), *text)).collect();
    let imported = import(sources, &Options::default(), &mut names, &mut |_| {})?;
    Ok((imported, names))
}

fn good(texts: &[&str]) -> (Imported, Names) {
    run(texts).unwrap()
}

fn refusal(text: &str) -> String {
    run(&[text]).unwrap_err().to_string()
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.body.kind()).collect()
}

fn fold(imported: &Imported, names: &mut Names) -> Cluster {
    let mut cluster = Cluster::new();
    let mut seq = Seq::NONE;
    for event in imported.genesis.iter().chain(&imported.events) {
        seq = seq.next();
        cluster.apply(names, seq, event).unwrap();
    }
    cluster
}

/// A watch event on a node of two seconds' age.
fn node(time: &str, event: &str, name: &str, version: u32, more: &str) -> String {
    format!(
        r#"{{"time":"{time}","type":"{event}","object":{{"kind":"Node","apiVersion":"v1","metadata":{{"name":"{name}","uid":"uid-{name}","resourceVersion":"{version}","creationTimestamp":"2026-11-24T02:00:00Z"{more}}}}}}}"#
    ) + "\n"
}

fn pod(time: &str, event: &str, version: u32, metadata: &str, spec: &str, status: &str) -> String {
    format!(
        r#"{{"time":"{time}","type":"{event}","object":{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"p","namespace":"default","uid":"uid-p","resourceVersion":"{version}","creationTimestamp":"2026-11-24T02:00:00Z"{metadata}}},"spec":{{"containers":[{{"name":"c","image":"i"}}]{spec}}},"status":{{{status}}}}}}}"#
    ) + "\n"
}

const AT: [&str; 6] = [
    "2026-11-24T02:00:01Z",
    "2026-11-24T02:00:02Z",
    "2026-11-24T02:00:03Z",
    "2026-11-24T02:00:04Z",
    "2026-11-24T02:00:05Z",
    "2026-11-24T02:00:06Z",
];

#[test]
fn a_label_put_on_and_taken_off_is_two_events() {
    let text = node(AT[0], "ADDED", "n", 1, "")
        + &node(AT[1], "MODIFIED", "n", 2, r#","labels":{"a":"b"}"#)
        + &node(AT[2], "MODIFIED", "n", 3, r#","labels":{"a":"b"},"annotations":{"x":"y"}"#)
        + &node(AT[3], "MODIFIED", "n", 4, "");
    let (imported, names) = good(&[&text]);
    assert!(imported.genesis.is_empty());
    assert_eq!(kinds(&imported.events), ["NodeJoined", "NodeLabelSet", "NodeLabelRemoved"]);
    let Body::NodeLabelSet { key, value, .. } = imported.events[1].body else { panic!() };
    assert_eq!((names.text(key), names.text(value)), ("a", "b"));
    assert_eq!(imported.events[1].at, Time::parse(AT[1]).unwrap());
    assert_eq!(imported.report.dropped["Node: annotations only"], 1);
    assert_eq!(imported.report.sources[0].kind, SourceKind::TimedWatch);
}

#[test]
fn versions_decide_the_order_where_times_go_backwards() {
    let text = node(AT[0], "ADDED", "n", 1, "")
        + &node(AT[2], "MODIFIED", "n", 3, r#","labels":{"a":"2"}"#)
        + &node(AT[1], "MODIFIED", "n", 2, r#","labels":{"a":"1"}"#)
        + &node(AT[3], "MODIFIED", "n", 4, r#","labels":{"a":"3"}"#);
    let (imported, names) = good(&[&text]);
    let values: Vec<&str> = imported
        .events
        .iter()
        .filter_map(|event| match event.body {
            Body::NodeLabelSet { value, .. } => Some(names.text(value)),
            _ => None,
        })
        .collect();
    assert_eq!(values, ["1", "2", "3"]);
    assert!(imported.events.is_sorted_by_key(|event| event.at));
    assert_eq!(imported.report.warnings.len(), 1);
    assert!(imported.report.warnings[0].contains("go backwards 1 times (first on line 3)"));
}

#[test]
fn kinds_with_counters_of_their_own_are_merged_by_time() {
    let mut text = String::new();
    for i in 0..20 {
        let second = i * 40;
        let time = format!("2026-11-24T02:{:02}:{:02}Z", 1 + second / 60, second % 60);
        text += &node(&time, "ADDED", &format!("n{i}"), 1_000 + i, "").replace("2026-11-24T02:00:00Z", &time);
        let labels = format!(r#","labels":{{"i":"{i}"}}"#);
        let event = if i == 0 { "ADDED" } else { "MODIFIED" };
        text += &pod(&time, event, 1 + i, &labels, "", r#""phase":"Pending""#);
    }
    let (imported, _) = good(&[&text]);
    assert!(imported.report.warnings.iter().any(|w| w.contains("one counter")));
    let joined = |e: &Event| matches!(e.body, Body::NodeJoined { .. });
    let times: Vec<Time> = imported.events.iter().filter(|e| joined(e)).map(|e| e.at).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == Micros::seconds(40)), "{times:?}");
}

#[test]
fn a_silence_begins_its_grace_period_before_it_is_noticed() {
    let ready = |time: &str, event: &str, version: u32, status: &str| {
        let object = node(time, event, "n", version, "");
        let status = format!(
            r#"}},"status":{{"conditions":[{{"type":"Ready","status":"{status}","lastTransitionTime":"{time}"}}]}}}}}}"#
        );
        object.trim_end().strip_suffix("}}}").unwrap().to_owned() + &status + "\n"
    };
    let text = ready("2026-11-24T02:00:01Z", "ADDED", 1, "True")
        + &ready("2026-11-24T02:10:00Z", "MODIFIED", 2, "Unknown")
        + &ready("2026-11-24T02:11:00Z", "MODIFIED", 3, "True");
    let (imported, mut names) = good(&[&text]);
    assert_eq!(
        kinds(&imported.events),
        [
            "NodeJoined",
            "NodeConditionSet",
            "NodeSilent",
            "NodeConditionSet",
            "NodeReturned",
            "NodeConditionSet"
        ]
    );
    let [_, _, silent, unknown, ..] = imported.events.as_slice() else { panic!() };
    assert_eq!(silent.at, Time::parse("2026-11-24T02:09:10Z").unwrap());
    assert_eq!((silent.track, unknown.track), (Track::Cluster, Track::Lifecycle));
    assert!(silent.flags.has(Flags::INFERRED));
    fold(&imported, &mut names);
}

#[test]
fn a_pods_life_is_told_step_by_step() {
    let labels = r#","labels":{"app":"a"}"#;
    let ready = |status: &str| {
        format!(
            r#""phase":"Running","conditions":[{{"type":"Ready","status":"{status}","lastTransitionTime":"{}"}}]"#,
            AT[2]
        )
    };
    let bound = r#","nodeName":"n""#;
    let ending =
        r#","labels":{"app":"a"},"deletionTimestamp":"2026-11-24T02:00:35Z","deletionGracePeriodSeconds":30"#;
    let text = pod(AT[0], "ADDED", 1, labels, "", r#""phase":"Pending""#)
        + &pod(AT[1], "MODIFIED", 2, labels, bound, r#""phase":"Pending""#)
        + &pod(AT[2], "MODIFIED", 3, labels, bound, &ready("True"))
        + &pod(AT[4], "MODIFIED", 4, ending, bound, &ready("True"))
        + &pod(AT[5], "DELETED", 5, ending, bound, &ready("True"));
    let (imported, mut names) = good(&[&text]);
    assert_eq!(
        kinds(&imported.events),
        ["PodCreated", "PodBound", "PodPhaseSet", "PodConditionSet", "PodDeleted", "PodGone"]
    );
    let tracks: Vec<Track> = imported.events.iter().map(|event| event.track).collect();
    use Track::{Kubelet, Scheduler, User};
    assert_eq!(tracks, [User, Scheduler, Kubelet, Kubelet, User, Kubelet]);
    assert!(imported.events.iter().all(|event| event.flags == Flags::INFERRED));
    assert!(matches!(imported.events[4].body, Body::PodDeleted { why: Why::User, grace_s: 30, .. }));
    assert_eq!(fold(&imported, &mut names).pod_count(), 0);
}

#[test]
fn kubectls_watch_without_times_takes_them_from_the_objects() {
    let pretty = |text: &str| {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        value.as_object_mut().unwrap().remove("time");
        serde_json::to_string_pretty(&value).unwrap()
    };
    let running = r#""phase":"Running","startTime":"2026-11-24T02:00:07Z""#;
    let text = pretty(&pod(AT[0], "ADDED", 1, "", "", r#""phase":"Pending""#))
        + &pretty(&pod(AT[0], "MODIFIED", 2, "", r#","nodeName":"n""#, running));
    let (imported, _) = good(&[&text]);
    assert_eq!(imported.report.sources[0].kind, SourceKind::Watch);
    assert_eq!(kinds(&imported.events), ["PodCreated", "PodBound", "PodPhaseSet"]);
    assert_eq!(imported.events[0].at, Time::parse("2026-11-24T02:00:00Z").unwrap());
    assert_eq!(imported.events[1].at, Time::parse("2026-11-24T02:00:07Z").unwrap());
    assert!(
        imported.report.inferred.keys().any(|what| what.contains("time")),
        "{:?}",
        imported.report.inferred
    );
}

#[test]
fn a_watchs_initial_list_is_the_genesis() {
    let late = ["2026-11-24T03:00:00Z", "2026-11-24T03:00:01Z"];
    let text = node(late[0], "ADDED", "a", 7, "")
        + &node(late[0], "ADDED", "b", 3, "")
        + &node(late[1], "MODIFIED", "a", 8, r#","labels":{"x":"y"}"#);
    let (imported, names) = good(&[&text]);
    assert_eq!(kinds(&imported.genesis), ["NodeJoined", "NodeJoined"]);
    assert!(imported.genesis.iter().all(|event| event.flags == Flags::GENESIS));
    assert_eq!(kinds(&imported.events), ["NodeLabelSet"]);
    assert_eq!(names.find_node("a"), imported.events[0].body.node());
}

const MANIFESTS: &str = r#"# A DaemonSet and what it needs.
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata:
  name: high
value: 1000
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: agent
spec:
  selector:
    matchLabels:
      app: agent
  template:
    metadata:
      labels:
        app: agent
    spec:
      priorityClassName: high
      containers:
      - name: agent
        image: agent:1
---
apiVersion: v1
kind: Node
metadata:
  name: worker-1
  labels:
    zone: "1"
"#;

#[test]
fn manifests_are_defaulted_and_become_the_genesis() {
    let (imported, mut names) = good(&[MANIFESTS]);
    assert_eq!(imported.report.sources[0].kind, SourceKind::Yaml);
    assert!(imported.events.is_empty());
    let cluster = fold(&imported, &mut names);
    let (object, daemon_set) = cluster.daemon_sets().next().unwrap();
    assert_eq!(names.object_name(object.id), "default/agent");
    assert!(matches!(
        daemon_set.strategy,
        crate::cluster::UpdateStrategy::RollingUpdate { max_unavailable: Some(_), .. }
    ));
    assert_eq!(cluster.nodes().len(), 1);
    assert!(imported.report.missing_priority_classes.is_empty());
}

#[test]
fn a_priority_class_that_nothing_defines_is_named() {
    let (_, rest) = MANIFESTS.split_once("---").unwrap();
    let (imported, _) = good(&[rest]);
    assert_eq!(imported.report.missing_priority_classes["high"], MissingPriorityClass::Unknown);
    assert!(
        imported
            .report
            .warnings
            .iter()
            .any(|w| w.contains("\"high\"") && w.contains("kubectl get priorityclasses"))
    );
    let with_class = pod(AT[0], "ADDED", 1, "", r#","priorityClassName":"high","priority":1000"#, "");
    let (imported, mut names) = good(&[&with_class]);
    assert_eq!(imported.report.missing_priority_classes["high"], MissingPriorityClass::TakenFromPods(1000));
    let cluster = fold(&imported, &mut names);
    let class = names.find_sym("high").unwrap();
    assert!(cluster.find_object(sym::PRIORITY_CLASS, Sym::EMPTY, class).is_some());
}

#[test]
fn a_list_of_one_kind_need_not_repeat_it() {
    let text = r#"{"kind":"NodeList","apiVersion":"v1","items":[
        {"metadata":{"name":"a","uid":"1","resourceVersion":"5"}},
        {"metadata":{"name":"b","uid":"2","resourceVersion":"6"}}]}"#;
    let (imported, _) = good(&[text]);
    assert_eq!(kinds(&imported.genesis), ["NodeJoined", "NodeJoined"]);
    assert_eq!(imported.report.sources[0].kind, SourceKind::Objects);
}

#[test]
fn compressed_sources_are_read_member_by_member() {
    let lines = [node(AT[0], "ADDED", "a", 1, ""), node(AT[1], "ADDED", "b", 2, "")];
    let mut bytes = Vec::new();
    for line in &lines {
        let mut encoder = flate2::write::GzEncoder::new(&mut bytes, flate2::Compression::default());
        encoder.write_all(line.as_bytes()).unwrap();
        encoder.finish().unwrap();
    }
    let mut names = Names::new();
    let mut heard = 0;
    let length = bytes.len() as u64;
    let whole = vec![source("x.gz", bytes.clone())];
    let imported = import(whole, &Options::default(), &mut names, &mut |bytes| heard = bytes).unwrap();
    assert_eq!(imported.events.len(), 2);
    assert_eq!(heard, length);
    bytes.truncate(bytes.len() - 9);
    let cut = vec![source("x.gz", bytes)];
    let error = import(cut, &Options::default(), &mut names, &mut |_| {}).unwrap_err();
    assert!(matches!(error, ImportError::TruncatedGzip { .. }), "{error}");
}

#[test]
fn bad_input_is_told_with_its_place_and_what_to_do() {
    let line = node(AT[0], "ADDED", "n", 1, "");
    let cases = [
        ("", "source-0: is empty"),
        (" \n\n", "source-0: is empty"),
        (&format!("{line}{}", &line[..60]), "source-0:2: the JSON value that begins here is cut off"),
        (&format!("{line}{{\"a\" 1}}\n"), "source-0:2: not JSON at column 6"),
        (&line.replace(r#""kind":"Node","#, ""), "source-0:1: an object without `kind`"),
        (&line.replace(r#""name":"n","#, ""), "source-0:1: Node without `metadata.name`"),
        (&line.replace("ADDED", "CHANGED"), "source-0:1: unknown watch event type \"CHANGED\""),
        (&line.replace(AT[0], "noon"), "source-0:1: watch event, field time: `noon` is not an RFC 3339 time"),
        (r#"{"time":1,"type":2}"#, "source-0:1: neither a watch event"),
        (r#"{"apiVersion":"v1","metadata":{"name":"n"}}"#, "source-0:1: an object without `kind`"),
        ("hello there", "source-0: byte 0: neither JSON nor YAML (it begins with \"hello there\")"),
        ("NAME  STATUS\nn  Ready", "kubectl's table for people; record with `-o json`"),
        ("kind: Node\nmetadata: {name: n\n---\n", "not YAML"),
        (
            &node(AT[0], "DELETED", "ghost", 1, ""),
            "source-0:1: node \"ghost\" is deleted but was never added; add the list",
        ),
        (
            r#"{"type":"ERROR","object":{"kind":"Status","message":"too old resource version"}}"#,
            "too old resource version",
        ),
    ];
    for (text, expected) in cases {
        let found = refusal(text);
        assert!(found.contains(expected), "{text:?}:\n found {found}\n expected {expected}");
    }
    let binary = import(
        vec![source("b", vec![0x7f, b'E', b'L', b'F', 0, 0xff])],
        &Options::default(),
        &mut Names::new(),
        &mut |_| {},
    );
    assert!(binary.unwrap_err().to_string().contains("binary data"));
    let none = import(Vec::new(), &Options::default(), &mut Names::new(), &mut |_| {});
    assert!(matches!(none.unwrap_err(), ImportError::NoSource));
}

#[test]
fn missing_beginnings_can_be_allowed_and_are_counted() {
    let text = node(AT[0], "ADDED", "n", 1, "") + &node(AT[1], "DELETED", "ghost", 2, "");
    let options = Options { allow_missing: true, ..Options::default() };
    let imported = import(vec![source("w", text)], &options, &mut Names::new(), &mut |_| {}).unwrap();
    assert_eq!(imported.report.dropped["Node: deleted but never added"], 1);
    let text = node(AT[0], "ADDED", "n", 1, "") + &pod(AT[1], "DELETED", 2, "", "", "");
    assert_eq!(good(&[&text]).0.report.dropped["Pod: deleted but never added"], 1);
}

#[test]
fn other_kinds_are_kept_as_they_are_and_noise_is_not() {
    let text = r#"{"kind":"List","items":[
        {"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"w","namespace":"x","uid":"1","resourceVersion":"1"},"spec":{"size":3}},
        {"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"x","uid":"2","resourceVersion":"2"}}]}"#;
    let (imported, names) = good(&[text]);
    let [event] = imported.genesis.as_slice() else { panic!() };
    let Body::Applied { object, manifest } = event.body else { panic!() };
    assert_eq!(names.object_name(object), "x/w");
    assert!(names.doc_text(manifest).contains(r#""spec":{"size":3}"#));
    assert_eq!(imported.report.opaque_kinds["Widget"], 1);
    assert_eq!(imported.report.ignored_kinds["Secret"], 1);
}

/// A watch event on a Deployment.
fn deployment(time: &str, event: &str, version: u32, metadata: &str, replicas: u32) -> String {
    format!(
        r#"{{"time":"{time}","type":"{event}","object":{{"kind":"Deployment","apiVersion":"apps/v1","metadata":{{"name":"web","namespace":"default","uid":"uid-web","resourceVersion":"{version}","creationTimestamp":"2026-11-24T02:00:00Z"{metadata}}},"spec":{{"replicas":{replicas},"template":{{}}}}}}}}"#
    ) + "\n"
}

#[test]
fn scales_and_deletions_of_workloads_are_told_from_changes() {
    let generation = |n: u32| format!(r#","generation":{n}"#);
    let waiting =
        r#","generation":4,"deletionTimestamp":"2026-11-24T02:00:05Z","finalizers":["foregroundDeletion"]"#;
    let text = deployment(AT[0], "ADDED", 1, &generation(1), 2)
        + &deployment(AT[1], "MODIFIED", 2, &generation(2), 5)
        + &deployment(AT[2], "MODIFIED", 3, &(generation(2) + r#","labels":{"a":"b"}"#), 5)
        + &deployment(AT[3], "MODIFIED", 4, &generation(3), 3)
        + &deployment(AT[4], "MODIFIED", 5, waiting, 3)
        + &deployment(AT[5], "DELETED", 6, waiting, 3);
    let (imported, mut names) = good(&[&text]);
    assert_eq!(
        kinds(&imported.events),
        ["Applied", "Scaled", "Applied", "Applied", "DeleteRequested", "ObjectRemoved"]
    );
    assert!(matches!(imported.events[1].body, Body::Scaled { replicas: 5, .. }));
    let Body::DeleteRequested { propagation, .. } = imported.events[4].body else { panic!() };
    assert_eq!(propagation, Propagation::Foreground);
    assert_eq!(fold(&imported, &mut names).objects_of_kind(sym::DEPLOYMENT).count(), 0);
    let at_once = deployment(AT[0], "ADDED", 1, "", 2) + &deployment(AT[1], "DELETED", 2, "", 2);
    let (imported, _) = good(&[&at_once]);
    assert!(matches!(
        imported.events[1].body,
        Body::DeleteRequested { propagation: Propagation::Background, .. }
    ));
}

#[test]
fn an_object_whose_deletion_was_missed_makes_room_for_the_next() {
    let text =
        node(AT[0], "ADDED", "n", 1, "") + &node(AT[1], "ADDED", "n", 5, "").replace("uid-n", "uid-other");
    let (imported, mut names) = good(&[&text]);
    assert_eq!(kinds(&imported.events), ["NodeJoined", "NodeLeft", "NodeJoined"]);
    assert_eq!(fold(&imported, &mut names).nodes().len(), 1);
    assert!(imported.report.inferred.keys().any(|what| what.contains("not recorded")));
}

#[test]
fn pods_of_one_template_share_their_shape() {
    let on = |name: &str, node: &str, version: u32| {
        let target = format!(
            r#","affinity":{{"nodeAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":{{"nodeSelectorTerms":[{{"matchFields":[{{"key":"metadata.name","operator":"In","values":["{node}"]}}]}}]}}}}}},"volumes":[{{"name":"kube-api-access-{name}"}}]"#
        );
        let metadata = r#","ownerReferences":[{"kind":"DaemonSet","name":"d","uid":"uid-d","controller":true}],"labels":{"app":"d","controller-revision-hash":"h","pod-template-generation":"3"}"#;
        pod(AT[0], "ADDED", version, metadata, &target, r#""phase":"Pending""#)
            .replace(r#""name":"p""#, &format!(r#""name":"{name}""#))
            .replace("uid-p", &format!("uid-{name}"))
    };
    let (imported, names) = good(&[&(on("d-1", "a", 1) + &on("d-2", "b", 2))]);
    let made: Vec<_> = imported
        .events
        .iter()
        .filter_map(|event| match event.body {
            Body::PodCreated { shape, node, ordinal, .. } => Some((shape, node, ordinal)),
            _ => None,
        })
        .collect();
    let [(one, a, 0), (two, b, 0)] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!(one, two);
    assert_eq!((*a, *b), (names.find_node("a"), names.find_node("b")));
    let shape = names.pod_shape(*one);
    assert_eq!((names.text(shape.revision_hash), shape.template_generation), ("h", Some(3)));
    assert_eq!(
        names.doc_text(shape.doc),
        r#"{"metadata":{"labels":{"app":"d"}},"spec":{"containers":[{"image":"i","name":"c"}]}}"#
    );
    assert_eq!(imported.events[0].track, Track::DaemonSet);
}
