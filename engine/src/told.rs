//! Events and what they go back to, told: numbers become words once it is known which of them matter.

use serde::Serialize;

use crate::event::{Event, Flags};
use crate::names::{Names, Seq, Sym};
use crate::time::Time;

/// An event, told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Its number in the log.
    pub event: u64,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Time,
    /// Who: `user`, `workloads/daemonset`.
    pub track: &'static str,
    /// Who by name, where a recording says so.
    pub by: Option<String>,
    /// The name of its kind.
    pub kind: &'static str,
    /// What happened, in words.
    pub text: String,
    /// The event that it was caused by.
    pub cause: Option<u64>,
    /// Whether a recording does not show it, or not who did it, and it was inferred.
    pub inferred: bool,
    /// Whether it is part of the state that the log begins with.
    pub genesis: bool,
}

impl Told {
    /// An event with its number and its words.
    pub fn new(seq: Seq, event: &Event, names: &Names, text: String) -> Told {
        Told {
            event: seq.0,
            at: event.at,
            track: event.track.as_str(),
            by: (event.by != Sym::EMPTY).then(|| names.text(event.by).to_owned()),
            kind: event.body.kind(),
            text,
            cause: (event.cause != Seq::NONE).then_some(event.cause.0),
            inferred: event.flags.has(Flags::INFERRED),
            genesis: event.flags.has(Flags::GENESIS),
        }
    }
}

/// Causes, from the nearest to what came from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// The nearest causes, nearest first.
    pub links: Vec<Told>,
    /// How many there are between these and the root.
    pub omitted: usize,
    /// The first cause of all, where it is not among the links.
    pub root: Option<Told>,
}

/// How many causes of one event are told, not counting the root.
const LINKS_MAX: usize = 5;

/// The numbers of a chain's events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    pub links: Vec<Seq>,
    pub omitted: usize,
    pub root: Option<Seq>,
}

impl Links {
    /// An event and everything that it goes back to, given the cause of each.
    pub fn from(seq: Seq, cause: impl Fn(Seq) -> Option<Seq>) -> Links {
        Links::of(std::iter::successors(Some(seq), |seq| cause(*seq)).collect())
    }

    /// A chain, the nearest first.
    pub fn of(mut all: Vec<Seq>) -> Links {
        if all.len() <= LINKS_MAX + 1 {
            return Links { links: all, omitted: 0, root: None };
        }
        let (omitted, root) = (all.len() - LINKS_MAX - 1, all.last().copied());
        all.truncate(LINKS_MAX);
        Links { links: all, omitted, root }
    }

    /// Cut where it runs into another chain, which is told already.
    pub fn up_to(mut self, other: &Links) -> Links {
        if let Some(at) = self.links.iter().position(|link| other.links.contains(link)) {
            self.links.truncate(at);
            (self.omitted, self.root) = (0, None);
        }
        self
    }

    /// All numbers in it.
    pub fn numbers(&self) -> impl Iterator<Item = Seq> + '_ {
        self.links.iter().copied().chain(self.root)
    }

    /// The chain in words.
    pub fn tell(&self, told: impl Fn(Seq) -> Option<Told>) -> Chain {
        Chain {
            links: self.links.iter().filter_map(|seq| told(*seq)).collect(),
            omitted: self.omitted,
            root: self.root.and_then(told),
        }
    }
}

/// Times stand in JSON as people read them.
pub(crate) fn as_text<S: serde::Serializer, T: std::fmt::Display>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
