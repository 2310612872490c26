//! kubetape engine: an event-sourced simulation of Kubernetes DaemonSets.

pub mod actors;
pub mod cluster;
pub mod conformance;
pub mod event;
pub mod names;
pub mod quantity;
pub mod selector;
pub mod sim;
pub mod time;
