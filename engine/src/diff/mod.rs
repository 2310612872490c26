//! What differs between two runs, or between a recording and its replay.
//!
//! A [`Side`] folds one log. [`Placements`] are what a state looks like once the numbers that a process gives
//! to names are taken out of it; [`compare`] finds what differs between two of them. [`diff`] does it for two
//! logs at the moments that [`When`] asks for; [`settled`] says which moments show decisions rather than
//! transitions.
//!
//! **Invariant:** nothing here changes a cluster or decides for one. Results are ordered by name, whatever the
//! order in which either side met the names.

mod causes;
mod changes;
mod compare;
mod decisions;
mod divergence;
pub mod group;
mod over_time;
mod placements;
mod run;
pub mod settled;
mod side;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use causes::{Causes, Chain, SharedCause, causes};
pub use changes::{ChangeGroups, group_changes};
pub use compare::{
    ChangeKind, Counts, Difference, PlacementDifference, PodState, Revision, RevisionCounts, RevisionName,
    Strictness, WorkloadDifference, compare,
};
pub use decisions::{Decision, DecisionDivergence, Verb, first_decision};
pub use divergence::{Divergence, first_divergence};
pub use over_time::{DaemonSetOverTime, OverTime, OverTimeScan, Rollout, Unavailability, over_time};
pub use placements::{
    NodeNames, PlacedPod, Placements, Template, TemplateSource, WorkloadPlacements, is_live,
};
pub use run::{Comparison, DiffError, Options, When, diff, diff_with};
pub use side::{Side, SideError, SourceError};
