//! YAML (and with it JSON) text to a [`Node`] tree, read as the API server's YAML reader reads it.

use super::go;
use super::scalar;
use super::syntax::{self, Malformed};
use super::tree::{Entry, Node, Place, Tree};
use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};
use rustc_hash::FxHashMap;

/// Nesting deeper than this is refused. The API server allows 10,000 levels; no manifest has 100.
const DEPTH_MAX: usize = 500;

/// What one document's text amounts to.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The document, keys sorted, later duplicates winning.
    pub root: Node,
    /// Duplicate keys in the reader's order.
    pub duplicates: Vec<Duplicate>,
}

/// A key that was already set in its mapping.
#[derive(Debug)]
pub(crate) struct Duplicate {
    /// The reader's text, without the line: `key "image" already set in map`.
    pub text: String,
    /// The key's place.
    pub place: Place,
    /// The line that the reader names: that of the value.
    pub line: u32,
}

/// Parses the first document of `text`. Time and memory are linear in the text, and bounded for aliases.
pub(crate) fn parse(text: &str) -> Result<Parsed, Malformed> {
    if let Some(bad) = text.char_indices().find(|&(_, c)| !allowed(c)) {
        return Err(Malformed {
            text: "yaml: control characters are not allowed".to_owned(),
            place: place_of(text, bad.0),
        });
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
        block_scalar_eof_without_line_feed: true,
        bom_inside_document_as_content: true,
    };
    let mut reader = Reader {
        text,
        has_lone_return: has_lone_return(text),
        parser: Parser::new_from_str_with_options(text, options),
        anchors: FxHashMap::default(),
        duplicates: Vec::new(),
        invalid_key: None,
        unsupported_key: None,
        decoded: 0,
        aliased: 0,
    };
    let mut root = reader.document()?;
    if let Some(error) = reader.invalid_key.or(reader.unsupported_key) {
        return Err(error);
    }
    root.finish();
    Ok(Parsed { root, duplicates: reader.duplicates })
}

fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{85}' | ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

/// The place of the byte offset `at`.
pub(crate) fn place_of(text: &str, at: usize) -> Place {
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = 1 + before.bytes().filter(|&b| b == b'\n').count();
    Place { line: line as u32, column: 1 + before[start..].chars().count() as u32, width: 1 }
}

struct Anchor {
    node: Node,
    size: u64,
}

struct Reader<'a> {
    text: &'a str,
    has_lone_return: bool,
    parser: Parser<'a, StrInput<'a>>,
    anchors: FxHashMap<usize, Anchor>,
    duplicates: Vec<Duplicate>,
    invalid_key: Option<Malformed>,
    unsupported_key: Option<Malformed>,
    /// Nodes seen, counting every expansion of an alias.
    decoded: u64,
    /// Those of them that came out of aliases.
    aliased: u64,
}

/// A node with the facts that keys and merges depend on.
struct Raw {
    node: Node,
    merge: bool,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Malformed> {
        loop {
            match self.next()? {
                (Event::DocumentStart(_, Some(version)), span)
                    if (version.major, version.minor) != (1, 1) =>
                {
                    let text = "yaml: found incompatible YAML document".to_owned();
                    return Err(Malformed { text, place: place(self.text, self.has_lone_return, &span) });
                }
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, span) => {
                    return Ok(Node::null(place(self.text, self.has_lone_return, &span)));
                }
                (event, span) => {
                    let root = self.node(event, span, 0)?.node;
                    // A syntax error after the root (a stray line, say) belongs to this document.
                    self.next()?;
                    return Ok(root);
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Malformed> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(syntax::malformed(&error, self.text)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Raw, Malformed> {
        let at = place(self.text, self.has_lone_return, &span);
        if depth > DEPTH_MAX {
            return Err(Malformed { text: "yaml: exceeded max depth of 500".to_owned(), place: at });
        }
        self.decoded += 1;
        let before = self.decoded;
        let (value, anchor, merge) = match event {
            Event::Alias(id) => return self.alias(id, at).map(|node| Raw { node, merge: false }),
            Event::Scalar(text, style, anchor, tag) => {
                let merge = style == ScalarStyle::Plain && tag.is_none() && text == "<<";
                (typed(&text, style, tag.as_deref(), at)?, anchor, merge)
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?.node),
                    }
                }
                (Tree::List(items), anchor, false)
            }
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, anchor, false),
            _ => (Tree::Null, 0, false),
        };
        let node = Node { value, place: at };
        if anchor != 0 {
            let size = self.decoded - before + 1;
            self.anchors.insert(anchor, Anchor { node: node.clone(), size });
        }
        Ok(Raw { node, merge })
    }

    fn alias(&mut self, id: usize, at: Place) -> Result<Node, Malformed> {
        let Some(anchor) = self.anchors.get(&id) else {
            return Err(Malformed { text: "yaml: anchor value contains itself".to_owned(), place: at });
        };
        self.decoded += anchor.size;
        self.aliased += anchor.size;
        if self.aliased > 100
            && self.decoded > 1_000
            && self.aliased * 100 > self.decoded * ratio(self.decoded)
        {
            return Err(Malformed {
                text: "yaml: document contains excessive aliasing".to_owned(),
                place: at,
            });
        }
        Ok(anchor.node.clone())
    }

    fn mapping(&mut self, depth: usize) -> Result<Tree, Malformed> {
        let mut map = MapBuilder::default();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Tree::Map(map.entries));
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            if key.merge {
                let value = self.node(event, span, depth + 1)?.node;
                self.merge(&mut map, value, key.node.place)?;
                continue;
            }
            let name = self.key(&key.node);
            let value = self.node(event, span, depth + 1)?.node;
            if matches!(key.node.value, Tree::Null) && self.unsupported_key.is_none() {
                let shown = go::syntax_top(&value);
                let text = format!("unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}");
                self.unsupported_key = Some(Malformed { text, place: key.node.place });
            }
            if let Some((name, shown)) = name {
                self.set(&mut map, Entry { key: name, place: key.node.place, value }, &shown);
            }
        }
    }

    /// The key as JSON has it, and as Go would print it; a key that JSON cannot have is remembered.
    fn key(&mut self, node: &Node) -> Option<(Box<str>, String)> {
        match &node.value {
            Tree::Text(text) => Some((text.clone(), go::quote(text))),
            Tree::Bool(b) => Some((b.to_string().into(), b.to_string())),
            Tree::Int(i) => Some((i.to_string().into(), i.to_string())),
            Tree::Uint(u) => Some((u.to_string().into(), format!("0x{u:x}"))),
            Tree::Float(f) => Some((go::float(*f).into(), go::float(*f))),
            Tree::Null => None,
            Tree::List(_) | Tree::Map(_) => {
                let text = format!("yaml: invalid map key: {}", go::syntax(node));
                self.invalid_key.get_or_insert(Malformed { text, place: node.place });
                None
            }
        }
    }

    fn set(&mut self, map: &mut MapBuilder, entry: Entry, shown: &str) {
        let (place, line) = (entry.place, entry.value.place.line);
        if !map.set(entry) {
            self.duplicates.push(Duplicate { text: format!("key {shown} already set in map"), place, line });
        }
    }

    /// `<<`: the entries of a mapping, or of each mapping of a list, last first.
    fn merge(&mut self, map: &mut MapBuilder, value: Node, at: Place) -> Result<(), Malformed> {
        let refuse = || {
            let text = "yaml: map merge requires map or sequence of maps as the value".to_owned();
            Err(Malformed { text, place: at })
        };
        match value.value {
            Tree::Map(entries) => {
                for entry in entries {
                    let shown = go::quote(&entry.key);
                    self.set(map, entry, &shown);
                }
                Ok(())
            }
            Tree::List(items) => {
                for item in items.into_iter().rev() {
                    if !matches!(item.value, Tree::Map(_)) {
                        return refuse();
                    }
                    self.merge(map, item, at)?;
                }
                Ok(())
            }
            _ => refuse(),
        }
    }
}

/// Share of nodes, in percent, that may come out of aliases: 99 up to 400,000 nodes, falling to 10 at
/// four million.
fn ratio(decoded: u64) -> u64 {
    const LOW: u64 = 400_000;
    const HIGH: u64 = 4_000_000;
    if decoded <= LOW {
        99
    } else if decoded < HIGH {
        99 - 89 * (decoded - LOW) / (HIGH - LOW)
    } else {
        10
    }
}

/// Entries in order, with an index once there are enough of them to need one.
#[derive(Default)]
struct MapBuilder {
    entries: Vec<Entry>,
    index: FxHashMap<Box<str>, usize>,
}

impl MapBuilder {
    /// Adds the entry, or replaces that of the same key; false if there was one.
    fn set(&mut self, entry: Entry) -> bool {
        const INDEX_FROM: usize = 16;
        let found = if self.index.is_empty() {
            self.entries.iter().position(|e| e.key == entry.key)
        } else {
            self.index.get(&entry.key).copied()
        };
        if let Some(i) = found {
            self.entries[i] = entry;
            return false;
        }
        if !self.index.is_empty() {
            self.index.insert(entry.key.clone(), self.entries.len());
        }
        self.entries.push(entry);
        if self.index.is_empty() && self.entries.len() == INDEX_FROM {
            self.index = self.entries.iter().enumerate().map(|(i, e)| (e.key.clone(), i)).collect();
        }
        true
    }
}

fn typed(text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Place) -> Result<Tree, Malformed> {
    let value = match tag {
        None if style == ScalarStyle::Plain => scalar::plain(text),
        None => Tree::Text(text.into()),
        Some(tag) => match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
            Some(kind) => scalar::tagged(kind, text)
                .map_err(|error| Malformed { text: format!("yaml: {error}"), place: at })?,
            None => Tree::Text(text.into()),
        },
    };
    match value {
        Tree::Float(f) if !f.is_finite() => {
            let shown = if f.is_nan() {
                "NaN"
            } else if f > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            };
            Err(Malformed { text: format!("json: unsupported value: {shown}"), place: at })
        }
        value => Ok(value),
    }
}

/// Where the parser is in a text. It takes a carriage return by itself for the end of a line, as YAML does; editors, and
/// the lines that are shown, do not.
pub(super) fn place_of_marker(text: &str, has_lone_return: bool, marker: &Marker) -> Place {
    if !has_lone_return {
        return Place { line: marker.line() as u32, column: marker.col() as u32 + 1, width: 1 };
    }
    let by_characters = || text.char_indices().nth(marker.index()).map(|(at, _)| at);
    let at = marker.byte_offset().or_else(by_characters).unwrap_or(text.len());
    // The parser stands between characters.
    place_of(text, if text.is_char_boundary(at) { at } else { text.len() })
}

/// Whether a text has a carriage return that no line feed follows.
pub(super) fn has_lone_return(text: &str) -> bool {
    let bytes = text.as_bytes();
    let returns = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\r');
    returns.map(|(at, _)| at).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}

fn place(text: &str, has_lone_return: bool, span: &Span) -> Place {
    let width = if span.end.line() == span.start.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    let width = width.clamp(1, u32::MAX as usize) as u32;
    Place { width, ..place_of_marker(text, has_lone_return, &span.start) }
}
