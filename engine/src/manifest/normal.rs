//! The form in which the API server writes objects: empty fields left out, required ones always there.

use super::schema::{self, Struct, Type};
use serde_json::{Map, Value};

/// Brings `object` of type `ty` into written form, in place.
pub(crate) fn normalise(object: &mut Value, ty: &Struct) {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Value::Object(map) = object else { return };
    for field in &ty.fields {
        let mut value = map.remove(field.name).unwrap_or(Value::Null);
        descend(&mut value, &field.ty);
        let keep = match &field.ty {
            _ if field.always => true,
            Type::Pointer(_) | Type::Time | Type::MicroTime | Type::Raw => !value.is_null(),
            Type::Struct(_) => !field.omit_zero,
            Type::Quantity | Type::IntOrString => true,
            _ => !is_zero(&value),
        };
        if keep {
            if value.is_null() {
                value = zero(&field.ty);
                descend(&mut value, &field.ty);
            }
            map.insert(field.name.to_owned(), value);
        }
    }
}

fn descend(value: &mut Value, ty: &Type) {
    match (ty, value) {
        (Type::Pointer(inner), value) if !value.is_null() => descend(value, inner),
        (Type::Struct(name), value) => {
            if let Some(ty) = schema::lookup(name) {
                normalise(value, ty);
            }
        }
        (Type::List(inner), Value::Array(items)) => items.iter_mut().for_each(|v| descend(v, inner)),
        (Type::Map(inner), Value::Object(map)) => map.values_mut().for_each(|v| descend(v, inner)),
        _ => {}
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_i64() == Some(0),
        Value::String(s) => s.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

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
