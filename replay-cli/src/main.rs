//! The `kubetape` command: replay, diff and explain Kubernetes DaemonSets from a log of cluster events.

mod args;
mod commands;
mod describe;
mod edit;
mod error;
mod kinds;
mod manifests;
mod output;
mod plan;
mod selector;
mod settings;
mod state;
mod tape;
mod timespec;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::error::CliError;
use crate::output::Out;

/// Exit status: everything went well; what was compared is the same.
const OK: u8 = 0;
/// Exit status: what was compared or checked differs or does not pass.
const DIFFERENT: u8 = 1;
/// Exit status: it could not be done.
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Out::new(cli.global.color, cli.global.quiet);
    let outcome = cli.command.run(&mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match outcome {
        Ok(code) => code,
        // Whoever read the output has seen enough.
        Err(CliError::ClosedPipe) => ExitCode::from(OK),
        Err(CliError::Failed(report)) => {
            // What was printed before the failure comes before it; that this may fail too changes nothing.
            let _ = out.flush();
            out.report(&report);
            ExitCode::from(TROUBLE)
        }
    }
}
