//! `kubetape apply`: manifests added to a log by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use kubetape_engine::event::Track;

use crate::edit::{Editor, When};
use crate::error::CliError;
use crate::manifests::Manifests;
use crate::output::Out;
use crate::state::State;

const EXAMPLES: &str = "\
Examples:
  # All documents of the files, as one atomic batch
  kubetape apply x.tape -f fluentd.yaml -f priority-classes.yaml

  # From a pipe, ten minutes after the last event
  kustomize build . | kubetape apply x.tape -f - --after 10m";

/// Apply manifests, as `kubectl apply` does
///
/// Manifests are decoded, defaulted and validated as the API server would. All documents are applied, or none.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The log; it is made if it does not exist
    file: PathBuf,
    /// A file of manifests, YAML or JSON; `-` is standard input; may be given more than once
    #[arg(long = "filename", short = 'f', required = true, value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// The namespace of objects that name none
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    #[command(flatten)]
    when: When,
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let manifests = Manifests::read(&args.manifests)?;
    let mut editor = Editor::open(&args.file, &args.when, out)?;
    let State { names, cluster, .. } = &mut editor.state;
    let deeds = manifests.admit(&args.namespace, cluster, names)?;
    for body in deeds.bodies {
        editor.add(Track::User, body)?;
    }
    for line in deeds.lines {
        writeln!(out, "{line}")?;
    }
    for remark in deeds.remarks {
        out.note(remark);
    }
    editor.commit(out)?;
    Ok(ExitCode::SUCCESS)
}
