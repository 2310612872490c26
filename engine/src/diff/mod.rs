//! What differs between two runs, or between a recording and its replay.
//!
//! A [`Side`] folds one log. [`Placements`] are what a state looks like once the numbers that a process gives
//! to names are taken out of it; [`compare`] finds what differs between two of them. [`diff`] does it for two
//! logs at the moments that [`When`] asks for; [`settled`] says which moments show decisions rather than
//! transitions.
//!
//! **Invariant:** nothing here changes a cluster or decides for one. Results are ordered by name, whatever the
//! order in which either side met the names.

mod compare;
pub mod group;
mod placements;
mod run;
pub mod settled;
mod side;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use compare::{
    ChangeKind, Counts, Difference, PlacementDifference, PodState, Revision, RevisionCounts, RevisionName,
    Strictness, WorkloadDifference, compare,
};
pub use placements::{
    NodeNames, PlacedPod, Placements, Template, TemplateSource, WorkloadPlacements, is_live,
};
pub use run::{Comparison, DiffError, When, diff};
pub use side::{Side, SideError, SourceError};
