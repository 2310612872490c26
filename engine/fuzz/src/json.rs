//! JSON changed by its structure.

use serde_json::{Map, Value, json};

use crate::random::Random;

/// Changes a few places of a value.
pub fn change(value: &mut Value, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let donor = part(value, random).clone();
        change_one(value, donor, random);
    }
}

/// A part of a value, anywhere in it.
fn part<'a>(value: &'a Value, random: &mut Random) -> &'a Value {
    let mut at = value;
    while !random.one_in(4) {
        at = match at {
            Value::Array(list) if !list.is_empty() => random.pick(list),
            Value::Object(map) if !map.is_empty() => {
                let skip = random.below(map.len());
                map.values().nth(skip).unwrap_or(at)
            }
            _ => return at,
        };
    }
    at
}

fn change_one(value: &mut Value, donor: Value, random: &mut Random) {
    if random.one_in(5) {
        *value = replacement(value, donor, random);
        return;
    }
    match value {
        Value::Array(list) if !list.is_empty() => {
            let at = random.below(list.len());
            match random.below(12) {
                0 => {
                    list.remove(at);
                }
                1 => list.insert(at, donor),
                2 => list.push(list[at].clone()),
                _ => change_one(&mut list[at], donor, random),
            }
        }
        Value::Object(map) if !map.is_empty() => change_field(map, donor, random),
        _ => *value = replacement(value, donor, random),
    }
}

fn change_field(map: &mut Map<String, Value>, donor: Value, random: &mut Random) {
    let skip = random.below(map.len());
    let Some(key) = map.keys().nth(skip).cloned() else { return };
    match random.below(12) {
        0 => {
            map.remove(&key);
        }
        1 => {
            let value = map.remove(&key).unwrap_or_default();
            map.insert(format!("{key}x"), value);
        }
        2 => {
            map.insert(key, donor);
        }
        _ => {
            if let Some(field) = map.get_mut(&key) {
                change_one(field, donor, random);
            }
        }
    }
}

/// Something else in a value's place: of another type, at an end of its range, or almost the same.
fn replacement(old: &Value, donor: Value, random: &mut Random) -> Value {
    match random.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(i64::MIN),
        3 => json!(u64::MAX),
        4 => json!(-1),
        5 => json!(1e300),
        6 => json!(""),
        7 => json!([]),
        8 => json!({}),
        9 => json!("9999-12-31T23:59:59.999999999Z"),
        10 => json!("x".repeat(random.below(300))),
        11 => match old {
            Value::String(text) => {
                let mut letters: Vec<char> = text.chars().collect();
                let at = random.below(letters.len() + 1);
                letters.insert(at, *random.pick(&['/', '%', '\0', 'é', '9', '-', '.', ':']));
                Value::String(letters.into_iter().collect())
            }
            Value::Number(number) => json!(number.as_i64().unwrap_or(0).wrapping_add(1)),
            _ => donor,
        },
        _ => donor,
    }
}
