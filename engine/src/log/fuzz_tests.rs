//! Random damage, bare and under right checksums: the reader answers with events or an error, never with a panic.
//!
//! `KUBETAPE_FUZZ` sets how many logs are tried (default 20000 of each sort).

#![allow(clippy::print_stdout)] // The counts are what a reader who distrusts us wants to see.

use super::digest::Digest;
use super::format::{FILE_HEADER_LEN, FRAME_HEADER_LEN, FRAME_TRAILER_LEN};
use super::frame::{self, FrameHeader};
use super::header::FIXED_LEN;
use super::repair::Salvage;
use super::samples;
use super::*;
use crate::names::Names;

fn runs() -> u64 {
    std::env::var("KUBETAPE_FUZZ").map_or(20_000, |n| n.parse().unwrap())
}

/// Splitmix64: the same seed damages the same way.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn sample() -> Vec<u8> {
    let mut names = Names::new();
    let events = samples::events(&mut names);
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    for part in events.chunks(6) {
        writer.append(&names, part).unwrap();
    }
    writer.close().unwrap();
    storage.bytes()
}

/// Changes a few bytes, most often to what is near or at an end of its range.
fn damage(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        bytes[at] = match random.below(5) {
            0 => 0,
            1 => 0xff,
            2 => bytes[at].wrapping_add(1),
            3 => bytes[at].wrapping_sub(1),
            _ => random.next() as u8,
        };
    }
}

/// Makes all checksums and the chain right again, where frames are still frames.
fn seal(bytes: &mut [u8]) {
    let mut chain = Digest::of(&bytes[..FIXED_LEN]);
    let mut at = FILE_HEADER_LEN;
    while at + FRAME_HEADER_LEN <= bytes.len() {
        let Ok(mut header) = FrameHeader::read(bytes[at..].first_chunk().unwrap()) else { return };
        header.previous = chain;
        let end = at + header.frame_len() as usize;
        let sealed = header.to_bytes();
        bytes[at..at + FRAME_HEADER_LEN].copy_from_slice(&sealed);
        chain = frame::digest(&sealed, &bytes[at + FRAME_HEADER_LEN..end - FRAME_TRAILER_LEN]);
        bytes[end - FRAME_TRAILER_LEN..end].copy_from_slice(&chain.0.to_le_bytes());
        at = end;
    }
}

/// Reads, verifies and repairs; gives whether all of it read.
fn try_all(bytes: Vec<u8>) -> bool {
    let storage = MemoryStorage::from_bytes(bytes);
    let open = || Ok(Box::new(storage.clone()) as Box<dyn Storage>);
    let _ = verify::verify_storage(&open).map(|report| report.to_string());
    if let Ok(salvage) = Salvage::begin(&open) {
        let good = Box::new(MemoryStorage::new());
        let mut writer = Writer::create_in(good, &Options::default()).unwrap();
        salvage.run(&mut writer).unwrap();
    }
    let Ok(mut reader) = Reader::from_storage(Box::new(storage)) else { return false };
    let (mut names, mut events) = (Names::new(), Vec::new());
    loop {
        match reader.next_batch(&mut names, &mut events) {
            Ok(Some(_)) => {}
            Ok(None) => return reader.recovered().is_none(),
            Err(_) => return false,
        }
    }
}

/// Whether a closed log is as one that was being opened when the change of its header was cut off: every event is there.
fn is_being_opened(bytes: &[u8], closed: &[u8]) -> bool {
    (24..=32).any(|after| {
        let mut opening = closed.to_vec();
        opening[20..after].fill(0);
        opening[20] = State::Open as u8;
        bytes == opening
    })
}

#[test]
fn random_damage_is_found_without_a_panic() {
    let whole = sample();
    let mut random = Random(1);
    for _ in 0..runs() {
        let mut bytes = whole.clone();
        damage(&mut bytes, &mut random);
        let as_good = bytes == whole || is_being_opened(&bytes, &whole);
        assert_eq!(try_all(bytes), as_good);
    }
    println!("{} logs with random damage: 0 believed, 0 panics", runs());
}

#[test]
fn wrong_content_under_right_checksums_does_not_make_a_reader_panic() {
    let whole = sample();
    let mut random = Random(2);
    let mut read = 0;
    for _ in 0..runs() {
        let mut bytes = whole.clone();
        // Only payloads: a header that is changed makes what follows no frame, which the other test has.
        let mut at = FILE_HEADER_LEN;
        while at + FRAME_HEADER_LEN <= bytes.len() {
            let header = FrameHeader::read(bytes[at..].first_chunk().unwrap()).unwrap();
            let payload = at + FRAME_HEADER_LEN;
            if random.below(3) == 0 {
                damage(&mut bytes[payload..payload + header.len as usize], &mut random);
            }
            at += header.frame_len() as usize;
        }
        seal(&mut bytes);
        read += u64::from(try_all(bytes));
    }
    println!("{} logs with wrong content under right checksums: {read} read, 0 panics", runs());
    // Some changes give another log that is as good.
    assert!(read > 0 && read < runs());
}
