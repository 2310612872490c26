//! One run of a sweep.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::{Body, Event};
use kubetape_engine::log::{Identity, Reader};
use kubetape_engine::names::{Names, ObjectId};
use kubetape_engine::replay::{
    EndedBy, Injection, InjectionError, Plan, Sink, Source, SourceError, Summary, replay,
};
use kubetape_engine::sim::World;
use kubetape_engine::synth::presets::Workload;

use super::Args;
use super::matrix::{Matrix, Run, Trace};
use super::table::Row;
use crate::error::CliError;
use crate::manifests::Manifests;
use crate::state;

/// Makes a run. Whatever goes wrong stands in the row, and no other run suffers from it.
pub fn row(args: &Args, matrix: &Matrix, run: &Run) -> Row {
    let (trace, seed) = match &run.trace {
        Trace::Log(path) => (path.display().to_string(), None),
        Trace::Synthetic(preset, seed) => (preset.name.to_owned(), Some(*seed)),
    };
    let empty = Row {
        run: run.number,
        trace,
        manifest: run.manifest.as_deref().map(|path| path.display().to_string()).unwrap_or_default(),
        settings: matrix.settings[run.settings].0.clone(),
        seed,
        ..Row::default()
    };
    let made = catch_unwind(AssertUnwindSafe(|| make(args, matrix, run, empty.clone())));
    let error = match made {
        Ok(Ok(row)) => return row,
        Ok(Err(error)) => words(&error),
        Err(_) => "kubetape stopped at a defect of its own; standard error says where".to_owned(),
    };
    Row { error, ..empty }
}

fn make(args: &Args, matrix: &Matrix, run: &Run, row: Row) -> Result<Row, CliError> {
    let mut source: Box<dyn Source> = match &run.trace {
        Trace::Log(path) => Box::new(Reader::open(path)?),
        Trace::Synthetic(preset, seed) => Box::new(Workload::new(preset, args.scale, *seed)),
    };
    let injections = match &run.manifest {
        Some(manifest) => vec![what_if(args, manifest, &run.trace)?],
        None => Vec::new(),
    };
    let settings = matrix.settings[run.settings].1.clone();
    let plan = Plan { until: args.until.0, settings, injections, ..Plan::default() };
    let mut sink = Outcomes::default();
    let run = replay(&mut *source, plan, &mut sink, &mut |_, _| {});
    let (world, summary) = run.map_err(|error| CliError::new(error.to_string()))?;
    Ok(filled(row, &world, &summary, &sink))
}

/// The manifest, applied on top.
fn what_if(args: &Args, manifest: &Path, trace: &Trace) -> Result<Injection, CliError> {
    let at = match (args.at, trace) {
        (None, _) => None,
        (Some(moment), Trace::Log(path)) => Some(state::time_of(path, moment)?),
        (Some(_), Trace::Synthetic(..)) => {
            return Err(CliError::new("--at needs a trace that is a log; `kubetape synth` makes one"));
        }
    };
    let manifests = Manifests::read(&[manifest.to_owned()])?;
    let namespace = args.namespace.clone();
    let deed = Box::new(move |cluster: &Cluster, names: &mut Names| {
        let deeds = manifests.admit(&namespace, cluster, names);
        deeds.map(|deeds| deeds.bodies).map_err(|error| InjectionError::from(words(&error)))
    });
    Ok(Injection { at, deed })
}

/// An error in a line.
fn words(error: &CliError) -> String {
    match error {
        CliError::Failed(report) => match &report.place {
            Some(place) => format!("{place}: {}", report.message),
            None => report.message.clone(),
        },
        CliError::ClosedPipe => "the output was closed".to_owned(),
    }
}

/// What a run's events come to.
#[derive(Default)]
struct Outcomes {
    identity: Identity,
    created: u64,
    deleted: u64,
    statuses: u64,
    syncs: u64,
    unavailable: BTreeMap<ObjectId, u32>,
    sum_unavailable: u64,
    peak_unavailable: u64,
}

impl Sink for Outcomes {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        for event in events {
            match event.body {
                Body::PodCreated { .. } => self.created += 1,
                Body::PodDeleted { .. } => self.deleted += 1,
                Body::Synced { .. } => self.syncs += 1,
                Body::StatusWritten { object, status } => {
                    self.statuses += 1;
                    let before = self.unavailable.insert(object, status.unavailable).unwrap_or(0);
                    self.sum_unavailable += u64::from(status.unavailable);
                    self.sum_unavailable -= u64::from(before);
                    self.peak_unavailable = self.peak_unavailable.max(self.sum_unavailable);
                }
                _ => {}
            }
        }
        self.identity.write(names, events)
    }
}

fn filled(row: Row, world: &World, summary: &Summary, outcomes: &Outcomes) -> Row {
    let cluster = &world.cluster;
    let misfits = summary.misfits;
    let moment = |time: Option<kubetape_engine::time::Time>| time.map(|t| t.to_string()).unwrap_or_default();
    let mut row = Row {
        digest: outcomes.identity.digest().to_string(),
        trace_events: summary.trace_events,
        events: summary.event_count(),
        misfits: misfits.without_counterpart + misfits.already_so + misfits.contradicting,
        pods_created: outcomes.created,
        pods_deleted: outcomes.deleted,
        statuses_written: outcomes.statuses,
        syncs: outcomes.syncs,
        peak_unavailable: outcomes.peak_unavailable,
        begin: moment(summary.begin),
        end: moment(summary.end),
        after_trace_us: summary.end.zip(summary.trace_end).map_or(0, |(end, trace)| (end - trace).0),
        ended_by: ended_by(summary.ended_by).to_owned(),
        settled: summary.settled,
        nodes: cluster.nodes().len() as u64,
        pods: cluster.pod_count() as u64,
        ..row
    };
    for (object, _) in cluster.daemon_sets() {
        let status = &object.status;
        row.daemon_sets += 1;
        row.desired += u64::from(status.desired);
        row.current += u64::from(status.current);
        row.ready += u64::from(status.ready);
        row.updated += u64::from(status.updated);
        row.available += u64::from(status.available);
        row.unavailable += u64::from(status.unavailable);
        row.misscheduled += u64::from(status.misscheduled);
    }
    row
}

fn ended_by(ended_by: EndedBy) -> &'static str {
    match ended_by {
        EndedBy::Settled => "settled",
        EndedBy::TraceEnd => "trace-end",
        EndedBy::Time => "time",
        EndedBy::Patience => "patience",
        EndedBy::NothingLeft => "nothing-left",
    }
}
