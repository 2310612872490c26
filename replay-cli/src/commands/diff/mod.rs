//! `kubetape diff`: what differs between the placements of two logs, and why.

mod build;
mod gates;
mod html;
mod junit;
mod markdown;
mod model;
mod sides;
mod svg;
mod text;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use kubetape_engine::diff::{self, DiffError, Options, SideError, Strictness, When};
use kubetape_engine::log::LogError;
use kubetape_engine::time::{Micros, Time};

use self::gates::{Gate, Gates};
use self::sides::{Sides, WhatIf};
use crate::DIFFERENT;
use crate::describe::describe;
use crate::error::CliError;
use crate::output::Out;
use crate::timespec::{self, Moment};

const EXAMPLES: &str = "\
Examples:
  # A recording against its own replay
  kubetape run traces/lesson.tape -o run.tape
  kubetape diff traces/lesson.tape run.tape --at every-settled

  # What would another manifest have done? Both runs are made in memory
  kubetape diff traces/lesson.tape -f old.yaml --against new.yaml

  # The same with the latencies that a recording showed
  kubetape calibrate traces/lesson.tape -o settings.toml
  kubetape diff traces/lesson.tape -f old.yaml --against new.yaml --settings settings.toml

  # When was what different, and for how long?
  kubetape diff before.tape after.tape --at timeline

  # A gate for CI: fails if more than 3 placements are lost, or any is stuck
  kubetape diff before.tape after.tape --max-lost 3 --fail-on pending

  # For a comment on a pull request, and for a person with time
  kubetape diff before.tape after.tape --format markdown > comment.md
  kubetape diff before.tape after.tape --format html > diff.html

Exit status, as diff(1) has it:
  0  same; with --max-lost or --fail-on: none of what these forbid, however much differs
  1  different; with --max-lost or --fail-on: something that these forbid
  2  they cannot be compared, for instance because they are never settled at the same time";

/// Compare the placements of two logs (runs or recordings), and say why they differ
///
/// Same means: the same sets of (DaemonSet, node) with a live pod, none of them waiting to start on one side alone,
/// as many pods of each revision, and as many pods of each ReplicaSet. Revisions are the same when their templates
/// are, whatever their names. With --strict, phase, binding and revision on each node and the ReplicaSets' nodes have
/// to be the same too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The first log; with --against, the trace that both runs are made from
    a: PathBuf,
    /// The second log
    #[arg(required_unless_present = "against", conflicts_with = "against")]
    b: Option<PathBuf>,
    #[command(flatten)]
    what_if: WhatIf,
    /// When to compare: `settled` (the last moment at which both are), `every-settled`, `end` (each at its end),
    /// `timeline` (what differs at any time, and for how long), or a moment: a TIME, +5m (after the start of each) or
    /// -5m (before the end of each)
    #[arg(long, value_name = "WHEN", default_value = "settled", allow_hyphen_values = true)]
    at: WhenArg,
    /// With `--at timeline`: pass over what differs for no longer [default: 0]
    #[arg(long, value_name = "DURATION", value_parser = timespec::duration)]
    tolerance: Option<Micros>,
    /// Compare phase, binding and revision on each node too
    #[arg(long)]
    strict: bool,
    /// What the text is ordered by
    #[arg(long, value_enum, default_value = "daemonset")]
    by: By,
    /// List all nodes and all figures, however many
    #[arg(long)]
    all: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
    /// Fail if more placements than this are lost at any one moment, and not just because something differs
    #[arg(long, value_name = "N")]
    max_lost: Option<usize>,
    /// Fail if the second log has lost a placement, has one pending that the first has not, or breaches a budget that
    /// the first keeps, and not just because something differs
    #[arg(long, value_name = "WHAT,...", value_enum, value_delimiter = ',')]
    fail_on: Vec<Gate>,
}

/// What the text is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// What happened to each DaemonSet
    Daemonset,
    /// What happened on each node
    Node,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Sentences, for people.
    Text,
    /// JSON, for programs. `schemaVersion` counts up when a field is taken away or changes its meaning; fields may be added
    /// at any time
    Json,
    /// Markdown, for a comment on a pull request: details are folded, and it is cut before it gets too long for one
    Markdown,
    /// JUnit XML: a case for each DaemonSet and each gate
    Junit,
    /// One HTML page that needs no other file and no network, with the time lines drawn
    Html,
}

/// [`When`] as it is written.
#[derive(Clone, Copy, Debug)]
enum WhenArg {
    Settled,
    EverySettled,
    End,
    Timeline,
    Moment(Moment),
}

impl FromStr for WhenArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "settled" => WhenArg::Settled,
            "every-settled" => WhenArg::EverySettled,
            "end" => WhenArg::End,
            "timeline" => WhenArg::Timeline,
            _ if text.starts_with('#') => {
                return Err("events have other numbers in each log: write a time, or +5m after the start".into());
            }
            _ => WhenArg::Moment(text.parse().map_err(|_| {
                "write `settled`, `every-settled`, `end`, `timeline`, or a moment: 2026-11-24T02:17:02Z, +5m or -5m"
                    .to_owned()
            })?),
        })
    }
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    if args.tolerance.is_some() && !matches!(args.at, WhenArg::Timeline) {
        return Err(CliError::new("--tolerance is only for --at timeline")
            .hint("at a moment, what differs differs, however long it does"));
    }
    let sides = Sides::open(args, out)?;
    let strictness = if args.strict { Strictness::Strict } else { Strictness::Placements };
    let options =
        Options { when: when(args, &sides)?, group: true, over_time: true, spans: args.format == Form::Html };
    let compared = diff::diff_with(|| sides.a.side(), || sides.b.side(), options);
    let mut compared = compared.map_err(|error| failure(&sides, error))?;
    let same = compared.comparison.is_same(strictness);
    let reasons = match same {
        true => diff::Reasons::default(),
        false => {
            let reasons = diff::why(&mut compared, &describe);
            reasons.map_err(|error| failure(&sides, error))?
        }
    };
    let gates = Gates { max_lost: args.max_lost, fail_on: args.fail_on.clone() };
    let report = build::report(args, &sides, compared, &reasons, &gates)?;
    match args.format {
        Form::Text => text::print(args, &report, out)?,
        Form::Json => out.json(&report.document)?,
        Form::Markdown => write!(out, "{}", markdown::document(&report.document))?,
        Form::Junit => write!(out, "{}", junit::document(&report.document))?,
        Form::Html => write!(out, "{}", html::document(&report))?,
    }
    let fails = match gates.are_none() {
        true => !same,
        false => !report.document.gates.iter().all(|gate| gate.holds),
    };
    Ok(if fails { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
}

fn when(args: &Args, sides: &Sides) -> Result<When, CliError> {
    let moment = match args.at {
        WhenArg::Settled => return Ok(When::Settled),
        WhenArg::EverySettled => return Ok(When::EverySettled),
        WhenArg::End => return Ok(When::End),
        WhenArg::Timeline => return Ok(When::Timeline { tolerance: args.tolerance.unwrap_or_default() }),
        WhenArg::Moment(moment) => moment,
    };
    let at = |source: &sides::Source| -> Result<Time, CliError> {
        Ok(match moment {
            Moment::At(at) => at,
            Moment::BeforeEnd(before) => source.last_time()? - before,
            Moment::SinceStart(since) => source.first_time()? + since,
            // Other spellings were refused or taken above.
            Moment::Start | Moment::End | Moment::After(_) => source.first_time()?,
        })
    };
    Ok(When::At { a: at(&sides.a)?, b: at(&sides.b)? })
}

fn failure(sides: &Sides, error: DiffError) -> CliError {
    let (error, name) = match error {
        DiffError::A(error) => (error, &sides.a.name),
        DiffError::B(error) => (error, &sides.b.name),
        never @ DiffError::NeverSettled { .. } => {
            return CliError::new(never.to_string())
                .hint("--at end compares each at its end, --at TIME at a moment");
        }
        before @ DiffError::BeforeStart { .. } => {
            return CliError::new(before.to_string())
                .hint("+5m is counted from the start of each, -5m from the end of each");
        }
    };
    match error {
        SideError::Read(error) => match error.downcast::<LogError>() {
            Ok(error) => CliError::from(*error),
            Err(error) => CliError::new(error.to_string()).at(name),
        },
        error => CliError::new(error.to_string())
            .at(name)
            .hint("the log was not written by kubetape; `kubetape log verify` says more"),
    }
}
