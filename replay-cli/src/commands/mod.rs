//! The verbs, one file each.

pub mod apply;
pub mod bench;
pub mod check;
pub mod completions;
pub mod conformance;
pub mod create;
pub mod delete;
pub mod diff;
pub mod explain;
pub mod import;
pub mod log;
pub mod man;
pub mod node;
pub mod run;
pub mod show;
pub mod sweep;
pub mod synth;
pub mod test;
pub mod verify;

use std::process::ExitCode;

use crate::args::Command;
use crate::error::CliError;
use crate::output::Out;

/// Runs a verb. What it returns is the exit status; an error is status 2.
pub fn run(command: Command, out: &mut Out) -> Result<ExitCode, CliError> {
    match command {
        Command::Import(args) => import::run(&args, out),
        Command::Run(args) => run::run(&args, out),
        Command::Diff(args) => diff::run(&args, out),
        Command::Explain(args) => explain::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Test(args) => test::run(&args, out),
        Command::Show(args) => show::run(args, out),
        Command::Node(command) => node::run(command, out),
        Command::Apply(args) => apply::run(&args, out),
        Command::Check(args) => check::run(&args, out),
        Command::Create(args) => create::run(&args, out),
        Command::Delete(args) => delete::run(&args, out),
        Command::Synth(args) => synth::run(&args, out),
        Command::Bench(args) => bench::run(&args, out),
        Command::Conformance(args) => conformance::run(&args, out),
        Command::Sweep(args) => sweep::run(&args, out),
        Command::Log(command) => log::run(command, out),
        Command::Completions(args) => completions::run(args, out),
        Command::Man(args) => man::run(args, out),
    }
}
