//! How long something takes: always as long, or drawn from a distribution.

use serde::{Deserialize, Serialize};

use super::Draw;
use crate::time::Micros;

/// How long something takes, in microseconds. Written as a number, or as a table with one of the keys below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always as long.
    Constant(Micros),
    /// Drawn from a distribution.
    Spread(Spread),
}

/// A distribution of lengths of time, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Each between the two is as likely as the others.
    UniformUs([Micros; 2]),
    /// Memoryless, with this mean.
    ExponentialUs(Micros),
    /// The median, and what nine in ten do not exceed.
    LognormalUs([Micros; 2]),
    /// As observed: quantiles at equal distances, from the shortest to the longest, at least one.
    QuantilesUs(Vec<Micros>),
}

impl Default for Latency {
    fn default() -> Self {
        Latency::ZERO
    }
}

impl From<Micros> for Latency {
    fn from(us: Micros) -> Self {
        Latency::Constant(us)
    }
}

impl Latency {
    /// No time at all.
    pub const ZERO: Latency = Latency::Constant(Micros::ZERO);

    /// How long it always takes, if it always takes as long.
    pub fn constant(&self) -> Option<Micros> {
        match self {
            Latency::Constant(us) => Some(*us),
            Latency::Spread(_) => None,
        }
    }

    /// How long it takes in the middle.
    pub fn median(&self) -> Micros {
        self.at(Draw(1 << 63))
    }

    /// How long it takes at a draw. Never negative.
    pub fn at(&self, draw: Draw) -> Micros {
        let us = match self {
            Latency::Constant(us) => *us,
            Latency::Spread(Spread::UniformUs([from, to])) => quantile(&[*from, *to], draw),
            Latency::Spread(Spread::ExponentialUs(mean)) => draw.exponential(*mean),
            Latency::Spread(Spread::LognormalUs([median, p90])) => lognormal(*median, *p90, draw),
            Latency::Spread(Spread::QuantilesUs(quantiles)) => quantile(quantiles, draw),
        };
        Micros(us.0.max(0))
    }
}

/// Between quantiles at equal distances, along straight lines.
fn quantile(quantiles: &[Micros], draw: Draw) -> Micros {
    let Some(last) = quantiles.len().checked_sub(1) else { return Micros::ZERO };
    let position = u128::from(draw.0) * last as u128;
    let (index, fraction) = ((position >> 64) as usize, ((position as u64) >> 32) as i128);
    let (low, high) = (quantiles[index], quantiles[(index + 1).min(last)]);
    let step = (i128::from(high.0) - i128::from(low.0)) * fraction;
    // To the nearest: a draw just below a quantile is that quantile.
    Micros(low.0.saturating_add(((step + (1 << 31)) >> 32) as i64))
}

/// Quantiles of the standard normal distribution above its median, in units of the one at 90 %: shares in millionths,
/// values in 65,536ths.
const NORMAL: [(u64, u64); 12] = [
    (500_000, 0),
    (600_000, 12_956),
    (700_000, 26_817),
    (800_000, 43_039),
    (850_000, 53_001),
    (900_000, 65_536),
    (950_000, 84_114),
    (975_000, 100_229),
    (990_000, 118_963),
    (995_000, 131_720),
    (999_000, 158_026),
    (1_000_000, 218_000),
];

fn lognormal(median: Micros, p90: Micros, draw: Draw) -> Micros {
    let millionths = ((u128::from(draw.0) * 1_000_000) >> 64) as u64;
    // The distribution of the logarithm is symmetric.
    let (share, above) = match millionths.checked_sub(500_000) {
        Some(_) => (millionths, true),
        None => (1_000_000 - millionths, false),
    };
    let upper = NORMAL.iter().position(|(at, _)| *at >= share).unwrap_or(NORMAL.len() - 1).max(1);
    let ((from, low), (to, high)) = (NORMAL[upper - 1], NORMAL[upper]);
    let exponent_q16 = low + (high - low) * (share - from) / (to - from);
    let (low, high) = (median.0.max(1) as f64, p90.0.max(median.0).max(1) as f64);
    let factor = power(high / low, exponent_q16);
    let us = if above { low * factor } else { low / factor };
    Micros(us.min(9e15) as i64)
}

/// A number to the power of a fixed-point number with 16 binary places. Multiplication and square roots are exact to
/// the last bit by IEEE 754, and so the same on every machine; logarithms of a mathematics library are not.
fn power(base: f64, exponent_q16: u64) -> f64 {
    let mut product = 1.0;
    for _ in 0..exponent_q16 >> 16 {
        product *= base;
    }
    let mut root = base;
    for place in (0..16).rev() {
        root = root.sqrt();
        if exponent_q16 >> place & 1 == 1 {
            product *= root;
        }
    }
    product
}

impl Serialize for Latency {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Latency::Constant(us) => us.serialize(to),
            Latency::Spread(spread) => spread.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AsWritten)
    }
}

struct AsWritten;

impl<'de> serde::de::Visitor<'de> for AsWritten {
    type Value = Latency;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "microseconds, or one of { uniform_us = [FROM, TO] }, { exponential_us = MEAN }, \
             { lognormal_us = [MEDIAN, P90] }, { quantiles_us = [SHORTEST, ..., LONGEST] }",
        )
    }

    fn visit_i64<E: serde::de::Error>(self, us: i64) -> Result<Latency, E> {
        match us {
            0.. => Ok(Latency::Constant(Micros(us))),
            _ => Err(E::invalid_value(serde::de::Unexpected::Signed(us), &self)),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, us: u64) -> Result<Latency, E> {
        Ok(Latency::Constant(Micros(i64::try_from(us).unwrap_or(i64::MAX / 4))))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Latency, A::Error> {
        let spread = Spread::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        if matches!(&spread, Spread::QuantilesUs(quantiles) if quantiles.is_empty()) {
            return Err(serde::de::Error::invalid_length(0, &"at least one quantile"));
        }
        Ok(Latency::Spread(spread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(latency: &Latency) -> Vec<i64> {
        let mut all: Vec<_> =
            (0..10_000_u64).map(|n| latency.at(Draw(n.wrapping_mul(u64::MAX / 10_000))).0).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_uniform_spread_is_between_its_bounds() {
        let all = sorted(&Latency::Spread(Spread::UniformUs([Micros(1_000), Micros(3_000)])));
        assert_eq!(all[0], 1_000);
        assert!((1_990..=2_010).contains(&all[5_000]), "{}", all[5_000]);
        assert!((2_990..=3_000).contains(&all[9_999]), "{}", all[9_999]);
    }

    #[test]
    fn a_lognormal_spread_has_its_median_and_its_90th_percentile() {
        let all = sorted(&Latency::Spread(Spread::LognormalUs([Micros(1_000_000), Micros(4_000_000)])));
        assert!((all[5_000] - 1_000_000).abs() < 2_000, "{}", all[5_000]);
        assert!((all[9_000] - 4_000_000).abs() < 8_000, "{}", all[9_000]);
        assert!((all[1_000] - 250_000).abs() < 1_000, "{}", all[1_000]);
    }

    #[test]
    fn an_observed_spread_gives_back_what_was_observed() {
        let quantiles = [5, 10, 10, 40, 200].map(Micros).to_vec();
        let latency = Latency::Spread(Spread::QuantilesUs(quantiles));
        let all = sorted(&latency);
        assert_eq!([all[0], all[2_500], all[5_000], latency.median().0], [5, 10, 10, 10]);
        assert!((39..=40).contains(&all[7_500]), "{}", all[7_500]);
    }

    #[test]
    fn it_is_written_as_a_number_or_as_a_table() {
        for text in ["1500", r#"{"uniform_us":[1,2]}"#, r#"{"quantiles_us":[1,2,3]}"#] {
            let latency: Latency = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&latency).unwrap(), text);
        }
        for text in ["-1", "\"soon\"", r#"{"quantiles_us":[]}"#, r#"{"gamma_us":[1]}"#] {
            assert!(serde_json::from_str::<Latency>(text).is_err(), "{text}");
        }
    }
}
