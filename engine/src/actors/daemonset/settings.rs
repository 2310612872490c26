//! What operators of real clusters tune about the controller.

use serde::{Deserialize, Serialize};

use super::backoff::Bounds;
use crate::actors::RateLimit;
use crate::actors::limit::or_unlimited;
use crate::time::Micros;

/// The controller's settings; the defaults are upstream's constants and kube-controller-manager's flags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// At most so many pods are created, and at most so many deleted, in one go (`BurstReplicas`).
    pub burst_replicas: usize,
    /// How long a sync takes from its decisions, which it makes at its start, to its first write: the cost of handling
    /// a key, and the age of the view that is decided on.
    pub sync_us: Micros,
    /// How much later than it happened the controller learns of anything. It decides on the cluster as it was so long ago;
    /// what it writes meets the cluster as it is.
    pub informer_lag_us: Micros,
    /// So many syncs go on at once (`--concurrent-daemonset-syncs`); 0 counts as 1.
    pub concurrent_syncs: usize,
    /// How fast the controller may write (`--kube-api-qps`, `--kube-api-burst`); `None` for no limit.
    #[serde(with = "or_unlimited")]
    pub client: Option<RateLimit>,
    /// How fast failed syncs of all DaemonSets may be tried again; `None` for no limit.
    #[serde(with = "or_unlimited")]
    pub retries: Option<RateLimit>,
    /// The first delay before another failed pod of a node is deleted, in microseconds.
    pub failed_pod_backoff_initial_us: Micros,
    /// The longest such delay, in microseconds.
    pub failed_pod_backoff_max_us: Micros,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            burst_replicas: 250,
            sync_us: Micros::ZERO,
            informer_lag_us: Micros::ZERO,
            concurrent_syncs: 2,
            client: Some(RateLimit { per_second: 20, burst: 30 }),
            retries: Some(RateLimit { per_second: 10, burst: 100 }),
            failed_pod_backoff_initial_us: Micros::seconds(1),
            failed_pod_backoff_max_us: Micros::seconds(15 * 60),
        }
    }
}

impl Settings {
    /// Upstream's settings without delays and without limits on how fast the controller writes and tries again.
    pub fn unlimited() -> Self {
        Settings { client: None, retries: None, ..Settings::default() }
    }

    /// The bounds of the delays for failed pods.
    pub(super) fn backoff_bounds(&self) -> Bounds {
        Bounds { initial: self.failed_pod_backoff_initial_us, max: self.failed_pod_backoff_max_us }
    }
}
