//! `kubetape show` without a noun: what the log is, and how the cluster stands.

use std::collections::BTreeMap;

use kubetape_engine::event::{Phase, Track};
use kubetape_engine::time::Time;
use serde::Serialize;

use super::{Args, Filter, daemonsets};
use crate::error::CliError;
use crate::output::style::Paint;
use crate::output::{Format, Out};
use crate::state::{self, State};

/// The overview, as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    file: String,
    /// The moment that is shown.
    at: String,
    /// The last event up to it.
    event: u64,
    /// The time of the log's first event.
    first: Option<String>,
    /// Events up to the moment, by track.
    tracks: BTreeMap<&'static str, u64>,
    nodes: usize,
    nodes_ready: usize,
    pods: usize,
    pods_running: usize,
    pods_ready: usize,
    /// Objects by kind.
    objects: BTreeMap<String, usize>,
    daemonsets: Vec<daemonsets::Row>,
}

pub fn show(args: &Args, out: &mut Out) -> Result<(), CliError> {
    let progress = out.progress("reading");
    let mut tracks = BTreeMap::<Track, u64>::new();
    let (state, torn) = state::walk(&args.file, args.at, progress, |event, _| {
        *tracks.entry(event.track).or_default() += 1;
        Ok(())
    })?;
    torn.into_iter().for_each(|torn| out.warn(torn));
    let overview = Overview::of(args, &state, &tracks);
    match args.format {
        Format::Json => out.json(&overview),
        Format::Text => print(args, &overview, &state, &tracks, out),
    }
}

impl Overview {
    fn of(args: &Args, state: &State, tracks: &BTreeMap<Track, u64>) -> Self {
        let cluster = &state.cluster;
        let filter = Filter { namespace: args.namespace.clone(), selector: None };
        let pods = || cluster.pods().filter(|(_, pod)| filter.namespace(state, pod.namespace));
        let kind = |kind| (state.names.text(kind).to_owned(), cluster.objects_of_kind(kind).count());
        Overview {
            file: args.file.display().to_string(),
            at: state.now.to_string(),
            event: state.last.0,
            first: state.first.map(|first| first.to_string()),
            tracks: tracks.iter().map(|(track, count)| (track.as_str(), *count)).collect(),
            nodes: cluster.nodes().len(),
            nodes_ready: cluster.nodes().iter().filter(|node| cluster.node_ready(**node)).count(),
            pods: pods().count(),
            pods_running: pods().filter(|(_, pod)| pod.phase == Phase::Running).count(),
            pods_ready: pods().filter(|(_, pod)| pod.ready).count(),
            objects: cluster.kinds().map(kind).collect(),
            daemonsets: daemonsets::rows(state, &filter),
        }
    }
}

fn print(
    args: &Args,
    overview: &Overview,
    state: &State,
    tracks: &BTreeMap<Track, u64>,
    out: &mut Out,
) -> Result<(), CliError> {
    let Overview { file, at, event, .. } = overview;
    let first = state.first.unwrap_or(Time(0));
    if *event == 0 {
        return writeln!(out, "{file}: no event yet");
    }
    let span = state.cluster.now() - first;
    writeln!(out, "{file}: {event} events in {span}, from {first} to {}", state.cluster.now())?;
    let per_track: Vec<_> = tracks.iter().map(|(track, count)| format!("{track} {count}")).collect();
    row("Shown", &format!("as of {at}, after event #{event}"), out)?;
    row("Tracks", &per_track.join(", "), out)?;
    row("Nodes", &format!("{}, {} ready", overview.nodes, overview.nodes_ready), out)?;
    let pods = format!("{}, {} running, {} ready", overview.pods, overview.pods_running, overview.pods_ready);
    row("Pods", &pods, out)?;
    let objects: Vec<_> = overview.objects.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    if !objects.is_empty() {
        row("Objects", &objects.join(", "), out)?;
    }
    if overview.daemonsets.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    daemonsets::table(&overview.daemonsets, args.wide).print(out)
}

fn row(name: &str, text: &str, out: &mut Out) -> Result<(), CliError> {
    let name = out.style.paint(Paint::Strong, name).into_owned();
    writeln!(out, "  {name}: {text}")
}
