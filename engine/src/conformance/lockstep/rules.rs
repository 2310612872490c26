//! What a scenario says of how pods start and stop.

use serde_json::Value;

use crate::conformance::objects;
use crate::time::Micros;

/// What a pod does once its node has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Runs and is ready at once.
    Ready,
    /// Runs, and is ready after a while.
    ReadyAfter(Micros),
    /// Runs and is never ready.
    NeverReady,
    /// Fails at once.
    Fail,
    /// Succeeds at once.
    Succeed,
    /// Runs and is ready, and fails after a while.
    FailAfter(Micros),
}

/// What rules are matched with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// `namespace/name` of the pod's DaemonSet; empty if none.
    pub daemon_set: &'a str,
    pub node: &'a str,
    /// The first container's.
    pub image: &'a str,
    pub ordinal: u32,
}

/// A scenario's rules; of each kind the first that matches counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    starts: Vec<(Pattern, Start)>,
    stops: Vec<(Pattern, Micros)>,
}

#[derive(Clone, Debug)]
struct Pattern {
    daemon_set: String,
    node: String,
    image: String,
    ordinal_below: Option<u64>,
}

impl Pattern {
    fn read(rule: &Value) -> Pattern {
        let part = |field: &str| match objects::text(rule, field) {
            "" => "*".to_owned(),
            text => text.to_owned(),
        };
        Pattern {
            daemon_set: part("/daemonSet"),
            node: part("/node"),
            image: part("/image"),
            ordinal_below: rule.get("ordinalBelow").and_then(Value::as_u64),
        }
    }

    fn matches(&self, subject: &Subject<'_>) -> bool {
        let part = |pattern: &str, text: &str| pattern == "*" || pattern == text;
        part(&self.daemon_set, subject.daemon_set)
            && part(&self.node, subject.node)
            && part(&self.image, subject.image)
            && self.ordinal_below.is_none_or(|below| u64::from(subject.ordinal) < below)
    }
}

impl Rules {
    /// Reads `startRules` and `stopRules`.
    ///
    /// # Errors
    /// Names what a rule does that is not known.
    pub fn read(case: &Value) -> Result<Rules, String> {
        let list = |field| case.get(field).and_then(Value::as_array).into_iter().flatten();
        let mut rules = Rules::default();
        for rule in list("startRules") {
            let start = match objects::text(rule, "/do") {
                "ready" => Start::Ready,
                "readyAfter" => Start::ReadyAfter(milliseconds(rule)),
                "neverReady" => Start::NeverReady,
                "fail" => Start::Fail,
                "succeed" => Start::Succeed,
                "failAfter" => Start::FailAfter(milliseconds(rule)),
                other => return Err(format!("startRules: {other:?} is not known")),
            };
            rules.starts.push((Pattern::read(rule), start));
        }
        rules.stops.extend(list("stopRules").map(|rule| (Pattern::read(rule), milliseconds(rule))));
        Ok(rules)
    }

    /// How a pod starts.
    pub fn start(&self, subject: &Subject<'_>) -> Start {
        self.starts.iter().find(|rule| rule.0.matches(subject)).map_or(Start::Ready, |rule| rule.1)
    }

    /// How long a pod takes to stop.
    pub fn stop(&self, subject: &Subject<'_>) -> Micros {
        self.stops.iter().find(|rule| rule.0.matches(subject)).map_or(Micros::ZERO, |rule| rule.1)
    }
}

fn milliseconds(rule: &Value) -> Micros {
    Micros::millis(rule.get("ms").and_then(Value::as_i64).unwrap_or(0))
}
