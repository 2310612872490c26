//! `kubetape synth`: traces made up from a seed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::ValueEnum;
use kubetape_engine::event::Event;
use kubetape_engine::names::Names;
use kubetape_engine::replay::Source;
use kubetape_engine::synth::presets::{self, PRESETS, Preset, Scale, Workload};
use kubetape_engine::synth::{
    Failure, LabelSet, Mix, NodePools, Provider, Rates, Spec, Synth, read_failures,
};
use kubetape_engine::time::Micros;

use crate::commands::bench::scale;
use crate::error::CliError;
use crate::output::Out;
use crate::tape::Output;
use crate::timespec;

const EXAMPLES: &str = "\
Examples:
  # A day of a cluster of 1,000 nodes with 20 DaemonSets, a change every ten seconds
  kubetape synth -o day.tape --nodes 1000 --daemonsets 20 --for 1d --every 10s

  # The same nodes and DaemonSets, nothing but taints and conditions
  kubetape synth -o taints.tape --nodes 1000 --daemonsets 20 --for 1d --mix taints=1,conditions=1

  # Spot nodes: a zone loses them at once, every two hours or so
  kubetape synth -o spot.tape --nodes 500 --for 1d --spot-loss-every 2h

  # Failures as they were recorded, a hundred times as fast
  kubetape synth -o failures.tape --nodes 4000 --changes 0 --failures lanl.csv --speed 100

  # What `kubetape bench --preset churn-5k` measures, a tenth of it
  kubetape synth -o churn.tape --preset churn-5k --scale 0.1";

/// Make up a trace of any size
///
/// The trace has nodes that join, DaemonSets that are applied, and a cluster that changes: labels, taints,
/// cordons, nodes that leave and come back, conditions that flap, rollouts. Nodes and DaemonSets are like those
/// of real clusters. The same options and seed make the same bytes, on every machine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The trace to make; `-` is standard output
    #[arg(long, short, value_name = "TRACE")]
    output: PathBuf,
    /// Overwrite TRACE if it exists
    #[arg(long)]
    force: bool,
    /// Where all chance comes from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    #[arg(long, value_name = "PRESET", value_parser = preset, help = preset_help(), conflicts_with_all = ["nodes", "provider", "labels", "daemonsets", "changes", "lasting", "every", "mix", "exact", "changes_per_rollout", "spot_loss_every", "failures", "speed"])]
    preset: Option<&'static Preset>,
    /// Make the preset smaller: nodes and events times this
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = scale, requires = "preset")]
    scale: Scale,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    churn: Churn,
}

/// What there is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The cluster")]
struct Cluster {
    /// How many nodes there are at first
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    nodes: u32,
    /// Whose machines they are
    #[arg(long, value_enum, default_value = "gke")]
    provider: ProviderArg,
    /// How many labels they carry: what the provider really sets, or only what every kubelet does
    #[arg(long, value_enum, default_value = "full")]
    labels: LabelsArg,
    /// How many DaemonSets there are
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=10_000))]
    daemonsets: u32,
}

/// What happens.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What happens")]
struct Churn {
    /// How many changes there are, unless --for ends the trace first [default: 1000, or no limit with --for]
    #[arg(long, value_name = "NUMBER")]
    changes: Option<u64>,
    /// End the trace so long after the first DaemonSet
    #[arg(long = "for", value_name = "DURATION", value_parser = timespec::duration)]
    lasting: Option<Micros>,
    /// The mean time between two changes
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = timespec::duration)]
    every: Micros,
    /// What the changes are, in shares; kinds that are not named have none
    #[arg(
        long,
        value_name = "KIND=SHARE,...",
        default_value = "selected-labels=7,unmentioned-labels=7,taints=2,cordons=2,membership=1,conditions=1"
    )]
    mix: MixArg,
    /// Keep exactly to the mix; otherwise every kind of change is a Poisson process of its own
    #[arg(long)]
    exact: bool,
    /// How many changes there are to one rollout of a DaemonSet; 0 for no rollout at all
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    changes_per_rollout: u32,
    /// The mean time between two losses of a zone's spot nodes [default: there are none]
    #[arg(long, value_name = "DURATION", value_parser = timespec::duration)]
    spot_loss_every: Option<Micros>,
    /// Replay failures from a CSV file as well: spot churn (`milliseconds,add|remove,name`) or outages (columns System,
    /// nodenum, Prob Started, Prob Fixed)
    #[arg(long, value_name = "CSV")]
    failures: Option<PathBuf>,
    /// Replay them so many times as fast as they were recorded
    #[arg(long, value_name = "FACTOR", default_value_t = 1, requires = "failures", value_parser = clap::value_parser!(u32).range(1..))]
    speed: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProviderArg {
    Gke,
    Aks,
    Eks,
    Kubeadm,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LabelsArg {
    Full,
    Lean,
}

/// [`Mix`] as it is written.
#[derive(Clone, Copy, Debug)]
struct MixArg(Mix);

impl FromStr for MixArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const KINDS: &str = "selected-labels, unmentioned-labels, taints, cordons, membership, conditions";
        let mut mix = Mix {
            selected_labels: 0,
            unmentioned_labels: 0,
            taints: 0,
            cordons: 0,
            membership: 0,
            conditions: 0,
        };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (kind, share) = part.split_once('=').ok_or_else(|| format!("{part:?} is not KIND=SHARE"))?;
            let share = share.parse().ok().filter(|share| *share <= 10_000);
            let share = share.ok_or_else(|| format!("{part:?}: a share is a number up to 10000"))?;
            let place = match kind {
                "selected-labels" => &mut mix.selected_labels,
                "unmentioned-labels" => &mut mix.unmentioned_labels,
                "taints" => &mut mix.taints,
                "cordons" => &mut mix.cordons,
                "membership" => &mut mix.membership,
                "conditions" => &mut mix.conditions,
                _ => return Err(format!("no such kind of change {kind:?}; there are {KINDS}")),
            };
            *place = share;
        }
        Ok(MixArg(mix))
    }
}

fn preset_help() -> String {
    let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
    format!("A workload of `kubetape bench`: {}", names.join(", "))
}

fn preset(text: &str) -> Result<&'static Preset, String> {
    let known = || PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
    presets::find(text).ok_or_else(|| format!("no such preset; there are {}", known()))
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let mut source: Box<dyn Source> = match args.preset {
        Some(preset) => Box::new(Workload::new(preset, args.scale, args.seed)),
        None => {
            let failures = args.churn.failures.as_deref().map(failures).transpose()?.unwrap_or_default();
            Box::new(Synth::with_failures(spec(args)?, failures))
        }
    };
    let mut log = Output::create(&args.output, args.force, out)?;
    let mut progress = out.progress("making");
    let (mut names, mut events, mut last) = (Names::new(), Vec::<Event>::new(), 0);
    while source.next(&mut names, &mut events).map_err(|e| CliError::new(e.to_string()))? {
        last = log.append(&names, &events)?.0;
        events.clear();
        progress.update(last, None, "events");
    }
    drop(progress);
    let at = log.last_time().unwrap_or_default();
    let bytes = log.bytes();
    let digest = log.finish()?;
    let path = args.output.display();
    out.note(format!("{path}: {last} events until {at}, {bytes} bytes, digest {digest}"));
    Ok(ExitCode::SUCCESS)
}

fn spec(args: &Args) -> Result<Spec, CliError> {
    let (cluster, churn) = (&args.cluster, &args.churn);
    if churn.every <= Micros::ZERO {
        return Err(CliError::new("--every must be longer than nothing"));
    }
    let provider = match cluster.provider {
        ProviderArg::Gke => Provider::Gke,
        ProviderArg::Aks => Provider::Aks,
        ProviderArg::Eks => Provider::Eks,
        ProviderArg::Kubeadm => Provider::Kubeadm,
    };
    let labels = match cluster.labels {
        LabelsArg::Full => LabelSet::Full,
        LabelsArg::Lean => LabelSet::Lean,
    };
    Ok(Spec {
        seed: args.seed,
        nodes: cluster.nodes,
        pools: NodePools { provider, labels },
        daemon_sets: cluster.daemonsets,
        ten_percent: false,
        rates: Rates {
            every_us: churn.every,
            mix: churn.mix.0,
            exact: churn.exact,
            changes_per_rollout: churn.changes_per_rollout,
            spot_loss_every_us: churn.spot_loss_every.unwrap_or(Micros::ZERO),
        },
        changes: churn.changes.unwrap_or(if churn.lasting.is_some() { u64::MAX } else { 1_000 }),
        lasting_us: churn.lasting.unwrap_or(Micros::ZERO),
        speed: churn.speed,
    })
}

fn failures(path: &Path) -> Result<Vec<Failure>, CliError> {
    let bytes = std::fs::read(path).map_err(|e| CliError::file("read", path, &e))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(CliError::new("a compressed file").at(path.display()).hint("unpack it first: gunzip -k"));
    }
    let text =
        String::from_utf8(bytes).map_err(|e| CliError::new(format!("not a text: {e}")).at(path.display()))?;
    read_failures(&text).map_err(|e| CliError::new(e.what).at(format!("{}:{}", path.display(), e.line)))
}
