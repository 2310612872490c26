//! What came from outside during a run and what followed from it, like with like.

use std::collections::BTreeMap;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Body;
use kubetape_engine::names::{Names, ObjectId, Seq};
use kubetape_engine::replay::{Effects, Milestone};
use kubetape_engine::time::{Micros, Time};

use crate::describe::{Words, describe};

/// How far apart things of one kind may happen and still be told in one line.
const TOGETHER: Micros = Micros::seconds(5);

/// One line of the story.
pub struct Line {
    /// When it began.
    pub at: Time,
    /// The first event.
    pub seq: Seq,
    /// What happened.
    pub what: String,
    /// What followed, by owner.
    pub effects: BTreeMap<ObjectId, Effects>,
    /// When the last of it came.
    pub until: Time,
    count: usize,
    last: Time,
    key: String,
    first_node: String,
}

/// Tells milestones, in order; neighbours that differ in their node alone are told as one.
pub fn tell(milestones: &[Milestone], names: &Names, cluster: &Cluster) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for milestone in milestones {
        let mut line = line(milestone, names, cluster);
        match lines.last_mut() {
            Some(last) if last.key == line.key && milestone.at <= last.last + TOGETHER => {
                last.count += 1;
                last.last = milestone.at;
                last.until = last.until.max(milestone.until);
                for (owner, effects) in std::mem::take(&mut line.effects) {
                    let sum = last.effects.entry(owner).or_default();
                    sum.created += effects.created;
                    sum.deleted += effects.deleted;
                }
                let rest = last.key.replacen("node *", "", 1);
                last.what =
                    format!("{} nodes from {} to {}:{rest}", last.count, last.first_node, line.first_node);
            }
            _ => lines.push(line),
        }
    }
    lines
}

fn line(milestone: &Milestone, names: &Names, cluster: &Cluster) -> Line {
    let event = &milestone.event;
    let node = event.body.node().map(|node| names.node_name(node).to_owned());
    let (what, key) = match (&node, event.body) {
        // Every node has labels of its own, which would keep neighbours apart.
        (Some(node), Body::NodeJoined { spec, .. }) => {
            let taints = &names.node_spec_of(spec).taints;
            let words = Words { names, cluster };
            let tainted =
                if taints.is_empty() { String::new() } else { format!(", tainted {}", words.taints(taints)) };
            (format!("node {node} joined{tainted}"), format!("node * joined{tainted}"))
        }
        (Some(node), _) => {
            let what = describe(event, names, cluster);
            let key = what.replacen(&format!("node {node}"), "node *", 1);
            (what, key)
        }
        // Each is a deed of its own.
        (None, _) => (describe(event, names, cluster), format!("{}", milestone.seq)),
    };
    Line {
        at: milestone.at,
        seq: milestone.seq,
        what,
        effects: milestone.effects.clone(),
        until: milestone.until,
        count: 1,
        last: milestone.at,
        key,
        first_node: node.unwrap_or_default(),
    }
}

/// `3 pods of default/fluentd created, 1 deleted`; nothing if nothing followed.
pub fn effects(effects: &BTreeMap<ObjectId, Effects>, names: &Names) -> String {
    let pods = |n: u64| if n == 1 { "1 pod".to_owned() } else { format!("{n} pods") };
    let one = |(owner, effects): (&ObjectId, &Effects)| {
        let owner = names.object_name(*owner);
        match (effects.created, effects.deleted) {
            (created, 0) => format!("{} of {owner} created", pods(created)),
            (0, deleted) => format!("{} of {owner} deleted", pods(deleted)),
            (created, deleted) => format!("{} of {owner} created, {deleted} deleted", pods(created)),
        }
    };
    effects.iter().map(one).collect::<Vec<_>>().join("; ")
}
