//! Logs as sources and sinks of replays.

use super::run::{Sink, Source, SourceError};
use crate::cluster::Cluster;
use crate::event::{Event, Flags};
use crate::log::{Digest, Identity, LogError, ReadAhead, Reader, Writer};
use crate::names::{Names, Seq};
use crate::time::Time;

impl Source for Reader {
    fn next(&mut self, names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError> {
        Ok(self.next_batch(names, events)?.is_some())
    }

    fn known_until(&self) -> Option<Time> {
        Reader::known_until(self)
    }
}

impl Source for ReadAhead {
    fn next(&mut self, names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError> {
        Ok(self.next_batch(names, events)?)
    }

    fn known_until(&self) -> Option<Time> {
        ReadAhead::known_until(self)
    }
}

/// Events that are in memory, as a trace.
#[derive(Debug)]
pub struct Events(pub Vec<Event>);

impl Source for Events {
    fn next(&mut self, _names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError> {
        events.append(&mut self.0);
        Ok(!events.is_empty())
    }
}

impl Sink for Writer {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        in_two(
            events,
            |genesis, events| {
                if genesis { self.append_genesis(names, events) } else { self.append(names, events) }
            },
        )
    }

    fn wants_checkpoint(&self, _last: Seq) -> bool {
        self.checkpoint_due()
    }

    fn checkpoint(&mut self, names: &Names, cluster: &Cluster, memory: &[u8]) -> Result<(), SourceError> {
        Ok(Writer::checkpoint(self, names, cluster, memory)?)
    }

    fn ended(&mut self, end: Time) {
        self.known_until(end);
    }
}

/// A run that is not kept has an identity all the same.
impl Sink for Identity {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        in_two(
            events,
            |genesis, events| {
                if genesis { self.add_genesis(names, events) } else { self.add(names, events) }
            },
        )
    }
}

/// A run that is kept, or one that only has an identity.
pub enum Output {
    /// Kept.
    Log(Box<Writer>),
    /// Not kept.
    Identity(Box<Identity>),
}

impl Output {
    /// The digest of what was written so far.
    pub fn digest(&self) -> Digest {
        match self {
            Output::Log(writer) => writer.digest(),
            Output::Identity(identity) => identity.digest(),
        }
    }
}

impl Sink for Output {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        match self {
            Output::Log(writer) => writer.write(names, events),
            Output::Identity(identity) => identity.write(names, events),
        }
    }

    fn wants_checkpoint(&self, last: Seq) -> bool {
        matches!(self, Output::Log(writer) if writer.wants_checkpoint(last))
    }

    fn checkpoint(&mut self, names: &Names, cluster: &Cluster, memory: &[u8]) -> Result<(), SourceError> {
        match self {
            Output::Log(writer) => Sink::checkpoint(&mut **writer, names, cluster, memory),
            Output::Identity(_) => Ok(()),
        }
    }

    fn ended(&mut self, end: Time) {
        if let Output::Log(writer) = self {
            writer.known_until(end);
        }
    }
}

/// Hands on what a log begins with apart from what follows.
fn in_two<T>(
    events: &[Event],
    mut write: impl FnMut(bool, &[Event]) -> Result<T, LogError>,
) -> Result<(), SourceError> {
    let genesis = events.iter().take_while(|event| event.flags.has(Flags::GENESIS)).count();
    for (is_genesis, part) in [(true, &events[..genesis]), (false, &events[genesis..])] {
        if !part.is_empty() {
            write(is_genesis, part)?;
        }
    }
    Ok(())
}
