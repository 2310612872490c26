//! Runs that go on from a checkpoint are the runs that were not interrupted.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Event;
use kubetape_engine::log::{self, Identity, Moment, Options, Reader, Writer};
use kubetape_engine::names::{Names, Seq};
use kubetape_engine::replay::{Events, Midway, Plan, Sink, SourceError, Timings, Tracks, replay, resume};
use kubetape_engine::synth::{Spec, Synth};

/// Keeps a run, and some of the checkpoints that can be had.
struct Recorder {
    events: Vec<Event>,
    every: usize,
    asked: std::cell::Cell<usize>,
    checkpoints: Vec<(Midway, Identity)>,
    identity: Identity,
}

impl Recorder {
    fn new(every: usize) -> Self {
        let (events, checkpoints, identity) = (Vec::new(), Vec::new(), Identity::new());
        Recorder { events, every, asked: std::cell::Cell::new(0), checkpoints, identity }
    }
}

impl Sink for Recorder {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        self.events.extend_from_slice(events);
        self.identity.write(names, events)
    }

    fn wants_checkpoint(&self, _last: Seq) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.every > 0 && self.asked.get().is_multiple_of(self.every)
    }

    fn checkpoint(&mut self, names: &Names, cluster: &Cluster, memory: &[u8]) -> Result<(), SourceError> {
        let seq = Seq(self.events.len() as u64);
        let midway = Midway { names: names.clone(), cluster: cluster.clone(), seq, memory: memory.to_vec() };
        self.checkpoints.push((midway, self.identity.clone()));
        Ok(())
    }
}

/// Keeps events alone.
struct Plain(Vec<Event>);

impl Sink for Plain {
    fn write(&mut self, _: &Names, events: &[Event]) -> Result<(), SourceError> {
        self.0.extend_from_slice(events);
        Ok(())
    }
}

/// A trace in memory, with what the recorded nodes did.
struct Trace {
    names: Names,
    events: Vec<Event>,
}

impl Trace {
    fn read(path: &Path) -> Self {
        let mut reader = Reader::open(path).unwrap();
        let (mut names, mut events, mut batch) = (Names::new(), Vec::new(), Vec::new());
        while reader.next_batch(&mut names, &mut batch).unwrap().is_some() {
            events.append(&mut batch);
        }
        Trace { names, events }
    }

    fn synthetic(spec: Spec) -> Self {
        let mut source = Synth::new(spec);
        let (mut names, mut events) = (Names::new(), Vec::new());
        while kubetape_engine::replay::Source::next(&mut source, &mut names, &mut events).unwrap() {}
        Trace { names, events }
    }

    fn plan(&self, play: Tracks) -> Plan {
        let mut timings = Timings::default();
        self.events.iter().for_each(|event| timings.note(event));
        Plan { names: self.names.clone(), play, timings, ..Plan::default() }
    }

    /// Replays, and from each checkpoint again; says from how many.
    fn check(&self, play: Tracks, every: usize) -> usize {
        let source = || Events(self.events.clone());
        let mut whole = Recorder::new(every);
        let (world, summary) = replay(&mut source(), self.plan(play), &mut whole, &mut |_, _| {}).unwrap();
        for (midway, identity) in &whole.checkpoints {
            let seq = midway.seq;
            let mut rest = Recorder { identity: identity.clone(), ..Recorder::new(0) };
            let from = midway.clone();
            let (resumed, ended) =
                resume(&mut source(), self.plan(play), from, &mut rest, &mut |_, _| {}).unwrap();
            let expected = &whole.events[seq.0 as usize..];
            let differs = expected.iter().zip(&rest.events).position(|(one, other)| one != other);
            assert_eq!(
                differs,
                None,
                "resumed after {seq}: {:?}",
                differs.map(|at| (expected[at], rest.events[at]))
            );
            assert_eq!(rest.events.len(), expected.len(), "resumed after {seq}");
            assert_eq!(rest.identity.digest(), whole.identity.digest(), "resumed after {seq}");
            assert_eq!(resumed.last(), world.last());
            assert_eq!((ended.events, ended.played), (summary.events, summary.played));
            assert_eq!((ended.misfits, ended.end), (summary.misfits, summary.end));
            assert_eq!(ended.defaulted_pods, summary.defaulted_pods);
        }
        whole.checkpoints.len()
    }
}

fn shipped(name: &str) -> Trace {
    Trace::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces").join(name))
}

fn small(seed: u64) -> Spec {
    Spec { seed, nodes: 30, daemon_sets: 4, changes: 400, ..Spec::default() }
}

#[test]
fn the_lesson_goes_on_from_every_moment() {
    let lesson = shipped("lesson.tape");
    assert!(lesson.check(Tracks::outside(), 1) > 50);
    assert!(lesson.check(Tracks::parse("cluster,user,scheduler,kubelet").unwrap(), 1) > 50);
}

#[test]
fn synthetic_clusters_go_on_from_moments_here_and_there() {
    for seed in 0..3 {
        assert!(Trace::synthetic(small(seed)).check(Tracks::outside(), 7 + seed as usize) > 5);
    }
}

#[test]
fn a_run_goes_on_from_the_checkpoints_in_its_log() {
    let trace = Trace::synthetic(Spec { nodes: 300, daemon_sets: 10, changes: 20_000, ..small(9) });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.tape");
    let source = || Events(trace.events.clone());
    let play = Tracks::outside();
    let mut writer = Writer::create(&path, &Options::output()).unwrap();
    replay(&mut source(), trace.plan(play), &mut writer, &mut |_, _| {}).unwrap();
    let last = writer.last();
    writer.close().unwrap();
    let run = Trace::read(&path);

    let mut checkpoints = 0;
    let mut moment = last;
    while let Some(checkpoint) = log::checkpoint(&path, Moment::Seq(moment)).unwrap() {
        let seq = checkpoint.seq;
        let mut rest = Plain(Vec::new());
        resume(&mut source(), trace.plan(play), checkpoint.into(), &mut rest, &mut |_, _| {}).unwrap();
        assert_eq!(rest.0.len() as u64, last.0 - seq.0);
        // Numbers of names are those of two processes.
        let kinds = |events: &[Event]| {
            events.iter().map(|e| (e.at, e.cause, e.track, e.body.kind())).collect::<Vec<_>>()
        };
        assert!(kinds(&rest.0) == kinds(&run.events[seq.0 as usize..]), "resumed after {seq}");
        checkpoints += 1;
        moment = Seq(seq.0 - 1);
    }
    assert!(checkpoints > 0, "{last} has no checkpoint before it");
}

#[test]
fn a_checkpoint_of_another_plan_is_refused() {
    let lesson = shipped("lesson.tape");
    let mut whole = Recorder::new(40);
    replay(&mut Events(lesson.events.clone()), lesson.plan(Tracks::outside()), &mut whole, &mut |_, _| {})
        .unwrap();
    let (midway, _) = whole.checkpoints.swap_remove(0);
    let plan = lesson.plan(Tracks::all());
    let refused =
        resume(&mut Events(lesson.events.clone()), plan, midway, &mut Identity::new(), &mut |_, _| {});
    let error = refused.err().unwrap().to_string();
    assert_eq!(
        error,
        "the run cannot go on from this checkpoint: saved state cannot be read: it is that of other actors"
    );
}
