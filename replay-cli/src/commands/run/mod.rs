//! `kubetape run`: replay a trace.

mod history;
mod report;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Event;
use kubetape_engine::log::{Digest, Identity};
use kubetape_engine::names::{Names, Seq};
use kubetape_engine::replay::{self, Sink, SourceError};
use kubetape_engine::time::Time;

use self::history::History;
use self::report::Summed;
use crate::error::CliError;
use crate::output::{Format, Out};
use crate::plan::{self, Replayed, Said};
use crate::settings;
use crate::tape::{self, Output};

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
    #[command(flatten)]
    replayed: Replayed,
    /// Keep the run as a log, in the same format as the trace; `-` is standard output, and the summary goes to standard error
    #[arg(long, short, value_name = "RUN")]
    output: Option<PathBuf>,
    /// Overwrite RUN if it exists
    #[arg(long, requires = "output")]
    force: bool,
    /// How to print the summary
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let trace = &args.replayed.trace;
    let mut reader = tape::reader(trace)?.ahead();
    let said = Said::default();
    let plan = args.replayed.plan(&said)?;
    let settings = args.replayed.settings.origin().map(|from| (from, settings::digest(&plan.settings)));
    let mut sink = Kept { target: Target::open(args, out)?, history: History::default() };
    let mut progress = out.progress("replaying");
    let mut show = |done, _| progress.update(done, None, "events of the trace");
    let started = Instant::now();
    let replayed = replay::replay(&mut reader, plan, &mut sink, &mut show);
    let (world, summary) = replayed.map_err(|error| plan::failure(trace, error))?;
    let took = started.elapsed();
    drop(progress);
    for line in said.take() {
        out.note(line);
    }
    if let Some(torn) = reader.recovered() {
        out.warn(format!("{}: {torn}", trace.display()));
    }
    let digest = sink.target.finish()?;
    let report =
        Summed { args, world: &world, summary: &summary, history: &sink.history, settings, digest, took };
    report.warn(out);
    match args.format {
        Format::Text => report.print(out)?,
        Format::Json => report.json(out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the run goes.
enum Target {
    Log(Box<Output>),
    Nowhere(Box<Identity>),
}

impl Target {
    fn open(args: &Args, out: &mut Out) -> Result<Self, CliError> {
        match &args.output {
            Some(path) => Ok(Target::Log(Box::new(Output::create(path, args.force, out)?))),
            None => Ok(Target::Nowhere(Box::default())),
        }
    }

    fn finish(self) -> Result<Digest, CliError> {
        match self {
            Target::Log(log) => log.finish(),
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
            Target::Log(log) => Sink::write(&mut ***log, names, events),
            Target::Nowhere(identity) => identity.write(names, events),
        }
    }

    fn wants_checkpoint(&self, last: Seq) -> bool {
        matches!(&self.target, Target::Log(draft) if draft.wants_checkpoint(last))
    }

    fn checkpoint(&mut self, names: &Names, cluster: &Cluster, memory: &[u8]) -> Result<(), SourceError> {
        match &mut self.target {
            Target::Log(draft) => Sink::checkpoint(&mut ***draft, names, cluster, memory),
            Target::Nowhere(_) => Ok(()),
        }
    }

    fn ended(&mut self, end: Time) {
        if let Target::Log(draft) = &mut self.target {
            draft.known_until(end);
        }
    }
}
