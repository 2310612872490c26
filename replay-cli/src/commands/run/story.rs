//! What came from outside during a run and what followed from it, like with like.

use std::collections::{BTreeMap, BTreeSet};

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Body;
use kubetape_engine::names::{Names, ObjectId, Seq, Sym};
use kubetape_engine::replay::{DrainStory, Effects, Milestone};
use kubetape_engine::time::{Micros, Time};

use super::history::History;
use crate::describe::{Words, describe, why_words};
use crate::output::age::rounded;

/// How far apart things of one kind may happen and still be told in one line.
const TOGETHER: Micros = Micros::seconds(5);

/// How many lines back one is looked for that says the same.
const LOOKED_BACK: usize = 16;

/// How many nodes one line names.
const NAMED_MAX: usize = 4;

/// One line of the story.
pub struct Line {
    /// When it began.
    pub at: Time,
    /// The first event.
    pub seq: Seq,
    /// What followed, by owner.
    pub effects: BTreeMap<ObjectId, Effects>,
    /// When the last of it came.
    pub until: Time,
    /// What became of it, if it is a drain.
    drain: Option<DrainStory>,
    last: Time,
    nodes: Vec<String>,
    /// What happened, after the nodes if it happened to nodes.
    deed: String,
}

/// Tells milestones, in order; what differs in its node alone, and is near in time, is told as one.
pub fn tell(milestones: &[Milestone], history: &History, names: &Names, cluster: &Cluster) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut applied = BTreeSet::new();
    for milestone in milestones {
        let mut line = line(milestone, history, names, cluster);
        if let Body::Applied { object, .. } = milestone.event.body {
            let again = if applied.insert(object) { "applied" } else { "applied again" };
            line.deed = format!("{} {again}", Words { names, cluster }.object(object));
        }
        // What happens to many nodes at once comes in the order of the nodes, not of the deeds.
        match lines.iter_mut().rev().take(LOOKED_BACK).find(|earlier| earlier.takes(&line)) {
            Some(earlier) => earlier.take(line),
            None => lines.push(line),
        }
    }
    lines
}

fn line(milestone: &Milestone, history: &History, names: &Names, cluster: &Cluster) -> Line {
    let event = &milestone.event;
    let words = Words { names, cluster };
    let node = event.body.node().map(|node| names.node_name(node).to_owned());
    let deed = match (&node, event.body) {
        // Every node has labels of its own, which would keep neighbours apart.
        (_, Body::NodeJoined { spec, .. }) => match names.node_spec_of(spec).taints.as_slice() {
            [] => "joined".to_owned(),
            taints => format!("joined, tainted {}", words.taints(taints)),
        },
        (_, Body::PodDeleted { why, .. }) => match history.about(milestone.seq) {
            Some(stay) => {
                let (owner, node) = (names.object_name(stay.owner), names.node_name(stay.node));
                format!("the pod of {owner} on {node} deleted: {}", why_words(why))
            }
            None => format!("a pod deleted: {}", why_words(why)),
        },
        (Some(node), _) => {
            let whole = describe(event, names, cluster);
            whole.strip_prefix(&format!("node {node} ")).map_or(whole.clone(), str::to_owned)
        }
        (None, _) => describe(event, names, cluster),
    };
    Line {
        at: milestone.at,
        seq: milestone.seq,
        effects: milestone.effects.clone(),
        until: milestone.until,
        drain: milestone.drain,
        last: milestone.at,
        nodes: node.into_iter().collect(),
        deed,
    }
}

impl Line {
    /// Whether another line says the same of another node.
    fn takes(&self, next: &Line) -> bool {
        !self.nodes.is_empty()
            && !next.nodes.is_empty()
            && self.deed == next.deed
            && self.drain.is_none()
            && next.at <= self.last + TOGETHER
    }

    fn take(&mut self, next: Line) {
        self.last = next.at;
        self.until = self.until.max(next.until);
        self.nodes.extend(next.nodes);
        for (owner, effects) in next.effects {
            let sum = self.effects.entry(owner).or_default();
            sum.created += effects.created;
            sum.deleted += effects.deleted;
        }
    }

    /// What happened, in one line.
    pub fn what(&self) -> String {
        let nodes = match self.nodes.as_slice() {
            [] => return self.deed.clone(),
            [node] => return format!("node {node} {}", self.deed),
            nodes => nodes,
        };
        let count = nodes.len();
        let names = match nodes {
            [first, .., last] if count > NAMED_MAX => format!("{first} ... {last}"),
            nodes => nodes.join(", "),
        };
        let deed = self.deed.replace(" its ", " their ").replace("posts again", "post again");
        format!("{count} nodes ({names}) {deed}")
    }

    /// What became of a drain: `drained within 12s`; nothing for anything else.
    pub fn drained(&self, names: &Names) -> Option<String> {
        Some(match self.drain? {
            DrainStory::Ended(at, Sym::EMPTY) => format!("drained after {}", rounded(at - self.at)),
            DrainStory::Ended(at, message) => {
                format!("not drained, given up after {}: {}", rounded(at - self.at), names.text(message))
            }
            DrainStory::Running(Sym::EMPTY) => "not drained when the run ended".to_owned(),
            DrainStory::Running(message) => {
                format!("not drained when the run ended: {}", names.text(message))
            }
        })
    }

    /// `3 pods of default/fluentd created, 1 deleted`; nothing if nothing followed.
    pub fn followed(&self, names: &Names) -> String {
        let pods = |n: u64| if n == 1 { "1 pod".to_owned() } else { format!("{n} pods") };
        let one = |(owner, effects): (&ObjectId, &Effects)| {
            let owner = names.object_name(*owner);
            match (effects.created, effects.deleted) {
                (created, 0) => format!("{} of {owner} created", pods(created)),
                (0, deleted) => format!("{} of {owner} deleted", pods(deleted)),
                (created, deleted) => format!("{} of {owner} created, {deleted} deleted", pods(created)),
            }
        };
        self.effects.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}
