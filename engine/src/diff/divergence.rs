//! Where two logs part: the first event that is not the same.

use crate::event::Event;
use crate::log::{Digest, Identity};
use crate::names::{Seq, Sym};

use super::run::DiffError;
use super::side::{Side, SideError};

/// The first event at which two logs differ.
pub struct Divergence<'a> {
    /// Its number, the same in both logs, since everything before it is.
    pub seq: Seq,
    /// The event of the first log; `None` if that has ended.
    pub a: Option<Event>,
    /// The event of the second log; `None` if that has ended.
    pub b: Option<Event>,
    /// The first log, right before the event.
    pub side_a: Side<'a>,
    /// The second log, right before the event.
    pub side_b: Side<'a>,
}

/// After how many events digests are compared.
const STRIDE: u64 = 1024;

/// Finds the first event that differs in time, track, marks or content; `None` if the logs are the same.
/// Causes, authors and the numbers of played-back events may differ. Each log is opened twice: once to find
/// the stretch in which they part, once to fold up to the event.
///
/// # Errors
/// A log cannot be read, or an event does not fit.
pub fn first_divergence<'a, A, B>(open_a: A, open_b: B) -> Result<Option<Divergence<'a>>, DiffError>
where
    A: Fn() -> Result<Side<'a>, SideError>,
    B: Fn() -> Result<Side<'a>, SideError>,
{
    let (mut a, mut b) =
        (Digested::new(open_a().map_err(DiffError::A)?), Digested::new(open_b().map_err(DiffError::B)?));
    let mut same = 0;
    loop {
        let one = a.go(same + STRIDE).map_err(DiffError::A)?;
        let two = b.go(same + STRIDE).map_err(DiffError::B)?;
        if one != two {
            break;
        }
        if a.side.last() < Seq(same + STRIDE) {
            return Ok(None);
        }
        same += STRIDE;
    }
    let (mut a, mut b) =
        (Digested::new(open_a().map_err(DiffError::A)?), Digested::new(open_b().map_err(DiffError::B)?));
    a.fold(same).map_err(DiffError::A)?;
    b.fold(same).map_err(DiffError::B)?;
    loop {
        let one = a.side.next_event().map_err(DiffError::A)?;
        let two = b.side.next_event().map_err(DiffError::B)?;
        let differ = a.add(one).map_err(DiffError::A)? != b.add(two).map_err(DiffError::B)?;
        if differ || one.is_none() != two.is_none() {
            let seq = a.side.last().next();
            return Ok(Some(Divergence { seq, a: one, b: two, side_a: a.side, side_b: b.side }));
        }
        if one.is_none() {
            return Ok(None);
        }
        a.side.step().map_err(DiffError::A)?;
        b.side.step().map_err(DiffError::B)?;
    }
}

/// A side with the digest of what was read of it. The digest does not depend on the numbers of names.
struct Digested<'a> {
    side: Side<'a>,
    identity: Identity,
}

impl<'a> Digested<'a> {
    fn new(side: Side<'a>) -> Self {
        Digested { side, identity: Identity::new() }
    }

    /// Reads, without folding, up to an event or the end; gives how many there were, and their digest.
    fn go(&mut self, until: u64) -> Result<(Seq, Digest), SideError> {
        let mut events = Vec::new();
        while self.side.last().0 < until {
            let Some(event) = self.side.skip()? else { break };
            events.push(bare(event));
        }
        self.identity.add(self.side.names(), &events).map_err(|error| SideError::Read(error.into()))?;
        Ok((self.side.last(), self.identity.digest()))
    }

    /// Folds up to an event.
    fn fold(&mut self, until: u64) -> Result<(), SideError> {
        let mut events = Vec::new();
        while self.side.last().0 < until {
            let Some(event) = self.side.step()? else { break };
            events.push(bare(event));
        }
        self.identity.add(self.side.names(), &events).map_err(|error| SideError::Read(error.into()))?;
        Ok(())
    }

    /// The digest with one more event.
    fn add(&mut self, event: Option<Event>) -> Result<Digest, SideError> {
        if let Some(event) = event {
            let added = self.identity.add(self.side.names(), &[bare(event)]);
            added.map_err(|error| SideError::Read(error.into()))?;
        }
        Ok(self.identity.digest())
    }
}

/// What of an event has to be the same.
fn bare(event: Event) -> Event {
    Event { cause: Seq::NONE, origin: Seq::NONE, by: Sym::EMPTY, ..event }
}
