//! Processes that append to a log on the disk, and are killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use kubetape_engine::log::{LogError, Options, Reader, SyncPolicy, Writer};
use kubetape_engine::names::Names;

use super::Counts;
use super::sample::{self, batch};
use crate::error::CliError;
use crate::output::Out;

/// A log is begun anew after this many kills.
const KILLS_PER_LOG: u64 = 20;
/// The word before the number of an event that is committed.
const COMMITTED: &str = "committed ";

/// A folder that is removed when it is not needed any more.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // If it cannot be removed, nobody can be told.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Kills processes that append, each time in the middle of it, and reads what is there.
pub fn kill(kills: u64, dir: Option<&Path>, counts: &mut Counts, out: &mut Out) -> Result<(), CliError> {
    let parent = dir.map_or_else(std::env::temp_dir, Path::to_owned);
    let folder = Folder(parent.join(format!("kubetape-selftest-{}", std::process::id())));
    std::fs::create_dir(&folder.0).map_err(|e| CliError::file("create", &folder.0, &e))?;
    let path = folder.0.join("killed.tape");
    let mut progress = out.progress("killing");
    let mut before = 0;
    for number in 0..kills {
        if number % KILLS_PER_LOG == 0 && path.exists() {
            std::fs::remove_file(&path).map_err(|e| CliError::file("remove", &path, &e))?;
            before = 0;
        }
        // From before the process has begun to well into its work; 33 ms at the most.
        let delay = Duration::from_micros((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) & 0x7fff);
        let acknowledged = kill_one(&path, delay, number % 2 == 0)?;
        let found = match Reader::open(&path) {
            // Killed before there was a log, and before anything was acknowledged.
            Err(LogError::Empty { .. } | LogError::Io { .. }) if acknowledged.is_empty() && before == 0 => {
                counts.kills_survived += 1;
                continue;
            }
            reader => sample::read(reader),
        };
        counts.kills_survived += u64::from(found.end.is_ok());
        counts.batches_acknowledged += acknowledged.len() as u64;
        counts.batches_lost +=
            acknowledged.iter().filter(|&&last| !found.ends.contains(&last)).count() as u64;
        // What was there before the process began, acknowledged or not, stays.
        counts.batches_lost += u64::from(found.last() < before);
        counts.events_invented += found.invented;
        before = found.last();
        progress.update(number, Some(kills), "processes");
    }
    Ok(())
}

/// Starts a process, kills it after a while, and gives the last events of the batches that it said are committed.
fn kill_one(path: &Path, delay: Duration, sync: bool) -> Result<Vec<u64>, CliError> {
    let failed = |e: std::io::Error| CliError::new(format!("cannot start a process to kill: {e}"));
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(["log", "selftest", "--append"]).arg(path).args(sync.then_some("--sync"));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let Some(stdout) = child.stdout.take() else { return Ok(Vec::new()) };
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        // A line that was cut off by the kill names no batch, or a smaller number than was committed.
        let numbers = lines.filter_map(|line| line.strip_prefix(COMMITTED)?.strip_suffix('.')?.parse().ok());
        numbers.collect::<Vec<u64>>()
    });
    std::thread::sleep(delay);
    child.kill().map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    if status.code().is_some() {
        return Err(CliError::new(format!("the process that appends ended by itself: {status}")));
    }
    Ok(reader.join().unwrap_or_default())
}

/// Appends for ever, and says after each batch which event is committed.
pub fn append_until_killed(path: &Path, sync: bool) -> Result<ExitCode, CliError> {
    let policy = if sync { SyncPolicy::EveryBatch } else { SyncPolicy::Interval(Duration::from_millis(5)) };
    let options = Options { sync: policy, behind: false };
    let create = || -> Result<_, LogError> { Ok((Writer::create(path, &options)?, Names::new())) };
    let (mut writer, mut names) = match Writer::open(path, &options) {
        Ok((writer, names, _)) => (writer, names),
        Err(LogError::Empty { .. }) => {
            std::fs::remove_file(path).map_err(|e| CliError::file("remove", path, &e))?;
            create()?
        }
        Err(LogError::Io { .. }) if !path.exists() => create()?,
        Err(error) => return Err(error.into()),
    };
    let mut stdout = std::io::stdout().lock();
    loop {
        let last = writer.last().0;
        // A log that is closed and opened again goes through states of its own.
        if last % 61 == 60 {
            writer.close()?;
            (writer, names, _) = Writer::open(path, &options)?;
        }
        let events = batch(&mut names, last);
        let committed = writer.append(&names, &events)?;
        let told = writeln!(stdout, "{COMMITTED}{}.", committed.0).and_then(|()| stdout.flush());
        told.map_err(|e| CliError::output(&e))?;
    }
}
