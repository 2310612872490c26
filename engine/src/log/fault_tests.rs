//! Every fault at every operation of a writer's life: what was acknowledged is there, batches are whole, and after a
//! failed write or sync the writer takes no more.

#![allow(clippy::print_stdout)] // The counts are what a reader who distrusts us wants to see.

use super::faulty::{Fault, FaultyStorage};
use super::samples;
use super::*;
use crate::event::Event;
use crate::names::Names;

const BATCH: usize = 5;

/// What came of a writer.
#[derive(Debug)]
struct Outcome {
    /// Events that were acknowledged as durable.
    acknowledged: usize,
    /// Events of which a commit was tried.
    tried: usize,
    failed: bool,
}

/// How many events some bytes hold.
fn committed(bytes: Vec<u8>) -> usize {
    let mut names = Names::new();
    let Ok(mut reader) = Reader::from_bytes(bytes) else { return 0 };
    while reader.next_batch(&mut names, &mut Vec::new()).unwrap().is_some() {}
    reader.last().0 as usize
}

/// A writer's life: it creates the log or opens it, appends what is missing, closes. Ends at the first error.
fn live(disk: &FaultyStorage, options: &Options) -> Outcome {
    let begin = committed(disk.after_process().bytes());
    let mut outcome = Outcome { acknowledged: begin, tried: begin, failed: false };
    outcome.failed = run(disk, options, &mut outcome).is_err();
    outcome
}

fn run(disk: &FaultyStorage, options: &Options, outcome: &mut Outcome) -> Result<(), LogError> {
    let storage = || Box::new(disk.clone());
    let (mut writer, mut names) = if disk.is_empty().unwrap() {
        (Writer::create_in(storage(), options)?, Names::new())
    } else {
        let (writer, names, _) = Writer::open_in(storage(), options)?;
        (writer, names)
    };
    let events = samples::events(&mut names);
    outcome.acknowledged = writer.last().0 as usize;
    outcome.tried = outcome.acknowledged;
    while outcome.tried < events.len() {
        let part = &events[outcome.tried..events.len().min(outcome.tried + BATCH)];
        outcome.tried += part.len();
        if let Err(e) = writer.append(&names, part) {
            // Whatever is asked of it now, it refuses, and does not touch the disk.
            let before = disk.after_process().bytes();
            assert!(matches!(writer.append(&names, part), Err(LogError::Poisoned { .. })));
            assert!(matches!(writer.sync(), Err(LogError::Poisoned { .. })));
            assert!(matches!(writer.close(), Err(LogError::Poisoned { .. })));
            assert!(disk.after_process().bytes() == before);
            return Err(e);
        }
        if options.sync == SyncPolicy::EveryBatch {
            outcome.acknowledged = outcome.tried;
        }
    }
    writer.close()?;
    outcome.acknowledged = outcome.tried;
    Ok(())
}

/// Reads what is left and checks it against what was acknowledged; gives how many events there are.
fn check(left: &MemoryStorage, outcome: &Outcome, what: &str) -> usize {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let mut reader = match Reader::from_storage(Box::new(left.clone())) {
        Ok(reader) => reader,
        Err(LogError::Empty { .. }) if outcome.acknowledged == 0 => return 0,
        Err(e) => panic!("{what}: {e}"),
    };
    let (mut all, mut batch): (Vec<Event>, Vec<Event>) = (Vec::new(), Vec::new());
    while reader.next_batch(&mut names, &mut batch).unwrap_or_else(|e| panic!("{what}: {e}")).is_some() {
        all.append(&mut batch);
    }
    assert!(all.len() >= outcome.acknowledged, "{what}: {} of {outcome:?}", all.len());
    assert!(all.len() <= outcome.tried && all.len().is_multiple_of(BATCH) || all.len() == events.len());
    assert_eq!(all, events[..all.len()], "{what}");
    assert!(reader.recovered().is_none_or(|torn| !torn.was_closed), "{what}");
    all.len()
}

/// Each fault at each operation, on a disk that begins with some bytes; gives how many were played.
fn every_fault(begin: &[u8], options: &Options) -> u64 {
    let mut played = 0;
    for fault in Fault::ALL {
        for at in 0.. {
            let disk = FaultyStorage::new(begin.to_vec(), fault, at);
            let outcome = live(&disk, options);
            if !disk.reached() {
                assert!(!outcome.failed);
                break;
            }
            let what = format!("{fault:?} at operation {at}");
            if fault == Fault::ShortWrite {
                assert!(!outcome.failed, "{what}");
            }
            check(&disk.after_process(), &outcome, &what);
            for luck in 0..24 {
                let left = disk.after_machine(luck);
                let what = format!("{what}, luck {luck}");
                check(&left, &outcome, &what);
                recover(&left, &what);
                played += 1;
            }
        }
    }
    played
}

/// A writer that opens what is left goes on to the end without a fault.
fn recover(left: &MemoryStorage, what: &str) {
    // What has no header yet was never a log; it is made anew.
    let bytes = left.bytes();
    let empty = matches!(Reader::from_bytes(bytes.clone()), Err(LogError::Empty { .. }));
    let begin = if empty { Vec::new() } else { bytes };
    let disk = FaultyStorage::new(begin, Fault::None, 0);
    let outcome = live(&disk, &Options::default());
    assert!(!outcome.failed, "{what}");
    let mut names = Names::new();
    let events = samples::events(&mut names).len();
    assert_eq!(check(&disk.after_machine(0), &outcome, what), events);
}

#[test]
fn every_fault_at_every_operation_of_a_new_log() {
    let played = every_fault(&[], &Options::default());
    println!("{played} ends after faults of a new log: 0 acknowledged batches lost");
    assert!(played > 2000);
}

#[test]
fn every_fault_at_every_operation_of_a_log_that_is_opened_again() {
    let storage = MemoryStorage::new();
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    for part in events[..4 * BATCH].chunks(BATCH) {
        writer.append(&names, part).unwrap();
    }
    let open = storage.bytes();
    writer.close().unwrap();
    let torn = every_fault(&open[..open.len() - 100], &Options::default());
    let closed = every_fault(&storage.bytes(), &Options::default());
    println!("{} ends after faults of a log opened again: 0 acknowledged batches lost", torn + closed);
    assert!(torn > 1000 && closed > 1000);
}

#[test]
fn without_a_sync_a_process_that_ends_loses_nothing() {
    for policy in [SyncPolicy::OnClose, SyncPolicy::Interval(std::time::Duration::from_secs(3600))] {
        let disk = FaultyStorage::new(Vec::new(), Fault::None, 0);
        let mut names = Names::new();
        let events = samples::events(&mut names);
        let mut writer =
            Writer::create_in(Box::new(disk.clone()), &Options { sync: policy, behind: false }).unwrap();
        writer.append(&names, &events[..BATCH]).unwrap();
        writer.append(&names, &events[BATCH..2 * BATCH]).unwrap();
        let outcome = Outcome { acknowledged: 2 * BATCH, tried: 2 * BATCH, failed: false };
        assert_eq!(check(&disk.after_process(), &outcome, "process"), 2 * BATCH);
        writer.sync().unwrap();
        assert_eq!(check(&disk.after_machine(0), &outcome, "machine after a sync"), 2 * BATCH);
    }
}

#[test]
fn an_interval_syncs_when_it_has_passed() {
    let disk = FaultyStorage::new(Vec::new(), Fault::None, 0);
    let options = Options { sync: SyncPolicy::Interval(std::time::Duration::ZERO), behind: false };
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let mut writer = Writer::create_in(Box::new(disk.clone()), &options).unwrap();
    writer.append(&names, &events[..BATCH]).unwrap();
    let outcome = Outcome { acknowledged: BATCH, tried: BATCH, failed: false };
    assert_eq!(check(&disk.after_machine(0), &outcome, "machine"), BATCH);
}
