//! Puts sightings in the order in which they happened, and gives each its time.
//!
//! Where the resource versions of all kinds come from one counter (they do unless the API server keeps some kinds
//! in another etcd), they are the true order, and arrival times only bound from above when each write happened.
//! Otherwise each kind is ordered by its own versions, and kinds are merged by time.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::report::Report;
use super::sighting::{Seen, Sighting, View};
use crate::names::Sym;
use crate::time::{Micros, Time};

/// How far a time may be off from its neighbours' before it is not believed.
const OUTLIER: Micros = Micros::seconds(30);
/// An object that is added so long after it was created was there before the watch.
const BEFORE: Micros = Micros::seconds(10);

/// A sighting in its place.
#[derive(Debug)]
pub(super) struct Timed {
    pub at: Time,
    /// Part of a watch's initial list.
    pub initial: bool,
    pub sighting: Sighting,
}

/// Orders everything that was seen. Sightings come grouped by source, in each source's own order.
pub(super) fn order(sightings: Vec<Sighting>, report: &mut Report) -> Vec<Timed> {
    warn_of_backward_times(&sightings, report);
    let initial = initial_flags(&sightings);
    let mut timeless = Vec::new();
    let mut floating = Vec::new();
    let mut versioned = Vec::new();
    for (sighting, initial) in sightings.into_iter().zip(initial) {
        let timed = Timed { at: sighting.arrived.unwrap_or(Time::MIN), initial, sighting };
        match (timed.sighting.version, timed.sighting.arrived.or(timed.sighting.newest)) {
            (0, None) => timeless.push(timed),
            (0, Some(at)) => floating.push(Timed { at, ..timed }),
            _ => versioned.push(timed),
        }
    }
    let untimed = |t: &&Timed| t.sighting.arrived.is_none() && t.sighting.seen != Seen::Listed;
    let untimed = versioned.iter().chain(&floating).filter(untimed).count();
    if untimed > 0 {
        *report
            .inferred
            .entry("time of a change, from the object's newest timestamp".to_owned())
            .or_default() += untimed as u64;
    }
    let mut ordered = timeless;
    for mut group in by_counter(versioned, report) {
        group.sort_by_key(|timed| timed.sighting.version);
        assign_times(&mut group);
        ordered.append(&mut group);
    }
    ordered.append(&mut floating);
    ordered.sort_by_key(|timed| timed.at);
    ordered
}

fn warn_of_backward_times(sightings: &[Sighting], report: &mut Report) {
    let mut backward: BTreeMap<u16, (u64, u64)> = BTreeMap::new();
    let mut last: FxHashMap<u16, Time> = FxHashMap::default();
    for sighting in sightings.iter().filter(|s| !matches!(s.seen, Seen::Written | Seen::WrittenAway)) {
        let Some(arrived) = sighting.arrived else { continue };
        let last = last.entry(sighting.source).or_insert(arrived);
        if arrived < *last {
            backward.entry(sighting.source).or_insert((0, sighting.line)).0 += 1;
        }
        *last = arrived;
    }
    for (source, (count, line)) in backward {
        let name = report.sources.get(usize::from(source)).map_or("", |s| s.name.as_str()).to_owned();
        report.warn(format!(
            "{name}: times go backwards {count} times (first on line {line}); events are ordered by resourceVersion where there is one"
        ));
    }
}

/// Which sightings are of a watch's initial list: the additions before any change of their kind, of objects that
/// had been there for a while.
fn initial_flags(sightings: &[Sighting]) -> Vec<bool> {
    let mut flags = vec![false; sightings.len()];
    let mut runs: BTreeMap<(u16, Sym), (Vec<usize>, bool)> = BTreeMap::new();
    for (index, sighting) in sightings.iter().enumerate() {
        let (run, ended) = runs.entry((sighting.source, sighting.kind)).or_default();
        match sighting.seen {
            Seen::Added if !*ended => run.push(index),
            Seen::Added | Seen::Listed => {}
            _ => *ended = true,
        }
    }
    for (run, _) in runs.values() {
        // A list comes in order of names, so its versions go down somewhere; what is added later goes up.
        let descent =
            run.windows(2).rposition(|pair| sightings[pair[1]].version < sightings[pair[0]].version);
        let listed = descent.map_or(0, |at| at + 2);
        let mut newest = Time::MIN;
        for (position, &index) in run.iter().enumerate() {
            let sighting = &sightings[index];
            let created = sighting.created.map_or(Time::MIN, |created| created.start());
            flags[index] = match sighting.arrived {
                Some(arrived) => created + BEFORE < arrived,
                None => {
                    newest = newest.max(sighting.newest.unwrap_or(Time::MIN));
                    position < listed || created + BEFORE < newest
                }
            };
        }
    }
    flags
}

/// Splits sightings into groups in each of which versions come from one counter.
fn by_counter(versioned: Vec<Timed>, report: &mut Report) -> Vec<Vec<Timed>> {
    let is_report = |timed: &Timed| matches!(timed.sighting.view, View::Report(_));
    let all: Vec<&Timed> = versioned.iter().collect();
    if one_counter(&all) {
        return vec![versioned];
    }
    let objects: Vec<&Timed> = versioned.iter().filter(|timed| !is_report(timed)).collect();
    if one_counter(&objects) {
        let (reports, objects) = versioned.into_iter().partition(is_report);
        return vec![objects, reports];
    }
    report.warn(
        "resource versions of different kinds do not come from one counter; kinds are merged by time, which is exact to milliseconds only",
    );
    let mut groups: BTreeMap<Sym, Vec<Timed>> = BTreeMap::new();
    for timed in versioned {
        groups.entry(timed.sighting.kind).or_default().push(timed);
    }
    groups.into_values().collect()
}

/// Whether ordering by version keeps times in order but for a few.
fn one_counter(sightings: &[&Timed]) -> bool {
    let mut order: Vec<(u64, Time)> = sightings
        .iter()
        .filter(|timed| !timed.initial)
        .filter_map(|timed| Some((timed.sighting.version, timed.sighting.arrived?)))
        .collect();
    order.sort_unstable();
    let mut latest = Time::MIN;
    let mut inverted = 0;
    for &(_, arrived) in &order {
        if arrived + OUTLIER < latest {
            inverted += 1;
        }
        latest = latest.max(arrived);
    }
    inverted * 10 <= order.len()
}

/// Gives each of a group, in its true order, a time that never goes back. A write happened before it arrived and
/// before anything after it arrived; one without arrival time happened no earlier than its own timestamps.
fn assign_times(group: &mut [Timed]) {
    let mut latest = Time::MIN;
    let believed: Vec<bool> = group
        .iter()
        .map(|timed| {
            let Some(arrived) = timed.sighting.arrived.filter(|_| !timed.initial) else { return false };
            let believed = arrived + OUTLIER >= latest;
            if believed {
                latest = latest.max(arrived);
            }
            believed
        })
        .collect();
    let mut bounds = vec![Time::MAX; group.len()];
    let mut bound = Time::MAX;
    for (index, timed) in group.iter().enumerate().rev() {
        if let Some(arrived) = timed.sighting.arrived.filter(|_| believed[index]) {
            bound = bound.min(arrived);
        }
        bounds[index] = bound;
    }
    let mut now = Time::MIN;
    for (index, timed) in group.iter_mut().enumerate() {
        now = if believed[index] {
            bounds[index]
        } else {
            let own = timed.sighting.newest.or(timed.sighting.created.map(|created| created.start()));
            now.max(own.unwrap_or(Time::MIN)).min(bounds[index])
        };
        timed.at = now;
    }
}
