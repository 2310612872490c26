//! When which placement was there: what a time line is drawn from.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::placements::{Template, Templates, is_live};
use crate::cluster::Cluster;
use crate::event::{Body, Event};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, sym};
use crate::time::Time;

/// The live pods of a log's DaemonSets over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// By `namespace/name`. Objects that bore a name one after another count as one.
    pub daemon_sets: BTreeMap<String, SetSpans>,
    /// The templates of the pods.
    pub templates: Vec<Template>,
    /// The time of the first event.
    pub began: Time,
    /// The time of the last event.
    pub ended: Time,
}

/// The live pods of one DaemonSet over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetSpans {
    /// By node, then by time.
    pub spans: Vec<Span>,
    /// `numberUnavailable` of its status: the new value at each change.
    pub unavailable: Vec<(Time, u32)>,
}

/// How long a pod was live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its node.
    pub node: NodeId,
    /// Since when.
    pub from: Time,
    /// Until when; `None` if it is live at the end.
    pub to: Option<Time>,
    /// Position in [`Spans::templates`].
    pub template: u32,
    /// The event with which it came.
    pub began: Seq,
    /// The event with which it ended; [`Seq::NONE`] if it is live at the end.
    pub ended: Seq,
}

/// A number over time: each value from its moment on.
pub type Course = Vec<(Time, u32)>;

impl SetSpans {
    /// How many pods were live.
    pub fn live(&self) -> Course {
        let mut steps: Vec<(Time, i64)> = Vec::with_capacity(self.spans.len() * 2);
        for span in &self.spans {
            steps.push((span.from, 1));
            steps.extend(span.to.map(|to| (to, -1)));
        }
        steps.sort_unstable();
        let (mut course, mut live) = (Course::new(), 0_i64);
        for (at, step) in steps {
            live += step;
            let value = u32::try_from(live).unwrap_or(0);
            match course.last_mut() {
                Some(last) if last.0 == at => last.1 = value,
                _ => course.push((at, value)),
            }
        }
        course
    }
}

/// Follows live pods over a log.
#[derive(Debug, Default)]
pub(super) struct SpanScan {
    open: Vec<Option<(ObjectId, Span)>>,
    done: FxHashMap<ObjectId, SetSpans>,
    templates: Templates,
    began: Option<Time>,
}

impl SpanScan {
    /// Takes note of an event that has just been applied.
    pub fn observe(&mut self, cluster: &Cluster, names: &Names, seq: Seq, event: &Event) {
        self.began.get_or_insert(event.at);
        if let Body::StatusWritten { object, status } = event.body {
            if names.object_key(object).kind == sym::DAEMON_SET {
                let unavailable = &mut self.done.entry(object).or_default().unavailable;
                if unavailable.last().is_none_or(|last| last.1 != status.unavailable) {
                    unavailable.push((event.at, status.unavailable));
                }
            }
            return;
        }
        let Some(id) = event.body.pod() else { return };
        let Some(pod) = cluster.pod(id) else { return };
        let owner = pod.owner.filter(|owner| names.object_key(*owner).kind == sym::DAEMON_SET);
        let now = owner.zip(pod.node).filter(|_| is_live(&pod));
        let slot = self.slot(id);
        let before = slot.map(|(owner, span)| (owner, span.node));
        if now == before {
            return;
        }
        if let Some((owner, span)) = slot.take() {
            let span = Span { to: Some(event.at), ended: seq, ..span };
            self.done.entry(owner).or_default().spans.push(span);
        }
        if let Some((owner, node)) = now {
            let template = self.templates.of(cluster, names, id, &pod);
            let span = Span { node, from: event.at, to: None, template, began: seq, ended: Seq::NONE };
            *self.slot(id) = Some((owner, span));
        }
    }

    fn slot(&mut self, pod: PodId) -> &mut Option<(ObjectId, Span)> {
        if pod.index() >= self.open.len() {
            self.open.resize(pod.index() + 1, None);
        }
        &mut self.open[pod.index()]
    }

    /// What was seen until a moment.
    pub fn finish(mut self, names: &Names, ended: Time) -> Spans {
        for (owner, span) in std::mem::take(&mut self.open).into_iter().flatten() {
            self.done.entry(owner).or_default().spans.push(span);
        }
        let mut sets: Vec<(ObjectId, SetSpans)> = self.done.into_iter().collect();
        sets.sort_unstable_by_key(|(id, _)| names.object_key(*id).incarnation);
        let mut daemon_sets: BTreeMap<String, SetSpans> = BTreeMap::new();
        for (id, set) in sets {
            let all = daemon_sets.entry(names.object_name(id)).or_default();
            all.spans.extend(set.spans);
            all.unavailable.extend(set.unavailable);
        }
        for set in daemon_sets.values_mut() {
            set.spans.sort_unstable();
        }
        Spans { daemon_sets, templates: self.templates.list, began: self.began.unwrap_or(ended), ended }
    }
}
