//! The controller's work queue, after client-go's rate limited delaying queue.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Key;
use crate::actors::limit::{Bucket, RateLimit};
use crate::names::{Names, Seq};
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
    /// How many of these are in their final order.
    ordered: usize,
    waiting: BTreeMap<Key, (Time, Seq)>,
    failures: BTreeMap<Key, u32>,
    retries: Bucket,
}

impl WorkQueue {
    /// Adds a key unless it is there.
    pub fn add(&mut self, key: Key, cause: Seq) {
        if !self.is_ready(key) {
            self.ready.push((key, cause));
        }
    }

    /// Whether no key waits for anything.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty()
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

    /// Adds a key again after its sync failed, later with every failure in a row, and not more often than a limit
    /// on all retries lets through.
    pub fn retry(&mut self, key: Key, limit: Option<RateLimit>, now: Time, cause: Seq) {
        let failures = self.failures.entry(key).or_insert(0);
        let delay = 1_i64.checked_shl(*failures).map_or(i64::MAX, |n| FIRST_RETRY.0.saturating_mul(n));
        *failures = (*failures + 1).min(62);
        let shared = limit.map_or(Micros::ZERO, |limit| self.retries.reserve(limit, now));
        self.add_after(key, now + Micros(delay.min(LAST_RETRY.0)).max(shared), cause);
    }

    /// Forgets the failures of a key whose sync went well.
    pub fn forget(&mut self, key: Key) {
        self.failures.remove(&key);
    }

    /// Whether a key is ready that is none of some.
    pub fn has_ready(&self, except: impl Fn(Key) -> bool) -> bool {
        self.ready.iter().any(|entry| !except(entry.0))
    }

    /// When the next waiting key is to be added.
    pub fn next_at(&self) -> Option<Time> {
        self.waiting.values().map(|(at, _)| *at).min()
    }

    /// Adds the keys whose time has come, and puts those added since the last time in order of their texts.
    pub fn advance(&mut self, now: Time, names: &Names) {
        if self.next_at().is_some_and(|next| next <= now) {
            let due = self.waiting.iter().filter(|(_, (at, _))| *at <= now);
            let mut due: Vec<_> = due.map(|(key, wait)| (*key, *wait)).collect();
            due.sort_by_key(|(_, wait)| *wait);
            for (key, (_, cause)) in due {
                self.waiting.remove(&key);
                self.add(key, cause);
            }
        }
        if self.ready.len() > self.ordered + 1 {
            self.ready[self.ordered..].sort_by(|a, b| a.0.by_text(b.0, names));
        }
        self.ordered = self.ready.len();
    }

    /// Takes the first key that is ready and none of some.
    pub fn take(&mut self, except: impl Fn(Key) -> bool) -> Option<(Key, Seq)> {
        let at = self.ready.iter().position(|entry| !except(entry.0))?;
        self.ordered -= usize::from(at < self.ordered);
        Some(self.ready.remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::sym;

    const KEY: Key = Key { namespace: sym::DEFAULT, name: sym::POD };

    fn take_all(queue: &mut WorkQueue, now: Time) -> Vec<(Key, Seq)> {
        queue.advance(now, &Names::new());
        std::iter::from_fn(|| queue.take(|_| false)).collect()
    }

    #[test]
    fn a_key_waits_once_until_its_earliest_time() {
        let mut queue = WorkQueue::default();
        queue.add_after(KEY, Time(30), Seq(1));
        queue.add_after(KEY, Time(20), Seq(2));
        queue.add_after(KEY, Time(25), Seq(3));
        assert_eq!(queue.next_at(), Some(Time(20)));
        assert!(take_all(&mut queue, Time(19)).is_empty());
        assert_eq!(take_all(&mut queue, Time(20)), [(KEY, Seq(2))]);
        assert_eq!(queue.next_at(), None);
    }

    #[test]
    fn a_waiting_key_can_be_added_as_well_and_comes_out_once_at_a_time() {
        let mut queue = WorkQueue::default();
        queue.add_after(KEY, Time(30), Seq(1));
        queue.add(KEY, Seq(2));
        queue.add(KEY, Seq(3));
        assert!(queue.has_ready(|_| false));
        assert_eq!(take_all(&mut queue, Time(0)), [(KEY, Seq(2))]);
        assert_eq!(queue.next_at(), Some(Time(30)));
    }

    #[test]
    fn keys_come_in_order_of_their_texts_but_not_before_those_that_wait_longer() {
        let key = |name| Key { namespace: sym::DEFAULT, name };
        let mut queue = WorkQueue::default();
        queue.add(key(sym::PODS), Seq(1));
        queue.add(key(sym::MEMORY), Seq(2));
        queue.advance(Time(0), &Names::new());
        queue.add(key(sym::CPU), Seq(3));
        let taken: Vec<_> = take_all(&mut queue, Time(0)).into_iter().map(|(key, _)| key.name).collect();
        assert_eq!(taken, [sym::MEMORY, sym::PODS, sym::CPU]);
    }

    #[test]
    fn retries_double_and_success_forgets_them() {
        let mut queue = WorkQueue::default();
        let retry = |queue: &mut WorkQueue| queue.retry(KEY, None, Time(0), Seq::NONE);
        for expected in [5_000, 10_000, 20_000] {
            retry(&mut queue);
            assert_eq!(queue.next_at(), Some(Time(expected)));
            take_all(&mut queue, Time(expected));
        }
        for _ in 0..80 {
            retry(&mut queue);
            take_all(&mut queue, Time::MAX);
        }
        retry(&mut queue);
        assert_eq!(queue.next_at(), Some(Time(1_000_000_000)));
        take_all(&mut queue, Time::MAX);
        queue.forget(KEY);
        retry(&mut queue);
        assert_eq!(queue.next_at(), Some(Time(5_000)));
    }
}
