//! `kubetape node leave|cordon|uncordon|condition|capacity|silence|return`.

use std::path::PathBuf;

use kubetape_engine::event::{Body, ConditionStatus, Track};
use kubetape_engine::names::NodeId;

use super::join::Resources;
use super::{Nodes, Targets};
use crate::edit::{Editor, When};
use crate::error::CliError;
use crate::output::Out;

/// Let nodes leave, as `kubectl delete node` does
///
/// Their pods stay until pod garbage collection finds them; a run simulates that.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubetape node leave x.tape worker-2\n  kubetape node leave x.tape -l pool=spot --after 5m"
)]
pub struct Leave {
    #[command(flatten)]
    nodes: Nodes,
}

/// Mark nodes as unschedulable, as `kubectl cordon` does
///
/// The taint node.kubernetes.io/unschedulable is node lifecycle's answer to it; a run simulates that.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  kubetape node cordon x.tape worker-1")]
pub struct Cordon {
    #[command(flatten)]
    nodes: Nodes,
}

/// Mark nodes as schedulable again, as `kubectl uncordon` does
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  kubetape node uncordon x.tape worker-1")]
pub struct Uncordon {
    #[command(flatten)]
    nodes: Nodes,
}

/// Let the kubelets of nodes stop posting, as when a machine dies or is cut off
///
/// What follows (Ready=Unknown after the grace period, taints, eviction) is node lifecycle's; a run simulates it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  kubetape node silence x.tape worker-3")]
pub struct Silence {
    #[command(flatten)]
    nodes: Nodes,
}

/// Let the kubelets of silent nodes post again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  kubetape node return x.tape worker-3 --after 10m")]
pub struct Return {
    #[command(flatten)]
    nodes: Nodes,
}

/// Let a node's kubelet report conditions
///
/// The taints that follow from conditions are node lifecycle's answer; a run simulates it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubetape node condition x.tape worker-1 Ready=False:KubeletNotReady\n  kubetape node condition x.tape worker-1 Ready=True MemoryPressure=True"
)]
pub struct Condition {
    /// The log
    file: PathBuf,
    /// The node
    node: String,
    /// Conditions and what they now are
    #[arg(required = true, value_name = "TYPE=True|False|Unknown[:REASON]", value_parser = condition_arg)]
    conditions: Vec<ConditionArg>,
    #[command(flatten)]
    when: When,
}

/// Change what a node has to give to pods
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  kubetape node capacity x.tape worker-1 --cpu 8 --memory 32Gi")]
pub struct Capacity {
    /// The log
    file: PathBuf,
    /// The node
    node: String,
    #[command(flatten)]
    resources: Resources,
    #[command(flatten)]
    when: When,
}

/// A condition as it is written.
#[derive(Clone, Debug)]
struct ConditionArg {
    name: String,
    status: ConditionStatus,
    reason: Option<String>,
}

fn condition_arg(text: &str) -> Result<ConditionArg, String> {
    let (name, status) =
        text.split_once('=').ok_or("a condition is TYPE=True, TYPE=False or TYPE=Unknown")?;
    let (status, reason) = match status.split_once(':') {
        Some((status, reason)) => (status, Some(reason.to_owned())),
        None => (status, None),
    };
    let status = match status {
        "True" => ConditionStatus::True,
        "False" => ConditionStatus::False,
        "Unknown" => ConditionStatus::Unknown,
        other => return Err(format!("{other:?} is not True, False or Unknown")),
    };
    Ok(ConditionArg { name: name.to_owned(), status, reason })
}

/// Does one thing to each node that is meant, in one batch.
fn each(
    args: &Nodes,
    out: &mut Out,
    (done, already): (&str, &str),
    body: impl Fn(NodeId) -> Body,
) -> Result<(), CliError> {
    let mut editor = Editor::open(&args.file, &args.when, out)?;
    let names: Vec<_> = args.nodes.iter().map(String::as_str).collect();
    for (node, name) in Targets::resolve(&args.targets, &names, &editor)? {
        let change = editor.add(Track::Cluster, body(node))?;
        writeln!(out, "node/{name} {}", if change.effective { done } else { already })?;
    }
    editor.commit(out)
}

pub fn leave(args: &Leave, out: &mut Out) -> Result<(), CliError> {
    each(&args.nodes, out, ("left", "left already"), |node| Body::NodeLeft { node })
}

pub fn cordon(args: &Cordon, out: &mut Out) -> Result<(), CliError> {
    each(&args.nodes, out, ("cordoned", "already cordoned"), |node| Body::NodeCordoned { node })
}

pub fn uncordon(args: &Uncordon, out: &mut Out) -> Result<(), CliError> {
    each(&args.nodes, out, ("uncordoned", "already uncordoned"), |node| Body::NodeUncordoned { node })
}

pub fn silence(args: &Silence, out: &mut Out) -> Result<(), CliError> {
    each(&args.nodes, out, ("went silent", "already silent"), |node| Body::NodeSilent { node })
}

pub fn come_back(args: &Return, out: &mut Out) -> Result<(), CliError> {
    each(&args.nodes, out, ("posts again", "was not silent"), |node| Body::NodeReturned { node })
}

pub fn condition(args: &Condition, out: &mut Out) -> Result<(), CliError> {
    let mut editor = Editor::open(&args.file, &args.when, out)?;
    let node = editor.node(&args.node)?;
    let since = editor.at().api_seconds();
    for ConditionArg { name, status, reason } in &args.conditions {
        let reason = reason.clone().unwrap_or_else(|| usual_reason(name, *status));
        let names = &mut editor.state.names;
        let (condition, reason, status) = (names.sym(name), names.sym(&reason), *status);
        // A condition that keeps its status keeps its time of transition.
        let old = editor.state.cluster.node(node).and_then(|node| node.condition(condition));
        if old == Some(status) {
            continue;
        }
        editor.add(Track::Cluster, Body::NodeConditionSet { node, condition, status, reason, since })?;
    }
    writeln!(out, "node/{} reports", args.node)?;
    editor.commit(out)
}

/// The reason that a kubelet gives.
fn usual_reason(condition: &str, status: ConditionStatus) -> String {
    match (condition, status) {
        ("Ready", ConditionStatus::True) => "KubeletReady".to_owned(),
        ("Ready", ConditionStatus::False) => "KubeletNotReady".to_owned(),
        (_, ConditionStatus::Unknown) => "NodeStatusUnknown".to_owned(),
        (name, ConditionStatus::True) => format!("KubeletHas{name}"),
        (name, ConditionStatus::False) => format!("KubeletHasNo{name}"),
    }
}

pub fn capacity(args: &Capacity, out: &mut Out) -> Result<(), CliError> {
    let mut editor = Editor::open(&args.file, &args.when, out)?;
    let node = editor.node(&args.node)?;
    let allocatable = args.resources.intern(&mut editor.state.names);
    let change = editor.add(Track::Cluster, Body::NodeCapacitySet { node, allocatable })?;
    writeln!(out, "node/{} {}", args.node, if change.effective { "resized" } else { "unchanged" })?;
    editor.commit(out)
}
