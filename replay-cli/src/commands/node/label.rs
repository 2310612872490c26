//! `kubetape node label`.

use std::path::PathBuf;

use kubetape_engine::event::{Body, Track};
use kubetape_engine::names::NodeId;
use kubetape_engine::selector::Labels;

use super::Targets;
use super::words::check_label;
use crate::edit::{Editor, When};
use crate::error::CliError;
use crate::output::Out;

const EXAMPLES: &str = "\
Examples:
  # Put a label on, take another off
  kubetape node label x.tape worker-1 run-fluentd=true spot-

  # Change a label's value, ten minutes after the last event
  kubetape node label x.tape worker-1 run-fluentd=false --overwrite --after 10m

  # All nodes of a pool
  kubetape node label x.tape -l pool=gpu drain=soon";

/// Put labels on nodes, or take them off, as `kubectl label nodes` does
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "kubetape node label [OPTIONS] FILE NODE... KEY=VALUE|KEY-...")]
pub struct Args {
    /// The log
    file: PathBuf,
    /// Nodes, then labels: KEY=VALUE puts one on, KEY- takes it off
    #[arg(required = true, value_name = "NODE... KEY=VALUE|KEY-")]
    words: Vec<String>,
    /// Change labels that have another value
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    when: When,
}

/// What is asked for.
enum Change<'a> {
    Set(&'a str, &'a str),
    Remove(&'a str),
}

pub fn run(args: &Args, out: &mut Out) -> Result<(), CliError> {
    let (nodes, changes) = split(&args.words)?;
    let mut editor = Editor::open(&args.file, &args.when, out)?;
    for (node, name) in args.targets.resolve(&nodes, &editor)? {
        let (mut set, mut removed) = (false, false);
        for change in &changes {
            match *change {
                Change::Set(key, value) => set |= put_on(&mut editor, node, key, value, args.overwrite)?,
                Change::Remove(key) => {
                    let off = take_off(&mut editor, node, key)?;
                    if !off {
                        out.note(format!("label {key:?} not found on node {name}"));
                    }
                    removed |= off;
                }
            }
        }
        let done = match (set, removed) {
            (true, _) => "labeled",
            (false, true) => "unlabeled",
            (false, false) => "not labeled",
        };
        writeln!(out, "node/{name} {done}")?;
    }
    editor.commit(out)
}

fn split(words: &[String]) -> Result<(Vec<&str>, Vec<Change<'_>>), CliError> {
    let (mut nodes, mut changes) = (Vec::new(), Vec::new());
    for word in words {
        if let Some((key, value)) = word.split_once('=') {
            check_label(key, value).map_err(CliError::new)?;
            changes.push(Change::Set(key, value));
        } else if let Some(key) = word.strip_suffix('-') {
            check_label(key, "").map_err(CliError::new)?;
            changes.push(Change::Remove(key));
        } else if changes.is_empty() {
            nodes.push(word.as_str());
        } else {
            return Err(CliError::new(format!("{word:?} is neither KEY=VALUE nor KEY-"))
                .hint("nodes come before labels"));
        }
    }
    if changes.is_empty() {
        return Err(CliError::new("no label is given").hint("KEY=VALUE puts one on, KEY- takes it off"));
    }
    Ok((nodes, changes))
}

fn put_on(
    editor: &mut Editor,
    node: NodeId,
    key: &str,
    value: &str,
    overwrite: bool,
) -> Result<bool, CliError> {
    let names = &mut editor.state.names;
    let (key_sym, value_sym) = (names.sym(key), names.sym(value));
    let old = editor.state.cluster.node(node).and_then(|node| node.labels.value(key_sym));
    if let Some(old) = old.filter(|old| *old != value_sym && !overwrite) {
        let old = editor.state.names.text(old);
        return Err(CliError::new(format!("{key:?} already has a value ({old}), and --overwrite is false")));
    }
    let body = Body::NodeLabelSet { node, key: key_sym, value: value_sym };
    Ok(editor.add(Track::Cluster, body)?.effective)
}

fn take_off(editor: &mut Editor, node: NodeId, key: &str) -> Result<bool, CliError> {
    let key = editor.state.names.sym(key);
    Ok(editor.add(Track::Cluster, Body::NodeLabelRemoved { node, key })?.effective)
}
