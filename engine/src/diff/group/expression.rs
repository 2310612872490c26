//! What nodes can have in common, in words that kubectl's users know.

use std::fmt;

use crate::event::ConditionStatus;
use crate::names::Effect;

/// A property that a node has or has not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Property {
    /// A label with a value.
    Label { key: String, value: String },
    /// A label, whatever its value.
    HasLabel { key: String },
    /// A taint.
    Taint { key: String, value: String, effect: TaintEffect },
    /// A taint, whatever its value and effect.
    HasTaint { key: String },
    /// `spec.unschedulable`.
    Unschedulable,
    /// A condition with a status.
    Condition { condition: String, status: &'static str },
    /// The node exists.
    Exists,
}

/// A taint's effect, in an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaintEffect(pub(super) u8);

/// In which of the two states a property is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InState {
    /// In either; they do not differ in it.
    Both,
    /// In the second.
    B,
    /// In the first.
    A,
}

/// A property that is asked for, or whose absence is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// Whether the property must not be there.
    pub negated: bool,
    /// In which state.
    pub state: InState,
    /// The property.
    pub property: Property,
}

/// An expression of up to three terms that selects nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Every node.
    Every,
    /// All of the terms hold.
    All(Vec<Term>),
    /// One of the terms holds.
    Any(Vec<Term>),
    /// The first holds, and one of the others.
    AllAny(Term, [Term; 2]),
    /// The first holds, or both of the others.
    AnyAll(Term, [Term; 2]),
}

impl From<Effect> for TaintEffect {
    fn from(effect: Effect) -> Self {
        TaintEffect(effect as u8)
    }
}

impl TaintEffect {
    /// Kubernetes' spelling.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            1 => Effect::NoSchedule.as_str(),
            2 => Effect::PreferNoSchedule.as_str(),
            _ => Effect::NoExecute.as_str(),
        }
    }
}

/// Kubernetes' spelling of a condition's status.
pub(super) fn status_text(status: ConditionStatus) -> &'static str {
    match status {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    }
}

impl Expression {
    /// How many terms it has.
    pub fn len(&self) -> usize {
        match self {
            Expression::Every => 0,
            Expression::All(terms) | Expression::Any(terms) => terms.len(),
            Expression::AllAny(..) | Expression::AnyAll(..) => 3,
        }
    }

    /// Whether it has no terms, and so selects every node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its terms, in order.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let (list, first, pair): (&[Term], Option<&Term>, &[Term]) = match self {
            Expression::Every => (&[], None, &[]),
            Expression::All(terms) | Expression::Any(terms) => (terms, None, &[]),
            Expression::AllAny(first, pair) | Expression::AnyAll(first, pair) => (&[], Some(first), pair),
        };
        list.iter().chain(first).chain(pair)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (not, equal) = if self.negated { ("!", "!=") } else { ("", "=") };
        let no = if self.negated { "no " } else { "" };
        match &self.property {
            Property::Label { key, value } => write!(f, "{key}{equal}{value}"),
            Property::HasLabel { key } => write!(f, "{not}{key}"),
            Property::Taint { key, value, effect } if value.is_empty() => {
                write!(f, "{no}taint {key}:{}", effect.as_str())
            }
            Property::Taint { key, value, effect } => {
                write!(f, "{no}taint {key}={value}:{}", effect.as_str())
            }
            Property::HasTaint { key } => write!(f, "{no}taint {key}"),
            Property::Unschedulable if self.negated => f.write_str("schedulable"),
            Property::Unschedulable => f.write_str("unschedulable"),
            Property::Condition { condition, status } => write!(f, "condition {condition}{equal}{status}"),
            Property::Exists if self.negated => f.write_str("no node"),
            Property::Exists => f.write_str("a node"),
        }?;
        match self.state {
            InState::Both => Ok(()),
            InState::A => f.write_str(" in A"),
            InState::B => f.write_str(" in B"),
        }
    }
}

/// `pool=gpu,!spot`, `zone in (a,b)`, `pool=gpu and (zone=a or zone=b)`: kubectl's spelling as far as it goes.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |terms: &[Term], between: &str| {
            terms.iter().map(Term::to_string).collect::<Vec<_>>().join(between)
        };
        let any = |terms: &[Term]| match same_label(terms, false) {
            Some((key, values)) => format!("{key} in ({values})"),
            None => join(terms, " or "),
        };
        let grouped = |terms: &[Term]| match same_label(terms, false) {
            Some(_) => any(terms),
            None => format!("({})", any(terms)),
        };
        match self {
            Expression::Every => f.write_str("every node"),
            Expression::All(terms) => match same_label(terms, true) {
                Some((key, values)) => write!(f, "{key} notin ({values})"),
                None => f.write_str(&join(terms, ",")),
            },
            Expression::Any(terms) => f.write_str(&any(terms)),
            Expression::AllAny(first, pair) => write!(f, "{first} and {}", grouped(pair)),
            Expression::AnyAll(first, pair) => write!(f, "{first} or ({})", join(pair, ",")),
        }
    }
}

/// The key and the values, if all of several terms are about one label.
fn same_label(terms: &[Term], negated: bool) -> Option<(&str, String)> {
    let label = |term: &Term| term.negated == negated && term.state == InState::Both;
    let Property::Label { key: wanted, .. } = &terms.first()?.property else { return None };
    let mut values = Vec::new();
    for term in terms {
        match &term.property {
            Property::Label { key, value } if key == wanted && label(term) => values.push(value.as_str()),
            _ => return None,
        }
    }
    (values.len() > 1).then(|| (wanted.as_str(), values.join(",")))
}
