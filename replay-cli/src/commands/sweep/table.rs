//! The table: one row a run, the same columns in every form.

use std::fs;
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::CliError;

/// The form of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Comma-separated values with a heading (RFC 4180)
    Csv,
    /// One JSON object a line
    Jsonl,
    /// Apache Parquet, without compression
    Parquet,
}

impl TableFormat {
    /// The form that a file's name asks for.
    pub fn of(path: &Path) -> Result<TableFormat, CliError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Ok(TableFormat::Csv),
            Some("jsonl" | "ndjson") => Ok(TableFormat::Jsonl),
            Some("parquet") => Ok(TableFormat::Parquet),
            _ => Err(CliError::new(format!("what form is {} to have?", path.display()))
                .hint("let it end in .csv, .jsonl or .parquet, or say it with --format")),
        }
    }
}

/// What came of a run. Nothing here depends on how long it took, or on what else was going on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its place in the matrix, from 0.
    pub run: usize,
    pub trace: String,
    /// Empty: none.
    pub manifest: String,
    /// Empty: the usual ones.
    pub settings: String,
    /// Only synthetic traces have one.
    pub seed: Option<u64>,
    /// Why it failed; empty if it did not. The rest is then empty or 0.
    pub error: String,
    pub digest: String,
    pub trace_events: u64,
    pub events: u64,
    /// Events of the trace that did not fit the run.
    pub misfits: u64,
    pub pods_created: u64,
    pub pods_deleted: u64,
    pub statuses_written: u64,
    /// Syncs that wrote something.
    pub syncs: u64,
    /// The highest sum of `numberUnavailable` over all DaemonSets.
    pub peak_unavailable: u64,
    pub begin: String,
    pub end: String,
    /// From the trace's last event to the end.
    pub after_trace_us: i64,
    pub ended_by: String,
    pub settled: bool,
    pub nodes: u64,
    pub pods: u64,
    pub daemon_sets: u64,
    /// Sums over all DaemonSets at the end.
    pub desired: u64,
    pub current: u64,
    pub ready: u64,
    pub updated: u64,
    pub available: u64,
    pub unavailable: u64,
    pub misscheduled: u64,
}

impl Row {
    /// What the run was, for people.
    pub fn name(&self) -> String {
        let seed = self.seed.map(|seed| format!("seed {seed}")).unwrap_or_default();
        let parts = [self.trace.as_str(), &self.manifest, &self.settings, &seed];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// The row with its columns in order.
    pub(super) fn columns(&self) -> Vec<(String, Value)> {
        // A struct becomes a map in the order of its fields only as text.
        let text = serde_json::to_string(self).unwrap_or_default();
        let map: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
        let mut columns: Vec<_> = map.into_iter().collect();
        columns.sort_by_key(|(name, _)| text.find(&format!("\"{name}\":")));
        columns
    }

    fn csv(&self) -> String {
        let cells = self.columns().into_iter().map(|(_, value)| match value {
            Value::Null => String::new(),
            Value::String(text) => quoted(&text),
            other => other.to_string(),
        });
        cells.collect::<Vec<_>>().join(",")
    }
}

/// The heading of every CSV table.
pub fn heading() -> String {
    let columns = Row::default().columns();
    columns.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(",")
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Writes a table in one go: it is there as a whole or not at all.
pub fn write(path: &Path, format: TableFormat, rows: &[&Row]) -> Result<(), CliError> {
    let failed = |what: String| CliError::new(what).at(path.display());
    let bytes = match format {
        TableFormat::Csv => {
            let lines = std::iter::once(heading()).chain(rows.iter().map(|row| row.csv()));
            lines.map(|line| line + "\n").collect::<String>().into_bytes()
        }
        TableFormat::Jsonl => {
            let line = |row: &&Row| serde_json::to_string(row).map(|text| text + "\n");
            let lines: Result<String, _> = rows.iter().map(line).collect();
            lines.map_err(|e| failed(e.to_string()))?.into_bytes()
        }
        TableFormat::Parquet => super::parquet::write(rows).map_err(|e| failed(e.to_string()))?,
    };
    replace(path, &bytes)
}

/// Puts bytes in the place of whatever bears a name.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.draft", std::process::id()));
    let failed = |e| CliError::file("write", path, &e);
    fs::write(&draft, bytes).map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_the_order_in_which_they_are_declared() {
        let heading = heading();
        assert!(
            heading.starts_with("run,trace,manifest,settings,seed,error,digest,trace_events,"),
            "{heading}"
        );
        assert!(heading.ends_with(",available,unavailable,misscheduled"), "{heading}");
        let row = Row { trace: "a,\"b\"".to_owned(), ..Row::default() };
        assert!(row.csv().starts_with("0,\"a,\"\"b\"\"\",,,,,,0,"), "{}", row.csv());
    }
}
