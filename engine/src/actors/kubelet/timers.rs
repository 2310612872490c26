//! What is set, earliest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::names::{PodId, Seq};
use crate::time::Time;

/// What is set, earliest first.
///
/// Where delays are constants, what is set later is due later: starts and stops queue up in a ring each. What is
/// not in order, such as a stop with a shorter grace period, goes to a heap.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Timers {
    starts: VecDeque<Timer>,
    stops: VecDeque<Timer>,
    others: BinaryHeap<Reverse<Timer>>,
}

impl Timers {
    pub fn set(&mut self, timer: Timer) {
        let ring = match timer.deed {
            Deed::Start => &mut self.starts,
            Deed::Stop => &mut self.stops,
            _ => return self.others.push(Reverse(timer)),
        };
        if ring.back().is_none_or(|last| *last < timer) {
            ring.push_back(timer);
        } else {
            self.others.push(Reverse(timer));
        }
    }

    pub fn peek(&self) -> Option<&Timer> {
        let other = self.others.peek().map(|Reverse(timer)| timer);
        [self.starts.front(), self.stops.front(), other].into_iter().flatten().min()
    }

    pub fn pop(&mut self) {
        let Some(&first) = self.peek() else { return };
        if self.starts.front() == Some(&first) {
            self.starts.pop_front();
        } else if self.stops.front() == Some(&first) {
            self.stops.pop_front();
        } else {
            self.others.pop();
        }
    }
}

/// Something that a kubelet will do to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Timer {
    pub at: Time,
    /// The event that set it, which also orders timers of one moment.
    pub cause: Seq,
    pub pod: PodId,
    /// The event that created the pod: a slot may have been given to another since.
    pub made: Seq,
    pub deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Deed {
    /// It has come to the node.
    Admit,
    Start,
    Stop,
    /// The readiness probe succeeds; not before the restart with this number.
    Ready {
        restarts: u32,
    },
    /// The readiness probe fails.
    Unready,
    /// The container ends, the n-th time.
    Crash {
        restarts: u32,
    },
    /// The container is started again, the n-th time.
    Restart {
        restarts: u32,
    },
    /// The pod fails for good.
    Fail,
}
