//! The state at every moment is the same from a checkpoint as from the beginning.

use super::*;
use crate::cluster::Cluster;
use crate::event::{Body, ConditionStatus, Event, Track};
use crate::names::{Names, NodeSpec, ObjectKey, PodShape, Seq, Sym, sym};
use crate::time::{ApiSeconds, Time};

const NODES: usize = 7;

/// A DaemonSet that uses every part of a compiled one.
const DAEMON_SET: &str = r#"{"metadata":{"generation":2},"spec":{"minReadySeconds":3,
"selector":{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"c","operator":"In","values":["d"]}]},
"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"10%","maxSurge":0}},
"template":{"metadata":{"labels":{"a":"b","c":"d"}},"spec":{"nodeSelector":{"e":"f"},"priorityClassName":"p",
"tolerations":[{"key":"g","operator":"Equal","value":"h","effect":"NoExecute","tolerationSeconds":5}],
"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
{"matchExpressions":[{"key":"i","operator":"Gt","values":["4"]}],
"matchFields":[{"key":"metadata.name","operator":"In","values":["worker-1"]}]}]}}},"containers":[
{"name":"x","image":"y","resources":{"requests":{"cpu":"100m"}},"ports":[{"containerPort":1,"hostPort":2}]}]}}}}"#;

/// Events that a cluster can take, with new names all along.
pub(super) fn event(names: &mut Names, cluster: &Cluster, i: u64) -> Event {
    let named = |names: &mut Names, n: u64| {
        let name = names.sym(&format!("worker-{n}"));
        names.node(name)
    };
    let node = named(names, i % NODES as u64);
    let value = names.sym(&format!("value-{}", i / 3));
    let body = match i / NODES as u64 {
        0 => {
            let spec = names
                .node_spec(NodeSpec { labels: vec![(sym::HOSTNAME_LABEL, value)], ..NodeSpec::default() });
            Body::NodeJoined { node, spec, created: ApiSeconds(i as i64) }
        }
        _ => match i % 5 {
            0 => {
                let doc = names
                    .doc(&format!("{{\"metadata\":{{}},\"spec\":{{\"containers\":[]}},\"n\":{}}}", i / 20));
                let shape =
                    names.shape(PodShape { doc, revision_hash: value, template_generation: Some(i as i64) });
                let (pod, name, created) =
                    (cluster.next_pod(), names.sym(&format!("pod-{i}")), ApiSeconds(3));
                let key = ObjectKey { kind: sym::JOB, namespace: sym::DEFAULT, name: value, incarnation: 0 };
                let owner = i.is_multiple_of(2).then(|| names.object(key));
                let owner = owner.filter(|owner| cluster.object(*owner).is_some());
                Body::PodCreated {
                    pod,
                    owner,
                    node: Some(node),
                    ordinal: 0,
                    name,
                    namespace: sym::DEFAULT,
                    shape,
                    created,
                }
            }
            1 => Body::NodeLabelSet { node, key: sym::NODE_LABEL_ZONE, value },
            2 => {
                let (condition, status, since) = (sym::READY, ConditionStatus::True, ApiSeconds(i as i64));
                Body::NodeConditionSet { node, condition, status, reason: value, since }
            }
            3 => match cluster.pods().next().filter(|_| i.is_multiple_of(2)) {
                Some((pod, _)) => Body::PodGone { pod },
                None => Body::NodeCordoned { node },
            },
            _ if i.is_multiple_of(2) => {
                let key = ObjectKey { kind: sym::JOB, namespace: sym::DEFAULT, name: value, incarnation: 0 };
                let manifest = names.doc(&format!("{{\"kind\":\"Job\",\"n\":{i}}}"));
                Body::Applied { object: names.object(key), manifest }
            }
            _ => {
                let kind = sym::DAEMON_SET;
                let key = ObjectKey { kind, namespace: sym::DEFAULT, name: value, incarnation: 0 };
                let manifest = names.doc(DAEMON_SET);
                Body::Applied { object: names.object(key), manifest }
            }
        },
    };
    Event::new(Time(i as i64 / 2 * 1_000), Track::User, body)
}

/// A log with checkpoints now and then, and what it holds.
fn log(count: u64, close: bool) -> (MemoryStorage, Vec<u64>) {
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let (mut names, mut cluster) = (Names::new(), Cluster::new());
    names.sym("a name that no event uses");
    let mut checkpoints = Vec::new();
    for i in 0..count {
        let event = event(&mut names, &cluster, i);
        cluster.apply(&mut names, Seq(i + 1), &event).unwrap();
        writer.append(&names, &[event]).unwrap();
        if i % 40 == 39 {
            writer.checkpoint(&names, &cluster, format!("actors at {i}").as_bytes()).unwrap();
            checkpoints.push(i + 1);
        }
    }
    if close {
        writer.close().unwrap();
    }
    (storage, checkpoints)
}

/// A state in words.
fn words(names: &Names, cluster: &Cluster) -> String {
    let text = |sym: Sym| names.text(sym);
    let mut all = format!("{:?} {:?}\n", cluster.last_event(), cluster.now());
    for &node in cluster.nodes() {
        let node = cluster.node(node).unwrap();
        let labels: Vec<_> = node.labels.iter().map(|l| (text(l.0), text(l.1))).collect();
        let conditions: Vec<_> =
            node.conditions.iter().map(|c| (text(c.condition), c.status, text(c.reason), c.since)).collect();
        all += &format!(
            "{} {labels:?} {conditions:?} {} {:?}\n",
            text(node.name),
            node.unschedulable,
            node.pods
        );
    }
    for (id, pod) in cluster.pods() {
        let labels: Vec<_> = cluster.pod_labels(id).iter().map(|l| (text(l.0), text(l.1))).collect();
        let owner = pod.owner.map(|owner| names.object_name(owner));
        let doc = names.doc_text(names.pod_shape(pod.shape).doc);
        all += &format!("{id:?} {} {owner:?} {doc} {labels:?}\n", cluster.pod_name(id, names));
    }
    for (object, daemon_set) in cluster.daemon_sets() {
        let selector = daemon_set.placement.node_selector.iter().map(|l| (text(l.0), text(l.1)));
        let selector: Vec<_> = selector.collect();
        all += &format!("{} {selector:?} {:?}\n", names.object_name(object.id), daemon_set.strategy);
    }
    for object in cluster.objects_of_kind(sym::JOB) {
        all += &format!("{} {}\n", names.object_name(object.id), names.doc_text(object.manifest));
    }
    all
}

/// The states after each event, by a plain fold.
fn folded(storage: &MemoryStorage) -> Vec<String> {
    let mut reader = Reader::from_storage(Box::new(storage.clone())).unwrap();
    let (mut names, mut cluster, mut events) = (Names::new(), Cluster::new(), Vec::new());
    let mut states = vec![words(&names, &cluster)];
    while let Some(batch) = reader.next_batch(&mut names, &mut events).unwrap() {
        for (i, event) in events.iter().enumerate() {
            cluster.apply(&mut names, Seq(batch.first.0 + i as u64), event).unwrap();
            states.push(words(&names, &cluster));
        }
    }
    states
}

#[test]
fn every_moment_is_the_same_from_a_checkpoint_as_from_the_beginning() {
    for close in [true, false] {
        let (storage, checkpoints) = log(230, close);
        let states = folded(&storage);
        assert_eq!(states.len(), 231);
        for (seq, state) in states.iter().enumerate() {
            let position = seek_in(Box::new(storage.clone()), Moment::Seq(Seq(seq as u64))).unwrap();
            assert_eq!(&words(&position.names, &position.cluster), state);
            let nearest = checkpoints.iter().copied().rfind(|at| *at <= seq as u64);
            assert_eq!(position.checkpoint, nearest.map(Seq));
            assert_eq!(position.replayed, seq as u64 - nearest.unwrap_or(0));
        }
        let end = seek_in(Box::new(storage.clone()), Moment::End).unwrap();
        assert_eq!(&words(&end.names, &end.cluster), &states[230]);
    }
}

#[test]
fn a_time_includes_all_events_at_it() {
    let (storage, _) = log(230, true);
    let states = folded(&storage);
    // Two events lie at each thousandth second.
    for ms in [0, 19, 20, 39, 40, 77, 114] {
        let position = seek_in(Box::new(storage.clone()), Moment::Time(Time(ms * 1_000 + 1))).unwrap();
        assert_eq!(words(&position.names, &position.cluster), states[2 * ms as usize + 2]);
        let before = seek_in(Box::new(storage.clone()), Moment::Time(Time(ms * 1_000 - 1))).unwrap();
        assert_eq!(words(&before.names, &before.cluster), states[2 * ms as usize]);
    }
}

#[test]
fn reading_goes_on_behind_a_moment() {
    let (storage, _) = log(100, true);
    let mut position = seek_in(Box::new(storage.clone()), Moment::Seq(Seq(83))).unwrap();
    let mut seq = 83 + position.rest.len() as u64;
    let mut events = Vec::new();
    while let Some(batch) = position.reader.next_batch(&mut position.names, &mut events).unwrap() {
        assert_eq!(batch.first.0, seq + 1);
        seq = batch.last.0;
    }
    assert_eq!(seq, 100);
}

#[test]
fn checkpoints_change_neither_the_digest_nor_what_is_read() {
    let (storage, checkpoints) = log(130, true);
    let mut reader = Reader::from_storage(Box::new(storage.clone())).unwrap().with_digest();
    let (mut names, mut events, mut identity) = (Names::new(), Vec::new(), Identity::new());
    let mut count = 0;
    while reader.next_batch(&mut names, &mut events).unwrap().is_some() {
        count += events.len();
        identity.add(&names, &events).unwrap();
    }
    assert_eq!((count, checkpoints.len()), (130, 3));
    assert_eq!(reader.digest(), Some(identity.digest()));
    let report = verify::verify_storage(&|| Ok(Box::new(storage.clone()))).unwrap();
    assert!(report.is_sound(), "{report}");
}

#[test]
fn a_log_that_is_opened_again_has_checkpoints_of_both_writers() {
    let (storage, _) = log(100, true);
    let (mut writer, _, _) = Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let position = seek_in(Box::new(storage.clone()), Moment::End).unwrap();
    let (mut names, mut cluster) = (position.names, position.cluster);
    // The writer's names are those of this process from now on, whatever they were before.
    let again = Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
    drop(std::mem::replace(&mut writer, again.0));
    let mut mine = again.1;
    let mut fresh = Cluster::new();
    let mut reader = Reader::from_storage(Box::new(storage.clone())).unwrap();
    let mut events = Vec::new();
    while let Some(batch) = reader.next_batch(&mut mine, &mut events).unwrap() {
        for (i, event) in events.iter().enumerate() {
            fresh.apply(&mut mine, Seq(batch.first.0 + i as u64), event).unwrap();
        }
    }
    assert_eq!(words(&mine, &fresh), words(&names, &cluster));
    for i in 100..190 {
        let next = event(&mut mine, &fresh, i);
        fresh.apply(&mut mine, Seq(i + 1), &next).unwrap();
        writer.append(&mine, &[next]).unwrap();
        if i % 30 == 29 {
            writer.checkpoint(&mine, &fresh, &[]).unwrap();
        }
    }
    writer.close().unwrap();
    let states = folded(&storage);
    for (seq, checkpoint) in [(85, 80), (119, 80), (120, 120), (155, 150), (190, 180)] {
        let position = seek_in(Box::new(storage.clone()), Moment::Seq(Seq(seq))).unwrap();
        assert_eq!(position.checkpoint, Some(Seq(checkpoint)));
        (names, cluster) = (position.names, position.cluster);
        assert_eq!(words(&names, &cluster), states[seq as usize]);
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let (storage, checkpoints) = log(130, true);
    let states = folded(&storage);
    let bytes = storage.bytes();
    let nth_of_kind = |kind: u8, nth: usize| {
        let mut starts = (64..bytes.len() - 64).step_by(16);
        let mut of_kind =
            starts.by_ref().filter(|&at| bytes[at..at + 4] == format::FRAME_MAGIC && bytes[at + 4] == kind);
        of_kind.nth(nth).unwrap()
    };
    // The third checkpoint's state, then the second's names, without which the third cannot be read either.
    for (kind, nth, expected) in [(3, 2, 1), (4, 1, 0)] {
        let at = nth_of_kind(kind, nth);
        let mut damaged = storage.bytes();
        damaged[at + 64 + 30] ^= 1;
        let storage = MemoryStorage::from_bytes(damaged.clone());
        // The way from the checkpoint before leads through the damage.
        let seq = checkpoints[expected] + 10;
        let position = seek_in(Box::new(storage.clone()), Moment::Seq(Seq(seq))).unwrap();
        assert_eq!(position.checkpoint, Some(Seq(checkpoints[expected])));
        assert_eq!(words(&position.names, &position.cluster), states[seq as usize]);
        let beyond = seek_in(Box::new(storage), Moment::End);
        assert!(matches!(beyond, Err(SeekError::Log(LogError::Damaged(_)))));
    }
}

#[test]
fn actors_state_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    std::fs::write(&path, log(130, true).0.bytes()).unwrap();
    let found = checkpoint(&path, Moment::Seq(Seq(100))).unwrap().unwrap();
    assert_eq!((found.seq, found.actors.as_slice()), (Seq(80), &b"actors at 79"[..]));
    assert!(checkpoint(&path, Moment::Seq(Seq(39))).unwrap().is_none());
    assert_eq!(found.cluster.last_event(), Seq(80));
}

#[test]
fn the_layout_of_a_checkpoint_is_that_of_its_version() {
    let (storage, _) = log(45, true);
    let digest = Digest::of(&storage.bytes()).to_string();
    assert_eq!(
        (format::CHECKPOINT_VERSION, digest.as_str()),
        (3, "0d7d53946e996498b1b1e8b8f4b971ec"),
        "if the layout of the state has changed, raise CHECKPOINT_VERSION (once per release) and set this anew"
    );
}
