//! `kubetape run`: replay a trace.

mod history;
mod report;
mod story;

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Instant;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::{Event, Track};
use kubetape_engine::log::{Digest, Draft, Identity, LogError, Options, Reader};
use kubetape_engine::names::Names;
use kubetape_engine::replay::{
    self, Injection, InjectionError, Plan, ReplayError, Sink, SourceError, Timings, Tracks, Until,
};
use kubetape_engine::time::Time;

use self::history::History;
use self::report::Summed;
use crate::error::{CliError, Report};
use crate::manifests::Manifests;
use crate::output::{Format, Out};
use crate::state;
use crate::timespec::{self, MOMENT_HELP, Moment};

const EXAMPLES: &str = "\
Examples:
  # Replay: nodes and people from the trace, controllers simulated
  kubetape run traces/lesson.tape

  # What if this manifest had been applied ten seconds in?
  kubetape run traces/lesson.tape -f daemonset.yaml --at +10s

  # Keep the run, and look at it
  kubetape run traces/lesson.tape -o run.tape
  kubetape show run.tape placements --at -1m

  # What would the controller have done, given that scheduler and pods behaved exactly so?
  kubetape run traces/lesson.tape --play cluster,user,scheduler,kubelet

  # The state of a recording, with no controller running: everything is played back
  kubetape run traces/lesson.tape --play all";

/// Replay a trace: play back what came from outside, simulate the controllers
///
/// A track is who caused an event. The tracks in --play are played back from the trace; every other one that
/// has an actor is simulated, and its events in the trace are left out. Owners without an actor
/// (workloads/replicaset, workloads/deployment, workloads/other) are always played back.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The trace: a log
    trace: PathBuf,
    /// Apply a manifest on top: the what-if. All documents of a file are applied, or none. `-` is standard input; may
    /// be given more than once
    #[arg(long = "filename", short = 'f', value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    #[arg(long, value_name = "MOMENT", requires = "manifests", allow_hyphen_values = true, help = at_help())]
    at: Option<Moment>,
    /// The namespace of objects in MANIFEST that name none
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    #[arg(long, value_name = "TRACK,...", default_value = "cluster,user", value_parser = Tracks::parse, help = play_help())]
    play: Tracks,
    /// When to stop: `end` (with the trace's last event), `settled` (when nothing is under way any more, an hour
    /// later at most), TIME, or +DURATION after the trace's last event
    #[arg(long, value_name = "WHEN", default_value = "settled")]
    until: UntilArg,
    /// Keep the run as a log, in the same format as the trace
    #[arg(long, short, value_name = "RUN")]
    output: Option<PathBuf>,
    /// Overwrite RUN if it exists
    #[arg(long, requires = "output")]
    force: bool,
    /// How to print the summary
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn at_help() -> String {
    format!("When to apply it [default: before the trace's first event]: {MOMENT_HELP}")
}

fn play_help() -> String {
    let tracks = Track::ALL.map(Track::as_str).join(", ");
    format!("The complete list of tracks that are played back, or `all`. Tracks: {tracks}")
}

/// [`Until`] as it is written.
#[derive(Clone, Copy, Debug)]
struct UntilArg(Until);

impl FromStr for UntilArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let until = match (text, text.strip_prefix('+')) {
            ("end", _) => Until::End,
            ("settled", _) => Until::Settled,
            (_, Some(more)) => Until::After(timespec::duration(more)?),
            _ => Until::At(Time::parse(text).map_err(|_| {
                "write `end`, `settled`, a time such as 2026-11-24T02:17:02Z, or +5m".to_owned()
            })?),
        };
        Ok(UntilArg(until))
    }
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let mut reader = Reader::open(&args.trace)?.ahead();
    let (timings, names) = recorded_timings(args)?;
    let said = Rc::default();
    let injections = what_ifs(args, &said)?;
    let plan = Plan { play: args.play, until: args.until.0, injections, timings, names, ..Plan::default() };
    let mut sink = Kept { target: Target::open(args)?, history: History::default() };
    let mut progress = out.progress("replaying");
    let mut show = |done, _| progress.update(done, None, "events of the trace");
    let started = Instant::now();
    let replayed = replay::replay(&mut reader, plan, &mut sink, &mut show);
    let (world, summary) = replayed.map_err(|error| failure(args, error))?;
    let took = started.elapsed();
    drop(progress);
    for line in said.take() {
        out.note(line);
    }
    if let Some(torn) = reader.recovered() {
        out.warn(format!("{}: {torn}", args.trace.display()));
    }
    let digest = sink.target.finish()?;
    let report = Summed { args, world: &world, summary: &summary, history: &sink.history, digest, took };
    report.warn(out);
    match args.format {
        Format::Text => report.print(out)?,
        Format::Json => report.json(out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The manifests that are applied on top, one batch a file. What they come to is known, and said, when they are.
fn what_ifs(args: &Args, said: &Rc<RefCell<Vec<String>>>) -> Result<Vec<Injection>, CliError> {
    let at = match args.at {
        Some(moment) => Some(state::time_of(&args.trace, moment)?),
        None => None,
    };
    let mut injections = Vec::new();
    for file in &args.manifests {
        let manifests = Manifests::read(std::slice::from_ref(file))?;
        let (said, namespace) = (Rc::clone(said), args.namespace.clone());
        let deed = Box::new(move |cluster: &Cluster, names: &mut Names| {
            let deeds = manifests.admit(&namespace, cluster, names).map_err(Refused::boxed)?;
            said.borrow_mut().extend(deeds.lines.into_iter().chain(deeds.remarks));
            Ok(deeds.bodies)
        });
        injections.push(Injection { at, deed });
    }
    Ok(injections)
}

/// A refusal on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error("a manifest was refused")]
struct Refused(Report);

impl Refused {
    fn boxed(error: CliError) -> InjectionError {
        match error {
            CliError::Failed(report) => Box::new(Refused(*report)),
            CliError::ClosedPipe => Box::new(Refused(Report::default())),
        }
    }
}

/// What the recorded scheduler and kubelets did, for when they are played back over simulated workloads.
fn recorded_timings(args: &Args) -> Result<(Timings, Names), CliError> {
    let (mut timings, mut names) = (Timings::default(), Names::new());
    if args.play.has(Track::Scheduler) || args.play.has(Track::Kubelet) {
        let mut reader = Reader::open(&args.trace)?;
        let mut batch = Vec::new();
        while reader.next_batch(&mut names, &mut batch)?.is_some() {
            batch.iter().for_each(|event| timings.note(event));
        }
    }
    Ok((timings, names))
}

fn failure(args: &Args, error: ReplayError) -> CliError {
    let place = args.trace.display();
    match error {
        ReplayError::Injection(error) => match error.downcast::<Refused>() {
            Ok(refused) => CliError::Failed(Box::new(refused.0)),
            Err(error) => CliError::new(error.to_string()),
        },
        ReplayError::Source(error) => match error.downcast::<LogError>() {
            Ok(error) => CliError::from(*error),
            Err(error) => CliError::new(error.to_string()).at(place),
        },
        ReplayError::Sink(error) => match error.downcast::<LogError>() {
            Ok(error) => CliError::from(*error),
            Err(error) => CliError::new(error.to_string()),
        },
        error @ ReplayError::Trace { .. } => CliError::new(error.to_string())
            .at(place)
            .hint("the log was not written by kubetape; `kubetape log verify` says more"),
        error => CliError::new(error.to_string()).at(place),
    }
}

/// Where the run goes.
enum Target {
    Log(Box<Draft>),
    Nowhere(Box<Identity>),
}

impl Target {
    fn open(args: &Args) -> Result<Self, CliError> {
        match &args.output {
            Some(path) => Ok(Target::Log(Box::new(Draft::create(path, args.force, &Options::output())?))),
            None => Ok(Target::Nowhere(Box::default())),
        }
    }

    fn finish(self) -> Result<Digest, CliError> {
        match self {
            Target::Log(draft) => Ok(draft.finish()?),
            Target::Nowhere(identity) => Ok(identity.digest()),
        }
    }
}

/// Keeps a run, and remembers its placements.
struct Kept {
    target: Target,
    history: History,
}

impl Sink for Kept {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        self.history.observe(names, events);
        match &mut self.target {
            Target::Log(draft) => Sink::write(&mut ***draft, names, events),
            Target::Nowhere(identity) => identity.write(names, events),
        }
    }
}
