//! Settings as a person writes them: TOML with a remark on each.

use std::fmt::{Display, Write};

use super::Settings;
use crate::actors::RateLimit;
use crate::actors::kubelet::Rule;
use crate::sim::{Latency, Spread};
use crate::time::Micros;

const HEAD: &str = "\
# Settings of kubetape: how the controllers, the scheduler and the kubelets behave in a replay.
# What is left out is as in the preset `default`. Lengths of time are in microseconds. Limits are written
# { per_second = 20, burst = 30 } or \"unlimited\".";

const LATENCIES: &str = "\
# A latency is a number, or one of { uniform_us = [FROM, TO] }, { exponential_us = MEAN },
# { lognormal_us = [MEDIAN, P90] }, { quantiles_us = [SHORTEST, ..., LONGEST] } (at equal distances).";

const RULES: &str = "\
# What is different for some pods. For each setting the first rule that matches and has it decides.
# [[kubelet.rules]]
# workload = \"default/agent\"                # pods of this controller
# image = \"registry.example/agent:1.0\"      # and with this image
# node_label = \"pool=gpu\"                   # and on nodes with this label
# start_us = { lognormal_us = [2_000_000, 9_000_000] }
# never_ready = false                        # true: they never become ready
# crash_after_us = 5_000_000                 # so long after each start the container crashes
# crashes = 3                                # how many times; without it, forever
# unready_after_us = 60_000_000              # so long after it became ready the readiness probe fails
# unready_for_us = 10_000_000                # for how long; without it, forever
# fail_after_us = 60_000_000                 # so long after its start the pod fails for good";

impl Settings {
    /// All settings as TOML, with a remark on each.
    pub fn document(&self) -> String {
        let mut to = Document(format!("{HEAD}\n"));
        self.control_plane(&mut to);
        let kubelet = &self.kubelet;
        to.section("kubelet", &format!("The kubelets.\n{LATENCIES}"));
        to.line("seed", kubelet.seed, "where draws come from");
        to.line("pull_us", latency(&kubelet.pull_us), "to pull an image that a node does not have");
        to.line("start_us", latency(&kubelet.start_us), "from binding (or the image's arrival) to Running");
        to.line("ready_us", latency(&kubelet.ready_us), "from Running to Ready");
        to.line("stop_us", latency(&kubelet.stop_us), "from the deletion to the pod's end");
        let (initial, longest) = (kubelet.crash_backoff_initial_us, kubelet.crash_backoff_max_us);
        to.line("crash_backoff_initial_us", us(initial), "before a second restart; doubles with each crash");
        to.line("crash_backoff_max_us", us(longest), "the longest such delay");
        if kubelet.rules.is_empty() {
            let _ = write!(to.0, "\n{RULES}\n");
        }
        kubelet.rules.iter().for_each(|rule| to.rule(rule));
        to.0
    }

    fn control_plane(&self, to: &mut Document) {
        let controller = &self.daemon_set;
        to.section("daemon_set", "The DaemonSet controller.");
        to.line("concurrent_syncs", controller.concurrent_syncs, "--concurrent-daemonset-syncs");
        to.line("client", limit(controller.client), "--kube-api-qps and --kube-api-burst");
        to.line("burst_replicas", controller.burst_replicas, "most pods created, and deleted, by one sync");
        to.line("sync_us", us(controller.sync_us), "from a sync's decisions to its first write");
        to.line("informer_lag_us", us(controller.informer_lag_us), "how old what it decides on is");
        to.line("retries", limit(controller.retries), "failed syncs of all DaemonSets that are tried again");
        let (initial, longest) =
            (controller.failed_pod_backoff_initial_us, controller.failed_pod_backoff_max_us);
        to.line(
            "failed_pod_backoff_initial_us",
            us(initial),
            "before another failed pod of a node is replaced",
        );
        to.line("failed_pod_backoff_max_us", us(longest), "the longest such delay");
        to.section("scheduler", "kube-scheduler.");
        to.line("bind_us", us(self.scheduler.bind_us), "from a pod's creation to its binding");
        let nodes = &self.node_lifecycle;
        to.section("node_lifecycle", "Node lifecycle and pod garbage collection.");
        to.line("grace_us", us(nodes.grace_us), "--node-monitor-grace-period");
        to.line("monitor_period_us", us(nodes.monitor_period_us), "--node-monitor-period");
        let (usual, secondary) = (nodes.eviction_interval_us, nodes.secondary_eviction_interval_us);
        to.line("eviction_interval_us", us(usual), "1 / --node-eviction-rate");
        to.line("secondary_eviction_interval_us", us(secondary), "1 / --secondary-node-eviction-rate");
        to.line("large_zone_nodes", nodes.large_zone_nodes, "--large-cluster-size-threshold");
        to.line("unhealthy_zone_percent", nodes.unhealthy_zone_percent, "--unhealthy-zone-threshold");
        to.line("client", limit(nodes.client), "--kube-api-qps and --kube-api-burst");
        let garbage = limit(nodes.garbage_collector);
        to.line("garbage_collector", garbage, "the garbage collector's calls; a deletion takes two");
        to.line("taint_workers", nodes.taint_workers, "nodes whose taints are written at once");
        to.line(
            "pod_gc_period_us",
            us(nodes.pod_gc_period_us),
            "between two passes of pod garbage collection",
        );
        to.line("pod_gc_quarantine_us", us(nodes.pod_gc_quarantine_us), "before pods of a missing node go");
        to.line("terminated_pods", nodes.terminated_pods, "--terminated-pod-gc-threshold");
    }
}

struct Document(String);

impl Document {
    fn section(&mut self, name: &str, about: &str) {
        let _ = write!(self.0, "\n# {about}\n[{name}]\n");
    }

    fn line(&mut self, name: &str, value: impl Display, about: &str) {
        let _ = writeln!(self.0, "{:<46} # {about}", format!("{name} = {value}"));
    }

    fn rule(&mut self, rule: &Rule) {
        self.0.push_str("\n[[kubelet.rules]]\n");
        let mut line = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(self.0, "{name} = {value}");
            }
        };
        line("workload", rule.workload.as_deref().map(text));
        line("image", rule.image.as_deref().map(text));
        line("node_label", rule.node_label.as_deref().map(text));
        line("pull_us", rule.pull_us.as_ref().map(latency));
        line("start_us", rule.start_us.as_ref().map(latency));
        line("ready_us", rule.ready_us.as_ref().map(latency));
        line("stop_us", rule.stop_us.as_ref().map(latency));
        line("never_ready", rule.never_ready.then(|| "true".to_owned()));
        line("crash_after_us", rule.crash_after_us.as_ref().map(latency));
        line("crashes", rule.crashes.map(|crashes| crashes.to_string()));
        line("unready_after_us", rule.unready_after_us.as_ref().map(latency));
        line("unready_for_us", rule.unready_for_us.as_ref().map(latency));
        line("fail_after_us", rule.fail_after_us.as_ref().map(latency));
    }
}

/// A basic string; image names and labels need no more escapes than these.
fn text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn limit(limit: Option<RateLimit>) -> String {
    match limit {
        Some(RateLimit { per_second, burst }) => format!("{{ per_second = {per_second}, burst = {burst} }}"),
        None => text("unlimited"),
    }
}

/// Digits in groups of three.
fn us(us: Micros) -> String {
    let digits = us.0.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

fn latency(latency: &Latency) -> String {
    let list = |all: &[Micros]| all.iter().map(|one| us(*one)).collect::<Vec<_>>().join(", ");
    match latency {
        Latency::Constant(constant) => us(*constant),
        Latency::Spread(Spread::UniformUs(bounds)) => format!("{{ uniform_us = [{}] }}", list(bounds)),
        Latency::Spread(Spread::ExponentialUs(mean)) => format!("{{ exponential_us = {} }}", us(*mean)),
        Latency::Spread(Spread::LognormalUs(both)) => format!("{{ lognormal_us = [{}] }}", list(both)),
        Latency::Spread(Spread::QuantilesUs(all)) => format!("{{ quantiles_us = [{}] }}", list(all)),
    }
}
