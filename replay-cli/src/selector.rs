//! Label selectors as kubectl's `-l` takes them.

use std::str::FromStr;

use kubetape_engine::names::{Names, Sym};
use kubetape_engine::selector::{Labels, is_label_key, is_label_value};
use serde_json::{Value, json};

/// A selector: every term has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
}

impl Selector {
    /// Whether labels are selected.
    pub fn matches(&self, labels: &[(Sym, Sym)], names: &Names) -> bool {
        self.selects(|key| names.find_sym(key).and_then(|key| labels.value(key)).map(|v| names.text(v)))
    }

    /// The selector as the API has it (`metav1.LabelSelector`).
    pub fn to_api(&self) -> Value {
        let expression = |term: &Term| match term {
            Term::In(key, values) => json!({ "key": key, "operator": "In", "values": values }),
            Term::NotIn(key, values) => json!({ "key": key, "operator": "NotIn", "values": values }),
            Term::Exists(key) => json!({ "key": key, "operator": "Exists" }),
            Term::DoesNotExist(key) => json!({ "key": key, "operator": "DoesNotExist" }),
        };
        json!({ "matchExpressions": self.0.iter().map(expression).collect::<Vec<_>>() })
    }

    /// Whether labels that can be looked up by key are selected.
    pub fn selects<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|term| match term {
            Term::In(key, values) => value(key).is_some_and(|v| values.iter().any(|wanted| wanted == v)),
            Term::NotIn(key, values) => !value(key).is_some_and(|v| values.iter().any(|other| other == v)),
            Term::Exists(key) => value(key).is_some(),
            Term::DoesNotExist(key) => value(key).is_none(),
        })
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut depth = 0;
        let outside = |c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        };
        text.split(outside).map(|part| term(part.trim())).collect::<Result<_, _>>().map(Selector)
    }
}

fn term(text: &str) -> Result<Term, String> {
    let term = if let Some(key) = text.strip_prefix('!') {
        Term::DoesNotExist(key.trim().to_owned())
    } else if let Some((key, value)) = text.split_once("!=") {
        Term::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()])
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        Term::In(key.trim().to_owned(), vec![value.trim().to_owned()])
    } else if let Some((key, operator, values)) = set_based(text) {
        match operator {
            "in" => Term::In(key, values),
            "notin" => Term::NotIn(key, values),
            _ => return Err(format!("{operator:?} is not `in` or `notin`")),
        }
    } else {
        Term::Exists(text.to_owned())
    };
    let (Term::In(key, _) | Term::NotIn(key, _) | Term::Exists(key) | Term::DoesNotExist(key)) = &term;
    if !is_label_key(key) {
        return Err(format!("{key:?} is not a label's key"));
    }
    if let Term::In(_, values) | Term::NotIn(_, values) = &term
        && let Some(bad) = values.iter().find(|value| !is_label_value(value))
    {
        return Err(format!("{bad:?} is not a label's value"));
    }
    Ok(term)
}

/// `key in (a,b)`, taken apart.
fn set_based(text: &str) -> Option<(String, &str, Vec<String>)> {
    let (before, values) = text.strip_suffix(')')?.split_once('(')?;
    let (key, operator) = before.trim().split_once(char::is_whitespace)?;
    let values = values.split(',').map(|value| value.trim().to_owned()).collect();
    Some((key.to_owned(), operator.trim(), values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_select_as_kubectl_would() {
        let mut names = Names::new();
        let labels = [(names.sym("pool"), names.sym("gpu")), (names.sym("zone"), names.sym("a"))];
        let selects = |text: &str| text.parse::<Selector>().unwrap().matches(&labels, &names);
        for text in ["pool=gpu", "pool==gpu,zone in (a, b)", "zone", "!spot", "pool!=cpu", "tier notin (db)"]
        {
            assert!(selects(text), "{text}");
        }
        for text in ["pool=cpu", "pool=gpu,spot", "!zone", "zone notin (a,b)", "pool!=gpu", "spot="] {
            assert!(!selects(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in ["", "a=b c", "-x", "zone within (a)", "a=b,,c"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
