//! The pod garbage collector: pods bound to nodes that no longer exist, after `gcOrphaned`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster};
use crate::event::{Body, Event, Kind, Kinds, Phase, Track, Why};
use crate::names::{Names, NodeId, Seq, Sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

use super::Settings;

/// The pod garbage collector. Its passes are counted from the first event that it sees.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PodGc {
    #[serde(skip)]
    settings: Settings,
    started: Option<Time>,
    /// Nodes that are gone while pods are bound to them: the event that says so, and the pass that noticed.
    missing: BTreeMap<NodeId, (Seq, Time)>,
    next: Option<Time>,
}

impl PodGc {
    /// A collector with nothing to do.
    pub fn new(settings: Settings) -> Self {
        PodGc { settings, ..Self::default() }
    }

    /// The first pass at or after a moment.
    fn pass_at_or_after(&self, moment: Time) -> Time {
        let start = self.started.unwrap_or(moment);
        let period = Micros(self.settings.pod_gc_period_us.0.max(1));
        let periods = (moment - start).0.max(0).div_euclid(period.0);
        let pass = start + Micros(periods * period.0);
        if pass < moment { pass + period } else { pass }
    }

    fn miss(&mut self, node: NodeId, seq: Seq, now: Time) {
        let noticed = self.pass_at_or_after(now);
        self.missing.entry(node).or_insert((seq, noticed));
        let acts = noticed + self.settings.pod_gc_quarantine_us;
        self.next = Some(self.next.map_or(acts, |next| next.min(acts)));
    }

    fn collect(context: &mut Context<'_>, node: NodeId, cause: Seq) {
        let mut pods = context.cluster.node(node).map(|node| node.pods.clone()).unwrap_or_default();
        pods.sort_by_key(|pod| context.cluster.pod(*pod).map(|pod| pod.made));
        for id in pods {
            let Some(pod) = context.cluster.pod(id).copied() else { continue };
            if !pod.terminal() {
                let phase = Body::PodPhaseSet { pod: id, phase: Phase::Failed, reason: Sym::EMPTY };
                context.emit(Track::Lifecycle, cause, phase);
            }
            let (why, deadline) = (Why::NodeGone, context.now.api_seconds());
            context.emit(Track::Lifecycle, cause, Body::PodDeleted { pod: id, why, grace_s: 0, deadline });
            context.emit(Track::Lifecycle, cause, Body::PodGone { pod: id });
        }
    }
}

impl Actor for PodGc {
    fn name(&self) -> &'static str {
        "pod-gc"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds =
            Kinds::of(&[Kind::NodeLeft, Kind::NodeJoined, Kind::PodBound, Kind::PodCreated]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, _change: &Change, cluster: &Cluster, _names: &Names) {
        if self.started.is_none() {
            self.started = Some(event.at);
        }
        match event.body {
            Body::NodeLeft { node } if cluster.node(node).is_some_and(|node| !node.pods.is_empty()) => {
                self.miss(node, seq, event.at);
            }
            Body::NodeJoined { node, .. } => {
                self.missing.remove(&node);
            }
            Body::PodBound { node, .. } if cluster.present_node(node).is_none() => {
                self.miss(node, seq, event.at);
            }
            Body::PodCreated { pod, .. } => {
                let bound = cluster.pod(pod).filter(|pod| pod.bound).and_then(|pod| pod.node);
                if let Some(node) = bound.filter(|node| cluster.present_node(*node).is_none()) {
                    self.miss(node, seq, event.at);
                }
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        self.next
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let quarantine = self.settings.pod_gc_quarantine_us;
        let ripe = |noticed: Time| noticed + quarantine <= context.now;
        let due: Vec<_> = self.missing.iter().filter(|(_, m)| ripe(m.1)).map(|(id, m)| (*id, m.0)).collect();
        for (node, cause) in due {
            self.missing.remove(&node);
            if context.cluster.present_node(node).is_none() {
                Self::collect(context, node, cause);
            }
        }
        self.next = self.missing.values().map(|(_, noticed)| *noticed + quarantine).min();
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        let settings = std::mem::take(&mut self.settings);
        *self = PodGc { settings, ..unpack(saved)? };
        Ok(())
    }
}
