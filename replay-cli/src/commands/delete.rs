//! `kubetape delete`: objects and pods deleted by hand, in kubectl's argument style.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use kubetape_engine::cluster::deletion_is_immediate;
use kubetape_engine::event::{Body, Propagation, Track, Why};
use kubetape_engine::names::{PodId, Sym};
use kubetape_engine::time::ApiSeconds;

use crate::edit::{Editor, When, near};
use crate::error::CliError;
use crate::kinds::{self, Kind};
use crate::output::Out;

const EXAMPLES: &str = "\
Examples:
  # Delete a DaemonSet and, after it, its pods
  kubetape delete x.tape daemonset/fluentd -n logging

  # Delete it and leave its pods alone
  kubetape delete x.tape ds/fluentd --cascade orphan

  # Delete a pod; its owner will make another
  kubetape delete x.tape pod/fluentd-x7k2p";

/// Delete objects, as `kubectl delete` does
///
/// This adds the request to the log. What follows from it, such as the deletion of a DaemonSet's pods, is the
/// garbage collector's; a run simulates that.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "kubetape delete [OPTIONS] FILE KIND/NAME...\n       kubetape delete [OPTIONS] FILE KIND NAME...")]
pub struct Args {
    /// The log
    file: PathBuf,
    /// What to delete
    #[arg(required = true, value_name = "KIND/NAME")]
    words: Vec<String>,
    /// The namespace
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    /// How what the objects own is treated
    #[arg(long, value_enum, default_value = "background", value_name = "HOW")]
    cascade: Cascade,
    /// How long pods may take to end [default: what their spec says]
    #[arg(long, value_name = "SECONDS")]
    grace_period: Option<u32>,
    #[command(flatten)]
    when: When,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cascade {
    /// The object goes at once, what it owns after it
    Background,
    /// What it owns goes first
    Foreground,
    /// What it owns stays
    Orphan,
}

impl From<Cascade> for Propagation {
    fn from(cascade: Cascade) -> Self {
        match cascade {
            Cascade::Background => Propagation::Background,
            Cascade::Foreground => Propagation::Foreground,
            Cascade::Orphan => Propagation::Orphan,
        }
    }
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let targets = targets(&args.words)?;
    let mut editor = Editor::open(&args.file, &args.when, out)?;
    for (kind, name) in targets {
        match kind.kind {
            "Pod" => delete_pod(args, name, &mut editor)?,
            "Node" => {
                let node = editor.node(name)?;
                editor.add(Track::Cluster, Body::NodeLeft { node })?;
            }
            _ => delete_object(args, kind, name, &mut editor)?,
        }
        writeln!(out, "{} {name:?} deleted", kind.qualified())?;
    }
    editor.commit(out)?;
    Ok(ExitCode::SUCCESS)
}

/// `KIND/NAME…` or `KIND NAME…`, taken apart.
fn targets(words: &[String]) -> Result<Vec<(&'static Kind, &str)>, CliError> {
    let find = |kind: &str| {
        kinds::find(kind).ok_or_else(|| {
            CliError::new(format!("no kind is called {kind:?}")).hint(format!("kinds are {}", kinds::list()))
        })
    };
    match words {
        [kind, names @ ..] if !kind.contains('/') => {
            let kind = find(kind)?;
            match names {
                [] => Err(CliError::new(format!("which {} is to be deleted?", kind.kind))
                    .hint(format!("name it: {}/NAME", kind.plural))),
                names => Ok(names.iter().map(|name| (kind, name.as_str())).collect()),
            }
        }
        words => words
            .iter()
            .map(|word| {
                let (kind, name) = word.split_once('/').ok_or_else(|| {
                    CliError::new(format!("{word:?} is not KIND/NAME")).hint("as in daemonset/fluentd")
                })?;
                Ok((find(kind)?, name))
            })
            .collect(),
    }
}

fn delete_object(args: &Args, kind: &Kind, name: &str, editor: &mut Editor) -> Result<(), CliError> {
    let names = &mut editor.state.names;
    let namespace = if kind.namespaced { names.sym(&args.namespace) } else { Sym::EMPTY };
    let (kind_sym, name_sym) = (names.sym(kind.kind), names.sym(name));
    let Some(object) = editor.state.cluster.find_object(kind_sym, namespace, name_sym) else {
        let state = &editor.state;
        let others = state.cluster.objects_of_kind(kind_sym).map(|object| object.key);
        let others = others.filter(|key| key.namespace == namespace).map(|key| state.names.text(key.name));
        return Err(missing(args, kind, name, others));
    };
    let (object, propagation) = (object.id, args.cascade.into());
    editor.add(Track::User, Body::DeleteRequested { object, propagation }).map(|_| ())
}

fn delete_pod(args: &Args, name: &str, editor: &mut Editor) -> Result<(), CliError> {
    let state = &editor.state;
    let namespace = state.names.find_sym(&args.namespace);
    let pods = state.cluster.pods().filter(|(_, pod)| Some(pod.namespace) == namespace);
    let named: Vec<_> = pods.map(|(id, _)| (state.cluster.pod_name(id, &state.names), id)).collect();
    let Some((_, id)) = named.iter().find(|(other, _)| other == name) else {
        let others = named.iter().map(|(name, _)| name.as_str());
        return Err(missing(args, &kinds::POD, name, others));
    };
    let id = *id;
    let (grace_s, immediate) = grace(args, id, editor);
    let deadline = ApiSeconds(editor.at().api_seconds().0.saturating_add(i64::from(grace_s)));
    editor.add(Track::User, Body::PodDeleted { pod: id, why: Why::User, grace_s, deadline })?;
    if immediate {
        editor.add(Track::User, Body::PodGone { pod: id })?;
    }
    Ok(())
}

/// How many seconds a pod has to end, and whether it goes at once.
fn grace(args: &Args, id: PodId, editor: &Editor) -> (u32, bool) {
    let cluster = &editor.state.cluster;
    let Some(pod) = cluster.pod(id) else { return (0, true) };
    let spec = cluster.shape(pod.shape).map_or(30, |shape| shape.grace_s);
    match args.grace_period.unwrap_or(spec) {
        _ if deletion_is_immediate(&pod) => (0, true),
        0 => (0, true),
        grace_s => (grace_s, false),
    }
}

fn missing<'a>(args: &Args, kind: &Kind, name: &str, others: impl Iterator<Item = &'a str>) -> CliError {
    let place = if kind.namespaced { format!(" in namespace {:?}", args.namespace) } else { String::new() };
    let error = CliError::new(format!("{} {name:?} does not exist{place}", kind.kind));
    near(error, name, others, kind.kind, Path::new(&args.file))
}
