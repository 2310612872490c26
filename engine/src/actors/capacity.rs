//! What nodes have, what the pods on them use, and what a pod lacks there: shared by the scheduler, which asks before it
//! binds a pod, and the kubelets, which ask again.

use std::borrow::Cow;

use crate::cluster::{Cluster, Shape};
use crate::names::{Names, NodeId, ResourceList, Sym, sym};

/// A host port: protocol, address, number.
pub(in crate::actors) type Port = (Sym, Sym, u16);

/// What is used on one node but for host ports. There is one a node, so what every pod asks for has a place of its own, and
/// the rest is kept apart.
#[derive(Clone, Debug, Default)]
pub(in crate::actors) struct Amounts {
    milli_cpu: i64,
    memory: i64,
    other: Option<Box<Other>>,
    pods: u32,
}

/// Resources that only some pods ask for.
#[derive(Clone, Debug, Default)]
struct Other(Vec<(Sym, i64)>);

/// What is used on one node.
#[derive(Clone, Debug, Default)]
pub(in crate::actors) struct NodeUsage<'a> {
    pub amounts: Cow<'a, Amounts>,
    pub ports: Cow<'a, [Port]>,
}

impl Amounts {
    /// Nothing is used.
    pub const NOTHING: Amounts = Amounts { milli_cpu: 0, memory: 0, other: None, pods: 0 };

    /// How many pods there are.
    pub fn pods(&self) -> i64 {
        i64::from(self.pods)
    }

    /// How much of a resource is used.
    pub fn amount(&self, resource: Sym) -> i64 {
        match resource {
            sym::CPU => self.milli_cpu,
            sym::MEMORY => self.memory,
            _ => self.other.as_ref().map_or(0, |other| amount(&other.0, resource)),
        }
    }

    /// Counts a pod.
    pub fn add(&mut self, shape: &Shape) {
        self.pods += 1;
        for &(name, amount) in &shape.requests {
            match name {
                sym::CPU => self.milli_cpu += amount,
                sym::MEMORY => self.memory += amount,
                _ => {
                    let requests = &mut self.other.get_or_insert_default().0;
                    match requests.iter_mut().find(|r| r.0 == name) {
                        Some(used) => used.1 += amount,
                        None => requests.push((name, amount)),
                    }
                }
            }
        }
    }

    /// Stops counting a pod that was counted.
    pub fn remove(&mut self, shape: &Shape) {
        self.pods -= 1;
        for &(name, amount) in &shape.requests {
            match name {
                sym::CPU => self.milli_cpu -= amount,
                sym::MEMORY => self.memory -= amount,
                _ => {
                    let requests = self.other.iter_mut().flat_map(|other| &mut other.0);
                    requests.filter(|r| r.0 == name).for_each(|used| used.1 -= amount);
                }
            }
        }
    }
}

impl NodeUsage<'_> {
    /// Counts a pod.
    pub fn add(&mut self, shape: &Shape) {
        self.amounts.to_mut().add(shape);
        if !shape.host_ports.is_empty() {
            self.ports.to_mut().extend_from_slice(&shape.host_ports);
        }
    }

    /// Stops counting a pod that was counted.
    pub fn remove(&mut self, shape: &Shape) {
        self.amounts.to_mut().remove(shape);
        for port in &shape.host_ports {
            if let Some(at) = self.ports.iter().position(|other| other == port) {
                self.ports.to_mut().swap_remove(at);
            }
        }
    }

    /// Whether a pod's host ports are taken.
    pub fn takes_ports_of(&self, shape: &Shape, names: &Names) -> bool {
        let taken = |wanted| self.ports.iter().any(|other| ports_conflict(wanted, *other, names));
        shape.host_ports.iter().any(|wanted| taken(*wanted))
    }
}

/// Something that a node has not enough of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::actors) struct Lack {
    /// Which resource; `pods` if it has as many pods as it may.
    pub resource: Sym,
    /// Whether the node would not have enough of it without any pod.
    pub hopeless: bool,
}

/// What a node lacks for a pod, after `fitsRequest`. A node that says nothing about its capacity lacks nothing:
/// recordings and hand-made traces may leave it out.
pub(in crate::actors) fn lacking(
    cluster: &Cluster,
    names: &Names,
    used: &Amounts,
    shape: &Shape,
    node: NodeId,
) -> Vec<Lack> {
    let mut lacking = Vec::new();
    let Some(pods) = allocatable(cluster, names, node, sym::PODS) else { return lacking };
    if pods > 0 && used.pods() + 1 > pods {
        lacking.push(Lack { resource: sym::PODS, hopeless: false });
    }
    for &(resource, wanted) in shape.requests.iter().filter(|r| r.1 > 0) {
        let total = allocatable(cluster, names, node, resource).unwrap_or(0);
        if wanted > total - used.amount(resource) {
            lacking.push(Lack { resource, hopeless: wanted > total });
        }
    }
    lacking
}

/// Whether two host ports (protocol, address, number) cannot be on one node.
pub fn ports_conflict(a: Port, b: Port, names: &Names) -> bool {
    let any = |address: Sym| names.text(address) == "0.0.0.0";
    (a.0, a.2) == (b.0, b.2) && (a.1 == b.1 || any(a.1) || any(b.1))
}

/// A node's allocatable amount of a resource; `None` if the node says nothing at all about its capacity.
pub(in crate::actors) fn allocatable(
    cluster: &Cluster,
    names: &Names,
    node: NodeId,
    resource: Sym,
) -> Option<i64> {
    let ResourceList(list) = names.resource_list(cluster.node(node)?.allocatable?);
    Some(amount(list, resource))
}

/// An amount in a list; 0 if it is not there.
pub(in crate::actors) fn amount(list: &[(Sym, i64)], resource: Sym) -> i64 {
    list.iter().find(|r| r.0 == resource).map_or(0, |r| r.1)
}
