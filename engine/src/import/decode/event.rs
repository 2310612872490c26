//! Kubernetes Events: who says that it did what.

use rustc_hash::FxHashMap;

use super::{Context, Decoder};
use crate::import::error::ImportError;
use crate::import::events_alone;
use crate::import::sighting::{OwnerRef, ReportView, Seen, View};
use crate::import::wire::{Metadata, Object, Reference, text_of};
use crate::names::{Sym, sym};

/// A deed that an Event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::import) enum Deed {
    /// A controller created the pod.
    Created,
    /// A controller deleted the pod.
    Deleted,
    /// Taint eviction deleted the pod.
    Evicted,
    /// The scheduler deleted the pod for another.
    Preempted,
}

/// Which component reported which deed to a pod, by namespace and pod name.
#[derive(Debug, Default)]
pub(in crate::import) struct Evidence(FxHashMap<(Deed, Sym, Sym), Sym>);

impl Evidence {
    pub fn component(&self, deed: Deed, namespace: Sym, pod: Sym) -> Option<Sym> {
        self.0.get(&(deed, namespace, pod)).copied()
    }
}

impl Decoder<'_> {
    pub(super) fn event(
        &mut self,
        context: &Context,
        metadata: &Metadata,
        object: &Object,
    ) -> Result<(), ImportError> {
        if context.seen.is_deletion() {
            self.report.drop_one("API Event: expired");
            return Ok(());
        }
        let reason = text_of(object.reason).unwrap_or_default();
        let message = text_of(object.message.or(object.note)).unwrap_or_default();
        let component = component(object);
        let about = object.involved_object.as_ref().or(object.regarding.as_ref());
        let Some(about) = about else {
            self.report.drop_one("API Event: about nothing");
            return Ok(());
        };
        let namespace = about.namespace.as_deref().or(metadata.namespace.as_deref()).unwrap_or_default();
        self.take_evidence(about, namespace, &reason, &message, &component);
        let place = (context.source, context.line);
        self.facts.extend(events_alone::fact(object, metadata, about, &component, place));
        if about.kind.as_deref() != Some("DaemonSet") {
            self.report.drop_one(match about.kind.as_deref() {
                Some("Pod") => "API Event about a Pod",
                Some("Node") => "API Event about a Node",
                _ => "API Event about something else",
            });
            return Ok(());
        }
        let name = about.name.as_deref().unwrap_or_default();
        let uid = about.uid.as_deref().unwrap_or_default();
        let about = OwnerRef {
            kind: sym::DAEMON_SET,
            name: self.names.sym(name),
            uid: match uid {
                "" => self.tables.uid(&format!("DaemonSet/{namespace}/{name}")),
                uid => self.tables.uid(uid),
            },
        };
        let node = node_of_message(&message).map(|node| self.names.sym(node));
        let event_name = metadata.name.as_deref().unwrap_or_default();
        let mut sighting = self.frame(context, "Event", event_name, metadata)?;
        sighting.namespace = self.names.sym(namespace);
        // Every Event that is seen is a report of its own, repeated ones too.
        sighting.seen = match context.seen {
            Seen::Modified => Seen::Added,
            seen => seen,
        };
        sighting.view = View::Report(Box::new(ReportView {
            about,
            node,
            reason: self.names.sym(&reason),
            message: self.names.sym(&message),
            component: self.names.sym(&component),
        }));
        self.sightings.push(sighting);
        Ok(())
    }

    fn take_evidence(
        &mut self,
        about: &Reference,
        namespace: &str,
        reason: &str,
        message: &str,
        component: &str,
    ) {
        let about_pod = about.name.as_deref().filter(|_| about.kind.as_deref() == Some("Pod"));
        let (deed, pod) = match reason {
            "SuccessfulCreate" => (Deed::Created, pod_of_message(message, "created pod: ")),
            "SuccessfulDelete" => (Deed::Deleted, pod_of_message(message, "deleted pod: ")),
            "TaintManagerEviction" if !message.to_ascii_lowercase().contains("cancelling") => {
                (Deed::Evicted, about_pod)
            }
            "Preempted" => (Deed::Preempted, about_pod),
            _ => return,
        };
        if let Some(pod) = pod {
            let key = (deed, self.names.sym(namespace), self.names.sym(pod));
            self.evidence.0.insert(key, self.names.sym(component));
        }
    }
}

fn component(object: &Object) -> String {
    let source = object.source.and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok());
    let source = source.as_ref().and_then(|s| s.get("component")).and_then(serde_json::Value::as_str);
    let named = source.filter(|text| !text.is_empty()).map(str::to_owned);
    named
        .or_else(|| text_of(object.reporting_component).filter(|text| !text.is_empty()))
        .or_else(|| text_of(object.reporting_controller))
        .unwrap_or_default()
}

/// `Created pod: NAME`; ReplicaSets say it with a capital too, Jobs and StatefulSets put words around it.
fn pod_of_message<'m>(message: &'m str, prefix: &str) -> Option<&'m str> {
    let head = message.get(..prefix.len())?;
    let name = message.get(prefix.len()..)?.trim();
    (head.eq_ignore_ascii_case(prefix) && !name.is_empty() && !name.contains(' ')).then_some(name)
}

/// `… on node NAME, will try to kill it`.
fn node_of_message(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" on node ")?;
    let name = rest.split([',', ' ']).next()?;
    (!name.is_empty()).then_some(name)
}
