//! Events added to a log by hand, one command one batch.

use std::path::{Path, PathBuf};

use kubetape_engine::cluster::Change;
use kubetape_engine::event::{Body, Event, Track};
use kubetape_engine::log::{Draft, Options, Writer};
use kubetape_engine::names::{NodeId, Seq};
use kubetape_engine::time::{Micros, Time};

use crate::error::CliError;
use crate::output::Out;
use crate::state::{self, State};
use crate::timespec::{self, Moment};

/// When the first event of a log happens that a person makes up: 2026-01-01T00:00:00Z. Fixed, so that the same
/// commands make the same log.
pub const FIRST_TIME: Time = Time(1_767_225_600_000_000);

/// When an event happens that is added by hand.
#[derive(Clone, Debug, clap::Args)]
pub struct When {
    /// When it happens: a TIME, or +5m after the log's first event [default: one second after the last event, in
    /// a new log 2026-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME", conflicts_with = "after")]
    at: Option<Moment>,
    /// How long after the last event it happens
    #[arg(long, value_name = "DURATION", value_parser = timespec::duration)]
    after: Option<Micros>,
}

/// A log with its state, and the events that are about to be added. Nothing is written before [`Editor::commit`].
pub struct Editor {
    /// The state, the new events included.
    pub state: State,
    path: PathBuf,
    /// The log, locked; `None` while there is none.
    log: Option<Writer>,
    at: Time,
    batch: Vec<Event>,
}

impl Editor {
    /// Opens a log; one that does not exist is made when there is something to write.
    ///
    /// # Errors
    /// The log cannot be read, or the time lies before its last event.
    pub fn open(path: &Path, when: &When, out: &mut Out) -> Result<Self, CliError> {
        let (log, state) = match path.exists() {
            true => {
                // Locked before it is read, so that nobody adds to it in between.
                let (log, names, _) = Writer::open(path, &Options::default())?;
                (Some(log), state::fold_from(State::with(names), path, Moment::End, out)?)
            }
            false => (None, State::empty()),
        };
        let last = state.first.map(|_| state.cluster.now());
        let at = match (&when.at, when.after, last) {
            (Some(Moment::At(at)), ..) => *at,
            (Some(Moment::SinceStart(since)), ..) => state.first.unwrap_or(FIRST_TIME) + *since,
            (Some(_), ..) => {
                return Err(CliError::new("--at here is a time, or +DURATION after the log's first event")
                    .hint("a log is only ever appended to"));
            }
            (None, Some(after), last) => last.unwrap_or(FIRST_TIME) + after,
            (None, None, Some(last)) => last + Micros::seconds(1),
            (None, None, None) => FIRST_TIME,
        };
        match last {
            Some(last) if at < last => {
                Err(CliError::new(format!("{at} lies before the last event")).at(path.display()).hint(
                    format!("the last event, {}, is at {last}; a log is only ever appended to", state.last),
                ))
            }
            _ => Ok(Editor { state, path: path.to_owned(), log, at, batch: Vec::new() }),
        }
    }

    /// When the new events happen.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Adds an event, if it changes anything. Says whether it did.
    ///
    /// # Errors
    /// The event does not fit the state.
    pub fn add(&mut self, track: Track, body: Body) -> Result<Change, CliError> {
        let event = Event::new(self.at, track, body);
        let seq = self.state.last.next();
        let State { names, cluster, .. } = &mut self.state;
        let change = cluster.apply(names, seq, &event);
        let change = change.map_err(|e| CliError::new(e.to_string()).at(self.path.display()))?;
        if change.effective {
            self.state.last = seq;
            self.batch.push(event);
        }
        Ok(change)
    }

    /// The node of a name.
    ///
    /// # Errors
    /// No such node; names that are near are listed.
    pub fn node(&self, name: &str) -> Result<NodeId, CliError> {
        let found = self.state.names.find_node(name);
        if let Some(node) = found.filter(|node| self.state.cluster.present_node(*node).is_some()) {
            return Ok(node);
        }
        let nodes = self.state.cluster.nodes().iter();
        let error = CliError::new(format!("node {name:?} does not exist at {}", self.at));
        Err(near(error, name, nodes.map(|node| self.state.names.node_name(*node)), "node", &self.path))
    }

    /// Writes the new events, all or none, and says on standard error which they are.
    ///
    /// # Errors
    /// The log cannot be written; nothing was added.
    pub fn commit(self, out: &mut Out) -> Result<(), CliError> {
        let path = self.path.display();
        if self.batch.is_empty() {
            out.note(format!("{path}: nothing changed, nothing was added"));
            return Ok(());
        }
        match self.log {
            Some(mut log) => {
                log.append(&self.state.names, &self.batch)?;
                log.close()?;
            }
            None => {
                let mut log = Draft::create(&self.path, false, &Options::default())?;
                log.append(&self.state.names, &self.batch)?;
                log.finish()?;
            }
        }
        let (last, at) = (self.state.last, self.at);
        out.note(match self.batch.len() as u64 {
            1 => format!("{path}: event {last} at {at}"),
            count => format!("{path}: events {} to {last} at {at}", Seq(last.0 - count + 1)),
        });
        Ok(())
    }
}

/// Adds hints to an error about a name that does not exist: what there is that is spelled alike.
pub fn near<'a>(
    error: CliError,
    wanted: &str,
    known: impl Iterator<Item = &'a str>,
    what: &str,
    path: &Path,
) -> CliError {
    let error = error.at(path.display());
    let mut ranked: Vec<_> = known.map(|name| (strsim::damerau_levenshtein(wanted, name), name)).collect();
    ranked.sort();
    let close: Vec<_> =
        ranked.iter().filter(|(d, _)| *d <= 1 + wanted.len() / 4).take(3).map(|r| r.1).collect();
    let some: Vec<_> = ranked.iter().take(5).map(|r| r.1).collect();
    match (close.as_slice(), some.as_slice()) {
        ([], []) => error.hint(format!("there is no {what} at all")),
        ([], some) if some.len() == ranked.len() => error.hint(format!("there are {}", some.join(", "))),
        ([], some) => error.hint(format!("there are {} of them, such as {}", ranked.len(), some.join(", "))),
        (close, _) => error.hint(format!("did you mean {}?", close.join(" or "))),
    }
}
