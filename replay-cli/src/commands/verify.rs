//! `kubetape verify`: whether a trace gives the same run each time.

use std::cell::RefCell;
use std::path::Path;
use std::process::ExitCode;

use kubetape_engine::log::Digest;
use kubetape_engine::names::Seq;
use kubetape_engine::replay::{
    self, Difference, Plan, Repeatable, Sketch, Source, SourceError, Threads, Verdict,
};
use serde::Serialize;

use crate::DIFFERENT;
use crate::error::CliError;
use crate::output::style::Paint;
use crate::output::{Format, Out};
use crate::plan::{self, Replayed, Said};
use crate::tape;

const EXAMPLES: &str = "\
Examples:
  # Is the run the same each time?
  kubetape verify traces/lesson.tape

  # And is it the one that it always was? For CI
  kubetape verify traces/lesson.tape --digest 0123456789abcdef0123456789abcdef

Exit status:
  0  the replays gave the same run, and the one that was expected
  1  they did not; the first event that differs is named
  2  the trace could not be replayed";

/// Check that a trace gives the same run each time
///
/// The trace is replayed twice, read once on the replay's own thread and once ahead on another, and the runs are
/// compared event by event. Options are those of `kubetape run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    replayed: Replayed,
    /// The digest that the run has to have, as `kubetape run` prints it
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    digest: Option<Digest>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn digest(text: &str) -> Result<Digest, String> {
    text.parse().map_err(|_| format!("{text:?} is not a digest: it has 32 hexadecimal digits"))
}

/// What came of it, as JSON.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    trace: String,
    same: bool,
    digest: Option<String>,
    expected_digest: Option<String>,
    events: Option<u64>,
    difference: Option<DifferenceRow>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DifferenceRow {
    event: u64,
    first: Option<String>,
    second: Option<String>,
    reproduced: bool,
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let trace = &args.replayed.trace;
    if args.replayed.manifests.iter().any(|file| file == Path::new("-")) {
        return Err(CliError::new("standard input can be read only once, and verify replays more often")
            .hint("put the manifest into a file"));
    }
    let mut progress = out.progress("replaying");
    // The engine's errors cannot carry one of the command's, so it is kept aside until they are back.
    let refused: RefCell<Option<CliError>> = RefCell::new(None);
    let open = |threads| -> Result<Box<dyn Source>, SourceError> {
        let reader = tape::reader(trace)?;
        Ok(match threads {
            Threads::One => Box::new(reader),
            Threads::Two => Box::new(reader.ahead()),
        })
    };
    let plan = || -> Result<Plan, SourceError> {
        args.replayed.plan(&Said::default()).map_err(|error| {
            *refused.borrow_mut() = Some(error);
            "the plan could not be made".into()
        })
    };
    let verdict = replay::verify(&Repeatable { open: &open, plan: &plan }, &mut |done, _| {
        progress.update(done, None, "events of the trace");
    });
    drop(progress);
    let verdict = verdict.map_err(|error| match refused.take() {
        Some(refused) => refused,
        None => plan::failure(trace, error),
    })?;
    let same = match &verdict {
        Verdict::Same { digest, .. } => args.digest.is_none_or(|expected| expected == *digest),
        Verdict::Differs(_) => false,
    };
    match args.format {
        Format::Text => print(args, &verdict, out)?,
        Format::Json => json(args, &verdict, same, out)?,
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

fn print(args: &Args, verdict: &Verdict, out: &mut Out) -> Result<(), CliError> {
    let trace = args.replayed.trace.display();
    match verdict {
        Verdict::Same { digest, events, resumed } => {
            let word = out.style.paint(Paint::Good, "same").into_owned();
            let how = match *resumed {
                Seq::NONE => String::new(),
                after => format!(" (one of them resumed after event {after})"),
            };
            let replays = if *resumed == Seq::NONE { "two" } else { "three" };
            writeln!(
                out,
                "{trace}: {word}: {replays} replays{how} gave the same {events} events, digest {digest}"
            )?;
            match args.digest.filter(|expected| expected != digest) {
                Some(expected) => {
                    let word = out.style.paint(Paint::Bad, "but not the one expected").into_owned();
                    writeln!(out, "{word}: {expected}")
                }
                None => Ok(()),
            }
        }
        Verdict::Differs(difference) => {
            let word = out.style.paint(Paint::Bad, "different").into_owned();
            writeln!(out, "{trace}: {word}: {}", headline(difference))?;
            if difference.reproduced {
                writeln!(out, "  first replay:  {}", sketch(difference.first.as_ref()))?;
                let other = match difference.resumed {
                    None => "second replay".to_owned(),
                    Some(after) => format!("resumed after {after}"),
                };
                writeln!(out, "  {other}: {}", sketch(difference.second.as_ref()))?;
            }
            writeln!(out, "This is a defect of kubetape: please report it with the trace.")
        }
    }
}

fn headline(difference: &Difference) -> String {
    let Seq(seq) = difference.seq;
    match difference.reproduced {
        true => format!("event #{seq} is the first that differs"),
        false => format!("an event from #{seq} on differs; it did not when both were replayed once more"),
    }
}

fn sketch(event: Option<&Sketch>) -> String {
    let Some(Sketch { at, track, kind, cause, about }) = event else { return "has ended".to_owned() };
    let about = if about.is_empty() { String::new() } else { format!(" ({about})") };
    let cause = if *cause == Seq::NONE { String::new() } else { format!(", because of {cause}") };
    format!("{kind}{about} at {at} on track {track}{cause}")
}

fn json(args: &Args, verdict: &Verdict, same: bool, out: &mut Out) -> Result<(), CliError> {
    let trace = args.replayed.trace.display().to_string();
    let expected_digest = args.digest.map(|digest| digest.to_string());
    let document = Document { version: 1, trace, same, expected_digest, ..Document::default() };
    out.json(&match verdict {
        Verdict::Same { digest, events, .. } => {
            Document { digest: Some(digest.to_string()), events: Some(*events), ..document }
        }
        Verdict::Differs(difference) => {
            let text = |event: &Option<Sketch>| event.as_ref().map(|event| sketch(Some(event)));
            let row = DifferenceRow {
                event: difference.seq.0,
                first: text(&difference.first),
                second: text(&difference.second),
                reproduced: difference.reproduced,
            };
            Document { difference: Some(row), ..document }
        }
    })
}
