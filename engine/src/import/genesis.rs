//! Decides what was there when the recording began.

use rustc_hash::FxHashSet;

use super::error::{ImportError, Place};
use super::order::Timed;
use super::report::Report;
use super::sighting::{Seen, View};
use crate::names::{Names, sym};
use crate::time::Time;

/// A history cut in two.
#[derive(Debug, Default)]
pub(super) struct History {
    /// When the recording began: the time of everything in `before`.
    pub start: Time,
    /// The first sightings of what was there, owners before what they own.
    pub before: Vec<Timed>,
    /// Everything after, in order.
    pub after: Vec<Timed>,
}

/// Cuts the ordered sightings.
///
/// # Errors
/// A node is deleted that was never added, unless `allow_missing`.
pub(super) fn split(
    ordered: Vec<Timed>,
    allow_missing: bool,
    names: &Names,
    report: &mut Report,
) -> Result<History, ImportError> {
    let live = |timed: &&Timed| !timed.initial && timed.sighting.seen != Seen::Listed;
    let first_live = ordered.iter().find(live);
    let start = match first_live {
        Some(first) => first.at,
        None => {
            let newest = |t: &Timed| {
                t.sighting.arrived.or(t.sighting.newest).or(t.sighting.created.map(|c| c.start()))
            };
            ordered.iter().filter_map(newest).max().unwrap_or_default()
        }
    };
    let first_version = first_live.map_or(u64::MAX, |first| first.sighting.version);
    let recorded: FxHashSet<_> =
        ordered.iter().map(|t| &t.sighting).filter(|s| !s.manifest).map(key).collect();
    let mut known = FxHashSet::default();
    let mut history = History { start, ..History::default() };
    for timed in ordered {
        let sighting = &timed.sighting;
        if matches!(sighting.view, View::Report(_) | View::Refusal(_)) {
            if timed.initial || sighting.seen == Seen::Listed {
                report.drop_one("API Event: from before the recording");
            } else {
                history.after.push(timed);
            }
            continue;
        }
        if sighting.manifest && recorded.contains(&key(sighting)) {
            report.drop_one("manifest of an object that is recorded");
            continue;
        }
        if !known.insert(sighting.uid) {
            history.after.push(timed);
            continue;
        }
        let old = sighting.created.is_some_and(|created| created.start() < start);
        let before = match sighting.seen {
            Seen::Added => timed.initial,
            Seen::Listed => old || sighting.version < first_version,
            Seen::Modified | Seen::Written => old && missing_beginning(&timed, report),
            Seen::Deleted | Seen::WrittenAway => {
                never_added(&timed, allow_missing, names, report)?;
                continue;
            }
        };
        if before {
            history.before.push(Timed { at: start, ..timed });
        } else {
            history.after.push(timed);
        }
    }
    history.before.sort_by_key(|timed| rank(timed, names));
    Ok(history)
}

fn key(sighting: &super::sighting::Sighting) -> (crate::names::Sym, crate::names::Sym, crate::names::Sym) {
    (sighting.kind, sighting.namespace, sighting.name)
}

fn missing_beginning(timed: &Timed, report: &mut Report) -> bool {
    report.infer_one(match timed.sighting.view {
        View::Node(_) => "Node: there from the start, as its first change shows it",
        View::Pod(_) => "Pod: there from the start, as its first change shows it",
        _ => "object: there from the start, as its first change shows it",
    });
    true
}

/// An object whose only trace is its deletion. A node that nobody knows of is a hole in the recording, and every
/// placement before it would be wrong; of anything else a late beginning is told by a count.
fn never_added(
    timed: &Timed,
    allow_missing: bool,
    names: &Names,
    report: &mut Report,
) -> Result<(), ImportError> {
    let sighting = &timed.sighting;
    if matches!(sighting.view, View::Node(_)) || sighting.kind == sym::NODE {
        if !allow_missing {
            let source = report.sources.get(usize::from(sighting.source)).map_or("", |s| s.name.as_str());
            return Err(ImportError::NeverAdded {
                place: Place { source: source.to_owned(), line: sighting.line },
                node: names.text(sighting.name).to_owned(),
            });
        }
        report.drop_one("Node: deleted but never added");
        return Ok(());
    }
    report.drop_one(match sighting.view {
        View::Pod(_) => "Pod: deleted but never added",
        _ => "object: deleted but never added",
    });
    Ok(())
}

/// Owners before what they own, nodes before pods.
fn rank(timed: &Timed, names: &Names) -> u8 {
    match (&timed.sighting.view, timed.sighting.kind) {
        (View::Node(_), _) => 1,
        (View::Revision(_), _) => 4,
        (View::Pod(_), _) => 5,
        (_, sym::REPLICA_SET) => 3,
        (_, kind) if matches!(names.text(kind), "Job") => 3,
        (View::Object(_), sym::DEPLOYMENT | sym::DAEMON_SET | sym::STATEFUL_SET) => 2,
        _ => 0,
    }
}
