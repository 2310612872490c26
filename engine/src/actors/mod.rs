//! The actors: everybody who reacts to what happens in a cluster.
//!
//! **Invariant:** actors know the cluster and events, and never one another.

mod capacity;
pub mod daemonset;
pub mod kubelet;
pub mod lifecycle;
mod limit;
mod pod_set;
pub mod scheduler;

pub use limit::RateLimit;
