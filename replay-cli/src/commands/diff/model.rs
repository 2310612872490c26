//! What is reported, in whatever form: the JSON document, from which the other forms are made too.
//!
//! The document is a promise. Fields may be added to it at any time; when one is taken away or changes its meaning,
//! [`SCHEMA_VERSION`] counts up. Lists are ordered by name or by time, as they say, so that two documents can be
//! compared line by line.

use kubetape_engine::explain::{Chain, Told};
use serde::Serialize;

/// The version of the document.
pub const SCHEMA_VERSION: u32 = 1;

/// A report: the document, and what only drawings need.
pub struct Report {
    pub document: Document,
    pub charts: Vec<Chart>,
}

/// When which pods of a DaemonSet were live, on both sides, for a drawing.
#[derive(Default)]
pub struct Chart {
    pub daemon_set: String,
    /// Live pods: the new number at each change, in microseconds since the beginning.
    pub live: [Vec<(i64, u32)>; 2],
    /// `numberUnavailable`.
    pub unavailable: [Vec<(i64, u32)>; 2],
    /// Nodes whose placements differ, with when a pod was live there and of which template.
    pub lanes: Vec<Lane>,
    /// How many more nodes there are.
    pub more_lanes: usize,
    /// How long the time line is.
    pub length_us: i64,
    /// When it begins.
    pub began: String,
}

/// A node's placements over time.
pub struct Lane {
    pub node: String,
    pub spans: [Vec<LaneSpan>; 2],
}

/// A pod's time on a node.
pub struct LaneSpan {
    pub from_us: i64,
    pub to_us: i64,
    pub template: u32,
    pub title: String,
}

/// A comparison as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub schema_version: u32,
    /// What the first log is called.
    pub a: String,
    /// What the second log is called.
    pub b: String,
    /// Whether phase, binding and revision on each node are compared too.
    pub strict: bool,
    pub same: bool,
    /// How many placements differ in each way, in all moments together.
    pub counts: CountsRow,
    /// The gates that were asked for.
    pub gates: Vec<GateRow>,
    /// The moments that were compared, in order of time.
    pub moments: Vec<MomentRow>,
    /// For `--at timeline`: stretches of time during which placements differ, in order of time.
    pub timeline: Vec<StretchRow>,
    /// The first event that is not the same in both logs.
    pub first_event: Option<EventPartingRow>,
    /// The first decision about a placement that is not the same in both logs.
    pub first_decision: Option<DecisionPartingRow>,
    /// What each DaemonSet cost over time, by name; both sides are there, also where they do not differ.
    pub over_time: Vec<OverTimeRow>,
}

/// How many placements of DaemonSets differ in each way. A placement is a DaemonSet's live pod on a node.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountsRow {
    /// Only the first has it.
    pub lost: usize,
    /// Only the second has it.
    pub gained: usize,
    /// Of another revision.
    pub revision: usize,
    /// It waits to start in the second only.
    pub pending: usize,
    /// In another state.
    pub state: usize,
    /// Those of all these that wait to start in the second and not in the first, whatever else differs.
    pub stuck: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GateRow {
    /// `max-lost`, `lost`, `pending` or `budget`.
    pub gate: String,
    pub holds: bool,
    /// What was found, in words.
    pub found: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MomentRow {
    pub at_a: String,
    pub at_b: String,
    pub same: bool,
    pub counts: CountsRow,
    /// All DaemonSets of either side, by name.
    pub daemon_sets: Vec<WorkloadRow>,
    /// All ReplicaSets of either side, by name.
    pub replica_sets: Vec<WorkloadRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRow {
    pub namespace: String,
    pub name: String,
    pub same: bool,
    pub pods_a: usize,
    pub pods_b: usize,
    /// A DaemonSet's live pods by revision.
    pub revisions: Vec<RevisionRow>,
    /// In which ways its placements differ, the most telling first.
    pub changes: Vec<ChangeRow>,
    /// Nodes on which it differs, by name.
    pub placements: Vec<PlacementRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRow {
    pub revision: String,
    pub pods_a: usize,
    pub pods_b: usize,
}

/// The placements of a DaemonSet that differ in one way.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRow {
    /// `lost`, `gained`, `revision`, `pending` or `state`.
    pub change: &'static str,
    /// On how many nodes.
    pub nodes: usize,
    /// What was there before and after, in words, with on how many nodes, the most first.
    pub from_to: Vec<FromToRow>,
    /// The nodes by what they have in common, the largest group first.
    pub groups: Vec<GroupRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FromToRow {
    pub from: String,
    pub to: String,
    pub nodes: usize,
}

/// Nodes that have something in common.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupRow {
    /// What they have in common: `pool=gpu`, in kubectl's spelling as far as that goes; null for nodes that are left over.
    pub expression: Option<String>,
    /// Other expressions that select the same nodes.
    pub synonyms: Vec<String>,
    /// `nodes` if it was looked for among all nodes, `candidates` if among those that could have changed.
    pub among: &'static str,
    /// How many nodes of those the expression selects.
    pub selected: usize,
    /// How many of the selected changed.
    pub changed: usize,
    /// The changed nodes, by name.
    pub nodes: Vec<String>,
    /// Which decisions made them differ, those about the most nodes first.
    pub causes: Vec<CauseRow>,
    /// What keeps pods off these nodes, or waiting, where a side has none or one that waits.
    pub reasons: Vec<ReasonRow>,
}

/// What made placements differ.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CauseRow {
    /// `A` or `B`: the side that decided it.
    pub side: &'static str,
    /// `created` or `deleted`.
    pub decided: &'static str,
    /// Why, where pods were deleted: `user`, `node-no-longer-fits`, `outdated`, `taint-eviction`, …
    pub why: Option<&'static str>,
    /// When the first was.
    pub at: String,
    /// When the last was.
    pub until: String,
    /// How many placements share the cause.
    pub placements: usize,
    /// How many different events from outside the decisions go back to.
    pub roots: usize,
    /// The first of the decisions.
    pub decision: Told,
    /// What it goes back to.
    pub because: Chain,
}

impl CauseRow {
    /// The event that the first decision goes back to in the end.
    pub fn root(&self) -> &Told {
        self.because.root.as_ref().or(self.because.links.last()).unwrap_or(&self.decision)
    }
}

/// Why a side has no pod on some nodes, or one that waits.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasonRow {
    /// `A` or `B`.
    pub side: &'static str,
    pub text: String,
    /// On how many of the nodes that were looked at.
    pub nodes: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacementRow {
    pub node: String,
    /// `lost`, `gained`, `revision`, `pending` or `state`.
    pub change: &'static str,
    pub a: Vec<PodRow>,
    pub b: Vec<PodRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodRow {
    pub revision: Option<String>,
    pub phase: &'static str,
    pub bound: bool,
}

/// Placements of one DaemonSet that differ in one way from about the same time to about the same time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StretchRow {
    pub daemon_set: String,
    /// `lost`, `gained` or `revision`.
    pub change: &'static str,
    pub nodes: usize,
    /// When the first began to differ.
    pub from: String,
    /// When the last did.
    pub from_last: String,
    /// When the first ceased to; null if they differ at the end.
    pub to: Option<String>,
    /// When the last did.
    pub to_last: Option<String>,
    pub groups: Vec<GroupRow>,
    pub causes: Vec<CauseRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventPartingRow {
    /// Its number, the same in both logs.
    pub event: u64,
    pub a: Option<PartingRow>,
    pub b: Option<PartingRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionPartingRow {
    pub daemon_set: String,
    pub node: String,
    pub a: Option<PartingRow>,
    pub b: Option<PartingRow>,
}

/// An event and what it goes back to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartingRow {
    pub event: Told,
    pub because: Chain,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OverTimeRow {
    pub daemon_set: String,
    pub same: bool,
    pub a: Option<FiguresRow>,
    pub b: Option<FiguresRow>,
}

/// What a DaemonSet cost over time, on one side.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FiguresRow {
    /// Its rollouts, in order of time.
    pub rollouts: Vec<RolloutRow>,
    /// The most pods that were unavailable at one time.
    pub peak_unavailable: u32,
    /// Unavailable pods times how long they were, in seconds.
    pub unavailable_pod_seconds: f64,
    pub pods_created: u64,
    pub pods_deleted: u64,
    pub container_restarts: u64,
    /// How often fewer pods were available than the update strategy promises, once as many had been.
    pub budget_breaches: u32,
    pub over_budget_seconds: f64,
    /// The status that first showed the first of them.
    pub first_breach_event: Option<u64>,
}

impl FiguresRow {
    /// The figures, apart from the numbers of events, which differ whenever the logs do.
    pub fn without_numbers(&self) -> FiguresRow {
        let rollouts = self.rollouts.iter().map(|rollout| RolloutRow { event: 0, ..rollout.clone() });
        FiguresRow { rollouts: rollouts.collect(), first_breach_event: None, ..self.clone() }
    }
}

#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutRow {
    /// The event that brought the template.
    pub event: u64,
    pub began: String,
    /// How long it took until all pods were updated and available; null if that never was, or not before the next.
    pub seconds: Option<f64>,
    /// Whether the DaemonSet was new.
    pub initial: bool,
    pub peak_unavailable: u32,
    pub unavailable_pod_seconds: f64,
    pub over_budget_seconds: f64,
}
