//! How the API server answers within a sync.

use super::admission::{self, Refusal};
use super::pod::DaemonPod;
use crate::cluster::{Cluster, DaemonSet, Object};
use crate::names::{Names, NodeId};

/// The API server as one sync meets it.
pub(crate) trait ApiServer {
    /// Asks for a pod on a node. Gives the pod if the controller sees it before the sync is over.
    fn create(&mut self, node: NodeId, names: &Names) -> Result<Option<DaemonPod>, Refusal>;

    /// Asks to delete a pod. Says whether the controller sees it gone before the sync is over.
    fn delete(&mut self, pod: &DaemonPod) -> Result<bool, String>;

    /// Whether a live read finds the DaemonSet alive, without which nothing is adopted.
    fn may_adopt(&self) -> bool;
}

/// The API server of a simulated cluster: what it is asked for happens, and is seen, after the sync.
pub(super) struct AfterwardsApi<'a> {
    cluster: &'a Cluster,
    object: &'a Object,
    spec: &'a DaemonSet,
    /// What stands against the DaemonSet's pods, once it was asked for; it is the same for all of them.
    refusal: Option<Option<Refusal>>,
}

impl<'a> AfterwardsApi<'a> {
    /// The API server for the pods of a DaemonSet.
    pub fn new(cluster: &'a Cluster, object: &'a Object, spec: &'a DaemonSet) -> Self {
        AfterwardsApi { cluster, object, spec, refusal: None }
    }
}

impl ApiServer for AfterwardsApi<'_> {
    fn create(&mut self, _node: NodeId, names: &Names) -> Result<Option<DaemonPod>, Refusal> {
        let ask = || admission::refusal(self.cluster, names, self.object, self.spec);
        match self.refusal.get_or_insert_with(ask) {
            None => Ok(None),
            Some(refusal) => Err(refusal.clone()),
        }
    }

    fn delete(&mut self, _pod: &DaemonPod) -> Result<bool, String> {
        Ok(false)
    }

    fn may_adopt(&self) -> bool {
        true
    }
}
