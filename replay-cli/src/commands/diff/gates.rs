//! Gates: what a CI lets no change do.

use kubetape_engine::diff::{ChangeKind, Comparison, DaemonSetOverTime, StretchGroup};

use super::model::GateRow;
use crate::output::counted;

/// What may not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Gate {
    /// A placement is lost
    Lost,
    /// A pod waits to start that does not in the first log
    Pending,
    /// A DaemonSet's budget is breached more often or for longer than in the first log
    Budget,
}

/// The gates that are asked for.
#[derive(Clone, Debug, Default)]
pub struct Gates {
    pub max_lost: Option<usize>,
    pub fail_on: Vec<Gate>,
}

impl Gates {
    /// Whether none is asked for, so that any difference counts.
    pub fn are_none(&self) -> bool {
        self.max_lost.is_none() && self.fail_on.is_empty()
    }

    /// How each holds.
    pub fn judge(&self, comparison: &Comparison) -> Vec<GateRow> {
        let lost = lost(comparison);
        let mut rows = Vec::new();
        if let Some(most) = self.max_lost {
            let found = format!("{} lost, {most} allowed", counted(lost, "placement"));
            rows.push(GateRow { gate: "max-lost".to_owned(), holds: lost <= most, found });
        }
        for gate in &self.fail_on {
            let (name, number, what) = match gate {
                Gate::Lost => ("lost", lost, "placement lost"),
                Gate::Pending => {
                    let stuck = comparison.moments.iter().map(|moment| moment.stuck()).max();
                    ("pending", stuck.unwrap_or(0), "placement pending")
                }
                Gate::Budget => ("budget", breached(comparison), "budget breached"),
            };
            let (noun, participle) = what.split_once(' ').unwrap_or((what, ""));
            let found = format!("{} {participle}", counted(number, noun));
            rows.push(GateRow { gate: name.to_owned(), holds: number == 0, found });
        }
        rows
    }
}

/// The most placements that are lost at one moment; with a time line, those that are at any time.
fn lost(comparison: &Comparison) -> usize {
    let at_a_moment = comparison.moments.iter().map(|moment| moment.count(ChangeKind::Lost)).max();
    let lost = comparison.timeline.iter().filter(|stretch| stretch.kind == ChangeKind::Lost);
    let nodes = |stretch: &StretchGroup| {
        let groups = stretch.grouping.groups.iter().flat_map(|group| &group.nodes);
        groups
            .chain(&stretch.grouping.rest)
            .map(|node| (stretch.daemon_set.clone(), node.clone()))
            .collect::<Vec<_>>()
    };
    let over_time: std::collections::BTreeSet<_> = lost.flat_map(nodes).collect();
    at_a_moment.unwrap_or(0).max(over_time.len())
}

/// DaemonSets whose budget the second log breaches more often or for longer.
fn breached(comparison: &Comparison) -> usize {
    let (Some(a), Some(b)) = (&comparison.over_time_a, &comparison.over_time_b) else { return 0 };
    let nothing = DaemonSetOverTime::default();
    let worse = |name: &String, b: &DaemonSetOverTime| {
        let (a, b) = (a.daemon_sets.get(name).unwrap_or(&nothing).breaches, b.breaches);
        b.count > a.count || b.lasted > a.lasted
    };
    b.daemon_sets.iter().filter(|(name, set)| worse(name, set)).count()
}
