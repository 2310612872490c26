//! `kubetape node`: what happens to nodes, added to a log by hand in kubectl's argument style.

mod drain;
mod join;
mod label;
mod other;
mod taint;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use kubetape_engine::names::NodeId;

use crate::edit::{Editor, When};
use crate::error::CliError;
use crate::output::Out;
use crate::selector::Selector;

/// Add what happens to a node to a log: it joins, leaves, is labelled, tainted, cordoned, drained, …
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Join(join::Args),
    Leave(other::Leave),
    Label(label::Args),
    Taint(taint::Args),
    Cordon(other::Cordon),
    Uncordon(other::Uncordon),
    Drain(drain::Args),
    Condition(other::Condition),
    Capacity(other::Capacity),
    Silence(other::Silence),
    Return(other::Return),
}

/// Which nodes, where a verb takes several.
#[derive(Clone, Debug, clap::Args)]
struct Targets {
    /// All nodes
    #[arg(long, conflicts_with = "selector")]
    all: bool,
    /// The nodes that have these labels
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<Selector>,
}

/// The log, and the nodes by name.
#[derive(Clone, Debug, clap::Args)]
struct Nodes {
    /// The log
    file: PathBuf,
    /// The nodes
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    when: When,
}

impl Targets {
    /// The nodes that are meant, by name or otherwise.
    fn resolve(&self, names: &[&str], editor: &Editor) -> Result<Vec<(NodeId, String)>, CliError> {
        let state = &editor.state;
        let named = |id: NodeId| (id, state.names.node_name(id).to_owned());
        let all = state.cluster.nodes().iter().copied();
        match (self.all, &self.selector, names) {
            (true, _, []) => Ok(all.map(named).collect()),
            (false, Some(selector), []) => {
                let labels = |id: &NodeId| state.cluster.node(*id).map_or(&[][..], |node| &node.labels);
                Ok(all.filter(|id| selector.matches(labels(id), &state.names)).map(named).collect())
            }
            (false, None, [_, ..]) => names.iter().map(|name| editor.node(name).map(named)).collect(),
            (false, None, []) => {
                Err(CliError::new("no node is named").hint("name nodes, or take --all or --selector"))
            }
            _ => Err(CliError::new("nodes are named, and --all or --selector is given too")
                .hint("take one or the other")),
        }
    }
}

pub fn run(command: Command, out: &mut Out) -> Result<ExitCode, CliError> {
    match command {
        Command::Join(args) => join::run(&args, out),
        Command::Leave(args) => other::leave(&args, out),
        Command::Label(args) => label::run(&args, out),
        Command::Taint(args) => taint::run(&args, out),
        Command::Cordon(args) => other::cordon(&args, out),
        Command::Uncordon(args) => other::uncordon(&args, out),
        Command::Drain(args) => drain::run(&args, out),
        Command::Condition(args) => other::condition(&args, out),
        Command::Capacity(args) => other::capacity(&args, out),
        Command::Silence(args) => other::silence(&args, out),
        Command::Return(args) => other::come_back(&args, out),
    }?;
    Ok(ExitCode::SUCCESS)
}
