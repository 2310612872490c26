//! What several of these tests need.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs::File;
use std::path::{Path, PathBuf};

use kubetape_engine::event::Event;
use kubetape_engine::import::{self, Source};
use kubetape_engine::names::Names;
use kubetape_engine::replay::{Sink, SourceError};

/// Keeps a run.
#[derive(Default)]
pub struct Kept(pub Vec<Event>);

impl Sink for Kept {
    fn write(&mut self, _names: &Names, events: &[Event]) -> Result<(), SourceError> {
        self.0.extend_from_slice(events);
        Ok(())
    }
}

/// What lies beside the project where it is developed, recordings and other people's files, or in the folder that
/// `KUBETAPE_SHARED` names. A test that needs some of it is skipped, and says so, where it is not there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let found = std::env::var_os("KUBETAPE_SHARED").map_or_else(beside, PathBuf::from).join(path);
    if !found.exists() {
        eprintln!("skipped: {path} is not here");
    }
    found.exists().then_some(found)
}

/// A recording's events, with the dictionary that they are told in.
pub fn recording(folder: &Path) -> (Names, Vec<Event>) {
    let sources = ["watch.jsonl.gz", "audit.jsonl.gz"]
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| path.exists())
        .map(|path| Source { name: path.display().to_string(), bytes: Box::new(File::open(&path).unwrap()) })
        .collect();
    let mut names = Names::new();
    let imported = import::import(sources, &import::Options::default(), &mut names, &mut |_| {}).unwrap();
    (names, [imported.genesis, imported.events].concat())
}
