//! A cluster with its dictionary, its actors and their clock.

use super::{Actor, Context};
use crate::cluster::{ApplyError, Change, Cluster};
use crate::event::{Body, Event, Kind};
use crate::names::{Names, Seq};
use crate::saved::SaveError;
use crate::time::Time;

/// A simulated cluster. Whoever drives it decides when time goes on.
///
/// **Invariant:** every event, from wherever it comes, goes through [`World::happen`]: it gets the next
/// number, is applied, is observed by every actor whom it concerns in order, and is handed to the recorder.
pub struct World {
    /// The dictionary.
    pub names: Names,
    /// The state.
    pub cluster: Cluster,
    /// Actors, in the order in which they act at one moment.
    actors: Vec<Box<dyn Actor>>,
    dues: Dues,
    /// By kind of event: the actors whom it concerns, a bit each.
    concerned: Vec<u32>,
    /// Events that have happened since they were last taken.
    pub recorded: Vec<Event>,
    /// What was before each of them, if that is kept.
    pub changes: Vec<Change>,
    /// Whether it is.
    pub keeps_changes: bool,
    last: Seq,
}

/// When each actor has something to do; [`Time::MAX`] while it waits for events.
struct Dues {
    of: Vec<Time>,
    /// The earliest of them.
    soonest: Time,
}

impl Dues {
    fn new(of: Vec<Time>) -> Dues {
        Dues { soonest: of.iter().copied().min().unwrap_or(Time::MAX), of }
    }

    /// Takes note of when an actor has something to do.
    fn set(&mut self, actor: usize, due: Time) {
        let before = std::mem::replace(&mut self.of[actor], due);
        if due <= self.soonest {
            self.soonest = due;
        } else if before == self.soonest {
            self.soonest = self.of.iter().copied().min().unwrap_or(Time::MAX);
        }
    }
}

impl World {
    /// An empty cluster with actors.
    ///
    /// # Panics
    /// There are more than 32 of them: each has a bit in what tells whom an event concerns.
    pub fn new(names: Names, actors: Vec<Box<dyn Actor>>) -> Self {
        assert!(actors.len() <= 32, "{} actors are more than there are bits for", actors.len());
        let concerned = |kind: &Kind| {
            let concerned = actors.iter().map(|actor| u32::from(actor.interests().has(*kind)));
            concerned.enumerate().fold(0, |all, (number, bit)| all | bit << number)
        };
        World {
            names,
            cluster: Cluster::new(),
            concerned: Kind::ALL.iter().map(concerned).collect(),
            dues: Dues::new(actors.iter().map(|actor| actor.due().unwrap_or(Time::MAX)).collect()),
            actors,
            recorded: Vec::new(),
            changes: Vec::new(),
            keeps_changes: false,
            last: Seq::NONE,
        }
    }

    /// The actors, in the order in which they act at one moment.
    pub fn actors(&self) -> &[Box<dyn Actor>] {
        &self.actors
    }

    /// A cluster as it was after an event, with actors that remember what [`World::save`] gave.
    ///
    /// # Errors
    /// Other actors were saved, or they cannot read it.
    pub fn resume(
        names: Names,
        cluster: Cluster,
        last: Seq,
        mut actors: Vec<Box<dyn Actor>>,
        saved: &[(String, Vec<u8>)],
    ) -> Result<Self, SaveError> {
        if !actors.iter().map(|actor| actor.name()).eq(saved.iter().map(|(name, _)| name)) {
            return Err(SaveError::Unreadable("it is that of other actors".to_owned()));
        }
        for (actor, (_, saved)) in actors.iter_mut().zip(saved) {
            actor.restore(saved, &cluster)?;
        }
        Ok(World { cluster, last, ..World::new(names, actors) })
    }

    /// What the actors remember, with their names.
    ///
    /// # Errors
    /// One of them cannot be saved.
    pub fn save(&self) -> Result<Vec<(String, Vec<u8>)>, SaveError> {
        self.actors.iter().map(|actor| Ok((actor.name().to_owned(), actor.save()?))).collect()
    }

    /// The number of the last event.
    pub fn last(&self) -> Seq {
        self.last
    }

    /// Lets an event happen. Slots of created pods and numbers of created revisions are assigned here.
    ///
    /// # Errors
    /// The event does not fit the state; nothing has happened.
    #[inline]
    pub fn happen(&mut self, event: Event) -> Result<Seq, ApplyError> {
        // It is put where it stays, for this is done for every event.
        let place = self.recorded.len();
        self.recorded.push(event);
        self.take_effect(place)
    }

    /// Applies the event at a place among those recorded, and shows it to those whom it concerns. After an error it and
    /// those behind it are gone.
    fn take_effect(&mut self, place: usize) -> Result<Seq, ApplyError> {
        let World { names, cluster, actors, dues, concerned, recorded, last, .. } = self;
        let event = &mut recorded[place];
        match &mut event.body {
            Body::PodCreated { pod, .. } => *pod = cluster.next_pod(),
            Body::RevisionCreated { revision, .. } => *revision = cluster.next_revision(),
            _ => {}
        }
        let seq = last.next();
        let mut change = Change::default();
        if let Err(error) = cluster.apply_noting(names, seq, event, &mut change) {
            recorded.truncate(place);
            return Err(error);
        }
        // The first event of a run is shown to everybody.
        let first = std::mem::replace(last, seq) == Seq::NONE;
        let mut concerned = if first { u32::MAX } else { concerned[event.body.which() as usize] };
        while let Some(actor) = actors.get_mut(concerned.trailing_zeros() as usize) {
            if let Some(due) = actor.learn(seq, event, &change, cluster, names) {
                dues.set(concerned.trailing_zeros() as usize, due);
            }
            concerned &= concerned - 1;
        }
        if self.keeps_changes {
            self.changes.push(change);
        }
        Ok(seq)
    }

    /// The earliest moment at which an actor has something to do.
    pub fn due(&self) -> Option<Time> {
        (self.dues.soonest != Time::MAX).then_some(self.dues.soonest)
    }

    /// Lets one actor do what is due, and its answers happen. Says whether it answered.
    ///
    /// # Errors
    /// An answer does not fit the state: a defect of the actor.
    pub fn act(&mut self, actor: usize, now: Time) -> Result<bool, ApplyError> {
        let begin = self.recorded.len();
        let World { cluster, names, recorded, .. } = self;
        self.actors[actor].act(&mut Context { now, cluster, names, out: recorded });
        let due = self.actors[actor].due();
        self.dues.set(actor, due.unwrap_or(Time::MAX));
        let end = self.recorded.len();
        for place in begin..end {
            self.take_effect(place)?;
        }
        Ok(end > begin)
    }

    /// Lets each actor that is due at a moment act once, in order. Says whether there was one.
    ///
    /// # Errors
    /// As [`World::act`].
    pub fn step(&mut self, now: Time) -> Result<bool, ApplyError> {
        let mut acted = false;
        if self.dues.soonest > now {
            return Ok(acted);
        }
        for actor in 0..self.actors.len() {
            if self.dues.of[actor] <= now {
                self.act(actor, now)?;
                acted = true;
            }
        }
        Ok(acted)
    }

    /// Lets actors act, in order and again, until nothing is due any more at a moment.
    ///
    /// # Errors
    /// As [`World::act`].
    pub fn settle_moment(&mut self, now: Time) -> Result<(), ApplyError> {
        while self.step(now)? {}
        Ok(())
    }
}
