//! What differs between two runs, or between a recording and its replay.
//!
//! A [`Side`] folds one log. [`Placements`] are what a state looks like once the numbers that a process gives
//! to names are taken out of it; [`compare`] finds what differs between two of them. [`diff`] does it for two
//! logs at the moments that [`When`] asks for; [`settled`] says which moments show decisions rather than
//! transitions. [`why`](why()) says which decision made each group of placements differ, and where the logs part.
//!
//! **Invariant:** nothing here changes a cluster or decides for one. Results are ordered by name, whatever the
//! order in which either side met the names.

mod changes;
mod compare;
mod decisions;
mod divergence;
pub mod group;
mod over_time;
mod parted;
mod per_node;
mod placements;
mod run;
pub mod settled;
mod side;
mod spans;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timeline;
mod why;

pub use changes::{ChangeGroups, group_changes};
pub use compare::{
    ChangeKind, Counts, Difference, PlacementDifference, PodState, Revision, RevisionCounts, RevisionName,
    Strictness, WorkloadDifference, compare,
};
pub use decisions::Verb;
pub use over_time::{
    Breaches, DaemonSetOverTime, OverTime, OverTimeScan, Rollout, Unavailability, over_time,
};
pub use placements::{
    NodeNames, PlacedPod, Placements, Template, TemplateSource, WorkloadPlacements, is_live,
};
pub use run::{Compared, Comparison, DiffError, Options, When, diff, diff_with};
pub use side::{Side, SideError, SourceError};
pub use spans::{Course, SetSpans, Span, Spans};
pub use timeline::{Stretch, StretchGroup, StretchKind};
pub use why::{
    ChangeCauses, DecisionDivergence, Divergence, Parting, Reasons, SharedCause, Tell, Which, why,
};
