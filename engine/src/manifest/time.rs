//! RFC 3339 times as Go's `time.Parse` accepts them, with its error texts.

use super::go;

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
const MICRO_LAYOUT: &str = "2006-01-02T15:04:05.000000Z07:00";

struct Reader<'a> {
    rest: &'a str,
    text: &'a str,
    layout: &'static str,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, element: &str) -> Result<T, String> {
        Err(format!(
            "parsing time {} as {}: cannot parse {} as {}",
            go::quote(self.text),
            go::quote(self.layout),
            go::quote(self.rest),
            go::quote(element)
        ))
    }

    fn range<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("parsing time {}: {what} out of range", go::quote(self.text)))
    }

    fn number(&mut self, digits: usize, element: &str) -> Result<u32, String> {
        match self.rest.get(..digits).filter(|d| d.bytes().all(|b| b.is_ascii_digit())) {
            Some(found) => {
                self.rest = &self.rest[digits..];
                found.parse().or_else(|_| self.fail(element))
            }
            None => self.fail(element),
        }
    }

    fn literal(&mut self, element: &str) -> Result<(), String> {
        match self.rest.strip_prefix(element) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => self.fail(element),
        }
    }
}

/// Reads a time and prints it as the API stores it: UTC, whole seconds (`micro`: six decimals).
///
/// # Errors
/// Go's text.
pub(crate) fn canonical(text: &str, micro: bool) -> Result<String, String> {
    let mut r = Reader { rest: text, text, layout: if micro { MICRO_LAYOUT } else { LAYOUT } };
    r.number(4, "2006")?;
    r.literal("-")?;
    let month = r.number(2, "01")?;
    if !(1..=12).contains(&month) {
        return r.range("month");
    }
    r.literal("-")?;
    r.number(2, "02")?;
    r.literal("T")?;
    for (element, what, limit) in [("15", "hour", 24), ("04", "minute", 60), ("05", "second", 60)] {
        if element != "15" {
            r.literal(":")?;
        }
        if r.number(2, element)? >= limit {
            return r.range(what);
        }
    }
    if let Some(after) = r.rest.strip_prefix('.') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            r.rest = &after[digits..];
        }
    } else if micro {
        return r.fail(".000000");
    }
    match r.rest.as_bytes() {
        [b'Z', ..] => r.rest = &r.rest[1..],
        [b'+' | b'-', a, b, b':', c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_digit()) => {
            r.rest = &r.rest[6..];
        }
        _ => return r.fail("Z07:00"),
    }
    if !r.rest.is_empty() {
        return Err(format!("parsing time {}: extra text: {}", go::quote(text), go::quote(r.rest)));
    }
    let Ok(timestamp) = text.parse::<jiff::Timestamp>() else {
        return r.range("day");
    };
    let precision = if micro { "%Y-%m-%dT%H:%M:%S%.6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(timestamp.strftime(precision).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(canonical("2026-01-02T03:04:05+01:00", false).unwrap(), "2026-01-02T02:04:05Z");
        assert_eq!(
            canonical("yesterday", false).unwrap_err(),
            "parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\""
        );
        assert_eq!(
            canonical("2026-13-02T03:04:05Z", false).unwrap_err(),
            "parsing time \"2026-13-02T03:04:05Z\": month out of range"
        );
    }
}
