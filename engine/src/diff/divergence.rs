//! Where two logs part: the first event that is not the same.

use super::run::{DiffError, both};
use super::side::{Side, SideError};
use crate::event::Event;
use crate::log::{Digest, Identity};
use crate::names::{Names, Seq, Sym};
use crate::time::Time;

/// An event of each log with one number; none where the log has ended.
pub(super) type Pair = (Seq, Option<Event>, Option<Event>);

/// How many events are compared at once.
const WINDOW: usize = 16_384;

/// Up to which event two logs have the same batches.
pub(super) fn same_until(
    a: impl Iterator<Item = (Seq, Digest)>,
    b: impl Iterator<Item = (Seq, Digest)>,
) -> Seq {
    // Each digest stands for the whole log up to it.
    let same = a.zip(b).take_while(|(a, b)| a == b);
    same.last().map_or(Seq::NONE, |(mark, _)| mark.0)
}

/// The first pair of two logs after an event and up to a moment of each; none if they are the same.
pub(super) fn first(sides: [(&mut Side<'_>, Time); 2], after: Seq) -> Result<Option<Pair>, DiffError> {
    let [(a, until_a), (b, until_b)] = sides;
    let (mut after, mut sum_a, mut sum_b) = (after, Identity::new(), Identity::new());
    loop {
        let (one, two) =
            both(|| summed(a, until_a, after, &mut sum_a), || summed(b, until_b, after, &mut sum_b))?;
        let shorter = one.0.len().min(two.0.len());
        if one.1 != two.1 {
            let differs = |count: usize| -> Result<bool, DiffError> {
                let one = digest(a.names(), &one.0[..count]).map_err(DiffError::A)?;
                Ok(one != digest(b.names(), &two.0[..count]).map_err(DiffError::B)?)
            };
            let same = same_at_first(shorter, differs)?;
            let seq = Seq(after.0 + same as u64 + 1);
            return Ok(Some((seq, one.0.get(same).copied(), two.0.get(same).copied())));
        }
        if shorter < WINDOW {
            return Ok(None);
        }
        after = Seq(after.0 + WINDOW as u64);
    }
}

/// How many of the first events are the same: one fewer than the fewest for which a test holds, which holds for all that are
/// more; `most` if it holds for none.
fn same_at_first(
    most: usize,
    differs: impl Fn(usize) -> Result<bool, DiffError>,
) -> Result<usize, DiffError> {
    let (mut same, mut open) = (0, most + 1);
    while same + 1 < open {
        let middle = same + (open - same) / 2;
        if differs(middle)? {
            open = middle;
        } else {
            same = middle;
        }
    }
    Ok(same)
}

/// Reads on, and adds what was read to what came before.
fn summed(
    side: &mut Side<'_>,
    until: Time,
    after: Seq,
    sum: &mut Identity,
) -> Result<(Vec<Event>, Digest), SideError> {
    let stretch = side.stretch_after(after, until, WINDOW)?;
    add(side.names(), &stretch, sum)?;
    Ok((stretch, sum.digest()))
}

fn digest(names: &Names, events: &[Event]) -> Result<Digest, SideError> {
    let mut sum = Identity::new();
    add(names, events, &mut sum)?;
    Ok(sum.digest())
}

/// Adds events to a sum that stands for their times, tracks, marks and content, whatever numbers a log gives its names. Causes,
/// authors and the numbers of played-back events do not count.
fn add(names: &Names, events: &[Event], sum: &mut Identity) -> Result<(), SideError> {
    let bare = |event: &Event| Event { cause: Seq::NONE, origin: Seq::NONE, by: Sym::EMPTY, ..*event };
    let bare: Vec<Event> = events.iter().map(bare).collect();
    sum.add(names, &bare).map(|_| ()).map_err(|error| SideError::Read(error.into()))
}
