//! Typing of plain YAML scalars as the API server's YAML 1.1 reader does it.

use super::tree::Tree;

/// The value of a plain (unquoted) scalar without an explicit tag.
pub(crate) fn plain(text: &str) -> Tree {
    let Some(&first) = text.as_bytes().first() else { return Tree::Null };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' | b'~' | b'<' => {}
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => {}
        _ => return Tree::Text(text.into()),
    }
    if let Some(known) = word(text) {
        return known;
    }
    match first {
        b'0'..=b'9' | b'+' | b'-' => number(text).unwrap_or_else(|| Tree::Text(text.into())),
        b'.' => text.parse().map_or_else(|_| Tree::Text(text.into()), Tree::Float),
        _ => Tree::Text(text.into()),
    }
}

fn word(text: &str) -> Option<Tree> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Tree::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Tree::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Tree::Null,
        ".nan" | ".NaN" | ".NAN" => Tree::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Tree::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Tree::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// Integers in any base with `_` between digits, then floats; `None` if the text is neither.
pub(crate) fn number(text: &str) -> Option<Tree> {
    let plain: String = text.chars().filter(|&c| c != '_').collect();
    if let Some(value) = integer(&plain) {
        return Some(value);
    }
    if !is_float(&plain) {
        return None;
    }
    // Out of range is no number to Go, and stays text.
    plain.parse().ok().filter(|f: &f64| f.is_finite()).map(Tree::Float)
}

fn integer(text: &str) -> Option<Tree> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        // A leading zero makes it octal: 0644 is 420.
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    if let Ok(value) = i64::try_from(value) {
        return Some(Tree::Int(value));
    }
    // Go parses an unsigned number only without a sign.
    if text.starts_with('+') { None } else { u64::try_from(value).ok().map(Tree::Uint) }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = &rest[whole..];
    if let Some(after) = rest.strip_prefix('.') {
        let fraction = after.bytes().take_while(u8::is_ascii_digit).count();
        if whole == 0 && fraction == 0 {
            return false;
        }
        rest = &after[fraction..];
    } else if whole == 0 {
        return false;
    }
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else { return rest.is_empty() };
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    !exponent.is_empty() && exponent.bytes().all(|b| b.is_ascii_digit())
}

/// The value of a scalar with an explicit tag of the YAML core schema (`str`, `int`, …).
///
/// # Errors
/// The reader's text when the scalar does not fit its tag.
pub(crate) fn tagged(tag: &str, text: &str) -> Result<Tree, String> {
    let mismatch = |found: &str| format!("cannot decode !!{found} `{text}` as a !!{tag}");
    let found = plain(text);
    match (tag, found) {
        ("str", _) => Ok(Tree::Text(text.into())),
        ("binary", _) => match base64(text) {
            Some(bytes) => Ok(Tree::Text(String::from_utf8_lossy(&bytes).into())),
            None => Err("!!binary value contains invalid base64 data".to_owned()),
        },
        ("float", Tree::Int(i)) => Ok(Tree::Float(i as f64)),
        ("float", Tree::Uint(u)) => Ok(Tree::Float(u as f64)),
        ("float", v @ Tree::Float(_))
        | ("int", v @ (Tree::Int(_) | Tree::Uint(_)))
        | ("bool", v @ Tree::Bool(_))
        | ("null", v @ Tree::Null) => Ok(v),
        ("timestamp", v @ Tree::Text(_)) => Ok(v),
        ("float" | "int" | "bool" | "null" | "timestamp", other) => Err(mismatch(match other {
            Tree::Null => "null",
            Tree::Bool(_) => "bool",
            Tree::Int(_) | Tree::Uint(_) => "int",
            Tree::Float(_) => "float",
            _ => "str",
        })),
        // An unknown tag is no type: the text stays a string.
        _ => Ok(Tree::Text(text.into())),
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for (i, chunk) in text.chunks_exact(4).enumerate() {
        let last = (i + 1) * 4 == text.len();
        let padding = chunk.iter().rev().take_while(|&&b| b == b'=').count();
        if padding > 2 || (padding > 0 && !last) {
            return None;
        }
        let mut bits = 0u32;
        for &b in &chunk[..4 - padding] {
            let digit = match b {
                b'A'..=b'Z' => b - b'A',
                b'a'..=b'z' => b - b'a' + 26,
                b'0'..=b'9' => b - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        bits <<= 6 * padding;
        out.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        format!("{:?}", plain(text))
    }

    #[test]
    fn yaml_1_1_words_and_numbers() {
        assert_eq!(show("0644"), "Int(420)");
        assert_eq!(show("0o644"), "Int(420)");
        assert_eq!(show("0x1F"), "Int(31)");
        assert_eq!(show("1_000"), "Int(1000)");
        assert_eq!(show("y"), "Bool(true)");
        assert_eq!(show("Off"), "Bool(false)");
        assert_eq!(show("yeS"), "Text(\"yeS\")");
        assert_eq!(show("1e3"), "Float(1000.0)");
        assert_eq!(show("08"), "Float(8.0)");
        assert_eq!(show("1.10"), "Float(1.1)");
        assert_eq!(show("1.2.3"), "Text(\"1.2.3\")");
        assert_eq!(show("18446744073709551615"), "Uint(18446744073709551615)");
        assert_eq!(show("2021-01-01"), "Text(\"2021-01-01\")");
        assert_eq!(show("~"), "Null");
        assert_eq!(show("-"), "Text(\"-\")");
        assert_eq!(show("5%"), "Text(\"5%\")");
    }

    #[test]
    fn tags() {
        assert!(matches!(tagged("str", "1"), Ok(Tree::Text(t)) if &*t == "1"));
        assert!(matches!(tagged("binary", "ZA=="), Ok(Tree::Text(t)) if &*t == "d"));
        assert_eq!(tagged("int", "x").unwrap_err(), "cannot decode !!str `x` as a !!int");
    }
}
