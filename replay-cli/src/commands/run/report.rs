//! A run's summary, as a person wants it.

use std::collections::BTreeMap;
use std::time::Duration;

use kubetape_engine::cluster::Object;
use kubetape_engine::event::Track;
use kubetape_engine::log::Digest;
use kubetape_engine::names::{ObjectId, sym};
use kubetape_engine::replay::{EndedBy, Summary, Tracks};
use kubetape_engine::sim::World;
use kubetape_engine::time::{Micros, Time};
use serde::Serialize;

use super::history::{History, Stay};
use super::{Args, story};
use crate::commands::show::daemonsets;
use crate::describe::why_words;
use crate::error::CliError;
use crate::output::age::rounded;
use crate::output::style::Paint;
use crate::output::table::{Cell, Table};
use crate::output::{Out, counted};

/// How many placements are listed before they are only counted.
const LISTED_MAX: usize = 60;
/// How many lines of the story are told.
const TOLD_MAX: usize = 60;

/// Everything that is known of a run.
pub struct Summed<'a> {
    pub args: &'a Args,
    pub world: &'a World,
    pub summary: &'a Summary,
    pub history: &'a History,
    /// Where the settings come from, and what identifies them, unless they are the usual ones.
    pub settings: Option<(String, Digest)>,
    pub digest: Digest,
    pub took: Duration,
}

/// A summary as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    trace: String,
    output: Option<String>,
    trace_events: u64,
    events: u64,
    /// Events of the run by track: played back and simulated.
    tracks: BTreeMap<&'static str, Counts>,
    begin: Option<String>,
    trace_end: Option<String>,
    end: Option<String>,
    ended_by: &'static str,
    settled: bool,
    misfits: BTreeMap<&'static str, u64>,
    undefined_priority_classes: Vec<String>,
    nodes: usize,
    pods: usize,
    daemonsets: Vec<daemonsets::Row>,
    placements: Vec<StayRow>,
    story: Vec<StoryRow>,
    digest: String,
    /// What identifies the settings, unless they are the usual ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings_digest: Option<String>,
    seconds: f64,
    events_per_second: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    played: u64,
    simulated: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StayRow {
    namespace: String,
    daemon_set: String,
    node: String,
    since: String,
    until: Option<String>,
    why: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoryRow {
    time: String,
    event: u64,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    drain: Option<String>,
    created: u64,
    deleted: u64,
}

impl Summed<'_> {
    /// Warns of what may make the run less than it seems.
    pub fn warn(&self, out: &mut Out) {
        let trace = self.args.replayed.trace.display();
        // Of the tracks that are played by default, a trace need not have every one.
        if self.args.replayed.play != Tracks::outside() && self.args.replayed.play != Tracks::all() {
            for track in self.summary.silent_tracks(self.args.replayed.play) {
                out.warn(format!("{trace} has no event on track {track}: playing it back plays nothing"));
            }
        }
        let names = &self.world.names;
        for ((owner, reason), count) in &self.history.refused {
            let (owner, reason) = (names.object_name(*owner), names.text(*reason));
            let pods = if *count == 1 { "a pod was" } else { &format!("{count} pods were") };
            out.warn(format!("{owner}: {pods} refused: {reason}"));
            if reason.contains("PriorityClass") {
                out.note("  hint: `kubectl get priorityclasses -o yaml` shows it; add it with -f, or import it with the trace");
            }
        }
        for class in &self.summary.undefined_priority_classes {
            out.warn(format!(
                "priority class {class:?} is named by pods and defined by nothing: they count as priority 0"
            ));
            out.note("  hint: `kubectl get priorityclasses -o yaml` shows it; add it with -f, or import it with the trace");
        }
        let misfits = self.summary.misfits;
        for (count, what) in [
            (misfits.without_counterpart, "are about pods or revisions that the run does not have"),
            (misfits.contradicting, "are about nodes or objects that the run does not have, or has already"),
        ] {
            if count > 0 {
                out.warn(format!("{count} events of the trace {what}, and were left out"));
            }
        }
        if self.summary.defaulted_pods > 0 {
            let count = self.summary.defaulted_pods;
            out.warn(format!("{count} pods have no counterpart in the trace, and took the default delays"));
        }
    }

    pub fn print(&self, out: &mut Out) -> Result<(), CliError> {
        self.print_head(out)?;
        self.print_daemon_sets(out)?;
        self.print_placements(out)?;
        self.print_story(out)?;
        self.print_foot(out)
    }

    fn print_head(&self, out: &mut Out) -> Result<(), CliError> {
        let (summary, cluster) = (self.summary, &self.world.cluster);
        writeln!(out, "Replayed {}: {} events", self.args.replayed.trace.display(), summary.trace_events)?;
        if let (Some(begin), Some(end)) = (summary.begin, summary.end) {
            let trace_end = summary.trace_end.unwrap_or(end);
            let more = if end > trace_end {
                format!(", and {} more", rounded(end - trace_end))
            } else {
                String::new()
            };
            let ended = match summary.ended_by {
                EndedBy::Settled => " until everything had settled",
                EndedBy::TraceEnd => ", where the trace ends",
                EndedBy::Time => ", as asked for",
                EndedBy::Patience => "; it has not settled, and that is as long as a run waits",
                EndedBy::NothingLeft => "; it has not settled, and nothing is left to happen",
            };
            field(
                "Time",
                &format!("{begin} to {trace_end} ({}){more}{ended}", rounded(trace_end - begin)),
                out,
            )?;
        }
        if let Some((from, digest)) = &self.settings {
            field("Settings", &format!("{from}, digest {digest}"), out)?;
        }
        field("Played back", &self.tracks(|track| summary.played[track as usize]), out)?;
        field("Simulated", &self.tracks(|track| summary.simulated(track)), out)?;
        let kinds = cluster
            .kinds()
            .map(|kind| (self.world.names.text(kind).to_owned(), cluster.objects_of_kind(kind).count()));
        let kinds: BTreeMap<_, _> = kinds.collect();
        let objects: String = kinds.iter().map(|(kind, count)| format!(", {kind} {count}")).collect();
        let (nodes, pods) = (cluster.nodes().len(), cluster.pod_count());
        field("At the end", &format!("{}, {}{objects}", counted(nodes, "node"), counted(pods, "pod")), out)
    }

    fn tracks(&self, count: impl Fn(Track) -> u64) -> String {
        let counts = Track::ALL.into_iter().map(|track| (track, count(track)));
        let counts: Vec<_> = counts.filter(|c| c.1 > 0).map(|(track, n)| format!("{track} {n}")).collect();
        if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") }
    }

    /// DaemonSets of the run, those included that are gone by its end.
    fn daemon_sets(&self) -> Vec<&Object> {
        let World { names, cluster, .. } = self.world;
        let all = (0..names.object_count()).map(ObjectId::from_index);
        let all = all.filter(|id| names.object_key(*id).kind == sym::DAEMON_SET);
        let mut objects: Vec<_> =
            all.filter_map(|id| cluster.object(id)).filter(|o| o.daemon_set().is_some()).collect();
        objects.sort_by_cached_key(|object| (names.object_name(object.id), object.key.incarnation));
        objects
    }

    fn rows(&self) -> Vec<daemonsets::Row> {
        let World { names, cluster, .. } = self.world;
        let now = self.summary.end.unwrap_or(cluster.now());
        let objects = self.daemon_sets();
        let rows = objects.iter().filter_map(|o| Some(daemonsets::row(o, o.daemon_set()?, names, now)));
        rows.collect()
    }

    fn print_daemon_sets(&self, out: &mut Out) -> Result<(), CliError> {
        let rows = self.rows();
        if rows.is_empty() {
            return writeln!(out, "\nThe trace has no DaemonSet.");
        }
        heading("DaemonSets", out)?;
        daemonsets::table(&rows, false).print(out)
    }

    fn print_placements(&self, out: &mut Out) -> Result<(), CliError> {
        let stays = self.history.sorted(&self.world.names);
        if stays.is_empty() {
            return Ok(());
        }
        heading("Placements", out)?;
        if self.history.count > LISTED_MAX as u64 {
            return self.print_placement_counts(&stays, out);
        }
        let mut table = Table::new(["NAMESPACE", "DAEMONSET", "NODE", "FROM", "TO", "WHY IT ENDED"]);
        for stay in &stays {
            let (namespace, name) = self.owner(stay);
            let (until, why) = match stay.until {
                Some((at, why)) => (self.since(at).into(), why_words(why).into()),
                None => (Cell::painted("now", Paint::Good), Cell::painted("-", Paint::Dim)),
            };
            let node = self.world.names.node_name(stay.node);
            table.row([
                namespace.into(),
                name.into(),
                node.into(),
                self.since(stay.since).into(),
                until,
                why,
            ]);
        }
        table.print(out)
    }

    fn print_placement_counts(&self, stays: &[Stay], out: &mut Out) -> Result<(), CliError> {
        let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
        for stay in stays {
            let count = counts.entry(self.owner(stay)).or_default();
            count.0 += usize::from(stay.until.is_none());
            count.1 += 1;
        }
        let mut table = Table::new(["NAMESPACE", "DAEMONSET", "NODES NOW", "PODS CREATED"]);
        for ((namespace, name), (now, all)) in counts {
            table.row([namespace.into(), name.into(), now.into(), all.into()]);
        }
        table.print(out)?;
        writeln!(out, "(with -o RUN, `kubetape show RUN placements` lists them)")
    }

    fn owner(&self, stay: &Stay) -> (&str, &str) {
        let names = &self.world.names;
        let key = names.object_key(stay.owner);
        (names.text(key.namespace), names.text(key.name))
    }

    fn print_story(&self, out: &mut Out) -> Result<(), CliError> {
        let World { names, cluster, .. } = self.world;
        let lines = story::tell(&self.summary.milestones, self.history, names, cluster);
        if lines.is_empty() {
            return Ok(());
        }
        heading("What changed", out)?;
        for line in lines.iter().take(TOLD_MAX) {
            let (at, seq) = (self.since(line.at), line.seq.to_string());
            let followed = line.followed(names);
            writeln!(out, "{at:>11}  {seq:>6}  {}", line.what())?;
            if !followed.is_empty() {
                let followed = out.style.paint(Paint::Good, &followed).into_owned();
                let within = match rounded(line.until - line.at) {
                    Micros::ZERO => "at once".to_owned(),
                    within => format!("within {within}"),
                };
                writeln!(out, "{:21}-> {followed} {within}", "")?;
            }
            if let Some(drained) = line.drained(names) {
                writeln!(out, "{:21}-> {drained}", "")?;
            }
        }
        match lines.len().saturating_sub(TOLD_MAX) {
            0 => Ok(()),
            more => writeln!(out, "(and {more} more; `kubetape show RUN events` has them all)"),
        }
    }

    fn print_foot(&self, out: &mut Out) -> Result<(), CliError> {
        let events = self.summary.event_count();
        writeln!(out)?;
        if let Some(path) = &self.args.output {
            writeln!(out, "Kept in {}", path.display())?;
        }
        writeln!(out, "Digest {}", self.digest)?;
        let rate = thousands(self.rate() as u64);
        writeln!(out, "{events} events in {:.1?}: {rate} events/s", self.took)
    }

    fn rate(&self) -> f64 {
        self.summary.event_count() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// A moment as its distance from the run's beginning, which is easier to read than two timestamps.
    fn since(&self, at: Time) -> String {
        format!("+{}", rounded(at - self.summary.begin.unwrap_or(at)))
    }

    pub fn json(&self, out: &mut Out) -> Result<(), CliError> {
        let (summary, World { names, cluster, .. }) = (self.summary, self.world);
        let text = |time: Option<Time>| time.map(|time| time.to_string());
        let counts = |track: Track| Counts {
            played: summary.played[track as usize],
            simulated: summary.simulated(track),
        };
        let tracks = Track::ALL.into_iter().map(|track| (track.as_str(), counts(track)));
        let stay = |stay: &Stay| {
            let (namespace, daemon_set) = self.owner(stay);
            StayRow {
                namespace: namespace.to_owned(),
                daemon_set: daemon_set.to_owned(),
                node: names.node_name(stay.node).to_owned(),
                since: stay.since.to_string(),
                until: stay.until.map(|(at, _)| at.to_string()),
                why: stay.until.map(|(_, why)| why.as_str()),
            }
        };
        let told = |line: &story::Line| StoryRow {
            time: line.at.to_string(),
            event: line.seq.0,
            text: line.what(),
            drain: line.drained(names),
            created: line.effects.values().map(|e| e.created).sum(),
            deleted: line.effects.values().map(|e| e.deleted).sum(),
        };
        out.json(&Document {
            trace: self.args.replayed.trace.display().to_string(),
            output: self.args.output.as_ref().map(|path| path.display().to_string()),
            trace_events: summary.trace_events,
            events: summary.event_count(),
            tracks: tracks.filter(|(_, c)| c.played + c.simulated > 0).collect(),
            begin: text(summary.begin),
            trace_end: text(summary.trace_end),
            end: text(summary.end),
            ended_by: match summary.ended_by {
                EndedBy::Settled => "settled",
                EndedBy::TraceEnd => "trace-end",
                EndedBy::Time => "time",
                EndedBy::Patience => "patience",
                EndedBy::NothingLeft => "nothing-left",
            },
            settled: summary.settled,
            misfits: BTreeMap::from([
                ("withoutCounterpart", summary.misfits.without_counterpart),
                ("alreadySo", summary.misfits.already_so),
                ("contradicting", summary.misfits.contradicting),
            ]),
            undefined_priority_classes: summary.undefined_priority_classes.clone(),
            nodes: cluster.nodes().len(),
            pods: cluster.pod_count(),
            daemonsets: self.rows(),
            placements: self.history.sorted(names).iter().map(stay).collect(),
            story: story::tell(&summary.milestones, self.history, names, cluster).iter().map(told).collect(),
            digest: self.digest.to_string(),
            settings_digest: self.settings.as_ref().map(|(_, digest)| digest.to_string()),
            seconds: self.took.as_secs_f64(),
            events_per_second: self.rate(),
        })
    }
}

fn field(name: &str, text: &str, out: &mut Out) -> Result<(), CliError> {
    let name = out.style.paint(Paint::Strong, name).into_owned();
    writeln!(out, "  {name}: {text}")
}

fn heading(text: &str, out: &mut Out) -> Result<(), CliError> {
    let text = out.style.paint(Paint::Strong, text).into_owned();
    writeln!(out, "\n{text}")
}

/// 1234567 as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(12_345_678), "12,345,678");
    }
}
