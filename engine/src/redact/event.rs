//! Events from one dictionary to another, in which names are pseudonyms.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::pseudonyms::Pseudonyms;
use super::{Glob, Rules, manifest};
use crate::event::{Body, Event};
use crate::names::{
    DocId, Names, NodeId, NodeSpec, NodeSpecId, ObjectId, ObjectKey, PodShape, ResourceList, ResourcesId,
    ShapeId, Sym, Taint, sym,
};

/// Names that everybody knows, and on which Kubernetes' behaviour depends.
const KEPT: [&str; 13] = [
    "",
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "default-scheduler",
    "system-node-critical",
    "system-cluster-critical",
    "metadata.name",
    "spec.nodeName",
    "Exists",
    "true",
    "false",
];

/// Texts by what they are.
pub(super) struct Texts<'a> {
    rules: &'a Rules,
    pub pseudonyms: Pseudonyms,
}

impl Texts<'_> {
    /// A name.
    pub fn name(&mut self, text: &str) -> String {
        self.mapped(text, &self.rules.names)
    }

    /// A label's or taint's key.
    pub fn label_key(&mut self, text: &str) -> String {
        let domain = text.split_once('/').map_or("", |(domain, _)| domain);
        let own =
            ["kubernetes.io", "k8s.io"].iter().any(|d| domain == *d || domain.ends_with(&format!(".{d}")));
        let made = [sym::REVISION_HASH_LABEL, sym::TEMPLATE_GENERATION_LABEL].map(well_known);
        if own || made.contains(&text) { text.to_owned() } else { self.mapped(text, &self.rules.label_keys) }
    }

    /// A label's or taint's value.
    pub fn label_value(&mut self, text: &str) -> String {
        if text.parse::<i64>().is_ok() {
            text.to_owned()
        } else {
            self.mapped(text, &self.rules.label_values)
        }
    }

    fn mapped(&mut self, text: &str, globs: &[Glob]) -> String {
        if KEPT.contains(&text) || !globs.iter().any(|glob| glob.matches(text)) {
            return text.to_owned();
        }
        self.pseudonyms.of(text)
    }

    /// A text of which nothing is left but whether it is the same as another.
    pub fn digest(&mut self, text: &str) -> String {
        self.pseudonyms.digest(text)
    }

    /// A sentence, in which names that have pseudonyms are replaced; one that is made of one is, too.
    fn sentence(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            // A full stop ends a sentence as it ends no name.
            let bare = word.trim_end_matches('.');
            out.push_str(&self.word(bare));
            out.push_str(&word[bare.len()..]);
            let next = after.find(is_part).unwrap_or(after.len());
            out.push_str(&after[..next]);
            rest = &after[next..];
        }
        out
    }

    /// A name, or one that was made from a name: `fluentd-x7k2p`, `web-5d4f8c-x7k2p`.
    fn word(&self, word: &str) -> String {
        let mut from = word;
        while !from.is_empty() {
            if let Some(pseudonym) = self.pseudonyms.known(from) {
                return format!("{pseudonym}{}", &word[from.len()..]);
            }
            from = from.rsplit_once('-').map_or("", |(before, _)| before);
        }
        word.to_owned()
    }
}

fn well_known(sym: Sym) -> &'static str {
    match sym {
        sym::REVISION_HASH_LABEL => "controller-revision-hash",
        _ => "pod-template-generation",
    }
}

/// Translates a log's events one batch after the other.
pub(super) struct Translator<'a> {
    texts: Texts<'a>,
    /// The new dictionary.
    pub to: Names,
    docs: FxHashMap<DocId, DocId>,
    shapes: FxHashMap<ShapeId, ShapeId>,
    specs: FxHashMap<NodeSpecId, NodeSpecId>,
    /// Owners of pods whose names follow from theirs.
    objects: FxHashMap<ObjectId, ObjectId>,
}

impl<'a> Translator<'a> {
    pub fn new(rules: &'a Rules, pseudonyms: Pseudonyms) -> Translator<'a> {
        Translator {
            texts: Texts { rules, pseudonyms },
            to: Names::new(),
            docs: FxHashMap::default(),
            shapes: FxHashMap::default(),
            specs: FxHashMap::default(),
            objects: FxHashMap::default(),
        }
    }

    /// The texts, when all events were translated.
    pub fn into_pseudonyms(self) -> Pseudonyms {
        self.texts.pseudonyms
    }

    pub fn pseudonyms(&self) -> &Pseudonyms {
        &self.texts.pseudonyms
    }

    pub fn translate(&mut self, from: &Names, events: &[Event]) -> Vec<Event> {
        events.iter().map(|event| self.event(from, event)).collect()
    }

    fn event(&mut self, from: &Names, event: &Event) -> Event {
        let by = self.user(from.text(event.by));
        Event { by, body: self.body(from, event.body), ..*event }
    }

    /// `system:node:worker-1` has a name at its end, `system:kube-scheduler` is everybody's, `jane@example.com` is a name.
    fn user(&mut self, text: &str) -> Sym {
        let told = match text.strip_prefix("system:") {
            None => self.texts.name(text),
            Some(rest) => match rest.rsplit_once(':') {
                Some(("node", name)) => format!("system:node:{}", self.texts.name(name)),
                Some((before, name)) if !before.starts_with("serviceaccount:kube-") => {
                    let parts: Vec<String> = before
                        .split(':')
                        .map(
                            |part| if part == "serviceaccount" { part.into() } else { self.texts.name(part) },
                        )
                        .collect();
                    format!("system:{}:{}", parts.join(":"), self.texts.name(name))
                }
                _ => text.to_owned(),
            },
        };
        self.to.sym(&told)
    }

    fn kept(&mut self, from: &Names, sym: Sym) -> Sym {
        self.to.sym(from.text(sym))
    }

    fn name(&mut self, from: &Names, sym: Sym) -> Sym {
        let text = self.texts.name(from.text(sym));
        self.to.sym(&text)
    }

    fn key(&mut self, from: &Names, sym: Sym) -> Sym {
        let text = self.texts.label_key(from.text(sym));
        self.to.sym(&text)
    }

    fn value(&mut self, from: &Names, sym: Sym) -> Sym {
        let text = self.texts.label_value(from.text(sym));
        self.to.sym(&text)
    }

    fn sentence(&mut self, from: &Names, sym: Sym) -> Sym {
        let text = self.texts.sentence(from.text(sym));
        self.to.sym(&text)
    }

    fn node(&mut self, from: &Names, node: NodeId) -> NodeId {
        let name = self.name(from, from.node_sym(node));
        self.to.node(name)
    }

    fn object(&mut self, from: &Names, object: ObjectId) -> ObjectId {
        if let Some(known) = self.objects.get(&object) {
            return *known;
        }
        let ObjectKey { kind, namespace, name, incarnation } = from.object_key(object);
        let kind = self.kept(from, kind);
        let (namespace, name) = (self.name(from, namespace), self.name(from, name));
        let known = self.to.object(ObjectKey { kind, namespace, name, incarnation });
        self.objects.insert(object, known);
        known
    }

    fn doc(&mut self, from: &Names, doc: DocId) -> DocId {
        if let Some(known) = self.docs.get(&doc) {
            return *known;
        }
        let text = from.doc_text(doc);
        // A document that is no JSON was never a manifest; nothing of it is of use.
        let mut value = serde_json::from_str(text).unwrap_or(Value::Null);
        manifest::document(&mut self.texts, &mut value);
        let known = self.to.doc(&value.to_string());
        self.docs.insert(doc, known);
        known
    }

    fn shape(&mut self, from: &Names, shape: ShapeId) -> ShapeId {
        if let Some(known) = self.shapes.get(&shape) {
            return *known;
        }
        let PodShape { doc, revision_hash, template_generation } = from.pod_shape(shape);
        let (doc, revision_hash) = (self.doc(from, doc), self.kept(from, revision_hash));
        let known = self.to.shape(PodShape { doc, revision_hash, template_generation });
        self.shapes.insert(shape, known);
        known
    }

    fn spec(&mut self, from: &Names, spec: NodeSpecId) -> NodeSpecId {
        if let Some(known) = self.specs.get(&spec) {
            return *known;
        }
        let NodeSpec { labels, taints, unschedulable, allocatable } = from.node_spec_of(spec).clone();
        let labels =
            labels.iter().map(|&(key, value)| (self.key(from, key), self.value(from, value))).collect();
        let taints = taints.iter().map(|taint| self.taint(from, *taint)).collect();
        let allocatable = allocatable.map(|list| self.resources(from, list));
        let known = self.to.node_spec(NodeSpec { labels, taints, unschedulable, allocatable });
        self.specs.insert(spec, known);
        known
    }

    fn resources(&mut self, from: &Names, list: ResourcesId) -> ResourcesId {
        let amounts =
            from.resource_list(list).0.iter().map(|&(name, amount)| (self.kept(from, name), amount));
        let amounts = ResourceList(amounts.collect());
        self.to.resources(amounts)
    }

    fn taint(&mut self, from: &Names, taint: Taint) -> Taint {
        Taint { key: self.key(from, taint.key), value: self.value(from, taint.value), effect: taint.effect }
    }

    fn body(&mut self, from: &Names, mut body: Body) -> Body {
        match &mut body {
            Body::NodeJoined { node, spec, .. } => {
                (*node, *spec) = (self.node(from, *node), self.spec(from, *spec));
            }
            Body::NodeLeft { node }
            | Body::NodeCordoned { node }
            | Body::NodeUncordoned { node }
            | Body::NodeSilent { node }
            | Body::NodeReturned { node } => *node = self.node(from, *node),
            Body::NodeLabelSet { node, key, value } => {
                *node = self.node(from, *node);
                (*key, *value) = (self.key(from, *key), self.value(from, *value));
            }
            Body::NodeLabelRemoved { node, key } | Body::NodeTaintRemoved { node, key, .. } => {
                (*node, *key) = (self.node(from, *node), self.key(from, *key));
            }
            Body::NodeTaintAdded { node, taint } => {
                (*node, *taint) = (self.node(from, *node), self.taint(from, *taint));
            }
            Body::NodeCapacitySet { node, allocatable } => {
                (*node, *allocatable) = (self.node(from, *node), self.resources(from, *allocatable));
            }
            Body::NodeConditionSet { node, condition, reason, .. } => {
                *node = self.node(from, *node);
                (*condition, *reason) = (self.kept(from, *condition), self.sentence(from, *reason));
            }
            Body::PodLabelSet { key, value, .. } => {
                (*key, *value) = (self.key(from, *key), self.value(from, *value));
            }
            Body::PodLabelRemoved { key, .. } => *key = self.key(from, *key),
            Body::PodBound { node, .. } => *node = self.node(from, *node),
            Body::PodNominated { node, .. } => *node = node.map(|node| self.node(from, node)),
            Body::PodUnschedulable { message, .. } => *message = self.sentence(from, *message),
            Body::PodPhaseSet { reason, .. } => *reason = self.sentence(from, *reason),
            Body::PodConditionSet { .. } | Body::PodRestarted { .. } | Body::PodGone { .. } => {}
            Body::PodDeleted { .. } | Body::PodReleased { .. } => {}
            Body::RevisionNumbered { .. } | Body::RevisionReleased { .. } | Body::RevisionDeleted { .. } => {}
            Body::RevisionLabelled { hash, .. } => *hash = self.kept(from, *hash),
            _ => self.about_object(from, &mut body),
        }
        body
    }

    fn about_object(&mut self, from: &Names, body: &mut Body) {
        match body {
            Body::Applied { object, manifest } => {
                (*object, *manifest) = (self.object(from, *object), self.doc(from, *manifest));
            }
            Body::Scaled { object, .. }
            | Body::DeleteRequested { object, .. }
            | Body::ObjectRemoved { object }
            | Body::RolloutUndone { object, .. }
            | Body::StatusWritten { object, .. }
            | Body::Synced { object } => *object = self.object(from, *object),
            Body::PodAdopted { owner, .. } | Body::RevisionAdopted { owner, .. } => {
                *owner = self.object(from, *owner);
            }
            Body::PodCreated { owner, node, name, namespace, shape, .. } => {
                *owner = owner.map(|owner| self.object(from, owner));
                *node = node.map(|node| self.node(from, node));
                (*name, *namespace) = (self.name(from, *name), self.name(from, *namespace));
                *shape = self.shape(from, *shape);
            }
            Body::PodRefused { owner, node, reason } => {
                *owner = self.object(from, *owner);
                *node = node.map(|node| self.node(from, node));
                *reason = self.sentence(from, *reason);
            }
            Body::RevisionCreated { owner, namespace, name, hash, template, .. } => {
                *owner = owner.map(|owner| self.object(from, owner));
                (*namespace, *name) = (self.name(from, *namespace), self.name(from, *name));
                (*hash, *template) = (self.kept(from, *hash), self.doc(from, *template));
            }
            Body::Reported { object, node, reason, message } => {
                *object = self.object(from, *object);
                *node = node.map(|node| self.node(from, node));
                (*reason, *message) = (self.kept(from, *reason), self.sentence(from, *message));
            }
            // Everything else is translated by the caller.
            _ => {}
        }
    }
}
