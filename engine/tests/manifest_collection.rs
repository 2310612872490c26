//! Manifests of public projects, where a neighbouring checkout has them: every one is read, none crashes.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use kubetape_engine::manifest::{admit, decode};
use std::path::PathBuf;

/// What a real API server refuses, and why.
const REFUSED: [(&str, &str); 3] = [
    ("HariSekhon__Kubernetes-configs__01.yaml", "must be less than or equal to memory limit of 300Mi"),
    ("openshift__microshift__08.yaml", "unknown field \"spec.template.spec.nodeSelectors\""),
    ("openshift__microshift__19.yaml", "quantities must match the regular expression"),
];

fn folder(name: &str) -> Vec<PathBuf> {
    let Some(shared) = common::shared(&format!("data/{name}")) else { return Vec::new() };
    let entries = std::fs::read_dir(shared).unwrap();
    let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e != "tsv"));
    files.sort();
    files
}

#[test]
fn every_manifest_that_a_real_server_accepts_is_accepted() {
    let mut known = 0;
    for file in folder("manifests") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let decoded = decode(&name, &std::fs::read(&file).unwrap());
        assert!(!decoded.documents.is_empty(), "{name} holds nothing");
        for document in &decoded.documents {
            assert!(document.tree().is_some(), "{name}:{} does not parse", document.place.line);
            if !document.is_known() {
                continue;
            }
            known += 1;
            let namespace = if document.namespace.is_empty() { "default" } else { &document.namespace };
            let expected = REFUSED.iter().find(|(n, _)| *n == name && document.kind == "DaemonSet");
            match (admit(document, None, namespace), expected) {
                (Ok(_), None) => {}
                (Err(refusal), Some((_, text))) => {
                    assert!(refusal.message.contains(text), "{name}: {refusal}")
                }
                (Ok(_), Some(_)) => panic!("{name} was accepted"),
                (Err(refusal), None) => panic!("{name}:{}: {refusal}", document.place.line),
            }
        }
    }
    println!("{known} objects of known kinds");
}

#[test]
fn broken_manifests_are_refused_or_not_of_this_version() {
    for file in folder("broken-manifests") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let decoded = decode(&name, &std::fs::read(&file).unwrap());
        let refused = decoded.documents.iter().any(|d| {
            let namespace = if d.namespace.is_empty() { "default" } else { &d.namespace };
            d.tree().is_none() || (d.is_known() && admit(d, None, namespace).is_err())
        });
        assert!(refused, "{name} was accepted");
    }
}
