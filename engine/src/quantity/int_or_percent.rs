//! Numbers that may be percentages.

use std::fmt;

use k8s_openapi::apimachinery::pkg::util::intstr;
use serde::{Deserialize, Serialize};

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
mod tests {
    use super::*;

    #[test]
    fn percentages_round_up() {
        let of = |percent, total| IntOrPercent::Percent(percent).scaled_up(total);
        assert_eq!(of(1, 101), Some(2));
        assert_eq!(of(10, 5), Some(1));
        assert_eq!(of(100, 0), Some(0));
        assert_eq!(IntOrPercent::Int(5).scaled_up(2), Some(5));
    }
}
