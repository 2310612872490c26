//! Rate limits, after `golang.org/x/time/rate` in whole microseconds.

use serde::{Deserialize, Serialize};

use crate::time::{Micros, Time};

/// So many a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Tokens a second; 0 counts as 1.
    pub per_second: u32,
    /// Tokens that a pause saves up; 0 counts as 1.
    pub burst: u32,
}

/// How a limit that may be missing is written: `{ per_second = 20, burst = 30 }` or `"unlimited"`.
pub(in crate::actors) mod or_unlimited {
    use std::fmt;

    use serde::de::value::MapAccessDeserializer;
    use serde::de::{Error, MapAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::RateLimit;

    const UNLIMITED: &str = "unlimited";

    pub fn serialize<S: Serializer>(limit: &Option<RateLimit>, to: S) -> Result<S::Ok, S::Error> {
        match limit {
            Some(limit) => limit.serialize(to),
            None => to.serialize_str(UNLIMITED),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RateLimit>, D::Error> {
        from.deserialize_any(Limit)
    }

    struct Limit;

    impl<'de> Visitor<'de> for Limit {
        type Value = Option<RateLimit>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("\"unlimited\" or a limit such as { per_second = 20, burst = 30 }")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            match text {
                UNLIMITED => Ok(None),
                other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            RateLimit::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
}

/// A bucket of tokens. It is full at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::actors) struct Bucket {
    /// When the bucket would be full again.
    full_at: Option<Time>,
}

impl Bucket {
    /// When the next token is there; may have passed.
    pub fn next_at(&self, limit: RateLimit) -> Time {
        let saved = i64::from(limit.burst.max(1) - 1).saturating_mul(interval(limit).0);
        self.full_at.map_or(Time::MIN, |full_at| full_at - Micros(saved))
    }

    /// Takes a token if one is there.
    pub fn take(&mut self, limit: RateLimit, now: Time) -> bool {
        let there = self.next_at(limit) <= now;
        if there {
            self.reserve(limit, now);
        }
        there
    }

    /// Takes a token now or in advance, and says how long it takes until it is there.
    pub fn reserve(&mut self, limit: RateLimit, now: Time) -> Micros {
        let wait = Micros((self.next_at(limit).max(now) - now).0);
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now));
        self.full_at = Some(full_at + interval(limit));
        wait
    }
}

fn interval(limit: RateLimit) -> Micros {
    Micros(1_000_000 / i64::from(limit.per_second.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let limit = RateLimit { per_second: 20, burst: 3 };
        let mut bucket = Bucket::default();
        let mut taken = Vec::new();
        for us in (0..300_000).step_by(10_000) {
            while bucket.take(limit, Time(us)) {
                taken.push(us / 1_000);
            }
        }
        assert_eq!(taken, [0, 0, 0, 50, 100, 150, 200, 250]);
        // A pause saves up the burst and no more.
        let later = Time(10_000_000);
        let at_once = (0..10).filter(|_| bucket.take(limit, later)).count();
        assert_eq!(at_once, 3);
        assert_eq!(bucket.reserve(limit, later), Micros::millis(50));
        assert_eq!(bucket.reserve(limit, later), Micros::millis(100));
    }
}
