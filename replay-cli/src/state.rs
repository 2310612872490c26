//! Logs read and folded into the state at a moment.

use std::ops::ControlFlow;
use std::path::Path;

use kubetape_engine::cluster::{ApplyError, Cluster};
use kubetape_engine::event::{Event, Flags};
use kubetape_engine::log::{self, Checkpoint, Reader};
use kubetape_engine::names::{Names, Seq};
use kubetape_engine::time::Time;

use crate::error::CliError;
use crate::output::Out;
use crate::output::progress::Progress;
use crate::tape;
use crate::timespec::Moment;

/// A log folded to a moment.
pub struct State {
    /// The dictionary.
    pub names: Names,
    /// The cluster.
    pub cluster: Cluster,
    /// The moment: the one that was asked for, or the last event's time.
    pub now: Time,
    /// The time of the log's first event; `None` if there is no event.
    pub first: Option<Time>,
    /// The last event that was folded.
    pub last: Seq,
}

impl State {
    /// Before anything has happened.
    pub fn empty() -> Self {
        State::with(Names::new())
    }

    /// Before anything has happened, with a dictionary that has met names before.
    pub fn with(names: Names) -> Self {
        State { names, cluster: Cluster::new(), now: Time(0), first: None, last: Seq::NONE }
    }
}

/// Folds a log to a moment, from the checkpoint before it if the log has one.
///
/// # Errors
/// The log cannot be read, or has no such moment.
pub fn fold(path: &Path, moment: Moment, out: &mut Out) -> Result<State, CliError> {
    let first = first_time(path)?;
    let stop = match (moment, first) {
        (Moment::SinceStart(since), Some(first)) => Moment::At(first + since),
        (Moment::BeforeEnd(before), _) => Moment::At(last_time(path)? - before),
        (other, _) => other,
    };
    let before = match stop {
        Moment::At(at) => log::Moment::Time(at),
        Moment::After(seq) => log::Moment::Seq(seq),
        Moment::End => log::Moment::End,
        _ => return fold_from(State::empty(), path, stop, out),
    };
    let Some(Checkpoint { names, cluster, seq, reader, .. }) = log::checkpoint(&tape::path(path)?, before)?
    else {
        return fold_from(State::empty(), path, stop, out);
    };
    let start = State { names, now: cluster.now(), cluster, first, last: seq };
    let progress = out.progress("reading");
    let (state, torn) = walk_from(start, (path, reader), stop, progress, |_, _| Ok(()))?;
    torn.into_iter().for_each(|torn| out.warn(format!("{}: {torn}", path.display())));
    Ok(state)
}

/// The time of a log's first event.
fn first_time(path: &Path) -> Result<Option<Time>, CliError> {
    let mut batch = Vec::new();
    tape::reader(path)?.next_batch(&mut Names::new(), &mut batch)?;
    Ok(batch.first().map(|event| event.at))
}

/// As [`fold`], with a dictionary that has met names before.
///
/// # Errors
/// As [`fold`].
pub fn fold_from(start: State, path: &Path, moment: Moment, out: &mut Out) -> Result<State, CliError> {
    let progress = out.progress("reading");
    let (state, torn) = walk_from(start, (path, tape::reader(path)?), moment, progress, |_, _| Ok(()))?;
    torn.into_iter().for_each(|torn| out.warn(format!("{}: {torn}", path.display())));
    Ok(state)
}

/// Folds a log to a moment and shows each event on the way, with the state after it. Gives the state at the
/// moment, and a warning if the log's end was cut off.
///
/// # Errors
/// As [`fold`], and whatever the visitor says.
pub fn walk(
    path: &Path,
    moment: Moment,
    progress: Progress,
    visit: impl FnMut(&Event, &State) -> Result<(), CliError>,
) -> Result<(State, Option<String>), CliError> {
    walk_from(State::empty(), (path, tape::reader(path)?), moment, progress, visit)
}

/// As [`walk`], of the first events only.
///
/// # Errors
/// As [`walk`]; a log with fewer events is none.
pub fn walk_first(
    path: &Path,
    count: u64,
    mut visit: impl FnMut(&Event, &State) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let (mut reader, mut state, mut batch) = (tape::reader(path)?, State::empty(), Vec::new());
    while state.last.0 < count && reader.next_batch(&mut state.names, &mut batch)?.is_some() {
        let left = usize::try_from(count - state.last.0).unwrap_or(usize::MAX);
        for event in batch.iter().take(left) {
            let seq = state.last.next();
            state.first.get_or_insert(event.at);
            let applied = state.cluster.apply(&mut state.names, seq, event);
            applied.map_err(|e| does_not_fit(path, seq, event, &e))?;
            (state.last, state.now) = (seq, event.at);
            visit(event, &state)?;
        }
    }
    Ok(())
}

/// Shows each event of a log, with the state after it, and goes on while another process appends: until that has ended. A
/// log at which nobody writes now is waited for.
///
/// # Errors
/// The log cannot be read, and whatever the visitor says.
pub fn follow(
    path: &Path,
    out: &mut Out,
    visit: &mut dyn FnMut(&Event, &State, &mut Out) -> Result<(), CliError>,
) -> Result<(), CliError> {
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
    let mut reader = tape::reader(path)?;
    let (mut state, mut batch) = (State::empty(), Vec::new());
    let mut writer_seen = false;
    loop {
        // Asked before reading: what a writer appended before it ended is read after that.
        let at_work = reader.is_being_written();
        writer_seen |= at_work;
        let mut read = false;
        while reader.next_batch(&mut state.names, &mut batch)?.is_some() {
            read = true;
            for event in &batch {
                let seq = state.last.next();
                state.first.get_or_insert(event.at);
                let applied = state.cluster.apply(&mut state.names, seq, event);
                applied.map_err(|e| does_not_fit(path, seq, event, &e))?;
                (state.last, state.now) = (seq, event.at);
                visit(event, &state, out)?;
            }
        }
        if writer_seen && !at_work {
            reader.recovered().into_iter().for_each(|torn| out.warn(format!("{}: {torn}", path.display())));
            return Ok(());
        }
        if read {
            out.flush()?;
        }
        std::thread::sleep(PAUSE);
    }
}

fn walk_from(
    mut state: State,
    (path, reader): (&Path, Reader),
    moment: Moment,
    mut progress: Progress,
    mut visit: impl FnMut(&Event, &State) -> Result<(), CliError>,
) -> Result<(State, Option<String>), CliError> {
    let mut stop = match moment {
        // Only the log's end says when that is.
        Moment::BeforeEnd(before) => Moment::At(last_time(path)? - before),
        other => other,
    };
    let mut names = std::mem::take(&mut state.names);
    let torn = each_event(reader, &mut names, &mut progress, |event, names| {
        let seq = state.last.next();
        if let (None, Moment::SinceStart(since)) = (state.first, stop) {
            stop = Moment::At(event.at + since);
        }
        let reached = match stop {
            Moment::At(at) => event.at > at,
            Moment::After(last) => seq > last,
            Moment::Start => !event.flags.has(Flags::GENESIS),
            _ => false,
        };
        if reached {
            state.first.get_or_insert(event.at);
            return Ok(ControlFlow::Break(()));
        }
        // The names travel with the state for as long as somebody looks at it.
        std::mem::swap(names, &mut state.names);
        state.first.get_or_insert(event.at);
        let applied = state.cluster.apply(&mut state.names, seq, event);
        applied.map_err(|e| does_not_fit(path, seq, event, &e))?;
        (state.last, state.now) = (seq, event.at);
        let visited = visit(event, &state);
        std::mem::swap(names, &mut state.names);
        visited.map(|()| ControlFlow::Continue(()))
    })?;
    state.names = names;
    check_moment(path, stop, &mut state)?;
    Ok((state, torn))
}

/// Sees to it that the moment lies in the log, and that ages are counted up to it.
fn check_moment(path: &Path, stop: Moment, state: &mut State) -> Result<(), CliError> {
    let place = path.display();
    match (stop, state.first) {
        (Moment::After(wanted), _) if wanted > state.last => {
            let last = state.last;
            Err(CliError::new(format!("there is no event {wanted}")).at(place).hint(match last {
                Seq::NONE => "the log has no event".to_owned(),
                last => format!("its last event is {last}"),
            }))
        }
        (Moment::At(at), Some(first)) if at < first => {
            Err(CliError::new(format!("the log begins after {at}"))
                .at(place)
                .hint(format!("its first event is at {first}")))
        }
        (Moment::At(at), _) => {
            state.now = at;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn does_not_fit(path: &Path, seq: Seq, event: &Event, error: &ApplyError) -> CliError {
    CliError::new(format!(
        "event {seq} ({} at {}) does not fit the state before it: {error}",
        event.body.kind(),
        event.at
    ))
    .at(path.display())
    .hint(
        "the log was not written by kubetape, or by a version with a defect; `kubetape log verify` says more",
    )
}

fn last_time(path: &Path) -> Result<Time, CliError> {
    let (mut reader, mut names, mut batch) = (tape::reader(path)?, Names::new(), Vec::new());
    // What a checkpoint stands for need not be read to know when the log ends.
    if let Some(checkpoint) = log::checkpoint(&tape::path(path)?, log::Moment::End)? {
        (reader, names) = (checkpoint.reader, checkpoint.names);
    }
    while reader.next_batch(&mut names, &mut batch)?.is_some() {}
    Ok(reader.last_time().unwrap_or(Time(0)))
}

/// When a moment of a log is.
///
/// # Errors
/// The log cannot be read, or has no such moment.
pub fn time_of(path: &Path, moment: Moment) -> Result<Time, CliError> {
    if let Moment::At(at) = moment {
        return Ok(at);
    }
    let state = walk(path, moment, Progress::new("", false), |_, _| Ok(()))?.0;
    Ok(match moment {
        Moment::Start => state.first.unwrap_or(state.now),
        _ => state.now,
    })
}

/// Reads a log on until the visitor has seen enough. Gives a warning if its end was cut off.
///
/// # Errors
/// The log cannot be read, or what the visitor says.
fn each_event(
    mut reader: Reader,
    names: &mut Names,
    progress: &mut Progress,
    mut visit: impl FnMut(&Event, &mut Names) -> Result<ControlFlow<()>, CliError>,
) -> Result<Option<String>, CliError> {
    let mut batch = Vec::new();
    let mut done = 0;
    while reader.next_batch(names, &mut batch)?.is_some() {
        for event in &batch {
            if visit(event, names)?.is_break() {
                return Ok(None);
            }
        }
        done += batch.len() as u64;
        progress.update(done, None, "events");
    }
    Ok(reader.recovered().map(ToString::to_string))
}
