//! The syntax of label keys and values, as `k8s.io/apimachinery/pkg/util/validation` has it.

/// Whether a text may be a label's value: empty, or up to 63 letters, digits, `-`, `_`, `.`, beginning and
/// ending with a letter or digit.
pub fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name_part(text)
}

/// Whether a text may be a label's key: a name part, with or without a DNS subdomain and `/` before it.
pub fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        None => is_name_part(text),
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name_part(name),
    }
}

fn is_name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    bytes.len() <= 63
        && first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Whether a text may be an object's name: parts of lower-case letters, digits and `-`, with `.` between them.
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_part)
}

fn is_dns_part(part: &str) -> bool {
    let bytes = part.as_bytes();
    let lower = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    lower(first) && lower(last) && bytes.iter().all(|b| lower(b) || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_follow_the_api_servers_grammar() {
        for key in ["a", "A-b_c.d", "example.com/pool", "x.y-z/9"] {
            assert!(is_label_key(key), "{key}");
        }
        for key in ["", "-a", "a-", "Example.com/a", "/a", "a/", "a/b/c", "a b"] {
            assert!(!is_label_key(key), "{key}");
        }
        assert!(is_label_value(""));
        assert!(is_label_value(&"a".repeat(63)));
        assert!(!is_label_value(&"a".repeat(64)));
        assert!(!is_label_value("a/b"));
    }
}
