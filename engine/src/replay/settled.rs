//! When a run has settled.

use crate::cluster::Cluster;
use crate::event::{Event, Track};
use crate::time::Time;

/// What a run has to remember to know that it is quiet.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// The last event of a workload controller, the scheduler or a kubelet.
    pub last: Option<Time>,
    /// When the run ended.
    pub ended: Option<Time>,
}

impl Activity {
    pub fn observe(&mut self, event: &Event) {
        if !matches!(event.track, Track::Cluster | Track::User | Track::Lifecycle) {
            self.last = Some(event.at);
        }
    }

    pub fn end(&mut self, at: Time) {
        self.ended = Some(at);
    }

    /// Whether no pod terminates and every controller has seen its workload's newest generation.
    pub fn settled(&self, cluster: &Cluster) -> bool {
        let observed = cluster.daemon_sets().all(|(object, daemon_set)| {
            // The controller never writes a status for what it refuses to act on.
            daemon_set.selects_all
                || object.deleting.is_some()
                || object.status.observed_generation >= object.generation
        });
        observed && !cluster.any_pod_terminates()
    }
}
