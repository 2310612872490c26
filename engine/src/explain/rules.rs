//! The rules that decide whether a node should run a DaemonSet's pod, one by one, in upstream's order.
//!
//! After `NodeShouldRunDaemonPod` and `predicates`: the name, the node selector, the terms of the required
//! affinity, the taints. Each is judged by the compiled selector itself, reduced to that one rule.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1;
use serde::Serialize;
use serde_json::Value;

use super::facts::{AskedSince, NodeFacts};
use super::history::Tales;
use crate::cluster::{DaemonSet, Node};
use crate::names::{Effect, Names, Seq, Sym, Taint};
use crate::selector::{Labels, NodeSelector, Requirement, ToleratedEffect, Toleration, TolerationOperator};
use crate::told::Told;

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// `spec.template.spec.nodeName`.
    NodeName,
    /// One pair of `spec.template.spec.nodeSelector`.
    NodeSelector,
    /// One expression of a term of the required node affinity; terms are counted from 1, and one of them has
    /// to hold.
    Affinity {
        /// The term.
        term: usize,
        /// How many terms there are.
        of: usize,
    },
    /// One of the node's taints with effect NoSchedule or NoExecute.
    Taint,
}

/// The event that gave a rule's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SetBy {
    /// This one.
    Event(Told),
    /// None: the value was never set since this event, with which the node joined.
    NeverSince(Told),
    /// The log does not say.
    Unknown,
}

/// A rule that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// What it looks at.
    pub check: Check,
    /// What the manifest asks for; for a taint, the toleration that tolerates it, or that one is needed.
    pub wanted: String,
    /// The value that it found: `pool=gpu`; for a taint, the taint.
    pub found: String,
    /// Whether it holds.
    pub holds: bool,
    /// Whether it keeps pods off the node. A failing expression does not while another term holds.
    pub blocks: bool,
    /// Whether the controller gets to it: the first rule that blocks ends the matter, but for taints.
    pub reached: bool,
    /// More about it, for people.
    pub note: Option<String>,
    /// The event that gave the node this value.
    pub set_by: SetBy,
    /// The event since which the manifest asks for it.
    pub asked_by: Option<Told>,
}

/// A rule with numbers where a [`Rule`] has words.
pub(super) struct Judged {
    pub check: Check,
    wanted: String,
    found: String,
    pub holds: bool,
    pub blocks: bool,
    reached: bool,
    note: Option<String>,
    set: Option<Seq>,
    joined: Option<Seq>,
    asked: Option<Seq>,
    /// For a taint.
    pub effect: Option<Effect>,
}

impl Judged {
    fn new(check: Check, wanted: String, found: String, holds: bool) -> Judged {
        Judged {
            check,
            wanted,
            found,
            holds,
            blocks: !holds,
            reached: true,
            note: None,
            set: None,
            joined: None,
            asked: None,
            effect: None,
        }
    }

    /// Whether the controller gets to it.
    pub fn reached(&self) -> bool {
        self.reached
    }

    /// The events that the rule names.
    pub fn numbers(&self, numbers: &mut BTreeSet<Seq>) {
        numbers.extend(self.set.or(self.joined));
        numbers.extend(self.asked);
    }

    /// The rule in words.
    pub fn tell(&self, tales: &Tales) -> Rule {
        let set_by = match (tales.of(self.set), tales.of(self.joined)) {
            (Some(told), _) => SetBy::Event(told),
            (None, Some(joined)) => SetBy::NeverSince(joined),
            (None, None) => SetBy::Unknown,
        };
        Rule {
            check: self.check,
            wanted: self.wanted.clone(),
            found: self.found.clone(),
            holds: self.holds,
            blocks: self.blocks,
            reached: self.reached,
            note: self.note.clone(),
            set_by,
            asked_by: tales.of(self.asked),
        }
    }
}

/// What rules are judged on.
pub(super) struct Bench<'a> {
    pub daemon_set: &'a DaemonSet,
    pub node: &'a Node,
    pub facts: &'a NodeFacts,
    pub asked: &'a AskedSince,
}

impl Bench<'_> {
    /// All rules of a DaemonSet on a node. Without a rule, nothing keeps pods off.
    pub fn judge(&self, names: &mut Names) -> Vec<Judged> {
        let template: Value =
            serde_json::from_str(names.doc_text(self.daemon_set.template)).unwrap_or_default();
        let spec = template.get("spec").cloned().unwrap_or_default();
        // A template that does not read as one was refused when it was applied.
        let spec: v1::PodSpec = serde_json::from_value(spec).unwrap_or_default();
        let mut rules = Vec::new();
        self.node_name(names, &mut rules);
        self.node_selector(names, &mut rules);
        self.affinity(&spec, names, &mut rules);
        if let Some(first) = rules.iter().position(|rule| rule.blocks) {
            // Upstream looks at name, selector and affinity together, but a reader wants the first to fail.
            let affinity = |rule: &Judged| matches!(rule.check, Check::Affinity { .. });
            let within = affinity(&rules[first]);
            for rule in &mut rules[first + 1..] {
                rule.reached = within && affinity(rule);
            }
        }
        let selected = rules.iter().all(|rule| !rule.blocks);
        let before = rules.len();
        self.taints(&spec, names, &mut rules);
        rules[before..].iter_mut().for_each(|rule| rule.reached = selected);
        rules
    }

    fn node_name(&self, names: &Names, rules: &mut Vec<Judged>) {
        let Some(wanted) = self.daemon_set.placement.node_name else { return };
        let (wanted_text, found) = (names.text(wanted).to_owned(), names.text(self.node.name).to_owned());
        rules.push(Judged {
            joined: self.facts.joined,
            asked: self.asked.node_name,
            ..Judged::new(Check::NodeName, wanted_text, found, wanted == self.node.name)
        });
    }

    fn node_selector(&self, names: &Names, rules: &mut Vec<Judged>) {
        let mut pairs = self.daemon_set.placement.node_selector.clone();
        pairs.sort_by(|a, b| names.text(a.0).cmp(names.text(b.0)));
        for (key, value) in pairs {
            let found = self.node.labels.value(key);
            rules.push(Judged {
                set: self.facts.label(key),
                joined: self.facts.joined,
                asked: self.asked.node_selector.get(&key).map(|asked| asked.1),
                ..Judged::new(
                    Check::NodeSelector,
                    pair(names, key, value),
                    self.label(names, key),
                    found == Some(value),
                )
            });
        }
    }

    fn label(&self, names: &Names, key: Sym) -> String {
        match self.node.labels.value(key) {
            Some(value) => pair(names, key, value),
            None => format!("no label {}", names.text(key)),
        }
    }

    /// The terms of the required affinity: one has to hold, and in it every expression.
    fn affinity(&self, spec: &v1::PodSpec, names: &mut Names, rules: &mut Vec<Judged>) {
        let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
        let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
        let Some(required) = required else { return };
        let begin = rules.len();
        let holds = NodeSelector::compile(required, names).matches(self.node.name, &self.node.labels, names);
        let of = required.node_selector_terms.len();
        for (index, term) in required.node_selector_terms.iter().enumerate() {
            let check = Check::Affinity { term: index + 1, of };
            let before = rules.len();
            for expression in term.match_expressions.iter().flatten() {
                rules.push(self.expression(check, expression, false, names));
            }
            for field in term.match_fields.iter().flatten() {
                rules.push(self.expression(check, field, true, names));
            }
            if rules.len() == before {
                let mut empty = Judged::new(
                    check,
                    "an empty term".to_owned(),
                    names.text(self.node.name).to_owned(),
                    false,
                );
                empty.note = Some("a term without expressions matches no node".to_owned());
                rules.push(empty);
            }
        }
        if of == 0 {
            let check = Check::Affinity { term: 0, of };
            rules.push(Judged::new(check, "one of no terms".to_owned(), String::new(), false));
        }
        for rule in &mut rules[begin..] {
            rule.asked = self.asked.required;
            rule.blocks = !rule.holds && !holds;
        }
    }

    fn expression(
        &self,
        check: Check,
        expression: &v1::NodeSelectorRequirement,
        is_field: bool,
        names: &mut Names,
    ) -> Judged {
        let (values, key) = (expression.values.clone().unwrap_or_default(), &expression.key);
        let term = match is_field {
            true => {
                v1::NodeSelectorTerm { match_fields: Some(vec![expression.clone()]), match_expressions: None }
            }
            false => {
                v1::NodeSelectorTerm { match_expressions: Some(vec![expression.clone()]), match_fields: None }
            }
        };
        let alone = v1::NodeSelector { node_selector_terms: vec![term] };
        let holds = NodeSelector::compile(&alone, names).matches(self.node.name, &self.node.labels, names);
        let wanted = match values.is_empty() {
            true => format!("{key} {}", expression.operator),
            false => format!("{key} {} ({})", expression.operator, values.join(", ")),
        };
        if is_field {
            let found = format!("metadata.name={}", names.text(self.node.name));
            return Judged { joined: self.facts.joined, ..Judged::new(check, wanted, found, holds) };
        }
        let error = Requirement::compile(key, &expression.operator, &values, names).err();
        let sym = names.sym(key);
        Judged {
            note: error.map(|error| format!("it cannot be read, so it matches no node: {error}")),
            set: self.facts.label(sym),
            joined: self.facts.joined,
            ..Judged::new(check, wanted, self.label(names, sym), holds)
        }
    }

    /// Taints that keep pods off, each with the toleration that lets them on all the same.
    fn taints(&self, spec: &v1::PodSpec, names: &mut Names, rules: &mut Vec<Judged>) {
        let placement = &self.daemon_set.placement;
        let own: Vec<Toleration> =
            spec.tolerations.iter().flatten().map(|t| Toleration::compile(t, names)).collect();
        for taint in self.node.taints.iter().filter(|taint| taint.effect != Effect::PreferNoSchedule) {
            let tolerates = |t: &&Toleration| t.tolerates(taint, placement.comparison_tolerations, names);
            let by = placement.tolerations.iter().find(tolerates);
            let (wanted, note) = match by {
                Some(by) if own.contains(by) => (format!("tolerated by {}", toleration(by, names)), None),
                Some(by) => (
                    format!("tolerated by {}", toleration(by, names)),
                    Some("every DaemonSet's pods have this toleration".to_owned()),
                ),
                None => ("a toleration".to_owned(), self.near_miss(taint, names)),
            };
            rules.push(Judged {
                note,
                set: self.facts.taint(taint.key, taint.effect),
                asked: self.asked.tolerations,
                effect: Some(taint.effect),
                ..Judged::new(Check::Taint, wanted, taint_text(taint, names), by.is_some())
            });
        }
    }

    /// Tolerations of the same key that do not tolerate a taint, and so may have been meant to.
    fn near_miss(&self, taint: &Taint, names: &Names) -> Option<String> {
        let same_key = self.daemon_set.placement.tolerations.iter().filter(|t| t.key == Some(taint.key));
        let texts: Vec<_> = same_key.map(|t| toleration(t, names)).collect();
        (!texts.is_empty()).then(|| format!("{} does not tolerate it", texts.join(" or ")))
    }
}

fn pair(names: &Names, key: Sym, value: Sym) -> String {
    format!("{}={}", names.text(key), names.text(value))
}

/// `key=value:Effect`, as kubectl writes taints.
pub(super) fn taint_text(taint: &Taint, names: &Names) -> String {
    match names.text(taint.value) {
        "" => format!("{}:{}", names.text(taint.key), taint.effect.as_str()),
        value => format!("{}={value}:{}", names.text(taint.key), taint.effect.as_str()),
    }
}

/// A toleration in the spelling of the taint that it tolerates: `gpu=true:NoSchedule`, `*:NoExecute`.
fn toleration(toleration: &Toleration, names: &Names) -> String {
    let key = toleration.key.map_or("*", |key| names.text(key));
    let value = names.text(toleration.value);
    let key = match toleration.operator {
        TolerationOperator::Exists => key.to_owned(),
        TolerationOperator::Equal => format!("{key}={value}"),
        TolerationOperator::Lt => format!("{key}<{value}"),
        TolerationOperator::Gt => format!("{key}>{value}"),
        TolerationOperator::Unknown => format!("{key} (no such operator)"),
    };
    match toleration.effect {
        ToleratedEffect::Any => key,
        ToleratedEffect::Only(effect) => format!("{key}:{}", effect.as_str()),
        ToleratedEffect::None => format!("{key}: (no such effect)"),
    }
}
