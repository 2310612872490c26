//! What the controller waits to see before it acts again, after `ControllerExpectations`.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::Key;
use crate::time::{Micros, Time};

/// Expectations that were not met in this time are given up.
const TIMEOUT: Micros = Micros::seconds(5 * 60);

/// Creations and deletions of pods that were asked for and not yet seen. Plain counters, as upstream's: they
/// do not know which pods, and may fall below zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Expectations {
    #[serde(with = "crate::saved::sorted")]
    by_key: FxHashMap<Key, Expected>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Expected {
    creations: i64,
    deletions: i64,
    since: Time,
}

impl Expectations {
    /// Replaces what is expected.
    pub fn set(&mut self, key: Key, creations: usize, deletions: usize, now: Time) {
        let count = |n| i64::try_from(n).unwrap_or(i64::MAX);
        let expected = Expected { creations: count(creations), deletions: count(deletions), since: now };
        self.by_key.insert(key, expected);
    }

    /// Forgets what is expected.
    pub fn forget(&mut self, key: Key) {
        self.by_key.remove(&key);
    }

    /// Takes note of creations that were seen, or that failed.
    pub fn creations_observed(&mut self, key: Key, count: usize) {
        if let Some(expected) = self.by_key.get_mut(&key) {
            expected.creations -= i64::try_from(count).unwrap_or(i64::MAX);
        }
    }

    /// Takes note of a deletion that was seen.
    pub fn deletion_observed(&mut self, key: Key) {
        if let Some(expected) = self.by_key.get_mut(&key) {
            expected.deletions -= 1;
        }
    }

    /// Whether everything was seen, or it is no use to wait longer.
    pub fn satisfied(&self, key: Key, now: Time) -> bool {
        self.by_key.get(&key).is_none_or(|expected| {
            (expected.creations <= 0 && expected.deletions <= 0) || now - expected.since > TIMEOUT
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::sym;

    const KEY: Key = Key { namespace: sym::DEFAULT, name: sym::POD };

    #[test]
    fn expectations_are_met_by_counting_or_given_up_after_five_minutes() {
        let mut expectations = Expectations::default();
        assert!(expectations.satisfied(KEY, Time(0)));
        expectations.set(KEY, 2, 1, Time(0));
        expectations.creations_observed(KEY, 2);
        assert!(!expectations.satisfied(KEY, Time(0)));
        assert!(!expectations.satisfied(KEY, Time(300_000_000)));
        assert!(expectations.satisfied(KEY, Time(300_000_001)));
        expectations.deletion_observed(KEY);
        expectations.deletion_observed(KEY);
        assert!(expectations.satisfied(KEY, Time(0)));
        expectations.set(KEY, 0, 1, Time(0));
        assert!(!expectations.satisfied(KEY, Time(0)), "setting does not add to what was there");
    }
}
