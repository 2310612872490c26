//! A result in words.

use super::result::{Outcome, Profile};
use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;
use crate::output::table::Table;

/// Prints a result for people.
pub fn print(outcome: &Outcome, out: &mut Out) -> Result<(), CliError> {
    let title = out.style.paint(Paint::Strong, &outcome.preset);
    let scale = if outcome.scale == 1.0 { String::new() } else { format!(" at scale {}", outcome.scale) };
    writeln!(
        out,
        "{title}{scale}: {} nodes, {} {}",
        number(outcome.nodes),
        number(outcome.daemon_sets),
        if outcome.daemon_sets == 1 { "DaemonSet" } else { "DaemonSets" }
    )?;
    let (least, most) = outcome.seconds.iter().fold((f64::MAX, 0.0_f64), |(a, b), s| (a.min(*s), b.max(*s)));
    writeln!(
        out,
        "  time      {} (median of {}, {} to {})",
        time(outcome.median_seconds),
        outcome.seconds.len(),
        time(least),
        time(most)
    )?;
    writeln!(
        out,
        "  events    {} from outside, {} in all: {}/s, {} per event from outside",
        number(outcome.input_events),
        number(outcome.events),
        number(outcome.events_per_second as u64),
        time(outcome.ns_per_input_event / 1e9)
    )?;
    writeln!(
        out,
        "  work      {} pods created, {} deleted, {} statuses written, {} syncs ({}/s)",
        number(outcome.creates),
        number(outcome.deletes),
        number(outcome.status_writes),
        number(outcome.syncs),
        number(outcome.syncs_per_second as u64)
    )?;
    writeln!(
        out,
        "  memory    {} at most; {:.0} bytes a pod ({} pods), {:.1} bytes an event",
        bytes(outcome.peak_rss_bytes),
        outcome.bytes_per_pod,
        number(outcome.pods),
        outcome.bytes_per_event
    )?;
    if let Some(logged) = &outcome.logged {
        writeln!(
            out,
            "  logged    {} from a log into one in memory ({:.2} times as long), {} into one on disk",
            time(logged.memory_seconds),
            logged.memory_seconds / outcome.median_seconds,
            time(logged.disk_seconds)
        )?;
    }
    writeln!(out, "  digest    {}", outcome.digest)?;
    if let Some(profile) = &outcome.profile {
        print_profile(profile, out)?;
    }
    writeln!(out)
}

fn print_profile(profile: &Profile, out: &mut Out) -> Result<(), CliError> {
    writeln!(
        out,
        "  per sync  {} (half of the controller's acts), {} (99 %)\n",
        time(profile.sync_p50_ns as f64 / 1e9),
        time(profile.sync_p99_ns as f64 / 1e9)
    )?;
    let mut actors = Table::new(["  ACTOR", "ACTS", "ACTING", "NOTICING"]);
    for (name, cost) in &profile.actors {
        actors.row([
            format!("  {name}").into(),
            number(cost.acts).into(),
            time(cost.act_ns as f64 / 1e9).into(),
            time(cost.observe_ns as f64 / 1e9).into(),
        ]);
    }
    actors.print(out)?;
    writeln!(out)?;
    let mut kinds = Table::new(["  EVENT", "COUNT", "EACH", "ALL"]);
    for (kind, cost) in &profile.kinds {
        kinds.row([
            format!("  {kind}").into(),
            number(cost.count).into(),
            time(cost.ns_each / 1e9).into(),
            time(cost.ns_each * cost.count as f64 / 1e9).into(),
        ]);
    }
    kinds.print(out)
}

/// A time in the unit that suits it: `4.21 ms`.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s if s >= 1e-6 => format!("{:.2} us", s * 1e6),
        s => format!("{:.0} ns", s * 1e9),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes as f64 / f64::from(1 << 20) {
        mib if mib >= 1024.0 => format!("{:.2} GiB", mib / 1024.0),
        mib => format!("{mib:.1} MiB"),
    }
}

/// A number with commas.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_read_at_a_glance() {
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(12), "12");
        assert_eq!(time(0.004_21), "4.21 ms");
        assert_eq!(time(0.000_000_095), "95 ns");
        assert_eq!(bytes(3 << 29), "1.50 GiB");
    }
}
