//! Parts of a sweep put together: the same bytes as the whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::table::{self, TableFormat};
use crate::error::CliError;
use crate::output::Out;

/// Merges tables by the number of each row.
pub fn run(
    parts: &[PathBuf],
    output: &Path,
    format: TableFormat,
    out: &mut Out,
) -> Result<ExitCode, CliError> {
    if parts.is_empty() {
        return Err(CliError::new("which parts are to be merged?").hint("name their tables"));
    }
    let mut rows: BTreeMap<usize, String> = BTreeMap::new();
    for part in parts {
        let text = fs::read_to_string(part).map_err(|e| CliError::file("read", part, &e))?;
        for (number, record) in
            records(&text, format).map_err(|what| CliError::new(what).at(part.display()))?
        {
            if rows.insert(number, record).is_some() {
                return Err(CliError::new(format!("run {number} is there twice")).at(part.display()));
            }
        }
    }
    let mut text = match format {
        TableFormat::Csv => format!("{}\n", table::heading()),
        TableFormat::Jsonl => String::new(),
    };
    rows.values().for_each(|row| text += row);
    table::replace(output, &text)?;
    let expected = rows.keys().next_back().map_or(0, |last| last + 1);
    if rows.len() < expected {
        out.warn(format!("{} of {expected} runs are missing: a part was left out", expected - rows.len()));
        return Ok(ExitCode::from(1));
    }
    out.note(format!("{}: {} runs", output.display(), rows.len()));
    Ok(ExitCode::SUCCESS)
}

/// The records of a table as they stand, with their numbers.
fn records(text: &str, format: TableFormat) -> Result<Vec<(usize, String)>, String> {
    let body = match format {
        TableFormat::Csv => text.strip_prefix(&format!("{}\n", table::heading())).ok_or_else(|| {
            "not a table of this version of `kubetape sweep`: its heading is another".to_owned()
        })?,
        TableFormat::Jsonl => text,
    };
    let mut records = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = record_end(rest, format);
        let (record, after) = rest.split_at(end);
        let number = match format {
            TableFormat::Csv => record.split(',').next().and_then(|number| number.parse().ok()),
            TableFormat::Jsonl => serde_json::from_str::<table::Row>(record).ok().map(|row| row.run),
        };
        let number = number.ok_or_else(|| format!("not a row of a sweep: {}", record.trim_end()))?;
        records.push((number, record.to_owned()));
        rest = after;
    }
    Ok(records)
}

/// Where a record ends: with its line, unless that is within quotes.
fn record_end(text: &str, format: TableFormat) -> usize {
    let mut quoted = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if format == TableFormat::Csv => quoted = !quoted,
            b'\n' if !quoted => return index + 1,
            _ => {}
        }
    }
    text.len()
}
