//! Collecting problems the way Kubernetes' `field` package words them.

use crate::manifest::error::Problem;
use crate::manifest::go;
use serde_json::Value;
use std::fmt;

/// No refusal lists more problems than this; it bounds what a hostile object can make us write.
const PROBLEMS_MAX: usize = 10_000;

/// A field path, built while descending; it costs nothing until it is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Segment<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Segment<'a> {
    Name(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    pub const fn root(name: &'a str) -> Self {
        Path { parent: None, segment: Segment::Name(name) }
    }

    pub const fn child<'b>(&'b self, name: &'b str) -> Path<'b> {
        Path { parent: Some(self), segment: Segment::Name(name) }
    }

    pub const fn index(&self, i: usize) -> Path<'_> {
        Path { parent: Some(self), segment: Segment::Index(i) }
    }

    pub const fn key<'b>(&'b self, key: &'b str) -> Path<'b> {
        Path { parent: Some(self), segment: Segment::Key(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.segment {
            Segment::Name(name) if self.parent.is_some() => write!(f, ".{name}"),
            Segment::Name(name) => f.write_str(name),
            Segment::Index(i) => write!(f, "[{i}]"),
            Segment::Key(key) => write!(f, "[{key}]"),
        }
    }
}

/// A value in an error text. A named string type prints as JSON, a plain one the way Go quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bad<'a> {
    Text(&'a str),
    Named(&'a str),
    Int(i64),
    Bool(bool),
    /// JSON that is already written.
    Json(&'a str),
    /// A value of a public (v1) type.
    Value(&'a Value),
}

impl fmt::Display for Bad<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Text(text) => f.write_str(&go::quote(text)),
            Bad::Named(text) => f.write_str(&go::json_string(text)),
            Bad::Int(i) => i.fmt(f),
            Bad::Bool(b) => b.fmt(f),
            Bad::Json(json) => f.write_str(json),
            Bad::Value(value) => f.write_str(&go::json(value)),
        }
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<Problem>);

impl Errors {
    pub fn into_problems(self) -> Vec<Problem> {
        self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, reason: &'static str, path: &Path<'_>, message: String) {
        if self.0.len() < PROBLEMS_MAX {
            self.0.push(Problem { reason, field: path.to_string(), message, place: None, hint: None });
        }
    }

    pub fn required(&mut self, path: &Path<'_>, detail: &str) {
        self.push("FieldValueRequired", path, with_detail("Required value", detail));
    }

    pub fn invalid(&mut self, path: &Path<'_>, bad: Bad<'_>, detail: &str) {
        self.push("FieldValueInvalid", path, with_detail(&format!("Invalid value: {bad}"), detail));
    }

    /// One `Invalid` for each text.
    pub fn invalid_each(&mut self, path: &Path<'_>, bad: Bad<'_>, details: &[String]) {
        for detail in details {
            self.invalid(path, bad, detail);
        }
    }

    pub fn unsupported(&mut self, path: &Path<'_>, bad: Bad<'_>, supported: &[&str]) {
        let list: Vec<String> = supported.iter().map(|s| go::quote(s)).collect();
        let message = format!("Unsupported value: {bad}: supported values: {}", list.join(", "));
        self.push("FieldValueNotSupported", path, message);
    }

    pub fn duplicate(&mut self, path: &Path<'_>, bad: Bad<'_>) {
        self.push("FieldValueDuplicate", path, format!("Duplicate value: {bad}"));
    }

    pub fn duplicate_because(&mut self, path: &Path<'_>, bad: Bad<'_>, detail: &str) {
        self.push("FieldValueDuplicate", path, with_detail(&format!("Duplicate value: {bad}"), detail));
    }

    pub fn forbidden(&mut self, path: &Path<'_>, detail: &str) {
        self.push("FieldValueForbidden", path, with_detail("Forbidden", detail));
    }

    pub fn too_long(&mut self, path: &Path<'_>, max: usize) {
        self.push("FieldValueTooLong", path, format!("Too long: may not be more than {max} bytes"));
    }

    pub fn too_many(&mut self, path: &Path<'_>, actual: usize, max: usize) {
        let message = format!("Too many: {actual}: must have at most {max} items");
        self.push("FieldValueTooMany", path, message);
    }

    pub fn not_found(&mut self, path: &Path<'_>, bad: Bad<'_>, detail: &str) {
        self.push("FieldValueNotFound", path, with_detail(&format!("Not found: {bad}"), detail));
    }

    /// `must be greater than or equal to 0`.
    pub fn non_negative(&mut self, path: &Path<'_>, value: i64) {
        if value < 0 {
            self.invalid(path, Bad::Int(value), "must be greater than or equal to 0");
        }
    }
}

fn with_detail(text: &str, detail: &str) -> String {
    if detail.is_empty() { text.to_owned() } else { format!("{text}: {detail}") }
}
