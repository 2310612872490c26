//! How fast nodes of a zone may be marked for eviction, after `handleDisruption` and `RateLimitedTimedQueue`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::event::Body;
use crate::names::{Names, NodeId, Seq, Sym, sym};
use crate::selector::Labels;
use crate::sim::Context;
use crate::time::Time;

use super::Settings;

/// Nodes that wait for their NoExecute taint, zone by zone.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Zones {
    zones: BTreeMap<Key, Zone>,
    /// Made when it is first asked for, and kept up to date from then on.
    #[serde(skip)]
    census: Option<Census>,
}

/// A zone's region and name.
type Key = (Sym, Sym);

/// How many nodes of each zone are ready, and how many are lost.
#[derive(Debug)]
struct Census {
    /// `topology.kubernetes.io/region` and `node.kubernetes.io/exclude-disruption`.
    region: Sym,
    excluded: Sym,
    /// How each node was counted: its zone, and whether it was lost.
    counted: Vec<Option<(Key, bool)>>,
    counts: BTreeMap<Key, (usize, usize)>,
    /// Nodes to be counted anew.
    news: Vec<NodeId>,
}

impl Census {
    fn new(cluster: &Cluster, names: &mut Names) -> Census {
        Census {
            region: names.sym("topology.kubernetes.io/region"),
            excluded: names.sym("node.kubernetes.io/exclude-disruption"),
            counted: Vec::new(),
            counts: BTreeMap::new(),
            news: cluster.nodes().to_vec(),
        }
    }

    fn minds(&self, key: Sym) -> bool {
        [self.region, self.excluded, sym::NODE_LABEL_ZONE].contains(&key)
    }

    fn update(&mut self, cluster: &Cluster) {
        while let Some(id) = self.news.pop() {
            if self.counted.len() <= id.index() {
                self.counted.resize(id.index() + 1, None);
            }
            let now = self.count(cluster, id);
            let before = std::mem::replace(&mut self.counted[id.index()], now);
            if let Some((zone, lost)) = before
                && let Some(count) = self.counts.get_mut(&zone)
            {
                *(if lost { &mut count.1 } else { &mut count.0 }) -= 1;
                if *count == (0, 0) {
                    self.counts.remove(&zone);
                }
            }
            if let Some((zone, lost)) = now {
                let count = self.counts.entry(zone).or_default();
                *(if lost { &mut count.1 } else { &mut count.0 }) += 1;
            }
        }
    }

    /// How a node counts; `None` if it does not.
    fn count(&self, cluster: &Cluster, id: NodeId) -> Option<(Key, bool)> {
        let node = cluster.present_node(id).filter(|node| node.labels.value(self.excluded).is_none())?;
        // A node that has reported nothing is not counted as lost.
        let lost = !node.conditions.is_empty() && !cluster.node_ready(id);
        Some((zone_of(cluster, self.region, id), lost))
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Zone {
    /// Nodes, why, and from when they may be marked.
    waiting: Vec<(NodeId, Seq, Time)>,
    /// When the next node may be marked.
    open_at: Time,
}

/// How a zone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disruption {
    None,
    Partial,
    Full,
}

impl Zones {
    /// Puts a node in its zone's queue, unless it is there. Upstream does so when it next looks at all nodes.
    pub fn add(&mut self, context: &mut Context<'_>, node: NodeId, cause: Seq, settings: &Settings) {
        let (cluster, names, now) = (context.cluster, &mut *context.names, context.now);
        let region = names.sym("topology.kubernetes.io/region");
        let zone = self.zones.entry(zone_of(cluster, region, node)).or_default();
        if !zone.waiting.iter().any(|(waiting, ..)| *waiting == node) {
            let period = settings.monitor_period_us.0.max(1);
            let look = Time((now.0.div_euclid(period) + 1) * period);
            zone.waiting.push((node, cause, look));
        }
    }

    /// Whether a node's label matters to which zone it is in.
    pub fn minds(&self, key: Sym) -> bool {
        self.census.as_ref().is_some_and(|census| census.minds(key))
    }

    /// Takes note of an event.
    pub fn observe(&mut self, body: &Body, cluster: &Cluster) {
        let Some(census) = &mut self.census else { return };
        let node = match *body {
            Body::NodeJoined { node, .. }
            | Body::NodeLeft { node }
            | Body::NodeConditionSet { node, condition: sym::READY, .. } => node,
            Body::NodeLabelSet { node, key, .. } | Body::NodeLabelRemoved { node, key }
                if census.minds(key) =>
            {
                node
            }
            _ => return,
        };
        census.news.push(node);
        if census.news.len() > cluster.node_count() {
            // Nobody has asked for long; whoever does next has them all counted.
            self.census = None;
        }
    }

    /// Takes a node out of whichever queue it is in.
    pub fn remove(&mut self, node: NodeId) {
        for zone in self.zones.values_mut() {
            zone.waiting.retain(|(waiting, ..)| *waiting != node);
        }
    }

    /// When the next node may be marked; a zone that is held back is looked at when something changes.
    pub fn due(&self) -> Option<Time> {
        let first = |zone: &Zone| Some(zone.waiting.first()?.2.max(zone.open_at));
        self.zones.values().filter_map(first).min()
    }

    /// The nodes that may be marked now, each with the event that put it here. Says also whether all zones are
    /// disrupted in full, when nobody is to be evicted at all.
    pub fn take(&mut self, context: &mut Context<'_>, settings: &Settings) -> (Vec<(NodeId, Seq)>, bool) {
        let now = context.now;
        let usual = settings.eviction_interval_us;
        let states = self.states(context.cluster, context.names, settings);
        let all_full = !states.is_empty() && states.values().all(|(state, _)| *state == Disruption::Full);
        let mut taken = Vec::new();
        for (key, zone) in &mut self.zones {
            let (state, size) = states.get(key).copied().unwrap_or((Disruption::None, 0));
            let pause = match state {
                _ if all_full => None,
                Disruption::None | Disruption::Full => Some(usual),
                Disruption::Partial if size > settings.large_zone_nodes => {
                    Some(settings.secondary_eviction_interval_us)
                }
                Disruption::Partial => None,
            };
            while zone.open_at <= now && zone.waiting.first().is_some_and(|(_, _, look)| *look <= now) {
                // A zone that may not evict now is looked at again after the usual pause.
                zone.open_at = now + pause.unwrap_or(usual);
                if pause.is_some() {
                    let (node, cause, _) = zone.waiting.remove(0);
                    taken.push((*key, node, cause));
                }
            }
        }
        // Upstream goes through its zones in no particular order; here it must not follow from how names are numbered.
        let text = |key: Key| (context.names.text(key.0), context.names.text(key.1));
        taken.sort_by(|a, b| text(a.0).cmp(&text(b.0)));
        (taken.into_iter().map(|(_, node, cause)| (node, cause)).collect(), all_full)
    }

    /// Every zone's state and size, after `ComputeZoneState`.
    fn states(
        &mut self,
        cluster: &Cluster,
        names: &mut Names,
        settings: &Settings,
    ) -> BTreeMap<Key, (Disruption, usize)> {
        let share = settings.unhealthy_zone_percent;
        let census = self.census.get_or_insert_with(|| Census::new(cluster, names));
        census.update(cluster);
        let state = |&(ready, unready): &(usize, usize)| match (ready, unready) {
            (0, 1..) => Disruption::Full,
            (ready, unready) if unready > 2 && unready * 100 >= (ready + unready) * share => {
                Disruption::Partial
            }
            _ => Disruption::None,
        };
        census.counts.iter().map(|(zone, count)| (*zone, (state(count), count.0 + count.1))).collect()
    }
}

fn zone_of(cluster: &Cluster, region: Sym, node: NodeId) -> Key {
    let Some(node) = cluster.node(node) else { return (Sym::EMPTY, Sym::EMPTY) };
    let label = |key| node.labels.value(key).unwrap_or(Sym::EMPTY);
    (label(region), label(sym::NODE_LABEL_ZONE))
}
