//! A real process is killed (SIGKILL) again and again while it appends to a log: every batch that it was told is
//! committed is there afterwards, and the next process goes on behind it.
//!
//! `KUBETAPE_KILLS` sets how often (default 40).

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use kubetape_engine::event::{Body, Event, Track};
use kubetape_engine::log::{LogError, Options, Reader, SyncPolicy, Writer, verify};
use kubetape_engine::names::{Names, Seq, sym};
use kubetape_engine::time::Time;

/// Set for the process that is to be killed: the log that it appends to.
const CHILD: &str = "KUBETAPE_CRASH_LOG";
/// A log is begun anew after this many kills.
const KILLS_PER_LOG: u64 = 20;

/// The event with a number; the same in every process, with new names now and then.
fn event(names: &mut Names, seq: u64) -> Event {
    let name = names.sym(&format!("worker-{}", seq / 7 % 500));
    let node = names.node(name);
    let value = names.sym(&format!("zone-{}", seq / 5 % 300));
    let body = match seq % 3 {
        0 => Body::NodeCordoned { node },
        1 => Body::NodeLabelSet { node, key: sym::NODE_LABEL_ZONE, value },
        _ => Body::NodeUncordoned { node },
    };
    Event { cause: Seq(seq / 2), ..Event::new(Time(seq as i64 * 1_000), Track::Cluster, body) }
}

/// How many events the batch has that begins after a number.
fn batch_len(last: u64) -> u64 {
    1 + (last.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59)
}

/// Appends for ever, and says after each batch which event is committed.
fn append_until_killed(path: &Path) {
    let policy = if std::env::var_os("KUBETAPE_CRASH_SYNC").is_some() {
        SyncPolicy::EveryBatch
    } else {
        SyncPolicy::Interval(Duration::from_millis(5))
    };
    let options = Options { sync: policy, behind: false };
    let (mut writer, mut names) = match Writer::open(path, &options) {
        Ok((writer, names, _)) => (writer, names),
        Err(LogError::Empty { .. }) => {
            std::fs::remove_file(path).unwrap();
            (Writer::create(path, &options).unwrap(), Names::new())
        }
        Err(LogError::Io { .. }) if !path.exists() => (Writer::create(path, &options).unwrap(), Names::new()),
        Err(e) => panic!("{e}"),
    };
    let mut out = std::io::stdout().lock();
    loop {
        let last = writer.last().0;
        // A log that is closed and opened again goes through states of its own.
        if last % 61 == 60 {
            writer.close().unwrap();
            let again = Writer::open(path, &options).unwrap();
            (writer, names) = (again.0, again.1);
        }
        let events: Vec<_> = (last + 1..=last + batch_len(last)).map(|seq| event(&mut names, seq)).collect();
        let committed = writer.append(&names, &events).unwrap();
        writeln!(out, "committed {}", committed.0).unwrap();
        out.flush().unwrap();
    }
}

/// Not a test of its own: the process that the test below starts and kills.
#[test]
fn child() {
    if let Some(path) = std::env::var_os(CHILD) {
        append_until_killed(Path::new(&path));
    }
}

/// Starts a process, kills it after a while, and gives the last event of which it said that it is committed.
fn kill_one(path: &Path, delay: Duration, sync: bool) -> Option<u64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(CHILD, path);
    if sync {
        command.env("KUBETAPE_CRASH_SYNC", "1");
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let numbers = lines.map_while(Result::ok).filter_map(|line| {
            // A line that was cut off by the kill says less than was committed, never more.
            line.rsplit_once("committed ").and_then(|(_, number)| number.parse::<u64>().ok())
        });
        numbers.last()
    });
    std::thread::sleep(delay);
    assert!(child.try_wait().unwrap().is_none(), "the process goes on until it is killed");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// Reads a log after a kill; every event is the one with its number.
fn check(path: &Path, committed: u64) -> u64 {
    let mut reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(LogError::Empty { .. } | LogError::Io { .. }) if committed == 0 => return 0,
        Err(e) => panic!("{e}"),
    };
    let (mut names, mut batch, mut last) = (Names::new(), Vec::new(), 0);
    while let Some(found) = reader.next_batch(&mut names, &mut batch).unwrap() {
        assert_eq!(found.first.0, last + 1);
        assert_eq!(batch.len() as u64, batch_len(last), "batches are whole");
        for read in &batch {
            last += 1;
            assert_eq!(*read, event(&mut names, last));
        }
    }
    assert!(last >= committed, "{committed} were acknowledged, {last} are there");
    assert!(verify(path).unwrap().is_sound());
    last
}

#[test]
fn what_a_killed_process_committed_is_there() {
    let kills = std::env::var("KUBETAPE_KILLS").map_or(40, |n| n.parse::<u64>().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crash.tape");
    let (mut acknowledged, mut there, mut before) = (0, 0, 0);
    for kill in 0..kills {
        if kill % KILLS_PER_LOG == 0 {
            let _ = std::fs::remove_file(&path);
            before = 0;
        }
        // From before the process runs to well into its work.
        let delay = Duration::from_micros((kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) & 0x7fff);
        let committed = kill_one(&path, delay, kill % 2 == 0).unwrap_or(before);
        let last = check(&path, committed.max(before));
        acknowledged += committed - before;
        there += last - before;
        before = last;
    }
    println!("{kills} kills survived: {acknowledged} events acknowledged, {there} there, 0 lost");
    assert!(acknowledged > 0 || kills < 20);
}
