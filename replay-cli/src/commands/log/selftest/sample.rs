//! Events of which everybody knows which comes next, so that what is read needs no second copy to be compared with.

use kubetape_engine::event::{Body, Event, Track};
use kubetape_engine::log::{LogError, Reader};
use kubetape_engine::names::{Names, Seq, sym};
use kubetape_engine::time::Time;

/// The event with a number, with new names now and then.
pub fn event(names: &mut Names, seq: u64) -> Event {
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

/// How many events the batch has that begins after a number: 1 to 32.
pub fn batch_len(last: u64) -> u64 {
    1 + (last.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59)
}

/// The batch that begins after a number.
pub fn batch(names: &mut Names, last: u64) -> Vec<Event> {
    (last + 1..=last + batch_len(last)).map(|seq| event(names, seq)).collect()
}

/// What was read of a log.
pub struct Found {
    /// The last event of each batch.
    pub ends: Vec<u64>,
    /// Events that are not the ones with their numbers.
    pub invented: u64,
    /// How reading ended.
    pub end: Result<bool, LogError>,
}

impl Found {
    /// The last event; 0 if there is none.
    pub fn last(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }
}

/// Reads a log to its end, or to where it cannot be read; says whether something after the end was left out.
pub fn read(reader: Result<Reader, LogError>) -> Found {
    let mut found = Found { ends: Vec::new(), invented: 0, end: Ok(false) };
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return Found { end: Err(error), ..found },
    };
    let (mut names, mut events, mut last) = (Names::new(), Vec::new(), 0);
    loop {
        match reader.next_batch(&mut names, &mut events) {
            Ok(Some(_)) => {
                for read in &events {
                    last += 1;
                    found.invented += u64::from(*read != event(&mut names, last));
                }
                found.ends.push(last);
            }
            Ok(None) => {
                found.end = Ok(reader.recovered().is_some());
                return found;
            }
            Err(error) => {
                found.end = Err(error);
                return found;
            }
        }
    }
}
