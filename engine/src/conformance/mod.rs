//! Recordings of real Kubernetes, run against this engine.

pub mod validation;
