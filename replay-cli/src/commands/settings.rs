//! `kubetape settings`: print settings.

use std::process::ExitCode;

use crate::error::CliError;
use crate::output::Out;
use crate::settings::SettingsArgs;

const EXAMPLES: &str = "\
Examples:
  # All settings, with what they are by default
  kubetape settings

  # A control plane that waits for nothing, to begin with
  kubetape settings --control-plane instant > settings.toml
  kubetape run cluster.tape --settings settings.toml

  # Is this file in order, and what is set in the end?
  kubetape settings --settings settings.toml";

/// Print all settings of controllers, scheduler and kubelets, as TOML with remarks
///
/// A settings file need not hold all of them: what it leaves out is as in the preset `default`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    settings: SettingsArgs,
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let text = args.settings.read()?.document();
    write!(out, "{text}")?;
    Ok(ExitCode::SUCCESS)
}
