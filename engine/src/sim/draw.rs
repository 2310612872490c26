//! A draw: random bits, and what can be made of them. All arithmetic is on integers: the same on every machine.

use crate::time::Micros;

/// Sixty-four random bits, to be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw(pub u64);

impl Draw {
    /// A number below `n`, each as likely as the others; 0 if `n` is 0.
    pub fn below(self, n: usize) -> usize {
        ((u128::from(self.0) * n as u128) >> 64) as usize
    }

    /// True `percent` times in a hundred.
    pub fn percent(self, percent: u32) -> bool {
        self.below(100) < percent as usize
    }

    /// The position of an entry, as likely as its weight says; the last if all weigh nothing.
    pub fn weighted(self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: usize = weights.clone().map(|weight| weight as usize).sum();
        let mut rest = self.below(total);
        for (index, weight) in weights.clone().enumerate() {
            match rest.checked_sub(weight as usize) {
                Some(less) => rest = less,
                None => return index,
            }
        }
        weights.count().saturating_sub(1)
    }

    /// An exponentially distributed time with a mean: the gap between two events of a Poisson process.
    pub fn exponential(self, mean: Micros) -> Micros {
        let nats = self.negative_ln_q32();
        let scaled = (u128::from(nats) * u128::from(mean.0.max(0).unsigned_abs())) >> 32;
        Micros(i64::try_from(scaled).unwrap_or(i64::MAX))
    }

    /// `-ln(u)` for `u` in (0, 1] as a fixed-point number with 32 binary places.
    pub(crate) fn negative_ln_q32(self) -> u64 {
        /// ln 2 with 32 binary places.
        const LN2_Q32: u128 = 2_977_044_472;
        /// Places of the logarithm that are worked out; beyond them a gap would change by less than a millionth.
        const PLACES: u32 = 24;
        let bits = self.0.max(1);
        let zeros = bits.leading_zeros();
        // The mantissa in [1, 2), with 63 binary places; squaring it shifts out its logarithm bit by bit.
        let mut mantissa = bits << zeros;
        let mut fraction = 0_u64;
        for _ in 0..PLACES {
            let square = (u128::from(mantissa) * u128::from(mantissa)) >> 63;
            fraction <<= 1;
            mantissa = if square >> 64 != 0 {
                fraction |= 1;
                (square >> 1) as u64
            } else {
                square as u64
            };
        }
        let log2_q32 = (u64::from(63 - zeros) << 32) | (fraction << (32 - PLACES));
        let negative_log2_q32 = (64_u64 << 32) - log2_q32;
        ((u128::from(negative_log2_q32) * LN2_Q32) >> 32) as u64
    }
}
