//! `kubetape log cat`, `head` and `tail`: the events of a log, one a line.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::commands::show::events::Printer;
use crate::error::CliError;
use crate::output::{Format, Out};
use crate::state;
use crate::timespec::Moment;

const CAT_EXAMPLES: &str = "\
Examples:
  # Every event
  kubetape log cat cluster.tape

  # For a program, from another program
  zstd -dc cluster.tape.zst | kubetape log cat - --format json | jq -r .text";

const HEAD_EXAMPLES: &str = "\
Examples:
  # How it begins
  kubetape log head cluster.tape

  # The first event alone
  kubetape log head cluster.tape -n 1 --format json";

const TAIL_EXAMPLES: &str = "\
Examples:
  # How it ends
  kubetape log tail cluster.tape

  # And how it goes on
  kubetape log tail cluster.tape -n 3 --follow";

/// What the three have in common.
#[derive(Debug, clap::Args)]
struct Shown {
    /// The log; `-` is standard input
    #[arg(value_name = "LOG")]
    file: PathBuf,
    /// Who did it, too
    #[arg(long, short)]
    wide: bool,
    /// How to print: text, or one JSON object a line
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Print every event of a log
#[derive(Debug, clap::Args)]
#[command(after_help = CAT_EXAMPLES)]
pub struct CatArgs {
    #[command(flatten)]
    shown: Shown,
}

/// Print the first events of a log
#[derive(Debug, clap::Args)]
#[command(after_help = HEAD_EXAMPLES)]
pub struct HeadArgs {
    #[command(flatten)]
    shown: Shown,
    /// How many
    #[arg(short = 'n', long = "events", value_name = "N", default_value = "10")]
    count: u64,
}

/// Print the last events of a log
#[derive(Debug, clap::Args)]
#[command(after_help = TAIL_EXAMPLES)]
pub struct TailArgs {
    #[command(flatten)]
    shown: Shown,
    /// How many
    #[arg(short = 'n', long = "events", value_name = "N", default_value = "10")]
    count: usize,
    /// Go on printing events as another process appends them, until that has ended; a log that nobody writes now is
    /// waited for
    #[arg(long, short)]
    follow: bool,
}

pub fn cat(args: &CatArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let CatArgs { shown } = args;
    let mut printer = Printer::new(shown.format, shown.wide);
    let progress = out.progress("reading");
    let print = |event: &_, state: &_| printer.print(event, state, out);
    let (_, torn) = state::walk(&shown.file, Moment::End, progress, print)?;
    torn.into_iter().for_each(|torn| out.warn(torn));
    Ok(ExitCode::SUCCESS)
}

pub fn head(args: &HeadArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let HeadArgs { shown, count } = args;
    let mut printer = Printer::new(shown.format, shown.wide);
    state::walk_first(&shown.file, *count, |event, state| printer.print(event, state, out))?;
    Ok(ExitCode::SUCCESS)
}

pub fn tail(args: &TailArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let TailArgs { shown, count, follow } = args;
    let mut printer = Printer::new(shown.format, shown.wide);
    if *follow {
        // How many events there are when it begins; what comes later is printed in any case.
        let there = state::fold(&shown.file, Moment::End, out)?.last.0;
        let from = there.saturating_sub(*count as u64);
        state::follow(&shown.file, out, &mut |event, state, out| {
            if state.last.0 > from { printer.print(event, state, out) } else { Ok(()) }
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = VecDeque::with_capacity(count.saturating_add(1).min(1 << 16));
    let progress = out.progress("reading");
    // The words for an event need the state after it, so every line is made when its event is there.
    let (_, torn) = state::walk(&shown.file, Moment::End, progress, |event, state| {
        lines.push_back(printer.line(event, state)?);
        if lines.len() > *count {
            lines.pop_front();
        }
        Ok(())
    })?;
    for line in &lines {
        printer.print_line(line, out)?;
    }
    torn.into_iter().for_each(|torn| out.warn(torn));
    Ok(ExitCode::SUCCESS)
}
