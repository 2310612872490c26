//! What differs over the whole time line: for how long which placements were other ones.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::ChangeKind;
use super::decisions::{Decided, Verb};
use super::group::{Facts, Grouping, group};
use super::placements::{Template, TemplateSource};
use super::settled::QUIET;
use super::spans::{Span, Spans};
use super::why::Which;
use crate::names::{Names, Seq};
use crate::time::{Micros, Time};

/// In what way a placement differs for a while: [`ChangeKind::Lost`], [`ChangeKind::Gained`] or
/// [`ChangeKind::Revision`].
pub type StretchKind = ChangeKind;

/// A time during which a placement differs in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<'n> {
    /// The node.
    pub node: &'n str,
    /// In what way.
    pub kind: StretchKind,
    /// Since when.
    pub from: Time,
    /// Until when; `None` if it does so at the end.
    pub to: Option<Time>,
    /// Which log did something when it began, and what.
    began: (Which, Decided),
}

/// Stretches of one DaemonSet that begin and end at about the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StretchGroup {
    /// The DaemonSet, `namespace/name`.
    pub daemon_set: String,
    /// In what way the placements differ.
    pub kind: StretchKind,
    /// When the first of them began to.
    pub from: Time,
    /// When the last of them began to.
    pub from_last: Time,
    /// When the first of them ceased to; `None` if they differ at the end.
    pub to: Option<Time>,
    /// When the last of them ceased to; `None` if they differ at the end.
    pub to_last: Option<Time>,
    /// The nodes, by what they have in common at the end.
    pub grouping: Grouping,
    /// What made each of them differ.
    pub(super) began: Vec<(Which, Decided)>,
}

/// Compares the time lines of two logs. Stretches that are not longer than `tolerance` are left out.
pub(super) fn compare(
    a: (&Spans, &Names),
    b: (&Spans, &Names),
    tolerance: Micros,
    facts: &Facts,
) -> Vec<StretchGroup> {
    let common = Common::of(&a.0.templates, &b.0.templates);
    let sets: BTreeSet<&String> = a.0.daemon_sets.keys().chain(b.0.daemon_sets.keys()).collect();
    let mut groups = Vec::new();
    for set in sets {
        let mut nodes: BTreeMap<&str, [Vec<Span>; 2]> = BTreeMap::new();
        for (side, (spans, names)) in [a, b].into_iter().enumerate() {
            for span in spans.daemon_sets.get(set).into_iter().flat_map(|set| &set.spans) {
                nodes.entry(names.node_name(span.node)).or_default()[side].push(*span);
            }
        }
        let mut stretches = Vec::new();
        for (node, spans) in &nodes {
            stretches_of(node, spans, &common, tolerance, &mut stretches);
        }
        let all: Vec<&str> = nodes.keys().copied().collect();
        gather(set, stretches, &all, facts, &mut groups);
    }
    groups.sort_by(|x, y| (x.from, &x.daemon_set, x.kind).cmp(&(y.from, &y.daemon_set, y.kind)));
    groups
}

/// Which templates of two logs are the same.
struct Common([Vec<u32>; 2]);

impl Common {
    fn of(a: &[Template], b: &[Template]) -> Common {
        let mut known: BTreeMap<&TemplateSource, u32> = BTreeMap::new();
        let mut numbers = [vec![0; a.len()], vec![0; b.len()]];
        for (side, templates) in [a, b].into_iter().enumerate() {
            for (at, template) in templates.iter().enumerate() {
                let fresh = known.len() as u32;
                numbers[side][at] = *known.entry(&template.source).or_insert(fresh);
            }
        }
        Common(numbers)
    }
}

fn stretches_of<'n>(
    node: &'n str,
    spans: &[Vec<Span>; 2],
    common: &Common,
    tolerance: Micros,
    stretches: &mut Vec<Stretch<'n>>,
) {
    let mut steps: Vec<(Time, Which, Decided, i64, u32)> = Vec::new();
    for (side, spans) in [Which::A, Which::B].into_iter().zip(spans) {
        for span in spans {
            let template = common.0[side as usize][span.template as usize];
            let decided = |verb, at, seq: Seq| Decided { verb, why: None, at, seq };
            steps.push((span.from, side, decided(Verb::Created, span.from, span.began), 1, template));
            if let Some(to) = span.to {
                steps.push((to, side, decided(Verb::Deleted, to, span.ended), -1, template));
            }
        }
    }
    steps.sort_by_key(|(at, side, decided, ..)| (*at, *side, decided.seq));
    let mut live: [BTreeMap<u32, i64>; 2] = [BTreeMap::new(), BTreeMap::new()];
    let mut open: Option<Stretch<'n>> = None;
    for (index, (at, side, decided, step, template)) in steps.iter().enumerate() {
        let count = live[*side as usize].entry(*template).or_insert(0);
        *count += step;
        if *count == 0 {
            live[*side as usize].remove(template);
        }
        // What happens at one time counts as one.
        if steps.get(index + 1).is_some_and(|next| next.0 == *at) {
            continue;
        }
        let kind = kind(&live);
        if open.map(|open| open.kind) == kind {
            continue;
        }
        if let Some(done) = open.take().filter(|open| *at - open.from > tolerance) {
            stretches.push(Stretch { to: Some(*at), ..done });
        }
        open = kind.map(|kind| Stretch { node, kind, from: *at, to: None, began: (*side, *decided) });
    }
    stretches.extend(open);
}

fn kind(live: &[BTreeMap<u32, i64>; 2]) -> Option<StretchKind> {
    match (live[0].is_empty(), live[1].is_empty()) {
        (true, true) => None,
        (false, true) => Some(ChangeKind::Lost),
        (true, false) => Some(ChangeKind::Gained),
        (false, false) => (live[0] != live[1]).then_some(ChangeKind::Revision),
    }
}

/// Gathers the stretches of a DaemonSet that begin and end together: each within [`QUIET`] of the one before.
fn gather(
    set: &str,
    stretches: Vec<Stretch<'_>>,
    all: &[&str],
    facts: &Facts,
    groups: &mut Vec<StretchGroup>,
) {
    let mut by_kind: BTreeMap<(StretchKind, bool), Vec<Stretch<'_>>> = BTreeMap::new();
    for stretch in stretches {
        by_kind.entry((stretch.kind, stretch.to.is_none())).or_default().push(stretch);
    }
    for ((kind, _), stretches) in by_kind {
        for begun in runs(stretches, |stretch| stretch.from) {
            for mut together in runs(begun, |stretch| stretch.to.unwrap_or(Time::MAX)) {
                together.sort_by_key(|stretch| stretch.node);
                let times = |of: fn(&Stretch<'_>) -> Option<Time>| {
                    let times = together.iter().filter_map(of);
                    (times.clone().min(), times.max())
                };
                let ((from, from_last), (to, to_last)) = (times(|s| Some(s.from)), times(|s| s.to));
                let mut nodes: Vec<&str> = together.iter().map(|stretch| stretch.node).collect();
                nodes.dedup();
                groups.push(StretchGroup {
                    daemon_set: set.to_owned(),
                    kind,
                    from: from.unwrap_or_default(),
                    from_last: from_last.unwrap_or_default(),
                    to,
                    to_last,
                    grouping: group(facts, nodes, all.iter().copied()),
                    began: together.iter().map(|stretch| stretch.began).collect(),
                });
            }
        }
    }
}

/// Cuts a list, sorted by a time, wherever one is more than [`QUIET`] after the one before.
fn runs<'n>(mut list: Vec<Stretch<'n>>, time: fn(&Stretch<'n>) -> Time) -> Vec<Vec<Stretch<'n>>> {
    list.sort_by_key(time);
    let mut runs: Vec<Vec<Stretch<'n>>> = Vec::new();
    for stretch in list {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| time(&stretch) - time(last) <= QUIET) => {
                run.push(stretch);
            }
            _ => runs.push(vec![stretch]),
        }
    }
    runs
}
