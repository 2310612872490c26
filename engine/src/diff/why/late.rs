//! The events that turn out to matter, read again and put into words.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decisions::Trail;
use super::super::side::{Side, SideError};
use super::Tell;
use crate::cluster::Cluster;
use crate::event::Event;
use crate::names::{Names, Seq};
use crate::told::Told;

/// Reads events again, out of those that led to a side's state, and tells them.
pub(super) fn tell_all(
    side: &mut Side<'_>,
    trail: &Trail,
    needed: &BTreeSet<Seq>,
    tell: &Tell<'_>,
) -> Result<BTreeMap<Seq, Told>, SideError> {
    let (mut told, last, nothing) = (BTreeMap::new(), side.last(), Cluster::new());
    side.read_again(needed, |cluster, names, seq, event| {
        let text = text(seq, event, last, names, [cluster, &nothing], trail, tell);
        told.insert(seq, Told::new(seq, event, names, text));
    })?;
    Ok(told)
}

/// What an event says, as far as a later state (after event `last`) can tell: what has changed since is left out.
fn text(
    seq: Seq,
    event: &Event,
    last: Seq,
    names: &Names,
    [cluster, nothing]: [&Cluster; 2],
    trail: &Trail,
    tell: &Tell<'_>,
) -> String {
    if let Some(pod) = event.body.pod()
        && cluster.pod(pod).is_none_or(|pod| pod.made > seq)
    {
        // The slot is another pod's by now.
        return match trail.pod(pod, seq) {
            Some((set, node)) => {
                format!("{} of the pod of {set} on {}", event.body.kind(), names.node_name(node))
            }
            None => format!("{} of a pod that is gone", event.body.kind()),
        };
    }
    let changed = event.body.object().is_some_and(|object| trail.changed_between(object, seq, last));
    tell(event, names, if changed { nothing } else { cluster })
}
