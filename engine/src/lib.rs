//! kubetape engine: an event-sourced simulation of Kubernetes DaemonSets.

pub mod actors;
pub mod apply;
pub mod cluster;
pub mod conformance;
pub mod diff;
pub mod event;
pub mod import;
pub mod log;
pub mod manifest;
pub mod names;
pub mod quantity;
pub mod replay;
pub mod selector;
pub mod sim;
pub mod synth;
pub mod time;
