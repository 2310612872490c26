//! Looks on while a workload runs: counts events, and tells where the time goes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use kubetape_engine::cluster::{Change, Cluster};
use kubetape_engine::event::{Body, Event, Kinds};
use kubetape_engine::log::Identity;
use kubetape_engine::names::{Names, Seq};
use kubetape_engine::replay::{Sink, SourceError, Wrap};
use kubetape_engine::saved::SaveError;
use kubetape_engine::sim::{Actor, Context};
use kubetape_engine::time::Time;

use super::result::{ActorCost, Cost, Profile};

/// What happened after a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub events: u64,
    pub creates: u64,
    pub deletes: u64,
    pub status_writes: u64,
}

/// Takes a run's identity and counts its events.
pub struct CountingSink {
    pub identity: Identity,
    pub counts: Counts,
    /// All events of the run.
    pub total: u64,
    /// Only what comes later is counted.
    pub after: Rc<Cell<Time>>,
}

impl Sink for CountingSink {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        self.total += events.len() as u64;
        let after = self.after.get();
        for event in events.iter().filter(|event| event.at > after) {
            self.counts.events += 1;
            match event.body {
                Body::PodCreated { .. } => self.counts.creates += 1,
                Body::PodDeleted { .. } => self.counts.deletes += 1,
                Body::StatusWritten { .. } => self.counts.status_writes += 1,
                _ => {}
            }
        }
        self.identity.write(names, events)
    }
}

/// Time by actor and by kind of event.
#[derive(Debug)]
pub struct Meter {
    /// Nothing counts before this is set.
    pub on: bool,
    /// How many actors there are around.
    actors: Vec<(&'static str, ActorCost)>,
    kinds: BTreeMap<&'static str, (u64, Duration)>,
    /// When the last thing that was timed ended.
    last: Instant,
    /// Time by sync of each act of the controller that wrote something.
    syncs: Vec<u64>,
    clock: Duration,
}

impl Meter {
    /// A meter that is off.
    pub fn new() -> Meter {
        Meter {
            on: false,
            actors: Vec::new(),
            kinds: BTreeMap::new(),
            last: Instant::now(),
            syncs: Vec::new(),
            clock: clock_cost(),
        }
    }

    /// Begins to count.
    pub fn start(&mut self) {
        self.on = true;
        self.last = Instant::now();
    }

    /// A wrapper that shows every actor to a meter.
    pub fn wrap(meter: &Rc<RefCell<Meter>>) -> Wrap {
        let meter = Rc::clone(meter);
        Box::new(move |actor| {
            let mut metered = meter.borrow_mut();
            metered.actors.push((actor.name(), ActorCost::default()));
            let index = metered.actors.len() - 1;
            Box::new(Watched { actor, index, meter: Rc::clone(&meter) })
        })
    }

    /// What was found.
    pub fn profile(&self) -> Profile {
        let mut syncs = self.syncs.clone();
        syncs.sort_unstable();
        let percentile = |percent: usize| syncs.get(syncs.len().saturating_sub(1) * percent / 100).copied();
        let kinds = self.kinds.iter().map(|(kind, (count, time))| {
            let ns_each = time.as_nanos() as f64 / (*count).max(1) as f64;
            ((*kind).to_owned(), Cost { count: *count, ns_each })
        });
        Profile {
            kinds: kinds.collect(),
            actors: self.actors.iter().map(|(name, cost)| ((*name).to_owned(), *cost)).collect(),
            sync_p50_ns: percentile(50).unwrap_or(0),
            sync_p99_ns: percentile(99).unwrap_or(0),
            clock_ns: self.clock.as_nanos() as f64,
        }
    }

    /// The time since a moment, less what looking at the clock took.
    fn since(&self, begin: Instant, end: Instant) -> Duration {
        end.duration_since(begin).saturating_sub(self.clock)
    }
}

/// What one look at the clock takes.
fn clock_cost() -> Duration {
    let begin = Instant::now();
    let mut last = begin;
    for _ in 0..10_000 {
        last = Instant::now();
    }
    last.duration_since(begin) / 10_000
}

/// An actor with a stopwatch.
struct Watched {
    actor: Box<dyn Actor>,
    index: usize,
    meter: Rc<RefCell<Meter>>,
}

impl Actor for Watched {
    fn name(&self) -> &'static str {
        self.actor.name()
    }

    /// The first actor's stopwatch also times what happens to events that do not concern it.
    fn interests(&self) -> Kinds {
        if self.index == 0 { Kinds::ALL } else { self.actor.interests() }
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, names: &Names) {
        if !self.meter.borrow().on {
            return self.actor.observe(seq, event, change, cluster, names);
        }
        let begin = Instant::now();
        if self.index != 0 || self.actor.interests().has(event.body.which()) {
            self.actor.observe(seq, event, change, cluster, names);
        }
        let end = Instant::now();
        let mut meter = self.meter.borrow_mut();
        let (spent, mut of_kind) = (meter.since(begin, end), meter.since(begin, end));
        meter.actors[self.index].1.observe_ns += spent.as_nanos() as u64;
        if self.index == 0 {
            // Between the last thing that was timed and the first actor's look lies what applied the event.
            of_kind += meter.since(meter.last, begin);
        }
        let kind = meter.kinds.entry(event.body.kind()).or_default();
        kind.0 += u64::from(self.index == 0);
        kind.1 += of_kind;
        meter.last = Instant::now();
    }

    fn due(&self) -> Option<Time> {
        self.actor.due()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        if !self.meter.borrow().on {
            return self.actor.act(context);
        }
        let before = self.actor.syncs();
        let begin = Instant::now();
        self.actor.act(context);
        let end = Instant::now();
        let syncs = self.actor.syncs() - before;
        let mut meter = self.meter.borrow_mut();
        let spent = meter.since(begin, end).as_nanos() as u64;
        let cost = &mut meter.actors[self.index].1;
        cost.acts += 1;
        cost.act_ns += spent;
        if let Some(each) = spent.checked_div(syncs) {
            meter.syncs.push(each);
        }
        meter.last = Instant::now();
    }

    fn syncs(&self) -> u64 {
        self.actor.syncs()
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        self.actor.save()
    }

    fn restore(&mut self, saved: &[u8], cluster: &Cluster) -> Result<(), SaveError> {
        self.actor.restore(saved, cluster)
    }
}

/// Lets somebody see from outside how many syncs there were.
pub fn count_syncs(total: &Rc<Cell<u64>>) -> Wrap {
    let total = Rc::clone(total);
    Box::new(move |actor| Box::new(Counted { actor, total: Rc::clone(&total) }))
}

struct Counted {
    actor: Box<dyn Actor>,
    total: Rc<Cell<u64>>,
}

impl Actor for Counted {
    fn name(&self) -> &'static str {
        self.actor.name()
    }

    fn interests(&self) -> Kinds {
        self.actor.interests()
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, names: &Names) {
        self.actor.observe(seq, event, change, cluster, names);
    }

    fn due(&self) -> Option<Time> {
        self.actor.due()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let before = self.actor.syncs();
        self.actor.act(context);
        self.total.set(self.total.get() + self.actor.syncs() - before);
    }

    fn syncs(&self) -> u64 {
        self.actor.syncs()
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        self.actor.save()
    }

    fn restore(&mut self, saved: &[u8], cluster: &Cluster) -> Result<(), SaveError> {
        self.actor.restore(saved, cluster)
    }
}
