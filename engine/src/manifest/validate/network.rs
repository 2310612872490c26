//! Host ports under hostNetwork, host aliases, DNS, the host name.

use super::errors::{Bad, Errors, Path};
use super::text;
use crate::manifest::get;
use serde_json::Value;

/// `validatePodHostNetworkDeps`: a template may leave the host port to be filled in.
pub(super) fn host_ports(spec: &Value, is_pod: bool, path: &Path<'_>, errors: &mut Errors) {
    if !get::flag(spec, "hostNetwork") {
        return;
    }
    let containers = path.child("containers");
    for (i, container) in get::list(spec, "containers").iter().enumerate() {
        for (j, port) in get::list(container, "ports").iter().enumerate() {
            let host = get::int(port, "hostPort");
            if (is_pod || host != 0) && host != get::int(port, "containerPort") {
                let container = containers.index(i);
                let ports = container.child("ports");
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid(&ports.index(j).child("hostPort"), Bad::Int(host), detail);
            }
        }
    }
}

/// `ValidateHostAliases`.
pub(super) fn host_aliases(aliases: &[Value], path: &Path<'_>, errors: &mut Errors) {
    for (i, alias) in aliases.iter().enumerate() {
        let path = path.index(i);
        let ip = get::text(alias, "ip");
        errors.invalid_each(&path.child("ip"), Bad::Text(ip), &text::ip(ip));
        let names = path.child("hostnames");
        for (j, name) in get::texts(alias, "hostnames").iter().enumerate() {
            errors.invalid_each(&names.index(j), Bad::Text(name), &text::subdomain(name));
        }
    }
}

/// `validatePodDNSConfig`.
pub(super) fn dns_config(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    const SERVERS_MAX: usize = 3;
    const SEARCHES_MAX: usize = 32;
    const CHARACTERS_MAX: usize = 2048;
    let config = get::some(spec, "dnsConfig");
    let servers = config.map(|c| get::texts(c, "nameservers")).unwrap_or_default();
    if get::text(spec, "dnsPolicy") == "None" {
        if config.is_none() {
            errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
            return;
        }
        if servers.is_empty() {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.required(&path.child("nameservers"), detail);
            return;
        }
    }
    let Some(config) = config else { return };
    let at = path.child("nameservers");
    if servers.len() > SERVERS_MAX {
        let bad = Bad::Value(get::at(config, "nameservers"));
        errors.invalid(&at, bad, "must not have more than 3 nameservers");
    }
    for (i, server) in servers.iter().enumerate() {
        errors.invalid_each(&at.index(i), Bad::Text(server), &text::ip(server));
    }
    let searches = get::texts(config, "searches");
    let at = path.child("searches");
    let bad = Bad::Value(get::at(config, "searches"));
    if searches.len() > SEARCHES_MAX {
        errors.invalid(&at, bad, "must not have more than 32 search paths");
    }
    if searches.join(" ").len() > CHARACTERS_MAX {
        let detail = "must not have more than 2048 characters (including spaces) in the search list";
        errors.invalid(&at, bad, detail);
    }
    for (i, search) in searches.iter().enumerate().filter(|(_, s)| **s != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        errors.invalid_each(&at.index(i), Bad::Text(search), &text::subdomain_underscore(search));
    }
    let at = path.child("options");
    for (i, option) in get::list(config, "options").iter().enumerate() {
        if get::text(option, "name").is_empty() {
            errors.required(&at.index(i), "must not be empty");
        }
    }
}

/// `validateHostnameOverride`: a host name of the user's own, for pods with a network of their own.
pub(super) fn hostname_override(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    const HOSTNAME_MAX: usize = 64;
    let Some(name) = get::text_opt(spec, "hostnameOverride") else { return };
    let at = path.child("hostnameOverride");
    errors.invalid_each(&at, Bad::Text(name), &text::subdomain(name));
    if name.len() > HOSTNAME_MAX {
        errors.too_long(&at, HOSTNAME_MAX);
    }
    if get::flag(spec, "setHostnameAsFQDN") {
        errors.forbidden(&at, "may not be specified when setHostnameAsFQDN is true");
    }
    if get::flag(spec, "hostNetwork") {
        errors.forbidden(&at, "may not be specified when hostNetwork is true");
    }
}
