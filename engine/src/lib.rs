//! kubetape engine.

pub mod manifest;
