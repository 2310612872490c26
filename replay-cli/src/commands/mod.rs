//! The verbs, one file each.

pub mod apply;
pub mod bench;
pub mod calibrate;
pub mod check;
pub mod completions;
pub mod conformance;
pub mod create;
pub mod delete;
pub mod diff;
pub mod explain;
pub mod import;
pub mod log;
pub mod man;
pub mod node;
pub mod run;
pub mod settings;
pub mod shadow;
pub mod show;
pub mod sweep;
pub mod synth;
pub mod test;
pub mod verify;
