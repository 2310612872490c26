//! The loop: events of the trace and answers of the actors, in the order of virtual time.
//!
//! Ties have one order: played back before what-ifs, what-ifs before simulated, actors in their order.

use std::collections::VecDeque;

use super::checkpoint::{Memory, Midway};
use super::narrative::Narrative;
use super::plan::{Injection, InjectionError, PATIENCE, Plan, QUIET, Until};
use super::playback::Playback;
use super::settled::Activity;
use super::{Defaulted, EndedBy, RecordedNodes, Summary, Tracks};
use crate::actors::daemonset::{DaemonSetController, LateDaemonSetController, Turns};
use crate::actors::{kubelet::Kubelet, lifecycle, scheduler::Scheduler};
use crate::cluster::{ApplyError, Cluster};
use crate::event::{Event, Flags, Track};
use crate::names::{Names, Seq};
use crate::saved::SaveError;
use crate::sim::{Actor, World};
use crate::time::{Micros, Time};

/// Where a trace's events come from.
pub trait Source {
    /// Adds the next events of the trace, in order, to `events`; their numbers go on from the last. Says
    /// whether there were any.
    ///
    /// # Errors
    /// The trace cannot be read.
    fn next(&mut self, names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError>;

    /// Until when the trace is known, once its end was reached; by itself it is known until its last event.
    fn known_until(&self) -> Option<Time> {
        None
    }
}

/// Where a run's events go.
pub trait Sink {
    /// Takes the run's next events.
    ///
    /// # Errors
    /// They cannot be kept.
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError>;

    /// Whether it wants a checkpoint now, after the event `last`; not all before it need have been written yet. Asked
    /// between two moments, often.
    fn wants_checkpoint(&self, _last: Seq) -> bool {
        false
    }

    /// Takes a checkpoint after all events so far: the dictionary and the state, and what the run and its actors
    /// remember, for [`resume`].
    ///
    /// # Errors
    /// It cannot be kept.
    fn checkpoint(&mut self, _names: &Names, _cluster: &Cluster, _memory: &[u8]) -> Result<(), SourceError> {
        Ok(())
    }

    /// Learns when the run ended: nothing more happened up to then.
    fn ended(&mut self, _end: Time) {}
}

/// Why a source or a sink failed.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A replay that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The trace cannot be read.
    #[error(transparent)]
    Source(SourceError),
    /// The run cannot be kept.
    #[error("the run cannot be written: {0}")]
    Sink(SourceError),
    /// The checkpoint is not one of such a run.
    #[error("the run cannot go on from this checkpoint: {0}")]
    Checkpoint(#[from] SaveError),
    /// An event of the trace is not one that a cluster can have had.
    #[error("event {seq} of the trace cannot be applied: {error}")]
    Trace {
        /// Its number.
        seq: Seq,
        /// What does not fit.
        error: ApplyError,
    },
    /// A what-if was refused.
    #[error(transparent)]
    Injection(InjectionError),
    /// An actor gave an answer that does not fit the cluster.
    #[error("at {at}, an actor's answer does not fit the cluster ({error}); this is a defect of kubetape")]
    Actor {
        /// When.
        at: Time,
        /// What does not fit.
        error: ApplyError,
    },
}

/// How many events are handed to the sink at once.
const BATCH: usize = 4096;

/// So many events before its turn an event's node is fetched, and so many what hangs on it.
const FAR: usize = 4;
const NEAR: usize = 1;

/// Replays a trace.
///
/// # Errors
/// See [`ReplayError`]. What the sink was given before an error is not a run.
pub fn replay(
    source: &mut dyn Source,
    plan: Plan,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<(World, Summary), ReplayError> {
    start(source, plan, None, sink, progress)
}

/// Goes on with a replay from a checkpoint: the rest of the run is what it would have been. The trace and the plan are
/// those of the replay that the checkpoint is of; the trace is read from its beginning. The summary's story is of the
/// rest alone.
///
/// # Errors
/// See [`ReplayError`].
pub fn resume(
    source: &mut dyn Source,
    plan: Plan,
    from: Midway,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<(World, Summary), ReplayError> {
    start(source, plan, Some(from), sink, progress)
}

fn start(
    source: &mut dyn Source,
    plan: Plan,
    from: Option<Midway>,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<(World, Summary), ReplayError> {
    let plays = plan.play.with(Tracks::without_actor());
    let mut injections = plan.injections;
    injections.sort_by_key(|injection| injection.at);
    let defaulted = Defaulted::default();
    let turns = plan.follow.then(|| plan.timings.turns().clone());
    let mut actors = actors(&plan.settings, plays, turns);
    if plays.has(Track::Scheduler) || plays.has(Track::Kubelet) {
        let recorded = RecordedNodes::new(plays, plan.timings, plan.settings, Defaulted::clone(&defaulted));
        actors.push(Box::new(recorded));
    }
    if let Some(wrap) = plan.wrap {
        actors = actors.into_iter().map(wrap).collect();
    }
    let (world, rest) = match from {
        None => (World::new(plan.names, actors), None),
        Some(from) => (World::new(plan.names, Vec::new()), Some((from, actors))),
    };
    let mut run = Run {
        world,
        playback: Playback::new(plays),
        source,
        sink,
        progress,
        pending: Vec::new(),
        next: 0,
        exhausted: false,
        read: 0,
        injections: injections.into(),
        injected: 0,
        activity: Activity::default(),
        narrative: plan.story.then(Narrative::default),
        seen: 0,
        first: None,
        trace_end: None,
        by_track: [0; 16],
    };
    if let Some((from, actors)) = rest {
        run.go_back_to(from, actors, plays)?;
    }
    run.world.keeps_changes = run.narrative.is_some();
    let ended_by = run.go(plan.until)?;
    run.flush(true)?;
    let summary = Summary { defaulted_pods: defaulted.get(), ..run.summary(plays, ended_by) };
    summary.end.into_iter().for_each(|end| run.sink.ended(end));
    Ok((run.world, summary))
}

/// The actors of the tracks that are not played back, in the order in which they act at one moment.
fn actors(settings: &super::Settings, plays: Tracks, turns: Option<Turns>) -> Vec<Box<dyn Actor>> {
    let mut actors: Vec<Box<dyn Actor>> = Vec::new();
    if !plays.has(Track::Lifecycle) {
        actors.push(Box::new(lifecycle::NodeHealth::new(settings.node_lifecycle.clone())));
        actors.push(Box::new(lifecycle::NodeTaints::new(settings.node_lifecycle.clone())));
    }
    if !plays.has(Track::DaemonSet) {
        let lag = settings.daemon_set.informer_lag_us;
        let controller = DaemonSetController::new(settings.daemon_set.clone());
        let controller = turns.into_iter().fold(controller, DaemonSetController::following);
        actors.push(match lag {
            Micros::ZERO => Box::new(controller),
            _ => Box::new(LateDaemonSetController::new(controller, lag)),
        });
    }
    if !plays.has(Track::Scheduler) {
        actors.push(Box::new(Scheduler::new(settings.scheduler.clone())));
    }
    if !plays.has(Track::Lifecycle) {
        actors.push(Box::new(lifecycle::TaintEviction::new()));
        actors.push(Box::new(lifecycle::Drains::new()));
        actors.push(Box::new(lifecycle::OwnerGc::new(settings.node_lifecycle.clone())));
        actors.push(Box::new(lifecycle::PodGc::new(settings.node_lifecycle.clone())));
    }
    if !plays.has(Track::Kubelet) {
        actors.push(Box::new(Kubelet::new(settings.kubelet.clone())));
    }
    actors
}

struct Run<'a> {
    world: World,
    playback: Playback,
    source: &'a mut dyn Source,
    sink: &'a mut dyn Sink,
    progress: &'a mut dyn FnMut(u64, Time),
    /// Events of the trace that were read; those from `next` on are not yet played.
    pending: Vec<Event>,
    next: usize,
    exhausted: bool,
    /// How many events of the trace were played or passed over.
    read: u64,
    injections: VecDeque<Injection>,
    /// How many were done.
    injected: u64,
    activity: Activity,
    narrative: Option<Narrative>,
    /// How many of the events that are kept at the moment were counted.
    seen: usize,
    first: Option<Time>,
    trace_end: Option<Time>,
    by_track: [u64; 16],
}

impl Run<'_> {
    fn go(&mut self, until: Until) -> Result<EndedBy, ReplayError> {
        loop {
            let played = self.peek()?.map(|event| event.at);
            let injected = self.injections.front().map(|injection| injection.at.or(played));
            let injected = injected.map(|at| at.or(self.first).unwrap_or(Time(0)));
            let next = earlier(earlier(played, injected), self.world.due());
            if let Some((at, ended_by)) = self.end(until, next, played.or(injected)) {
                self.activity.end(at);
                return Ok(ended_by);
            }
            let Some(now) = next else { return Ok(EndedBy::NothingLeft) };
            self.first.get_or_insert(now);
            // A what-if without a time comes before the first event; any other after what is played with it.
            self.inject(now, |at| at.is_none())?;
            self.play(now)?;
            self.inject(now, |at| at.is_some_and(|at| at <= now))?;
            // What a moment brings may be more than fits in memory, so it is handed on as it comes.
            while self.world.step(now).map_err(|error| ReplayError::Actor { at: now, error })? {
                self.flush(false)?;
            }
            self.flush(false)?;
            if self.sink.wants_checkpoint(self.world.last()) {
                self.checkpoint()?;
            }
        }
    }

    fn checkpoint(&mut self) -> Result<(), ReplayError> {
        self.flush(true)?;
        let memory = Memory {
            actors: self.world.save()?,
            playback: self.playback.save(),
            read: self.read,
            injected: self.injected,
            last_activity: self.activity.last,
            first: self.first,
            trace_end: self.trace_end,
            by_track: self.by_track,
        };
        let memory = memory.to_bytes()?;
        let kept = self.sink.checkpoint(&self.world.names, &self.world.cluster, &memory);
        kept.map_err(ReplayError::Sink)
    }

    /// Puts everything as it was at a checkpoint.
    fn go_back_to(
        &mut self,
        from: Midway,
        actors: Vec<Box<dyn Actor>>,
        plays: Tracks,
    ) -> Result<(), ReplayError> {
        let memory = Memory::from_bytes(&from.memory)?;
        self.world = World::resume(from.names, from.cluster, from.seq, actors, &memory.actors)?;
        self.playback = Playback::resume(plays, memory.playback);
        while self.read < memory.read && self.peek()?.is_some() {
            self.next += 1;
            self.read += 1;
        }
        self.injections.drain(..(memory.injected as usize).min(self.injections.len()));
        self.injected = memory.injected;
        self.activity.last = memory.last_activity;
        (self.first, self.trace_end) = (memory.first, memory.trace_end);
        self.by_track = memory.by_track;
        Ok(())
    }

    /// Whether the run ends before anything more happens: when, and why. `outside` is the next moment at which
    /// something comes from outside.
    fn end(&self, until: Until, next: Option<Time>, outside: Option<Time>) -> Option<(Time, EndedBy)> {
        let trace_end = self.trace_end.or(self.first).unwrap_or(Time(0));
        match until {
            Until::At(end) => next.is_none_or(|next| next > end).then_some((end, EndedBy::Time)),
            _ if outside.is_some() => None,
            Until::End => next.is_none_or(|n| n > trace_end).then_some((trace_end, EndedBy::TraceEnd)),
            Until::After(more) => {
                let end = trace_end + more;
                next.is_none_or(|next| next > end).then_some((end, EndedBy::Time))
            }
            Until::Settled => {
                let quiet = self.activity.last.map_or(trace_end, |last| last + QUIET).max(trace_end);
                let calm = next.is_none_or(|next| next > quiet + QUIET);
                if calm && self.activity.settled(&self.world.cluster) {
                    return Some((quiet, EndedBy::Settled));
                }
                let limit = trace_end + PATIENCE;
                next.is_some_and(|next| next > limit).then_some((limit, EndedBy::Patience))
            }
        }
    }

    /// The next event of the trace.
    fn peek(&mut self) -> Result<Option<&Event>, ReplayError> {
        while self.next == self.pending.len() && !self.exhausted {
            self.pending.clear();
            self.next = 0;
            let more =
                self.source.next(&mut self.world.names, &mut self.pending).map_err(ReplayError::Source)?;
            self.exhausted = !more;
            if self.exhausted {
                self.trace_end = self.trace_end.max(self.source.known_until());
            }
        }
        Ok(self.pending.get(self.next))
    }

    fn play(&mut self, now: Time) -> Result<(), ReplayError> {
        while let Some(&event) = self.peek()?
            && event.at <= now
        {
            self.next += 1;
            self.read += 1;
            self.prefetch();
            let seq = Seq(self.read);
            let played = self.playback.play(&mut self.world, seq, &event);
            played.map_err(|error| ReplayError::Trace { seq, error })?;
            self.trace_end = Some(event.at);
            // A million nodes may join at one moment.
            if self.world.recorded.len() >= BATCH {
                self.flush(false)?;
            }
            if self.read.is_multiple_of(1024) {
                (self.progress)(self.read, event.at);
            }
        }
        Ok(())
    }

    /// Has the nodes of the next events fetched while the events before them are played.
    fn prefetch(&self) {
        let node = |ahead: usize| self.pending.get(self.next + ahead)?.body.node();
        if let Some(node) = node(FAR) {
            self.world.cluster.prefetch_node(node);
        }
        if let Some(node) = node(NEAR) {
            self.world.cluster.prefetch_labels(node);
        }
    }

    fn inject(&mut self, now: Time, which: impl Fn(Option<Time>) -> bool) -> Result<(), ReplayError> {
        if self.injections.is_empty() {
            return Ok(());
        }
        while self.injections.front().is_some_and(|injection| which(injection.at)) {
            let Some(injection) = self.injections.pop_front() else { return Ok(()) };
            self.injected += 1;
            let deed = (injection.deed)(&self.world.cluster, &mut self.world.names);
            for body in deed.map_err(ReplayError::Injection)? {
                let happened = self.world.happen(Event::new(now, Track::User, body));
                happened.map_err(|error| ReplayError::Injection(Box::new(error)))?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, all: bool) -> Result<(), ReplayError> {
        let events = &self.world.recorded;
        for event in &events[self.seen..] {
            self.by_track[event.track as usize] += 1;
            if !event.flags.has(Flags::GENESIS) {
                self.activity.observe(event);
            }
        }
        if let Some(narrative) = &mut self.narrative {
            narrative.observe(&events[self.seen..], &self.world.changes[self.seen..]);
        }
        self.seen = events.len();
        if (all && !events.is_empty()) || events.len() >= BATCH {
            self.sink.write(&self.world.names, events).map_err(ReplayError::Sink)?;
            self.world.recorded.clear();
            self.world.changes.clear();
            self.seen = 0;
        }
        Ok(())
    }

    fn summary(&mut self, plays: Tracks, ended_by: EndedBy) -> Summary {
        Summary {
            trace_events: self.read,
            played: self.playback.played,
            events: self.by_track,
            plays,
            misfits: self.playback.misfits,
            defaulted_pods: 0,
            begin: self.first,
            trace_end: self.trace_end,
            end: self.activity.ended.or(Some(self.world.cluster.now())),
            ended_by,
            settled: self.activity.settled(&self.world.cluster),
            milestones: self.narrative.as_mut().map(Narrative::take).unwrap_or_default(),
            undefined_priority_classes: super::undefined_priority_classes(&self.world),
        }
    }
}

/// The earlier of two moments that may come.
fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
