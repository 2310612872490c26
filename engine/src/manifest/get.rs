//! Reading fields of a JSON object the way Go reads a struct: what is absent has its zero value.

use serde_json::{Map, Value};

/// The field, or null.
pub(crate) fn at<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// The field at a path of names, or null.
pub(crate) fn path<'a>(value: &'a Value, keys: &[&str]) -> &'a Value {
    keys.iter().fold(value, |v, key| at(v, key))
}

/// A string; `""` if absent.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    at(value, key).as_str().unwrap_or("")
}

/// A string behind a pointer.
pub(crate) fn text_opt<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    at(value, key).as_str()
}

/// An integer; 0 if absent.
pub(crate) fn int(value: &Value, key: &str) -> i64 {
    at(value, key).as_i64().unwrap_or(0)
}

/// An integer behind a pointer.
pub(crate) fn int_opt(value: &Value, key: &str) -> Option<i64> {
    at(value, key).as_i64()
}

/// A boolean; false if absent.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    at(value, key).as_bool().unwrap_or(false)
}

/// A boolean behind a pointer.
pub(crate) fn flag_opt(value: &Value, key: &str) -> Option<bool> {
    at(value, key).as_bool()
}

/// The elements of a list; none if absent.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    at(value, key).as_array().map_or(&[], Vec::as_slice)
}

/// The strings of a list.
pub(crate) fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    list(value, key).iter().map(|v| v.as_str().unwrap_or("")).collect()
}

/// A structure behind a pointer.
pub(crate) fn some<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|v| v.is_object())
}

/// The entries of a map, keys in order; none if absent.
pub(crate) fn entries<'a>(
    value: &'a Value,
    key: &str,
) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    at(value, key).as_object().into_iter().flatten().map(|(k, v)| (k.as_str(), v))
}

/// The map of this key for writing, made if absent.
pub(crate) fn object_mut<'a>(
    map: &'a mut Map<String, Value>,
    key: &str,
) -> Option<&'a mut Map<String, Value>> {
    let value = map.entry(key.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// The elements of this key for writing; none if absent.
pub(crate) fn list_mut<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut [Value] {
    map.get_mut(key).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}
