//! Manifests that a person applies: read, admitted as the API server would, and made into events.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Body;
use kubetape_engine::manifest::{self, Document, Refusal};
use kubetape_engine::names::{DocId, Names, ObjectId, ObjectKey, PodShape, Sym, sym};
use kubetape_engine::time::Time;
use serde_json::{Map, Value};

use crate::error::{CliError, snippet};
use crate::kinds;

/// The documents of some files, in order.
pub struct Manifests {
    documents: Vec<Document>,
    /// Texts of the files, to show lines of.
    texts: BTreeMap<String, String>,
}

/// What applying a document comes to.
pub struct Deed {
    /// `daemonset.apps/fluentd created`.
    pub line: String,
    /// What the API server would warn of.
    pub warnings: Vec<String>,
    /// The event; `None` if nothing changes.
    pub body: Option<Body>,
}

/// All of what applying comes to.
#[derive(Default)]
pub struct Deeds {
    /// One a document.
    pub deeds: Vec<Deed>,
    /// Objects that a simulation has no use for, by kind.
    pub skipped: BTreeMap<String, usize>,
}

impl Deeds {
    /// All of it in lines for people.
    pub fn lines(&self) -> Vec<String> {
        let deeds = self.deeds.iter().flat_map(|deed| {
            let warnings = deed.warnings.iter().map(|warning| format!("warning: {warning}"));
            std::iter::once(deed.line.clone()).chain(warnings)
        });
        deeds.chain(self.skipped_line()).collect()
    }

    /// What was passed over, if anything was.
    pub fn skipped_line(&self) -> Option<String> {
        let kinds: Vec<_> = self.skipped.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        (!kinds.is_empty())
            .then(|| format!("skipped what placement does not depend on: {}", kinds.join(", ")))
    }
}

impl Manifests {
    /// Reads files; `-` is standard input.
    ///
    /// # Errors
    /// A file cannot be read, or there is no document in any.
    pub fn read(files: &[PathBuf]) -> Result<Self, CliError> {
        let mut manifests = Manifests { documents: Vec::new(), texts: BTreeMap::new() };
        for path in files {
            let (name, bytes) = read(path)?;
            let decoded = manifest::decode(&name, &bytes);
            if decoded.documents.is_empty() {
                return Err(CliError::new("there is no manifest in it")
                    .at(name)
                    .hint("a manifest has `apiVersion`, `kind` and `metadata`"));
            }
            manifests.documents.extend(decoded.documents);
            manifests.texts.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(manifests)
    }

    /// Admits all documents, each after what those before it change. Nothing is changed here.
    ///
    /// # Errors
    /// The API server would refuse a document.
    pub fn admit(
        &self,
        cluster: &Cluster,
        names: &mut Names,
        namespace: &str,
        now: Time,
    ) -> Result<Deeds, CliError> {
        let mut admission = Admission { cluster, names, namespace, now, fresh: BTreeMap::new() };
        let mut deeds = Deeds::default();
        for document in &self.documents {
            if document.tree().is_some() && document.kind.is_empty() {
                return Err(CliError::new("a document without `kind`")
                    .at(place(document))
                    .hint("every Kubernetes object has `apiVersion`, `kind` and `metadata.name`"));
            }
            if document.tree().is_some() && !document.is_known() && !is_close(document) {
                *deeds.skipped.entry(document.kind.clone()).or_default() += 1;
                continue;
            }
            deeds.deeds.push(self.one(document, &mut admission)?);
        }
        Ok(deeds)
    }

    fn one(&self, document: &Document, admission: &mut Admission<'_>) -> Result<Deed, CliError> {
        let refuse = |what: &str, hint: &str| Err(CliError::new(what).at(place(document)).hint(hint));
        match document.kind.as_str() {
            "Node" => refuse("nodes are not applied", "let it join: kubetape node join FILE NAME --labels …"),
            "ControllerRevision" => {
                refuse("ControllerRevisions are the controller's, and are not applied", "apply the DaemonSet")
            }
            _ => admission.admit(document).map_err(|refusal| self.refused(document, &refusal)),
        }
    }

    /// The API server's refusal, with the places that it means.
    fn refused(&self, document: &Document, refusal: &Refusal) -> CliError {
        let mut error = CliError::new(refusal.message.clone());
        let first = refusal.problems.iter().find_map(|problem| problem.place).unwrap_or(document.place);
        error = error.at(format!("{}:{}:{}", document.source, first.line, first.column));
        let text = self.texts.get(&document.source).map_or("", String::as_str);
        let places = refusal.problems.iter().filter_map(|problem| Some((problem.place?, problem)));
        let mut shown = String::new();
        for (place, problem) in places.take(10) {
            shown += &snippet(text, place.line, place.column, place.width, &problem.message);
        }
        if !shown.is_empty() {
            error = error.snippet(shown);
        }
        match refusal.problems.iter().find_map(|problem| problem.hint.as_deref()) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

fn read(path: &Path) -> Result<(String, Vec<u8>), CliError> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes);
        read.map_err(|e| CliError::file("read", Path::new("standard input"), &e))?;
        return Ok(("standard input".to_owned(), bytes));
    }
    let bytes = std::fs::read(path).map_err(|e| CliError::file("read", path, &e))?;
    Ok((path.display().to_string(), bytes))
}

fn place(document: &Document) -> String {
    format!("{}:{}:{}", document.source, document.place.line, document.place.column)
}

/// Whether a document is of a kind that a simulation needs, with a version or spelling that is not known: better
/// refused than skipped.
fn is_close(document: &Document) -> bool {
    kinds::SIMULATED.iter().any(|kind| kind.eq_ignore_ascii_case(&document.kind))
}

/// A request to the API server that is being thought through.
struct Admission<'a> {
    cluster: &'a Cluster,
    names: &'a mut Names,
    namespace: &'a str,
    now: Time,
    /// What documents before this one have made of objects.
    fresh: BTreeMap<ObjectKey, (ObjectId, DocId, i64)>,
}

impl Admission<'_> {
    fn admit(&mut self, document: &Document) -> Result<Deed, Refusal> {
        let kind = kinds::find(&document.kind);
        let namespaced = kind.is_none_or(|kind| kind.namespaced);
        let namespace = match (namespaced, document.namespace.as_str()) {
            (false, _) => "",
            (true, "") => self.namespace,
            (true, namespace) => namespace,
        };
        let key = (self.names.sym(&document.kind), self.names.sym(namespace), self.names.sym(&document.name));
        let previous = self.previous(key);
        let admitted = manifest::admit(document, previous.as_ref().map(|p| &p.2), namespace)?;
        let warnings = admitted.warnings;
        let subject = match kind {
            Some(kind) => format!("{}/{}", kind.qualified(), document.name),
            None => format!("{}/{}", document.kind, document.name),
        };
        if key.0 == sym::POD && self.has_pod(key.1, &document.name) {
            return Ok(Deed {
                line: format!("{subject} exists already, and is left as it is"),
                warnings,
                body: None,
            });
        }
        if key.0 == sym::POD {
            let body = self.pod(&admitted.object, key.1, key.2);
            return Ok(Deed { line: format!("{subject} created"), warnings, body: Some(body) });
        }
        let (doc, generation) = self.store(admitted.object);
        let (word, object) = match previous {
            Some((object, before, _)) if before == doc => ("unchanged", object),
            Some((object, ..)) => ("configured", object),
            None => ("created", self.names.object(self.cluster.next_key(key.0, key.1, key.2))),
        };
        self.fresh.insert(self.names.object_key(object), (object, doc, generation));
        let body = (word != "unchanged").then_some(Body::Applied { object, manifest: doc });
        Ok(Deed { line: format!("{subject} {word}"), warnings, body })
    }

    fn has_pod(&self, namespace: Sym, name: &str) -> bool {
        let mut pods = self.cluster.pods().filter(|(_, pod)| pod.namespace == namespace);
        pods.any(|(id, _)| self.cluster.pod_name(id, self.names) == name)
    }

    /// The object as it is stored, with its generation as it is now.
    fn previous(&self, (kind, namespace, name): (Sym, Sym, Sym)) -> Option<(ObjectId, DocId, Value)> {
        let made = self.fresh.iter().find(|(k, _)| (k.kind, k.namespace, k.name) == (kind, namespace, name));
        let (object, doc, generation) = match made {
            Some((_, fresh)) => *fresh,
            None => {
                let object = self.cluster.find_object(kind, namespace, name)?;
                (object.id, object.manifest, object.generation)
            }
        };
        let mut value: Value = serde_json::from_str(self.names.doc_text(doc)).unwrap_or_default();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("generation".to_owned(), generation.into());
        }
        Some((object, doc, value))
    }

    /// Keeps an admitted object as logs keep it: all of it but its status.
    fn store(&mut self, mut object: Value) -> (DocId, i64) {
        if let Some(object) = object.as_object_mut() {
            object.remove("status");
        }
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(1);
        (self.names.doc(&object.to_string()), generation)
    }

    /// A pod without owner.
    fn pod(&mut self, object: &Value, namespace: Sym, name: Sym) -> Body {
        let mut metadata = Map::new();
        for field in ["labels", "annotations"] {
            if let Some(value) = object.pointer(&format!("/metadata/{field}")) {
                metadata.insert(field.to_owned(), value.clone());
            }
        }
        let node = object.pointer("/spec/nodeName").and_then(Value::as_str).filter(|name| !name.is_empty());
        let node = node.map(|name| {
            let name = self.names.sym(name);
            self.names.node(name)
        });
        let mut spec = object.get("spec").cloned().unwrap_or_default();
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("nodeName");
        }
        let doc = serde_json::json!({ "metadata": metadata, "spec": spec });
        let doc = self.names.doc(&doc.to_string());
        let shape = self.names.shape(PodShape { doc, revision_hash: Sym::EMPTY, template_generation: None });
        Body::PodCreated {
            pod: self.cluster.next_pod(),
            owner: None,
            node,
            ordinal: 0,
            name,
            namespace,
            shape,
            created: self.now.api_seconds(),
        }
    }
}
