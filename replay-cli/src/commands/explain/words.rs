//! Events, causes and waiting pods in explanations.

use kubetape_engine::explain::{Chain, Held, Life, NodeRefusal, Pending, Reason, Told};

use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;

/// `#12  2026-11-24T02:17:02.5Z  node worker-1 joined (by kubelet)`.
pub fn told(told: &Told) -> String {
    let by = told.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let mark = match (told.genesis, told.inferred) {
        (true, _) => ", as the log begins",
        (_, true) => ", inferred",
        _ => "",
    };
    format!("#{} at {}: {} ({}{by}{mark})", told.event, told.at, told.text, told.track)
}

/// `since #12 at …: …`, or nothing.
pub fn since(told_: Option<&Told>) -> String {
    told_.map(|event| format!("since {}", told(event))).unwrap_or_default()
}

/// A chain of causes, one a line.
pub fn chain(indent: usize, label: &str, chain: &Chain, out: &mut Out) -> Result<(), CliError> {
    let mut label = label;
    for link in &chain.links {
        writeln!(out, "{:indent$}{label} {}", "", told(link))?;
        label = "and that because of";
    }
    if chain.omitted > 0 {
        writeln!(out, "{:indent$}… {} more causes …", "", chain.omitted)?;
    }
    if let Some(root) = &chain.root {
        writeln!(out, "{:indent$}and that because of {}", "", told(root))?;
    }
    Ok(())
}

/// A pod's life.
pub fn life(life: &Life, out: &mut Out) -> Result<(), CliError> {
    let title = format!("The life of pod {}", life.pod);
    writeln!(out, "{}", out.style.paint(Paint::Strong, &title).into_owned())?;
    let half = if life.omitted == 0 { usize::MAX } else { 8 };
    for (index, step) in life.steps.iter().enumerate() {
        if index == half {
            writeln!(out, "  … {} more events …", life.omitted)?;
        }
        writeln!(out, "  {}", told(&step.told))?;
        chain(6, "because of", &step.because, out)?;
        chain(6, "decided in a sync woken by", &step.woken_by, out)?;
    }
    Ok(())
}

/// What a pending pod waits for.
pub fn pending(pending: &Pending, out: &mut Out) -> Result<(), CliError> {
    let title = format!("What pod {} waits for", pending.pod);
    writeln!(out, "{}", out.style.paint(Paint::Strong, &title).into_owned())?;
    if let Some(node) = &pending.only_node {
        writeln!(
            out,
            "  It is for node {node}; no other node can take it. Its priority is {}.",
            pending.priority
        )?;
    }
    if pending.refusals.is_empty() {
        return writeln!(out, "  Nothing is in its way: the scheduler has only not bound it yet.");
    }
    for refusal in &pending.refusals {
        for line in refusal_lines(refusal, pending) {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

fn refusal_lines(refusal: &NodeRefusal, pending: &Pending) -> Vec<String> {
    let mut lines = Vec::new();
    let nodes = refusal.nodes.join(", ");
    let more = refusal.count - refusal.nodes.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    for reason in &refusal.reasons {
        lines.push(format!("{nodes}{more}: {}", reason_words(reason)));
        let held = match reason {
            Reason::Ports { taken } => taken.as_slice(),
            Reason::Insufficient { held_by, .. } => held_by.as_slice(),
            _ => &[],
        };
        lines.extend(held.iter().map(|held| format!("    {}", held_words(held, pending.priority))));
        if let Reason::Insufficient { more: more @ 1.., .. } = reason {
            lines.push(format!("    and {more} pods more hold some of it"));
        }
    }
    lines
}

/// One reason in plain words.
pub fn reason_words(reason: &Reason) -> String {
    match reason {
        Reason::NodeMissing => "the node does not exist".to_owned(),
        Reason::Cordoned => "the node is cordoned".to_owned(),
        Reason::NodeName => "the pod names another node".to_owned(),
        Reason::Taints { taints } => format!("the pod does not tolerate {}", taints.join(", ")),
        Reason::Affinity => "the pod's node selector or required affinity does not match".to_owned(),
        Reason::Ports { .. } => "a host port that the pod wants is taken".to_owned(),
        Reason::TooManyPods { allocatable, used } => {
            format!("it takes {allocatable} pods, and {used} are on it")
        }
        Reason::Insufficient { resource, requested, allocatable, used, .. } => {
            let amount = |n: &i64| amount(resource, *n);
            if *allocatable == 0 && *used == 0 {
                return format!("too little {resource} for the {} that the pod asks for", amount(requested));
            }
            format!(
                "too little {resource}: the pod asks for {}, the node has {}, of which {} are given",
                amount(requested),
                amount(allocatable),
                amount(used)
            )
        }
    }
}

fn held_words(held: &Held, priority: i32) -> String {
    let rank = match held.priority.cmp(&priority) {
        std::cmp::Ordering::Less => format!(", priority {}: lower, it could be preempted", held.priority),
        std::cmp::Ordering::Equal => format!(", priority {}: the same, it is not preempted", held.priority),
        std::cmp::Ordering::Greater => format!(", priority {}: higher", held.priority),
    };
    let leaving = if held.terminating { "; it is being deleted" } else { "" };
    format!("{} held by pod {}{rank}{leaving}", held.what, held.pod)
}

/// An amount with its unit: `250m` of cpu, `128Mi` of memory.
fn amount(resource: &str, amount: i64) -> String {
    let binary = resource == "memory" || resource == "ephemeral-storage";
    match resource {
        "cpu" if amount % 1_000 == 0 => (amount / 1_000).to_string(),
        "cpu" => format!("{amount}m"),
        _ if binary && amount > 0 => {
            let units = [(1i64 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
            let unit = units.iter().find(|unit| amount % unit.0 == 0);
            unit.map_or(amount.to_string(), |(size, name)| format!("{}{name}", amount / size))
        }
        _ => amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_their_units() {
        assert_eq!(amount("cpu", 1_500), "1500m");
        assert_eq!(amount("cpu", 2_000), "2");
        assert_eq!(amount("memory", 128 << 20), "128Mi");
        assert_eq!(amount("memory", 1_000), "1000");
        assert_eq!(amount("nvidia.com/gpu", 2), "2");
    }
}
