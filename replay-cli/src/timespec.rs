//! Moments and durations as they are written on the command line, the same for every verb.

use std::str::FromStr;

use kubetape_engine::names::Seq;
use kubetape_engine::time::{Micros, Time};

/// How a moment may be written; for help texts.
pub const MOMENT_HELP: &str = "TIME (2026-11-24T02:17:02.5Z), #SEQ (after that event), -5m (before the end), \
                               +5m (after the start), start or end";

/// A moment of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anything but the genesis.
    Start,
    /// After the last event.
    End,
    /// After everything that happened up to a time.
    At(Time),
    /// After an event.
    After(Seq),
    /// So long before the last event.
    BeforeEnd(Micros),
    /// So long after the first event.
    SinceStart(Micros),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.as_bytes().first()) {
            ("start", _) => Ok(Moment::Start),
            ("end", _) => Ok(Moment::End),
            (_, Some(b'#')) => match text[1..].parse() {
                Ok(0) => Err("events are numbered from #1".into()),
                Ok(number) => Ok(Moment::After(Seq(number))),
                Err(_) => Err(format!("{text:?} is not an event's number such as #12")),
            },
            (_, Some(b'-')) => Ok(Moment::BeforeEnd(duration(&text[1..])?)),
            (_, Some(b'+')) => Ok(Moment::SinceStart(duration(&text[1..])?)),
            _ => Time::parse(text).map(Moment::At).map_err(|_| format!("not a moment: write {MOMENT_HELP}")),
        }
    }
}

/// Reads a duration as Go and Kubernetes write it (`1h30m`, `250ms`, `1.5s`), and days (`2d`).
pub fn duration(text: &str) -> Result<Micros, String> {
    let bad = || format!("{text:?} is not a duration: write it like 90s, 1h30m, 250ms or 2d");
    let mut rest = text;
    let mut total_us: i64 = 0;
    if text == "0" {
        return Ok(Micros::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit_us = match unit {
            "us" | "µs" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return Err(bad()),
        };
        let part_us = decimal(number, unit_us).ok_or_else(bad)?;
        total_us = total_us.checked_add(part_us).ok_or_else(bad)?;
        rest = after;
    }
    if text.is_empty() { Err(bad()) } else { Ok(Micros(total_us)) }
}

/// `number` times `unit`, what is finer than a microsecond cut off.
fn decimal(number: &str, unit: i64) -> Option<i64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: i64 = if whole.is_empty() && !part.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in part.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        place /= 10;
        total = total.checked_add(i64::from(digit - b'0') * place)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let us = |text| duration(text).unwrap().0;
        assert_eq!(us("90s"), 90_000_000);
        assert_eq!(us("1h30m"), 5_400_000_000);
        assert_eq!(us("250ms"), 250_000);
        assert_eq!(us("1.5s"), 1_500_000);
        assert_eq!(us(".25s"), 250_000);
        assert_eq!(us("2d"), 172_800_000_000);
        assert_eq!(us("0"), 0);
        for text in ["", "5", "s", "5 s", "1.2.3s", "-5s", "5w", "9999999999d", "1h30"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn moments_are_read_in_every_spelling() {
        let moment = |text: &str| text.parse::<Moment>().unwrap();
        assert_eq!(moment("start"), Moment::Start);
        assert_eq!(moment("end"), Moment::End);
        assert_eq!(moment("#12"), Moment::After(Seq(12)));
        assert_eq!(moment("-5m"), Moment::BeforeEnd(Micros::seconds(300)));
        assert_eq!(moment("+1s"), Moment::SinceStart(Micros::seconds(1)));
        assert_eq!(moment("1970-01-01T00:00:01Z"), Moment::At(Time(1_000_000)));
        for text in ["", "#", "#0", "#-1", "noon", "-", "+", "12"] {
            assert!(text.parse::<Moment>().is_err(), "{text:?}");
        }
    }
}
