//! What a sweep has done so far, so that it can go on after an interruption.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::table::Row;
use crate::error::CliError;

/// A file beside the table: the sweep's fingerprint, then a line for every run that was made, in order of completion.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// What was made, by number.
    pub rows: BTreeMap<usize, Row>,
}

impl Journal {
    /// Opens the journal of a table, and takes over what an interrupted sweep of the same fingerprint has left.
    ///
    /// # Errors
    /// It cannot be read or written, or it is that of another sweep and `anew` is not set.
    pub fn open(table: &Path, fingerprint: &str, anew: bool) -> Result<Journal, CliError> {
        let mut path = table.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        let mut rows = BTreeMap::new();
        if path.exists() && !anew {
            let text = fs::read_to_string(&path).map_err(|e| CliError::file("read", &path, &e))?;
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            if first != fingerprint {
                return Err(CliError::new(
                    "an interrupted sweep with other options, or of other files, has the same table",
                )
                .at(path.display())
                .hint("choose another table, or begin anew with --force"));
            }
            // The last line may be torn; then that run is made again.
            let made = rest.lines().filter_map(|line| serde_json::from_str::<Row>(line).ok());
            rows.extend(made.map(|row| (row.run, row)));
        }
        let mut text = format!("{fingerprint}\n");
        for row in rows.values() {
            text += &line(row)?;
        }
        super::table::replace(&path, text.as_bytes())?;
        let file =
            OpenOptions::new().append(true).open(&path).map_err(|e| CliError::file("write", &path, &e))?;
        Ok(Journal { path, file, rows })
    }

    /// Notes a run that was made.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, row: Row) -> Result<(), CliError> {
        let text = line(&row)?;
        self.file.write_all(text.as_bytes()).map_err(|e| CliError::file("write", &self.path, &e))?;
        self.rows.insert(row.run, row);
        Ok(())
    }

    /// Takes the journal away when the table is there.
    pub fn remove(self) {
        // A journal that stays is in nobody's way: the next sweep with the same options finds all runs made.
        let _ = fs::remove_file(&self.path);
    }
}

fn line(row: &Row) -> Result<String, CliError> {
    serde_json::to_string(row).map(|text| text + "\n").map_err(|e| CliError::new(e.to_string()))
}
