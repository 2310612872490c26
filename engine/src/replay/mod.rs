//! Replay: a trace's events, the actors that are not played back, and what comes of it.
//!
//! To replay a log is to choose, track by track, whether it is played back from the log or simulated. The
//! default plays back what comes from outside (`cluster` and `user`) and simulates the rest; playing back
//! everything is a pure fold.

mod checkpoint;
mod io;
mod narrative;
mod plan;
mod playback;
mod run;
mod settled;
mod timings;
mod tracks;
mod verify;

use std::collections::BTreeSet;

pub use checkpoint::Midway;
pub use io::{Events, Output};
pub use narrative::{DrainStory, Effects, Milestone};
pub use plan::{Injection, InjectionError, PATIENCE, Plan, QUIET, Settings, Until, Wrap};
pub use playback::{Identity, Misfits, Playback};
pub use run::{ReplayError, Sink, Source, SourceError, replay, resume};
pub use timings::{Defaulted, RecordedNodes, Timings};
pub use tracks::{Tracks, UnknownTrack};
pub use verify::{Difference, Repeatable, Sketch, Threads, Verdict, verify};

use crate::event::Track;
use crate::names::{ShapeId, Sym};
use crate::sim::World;
use crate::time::Time;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The cluster had settled.
    Settled,
    /// The trace's last event was reached.
    TraceEnd,
    /// The time that was asked for was reached.
    Time,
    /// The cluster did not settle within [`PATIENCE`].
    Patience,
    /// Nothing was left to happen, although the cluster had not settled.
    NothingLeft,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Events of the trace that were read.
    pub trace_events: u64,
    /// Events played back, by track number.
    pub played: [u64; 16],
    /// All events of the run, by track number.
    pub events: [u64; 16],
    /// Tracks that were played back.
    pub plays: Tracks,
    /// Events of the trace that did not fit the run.
    pub misfits: Misfits,
    /// Pods that took default delays because the recording has no counterpart of them.
    pub defaulted_pods: u64,
    /// The first event's time.
    pub begin: Option<Time>,
    /// The time of the trace's last event.
    pub trace_end: Option<Time>,
    /// When the run ended.
    pub end: Option<Time>,
    /// Why it ended.
    pub ended_by: EndedBy,
    /// Whether the cluster had settled at the end.
    pub settled: bool,
    /// What came from outside and what followed from it; nothing if the plan did not ask for it.
    pub milestones: Vec<Milestone>,
    /// Priority classes that pods name and nothing defines; such pods count as priority 0.
    pub undefined_priority_classes: Vec<String>,
}

impl Summary {
    /// All events of the run.
    pub fn event_count(&self) -> u64 {
        self.events.iter().sum()
    }

    /// Events that actors made, as opposed to played back.
    pub fn simulated(&self, track: Track) -> u64 {
        self.events[track as usize] - self.played[track as usize]
    }

    /// Tracks that were asked for and of which the trace has no event.
    pub fn silent_tracks(&self, asked: Tracks) -> Vec<Track> {
        asked.iter().filter(|track| self.played[*track as usize] == 0).collect()
    }
}

fn undefined_priority_classes(world: &World) -> Vec<String> {
    // Pods are many, shapes few.
    let mut met = vec![false; world.names.shape_count()];
    world.cluster.pods().for_each(|(_, pod)| met[pod.shape.index()] = true);
    let met = met.iter().enumerate().filter(|(_, met)| **met);
    let shapes = met.filter_map(|(index, _)| world.cluster.shape(ShapeId::from_index(index)));
    let undefined: BTreeSet<Sym> =
        shapes.filter_map(|shape| world.cluster.priority(shape, &world.names).1).collect();
    let mut names: Vec<_> = undefined.into_iter().map(|class| world.names.text(class).to_owned()).collect();
    names.sort();
    names
}
