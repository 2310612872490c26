//! The workloads that kubetape's speed is measured with, by name.
