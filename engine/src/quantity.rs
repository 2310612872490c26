//! Resource quantities (`500m`, `16Gi`) and numbers that may be percentages.

use std::fmt;

use k8s_openapi::apimachinery::pkg::util::intstr;
use serde::{Deserialize, Serialize};

/// Thousandths of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millicores(pub i64);

/// A text that is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a quantity such as 500m, 2 or 16Gi")]
pub struct QuantityError(pub String);

/// Reads a quantity in units of 10^-`scale`, rounded up, as `Quantity.ScaledValue` does: scale 0 gives whole
/// units, scale 3 thousandths.
///
/// # Errors
/// The text is no quantity. Values beyond the range of `i64` become its ends.
pub fn parse_scaled(text: &str, scale: u32) -> Result<i64, QuantityError> {
    let bad = || QuantityError(text.to_owned());
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || part.contains('.') {
        return Err(bad());
    }
    let (power_of_ten, power_of_two) = suffix_powers(suffix).ok_or_else(bad)?;
    let digits: String = [whole, part].concat();
    // 38 digits fit an i128; beyond that a value is out of every range that is used here.
    let mut value: i128 = digits
        .trim_start_matches('0')
        .get(..)
        .unwrap_or("")
        .parse()
        .unwrap_or_else(|_| if digits.trim_start_matches('0').is_empty() { 0 } else { i128::MAX });
    value = value.saturating_mul(1_i128 << power_of_two);
    let power = power_of_ten + i64::from(scale) - i64::try_from(part.len()).map_err(|_| bad())?;
    value = shift_decimal(value, power);
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Ok(if negative { -value } else { value })
}

/// The powers of ten and of two that a suffix stands for.
fn suffix_powers(suffix: &str) -> Option<(i64, u32)> {
    Some(match suffix {
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "" => (0, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => (suffix.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
    })
}

/// `value * 10^power`, rounded up.
fn shift_decimal(mut value: i128, power: i64) -> i128 {
    let mut inexact = false;
    for _ in 0..power.unsigned_abs().min(60) {
        if power > 0 {
            value = value.saturating_mul(10);
        } else {
            inexact |= value % 10 != 0;
            value /= 10;
        }
    }
    value + i128::from(inexact)
}

/// A number, or a percentage of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IntOrPercent {
    /// A plain number.
    Int(i32),
    /// So many percent.
    Percent(i32),
    /// A text that is neither: an error where it is used.
    Invalid,
}

impl IntOrPercent {
    /// Reads the API's type.
    pub fn from_api(value: &intstr::IntOrString) -> Self {
        match value {
            intstr::IntOrString::Int(number) => IntOrPercent::Int(*number),
            intstr::IntOrString::String(text) => match text.strip_suffix('%').map(str::parse) {
                Some(Ok(percent)) => IntOrPercent::Percent(percent),
                _ => IntOrPercent::Invalid,
            },
        }
    }

    /// The number that this is of `total`, percentages rounded up; `None` for a text that is neither.
    pub fn scaled_up(self, total: i64) -> Option<i64> {
        match self {
            IntOrPercent::Int(number) => Some(i64::from(number)),
            IntOrPercent::Percent(percent) => Some((i64::from(percent) * total + 99).div_euclid(100)),
            IntOrPercent::Invalid => None,
        }
    }
}

impl fmt::Display for IntOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntOrPercent::Int(number) => write!(f, "{number}"),
            IntOrPercent::Percent(percent) => write!(f, "{percent}%"),
            IntOrPercent::Invalid => f.write_str("<invalid>"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quantities_round_up_to_their_unit() {
        let milli = |text| parse_scaled(text, 3).unwrap();
        assert_eq!(milli("500m"), 500);
        assert_eq!(milli("2"), 2_000);
        assert_eq!(milli("0.1"), 100);
        assert_eq!(milli("1n"), 1);
        assert_eq!(milli("-250m"), -250);
        assert_eq!(milli(".5"), 500);
        let whole = |text| parse_scaled(text, 0).unwrap();
        assert_eq!(whole("16Gi"), 16 << 30);
        assert_eq!(whole("1e3"), 1_000);
        assert_eq!(whole("100m"), 1);
        assert_eq!(whole("1.5Gi"), 3 << 29);
        assert_eq!(whole("0"), 0);
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "-", "1.2.3", "five", "1 Gi", "1gi", "1ee3"] {
            assert!(parse_scaled(text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_round_up() {
        let of = |percent, total| IntOrPercent::Percent(percent).scaled_up(total);
        assert_eq!(of(1, 101), Some(2));
        assert_eq!(of(10, 5), Some(1));
        assert_eq!(of(100, 0), Some(0));
        assert_eq!(IntOrPercent::Int(5).scaled_up(2), Some(5));
    }
}
