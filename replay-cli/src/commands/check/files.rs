//! The files to check: those that were named, those in folders that were named, standard input.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use kubetape_engine::manifest::{self, Document};

use crate::error::CliError;

/// Folders within folders are searched no deeper than this; a link to a parent would lead nowhere else.
const DEPTH_MAX: usize = 32;

/// Documents, and the texts that they stand in.
pub struct Sources {
    /// All documents, in the order of files and within them.
    pub documents: Vec<Document>,
    /// The text of every file, to show lines of.
    pub texts: BTreeMap<String, String>,
}

impl Sources {
    /// Reads files and folders; `-` is standard input.
    ///
    /// # Errors
    /// Something cannot be read, or there is no manifest in all of it.
    pub fn read(paths: &[PathBuf]) -> Result<Self, CliError> {
        let mut sources = Sources { documents: Vec::new(), texts: BTreeMap::new() };
        for path in paths {
            if path == Path::new("-") {
                let mut bytes = Vec::new();
                let read = std::io::stdin().read_to_end(&mut bytes);
                read.map_err(|e| CliError::file("read", Path::new("standard input"), &e))?;
                sources.take("standard input".to_owned(), &bytes);
                continue;
            }
            let mut files = Vec::new();
            find(path, &mut files, 0)?;
            for file in files {
                let bytes = fs::read(&file).map_err(|e| CliError::file("read", &file, &e))?;
                sources.take(file.display().to_string(), &bytes);
            }
        }
        if sources.documents.is_empty() {
            return Err(CliError::new("there is no manifest to check")
                .hint("name files of YAML or JSON, or folders that hold some"));
        }
        Ok(sources)
    }

    fn take(&mut self, name: String, bytes: &[u8]) {
        self.documents.extend(manifest::decode(&name, bytes).documents);
        self.texts.insert(name, String::from_utf8_lossy(bytes).into_owned());
    }
}

/// A file itself, or the manifests below a folder, in order of their names.
fn find(path: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<(), CliError> {
    let failed = |e: std::io::Error| CliError::file("read", path, &e);
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth == DEPTH_MAX {
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(failed)?;
    let mut entries = entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let manifest = entry.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json");
        if !hidden && (entry.is_dir() || manifest) {
            find(&entry, files, depth + 1)?;
        }
    }
    Ok(())
}
