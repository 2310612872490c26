//! `kubetape import`: recordings of real clusters made into logs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubetape_engine::import::{self, ImportError, Imported, Report, Source};
use kubetape_engine::log::Writer;
use kubetape_engine::names::Names;
use kubetape_engine::time::Micros;

use crate::error::CliError;
use crate::output::Out;
use crate::tape::Output;
use crate::timespec;

const EXAMPLES: &str = "\
Examples:
  # Record a cluster for a while, then make a log of it
  kubectl get nodes,daemonsets,replicasets,deployments,controllerrevisions,pods -A -o json > start.json
  kubectl get pods -A --watch --output-watch-events -o json > pods.json
  kubetape import start.json pods.json -o cluster.tape

  # The API server's audit log beside a watch settles who did what
  kubetape import watch.jsonl.gz audit.jsonl.gz -o cluster.tape

  # From a pipe, and into one
  zcat watch.jsonl.gz | kubetape import - -o cluster.tape
  kubetape import watch.jsonl.gz -o - | kubetape show - nodes

What a source is shows in its content: watch streams (JSON lines with `time`, `type` and `object`, or kubectl's
concatenated JSON), audit logs, lists and single objects in JSON or YAML; gzip or not.";

/// Make a log from recordings of a real cluster
///
/// Every change of an object becomes the precise event that it was, on the track of whoever caused it. What was
/// read, dropped and inferred is counted on standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Recordings of one cluster; `-` is standard input
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// The log to make; `-` is standard output
    #[arg(long, short, value_name = "LOG")]
    output: PathBuf,
    /// Overwrite LOG if it exists
    #[arg(long)]
    force: bool,
    /// How long the cluster let nodes be silent before it marked them: --node-monitor-grace-period of its
    /// kube-controller-manager
    #[arg(long, value_name = "DURATION", default_value = "50s", value_parser = timespec::duration)]
    node_monitor_grace_period: Micros,
    /// Accept that nodes are deleted that were never added, and leave that out
    #[arg(long)]
    allow_missing: bool,
}

/// How many events are committed at once.
const BATCH: usize = 4096;

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    // Opened first: an output that is in the way is not worth an hour's reading.
    let mut log = Output::create(&args.output, args.force, out)?;
    let (sources, total) = open(&args.sources)?;
    let options = import::Options {
        node_monitor_grace: args.node_monitor_grace_period,
        allow_missing: args.allow_missing,
    };
    let mut progress = out.progress("importing");
    let mut names = Names::new();
    let imported =
        import::import(sources, &options, &mut names, &mut |done| progress.update(done, total, "bytes"));
    drop(progress);
    let imported = imported.map_err(failure)?;
    write(&mut log, &names, &imported)?;
    log.finish()?;
    tell(args, &imported, out);
    Ok(ExitCode::SUCCESS)
}

/// Opens all sources, and adds up their sizes where all are files.
pub(super) fn open(paths: &[PathBuf]) -> Result<(Vec<Source>, Option<u64>), CliError> {
    let mut total = Some(0);
    let mut sources = Vec::new();
    for path in paths {
        let (name, bytes): (_, Box<dyn Read + Send>) = if path == Path::new("-") {
            total = None;
            ("standard input".to_owned(), Box::new(std::io::stdin()))
        } else {
            let failed = |error| CliError::file("read", path, &error);
            let file = File::open(path).map_err(failed)?;
            let about = file.metadata().map_err(failed)?;
            if about.is_dir() {
                return Err(CliError::new(format!("{} is a folder", path.display()))
                    .hint(format!("name the files in it: {}/*", path.display())));
            }
            total = total.map(|total: u64| total + about.len());
            (path.display().to_string(), Box::new(file))
        };
        sources.push(Source { name, bytes });
    }
    Ok((sources, total))
}

fn write(log: &mut Writer, names: &Names, imported: &Imported) -> Result<(), CliError> {
    if !imported.genesis.is_empty() {
        log.append_genesis(names, &imported.genesis)?;
    }
    for batch in imported.events.chunks(BATCH) {
        log.append(names, batch)?;
    }
    Ok(())
}

/// The importer's words, in the form of all others: message, place, hint.
pub(super) fn failure(error: ImportError) -> CliError {
    let place = match &error {
        ImportError::BadJson { place, column, .. } => Some(format!("{place}:{column}")),
        ImportError::CutOff { place }
        | ImportError::BadYaml { place, .. }
        | ImportError::Unrecognised { place, .. }
        | ImportError::NoKind { place }
        | ImportError::NoName { place, .. }
        | ImportError::BadType { place, .. }
        | ImportError::WatchError { place, .. }
        | ImportError::BadField { place, .. }
        | ImportError::NeverAdded { place, .. }
        | ImportError::DoesNotFit { place, .. } => Some(place.to_string()),
        ImportError::TruncatedGzip { name, offset }
        | ImportError::BadGzip { name, offset, .. }
        | ImportError::Undetectable { name, offset, .. } => Some(format!("{name}, byte {offset}")),
        ImportError::Empty { name } => Some(name.clone()),
        _ => None,
    };
    // The library puts place and advice into its sentence, where there is no terminal to lay them out on.
    let sentence = error.to_string();
    let source = place.as_deref().map(|place| place.split([':', ',']).next().unwrap_or_default());
    let said = source.and_then(|source| strip_place(&sentence, source)).unwrap_or(&sentence);
    let (message, hint) = said.split_once("; ").unwrap_or((said, advice(&error)));
    let failed = match (&error, place) {
        (ImportError::Empty { name }, _) => CliError::new(format!("{name} {message}")),
        (_, Some(place)) => CliError::new(message).at(place),
        (_, None) => CliError::new(message),
    };
    let hint = hint.replace("allow missing beginnings", "leave that out with --allow-missing");
    if hint.is_empty() { failed } else { failed.hint(hint) }
}

/// What to do, where the library does not say.
fn advice(error: &ImportError) -> &'static str {
    match error {
        ImportError::BadJson { .. } | ImportError::BadYaml { .. } => {
            "the recording was damaged or edited there; mend or leave out what begins on that line"
        }
        ImportError::NoName { .. } => {
            "every Kubernetes object has a name; leave that line out or record again"
        }
        ImportError::Unrecognised { .. } => "is it a recording of a Kubernetes cluster?",
        _ => "",
    }
}

/// The sentence after `source:` or `source:line:`.
fn strip_place<'a>(sentence: &'a str, source: &str) -> Option<&'a str> {
    let rest = sentence.strip_prefix(source)?.strip_prefix(':')?;
    let rest = rest.trim_start().strip_prefix("byte ").unwrap_or(rest);
    let after_number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    Some(after_number.strip_prefix(':').unwrap_or(after_number).trim_start())
}

fn tell(args: &Args, imported: &Imported, out: &mut Out) {
    let Report { sources, objects, span, tracks, dropped, inferred, .. } = &imported.report;
    for source in sources {
        let gzip = if source.gzip { ", gzip" } else { "" };
        out.note(format!("{}: {}{gzip}, {} values", source.name, source.kind.as_str(), source.values));
    }
    let (before, events) = (imported.genesis.len(), imported.events.len());
    let span = span.map(|(from, to)| format!(" from {from} to {to} ({})", to - from)).unwrap_or_default();
    out.note(format!("{}: {before} events of genesis, {events} events{span}", args.output.display()));
    let tracks = tracks.iter().map(|(track, count)| (track.as_str(), *count));
    list("  by track", tracks, out);
    list("  objects", objects.iter().map(|(kind, count)| (kind.as_str(), *count)), out);
    list("  left out", dropped.iter().map(|(what, count)| (*what, *count)), out);
    list("  inferred", inferred.iter().map(|(what, count)| (what.as_str(), *count)), out);
    let Report { attributed, opaque_kinds, ignored_kinds, warnings, .. } = &imported.report;
    list("  attributed from", attributed.iter().map(|(what, count)| (*what, *count)), out);
    list("  kept as they are", counts(opaque_kinds), out);
    list("  kinds left out", counts(ignored_kinds), out);
    for warning in warnings {
        out.warn(warning);
    }
}

fn counts(map: &BTreeMap<String, u64>) -> impl Iterator<Item = (&str, u64)> {
    map.iter().map(|(what, count)| (what.as_str(), *count))
}

fn list<'a>(title: &str, counts: impl Iterator<Item = (&'a str, u64)>, out: &mut Out) {
    let counts: Vec<_> = counts.map(|(what, count)| format!("{what} {count}")).collect();
    if !counts.is_empty() {
        out.note(format!("{title}: {}", counts.join(", ")));
    }
}
