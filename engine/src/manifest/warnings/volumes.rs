//! Volume sources that are deprecated, empty or in one another's way.

use super::super::get;
use super::super::go;
use super::super::validate::Path;
use serde_json::Value;

/// Key of the source, its name in the path, the text.
const DEPRECATED: [(&str, &str, &str); 9] = [
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

pub(super) fn warnings(volumes: &[Value], path: &Path<'_>, out: &mut Vec<String>) {
    for (i, volume) in volumes.iter().enumerate() {
        for (key, shown, text) in DEPRECATED {
            if get::some(volume, key).is_some() {
                out.push(format!("{}: {text}", path.index(i).child(shown)));
            }
        }
    }
    overlapping_tokens(volumes, path, out);
    for volume in volumes {
        let Some(projected) = get::some(volume, "projected") else { continue };
        let sources = get::list(projected, "sources");
        if sources.iter().all(|s| s.as_object().is_none_or(serde_json::Map::is_empty)) {
            out.push(format!(
                "volume {} (Projected) has no sources provided",
                go::quote(get::text(volume, "name"))
            ));
        }
    }
}

/// Projected files at the path of a service account token.
fn overlapping_tokens(volumes: &[Value], path: &Path<'_>, out: &mut Vec<String>) {
    let sources = |v| get::list(get::at(v, "projected"), "sources");
    let tokens: Vec<&str> = volumes
        .iter()
        .flat_map(sources)
        .filter_map(|s| get::some(s, "serviceAccountToken"))
        .map(|t| get::text(t, "path"))
        .collect();
    for (i, volume) in volumes.iter().enumerate() {
        let volume_path = path.index(i);
        let projected = volume_path.child("projected");
        let at = projected.child("sources");
        for source in sources(volume) {
            for (key, shown) in
                [("configMap", "configMap"), ("secret", "secrets"), ("downwardAPI", "downwardAPI")]
            {
                for (j, item) in get::list(get::at(source, key), "items").iter().enumerate() {
                    let target = get::text(item, "path");
                    if tokens.contains(&target) {
                        let shown = at.child(shown);
                        let target = go::quote(target);
                        out.push(format!(
                            "{}: has duplicated path with ServiceAccountToken {target}",
                            shown.index(j)
                        ));
                    }
                }
            }
        }
    }
}
