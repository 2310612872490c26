//! Where two logs part: the first event that is not the same.

use super::decisions::WINDOW;
use super::run::DiffError;
use super::side::{Side, SideError};
use crate::event::Event;
use crate::log::{Digest, Identity};
use crate::names::{Names, Seq, Sym};

/// An event of each log with one number; none where the log has ended.
pub(super) type Pair = (Seq, Option<Event>, Option<Event>);

/// Up to which event two logs have the same batches.
pub(super) fn same_until(a: &[(Seq, Digest)], b: &[(Seq, Digest)]) -> Seq {
    // Each digest stands for the whole log up to it.
    let both = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    both.checked_sub(1).map_or(Seq::NONE, |last| a[last].0)
}

/// What tells events apart: time, track, marks and content, whatever numbers a log gives its names. Causes,
/// authors and the numbers of played-back events do not count.
struct Digests<'n> {
    names: &'n Names,
    identity: Identity,
}

impl<'n> Digests<'n> {
    fn new(names: &'n Names) -> Self {
        Digests { names, identity: Identity::new() }
    }

    fn add(&mut self, event: &Event) -> Result<Digest, SideError> {
        let bare = Event { cause: Seq::NONE, origin: Seq::NONE, by: Sym::EMPTY, ..*event };
        let added = self.identity.add(self.names, &[bare]);
        added.map_err(|error| SideError::Read(error.into()))?;
        Ok(self.identity.digest())
    }
}

/// The first pair in two stretches of events that begin with the same number; none if one runs into the end of the
/// stretch without a difference.
pub(super) fn first_in(
    a: (&Names, &[(Seq, Event)]),
    b: (&Names, &[(Seq, Event)]),
) -> Result<Option<Pair>, DiffError> {
    let (mut one, mut two) = (Digests::new(a.0), Digests::new(b.0));
    for at in 0..a.1.len().max(b.1.len()) {
        let pair = (a.1.get(at), b.1.get(at));
        let differ = match pair {
            (Some(x), Some(y)) => {
                one.add(&x.1).map_err(DiffError::A)? != two.add(&y.1).map_err(DiffError::B)?
            }
            // A stretch that is full may go on with the same.
            _ => a.1.len().min(b.1.len()) < WINDOW,
        };
        if differ {
            let seq = pair.0.or(pair.1).map_or(Seq::NONE, |event| event.0);
            return Ok(Some((seq, pair.0.map(|e| e.1), pair.1.map(|e| e.1))));
        }
    }
    Ok(None)
}

/// The first pair of two logs beyond an event, none if they are the same: for logs that say the same in
/// another way, so that their bytes tell nothing.
pub(super) fn first_beyond(
    mut a: Side<'_>,
    mut b: Side<'_>,
    from: Seq,
    until: crate::time::Time,
) -> Result<Option<Pair>, DiffError> {
    let read = |side: &mut Side<'_>| {
        let mut stretch = Vec::with_capacity(WINDOW);
        while stretch.len() < WINDOW && side.peek()?.is_some_and(|at| at <= until) {
            let Some(event) = side.skip()? else { break };
            if side.last() > from {
                stretch.push((side.last(), event));
            }
        }
        Ok(stretch)
    };
    loop {
        let one = read(&mut a).map_err(DiffError::A)?;
        let two = read(&mut b).map_err(DiffError::B)?;
        let found = first_in((a.names(), &one), (b.names(), &two))?;
        if found.is_some() || one.len().min(two.len()) < WINDOW {
            return Ok(found);
        }
    }
}
