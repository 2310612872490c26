//! `kubetape show events`: one line an event.

use kubetape_engine::event::{Body, Event, Flags};
use kubetape_engine::names::{Names, ObjectId, Seq, Sym};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Args;
use crate::describe::{Words, condition_status, describe, phase_words};
use crate::error::CliError;
use crate::output::style::Paint;
use crate::output::{Format, Out};
use crate::state::{self, State};

/// An event, as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its number in this log.
    event: u64,
    time: String,
    track: &'static str,
    kind: &'static str,
    /// In plain words.
    text: String,
    /// The event that made this one's decision true.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<u64>,
    /// Played back: its number in the log that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<u64>,
    /// The user or component that did it, where a recording names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    inferred: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    genesis: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    /// `Kind/namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    /// What else the kind says.
    #[serde(flatten)]
    details: Map<String, Value>,
}

pub fn show(args: &Args, out: &mut Out) -> Result<(), CliError> {
    let progress = out.progress("reading");
    let mut printer = Printer::new(args.format, args.wide);
    let wanted = |event: &Event, state: &State| {
        (args.track.is_empty() || args.track.contains(&event.track)) && in_namespace(args, event, state)
    };
    let mut visit = |event: &Event, state: &State, out: &mut Out| {
        if wanted(event, state) { printer.print(event, state, out) } else { Ok(()) }
    };
    if args.follow {
        return state::follow(&args.file, out, &mut visit);
    }
    let (_, torn) = state::walk(&args.file, args.at, progress, |event, state| visit(event, state, out))?;
    torn.into_iter().for_each(|torn| out.warn(torn));
    Ok(())
}

/// Prints events, one a line.
pub struct Printer {
    format: Format,
    wide: bool,
    /// Whether the heading is still to be printed.
    heading: bool,
}

impl Printer {
    pub fn new(format: Format, wide: bool) -> Self {
        Printer { format, wide, heading: format == Format::Text }
    }

    /// Prints an event, with the state after it.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn print(&mut self, event: &Event, state: &State, out: &mut Out) -> Result<(), CliError> {
        match self.format {
            Format::Json => out.json_line(&line(event, state)),
            Format::Text => self.print_line(&row(event, state, self.wide), out),
        }
    }

    /// The line for an event, without its end.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn line(&self, event: &Event, state: &State) -> Result<String, CliError> {
        match self.format {
            Format::Json => {
                serde_json::to_string(&line(event, state)).map_err(|e| CliError::new(e.to_string()))
            }
            Format::Text => Ok(row(event, state, self.wide)),
        }
    }

    /// Prints a line, under a heading if it is the first.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn print_line(&mut self, line: &str, out: &mut Out) -> Result<(), CliError> {
        if std::mem::take(&mut self.heading) {
            print_heading(self.wide, out)?;
        }
        writeln!(out, "{line}")
    }
}

fn in_namespace(args: &Args, event: &Event, state: &State) -> bool {
    let Some(wanted) = args.namespace.as_deref() else { return true };
    let pod = event.body.pod().and_then(|pod| state.cluster.pod(pod)).map(|pod| pod.namespace);
    let object = event.body.object().map(|object| state.names.object_key(object).namespace);
    pod.or(object).is_some_and(|namespace| state.names.text(namespace) == wanted)
}

// Columns have fixed widths, because the first lines are printed before the last are known; the event's words
// come last, for they are the only column without a bound.

fn print_heading(wide: bool, out: &mut Out) -> Result<(), CliError> {
    let by = if wide { format!("{:24} ", "BY") } else { String::new() };
    let heading = format!("{:>6}  {:27} {:20} {:>6}  {by}{}", "#", "TIME", "TRACK", "CAUSE", "EVENT");
    let heading = out.style.paint(Paint::Strong, &heading).into_owned();
    writeln!(out, "{heading}")
}

fn row(event: &Event, state: &State, wide: bool) -> String {
    let number = |seq: Seq| if seq == Seq::NONE { "-".to_owned() } else { seq.to_string() };
    let by = match state.names.text(event.by) {
        _ if !wide => String::new(),
        "" => format!("{:24} ", "-"),
        // The part before is the same for all controllers.
        by => format!("{:24} ", by.strip_prefix("system:serviceaccount:").unwrap_or(by)),
    };
    let mark = if event.flags.has(Flags::INFERRED) { " (inferred)" } else { "" };
    let (seq, cause) = (number(state.last), number(event.cause));
    let text = describe(event, &state.names, &state.cluster);
    let (at, track) = (event.at.to_string(), event.track.as_str());
    format!("{seq:>6}  {at:27} {track:20} {cause:>6}  {by}{text}{mark}")
}

fn line(event: &Event, state: &State) -> Line {
    let names = &state.names;
    let number = |seq: Seq| (seq != Seq::NONE).then_some(seq.0);
    let pod = event.body.pod().and_then(|id| {
        let pod = state.cluster.pod(id)?;
        Some(format!("{}/{}", names.text(pod.namespace), state.cluster.pod_name(id, names)))
    });
    Line {
        event: state.last.0,
        time: event.at.to_string(),
        track: event.track.as_str(),
        kind: event.body.kind(),
        text: describe(event, names, &state.cluster),
        cause: number(event.cause),
        origin: number(event.origin),
        by: (event.by != Sym::EMPTY).then(|| names.text(event.by).to_owned()),
        inferred: event.flags.has(Flags::INFERRED),
        genesis: event.flags.has(Flags::GENESIS),
        node: event.body.node().map(|node| names.node_name(node).to_owned()),
        pod,
        object: event.body.object().map(|object| object_path(object, names)),
        details: details(&event.body, state),
    }
}

fn object_path(object: ObjectId, names: &Names) -> String {
    format!("{}/{}", names.text(names.object_key(object).kind), names.object_name(object))
}

/// The fields of a kind that are not about which node, pod or object it is.
fn details(body: &Body, state: &State) -> Map<String, Value> {
    let names = &state.names;
    let words = Words { names, cluster: &state.cluster };
    let text = |sym| names.text(sym);
    let doc = |doc| serde_json::from_str::<Value>(names.doc_text(doc)).unwrap_or_default();
    let value = match *body {
        Body::NodeJoined { spec, .. } => {
            let spec = names.node_spec_of(spec);
            let taints: Vec<_> = spec.taints.iter().map(|taint| words.taint(taint)).collect();
            json!({ "labels": super::label_map(&spec.labels, names), "taints": taints, "unschedulable": spec.unschedulable })
        }
        Body::NodeLabelSet { key, value, .. } | Body::PodLabelSet { key, value, .. } => {
            json!({ "key": text(key), "value": text(value) })
        }
        Body::NodeLabelRemoved { key, .. } | Body::PodLabelRemoved { key, .. } => json!({ "key": text(key) }),
        Body::NodeTaintAdded { taint, .. } => {
            json!({ "key": text(taint.key), "value": text(taint.value), "effect": taint.effect.as_str() })
        }
        Body::NodeTaintRemoved { key, effect, .. } => json!({ "key": text(key), "effect": effect.as_str() }),
        Body::NodeConditionSet { condition, status, reason, since, .. } => json!({
            "condition": text(condition),
            "status": condition_status(status),
            "reason": text(reason),
            "since": since.to_string(),
        }),
        Body::Applied { manifest, .. } => json!({ "manifest": doc(manifest) }),
        Body::Scaled { replicas, .. } => json!({ "replicas": replicas }),
        Body::DeleteRequested { propagation, .. } => json!({ "propagation": format!("{propagation:?}") }),
        Body::RolloutUndone { to_revision, .. } => json!({ "toRevision": to_revision }),
        Body::PodCreated { ordinal, .. } => json!({ "ordinal": ordinal }),
        Body::PodRefused { reason, .. } => json!({ "reason": text(reason) }),
        Body::PodDeleted { why, grace_s, deadline, .. } => {
            json!({ "why": why.as_str(), "gracePeriodSeconds": grace_s, "deadline": deadline.to_string() })
        }
        Body::RevisionCreated { number, namespace, name, hash, template, .. } => json!({
            "revision": number,
            "revisionName": format!("{}/{}", text(namespace), text(name)),
            "hash": text(hash),
            "template": doc(template),
        }),
        Body::RevisionNumbered { number, .. } => json!({ "revision": number }),
        Body::RevisionLabelled { hash, .. } => json!({ "hash": text(hash) }),
        Body::StatusWritten { status, .. } => json!({
            "desired": status.desired,
            "current": status.current,
            "misscheduled": status.misscheduled,
            "ready": status.ready,
            "updated": status.updated,
            "available": status.available,
            "unavailable": status.unavailable,
            "observedGeneration": status.observed_generation,
        }),
        Body::Reported { reason, message, .. } => json!({ "reason": text(reason), "message": text(message) }),
        Body::DrainRequested { options, .. } => json!({ "options": doc(options) }),
        Body::PodUnschedulable { message, .. }
        | Body::DrainEnded { message, .. }
        | Body::EvictionRefused { message, .. } => json!({ "message": text(message) }),
        Body::PodPhaseSet { phase, reason, .. } => {
            json!({ "phase": phase_words(phase), "reason": text(reason) })
        }
        Body::PodConditionSet { condition, status, since, .. } => json!({
            "condition": format!("{condition:?}"),
            "status": condition_status(status),
            "since": since.to_string(),
        }),
        Body::PodRestarted { restarts, .. } => json!({ "restarts": restarts }),
        _ => Value::Null,
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
