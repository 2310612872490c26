//! Pod templates and the annotations that say something about containers.

use super::affinity::Tolerated;
use super::errors::{Bad, Errors, Path};
use super::file_paths::descending_path;
use super::windows::visit;
use super::{meta, pod_spec};
use crate::manifest::{get, go};
use serde_json::Value;

const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// `ValidatePodTemplateSpec`. Its paths leave `metadata` out.
pub(super) fn template(template: &Value, tolerated: Tolerated, path: &Path<'_>, errors: &mut Errors) {
    let metadata = get::at(template, "metadata");
    let spec = get::at(template, "spec");
    meta::labels(get::at(metadata, "labels"), &path.child("labels"), errors);
    let annotations = get::at(metadata, "annotations");
    let at = path.child("annotations");
    meta::annotations(annotations, &at, errors);
    pod_annotations(annotations, spec, &at, errors);
    let spec_path = path.child("spec");
    pod_spec::pod_spec(spec, None, tolerated, &spec_path, errors);
    seccomp_agrees(annotations, spec, &spec_path, errors);
    app_armor_agrees(annotations, spec, &spec_path, errors);
    if !get::list(spec, "ephemeralContainers").is_empty() {
        let path = spec_path.child("ephemeralContainers");
        errors.forbidden(&path, "ephemeral containers not allowed in pod template");
    }
}

/// `ValidatePodSpecificAnnotations`.
pub(super) fn pod_annotations(annotations: &Value, spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    const MIRROR: &str = "kubernetes.io/config.mirror";
    const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
    if let Some(value) = get::text_opt(annotations, MIRROR)
        && get::text(spec, "nodeName").is_empty()
    {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errors.invalid(&path.key(MIRROR), Bad::Text(value), detail);
    }
    if let Some(cost) = get::text_opt(annotations, DELETION_COST)
        && !is_cost(cost)
    {
        errors.invalid(&path.key(DELETION_COST), Bad::Text(cost), "must be a 32bit integer");
    }
    if let Some(profile) = get::text_opt(annotations, SECCOMP_POD) {
        seccomp_profile(profile, &path.child(SECCOMP_POD), errors);
    }
    for (key, value) in annotations.as_object().into_iter().flatten() {
        if key.starts_with(SECCOMP_CONTAINER) {
            seccomp_profile(value.as_str().unwrap_or(""), &path.child(key), errors);
        }
    }
    for (key, value) in annotations.as_object().into_iter().flatten() {
        let Some(name) = key.strip_prefix(APP_ARMOR) else { continue };
        let mut found = false;
        visit(spec, |container, _, _| found |= get::text(container, "name") == name);
        let at = path.key(key);
        if !found {
            errors.invalid(&at, Bad::Text(name), "container not found");
        }
        let profile = value.as_str().unwrap_or("");
        let known =
            matches!(profile, "" | "runtime/default" | "unconfined") || profile.starts_with("localhost/");
        if !known {
            let detail = format!("invalid AppArmor profile name: {}", go::quote(profile));
            errors.invalid(&at, Bad::Text(profile), &detail);
        }
    }
}

/// A 32-bit integer in the form that Go prints: no plus sign, no leading zeros.
fn is_cost(text: &str) -> bool {
    text.parse::<i32>().is_ok_and(|n| n.to_string() == text)
}

fn seccomp_profile(profile: &str, path: &Path<'_>, errors: &mut Errors) {
    match profile.strip_prefix("localhost/") {
        _ if matches!(profile, "runtime/default" | "docker/default" | "unconfined") => {}
        Some(file) => descending_path(file, path, errors),
        None => errors.invalid(path, Bad::Text(profile), "must be a valid seccomp profile"),
    }
}

/// `validateSeccompAnnotationsAndFields`: both may be given if they say the same.
pub(super) fn seccomp_agrees(annotations: &Value, spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    let mut check = |key: &str, owner: &Value, path: &Path<'_>| {
        let profile = get::path(owner, &["securityContext", "seccompProfile"]);
        let (Some(annotation), true) = (get::text_opt(annotations, key), profile.is_object()) else { return };
        let context = path.child("securityContext");
        let at = context.child("seccompProfile");
        let file = annotation.strip_prefix("localhost/");
        let agrees = match get::text(profile, "type") {
            "Unconfined" => annotation == "unconfined",
            "RuntimeDefault" => matches!(annotation, "runtime/default" | "docker/default"),
            "Localhost" => file.is_some(),
            _ => true,
        };
        if !agrees {
            errors.forbidden(&at.child("type"), "seccomp type in annotation and field must match");
        } else if get::text(profile, "type") == "Localhost"
            && file != get::text_opt(profile, "localhostProfile")
        {
            let detail = "seccomp profile in annotation and field must match";
            errors.forbidden(&at.child("localhostProfile"), detail);
        }
    };
    check(SECCOMP_POD, spec, path);
    visit(spec, |container, list, i| {
        let list = path.child(list);
        check(&format!("{SECCOMP_CONTAINER}{}", get::text(container, "name")), container, &list.index(i));
    });
}

/// `validateAppArmorAnnotationsAndFieldsMatchOnCreate`.
pub(super) fn app_armor_agrees(annotations: &Value, spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    if get::text(get::at(spec, "os"), "name") == "windows" {
        return;
    }
    let own = |owner: &'_ Value| get::path(owner, &["securityContext", "appArmorProfile"]).clone();
    let pod = own(spec);
    visit(spec, |container, list, i| {
        let profile = Some(own(container)).filter(Value::is_object).unwrap_or_else(|| pod.clone());
        let key = format!("{APP_ARMOR}{}", get::text(container, "name"));
        let (Some(annotation), true) = (get::text_opt(annotations, &key), profile.is_object()) else {
            return;
        };
        let list = path.child(list);
        let at = list.index(i);
        let at = at.child("securityContext");
        let at = at.child("appArmorProfile");
        let file = annotation.strip_prefix("localhost/");
        let agrees = match get::text(&profile, "type") {
            "Unconfined" => annotation == "unconfined",
            "RuntimeDefault" => annotation == "runtime/default",
            "Localhost" => file.is_some(),
            _ => true,
        };
        if !agrees {
            errors.forbidden(&at.child("type"), "apparmor type in annotation and field must match");
        } else if get::text(&profile, "type") == "Localhost"
            && file != get::text_opt(&profile, "localhostProfile")
        {
            let detail = "apparmor profile in annotation and field must match";
            errors.forbidden(&at.child("localhostProfile"), detail);
        }
    });
}
