//! The documents of a file: where each begins, what it says it is, and its tree.

use super::syntax::Malformed;
use super::tree::{Node, Place, Tree};
use super::yaml::{self, Duplicate};

/// The API server takes no more than this in one request.
pub(crate) const BODY_MAX: usize = 3 * 1024 * 1024;

/// Bytes of a body that its error texts show.
const SUMMARY: usize = 30;

/// One object of a file, before anything is known of its fields.
#[derive(Debug)]
pub struct Document {
    /// The file it came from, as given to [`decode`].
    pub source: String,
    /// Its number in the file, from 0; elements of a `List` count singly.
    pub index: usize,
    /// Where it begins.
    pub place: Place,
    /// `apiVersion` as written; empty if absent.
    pub api_version: String,
    /// `kind` as written; empty if absent.
    pub kind: String,
    /// `metadata.namespace`; empty if absent.
    pub namespace: String,
    /// `metadata.name`; empty if absent.
    pub name: String,
    pub(crate) content: Content,
    /// The beginning of the request body, as error texts show it.
    pub(crate) summary: String,
}

/// What became of the text.
#[derive(Debug)]
pub(crate) enum Content {
    Parsed { root: Node, duplicates: Vec<Duplicate> },
    Malformed(Malformed),
    TooLarge,
}

/// All documents of a file.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Them, in order; empty ones are left out.
    pub documents: Vec<Document>,
}

impl Document {
    /// The value tree; `None` if the text is no YAML.
    #[must_use]
    pub fn tree(&self) -> Option<&Node> {
        match &self.content {
            Content::Parsed { root, .. } => Some(root),
            _ => None,
        }
    }

    /// Whether [`super::admit`] knows this kind; other kinds are opaque to it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        super::registry::find(&self.api_version, &self.kind).is_some()
    }

    fn new(source: &str, place: Place, content: Content, summary: String) -> Self {
        let mut document = Self {
            source: source.to_owned(),
            index: 0,
            place,
            api_version: String::new(),
            kind: String::new(),
            namespace: String::new(),
            name: String::new(),
            content,
            summary,
        };
        if let Content::Parsed { root, .. } = &document.content {
            let text = |node: Option<&Node>| node.and_then(Node::text).unwrap_or("").to_owned();
            let metadata = root.get("metadata");
            document.api_version = text(root.get("apiVersion"));
            document.kind = text(root.get("kind"));
            document.name = text(metadata.and_then(|m| m.get("name")));
            document.namespace = text(metadata.and_then(|m| m.get("namespace")));
        }
        document
    }
}

/// Splits a file into its documents and reads each. Documents fail singly; nothing is judged yet.
///
/// Time and memory are linear in the file. A document beyond 3 MiB, the API server's limit, is not read.
#[must_use]
pub fn decode(source: &str, bytes: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    for (first_line, chunk) in split(bytes) {
        let document = read(source, chunk, first_line);
        flatten(document, &mut decoded.documents);
    }
    for (i, document) in decoded.documents.iter_mut().enumerate() {
        document.index = i;
    }
    decoded
}

/// Reads a whole request body as the API server does: its first document counts, `---` or not.
#[must_use]
pub fn decode_body(source: &str, bytes: &[u8]) -> Document {
    read(source, bytes, 1)
}

/// The pieces between lines of `---`, each with the number of its first line.
fn split(bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut pieces = Vec::new();
    let (mut start, mut start_line, mut line) = (0, 1, 1);
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |i| at + i + 1);
        if is_separator(&bytes[at..end]) {
            pieces.push((start_line, &bytes[start..at]));
            (start, start_line) = (end, line + 1);
        }
        at = end;
        line += 1;
    }
    pieces.push((start_line, &bytes[start..]));
    pieces.retain(|(_, piece)| !is_blank(piece));
    pieces
}

fn is_separator(line: &[u8]) -> bool {
    line.strip_prefix(b"---").is_some_and(|rest| {
        let rest = rest.trim_ascii();
        rest.is_empty() || rest.starts_with(b"#")
    })
}

/// Nothing but blanks, comments and byte-order marks.
fn is_blank(piece: &[u8]) -> bool {
    piece.split(|&b| b == b'\n').all(|line| {
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii();
        line.is_empty() || line.starts_with(b"#") || line == b"..."
    })
}

fn read(source: &str, bytes: &[u8], first_line: u32) -> Document {
    let shift = first_line - 1;
    let begin = Place { line: first_line, column: 1, width: 1 };
    let summary = summarise(bytes);
    if bytes.len() > BODY_MAX {
        return Document::new(source, begin, Content::TooLarge, summary);
    }
    let content = match std::str::from_utf8(bytes) {
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or("");
            let place = yaml::place_of(valid, valid.len());
            Content::Malformed(Malformed { text: utf8_problem(bytes, &error).to_owned(), place })
        }
        Ok(text) => match yaml::parse(text) {
            Ok(parsed) => Content::Parsed { root: parsed.root, duplicates: parsed.duplicates },
            Err(malformed) => Content::Malformed(malformed),
        },
    };
    let content = shifted(content, shift);
    let place = match &content {
        Content::Parsed { root, .. } if root.place.line != 0 => root.place,
        _ => begin,
    };
    Document::new(source, place, content, summary)
}

fn utf8_problem(bytes: &[u8], error: &std::str::Utf8Error) -> &'static str {
    if error.error_len().is_none() {
        return "yaml: incomplete UTF-8 octet sequence";
    }
    match bytes.get(error.valid_up_to()) {
        Some(0xc0..=0xf7) => "yaml: invalid trailing UTF-8 octet",
        _ => "yaml: invalid leading UTF-8 octet",
    }
}

/// Moves places from lines of the piece to lines of the file. The reader's own texts keep its lines.
fn shifted(mut content: Content, lines: u32) -> Content {
    if lines > 0 {
        match &mut content {
            Content::Parsed { root, duplicates } => {
                shift(root, lines);
                duplicates.iter_mut().for_each(|d| d.place.line += lines);
            }
            Content::Malformed(malformed) => malformed.place.line += lines,
            Content::TooLarge => {}
        }
    }
    content
}

fn shift(node: &mut Node, lines: u32) {
    node.place.line += lines;
    match &mut node.value {
        Tree::List(items) => items.iter_mut().for_each(|n| shift(n, lines)),
        Tree::Map(entries) => entries.iter_mut().for_each(|e| {
            e.place.line += lines;
            shift(&mut e.value, lines);
        }),
        _ => {}
    }
}

fn summarise(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "<empty>".to_owned();
    }
    let head = &bytes[..bytes.len().min(SUMMARY)];
    let more = if bytes.len() > SUMMARY { " ..." } else { "" };
    if bytes[0] == b'{' {
        return format!("{}{more}", String::from_utf8_lossy(head));
    }
    let hex: String = head.iter().map(|b| format!("{b:02x}")).collect();
    format!("{hex}{more}")
}

/// Replaces a `List` by its items.
fn flatten(document: Document, out: &mut Vec<Document>) {
    let is_list = document.kind == "List" && document.api_version == "v1";
    if !is_list {
        out.push(document);
        return;
    }
    let (source, summary) = (document.source, document.summary);
    let Content::Parsed { root, duplicates } = document.content else { return };
    let mut duplicates = duplicates;
    let Tree::Map(entries) = root.value else { return };
    for entry in entries {
        if &*entry.key != "items" {
            continue;
        }
        let Tree::List(items) = entry.value.value else { continue };
        for item in items {
            // Duplicate keys of the list belong to the item in which they stand: the last that begins before.
            let (place, content) = (item.place, Content::Parsed { root: item, duplicates: Vec::new() });
            flatten(Document::new(&source, place, content, summary.clone()), out);
        }
    }
    for duplicate in duplicates.drain(..) {
        let owner = out.iter_mut().rev().find(|d| d.place <= duplicate.place);
        if let Some(Document { content: Content::Parsed { duplicates, .. }, .. }) = owner {
            duplicates.push(duplicate);
        }
    }
}
