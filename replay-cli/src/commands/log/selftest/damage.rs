//! Logs in memory: every byte cut, every bit flipped, every operation of the disk failed.

use kubetape_engine::log::{Fault, FaultyStorage, LogError, MemoryStorage, Options, Reader, Writer};
use kubetape_engine::names::Names;

use super::Counts;
use super::sample::{self, batch};

/// How many batches the logs have.
const BATCHES: usize = 12;

/// A log, and where each batch ends: (byte, event).
struct Sample {
    bytes: Vec<u8>,
    ends: Vec<(u64, u64)>,
}

/// A log; with `reopen` its writer closes it and opens it again after every third batch.
fn written(close: bool, reopen: bool) -> Result<Sample, LogError> {
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default())?;
    let (mut names, mut ends) = (Names::new(), Vec::new());
    for number in 0..BATCHES {
        if reopen && number % 3 == 2 {
            writer.close()?;
            (writer, names, _) = Writer::open_in(Box::new(storage.clone()), &Options::default())?;
        }
        let events = batch(&mut names, writer.last().0);
        writer.append(&names, &events)?;
        ends.push((writer.bytes(), writer.last().0));
    }
    if close {
        writer.close()?;
    }
    Ok(Sample { bytes: storage.bytes(), ends })
}

/// Cuts a log at every byte: what is read is what was committed up to there, to the batch; and the log can be gone on with.
pub fn cut_every_byte(counts: &mut Counts) -> Result<(), LogError> {
    for (close, reopen) in [(false, false), (true, false), (false, true), (true, true)] {
        let sample = written(close, reopen)?;
        for cut in 0..sample.bytes.len() {
            let left = sample.bytes[..cut].to_vec();
            let committed = sample.ends.iter().take_while(|end| end.0 <= cut as u64).count() as u64;
            let found = sample::read(Reader::from_bytes(left.clone()));
            counts.bytes_cut += 1;
            counts.cuts_believed += u64::from(close && matches!(found.end, Ok(false)));
            count(counts, committed, &found);
            if found.end.is_ok() {
                let (writer, ..) =
                    Writer::open_in(Box::new(MemoryStorage::from_bytes(left)), &Options::default())?;
                counts.batches_lost += u64::from(writer.last().0 != found.last());
            }
        }
    }
    Ok(())
}

/// Counts what was committed, and what of it is missing or more.
fn count(counts: &mut Counts, committed: u64, found: &sample::Found) {
    let there = found.ends.len() as u64;
    counts.batches_acknowledged += committed;
    counts.batches_lost += committed.saturating_sub(there);
    counts.events_invented += found.invented;
}

/// Flips every bit: it is found.
pub fn flip_every_bit(counts: &mut Counts) -> Result<(), LogError> {
    for close in [false, true] {
        let sample = written(close, false)?;
        for byte in 0..sample.bytes.len() {
            for bit in 0..8 {
                let mut bytes = sample.bytes.clone();
                bytes[byte] ^= 1 << bit;
                let found = sample::read(Reader::from_bytes(bytes));
                counts.bits_flipped += 1;
                counts.events_invented += found.invented;
                counts.bits_believed += u64::from(found.end.is_ok());
            }
        }
    }
    Ok(())
}

/// Each fault at each operation of a writer, with several ways in which a disk may have kept what was not synced.
pub fn every_fault(counts: &mut Counts) -> Result<(), LogError> {
    const WAYS: u64 = 16;
    for fault in Fault::ALL {
        for at in 0.. {
            let disk = FaultyStorage::new(Vec::new(), fault, at);
            let acknowledged = write_until_failure(&disk);
            if !disk.reached() {
                break;
            }
            counts.faults_injected += 1;
            let process_ended = std::iter::once(disk.after_process());
            for left in process_ended.chain((0..WAYS).map(|way| disk.after_machine(way))) {
                let found = sample::read(Reader::from_storage(Box::new(left.clone())));
                count(counts, acknowledged, &found);
                go_on(left, &found, counts)?;
            }
        }
    }
    Ok(())
}

/// Writes until something fails or all batches are there; gives how many were acknowledged.
fn write_until_failure(disk: &FaultyStorage) -> u64 {
    let mut acknowledged = 0;
    let mut write = || -> Result<(), LogError> {
        let mut writer = Writer::create_in(Box::new(disk.clone()), &Options::default())?;
        let mut names = Names::new();
        for _ in 0..BATCHES {
            let events = batch(&mut names, writer.last().0);
            writer.append(&names, &events)?;
            acknowledged += 1;
        }
        writer.close()?;
        Ok(())
    };
    // What failed is of no interest; what was acknowledged before is.
    let _ = write();
    acknowledged
}

/// The next writer goes on behind what is there.
fn go_on(left: MemoryStorage, found: &sample::Found, counts: &mut Counts) -> Result<(), LogError> {
    match Writer::open_in(Box::new(left.clone()), &Options::default()) {
        Ok((mut writer, mut names, _)) => {
            let events = batch(&mut names, writer.last().0);
            writer.append(&names, &events)?;
            writer.close()?;
            let again = sample::read(Reader::from_storage(Box::new(left)));
            counts.batches_lost += u64::from(again.ends.len() != found.ends.len() + 1);
            counts.events_invented += again.invented;
        }
        // The header never reached the disk: there was no log yet, and nothing was acknowledged.
        Err(LogError::Empty { .. }) => {}
        Err(_) => counts.batches_lost += found.ends.len().max(1) as u64,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_would_be_counted() {
        let sample = written(false, false).unwrap();
        let mut counts = Counts::default();
        let found = sample::read(Reader::from_bytes(sample.bytes[..sample.bytes.len() - 1].to_vec()));
        count(&mut counts, BATCHES as u64, &found);
        assert_eq!((counts.batches_acknowledged, counts.batches_lost), (BATCHES as u64, 1));
        assert!(!counts.holds());
    }

    #[test]
    fn an_event_that_was_never_written_would_be_counted() {
        let storage = MemoryStorage::new();
        let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
        let mut names = Names::new();
        let other = sample::event(&mut names, 9);
        let other = kubetape_engine::event::Event { cause: kubetape_engine::names::Seq::NONE, ..other };
        writer.append(&names, &[other]).unwrap();
        assert_eq!(sample::read(Reader::from_bytes(storage.bytes())).invented, 1);
    }
}
