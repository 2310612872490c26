//! Required node affinity (`core/v1.NodeSelector`), after `component-helpers/scheduling/corev1/nodeaffinity`.

use k8s_openapi::api::core::v1;
use serde::{Deserialize, Serialize};

use super::{Labels, Requirement};
use crate::names::{Names, Sym};

/// A compiled node selector: one of its terms has to hold. Terms that are empty or do not parse are left out,
/// so that a selector may match nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Term {
    labels: Vec<Requirement>,
    /// `metadata.name` has to be (true) or must not be (false) the name.
    names: Vec<(Sym, bool)>,
}

impl NodeSelector {
    /// Compiles a node selector.
    pub fn compile(selector: &v1::NodeSelector, names: &mut Names) -> Self {
        let terms = selector.node_selector_terms.iter().filter_map(|term| Term::compile(term, names));
        NodeSelector { terms: terms.collect() }
    }

    /// Whether a node is selected.
    pub fn matches<L: Labels + ?Sized>(&self, node_name: Sym, labels: &L, names: &Names) -> bool {
        self.terms.iter().any(|term| {
            term.names.iter().all(|&(name, wanted)| (node_name == name) == wanted)
                && term.labels.iter().all(|r| r.matches(labels, names))
        })
    }

    /// The labels that are looked at, as for [`super::Placement::mentions`].
    pub fn mentions(&self) -> impl Iterator<Item = (Sym, Option<Sym>)> + '_ {
        self.terms.iter().flat_map(|term| term.labels.iter().flat_map(Requirement::mentions))
    }

    /// The label keys that are looked at.
    pub fn keys(&self) -> impl Iterator<Item = Sym> + '_ {
        self.terms.iter().flat_map(|term| term.labels.iter().map(Requirement::key))
    }
}

impl Term {
    /// `None` for a term that can never match: it has nothing in it, or something in it does not parse.
    fn compile(term: &v1::NodeSelectorTerm, names: &mut Names) -> Option<Term> {
        let expressions = term.match_expressions.as_deref().unwrap_or_default();
        let fields = term.match_fields.as_deref().unwrap_or_default();
        if expressions.is_empty() && fields.is_empty() {
            return None;
        }
        let mut compiled = Term::default();
        for e in expressions {
            let values = e.values.as_deref().unwrap_or_default();
            compiled.labels.push(Requirement::compile(&e.key, &e.operator, values, names).ok()?);
        }
        for field in fields {
            let [value] = field.values.as_deref().unwrap_or_default() else { return None };
            let wanted = match field.operator.as_str() {
                "In" => true,
                "NotIn" => false,
                _ => return None,
            };
            match field.key.as_str() {
                "metadata.name" => compiled.names.push((names.sym(value), wanted)),
                // Any other field reads as the empty string.
                _ if value.is_empty() == wanted => {}
                _ => return None,
            }
        }
        Some(compiled)
    }
}
