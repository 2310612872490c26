//! Probes and lifecycle hooks.

use super::errors::{Bad, Errors, Path};
use super::scope::Scope;
use super::text;
use crate::manifest::get;
use serde_json::Value;

const MORE_THAN_ONE: &str = "may not specify more than 1 handler type";

/// The three probes of a container.
pub(super) fn probes(container: &Value, path: &Path<'_>, errors: &mut Errors) {
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = get::some(container, key) else { continue };
        let path = path.child(key);
        common(probe, &path, errors);
        let grace = path.child("terminationGracePeriodSeconds");
        match (key, get::int_opt(probe, "terminationGracePeriodSeconds")) {
            ("readinessProbe", Some(seconds)) => {
                errors.invalid(&grace, Bad::Int(seconds), "must not be set for readinessProbes");
            }
            ("readinessProbe", None) => {}
            _ => {
                let threshold = get::int(probe, "successThreshold");
                if threshold != 1 {
                    errors.invalid(&path.child("successThreshold"), Bad::Int(threshold), "must be 1");
                }
            }
        }
    }
}

fn common(probe: &Value, path: &Path<'_>, errors: &mut Errors) {
    handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], None, path, errors);
    for key in
        ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
    {
        errors.non_negative(&path.child(key), get::int(probe, key));
    }
    if let Some(seconds) = get::int_opt(probe, "terminationGracePeriodSeconds")
        && seconds <= 0
    {
        errors.invalid(
            &path.child("terminationGracePeriodSeconds"),
            Bad::Int(seconds),
            "must be greater than 0",
        );
    }
}

/// `validateLifecycle`.
pub(super) fn lifecycle(lifecycle: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    for key in ["postStart", "preStop"] {
        if let Some(hook) = get::some(lifecycle, key) {
            let grace = get::int_opt(scope.spec, "terminationGracePeriodSeconds");
            handler(hook, &["exec", "httpGet", "tcpSocket", "sleep"], grace, &path.child(key), errors);
        }
    }
}

/// Exactly one of `kinds`, and that one well-formed.
fn handler(handler: &Value, kinds: &[&str], grace: Option<i64>, path: &Path<'_>, errors: &mut Errors) {
    let mut found = false;
    for &kind in kinds {
        let Some(action) = get::some(handler, kind) else { continue };
        let path = path.child(kind);
        if found {
            errors.forbidden(&path, MORE_THAN_ONE);
            continue;
        }
        found = true;
        match kind {
            "exec" if get::list(action, "command").is_empty() => errors.required(&path.child("command"), ""),
            "httpGet" => http_get(action, &path, errors),
            "tcpSocket" => port(get::at(action, "port"), &path.child("port"), errors),
            "grpc" => port(&get::int(action, "port").into(), &path.child("port"), errors),
            "sleep" => sleep(get::int(action, "seconds"), grace, &path, errors),
            _ => {}
        }
    }
    if !found {
        errors.required(path, "must specify a handler type");
    }
}

fn http_get(action: &Value, path: &Path<'_>, errors: &mut Errors) {
    if get::text(action, "path").is_empty() {
        errors.required(&path.child("path"), "");
    }
    port(get::at(action, "port"), &path.child("port"), errors);
    let scheme = get::text(action, "scheme");
    if !matches!(scheme, "HTTP" | "HTTPS") {
        errors.unsupported(&path.child("scheme"), Bad::Named(scheme), &["HTTP", "HTTPS"]);
    }
    for header in get::list(action, "httpHeaders") {
        let name = get::text(header, "name");
        errors.invalid_each(&path.child("httpHeaders"), Bad::Text(name), &text::http_header(name));
    }
}

/// `ValidatePortNumOrName`. A plain `int` prints through JSON, which looks the same.
fn port(port: &Value, path: &Path<'_>, errors: &mut Errors) {
    match port.as_str() {
        Some(name) => errors.invalid_each(path, Bad::Text(name), &text::port_name(name)),
        None => {
            let number = port.as_i64().unwrap_or(0);
            errors.invalid_each(path, Bad::Int(number), &text::port_number(number));
        }
    }
}

fn sleep(seconds: i64, grace: Option<i64>, path: &Path<'_>, errors: &mut Errors) {
    let Some(grace) = grace else { return };
    if seconds < 0 || seconds > grace {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        errors.invalid(path, Bad::Int(seconds), &detail);
    }
}
