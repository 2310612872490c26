//! All pods by slot, 32 bytes each.
//!
//! What many pods share (owner, namespace, shape) is kept once and numbered; what few pods have (a name of their own,
//! many restarts) is kept apart. [`Pods::get`] puts a [`Pod`] together from both.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::pod::{Pod, Stamp};
use crate::event::{Phase, Why};
use crate::names::{NodeId, ObjectId, PodId, Seq, ShapeId, Sym};
use crate::time::ApiSeconds;

/// Pods that exist, and those that were the last in slots that are free.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pods {
    packed: Vec<Packed>,
    kinds: Kinds,
    /// What did not fit into its place, of those that are marked [`State::RARE`].
    #[serde(with = "crate::saved::sorted")]
    rare: FxHashMap<PodId, Rare>,
    /// `metadata.deletionTimestamp` of those that terminate.
    #[serde(with = "crate::saved::sorted")]
    deadlines: FxHashMap<PodId, ApiSeconds>,
    free: Vec<PodId>,
    live: usize,
}

/// A pod without what it shares with others.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Packed {
    kind: u32,
    node: Option<NodeId>,
    state: State,
    created: Stamp,
    ready_since: Stamp,
    /// Its position among its owner's pods (or the namespace's orphans).
    owner_slot: u32,
    /// The lower halves of these numbers.
    made: u32,
    changed: u32,
}

/// What pods of one template have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Kind {
    owner: Option<ObjectId>,
    made_by: Option<ObjectId>,
    namespace: Sym,
    shape: ShapeId,
}

/// What few pods have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rare {
    name: Sym,
    ordinal: u32,
    restarts: u32,
    /// The upper halves of the numbers of the events that made and changed it, which runs of fewer than 2^32 events do not
    /// need.
    upper: (u32, u32),
}

/// Numbers for kinds of pods, in the order in which they came. None is forgotten: there are as many as DaemonSets have
/// had revisions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kinds {
    list: Vec<Kind>,
    #[serde(skip)]
    numbers: FxHashMap<Kind, u32>,
    /// The number that was asked for last: pods of one kind come together.
    #[serde(skip)]
    last: u32,
}

impl Kinds {
    #[inline]
    fn number(&mut self, kind: Kind) -> u32 {
        if self.list.get(self.last as usize) == Some(&kind) {
            return self.last;
        }
        if self.numbers.len() != self.list.len() {
            self.numbers = self.list.iter().copied().zip(0..).collect();
        }
        // There are fewer kinds than pods, and those are numbered by 32 bits.
        let next = self.list.len() as u32;
        self.last = *self.numbers.entry(kind).or_insert(next);
        if self.last == next {
            self.list.push(kind);
        }
        self.last
    }
}

/// Phase and flags, why it is deleted, and ordinal and restarts where these are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State(u32);

/// Bits of a [`State`] that hold a number.
#[derive(Clone, Copy)]
struct Field {
    shift: u32,
    mask: u32,
}

impl Field {
    const fn new(shift: u32, bits: u32) -> Field {
        Field { shift, mask: (1 << bits) - 1 }
    }
}

impl State {
    const BOUND: u32 = 1 << 3;
    const READY: u32 = 1 << 4;
    const UNSCHEDULABLE: u32 = 1 << 5;
    const RELABELLED: u32 = 1 << 6;
    const GONE: u32 = 1 << 7;
    /// It is in the table of what few pods have, which then says all that it can say.
    const RARE: u32 = 1 << 8;
    const PHASE: Field = Field::new(0, 3);
    /// 0 for a pod that is not deleted, or one more than the reason's number.
    const DELETING: Field = Field::new(9, 5);
    const ORDINAL: Field = Field::new(14, 10);
    const RESTARTS: Field = Field::new(24, 8);

    #[inline]
    fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    /// Sets a flag or takes it off. Says whether that changed anything.
    #[inline]
    fn set(&mut self, flag: u32, on: bool) -> bool {
        let before = self.0;
        self.0 = if on { before | flag } else { before & !flag };
        self.0 != before
    }

    #[inline]
    fn get(self, field: Field) -> u32 {
        self.0 >> field.shift & field.mask
    }

    /// Sets a number that fits.
    #[inline]
    fn put(&mut self, field: Field, number: u32) {
        debug_assert!(number <= field.mask, "{number} does not fit");
        self.0 = self.0 & !(field.mask << field.shift) | number << field.shift;
    }

    #[inline]
    fn phase(self) -> Phase {
        match self.get(Self::PHASE) {
            0 => Phase::Pending,
            1 => Phase::Running,
            2 => Phase::Succeeded,
            3 => Phase::Failed,
            _ => Phase::Unknown,
        }
    }

    /// What it says of what few pods have.
    #[inline]
    fn common(self) -> Rare {
        let (ordinal, restarts) = (self.get(Self::ORDINAL), self.get(Self::RESTARTS));
        Rare { ordinal, restarts, ..Rare::default() }
    }

    #[inline]
    fn deleting(self) -> Option<Why> {
        Why::ALL.get((self.get(Self::DELETING) as usize).checked_sub(1)?).copied()
    }
}

const _: () = assert!(Why::ALL.len() <= State::DELETING.mask as usize, "reasons have no room");

impl Pods {
    /// The pod in a slot, or the last one that was in it.
    #[inline(always)]
    pub fn get(&self, id: PodId) -> Option<Pod> {
        let packed = self.packed.get(id.index())?;
        Some(self.unpack(id, packed))
    }

    /// Inlined, so that whoever asks for one thing does not pay for the rest.
    #[inline(always)]
    fn unpack(&self, id: PodId, packed: &Packed) -> Pod {
        let (kind, state) = (&self.kinds.list[packed.kind as usize], packed.state);
        let Rare { name, ordinal, restarts, upper } = match state.has(State::RARE) {
            true => self.rare_of(id),
            false => state.common(),
        };
        Pod {
            owner: kind.owner,
            made_by: kind.made_by,
            node: packed.node,
            ordinal,
            name,
            namespace: kind.namespace,
            shape: kind.shape,
            phase: state.phase(),
            bound: state.has(State::BOUND),
            ready: state.has(State::READY),
            unschedulable: state.has(State::UNSCHEDULABLE),
            relabelled: state.has(State::RELABELLED),
            gone: state.has(State::GONE),
            deleting: state.deleting(),
            restarts,
            made: Seq(u64::from(packed.made) | u64::from(upper.0) << 32),
            changed: Seq(u64::from(packed.changed) | u64::from(upper.1) << 32),
            created: packed.created,
            ready_since: packed.ready_since,
        }
    }

    #[cold]
    fn rare_of(&self, id: PodId) -> Rare {
        // Whoever is marked is in the table.
        self.rare.get(&id).copied().unwrap_or_default()
    }

    /// Pods that exist, in order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (PodId, Pod)> {
        let numbered = self.packed.iter().enumerate().filter(|(_, packed)| !packed.state.has(State::GONE));
        numbered
            .map(|(index, packed)| (PodId::from_index(index), packed))
            .map(|(id, p)| (id, self.unpack(id, p)))
    }

    /// Whether one that exists terminates.
    pub fn any_terminating(&self) -> bool {
        let deleting = |state: State| !state.has(State::GONE) && state.get(State::DELETING) != 0;
        self.packed.iter().any(|packed| deleting(packed.state))
    }

    /// How many pods exist.
    pub fn len(&self) -> usize {
        self.live
    }

    /// The slot that the next created pod takes.
    #[inline]
    pub fn next_slot(&self) -> PodId {
        self.free.last().copied().unwrap_or_else(|| PodId::from_index(self.packed.len()))
    }

    /// Whether a pod is in a slot.
    #[inline]
    pub fn is_taken(&self, id: PodId) -> bool {
        self.packed.get(id.index()).is_some_and(|packed| !packed.state.has(State::GONE))
    }

    /// Puts a pod into a slot that is free.
    pub fn occupy(&mut self, id: PodId, pod: &Pod) {
        let packed = self.pack(id, pod);
        self.live += 1;
        if id.index() == self.packed.len() {
            return self.packed.push(packed);
        }
        while self.packed.len() <= id.index() {
            // Slots that were skipped over stay free.
            self.free.push(PodId::from_index(self.packed.len()));
            let mut gone = packed;
            gone.state = State(State::GONE);
            self.packed.push(gone);
        }
        match self.free.iter().rposition(|free| *free == id) {
            Some(last) if last + 1 == self.free.len() => {
                self.free.pop();
            }
            Some(at) => {
                self.free.remove(at);
            }
            None => {}
        }
        self.packed[id.index()] = packed;
    }

    fn pack(&mut self, id: PodId, pod: &Pod) -> Packed {
        let Pod { owner, made_by, namespace, shape, .. } = *pod;
        let mut state = State(0);
        state.put(State::PHASE, pod.phase as u32);
        state.put(State::DELETING, pod.deleting.map_or(0, |why| why as u32 + 1));
        state.set(State::BOUND, pod.bound);
        state.set(State::READY, pod.ready);
        state.set(State::UNSCHEDULABLE, pod.unschedulable);
        state.set(State::RELABELLED, pod.relabelled);
        let Pod { name, ordinal, restarts, made, changed, .. } = *pod;
        let upper = ((made.0 >> 32) as u32, (changed.0 >> 32) as u32);
        self.put_rare(id, &mut state, Rare { name, ordinal, restarts, upper });
        Packed {
            kind: self.kinds.number(Kind { owner, made_by, namespace, shape }),
            node: pod.node,
            state,
            created: pod.created,
            ready_since: pod.ready_since,
            owner_slot: 0,
            made: made.0 as u32,
            changed: changed.0 as u32,
        }
    }

    /// Frees a pod's slot; the rest goes on saying how the pod was.
    pub fn vacate(&mut self, id: PodId) {
        self.state(id).set(State::GONE, true);
        if !self.deadlines.is_empty() {
            self.deadlines.remove(&id);
        }
        self.free.push(id);
        self.live -= 1;
    }

    /// Forgets what few pods have of a slot's last pod, which another one follows.
    pub fn forget_last(&mut self, id: PodId) {
        if self.packed.get(id.index()).is_some_and(|packed| packed.state.has(State::RARE)) {
            self.rare.remove(&id);
        }
    }

    #[inline]
    fn state(&mut self, id: PodId) -> &mut State {
        &mut self.packed[id.index()].state
    }

    /// Takes note of the last event about a pod.
    #[inline]
    pub fn set_changed(&mut self, id: PodId, seq: Seq) {
        self.packed[id.index()].changed = seq.0 as u32;
        if seq.0 >> 32 != 0 {
            self.update_rare(id, |rare| rare.upper.1 = (seq.0 >> 32) as u32);
        }
    }

    /// Changes something that few pods have.
    fn update_rare(&mut self, id: PodId, change: impl FnOnce(&mut Rare)) {
        let mut state = self.packed[id.index()].state;
        let mut rare = if state.has(State::RARE) { self.rare_of(id) } else { state.common() };
        change(&mut rare);
        self.put_rare(id, &mut state, rare);
        self.packed[id.index()].state = state;
    }

    /// Keeps what few pods have where it fits. A pod that is in the table stays there.
    fn put_rare(&mut self, id: PodId, state: &mut State, rare: Rare) {
        if !state.has(State::RARE) {
            state.put(State::ORDINAL, rare.ordinal.min(State::ORDINAL.mask));
            state.put(State::RESTARTS, rare.restarts.min(State::RESTARTS.mask));
        }
        if state.has(State::RARE) || state.common() != rare {
            state.set(State::RARE, true);
            self.rare.insert(id, rare);
        }
    }

    /// Sets the reason for its deletion and until when it may take to end.
    pub fn set_deleting(&mut self, id: PodId, why: Why, deadline: ApiSeconds) {
        self.state(id).put(State::DELETING, why as u32 + 1);
        self.deadlines.insert(id, deadline);
    }

    /// `metadata.deletionTimestamp`, once deletion was accepted.
    pub fn deadline(&self, id: PodId) -> Option<ApiSeconds> {
        self.deadlines.get(&id).copied()
    }

    /// Binds a pod to a node.
    #[inline]
    pub fn bind(&mut self, id: PodId, node: NodeId) {
        self.packed[id.index()].node = Some(node);
        self.state(id).set(State::BOUND, true);
        self.state(id).set(State::UNSCHEDULABLE, false);
    }

    /// Marks a pod that the scheduler found no node for. Says whether that is news.
    #[inline]
    pub fn set_unschedulable(&mut self, id: PodId) -> bool {
        self.state(id).set(State::UNSCHEDULABLE, true)
    }

    /// Marks a pod whose labels were changed.
    pub fn set_relabelled(&mut self, id: PodId) {
        self.state(id).set(State::RELABELLED, true);
    }

    /// Sets the phase. Says whether that is news.
    #[inline]
    pub fn set_phase(&mut self, id: PodId, phase: Phase) -> bool {
        let state = self.state(id);
        let before = *state;
        state.put(State::PHASE, phase as u32);
        *state != before
    }

    /// Sets whether a pod is ready, and since when. Says whether that is news.
    #[inline]
    pub fn set_ready(&mut self, id: PodId, ready: bool, since: ApiSeconds) -> bool {
        let since = Stamp::of(since);
        let before = std::mem::replace(&mut self.packed[id.index()].ready_since, since);
        self.state(id).set(State::READY, ready) || before != since
    }

    /// Sets how often containers were restarted. Says whether that is news.
    pub fn set_restarts(&mut self, id: PodId, restarts: u32) -> bool {
        let news = self.get(id).is_some_and(|pod| pod.restarts != restarts);
        self.update_rare(id, |rare| rare.restarts = restarts);
        news
    }

    /// Sets the owner, and the position among its pods.
    #[inline]
    pub fn set_owner(&mut self, id: PodId, owner: Option<ObjectId>, slot: u32) {
        let packed = &mut self.packed[id.index()];
        packed.owner_slot = slot;
        let kind = self.kinds.list[packed.kind as usize];
        if kind.owner != owner {
            packed.kind = self.kinds.number(Kind { owner, ..kind });
        }
    }

    /// The position among its owner's pods, or the namespace's orphans.
    #[inline]
    pub fn owner_slot(&self, id: PodId) -> u32 {
        self.packed[id.index()].owner_slot
    }

    /// Sets the position among its owner's pods.
    #[inline]
    pub fn set_owner_slot(&mut self, id: PodId, slot: u32) {
        self.packed[id.index()].owner_slot = slot;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn pod(ordinal: u32, made: u64) -> Pod {
        Pod {
            owner: Some(ObjectId::from_index(3)),
            made_by: None,
            node: None,
            ordinal,
            name: Sym::EMPTY,
            namespace: Sym::EMPTY,
            shape: ShapeId::from_index(1),
            phase: Phase::Pending,
            bound: false,
            ready: false,
            unschedulable: false,
            relabelled: false,
            gone: false,
            deleting: None,
            restarts: 0,
            made: Seq(made),
            changed: Seq(made),
            created: Stamp::of(ApiSeconds(7)),
            ready_since: Stamp::NONE,
        }
    }

    #[test]
    fn a_pod_stays_small() {
        assert_eq!(size_of::<Packed>(), 32);
    }

    #[test]
    fn a_pod_is_as_it_was_put_in_whatever_does_not_fit() {
        let (mut pods, id) = (Pods::default(), PodId::from_index);
        let name = crate::names::sym::POD;
        let ordinals = [0, 1, 1_023, 1_024, u32::MAX - 1];
        for (index, ordinal) in ordinals.into_iter().enumerate() {
            pods.occupy(id(2 * index), &pod(ordinal, 5));
            pods.occupy(id(2 * index + 1), &Pod { name, ..pod(ordinal, 5) });
            let (plain, named) = (pods.get(id(2 * index)).unwrap(), pods.get(id(2 * index + 1)).unwrap());
            assert_eq!((plain.ordinal, plain.name), (ordinal, Sym::EMPTY));
            assert_eq!((named.ordinal, named.name), (ordinal, name));
        }
        // A plain one with a small ordinal has no entry.
        assert_eq!(pods.rare.len(), 7);
    }

    #[test]
    fn restarts_may_be_many() {
        let (mut pods, id) = (Pods::default(), PodId::from_index(0));
        pods.occupy(id, &pod(9, 1));
        for restarts in [1, 255, 256, 70_000, 3] {
            assert!(pods.set_restarts(id, restarts) && !pods.set_restarts(id, restarts));
            let pod = pods.get(id).unwrap();
            assert_eq!((pod.restarts, pod.ordinal), (restarts, 9));
        }
        pods.vacate(id);
        pods.forget_last(id);
        assert!(pods.rare.is_empty());
    }

    #[test]
    fn numbers_of_events_may_need_more_than_32_bits() {
        let (mut pods, id) = (Pods::default(), PodId::from_index);
        pods.occupy(id(0), &pod(0, u64::from(u32::MAX)));
        pods.occupy(id(1), &pod(0, 2));
        assert!(pods.rare.is_empty());
        let beyond = (1 << 40) + 5;
        pods.set_changed(id(0), Seq(beyond));
        pods.occupy(id(2), &pod(0, beyond + 1));
        pods.set_changed(id(2), Seq(beyond + 2));
        let numbers = |id| pods.get(id).map(|pod| (pod.made.0, pod.changed.0)).unwrap();
        assert_eq!(numbers(id(0)), (u64::from(u32::MAX), beyond));
        assert_eq!(numbers(id(1)), (2, 2));
        assert_eq!(numbers(id(2)), (beyond + 1, beyond + 2));
        // The slot's next pod has numbers of its own.
        pods.vacate(id(2));
        pods.forget_last(id(2));
        pods.occupy(id(2), &pod(0, 8));
        assert_eq!(pods.get(id(2)).unwrap().changed, Seq(8));
    }

    #[test]
    fn every_reason_and_phase_is_kept() {
        let (mut pods, id) = (Pods::default(), PodId::from_index(0));
        pods.occupy(id, &pod(0, 1));
        for why in Why::ALL {
            pods.set_deleting(id, why, ApiSeconds(40));
            assert_eq!(pods.get(id).unwrap().deleting, Some(why));
        }
        use Phase::{Failed, Pending, Running, Succeeded, Unknown};
        for phase in [Running, Succeeded, Failed, Unknown, Pending] {
            assert!(pods.set_phase(id, phase) && !pods.set_phase(id, phase));
            assert_eq!(pods.get(id).unwrap().phase, phase);
        }
        assert_eq!(pods.deadline(id), Some(ApiSeconds(40)));
        assert!(pods.set_ready(id, true, ApiSeconds(9)) && !pods.set_ready(id, true, ApiSeconds(9)));
        assert!(pods.set_ready(id, true, ApiSeconds(10)));
        pods.vacate(id);
        assert_eq!(pods.deadline(id), None);
    }

    #[test]
    fn kinds_keep_their_numbers_when_they_were_saved() {
        let mut kinds = Kinds::default();
        let kind =
            |owner| Kind { owner, made_by: None, namespace: Sym::EMPTY, shape: ShapeId::from_index(0) };
        let (a, b) = (kind(None), kind(Some(ObjectId::from_index(0))));
        assert_eq!([kinds.number(a), kinds.number(b), kinds.number(a)], [0, 1, 0]);
        let mut again: Kinds = crate::saved::unpack(&crate::saved::pack(&kinds).unwrap()).unwrap();
        let c = kind(Some(ObjectId::from_index(7)));
        assert_eq!([again.number(b), again.number(c), again.number(a)], [1, 2, 0]);
    }
}
