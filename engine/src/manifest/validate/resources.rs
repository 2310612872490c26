//! Resource requests and limits.

use super::errors::{Bad, Errors, Path};
use super::scope::Scope;
use super::text;
use crate::manifest::get;
use crate::quantity::Quantity;
use rustc_hash::FxHashSet;
use serde_json::Value;
use std::cmp::Ordering;

/// Whose resources they are: the names allowed differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Container,
    Pod,
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Core names and what is in a `kubernetes.io` domain.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && text::label_key(&format!("requests.{name}")).is_empty()
}

fn overcommit_allowed(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

/// Names of whole things: fractions make no sense.
const INTEGERS: [&str; 9] = [
    "pods",
    "services",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// `validateResourceName`, then the stricter rule of containers or pods.
fn name(name: &str, names: Names, path: &Path<'_>, errors: &mut Errors) {
    let bad = Bad::Named(name);
    let malformed = text::label_key(name);
    errors.invalid_each(path, bad, &malformed);
    let standard = STANDARD.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-");
    let mut fine = malformed.is_empty();
    if fine && !name.contains('/') && !standard {
        errors.invalid(path, bad, "must be a standard resource type or fully qualified");
        fine = false;
    }
    match names {
        Names::Container if !name.contains('/') => {
            if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_huge_page(name) {
                errors.invalid(path, bad, "must be a standard resource for containers");
            }
        }
        Names::Container => {
            if !is_native(name) && !is_extended(name) {
                errors.invalid(path, bad, "doesn't follow extended resource name standard");
            }
        }
        Names::Pod if fine && !matches!(name, "cpu" | "memory") && !is_huge_page(name) => {
            errors.unsupported(path, bad, &["cpu", "hugepages-", "memory"]);
        }
        Names::Pod => {}
    }
}

/// `ValidateResourceQuantityValue`.
pub(super) fn quantity_value(name: &str, quantity: &Quantity, path: &Path<'_>, errors: &mut Errors) {
    let shown = quantity.canonical();
    if quantity.is_negative() {
        errors.invalid(path, Bad::Text(&shown), "must be greater than or equal to 0");
    }
    let whole = INTEGERS.contains(&name) || is_extended(name);
    if whole && quantity.milli() % 1000 != 0 {
        errors.invalid(path, Bad::Named(&shown), "must be an integer");
    }
}

fn quantity(value: &Value) -> Quantity {
    Quantity::parse(value.as_str().unwrap_or("0")).unwrap_or_else(|_| zero())
}

fn quantity_text(text: &str) -> Option<Quantity> {
    Quantity::parse(text).ok()
}

fn zero() -> Quantity {
    // The grammar has this text.
    Quantity::parse("0").expect("0 is a quantity")
}

fn huge_page_value(name: &str, quantity: &Quantity, path: &Path<'_>, errors: &mut Errors) {
    let Some(size) = name.strip_prefix("hugepages-") else { return };
    let size =
        quantity_text(size).filter(|s| s.milli() > 0 && s.milli() % 1000 == 0).map_or(0, |s| s.value());
    let divisible = size > 0 && quantity.value() % size == 0;
    if !divisible {
        let shown = quantity.canonical();
        let detail = format!("{shown} is not positive integer multiple of {name}");
        errors.invalid(path, Bad::Text(&shown), &detail);
    }
}

/// `validateResourceRequirements`.
pub(super) fn requirements(
    resources: &Value,
    names: Names,
    scope: &Scope<'_>,
    path: &Path<'_>,
    errors: &mut Errors,
) {
    let (limits_path, requests_path) = (path.child("limits"), path.child("requests"));
    let limits = get::at(resources, "limits");
    let (mut compute, mut huge) = (false, false);
    for (resource, value) in get::entries(resources, "limits") {
        let path = limits_path.key(resource);
        let quantity = quantity(value);
        name(resource, names, &path, errors);
        quantity_value(resource, &quantity, &path, errors);
        huge_page_value(resource, &quantity, &path, errors);
        huge |= is_huge_page(resource);
        compute |= matches!(resource, "cpu" | "memory");
    }
    for (resource, value) in get::entries(resources, "requests") {
        let path = requests_path.key(resource);
        let quantity = quantity(value);
        name(resource, names, &path, errors);
        quantity_value(resource, &quantity, &path, errors);
        against_limit(resource, &quantity, limits.get(resource), &limits_path, &requests_path, errors);
        huge_page_value(resource, &quantity, &path, errors);
        huge |= is_huge_page(resource);
        compute |= matches!(resource, "cpu" | "memory");
    }
    if huge && !compute {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
    claim_names(get::list(resources, "claims"), scope, &path.child("claims"), errors);
}

fn against_limit(
    resource: &str,
    request: &Quantity,
    limit: Option<&Value>,
    limits: &Path<'_>,
    requests: &Path<'_>,
    errors: &mut Errors,
) {
    let Some(limit) = limit else {
        if !overcommit_allowed(resource) {
            errors.required(limits, "Limit must be set for non overcommitable resources");
        }
        return;
    };
    let limit = quantity(limit);
    let order = request.compare(&limit);
    let rule = match order {
        Ordering::Equal => return,
        _ if !overcommit_allowed(resource) => "must be equal to",
        Ordering::Greater => "must be less than or equal to",
        Ordering::Less => return,
    };
    let detail = format!("{rule} {resource} limit of {}", limit.canonical());
    errors.invalid(requests, Bad::Text(&request.canonical()), &detail);
}

/// `validateResourceClaimNames`: each names a claim of the pod, once.
fn claim_names(claims: &[Value], scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let mut seen: FxHashSet<String> = FxHashSet::default();
    for (i, claim) in claims.iter().enumerate() {
        let path = path.index(i);
        let (name, request) = (get::text(claim, "name"), get::text(claim, "request"));
        if name.is_empty() {
            errors.required(&path, "");
            continue;
        }
        if seen.contains(name) {
            errors.duplicate(&path, Bad::Text(name));
        } else {
            let mut key = name.to_owned();
            if !request.is_empty() {
                errors.invalid_each(&path.child("request"), Bad::Text(request), &text::dns_label(request));
                key = format!("{name}/{request}");
            }
            if seen.contains(&key) {
                errors.duplicate(&path, Bad::Text(&key));
            } else if request.is_empty() {
                let overlapping = seen.iter().filter(|k| k.split_once('/').is_some_and(|(n, _)| n == name));
                for _ in 0..overlapping.count() {
                    errors.duplicate(&path, Bad::Text(name));
                }
            }
            seen.insert(key);
        }
        let mut known: Vec<_> =
            get::list(scope.spec, "resourceClaims").iter().map(|c| get::text(c, "name")).collect();
        known.retain(|n| !n.is_empty());
        known.sort_unstable();
        known.dedup();
        if !known.contains(&name) {
            let mut detail = "must be one of the names in pod.spec.resourceClaims".to_owned();
            if known.is_empty() {
                detail.push_str(" which is empty");
            } else {
                detail = format!("{detail}: {}", known.join(", "));
            }
            errors.not_found(&path, Bad::Text(name), &detail);
        }
    }
}

/// `validatePodResources`: the pod's own resources, and that its containers fit into them.
pub(super) fn pod_level(scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let Some(resources) = get::some(scope.spec, "resources") else { return };
    if get::at(resources, "claims").is_array() {
        errors.forbidden(&path.child("claims"), "claims cannot be set for Resources at pod-level");
    }
    requirements(resources, Names::Pod, scope, path, errors);
    let mut sums = std::collections::BTreeMap::<&str, Quantity>::new();
    for container in get::list(scope.spec, "containers") {
        for (resource, value) in get::entries(get::at(container, "resources"), "requests") {
            sums.entry(resource).or_insert_with(zero).add(&quantity(value));
        }
    }
    let requests = path.child("requests");
    for (resource, sum) in sums {
        let own = quantity(get::path(resources, &["requests", resource]));
        if sum.compare(&own) == Ordering::Greater {
            let detail = format!(
                "must be greater than or equal to aggregate container requests of {}",
                sum.canonical()
            );
            errors.invalid(&requests.key(resource), Bad::Text(&own.canonical()), &detail);
        }
    }
    for (i, container) in get::list(scope.spec, "containers").iter().enumerate() {
        for (resource, value) in get::entries(get::at(container, "resources"), "limits") {
            let own = get::path(resources, &["limits", resource]);
            let limit = quantity(value);
            if own.is_null() || limit.compare(&quantity(own)) != Ordering::Greater {
                continue;
            }
            let (containers, own) = (path.child("containers"), quantity(own).canonical());
            let at = containers.index(i);
            let at = at.key(resource);
            let detail = format!("must be less than or equal to pod limits of {own}");
            errors.invalid(&at.child("limits"), Bad::Text(&limit.canonical()), &detail);
        }
    }
}
