//! Resource quantities (`500m`, `16Gi`) and numbers that may be percentages.

mod amount;
mod int_or_percent;

pub use int_or_percent::IntOrPercent;

pub(crate) use amount::{FORMAT_WRONG, Quantity};

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
    let quantity = Quantity::parse(text).map_err(|_| QuantityError(text.to_owned()))?;
    Ok(quantity.saturating(-(scale as i32)))
}

#[cfg(test)]
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
        for text in ["", "1.2.3", "five", "1 Gi", "1gi", "1ee3"] {
            assert!(parse_scaled(text, 0).is_err(), "{text}");
        }
    }
}
