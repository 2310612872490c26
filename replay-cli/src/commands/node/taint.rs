//! `kubetape node taint`.

use std::path::PathBuf;

use kubetape_engine::event::{Body, Track};
use kubetape_engine::names::{Effect, NodeId, Taint};

use super::Targets;
use super::words::{TaintArg, check_label, effect_arg, taint_arg};
use crate::edit::{Editor, When};
use crate::error::CliError;
use crate::output::Out;

const EXAMPLES: &str = "\
Examples:
  # Put a taint on
  kubetape node taint x.tape worker-1 dedicated=gpu:NoSchedule

  # Take it off: that effect, or whatever its effect
  kubetape node taint x.tape worker-1 dedicated:NoSchedule-
  kubetape node taint x.tape worker-1 dedicated-";

/// Put taints on nodes, or take them off, as `kubectl taint nodes` does
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "kubetape node taint [OPTIONS] FILE NODE... KEY[=VALUE]:EFFECT|KEY[:EFFECT]-...")]
pub struct Args {
    /// The log
    file: PathBuf,
    /// Nodes, then taints: KEY=VALUE:EFFECT or KEY:EFFECT puts one on, KEY:EFFECT- or KEY- takes it off
    #[arg(required = true, value_name = "NODE... KEY=VALUE:EFFECT|KEY-")]
    words: Vec<String>,
    /// Change taints that have another value
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    when: When,
}

enum Change {
    Set(TaintArg),
    /// A key, and the effect if only that one is meant.
    Remove(String, Option<Effect>),
}

pub fn run(args: &Args, out: &mut Out) -> Result<(), CliError> {
    let (nodes, changes) = split(&args.words).map_err(CliError::new)?;
    if changes.is_empty() {
        return Err(CliError::new("no taint is given")
            .hint("KEY=VALUE:EFFECT or KEY:EFFECT puts one on, KEY:EFFECT- or KEY- takes it off"));
    }
    let mut editor = Editor::open(&args.file, &args.when, out)?;
    for (node, name) in args.targets.resolve(&nodes, &editor)? {
        let mut set = false;
        for change in &changes {
            match change {
                Change::Set(taint) => {
                    put_on(&mut editor, node, &name, taint, args.overwrite)?;
                    set = true;
                }
                Change::Remove(key, effect) => take_off(&mut editor, node, &name, key, *effect)?,
            }
        }
        writeln!(out, "node/{name} {}", if set { "tainted" } else { "untainted" })?;
    }
    editor.commit(out)
}

fn split(words: &[String]) -> Result<(Vec<&str>, Vec<Change>), String> {
    let (mut nodes, mut changes) = (Vec::new(), Vec::new());
    for word in words {
        if let Some(taint) = word.strip_suffix('-') {
            let (label, effect) = match taint.rsplit_once(':') {
                Some((label, effect)) => (label, Some(effect_arg(effect)?)),
                None => (taint, None),
            };
            let key = label.split_once('=').map_or(label, |(key, _)| key);
            check_label(key, "")?;
            changes.push(Change::Remove(key.to_owned(), effect));
        } else if word.contains([':', '=']) {
            changes.push(Change::Set(taint_arg(word)?));
        } else if changes.is_empty() {
            nodes.push(word.as_str());
        } else {
            return Err(format!("{word:?} is not a taint (KEY=VALUE:EFFECT), and nodes come before taints"));
        }
    }
    Ok((nodes, changes))
}

fn put_on(
    editor: &mut Editor,
    node: NodeId,
    name: &str,
    taint: &TaintArg,
    overwrite: bool,
) -> Result<(), CliError> {
    let new = taint.intern(&mut editor.state.names);
    let taints = editor.state.cluster.node(node).map_or(&[][..], |node| &node.taints);
    if taints.iter().any(|old| old.key == new.key && old.effect == new.effect) && !overwrite {
        return Err(CliError::new(format!(
            "node {name} already has {} taint(s) with same effect(s) and --overwrite is false",
            taint.key
        )));
    }
    editor.add(Track::Cluster, Body::NodeTaintAdded { node, taint: new }).map(|_| ())
}

fn take_off(
    editor: &mut Editor,
    node: NodeId,
    name: &str,
    key: &str,
    effect: Option<Effect>,
) -> Result<(), CliError> {
    let sym = editor.state.names.sym(key);
    let taints = editor.state.cluster.node(node).map_or(&[][..], |node| &node.taints);
    let meant = |taint: &&Taint| taint.key == sym && effect.is_none_or(|effect| effect == taint.effect);
    let effects: Vec<_> = taints.iter().filter(meant).map(|taint| taint.effect).collect();
    if effects.is_empty() {
        let effect = effect.map(|effect| format!(":{}", effect.as_str())).unwrap_or_default();
        return Err(CliError::new(format!("taint \"{key}{effect}\" not found on node {name}")));
    }
    for effect in effects {
        editor.add(Track::Cluster, Body::NodeTaintRemoved { node, key: sym, effect })?;
    }
    Ok(())
}
