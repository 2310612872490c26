//! Traces without their names, so that they can be shared.
//!
//! Names and label values that match patterns become pseudonyms: `r0042-1f3c9a2b7d`, the place of the name among all that
//! are replaced, and the beginning of its keyed hash (BLAKE3). Whoever does not have the key cannot try names out; the
//! same name under the same key has the same hash in every log, and within a log the same pseudonym wherever it stands:
//! as a node, in a label, in a selector, in a message.
//!
//! **Order.** Where Kubernetes leaves an order open, kubetape goes by names, so pseudonyms are in the order of the names. The
//! replay of a redacted trace then makes the placements of the original, up to the names. It may differ where a name that is
//! replaced is compared with one that is not (patterns that match some names and not others; `kube-system` and the like are
//! never replaced), for namespaces of which one begins with the other, and for what depends on the hash of a
//! pod's name: nothing that decides placements does.

mod event;
mod glob;
mod manifest;
mod pseudonyms;

use crate::event::Event;
use crate::log::{LogError, Reader, Writer};
use crate::names::Names;
use crate::time::Time;

pub use glob::Glob;
pub use pseudonyms::Key;

use event::Translator;
use pseudonyms::Pseudonyms;

/// What is replaced.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Names of nodes, objects, pods, namespaces, users, containers, images, volumes.
    pub names: Vec<Glob>,
    /// Keys of labels and taints; those of Kubernetes itself (`*kubernetes.io/*`, `*k8s.io/*`) never are.
    pub label_keys: Vec<Glob>,
    /// Values of labels and taints; numbers never are, because selectors compare them.
    pub label_values: Vec<Glob>,
    /// Whether pseudonyms are in the order of the names. Without it, a pseudonym is the hash alone, the same in every log.
    pub ordered: bool,
}

/// What was replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// Events.
    pub events: u64,
    /// Different texts that have pseudonyms now.
    pub replaced: u64,
    /// Values of environment variables, commands and annotations that are only hashes now.
    pub dropped: u64,
}

/// Writes a log with pseudonyms. The log is read twice.
///
/// # Errors
/// Those of [`Reader::next_batch`] and [`Writer::append`].
pub fn redact(
    open: &dyn Fn() -> Result<Reader, LogError>,
    rules: &Rules,
    key: &Key,
    writer: &mut Writer,
) -> Result<Redacted, LogError> {
    let mut translator = Translator::new(rules, Pseudonyms::collecting(key, rules.ordered));
    each_batch(open()?, &mut |names, events, _| {
        translator.translate(names, events);
        Ok(())
    })?;
    let mut translator = Translator::new(rules, translator.into_pseudonyms().assigned());
    let mut done = Redacted::default();
    let known_until = each_batch(open()?, &mut |names, events, genesis| {
        let events = translator.translate(names, events);
        done.events += events.len() as u64;
        match genesis {
            true => writer.append_genesis(&translator.to, &events)?,
            false => writer.append(&translator.to, &events)?,
        };
        Ok(())
    })?;
    if let Some(until) = known_until {
        writer.known_until(until);
    }
    done.replaced = translator.pseudonyms().count();
    done.dropped = translator.pseudonyms().dropped;
    Ok(done)
}

/// Visits every batch; gives the time until which nothing followed.
fn each_batch(
    mut reader: Reader,
    visit: &mut impl FnMut(&Names, &[Event], bool) -> Result<(), LogError>,
) -> Result<Option<Time>, LogError> {
    let (mut names, mut events) = (Names::new(), Vec::new());
    while let Some(batch) = reader.next_batch(&mut names, &mut events)? {
        visit(&names, &events, batch.genesis)?;
    }
    Ok(reader.known_until())
}

#[cfg(test)]
mod tests;
