//! Why: why a node has, or has not, a DaemonSet's pod; what a pod waits for; what holds a rollout up; what an
//! event brought about.
//!
//! Every explanation answers from two things: the state at a moment, and the events that made it so. Rules are
//! judged by the same compiled selectors that decide in a simulation, so that an explanation of a recording and
//! one of its replay mean the same. `history` knows how the past is collected: by folding the
//! log, and again for the events that turn out to matter; or, where a log can be read at any place, by reading what its
//! index says touches the question (`pages`), which takes a tenth of a second in a log of ten million events.
//!
//! **Invariant:** nothing here decides or changes anything. Lists are ordered by name, event number or weight,
//! never by the numbers that a process gives its names.

mod collected;
mod daemon_pod;
mod effects;
mod facts;
mod history;
mod life;
mod pages;
mod pending;
mod pod;
mod rollout;
mod rules;
mod state;
mod whose;

pub use daemon_pod::{Answer, DaemonPodExplanation, Missing, explain_daemon_pod};
pub use effects::{EffectGroup, EventExplanation, explain_event};
pub use history::{ExplainError, Moment, Tape};
pub use life::{Life, Step};
pub use pending::{Held, NodeRefusal, Pending, Reason};
pub use pod::{PodExplanation, explain_pod};
pub use rollout::{
    Breach, BudgetHolder, Hold, RolloutExplanation, RolloutLimits, RolloutState, explain_rollout,
};
pub use rules::{Check, Rule, SetBy};
pub use state::{keeps_off, waits_for};

pub use crate::told::{Chain, Told};

use crate::names::{Names, ObjectKey, Sym, sym};
use crate::told::as_text;

/// A workload by namespace and name, whichever object bears them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadName {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl WorkloadName {
    /// Reads `namespace/name`; a name alone is in `default`.
    pub fn parse(text: &str) -> WorkloadName {
        let (namespace, name) = text.split_once('/').unwrap_or(("default", text));
        WorkloadName { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Whether a key is a DaemonSet's of this name.
    fn is_daemon_set(&self, key: ObjectKey, names: &Names) -> bool {
        key.kind == sym::DAEMON_SET
            && names.text(key.name) == self.name
            && names.text(key.namespace) == self.namespace
    }

    fn symbols(&self, names: &Names) -> Option<(Sym, Sym)> {
        Some((names.find_sym(&self.namespace)?, names.find_sym(&self.name)?))
    }
}

impl std::fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
