//! kubetape engine.

pub mod conformance;
pub mod manifest;
