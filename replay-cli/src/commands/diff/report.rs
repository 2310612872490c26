//! What a comparison found, for people and for programs.

use std::collections::BTreeMap;

use kubetape_engine::diff::{
    ChangeKind, Comparison, Difference, PlacementDifference, PodState, Revision, RevisionName, Strictness,
    WorkloadDifference,
};
use serde::Serialize;

use super::Args;
use crate::describe::phase_words;
use crate::error::CliError;
use crate::output::style::Paint;
use crate::output::{Out, counted};

/// How many nodes are named in one line unless all are asked for.
const NAMED_MAX: usize = 12;

pub fn print(
    args: &Args,
    comparison: &Comparison,
    strictness: Strictness,
    out: &mut Out,
) -> Result<(), CliError> {
    let (a, b) = (args.a.display(), args.b.display());
    for moment in &comparison.moments {
        let at = match moment.at_a == moment.at_b {
            true => moment.at_a.to_string(),
            false => format!("{} and {}", moment.at_a, moment.at_b),
        };
        if moment.is_same(strictness) {
            let pods: usize = moment.daemon_sets.iter().map(|workload| workload.pods.a).sum();
            let word = out.style.paint(Paint::Good, "same").into_owned();
            writeln!(out, "{at}: {word}, {}", counted(pods, "placement"))?;
        } else {
            let word = out.style.paint(Paint::Bad, "different").into_owned();
            writeln!(out, "{at}: {word}")?;
            print_difference(args, moment, strictness, out)?;
        }
    }
    let differing = comparison.moments.iter().filter(|moment| !moment.is_same(strictness)).count();
    let moments = counted(comparison.moments.len(), "moment");
    match differing {
        0 => writeln!(out, "{a} and {b} are the same at {moments}"),
        _ => {
            writeln!(out, "{a} and {b} differ at {differing} of {moments}: {}", totals(&comparison.moments))
        }
    }
}

fn print_difference(
    args: &Args,
    moment: &Difference,
    strictness: Strictness,
    out: &mut Out,
) -> Result<(), CliError> {
    for workload in moment.daemon_sets.iter().filter(|workload| !workload.is_same(strictness)) {
        print_head("DaemonSet", workload, out)?;
        for counts in &workload.revisions {
            if !counts.pods.same() {
                let name = revision(&moment.revisions[counts.revision]);
                writeln!(out, "    revision {name}: {} -> {}", counts.pods.a, counts.pods.b)?;
            }
        }
        print_nodes(args, moment, workload, out)?;
    }
    for workload in &moment.replica_sets {
        let differs = match strictness {
            Strictness::Placements => !workload.pods.same(),
            Strictness::Strict => !workload.placements.is_empty(),
        };
        if differs {
            print_head("ReplicaSet", workload, out)?;
            if strictness == Strictness::Strict {
                print_nodes(args, moment, workload, out)?;
            }
        }
    }
    Ok(())
}

fn print_head(kind: &str, workload: &WorkloadDifference, out: &mut Out) -> Result<(), CliError> {
    let WorkloadDifference { namespace, name, pods, .. } = workload;
    writeln!(out, "  {kind} {namespace}/{name}: {} -> {}", counted(pods.a, "pod"), pods.b)
}

/// Nodes of which the same is to be said are named in one line.
fn print_nodes(
    args: &Args,
    moment: &Difference,
    workload: &WorkloadDifference,
    out: &mut Out,
) -> Result<(), CliError> {
    let mut groups: BTreeMap<(ChangeKind, String), Vec<&str>> = BTreeMap::new();
    for placement in &workload.placements {
        let key = (placement.kind(), change(placement, moment));
        groups.entry(key).or_default().push(&placement.node);
    }
    for ((kind, what), nodes) in groups {
        let (sign, paint) = match kind {
            ChangeKind::Lost => ("-", Paint::Bad),
            ChangeKind::Gained => ("+", Paint::Good),
            _ => ("~", Paint::Warn),
        };
        let shown = if args.all { nodes.len() } else { nodes.len().min(NAMED_MAX) };
        let mut names = nodes[..shown].join(", ");
        if shown < nodes.len() {
            names += &format!(" and {} more (--all names them)", nodes.len() - shown);
        }
        let head = out.style.paint(paint, &format!("{sign} {}", kind.as_str())).into_owned();
        writeln!(out, "    {head} on {}: {names}{what}", counted(nodes.len(), "node"))?;
    }
    Ok(())
}

/// What changed on a node where both states have pods.
fn change(placement: &PlacementDifference, moment: &Difference) -> String {
    let show =
        |pods: &[PodState]| pods.iter().map(|pod| pod_words(pod, moment)).collect::<Vec<_>>().join(" and ");
    match placement.kind() {
        ChangeKind::Lost | ChangeKind::Gained => String::new(),
        _ => format!(" ({} -> {})", show(&placement.a), show(&placement.b)),
    }
}

fn pod_words(pod: &PodState, moment: &Difference) -> String {
    let phase = if pod.bound { phase_words(pod.phase()) } else { "unbound" };
    match pod.revision {
        Some(index) => format!("revision {}, {phase}", revision(&moment.revisions[index])),
        None => phase.to_owned(),
    }
}

/// A revision by whatever is known of it: `1 (6f5d7c)`; both names if the logs call it differently.
fn revision(revision: &Revision) -> String {
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

fn totals(moments: &[Difference]) -> String {
    let count = |kind| moments.iter().map(|moment| moment.count(kind)).sum::<usize>();
    let counts = ChangeKind::ALL.map(|kind| (kind, count(kind)));
    let words = |kind| match kind {
        ChangeKind::Lost => "lost",
        ChangeKind::Gained => "gained",
        ChangeKind::Revision => "of another revision",
        ChangeKind::Pending => "pending",
        ChangeKind::State => "in another state",
    };
    let told: Vec<_> =
        counts.iter().filter(|c| c.1 > 0).map(|(kind, n)| format!("{n} {}", words(*kind))).collect();
    match told.as_slice() {
        [] => "no placement of a DaemonSet, but counts".to_owned(),
        told => format!("placements {}", told.join(", ")),
    }
}

/// A comparison as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    /// Counts up when a field is taken away or changes its meaning; fields may be added at any time.
    schema: u32,
    a: String,
    b: String,
    strict: bool,
    same: bool,
    moments: Vec<MomentRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MomentRow {
    at_a: String,
    at_b: String,
    same: bool,
    daemon_sets: Vec<WorkloadRow>,
    replica_sets: Vec<WorkloadRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkloadRow {
    namespace: String,
    name: String,
    pods_a: usize,
    pods_b: usize,
    revisions: Vec<RevisionRow>,
    /// Nodes on which it differs.
    placements: Vec<PlacementRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RevisionRow {
    revision: String,
    pods_a: usize,
    pods_b: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlacementRow {
    node: String,
    /// `lost`, `gained`, `revision`, `pending` or `state`.
    change: &'static str,
    a: Vec<PodRow>,
    b: Vec<PodRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodRow {
    revision: Option<String>,
    phase: &'static str,
    bound: bool,
}

pub fn json(
    args: &Args,
    comparison: &Comparison,
    strictness: Strictness,
    out: &mut Out,
) -> Result<(), CliError> {
    let moment = |moment: &Difference| MomentRow {
        at_a: moment.at_a.to_string(),
        at_b: moment.at_b.to_string(),
        same: moment.is_same(strictness),
        daemon_sets: moment.daemon_sets.iter().map(|w| workload_row(w, moment)).collect(),
        replica_sets: moment.replica_sets.iter().map(|w| workload_row(w, moment)).collect(),
    };
    out.json(&Document {
        schema: 1,
        a: args.a.display().to_string(),
        b: args.b.display().to_string(),
        strict: strictness == Strictness::Strict,
        same: comparison.is_same(strictness),
        moments: comparison.moments.iter().map(moment).collect(),
    })
}

fn workload_row(workload: &WorkloadDifference, moment: &Difference) -> WorkloadRow {
    let name = |index: usize| revision(&moment.revisions[index]);
    let pods = |pods: &[PodState]| {
        let row = |pod: &PodState| PodRow {
            revision: pod.revision.map(name),
            phase: phase_words(pod.phase()),
            bound: pod.bound,
        };
        pods.iter().map(row).collect()
    };
    WorkloadRow {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        pods_a: workload.pods.a,
        pods_b: workload.pods.b,
        revisions: (workload.revisions.iter())
            .map(|counts| RevisionRow {
                revision: name(counts.revision),
                pods_a: counts.pods.a,
                pods_b: counts.pods.b,
            })
            .collect(),
        placements: (workload.placements.iter())
            .map(|placement| PlacementRow {
                node: placement.node.clone(),
                change: placement.kind().as_str(),
                a: pods(&placement.a),
                b: pods(&placement.b),
            })
            .collect(),
    }
}
