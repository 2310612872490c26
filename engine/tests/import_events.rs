//! Clusters of which only Kubernetes Events were kept.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::import::{Imported, Options, Source, import};
use kubetape_engine::names::{Names, Seq, sym};

fn source(path: &Path) -> Source {
    let bytes = Box::new(std::fs::File::open(path).unwrap());
    Source { name: path.file_name().unwrap().to_string_lossy().into_owned(), bytes }
}

/// Imports, and folds what came of it.
fn imported(source: Source) -> (Names, Cluster, Imported) {
    let mut names = Names::new();
    let imported = import(vec![source], &Options::default(), &mut names, &mut |_| {}).unwrap();
    let mut cluster = Cluster::new();
    for (index, event) in imported.genesis.iter().chain(&imported.events).enumerate() {
        cluster.apply(&mut names, Seq(index as u64 + 1), event).unwrap();
    }
    (names, cluster, imported)
}

/// The nodes of each DaemonSet's pods that do not terminate, a node as often as it has pods.
fn placements(names: &Names, cluster: &Cluster) -> BTreeMap<String, Vec<String>> {
    let mut placements: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, pod) in cluster.pods().filter(|(_, pod)| !pod.terminating() && pod.bound) {
        let Some(owner) = pod.owner.map(|owner| names.object_key(owner)) else { continue };
        if owner.kind == sym::DAEMON_SET {
            let node = names.node_name(pod.node.unwrap()).to_owned();
            placements.entry(names.text(owner.name).to_owned()).or_default().push(node);
        }
    }
    placements.values_mut().for_each(|nodes| nodes.sort());
    placements
}

#[test]
fn daemon_sets_of_public_clusters_end_with_the_recorded_pods_per_node() {
    let Some(folder) = common::shared("data/traces/k8s_events") else { return };
    let mut oracle = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(folder.join("ORACLE.json.gz")).unwrap())
        .read_to_string(&mut oracle)
        .unwrap();
    let oracle: serde_json::Value = serde_json::from_str(&oracle).unwrap();
    let mut daemon_sets = 0;
    for (file, expected) in oracle.as_object().unwrap() {
        let (names, cluster, _) = imported(source(&folder.join(file)));
        let placements = placements(&names, &cluster);
        for (daemon_set, scheduled) in expected["daemonset_scheduled"].as_object().unwrap() {
            let mut nodes: Vec<String> =
                scheduled.as_array().unwrap().iter().map(|pod| pod[2].as_str().unwrap().to_owned()).collect();
            nodes.sort();
            assert_eq!(placements.get(daemon_set), Some(&nodes), "{file}: {daemon_set}");
            let counts = &expected["daemonset_counts"][daemon_set];
            let distinct: BTreeSet<_> = nodes.iter().collect();
            assert_eq!(counts["pods"], nodes.len(), "{file}: {daemon_set}");
            assert_eq!(counts["nodes"], distinct.len(), "{file}: {daemon_set}");
            daemon_sets += 1;
        }
    }
    assert_eq!(daemon_sets, 10);
}

#[test]
fn pods_and_nodes_come_and_go_as_their_events_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/events/exported.jsonl");
    let (names, cluster, imported) = imported(source(&path));
    let agents =
        BTreeMap::from([("fluent-bit".to_owned(), vec!["worker-a".to_owned(), "worker-b".to_owned()])]);
    assert_eq!(placements(&names, &cluster), agents);

    // What was there before: the node of the first pod, the pod, and its DaemonSet.
    let genesis: Vec<_> = imported.genesis.iter().map(|event| event.body.kind()).collect();
    for kind in ["NodeJoined", "Applied", "PodCreated"] {
        assert_eq!(genesis.iter().filter(|found| **found == kind).count(), 1, "{kind} in {genesis:?}");
    }
    let told = |kind: &str| imported.events.iter().filter(|event| event.body.kind() == kind).count();
    // One node came, went and came again; its pod went with it. One pod was stopped and replaced.
    assert_eq!((told("NodeJoined"), told("NodeLeft"), told("NodeCordoned")), (2, 1, 1));
    assert_eq!((told("PodCreated"), told("PodBound"), told("PodGone")), (3, 3, 2));
    let inferred = &imported.report.inferred;
    assert_eq!(inferred["DaemonSet: from its pods' Events"], 1);
    assert_eq!(inferred["Pod: there from the start, as an Event of it shows"], 1);
    // Both worker nodes are ready again at the end.
    assert_eq!(cluster.nodes().iter().filter(|node| cluster.node_ready(**node)).count(), 2);
}

#[test]
fn events_beside_recorded_objects_are_only_evidence() {
    let objects = br#"{"kind":"List","items":[{"kind":"Node","metadata":{"name":"worker-a","uid":"n1","resourceVersion":"5"}}]}"#;
    let list = Source { name: "nodes.json".to_owned(), bytes: Box::new(&objects[..]) };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/events/exported.jsonl");
    let mut names = Names::new();
    let imported = import(vec![source(&path), list], &Options::default(), &mut names, &mut |_| {}).unwrap();
    let pods = imported.genesis.iter().chain(&imported.events).filter(|event| event.body.pod().is_some());
    assert_eq!(pods.count(), 0);
}
