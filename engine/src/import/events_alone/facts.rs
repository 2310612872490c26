//! What an Event says of a pod, a node or a DaemonSet, kept until it is known whether the objects themselves were
//! recorded too.

use std::collections::BTreeMap;

use crate::import::wire::{Metadata, Object, Reference, Text, is_true, text_of};
use crate::time::Time;

/// One Event, as far as it tells what its object went through.
#[derive(Clone, Debug)]
pub(in crate::import) struct Fact {
    pub at: Time,
    pub source: u16,
    pub line: u64,
    pub deed: Deed,
    pub about: About,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import) enum Deed {
    /// A controller created this pod.
    PodCreated(String),
    /// A controller deleted this pod.
    PodDeleted(String),
    /// The pod was bound to this node.
    Bound(String),
    /// One of the pod's containers started.
    Started,
    /// The pod's image, as far as it is told.
    Pulled(String),
    /// One of the pod's containers is being stopped for good.
    Stopping,
    /// Taint eviction or the scheduler deletes the pod.
    Evicted,
    /// The node began its life.
    Registered,
    /// The node is ready.
    Ready,
    /// The node is not ready: so its kubelet says, or else whoever misses its kubelet.
    NotReady {
        reported: bool,
    },
    Cordoned,
    Uncordoned,
    /// The node is deleted.
    Removed,
    /// Nothing but that the object is there.
    There,
}

/// Which object.
#[derive(Clone, Debug)]
pub(in crate::import) struct About {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    /// The pod's controller: kind, name, uid, API version.
    pub owner: Option<[String; 4]>,
    /// The container that it is about.
    pub container: String,
    /// The node whose kubelet reports it.
    pub host: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Kind {
    Pod,
    Node,
    /// A controller that creates pods; only what it says of pods counts.
    Owner,
}

/// Reads what an Event says; `None` if it says nothing of this sort.
pub(in crate::import) fn fact(
    object: &Object,
    metadata: &Metadata,
    about: &Reference,
    component: &str,
    place: (u16, u64),
) -> Option<Fact> {
    let reason = text_of(object.reason)?;
    let message = text_of(object.message.or(object.note)).unwrap_or_default();
    let kind = match about.kind.as_deref()? {
        "Pod" => Kind::Pod,
        "Node" => Kind::Node,
        "DaemonSet" | "ReplicaSet" | "StatefulSet" | "Job" => Kind::Owner,
        _ => return None,
    };
    let deed = match kind {
        Kind::Pod => pod_deed(&reason, &message),
        Kind::Node => node_deed(&reason, component),
        Kind::Owner => owner_deed(&reason, &message)?,
    };
    let text = |text: &Option<Text>| text.as_deref().unwrap_or_default().to_owned();
    let namespace = text(&about.namespace);
    Some(Fact {
        at: time(object)?,
        source: place.0,
        line: place.1,
        deed,
        about: About {
            kind,
            namespace: if namespace.is_empty() { text(&metadata.namespace) } else { namespace },
            name: text(&about.name),
            uid: text(&about.uid),
            labels: about.labels.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default(),
            owner: owner(about),
            container: container(about).unwrap_or_default().to_owned(),
            host: host(object),
        },
    })
}

fn pod_deed(reason: &str, message: &str) -> Deed {
    match reason {
        // "Successfully assigned default/web-1 to worker-1"
        "Scheduled" => {
            message.rsplit_once(" to ").map_or(Deed::There, |(_, node)| Deed::Bound(node.to_owned()))
        }
        "Started" => Deed::Started,
        "Pulled" => image(message).map_or(Deed::There, |image| Deed::Pulled(image.to_owned())),
        // A container that failed its liveness probe is killed too, and started again.
        "Killing" if message.starts_with("Stopping container") => Deed::Stopping,
        "TaintManagerEviction" if !message.to_ascii_lowercase().contains("cancelling") => Deed::Evicted,
        "Preempted" | "Evicted" => Deed::Evicted,
        _ => Deed::There,
    }
}

fn node_deed(reason: &str, component: &str) -> Deed {
    match reason {
        "Starting" if component == "kubelet" => Deed::Registered,
        "RegisteredNode" => Deed::Registered,
        "NodeReady" => Deed::Ready,
        "NodeNotReady" => Deed::NotReady { reported: component == "kubelet" },
        "NodeNotSchedulable" => Deed::Cordoned,
        "NodeSchedulable" => Deed::Uncordoned,
        "RemovingNode" => Deed::Removed,
        _ => Deed::There,
    }
}

fn owner_deed(reason: &str, message: &str) -> Option<Deed> {
    let after = |head: &str| {
        let (start, name) = message.split_at_checked(head.len())?;
        (start.eq_ignore_ascii_case(head) && !name.contains(' ')).then(|| name.trim().to_owned())
    };
    match reason {
        "SuccessfulCreate" => after("created pod: ").map(Deed::PodCreated),
        "SuccessfulDelete" => after("deleted pod: ").map(Deed::PodDeleted),
        _ => None,
    }
}

/// `Container image "IMAGE" already present on machine`, `Successfully pulled image "IMAGE" in …`.
fn image(message: &str) -> Option<&str> {
    message.split('"').nth(1).filter(|image| !image.is_empty())
}

/// When it happened: the last time, for Events that count how often.
fn time(object: &Object) -> Option<Time> {
    let times = [
        &object.event_time,
        &object.last_timestamp,
        &object.deprecated_last_timestamp,
        &object.first_timestamp,
        &object.deprecated_first_timestamp,
    ];
    times.into_iter().flatten().find_map(|text| Time::parse(text).ok())
}

fn host(object: &Object) -> String {
    let of = |raw: Option<&serde_json::value::RawValue>| -> Option<String> {
        let source: serde_json::Value = serde_json::from_str(raw?.get()).ok()?;
        Some(source.get("host")?.as_str()?.to_owned()).filter(|host| !host.is_empty())
    };
    of(object.source).or_else(|| of(object.deprecated_source)).unwrap_or_default()
}

/// `spec.containers{NAME}`; none for init containers, which start and end before the pod runs.
fn container<'a>(about: &'a Reference) -> Option<&'a str> {
    about.field_path.as_deref()?.strip_prefix("spec.containers{")?.strip_suffix('}')
}

fn owner(about: &Reference) -> Option<[String; 4]> {
    let controller = about.owner_references.iter().flatten().find(|owner| is_true(owner.controller))?;
    let text = |text: &Option<Text>| text.as_deref().unwrap_or_default().to_owned();
    Some([
        text(&controller.kind),
        text(&controller.name),
        text(&controller.uid),
        text(&controller.api_version),
    ])
}
