//! Whether a node should run a DaemonSet's pod, after `NodeShouldRunDaemonPod` and `predicates`.

use k8s_openapi::api::core::v1::PodSpec;
use serde::{Deserialize, Serialize};

use super::{Labels, NodeSelector, Toleration, daemon_tolerations};
use crate::names::{Effect, Names, Sym, Taint};

/// The part of a DaemonSet's template that decides where its pods go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// `spec.nodeName`, where the template has one.
    pub node_name: Option<Sym>,
    /// `spec.nodeSelector`: all of these.
    pub node_selector: Vec<(Sym, Sym)>,
    /// `requiredDuringSchedulingIgnoredDuringExecution`.
    pub required: Option<NodeSelector>,
    /// The template's tolerations and the automatic ones.
    pub tolerations: Vec<Toleration>,
    /// The alpha gate `TaintTolerationComparisonOperators`; off in 1.36.
    pub comparison_tolerations: bool,
}

/// What the controller does on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Eligibility {
    /// A pod should be there.
    pub should_run: bool,
    /// A pod that is there may stay.
    pub should_continue: bool,
}

impl Placement {
    /// Compiles a pod template's spec for daemon pods.
    pub fn compile(spec: &PodSpec, names: &mut Names) -> Self {
        let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
        let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
        let tolerations: Vec<_> =
            spec.tolerations.iter().flatten().map(|t| Toleration::compile(t, names)).collect();
        Placement {
            node_name: spec.node_name.as_deref().filter(|name| !name.is_empty()).map(|name| names.sym(name)),
            node_selector: spec
                .node_selector
                .iter()
                .flatten()
                .map(|(key, value)| (names.sym(key), names.sym(value)))
                .collect(),
            required: required.map(|selector| NodeSelector::compile(selector, names)),
            tolerations: daemon_tolerations(&tolerations, spec.host_network == Some(true)),
            comparison_tolerations: false,
        }
    }

    /// Whether a node should run a pod, and whether one there may stay.
    pub fn eligibility<L: Labels + ?Sized>(
        &self,
        node_name: Sym,
        labels: &L,
        taints: &[Taint],
        names: &Names,
    ) -> Eligibility {
        if !self.selects(node_name, labels, names) {
            return Eligibility::default();
        }
        self.admits(taints, names)
    }

    /// Whether a node that name, node selector and required affinity fit should run a pod, and whether one there may
    /// stay.
    pub fn admits(&self, taints: &[Taint], names: &Names) -> Eligibility {
        let untolerated =
            |effect| taints.iter().any(|taint| taint.effect == effect && !self.tolerates(taint, names));
        let should_continue = !untolerated(Effect::NoExecute);
        Eligibility { should_run: should_continue && !untolerated(Effect::NoSchedule), should_continue }
    }

    /// The labels that node selector and required affinity look at: key and value where a change matters only if the
    /// label had the value or has it now; the key alone where any change may matter. Some may come twice.
    pub fn mentions(&self) -> impl Iterator<Item = (Sym, Option<Sym>)> + '_ {
        let selected = self.node_selector.iter().map(|label| (label.0, Some(label.1)));
        selected.chain(self.required.iter().flat_map(NodeSelector::mentions))
    }

    /// Whether name, node selector and required affinity fit a node.
    pub fn selects<L: Labels + ?Sized>(&self, node_name: Sym, labels: &L, names: &Names) -> bool {
        self.node_name.is_none_or(|name| name == node_name)
            && self.node_selector.iter().all(|&(key, value)| labels.value(key) == Some(value))
            && self.required.as_ref().is_none_or(|required| required.matches(node_name, labels, names))
    }

    /// Whether one of the tolerations tolerates a taint.
    pub fn tolerates(&self, taint: &Taint, names: &Names) -> bool {
        self.tolerations.iter().any(|t| t.tolerates(taint, self.comparison_tolerations, names))
    }
}
