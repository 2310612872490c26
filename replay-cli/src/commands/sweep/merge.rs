//! Parts of a sweep put together: the same bytes as the whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::table::{self, Row, TableFormat};
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
    let mut rows: BTreeMap<usize, Record> = BTreeMap::new();
    for part in parts {
        let file = File::open(part).map_err(|e| CliError::file("read", part, &e))?;
        let records = records(file, format).map_err(|what| CliError::new(what).at(part.display()))?;
        for (number, record) in records {
            if rows.insert(number, record).is_some() {
                return Err(CliError::new(format!("run {number} is there twice")).at(part.display()));
            }
        }
    }
    match format {
        TableFormat::Csv | TableFormat::Jsonl => {
            let heading = matches!(format, TableFormat::Csv).then(|| format!("{}\n", table::heading()));
            let records = rows.values().filter_map(Record::text);
            table::replace(
                output,
                heading.as_deref().into_iter().chain(records).collect::<String>().as_bytes(),
            )?;
        }
        TableFormat::Parquet => {
            table::write(output, format, &rows.values().filter_map(Record::row).collect::<Vec<_>>())?;
        }
    }
    let expected = rows.keys().next_back().map_or(0, |last| last + 1);
    if rows.len() < expected {
        out.warn(format!("{} of {expected} runs are missing: a part was left out", expected - rows.len()));
        return Ok(ExitCode::from(1));
    }
    out.note(format!("{}: {} runs", output.display(), rows.len()));
    Ok(ExitCode::SUCCESS)
}

/// A row of a part.
enum Record {
    /// As it stands.
    Text(String),
    Row(Box<Row>),
}

impl Record {
    fn text(&self) -> Option<&str> {
        match self {
            Record::Text(text) => Some(text),
            Record::Row(_) => None,
        }
    }

    fn row(&self) -> Option<&Row> {
        match self {
            Record::Row(row) => Some(row),
            Record::Text(_) => None,
        }
    }
}

/// The records of a table, with their numbers.
fn records(mut file: File, format: TableFormat) -> Result<Vec<(usize, Record)>, String> {
    if format == TableFormat::Parquet {
        let rows = super::parquet::read(file)?;
        return Ok(rows.into_iter().map(|row| (row.run, Record::Row(Box::new(row)))).collect());
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|e| format!("not a table of a sweep: {e}"))?;
    let body = match format {
        TableFormat::Csv => text.strip_prefix(&format!("{}\n", table::heading())).ok_or_else(|| {
            "not a table of this version of `kubetape sweep`: its heading is another".to_owned()
        })?,
        _ => &text,
    };
    let mut records = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = record_end(rest, format);
        let (record, after) = rest.split_at(end);
        let number = match format {
            TableFormat::Csv => record.split(',').next().and_then(|number| number.parse().ok()),
            _ => serde_json::from_str::<Row>(record).ok().map(|row| row.run),
        };
        let number = number.ok_or_else(|| format!("not a row of a sweep: {}", record.trim_end()))?;
        records.push((number, Record::Text(record.to_owned())));
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
