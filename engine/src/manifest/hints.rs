//! Suggestions: where a misplaced field belongs, which field was meant.

use super::error::Problem;
use super::schema::{self, Struct, Type};
use super::strict::Unknown;
use super::tree::Node;

/// Where an unknown field belongs, or what it may have been meant to be.
pub(crate) fn unknown(field: &Unknown, root: &Node, kind: &Struct) -> Option<String> {
    let name = field.field.rsplit('.').next().unwrap_or(&field.field);
    if let Some(close) = nearest(name, field.owner) {
        return Some(format!("did you mean `{close}`?"));
    }
    let at_top = !field.field.contains('.');
    if at_top {
        let in_spec = kind.field("spec").and_then(|f| structure(&f.ty));
        if in_spec.is_some_and(|spec| spec.field(name).is_some()) {
            let verb = if root.get("spec").is_some() { "indent it under" } else { "put it under" };
            return Some(format!("`{name}` is outside `spec`: {verb} `spec`"));
        }
    }
    let pod = schema::lookup("PodSpec")?;
    if field.field.strip_prefix("spec.") == Some(name) && pod.field(name).is_some() {
        return Some(format!("`{name}` belongs to the pods: move it to `spec.template.spec`"));
    }
    let container = schema::lookup("Container")?;
    if field.owner.name == "PodSpec" && container.field(name).is_some() {
        return Some(format!("`{name}` belongs to a container: move it below `containers`"));
    }
    if field.owner.name == "Container" && pod.field(name).is_some() {
        return Some(format!("`{name}` belongs to the pod: move it beside `containers`"));
    }
    if field.owner.name == "LabelSelector" {
        return Some(format!("put `{name}` under `matchLabels`"));
    }
    None
}

/// What to do about a value of the wrong type.
pub(crate) fn mistyped(text: &str) -> Option<String> {
    let wants_text = text.ends_with("of type string") || text.ends_with("of type map[string]string");
    let hint = if text.contains("cannot unmarshal bool") && wants_text {
        "YAML reads true, yes, on, y and the like as booleans: put the value in quotes"
    } else if text.contains("cannot unmarshal number") && wants_text {
        "put the value in quotes"
    } else if text.contains("cannot unmarshal object") && text.contains("of type []") {
        "a list is expected: begin each element with `- `"
    } else if text.contains("cannot unmarshal string") && text.contains("of type int") {
        "take the quotes off"
    } else if text == crate::quantity::FORMAT_WRONG {
        "write a number with a suffix such as m, k, M, G, Ki, Mi, Gi and no blank: `500m`, `128Mi`"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

fn structure(ty: &Type) -> Option<&'static Struct> {
    match ty {
        Type::Pointer(inner) => structure(inner),
        Type::Struct(name) => schema::lookup(name),
        _ => None,
    }
}

/// The field of `owner` that differs from `name` by the least: case only, or a third of its letters.
fn nearest(name: &str, owner: &Struct) -> Option<&'static str> {
    owner
        .fields
        .iter()
        .map(|f| {
            let same_letters = f.name.eq_ignore_ascii_case(name);
            (if same_letters { 0 } else { distance(name, f.name) }, f.name)
        })
        .filter(|&(d, candidate)| d * 3 <= candidate.len().min(name.len()))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(LONGEST).collect(), b.chars().take(LONGEST).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// What to do about a rule that was broken.
pub(crate) fn invalid(problem: &Problem, root: &Node) -> Option<String> {
    let text = match (problem.field.as_str(), problem.message.as_str()) {
        (field, message)
            if field.ends_with("rollingUpdate.maxSurge")
                && message.ends_with("maxUnavailable is non-zero") =>
        {
            let written = root.get("spec").and_then(|s| s.get("updateStrategy"));
            let written = written.and_then(|s| s.get("rollingUpdate")).and_then(|r| r.get("maxUnavailable"));
            if written.is_some() {
                "a rollout either surges or takes pods down: set one of the two to 0"
            } else {
                "maxUnavailable defaults to 1: set `maxUnavailable: 0`"
            }
        }
        (_, message) if message.ends_with("`selector` does not match template `labels`") => {
            let selector = root.get("spec").and_then(|s| s.get("selector"));
            if selector.is_none() {
                "there is no `spec.selector`: add one whose matchLabels are among the template's labels"
            } else {
                "give the template every label of `spec.selector`"
            }
        }
        ("spec.template.spec.restartPolicy", _) => "leave restartPolicy out: it has to be Always here",
        ("spec.selector", message) if message.ends_with("field is immutable") => {
            "delete the object and create it anew, or give it another name"
        }
        ("spec.template.spec.containers", "Required value") if root.get("template").is_some() => {
            "`template` is outside `spec`: indent it under `spec`"
        }
        (field, message) if field.ends_with("].name") && message.starts_with("Not found") => {
            "a mount has to name one of the pod's valid `volumes`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses() {
        let selector = schema::lookup("LabelSelector");
        assert_eq!(selector.and_then(|s| nearest("matchlabels", s)), Some("matchLabels"));
        assert_eq!(selector.and_then(|s| nearest("matchLabel", s)), Some("matchLabels"));
        assert_eq!(selector.and_then(|s| nearest("app", s)), None);
        let pod = schema::lookup("PodSpec");
        assert_eq!(pod.and_then(|s| nearest("nodeSelectro", s)), Some("nodeSelector"));
    }
}
