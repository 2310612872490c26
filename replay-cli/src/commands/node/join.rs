//! `kubetape node join`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kubetape_engine::event::{Body, ConditionStatus, Track};
use kubetape_engine::names::{Effect, Names, NodeSpec, ResourceList, ResourcesId, Taint, sym};
use kubetape_engine::quantity::parse_scaled;
use kubetape_engine::selector::is_dns_subdomain;

use super::words::{TaintArg, label, taint_arg};
use crate::edit::{Editor, When};
use crate::error::CliError;
use crate::output::Out;

const EXAMPLES: &str = "\
Examples:
  # Two ordinary workers, in a new log
  kubetape node join x.tape worker-1 worker-2

  # A tainted control-plane node
  kubetape node join x.tape control-plane-1 \\
    --labels node-role.kubernetes.io/control-plane= \\
    --taint node-role.kubernetes.io/control-plane:NoSchedule

  # A large one that is not ready yet; `node condition` makes it ready
  kubetape node join x.tape big-1 --cpu 64 --memory 256Gi --pods 250 --not-ready";

/// Let nodes join
///
/// A node joins with the labels that kubelets give themselves (kubernetes.io/hostname, os, arch) and is Ready.
/// With --not-ready it joins as a real one does: condition Ready is False, and it is tainted
/// node.kubernetes.io/not-ready:NoSchedule.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The log; it is made if it does not exist
    file: PathBuf,
    /// The nodes' names
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// Labels, besides those that kubelets set
    #[arg(long, short, value_name = "KEY=VALUE,...", value_delimiter = ',', value_parser = label)]
    labels: Vec<(String, String)>,
    /// A taint; may be given more than once
    #[arg(long = "taint", value_name = "KEY[=VALUE]:EFFECT", value_parser = taint_arg)]
    taints: Vec<TaintArg>,
    /// Do not be Ready yet
    #[arg(long)]
    not_ready: bool,
    /// Be cordoned from the start
    #[arg(long)]
    unschedulable: bool,
    #[command(flatten)]
    resources: Resources,
    #[command(flatten)]
    when: When,
}

/// What a node has to give to pods.
#[derive(Clone, Debug, clap::Args)]
pub struct Resources {
    /// CPUs
    #[arg(long, value_name = "QUANTITY", default_value = "4", value_parser = quantity)]
    cpu: String,
    /// Memory
    #[arg(long, value_name = "QUANTITY", default_value = "16Gi", value_parser = quantity)]
    memory: String,
    /// How many pods fit
    #[arg(long, value_name = "NUMBER", default_value = "110", value_parser = quantity)]
    pods: String,
    /// Local storage
    #[arg(long, value_name = "QUANTITY", default_value = "100Gi", value_parser = quantity)]
    ephemeral_storage: String,
    /// Any other resource; may be given more than once
    #[arg(long = "resource", value_name = "NAME=QUANTITY", value_parser = resource)]
    others: Vec<(String, String)>,
}

fn quantity(text: &str) -> Result<String, String> {
    match parse_scaled(text, 0) {
        Ok(0..) => Ok(text.to_owned()),
        _ => Err("not a quantity such as 4, 500m or 16Gi".to_owned()),
    }
}

fn resource(text: &str) -> Result<(String, String), String> {
    let (name, amount) = text.split_once('=').ok_or("a resource is NAME=QUANTITY, as in nvidia.com/gpu=4")?;
    Ok((name.to_owned(), quantity(amount)?))
}

impl Resources {
    /// The amounts, interned.
    pub fn intern(&self, names: &mut Names) -> ResourcesId {
        let mut amounts = BTreeMap::from([
            ("cpu", &self.cpu),
            ("memory", &self.memory),
            ("pods", &self.pods),
            ("ephemeral-storage", &self.ephemeral_storage),
        ]);
        amounts.extend(self.others.iter().map(|(name, amount)| (name.as_str(), amount)));
        let read = |(name, amount): (&str, &String)| {
            // clap has parsed each of them before; only its scale is new here.
            let amount = parse_scaled(amount, if name == "cpu" { 3 } else { 0 }).unwrap_or(0);
            (names.sym(name), amount)
        };
        let list = ResourceList(amounts.into_iter().map(read).collect());
        names.resources(list)
    }
}

pub fn run(args: &Args, out: &mut Out) -> Result<(), CliError> {
    let mut editor = Editor::open(&args.file, &args.when, out)?;
    for name in &args.nodes {
        join(name, args, &mut editor)?;
        writeln!(out, "node/{name} joined")?;
    }
    editor.commit(out)
}

fn join(name: &str, args: &Args, editor: &mut Editor) -> Result<(), CliError> {
    if !is_dns_subdomain(name) {
        return Err(CliError::new(format!("{name:?} cannot be a node's name"))
            .hint("lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"));
    }
    let created = editor.at().api_seconds();
    let names = &mut editor.state.names;
    let mut labels = BTreeMap::from([
        ("kubernetes.io/hostname", name),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
    ]);
    labels.extend(args.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let mut taints: Vec<_> = args.taints.iter().map(|taint| taint.intern(names)).collect();
    let not_ready = Taint { key: sym::TAINT_NOT_READY, value: sym::EMPTY, effect: Effect::NoSchedule };
    if args.not_ready && !taints.contains(&not_ready) {
        taints.push(not_ready);
    }
    let spec = NodeSpec {
        labels: labels.into_iter().map(|(key, value)| (names.sym(key), names.sym(value))).collect(),
        taints,
        unschedulable: args.unschedulable,
        allocatable: Some(args.resources.intern(names)),
    };
    let sym = names.sym(name);
    let (node, spec) = (names.node(sym), names.node_spec(spec));
    let (status, reason) = match args.not_ready {
        true => (ConditionStatus::False, names.sym("KubeletNotReady")),
        false => (ConditionStatus::True, names.sym("KubeletReady")),
    };
    editor.add(Track::Cluster, Body::NodeJoined { node, spec, created })?;
    let ready = Body::NodeConditionSet { node, condition: sym::READY, status, reason, since: created };
    editor.add(Track::Cluster, ready).map(|_| ())
}
