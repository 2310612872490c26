//! How soon another failed pod of a node is deleted, after `flowcontrol.Backoff` without jitter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::{NodeId, ObjectId};
use crate::time::{Micros, Time};

/// Which delays belong together: those of one DaemonSet, as of one observed generation, on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct BackoffKey {
    pub daemon_set: ObjectId,
    /// `status.observedGeneration`: a changed spec starts anew once it was observed.
    pub observed_generation: i64,
    pub node: NodeId,
}

/// Delays that double with every failed pod and are forgotten after twice the longest one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Backoff {
    entries: BTreeMap<BackoffKey, Entry>,
    swept: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    delay: Micros,
    since: Time,
}

/// The shortest and the longest delay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub initial: Micros,
    pub max: Micros,
}

impl Backoff {
    /// The delay that is running for a key, if one is: the whole of it, not what is left.
    pub fn running(&self, key: BackoffKey, bounds: Bounds, now: Time) -> Option<Micros> {
        let entry = self.entries.get(&key)?;
        let age = now - entry.since;
        (!expired(age, bounds) && age < entry.delay).then_some(entry.delay)
    }

    /// Starts the next delay of a key.
    pub fn next(&mut self, key: BackoffKey, bounds: Bounds, now: Time) {
        let delay = match self.entries.get(&key) {
            Some(entry) if !expired(now - entry.since, bounds) => {
                Micros(entry.delay.0.saturating_mul(2).min(bounds.max.0))
            }
            _ => bounds.initial,
        };
        self.entries.insert(key, Entry { delay, since: now });
    }

    /// Drops what has expired, once a minute at most. Changes no answer.
    pub fn sweep(&mut self, bounds: Bounds, now: Time) {
        if now - self.swept >= Micros::seconds(60) {
            self.swept = now;
            self.entries.retain(|_, entry| !expired(now - entry.since, bounds));
        }
    }
}

fn expired(age: Micros, bounds: Bounds) -> bool {
    age.0 > bounds.max.0.saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { initial: Micros::seconds(1), max: Micros::seconds(900) };

    fn key() -> BackoffKey {
        BackoffKey {
            daemon_set: ObjectId::from_index(0),
            observed_generation: 1,
            node: NodeId::from_index(0),
        }
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let mut now = Time(0);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(backoff.running(key(), BOUNDS, now), None);
            backoff.next(key(), BOUNDS, now);
            let delay = Micros::seconds(seconds);
            assert_eq!(backoff.running(key(), BOUNDS, now + delay - Micros(1)), Some(delay));
            now = now + delay;
        }
    }

    #[test]
    fn delays_begin_again_after_half_an_hour() {
        let mut backoff = Backoff::default();
        backoff.next(key(), BOUNDS, Time(0));
        backoff.next(key(), BOUNDS, Time(1_800_000_000));
        assert_eq!(backoff.running(key(), BOUNDS, Time(1_800_000_000)), Some(Micros::seconds(2)));
        backoff.next(key(), BOUNDS, Time(3_600_000_001));
        assert_eq!(backoff.running(key(), BOUNDS, Time(3_600_000_001)), Some(Micros::seconds(1)));
        backoff.sweep(BOUNDS, Time(9_000_000_000));
        assert_eq!(backoff, Backoff { swept: Time(9_000_000_000), ..Backoff::default() });
    }
}
