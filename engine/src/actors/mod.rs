//! Those who react to what happens in a cluster: controllers, the scheduler, the kubelets.
//!
//! **Invariant:** actors know the cluster and events, and never one another.

pub mod daemonset;
