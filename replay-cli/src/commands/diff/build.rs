//! What a comparison found, put together for a report.

use std::collections::{BTreeMap, BTreeSet};

use kubetape_engine::cluster::Cluster;
use kubetape_engine::diff::group::{Among, Group, Grouping};
use kubetape_engine::diff::{
    ChangeCauses, ChangeGroups, ChangeKind, Compared, Comparison, DaemonSetOverTime, Difference, Parting,
    PlacementDifference, PodState, Reasons, SharedCause, Side, StretchGroup, Strictness, WorkloadDifference,
};
use kubetape_engine::explain::{self, WorkloadName};
use kubetape_engine::log::Position;
use kubetape_engine::names::Names;
use kubetape_engine::time::Time;

use super::gates::Gates;
use super::model::{
    CauseRow, ChangeRow, CountsRow, DecisionPartingRow, Document, EventPartingRow, FiguresRow, FromToRow,
    GroupRow, MomentRow, OverTimeRow, PartingRow, PlacementRow, PodRow, ReasonRow, Report, RevisionRow,
    RolloutRow, SCHEMA_VERSION, StretchRow, WorkloadRow,
};
use super::sides::Sides;
use super::{Args, svg, words};
use crate::commands::explain::{daemon_pod::clause, words::reason_words};
use crate::describe::phase_words;
use crate::error::CliError;

/// How many nodes of a group are asked what keeps pods off them, or waiting.
const ASKED_MAX: usize = 64;
/// How many stretches of a time line are asked the same.
const STRETCHES_ASKED_MAX: usize = 32;

/// Makes the report.
pub fn report(
    args: &Args,
    sides: &Sides,
    compared: Compared<'_>,
    reasons: &Reasons,
    gates: &Gates,
) -> Result<Report, CliError> {
    let Compared { comparison, mut a, mut b, .. } = compared;
    let strictness = if args.strict { Strictness::Strict } else { Strictness::Placements };
    let mut moments = Vec::new();
    let last = comparison.moments.len().saturating_sub(1);
    for (index, difference) in comparison.moments.iter().enumerate() {
        // The states at hand are those of the last moment.
        let states = (index == last).then_some((&mut a, &mut b));
        let groups = comparison.groups.get(index).map_or(&[][..], Vec::as_slice);
        let causes = reasons.moments.get(index).map_or(&[][..], Vec::as_slice);
        moments.push(moment(difference, groups, causes, strictness, states));
    }
    let stretches = comparison.timeline.iter().enumerate();
    let timeline =
        stretches.map(|(at, group)| stretch(group, reasons.stretches.get(at).map_or(&[][..], Vec::as_slice)));
    let mut timeline: Vec<StretchRow> = timeline.collect();
    add_reasons_then(sides, &comparison.timeline, &mut timeline)?;
    let document = Document {
        schema_version: SCHEMA_VERSION,
        a: sides.a.name.clone(),
        b: sides.b.name.clone(),
        strict: args.strict,
        same: comparison.is_same(strictness),
        counts: total(&comparison),
        gates: gates.judge(&comparison),
        timeline,
        first_event: reasons.divergence.as_ref().map(|divergence| EventPartingRow {
            event: divergence.event.0,
            a: divergence.a.as_ref().map(parting),
            b: divergence.b.as_ref().map(parting),
        }),
        first_decision: reasons.decision.as_ref().map(|decision| DecisionPartingRow {
            daemon_set: decision.daemon_set.clone(),
            node: decision.node.clone(),
            a: decision.a.as_ref().map(parting),
            b: decision.b.as_ref().map(parting),
        }),
        over_time: over_time(&comparison),
        moments,
    };
    let charts = svg::charts(&comparison, &document, a.names(), b.names());
    Ok(Report { document, charts })
}

fn counts(difference: &Difference) -> CountsRow {
    CountsRow {
        lost: difference.count(ChangeKind::Lost),
        gained: difference.count(ChangeKind::Gained),
        revision: difference.count(ChangeKind::Revision),
        pending: difference.count(ChangeKind::Pending),
        state: difference.count(ChangeKind::State),
        stuck: difference.stuck(),
    }
}

fn total(comparison: &Comparison) -> CountsRow {
    let mut total = CountsRow::default();
    for one in comparison.moments.iter().map(counts) {
        total.lost += one.lost;
        total.gained += one.gained;
        total.revision += one.revision;
        total.pending += one.pending;
        total.state += one.state;
        total.stuck += one.stuck;
    }
    for stretch in &comparison.timeline {
        match stretch.kind {
            ChangeKind::Lost => total.lost += stretch.grouping.changed,
            ChangeKind::Gained => total.gained += stretch.grouping.changed,
            _ => total.revision += stretch.grouping.changed,
        }
    }
    total
}

fn moment<'s>(
    difference: &Difference,
    groups: &[ChangeGroups],
    causes: &[ChangeCauses],
    strictness: Strictness,
    mut states: Option<(&mut Side<'s>, &mut Side<'s>)>,
) -> MomentRow {
    let none = ChangeCauses::default();
    let mut daemon_sets = Vec::new();
    for workload in &difference.daemon_sets {
        let mut row = workload_row(workload, difference, workload.is_same(strictness));
        let own =
            |group: &&ChangeGroups| group.namespace == workload.namespace && group.name == workload.name;
        for (index, group) in groups.iter().enumerate().filter(|(_, group)| own(group)) {
            let causes = causes.get(index).unwrap_or(&none);
            let mut change = change_row(workload, group, causes, difference);
            if let Some((a, b)) = &mut states {
                let name = WorkloadName { namespace: row.namespace.clone(), name: row.name.clone() };
                for group in &mut change.groups {
                    add_reasons(group, change.change, &name, a.state_mut(), b.state_mut());
                }
            }
            row.changes.push(change);
        }
        daemon_sets.push(row);
    }
    let replica_set = |workload: &WorkloadDifference| {
        let same = match strictness {
            Strictness::Placements => workload.pods.same(),
            Strictness::Strict => workload.placements.is_empty(),
        };
        workload_row(workload, difference, same)
    };
    MomentRow {
        at_a: difference.at_a.to_string(),
        at_b: difference.at_b.to_string(),
        same: difference.is_same(strictness),
        counts: counts(difference),
        daemon_sets,
        replica_sets: difference.replica_sets.iter().map(replica_set).collect(),
    }
}

fn workload_row(workload: &WorkloadDifference, difference: &Difference, same: bool) -> WorkloadRow {
    let name = |index: usize| words::revision(&difference.revisions[index]);
    let pods = |pods: &[PodState]| {
        let row = |pod: &PodState| PodRow {
            revision: pod.revision.map(name),
            phase: phase_words(pod.phase()),
            bound: pod.bound,
        };
        pods.iter().map(row).collect()
    };
    let placement = |placement: &PlacementDifference| PlacementRow {
        node: placement.node.clone(),
        change: placement.kind().as_str(),
        a: pods(&placement.a),
        b: pods(&placement.b),
    };
    let revisions = workload.revisions.iter().map(|counts| RevisionRow {
        revision: name(counts.revision),
        pods_a: counts.pods.a,
        pods_b: counts.pods.b,
    });
    WorkloadRow {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        same,
        pods_a: workload.pods.a,
        pods_b: workload.pods.b,
        revisions: revisions.collect(),
        changes: Vec::new(),
        placements: workload.placements.iter().map(placement).collect(),
    }
}

fn change_row(
    workload: &WorkloadDifference,
    group: &ChangeGroups,
    causes: &ChangeCauses,
    difference: &Difference,
) -> ChangeRow {
    let mut from_to: BTreeMap<(Vec<PodState>, Vec<PodState>), usize> = BTreeMap::new();
    for placement in workload.placements.iter().filter(|placement| placement.kind() == group.kind) {
        *from_to.entry((placement.a.clone(), placement.b.clone())).or_default() += 1;
    }
    let mut from_to: Vec<FromToRow> = from_to
        .into_iter()
        .map(|((from, to), nodes)| FromToRow {
            from: words::pods(&from, &difference.revisions),
            to: words::pods(&to, &difference.revisions),
            nodes,
        })
        .collect();
    from_to.sort_by_key(|row| std::cmp::Reverse(row.nodes));
    ChangeRow {
        change: group.kind.as_str(),
        nodes: group.grouping.changed,
        from_to,
        groups: group_rows(&group.grouping, &causes.groups, &causes.rest),
    }
}

fn group_rows(grouping: &Grouping, causes: &[Vec<SharedCause>], of_rest: &[SharedCause]) -> Vec<GroupRow> {
    let row = |(index, group): (usize, &Group)| GroupRow {
        expression: Some(group.expression.to_string()),
        synonyms: group.synonyms.iter().map(ToString::to_string).collect(),
        among: match group.among {
            Among::AllNodes => "nodes",
            Among::Candidates => "candidates",
        },
        selected: group.selected,
        changed: group.changed,
        nodes: group.nodes.clone(),
        causes: causes.get(index).map_or_else(Vec::new, |causes| causes.iter().map(cause).collect()),
        reasons: Vec::new(),
    };
    let mut rows: Vec<GroupRow> = grouping.groups.iter().enumerate().map(row).collect();
    if !grouping.rest.is_empty() {
        rows.push(GroupRow {
            expression: None,
            synonyms: Vec::new(),
            among: "nodes",
            selected: grouping.rest.len(),
            changed: grouping.rest.len(),
            nodes: grouping.rest.clone(),
            causes: of_rest.iter().map(cause).collect(),
            reasons: Vec::new(),
        });
    }
    rows
}

fn cause(cause: &SharedCause) -> CauseRow {
    CauseRow {
        side: cause.side.as_str(),
        decided: words::verb(cause.verb),
        why: cause.why.map(|why| why.as_str()),
        at: cause.decided.at.to_string(),
        until: cause.until.to_string(),
        placements: cause.placements,
        roots: cause.roots,
        decision: cause.decided.clone(),
        because: cause.because.clone(),
    }
}

fn parting(parting: &Parting) -> PartingRow {
    PartingRow { event: parting.told.clone(), because: parting.because.clone() }
}

fn stretch(group: &StretchGroup, causes: &[SharedCause]) -> StretchRow {
    StretchRow {
        daemon_set: group.daemon_set.clone(),
        change: group.kind.as_str(),
        nodes: group.grouping.changed,
        from: group.from.to_string(),
        from_last: group.from_last.to_string(),
        to: group.to.map(|to| to.to_string()),
        to_last: group.to_last.map(|to| to.to_string()),
        groups: group_rows(&group.grouping, &[], &[]),
        causes: causes.iter().map(cause).collect(),
    }
}

/// A state that can be asked what keeps pods off a node.
type State<'s> = (&'s Cluster, &'s mut Names);

/// Asks the state of the side that has no pod, or one that waits, what is in the way.
fn add_reasons(
    group: &mut GroupRow,
    change: &str,
    name: &WorkloadName,
    (cluster_a, names_a): State<'_>,
    (cluster_b, names_b): State<'_>,
) {
    let mut found: BTreeMap<(&'static str, String), BTreeSet<&str>> = BTreeMap::new();
    for node in group.nodes.iter().take(ASKED_MAX) {
        let off = match change {
            "lost" => Some(("B", cluster_b, &mut *names_b)),
            "gained" => Some(("A", cluster_a, &mut *names_a)),
            _ => None,
        };
        if let Some((side, cluster, names)) = off {
            for rule in explain::keeps_off(cluster, names, name, node) {
                found.entry((side, clause(&rule))).or_default().insert(node);
            }
        }
        if matches!(change, "gained" | "revision" | "pending") {
            let waits_for = explain::waits_for(cluster_b, names_b, name, node);
            let refusals = waits_for.iter().flat_map(|pending| &pending.refusals);
            for reason in refusals.flat_map(|refusal| &refusal.reasons) {
                found
                    .entry(("B", format!("its pod waits: {}", reason_words(reason))))
                    .or_default()
                    .insert(node);
            }
        }
    }
    let rows = found.into_iter().map(|((side, text), nodes)| ReasonRow { side, text, nodes: nodes.len() });
    let mut rows: Vec<ReasonRow> = rows.collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.nodes));
    group.reasons = rows;
}

/// What kept pods off, in the state in which the last of a stretch's placements had begun to differ; the first stretches
/// only, because each state has to be found.
fn add_reasons_then(
    sides: &Sides,
    timeline: &[StretchGroup],
    rows: &mut [StretchRow],
) -> Result<(), CliError> {
    let mut at: Option<(Time, Position, Position)> = None;
    for (group, row) in timeline.iter().zip(rows).take(STRETCHES_ASKED_MAX) {
        let then = match at.take() {
            Some(then) if then.0 == group.from_last => then,
            _ => (group.from_last, sides.a.at(group.from_last)?, sides.b.at(group.from_last)?),
        };
        let (_, a, b) = at.insert(then);
        let name = WorkloadName::parse(&row.daemon_set);
        for group in &mut row.groups {
            let (of_a, of_b) = ((&a.cluster, &mut a.names), (&b.cluster, &mut b.names));
            add_reasons(group, row.change, &name, of_a, of_b);
        }
    }
    Ok(())
}

fn over_time(comparison: &Comparison) -> Vec<OverTimeRow> {
    let (Some(a), Some(b)) = (&comparison.over_time_a, &comparison.over_time_b) else { return Vec::new() };
    let names: BTreeSet<&String> = a.daemon_sets.keys().chain(b.daemon_sets.keys()).collect();
    let row = |name: &String| {
        let (a, b) = (a.daemon_sets.get(name).map(figures), b.daemon_sets.get(name).map(figures));
        let shown = |side: &Option<FiguresRow>| side.as_ref().map(FiguresRow::without_numbers);
        OverTimeRow { daemon_set: name.clone(), same: shown(&a) == shown(&b), a, b }
    };
    names.into_iter().map(row).collect()
}

fn figures(set: &DaemonSetOverTime) -> FiguresRow {
    let seconds = |us: i128| us as f64 / 1e6;
    let rollout = |rollout: &kubetape_engine::diff::Rollout| RolloutRow {
        event: rollout.began.0,
        began: rollout.began_at.to_string(),
        seconds: rollout.duration().map(|length| seconds(length.0.into())),
        initial: rollout.initial,
        peak_unavailable: rollout.unavailability.peak,
        unavailable_pod_seconds: seconds(rollout.unavailability.pod_us),
        over_budget_seconds: seconds(rollout.over_budget.0.into()),
    };
    FiguresRow {
        rollouts: set.rollouts.iter().map(rollout).collect(),
        peak_unavailable: set.unavailability.peak,
        unavailable_pod_seconds: seconds(set.unavailability.pod_us),
        pods_created: set.pods_created,
        pods_deleted: set.pods_deleted,
        container_restarts: set.container_restarts,
        budget_breaches: set.breaches.count,
        over_budget_seconds: seconds(set.breaches.lasted.0.into()),
        first_breach_event: set.breaches.first.map(|seq| seq.0),
    }
}
