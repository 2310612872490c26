//! How Go prints values: the API server's texts quote and format the way its language does.

use super::tree::{Node, Tree};
use std::fmt::Write as _;

/// `strconv.Quote`: double quotes, Go escapes, printable Unicode kept.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if printable(c) => out.push(c),
            c if (c as u32) < 0x80 => push(&mut out, format_args!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x10000 => push(&mut out, format_args!("\\u{:04x}", c as u32)),
            c => push(&mut out, format_args!("\\U{:08x}", c as u32)),
        }
    }
    out.push('"');
    out
}

fn push(out: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(args);
}

/// Close to `unicode.IsPrint`: everything but controls, separators other than the blank, and the
/// invisible format characters that occur in practice.
fn printable(c: char) -> bool {
    !(c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}'))
}

/// A JSON string as `encoding/json` writes it: `<`, `>` and `&` are escaped.
pub(crate) fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => push(&mut out, format_args!("\\u{:04x}", c as u32)),
            c if (c as u32) < 0x20 => push(&mut out, format_args!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A whole value as `encoding/json` writes it, map keys in order.
pub(crate) fn json(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::String(text) => json_string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let fields: Vec<_> = map.iter().map(|(k, v)| format!("{}:{}", json_string(k), json(v))).collect();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

/// A float as `encoding/json` writes it; also the form in which a YAML number reaches a quantity.
pub(crate) fn float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
            _ => text,
        }
    } else {
        format!("{value}")
    }
}

/// `%#v` of what the YAML decoder makes of a node: the text of "invalid map key".
pub(crate) fn syntax(node: &Node) -> String {
    match &node.value {
        Tree::Null => "interface {}(nil)".to_owned(),
        Tree::Bool(b) => b.to_string(),
        Tree::Int(i) => i.to_string(),
        Tree::Uint(u) => format!("0x{u:x}"),
        Tree::Float(f) => float(*f),
        Tree::Text(text) => quote(text),
        Tree::List(items) => {
            format!("[]interface {{}}{{{}}}", items.iter().map(syntax).collect::<Vec<_>>().join(", "))
        }
        Tree::Map(entries) => {
            let fields: Vec<_> =
                entries.iter().map(|e| format!("{}:{}", quote(&e.key), syntax(&e.value))).collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", fields.join(", "))
        }
    }
}

/// The same for a value on its own, where Go leaves the type of nil out.
pub(crate) fn syntax_top(node: &Node) -> String {
    match node.value {
        Tree::Null => "<nil>".to_owned(),
        _ => syntax(node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_and_quotes_look_like_go() {
        assert_eq!(float(0.1), "0.1");
        assert_eq!(float(1e21), "1e+21");
        assert_eq!(float(1.5e-7), "1.5e-7");
        assert_eq!(float(100.0), "100");
        assert_eq!(quote("a\u{0}é\n"), "\"a\\x00é\\n\"");
        assert_eq!(json_string("a<b"), "\"a\\u003cb\"");
    }
}
