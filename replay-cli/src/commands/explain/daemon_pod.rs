//! Why a node has, or has not, a DaemonSet's pod, in words.

use kubetape_engine::explain::{
    Answer, Check, DaemonPodExplanation, Missing, PodExplanation, Rule, SetBy, Told,
};

use super::words::{life, pending, since, told};
use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;

pub fn print(explanation: &DaemonPodExplanation, out: &mut Out) -> Result<(), CliError> {
    let answer = out.style.paint(Paint::Strong, &headline(explanation)).into_owned();
    writeln!(out, "{answer}")?;
    writeln!(out, "This is how it was at {}, after event #{}.", explanation.at, explanation.event)?;
    if let Some(event) = &explanation.node_not_ready {
        writeln!(out, "The node is not ready {}", since(Some(event)))?;
    }
    if let Some(event) = &explanation.node_silent {
        writeln!(out, "Its kubelet is silent {}", since(Some(event)))?;
    }
    print_rules(explanation, out)?;
    if let Some(waits_for) = &explanation.pending {
        writeln!(out)?;
        pending(waits_for, out)?;
    }
    if explanation.earlier_pods > 0 {
        writeln!(out, "\nBefore these there were {} more pods.", explanation.earlier_pods)?;
    }
    for one in &explanation.lives {
        writeln!(out)?;
        life(one, out)?;
    }
    Ok(())
}

/// A pod by its name.
pub fn print_pod(explanation: &PodExplanation, out: &mut Out) -> Result<(), CliError> {
    let gone = if explanation.life.gone { ", and is gone" } else { "" };
    let node = explanation.node.as_ref().map(|node| format!(" for node {node}")).unwrap_or_default();
    let owner = match explanation.owner.as_str() {
        "" => "has no owner".to_owned(),
        owner => format!("is a pod of {} {owner}", explanation.owner_kind),
    };
    let line = format!("{} {owner}{node}{gone}.", explanation.life.pod);
    writeln!(out, "{}", out.style.paint(Paint::Strong, &line).into_owned())?;
    writeln!(out, "This is how it was at {}, after event #{}.\n", explanation.at, explanation.event)?;
    if let Some(waits_for) = &explanation.pending {
        pending(waits_for, out)?;
        writeln!(out)?;
    }
    life(&explanation.life, out)?;
    if let (true, Some(node)) = (explanation.is_daemon_pod(), &explanation.node) {
        out.note(format!("the rules that decide: --daemonset {} --node {node}", explanation.owner));
    }
    Ok(())
}

/// The answer in a sentence.
fn headline(explanation: &DaemonPodExplanation) -> String {
    let DaemonPodExplanation { daemon_set, node, .. } = explanation;
    match &explanation.answer {
        Answer::NoDaemonSet { deleted: Some(event) } => {
            format!("{daemon_set} has no pod on {node}: the DaemonSet was deleted, {}.", brief(event))
        }
        Answer::NoDaemonSet { deleted: None } => {
            format!("{daemon_set} has no pod on {node}: there is no such DaemonSet at that moment.")
        }
        Answer::NoNode { left, pod } => {
            let left = left.as_ref().map(|event| format!(": it left, {}", brief(event))).unwrap_or_default();
            let pod = pod.as_ref().map(|pod| {
                format!(" Pod {pod} is still recorded there, until the pod garbage collector takes it.")
            });
            format!("Node {node} does not exist{left}.{}", pod.unwrap_or_default())
        }
        Answer::SelectsEverything => format!(
            "{daemon_set} has no pod on {node}: its selector is empty, and the controller refuses to act on it."
        ),
        Answer::Runs { pod, available: true } => {
            format!("{daemon_set} runs on {node}: every rule lets it, and pod {pod} is ready.")
        }
        Answer::Runs { pod, .. } => format!(
            "{daemon_set} runs on {node}: pod {pod} is ready, but not for minReadySeconds yet, so not available."
        ),
        Answer::NotReady { pod, phase } => {
            format!("{daemon_set} has pod {pod} on {node}, as it should; it is {phase} and not ready.")
        }
        Answer::Pending { pod } => format!(
            "{daemon_set} has pod {pod} for {node}, as it should; the scheduler has not bound it to the node."
        ),
        Answer::Ended { pod, phase } => format!(
            "{daemon_set} should run on {node}; its pod {pod} is {phase}, and the controller replaces it after a while (1 s at first, 15 min at most)."
        ),
        Answer::Terminating { pod, why, successor_waits } => {
            let waits = match successor_waits {
                true => "; a new pod comes when it is gone",
                false => "",
            };
            format!("{daemon_set} should run on {node}; its pod {pod} is being deleted ({why}){waits}.")
        }
        Answer::Missing { why } => missing(explanation, why),
        Answer::Stays { pod } => format!(
            "{daemon_set} would start no pod on {node}: {}. Pod {pod}, which is there, may stay: NoSchedule keeps pods off and evicts none.",
            blocking(explanation)
        ),
        Answer::MustGo { pod, terminating } => {
            let state = if *terminating { "is being deleted" } else { "is still there" };
            format!("{daemon_set} must not run on {node}: {}. Pod {pod} {state}.", blocking(explanation))
        }
        Answer::KeptOff => format!("{daemon_set} has no pod on {node}: {}.", blocking(explanation)),
    }
}

fn missing(explanation: &DaemonPodExplanation, why: &Missing) -> String {
    let DaemonPodExplanation { daemon_set, node, .. } = explanation;
    let should = format!("{daemon_set} should have a pod on {node} and has none");
    match why {
        Missing::Refused { refusal } => format!("{should}: {}.", told(refusal)),
        Missing::Deleting => format!("{should}: the DaemonSet is being deleted, and gets no new pods."),
        Missing::NotSynced { since } => {
            let since = since.as_ref().map(|event| format!(", {}", brief(event))).unwrap_or_default();
            format!("{should}: the controller has not acted since it should{since}.")
        }
        Missing::HeldBack { synced, .. } => format!(
            "{should}, although the controller acted since, {}: it creates 250 pods at once at most, waits after failed pods, and waits to see what it did before.",
            brief(synced)
        ),
    }
}

/// `#12 at 2026-…`.
fn brief(event: &Told) -> String {
    format!("#{} at {}", event.event, event.at)
}

/// The rules that keep pods off, in a clause.
fn blocking(explanation: &DaemonPodExplanation) -> String {
    let blocking = explanation.rules.iter().filter(|rule| rule.blocks && rule.reached);
    let clauses: Vec<_> = blocking.map(clause).collect();
    match clauses.len() {
        0 => "a rule keeps it off".to_owned(),
        _ => clauses.join("; "),
    }
}

/// A rule that keeps pods off, in a clause.
pub fn clause(rule: &Rule) -> String {
    let set = match &rule.set_by {
        SetBy::Event(event) => format!(" (#{} at {})", event.event, event.at),
        SetBy::NeverSince(event) => format!(" (never since it joined, #{})", event.event),
        SetBy::Unknown => String::new(),
    };
    match rule.check {
        Check::Taint => format!("the node's taint {} is not tolerated{set}", rule.found),
        Check::NodeName => format!("its template names node {}", rule.wanted),
        Check::NodeSelector => {
            format!("its node selector wants {}, and the node has {}{set}", rule.wanted, rule.found)
        }
        Check::Affinity { .. } => {
            format!("its affinity wants {}, and the node has {}{set}", rule.wanted, rule.found)
        }
    }
}

fn print_rules(explanation: &DaemonPodExplanation, out: &mut Out) -> Result<(), CliError> {
    let title = out.style.paint(Paint::Strong, "The rules, in the controller's order").into_owned();
    writeln!(out, "\n{title}")?;
    if explanation.rules.is_empty() {
        let all = match explanation.answer {
            Answer::NoDaemonSet { .. } | Answer::NoNode { .. } => "none was checked",
            _ => {
                "it names no node, selects no labels, and the node has no taint that matters: it runs everywhere"
            }
        };
        return writeln!(out, "  {all}");
    }
    for rule in &explanation.rules {
        print_rule(rule, out)?;
    }
    Ok(())
}

fn print_rule(rule: &Rule, out: &mut Out) -> Result<(), CliError> {
    let (word, paint) = match (rule.holds, rule.blocks) {
        (true, _) => ("ok  ", Paint::Good),
        (false, true) => ("NO  ", Paint::Bad),
        (false, false) => ("no  ", Paint::Dim),
    };
    let word = out.style.paint(paint, word).into_owned();
    let what = match rule.check {
        Check::NodeName => format!("node name: wants {}, found {}", rule.wanted, rule.found),
        Check::NodeSelector => format!("node selector: wants {}, found {}", rule.wanted, rule.found),
        Check::Affinity { term, of } => {
            format!("required affinity, term {term} of {of}: wants {}, found {}", rule.wanted, rule.found)
        }
        Check::Taint if rule.holds => format!("taint {}: {}", rule.found, rule.wanted),
        Check::Taint => format!("taint {}: no toleration tolerates it", rule.found),
    };
    let unreached = if rule.reached { "" } else { " (not looked at any more)" };
    writeln!(out, "  {word}{what}{unreached}")?;
    match &rule.set_by {
        SetBy::Event(event) => writeln!(out, "        set by {}", told(event))?,
        SetBy::NeverSince(event) if rule.found.starts_with("no label") => {
            writeln!(out, "        never set since {}", told(event))?;
        }
        SetBy::NeverSince(_) | SetBy::Unknown => {}
    }
    if let Some(event) = rule.asked_by.as_ref().filter(|_| !rule.holds || rule.check != Check::Taint) {
        let what = if rule.check == Check::Taint { "tolerations are as they are" } else { "asked for" };
        writeln!(out, "        {what} {}", since(Some(event)))?;
    }
    if let Some(note) = &rule.note {
        writeln!(out, "        {note}")?;
    }
    Ok(())
}
