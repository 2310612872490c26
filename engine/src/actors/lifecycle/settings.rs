//! What operators of real clusters tune about the node lifecycle controller and the pod garbage collector.

use serde::{Deserialize, Serialize};

use crate::actors::RateLimit;
use crate::actors::limit::or_unlimited;
use crate::time::Micros;

/// Settings of the controllers that look after nodes; the defaults are kube-controller-manager's flags and upstream's
/// constants. Lengths of time are in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long a node may be silent (`--node-monitor-grace-period`).
    pub grace_us: Micros,
    /// Time between two looks at all nodes (`--node-monitor-period`).
    pub monitor_period_us: Micros,
    /// Time between two nodes of a zone that are marked for eviction (the inverse of `--node-eviction-rate`).
    pub eviction_interval_us: Micros,
    /// The same in a large zone that is partly disrupted (the inverse of `--secondary-node-eviction-rate`).
    pub secondary_eviction_interval_us: Micros,
    /// Zones of more nodes than this are large (`--large-cluster-size-threshold`).
    pub large_zone_nodes: usize,
    /// From what share of nodes that are not ready on a zone counts as partly disrupted, in percent
    /// (`--unhealthy-zone-threshold`).
    pub unhealthy_zone_percent: usize,
    /// How fast the controller may call the API server (`--kube-api-qps`, `--kube-api-burst`). Reading a node before
    /// its taints are patched is a call as well, and so is each Event about a node.
    #[serde(with = "or_unlimited")]
    pub client: Option<RateLimit>,
    /// How fast the garbage collector may call the API server: twice `--kube-api-qps`, as each deletion takes two calls, and
    /// `--kube-api-burst`.
    #[serde(with = "or_unlimited")]
    pub garbage_collector: Option<RateLimit>,
    /// How many nodes' taints are written at once; 0 counts as 1.
    pub taint_workers: usize,
    /// Time between two passes of the pod garbage collector.
    pub pod_gc_period_us: Micros,
    /// How long a node must have been missed before its pods are collected.
    pub pod_gc_quarantine_us: Micros,
    /// Of pods that have ended so many are kept (`--terminated-pod-gc-threshold`); 0 keeps all.
    pub terminated_pods: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            grace_us: Micros::seconds(50),
            monitor_period_us: Micros::seconds(5),
            eviction_interval_us: Micros::seconds(10),
            secondary_eviction_interval_us: Micros::seconds(100),
            large_zone_nodes: 50,
            unhealthy_zone_percent: 55,
            client: Some(RateLimit { per_second: 20, burst: 30 }),
            garbage_collector: Some(RateLimit { per_second: 40, burst: 30 }),
            taint_workers: 8,
            pod_gc_period_us: Micros::seconds(20),
            pod_gc_quarantine_us: Micros::seconds(40),
            terminated_pods: 12_500,
        }
    }
}

impl Settings {
    /// Upstream's settings without limits on how fast taints are written and dependents deleted.
    pub fn unlimited() -> Self {
        Settings { client: None, garbage_collector: None, ..Settings::default() }
    }
}
