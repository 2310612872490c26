use super::*;
use crate::event::Body;
use crate::log::{Identity, MemoryStorage, Options};
use crate::names::{NodeId, Seq};
use crate::replay::{Plan, Sink, Source, SourceError, replay};
use crate::synth::{Spec, Synth};

fn rules() -> Rules {
    let all = || vec![Glob::new("*")];
    Rules { names: all(), label_keys: all(), label_values: all(), ordered: true }
}

fn lesson() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../traces/lesson.tape")).unwrap()
}

fn synthetic(spec: Spec) -> Vec<u8> {
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let (mut synth, mut names, mut events) = (Synth::new(spec), Names::new(), Vec::new());
    while synth.next_batch(&mut names, &mut events) {
        writer.append(&names, &events).unwrap();
        events.clear();
    }
    writer.close().unwrap();
    storage.bytes()
}

fn redacted(bytes: &[u8], rules: &Rules, secret: &str) -> (Vec<u8>, Redacted) {
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let open = || Reader::from_bytes(bytes.to_vec());
    let done = redact(&open, rules, &Key::new(secret.as_bytes()), &mut writer).unwrap();
    writer.close().unwrap();
    (storage.bytes(), done)
}

/// A run's events, with the names that nodes have.
struct Run {
    events: Vec<Event>,
    nodes: Vec<Option<String>>,
}

impl Sink for Run {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        let name = |node: NodeId| names.node_name(node).to_owned();
        self.events.extend_from_slice(events);
        self.nodes.extend(events.iter().map(|event| match event.body {
            Body::PodCreated { node, .. } => node.map(name),
            _ => event.body.node().map(name),
        }));
        Ok(())
    }
}

fn run(bytes: &[u8]) -> Run {
    let mut reader = Reader::from_bytes(bytes.to_vec()).unwrap();
    let mut run = Run { events: Vec::new(), nodes: Vec::new() };
    replay(&mut reader as &mut dyn Source, Plan::default(), &mut run, &mut |_, _| {}).unwrap();
    run
}

/// A run of the redacted trace does the same at the same times, on the nodes that the pseudonyms stand for.
fn runs_alike(bytes: &[u8]) {
    let (shared, done) = redacted(bytes, &rules(), "secret");
    assert!(done.replaced > 0);
    let (before, after) = (run(bytes), run(&shared));
    assert_eq!(before.events.len(), after.events.len());
    let mut pseudonyms = std::collections::BTreeMap::new();
    let mut pods = 0;
    for (i, (a, b)) in before.events.iter().zip(&after.events).enumerate() {
        let seq = i + 1;
        assert_eq!(
            (a.at, a.track, a.body.kind(), a.cause),
            (b.at, b.track, b.body.kind(), b.cause),
            "event {seq}"
        );
        assert_eq!(a.body.pod(), b.body.pod(), "event {seq}");
        let (Some(name), Some(pseudonym)) = (&before.nodes[i], &after.nodes[i]) else {
            assert_eq!(before.nodes[i], after.nodes[i]);
            continue;
        };
        pods += usize::from(matches!(a.body, Body::PodBound { .. }));
        assert_eq!(
            pseudonyms.entry(name).or_insert(pseudonym),
            &pseudonym,
            "event {seq}: one name, one pseudonym"
        );
        assert_ne!(name, pseudonym);
    }
    assert!(pods > 0, "pods were placed");
    let in_order: Vec<_> = pseudonyms.values().collect();
    assert!(in_order.is_sorted(), "pseudonyms are in the order of the names");
}

#[test]
fn the_lesson_runs_alike_without_its_names() {
    runs_alike(&lesson());
}

#[test]
fn a_churning_cluster_with_rollouts_runs_alike_without_its_names() {
    runs_alike(&synthetic(Spec { nodes: 60, daemon_sets: 8, changes: 400, ..Spec::default() }));
}

#[test]
fn no_name_is_left() {
    let (shared, _) = redacted(&lesson(), &rules(), "secret");
    let text = shared.iter().map(|&byte| char::from(byte)).collect::<String>();
    for name in
        ["worker-1", "worker-4", "control-plane-1", "fluentd", "web", "bare-rs", "run-fluentd", "admin"]
    {
        assert!(lesson().windows(name.len()).any(|part| part == name.as_bytes()), "{name} was there");
        assert!(!text.contains(name), "{name} is left");
    }
    assert!(text.contains("DaemonSet") && text.contains("kubernetes.io/hostname"));
}

#[test]
fn the_key_decides_and_the_hash_part_is_the_same_in_every_log() {
    let hash = Rules { ordered: false, ..rules() };
    let pseudonym = |bytes: &[u8], rules: &Rules, secret: &str| {
        let (shared, _) = redacted(bytes, rules, secret);
        let mut reader = Reader::from_bytes(shared).unwrap();
        let (mut names, mut events) = (Names::new(), Vec::new());
        while reader.next_batch(&mut names, &mut events).unwrap().is_some() {}
        (0..names.node_count()).map(|i| names.node_name(NodeId::from_index(i)).to_owned()).collect::<Vec<_>>()
    };
    let whole = pseudonym(&lesson(), &hash, "a");
    assert_eq!(whole, pseudonym(&lesson(), &hash, "a"));
    assert!(whole.iter().zip(&pseudonym(&lesson(), &hash, "b")).all(|(a, b)| a != b));
    // Another log, in which other names are: the same nodes have the same pseudonyms.
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let part = Box::new(MemoryStorage::from_bytes(lesson()));
    crate::log::cut(part, None, crate::log::Moment::Seq(Seq(28)), &mut writer).unwrap();
    writer.close().unwrap();
    let part = pseudonym(&storage.bytes(), &hash, "a");
    assert!(!part.is_empty() && part.iter().all(|name| whole.contains(name)));
    let tails =
        |names: &[String]| names.iter().map(|n| n.split_once('-').unwrap().1.to_owned()).collect::<Vec<_>>();
    let (ordered, part) =
        (tails(&pseudonym(&lesson(), &rules(), "a")), tails(&pseudonym(&storage.bytes(), &rules(), "a")));
    assert!(part.iter().all(|hash| ordered.contains(hash)));
}

#[test]
fn only_what_matches_is_replaced() {
    let only =
        Rules { names: vec![Glob::new("worker-?")], label_keys: vec![], label_values: vec![], ordered: true };
    let (shared, done) = redacted(&lesson(), &only, "secret");
    assert_eq!(done.replaced, 4);
    let text = shared.iter().map(|&byte| char::from(byte)).collect::<String>();
    assert!(text.contains("control-plane-1") && text.contains("fluentd-daemon"));
    let nothing = Rules { names: vec![], ..only };
    let (same, _) = redacted(&lesson(), &nothing, "secret");
    let mut identity = Identity::new();
    let mut reader = Reader::from_bytes(same).unwrap();
    replay(&mut reader as &mut dyn Source, Plan::default(), &mut identity, &mut |_, _| {}).unwrap();
}

#[test]
fn values_of_variables_and_annotations_are_gone_and_changes_are_not() {
    let before = r#"{"metadata":{"name":"x","annotations":{"note":"call Jane"}},"spec":{"template":{"metadata":{
        "annotations":{"restartedAt":"now"},"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i:1",
        "command":["run","--password=hunter2"],"env":[{"name":"A","value":"hunter2"}]}],"nodeSelector":{"pool":"gpu"},
        "tolerations":[{"key":"dedicated","value":"gpu","effect":"NoSchedule"}]}}}}"#;
    let run = |text: &str| {
        let rules = rules();
        let mut names = Names::new();
        let name = names.sym("x");
        let key = crate::names::ObjectKey { kind: name, namespace: name, name, incarnation: 0 };
        let (object, manifest) = (names.object(key), names.doc(text));
        let event = Event::new(Time(0), crate::event::Track::User, Body::Applied { object, manifest });
        let mut translator = Translator::new(&rules, Pseudonyms::collecting(&Key::new(b"k"), true));
        translator.translate(&names, &[event]);
        let mut translator = Translator::new(&rules, translator.into_pseudonyms().assigned());
        let Body::Applied { manifest, .. } = translator.translate(&names, &[event])[0].body else { panic!() };
        translator.to.doc_text(manifest).to_owned()
    };
    let after = run(before);
    for gone in ["hunter2", "Jane", "now", "restartedAt", "gpu", "dedicated", "i:1"] {
        assert!(before.contains(gone) && !after.contains(gone), "{gone}: {after}");
    }
    assert_ne!(
        run(&before.replace("restartedAt\":\"now", "restartedAt\":\"later")),
        after,
        "a restart is a change"
    );
    assert_ne!(run(&before.replace("=hunter2", "=hunter3")), after);
    assert_ne!(run(&before.replace("\"value\":\"hunter2", "\"value\":\"hunter3")), after);
    assert_eq!(run(before), after);
}
