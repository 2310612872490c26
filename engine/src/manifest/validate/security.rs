//! Security contexts of pods and containers.

use super::errors::{Bad, Errors, Path};
use super::file_paths::descending_path;
use super::scope::Scope;
use super::{internal, text, windows};
use crate::manifest::get;
use rustc_hash::FxHashSet;
use serde_json::Value;

const ID_MAX: i64 = i32::MAX as i64;

/// A user or group id.
fn id(value: Option<i64>, path: &Path<'_>, errors: &mut Errors) {
    if let Some(id) = value.filter(|id| !(0..=ID_MAX).contains(id)) {
        errors.invalid(path, Bad::Int(id), &text::between(0, ID_MAX));
    }
}

/// `ValidateSecurityContext`.
pub(super) fn container(context: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    if !context.is_object() {
        return;
    }
    id(get::int_opt(context, "runAsUser"), &path.child("runAsUser"), errors);
    id(get::int_opt(context, "runAsGroup"), &path.child("runAsGroup"), errors);
    if let Some(mount) = get::text_opt(context, "procMount") {
        let path = path.child("procMount");
        match mount {
            "Default" => {}
            "Unmasked" if scope.host_users() => {
                errors.invalid(&path, Bad::Named(mount), "`hostUsers` must be false to use `Unmasked`");
            }
            "Unmasked" => {}
            other => errors.unsupported(&path, Bad::Named(other), &["Default", "Unmasked"]),
        }
    }
    seccomp(get::at(context, "seccompProfile"), &path.child("seccompProfile"), errors);
    if get::flag_opt(context, "allowPrivilegeEscalation") == Some(false) {
        let shown = || internal::security_context(context);
        if get::flag(context, "privileged") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.invalid(path, Bad::Json(&shown()), detail);
        }
        let added = get::texts(get::at(context, "capabilities"), "add");
        for _ in added.iter().filter(|c| **c == "CAP_SYS_ADMIN") {
            let detail =
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.invalid(path, Bad::Json(&shown()), detail);
        }
    }
    windows::options(get::at(context, "windowsOptions"), &path.child("windowsOptions"), errors);
    app_armor(get::at(context, "appArmorProfile"), &path.child("appArmorProfile"), errors);
}

/// `validatePodSpecSecurityContext`.
pub(super) fn pod(scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let context = get::at(scope.spec, "securityContext");
    id(get::int_opt(context, "fsGroup"), &path.child("fsGroup"), errors);
    id(get::int_opt(context, "runAsUser"), &path.child("runAsUser"), errors);
    id(get::int_opt(context, "runAsGroup"), &path.child("runAsGroup"), errors);
    let groups = path.child("supplementalGroups");
    for (i, group) in get::list(context, "supplementalGroups").iter().enumerate() {
        id(group.as_i64(), &groups.index(i), errors);
    }
    if get::flag(scope.spec, "shareProcessNamespace") && get::flag(scope.spec, "hostPID") {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(&path.child("shareProcessNamespace"), Bad::Bool(true), detail);
    }
    sysctls(context, scope, &path.child("sysctls"), errors);
    choice(context, "fsGroupChangePolicy", &["Always", "OnRootMismatch"], path, errors);
    seccomp(get::at(context, "seccompProfile"), &path.child("seccompProfile"), errors);
    windows::options(get::at(context, "windowsOptions"), &path.child("windowsOptions"), errors);
    app_armor(get::at(context, "appArmorProfile"), &path.child("appArmorProfile"), errors);
    choice(context, "supplementalGroupsPolicy", &["Merge", "Strict"], path, errors);
    // MountOption is behind a feature gate that is off.
    choice(context, "seLinuxChangePolicy", &["Recursive"], path, errors);
}

fn choice(value: &Value, key: &str, supported: &[&str], path: &Path<'_>, errors: &mut Errors) {
    if let Some(found) = get::text_opt(value, key).filter(|f| !supported.contains(f)) {
        errors.unsupported(&path.child(key), Bad::Named(found), supported);
    }
}

fn sysctls(context: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    const PATTERN: &str = "must have at most 253 characters and match regex \
                           ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
    let mut seen = FxHashSet::default();
    for (i, sysctl) in get::list(context, "sysctls").iter().enumerate() {
        let path = path.index(i);
        let path = path.child("name");
        let name = get::text(sysctl, "name");
        if name.is_empty() {
            errors.required(&path, "");
        } else if !text::is_sysctl(name) {
            errors.invalid(&path, Bad::Text(name), PATTERN);
        } else if seen.contains(name) {
            errors.duplicate(&path, Bad::Text(name));
        }
        let dotted = name.replace('/', ".");
        if get::flag(scope.spec, "hostNetwork") && dotted.starts_with("net.") {
            errors.invalid(&path, Bad::Text(name), "may not be specified when 'hostNetwork' is true");
        } else if get::flag(scope.spec, "hostIPC") && is_ipc(&dotted) {
            errors.invalid(&path, Bad::Text(name), "may not be specified when 'hostIPC' is true");
        }
        seen.insert(name);
    }
}

fn is_ipc(name: &str) -> bool {
    name == "kernel.sem" || ["kernel.shm", "kernel.msg", "fs.mqueue."].iter().any(|p| name.starts_with(p))
}

/// `validateSeccompProfileField`.
fn seccomp(profile: &Value, path: &Path<'_>, errors: &mut Errors) {
    const TYPES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];
    if !profile.is_object() {
        return;
    }
    let kind = get::text(profile, "type");
    if kind.is_empty() {
        errors.required(&path.child("type"), "type is required when seccompProfile is set");
    } else if !TYPES.contains(&kind) {
        errors.unsupported(&path.child("type"), Bad::Named(kind), &TYPES);
    }
    let at = path.child("localhostProfile");
    match (kind, get::text_opt(profile, "localhostProfile")) {
        ("Localhost", None) => errors.required(&at, "must be set when seccomp type is Localhost"),
        ("Localhost", Some(file)) => descending_path(file, &at, errors),
        (_, Some(_)) => {
            let shown = internal::seccomp_profile(profile);
            errors.invalid(&at, Bad::Json(&shown), "can only be set when seccomp type is Localhost");
        }
        (_, None) => {}
    }
}

/// `ValidateAppArmorProfileField`.
fn app_armor(profile: &Value, path: &Path<'_>, errors: &mut Errors) {
    const PROFILE_MAX: usize = 4095;
    const UNSET: &str = "must be set when AppArmor type is Localhost";
    if !profile.is_object() {
        return;
    }
    let at = path.child("localhostProfile");
    let file = get::text_opt(profile, "localhostProfile");
    match get::text(profile, "type") {
        "Localhost" => match file {
            None => errors.required(&at, UNSET),
            Some(file) => {
                if file.trim() != file {
                    errors.invalid(&at, Bad::Text(file), "must not be padded with whitespace");
                } else if file.is_empty() {
                    errors.required(&at, UNSET);
                }
                if file.len() > PROFILE_MAX {
                    errors.too_long(&at, PROFILE_MAX);
                }
            }
        },
        "RuntimeDefault" | "Unconfined" => {
            if let Some(file) = file {
                errors.invalid(&at, Bad::Named(file), "can only be set when AppArmor type is Localhost");
            }
        }
        "" => errors.required(&path.child("type"), "type is required when appArmorProfile is set"),
        other => {
            let supported = ["Localhost", "RuntimeDefault", "Unconfined"];
            errors.unsupported(&path.child("type"), Bad::Named(other), &supported);
        }
    }
}
