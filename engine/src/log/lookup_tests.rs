//! What is looked up is what reading everything would find.

use std::collections::{BTreeMap, BTreeSet};

use super::seek_tests::event;
use super::verify::verify_storage;
use super::*;
use crate::cluster::Cluster;
use crate::event::{Body, Event};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq};
use crate::time::Time;

/// Enough for several indexes, in batches of three.
const EVENTS: u64 = 30_000;

fn log(close: bool, reopen_at: Option<u64>) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let (mut names, mut cluster, mut batch) = (Names::new(), Cluster::new(), Vec::new());
    for i in 0..EVENTS {
        // Causes near and far.
        let cause = if i % 50 == 0 { Seq(i / 3) } else { Seq(i - i % 7) };
        let event = Event { cause, ..event(&mut names, &cluster, i) };
        cluster.apply(&mut names, Seq(i + 1), &event).unwrap();
        batch.push(event);
        if batch.len() == 3 {
            writer.append(&names, &batch).unwrap();
            batch.clear();
        }
        // Between two batches.
        if i == EVENTS / 2 + 2 {
            writer.checkpoint(&names, &cluster, b"").unwrap();
        }
        if Some(i) == reopen_at {
            // The writer dies, and another one goes on.
            drop(writer);
            (writer, names, _) = Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
            cluster = Cluster::new();
            let mut reader = Reader::from_bytes(storage.bytes()).unwrap();
            let (mut seq, mut read) = (Seq::NONE, Vec::new());
            while reader.next_batch(&mut names, &mut read).unwrap().is_some() {
                for event in &read {
                    seq = seq.next();
                    cluster.apply(&mut names, seq, event).unwrap();
                }
            }
        }
    }
    writer.append(&names, &batch).unwrap();
    if close {
        writer.close().unwrap();
    }
    storage
}

/// What an event touches, found the slow way.
#[derive(Default)]
struct Slow(BTreeMap<PodId, (Option<NodeId>, Option<ObjectId>)>);

impl Slow {
    fn touched(&mut self, event: &Event) -> BTreeSet<(u8, usize)> {
        let mut all = BTreeSet::new();
        let mut add = |node: Option<NodeId>, owner: Option<ObjectId>| {
            all.extend(node.map(|node| (0, node.index())));
            all.extend(owner.map(|owner| (1, owner.index())));
        };
        add(event.body.node(), event.body.object());
        if let Some(pod) = event.body.pod() {
            let (node, owner) = self.0.get(&pod).copied().unwrap_or_default();
            add(node, owner);
            match event.body {
                Body::PodCreated { node, owner, .. } => self.0.insert(pod, (node, owner)),
                Body::PodGone { .. } => self.0.remove(&pod),
                _ => None,
            };
        }
        if let Body::Applied { object, .. } = event.body {
            all.insert((2, object.index()));
        }
        all
    }
}

fn check(storage: &MemoryStorage, moment: Moment) -> usize {
    let position = seek_in(Box::new(storage.clone()), moment).unwrap();
    let mut lookup = Lookup::open_in(Box::new(storage.clone()), &position).unwrap();
    let (mut slow, mut out, mut seq, mut skipped) = (Slow::default(), Vec::new(), Seq::NONE, 0);
    let mut names = position.names.clone();
    let mut reader = Reader::from_bytes(storage.bytes()).unwrap();
    let mut expected = Vec::new();
    let parts: Vec<Part> = lookup.parts().collect();
    for part in &parts {
        reader.next_batch(&mut names, &mut expected).unwrap().unwrap();
        lookup.read(part, &mut out).unwrap();
        assert_eq!(out, expected, "{part:?}");
        assert_eq!((part.first, part.last), (seq.next(), Seq(seq.0 + out.len() as u64)));
        assert_eq!((part.first_time, part.last_time), (out[0].at, out[out.len() - 1].at));
        seq = part.last;
        assert_eq!(lookup.part_with(part.first), Some(*part));
        assert_eq!(lookup.part_with(part.last), Some(*part));
        if let Some(places) = lookup.causes_of(part) {
            let causes = out.iter().map(|event| event.cause).filter(|cause| *cause != Seq::NONE);
            let expected: BTreeSet<_> =
                causes.map(|cause| lookup.part_with(cause).unwrap().place()).collect();
            assert_eq!(places.into_iter().collect::<BTreeSet<_>>(), expected, "{part:?}");
        }
        let touched: BTreeSet<_> = out.iter().flat_map(|event| slow.touched(event)).collect();
        for node in position.cluster.nodes() {
            let touches = lookup.touches(part, Subject::Node(*node));
            assert!(touches || !touched.contains(&(0, node.index())), "{part:?} {node:?}");
            skipped += usize::from(!touches);
        }
        for &(_, object) in touched.iter().filter(|(kind, _)| *kind == 1) {
            assert!(lookup.touches(part, Subject::Object(ObjectId::from_index(object))));
        }
        for object in (0..names.object_count()).map(ObjectId::from_index).take(40) {
            let touches = lookup.touches(part, Subject::Desired(object));
            assert!(touches || !touched.contains(&(2, object.index())));
            skipped += usize::from(!touches);
        }
    }
    assert_eq!(seq, position.cluster.last_event().max(parts.last().unwrap().last));
    assert_eq!(lookup.part_with(seq.next()), None);
    skipped
}

#[test]
fn a_part_that_is_said_not_to_touch_something_does_not() {
    for (close, reopen) in [(true, None), (false, None), (true, Some(EVENTS / 3 + 1))] {
        let storage = log(close, reopen);
        let report = verify_storage(&|| Ok(Box::new(storage.clone()))).unwrap();
        assert!(report.is_sound(), "{report}");
        let skipped = check(&storage, Moment::End);
        assert!(skipped > 200_000, "{skipped}");
        check(&storage, Moment::Seq(Seq(EVENTS / 2 + 17)));
    }
}

#[test]
fn an_index_that_is_wrong_is_found() {
    let storage = log(true, None);
    let mut frames = frames::Frames::open(Box::new(storage.clone())).unwrap();
    let at = landmarks::last(&mut frames, format::FrameKind::Index).unwrap();
    assert_ne!(at, 0);
    // The same log up to there, and an index that says that nothing is touched.
    let lying = MemoryStorage::from_bytes(storage.bytes()[..at as usize].to_vec());
    let (mut writer, mut names, _) = Writer::open_in(Box::new(lying.clone()), &Options::default()).unwrap();
    writer.forget_what_is_touched();
    let event = event(&mut names, &Cluster::new(), 0);
    let late = Event { at: Time(i64::MAX), ..event };
    writer.append(&names, &[late]).unwrap();
    writer.close().unwrap();
    let report = verify_storage(&|| Ok(Box::new(lying.clone()))).unwrap();
    assert!(report.unreadable.iter().any(|what| what.contains("index")), "{report}");
}

#[test]
fn until_when_a_log_is_known_is_kept() {
    let storage = MemoryStorage::new();
    let mut names = Names::new();
    let one = event(&mut names, &Cluster::new(), 0);
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    writer.append(&names, &[one]).unwrap();
    writer.known_until(Time(one.at.0 + 5_000));
    writer.known_until(Time(one.at.0 + 4_000));
    writer.close().unwrap();
    let known = |storage: &MemoryStorage| {
        let mut reader = Reader::from_bytes(storage.bytes()).unwrap();
        while reader.next_batch(&mut Names::new(), &mut Vec::new()).unwrap().is_some() {}
        reader.known_until()
    };
    assert_eq!(known(&storage), Some(Time(one.at.0 + 5_000)));
    // It is kept by who goes on, and what comes later is known as well.
    let (mut writer, names, _) = Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
    writer.append(&names, &[Event { at: Time(one.at.0 + 1_000), ..one }]).unwrap();
    writer.close().unwrap();
    assert_eq!(known(&storage), Some(Time(one.at.0 + 5_000)));
    let (mut writer, names, _) = Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
    writer.append(&names, &[Event { at: Time(one.at.0 + 9_000), ..one }]).unwrap();
    writer.close().unwrap();
    assert_eq!(known(&storage), Some(Time(one.at.0 + 9_000)));
}
