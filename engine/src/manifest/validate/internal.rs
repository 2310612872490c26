//! Values that error texts print in the API server's internal form: Go field names, every field present.

use crate::manifest::{get, go};
use serde_json::Value;

/// How a field prints.
#[derive(Clone, Copy)]
enum Shape {
    /// A string that is `""` when absent.
    Text,
    /// Behind a pointer, or a list: `null` when absent.
    Pointer,
    /// A structure behind a pointer.
    Struct(Fields),
}

/// JSON name, Go name, shape, in Go's order.
type Fields = &'static [(&'static str, &'static str, Shape)];

const CAPABILITIES: Fields = &[("add", "Add", Shape::Pointer), ("drop", "Drop", Shape::Pointer)];

const SE_LINUX: Fields = &[
    ("user", "User", Shape::Text),
    ("role", "Role", Shape::Text),
    ("type", "Type", Shape::Text),
    ("level", "Level", Shape::Text),
];

const WINDOWS: Fields = &[
    ("gmsaCredentialSpecName", "GMSACredentialSpecName", Shape::Pointer),
    ("gmsaCredentialSpec", "GMSACredentialSpec", Shape::Pointer),
    ("runAsUserName", "RunAsUserName", Shape::Pointer),
    ("hostProcess", "HostProcess", Shape::Pointer),
];

const PROFILE: Fields =
    &[("type", "Type", Shape::Text), ("localhostProfile", "LocalhostProfile", Shape::Pointer)];

const SECURITY_CONTEXT: Fields = &[
    ("capabilities", "Capabilities", Shape::Struct(CAPABILITIES)),
    ("privileged", "Privileged", Shape::Pointer),
    ("seLinuxOptions", "SELinuxOptions", Shape::Struct(SE_LINUX)),
    ("windowsOptions", "WindowsOptions", Shape::Struct(WINDOWS)),
    ("runAsUser", "RunAsUser", Shape::Pointer),
    ("runAsGroup", "RunAsGroup", Shape::Pointer),
    ("runAsNonRoot", "RunAsNonRoot", Shape::Pointer),
    ("readOnlyRootFilesystem", "ReadOnlyRootFilesystem", Shape::Pointer),
    ("allowPrivilegeEscalation", "AllowPrivilegeEscalation", Shape::Pointer),
    ("procMount", "ProcMount", Shape::Pointer),
    ("seccompProfile", "SeccompProfile", Shape::Struct(PROFILE)),
    ("appArmorProfile", "AppArmorProfile", Shape::Struct(PROFILE)),
];

const RESOURCE_CLAIM: Fields = &[
    ("name", "Name", Shape::Text),
    ("resourceClaimName", "ResourceClaimName", Shape::Pointer),
    ("resourceClaimTemplateName", "ResourceClaimTemplateName", Shape::Pointer),
];

const TAINT: Fields = &[
    ("key", "Key", Shape::Text),
    ("value", "Value", Shape::Text),
    ("effect", "Effect", Shape::Text),
    ("timeAdded", "TimeAdded", Shape::Pointer),
];

const ROLLING_UPDATE: Fields =
    &[("maxUnavailable", "MaxUnavailable", Shape::Pointer), ("maxSurge", "MaxSurge", Shape::Pointer)];

const STRATEGY: Fields =
    &[("type", "Type", Shape::Text), ("rollingUpdate", "RollingUpdate", Shape::Struct(ROLLING_UPDATE))];

fn show(value: &Value, fields: Fields) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(json, name, shape)| {
            let field = get::at(value, json);
            let shown = match shape {
                Shape::Text => go::json_string(field.as_str().unwrap_or("")),
                Shape::Struct(fields) if field.is_object() => show(field, fields),
                Shape::Pointer | Shape::Struct(_) => go::json(field),
            };
            format!("\"{name}\":{shown}")
        })
        .collect();
    format!("{{{}}}", fields.join(","))
}

pub(super) fn security_context(value: &Value) -> String {
    show(value, SECURITY_CONTEXT)
}

pub(super) fn seccomp_profile(value: &Value) -> String {
    show(value, PROFILE)
}

pub(super) fn resource_claim(value: &Value) -> String {
    show(value, RESOURCE_CLAIM)
}

pub(super) fn taint(value: &Value) -> String {
    show(value, TAINT)
}

pub(super) fn update_strategy(value: &Value) -> String {
    show(value, STRATEGY)
}
