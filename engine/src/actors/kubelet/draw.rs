//! A pod's draws: pure functions of the seed and of what the pod is, so that a node more in a what-if changes nothing
//! on the others.

use xxhash_rust::xxh3::Xxh3;

use super::settings::{Step, owner_text};
use crate::cluster::Pod;
use crate::names::Names;
use crate::sim::Draw;

/// The draw for a step of a pod, the n-th time.
pub(super) fn draw(seed: u64, step: Step, times: u32, pod: &Pod, names: &Names) -> Draw {
    let mut hash = Xxh3::new();
    for word in [seed, step as u64, u64::from(times), u64::from(pod.ordinal)] {
        hash.update(&word.to_le_bytes());
    }
    let node = pod.node.map(|node| names.node_name(node)).unwrap_or_default();
    for text in owner_text(pod, names).into_iter().chain([node]) {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    Draw(hash.digest())
}
