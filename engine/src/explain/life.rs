//! A pod's life as a chain of events, each with what it goes back to.

use std::collections::BTreeSet;

use serde::Serialize;

use super::history::{ExplainError, History, Seen, Tales};
use crate::event::{Body, Event};
use crate::names::{PodId, Seq};
use crate::told::{Chain, Links, Told};

/// How many events of one life are told: so many from its beginning, so many up to its end.
const FIRST_STEPS: usize = 8;
const LAST_STEPS: usize = 12;

/// A pod's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Life {
    /// `namespace/name`.
    pub pod: String,
    /// What happened to it, in order.
    pub steps: Vec<Step>,
    /// How many events are left out between the first and the last.
    pub omitted: usize,
    /// Whether it is gone.
    pub gone: bool,
}

/// An event of a life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The event.
    #[serde(flatten)]
    pub told: Told,
    /// What it goes back to; empty if that is another event of this life, or if the log does not say.
    pub because: Chain,
    /// What woke the controller to decide it, where that is something else.
    pub woken_by: Chain,
}

/// A life while it is being collected.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    /// Its slot.
    pub id: PodId,
    /// `namespace/name`.
    pub pod: String,
    /// Its events.
    pub events: Vec<(Seq, Event)>,
    pub gone: bool,
}

/// Follows pods from their creation on.
#[derive(Debug, Default)]
pub(super) struct Lives {
    pub list: Vec<Followed>,
}

impl Lives {
    /// Takes note of an event of the log. `wanted` is asked of pods when they are created, bound or adopted:
    /// whether their life is followed.
    pub fn observe(&mut self, seen: &Seen<'_>, wanted: impl Fn(&Seen<'_>, PodId) -> bool) {
        let Some(id) = seen.event.body.pod() else { return };
        let known = self.list.iter().rposition(|life| life.id == id && !life.gone);
        let begins = matches!(
            seen.event.body,
            Body::PodCreated { .. } | Body::PodBound { .. } | Body::PodAdopted { .. }
        );
        let index = match known {
            Some(index) => index,
            None if begins && wanted(seen, id) => {
                let namespace = seen.cluster.pod(id).map(|pod| seen.names.text(pod.namespace));
                let name = seen.cluster.pod_name(id, seen.names);
                let pod = format!("{}/{name}", namespace.unwrap_or_default());
                self.list.push(Followed { id, pod, events: Vec::new(), gone: false });
                self.list.len() - 1
            }
            None => return,
        };
        let life = &mut self.list[index];
        life.events.push((seen.seq, *seen.event));
        life.gone = matches!(seen.event.body, Body::PodGone { .. });
    }
}

impl Followed {
    /// Traces each event back.
    pub fn trace(&self, history: &History<'_>) -> Result<Traced, ExplainError> {
        let own: BTreeSet<Seq> = self.events.iter().map(|event| event.0).collect();
        let foreign = |seq: &Seq| !own.contains(seq);
        let causes = |from: Option<Seq>| from.map_or(Ok(Links::default()), |seq| history.causes_from(seq));
        let trace = |&(seq, event): &(Seq, Event)| {
            let cause = history.cause(seq)?.filter(foreign);
            let woken = history.sync_of(seq, &event)?.map(|sync| history.cause(sync)).transpose()?;
            let woken = woken.flatten().filter(foreign).filter(|woken| Some(*woken) != cause);
            let because = causes(cause)?;
            let woken = causes(woken)?.up_to(&because);
            Ok((seq, because, woken))
        };
        let count = self.events.len();
        let omitted = count.saturating_sub(FIRST_STEPS + LAST_STEPS);
        let kept = self.events.iter().enumerate();
        let kept = kept.filter(|(at, _)| omitted == 0 || *at < FIRST_STEPS || *at >= count - LAST_STEPS);
        let steps = kept.map(|(_, event)| trace(event)).collect::<Result<_, ExplainError>>()?;
        Ok(Traced { pod: self.pod.clone(), steps, omitted, gone: self.gone })
    }
}

/// A life with its causes, in numbers.
pub(super) struct Traced {
    pod: String,
    steps: Vec<(Seq, Links, Links)>,
    omitted: usize,
    gone: bool,
}

impl Traced {
    /// The events that the life names.
    pub fn numbers(&self, numbers: &mut BTreeSet<Seq>) {
        for (seq, because, woken) in &self.steps {
            numbers.insert(*seq);
            numbers.extend(because.numbers());
            numbers.extend(woken.numbers());
        }
    }

    /// The life in words.
    pub fn tell(&self, tales: &Tales) -> Life {
        let step = |(seq, because, woken): &(Seq, Links, Links)| {
            let (because, woken_by) = (tales.chain(because), tales.chain(woken));
            Some(Step { told: tales.get(*seq)?, because, woken_by })
        };
        Life {
            pod: self.pod.clone(),
            steps: self.steps.iter().filter_map(step).collect(),
            omitted: self.omitted,
            gone: self.gone,
        }
    }
}
