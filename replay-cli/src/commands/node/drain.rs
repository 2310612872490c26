//! `kubetape node drain`: nodes are emptied, as `kubectl drain` does it.

use kubetape_engine::drain::{DrainOptions, aggregate};
use kubetape_engine::event::{Body, Track};
use kubetape_engine::time::Micros;

use super::Nodes;
use crate::edit::Editor;
use crate::error::CliError;
use crate::output::Out;
use crate::selector::Selector;
use crate::timespec;

/// Cordon nodes and evict their pods, as `kubectl drain` does
///
/// This adds the request to the log. The evictions, what PodDisruptionBudgets have to say of them, and kubectl's trying
/// again every 5 s follow from it; a run simulates that.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubetape node drain x.tape worker-1 --ignore-daemonsets\n  kubetape node drain x.tape worker-1 --ignore-daemonsets --force --delete-emptydir-data --timeout 5m"
)]
pub struct Args {
    #[command(flatten)]
    nodes: Nodes,
    /// Go on although there are pods of DaemonSets, which stay
    #[arg(long)]
    ignore_daemonsets: bool,
    /// Take pods without controller too
    #[arg(long)]
    force: bool,
    /// Take pods with emptyDir volumes too
    #[arg(long)]
    delete_emptydir_data: bool,
    /// Delete instead of evict: disruption budgets are not asked
    #[arg(long)]
    disable_eviction: bool,
    /// How many seconds pods may take to end; -1: what their spec says
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    grace_period: i64,
    /// When to give up; 0: never
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = timespec::duration)]
    timeout: Micros,
    /// Take only pods with these labels
    #[arg(long, value_name = "SELECTOR")]
    pod_selector: Option<Selector>,
}

impl Args {
    fn options(&self) -> Result<DrainOptions, CliError> {
        let seconds = |number: i64, what: &str| {
            u32::try_from(number).map_err(|_| {
                CliError::new(format!("{what} is {number} s, which is more than a pod can be given"))
            })
        };
        let grace = (self.grace_period >= 0).then_some(self.grace_period);
        let timeout = (self.timeout > Micros::ZERO).then_some((self.timeout.0 + 999_999) / 1_000_000);
        Ok(DrainOptions {
            ignore_daemonsets: self.ignore_daemonsets,
            force: self.force,
            delete_emptydir_data: self.delete_emptydir_data,
            disable_eviction: self.disable_eviction,
            grace_period_seconds: grace.map(|grace| seconds(grace, "--grace-period")).transpose()?,
            timeout_seconds: timeout.map(|timeout| seconds(timeout, "--timeout")).transpose()?,
            pod_selector: self.pod_selector.as_ref().map(Selector::to_api),
        })
    }
}

pub fn run(args: &Args, out: &mut Out) -> Result<(), CliError> {
    let options = args.options()?;
    let mut editor = Editor::open(&args.nodes.file, &args.nodes.when, out)?;
    let names: Vec<_> = args.nodes.nodes.iter().map(String::as_str).collect();
    let document = editor.state.names.doc(&options.document());
    let nodes = args.nodes.targets.resolve(&names, &editor)?;
    for (node, name) in &nodes {
        let state = &mut editor.state;
        // Only pods that the log knows of can be judged now; those of a run to come are judged when it gets there.
        let selection = options.select(&state.cluster, &mut state.names, *node);
        if !selection.errors.is_empty() {
            let errors = aggregate(&selection.errors);
            return Err(CliError::new(format!("unable to drain node {name:?} due to error: {errors}"))
                .at(args.nodes.file.display())
                .hint("nothing was added to the log; `kubetape help node drain` says what the flags do"));
        }
        if !selection.warnings.is_empty() {
            out.warn(selection.warnings.join("; "));
        }
    }
    for (node, name) in &nodes {
        let cordoned = editor.add(Track::Cluster, Body::NodeCordoned { node: *node })?.effective;
        writeln!(out, "node/{name} {}", if cordoned { "cordoned" } else { "already cordoned" })?;
    }
    for (node, name) in &nodes {
        editor.add(Track::User, Body::DrainRequested { node: *node, options: document })?;
        writeln!(out, "node/{name} is to be drained")?;
    }
    editor.commit(out)
}
