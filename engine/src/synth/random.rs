//! Randomness without state: every draw is a pure function of (seed, purpose, entity, ordinal).
//!
//! So a draw that is added or left out somewhere changes no other draw, and two traces that differ in one
//! setting differ only in what that setting says. All arithmetic is on integers: the same on every machine.

use xxhash_rust::xxh3::xxh3_64;

pub use crate::sim::Draw;

/// Where all randomness of a trace comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seed(pub u64);

/// What a draw is for. The numbers are part of what a seed means: never used twice, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Which machine a node is.
    Machine = 1,
    /// Which zone it is in.
    Zone = 2,
    /// Which of the values that DaemonSets select it carries at first, by key.
    InitialValue = 3,
    /// How names are shuffled.
    Naming = 4,
    /// How long after the last event of a process its next one comes, by process.
    Gap = 5,
    /// The order of the kinds within a round of an exact mix.
    Round = 6,
    /// Which node an event is about, by process.
    Victim = 7,
    /// Which key a label event is about, by process.
    Key = 8,
    /// Which value a label gets, by process.
    Value = 9,
    /// What a taint is like.
    Taint = 10,
    /// Which condition flaps.
    Condition = 11,
    /// Which DaemonSet is rolled out.
    Rollout = 12,
    /// What a DaemonSet is like.
    DaemonSet = 13,
    /// Which zone loses its spot nodes.
    Loss = 14,
}

impl Seed {
    /// The draw for a purpose, about an entity, the n-th of its kind.
    pub fn draw(self, purpose: Purpose, entity: u64, ordinal: u64) -> Draw {
        let mut bytes = [0; 32];
        for (place, word) in bytes.chunks_exact_mut(8).zip([self.0, purpose as u64, entity, ordinal]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        Draw(xxh3_64(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;

    #[test]
    fn a_draw_depends_on_all_four_and_on_nothing_else() {
        let base = Seed(1).draw(Purpose::Gap, 2, 3);
        assert_eq!(base, Seed(1).draw(Purpose::Gap, 2, 3));
        for other in [
            Seed(2).draw(Purpose::Gap, 2, 3),
            Seed(1).draw(Purpose::Round, 2, 3),
            Seed(1).draw(Purpose::Gap, 3, 3),
            Seed(1).draw(Purpose::Gap, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn logarithms_are_right_to_a_millionth() {
        for bits in [1, 2, 3, u64::MAX, 1 << 63, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210] {
            let expected = -((bits as f64) / 2_f64.powi(64)).ln();
            let found = Draw(bits).negative_ln_q32() as f64 / 2_f64.powi(32);
            assert!((expected - found).abs() < 1e-6, "{bits}: {expected} {found}");
        }
    }

    #[test]
    fn gaps_have_their_mean() {
        let mean = Micros::seconds(1);
        let sum: i64 = (0..10_000).map(|n| Seed(7).draw(Purpose::Gap, 0, n).exponential(mean).0).sum();
        assert!((sum / 10_000 - 1_000_000).abs() < 30_000, "{sum}");
    }

    #[test]
    fn weights_are_kept_to() {
        let mut counts = [0; 3];
        for n in 0..10_000 {
            counts[Seed(3).draw(Purpose::Machine, 0, n).weighted([1, 0, 3].into_iter())] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2_300..2_700).contains(&counts[0]), "{counts:?}");
    }
}
