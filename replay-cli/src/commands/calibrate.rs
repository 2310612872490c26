//! `kubetape calibrate`: learn settings from a recording.

use std::path::PathBuf;
use std::process::ExitCode;

use kubetape_engine::calibrate::{Calibration, Learnt};
use kubetape_engine::log::Reader;
use kubetape_engine::names::Names;

use crate::error::CliError;
use crate::output::Out;
use crate::settings::SettingsArgs;

const EXAMPLES: &str = "\
Examples:
  # How fast were this cluster's kubelets, and its control plane?
  kubetape import watch.jsonl.gz audit.jsonl.gz -o cluster.tape
  kubetape calibrate cluster.tape -o cluster.toml

  # Replay with what was learnt
  kubetape run cluster.tape --settings cluster.toml";

/// Learn settings from a recording: how long its scheduler and kubelets took, and how fast its controller could write
///
/// Latencies are learnt as they were observed, for all pods and for each workload that has enough of them. The rate
/// limit of the DaemonSet controller's client is learnt where its writes came up against one. What the recording does
/// not say is as in --settings or --control-plane.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The recording: a log
    recording: PathBuf,
    /// Write the settings there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite FILE if it exists
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let settings = args.settings.read()?;
    let mut reader = Reader::open(&args.recording)?;
    let (mut names, mut batch) = (Names::new(), Vec::new());
    let mut calibration = Calibration::default();
    while reader.next_batch(&mut names, &mut batch)?.is_some() {
        batch.iter().for_each(|event| calibration.note(event));
    }
    let learnt = calibration.finish(settings, &names);
    if learnt.started == 0 {
        return Err(CliError::new("no pod of the recording was seen from its binding to its start")
            .at(args.recording.display())
            .hint("it takes events of the scheduler and the kubelets: a recording, or a run"));
    }
    say(&learnt, out);
    let text = learnt.settings.document();
    match &args.output {
        None => write!(out, "{text}")?,
        Some(path) if path.exists() && !args.force => {
            return Err(CliError::new(format!("{} exists already", path.display()))
                .hint("choose another name, or overwrite it with --force"));
        }
        Some(path) => std::fs::write(path, text).map_err(|error| CliError::file("write", path, &error))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn say(learnt: &Learnt, out: &mut Out) {
    let Learnt { bound, started, became_ready, stopped, client, .. } = learnt;
    out.note(format!("seen: {bound} pods bound, {started} started, {became_ready} ready, {stopped} stopped"));
    out.note(match client {
        Some(limit) => format!(
            "the DaemonSet controller wrote {} a second at most, and {} at once after a pause",
            limit.per_second, limit.burst
        ),
        None => "the DaemonSet controller never wrote long enough to show its limit".to_owned(),
    });
}
