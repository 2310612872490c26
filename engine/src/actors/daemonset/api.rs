//! How the API server answers within a sync.

use super::admission::{self, Refusal};
use super::pod::DaemonPod;
use crate::cluster::{Cluster, DaemonSet, Object};
use crate::names::{Names, NodeId};

/// The API server as one sync meets it.
pub(crate) trait ApiServer {
    /// Asks for a pod on a node. Gives the pod if the controller sees it before the sync is over.
    fn create(&mut self, node: NodeId) -> Result<Option<DaemonPod>, Refusal>;

    /// Asks to delete a pod. Says whether the controller sees it gone before the sync is over.
    fn delete(&mut self, pod: &DaemonPod) -> Result<bool, String>;

    /// Whether a live read finds the DaemonSet alive, without which nothing is adopted.
    fn may_adopt(&self) -> bool;
}

/// The API server of a simulated cluster: what it is asked for happens, and is seen, after the sync.
pub(super) struct AfterwardsApi {
    refusal: Option<Refusal>,
}

impl AfterwardsApi {
    /// Asks what stands against a DaemonSet's pods; it is the same for all of them.
    pub fn new(cluster: &Cluster, names: &Names, object: &Object, spec: &DaemonSet) -> Self {
        AfterwardsApi { refusal: admission::refusal(cluster, names, object, spec) }
    }
}

impl ApiServer for AfterwardsApi {
    fn create(&mut self, _node: NodeId) -> Result<Option<DaemonPod>, Refusal> {
        self.refusal.clone().map_or(Ok(None), Err)
    }

    fn delete(&mut self, _pod: &DaemonPod) -> Result<bool, String> {
        Ok(false)
    }

    fn may_adopt(&self) -> bool {
        true
    }
}
