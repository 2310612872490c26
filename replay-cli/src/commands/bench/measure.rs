//! Runs a workload again and again.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use kubetape_engine::event::Event;
use kubetape_engine::log::{Digest, Identity, Reader};
use kubetape_engine::names::Names;
use kubetape_engine::replay::{Plan, Source, SourceError, Summary, Until, replay};
use kubetape_engine::settings::Settings;
use kubetape_engine::sim::World;
use kubetape_engine::synth::presets::{self, Preset, Scale, Stage, Workload};
use kubetape_engine::time::Time;

use super::memory;
use super::meter::{CountingSink, Counts, Meter, count_syncs};
use super::result::{Outcome, median};
use crate::error::CliError;

/// What is measured.
pub enum Subject {
    /// A workload by name; without settings, its own.
    Preset { preset: Preset, scale: Scale, seed: u64, settings: Option<Settings> },
    /// A trace on disk.
    Trace { path: PathBuf, settings: Settings },
}

/// What becomes known as a run goes on.
#[derive(Clone, Default)]
struct Progress {
    /// When the measured part began.
    began: Rc<Cell<Option<Instant>>>,
    /// The time of the last event that is not measured.
    marker: Rc<Cell<Time>>,
    /// Memory when the nodes were there and nothing else.
    nodes_bytes: Rc<Cell<u64>>,
    input_events: Rc<Cell<u64>>,
    /// Syncs so far, where they are counted, and those when the measured part began.
    syncs: Rc<Cell<u64>>,
    syncs_before: Rc<Cell<u64>>,
    meter: Option<Rc<RefCell<Meter>>>,
}

impl Progress {
    fn begin(&self) {
        self.syncs_before.set(self.syncs.get());
        if let Some(meter) = &self.meter {
            meter.borrow_mut().start();
        }
        self.began.set(Some(Instant::now()));
    }
}

/// A preset's trace that starts the clock when the cluster has come to rest.
struct Timed {
    workload: Workload,
    progress: Progress,
}

impl Source for Timed {
    fn next(&mut self, names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError> {
        let before = self.workload.stage();
        let progress = &self.progress;
        if before > Stage::Nodes && progress.nodes_bytes.get() == 0 {
            progress.nodes_bytes.set(memory::resident().unwrap_or(0));
        }
        if before == Stage::Measured && progress.began.get().is_none() {
            progress.begin();
        }
        let more = self.workload.next_batch(names, events);
        if before == Stage::Marker {
            progress.marker.set(self.workload.marker());
            progress.input_events.set(self.workload.input_events());
        }
        Ok(more)
    }
}

impl Subject {
    /// The name in results.
    pub fn name(&self) -> String {
        match self {
            Subject::Preset { preset, .. } => preset.name.to_owned(),
            Subject::Trace { path, .. } => path.display().to_string(),
        }
    }

    fn source(&self, progress: &Progress) -> Result<Box<dyn Source>, CliError> {
        Ok(match self {
            Subject::Preset { preset, scale, seed, .. } => {
                let workload = Workload::new(preset, *scale, *seed);
                Box::new(Timed { workload, progress: progress.clone() })
            }
            Subject::Trace { path, .. } => {
                let source = Reader::open(path)?.ahead();
                progress.marker.set(Time::MIN);
                progress.nodes_bytes.set(memory::resident().unwrap_or(0));
                progress.begin();
                Box::new(source)
            }
        })
    }

    fn plan(&self) -> Plan {
        match self {
            Subject::Preset { settings, .. } => {
                let plan = presets::plan();
                match settings.clone() {
                    // What takes time goes on after the preset's last event.
                    Some(settings) => Plan { settings, until: Until::Settled, ..plan },
                    None => plan,
                }
            }
            Subject::Trace { settings, .. } => Plan { settings: settings.clone(), ..Plan::default() },
        }
    }

    fn failed(&self, error: &kubetape_engine::replay::ReplayError) -> CliError {
        CliError::new(error.to_string()).at(self.name())
    }
}

/// The first run: counted, not measured.
struct FirstRun {
    world: World,
    summary: Summary,
    counts: Counts,
    total: u64,
    digest: Digest,
    end_bytes: u64,
    peak_bytes: u64,
}

fn first_run(subject: &Subject, progress: &Progress) -> Result<FirstRun, CliError> {
    memory::forget_peak();
    let after = Rc::clone(&progress.marker);
    after.set(Time::MAX);
    let mut sink = CountingSink { identity: Identity::new(), counts: Counts::default(), total: 0, after };
    let plan = Plan { wrap: Some(count_syncs(&progress.syncs)), ..subject.plan() };
    let mut source = subject.source(progress)?;
    let run = replay(&mut *source, plan, &mut sink, &mut |_, _| {});
    let (world, summary) = run.map_err(|error| subject.failed(&error))?;
    let (end_bytes, peak_bytes) = (memory::resident().unwrap_or(0), memory::peak().unwrap_or(0));
    let (counts, total, digest) = (sink.counts, sink.total, sink.identity.digest());
    Ok(FirstRun { world, summary, counts, total, digest, end_bytes, peak_bytes })
}

/// One measured run: its time in seconds, and its digest.
fn timed_run(subject: &Subject) -> Result<(f64, Digest), CliError> {
    let progress = Progress::default();
    let mut identity = Identity::new();
    let mut source = subject.source(&progress)?;
    let run = replay(&mut *source, subject.plan(), &mut identity, &mut |_, _| {});
    let digest = identity.digest();
    let ended = Instant::now();
    run.map_err(|error| subject.failed(&error))?;
    let began = progress.began.get().ok_or_else(|| CliError::new("there was nothing to measure"))?;
    Ok((ended.duration_since(began).as_secs_f64(), digest))
}

fn profiled_run(subject: &Subject) -> Result<super::result::Profile, CliError> {
    let meter = Rc::new(RefCell::new(Meter::new()));
    let progress = Progress { meter: Some(Rc::clone(&meter)), ..Progress::default() };
    let plan = Plan { wrap: Some(Meter::wrap(&meter)), ..subject.plan() };
    let mut source = subject.source(&progress)?;
    let run = replay(&mut *source, plan, &mut Identity::new(), &mut |_, _| {});
    run.map_err(|error| subject.failed(&error))?;
    let profile = meter.borrow().profile();
    Ok(profile)
}

/// Measures a subject.
///
/// # Errors
/// It cannot be replayed, or two runs were not the same.
pub fn measure(
    subject: &Subject,
    runs: u32,
    profile: bool,
    show: &mut dyn FnMut(u64, u64),
) -> Result<Outcome, CliError> {
    let all = u64::from(runs) + 1 + u64::from(profile);
    show(0, all);
    let progress = Progress::default();
    let first = first_run(subject, &progress)?;
    let mut outcome = counted(subject, &first, &progress);
    let digest = first.digest;
    drop(first);
    for run in 0..runs {
        show(u64::from(run) + 1, all);
        let (seconds, found) = timed_run(subject)?;
        if found != digest {
            return Err(CliError::new(format!("two runs of {} differ: {digest}, {found}", subject.name()))
                .hint("runs of the same trace must be the same; this is a defect of kubetape"));
        }
        outcome.seconds.push(seconds);
    }
    outcome.median_seconds = median(&outcome.seconds);
    let per_second =
        |count: u64| if outcome.median_seconds > 0.0 { count as f64 / outcome.median_seconds } else { 0.0 };
    (outcome.events_per_second, outcome.syncs_per_second) =
        (per_second(outcome.events), per_second(outcome.syncs));
    outcome.ns_per_input_event = outcome.median_seconds * 1e9 / outcome.input_events.max(1) as f64;
    if profile {
        show(u64::from(runs) + 1, all);
        outcome.profile = Some(profiled_run(subject)?);
    }
    Ok(outcome)
}

fn counted(subject: &Subject, first: &FirstRun, progress: &Progress) -> Outcome {
    let cluster = &first.world.cluster;
    let (pods, grown) =
        (cluster.pod_count() as u64, first.end_bytes.saturating_sub(progress.nodes_bytes.get()));
    let (scale, input_events) = match subject {
        Subject::Preset { scale, .. } => (f64::from(scale.0) / 1e6, progress.input_events.get()),
        Subject::Trace { .. } => (1.0, first.summary.played.iter().sum()),
    };
    Outcome {
        preset: subject.name(),
        scale,
        nodes: cluster.nodes().len() as u64,
        daemon_sets: cluster.daemon_sets().count() as u64,
        pods,
        input_events,
        events: first.counts.events,
        creates: first.counts.creates,
        deletes: first.counts.deletes,
        syncs: progress.syncs.get() - progress.syncs_before.get(),
        status_writes: first.counts.status_writes,
        bytes_per_pod: grown as f64 / pods.max(1) as f64,
        bytes_per_event: grown as f64 / first.total.max(1) as f64,
        peak_rss_bytes: first.peak_bytes,
        digest: first.digest.to_string(),
        ..Outcome::default()
    }
}
