//! Ports that repeat or overlap one another.

use super::super::get;
use super::super::validate::Path;
use rustc_hash::FxHashMap;
use serde_json::Value;

/// A port that was seen: host address, host port, its path.
type Seen<'a> = (&'a str, i64, String);

pub(super) fn warnings(spec: &Value, path: &Path<'_>, out: &mut Vec<String>) {
    let mut all: FxHashMap<(i64, &str), Vec<Seen<'_>>> = FxHashMap::default();
    let mut names: FxHashMap<&str, String> = FxHashMap::default();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let list_path = path.child(list);
        for (i, container) in get::list(spec, list).iter().enumerate() {
            let path = list_path.index(i);
            let path = path.child("ports");
            for (j, port) in get::list(container, "ports").iter().enumerate() {
                let at = path.index(j).to_string();
                addresses(port, &at, &mut all, out);
                name(port, at, &mut names, out);
            }
        }
    }
}

fn addresses<'a>(
    port: &'a Value,
    at: &str,
    all: &mut FxHashMap<(i64, &'a str), Vec<Seen<'a>>>,
    out: &mut Vec<String>,
) {
    let (ip, host) = (get::text(port, "hostIP"), get::int(port, "hostPort"));
    let (number, protocol) = (get::int(port, "containerPort"), get::text(port, "protocol"));
    if !ip.is_empty() && host == 0 {
        let name = get::text(port, "name");
        out.push(format!(
            "{at}: hostIP set without hostPort: {{Name:{name} HostPort:0 ContainerPort:{number} \
             Protocol:{protocol} HostIP:{ip}}}"
        ));
    }
    let others = all.entry((number, protocol)).or_default();
    for (other_ip, other_host, other) in others.iter() {
        if ip == *other_ip && host == *other_host {
            out.push(format!("{at}: duplicate port definition with {other}"));
        } else if host == 0 || *other_host == 0 {
            out.push(format!("{at}: overlapping port definition with {other}"));
        } else if host == *other_host && ip.is_empty() != other_ip.is_empty() {
            out.push(format!("{at}: dangerously ambiguous port definition with {other}"));
        }
    }
    others.push((ip, host, at.to_owned()));
}

/// A name that an earlier port has.
fn name<'a>(port: &'a Value, at: String, names: &mut FxHashMap<&'a str, String>, out: &mut Vec<String>) {
    let name = get::text(port, "name");
    if name.is_empty() {
        return;
    }
    match names.get(name) {
        Some(other) => out.push(format!(
            "{at}: duplicate port name \"{name}\" with {other}, services and probes that select ports by name will \
             use {other}"
        )),
        None => {
            names.insert(name, at);
        }
    }
}
