//! What the API server answers when it refuses, and the place in the file that it means.

use super::tree::Place;

/// One reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The API's cause: `FieldValueInvalid`, `FieldValueRequired`, …; `BadRequest` for text that did not
    /// decode.
    pub reason: &'static str,
    /// The API server's field path; empty where it has none.
    pub field: String,
    /// The API server's text without the path.
    pub message: String,
    /// The place in the file, where one is known.
    pub place: Option<Place>,
    /// What to do about it, where that helps.
    pub hint: Option<String>,
}

/// An object was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// HTTP status: 400 (does not decode), 409 (conflict), 413 (too large), 422 (invalid), 500.
    pub code: u16,
    /// The API's reason: `BadRequest`, `Invalid`, `Conflict`, …; empty where the API gives none.
    pub reason: &'static str,
    /// The API server's exact text.
    pub message: String,
    /// Every problem, in the API server's order.
    pub problems: Vec<Problem>,
}

impl Refusal {
    /// A 400 with one problem.
    pub(crate) fn bad_request(message: String, field: &str, text: &str, place: Option<Place>) -> Self {
        let problem = Problem {
            reason: "BadRequest",
            field: field.to_owned(),
            message: text.to_owned(),
            place,
            hint: None,
        };
        Self { code: 400, reason: "BadRequest", message, problems: vec![problem] }
    }

    /// A 422 for what validation found; `subject` is `DaemonSet.apps "name"`.
    pub(crate) fn invalid(subject: &str, problems: Vec<Problem>) -> Self {
        let mut texts: Vec<String> = Vec::new();
        let mut seen = rustc_hash::FxHashSet::default();
        for problem in &problems {
            let text = format!("{}: {}", problem.field, problem.message);
            if seen.insert(text.clone()) {
                texts.push(text);
            }
        }
        let list = if texts.len() == 1 { texts.concat() } else { format!("[{}]", texts.join(", ")) };
        Self { code: 422, reason: "Invalid", message: format!("{subject} is invalid: {list}"), problems }
    }
}
