//! What real nodes are like: numbers counted over 2,657 Node objects of public GKE, AKS, EKS and
//! self-managed clusters of 2024 and 2025.
//!
//! Weights are how many of those nodes were of a kind; labels are the keys that nearly all nodes of a provider
//! carry, with the values of the kind. What differs from node to node (hostname, zone, block and host in the
//! network's topology) is made up in [`super::nodes`].

use serde::{Deserialize, Serialize};

use crate::names::Effect;

/// Who runs the machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Google Kubernetes Engine; 2,107 of the nodes.
    #[default]
    Gke,
    /// Azure Kubernetes Service; 446 of the nodes.
    Aks,
    /// Elastic Kubernetes Service; 24 of the nodes.
    Eks,
    /// Machines of one's own, set up with kubeadm; 76 of the nodes.
    Kubeadm,
}

/// A kind of machine in a pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    /// The instance type; also names the pool.
    pub name: &'static str,
    pub pool: &'static str,
    /// How many of the counted nodes were of this kind.
    pub weight: u32,
    /// `status.allocatable`: cpu in millicores, memory and ephemeral storage in KiB, pods.
    pub cpu_millis: i64,
    pub memory_kib: i64,
    pub storage_kib: i64,
    pub pods: i64,
    /// GPUs, as `nvidia.com/gpu`.
    pub gpus: i64,
    /// Labels of this kind beside the provider's.
    pub labels: &'static [(&'static str, &'static str)],
    pub taint: Option<(&'static str, &'static str, Effect)>,
}

const PLAIN: Machine = Machine {
    name: "",
    pool: "default-pool",
    weight: 0,
    cpu_millis: 0,
    memory_kib: 0,
    storage_kib: 45_957_101,
    pods: 110,
    gpus: 0,
    labels: &[],
    taint: None,
};

const GKE: &[Machine] = &[
    Machine {
        name: "c2d-standard-112",
        weight: 832,
        cpu_millis: 55_790,
        memory_kib: 445_882_696,
        labels: &[
            ("cloud.google.com/machine-family", "c2d"),
            ("cloud.google.com/gke-cpu-scaling-level", "112"),
            ("cloud.google.com/gke-placement-group", "default-pool"),
        ],
        ..PLAIN
    },
    Machine {
        name: "h3-standard-88",
        pool: "hpc-pool",
        weight: 690,
        cpu_millis: 87_820,
        memory_kib: 348_792_524,
        labels: &[
            ("cloud.google.com/machine-family", "h3"),
            ("cloud.google.com/gke-cpu-scaling-level", "88"),
            ("cloud.google.com/gke-memory-gb-scaling-level", "360"),
            ("cloud.google.com/gke-placement-group", "hpc-pool"),
            ("cloud.google.com/placement-policy-name", ""),
        ],
        ..PLAIN
    },
    Machine {
        name: "n1-standard-4",
        pool: "gpu-pool",
        weight: 373,
        cpu_millis: 1_930,
        memory_kib: 12_651_904,
        gpus: 1,
        labels: &[
            ("cloud.google.com/machine-family", "n1"),
            ("cloud.google.com/gke-cpu-scaling-level", "4"),
            ("cloud.google.com/gke-memory-gb-scaling-level", "15"),
            ("cloud.google.com/gke-accelerator", "nvidia-tesla-v100"),
            ("cloud.google.com/gke-gpu-driver-version", "latest"),
        ],
        taint: Some(("nvidia.com/gpu", "present", Effect::NoSchedule)),
        ..PLAIN
    },
    Machine {
        name: "n1-standard-32",
        pool: "batch-pool",
        weight: 148,
        cpu_millis: 15_890,
        memory_kib: 114_327_048,
        gpus: 8,
        labels: &[
            ("cloud.google.com/machine-family", "n1"),
            ("cloud.google.com/gke-cpu-scaling-level", "32"),
            ("cloud.google.com/gke-memory-gb-scaling-level", "122"),
        ],
        ..PLAIN
    },
    Machine {
        name: "n1-standard-8",
        pool: "system-pool",
        weight: 62,
        cpu_millis: 3_920,
        memory_kib: 27_140_008,
        gpus: 1,
        labels: &[
            ("cloud.google.com/machine-family", "n1"),
            ("cloud.google.com/gke-cpu-scaling-level", "8"),
            ("cloud.google.com/gke-memory-gb-scaling-level", "30"),
        ],
        ..PLAIN
    },
];

const AKS: &[Machine] = &[
    Machine {
        name: "Standard_HB120-96rs_v3",
        pool: "nodepool1",
        weight: 192,
        cpu_millis: 94_701,
        memory_kib: 468_128_632,
        storage_kib: 116_897_515,
        labels: &[("kubernetes.azure.com/mode", "user")],
        ..PLAIN
    },
    Machine {
        name: "standard_hb120-96rs_v3",
        pool: "userpool",
        weight: 192,
        cpu_millis: 94_701,
        memory_kib: 469_767_036,
        storage_kib: 116_897_515,
        pods: 30,
        labels: &[("kubernetes.azure.com/mode", "user")],
        ..PLAIN
    },
    Machine {
        name: "standard_nd40rs_v2",
        pool: "gpupool",
        weight: 57,
        cpu_millis: 39_500,
        memory_kib: 692_737_080,
        storage_kib: 116_897_515,
        pods: 30,
        gpus: 8,
        labels: &[
            ("kubernetes.azure.com/mode", "user"),
            ("accelerator", "nvidia"),
            ("kubernetes.azure.com/accelerator", "nvidia"),
        ],
        taint: Some(("sku", "gpu", Effect::NoSchedule)),
    },
    Machine {
        name: "Standard_D8ds_v5",
        pool: "agentpool",
        weight: 5,
        cpu_millis: 7_820,
        memory_kib: 30_456_596,
        storage_kib: 116_897_515,
        labels: &[("kubernetes.azure.com/mode", "system")],
        taint: Some(("CriticalAddonsOnly", "true", Effect::NoSchedule)),
        ..PLAIN
    },
];

const EKS: &[Machine] = &[Machine {
    name: "p3dn.24xlarge",
    pool: "workers",
    weight: 24,
    cpu_millis: 95_690,
    memory_kib: 753_772_012,
    pods: 250,
    gpus: 8,
    labels: &[("flux-operator", "true")],
    ..PLAIN
}];

const KUBEADM: &[Machine] = &[
    Machine {
        name: "worker",
        pool: "worker",
        weight: 68,
        cpu_millis: 8_000,
        memory_kib: 30_696_704,
        storage_kib: 233_039_447,
        ..PLAIN
    },
    Machine {
        name: "control-plane",
        pool: "control-plane",
        weight: 8,
        cpu_millis: 8_000,
        memory_kib: 30_696_704,
        storage_kib: 233_039_447,
        labels: &[
            ("node-role.kubernetes.io/control-plane", ""),
            ("node.kubernetes.io/exclude-from-external-load-balancers", ""),
        ],
        taint: Some(("node-role.kubernetes.io/control-plane", "", Effect::NoSchedule)),
        ..PLAIN
    },
];

impl Provider {
    pub(super) fn machines(self) -> &'static [Machine] {
        match self {
            Provider::Gke => GKE,
            Provider::Aks => AKS,
            Provider::Eks => EKS,
            Provider::Kubeadm => KUBEADM,
        }
    }

    /// The region and its zones.
    pub(super) fn zones(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Provider::Gke => {
                ("us-central1", &["us-central1-a", "us-central1-b", "us-central1-c", "us-central1-f"])
            }
            Provider::Aks => {
                ("southcentralus", &["southcentralus-1", "southcentralus-2", "southcentralus-3"])
            }
            Provider::Eks => ("us-east-1", &["us-east-1a", "us-east-1b", "us-east-1c"]),
            Provider::Kubeadm => ("", &[]),
        }
    }

    /// Labels that every node of the provider carries with the same value.
    pub(super) fn labels(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Provider::Gke => &[
                ("cloud.google.com/gke-boot-disk", "pd-balanced"),
                ("cloud.google.com/gke-container-runtime", "containerd"),
                ("cloud.google.com/gke-logging-variant", "DEFAULT"),
                ("cloud.google.com/gke-max-pods-per-node", "110"),
                ("cloud.google.com/gke-os-distribution", "cos"),
                ("cloud.google.com/gke-provisioning", "standard"),
                ("cloud.google.com/gke-stack-type", "IPV4"),
                ("cloud.google.com/private-node", "false"),
            ],
            Provider::Aks => &[
                ("kubernetes.azure.com/cluster", "MC_synth_synth_southcentralus"),
                ("kubernetes.azure.com/node-image-version", "AKSUbuntu-2204gen2containerd-202408.12.0"),
                ("kubernetes.azure.com/nodepool-type", "VirtualMachineScaleSets"),
                ("kubernetes.azure.com/os-sku", "Ubuntu"),
                ("kubernetes.azure.com/role", "agent"),
                ("kubernetes.azure.com/azure-cni-overlay", "true"),
                ("kubernetes.azure.com/network-subnet", "aks-subnet"),
                ("kubernetes.azure.com/podnetwork-type", "overlay"),
            ],
            Provider::Eks => &[
                ("alpha.eksctl.io/cluster-name", "synth"),
                ("alpha.eksctl.io/nodegroup-name", "workers"),
                ("eks.amazonaws.com/capacityType", "ON_DEMAND"),
                ("eks.amazonaws.com/nodegroup-image", "ami-036dd5bf067198aa7"),
                ("eks.amazonaws.com/sourceLaunchTemplateVersion", "1"),
            ],
            Provider::Kubeadm => &[],
        }
    }

    /// The labels whose value is the pool's name.
    pub(super) fn pool_labels(self) -> &'static [&'static str] {
        match self {
            Provider::Gke => &["cloud.google.com/gke-nodepool"],
            Provider::Aks => &["agentpool", "kubernetes.azure.com/agentpool"],
            Provider::Eks => &["eks.amazonaws.com/nodegroup"],
            Provider::Kubeadm => &[],
        }
    }
}
