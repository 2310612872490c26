//! The command line, as clap reads it.

use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands;
use crate::error::CliError;
use crate::output::{ColorChoice, Out};

const EXAMPLES: &str = "\
Examples:
  # Replay a recorded cluster and see what the DaemonSet controller did
  kubetape run traces/lesson.tape

  # What if this manifest had been applied instead?
  kubetape run traces/lesson.tape -f daemonset.yaml -o what-if.tape
  kubetape diff traces/lesson.tape what-if.tape

  # Make a trace from a recording of your own
  kubetape import watch.jsonl.gz audit.jsonl.gz -o cluster.tape

  # Make up a small scenario by hand
  kubetape node join x.tape worker-1 worker-2
  kubetape apply x.tape -f daemonset.yaml
  kubetape node label x.tape worker-1 run-fluentd=true
  kubetape run x.tape

Exit status:
  0  done; what was compared or checked is the same or passes
  1  what was compared differs, or what was checked does not pass
  2  it could not be done; standard error says why";

/// Replay, diff and explain Kubernetes DaemonSets from a log of cluster events.
///
/// A log (`.tape`) holds everything that happened in a cluster: nodes that join, leave and are relabelled,
/// manifests that are applied, and what the controllers made of it. kubetape plays it back in virtual time
/// through its own controllers.
#[derive(Debug, Parser)]
#[command(name = "kubetape", version, after_help = EXAMPLES, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// When to colour; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    pub color: ColorChoice,
    /// Print no remarks, warnings or progress on standard error
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The verbs, in the order in which help lists them.
#[derive(Debug, Subcommand)]
pub enum Command {
    Import(commands::import::Args),
    Run(commands::run::Args),
    Diff(commands::diff::Args),
    Shadow(commands::shadow::Args),
    Explain(commands::explain::Args),
    Verify(commands::verify::Args),
    Test(commands::test::Args),
    Show(commands::show::Args),
    #[command(subcommand)]
    Node(commands::node::Command),
    Apply(commands::apply::Args),
    Check(commands::check::Args),
    Create(commands::create::Args),
    Delete(commands::delete::Args),
    Synth(commands::synth::Args),
    Bench(commands::bench::Args),
    Calibrate(commands::calibrate::Args),
    Settings(commands::settings::Args),
    Conformance(commands::conformance::Args),
    Sweep(commands::sweep::Args),
    #[command(subcommand)]
    Log(commands::log::Command),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

impl Command {
    /// Runs the verb. What it returns is the exit status; an error is status 2.
    pub fn run(self, out: &mut Out) -> Result<ExitCode, CliError> {
        match self {
            Command::Import(args) => commands::import::run(&args, out),
            Command::Run(args) => commands::run::run(&args, out),
            Command::Diff(args) => commands::diff::run(&args, out),
            Command::Shadow(args) => commands::shadow::run(&args, out),
            Command::Explain(args) => commands::explain::run(&args, out),
            Command::Verify(args) => commands::verify::run(&args, out),
            Command::Test(args) => commands::test::run(&args, out),
            Command::Show(args) => commands::show::run(args, out),
            Command::Node(command) => commands::node::run(command, out),
            Command::Apply(args) => commands::apply::run(&args, out),
            Command::Check(args) => commands::check::run(&args, out),
            Command::Create(args) => commands::create::run(&args, out),
            Command::Delete(args) => commands::delete::run(&args, out),
            Command::Synth(args) => commands::synth::run(&args, out),
            Command::Bench(args) => commands::bench::run(&args, out),
            Command::Calibrate(args) => commands::calibrate::run(&args, out),
            Command::Settings(args) => commands::settings::run(&args, out),
            Command::Conformance(args) => commands::conformance::run(&args, out),
            Command::Sweep(args) => commands::sweep::run(&args, out),
            Command::Log(command) => commands::log::run(command, out),
            Command::Completions(args) => commands::completions::run(args, Cli::command(), out),
            Command::Man(args) => commands::man::run(args, Cli::command(), out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
