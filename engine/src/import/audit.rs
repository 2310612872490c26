//! The API server's audit log: who wrote what, looked up by what a watch saw.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::actor::Actor;
use super::decode::{Context, Decoder, Whole};
use super::error::ImportError;
use super::sighting::{Refusal, Seen, Sighting, View};
use super::wire::{AuditJson, Metadata, Object, number_of};
use crate::event::Propagation;
use crate::names::Sym;
use crate::time::{Micros, Time};

/// What a write does to an object, as far as that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    /// Update or patch of the object itself, or of its scale.
    Change,
    /// Update or patch of its status.
    Status,
    Bind,
    Delete,
    /// Deletion through the eviction API.
    Evict,
}

/// One write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub received: Time,
    pub done: Time,
    pub user: Sym,
    pub actor: Actor,
    pub act: Act,
    /// `metadata.resourceVersion` of the response; 0 if the log does not have it.
    pub version: u64,
    pub propagation: Option<Propagation>,
    taken: bool,
}

/// All writes, in order of their completion.
#[derive(Debug, Default)]
pub(super) struct AuditLog {
    writes: Vec<Write>,
    /// By kind and version.
    by_version: FxHashMap<(Sym, u64), u32>,
    /// By kind, namespace and name; the name is empty for creations whose name the server made up.
    by_name: FxHashMap<(Sym, Sym, Sym), Vec<u32>>,
}

/// A watch shows a write after it was received; clocks are read a little apart.
const SLACK: Micros = Micros::millis(100);
/// How long after its completion a write may show in a watch.
const DELAY: Micros = Micros::seconds(10);

impl AuditLog {
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    fn push(&mut self, kind: Sym, namespace: Sym, name: Sym, write: Write) {
        let index = self.writes.len() as u32;
        if write.version > 0 {
            // A write that changes nothing answers with the version that was there: the first is the maker.
            self.by_version.entry((kind, write.version)).or_insert(index);
        }
        self.by_name.entry((kind, namespace, name)).or_default().push(index);
        self.writes.push(write);
    }

    /// Puts writes in order of completion, in which a single log is but several together are not.
    pub fn finish(&mut self) {
        let writes = &self.writes;
        for list in self.by_name.values_mut() {
            list.sort_by_key(|i| writes[*i as usize].done);
        }
    }

    /// The write that made a version of an object, if it was of one of these acts.
    pub fn by_version(&self, kind: Sym, version: u64, acts: &[Act]) -> Option<Write> {
        let write = self.writes[*self.by_version.get(&(kind, version))? as usize];
        acts.contains(&write.act).then_some(write)
    }

    /// The write that a change seen as `version` at `at` came from, by name and time; among several the one whose
    /// actor is expected, then the latest. It is not given out again.
    pub fn by_name(
        &mut self,
        key: (Sym, Sym, Sym),
        (version, at): (u64, Time),
        acts: &[Act],
        expected: impl Fn(Actor) -> bool,
    ) -> Option<Write> {
        let list = self.by_name.get(&key)?;
        let end = list.partition_point(|i| self.writes[*i as usize].done <= at + DELAY);
        let mut best: Option<(bool, u32)> = None;
        for &index in list[..end].iter().rev() {
            let write = &self.writes[index as usize];
            if write.done + DELAY < at {
                break;
            }
            if write.received > at + SLACK {
                continue;
            }
            // What has a version would have been found by it, but for the steps of a write that takes several.
            let elsewhere = write.version > 0 && write.version <= version;
            if write.taken || elsewhere || !acts.contains(&write.act) {
                continue;
            }
            let wanted = expected(write.actor);
            if best.is_none_or(|(found, _)| wanted && !found) {
                best = Some((wanted, index));
            }
        }
        let (_, index) = best?;
        let write = &mut self.writes[index as usize];
        // An eviction shows twice: it marks the pod, then deletes it. A collection's deletion has many objects.
        write.taken = write.act != Act::Evict && !key.2.is_empty();
        Some(*write)
    }

    /// A creation under a name that the server made up, in a log that does not have the answer: the first one by
    /// an expected actor that nothing has been matched with.
    pub fn nameless_creation(
        &mut self,
        kind: Sym,
        namespace: Sym,
        at: Time,
        expected: impl Fn(Actor) -> bool,
    ) -> Option<Write> {
        let list = self.by_name.get_mut(&(kind, namespace, Sym::EMPTY))?;
        let writes = &mut self.writes;
        let position = list.iter().position(|i| {
            let write = &writes[*i as usize];
            write.act == Act::Create && expected(write.actor)
        })?;
        let index = list[position];
        if writes[index as usize].received > at + SLACK {
            return None;
        }
        list.remove(position);
        Some(writes[index as usize])
    }
}

/// The kinds that a simulation is made of, by their resource's name.
const RESOURCES: [(&str, &str); 12] = [
    ("nodes", "Node"),
    ("pods", "Pod"),
    ("daemonsets", "DaemonSet"),
    ("replicasets", "ReplicaSet"),
    ("deployments", "Deployment"),
    ("statefulsets", "StatefulSet"),
    ("jobs", "Job"),
    ("cronjobs", "CronJob"),
    ("controllerrevisions", "ControllerRevision"),
    ("namespaces", "Namespace"),
    ("priorityclasses", "PriorityClass"),
    ("poddisruptionbudgets", "PodDisruptionBudget"),
];

impl AuditLog {
    /// Takes one line. Where nothing watches a kind, the server's answers stand in for a watch.
    pub fn line(
        &mut self,
        decoder: &mut Decoder,
        context: &Context,
        line: &AuditJson,
        watched: &dyn Fn(Sym) -> bool,
    ) -> Result<(), ImportError> {
        if line.stage.as_deref() != Some("ResponseComplete") {
            decoder.report.drop_one("audit: not a completed request");
            return Ok(());
        }
        let verb = line.verb.as_deref().unwrap_or_default();
        if !matches!(verb, "create" | "update" | "patch" | "delete" | "deletecollection") {
            decoder.report.drop_one("audit: read");
            return Ok(());
        }
        let Some(target) = &line.object_ref else {
            decoder.report.drop_one("audit: not about an object");
            return Ok(());
        };
        let resource = target.resource.as_deref().unwrap_or_default();
        let Some((_, kind)) = RESOURCES.iter().find(|known| known.0 == resource) else {
            decoder.report.drop_one(match resource {
                "events" => "audit: API Event",
                "leases" => "audit: Lease",
                _ => "audit: other resource",
            });
            return Ok(());
        };
        let subresource = target.subresource.as_deref().unwrap_or_default();
        let act = match (verb, subresource) {
            ("create", "") => Act::Create,
            ("create", "binding") => Act::Bind,
            ("create", "eviction") => Act::Evict,
            ("create", _) => {
                decoder.report.drop_one("audit: other subresource");
                return Ok(());
            }
            ("delete" | "deletecollection", _) => Act::Delete,
            (_, "status") => Act::Status,
            _ => Act::Change,
        };
        self.write(decoder, context, line, (kind, act), watched)
    }

    fn write(
        &mut self,
        decoder: &mut Decoder,
        context: &Context,
        line: &AuditJson,
        (kind, act): (&'static str, Act),
        watched: &dyn Fn(Sym) -> bool,
    ) -> Result<(), ImportError> {
        let user = line.impersonated_user.as_ref().or(line.user.as_ref());
        let user = user.and_then(|user| user.username.as_deref()).unwrap_or_default();
        let actor = Actor::of(user, line.user_agent.as_deref().unwrap_or_default());
        let (received, done) = times(context, line)?;
        if code(line) >= 300 {
            decoder.report.drop_one("audit: refused request");
            if kind == "Pod" && act == Act::Create {
                decoder.refusal(context, line, actor, user, done);
            }
            return Ok(());
        }
        let response: Option<Object> =
            line.response_object.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let answered = response.as_ref().and_then(|o| o.metadata);
        let answered: Option<Metadata> = answered.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let version =
            answered.as_ref().and_then(|m| m.resource_version.as_deref()?.parse().ok()).unwrap_or(0);
        let target = line.object_ref.as_ref();
        let name = target.and_then(|t| t.name.as_deref()).filter(|name| !name.is_empty());
        let name = name.or(answered.as_ref().and_then(|m| m.name.as_deref())).unwrap_or_default();
        let namespace = target.and_then(|t| t.namespace.as_deref()).unwrap_or_default();
        let write = Write {
            received,
            done,
            user: decoder.names.sym(user),
            actor,
            act,
            version,
            propagation: if act == Act::Delete { propagation(line) } else { None },
            taken: false,
        };
        let kind_sym = decoder.names.sym(kind);
        let (namespace_sym, name_sym) = (decoder.names.sym(namespace), decoder.names.sym(name));
        self.push(kind_sym, namespace_sym, name_sym, write);
        if watched(kind_sym) {
            return Ok(());
        }
        let (Some(response), Some(answered), Some(raw)) = (response, answered, line.response_object) else {
            decoder.report.drop_one("audit: write without its answer (level Metadata)");
            return Ok(());
        };
        let context = Context {
            arrived: Some(done),
            seen: Seen::Written,
            whole: Whole::Object(raw.get().as_bytes()),
            ..*context
        };
        if response.kind.as_deref() == Some(kind) && (act != Act::Delete || stays(&answered)) {
            return decoder.object(context, &response);
        }
        if act == Act::Delete {
            decoder.written_away(&context, (kind_sym, namespace_sym, name_sym), &answered, raw.get());
        }
        Ok(())
    }
}

/// Whether an object that was deleted is there until something else is done.
fn stays(answered: &Metadata) -> bool {
    answered.deletion_timestamp.is_some()
        && (answered.finalizers.as_ref().is_some_and(|list| !list.is_empty())
            || number_of(answered.deletion_grace_period_seconds).unwrap_or(0) > 0)
}

fn times(context: &Context, line: &AuditJson) -> Result<(Time, Time), ImportError> {
    let parse = |text: Option<&str>, field: &str| {
        Time::parse(text.unwrap_or_default()).map_err(|e| ImportError::BadField {
            place: context.place(),
            what: format!("audit event, field {field}"),
            reason: e.to_string(),
        })
    };
    let done = parse(line.stage_timestamp.as_deref(), "stageTimestamp")?;
    let received = match line.request_received_timestamp.as_deref() {
        Some(text) => parse(Some(text), "requestReceivedTimestamp")?,
        None => done,
    };
    Ok((received, done))
}

fn code(line: &AuditJson) -> i64 {
    let status: Option<Value> = line.response_status.and_then(|raw| serde_json::from_str(raw.get()).ok());
    status.as_ref().and_then(|status| status.get("code")).and_then(Value::as_i64).unwrap_or(200)
}

fn propagation(line: &AuditJson) -> Option<Propagation> {
    let options: Value = serde_json::from_str(line.request_object?.get()).ok()?;
    match options.get("propagationPolicy")?.as_str()? {
        "Foreground" => Some(Propagation::Foreground),
        "Orphan" => Some(Propagation::Orphan),
        "Background" => Some(Propagation::Background),
        _ => None,
    }
}

impl Decoder<'_> {
    /// A deletion that the audit log alone knows of.
    fn written_away(
        &mut self,
        context: &Context,
        (kind, namespace, name): (Sym, Sym, Sym),
        answered: &Metadata,
        raw: &str,
    ) {
        let status: Option<Value> = serde_json::from_str(raw).ok();
        let detail = status.as_ref().and_then(|s| s.pointer("/details/uid")).and_then(Value::as_str);
        let Some(uid) = answered.uid.as_deref().or(detail) else {
            self.report.drop_one("audit: deletion that does not say of which incarnation");
            return;
        };
        let uid = self.tables.uid(uid);
        self.sightings.push(Sighting {
            version: answered.resource_version.as_deref().and_then(|v| v.parse().ok()).unwrap_or(0),
            arrived: context.arrived,
            newest: None,
            source: context.source,
            line: context.line,
            seen: Seen::WrittenAway,
            kind,
            namespace,
            name,
            uid,
            manifest: false,
            created: None,
            view: View::Nothing,
        });
    }

    fn refusal(&mut self, context: &Context, line: &AuditJson, actor: Actor, user: &str, done: Time) {
        let Some(pod) = line.request_object.and_then(|raw| serde_json::from_str::<Object>(raw.get()).ok())
        else {
            return;
        };
        let metadata = pod.metadata.and_then(|raw| serde_json::from_str::<Metadata>(raw.get()).ok());
        let Some(owner) = metadata.as_ref().and_then(|metadata| self.owner(metadata)) else { return };
        let node = pod.spec.and_then(|raw| super::decode::target_of(raw.get()));
        let status: Option<Value> = line.response_status.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let text = |field| status.as_ref().and_then(|s| s.get(field)).and_then(Value::as_str);
        let reason = text("reason").or(text("message")).unwrap_or("refused").to_owned();
        let namespace = line.object_ref.as_ref().and_then(|t| t.namespace.as_deref()).unwrap_or_default();
        let refusal = Refusal {
            owner,
            node: node.map(|node| self.names.sym(&node)),
            reason: self.names.sym(&reason),
            actor,
            user: self.names.sym(user),
        };
        let uid = self.tables.uid("");
        let kind = self.names.sym("PodRefused");
        let namespace = self.names.sym(namespace);
        self.sightings.push(Sighting {
            version: 0,
            arrived: Some(done),
            newest: None,
            source: context.source,
            line: context.line,
            seen: Seen::Written,
            kind,
            namespace,
            name: Sym::EMPTY,
            uid,
            manifest: false,
            created: None,
            view: View::Refusal(Box::new(refusal)),
        });
    }
}
