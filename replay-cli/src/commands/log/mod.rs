//! `kubetape log`: logs as files: what they hold, whether they are whole, and new ones made of them.

mod cut;
mod events;
mod merge;
mod redact;
mod repair;
mod selftest;
mod stat;
mod verify;

use std::process::ExitCode;

use crate::error::CliError;
use crate::output::Out;

const EXAMPLES: &str = "\
Examples:
  # What is in it
  kubetape log stat cluster.tape
  kubetape log tail cluster.tape

  # Is it whole? Exit status 1 if it is not
  kubetape log verify cluster.tape

  # Save what is whole
  kubetape log repair cluster.tape -o saved.tape

  # Ten minutes of it, with the names replaced, to be shared
  kubetape log cut cluster.tape --from +1h --to +70m -o - | kubetape log redact - --key key -o shared.tape

  # Does the log keep its promises on this machine?
  kubetape log selftest";

/// Look at logs as files, and make new ones of them
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    Cat(events::CatArgs),
    Head(events::HeadArgs),
    Tail(events::TailArgs),
    Stat(stat::StatArgs),
    Verify(verify::VerifyArgs),
    Repair(repair::RepairArgs),
    Cut(cut::CutArgs),
    Merge(merge::MergeArgs),
    Redact(redact::RedactArgs),
    Selftest(selftest::SelftestArgs),
}

pub fn run(command: Command, out: &mut Out) -> Result<ExitCode, CliError> {
    match command {
        Command::Cat(args) => events::cat(&args, out),
        Command::Head(args) => events::head(&args, out),
        Command::Tail(args) => events::tail(&args, out),
        Command::Stat(args) => stat::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Repair(args) => repair::run(&args, out),
        Command::Cut(args) => cut::run(&args, out),
        Command::Merge(args) => merge::run(&args, out),
        Command::Redact(args) => redact::run(&args, out),
        Command::Selftest(args) => selftest::run(&args, out),
    }
}
