//! Amounts: parsing, comparing and printing as the API server does.

use std::cmp::Ordering;

/// Text of a quantity that does not match the grammar.
pub(crate) const FORMAT_WRONG: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX_WRONG: &str = "unable to parse quantity's suffix";
const NUMERIC_WRONG: &str = "unable to parse numeric part of quantity";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    DecimalSi,
    DecimalExponent,
    BinarySi,
}

/// A quantity: `mantissa * 10^scale`, the way it was written, and how it prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quantity {
    mantissa: i128,
    scale: i32,
    format: Format,
    /// Whether Go holds it as a scaled 64-bit integer rather than as a big decimal: where the two overflow
    /// differs, and warnings show it.
    narrow: bool,
    /// The text itself, where the API keeps it instead of a canonical form.
    written: Option<Box<str>>,
}

struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

fn split(text: &str) -> Option<Parts<'_>> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = rest.split_at(digits(rest));
    let whole = whole.trim_start_matches('0');
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(after) => after.split_at(digits(after)),
        None => ("", rest),
    };
    let letters = suffix.bytes().take_while(|b| b"eEinumkKMGTP".contains(b)).count();
    let tail = &suffix[letters..];
    let tail = tail.strip_prefix(['-', '+']).unwrap_or(tail);
    tail.bytes().all(|b| b.is_ascii_digit()).then_some(Parts { negative, whole, fraction, suffix })
}

/// Base (10 or 2), exponent and format of a suffix.
fn interpret(suffix: &str) -> Option<(u32, i32, Format)> {
    const DECIMAL: [(&str, i32); 10] = [
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("", 0),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
    ];
    const BINARY: [(&str, i32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
    if let Some(&(_, exponent)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        return Some((10, exponent, Format::DecimalSi));
    }
    if let Some(&(_, exponent)) = BINARY.iter().find(|(s, _)| *s == suffix) {
        return Some((2, exponent, Format::BinarySi));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((10, exponent, Format::DecimalExponent))
}

impl Quantity {
    /// Parses a quantity.
    ///
    /// # Errors
    /// The API server's text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err(FORMAT_WRONG);
        }
        let parts = split(text).ok_or(FORMAT_WRONG)?;
        let (base, exponent, format) = interpret(parts.suffix).ok_or(SUFFIX_WRONG)?;
        let shifted = format!("{}{}", if parts.whole.is_empty() { "0" } else { parts.whole }, parts.fraction);
        let digits: i128 = shifted.parse().unwrap_or(i128::MAX / 4);
        let signed = if parts.negative { -digits } else { digits };
        let mut quantity = Self {
            mantissa: signed,
            scale: -(parts.fraction.len() as i32),
            format,
            narrow: false,
            written: None,
        };
        if base == 10 {
            quantity.scale = quantity.scale.saturating_add(exponent);
        } else {
            quantity.mantissa = quantity.mantissa.saturating_mul(1i128 << exponent);
        }
        quantity.narrow = quantity.fits_narrow(&shifted, digits, exponent);
        // A suffix alone is zero, but only as long as it needs no big decimal.
        let empty = text.trim_start_matches(['+', '-']).strip_suffix(parts.suffix);
        if !quantity.narrow && matches!(empty, Some("" | ".")) {
            return Err(NUMERIC_WRONG);
        }
        if text == "0" || (quantity.narrow && quantity.keeps_text(&shifted, digits, exponent)) {
            quantity.written = Some(text.into());
        }
        quantity.round_up(-9);
        quantity.cap_binary();
        Ok(quantity)
    }

    /// Whether the API keeps the text as written: a value that already looks canonical.
    fn keeps_text(&self, shifted: &str, digits: i128, exponent: i32) -> bool {
        match self.format {
            Format::BinarySi => exponent % 10 == 0 && digits & 7 != 0,
            _ => self.scale % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0'),
        }
    }

    /// Whether the digits leave room enough in 64 bits.
    fn fits_narrow(&self, shifted: &str, digits: i128, exponent: i32) -> bool {
        let room = match self.format {
            Format::BinarySi => self.scale == 0 && 15 - shifted.len() as i32 - exponent * 3 / 10 > 0,
            _ => shifted.len() <= 18 && self.scale >= -9,
        };
        room && i64::try_from(digits).is_ok()
    }

    /// Binary quantities end at 2^63-1, and print as decimals below one.
    fn cap_binary(&mut self) {
        if self.format != Format::BinarySi {
            return;
        }
        if self.at_scale(0) > i128::from(i64::MAX) {
            (self.mantissa, self.scale) = (i128::from(i64::MAX), 0);
        }
        if self.scale < 0 && self.mantissa.abs() < ten(-self.scale) && self.mantissa != 0 {
            self.format = Format::DecimalSi;
        }
    }

    /// Rounds away from zero so that nothing smaller than `10^scale` is left.
    pub fn round_up(&mut self, scale: i32) {
        if self.scale >= scale {
            return;
        }
        self.mantissa = self.at_scale(scale);
        self.scale = scale;
        self.written = None;
    }

    /// The value in units of `10^scale`, rounded away from zero, saturating.
    fn at_scale(&self, scale: i32) -> i128 {
        let shift = self.scale - scale;
        if shift >= 0 {
            self.mantissa.saturating_mul(ten(shift))
        } else {
            let unit = ten(-shift);
            let (quotient, rest) = (self.mantissa / unit, self.mantissa % unit);
            quotient + rest.signum()
        }
    }

    /// The value in thousandths, Go's `MilliValue`, overflow included.
    pub fn milli(&self) -> i64 {
        self.scaled(-3)
    }

    /// The value in whole units, rounded up: Go's `Value`, overflow included.
    pub fn value(&self) -> i64 {
        self.scaled(0)
    }

    /// The value in units of `10^scale`, rounded away from zero, at most the ends of 64 bits.
    pub fn saturating(&self, scale: i32) -> i64 {
        let value = self.at_scale(scale);
        i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
    }

    /// Beyond 64 bits a narrow quantity reads as 0, a big one as its lowest 64 bits.
    fn scaled(&self, scale: i32) -> i64 {
        let value = self.at_scale(scale);
        match i64::try_from(value) {
            Ok(value) => value,
            Err(_) if self.narrow => 0,
            Err(_) => value as i64,
        }
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.mantissa < 0
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    /// The sum.
    pub fn add(&mut self, other: &Self) {
        let scale = self.scale.min(other.scale);
        if self.is_zero() {
            self.format = other.format;
        }
        self.mantissa = self.at_scale(scale).saturating_add(other.at_scale(scale));
        self.scale = scale;
        self.written = None;
    }

    /// How the API prints it.
    pub fn canonical(&self) -> String {
        if let Some(written) = &self.written {
            return written.to_string();
        }
        if self.mantissa == 0 {
            return "0".to_owned();
        }
        if self.format == Format::BinarySi && (self.scale >= 0 || self.mantissa % ten(-self.scale) == 0) {
            let mut value = self.at_scale(0);
            if value.abs() >= 1024 {
                let mut power = 0;
                while value % 1024 == 0 && power < 6 {
                    value /= 1024;
                    power += 1;
                }
                return format!("{value}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power]);
            }
        }
        self.decimal()
    }

    fn decimal(&self) -> String {
        let (mut mantissa, mut scale) = (self.mantissa, self.scale);
        while mantissa % 10 == 0 && mantissa != 0 {
            mantissa /= 10;
            scale += 1;
        }
        while scale % 3 != 0 {
            mantissa = mantissa.saturating_mul(10);
            scale -= 1;
        }
        if self.format == Format::DecimalExponent {
            return if scale == 0 { mantissa.to_string() } else { format!("{mantissa}e{scale}") };
        }
        // No suffix beyond E: the digits take the rest.
        while scale > 18 {
            mantissa = mantissa.saturating_mul(1000);
            scale -= 3;
        }
        let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let at = usize::try_from((scale + 9) / 3).unwrap_or(0);
        format!("{mantissa}{}", suffix.get(at).unwrap_or(&""))
    }
}

fn ten(exponent: i32) -> i128 {
    u32::try_from(exponent).ok().and_then(|e| 10i128.checked_pow(e)).unwrap_or(i128::MAX)
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.compare(other))
    }
}

impl Quantity {
    /// Compares the values, not the texts.
    pub fn compare(&self, other: &Self) -> Ordering {
        let scale = self.scale.min(other.scale);
        self.at_scale(scale).cmp(&other.at_scale(scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Quantity::parse(text).unwrap().canonical()
    }

    #[test]
    fn canonical_forms() {
        for (text, expected) in [
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1.5Gi", "1536Mi"),
            ("1024Ki", "1Mi"),
            ("512Mi", "512Mi"),
            ("1e3", "1e3"),
            ("100M", "100M"),
            ("1000M", "1G"),
            ("0", "0"),
            ("00", "0"),
            ("-500m", "-500m"),
            ("1.5", "1500m"),
            ("0.0000000001", "1n"),
            ("1000", "1k"),
            ("1024", "1024"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn errors() {
        assert_eq!(Quantity::parse("1 Gi").unwrap_err(), FORMAT_WRONG);
        assert_eq!(Quantity::parse("").unwrap_err(), FORMAT_WRONG);
        assert_eq!(Quantity::parse("1ki").unwrap_err(), SUFFIX_WRONG);
        assert_eq!(Quantity::parse("1mi").unwrap_err(), SUFFIX_WRONG);
    }

    #[test]
    fn compares_by_value() {
        let q = |t| Quantity::parse(t).unwrap();
        assert!(q("1Gi") > q("1G"));
        assert_eq!(q("1000m").compare(&q("1")), Ordering::Equal);
    }
}
