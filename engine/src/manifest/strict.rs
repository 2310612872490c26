//! A tree decoded against the schema: type errors, unknown fields, and the JSON that is left.

use super::go;
use super::schema::{self, Struct, Type};
use super::time;
use super::tree::{Node, Place, Tree};
use crate::quantity::Quantity;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// At most this many unknown fields are reported, like the API server.
const UNKNOWN_MAX: usize = 100;

/// A fatal decoding error: the first in key order.
#[derive(Debug)]
pub(crate) struct TypeError {
    /// The API server's text.
    pub text: String,
    /// The value's place.
    pub place: Place,
    /// The path to it, with indexes.
    pub field: String,
}

/// A field that the type does not have.
#[derive(Debug)]
pub(crate) struct Unknown {
    /// Path with indexes: `spec.template.spec.containers[0].foo`.
    pub field: String,
    /// The key's place.
    pub place: Place,
    /// The type that lacks it.
    pub owner: &'static Struct,
}

/// The outcome of decoding.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// What is left: known fields, nulls dropped, quantities and times canonical, empty values kept.
    pub object: Value,
    /// Unknown fields in key order.
    pub unknown: Vec<Unknown>,
    /// The first type error.
    pub error: Option<TypeError>,
}

/// Decodes `root` as the structure type `kind`. `extra` names fields of the top-level `spec` that an older
/// version of the API has as well; they are dropped.
pub(crate) fn decode(root: &Node, kind: &'static Struct, extra: &[&str]) -> Decoded {
    let mut decoder = Decoder {
        path: String::new(),
        names: Vec::new(),
        owners: Vec::new(),
        extra,
        unknown: Vec::new(),
        error: None,
    };
    let object = match &root.value {
        Tree::Null => Value::Object(Map::new()),
        Tree::Map(_) => decoder.structure(root, kind),
        _ => {
            decoder.mismatch(root, &format!("v1.{}", kind.name), false);
            Value::Null
        }
    };
    Decoded { object, unknown: decoder.unknown, error: decoder.error }
}

struct Decoder<'a> {
    /// Path with indexes.
    path: String,
    /// Field names without indexes: Go's field stack.
    names: Vec<&'static str>,
    /// Structure types on the way; the last one is named in errors.
    owners: Vec<&'static str>,
    extra: &'a [&'a str],
    unknown: Vec<Unknown>,
    error: Option<TypeError>,
}

impl Decoder<'_> {
    fn fail(&mut self, node: &Node, text: String) {
        if self.error.is_none() {
            self.error = Some(TypeError { text, place: node.place, field: self.path.clone() });
        }
    }

    fn mismatch(&mut self, node: &Node, go: &str, numeric: bool) {
        if self.error.is_some() {
            return;
        }
        let found = match &node.value {
            Tree::Null => "null".to_owned(),
            Tree::Bool(_) => "bool".to_owned(),
            Tree::Text(_) => "string".to_owned(),
            Tree::List(_) => "array".to_owned(),
            Tree::Map(_) => "object".to_owned(),
            Tree::Int(i) if numeric => format!("number {i}"),
            Tree::Uint(u) if numeric => format!("number {u}"),
            Tree::Float(f) if numeric => format!("number {}", go::float(*f)),
            Tree::Int(_) | Tree::Uint(_) | Tree::Float(_) => "number".to_owned(),
        };
        let target = match self.owners.last() {
            Some(owner) => format!("Go struct field {owner}.{}", self.names.join(".")),
            None => "Go value".to_owned(),
        };
        self.fail(node, format!("json: cannot unmarshal {found} into {target} of type {go}"));
    }

    fn structure(&mut self, node: &Node, ty: &'static Struct) -> Value {
        let mut out = Map::new();
        self.owners.push(ty.name);
        for entry in node.entries() {
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(&entry.key);
            match ty.field(&entry.key) {
                Some(field) => {
                    self.names.push(field.name);
                    if let Some(value) = self.value(&entry.value, &field.ty, &field.go) {
                        out.insert(field.name.to_owned(), value);
                    }
                    self.names.pop();
                }
                None if self.owners.len() == 2 && self.extra.contains(&&*entry.key) => {}
                None if self.unknown.len() < UNKNOWN_MAX => {
                    self.unknown.push(Unknown { field: self.path.clone(), place: entry.place, owner: ty });
                }
                None => {}
            }
            self.path.truncate(length);
        }
        self.owners.pop();
        Value::Object(out)
    }

    /// The value, or `None` where null means absent.
    fn value(&mut self, node: &Node, ty: &Type, go: &str) -> Option<Value> {
        if let Type::Pointer(inner) = ty {
            return self.value(node, inner, go);
        }
        if matches!(node.value, Tree::Null) {
            return None;
        }
        match (ty, &node.value) {
            (Type::Struct(name), Tree::Map(_)) => {
                let ty = schema::lookup(name)?;
                return Some(self.structure(node, ty));
            }
            (Type::List(inner), Tree::List(items)) => return Some(self.list(items, inner, go)),
            (Type::Map(inner), Tree::Map(_)) => return Some(self.map(node, inner, go)),
            (Type::Raw, _) => return Some(raw(node)),
            (Type::Bool, Tree::Bool(b)) => return Some((*b).into()),
            (Type::Text, Tree::Text(text)) => return Some((&**text).into()),
            (Type::Int32, Tree::Int(i)) if i32::try_from(*i).is_ok() => return Some((*i).into()),
            (Type::Int64, Tree::Int(i)) => return Some((*i).into()),
            (Type::Int32 | Type::Int64, Tree::Float(f)) => {
                if let Some(whole) = whole(*f, *ty == Type::Int32) {
                    return Some(whole.into());
                }
                self.mismatch(node, go, true);
            }
            (Type::Int32 | Type::Int64, _) => self.mismatch(node, go, true),
            (Type::IntOrString, Tree::Text(text)) => return Some((&**text).into()),
            (Type::IntOrString, _) => return self.value(node, &Type::Int32, "int32"),
            (Type::Quantity, _) => return self.quantity(node),
            (Type::Time | Type::MicroTime, Tree::Text(text)) => {
                match time::canonical(text, *ty == Type::MicroTime) {
                    Ok(time) => return Some(time.into()),
                    Err(error) => self.fail(node, error),
                }
            }
            (Type::Time | Type::MicroTime, _) => self.mismatch(node, "string", false),
            _ => self.mismatch(node, go, false),
        }
        None
    }

    fn list(&mut self, items: &[Node], inner: &Type, go: &str) -> Value {
        let go = element(go);
        let mut out = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let length = self.path.len();
            // Writing to a String cannot fail.
            let _ = write!(self.path, "[{i}]");
            out.push(self.value(item, inner, go).unwrap_or_else(|| zero(inner)));
            self.path.truncate(length);
        }
        Value::Array(out)
    }

    fn map(&mut self, node: &Node, inner: &Type, go: &str) -> Value {
        let go = go.strip_prefix("map[string]").unwrap_or("resource.Quantity");
        let mut out = Map::new();
        for entry in node.entries() {
            let length = self.path.len();
            let _ = write!(self.path, "[{}]", entry.key);
            let value = self.value(&entry.value, inner, go).unwrap_or_else(|| zero(inner));
            out.insert(entry.key.to_string(), value);
            self.path.truncate(length);
        }
        Value::Object(out)
    }

    fn quantity(&mut self, node: &Node) -> Option<Value> {
        let text = match &node.value {
            Tree::Text(text) => text.trim().to_owned(),
            Tree::Int(i) => i.to_string(),
            Tree::Uint(u) => u.to_string(),
            Tree::Float(f) => go::float(*f),
            // Anything else reaches the quantity parser as JSON text and fails there.
            _ => "x".to_owned(),
        };
        match Quantity::parse(&text) {
            Ok(quantity) => Some(quantity.canonical().into()),
            Err(error) => {
                self.fail(node, error.to_owned());
                None
            }
        }
    }
}

/// A float that JSON writes as an integer: 1e3 is 1000.
fn whole(f: f64, narrow: bool) -> Option<i64> {
    let text = go::float(f);
    let value: i64 = text.parse().ok()?;
    (!narrow || i32::try_from(value).is_ok()).then_some(value)
}

fn element(go: &str) -> &str {
    let inner = go.strip_prefix("[]").unwrap_or(go);
    inner.trim_start_matches('*')
}

/// Go's zero value, which is what a null element decodes to.
fn zero(ty: &Type) -> Value {
    match ty {
        Type::Bool => false.into(),
        Type::Int32 | Type::Int64 | Type::IntOrString => 0.into(),
        Type::Text => "".into(),
        Type::Quantity => "0".into(),
        Type::Struct(_) => Value::Object(Map::new()),
        _ => Value::Null,
    }
}

/// Any JSON, as it stands.
pub(crate) fn raw(node: &Node) -> Value {
    match &node.value {
        Tree::Null => Value::Null,
        Tree::Bool(b) => (*b).into(),
        Tree::Int(i) => (*i).into(),
        Tree::Uint(u) => (*u).into(),
        Tree::Float(f) => (*f).into(),
        Tree::Text(text) => (&**text).into(),
        Tree::List(items) => items.iter().map(raw).collect(),
        Tree::Map(entries) => entries.iter().map(|e| (e.key.to_string(), raw(&e.value))).collect(),
    }
}
