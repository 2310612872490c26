//! Two results compared: which differences are larger than the noise.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::result::{Document, Outcome, median};
use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;
use crate::output::table::{Cell, Table};

/// Reads a result that was kept.
pub fn read(path: &Path) -> Result<Document, CliError> {
    let text = fs::read_to_string(path).map_err(|e| CliError::file("read", path, &e))?;
    serde_json::from_str(&text).map_err(|e| {
        CliError::new(format!("not a result of `kubetape bench --format json`: {e}")).at(path.display())
    })
}

/// How two results of one workload compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It computes something else: times say nothing.
    Different,
    /// Faster by more than the noise.
    Faster,
    /// Slower by more than the noise.
    Slower,
    /// No difference that the noise could not have made.
    Same,
}

/// A comparison: the relative difference, the noise, and what they say.
pub fn compare(before: &Outcome, after: &Outcome) -> (f64, f64, Verdict) {
    let difference = after.median_seconds / before.median_seconds.max(f64::MIN_POSITIVE) - 1.0;
    let noise = noise(before).max(noise(after)).max(0.01);
    let verdict = if before.digest != after.digest {
        Verdict::Different
    } else if difference.abs() <= noise {
        Verdict::Same
    } else if difference < 0.0 {
        Verdict::Faster
    } else {
        Verdict::Slower
    };
    (difference, noise, verdict)
}

/// Three standard deviations of a run, by the median: estimated from the median deviation, which single slow runs do
/// not move.
fn noise(outcome: &Outcome) -> f64 {
    /// A normal distribution's standard deviation by its median deviation.
    const SIGMA: f64 = 1.4826;
    let middle = outcome.median_seconds;
    let deviations: Vec<_> = outcome.seconds.iter().map(|seconds| (seconds - middle).abs()).collect();
    3.0 * SIGMA * median(&deviations) / middle.max(f64::MIN_POSITIVE)
}

/// Prints how the results compare. The exit status is 1 if something is slower or different.
pub fn report(
    baseline: &Document,
    results: &[Outcome],
    as_data: bool,
    out: &mut Out,
) -> Result<ExitCode, CliError> {
    let mut table = Table::new(["PRESET", "BEFORE", "NOW", "DIFFERENCE", "NOISE", "VERDICT"]);
    let mut worse = false;
    for after in results {
        let same = |before: &&Outcome| before.preset == after.preset && before.scale == after.scale;
        let Some(before) = baseline.results.iter().find(same) else {
            out.warn(format!("{}: the baseline has no such result", after.preset));
            continue;
        };
        let (difference, noise, verdict) = compare(before, after);
        worse |= matches!(verdict, Verdict::Slower | Verdict::Different);
        let (word, paint) = match verdict {
            Verdict::Different => ("different run", Paint::Bad),
            Verdict::Faster => ("faster", Paint::Good),
            Verdict::Slower => ("slower", Paint::Bad),
            Verdict::Same => ("within noise", Paint::Plain),
        };
        let row = [
            after.preset.as_str().into(),
            super::report::time(before.median_seconds).into(),
            super::report::time(after.median_seconds).into(),
            format!("{:+.1}%", difference * 100.0).into(),
            format!("{:.1}%", noise * 100.0).into(),
            Cell::painted(word, paint),
        ];
        if as_data {
            table.row(row);
        } else {
            out.note(format!(
                "{}: {:+.1}% (noise {:.1}%): {word}",
                after.preset,
                difference * 100.0,
                noise * 100.0
            ));
        }
    }
    if as_data {
        table.print(out)?;
    }
    Ok(ExitCode::from(u8::from(worse)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(seconds: &[f64]) -> Outcome {
        Outcome { seconds: seconds.to_vec(), median_seconds: median(seconds), ..Outcome::default() }
    }

    #[test]
    fn a_difference_counts_only_beyond_the_noise() {
        let calm = outcome(&[1.0, 1.001, 0.999, 1.0, 1.002]);
        assert_eq!(compare(&calm, &outcome(&[1.2, 1.201, 1.199])).2, Verdict::Slower);
        assert_eq!(compare(&calm, &outcome(&[0.8, 0.801, 0.799])).2, Verdict::Faster);
        assert_eq!(
            compare(&calm, &outcome(&[1.005, 1.004, 1.006])).2,
            Verdict::Same,
            "one percent is nothing"
        );
        assert_eq!(compare(&calm, &outcome(&[0.9, 1.2, 1.5])).2, Verdict::Same, "too noisy to tell");
        let other = Outcome { digest: "other".to_owned(), ..calm.clone() };
        assert_eq!(compare(&calm, &other).2, Verdict::Different);
    }
}
