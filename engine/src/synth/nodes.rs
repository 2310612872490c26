//! Makes nodes: a name, and what the node is like when it joins.

use serde::{Deserialize, Serialize};

use super::machines::{Machine, Provider};
use super::random::{Draw, Purpose, Seed};
use crate::names::{Names, NodeId, NodeSpec, NodeSpecId, ResourceList, ResourcesId, Sym, Taint, sym};

/// How many labels nodes carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelSet {
    /// What a provider's nodes really carry: twenty to thirty.
    #[default]
    Full,
    /// What every kubelet and cloud controller sets: seven to nine. For clusters of a million nodes.
    Lean,
}

/// Which nodes a cluster is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodePools {
    /// Who runs the machines.
    pub provider: Provider,
    /// How many labels they carry.
    pub labels: LabelSet,
}

/// The labels on which synthetic DaemonSets select, with how many values each has. Nodes carry a value of each
/// from the start.
pub const SELECTED_KEYS: [&str; 2] = ["workload.example.com/class", "workload.example.com/group"];

/// How many values each of [`SELECTED_KEYS`] has: `v0`, `v1`, …
pub const SELECTED_VALUES: usize = 24;

/// Labels that real nodes get and lose in operation, and that no synthetic DaemonSet mentions.
pub const UNMENTIONED_KEYS: [&str; 6] = [
    "node.example.com/last-patched",
    "maintenance.example.com/window",
    "inventory.example.com/rack-position",
    "team.example.com/owner",
    "scanner.example.com/score",
    "billing.example.com/cost-center",
];

/// The letters of generated names: no vowels but `a` and `e`, nothing that looks like something else.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Makes the nodes of one cluster. Which node a number is follows from the seed, the number and how many nodes the
/// cluster begins with.
#[derive(Clone, Debug)]
pub(super) struct NodeMaker {
    seed: Seed,
    pools: NodePools,
    /// The nodes that the cluster begins with, by what is drawn for them, in order of their names.
    listed: Vec<u32>,
    /// By machine.
    resources: Vec<ResourcesId>,
    /// The symbols of labels that are the same for all nodes of a machine, by machine.
    fixed: Vec<Vec<(Sym, Sym)>>,
    zones: Vec<Sym>,
    zone_keys: Vec<Sym>,
    selected: Vec<(Sym, Vec<Sym>)>,
}

impl NodeMaker {
    /// A maker for a cluster that begins with so many nodes. They are numbered by name: that is the order in which an
    /// API server lists them, and so the order in which recordings begin with them.
    pub fn new(seed: Seed, pools: NodePools, nodes: u32, names: &mut Names) -> NodeMaker {
        let machines = pools.provider.machines();
        let resources = machines.iter().map(|machine| resources(machine, names)).collect();
        let fixed = machines.iter().map(|machine| fixed_labels(pools, machine, names)).collect();
        let zones = pools.provider.zones().1.iter().map(|zone| names.sym(zone)).collect();
        let keys: &[&str] = match pools.labels {
            LabelSet::Full => &["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"],
            LabelSet::Lean => &["topology.kubernetes.io/zone"],
        };
        let zone_keys = keys.iter().map(|key| names.sym(key)).collect();
        let values: Vec<Sym> = (0..SELECTED_VALUES).map(|n| names.sym(&format!("v{n}"))).collect();
        let selected = SELECTED_KEYS.iter().map(|key| (names.sym(key), values.clone())).collect();
        let listed = Vec::new();
        let mut maker = NodeMaker { seed, pools, listed, resources, fixed, zones, zone_keys, selected };
        let mut listed: Vec<u32> = (0..nodes).collect();
        listed.sort_by_cached_key(|number| maker.name(*number));
        maker.listed = listed;
        maker
    }

    /// What decides about a node: the draws with this number are its own.
    fn drawn(&self, number: u32) -> u32 {
        self.listed.get(number as usize).copied().unwrap_or(number)
    }

    /// Which machine a draw makes a node.
    fn machine(&self, drawn: u32) -> usize {
        let weights = self.pools.provider.machines().iter().map(|machine| machine.weight);
        self.seed.draw(Purpose::Machine, u64::from(drawn), 0).weighted(weights)
    }

    /// Which zone a node is in; 0 where there are none.
    pub fn zone(&self, number: u32) -> usize {
        self.seed.draw(Purpose::Zone, u64::from(self.drawn(number)), 0).below(self.zones.len())
    }

    /// Which zone a loss is in.
    pub fn zone_of_loss(&self, draw: Draw) -> usize {
        draw.below(self.zones.len())
    }

    /// Which value of a key of [`SELECTED_KEYS`] a node joins with.
    pub fn initial_value(&self, number: u32, key: usize) -> usize {
        self.seed
            .draw(Purpose::InitialValue, u64::from(self.drawn(number)), key as u64)
            .below(SELECTED_VALUES)
    }

    /// A key of [`SELECTED_KEYS`] with the symbols of its values.
    pub fn selected(&self, key: usize) -> (Sym, &[Sym]) {
        let (sym, values) = &self.selected[key];
        (*sym, values)
    }

    /// The n-th node of the cluster.
    pub fn make(&self, number: u32, names: &mut Names) -> (NodeId, NodeSpecId) {
        let kind = self.machine(self.drawn(number));
        let machine = &self.pools.provider.machines()[kind];
        let name = names.sym(&self.name(self.drawn(number)));
        let mut labels = Vec::with_capacity(self.fixed[kind].len() + 6);
        labels.extend_from_slice(&self.fixed[kind]);
        labels.push((sym::HOSTNAME_LABEL, name));
        if let Some(&zone) = self.zones.get(self.zone(number)) {
            labels.extend(self.zone_keys.iter().map(|key| (*key, zone)));
        }
        for (key, (sym, values)) in self.selected.iter().enumerate() {
            labels.push((*sym, values[self.initial_value(number, key)]));
        }
        let taints = machine.taint.iter().map(|&(key, value, effect)| Taint {
            key: names.sym(key),
            value: names.sym(value),
            effect,
        });
        let taints = taints.collect();
        let allocatable = Some(self.resources[kind]);
        let spec = names.node_spec(NodeSpec { labels, taints, unschedulable: false, allocatable });
        (names.node(name), spec)
    }

    /// A name in the provider's manner; no two draws have the same.
    fn name(&self, number: u32) -> String {
        let machine = &self.pools.provider.machines()[self.machine(number)];
        let (block, within) = (number >> 20, number & 0xf_ffff);
        let group = self.seed.draw(Purpose::Naming, u64::from(block), machine.weight.into()).0 as u32;
        let pool = machine.pool;
        match self.pools.provider {
            Provider::Gke => format!("gke-synth-{pool}-{group:08x}-{}", self.letters(within)),
            Provider::Aks => format!("aks-{pool}-{:08}-vmss{number:06}", group % 100_000_000),
            Provider::Eks => {
                let address = 10 << 24 | (number + (1 << 16));
                let [a, b, c, d] = u32::to_be_bytes(address);
                format!("ip-{a}-{b}-{c}-{d}.ec2.internal")
            }
            Provider::Kubeadm => format!("{pool}-{number}"),
        }
    }

    /// Four letters that look drawn by lot and still differ from number to number: an odd factor permutes the
    /// numbers below 2^20.
    fn letters(&self, within: u32) -> String {
        let shift = self.seed.draw(Purpose::Naming, u64::MAX, 0).0 as u32;
        let mut rest = within.wrapping_mul(0x9_e375).wrapping_add(shift) & 0xf_ffff;
        let mut text = String::with_capacity(4);
        for _ in 0..4 {
            text.push(char::from(LETTERS[(rest % 32) as usize]));
            rest /= 32;
        }
        text
    }
}

fn resources(machine: &Machine, names: &mut Names) -> ResourcesId {
    let gpu = names.sym("nvidia.com/gpu");
    let mut list = vec![
        (sym::CPU, machine.cpu_millis),
        (sym::MEMORY, machine.memory_kib << 10),
        (sym::EPHEMERAL_STORAGE, machine.storage_kib << 10),
        (sym::PODS, machine.pods),
    ];
    if machine.gpus > 0 {
        list.push((gpu, machine.gpus));
    }
    names.resources(ResourceList(list))
}

fn fixed_labels(pools: NodePools, machine: &Machine, names: &mut Names) -> Vec<(Sym, Sym)> {
    let mut labels = vec![("kubernetes.io/arch", "amd64"), ("kubernetes.io/os", "linux")];
    let (region, _) = pools.provider.zones();
    let cloud = !region.is_empty();
    if cloud {
        labels.push(("node.kubernetes.io/instance-type", machine.name));
        labels.push(("topology.kubernetes.io/region", region));
    }
    if pools.labels == LabelSet::Full {
        labels.extend([("beta.kubernetes.io/arch", "amd64"), ("beta.kubernetes.io/os", "linux")]);
        if cloud {
            labels.push(("beta.kubernetes.io/instance-type", machine.name));
            labels.push(("failure-domain.beta.kubernetes.io/region", region));
        }
        labels.extend(pools.provider.pool_labels().iter().map(|key| (*key, machine.pool)));
        labels.extend(pools.provider.labels());
        labels.extend(machine.labels);
    }
    labels.iter().map(|(key, value)| (names.sym(key), names.sym(value))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nodes_are_like_their_providers_and_have_names_of_their_own() {
        for (provider, expected) in [
            (Provider::Gke, 20..=32),
            (Provider::Aks, 18..=32),
            (Provider::Eks, 16..=30),
            (Provider::Kubeadm, 7..=10),
        ] {
            let mut names = Names::new();
            let pools = NodePools { provider, labels: LabelSet::Full };
            let maker = NodeMaker::new(Seed(5), pools, 1_000, &mut names);
            let mut seen = BTreeSet::new();
            for number in (0..2_000).chain((1 << 20)..(1 << 20) + 50) {
                let (node, spec) = maker.make(number, &mut names);
                assert!(seen.insert(node), "{}", names.node_name(node));
                let labels = names.node_spec_of(spec).labels.len();
                assert!(expected.contains(&labels), "{provider:?} {labels}");
            }
        }
    }
}
