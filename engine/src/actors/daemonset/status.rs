//! The counters of a DaemonSet's status, after `updateDaemonSetStatus`.

use super::grouping::Fleet;
use super::pod::{DaemonPod, Rules};
use crate::event::WorkloadStatus;
use crate::names::Names;
use crate::selector::Eligibility;

/// What one node adds to the counters, or all nodes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub desired: u32,
    pub current: u32,
    pub misscheduled: u32,
    pub ready: u32,
    pub updated: u32,
    pub available: u32,
}

impl Counts {
    /// What a node that exists adds. Of several pods only the one counts that would stay.
    pub fn of(eligibility: Eligibility, pods: &[DaemonPod], rules: &Rules, names: &Names) -> Counts {
        let oldest = match pods {
            [] | [_] => pods.first(),
            _ => pods.iter().min_by(|a, b| a.by_age(b, names)),
        };
        let Some(pod) = oldest else {
            return Counts { desired: u32::from(eligibility.should_run), ..Counts::default() };
        };
        if !eligibility.should_run {
            return Counts { misscheduled: 1, ..Counts::default() };
        }
        Counts {
            desired: 1,
            current: 1,
            misscheduled: 0,
            ready: u32::from(pod.ready),
            updated: u32::from(pod.updated(rules)),
            available: u32::from(pod.available(rules)),
        }
    }

    /// Adds what another node adds.
    pub fn add(&mut self, other: Counts) {
        self.desired += other.desired;
        self.current += other.current;
        self.misscheduled += other.misscheduled;
        self.ready += other.ready;
        self.updated += other.updated;
        self.available += other.available;
    }

    /// Takes away what a node added.
    pub fn subtract(&mut self, other: Counts) {
        self.desired -= other.desired;
        self.current -= other.current;
        self.misscheduled -= other.misscheduled;
        self.ready -= other.ready;
        self.updated -= other.updated;
        self.available -= other.available;
    }

    /// Counts all nodes.
    pub fn total(fleet: &Fleet, rules: &Rules, names: &Names) -> Counts {
        let mut total = Counts::default();
        for &(node, eligibility) in &fleet.nodes {
            total.add(Counts::of(eligibility, fleet.pods(node), rules, names));
        }
        total
    }

    /// The status that these counters make of an earlier one.
    pub fn status(&self, before: &WorkloadStatus, observed_generation: i64) -> WorkloadStatus {
        WorkloadStatus {
            desired: self.desired,
            current: self.current,
            misscheduled: self.misscheduled,
            ready: self.ready,
            updated: self.updated,
            available: self.available,
            unavailable: self.desired - self.available,
            collision_count: before.collision_count,
            observed_generation,
        }
    }
}
