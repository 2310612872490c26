//! What a replay is asked to do.

use super::{Timings, Tracks};
use crate::cluster::Cluster;
use crate::event::Body;
use crate::names::Names;
pub use crate::settings::Settings;
use crate::sim::Actor;
use crate::time::{Micros, Time};

/// How long the default goes on after a trace's end for the cluster to settle.
pub const PATIENCE: Micros = Micros::seconds(3_600);

/// How long nothing must have happened, and nothing be due, for a cluster to be settled.
pub const QUIET: Micros = Micros::seconds(5);

/// When a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// With the trace's last event.
    End,
    /// When the cluster has settled after the trace's last event, or an hour after it.
    #[default]
    Settled,
    /// At a moment.
    At(Time),
    /// So long after the trace's last event.
    After(Micros),
}

/// Something that a what-if does on top of the trace.
pub struct Injection {
    /// When; `None` before the trace's first event.
    pub at: Option<Time>,
    /// What is done, given the cluster at that moment. All of it happens, or the run fails.
    #[allow(clippy::type_complexity)]
    pub deed: Box<dyn FnOnce(&Cluster, &mut Names) -> Result<Vec<Body>, InjectionError>>,
}

/// A what-if that is refused.
pub type InjectionError = Box<dyn std::error::Error + Send + Sync>;

/// What a replay is asked to do.
pub struct Plan {
    /// The tracks that are played back; what has no actor is played back in any case.
    pub play: Tracks,
    /// When to stop.
    pub until: Until,
    /// How the actors behave.
    pub settings: Settings,
    /// What is done on top.
    pub injections: Vec<Injection>,
    /// What the recorded scheduler and kubelets did, for when one of them is played back while workloads are
    /// simulated; read from the trace with the dictionary below.
    pub timings: Timings,
    /// Whether the simulated DaemonSet controller takes nodes in the recorded order, where any of several will do and
    /// upstream takes one at random; the timings know it.
    pub follow: bool,
    /// The dictionary to begin with.
    pub names: Names,
    /// Whether the summary tells what came from outside and what followed from it. That takes memory for every event.
    pub story: bool,
    /// Put around every actor: how a profiler looks on. What it gives must behave as what it was given.
    pub wrap: Option<Wrap>,
}

/// Puts something around an actor.
pub type Wrap = Box<dyn FnMut(Box<dyn Actor>) -> Box<dyn Actor>>;

impl Default for Plan {
    fn default() -> Self {
        Plan {
            play: Tracks::outside(),
            until: Until::default(),
            settings: Settings::default(),
            injections: Vec::new(),
            timings: Timings::default(),
            follow: false,
            names: Names::new(),
            story: true,
            wrap: None,
        }
    }
}
