//! The controllers that keep nodes, pods and objects in order: taints from conditions, pods of nodes that are
//! gone, dependents of objects that are gone, evictions.

mod drains;
mod node_health;
mod node_taints;
mod owner_gc;
mod pod_gc;
mod settings;
mod taint_eviction;
mod taint_writes;
mod zones;

pub use drains::Drains;
pub use node_health::NodeHealth;
pub use node_taints::NodeTaints;
pub use owner_gc::OwnerGc;
pub use pod_gc::PodGc;
pub use settings::Settings;
pub use taint_eviction::TaintEviction;

use std::collections::BTreeMap;

use crate::cluster::Node;
use crate::names::{Effect, Seq, Sym};

/// Who is to be looked at, in the order of the events that ask for it: numbers tell only who was met first.
fn by_cause<K: Copy + Ord>(asked: &mut BTreeMap<K, Seq>) -> Vec<(K, Seq)> {
    let mut all: Vec<_> = std::mem::take(asked).into_iter().collect();
    all.sort_by_key(|(_, cause)| *cause);
    all
}

/// Whether node lifecycle wants a node to have a taint; `None` for taints that are none of its own.
pub(crate) fn wants_taint(node: &Node, key: Sym, effect: Effect) -> Option<bool> {
    NodeTaints::wants_taint(node, key, effect)
}
