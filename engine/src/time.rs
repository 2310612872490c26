//! Virtual time: microseconds for actors, whole seconds for what API objects carry.
//!
//! Kubernetes has two clocks. Controllers' timers run on an exact one; the timestamps inside API objects
//! (`creationTimestamp`, `lastTransitionTime`, …) are cut to whole seconds, and rules such as
//! `minReadySeconds` are decided on those. Both are kept, and they are different types.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment: signed microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(pub i64);

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Micros(pub i64);

/// A timestamp as an API object carries it: whole seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApiSeconds(pub i64);

impl Time {
    /// Later than every moment that occurs.
    pub const MAX: Time = Time(i64::MAX);
    /// Earlier than every moment that occurs.
    pub const MIN: Time = Time(i64::MIN);

    /// The whole second that this moment lies in, as the API server would write it.
    pub fn api_seconds(self) -> ApiSeconds {
        ApiSeconds(self.0.div_euclid(1_000_000))
    }

    /// Reads an RFC 3339 timestamp (`2026-11-24T02:17:02.688577Z`).
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Time, TimeError> {
        let stamp: jiff::Timestamp =
            text.parse().map_err(|e| TimeError { text: text.to_owned(), reason: format!("{e}") })?;
        Ok(Time(stamp.as_microsecond()))
    }
}

impl Micros {
    /// No time at all.
    pub const ZERO: Micros = Micros(0);

    /// `n` whole seconds.
    pub const fn seconds(n: i64) -> Micros {
        Micros(n.saturating_mul(1_000_000))
    }

    /// `n` milliseconds.
    pub const fn millis(n: i64) -> Micros {
        Micros(n.saturating_mul(1_000))
    }
}

impl ApiSeconds {
    /// The first moment of this second.
    pub fn start(self) -> Time {
        Time(self.0.saturating_mul(1_000_000))
    }

    /// Reads an RFC 3339 timestamp and cuts it to its second.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<ApiSeconds, TimeError> {
        Time::parse(text).map(Time::api_seconds)
    }
}

/// A text that is not a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time such as 2026-11-24T02:17:02Z: {reason}")]
pub struct TimeError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) if self.0 % 1_000_000 == 0 => write!(f, "{stamp:.0}"),
            Ok(stamp) if self.0 % 1_000 == 0 => write!(f, "{stamp:.3}"),
            Ok(stamp) => write!(f, "{stamp:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Display for ApiSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.start().fmt(f)
    }
}

/// `1.5s`, `250ms`, `2m3s`: the shortest exact spelling down to the microsecond.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let (minutes, rest) = (us / 60_000_000, us % 60_000_000);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if rest == 0 && us > 0 {
            return Ok(());
        }
        match rest {
            r if r == 0 || r >= 1_000_000 => write_decimal(f, r, 1_000_000, "s"),
            r if r >= 1_000 => write_decimal(f, r, 1_000, "ms"),
            r => write!(f, "{r}us"),
        }
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, value: u64, unit: u64, suffix: &str) -> fmt::Result {
    let (whole, mut part, mut digits) = (value / unit, value % unit, unit.ilog10() as usize);
    if part == 0 {
        return write!(f, "{whole}{suffix}");
    }
    while part.is_multiple_of(10) {
        part /= 10;
        digits -= 1;
    }
    write!(f, "{whole}.{part:0digits$}{suffix}")
}

impl Add<Micros> for Time {
    type Output = Time;
    fn add(self, rhs: Micros) -> Time {
        Time(self.0.saturating_add(rhs.0))
    }
}

impl Sub<Micros> for Time {
    type Output = Time;
    fn sub(self, rhs: Micros) -> Time {
        Time(self.0.saturating_sub(rhs.0))
    }
}

impl Sub for Time {
    type Output = Micros;
    fn sub(self, rhs: Time) -> Micros {
        Micros(self.0.saturating_sub(rhs.0))
    }
}

impl Add for Micros {
    type Output = Micros;
    fn add(self, rhs: Micros) -> Micros {
        Micros(self.0.saturating_add(rhs.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_as_text() {
        for text in ["2026-11-24T02:17:02Z", "2026-11-24T02:17:02.688577Z", "1969-12-31T23:59:59.999Z"] {
            assert_eq!(Time::parse(text).unwrap().to_string(), text);
        }
        assert!(Time::parse("yesterday").is_err());
    }

    #[test]
    fn api_seconds_are_floored_even_before_the_epoch() {
        assert_eq!(Time(1_999_999).api_seconds(), ApiSeconds(1));
        assert_eq!(Time(-1).api_seconds(), ApiSeconds(-1));
    }

    #[test]
    fn durations_read_as_people_write_them() {
        let shown = |us| Micros(us).to_string();
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(1_500_000), "1.5s");
        assert_eq!(shown(250_000), "250ms");
        assert_eq!(shown(123_000_000), "2m3s");
        assert_eq!(shown(3_600_000_000), "1h");
        assert_eq!(shown(-90_000_000), "-1m30s");
        assert_eq!(shown(1_050), "1.05ms");
    }
}
