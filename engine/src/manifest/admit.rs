//! The strict door: decode, default, strategy, validate, the way the API server answers POST and PUT.

use super::document::{BODY_MAX, Content, Document};
use super::error::{Problem, Refusal};
use super::registry::{self, Kind};
use super::strict::{self, Unknown};
use super::tree::{Node, Tree};
use super::yaml::Duplicate;
use super::{default, go, hints, normal, strategy, validate, warnings};
use serde_json::Value;

/// An object that was let in.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    /// Its stored form: defaults filled in, `metadata.generation` and the status as a new or updated object
    /// has them. It has no uid and no times; those are the cluster's.
    pub object: Value,
    /// What the API server would warn of.
    pub warnings: Vec<String>,
}

/// Admits a document as the API server would: as a new object, or as the successor of `previous`, the
/// stored form of the object of that name. `namespace` is that of the request.
///
/// # Errors
/// The API server's refusal, with the places in the file and hints. A kind that this door does not know is
/// refused as one that is not registered: ask [`Document::is_known`] first.
pub fn admit(document: &Document, previous: Option<&Value>, namespace: &str) -> Result<Admitted, Refusal> {
    match &document.content {
        Content::TooLarge => return Err(too_large()),
        Content::Malformed(malformed) => {
            // Such text never reaches the server: these are the client's words.
            let message = format!("error converting YAML to JSON: {}", malformed.text);
            return Err(Refusal::bad_request(message, "", &malformed.text, Some(malformed.place)));
        }
        Content::Parsed { .. } => {}
    }
    for (key, written) in [("kind", &document.kind), ("apiVersion", &document.api_version)] {
        if written.is_empty() {
            let text = format!("{key} not set");
            let mut refusal = Refusal::bad_request(text.clone(), key, &text, Some(document.place));
            let example = if key == "kind" { "kind: DaemonSet" } else { "apiVersion: apps/v1" };
            refusal.problems[0].hint = Some(format!("say what it is, for example `{example}`"));
            return Err(refusal);
        }
    }
    match registry::KINDS.iter().find(|k| k.name == document.kind) {
        Some(kind) => admit_as(kind, document, previous, namespace),
        None => {
            let text = not_registered(&Gvk::of(&document.api_version, &document.kind));
            Err(Refusal::bad_request(text.clone(), "kind", &text, Some(document.place)))
        }
    }
}

/// Group, version and kind as the decoder concludes them.
struct Gvk {
    api_version: String,
    version: String,
    kind: String,
}

impl Gvk {
    fn of(api_version: &str, kind: &str) -> Self {
        let version = api_version.rsplit('/').next().unwrap_or("").to_owned();
        Self { api_version: api_version.to_owned(), version, kind: kind.to_owned() }
    }
}

fn not_registered(gvk: &Gvk) -> String {
    format!(
        "no kind {} is registered for version {} in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        go::quote(&gvk.kind),
        go::quote(&gvk.api_version)
    )
}

/// Admits a request to the endpoint of `kind`.
pub(crate) fn admit_as(
    kind: &'static Kind,
    document: &Document,
    previous: Option<&Value>,
    namespace: &str,
) -> Result<Admitted, Refusal> {
    let mut object = decode(kind, document)?;
    let Content::Parsed { root, .. } = &document.content else { return Err(too_large()) };
    strategy::request_names(kind, &mut object, previous, namespace, root)?;
    strategy::check_version(kind, &object, previous)?;
    strategy::prepare(kind, &mut object, previous);
    let mut problems = validate::validate(kind, &object, previous);
    if !problems.is_empty() {
        let name = object["metadata"]["name"].as_str().unwrap_or("");
        let subject = format!("{} {}", kind.qualified(), go::quote(name));
        for problem in &mut problems {
            let place = root.locate(&problem.field);
            problem.place = (place.line != 0).then_some(place);
            problem.hint = hints::invalid(problem, root);
        }
        return Err(Refusal::invalid(&subject, problems));
    }
    let warnings = warnings::warnings(kind, &object, previous);
    strategy::finish(kind, &mut object);
    normal::normalise(&mut object, kind.schema());
    Ok(Admitted { object, warnings })
}

fn too_large() -> Refusal {
    let message = format!("Request entity too large: limit is {BODY_MAX}");
    let problem = Problem {
        reason: "RequestEntityTooLarge",
        field: String::new(),
        message: message.clone(),
        place: None,
        hint: Some("the API server takes at most 3 MiB in one object".to_owned()),
    };
    Refusal { code: 413, reason: "RequestEntityTooLarge", message, problems: vec![problem] }
}

/// Text to a defaulted object of the endpoint's kind.
fn decode(kind: &'static Kind, document: &Document) -> Result<Value, Refusal> {
    let unrecognised = |text: &str, place| {
        let message = format!(
            "the object provided is unrecognized (must be of type {}): {text} ({})",
            kind.name, document.summary
        );
        Refusal::bad_request(message, "", text, Some(place))
    };
    let (root, duplicates) = match &document.content {
        Content::TooLarge => return Err(too_large()),
        Content::Malformed(malformed) => return Err(unrecognised(&malformed.text, malformed.place)),
        Content::Parsed { root, duplicates } => (root, duplicates),
    };
    let gvk = interpret(root, kind).map_err(|(text, place)| unrecognised(&text, place))?;
    let (object, unknown) = typed(kind, &gvk, root)?;
    if !duplicates.is_empty() || !unknown.is_empty() {
        return Err(strict_errors(&gvk, kind, root, duplicates, &unknown));
    }
    if gvk.api_version != kind.api_version() {
        let text = format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            gvk.api_version,
            kind.api_version()
        );
        let place = root.get("apiVersion").map(|n| n.place);
        let mut refusal = Refusal::bad_request(text.clone(), "apiVersion", &text, place);
        refusal.problems[0].hint = Some(format!("use `apiVersion: {}`", kind.api_version()));
        return Err(refusal);
    }
    Ok(object)
}

/// A tree to an object of the endpoint's kind and the fields that it does not have. Whatever else is wrong
/// here is fatal: only then do unknown fields and duplicate keys count.
fn typed(kind: &'static Kind, gvk: &Gvk, root: &Node) -> Result<(Value, Vec<Unknown>), Refusal> {
    let cannot = |text: &str, field: &str, place| {
        let message = format!(
            "{} in version {} cannot be handled as a {}: {text}",
            gvk.kind,
            go::quote(&gvk.version),
            kind.name
        );
        Refusal::bad_request(message, field, text, place)
    };
    if !registry::registered(&gvk.api_version, &gvk.kind) {
        let place = root.get("kind").or_else(|| root.get("apiVersion")).map(|n| n.place);
        return Err(cannot(&not_registered(gvk), "kind", place));
    }
    // An older API had fields that were dropped since.
    let old_fields: &[&str] = match gvk.api_version.as_str() {
        "extensions/v1beta1" => &["templateGeneration", "rollbackTo"],
        _ => &[],
    };
    let known = registry::find(&gvk.api_version, &gvk.kind);
    let decoded = known.map(|actual| strict::decode(root, actual.schema(), old_fields));
    if let Some(error) = decoded.as_ref().and_then(|d| d.error.as_ref()) {
        let mut refusal = cannot(&error.text, &error.field, Some(error.place));
        refusal.problems[0].hint = hints::mistyped(&error.text);
        return Err(refusal);
    }
    let Some(decoded) = decoded.filter(|_| known == Some(kind)) else {
        let text = format!(
            "converting ({}.{}) to ({}.{}): unknown conversion",
            gvk.version,
            gvk.kind,
            if kind.group.is_empty() { "core" } else { kind.group },
            kind.name
        );
        return Err(cannot(&text, "kind", root.get("kind").map(|n| n.place)));
    };
    let mut object = decoded.object;
    if let Some(map) = object.as_object_mut() {
        default::apply(kind, map);
    }
    if let Err(text) = strategy::convert(kind, &mut object) {
        let field = "metadata.annotations[deprecated.daemonset.template.generation]";
        return Err(cannot(&text, field, Some(root.locate(field))));
    }
    Ok((object, decoded.unknown))
}

/// `apiVersion` and `kind`, each falling back to the endpoint's.
fn interpret(root: &Node, kind: &Kind) -> Result<Gvk, (String, super::tree::Place)> {
    const PREFIX: &str = "couldn't get version/kind; json parse error: json: cannot unmarshal";
    let found = |node: &Node| match node.value {
        Tree::Bool(_) => "bool",
        Tree::Int(_) | Tree::Uint(_) | Tree::Float(_) => "number",
        Tree::List(_) => "array",
        Tree::Map(_) => "object",
        Tree::Null | Tree::Text(_) => "string",
    };
    match &root.value {
        Tree::Null | Tree::Map(_) => {}
        _ => {
            let target = "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
                          \"json:\\\"kind,omitempty\\\"\" }";
            let text = format!("{PREFIX} {} into Go value of type {target}", found(root));
            return Err((text, root.place));
        }
    }
    // Letter case does not matter here, unlike in the decoding that follows; the last spelling wins.
    let field = |name: &str| {
        let mut written = "";
        for entry in root.entries().iter().filter(|e| e.key.eq_ignore_ascii_case(name)) {
            match &entry.value.value {
                Tree::Text(text) => written = text,
                Tree::Null => {}
                _ => {
                    let kind = found(&entry.value);
                    let text = format!("{PREFIX} {kind} into Go struct field .{name} of type string");
                    return Err((text, entry.value.place));
                }
            }
        }
        Ok(written)
    };
    let (api_version, name) = (field("apiVersion")?, field("kind")?);
    if api_version.matches('/').count() > 1 {
        let place = root.get("apiVersion").map_or(root.place, |n| n.place);
        return Err((format!("unexpected GroupVersion string: {api_version}"), place));
    }
    let own = kind.api_version();
    let api_version = match api_version {
        "" | "/" => &own,
        // A group without a version takes the endpoint's version.
        group if group.ends_with('/') && group.trim_end_matches('/') == kind.group => &own,
        other => other,
    };
    Ok(Gvk::of(api_version, if name.is_empty() { kind.name } else { name }))
}

/// Duplicate keys, then unknown fields, in one text.
fn strict_errors(
    gvk: &Gvk,
    kind: &Kind,
    root: &Node,
    duplicates: &[Duplicate],
    unknown: &[Unknown],
) -> Refusal {
    let mut texts = Vec::new();
    let mut problems = Vec::new();
    if !duplicates.is_empty() {
        let lines: Vec<_> = duplicates.iter().map(|d| format!("  line {}: {}", d.line, d.text)).collect();
        texts.push(format!("yaml: unmarshal errors:\n{}", lines.join("\n")));
        problems.extend(duplicates.iter().map(|d| Problem {
            reason: "BadRequest",
            field: String::new(),
            message: d.text.clone(),
            place: Some(d.place),
            hint: Some("the later one would win; remove one of them".to_owned()),
        }));
    }
    for field in unknown {
        let text = format!("unknown field {}", go::quote(&field.field));
        problems.push(Problem {
            reason: "BadRequest",
            field: field.field.clone(),
            message: text.clone(),
            place: Some(field.place),
            hint: hints::unknown(field, root, kind.schema()),
        });
        texts.push(text);
    }
    let message = format!(
        "{} in version {} cannot be handled as a {}: strict decoding error: {}",
        gvk.kind,
        go::quote(&gvk.version),
        kind.name,
        texts.join(", ")
    );
    Refusal { code: 400, reason: "BadRequest", message, problems }
}
