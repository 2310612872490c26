//! The controller's work queue, after client-go's rate limited delaying queue.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Key;
use crate::names::Seq;
use crate::time::{Micros, Time};

/// The delay after a first failure; it doubles with every further one.
const FIRST_RETRY: Micros = Micros::millis(5);
/// No delay after a failure is longer.
const LAST_RETRY: Micros = Micros::seconds(1_000);

/// Keys that wait for a sync. A key is in it once, however often it is added; with every key goes the event
/// that added it first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct WorkQueue {
    ready: Vec<(Key, Seq)>,
    waiting: BTreeMap<Key, (Time, Seq)>,
    failures: BTreeMap<Key, u32>,
}

impl WorkQueue {
    /// Adds a key unless it is there.
    pub fn add(&mut self, key: Key, cause: Seq) {
        if !self.is_ready(key) {
            self.ready.push((key, cause));
        }
    }

    /// Whether a key waits for nothing but its turn.
    pub fn is_ready(&self, key: Key) -> bool {
        self.ready.iter().any(|entry| entry.0 == key)
    }

    /// Adds a key at a time. A key that waits already keeps the earlier time.
    pub fn add_after(&mut self, key: Key, at: Time, cause: Seq) {
        let entry = self.waiting.entry(key).or_insert((at, cause));
        if at < entry.0 {
            *entry = (at, cause);
        }
    }

    /// Adds a key again after its sync failed, later with every failure in a row.
    pub fn retry(&mut self, key: Key, now: Time, cause: Seq) {
        let failures = self.failures.entry(key).or_insert(0);
        let delay = 1_i64.checked_shl(*failures).map_or(i64::MAX, |n| FIRST_RETRY.0.saturating_mul(n));
        *failures = (*failures + 1).min(62);
        self.add_after(key, now + Micros(delay.min(LAST_RETRY.0)), cause);
    }

    /// Forgets the failures of a key whose sync went well.
    pub fn forget(&mut self, key: Key) {
        self.failures.remove(&key);
    }

    /// When there is something to do; [`Time::MIN`] if there is now.
    pub fn due(&self) -> Option<Time> {
        if !self.ready.is_empty() {
            return Some(Time::MIN);
        }
        self.waiting.values().map(|(at, _)| *at).min()
    }

    /// Takes all keys that are ready or whose time has come, in no particular order.
    pub fn take_due(&mut self, now: Time) -> Vec<(Key, Seq)> {
        let mut due: Vec<_> =
            self.waiting.iter().filter(|(_, (at, _))| *at <= now).map(|(k, w)| (*k, *w)).collect();
        due.sort_by_key(|(_, wait)| *wait);
        for (key, (_, cause)) in due {
            self.waiting.remove(&key);
            self.add(key, cause);
        }
        std::mem::take(&mut self.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::sym;

    const KEY: Key = Key { namespace: sym::DEFAULT, name: sym::POD };

    #[test]
    fn a_key_waits_once_until_its_earliest_time() {
        let mut queue = WorkQueue::default();
        queue.add_after(KEY, Time(30), Seq(1));
        queue.add_after(KEY, Time(20), Seq(2));
        queue.add_after(KEY, Time(25), Seq(3));
        assert_eq!(queue.due(), Some(Time(20)));
        assert!(queue.take_due(Time(19)).is_empty());
        assert_eq!(queue.take_due(Time(20)), [(KEY, Seq(2))]);
        assert_eq!(queue.due(), None);
    }

    #[test]
    fn a_waiting_key_can_be_added_as_well_and_comes_out_once_at_a_time() {
        let mut queue = WorkQueue::default();
        queue.add_after(KEY, Time(30), Seq(1));
        queue.add(KEY, Seq(2));
        queue.add(KEY, Seq(3));
        assert_eq!(queue.due(), Some(Time::MIN));
        assert_eq!(queue.take_due(Time(0)), [(KEY, Seq(2))]);
        assert_eq!(queue.due(), Some(Time(30)));
    }

    #[test]
    fn retries_double_and_success_forgets_them() {
        let mut queue = WorkQueue::default();
        for expected in [5_000, 10_000, 20_000] {
            queue.retry(KEY, Time(0), Seq::NONE);
            assert_eq!(queue.due(), Some(Time(expected)));
            queue.take_due(Time(expected));
        }
        for _ in 0..80 {
            queue.retry(KEY, Time(0), Seq::NONE);
            queue.take_due(Time::MAX);
        }
        queue.retry(KEY, Time(0), Seq::NONE);
        assert_eq!(queue.due(), Some(Time(1_000_000_000)));
        queue.take_due(Time::MAX);
        queue.forget(KEY);
        queue.retry(KEY, Time(0), Seq::NONE);
        assert_eq!(queue.due(), Some(Time(5_000)));
    }
}
