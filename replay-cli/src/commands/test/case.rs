//! Cases: where they are, and what they say.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use kubetape_engine::replay::{Settings, Tracks};
use serde::Deserialize;

use crate::error::CliError;
use crate::plan::{Replayed, UntilArg};
use crate::settings::{SettingsArgs, malformed};
use crate::timespec::Moment;

/// The file that makes a folder a case.
const FILE: &str = "case.toml";

/// A case as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    trace: PathBuf,
    #[serde(default)]
    manifests: Vec<PathBuf>,
    at: Option<String>,
    namespace: Option<String>,
    play: Option<String>,
    until: Option<String>,
    settings_file: Option<PathBuf>,
    settings: Option<Settings>,
}

/// A case.
pub struct Case {
    /// What to replay, and how.
    pub replayed: Replayed,
}

/// The cases of a suite, with their folders, in order of their names. A name is the path within the suite.
///
/// # Errors
/// There is none, or a folder cannot be read.
pub fn find(suite: &Path) -> Result<Vec<(String, PathBuf)>, CliError> {
    let about = std::fs::metadata(suite).map_err(|error| CliError::file("read", suite, &error))?;
    let root = match about.is_file() {
        true => suite.parent().unwrap_or(Path::new(".")),
        false => suite,
    };
    let mut folders = Vec::new();
    walk(root, &mut folders)?;
    if folders.is_empty() {
        return Err(CliError::new("there is no case in it")
            .at(suite.display())
            .hint("a case is a folder with a case.toml; `kubetape test --help` shows one"));
    }
    let name = |folder: &PathBuf| match folder.strip_prefix(root) {
        Ok(inner) if inner.as_os_str().is_empty() => {
            root.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned())
        }
        Ok(inner) => inner.to_string_lossy().replace('\\', "/"),
        Err(_) => folder.display().to_string(),
    };
    let mut cases: Vec<_> = folders.iter().map(|folder| (name(folder), folder.clone())).collect();
    cases.sort();
    Ok(cases)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), CliError> {
    if folder.join(FILE).is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    let failed = |error| CliError::file("read", folder, &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link to a folder above would be followed without end.
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), found)?;
        }
    }
    Ok(())
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// Says what is wrong with it, and where.
    pub fn read(folder: &Path) -> Result<Case, CliError> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| CliError::file("read", &path, &error))?;
        let written: Written = toml::from_str(&text).map_err(|error| malformed(&path, &text, &error))?;
        let existing = |file: &PathBuf| {
            let file = folder.join(file);
            match file.is_file() {
                true => Ok(file),
                false => Err(CliError::new(format!("there is no file {}", file.display()))
                    .at(path.display())
                    .hint("paths in a case are relative to its folder")),
            }
        };
        let trace = existing(&written.trace)?;
        let manifests = written.manifests.iter().map(existing).collect::<Result<Vec<_>, _>>()?;
        if written.at.is_some() && manifests.is_empty() {
            return Err(CliError::new("`at` says when manifests are applied, and there are none")
                .at(path.display())
                .hint("to look at an earlier moment, write `until`"));
        }
        let settings = match (written.settings, &written.settings_file) {
            (Some(_), Some(_)) => {
                return Err(CliError::new("`settings_file` and `[settings]` both say how the actors behave")
                    .at(path.display())
                    .hint("write one of them"));
            }
            (None, Some(file)) => crate::settings::read(&existing(file)?)?,
            (given, None) => given.unwrap_or_default(),
        };
        let play = match &written.play {
            Some(text) => Tracks::parse(text).map_err(|error| field(&path, "play", &error.to_string()))?,
            None => Tracks::outside(),
        };
        let replayed = Replayed {
            trace,
            manifests,
            at: written.at.as_deref().map(|text| parse::<Moment>(&path, "at", text)).transpose()?,
            namespace: written.namespace.unwrap_or_else(|| "default".to_owned()),
            play,
            recorded_choices: false,
            until: parse::<UntilArg>(&path, "until", written.until.as_deref().unwrap_or("settled"))?,
            settings: SettingsArgs::given(settings),
        };
        Ok(Case { replayed })
    }
}

fn parse<T: FromStr<Err = String>>(path: &Path, name: &str, text: &str) -> Result<T, CliError> {
    text.parse().map_err(|error: String| field(path, name, &error))
}

fn field(path: &Path, name: &str, error: &str) -> CliError {
    CliError::new(format!("{name}: {error}")).at(path.display())
}
