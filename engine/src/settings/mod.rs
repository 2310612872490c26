//! How the actors behave: what can be set, what it is by default, and how it is written down.

mod document;

use serde::{Deserialize, Serialize};

use crate::actors::{daemonset, kubelet, lifecycle, scheduler};
use crate::time::Micros;

/// How the actors behave. The default is a stock control plane: kube-controller-manager's flags and upstream's
/// constants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The DaemonSet controller.
    pub daemon_set: daemonset::Settings,
    /// kube-scheduler.
    pub scheduler: scheduler::Settings,
    /// Node lifecycle and pod garbage collection.
    pub node_lifecycle: lifecycle::Settings,
    /// The kubelets.
    pub kubelet: kubelet::Settings,
}

/// Settings that have a name.
pub const PRESETS: [&str; 2] = ["default", "instant"];

impl Settings {
    /// The settings of a name out of [`PRESETS`].
    pub fn preset(name: &str) -> Option<Settings> {
        match name {
            "default" => Some(Settings::default()),
            "instant" => Some(Settings::instant()),
            _ => None,
        }
    }

    /// A control plane and kubelets that take no time and wait for nothing. Deadlines that are part of what
    /// controllers do (grace periods, eviction rates, back-off) stay as they are.
    pub fn instant() -> Self {
        Settings {
            daemon_set: daemonset::Settings::unlimited(),
            scheduler: scheduler::Settings { bind_us: Micros::ZERO },
            node_lifecycle: lifecycle::Settings::unlimited(),
            kubelet: kubelet::Settings::instant(),
        }
    }
}
