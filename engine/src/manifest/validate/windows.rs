//! What only Windows pods have, and what they may not have.

use super::errors::{Bad, Errors, Path};
use super::scope::Scope;
use super::text;
use crate::manifest::get;
use serde_json::Value;

/// `validateWindowsSecurityContextOptions`.
pub(super) fn options(options: &Value, path: &Path<'_>, errors: &mut Errors) {
    const SPEC_MAX: usize = 64 * 1024;
    if !options.is_object() {
        return;
    }
    if let Some(name) = get::text_opt(options, "gmsaCredentialSpecName") {
        errors.invalid_each(&path.child("gmsaCredentialSpecName"), Bad::Named(name), &text::subdomain(name));
    }
    if let Some(spec) = get::text_opt(options, "gmsaCredentialSpec") {
        let path = path.child("gmsaCredentialSpec");
        if spec.is_empty() {
            errors.invalid(&path, Bad::Named(spec), "gmsaCredentialSpec cannot be an empty string");
        } else if spec.len() > SPEC_MAX {
            errors.invalid(&path, Bad::Named(spec), "gmsaCredentialSpec size must be under 64 KiB");
        }
    }
    if let Some(user) = get::text_opt(options, "runAsUserName") {
        user_name(user, &path.child("runAsUserName"), errors);
    }
}

fn user_name(name: &str, path: &Path<'_>, errors: &mut Errors) {
    let mut refuse = |what: &str| errors.invalid(path, Bad::Named(name), &format!("runAsUserName{what}"));
    if name.is_empty() {
        return refuse(" cannot be an empty string");
    }
    if name.chars().any(|c| c.is_ascii_control()) {
        return refuse(" cannot contain control characters");
    }
    let parts: Vec<&str> = name.split('\\').collect();
    let (domain, user) = match parts.as_slice() {
        [user] => (None, *user),
        [domain, user] => (Some(*domain), *user),
        _ => return refuse(" cannot contain more than one backslash"),
    };
    if let Some(domain) = domain {
        if domain.len() >= 256 {
            refuse("'s Domain length must be under 256 characters");
        }
        if !is_net_bios(domain) && !is_dns_domain(domain) {
            refuse("'s Domain doesn't match the NetBios nor the DNS format");
        }
    }
    if user.is_empty() {
        refuse("'s User cannot be empty");
    } else if user.len() > 104 {
        refuse("'s User length must not be longer than 104 characters");
    }
    if !user.is_empty() && user.chars().all(|c| c == '.' || c == ' ') {
        refuse("'s User cannot contain only periods or spaces");
    }
    if user.contains(['"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']']) {
        refuse("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
    }
}

fn is_net_bios(domain: &str) -> bool {
    let count = domain.chars().count();
    (1..=15).contains(&count)
        && !domain.starts_with('.')
        && !domain.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|'])
}

fn is_dns_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// Every container with its list and index, init containers first.
pub(super) fn visit<'a>(spec: &'a Value, mut each: impl FnMut(&'a Value, &'static str, usize)) {
    for key in ["initContainers", "containers", "ephemeralContainers"] {
        for (i, container) in get::list(spec, key).iter().enumerate() {
            each(container, key, i);
        }
    }
}

/// `validateWindowsHostProcessPod`: all containers or none.
pub(super) fn host_process(scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let own = |value: &Value| {
        let options = get::path(value, &["securityContext", "windowsOptions"]);
        get::flag_opt(options, "hostProcess")
    };
    let pod = own(scope.spec);
    let (mut count, mut host) = (0, 0);
    visit(scope.spec, |container, list, i| {
        count += 1;
        let container = own(container);
        if let (Some(pod), Some(container)) = (pod, container)
            && pod != container
        {
            let list = path.child(list);
            let at = list.index(i);
            let at = at.child("securityContext");
            let at = at.child("windowsOptions");
            let detail = format!("pod hostProcess value must be identical if both are specified, was {pod}");
            errors.invalid(&at.child("hostProcess"), Bad::Bool(container), &detail);
        }
        if container.or(pod) == Some(true) {
            host += 1;
        }
    });
    if host == 0 {
        return;
    }
    if host != count {
        let detail =
            "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.invalid(path, Bad::Text(""), detail);
    }
    if !get::flag(scope.spec, "hostNetwork") {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.invalid(&path.child("hostNetwork"), Bad::Bool(false), detail);
    }
}

/// `validateLinux`: no Windows options.
pub(super) fn not_windows(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    const DETAIL: &str = "windows options cannot be set for a linux pod";
    let has = |v: &Value| get::some(get::at(v, "securityContext"), "windowsOptions").is_some();
    if has(spec) {
        let context = path.child("securityContext");
        errors.forbidden(&context.child("windowsOptions"), DETAIL);
    }
    visit(spec, |container, list, i| {
        if has(container) {
            let list = path.child(list);
            let at = list.index(i);
            let at = at.child("securityContext");
            errors.forbidden(&at.child("windowsOptions"), DETAIL);
        }
    });
}

/// `validateWindows`: none of what only Linux has.
pub(super) fn not_linux(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    const DETAIL: &str = "cannot be set for a windows pod";
    const POD: [(&str, bool); 15] = [
        ("appArmorProfile", true),
        ("seLinuxOptions", true),
        ("hostUsers", false),
        ("hostPID", false),
        ("hostIPC", false),
        ("seccompProfile", true),
        ("fsGroup", true),
        ("fsGroupChangePolicy", true),
        ("sysctls", true),
        ("shareProcessNamespace", false),
        ("runAsUser", true),
        ("runAsGroup", true),
        ("supplementalGroups", true),
        ("supplementalGroupsPolicy", true),
        ("seLinuxChangePolicy", true),
    ];
    const CONTAINER: [&str; 10] = [
        "appArmorProfile",
        "seLinuxOptions",
        "seccompProfile",
        "capabilities",
        "readOnlyRootFilesystem",
        "privileged",
        "allowPrivilegeEscalation",
        "procMount",
        "runAsUser",
        "runAsGroup",
    ];
    let context_path = path.child("securityContext");
    for (key, in_context) in POD {
        let owner = if in_context { get::at(spec, "securityContext") } else { spec };
        let value = get::at(owner, key);
        let plain_flag = matches!(key, "hostPID" | "hostIPC") && value.as_bool() == Some(false);
        let empty = key == "sysctls" && value.as_array().is_some_and(Vec::is_empty);
        if !value.is_null() && !plain_flag && !empty {
            let parent = if in_context { &context_path } else { path };
            errors.forbidden(&parent.child(key), DETAIL);
        }
    }
    visit(spec, |container, list, i| {
        for key in CONTAINER {
            if !get::path(container, &["securityContext", key]).is_null() {
                let list = path.child(list);
                let at = list.index(i);
                let at = at.child("securityContext");
                errors.forbidden(&at.child(key), DETAIL);
            }
        }
    });
}
