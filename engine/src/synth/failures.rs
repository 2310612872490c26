//! Failures of real machines, read from CSV files.
//!
//! Two forms are known. Spot churn, without a header: `milliseconds,add|remove,name` (as recorded on AWS EC2 by the
//! Bamboo project). Outages, with a header that has the columns `System`, `nodenum`, `Prob Started` and
//! `Prob Fixed` (as published by Los Alamos National Laboratory for 1995 to 2005, local times to the minute).

use std::collections::BTreeMap;

use crate::time::Micros;

/// What befell a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It was taken away.
    Left,
    /// It came (back).
    Joined,
    /// It stopped answering.
    Silent,
    /// It answers again.
    Returned,
}

/// One failure, or the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// How long after the first one of the file.
    pub after: Micros,
    /// Which machine, counted in order of first appearance.
    pub machine: u32,
    /// What befell it.
    pub fault: Fault,
}

/// A CSV file that is not one of failures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct FailuresError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Reads failures, in order of time.
///
/// # Errors
/// Names the line, and what was expected there.
pub fn read_failures(text: &str) -> Result<Vec<Failure>, FailuresError> {
    let header = text.lines().next().unwrap_or_default();
    let mut failures = if header.starts_with("System,") { outages(text)? } else { spot(text)? };
    failures.sort();
    let begin = failures.first().map_or(Micros::ZERO, |first| first.after);
    for failure in &mut failures {
        failure.after = Micros(failure.after.0 - begin.0);
    }
    Ok(failures)
}

/// Numbers machines as they appear.
#[derive(Default)]
struct Machines<'a>(BTreeMap<(&'a str, &'a str), u32>);

impl<'a> Machines<'a> {
    fn number(&mut self, group: &'a str, name: &'a str) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry((group, name)).or_insert(next)
    }
}

fn wrong(line: usize, what: impl Into<String>) -> FailuresError {
    FailuresError { line, what: what.into() }
}

fn spot(text: &str) -> Result<Vec<Failure>, FailuresError> {
    let mut machines = Machines::default();
    let mut failures = Vec::new();
    for (index, row) in text.lines().enumerate().filter(|(_, row)| !row.trim().is_empty()) {
        let line = index + 1;
        let fields: Vec<&str> = row.split(',').map(str::trim).collect();
        let [time, what, name] = fields[..] else {
            return Err(wrong(line, format!("expected `milliseconds,add|remove,name`, found {row:?}")));
        };
        let after = time.parse().map(Micros::millis);
        let after = after.map_err(|_| wrong(line, format!("expected milliseconds, found {time:?}")))?;
        let fault = match what {
            "add" => Fault::Joined,
            "remove" => Fault::Left,
            other => return Err(wrong(line, format!("expected `add` or `remove`, found {other:?}"))),
        };
        failures.push(Failure { after, machine: machines.number("", name), fault });
    }
    Ok(failures)
}

fn outages(text: &str) -> Result<Vec<Failure>, FailuresError> {
    let header: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
    let column = |name: &str| {
        header.iter().position(|found| *found == name).ok_or_else(|| wrong(1, format!("no column {name:?}")))
    };
    let columns = [column("System")?, column("nodenum")?, column("Prob Started")?, column("Prob Fixed")?];
    let mut machines = Machines::default();
    let mut failures = Vec::new();
    for (index, row) in text.lines().enumerate().skip(1).filter(|(_, row)| !row.trim().is_empty()) {
        let line = index + 1;
        let fields: Vec<&str> = row.split(',').collect();
        let mut found = columns.iter().map(|column| fields.get(*column).copied().unwrap_or_default());
        let (Some(system), Some(node), Some(started), Some(fixed)) =
            (found.next(), found.next(), found.next(), found.next())
        else {
            continue;
        };
        // A few rows do not say when the outage began or ended: then there is nothing to replay.
        if started.is_empty() || fixed.is_empty() {
            continue;
        }
        let (started, fixed) = (minute(started, line)?, minute(fixed, line)?);
        let machine = machines.number(system, node);
        failures.push(Failure { after: started, machine, fault: Fault::Silent });
        failures.push(Failure { after: fixed.max(started), machine, fault: Fault::Returned });
    }
    Ok(failures)
}

/// Reads `6/21/2005 10:54` as microseconds of a time line of its own.
fn minute(text: &str, line: usize) -> Result<Micros, FailuresError> {
    let expected = || wrong(line, format!("expected a time such as `6/21/2005 10:54`, found {text:?}"));
    let numbers: Result<Vec<i64>, _> = text.trim().split(['/', ' ', ':']).map(str::parse).collect();
    let [month, day, year, hour, minute] = numbers.map_err(|_| expected())?[..] else {
        return Err(expected());
    };
    let field = |value: i64| i8::try_from(value).map_err(|_| expected());
    let date = jiff::civil::DateTime::new(
        i16::try_from(year).map_err(|_| expected())?,
        field(month)?,
        field(day)?,
        field(hour)?,
        field(minute)?,
        0,
        0,
    );
    let zoned = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|_| expected())?;
    Ok(Micros(zoned.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spot_churn_and_outages_are_read() {
        let spot = read_failures("100,add,node1\n100,add,node2\n2500,remove,node1\n").unwrap();
        assert_eq!(spot.len(), 3);
        assert_eq!(spot[2], Failure { after: Micros::millis(2_400), machine: 0, fault: Fault::Left });

        let header = "System,nodes,nodenum,Prob Started,Prob Fixed";
        let rows = "2,49,0,6/21/2005 10:54,6/21/2005 11:00\n2,49,7,6/21/2005 10:00,\n2,49,1,6/21/2005 10:50,6/22/2005 0:00";
        let outages = read_failures(&format!("{header}\n{rows}\n")).unwrap();
        let shown: Vec<_> = outages.iter().map(|f| (f.after.0 / 60_000_000, f.machine, f.fault)).collect();
        assert_eq!(
            shown,
            [
                (0, 1, Fault::Silent),
                (4, 0, Fault::Silent),
                (10, 0, Fault::Returned),
                (790, 1, Fault::Returned)
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let refused = |text: &str| read_failures(text).unwrap_err().to_string();
        assert_eq!(refused("1,add,a\n2,gone,a\n"), "line 2: expected `add` or `remove`, found \"gone\"");
        assert_eq!(
            refused("1;add;a\n"),
            "line 1: expected `milliseconds,add|remove,name`, found \"1;add;a\""
        );
        assert_eq!(refused("System,nodes\n"), "line 1: no column \"nodenum\"");
    }
}
