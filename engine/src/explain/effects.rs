//! What an event brought about, and what brought it about.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::history::{ExplainError, History, Moment, Tales, Tape, collect, seek};
use super::whose::{Whose, WhoseThen};
use crate::event::{Body, ConditionStatus, Event, PodCondition};
use crate::names::{Names, NodeId, ObjectId, Seq};
use crate::time::Time;
use crate::told::{Chain, Told};

/// An event, its causes and its effects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventExplanation {
    /// The event.
    pub told: Told,
    /// What it goes back to; empty for what comes from outside, and where a recording does not say.
    pub causes: Chain,
    /// What it brought about up to the moment, like with like.
    pub effects: Vec<EffectGroup>,
    /// How many events that are, all levels together.
    pub effect_count: usize,
    /// When the last of them happened.
    #[serde(serialize_with = "super::as_text")]
    pub until: Time,
}

/// Events of one kind about one workload that events of one group brought about.
///
/// In a rollout a pod that gets ready lets the next one be deleted, and so on: events that repeat a group above
/// them are counted there, so that the tree stays as deep as one turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectGroup {
    /// The name of their kind: `PodCreated`; `PodReady` and `PodNotReady` for that condition.
    pub kind: &'static str,
    /// The workload, `Kind namespace/name`; empty where there is none.
    pub workload: String,
    /// How many events.
    pub count: usize,
    /// How many nodes they are about.
    pub nodes: usize,
    /// The first of them.
    pub first: Told,
    /// When the last of them happened.
    #[serde(serialize_with = "super::as_text")]
    pub until: Time,
    /// What they brought about in turn.
    pub effects: Vec<EffectGroup>,
}

type Key = (&'static str, Option<ObjectId>);

#[derive(Debug)]
struct Group {
    key: Key,
    parent: Option<usize>,
    workload: String,
    count: usize,
    nodes: BTreeSet<NodeId>,
    first: Seq,
    until: Time,
    children: BTreeMap<Key, usize>,
}

/// Groups what goes back to one event.
struct Effects {
    root: Seq,
    groups: Vec<Group>,
    top: BTreeMap<Key, usize>,
    /// The group of each event that goes back to the root; `None` for the root itself.
    member: FxHashMap<Seq, Option<usize>>,
    until: Time,
    found: bool,
}

/// Explains an event of a log by what it goes back to, and by what it brought about up to a moment.
///
/// # Errors
/// The log cannot be read, has no such event, or only after the moment.
pub fn explain_event(tape: &Tape<'_>, seq: Seq, moment: Moment) -> Result<EventExplanation, ExplainError> {
    let mut effects = Effects {
        root: seq,
        groups: Vec::new(),
        top: BTreeMap::new(),
        member: FxHashMap::default(),
        until: Time::MIN,
        found: false,
    };
    let history = match seek(tape, moment)? {
        Some(mut history) => {
            effects.look_up(&mut history)?;
            history
        }
        None => collect(tape, moment, |seen| {
            let pod = seen.event.body.pod().and_then(|pod| seen.cluster.pod(pod));
            let whose = pod.map(|pod| Whose { owner: pod.owner, node: pod.node });
            effects.observe(seen.seq, seen.event, seen.names, whose.unwrap_or_default());
        })?,
    };
    if !effects.found {
        let last = history.last;
        return Err(match moment {
            Moment::End => ExplainError::NoSuchEvent { seq, last },
            _ => ExplainError::NotYet { seq, at: history.now, last },
        });
    }
    let causes = history.cause(seq)?.map(|cause| history.causes_from(cause)).transpose()?.unwrap_or_default();
    let mut numbers: BTreeSet<Seq> = causes.numbers().collect();
    numbers.insert(seq);
    numbers.extend(effects.groups.iter().map(|group| group.first));
    let tales = history.tell(tape, &numbers)?;
    let Some(told) = tales.get(seq) else {
        return Err(ExplainError::NoSuchEvent { seq, last: history.last });
    };
    Ok(EventExplanation {
        told,
        causes: tales.chain(&causes),
        effects: effects.tell(&effects.top, &tales),
        effect_count: effects.member.len() - 1,
        until: effects.until,
    })
}

impl Effects {
    /// Whether an event is the root, or goes back to it as far as is known.
    fn includes(&self, seq: Seq, event: &Event) -> bool {
        seq == self.root || (event.cause >= self.root && self.member.contains_key(&event.cause))
    }

    /// Takes note of an event, given whose its pod is after it.
    fn observe(&mut self, seq: Seq, event: &Event, names: &Names, whose: Whose) {
        if seq == self.root {
            (self.found, self.until) = (true, event.at);
            self.member.insert(seq, None);
            return;
        }
        let Some(&parent) = self.member.get(&event.cause) else { return };
        let workload = if event.body.pod().is_some() { whose.owner } else { event.body.object() };
        let key = (kind(&event.body), workload);
        let index = match self.repeated(parent, key) {
            Some(index) => index,
            None => self.group(parent, key, (seq, event), names),
        };
        let group = &mut self.groups[index];
        group.count += 1;
        group.until = event.at;
        group.nodes.extend(whose.node.or(event.body.node()));
        self.member.insert(seq, Some(index));
        self.until = self.until.max(event.at);
    }

    /// Collects the same from the parts whose causes are in parts that have some of it.
    fn look_up(&mut self, history: &mut History<'_>) -> Result<(), ExplainError> {
        let root = self.root;
        let Some((pages, cluster, names)) = history.pages() else { return Ok(()) };
        let Some(first) = pages.place_of(root).filter(|place| *place < pages.parts().len()) else {
            return Ok(());
        };
        let mut whose = WhoseThen::before(root, pages, names)?;
        let mut having = BTreeSet::new();
        for place in first..pages.parts().len() {
            let part = pages.parts()[place];
            let causes = pages.causes_of(&part);
            // What goes back to an event of its own part goes back to an earlier part, or to nothing of this.
            let wanted = |places: Vec<usize>| places.iter().any(|at| having.contains(at));
            if place > first && !causes.is_none_or(wanted) {
                whose.pass_over(part);
                continue;
            }
            let events = pages.read(&part)?;
            let mut seq = part.first;
            for event in &events {
                whose.observe(seq, event);
                if self.includes(seq, event) {
                    let of = event.body.pod().map(|slot| whose.of(slot, pages, cluster)).transpose()?;
                    self.observe(seq, event, names, of.unwrap_or_default());
                    having.insert(place);
                }
                seq = seq.next();
            }
        }
        Ok(())
    }

    /// The group of a kind among a group and those above it.
    fn repeated(&self, mut at: Option<usize>, key: Key) -> Option<usize> {
        while let Some(index) = at {
            if self.groups[index].key == key {
                return Some(index);
            }
            at = self.groups[index].parent;
        }
        None
    }

    fn group(
        &mut self,
        parent: Option<usize>,
        key: Key,
        (seq, event): (Seq, &Event),
        names: &Names,
    ) -> usize {
        let fresh = self.groups.len();
        let siblings = match parent {
            Some(parent) => &mut self.groups[parent].children,
            None => &mut self.top,
        };
        let index = *siblings.entry(key).or_insert(fresh);
        if index == fresh {
            let workload = key.1.map(|object| {
                let kind = names.text(names.object_key(object).kind);
                format!("{kind} {}", names.object_name(object))
            });
            self.groups.push(Group {
                key,
                parent,
                workload: workload.unwrap_or_default(),
                count: 0,
                nodes: BTreeSet::new(),
                first: seq,
                until: event.at,
                children: BTreeMap::new(),
            });
        }
        index
    }

    fn tell(&self, groups: &BTreeMap<Key, usize>, tales: &Tales) -> Vec<EffectGroup> {
        let tell = |index: &usize| {
            let group = &self.groups[*index];
            Some(EffectGroup {
                kind: group.key.0,
                workload: group.workload.clone(),
                count: group.count,
                nodes: group.nodes.len(),
                first: tales.get(group.first)?,
                until: group.until,
                effects: self.tell(&group.children, tales),
            })
        };
        let mut told: Vec<EffectGroup> = groups.values().filter_map(tell).collect();
        told.sort_by_key(|group| group.first.event);
        told
    }
}

/// Getting ready and ceasing to be are different things to a reader.
fn kind(body: &Body) -> &'static str {
    match body {
        Body::PodConditionSet { condition: PodCondition::Ready, status: ConditionStatus::True, .. } => {
            "PodReady"
        }
        Body::PodConditionSet { condition: PodCondition::Ready, .. } => "PodNotReady",
        other => other.kind(),
    }
}
