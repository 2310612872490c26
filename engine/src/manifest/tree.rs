//! A manifest's text as a tree of values, each with the place where it was written.

/// Where something stands in a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// Characters to underline from there; at least 1, never past the end of the line.
    pub width: u32,
}

/// One value of the document and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// What was written.
    pub value: Tree,
    /// Where its text begins.
    pub place: Place,
}

/// The value of a [`Node`], after YAML 1.1 typing.
#[derive(Debug, Clone)]
pub enum Tree {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true`, `yes`, `on`, … when not quoted.
    Bool(bool),
    /// An integer that fits 64 signed bits.
    Int(i64),
    /// An integer that only fits 64 unsigned bits.
    Uint(u64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(Box<str>),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping; [`Node::finish`] leaves its entries sorted by key, each key once.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key, as JSON would have it.
    pub key: Box<str>,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// A null at `place`.
    #[must_use]
    pub fn null(place: Place) -> Self {
        Self { value: Tree::Null, place }
    }

    /// The entry of `key` in a mapping whose entries are sorted. O(log n).
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Tree::Map(entries) => entries.binary_search_by(|e| (*e.key).cmp(key)).ok().map(|i| &entries[i]),
            _ => None,
        }
    }

    /// The value of `key` in a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|e| &e.value)
    }

    /// The elements of a sequence; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Tree::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Sorts the entries of every mapping by key, as the API server sees a YAML body: it converts the
    /// body to JSON first, and that writes keys in order.
    pub fn finish(&mut self) {
        match &mut self.value {
            Tree::List(items) => items.iter_mut().for_each(Self::finish),
            Tree::Map(entries) => {
                entries.iter_mut().for_each(|e| e.value.finish());
                entries.sort_by(|a, b| a.key.cmp(&b.key));
            }
            _ => {}
        }
    }

    /// The place of the value at a field path such as `spec.template.spec.containers[0].image`, or of its
    /// nearest ancestor that was written. Paths are the API server's, which now and then leaves out
    /// `metadata` or an index.
    #[must_use]
    pub fn locate(&self, path: &str) -> Place {
        let mut at = self;
        let mut place = self.place;
        for segment in segments(path) {
            let found = match segment {
                Segment::Index(i) => at.items().get(i).map(|n| (n, n.place)),
                Segment::Name(name) => at
                    .entry(name)
                    .or_else(|| at.get("metadata").and_then(|m| m.entry(name)))
                    .map(|e| (&e.value, e.place)),
            };
            let Some((node, found)) = found else { break };
            at = node;
            place = match at.value {
                Tree::List(_) | Tree::Map(_) => found,
                _ if at.place.line != 0 => at.place,
                _ => found,
            };
        }
        place
    }
}

enum Segment<'a> {
    Name(&'a str),
    Index(usize),
}

fn segments(path: &str) -> Vec<Segment<'_>> {
    let mut out = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = inner.find(']') else { break };
            let key = &inner[..end];
            out.push(key.parse().map_or(Segment::Name(key), Segment::Index));
            rest = &inner[end + 1..];
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            out.push(Segment::Name(&rest[..end]));
            rest = &rest[end..];
        }
    }
    out
}
