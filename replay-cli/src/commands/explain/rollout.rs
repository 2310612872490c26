//! What holds a rollout up, in words.

use kubetape_engine::explain::{Breach, BudgetHolder, Hold, RolloutExplanation, RolloutLimits, RolloutState};

use super::words::{reason_words, since, told};
use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;

pub fn print(explanation: &RolloutExplanation, out: &mut Out) -> Result<(), CliError> {
    writeln!(out, "{}", out.style.paint(Paint::Strong, &headline(explanation)).into_owned())?;
    writeln!(out, "This is how it was at {}, after event #{}.", explanation.at, explanation.event)?;
    let (updated, old) = (explanation.updated, explanation.old);
    let revision = explanation.revision.map(|number| format!(" (revision {number})")).unwrap_or_default();
    writeln!(
        out,
        "Pods: {updated} of the current template{revision}, {old} of others; {} nodes have an available one.",
        explanation.available
    )?;
    if let Some(event) = &explanation.asked_by {
        writeln!(out, "The current template came with {}", told(event))?;
    }
    if let Some(limits) = &explanation.limits {
        writeln!(out, "Budget: {}", limits_words(limits, explanation.strategy))?;
    }
    if let Some(event) = &explanation.last_progress {
        writeln!(out, "Its pods last changed with {}", told(event))?;
    }
    print_holders(explanation, out)?;
    if explanation.waiting > 0 && explanation.strategy == "RollingUpdate" {
        let more = explanation.waiting - explanation.waiting_nodes.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(out, "\nWaiting for their turn: {}{more}.", explanation.waiting_nodes.join(", "))?;
    }
    print_breaches(explanation, out)
}

fn headline(explanation: &RolloutExplanation) -> String {
    let name = &explanation.daemon_set;
    match &explanation.state {
        RolloutState::Complete => format!("{name} is rolled out: every pod is current and available."),
        RolloutState::WaitsForPods => {
            format!("{name} is rolled out but for pods that are not available yet.")
        }
        RolloutState::GoesOn { room } => format!("{name} rolls out: there is room for {room} more."),
        RolloutState::BudgetUsedUp => {
            let deadlocked = explanation
                .holders
                .iter()
                .any(|holder| matches!(&holder.hold, Hold::Pending { deadlocked_with: Some(_), .. }));
            let end = if deadlocked { "; it will not go on by itself" } else { "" };
            let holders = match explanation.holders.len() + explanation.more_holders {
                1 => "1 node holds".to_owned(),
                count => format!("{count} nodes hold"),
            };
            let old = match explanation.waiting {
                1 => "1 old pod waits".to_owned(),
                count => format!("{count} old pods wait"),
            };
            format!("{name} does not roll on: {holders} its budget, and {old}{end}.")
        }
        RolloutState::OnDelete => format!(
            "{name} does not roll out by itself: its strategy is OnDelete, and {} old pods stay until somebody deletes them.",
            explanation.old
        ),
        RolloutState::NodeGone { node, pod, since } => {
            let left = since.as_ref().map(|event| format!(" (#{} at {})", event.event, event.at));
            format!(
                "{name} does not roll on: pod {pod} is recorded on node {node}, which left{}; a surging rollout waits until the pod garbage collector has taken it, 40 to 80 s later.",
                left.unwrap_or_default()
            )
        }
        RolloutState::NotObserved { generation, observed } => format!(
            "{name} has not begun to roll out: the controller has observed generation {observed}, the DaemonSet is at {generation}."
        ),
        RolloutState::Deleting => format!("{name} is being deleted."),
        RolloutState::BadLimits { reason } => format!("{name} cannot roll out: {reason}."),
    }
}

fn limits_words(limits: &RolloutLimits, strategy: &str) -> String {
    let asked = |asked: &Option<String>, is: i64| match asked {
        Some(text) if text.ends_with('%') => format!("{is} ({text} of {}, rounded up)", limits.desired),
        _ => is.to_string(),
    };
    let unavailable = asked(&limits.max_unavailable_asked, limits.max_unavailable);
    let surge = asked(&limits.max_surge_asked, limits.max_surge);
    match (strategy, limits.max_surge) {
        ("OnDelete", _) => format!("{} nodes should run a pod; OnDelete has no budget", limits.desired),
        (_, 0) => format!(
            "{} nodes should run a pod, maxUnavailable {unavailable}, of which {} are used up",
            limits.desired, limits.used
        ),
        _ => format!(
            "{} nodes should run a pod, maxSurge {surge}, of which {} are used up",
            limits.desired, limits.used
        ),
    }
}

fn print_holders(explanation: &RolloutExplanation, out: &mut Out) -> Result<(), CliError> {
    if explanation.holders.is_empty() {
        return Ok(());
    }
    let title = out.style.paint(Paint::Strong, "Who holds the budget");
    let title = title.into_owned();
    writeln!(out, "\n{title}")?;
    for holder in &explanation.holders {
        print_holder(holder, out)?;
    }
    match explanation.more_holders {
        0 => Ok(()),
        more => writeln!(out, "  … and {more} more nodes"),
    }
}

fn print_holder(holder: &BudgetHolder, out: &mut Out) -> Result<(), CliError> {
    let age = if holder.updated { "new" } else { "old" };
    let node = out.style.paint(Paint::Strong, &holder.node).into_owned();
    writeln!(out, "  {node}: {}", hold_words(&holder.hold, age))?;
    if let Some(event) = &holder.since {
        writeln!(out, "      {}", since(Some(event)))?;
    }
    if let Hold::Pending { waits_for, deadlocked_with, .. } = &holder.hold {
        for reason in waits_for.refusals.iter().flat_map(|refusal| &refusal.reasons) {
            writeln!(out, "      {}", reason_words(reason))?;
        }
        for held in waits_for.ports_taken() {
            writeln!(out, "      {} is held by pod {}", held.what, held.pod)?;
        }
        if let Some(old) = deadlocked_with {
            writeln!(
                out,
                "      that is the old pod that it is to replace: {old} goes only when the new one is available,"
            )?;
            writeln!(
                out,
                "      and the new one cannot start before it goes. Use maxUnavailable instead of maxSurge, or delete it."
            )?;
        }
    }
    if let Some(event) = &holder.node_not_ready {
        writeln!(out, "      its node is not ready {}", since(Some(event)))?;
    }
    if let Some(event) = &holder.node_left {
        writeln!(out, "      its node left: {}", told(event))?;
    }
    if !holder.desired {
        writeln!(
            out,
            "      the node does not count as one that should run a pod, but a pod on it counts against the budget"
        )?;
    }
    Ok(())
}

fn hold_words(hold: &Hold, age: &str) -> String {
    match hold {
        Hold::NoPod => "it should have a pod and has none".to_owned(),
        Hold::Terminating { pod, deadline, overdue: true } => {
            format!(
                "pod {pod} is being deleted and should have been gone at {deadline}: its kubelet does not end it"
            )
        }
        Hold::Terminating { pod, deadline, .. } => {
            format!("pod {pod} is being deleted, and will be gone at {deadline} at the latest")
        }
        Hold::Pending { pod, .. } => format!("its {age} pod {pod} is not bound to it"),
        Hold::Ended { pod, phase } => format!("its {age} pod {pod} is {phase}"),
        Hold::NotReady { pod, restarts: 0 } => format!("its {age} pod {pod} is not ready"),
        Hold::NotReady { pod, restarts } => {
            format!("its {age} pod {pod} is not ready, and was restarted {restarts} times")
        }
        Hold::NotYetAvailable { pod, available_at } => {
            format!("its {age} pod {pod} is ready, and will be available at {available_at} (minReadySeconds)")
        }
        Hold::Several { pods } => format!("it has several pods of one kind: {}", pods.join(", ")),
        Hold::OldAndNew { old, new } => format!("it has an old pod, {old}, and a new one, {new}"),
    }
}

fn print_breaches(explanation: &RolloutExplanation, out: &mut Out) -> Result<(), CliError> {
    if explanation.breaches.is_empty() {
        return Ok(());
    }
    let times =
        if explanation.breach_count == 1 { "once" } else { &format!("{} times", explanation.breach_count) };
    let from = match explanation.breaches_from {
        1 => String::new(),
        from => format!(" since #{from}"),
    };
    let title = format!("Fewer pods were available than the strategy promises, {times}{from}");
    writeln!(out, "\n{}", out.style.paint(Paint::Strong, &title).into_owned())?;
    for Breach { first, desired, floor, lowest, because } in &explanation.breaches {
        writeln!(
            out,
            "  {lowest} of {desired}, where {floor} are promised; first seen with {}",
            told(first)
        )?;
        for event in because {
            writeln!(out, "      after {}", told(event))?;
        }
    }
    Ok(())
}
