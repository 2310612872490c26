//! What goes into a log comes out again, whatever the numbers of the process that reads.

use super::codec::KINDS;
use super::header::FileHeader;
use super::samples::{self, START};
use super::*;
use crate::event::{Body, Event, Flags, Track};
use crate::names::{Names, Seq};
use crate::time::Time;

/// A log of the sample events in batches of some size, closed.
fn written(batch: usize) -> (MemoryStorage, Digest) {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    for part in events.chunks(batch) {
        writer.append(&names, part).unwrap();
    }
    let digest = writer.close().unwrap();
    (storage, digest)
}

/// Everything that a log holds.
fn read(bytes: Vec<u8>, names: &mut Names) -> Result<(Vec<Event>, Digest), LogError> {
    let mut reader = Reader::from_bytes(bytes)?.with_digest();
    let (mut all, mut events) = (Vec::new(), Vec::new());
    while let Some(batch) = reader.next_batch(names, &mut events)? {
        assert_eq!(batch.first.0, all.len() as u64 + 1);
        all.append(&mut events);
        assert_eq!(batch.last.0, all.len() as u64);
    }
    assert_eq!(reader.recovered(), None);
    assert!(reader.is_closed());
    Ok((all, reader.digest().unwrap()))
}

/// A log keeps what its header says of the event vocabulary: its frames are chained to that.
#[test]
fn a_log_of_another_vocabulary_can_be_gone_on_with() {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let storage = MemoryStorage::new();
    let mut header = FileHeader::new();
    header.schema += 7;
    let mut disk: Box<dyn Storage> = Box::new(storage.clone());
    disk.write_at(0, &header.to_bytes()).unwrap();
    for part in events.chunks(9) {
        let (mut writer, mut names, _) =
            Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
        samples::events(&mut names);
        writer.append(&names, part).unwrap();
        writer.close().unwrap();
    }
    let mut reader = Reader::from_bytes(storage.bytes()).unwrap();
    let (mut names, mut batch, mut read) = (Names::new(), Vec::new(), 0);
    while reader.next_batch(&mut names, &mut batch).unwrap().is_some() {
        read += batch.len();
    }
    assert_eq!((read, reader.recovered()), (events.len(), None));
}

#[test]
fn every_kind_comes_back_as_it_was() {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    for batch in [1, 7, 1000] {
        let (storage, digest) = written(batch);
        let (back, read_digest) = read(storage.bytes(), &mut names).unwrap();
        assert_eq!(back, events);
        assert_eq!(read_digest, digest);
    }
    let seen: std::collections::BTreeSet<_> = events.iter().map(|e| e.body.kind()).collect();
    assert_eq!(seen.len(), KINDS.len(), "the samples have every kind");
}

#[test]
fn a_process_with_other_numbers_reads_the_same_texts() {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let mut others = Names::new();
    for text in ["x", "worker-b", "fluentd", "y"] {
        let sym = others.sym(text);
        others.node(sym);
    }
    let (back, _) = read(written(5).0.bytes(), &mut others).unwrap();
    for (before, after) in events.iter().zip(&back) {
        assert_eq!(names.text(before.by), others.text(after.by));
        assert_eq!(before.body.kind(), after.body.kind());
        let node = |names: &Names, body: &Body| body.node().map(|n| names.node_name(n).to_owned());
        assert_eq!(node(&names, &before.body), node(&others, &after.body));
        let object = |names: &Names, body: &Body| body.object().map(|o| names.object_name(o));
        assert_eq!(object(&names, &before.body), object(&others, &after.body));
        if let (Body::NodeJoined { spec: a, .. }, Body::NodeJoined { spec: b, .. }) =
            (before.body, after.body)
        {
            let texts = |names: &Names, spec| -> Vec<_> {
                let labels = &names.node_spec_of(spec).labels;
                labels.iter().map(|l| (names.text(l.0).to_owned(), names.text(l.1).to_owned())).collect()
            };
            assert_eq!(texts(&names, a), texts(&others, b));
        }
    }
}

#[test]
fn bytes_and_digest_do_not_depend_on_what_else_the_process_has_met() {
    let mut crowded = Names::new();
    for i in 0..100 {
        let sym = crowded.sym(&format!("other-{i}"));
        crowded.node(sym);
        crowded.doc(&format!("{{\"other\":{i}}}"));
    }
    let events = samples::events(&mut crowded);
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    for part in events.chunks(7) {
        writer.append(&crowded, part).unwrap();
    }
    let digest = writer.close().unwrap();
    let (plain, plain_digest) = written(7);
    assert_eq!(digest, plain_digest);
    assert!(storage.bytes() == plain.bytes());
}

#[test]
fn the_digest_does_not_depend_on_batches_nor_on_being_written() {
    let mut names = Names::new();
    let mut events = samples::events(&mut names);
    let identity = |events: &[Event], batch| {
        let mut identity = Identity::new();
        for part in events.chunks(batch) {
            identity.add(&names, part).unwrap();
        }
        identity.digest()
    };
    let digest = identity(&events, 3);
    for batch in [1, 2, 11, 1000] {
        assert_eq!(written(batch).1, digest);
        assert_eq!(identity(&events, batch), digest);
    }
    events[20].cause = Seq(1);
    assert_ne!(identity(&events, 3), digest);
}

#[test]
fn a_log_that_was_closed_can_be_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let mut writer = Writer::create(&path, &Options::default()).unwrap();
    writer.append_genesis(&names, &events[..4]).unwrap();
    writer.close().unwrap();
    for part in events[4..].chunks(9) {
        let (mut writer, mut names, recovered) = Writer::open(&path, &Options::default()).unwrap();
        assert!(recovered.was_closed && recovered.torn.is_none());
        // Another process meets the names in an order of its own.
        names.sym("elsewhere");
        let mine = samples::events(&mut names);
        let from = recovered.last.0 as usize;
        assert_eq!(
            writer.append(&names, &mine[from..from + part.len()]).unwrap().0 as usize,
            from + part.len()
        );
        writer.close().unwrap();
    }
    let (_, _, recovered) = Writer::open(&path, &Options::default()).unwrap();
    assert_eq!(recovered.last.0 as usize, events.len());
    let (back, digest) = read(std::fs::read(&path).unwrap(), &mut names).unwrap();
    assert!(back[..4].iter().all(|e| e.flags.has(Flags::GENESIS)));
    assert_eq!(back[4..], events[4..]);
    let mut identity = Identity::new();
    identity.add_genesis(&names, &events[..4]).unwrap();
    identity.add(&names, &events[4..]).unwrap();
    assert_eq!(identity.digest(), digest);
}

#[test]
fn what_cannot_be_stored_is_refused_and_nothing_is_appended() {
    let mut names = Names::new();
    let node = {
        let sym = names.sym("n");
        names.node(sym)
    };
    let at = |us| Event::new(Time(START.0 + us), Track::User, Body::NodeCordoned { node });
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    writer.append(&names, &[at(5)]).unwrap();
    let before = storage.bytes();
    let back = writer.append(&names, &[at(6), at(4)]);
    assert!(matches!(back, Err(LogError::TimeBackwards { position: 1, .. })));
    assert!(matches!(writer.append(&names, &[at(4)]), Err(LogError::TimeBackwards { position: 0, .. })));
    let itself = Event { cause: Seq(2), ..at(6) };
    assert!(matches!(writer.append(&names, &[itself]), Err(LogError::BadEvent { position: 0, .. })));
    let marked = Event { flags: Flags(0x80), ..at(6) };
    assert!(matches!(writer.append(&names, &[marked]), Err(LogError::BadEvent { .. })));
    assert!(matches!(writer.append_genesis(&names, &[at(6)]), Err(LogError::LateGenesis { .. })));
    assert_eq!(writer.append(&names, &[]).unwrap(), Seq(1));
    assert!(storage.bytes() == before);
    assert_eq!(writer.append(&names, &[at(6)]).unwrap(), Seq(2));
}

#[test]
fn there_is_one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    let writer = Writer::create(&path, &Options::default()).unwrap();
    assert!(matches!(Writer::open(&path, &Options::default()), Err(LogError::Locked { .. })));
    assert!(matches!(Writer::create(&path, &Options::default()), Err(LogError::Exists { .. })));
    // Readers do not disturb the writer's lock.
    let mut reader = Reader::open(&path).unwrap();
    assert!(reader.next_batch(&mut Names::new(), &mut Vec::new()).unwrap().is_none());
    assert!(matches!(Writer::open(&path, &Options::default()), Err(LogError::Locked { .. })));
    drop(writer);
    Writer::open(&path, &Options::default()).unwrap();
}

#[test]
fn a_log_is_followed_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let mut writer = Writer::create(&path, &Options::default()).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    let (mut batch, mut all) = (Vec::new(), Vec::new());
    for part in events.chunks(6) {
        writer.append(&names, part).unwrap();
        while reader.next_batch(&mut names, &mut batch).unwrap().is_some() {
            all.append(&mut batch);
        }
        assert_eq!(reader.recovered(), None);
    }
    assert_eq!(all, events);
}

#[test]
fn a_draft_takes_its_name_only_when_it_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let mut draft = Draft::create(&path, false, &Options::default()).unwrap();
    draft.append(&names, &events).unwrap();
    assert!(!path.exists());
    drop(draft);
    assert_eq!(left(), 0);
    let mut draft = Draft::create(&path, false, &Options::default()).unwrap();
    draft.append(&names, &events).unwrap();
    draft.finish().unwrap();
    assert_eq!(left(), 1);
    assert!(matches!(Draft::create(&path, false, &Options::default()), Err(LogError::Exists { .. })));
    let other = Draft::create(&path, true, &Options::default()).unwrap();
    drop(other);
    assert_eq!(read(std::fs::read(&path).unwrap(), &mut names).unwrap().0, events);
    Draft::create(&path, true, &Options::default()).unwrap().finish().unwrap();
    assert_eq!(read(std::fs::read(&path).unwrap(), &mut names).unwrap().0, []);
    assert_eq!(left(), 1);
}

#[test]
fn a_draft_does_not_replace_what_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    let draft = Draft::create(&path, false, &Options::default()).unwrap();
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(draft.finish(), Err(LogError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_no_log_is_said_to_be_none() {
    assert!(matches!(Reader::from_bytes(vec![]), Err(LogError::Empty { len: 0, .. })));
    assert!(matches!(Reader::from_bytes(b"apiVersion: v1".to_vec()), Err(LogError::NotALog { .. })));
    let mut bytes = written(9).0.bytes();
    bytes[8] = 4;
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    assert!(matches!(Reader::from_bytes(bytes), Err(LogError::NewerFormat { found: 4, known: 3, .. })));
}

/// The log that version 1 wrote, kept for ever: every later version reads it.
const VERSION_1: &[u8] = include_bytes!("../../tests/logs/v1.tape");
/// How many of the samples there were then.
const VERSION_1_EVENTS: usize = 43;
/// The same of version 2.
const VERSION_2: &[u8] = include_bytes!("../../tests/logs/v2.tape");
/// The same of version 3.
const VERSION_3: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logs/v3.tape");

#[test]
fn version_1_is_read_and_stays_version_1() {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let (back, digest) = read(VERSION_1.to_vec(), &mut names).unwrap();
    assert_eq!(back, events[..VERSION_1_EVENTS]);
    let storage = MemoryStorage::from_bytes(VERSION_1.to_vec());
    let (mut writer, names, recovered) =
        Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
    assert!(recovered.was_closed && recovered.torn.is_none());
    assert_eq!(writer.digest(), digest);
    let mut more = back.clone();
    more.iter_mut().for_each(|event| event.at = back[back.len() - 1].at);
    more.iter_mut().for_each(|event| event.cause = Seq::NONE);
    // Far more than what calls for an index.
    for _ in 0..1_200 {
        writer.append(&names, &more).unwrap();
    }
    writer.known_until(Time(i64::MAX));
    writer.close().unwrap();
    let bytes = storage.bytes();
    assert_eq!(bytes[8..12], [1, 0, 0, 0]);
    assert!(bytes.len() > 1 << 20);
    let mut names = names;
    let (all, _) = read(bytes.clone(), &mut names).unwrap();
    assert_eq!(all.len(), 1_201 * VERSION_1_EVENTS);
    let report = verify::verify_storage(&|| Ok(Box::new(storage.clone()))).unwrap();
    assert!(report.is_sound(), "{report}");
    // Who reads version 1 alone knows no index.
    let kinds = (64..bytes.len() - 64).step_by(16).filter(|&at| bytes[at..at + 4] == format::FRAME_MAGIC);
    assert!(kinds.clone().count() > 1_200);
    assert!(kinds.map(|at| bytes[at + 4]).all(|kind| kind != format::FrameKind::Index as u8));
}

#[test]
fn version_2_is_read_and_stays_version_2() {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    assert_eq!(read(VERSION_2.to_vec(), &mut names).unwrap().0, events[..VERSION_1_EVENTS]);
    let storage = MemoryStorage::from_bytes(VERSION_2.to_vec());
    let (mut writer, mut names, recovered) =
        Writer::open_in(Box::new(storage.clone()), &Options::default()).unwrap();
    assert!(recovered.was_closed && recovered.torn.is_none());
    let own = samples::events(&mut names);
    writer.append(&names, &own[VERSION_1_EVENTS..]).unwrap();
    writer.close().unwrap();
    let bytes = storage.bytes();
    // The header says nothing of a length that the readers of version 2 do not know.
    assert_eq!(bytes[..64], VERSION_2[..64]);
    assert_eq!(read(bytes, &mut names).unwrap().0, own);
}

#[test]
fn the_bytes_of_version_3_stay_what_they_are() {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let events = &events[..VERSION_1_EVENTS];
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    for part in events.chunks(7) {
        writer.append(&names, part).unwrap();
    }
    writer.known_until(Time(events[events.len() - 1].at.0 + 1));
    writer.close().unwrap();
    let bytes = storage.bytes();
    if let Some(path) = std::env::var_os("KUBETAPE_WRITE_GOLDEN") {
        std::fs::write(path, &bytes).unwrap();
    }
    let golden = std::fs::read(VERSION_3).unwrap();
    let differs = bytes.iter().zip(&golden).position(|(a, b)| a != b);
    assert_eq!(
        (differs, bytes.len()),
        (None, golden.len()),
        "a change of these bytes is a new format version"
    );
    let (back, _) = read(golden, &mut names).unwrap();
    assert_eq!(back, events);
}

#[test]
fn codes_of_kinds_stay_what_they_are() {
    let table: String = KINDS.iter().map(|(code, kind, _)| format!("{code} {kind}\n")).collect();
    let expected = include_str!("../../tests/logs/kinds.txt");
    let kept = expected.lines().all(|line| table.lines().any(|found| found == line));
    assert!(kept, "a code is never used again for something else:\n{table}");
}

#[test]
fn the_format_tells_every_kind_and_its_fields() {
    let told: Vec<_> = include_str!("format.rs")
        .lines()
        .skip_while(|line| *line != "//! # Kinds")
        .take_while(|line| *line != "//! # Other frames")
        .filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"))
        .skip(1)
        .collect();
    let kinds: Vec<_> =
        KINDS.iter().map(|(code, kind, fields)| format!("{code} | {kind} | {}", fields.join(", "))).collect();
    assert_eq!(told, kinds);
}

#[test]
fn a_log_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    std::fs::write(&path, VERSION_1).unwrap();
    let stat = stat(&path).unwrap();
    assert_eq!((stat.bytes, stat.events, stat.batches), (3072, 43, 7));
    assert_eq!((stat.nodes, stat.pods, stat.checkpoints, stat.genesis), (2, 2, 0, 0));
    assert_eq!((stat.kinds["StatusWritten"], stat.kinds.values().sum::<u64>()), (2, 43));
    assert_eq!(stat.tracks.values().sum::<u64>(), 43);
    assert_eq!(stat.objects, [("DaemonSet".to_owned(), 1)].into());
    assert_eq!(stat.hundredth_bytes_per_event(), Some(7144));
    assert!(stat.closed && stat.torn.is_none());
}
