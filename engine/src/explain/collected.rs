//! What happened to a node, to a DaemonSet, and to its pods there: folded, or looked up.

use super::WorkloadName;
use super::facts::{AskedSince, NodeFacts, concerns_node};
use super::history::{ExplainError, History, Seen};
use super::life::Lives;
use super::pages::{Pages, Sparse, objects_of};
use crate::event::{Body, Event};
use crate::log::Subject;
use crate::names::{NodeId, ObjectId, Seq};

/// What is known of the past of a node and a DaemonSet.
#[derive(Default)]
pub(super) struct Collected {
    pub facts: NodeFacts,
    pub asked: AskedSince,
    pub lives: Lives,
    pub refused: Option<Seq>,
    pub synced: Option<Seq>,
    pub daemon_set_seen: bool,
    pub node_seen: bool,
}

impl Collected {
    /// Takes note of an event of the log.
    pub fn observe(&mut self, seen: &Seen<'_>, daemon_set: &WorkloadName, node: &str) {
        let body = &seen.event.body;
        if let Some(id) = body.node()
            && seen.names.node_name(id) == node
        {
            self.node_seen |= seen.cluster.node(id).is_some_and(|node| node.incarnation > 0);
            if concerns_node(body, id) {
                self.facts.observe(seen);
            }
        }
        if let Some(object) = body.object()
            && daemon_set.is_daemon_set(seen.names.object_key(object), seen.names)
        {
            self.daemon_set_seen = true;
            self.asked.observe(seen);
            let here = |id: Option<NodeId>| id.is_some_and(|id| seen.names.node_name(id) == node);
            match *body {
                Body::Synced { .. } => self.synced = Some(seen.seq),
                Body::PodRefused { node: Some(refused), .. } if here(Some(refused)) => {
                    self.refused = Some(seen.seq);
                }
                Body::PodCreated { node: Some(created), .. } if here(Some(created)) => self.refused = None,
                _ => {}
            }
        }
        self.lives.observe(seen, |seen, id| {
            let Some(pod) = seen.cluster.pod(id) else { return false };
            let here = pod.node.is_some_and(|id| seen.names.node_name(id) == node);
            let own =
                pod.owner.is_some_and(|o| daemon_set.is_daemon_set(seen.names.object_key(o), seen.names));
            here && own
        });
    }
}

impl Collected {
    /// Collects the same from the parts of the log that touch the node, and those that change the DaemonSet.
    pub fn look_up(
        &mut self,
        history: &mut History<'_>,
        daemon_set: &WorkloadName,
        node: &str,
    ) -> Result<(), ExplainError> {
        let last = history.last;
        let Some((pages, cluster, names)) = history.pages() else { return Ok(()) };
        let objects: Vec<ObjectId> = objects_of(names, |key| daemon_set.is_daemon_set(key, names)).collect();
        self.daemon_set_seen =
            objects.iter().any(|id| cluster.object(*id).is_some_and(|object| object.applied != Seq::NONE));
        let here = names.find_node(node);
        let known = here.filter(|id| cluster.node(*id).is_some_and(|node| node.incarnation > 0));
        let (true, Some(here)) = (self.daemon_set_seen, known) else { return Ok(()) };
        let mut sparse = Sparse::default();
        for (seq, event) in pages.desired(&objects, last, names)? {
            sparse.fold(names, seq, &event);
            self.observe(&Seen { seq, event: &event, cluster: &sparse.cluster, names }, daemon_set, node);
        }
        pages.visit(
            |pages, part| pages.touches(part, Subject::Node(here)),
            |pages, seq, event| {
                let wanted = match (event.body.pod(), event.body) {
                    (_, Body::PodCreated { owner, node, .. }) => {
                        node == Some(here) && owner.is_some_and(|owner| objects.contains(&owner))
                    }
                    (Some(pod), _) if sparse.pod(pod).is_some() => true,
                    (Some(pod), Body::PodBound { node, .. }) if node == here => {
                        sparse.meet(pages, cluster, names, (seq, pod), |owner, _| {
                            owner.is_some_and(|owner| objects.contains(&owner))
                        })?
                    }
                    (Some(pod), Body::PodAdopted { owner, .. }) if objects.contains(&owner) => {
                        sparse.meet(pages, cluster, names, (seq, pod), |_, node| node == Some(here))?
                    }
                    (Some(_), _) => false,
                    (None, _) => event.body.node() == Some(here),
                };
                if wanted && sparse.fold(names, seq, event) {
                    pages.follow(seq, event);
                    self.observe(&Seen { seq, event, cluster: &sparse.cluster, names }, daemon_set, node);
                }
                Ok(())
            },
        )?;
        let missing = self.lives.list.last().is_none_or(|life| life.gone);
        if missing {
            self.synced = last_sync(pages, &objects)?;
        }
        Ok(())
    }
}

/// The last sync of an object.
fn last_sync(pages: &mut Pages<'_>, objects: &[ObjectId]) -> Result<Option<Seq>, ExplainError> {
    for place in (0..pages.parts().len()).rev() {
        let part = pages.parts()[place];
        if !objects.iter().any(|object| pages.touches(&part, Subject::Object(*object))) {
            continue;
        }
        let page = pages.page(&part)?;
        let synced =
            |event: &Event| matches!(event.body, Body::Synced { object } if objects.contains(&object));
        if let Some(index) = page.iter().rposition(synced) {
            return Ok(Some(Seq(part.first.0 + index as u64)));
        }
    }
    Ok(None)
}
