//! `kubetape explain`: why.

pub mod daemon_pod;
mod event;
mod rollout;
pub mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::diff::{Side, SideError, SourceError};
use kubetape_engine::event::Event;
use kubetape_engine::explain::{
    self, DaemonPodExplanation, EventExplanation, ExplainError, PodExplanation, RolloutExplanation, Tape,
    WorkloadName,
};
use kubetape_engine::log::LogError;
use kubetape_engine::names::{Names, Seq};
use serde::Serialize;

use crate::describe::describe;
use crate::edit::near;
use crate::error::CliError;
use crate::output::{Format, Out};
use crate::tape;
use crate::timespec::{MOMENT_HELP, Moment};

const EXAMPLES: &str = "\
Examples:
  # Why is there no pod of fluentd on worker-2?
  kubetape explain run.tape --daemonset logging/fluentd --node worker-2

  # The same, as it was five minutes before the end
  kubetape explain run.tape --daemonset logging/fluentd --node worker-2 --at -5m

  # The life of a pod, and what it waits for
  kubetape explain run.tape pod logging/fluentd-x7k2p

  # Why does this rollout not move? Which pods hold its budget, since when?
  kubetape explain run.tape rollout logging/fluentd

  # What did this event bring about?
  kubetape explain run.tape event '#40'

A recording says who did what, and only a replay says why: explain a run (kubetape run TRACE -o RUN) to see
causes. Names without a namespace are in `default`.";

/// The form of the JSON: fields may be added to it, never taken away or changed, until this number changes.
const JSON_VERSION: u32 = 1;

/// Explain why a pod is, or is not, on a node; what a rollout waits for; what an event brought about
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = false, subcommand_negates_reqs = true)]
pub struct Args {
    /// The log: a run, or a recording
    run: PathBuf,
    /// The DaemonSet that a node has, or has not, a pod of
    #[arg(long, short, value_name = "NAMESPACE/NAME", required = true, requires = "node")]
    daemonset: Option<String>,
    /// The node
    #[arg(long, short = 'N', value_name = "NODE", required = true, requires = "daemonset")]
    node: Option<String>,
    #[arg(long, global = true, value_name = "MOMENT", default_value = "end", allow_hyphen_values = true, help = at_help())]
    at: Moment,
    /// How to print it
    #[arg(long, global = true, value_enum, default_value = "text")]
    format: Format,
    #[command(subcommand)]
    what: Option<What>,
}

fn at_help() -> String {
    format!("The moment: {MOMENT_HELP}")
}

/// What else can be explained.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// A pod's life, and what it waits for
    #[command(after_help = "Examples:\n  kubetape explain run.tape pod logging/fluentd-x7k2p")]
    Pod {
        /// The pod
        #[arg(value_name = "NAMESPACE/NAME")]
        name: String,
    },
    /// How far a DaemonSet's rollout is, and what holds it up
    #[command(after_help = "Examples:\n  kubetape explain run.tape rollout logging/fluentd --at -5m")]
    Rollout {
        /// The DaemonSet
        #[arg(value_name = "NAMESPACE/NAME")]
        name: String,
    },
    /// What an event goes back to, and what it brought about up to the moment
    #[command(after_help = "Examples:\n  kubetape explain run.tape event '#40'")]
    Event {
        /// Its number
        #[arg(value_name = "#SEQ", value_parser = event_number)]
        event: Seq,
    },
}

fn event_number(text: &str) -> Result<Seq, String> {
    match text.strip_prefix('#').unwrap_or(text).parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is not an event's number such as '#12'")),
        Ok(number) => Ok(Seq(number)),
    }
}

/// An explanation as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    version: u32,
    file: String,
    #[serde(flatten)]
    answer: &'a Explanation,
}

/// An explanation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Explanation {
    DaemonPod(Box<DaemonPodExplanation>),
    Pod(Box<PodExplanation>),
    Rollout(Box<RolloutExplanation>),
    Event(Box<EventExplanation>),
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let explanation = explain(args).map_err(|error| failure(&args.run, error))?;
    match (args.format, &explanation) {
        (Format::Json, answer) => {
            let file = args.run.display().to_string();
            out.json(&Document { version: JSON_VERSION, file, answer })?;
        }
        (Format::Text, Explanation::DaemonPod(explanation)) => daemon_pod::print(explanation, out)?,
        (Format::Text, Explanation::Pod(explanation)) => daemon_pod::print_pod(explanation, out)?,
        (Format::Text, Explanation::Rollout(explanation)) => rollout::print(explanation, out)?,
        (Format::Text, Explanation::Event(explanation)) => event::print(explanation, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(args: &Args) -> Result<Explanation, ExplainError> {
    let open = || side(&args.run);
    let tell = |event: &Event, names: &Names, cluster: &Cluster| describe(event, names, cluster);
    let look_up = || tape::storage(&args.run);
    let tape = Tape { open: &open, look_up: Some(&look_up), tell: &tell };
    let moment = moment(args.at);
    Ok(match (&args.what, &args.daemonset, &args.node) {
        (Some(What::Pod { name }), ..) => {
            let name = WorkloadName::parse(name);
            Explanation::Pod(Box::new(explain::explain_pod(&tape, &name, moment)?))
        }
        (Some(What::Rollout { name }), ..) => {
            let name = WorkloadName::parse(name);
            Explanation::Rollout(Box::new(explain::explain_rollout(&tape, &name, moment)?))
        }
        (Some(What::Event { event }), ..) => {
            Explanation::Event(Box::new(explain::explain_event(&tape, *event, moment)?))
        }
        (None, daemon_set, node) => {
            // clap asks for both where no other question is put.
            let daemon_set = WorkloadName::parse(daemon_set.as_deref().unwrap_or_default());
            let node = node.as_deref().unwrap_or_default();
            let explained = explain::explain_daemon_pod(&tape, &daemon_set, node, moment)?;
            Explanation::DaemonPod(Box::new(explained))
        }
    })
}

fn side(path: &Path) -> Result<Side<'static>, SideError> {
    let mut reader = tape::reader(path).map_err(|error: LogError| SideError::Read(error.into()))?.ahead();
    Ok(Side::from_batches::<SourceError, _>(Names::new(), move |names, batch| {
        reader.next_batch(names, batch)?;
        Ok(())
    }))
}

fn moment(at: Moment) -> explain::Moment {
    match at {
        Moment::Start => explain::Moment::SinceStart(kubetape_engine::time::Micros::ZERO),
        Moment::End => explain::Moment::End,
        Moment::At(at) => explain::Moment::At(at),
        Moment::After(seq) => explain::Moment::After(seq),
        Moment::BeforeEnd(before) => explain::Moment::BeforeEnd(before),
        Moment::SinceStart(since) => explain::Moment::SinceStart(since),
    }
}

fn failure(path: &Path, error: ExplainError) -> CliError {
    let message = CliError::new(error.to_string());
    let names = |known: &[String], wanted: &str, what: &str| {
        near(CliError::new(error.to_string()), wanted, known.iter().map(String::as_str), what, path)
    };
    match &error {
        ExplainError::NoSuchDaemonSet { name, known } => names(known, name, "DaemonSet at that moment"),
        ExplainError::NoSuchNode { name, known } => names(known, name, "node at that moment"),
        ExplainError::NoSuchPod { name, known } => names(known, name, "pod in that namespace at that moment"),
        ExplainError::Log(_) => match error {
            ExplainError::Log(SideError::Read(error)) => match error.downcast::<LogError>() {
                Ok(error) => CliError::from(*error),
                Err(error) => CliError::new(error.to_string()).at(path.display()),
            },
            _ => message
                .at(path.display())
                .hint("the log was not written by kubetape; `kubetape log verify` says more"),
        },
        _ => message.at(path.display()),
    }
}
