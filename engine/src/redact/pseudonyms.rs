//! Which text stands for which.

use std::collections::BTreeMap;

/// The secret that the hashes depend on.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// The key made from a secret of any length.
    pub fn new(secret: &[u8]) -> Key {
        Key(blake3::derive_key("kubetape 2026 redaction of names", secret))
    }

    /// The first 64 bits of the keyed hash of a text.
    fn hash(&self, text: &str) -> u64 {
        let hash = blake3::keyed_hash(&self.0, text.as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Texts and their pseudonyms. First every text that is to be replaced is collected; then they are numbered in order.
pub(super) struct Pseudonyms {
    key: Key,
    ordered: bool,
    assigned: bool,
    texts: BTreeMap<Box<str>, Box<str>>,
    /// How many values were replaced by their hashes.
    pub dropped: u64,
}

impl Pseudonyms {
    pub fn collecting(key: &Key, ordered: bool) -> Pseudonyms {
        Pseudonyms { key: key.clone(), ordered, assigned: false, texts: BTreeMap::new(), dropped: 0 }
    }

    /// How many texts there are.
    pub fn count(&self) -> u64 {
        self.texts.len() as u64
    }

    /// Gives every text that was collected its pseudonym.
    pub fn assigned(mut self) -> Pseudonyms {
        let width = self.texts.len().to_string().len();
        for (number, (text, pseudonym)) in self.texts.iter_mut().enumerate() {
            let hash = self.key.hash(text);
            *pseudonym = match self.ordered {
                true => format!("r{number:0width$}-{:010x}", hash >> 24),
                false => format!("r-{hash:016x}"),
            }
            .into();
        }
        self.assigned = true;
        self.dropped = 0;
        self
    }

    /// The pseudonym of a text.
    pub fn of(&mut self, text: &str) -> String {
        match self.texts.get(text) {
            Some(pseudonym) if self.assigned => pseudonym.to_string(),
            Some(_) => text.to_owned(),
            None => {
                self.texts.insert(text.into(), "".into());
                text.to_owned()
            }
        }
    }

    /// The pseudonym of a text that has one.
    pub fn known(&self, text: &str) -> Option<&str> {
        self.texts.get(text).filter(|_| self.assigned).map(|pseudonym| &**pseudonym)
    }

    /// A text of which nothing is left but whether it is the same as another.
    pub fn digest(&mut self, text: &str) -> String {
        self.dropped += 1;
        format!("{:016x}", self.key.hash(text))
    }
}
