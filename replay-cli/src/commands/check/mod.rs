//! `kubetape check`: what the API server would say of manifests, before anything is applied.

mod annotations;
mod cluster;
mod files;
mod judge;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::error::CliError;
use crate::output::Out;
use crate::state;
use crate::timespec::Moment;
use files::Sources;
use judge::Report;

const EXAMPLES: &str = "\
Examples:
  # Files, folders, a pipe
  kubetape check daemonset.yaml manifests/
  kustomize build . | kubetape check -

  # Where would it run in this cluster, and what keeps it off the other nodes?
  kubetape check daemonset.yaml --cluster traces/lesson.tape

  # In CI: annotations on the pull request, or a report for code scanning
  kubetape check manifests/ --format github
  kubetape check manifests/ --format sarif > kubetape.sarif

Exit status:
  0  every manifest passes
  1  at least one would be refused
  2  a file could not be read";

/// Check manifests as the API server would, and say what is wrong where
///
/// Manifests are decoded, defaulted and validated with the rules of Kubernetes 1.36, and every problem is
/// reported at once, with its place. Kinds that placement does not depend on are counted and passed over.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files of manifests, YAML or JSON; folders are searched for .yaml, .yml and .json; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also say on which nodes of a log's cluster, at its end, the DaemonSets would run
    #[arg(long, value_name = "LOG")]
    cluster: Option<PathBuf>,
    /// The namespace of objects that name none
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    /// The form of the report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The form of the report on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Problems with the lines that they are about, for people.
    #[default]
    Text,
    /// JSON with stable field names, for programs.
    Json,
    /// Workflow commands that become annotations.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let sources = Sources::read(&args.files)?;
    let cluster = match &args.cluster {
        Some(path) => Some(state::fold(path, Moment::End, out)?),
        None => None,
    };
    let report = judge::judge(&sources, &args.namespace, cluster);
    match args.format {
        Format::Text => text::print(&report, &sources, out)?,
        Format::Json => out.json(&report)?,
        Format::Github => annotations::github(&report, out)?,
        Format::Sarif => out.json(&annotations::sarif(&report))?,
    }
    Ok(status(&report))
}

fn status(report: &Report) -> ExitCode {
    if report.refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(crate::DIFFERENT) }
}
