//! Which runs there are: every combination, in one order.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::UNIX_EPOCH;

use kubetape_engine::log::Digest;
use kubetape_engine::replay::Settings;
use kubetape_engine::synth::presets::Preset;

use super::Args;
use super::shard::Shard;
use crate::error::CliError;

/// Seeds as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

/// More than so many seeds are a slip of the finger.
const MOST_SEEDS: u64 = 10_000_000;

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| format!("{text:?} is not a seed"));
        let mut seeds = Vec::new();
        for part in text.split(',') {
            match part.split_once("..") {
                Some((first, last)) => {
                    let (first, last) = (number(first)?, number(last)?);
                    match last.checked_sub(first) {
                        None => return Err(format!("{part:?} ends before it begins")),
                        Some(more) if more >= MOST_SEEDS => {
                            return Err(format!("{part:?} are more than {MOST_SEEDS} seeds"));
                        }
                        Some(_) => seeds.extend(first..=last),
                    }
                }
                None => seeds.push(number(part)?),
            }
        }
        Ok(Seeds(seeds))
    }
}

/// Where a run's trace comes from.
#[derive(Clone, Debug)]
pub enum Trace {
    /// A log.
    Log(PathBuf),
    /// A preset with a seed.
    Synthetic(&'static Preset, u64),
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its place in the matrix, from 0.
    pub number: usize,
    pub trace: Trace,
    /// The manifest that is applied on top.
    pub manifest: Option<PathBuf>,
    /// Which of the matrix's settings.
    pub settings: usize,
}

/// Everything that is combined.
pub struct Matrix {
    traces: Vec<Trace>,
    manifests: Vec<Option<PathBuf>>,
    /// Settings, with the name of their file; empty for the usual ones.
    pub settings: Vec<(String, Settings)>,
    /// What else decides about the outcomes.
    rest: String,
}

impl Matrix {
    /// The matrix of a command line.
    ///
    /// # Errors
    /// There is no trace, or a file that is named is not there or cannot be understood.
    pub fn new(args: &Args) -> Result<Matrix, CliError> {
        let logs = args.files.iter().cloned().map(Trace::Log);
        let synthetic = args.presets.iter().flat_map(|preset| {
            args.seeds.0.iter().map(|seed| Trace::Synthetic(preset, *seed)).collect::<Vec<_>>()
        });
        let traces: Vec<_> = logs.chain(synthetic).collect();
        if traces.is_empty() {
            return Err(CliError::new("what is to be replayed?")
                .hint("name traces, or synthetic ones with --preset and --seeds"));
        }
        let mut manifests: Vec<_> = args.manifests.iter().cloned().map(Some).collect();
        if args.as_is || manifests.is_empty() {
            manifests.insert(0, None);
        }
        for file in args.files.iter().chain(&args.manifests) {
            fs::metadata(file).map_err(|e| CliError::file("read", file, &e))?;
        }
        let mut settings = args.settings.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if settings.is_empty() {
            settings.push((String::new(), Settings::default()));
        }
        let rest = format!("{:?} {:?} {:?} {}", args.scale, args.at, args.until, args.namespace);
        Ok(Matrix { traces, manifests, settings, rest })
    }

    /// The runs of a part, in order.
    pub fn runs(&self, shard: Shard) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut number = 0;
        for trace in &self.traces {
            for manifest in &self.manifests {
                for settings in 0..self.settings.len() {
                    if shard.has(number) {
                        let (trace, manifest) = (trace.clone(), manifest.clone());
                        runs.push(Run { number, trace, manifest, settings });
                    }
                    number += 1;
                }
            }
        }
        runs
    }

    /// What tells this sweep from another: an interrupted sweep goes on only as what it was.
    pub fn fingerprint(&self, shard: Shard) -> String {
        let mut text = format!("{} {} {shard:?}", env!("CARGO_PKG_VERSION"), self.rest);
        for trace in &self.traces {
            match trace {
                Trace::Log(path) => text += &stamp(path),
                Trace::Synthetic(preset, seed) => text += &format!(" {} {seed}", preset.name),
            }
        }
        for manifest in self.manifests.iter() {
            text += &manifest.as_deref().map_or_else(|| " as-is".to_owned(), stamp);
        }
        for (name, settings) in &self.settings {
            text += &format!(" {name} {settings:?}");
        }
        Digest::of(text.as_bytes()).to_string()
    }
}

/// A file's name, length and time of change.
fn stamp(path: &Path) -> String {
    let about = fs::metadata(path).ok();
    let changed = about.as_ref().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    format!(" {path:?} {:?} {changed:?}", about.map(|about| about.len()))
}

fn read(path: &PathBuf) -> Result<(String, Settings), CliError> {
    if path.extension().is_some_and(|extension| extension == "toml") {
        return Ok((path.display().to_string(), crate::settings::read(path)?));
    }
    let text = fs::read_to_string(path).map_err(|e| CliError::file("read", path, &e))?;
    let settings = serde_json::from_str(&text).map_err(|e| {
        CliError::new(format!("these are not settings: {e}"))
            .at(format!("{}:{}:{}", path.display(), e.line(), e.column()))
            .hint("`kubetape sweep --help` shows all of them")
    })?;
    Ok((path.display().to_string(), settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers_lists_and_ranges() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.0);
        assert_eq!(seeds("7"), Ok(vec![7]));
        assert_eq!(seeds("1..3,9"), Ok(vec![1, 2, 3, 9]));
        for bad in ["", "a", "3..1", "1..18446744073709551615", "1.."] {
            assert!(seeds(bad).is_err(), "{bad}");
        }
    }
}
