//! What ours would have done in each of the states of the last seconds.

use std::collections::VecDeque;
use std::rc::Rc;

use super::WINDOW;
use crate::actors::daemonset::Opinion;
use crate::names::Seq;
use crate::time::{Micros, Time};

/// What ours would do in a stretch of states.
#[derive(Debug)]
pub(super) struct Moment {
    /// The event with which the stretch begins.
    pub from: Seq,
    pub opinion: Opinion,
}

/// A moment, and the event and time at which it was over; `None` while it lasts.
type Held = (Rc<Moment>, Option<(Seq, Time)>);

/// The opinions of the last seconds, the newest last.
#[derive(Debug, Default)]
pub(super) struct Past {
    moments: VecDeque<Held>,
}

impl Past {
    /// Adds the opinion in the state after an event.
    pub fn add(&mut self, seq: Seq, at: Time, opinion: Opinion) {
        if let Some((last, until)) = self.moments.back_mut() {
            if last.opinion == opinion {
                return;
            }
            *until = Some((seq, at));
        }
        while self.moments.front().is_some_and(|(_, until)| until.is_some_and(|(_, t)| t + WINDOW < at)) {
            self.moments.pop_front();
        }
        self.moments.push_back((Rc::new(Moment { from: seq, opinion }), None));
    }

    /// The newest opinion.
    pub fn newest(&self) -> Option<&Rc<Moment>> {
        self.moments.back().map(|(moment, _)| moment)
    }

    /// Opinions that were held after an event or later, before a write and within the window, the newest first; with
    /// each goes how long before the write it was held last.
    pub fn since(&self, seq: Seq, write: Seq, now: Time) -> impl Iterator<Item = (&Rc<Moment>, Micros)> {
        let before = self.moments.iter().rev().skip_while(move |(moment, _)| moment.from >= write);
        let held = before.map(move |(moment, until)| match until {
            Some((until, at)) if *until < write => (moment, *until, Micros((now - *at).0.max(1))),
            _ => (moment, Seq(u64::MAX), Micros::ZERO),
        });
        held.take_while(move |(_, until, lag)| *until > seq && *lag <= WINDOW)
            .map(|(moment, _, lag)| (moment, lag))
    }
}
