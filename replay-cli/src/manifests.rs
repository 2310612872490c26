//! Manifests that a person applies: read, judged as the API server would, and made into events.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use kubetape_engine::apply::{self, ApplyRefused, Rejected, Verb};
use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Body;
use kubetape_engine::manifest::{self, Decoded, Document, Problem, snippet};
use kubetape_engine::names::{Names, ObjectId};

use crate::error::CliError;
use crate::kinds;

/// The documents of some files, in order.
pub struct Manifests {
    decoded: Decoded,
    /// Texts of the files, to show lines of.
    texts: BTreeMap<String, String>,
    /// Objects that a simulation has no use for, by kind.
    skipped: BTreeMap<String, usize>,
}

/// What applying comes to.
pub struct Deeds {
    /// The events.
    pub bodies: Vec<Body>,
    /// `daemonset.apps/fluentd created`, one a document.
    pub lines: Vec<String>,
    /// What the API server would warn of, and what was passed over.
    pub remarks: Vec<String>,
}

impl Manifests {
    /// Reads files; `-` is standard input.
    ///
    /// # Errors
    /// A file cannot be read, holds no document, or one without kind.
    pub fn read(files: &[PathBuf]) -> Result<Self, CliError> {
        let mut manifests =
            Manifests { decoded: Decoded::default(), texts: BTreeMap::new(), skipped: BTreeMap::new() };
        for path in files {
            let (name, bytes) = read(path)?;
            let decoded = manifest::decode(&name, &bytes);
            if decoded.documents.is_empty() {
                return Err(CliError::new("there is no manifest in it")
                    .at(name)
                    .hint("a manifest has `apiVersion`, `kind` and `metadata`"));
            }
            for document in decoded.documents {
                manifests.take(document)?;
            }
            manifests.texts.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(manifests)
    }

    fn take(&mut self, document: Document) -> Result<(), CliError> {
        let readable = document.tree().is_some();
        if readable && document.kind.is_empty() {
            let Document { source, place, .. } = document;
            return Err(CliError::new("a document without `kind`")
                .at(format!("{source}:{}:{}", place.line, place.column))
                .hint("every Kubernetes object has `apiVersion`, `kind` and `metadata.name`"));
        }
        // A kind that a simulation needs is judged even if its version or spelling is not known.
        let needed = kinds::SIMULATED.iter().any(|kind| kind.eq_ignore_ascii_case(&document.kind));
        if readable && !document.is_known() && !needed {
            *self.skipped.entry(document.kind).or_default() += 1;
        } else {
            self.decoded.documents.push(document);
        }
        Ok(())
    }

    /// Judges all documents against a cluster. Nothing is changed here.
    ///
    /// # Errors
    /// The API server would refuse a document.
    pub fn admit(&self, namespace: &str, cluster: &Cluster, names: &mut Names) -> Result<Deeds, CliError> {
        let applied = apply::apply(&self.decoded, namespace, cluster, names);
        let applied = applied.map_err(|refused| self.refused(refused))?;
        let lines = applied.outcomes.iter().map(|outcome| {
            let done = match outcome.verb {
                Verb::Created => "created",
                Verb::Configured => "configured",
                Verb::Unchanged => "unchanged",
            };
            format!("{} {done}", subject(outcome.object, names))
        });
        let mut remarks: Vec<_> = applied.warnings.iter().map(|w| format!("warning: {w}")).collect();
        if !self.skipped.is_empty() {
            let kinds: Vec<_> = self.skipped.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            remarks.push(format!("skipped what placement does not depend on: {}", kinds.join(", ")));
        }
        Ok(Deeds { lines: lines.collect(), bodies: applied.bodies, remarks })
    }

    fn refused(&self, refused: ApplyRefused) -> CliError {
        match refused {
            ApplyRefused::Refused(rejected) => self.rejected(&rejected),
            ApplyRefused::Empty { source_name } => {
                CliError::new("there is no manifest in it").at(source_name)
            }
            ApplyRefused::NotApplicable { source_name, kind, line } => {
                let hint = match kind.as_str() {
                    "Node" => "let it join: `kubetape node join FILE NAME --labels KEY=VALUE`",
                    _ => "apply what owns it: pods are made by their controllers",
                };
                CliError::new(format!("a {kind} cannot be applied to a log"))
                    .at(format!("{source_name}:{line}"))
                    .hint(hint)
            }
        }
    }

    /// The API server's refusals, with the places that they mean.
    fn rejected(&self, rejected: &[Rejected]) -> CliError {
        let message: Vec<_> = rejected.iter().map(|r| r.refusal.message.as_str()).collect();
        let mut error = CliError::new(message.join("\n"));
        let problems = || rejected.iter().flat_map(|r| r.refusal.problems.iter().map(|p| (&r.source, p)));
        let mut shown = String::new();
        let placed = problems().filter_map(|(source, problem)| Some((source, problem, problem.place?)));
        for (index, (source, problem, place)) in placed.take(10).enumerate() {
            if index == 0 {
                error = error.at(format!("{source}:{}:{}", place.line, place.column));
            }
            let text = self.texts.get(source).map_or("", String::as_str);
            let Problem { message, .. } = problem;
            let lines = snippet(text, place);
            // Why it is wrong stands beside the caret.
            let lines =
                lines.strip_suffix('\n').map(|lines| format!("{lines} {message}")).unwrap_or_default();
            lines.lines().for_each(|line| shown += &format!("  {line}\n"));
        }
        if !shown.is_empty() {
            error = error.snippet(shown);
        }
        match problems().find_map(|(_, problem)| problem.hint.as_deref()) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// `daemonset.apps/fluentd`.
fn subject(object: ObjectId, names: &Names) -> String {
    let key = names.object_key(object);
    let (kind, name) = (names.text(key.kind), names.text(key.name));
    match kinds::find(kind) {
        Some(kind) => format!("{}/{name}", kind.qualified()),
        None => format!("{}/{name}", kind.to_ascii_lowercase()),
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
