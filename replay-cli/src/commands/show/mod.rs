//! `kubetape show`: the state of a cluster at a moment, and the events that led to it.

pub mod daemonsets;
pub mod events;
mod nodes;
mod overview;
mod placements;
mod pods;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use kubetape_engine::event::Track;
use kubetape_engine::names::{Names, Sym};
use serde::Serialize;

use crate::error::CliError;
use crate::output::{Format, Out};
use crate::selector::Selector;
use crate::state::{self, State};
use crate::timespec::{MOMENT_HELP, Moment};

const EXAMPLES: &str = "\
Examples:
  # An overview, and every DaemonSet's status
  kubetape show cluster.tape

  # The nodes five minutes before the end, with labels and taints
  kubetape show cluster.tape nodes --at -5m --wide

  # Which pod of which DaemonSet was on which node after event #120
  kubetape show cluster.tape placements --at '#120'

  # What people and machines did, one line an event
  kubetape show cluster.tape events --track user,cluster

  # The same while another process appends to the log
  kubetape show cluster.tape events --track user,cluster --follow

  # The names of all nodes with a label, for a script
  kubetape show cluster.tape nodes -l pool=gpu --format json | jq -r '.nodes[].name'

JSON: `events` prints one object a line; the other nouns print one object with `file`, `at`, `event` and a
list named after the noun.";

/// Show the state of a cluster at a moment, or its events
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The log; `-` is standard input
    file: PathBuf,
    /// What to show [default: an overview]
    #[arg(value_enum)]
    noun: Option<Noun>,
    #[arg(long, value_name = "MOMENT", default_value = "end", allow_hyphen_values = true, help = at_help())]
    at: Moment,
    /// Only this namespace (all namespaces otherwise)
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Only what has these labels (`pool=gpu,tier!=db,zone in (a,b),!spot`)
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<Selector>,
    /// Only events of these tracks (with `events`)
    #[arg(long, value_name = "TRACK,...", value_delimiter = ',', value_parser = track)]
    track: Vec<Track>,
    /// Go on printing events as they are appended (with `events`), until the process that appends has ended; a log that
    /// nobody writes now is waited for
    #[arg(long, conflicts_with = "at")]
    follow: bool,
    /// More columns
    #[arg(long, short)]
    wide: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn at_help() -> String {
    format!("The moment: {MOMENT_HELP}")
}

/// Reads a track's name; for clap.
pub fn track(text: &str) -> Result<Track, String> {
    let known = || Track::ALL.map(Track::as_str).join(", ");
    Track::parse(text).ok_or_else(|| format!("no such track; there are {}", known()))
}

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Noun {
    /// Nodes, as `kubectl get nodes` shows them
    #[value(alias = "node", alias = "no")]
    Nodes,
    /// Pods, as `kubectl get pods` shows them
    #[value(alias = "pod", alias = "po")]
    Pods,
    /// DaemonSets, as `kubectl get daemonsets` shows them
    #[value(alias = "daemonset", alias = "ds")]
    Daemonsets,
    /// The events of the log
    #[value(alias = "event", alias = "ev")]
    Events,
    /// DaemonSet x node -> pod
    #[value(alias = "placement")]
    Placements,
}

/// What is left out.
pub struct Filter {
    namespace: Option<String>,
    selector: Option<Selector>,
}

impl Filter {
    fn namespace(&self, state: &State, namespace: Sym) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| state.names.text(namespace) == wanted)
    }

    fn labels(&self, state: &State, labels: &[(Sym, Sym)]) -> bool {
        self.selector.as_ref().is_none_or(|selector| selector.matches(labels, &state.names))
    }
}

/// A state as JSON: the moment, and a list.
#[derive(Serialize)]
struct Document<'a, T> {
    file: String,
    at: String,
    event: u64,
    #[serde(flatten)]
    list: std::collections::BTreeMap<&'a str, Vec<T>>,
}

pub fn run(args: Args, out: &mut Out) -> Result<ExitCode, CliError> {
    args.check()?;
    if args.noun == Some(Noun::Events) {
        events::show(&args, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.noun.is_none() {
        overview::show(&args, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let state = state::fold(&args.file, args.at, out)?;
    let filter = Filter { namespace: args.namespace.clone(), selector: args.selector.clone() };
    match args.noun {
        Some(Noun::Nodes) => args.print("nodes", nodes::rows(&state, &filter), nodes::table, &state, out)?,
        Some(Noun::Pods) => args.print("pods", pods::rows(&state, &filter), pods::table, &state, out)?,
        Some(Noun::Daemonsets) => {
            args.print("daemonsets", daemonsets::rows(&state, &filter), daemonsets::table, &state, out)?;
        }
        Some(Noun::Placements) => {
            args.print("placements", placements::rows(&state, &filter), placements::table, &state, out)?;
        }
        Some(Noun::Events) | None => {}
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// Refuses what would otherwise be ignored.
    fn check(&self) -> Result<(), CliError> {
        let refuse = |flag: &str, only: &str| Err(CliError::new(format!("{flag} goes only with {only}")));
        match self.noun {
            noun if !self.track.is_empty() && noun != Some(Noun::Events) => refuse("--track", "`events`"),
            noun if self.follow && noun != Some(Noun::Events) => refuse("--follow", "`events`"),
            Some(Noun::Nodes) if self.namespace.is_some() => {
                refuse("--namespace", "what has a namespace, and nodes have none")
            }
            None | Some(Noun::Events) if self.selector.is_some() => {
                refuse("--selector", "`nodes`, `pods`, `daemonsets` and `placements`")
            }
            _ => Ok(()),
        }
    }

    fn print<T: Serialize>(
        &self,
        noun: &str,
        rows: Vec<T>,
        table: impl FnOnce(&[T], bool) -> crate::output::table::Table,
        state: &State,
        out: &mut Out,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Json => out.json(&Document {
                file: self.file.display().to_string(),
                at: state.now.to_string(),
                event: state.last.0,
                list: [(noun, rows)].into(),
            }),
            Format::Text if rows.is_empty() => {
                out.note(format!("No {noun} in {} at {}.", self.file.display(), state.now));
                Ok(())
            }
            Format::Text => table(&rows, self.wide).print(out),
        }
    }
}

/// Labels as JSON.
fn label_map(labels: &[(Sym, Sym)], names: &Names) -> std::collections::BTreeMap<String, String> {
    let text = |sym| names.text(sym).to_owned();
    labels.iter().map(|&(key, value)| (text(key), text(value))).collect()
}

/// Labels as `a=b,c=d`.
fn label_text(labels: &std::collections::BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
