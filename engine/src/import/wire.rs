//! The JSON that is read, borrowed from the source's buffer: only what is used, the rest skipped or left raw.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// A string that borrows where the JSON has no escapes. (`Option<Cow>` never borrows with serde.)
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name<'a> {
            $(#[serde(borrow)] $(#[$attr])* pub $field: Option<$type>,)*
        }
    )*};
}

wire! {
    /// A line of a watch stream.
    WatchLine {
        time: Text<'a>,
        #[serde(rename = "type")] event: Text<'a>,
        object: Object<'a>,
    }
    /// Anything at all, to see what it is.
    Head {
        kind: Text<'a>,
        api_version: Text<'a>,
        items: Vec<&'a RawValue>,
        involved_object: &'a RawValue,
        metadata: &'a RawValue,
    }
    /// An API object.
    Object {
        kind: Text<'a>,
        metadata: &'a RawValue,
        spec: &'a RawValue,
        status: &'a RawValue,
        // ControllerRevision
        data: &'a RawValue,
        revision: &'a RawValue,
        // Event
        involved_object: Reference<'a>,
        regarding: Reference<'a>,
        reason: &'a RawValue,
        message: &'a RawValue,
        note: &'a RawValue,
        source: &'a RawValue,
        reporting_component: &'a RawValue,
        reporting_controller: &'a RawValue,
        event_time: Text<'a>,
        first_timestamp: Text<'a>,
        last_timestamp: Text<'a>,
        deprecated_first_timestamp: Text<'a>,
        deprecated_last_timestamp: Text<'a>,
        deprecated_source: &'a RawValue,
    }
    Reference {
        kind: Text<'a>,
        namespace: Text<'a>,
        name: Text<'a>,
        uid: Text<'a>,
        field_path: Text<'a>,
        // Exporters add these.
        labels: &'a RawValue,
        owner_references: Vec<Owner<'a>>,
    }
    Metadata {
        name: Text<'a>,
        namespace: Text<'a>,
        uid: Text<'a>,
        resource_version: Text<'a>,
        creation_timestamp: Text<'a>,
        deletion_timestamp: Text<'a>,
        deletion_grace_period_seconds: &'a RawValue,
        labels: &'a RawValue,
        annotations: &'a RawValue,
        finalizers: Vec<Text<'a>>,
        owner_references: Vec<Owner<'a>>,
    }
    Owner {
        api_version: Text<'a>,
        kind: Text<'a>,
        name: Text<'a>,
        uid: Text<'a>,
        controller: &'a RawValue,
    }
    NodeSpecJson {
        taints: Vec<TaintJson<'a>>,
        unschedulable: &'a RawValue,
    }
    TaintJson {
        key: Text<'a>,
        value: Text<'a>,
        effect: Text<'a>,
    }
    NodeStatusJson {
        allocatable: &'a RawValue,
        conditions: Vec<ConditionJson<'a>>,
    }
    ConditionJson {
        #[serde(rename = "type")] condition: Text<'a>,
        status: Text<'a>,
        reason: Text<'a>,
        message: &'a RawValue,
        last_transition_time: Text<'a>,
    }
    PodStatusJson {
        phase: Text<'a>,
        reason: Text<'a>,
        nominated_node_name: Text<'a>,
        conditions: Vec<ConditionJson<'a>>,
        container_statuses: Vec<ContainerJson<'a>>,
    }
    ContainerJson {
        restart_count: &'a RawValue,
    }
    PodSpecHead {
        node_name: Text<'a>,
    }
    AuditJson {
        stage: Text<'a>,
        verb: Text<'a>,
        user: UserJson<'a>,
        impersonated_user: UserJson<'a>,
        user_agent: Text<'a>,
        object_ref: ObjectRefJson<'a>,
        response_status: &'a RawValue,
        request_object: &'a RawValue,
        response_object: &'a RawValue,
        request_received_timestamp: Text<'a>,
        stage_timestamp: Text<'a>,
    }
    UserJson {
        username: Text<'a>,
    }
    ObjectRefJson {
        resource: Text<'a>,
        subresource: Text<'a>,
        namespace: Text<'a>,
        name: Text<'a>,
    }
}

/// A raw string's text; anything else is none.
pub(super) fn text_of(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// A raw number.
pub(super) fn number_of(raw: Option<&RawValue>) -> Option<i64> {
    serde_json::from_str(raw?.get()).ok()
}

/// A raw boolean.
pub(super) fn is_true(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}
