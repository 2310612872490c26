//! Label selectors (`metav1.LabelSelector`), after `LabelSelectorAsSelector`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use serde::{Deserialize, Serialize};

use super::{Labels, syntax};
use crate::names::{Names, Sym};

/// A compiled label selector: every requirement has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    /// A selector that is absent selects nothing.
    nothing: bool,
}

/// One requirement on labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Requirement {
    /// The label is there with one of these values.
    In(Sym, Vec<Sym>),
    /// The label is not there, or has none of these values.
    NotIn(Sym, Vec<Sym>),
    /// The label is there.
    Exists(Sym),
    /// The label is not there.
    DoesNotExist(Sym),
    /// The label is there, is an integer, and is greater.
    Gt(Sym, i64),
    /// The label is there, is an integer, and is less.
    Lt(Sym, i64),
}

/// A selector that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{0}")]
pub struct SelectorError(pub String);

impl Requirement {
    /// Compiles one expression, after `labels.NewRequirement`.
    ///
    /// # Errors
    /// Names the operator or operand that does not fit; such an expression matches nothing.
    pub fn compile(
        key: &str,
        operator: &str,
        values: &[String],
        names: &mut Names,
    ) -> Result<Self, SelectorError> {
        if !syntax::is_label_key(key) {
            return Err(SelectorError(format!("{key:?} is not a label key")));
        }
        if let Some(bad) = values.iter().find(|value| !syntax::is_label_value(value)) {
            return Err(SelectorError(format!("{bad:?} is not a label value")));
        }
        let sym = names.sym(key);
        let wrong = |wanted: &str| Err(SelectorError(format!("operator {operator} on {key} needs {wanted}")));
        match operator {
            "In" | "NotIn" if values.is_empty() => wrong("at least one value"),
            "In" => Ok(Requirement::In(sym, values.iter().map(|v| names.sym(v)).collect())),
            "NotIn" => Ok(Requirement::NotIn(sym, values.iter().map(|v| names.sym(v)).collect())),
            "Exists" | "DoesNotExist" if !values.is_empty() => wrong("no values"),
            "Exists" => Ok(Requirement::Exists(sym)),
            "DoesNotExist" => Ok(Requirement::DoesNotExist(sym)),
            "Gt" | "Lt" => match values {
                [one] => match go_parse_int(one) {
                    Some(bound) if operator == "Gt" => Ok(Requirement::Gt(sym, bound)),
                    Some(bound) => Ok(Requirement::Lt(sym, bound)),
                    None => wrong("an integer"),
                },
                _ => wrong("exactly one value"),
            },
            other => Err(SelectorError(format!("{other:?} is not a selector operator"))),
        }
    }

    /// The label that the requirement looks at.
    pub fn key(&self) -> Sym {
        match *self {
            Requirement::In(key, _)
            | Requirement::NotIn(key, _)
            | Requirement::Exists(key)
            | Requirement::DoesNotExist(key)
            | Requirement::Gt(key, _)
            | Requirement::Lt(key, _) => key,
        }
    }

    /// The label that is looked at, once for each value that matters, or once if any change may matter.
    pub fn mentions(&self) -> impl Iterator<Item = (Sym, Option<Sym>)> + '_ {
        let values = match self {
            Requirement::In(_, values) | Requirement::NotIn(_, values) => Some(values),
            _ => None,
        };
        let of_values = values.into_iter().flatten().map(|value| (self.key(), Some(*value)));
        of_values.chain(values.is_none().then_some((self.key(), None)))
    }

    /// Whether labels meet the requirement.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L, names: &Names) -> bool {
        let number = |key| labels.value(key).and_then(|value| go_parse_int(names.text(value)));
        match self {
            Requirement::In(key, values) => labels.value(*key).is_some_and(|v| values.contains(&v)),
            Requirement::NotIn(key, values) => !labels.value(*key).is_some_and(|v| values.contains(&v)),
            Requirement::Exists(key) => labels.value(*key).is_some(),
            Requirement::DoesNotExist(key) => labels.value(*key).is_none(),
            Requirement::Gt(key, bound) => number(*key).is_some_and(|n| n > *bound),
            Requirement::Lt(key, bound) => number(*key).is_some_and(|n| n < *bound),
        }
    }
}

impl LabelSelector {
    /// Compiles a selector; an absent one selects nothing, an empty one everything.
    ///
    /// # Errors
    /// Names the expression that does not parse.
    pub fn compile(selector: Option<&v1::LabelSelector>, names: &mut Names) -> Result<Self, SelectorError> {
        let Some(selector) = selector else {
            return Ok(LabelSelector { requirements: Vec::new(), nothing: true });
        };
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement::compile(key, "In", std::slice::from_ref(value), names)?);
        }
        for e in selector.match_expressions.iter().flatten() {
            if matches!(e.operator.as_str(), "Gt" | "Lt") {
                return Err(SelectorError(format!(
                    "{:?} is not a valid label selector operator",
                    e.operator
                )));
            }
            requirements.push(Requirement::compile(
                &e.key,
                &e.operator,
                e.values.as_deref().unwrap_or_default(),
                names,
            )?);
        }
        Ok(LabelSelector { requirements, nothing: false })
    }

    /// Whether the selector has no requirement, and so selects everything.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether labels are selected.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L, names: &Names) -> bool {
        !self.nothing && self.requirements.iter().all(|r| r.matches(labels, names))
    }
}

/// Base-10 int64 as Go's `strconv.ParseInt(s, 10, 64)` reads it.
pub(super) fn go_parse_int(text: &str) -> Option<i64> {
    text.parse().ok()
}
