//! Image references: only the tag matters here, for the pull policy.

/// The tag that decides the pull policy: `latest` if none is written, empty for a bare digest, `None` for a
/// reference that does not parse.
pub(super) fn tag(image: &str) -> Option<String> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    // A colon after the last slash separates the tag; before it, it is a registry's port.
    let slash = name.rfind('/').map_or(0, |i| i + 1);
    let (path, tag) = match name[slash..].find(':') {
        Some(colon) => (&name[..slash + colon], Some(&name[slash + colon + 1..])),
        None => (name, None),
    };
    let valid = valid_path(path) && tag.is_none_or(valid_tag) && digest.is_none_or(valid_digest);
    if !valid {
        return None;
    }
    Some(match (tag, digest) {
        (Some(tag), _) => tag.to_owned(),
        (None, Some(_)) => String::new(),
        (None, None) => "latest".to_owned(),
    })
}

fn valid_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    tag.len() <= 128
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn valid_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
        && algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || b"+._-".contains(&b))
        && hex.len() >= 32
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
        && match algorithm {
            "sha256" => hex.len() == 64 && !hex.bytes().any(|b| b.is_ascii_uppercase()),
            "sha512" => hex.len() == 128 && !hex.bytes().any(|b| b.is_ascii_uppercase()),
            "sha384" => hex.len() == 96 && !hex.bytes().any(|b| b.is_ascii_uppercase()),
            // The digest library refuses algorithms that it does not know.
            _ => false,
        }
}

/// `[host[:port]/]component[/component…]`
fn valid_path(path: &str) -> bool {
    if path.is_empty() || path.len() > 255 {
        return false;
    }
    // 64 hexadecimal digits would be an image identifier, which is not a name.
    if path.len() == 64 && path.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return false;
    }
    let mut components: Vec<&str> = path.split('/').collect();
    if components.len() > 1 {
        let first = components[0];
        let host = first.contains(['.', ':'])
            || first == "localhost"
            || first.bytes().any(|b| b.is_ascii_uppercase());
        if host {
            if !valid_host(first) {
                return false;
            }
            components.remove(0);
        }
    }
    components.iter().all(|c| valid_component(c))
}

fn valid_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(']') || !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port_ok = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let bracketed = name.starts_with('[') && name.ends_with(']');
    port_ok
        && (bracketed
            || name.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            }))
}

/// Lower-case alphanumerics joined by `.`, `_`, `__` or dashes.
fn valid_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    if !alphanumeric(first) || !alphanumeric(last) {
        return false;
    }
    component
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags() {
        assert_eq!(tag("fluent/fluentd").as_deref(), Some("latest"));
        assert_eq!(tag("registry:5000/a/b:1.0").as_deref(), Some("1.0"));
        assert_eq!(tag("registry:5000/a/b").as_deref(), Some("latest"));
        let digest = format!("a@sha256:{}", "0".repeat(64));
        assert_eq!(tag(&digest).as_deref(), Some(""));
        assert_eq!(tag("a/UPPER"), None);
        assert_eq!(tag("a b"), None);
        assert_eq!(tag("${IMAGE}"), None);
        assert_eq!(tag("a:"), None);
    }
}
