//! What operators of real clusters tune about the controller.

use serde::{Deserialize, Serialize};

use super::backoff::Bounds;
use crate::time::Micros;

/// The controller's settings; the defaults are upstream's constants and kube-controller-manager's flags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// At most so many pods are created, and at most so many deleted, in one go (`BurstReplicas`).
    pub burst_replicas: usize,
    /// The first delay before another failed pod of a node is deleted, in microseconds.
    pub failed_pod_backoff_initial: Micros,
    /// The longest such delay, in microseconds.
    pub failed_pod_backoff_max: Micros,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            burst_replicas: 250,
            failed_pod_backoff_initial: Micros::seconds(1),
            failed_pod_backoff_max: Micros::seconds(15 * 60),
        }
    }
}

impl Settings {
    /// The bounds of the delays for failed pods.
    pub(super) fn backoff_bounds(&self) -> Bounds {
        Bounds { initial: self.failed_pod_backoff_initial, max: self.failed_pod_backoff_max }
    }
}
