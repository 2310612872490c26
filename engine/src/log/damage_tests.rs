//! Every byte cut, every bit flipped: what is read is a prefix of what was committed, and the rest is said.

#![allow(clippy::print_stdout)] // The counts are what a reader who distrusts us wants to see.

use super::repair::Salvage;
use super::samples;
use super::verify::{Report, verify_storage};
use super::*;
use crate::event::Event;
use crate::names::{Names, Seq};

/// A log with its batches' ends (in bytes) and events.
struct Log {
    bytes: Vec<u8>,
    events: Vec<Event>,
    /// The end of the header and of each batch: (bytes, events).
    ends: Vec<(u64, usize)>,
}

fn log(batch: usize, close: bool) -> Log {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let mut ends = vec![(writer.bytes(), 0)];
    for part in events.chunks(batch) {
        writer.append(&names, part).unwrap();
        ends.push((writer.bytes(), writer.last().0 as usize));
    }
    if close {
        writer.close().unwrap();
    }
    Log { bytes: storage.bytes(), events, ends }
}

/// What can be read of some bytes, and how reading ended.
fn read(bytes: Vec<u8>) -> (Vec<Event>, Result<Option<Torn>, LogError>) {
    let mut names = Names::new();
    samples::events(&mut names);
    let mut all = Vec::new();
    let mut reader = match Reader::from_bytes(bytes) {
        Ok(reader) => reader,
        Err(e) => return (all, Err(e)),
    };
    let mut events = Vec::new();
    loop {
        match reader.next_batch(&mut names, &mut events) {
            Ok(Some(_)) => all.append(&mut events),
            Ok(None) => return (all, Ok(reader.recovered().cloned())),
            Err(e) => {
                assert!(events.is_empty());
                return (all, Err(e));
            }
        }
    }
}

fn verified(bytes: &[u8]) -> Result<Report, LogError> {
    verify_storage(&|| Ok(Box::new(MemoryStorage::from_bytes(bytes.to_vec()))))
}

#[test]
fn a_log_cut_at_any_byte_is_exactly_its_committed_prefix() {
    let mut cuts = 0;
    for close in [false, true] {
        let log = log(6, close);
        cuts += log.bytes.len();
        for cut in 0..log.bytes.len() {
            let bytes = log.bytes[..cut].to_vec();
            let (events, end) = read(bytes.clone());
            if cut < format::FILE_HEADER_LEN {
                assert!(matches!(end, Err(LogError::Empty { len, .. }) if len == cut as u64));
                continue;
            }
            let &(offset, committed) = log.ends.iter().rfind(|(end, _)| *end <= cut as u64).unwrap();
            assert_eq!(events, log.events[..committed], "cut at {cut}");
            let torn = end.unwrap();
            if close || cut as u64 != offset {
                let torn = torn.expect("what was cut is said");
                assert_eq!(torn.missing, close.then(|| log.bytes.len() as u64 - cut as u64));
                assert_eq!((torn.offset, torn.bytes), (offset, cut as u64 - offset));
                assert_eq!((torn.last, torn.was_closed), (Seq(committed as u64), close));
            } else {
                assert_eq!(torn, None);
            }
            let report = verified(&bytes).unwrap();
            assert_eq!(report.is_sound(), !close, "{report}");
            recover_and_go_on(&log, bytes, committed);
        }
    }
    println!("{cuts} bytes cut: 0 committed batches lost");
}

/// Opens a log that was cut, appends what is missing, and reads it all.
fn recover_and_go_on(log: &Log, bytes: Vec<u8>, committed: usize) {
    let storage = MemoryStorage::from_bytes(bytes);
    let (mut writer, mut names, recovered) =
        Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
    assert_eq!(recovered.last.0 as usize, committed);
    let events = samples::events(&mut names);
    writer.append(&names, &events[committed..]).unwrap();
    writer.close().unwrap();
    let (events, end) = read(storage.bytes());
    assert_eq!(end.unwrap(), None);
    assert_eq!(events, log.events);
}

/// A log that was written in several sessions: closed and opened again, and once left by a writer that died. Gives the
/// ends of batches, and where it was closed.
fn log_of_sessions(close: bool) -> (Log, Vec<u64>) {
    let events = samples::events(&mut Names::new());
    let storage = MemoryStorage::new();
    let mut ends = vec![(format::FILE_HEADER_LEN as u64, 0)];
    let mut closes = Vec::new();
    let options = Options::default();
    let open = || {
        let (writer, mut names, _) = Writer::open_in(Box::new(storage.clone()), &options).unwrap();
        let events = samples::events(&mut names);
        (writer, names, events)
    };
    drop(Writer::create_in(Box::new(storage.clone()), &options).unwrap());
    for session in 0..events.len().div_ceil(12) {
        let (mut writer, names, events) = open();
        for batch in events[12 * session..events.len().min(12 * session + 12)].chunks(5) {
            writer.append(&names, batch).unwrap();
            ends.push((writer.bytes(), writer.last().0 as usize));
        }
        // The writer of the second session dies.
        if session != 1 {
            writer.close().unwrap();
            closes.push(storage.bytes().len() as u64);
        }
    }
    if !close {
        let (mut writer, names, own) = open();
        let last = Event { cause: Seq::NONE, ..own[own.len() - 1] };
        writer.append(&names, &[last]).unwrap();
        ends.push((writer.bytes(), events.len() + 1));
        let last = Event { cause: Seq::NONE, ..events[events.len() - 1] };
        let events = [&events[..], &[last]].concat();
        return (Log { bytes: storage.bytes(), events, ends }, closes);
    }
    (Log { bytes: storage.bytes(), events, ends }, closes)
}

#[test]
fn of_a_log_of_many_sessions_that_is_cut_at_any_byte_nothing_but_the_truth_is_said() {
    for close in [false, true] {
        let (log, closes) = log_of_sessions(close);
        assert!(closes.len() >= 3 && log.ends.len() > 8);
        for cut in format::FILE_HEADER_LEN..log.bytes.len() {
            let bytes = log.bytes[..cut].to_vec();
            let (events, end) = read(bytes.clone());
            let cut = cut as u64;
            let &(offset, committed) = log.ends.iter().rfind(|(end, _)| *end <= cut).unwrap();
            assert_eq!(events, log.events[..committed], "cut at {cut}");
            // Where the log is whole up to the cut: behind a batch, or behind a close.
            let offset = closes.iter().copied().rfind(|&end| end <= cut).unwrap_or(0).max(offset);
            let expected = (close || cut != offset).then(|| Torn {
                offset,
                bytes: cut - offset,
                last: Seq(committed as u64),
                last_time: committed.checked_sub(1).map(|last| log.events[last].at),
                was_closed: close,
                missing: close.then(|| log.bytes.len() as u64 - cut),
            });
            assert_eq!(end.unwrap(), expected, "cut at {cut}");
            let report = verified(&bytes).unwrap();
            assert_eq!((report.is_sound(), report.closed), (!close, close), "{report}");
            let storage = MemoryStorage::from_bytes(bytes);
            let (writer, _, recovered) =
                Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
            assert_eq!((recovered.torn, recovered.was_closed), (expected, close));
            // Without an event more it is whole from now on.
            writer.close().unwrap();
            let (events, end) = read(storage.bytes());
            assert_eq!((events.len(), end.unwrap()), (committed, None));
            assert!(verified(&storage.bytes()).unwrap().is_sound());
        }
    }
}

#[test]
fn what_follows_the_end_of_a_closed_log_is_damage() {
    let (log, closes) = log_of_sessions(true);
    assert_eq!(read(log.bytes.clone()).1.unwrap(), None);
    // The header is older than the frames: the file was copied while it was being written.
    for &end in &closes[..closes.len() - 1] {
        let mut bytes = log.bytes.clone();
        let header = header::FileHeader::new().closed(end);
        bytes[..format::FILE_HEADER_LEN].copy_from_slice(&header.to_bytes());
        let (events, found) = read(bytes.clone());
        let Err(LogError::Damaged(damage)) = found else { panic!("{found:?} at {end}") };
        assert_eq!((damage.offset, damage.resumes), (end, Some(end)));
        assert_eq!((damage.after, damage.before), (Seq(events.len() as u64), Some(damage.after.next())));
        let report = verified(&bytes).unwrap();
        assert_eq!((report.damages.len(), report.torn.as_ref()), (1, None), "{report}");
        assert_eq!(report.events as usize, log.events.len());
        let (good, repaired) = salvaged(&bytes);
        assert_eq!((repaired.missing, read(good).0), (0, log.events.clone()));
    }
    for tail in [&[0; 16][..], &[0; 4096], b"x", &log.bytes[64..400]] {
        let bytes = [&log.bytes, tail].concat();
        assert!(
            matches!(read(bytes.clone()).1, Err(LogError::Damaged(damage)) if damage.offset == log.bytes.len() as u64)
        );
        assert!(!verified(&bytes).unwrap().is_sound());
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let mut flips = 0;
    for close in [false, true] {
        let log = log(9, close);
        for byte in 0..log.bytes.len() {
            for bit in 0..8 {
                let mut bytes = log.bytes.clone();
                bytes[byte] ^= 1 << bit;
                let (events, end) = read(bytes.clone());
                assert_eq!(events, log.events[..events.len()], "no wrong event, byte {byte} bit {bit}");
                match end {
                    Err(LogError::Header { .. } | LogError::NotALog { .. }) => assert!(byte < 64),
                    Err(LogError::Damaged(damage)) => {
                        assert!(damage.offset <= byte as u64 && byte >= 64);
                        assert_eq!(damage.after, Seq(events.len() as u64));
                        assert!(log.ends.iter().any(|end| end.0 == damage.offset));
                    }
                    other => panic!("byte {byte} bit {bit} is believed: {other:?}"),
                }
                assert!(!verified(&bytes).unwrap().is_sound());
                flips += 1;
            }
        }
    }
    println!("{flips} bits flipped: 0 believed");
    assert!(flips > 20_000);
}

#[test]
fn damage_in_the_middle_names_place_numbers_and_time() {
    let mut log = log(6, true);
    let at = log.ends[2].0 as usize;
    log.bytes[at + 100] ^= 4;
    let Err(LogError::Damaged(damage)) = read(log.bytes.clone()).1 else { panic!("damage is found") };
    assert_eq!(damage.offset as usize, at);
    assert_eq!((damage.after, damage.before), (Seq(12), Some(Seq(19))));
    assert_eq!(damage.resumes, Some(log.ends[3].0));
    assert_eq!(damage.after_time, Some(log.events[11].at));
    assert_eq!(damage.before_time, Some(log.events[18].at));
    let text = damage.to_string();
    assert!(text.contains(&format!("at byte {at}")) && text.contains("events #13 to #18"), "{text}");
    // A second place is reported too.
    let second = log.ends[5].0 as usize;
    log.bytes[second + 3] ^= 1;
    let report = verified(&log.bytes).unwrap();
    let places: Vec<_> = report.damages.iter().map(|d| d.offset as usize).collect();
    assert_eq!(places, [at, second]);
    assert_eq!(report.events as usize, log.events.len() - 12);
}

fn salvaged(bytes: &[u8]) -> (Vec<u8>, Repaired) {
    let salvage = Salvage::begin(&|| Ok(Box::new(MemoryStorage::from_bytes(bytes.to_vec())))).unwrap();
    let good = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(good.clone()), &Options::default()).unwrap();
    let repaired = salvage.run(&mut writer).unwrap();
    writer.close().unwrap();
    (good.bytes(), repaired)
}

#[test]
fn repair_saves_every_whole_frame() {
    let log = log(6, true);
    let frames = log.ends.len() - 1;
    for lost in 0..frames {
        let (from, to) = (log.ends[lost], log.ends[lost + 1]);
        let mut bytes = log.bytes.clone();
        bytes[from.0 as usize + 80] ^= 1;
        let (good, repaired) = salvaged(&bytes);
        let missing = (to.1 - from.1) as u64;
        // Of the last batch, the frame that closes the log tells how many events it had.
        assert_eq!(repaired.missing, missing);
        assert_eq!(repaired.events, log.events.len() as u64 - missing);
        assert_eq!((repaired.damages.len(), &repaired.unreadable[..]), (1, &[][..]));
        let (events, end) = read(good);
        assert_eq!(end.unwrap(), None);
        let left = log.events[..from.1].iter().chain(&log.events[to.1..]);
        for (i, (saved, old)) in events.iter().zip(left).enumerate() {
            assert_eq!((saved.at, saved.track, saved.body.kind()), (old.at, old.track, old.body.kind()));
            let number = if i < from.1 { i + 1 } else { i + 1 + missing as usize };
            let moved = match old.cause.0 as usize {
                cause if cause <= from.1 => cause,
                cause if cause <= to.1 => 0,
                cause => cause - missing as usize,
            };
            assert_eq!(saved.cause.0 as usize, moved, "cause of #{number}");
            if i >= from.1 && old.origin == Seq::NONE {
                assert_eq!(saved.origin.0 as usize, number);
            }
        }
    }
}

#[test]
fn repair_does_without_the_file_header() {
    let log = log(6, true);
    for from in [0, 16, 60] {
        let mut bytes = log.bytes.clone();
        bytes[from..64].fill(0xaa);
        let (good, repaired) = salvaged(&bytes);
        assert!(repaired.header.is_some());
        assert_eq!((repaired.missing, repaired.events), (0, log.events.len() as u64));
        assert_eq!(read(good).0, log.events);
    }
}

#[test]
fn bytes_that_are_lost_or_doubled_or_swapped_are_found() {
    let log = log(6, true);
    let part = |i: usize| log.bytes[log.ends[i].0 as usize..log.ends[i + 1].0 as usize].to_vec();
    let (head, tail) = (&log.bytes[..log.ends[2].0 as usize], &log.bytes[log.ends[4].0 as usize..]);
    let join = |parts: &[&[u8]]| parts.concat();
    for bytes in [
        join(&[head, &part(3), &part(2), tail]),
        join(&[head, &part(2), &part(2), &part(3), tail]),
        join(&[head, &part(3), tail]),
        join(&[head, tail]),
        join(&[head, &part(2)[..200], &part(3), tail]),
        join(&[head, &[0; 1024], &part(2), &part(3), tail]),
    ] {
        let (events, end) = read(bytes.clone());
        assert!(matches!(end, Err(LogError::Damaged(_))));
        assert!(events.len() >= log.ends[2].1);
        assert_eq!(events, log.events[..events.len()]);
        assert!(!verified(&bytes).unwrap().is_sound());
        let (good, repaired) = salvaged(&bytes);
        assert!(!repaired.damages.is_empty());
        let (saved, end) = read(good);
        assert_eq!(end.unwrap(), None);
        assert!(saved.len() >= log.events.len() - 12, "{repaired}");
    }
}

#[test]
fn zeros_behind_an_open_log_are_room_that_its_writer_took() {
    let log = log(6, false);
    let mut bytes = log.bytes.clone();
    bytes.resize(bytes.len() + 5000, 0);
    let (events, end) = read(bytes.clone());
    assert_eq!((events, end.unwrap()), (log.events.clone(), None));
    assert!(verified(&bytes).unwrap().is_sound());
    // A frame that is not whole stands there: it was being written.
    let torn = [&bytes[..log.bytes.len()], &log.bytes[64..192], &[0; 5000]].concat();
    assert_eq!(read(torn).1.unwrap().unwrap().bytes, 5128);
    // A writer goes on in the room, and gives back what is left of it.
    let storage = MemoryStorage::from_bytes(bytes.clone());
    let (mut writer, mut names, recovered) =
        Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
    assert_eq!(recovered.torn, None);
    let events = samples::events(&mut names);
    writer.append(&names, &[Event { cause: Seq::NONE, ..events[events.len() - 1] }]).unwrap();
    assert_eq!(storage.bytes().len(), bytes.len());
    let end = writer.bytes();
    writer.close().unwrap();
    assert_eq!(storage.bytes().len() as u64, end + 128);
    assert_eq!(read(storage.bytes()).1.unwrap(), None);
    // A closed log has no business with them.
    let mut bytes = self::log(6, true).bytes;
    bytes.resize(bytes.len() + 5000, 0);
    assert!(matches!(read(bytes).1, Err(LogError::Damaged(_))));
}

#[test]
fn a_flipped_bit_before_room_is_found_as_anywhere() {
    let log = log(9, false);
    let mut whole = log.bytes.clone();
    whole.resize(whole.len() + 4096, 0);
    for byte in 64..log.bytes.len() {
        for bit in [0, 5] {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << bit;
            let (events, end) = read(bytes);
            let Err(LogError::Damaged(damage)) = end else { panic!("byte {byte} bit {bit}: {end:?}") };
            assert!(damage.offset <= byte as u64);
            assert_eq!(events, log.events[..events.len()]);
        }
    }
    // In the room itself nothing was committed; that it is not zero is said.
    for byte in log.bytes.len()..whole.len() {
        let mut bytes = whole.clone();
        bytes[byte] ^= 4;
        let (events, end) = read(bytes);
        assert_eq!(events, log.events);
        assert!(matches!(end, Ok(Some(_)) | Err(LogError::Damaged(_))), "byte {byte}");
    }
}
