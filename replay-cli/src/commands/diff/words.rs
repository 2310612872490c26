//! Differences in words, the same in every form.

use kubetape_engine::diff::{PodState, Revision, RevisionName, Verb};
use kubetape_engine::explain::Chain;

use super::model::{CauseRow, FiguresRow, GroupRow, OverTimeRow, PartingRow, RolloutRow};
use crate::commands::explain::words::told;
use crate::describe::{phase_words, why_words};
use crate::output::counted;

/// A revision by whatever is known of it: `1 (6f5d7c)`; both names if the logs call it differently.
pub fn revision(revision: &Revision) -> String {
    let name = |name: &RevisionName| match name.number {
        Some(number) => format!("{number} ({})", name.hash),
        None => name.hash.clone(),
    };
    match (&revision.a, &revision.b) {
        (Some(a), Some(b)) if a == b => name(a),
        (Some(a), Some(b)) => format!("{} = {}", name(a), name(b)),
        (Some(one), None) | (None, Some(one)) => name(one),
        (None, None) => String::new(),
    }
}

/// Pods on one node: `revision 1 (6f5d7c), Running`.
pub fn pods(pods: &[PodState], revisions: &[Revision]) -> String {
    let one = |pod: &PodState| {
        let phase = if pod.bound { phase_words(pod.phase()) } else { "unbound" };
        match pod.revision {
            Some(index) => format!("revision {}, {phase}", revision(&revisions[index])),
            None => phase.to_owned(),
        }
    };
    match pods {
        [] => "none".to_owned(),
        pods => pods.iter().map(one).collect::<Vec<_>>().join(" and "),
    }
}

/// The sign and the word of a kind of change.
pub fn change(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "lost" => ("-", "lost"),
        "gained" => ("+", "gained"),
        "revision" => ("~", "another revision"),
        "pending" => ("~", "pending"),
        _ => ("~", "another state"),
    }
}

/// `on 212 of 212 nodes with pool=gpu`, and what has to be said against that.
pub fn group(group: &GroupRow, kind: &str) -> String {
    let candidates = match kind {
        "lost" => " that had one",
        "gained" => " that had none",
        _ => " that have one in both",
    };
    let among = if group.among == "candidates" { candidates } else { "" };
    match &group.expression {
        None => format!("on {}", counted(group.changed, "node")),
        // The nodes' names follow anyway.
        Some(names) if names.contains("kubernetes.io/hostname") && group.selected == group.changed => {
            format!("on {}", counted(group.changed, "node"))
        }
        Some(every) if every == "every node" => match group.selected {
            1 => format!("on the only node{among}"),
            all => format!("on all {all} nodes{among}"),
        },
        Some(expression) => {
            let nodes = if group.selected == 1 { "node" } else { "nodes" };
            format!("on {} of {} {nodes}{among} with {expression}", group.changed, group.selected)
        }
    }
}

/// Node names, a few or all, and how many more there are.
pub fn some(names: &[String], most: usize) -> String {
    match names.len() {
        few if few <= most => names.join(", "),
        many => format!("{} and {} more", names[..most].join(", "), many - most),
    }
}

/// A cause in three parts: who did what when, the event that it goes back to (if that is another one), and how many
/// more like that there are.
pub struct Cause {
    pub head: String,
    pub event: Option<String>,
    pub others: String,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.event {
            Some(event) => write!(f, "{} because of {event}{}", self.head, self.others),
            None => f.write_str(&self.head),
        }
    }
}

/// A cause of some of `of` placements: `B deleted 212 of them at … because of #4711 at …: node gpu-1 tainted …, and 211 more like it`.
pub fn cause(cause: &CauseRow, of: usize) -> Cause {
    let root = cause.root();
    let it = match cause.placements {
        1 if of == 1 => "it".to_owned(),
        all if all == of => "them".to_owned(),
        some => format!("{some} of them"),
    };
    let when = match cause.at == cause.until {
        true => format!("at {}", cause.at),
        false => format!("from {} to {}", cause.at, cause.until),
    };
    let why = match cause.why {
        Some(why) if why != "unknown" => format!(" ({})", reason(why)),
        _ => String::new(),
    };
    let head = format!("{} {} {it} {when}{why}", cause.side, cause.decided);
    let others = match cause.roots {
        0 | 1 => String::new(),
        roots => format!(", and {} more like it", roots - 1),
    };
    // A decision that the log gives no cause of tells nothing that was not said, unless a person took it.
    let itself = root.event == cause.decision.event && cause.decision.track != "user";
    Cause { head, event: (!itself).then(|| told(root)), others }
}

fn reason(why: &str) -> &'static str {
    use kubetape_engine::event::Why;
    Why::ALL.into_iter().find(|known| known.as_str() == why).map_or("", why_words)
}

/// `created` or `deleted`.
pub fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Created => "created",
        Verb::Deleted => "deleted",
    }
}

/// The causes of an event, one a line.
pub fn chain(chain: &Chain) -> Vec<String> {
    let mut lines = Vec::new();
    let mut label = "because of";
    for link in &chain.links {
        lines.push(format!("{label} {}", told(link)));
        label = "and that because of";
    }
    if chain.omitted > 0 {
        lines.push(format!("… {} more causes …", chain.omitted));
    }
    lines.extend(chain.root.as_ref().map(|root| format!("and that because of {}", told(root))));
    lines
}

/// What is to be said of two events that read the same and are not.
pub fn alike(a: &Option<PartingRow>, b: &Option<PartingRow>) -> Option<&'static str> {
    let (Some(a), Some(b)) = (a, b) else { return None };
    let same = a.event.text == b.event.text && a.event.at == b.event.at && a.event.track == b.event.track;
    same.then_some(if a.event.kind == "Applied" {
        "with another manifest each"
    } else {
        "they differ in what is not shown here"
    })
}

/// How many placements differ in each way: `2 lost, 1 of another revision`.
pub fn totals(counts: &super::model::CountsRow) -> String {
    let all = [
        (counts.lost, "lost"),
        (counts.gained, "gained"),
        (counts.revision, "of another revision"),
        (counts.pending, "pending"),
        (counts.state, "in another state"),
    ];
    let told: Vec<_> = all.iter().filter(|c| c.0 > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let stuck = counts.stuck.saturating_sub(counts.pending);
    let stuck = if stuck > 0 { format!(", {stuck} of these pending") } else { String::new() };
    match told.as_slice() {
        [] => "no placement of a DaemonSet, but counts".to_owned(),
        told => format!("placements {}{stuck}", told.join(", ")),
    }
}

/// A row of figures over time: what it is, and on either side.
pub struct Figure {
    pub what: &'static str,
    pub a: String,
    pub b: String,
}

/// How a figure is told of one side.
type Telling = fn(&FiguresRow) -> String;

/// What a DaemonSet cost on either side: figures that differ, or all.
pub fn figures(row: &OverTimeRow, all: bool) -> Vec<Figure> {
    let of: [(&'static str, Telling); 8] = [
        ("first rollout", |f| rollouts(f.rollouts.iter().filter(|rollout| rollout.initial))),
        ("updates", |f| rollouts(f.rollouts.iter().filter(|rollout| !rollout.initial))),
        ("unavailable at most", |f| f.peak_unavailable.to_string()),
        ("unavailable, pods × time", |f| seconds(f.unavailable_pod_seconds)),
        ("pods created", |f| f.pods_created.to_string()),
        ("pods deleted", |f| f.pods_deleted.to_string()),
        ("container restarts", |f| f.container_restarts.to_string()),
        ("budget breached", |f| match f.budget_breaches {
            0 => "never".to_owned(),
            1 => format!("once, for {}", seconds(f.over_budget_seconds)),
            times => format!("{times} times, for {}", seconds(f.over_budget_seconds)),
        }),
    ];
    let side = |side: &Option<FiguresRow>, figure: fn(&FiguresRow) -> String| {
        side.as_ref().map_or_else(|| "-".to_owned(), figure)
    };
    let figures = of.into_iter().map(|(what, figure)| Figure {
        what,
        a: side(&row.a, figure),
        b: side(&row.b, figure),
    });
    // A side without the DaemonSet has nothing to be compared with.
    let nothing = |figure: &Figure| {
        let is = |value: &String| matches!(value.as_str(), "-" | "none" | "0" | "0s" | "never");
        is(&figure.a) && is(&figure.b)
    };
    figures.filter(|figure| all || (figure.a != figure.b && !nothing(figure))).collect()
}

/// How many rollouts are told one by one.
const ROLLOUTS_MAX: usize = 3;

fn rollouts<'r>(rollouts: impl Iterator<Item = &'r RolloutRow>) -> String {
    let lengths: Vec<Option<f64>> = rollouts.map(|rollout| rollout.seconds).collect();
    if lengths.is_empty() {
        return "none".to_owned();
    }
    let one = |length: &Option<f64>| length.map_or_else(|| "not complete".to_owned(), seconds);
    if lengths.len() <= ROLLOUTS_MAX {
        return lengths.iter().map(one).collect::<Vec<_>>().join(", ");
    }
    let longest = lengths.iter().flatten().copied().fold(0.0, f64::max);
    let unfinished = lengths.iter().filter(|length| length.is_none()).count();
    let unfinished = if unfinished > 0 { format!(", {unfinished} not complete") } else { String::new() };
    format!("{}, the longest {}{unfinished}", lengths.len(), seconds(longest))
}

/// A length of time, to the millisecond.
pub fn seconds(seconds: f64) -> String {
    // Lengths come from whole microseconds, which are exact in a float for centuries.
    kubetape_engine::time::Micros((seconds * 1_000.0).round() as i64 * 1_000).to_string()
}
