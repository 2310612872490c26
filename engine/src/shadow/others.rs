//! What the other controllers wrote, held against the rules by which ours act.
//!
//! These decide about one pod or node at a time, so there is nothing to make out but whether ours would do it in the
//! state just before.

use super::Kind;
use crate::actors::lifecycle::wants_taint;
use crate::actors::scheduler::would_preempt;
use crate::cluster::{Cluster, Pod};
use crate::event::{Body, Event, Track, Why};
use crate::names::{Effect, Names, NodeId, ObjectId, Sym, sym};

/// What a write is, and whether ours would make it; `None` for what is not compared.
pub(super) fn judge(event: &Event, cluster: &Cluster, names: &Names) -> Option<(Kind, bool)> {
    match (event.track, event.body) {
        (Track::Scheduler, Body::PodBound { pod, node }) => {
            let pod = cluster.pod(pod)?;
            let owner = pod.owner.map(|owner| names.object_key(owner).kind);
            (owner == Some(sym::DAEMON_SET)).then(|| (Kind::Bound, may_bind(&pod, node, cluster, names)))
        }
        (Track::Scheduler, Body::PodDeleted { pod: id, why: Why::Preempted, .. }) => {
            cluster.pod(id).filter(|pod| !pod.terminating())?;
            Some((Kind::Preempted, would_preempt(cluster, names, id)))
        }
        (Track::Lifecycle, Body::NodeTaintAdded { node, taint }) => {
            Some((Kind::Tainted, wants(node, taint.key, taint.effect, cluster)?))
        }
        (Track::Lifecycle, Body::NodeTaintRemoved { node, key, effect }) => {
            Some((Kind::Tainted, !wants(node, key, effect, cluster)?))
        }
        (Track::Lifecycle, Body::PodDeleted { pod, why, .. }) => {
            let pod = cluster.pod(pod).filter(|pod| !pod.terminating())?;
            match why {
                Why::TaintEviction => Some((Kind::Evicted, is_evicted(&pod, cluster, names))),
                Why::NodeGone => Some((Kind::PodCollected, !is_there(&pod, cluster))),
                Why::OwnerGone => {
                    Some((Kind::OrphanCollected, pod.owner.is_none_or(|o| is_going(o, cluster))))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a daemon pod may be bound to a node: it is the pod's own, fits its selector, and has no taint that the pod
/// does not tolerate.
fn may_bind(pod: &Pod, node: NodeId, cluster: &Cluster, names: &Names) -> bool {
    let (Some(shape), Some(facts)) = (cluster.shape(pod.shape), cluster.present_node(node)) else {
        return false;
    };
    let fits = shape.placement.eligibility(facts.name, &facts.labels, &facts.taints, names);
    pod.node == Some(node) && fits.should_run
}

/// Whether node lifecycle wants a node to have a taint; `None` for taints that are none of its own.
fn wants(node: NodeId, key: Sym, effect: Effect, cluster: &Cluster) -> Option<bool> {
    wants_taint(cluster.present_node(node)?, key, effect)
}

/// Whether a pod's node has a taint that the pod does not tolerate, or not for ever.
fn is_evicted(pod: &Pod, cluster: &Cluster, names: &Names) -> bool {
    let node = pod.node.and_then(|node| cluster.present_node(node));
    let (Some(node), Some(shape)) = (node, cluster.shape(pod.shape)) else { return false };
    let placement = &shape.placement;
    node.taints.iter().filter(|taint| taint.effect == Effect::NoExecute).any(|taint| {
        let mut tolerations = placement.tolerations.iter();
        let first = tolerations.find(|t| t.tolerates(taint, placement.comparison_tolerations, names));
        first.is_none_or(|toleration| toleration.seconds.is_some())
    })
}

fn is_there(pod: &Pod, cluster: &Cluster) -> bool {
    pod.node.is_some_and(|node| cluster.present_node(node).is_some())
}

fn is_going(owner: ObjectId, cluster: &Cluster) -> bool {
    cluster.object(owner).is_none_or(|owner| !owner.present || owner.deleting.is_some())
}
