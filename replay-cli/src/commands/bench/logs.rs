//! Measures a preset as it is used: its trace is read from a log on disk and checked, and the run is written.

use std::path::{Path, PathBuf};
use std::time::Instant;

use kubetape_engine::event::Event;
use kubetape_engine::log::{Digest, MemoryStorage, Options, ReadAhead, Reader, Writer};
use kubetape_engine::names::Names;
use kubetape_engine::replay::{Source, SourceError, replay};
use kubetape_engine::synth::presets::{self, Preset, Scale, Workload};
use kubetape_engine::time::Time;

use super::result::{Logged, median};
use crate::error::CliError;

/// A preset's trace on disk; taken away again at the end.
struct Trace {
    folder: PathBuf,
    /// The time of the last event that is not measured.
    marker: Time,
}

impl Drop for Trace {
    fn drop(&mut self) {
        // What cannot be taken away from the folder for temporary files, the system will.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Trace {
    fn write(preset: &Preset, scale: Scale, seed: u64) -> Result<Trace, CliError> {
        let folder = std::env::temp_dir().join(format!("kubetape-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| CliError::new(error.to_string()))?;
        let mut trace = Trace { folder, marker: Time::MIN };
        let mut workload = Workload::new(preset, scale, seed);
        let mut log = Writer::create(&trace.file("trace.tape"), &Options::output())?;
        let (mut names, mut events) = (Names::new(), Vec::new());
        while workload.next_batch(&mut names, &mut events) {
            log.append(&names, &events)?;
            events.clear();
        }
        log.close()?;
        trace.marker = workload.marker();
        Ok(trace)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Replays it into a log; gives the seconds from the first measured event to the closed log.
    fn replay(&self, seed_digest: &str, into: Option<&Path>) -> Result<f64, CliError> {
        let mut log = match into {
            Some(path) => Writer::create(path, &Options::output())?,
            None => Writer::create_in(Box::new(MemoryStorage::new()), &Options::output())?,
        };
        let log_of_trace = Reader::open(&self.file("trace.tape"))?.ahead();
        let mut source = Timed { log: log_of_trace, marker: self.marker, last: Time::MIN, began: None };
        let run = replay(&mut source, presets::plan(), &mut log, &mut |_, _| {});
        run.map_err(|error| CliError::new(error.to_string()))?;
        let digest: Digest = log.close()?;
        let ended = Instant::now();
        if digest.to_string() != seed_digest {
            let what = format!("the run from a log differs from that from memory: {digest}, {seed_digest}");
            return Err(CliError::new(what).hint("this is a defect of kubetape"));
        }
        let began = source.began.ok_or_else(|| CliError::new("there was nothing to measure"))?;
        Ok(ended.duration_since(began).as_secs_f64())
    }
}

/// A trace that starts the clock when everything before the measured part was played.
struct Timed {
    log: ReadAhead,
    marker: Time,
    /// The time of the last event that was handed out.
    last: Time,
    began: Option<Instant>,
}

impl Source for Timed {
    fn next(&mut self, names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError> {
        if self.last >= self.marker && self.began.is_none() {
            self.began = Some(Instant::now());
        }
        let more = self.log.next_batch(names, events)?;
        self.last = events.last().map_or(self.last, |event| event.at);
        Ok(more)
    }
}

/// Measures a preset from a log into logs: in memory, and on the disk of the folder for temporary files.
///
/// # Errors
/// A log cannot be written or read, or the run is not that of a digest.
pub fn measure(
    preset: &Preset,
    scale: Scale,
    seed: u64,
    runs: u32,
    digest: &str,
) -> Result<Logged, CliError> {
    let trace = Trace::write(preset, scale, seed)?;
    let (mut memory, mut disk) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        memory.push(trace.replay(digest, None)?);
        let path = trace.file("run.tape");
        disk.push(trace.replay(digest, Some(&path))?);
        std::fs::remove_file(&path).map_err(|error| CliError::new(error.to_string()))?;
    }
    Ok(Logged { memory_seconds: median(&memory), disk_seconds: median(&disk) })
}
