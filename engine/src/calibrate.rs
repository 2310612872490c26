//! Settings learnt from a recording: how long its scheduler and kubelets took, and how fast its DaemonSet controller
//! was allowed to write.

use std::collections::BTreeMap;

use crate::actors::RateLimit;
use crate::actors::kubelet::Rule;
use crate::event::{Body, ConditionStatus, Event, Phase, PodCondition, Track};
use crate::names::{Names, ObjectId, PodId};
use crate::settings::Settings;
use crate::sim::{Latency, Spread};
use crate::time::{Micros, Time};

/// Fewer pods than this say nothing about a workload of its own.
const FEW: usize = 10;
/// How many quantiles an observed distribution is told in.
const QUANTILES: usize = 21;
/// The window in which writes are counted, in seconds.
const WINDOW_S: i64 = 5;

/// Reads a recording, event by event, in order.
#[derive(Debug, Default)]
pub struct Calibration {
    pods: BTreeMap<PodId, Life>,
    bind: Vec<i64>,
    all: Steps,
    by_owner: BTreeMap<ObjectId, Steps>,
    /// Writes of the DaemonSet controller.
    writes: Vec<Time>,
}

#[derive(Debug, Default)]
struct Steps {
    start: Vec<i64>,
    ready: Vec<i64>,
    stop: Vec<i64>,
}

#[derive(Debug, Default)]
struct Life {
    owner: Option<ObjectId>,
    created: Option<Time>,
    bound: Option<Time>,
    running: Option<Time>,
    ready: bool,
    deleted: Option<Time>,
}

/// What a recording says.
#[derive(Clone, Debug, PartialEq)]
pub struct Learnt {
    /// The settings; what the recording does not say is as it was given.
    pub settings: Settings,
    /// How many pods were seen bound, started, becoming ready and stopped.
    pub bound: usize,
    /// See [`Learnt::bound`].
    pub started: usize,
    /// See [`Learnt::bound`].
    pub became_ready: usize,
    /// See [`Learnt::bound`].
    pub stopped: usize,
    /// The rate limit of the DaemonSet controller's client, if its writes came up against one.
    pub client: Option<RateLimit>,
}

impl Calibration {
    /// Notes an event of the recording.
    pub fn note(&mut self, event: &Event) {
        if event.track == Track::DaemonSet && is_write(&event.body) {
            self.writes.push(event.at);
        }
        let Some(id) = event.body.pod() else { return };
        if let Body::PodCreated { owner, .. } = event.body {
            let created = (!event.flags.has(crate::event::Flags::GENESIS)).then_some(event.at);
            self.pods.insert(id, Life { owner, created, ..Life::default() });
            return;
        }
        let Some(life) = self.pods.get_mut(&id) else { return };
        let mut steps = vec![&mut self.all];
        steps.extend(life.owner.map(|owner| self.by_owner.entry(owner).or_default()));
        let since = |from: Option<Time>| from.map(|from| (event.at - from).0.max(0));
        match event.body {
            Body::PodBound { .. } => {
                self.bind.extend(since(life.created));
                life.bound = life.created.and(Some(event.at));
            }
            Body::PodPhaseSet { phase: Phase::Running, .. } if life.running.is_none() => {
                steps.iter_mut().for_each(|steps| steps.start.extend(since(life.bound)));
                life.running = life.bound.and(Some(event.at));
            }
            Body::PodConditionSet {
                condition: PodCondition::Ready, status: ConditionStatus::True, ..
            } if !life.ready => {
                steps.iter_mut().for_each(|steps| steps.ready.extend(since(life.running)));
                life.ready = true;
            }
            Body::PodDeleted { .. } if life.running.is_some() => life.deleted = Some(event.at),
            Body::PodGone { .. } => {
                if event.track == Track::Kubelet {
                    steps.iter_mut().for_each(|steps| steps.stop.extend(since(life.deleted)));
                }
                self.pods.remove(&id);
            }
            _ => {}
        }
    }

    /// What was learnt, on top of settings for what the recording does not say.
    pub fn finish(self, mut settings: Settings, names: &Names) -> Learnt {
        let counts = [self.bind.len(), self.all.start.len(), self.all.ready.len(), self.all.stop.len()];
        if let Some(bind) = observed(self.bind) {
            settings.scheduler.bind_us = bind.median();
        }
        let client = client_limit(&self.writes);
        settings.daemon_set.client = client.or(settings.daemon_set.client);
        let workloads: Vec<_> =
            self.by_owner.into_iter().filter(|(_, steps)| steps.start.len() >= FEW).collect();
        if workloads.len() > 1 {
            settings.kubelet.rules.extend(workloads.into_iter().map(|(owner, steps)| {
                let key = names.object_key(owner);
                let workload = Some(format!("{}/{}", names.text(key.namespace), names.text(key.name)));
                let Steps { start, ready, stop } = steps;
                let (start_us, ready_us, stop_us) = (observed(start), observed(ready), observed(stop));
                Rule { workload, start_us, ready_us, stop_us, ..Rule::default() }
            }));
        }
        let kubelet = &mut settings.kubelet;
        let Steps { start, ready, stop } = self.all;
        for (setting, seen) in
            [(&mut kubelet.start_us, start), (&mut kubelet.ready_us, ready), (&mut kubelet.stop_us, stop)]
        {
            if let Some(latency) = observed(seen) {
                *setting = latency;
            }
        }
        let [bound, started, became_ready, stopped] = counts;
        Learnt { settings, bound, started, became_ready, stopped, client }
    }
}

/// Whether an event is one call of the controller's client.
fn is_write(body: &Body) -> bool {
    matches!(
        body,
        Body::PodCreated { .. }
            | Body::PodDeleted { .. }
            | Body::StatusWritten { .. }
            | Body::RevisionCreated { .. }
            | Body::RevisionDeleted { .. }
    )
}

/// The distribution of what was seen.
fn observed(mut seen: Vec<i64>) -> Option<Latency> {
    seen.sort_unstable();
    let (first, last) = (*seen.first()?, *seen.last()?);
    if last - first < 1_000 {
        return Some(Latency::Constant(Micros(seen[seen.len() / 2])));
    }
    let at = |n: usize| Micros(seen[n * (seen.len() - 1) / (QUANTILES - 1)]);
    Some(Latency::Spread(Spread::QuantilesUs((0..QUANTILES).map(at).collect())))
}

/// The limit that writes came up against: where they go on for long at a steady rate, they wait for it. What went out
/// faster after a pause was the burst.
fn client_limit(writes: &[Time]) -> Option<RateLimit> {
    let window = Micros::seconds(WINDOW_S);
    let first = *writes.first()?;
    let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
    for at in writes {
        *counts.entry((*at - first).0 / window.0).or_default() += 1;
    }
    // A window between two busy ones is one in which writing never stopped.
    let busy = |index: i64| counts.get(&index).is_some_and(|count| i64::from(*count) >= WINDOW_S);
    let inner = counts.iter().filter(|(index, _)| busy(**index - 1) && busy(**index + 1));
    let mut inner: Vec<u32> = inner.map(|(_, count)| *count).collect();
    inner.sort_unstable();
    let (low, middle) = (*inner.get(inner.len() / 5)?, inner[inner.len() / 2]);
    // Free writing comes in fits and starts.
    if inner.len() < 4 || low * 10 < middle * 8 {
        return None;
    }
    let per_second = (middle + WINDOW_S as u32 / 2) / WINDOW_S as u32;
    let pause = Micros::seconds(3);
    let after_pause = |index: &usize| *index == 0 || writes[*index] - writes[index - 1] >= pause;
    let starts = (0..writes.len()).filter(after_pause);
    let in_first_second = |start: usize| {
        writes[start..].iter().take_while(|at| **at - writes[start] <= Micros::seconds(1)).count() as u32
    };
    let most = starts.map(in_first_second).max().unwrap_or(0);
    (per_second > 0).then(|| RateLimit { per_second, burst: most.saturating_sub(per_second).max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_after_a_burst_shows_the_limit() {
        let burst = (0..30).map(|n| Time(n * 1_000));
        let steady = (1..800).map(|n| Time(30_000 + n * 50_000));
        let writes: Vec<_> = burst.chain(steady).collect();
        let limit = client_limit(&writes).map(|limit| (limit.per_second, limit.burst));
        assert!(matches!(limit, Some((20, 28..=32))), "{limit:?}");
    }

    #[test]
    fn writes_now_and_then_show_no_limit() {
        let writes: Vec<_> = (0..100).map(|n| Time(n * 7_000_000)).collect();
        assert_eq!(client_limit(&writes), None);
    }

    #[test]
    fn what_is_always_as_long_is_a_constant() {
        assert_eq!(observed(vec![500, 510, 505]), Some(Latency::Constant(Micros(505))));
        assert_eq!(observed(vec![]), None);
        let spread = observed((0..=20).map(|n| n * 1_000).collect());
        let quantiles = (0..=20).map(|n| Micros(n * 1_000)).collect();
        assert_eq!(spread, Some(Latency::Spread(Spread::QuantilesUs(quantiles))));
    }
}
