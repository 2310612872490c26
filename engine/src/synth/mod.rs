//! Synthetic traces: clusters, DaemonSets and churn of any size from a seed, the same bytes everywhere.
//!
//! [`Synth`] makes a trace batch by batch as it is read, so a million nodes and a million events take no more memory
//! than a few dozen bytes a node. [`presets`] are the workloads that kubetape's speed is measured with.
//!
//! Every random choice is a pure function of the seed, what it is for, whom it concerns and its ordinal ([`random`]),
//! so a change in one place of a spec disturbs nothing elsewhere. Real numbers stand in `machines` (nodes) and
//! `daemonsets` (agents); real failures can be replayed from CSV files ([`read_failures`]).
//!
//! ```
//! use kubetape_engine::log::Identity;
//! use kubetape_engine::names::Names;
//! use kubetape_engine::synth::{Spec, Synth};
//!
//! let spec = Spec { seed: 7, nodes: 10, daemon_sets: 3, changes: 100, ..Spec::default() };
//! let (mut names, mut events) = (Names::new(), Vec::new());
//! let mut trace = Synth::new(spec);
//! while trace.next_batch(&mut names, &mut events) {}
//! assert!(events.len() > 100);
//! ```

mod churn;
mod daemonsets;
mod failures;
mod machines;
mod nodes;
pub mod presets;
pub mod random;
mod schedule;
mod trace;

pub use failures::{Failure, FailuresError, Fault, read_failures};
pub use machines::Provider;
pub use nodes::{LabelSet, NodePools, SELECTED_KEYS, SELECTED_VALUES, UNMENTIONED_KEYS};
pub use schedule::{Mix, Process, Rates};
pub use trace::{BEGIN, Spec, Synth};

#[cfg(test)]
mod tests;
