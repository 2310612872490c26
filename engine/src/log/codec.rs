//! What happened, as numbers: the codes of the kinds, and how each kind's fields become words.
//!
//! The one table below is both directions. A code is never used again for something else; a field that a kind gains
//! goes to the end of its line.

use super::decode_names::{LogNames, Wrong, effect};
use super::digest::HEAD_WORDS;
use super::encode_names::EncodeNames;
use crate::event::{Body, ConditionStatus, Phase, PodCondition, Propagation, Why, WorkloadStatus};
use crate::names::{
    DocId, Effect, NodeId, NodeSpecId, ObjectId, PodId, ResourcesId, RevisionId, ShapeId, Sym, Taint,
};
use crate::time::{ApiSeconds, Time};

macro_rules! kinds {
    ($($code:literal $kind:ident { $($field:ident),* };)*) => {
        /// Writes a body's fields as words and gives its code.
        pub(super) fn encode(body: &Body, out: &mut Out) -> u8 {
            match *body {
                $(Body::$kind { $($field),* } => {
                    $($field.put(out);)*
                    $code
                })*
            }
        }

        /// Reads the body of a code; none if the code is unknown.
        pub(super) fn decode(code: u8, input: &mut In) -> Option<Result<Body, Wrong>> {
            Some(match code {
                $($code => (|| Ok(Body::$kind { $($field: Wire::get(input)?),* }))(),)*
                _ => return None,
            })
        }

        /// Every kind with its code and its fields, in order of codes.
        #[cfg(test)]
        pub(super) const KINDS: &[(u8, &str, &[&str])] =
            &[$(($code, stringify!($kind), &[$(stringify!($field)),*])),*];
    };
}

kinds! {
    1 NodeJoined { node, spec, created };
    2 NodeLeft { node };
    3 NodeLabelSet { node, key, value };
    4 NodeLabelRemoved { node, key };
    5 NodeTaintAdded { node, taint };
    6 NodeTaintRemoved { node, key, effect };
    7 NodeCordoned { node };
    8 NodeUncordoned { node };
    9 NodeCapacitySet { node, allocatable };
    10 NodeConditionSet { node, condition, status, reason, since };
    11 NodeSilent { node };
    12 NodeReturned { node };
    13 DrainRequested { node, options };
    14 DrainEnded { node, message };
    20 Applied { object, manifest };
    21 Scaled { object, replicas };
    22 DeleteRequested { object, propagation };
    23 ObjectRemoved { object };
    24 RolloutUndone { object, to_revision };
    30 PodCreated { pod, owner, node, namespace, shape, ordinal, name, created };
    31 PodRefused { owner, node, reason };
    32 PodDeleted { pod, why, grace_s, deadline };
    33 PodAdopted { pod, owner };
    34 PodReleased { pod };
    35 PodLabelSet { pod, key, value };
    36 PodLabelRemoved { pod, key };
    37 EvictionRefused { pod, message };
    40 RevisionCreated { revision, owner, number, namespace, name, hash, template, created };
    41 RevisionNumbered { revision, number };
    42 RevisionLabelled { revision, hash };
    43 RevisionAdopted { revision, owner };
    44 RevisionReleased { revision };
    45 RevisionDeleted { revision };
    50 StatusWritten { object, status };
    51 Synced { object };
    52 Reported { object, node, reason, message };
    60 PodBound { pod, node };
    61 PodUnschedulable { pod, message };
    62 PodNominated { pod, node };
    70 PodPhaseSet { pod, phase, reason };
    71 PodConditionSet { pod, condition, status, since };
    72 PodRestarted { pod, restarts };
    73 PodGone { pod };
}

/// No event has more words than this.
const WORDS_MAX: usize = 24;

/// The words of one event, with room for its canonical head before them.
pub(super) struct Words {
    words: [u32; HEAD_WORDS + WORDS_MAX],
    end: usize,
}

impl Words {
    /// No words.
    pub fn new() -> Words {
        Words { words: [0; HEAD_WORDS + WORDS_MAX], end: HEAD_WORDS }
    }

    /// Adds one.
    #[inline]
    pub fn push(&mut self, word: u32) {
        self.words[self.end] = word;
        self.end += 1;
    }

    /// Takes off the zeros at the end: words that are not there are zero.
    #[inline]
    pub fn trim(&mut self) {
        while self.end > HEAD_WORDS && self.words[self.end - 1] == 0 {
            self.end -= 1;
        }
    }

    /// Takes all off.
    #[inline]
    pub fn clear(&mut self) {
        self.end = HEAD_WORDS;
    }

    /// All of them.
    #[inline]
    pub fn as_slice(&self) -> &[u32] {
        &self.words[HEAD_WORDS..self.end]
    }

    /// A head, and all of them.
    #[inline]
    pub fn headed(&mut self, head: [u32; HEAD_WORDS]) -> &[u32] {
        self.words[..HEAD_WORDS].copy_from_slice(&head);
        &self.words[..self.end]
    }
}

/// Where a body's words go.
pub(super) struct Out<'n> {
    pub words: Words,
    pub names: EncodeNames<'n>,
    /// The event's time, which timestamps are told relative to.
    pub at: Time,
}

/// Where a body's words come from. Words that are not there are zero.
pub(super) struct In<'a> {
    pub words: &'a [rkyv::rend::u32_le],
    pub names: &'a LogNames,
    pub at: Time,
}

impl In<'_> {
    #[inline]
    pub fn word(&mut self) -> u32 {
        match self.words.split_first() {
            Some((word, rest)) => {
                self.words = rest;
                word.to_native()
            }
            None => 0,
        }
    }
}

/// A field's form on the log.
trait Wire: Sized {
    fn put(self, out: &mut Out);
    fn get(input: &mut In) -> Result<Self, Wrong>;
}

impl Wire for u32 {
    #[inline]
    fn put(self, out: &mut Out) {
        out.words.push(self);
    }
    #[inline]
    fn get(input: &mut In) -> Result<Self, Wrong> {
        Ok(input.word())
    }
}

impl Wire for i64 {
    #[inline]
    fn put(self, out: &mut Out) {
        let zigzag = ((self << 1) ^ (self >> 63)) as u64;
        out.words.push(zigzag as u32);
        out.words.push((zigzag >> 32) as u32);
    }
    #[inline]
    fn get(input: &mut In) -> Result<Self, Wrong> {
        let zigzag = u64::from(input.word()) | (u64::from(input.word()) << 32);
        Ok(((zigzag >> 1) as i64) ^ -((zigzag & 1) as i64))
    }
}

impl Wire for ApiSeconds {
    #[inline]
    fn put(self, out: &mut Out) {
        out.at.api_seconds().0.wrapping_sub(self.0).put(out);
    }
    #[inline]
    fn get(input: &mut In) -> Result<Self, Wrong> {
        Ok(ApiSeconds(input.at.api_seconds().0.wrapping_sub(i64::get(input)?)))
    }
}

/// Ids that the dictionary translates.
macro_rules! named {
    ($($id:ident $method:ident;)*) => {$(
        impl Wire for $id {
            #[inline]
            fn put(self, out: &mut Out) {
                let number = out.names.$method(self);
                out.words.push(number);
            }
            #[inline]
            fn get(input: &mut In) -> Result<Self, Wrong> {
                let number = input.word();
                input.names.$method(number)
            }
        }
    )*};
}

named! {
    Sym sym;
    NodeId node;
    ObjectId object;
    DocId doc;
    ShapeId shape;
    NodeSpecId node_spec;
    ResourcesId resources;
}

/// Ids that are stored as they are.
macro_rules! plain {
    ($($id:ident $what:literal;)*) => {$(
        impl Wire for $id {
            #[inline]
            fn put(self, out: &mut Out) {
                out.words.push(self.number());
            }
            #[inline]
            fn get(input: &mut In) -> Result<Self, Wrong> {
                $id::from_number(input.word()).ok_or_else(|| concat!($what, " is missing").into())
            }
        }
    )*};
}

plain! {
    PodId "pod";
    RevisionId "revision";
}

/// Ids that may be absent.
macro_rules! optional {
    ($($id:ident $method:ident;)*) => {$(
        impl Wire for Option<$id> {
            #[inline]
            fn put(self, out: &mut Out) {
                let number = self.map_or(0, |id| out.names.$method(id));
                out.words.push(number);
            }
            #[inline]
            fn get(input: &mut In) -> Result<Self, Wrong> {
                match input.word() {
                    0 => Ok(None),
                    number => input.names.$method(number).map(Some),
                }
            }
        }
    )*};
}

optional! {
    NodeId node;
    ObjectId object;
}

/// Enumerations, by their numbers.
macro_rules! numbered {
    ($($kind:ident $what:literal [$($variant:ident)*];)*) => {$(
        impl Wire for $kind {
            #[inline]
            fn put(self, out: &mut Out) {
                out.words.push(self as u32);
            }
            #[inline]
            fn get(input: &mut In) -> Result<Self, Wrong> {
                let number = input.word();
                let found = [$($kind::$variant),*].into_iter().find(|&value| value as u32 == number);
                found.ok_or_else(|| format!(concat!($what, " {} is unknown"), number).into())
            }
        }
    )*};
}

numbered! {
    ConditionStatus "condition status" [False True Unknown];
    Propagation "propagation" [Background Foreground Orphan];
    Phase "phase" [Pending Running Succeeded Failed Unknown];
    PodCondition "pod condition" [Ready DisruptionTarget];
    Why "reason of a deletion" [
        Unknown User Failed Succeeded NodeMissing NodeNoLongerFits Outdated Duplicate OwnerGone ScaledDown
        Evicted TaintEviction NodeGone Preempted Collected
    ];
}

impl Wire for Effect {
    #[inline]
    fn put(self, out: &mut Out) {
        out.words.push(self as u32);
    }
    #[inline]
    fn get(input: &mut In) -> Result<Self, Wrong> {
        effect(input.word())
    }
}

impl Wire for Taint {
    #[inline]
    fn put(self, out: &mut Out) {
        self.key.put(out);
        self.value.put(out);
        self.effect.put(out);
    }
    #[inline]
    fn get(input: &mut In) -> Result<Self, Wrong> {
        Ok(Taint { key: Wire::get(input)?, value: Wire::get(input)?, effect: Wire::get(input)? })
    }
}

/// The counters that are seldom zero come first, so that the rest is seldom written.
impl Wire for WorkloadStatus {
    #[inline]
    fn put(self, out: &mut Out) {
        for count in [self.desired, self.current, self.ready, self.updated, self.available] {
            count.put(out);
        }
        self.observed_generation.put(out);
        self.unavailable.put(out);
        self.misscheduled.put(out);
        u32::from(self.collision_count.is_some()).put(out);
        self.collision_count.unwrap_or(0).put(out);
    }
    #[inline]
    fn get(input: &mut In) -> Result<Self, Wrong> {
        Ok(WorkloadStatus {
            desired: input.word(),
            current: input.word(),
            ready: input.word(),
            updated: input.word(),
            available: input.word(),
            observed_generation: Wire::get(input)?,
            unavailable: input.word(),
            misscheduled: input.word(),
            collision_count: {
                let there = input.word() != 0;
                let count = input.word();
                there.then_some(count)
            },
        })
    }
}
