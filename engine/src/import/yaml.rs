//! YAML documents, turned into JSON.

use super::error::{ImportError, Place};

/// One document: the line on which it begins, and its JSON.
pub(super) struct Document {
    pub line: u64,
    pub json: String,
}

/// Reads the documents of a text, one after another. Empty ones are left out.
pub(super) fn documents(source: &str, text: &str) -> Result<Vec<Document>, ImportError> {
    let mut documents = Vec::new();
    for (line, part) in split(text) {
        let failed = |error: serde_saphyr::Error| {
            let within = error.location().map_or(1, |location| location.line());
            let place = Place { source: source.to_owned(), line: line + within.saturating_sub(1) };
            let reason = error.to_string();
            ImportError::BadYaml { place, reason: reason.lines().next().unwrap_or_default().to_owned() }
        };
        let value: serde_json::Value = serde_saphyr::from_str(part).map_err(failed)?;
        if !value.is_null() {
            documents.push(Document { line, json: value.to_string() });
        }
    }
    Ok(documents)
}

/// Cuts at lines that begin with `---`, which nothing inside a document can.
fn split(text: &str) -> Vec<(u64, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut start_line, mut line, mut offset) = (0, 1, 1, 0);
    for piece in text.split_inclusive('\n') {
        let mark = piece.strip_prefix("---").is_some_and(|rest| rest.trim_start() != rest || rest.is_empty());
        if mark && offset > start {
            parts.push((start_line, &text[start..offset]));
            (start, start_line) = (offset, line);
        }
        offset += piece.len();
        line += 1;
    }
    parts.push((start_line, &text[start..]));
    let says_something = |line: &str| !matches!(line.trim(), "" | "---" | "...") && !line.starts_with('#');
    parts.retain(|(_, part)| part.lines().any(says_something));
    parts
}
