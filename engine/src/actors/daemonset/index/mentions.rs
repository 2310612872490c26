//! Which DaemonSets look at a label, and to which of them which values make a difference.

use rustc_hash::FxHashMap;

use crate::names::Sym;
use crate::selector::Placement;

/// DaemonSets, by slot, by what their placement mentions.
#[derive(Clone, Debug, Default)]
pub(super) struct Mentions {
    by_key: FxHashMap<Sym, Mentioned>,
}

/// The DaemonSets that mention a key.
#[derive(Clone, Debug, Default)]
struct Mentioned {
    /// To these a change makes a difference if the old or the new value is this one.
    by_value: FxHashMap<Sym, Vec<usize>>,
    /// To these any change may make a difference.
    always: Vec<usize>,
}

impl Mentions {
    /// Puts what a DaemonSet mentions in the place of what it mentioned before.
    pub fn replace(&mut self, slot: usize, placement: Option<&Placement>) {
        for mentioned in self.by_key.values_mut() {
            mentioned.always.retain(|other| *other != slot);
            mentioned.by_value.values_mut().for_each(|slots| slots.retain(|other| *other != slot));
            mentioned.by_value.retain(|_, slots| !slots.is_empty());
        }
        self.by_key.retain(|_, mentioned| !(mentioned.always.is_empty() && mentioned.by_value.is_empty()));
        for (key, value) in placement.into_iter().flat_map(Placement::mentions) {
            let mentioned = self.by_key.entry(key).or_default();
            let slots = match value {
                Some(value) => mentioned.by_value.entry(value).or_default(),
                None => &mut mentioned.always,
            };
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
    }

    /// Whether any DaemonSet mentions a key.
    pub fn has(&self, key: Sym) -> bool {
        self.by_key.contains_key(&key)
    }

    /// Adds the DaemonSets to which it may make a difference that a label has another value (`None`: is not there). Some
    /// may come twice.
    pub fn minding(&self, key: Sym, before: Option<Sym>, after: Option<Sym>, slots: &mut Vec<usize>) {
        let Some(mentioned) = self.by_key.get(&key) else { return };
        slots.extend_from_slice(&mentioned.always);
        for value in [before, after].into_iter().flatten() {
            if let Some(found) = mentioned.by_value.get(&value) {
                slots.extend_from_slice(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::sym;

    #[test]
    fn only_those_mind_to_whom_the_values_differ() {
        let mut mentions = Mentions::default();
        let placement =
            |value| Placement { node_selector: vec![(sym::NODE_LABEL_ZONE, value)], ..Placement::default() };
        mentions.replace(0, Some(&placement(sym::CPU)));
        mentions.replace(1, Some(&placement(sym::MEMORY)));
        let minding = |mentions: &Mentions, key, before, after| {
            let mut slots = Vec::new();
            mentions.minding(key, before, after, &mut slots);
            slots
        };
        let zone = sym::NODE_LABEL_ZONE;
        assert_eq!(minding(&mentions, zone, Some(sym::CPU), Some(sym::MEMORY)), [0, 1]);
        assert_eq!(minding(&mentions, zone, None, Some(sym::MEMORY)), [1]);
        assert!(minding(&mentions, zone, Some(sym::PODS), None).is_empty());
        assert!(minding(&mentions, sym::HOSTNAME_LABEL, None, Some(sym::MEMORY)).is_empty());
        mentions.replace(1, None);
        assert!(minding(&mentions, zone, None, Some(sym::MEMORY)).is_empty());
    }
}
