//! Reads sources: finds out by content what each is, and what each value in it is.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::audit::AuditLog;
use super::decode::{Context, Decoder, Evidence, Whole};
use super::error::{ImportError, Place};
use super::events_alone;
use super::json_stream::JsonStream;
use super::report::{Report, SourceKind, SourceReport};
use super::sighting::{Seen, Sighting, Tables};
use super::source::{Blocks, Source};
use super::wire::{AuditJson, Head, Object, WatchLine};
use super::yaml;
use crate::names::{Names, Sym, sym};
use crate::time::Time;

/// Everything that the sources say.
pub(super) struct Read {
    pub sightings: Vec<Sighting>,
    pub tables: Tables,
    pub evidence: Evidence,
    pub audit: AuditLog,
    pub report: Report,
}

/// A source that is open, with its first block.
struct Opened {
    blocks: Blocks,
    first: Vec<u8>,
    form: Form,
    index: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Audit,
    Yaml,
}

/// How many values pass between two reports of progress.
const PROGRESS_EVERY: u64 = 256;

/// Reads all sources. Audit logs are read last: what they say of objects matters only where nothing else does.
pub(super) fn read(
    sources: Vec<Source>,
    names: &mut Names,
    progress: &mut dyn FnMut(u64),
) -> Result<Read, ImportError> {
    if sources.is_empty() {
        return Err(ImportError::NoSource);
    }
    let mut opened = Vec::new();
    for (index, source) in sources.into_iter().enumerate() {
        opened.push(open(source, index)?);
    }
    let mut reader = Reader {
        decoder: Decoder::new(names),
        audit: AuditLog::default(),
        watched: FxHashSet::default(),
        bytes_before: 0,
    };
    let frame = |o: &Opened| SourceReport {
        name: o.blocks.name.clone(),
        kind: SourceKind::Objects,
        gzip: o.blocks.gzip,
        bytes: 0,
        lines: 0,
        values: 0,
    };
    reader.decoder.report.sources = opened.iter().map(frame).collect();
    opened.sort_by_key(|source| source.form == Form::Audit);
    for source in opened {
        if source.form == Form::Audit {
            reader.note_watched();
        }
        reader.source(source, progress)?;
    }
    reader.note_watched();
    reader.events_alone()?;
    let Reader { decoder, mut audit, watched, .. } = reader;
    let Decoder { tables, report, evidence, mut sightings, .. } = decoder;
    let written = |s: &Sighting| matches!(s.seen, Seen::Written | Seen::WrittenAway);
    sightings.retain(|s| !(written(s) && watched.contains(&s.kind)));
    audit.finish();
    Ok(Read { sightings, tables, evidence, audit, report })
}

fn open(source: Source, index: usize) -> Result<Opened, ImportError> {
    let mut blocks = Blocks::open(source)?;
    let name = blocks.name.clone();
    let first = match blocks.next()? {
        Some(first) if !first.trim_ascii().is_empty() => first,
        _ => return Err(ImportError::Empty { name }),
    };
    let form = detect(&name, &first)?;
    Ok(Opened { blocks, first, form, index })
}

/// What a source is, from its first block.
fn detect(name: &str, first: &[u8]) -> Result<Form, ImportError> {
    let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first).trim_ascii_start();
    if matches!(text.first(), Some(b'{' | b'[')) {
        let head = &text[..text.len().min(4096)];
        let audit = memchr::memmem::find(head, b"audit.k8s.io/").is_some();
        return Ok(if audit { Form::Audit } else { Form::Json });
    }
    let undetectable = |offset: usize, found: String, hint| {
        Err(ImportError::Undetectable { name: name.to_owned(), offset: offset as u64, found, hint })
    };
    if text.starts_with(b"PK\x03\x04") {
        return undetectable(0, "a zip archive".to_owned(), "unpack it and import the files in it");
    }
    let valid = match std::str::from_utf8(first) {
        Ok(text) => text,
        // A character may be cut in two by the block's end.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&first[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => {
            let at = error.valid_up_to();
            let found = format!("byte 0x{:02x}, binary data", first[at]);
            return undetectable(at, found, "expected text, or text compressed with gzip");
        }
    };
    if let Some(at) = valid.find('\0') {
        return undetectable(
            at,
            "a zero byte, binary data".to_owned(),
            "expected text, or text compressed with gzip",
        );
    }
    let is_key = |line: &str| {
        let line = line.strip_prefix("- ").unwrap_or(line);
        ["apiVersion:", "kind:", "items:", "metadata:"].iter().any(|key| line.starts_with(key))
    };
    if valid.lines().any(is_key) {
        return Ok(Form::Yaml);
    }
    let start: String = valid.trim_start().chars().take(24).collect();
    if start.starts_with("NAME") {
        return undetectable(
            0,
            format!("{start:?}"),
            "this is kubectl's table for people; record with `-o json`",
        );
    }
    undetectable(0, format!("it begins with {start:?}"), "record with `-o json` or `-o yaml`")
}

struct Reader<'n> {
    decoder: Decoder<'n>,
    audit: AuditLog,
    /// Kinds that a watch stream shows.
    watched: FxHashSet<Sym>,
    bytes_before: u64,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct At<'s> {
    name: &'s str,
    source: u16,
    line: u64,
}

impl At<'_> {
    fn place(&self) -> Place {
        Place { source: self.name.to_owned(), line: self.line }
    }
}

impl Reader<'_> {
    fn note_watched(&mut self) {
        let changes = |s: &&Sighting| matches!(s.seen, Seen::Added | Seen::Modified | Seen::Deleted);
        let kinds = self.decoder.sightings.iter().filter(changes).map(|s| s.kind);
        self.watched.extend(kinds);
    }

    /// Makes objects of what Events told, if there are no others.
    fn events_alone(&mut self) -> Result<(), ImportError> {
        let facts = std::mem::take(&mut self.decoder.facts);
        let has_objects = |s: &Sighting| matches!(s.kind, sym::NODE | sym::POD);
        if !self.audit.is_empty() || self.decoder.sightings.iter().any(has_objects) {
            return Ok(());
        }
        for shown in events_alone::objects(facts, &mut self.decoder.report) {
            let name = self.decoder.report.sources[usize::from(shown.source)].name.clone();
            let at = At { name: &name, source: shown.source, line: shown.line };
            let text = shown.object.to_string();
            let context = Context {
                source_name: at.name,
                source: at.source,
                line: at.line,
                seen: shown.seen,
                arrived: Some(shown.at),
                list_kind: "",
                whole: Whole::Object(text.as_bytes()),
            };
            let object: Object = serde_json::from_str(&text).map_err(|error| bad_json(&at, &error))?;
            self.decoder.object(context, &object)?;
        }
        Ok(())
    }

    fn source(&mut self, opened: Opened, progress: &mut dyn FnMut(u64)) -> Result<(), ImportError> {
        let Opened { blocks, first, form, index } = opened;
        let bytes = match form {
            Form::Json | Form::Audit => self.json(JsonStream::new(blocks, first), index, progress)?,
            Form::Yaml => self.yaml(blocks, first, index)?,
        };
        self.decoder.report.sources[index].bytes = bytes;
        self.bytes_before += bytes;
        progress(self.bytes_before);
        Ok(())
    }

    fn json(
        &mut self,
        mut stream: JsonStream,
        index: usize,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, ImportError> {
        let name = stream.blocks().name.clone();
        let mut values = 0;
        while let Some(mut value) = stream.next()? {
            let at = At { name: &name, source: index as u16, line: value.line };
            let mut kind = self.value(at, stream.bytes(&value));
            if matches!(kind, Err(Trouble::Json(_))) {
                // Not one whole object a line, after all.
                value = stream.widen(&value)?;
                kind = self.value(at, stream.bytes(&value));
            }
            let kind = kind.map_err(|trouble| match trouble {
                Trouble::Json(error) if error.is_eof() => ImportError::CutOff { place: at.place() },
                Trouble::Json(error) => bad_json(&at, &error),
                Trouble::Import(error) => *error,
            })?;
            if values == 0 {
                self.decoder.report.sources[index].kind = kind;
            }
            values += 1;
            if values % PROGRESS_EVERY == 0 {
                progress(self.bytes_before + stream.blocks().bytes_read());
            }
        }
        let report = &mut self.decoder.report.sources[index];
        (report.lines, report.values) = (stream.lines(), values);
        Ok(stream.blocks().bytes_read())
    }

    fn yaml(&mut self, mut blocks: Blocks, first: Vec<u8>, index: usize) -> Result<u64, ImportError> {
        let mut bytes = first;
        while let Some(block) = blocks.next()? {
            bytes.extend_from_slice(&block);
        }
        let name = blocks.name.clone();
        let text = std::str::from_utf8(&bytes).map_err(|error| ImportError::Undetectable {
            name: name.clone(),
            offset: error.valid_up_to() as u64,
            found: "bytes that are not UTF-8".to_owned(),
            hint: "the file is damaged or of another kind",
        })?;
        let documents = yaml::documents(&name, text)?;
        for document in &documents {
            let at = At { name: &name, source: index as u16, line: document.line };
            self.value(at, document.json.as_bytes()).map_err(|trouble| match trouble {
                Trouble::Json(error) => ImportError::BadYaml { place: at.place(), reason: error.to_string() },
                Trouble::Import(error) => *error,
            })?;
        }
        let report = &mut self.decoder.report.sources[index];
        report.kind = SourceKind::Yaml;
        (report.lines, report.values) = (text.lines().count() as u64, documents.len() as u64);
        Ok(blocks.bytes_read())
    }

    /// Reads one value, whatever it is.
    fn value(&mut self, at: At, text: &[u8]) -> Result<SourceKind, Trouble> {
        if text.first() == Some(&b'[') {
            let items: Vec<&RawValue> = serde_json::from_slice(text)?;
            return self.items(at, text, &items, "");
        }
        let watch: WatchLine = match serde_json::from_slice(text) {
            Ok(watch) => watch,
            // A field of the same name with another meaning, which the other readings will show.
            Err(error) if error.is_data() => WatchLine::default(),
            Err(error) => return Err(error.into()),
        };
        if let (Some(event), Some(object)) = (&watch.event, &watch.object) {
            self.watch_event(at, text, event, watch.time.as_deref(), object)?;
            return Ok(if watch.time.is_some() { SourceKind::TimedWatch } else { SourceKind::Watch });
        }
        let head: Head = serde_json::from_slice(text)?;
        let audit = head.api_version.as_deref().is_some_and(|version| version.starts_with("audit.k8s.io/"));
        match (head.kind.as_deref(), &head.items) {
            (Some("EventList"), Some(items)) if audit => {
                for item in items {
                    self.audit_event(at, item.get().as_bytes())?;
                }
                Ok(SourceKind::Audit)
            }
            (Some("Event"), _) if audit => {
                self.audit_event(at, text)?;
                Ok(SourceKind::Audit)
            }
            (Some(kind), Some(items)) if kind.ends_with("List") => self.items(at, text, items, kind),
            (Some(_), _) => {
                self.object(at, text, "")?;
                Ok(SourceKind::Objects)
            }
            (None, _) if head.involved_object.is_some() => {
                self.object(at, text, "EventList")?;
                Ok(SourceKind::Events)
            }
            (None, _) if head.metadata.is_some() || head.api_version.is_some() => {
                Err(ImportError::NoKind { place: at.place() }.into())
            }
            (None, _) => {
                let keys: BTreeMap<String, IgnoredAny> = serde_json::from_slice(text)?;
                let keys: Vec<String> = keys.into_keys().take(6).collect();
                let found = if keys.is_empty() {
                    "an empty object".to_owned()
                } else {
                    format!("keys {}", keys.join(", "))
                };
                Err(ImportError::Unrecognised { place: at.place(), found }.into())
            }
        }
    }

    fn watch_event(
        &mut self,
        at: At,
        text: &[u8],
        event: &str,
        time: Option<&str>,
        object: &Object,
    ) -> Result<(), Trouble> {
        let seen = match event {
            "ADDED" => Seen::Added,
            "MODIFIED" => Seen::Modified,
            "DELETED" => Seen::Deleted,
            "BOOKMARK" => {
                self.decoder.report.drop_one("watch: bookmark");
                return Ok(());
            }
            "ERROR" => {
                let message =
                    super::wire::text_of(object.message).unwrap_or_else(|| "no reason given".to_owned());
                return Err(ImportError::WatchError { place: at.place(), message }.into());
            }
            found => return Err(ImportError::BadType { place: at.place(), found: found.to_owned() }.into()),
        };
        let arrived = time.map(Time::parse).transpose().map_err(|error| ImportError::BadField {
            place: at.place(),
            what: "watch event, field time".to_owned(),
            reason: error.to_string(),
        })?;
        let context = Context {
            source_name: at.name,
            source: at.source,
            line: at.line,
            seen,
            arrived,
            list_kind: "",
            whole: Whole::InWatchEvent(text),
        };
        Ok(self.decoder.object(context, object)?)
    }

    fn items(&mut self, at: At, text: &[u8], items: &[&RawValue], kind: &str) -> Result<SourceKind, Trouble> {
        let (mut line, mut counted) = (at.line, 0);
        for item in items {
            let item = item.get().as_bytes();
            let offset = (item.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
            line += memchr::memchr_iter(b'\n', &text[counted..offset]).count() as u64;
            counted = offset;
            if item.first() == Some(&b'{') {
                self.object(At { line, ..at }, item, kind)?;
            }
        }
        Ok(SourceKind::Objects)
    }

    fn object(&mut self, at: At, text: &[u8], list_kind: &str) -> Result<(), Trouble> {
        let object: Object = serde_json::from_slice(text)?;
        let context = Context {
            source_name: at.name,
            source: at.source,
            line: at.line,
            seen: Seen::Listed,
            arrived: None,
            list_kind,
            whole: Whole::Object(text),
        };
        Ok(self.decoder.object(context, &object)?)
    }

    fn audit_event(&mut self, at: At, text: &[u8]) -> Result<(), Trouble> {
        let line: AuditJson = serde_json::from_slice(text)?;
        let context = Context {
            source_name: at.name,
            source: at.source,
            line: at.line,
            seen: Seen::Written,
            arrived: None,
            list_kind: "",
            whole: Whole::Object(text),
        };
        let watched = &self.watched;
        Ok(self.audit.line(&mut self.decoder, &context, &line, &|kind| watched.contains(&kind))?)
    }
}

/// What keeps a value from being read.
enum Trouble {
    Json(serde_json::Error),
    Import(Box<ImportError>),
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        Trouble::Json(error)
    }
}

impl From<ImportError> for Trouble {
    fn from(error: ImportError) -> Self {
        Trouble::Import(Box::new(error))
    }
}

fn bad_json(at: &At, error: &serde_json::Error) -> ImportError {
    let line = at.line + (error.line() as u64).saturating_sub(1);
    let place = Place { source: at.name.to_owned(), line };
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    ImportError::BadJson { place, column: error.column(), reason }
}
