//! The history of a DaemonSet's templates, after `constructHistory` and `cleanupHistory`.

use std::collections::BTreeMap;

use crate::cluster::{Cluster, DaemonSet, Object, Revision};
use crate::names::{DocId, Names, RevisionId, Sym};
use crate::selector::LabelSelector;

/// A change to a ControllerRevision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevisionOperation {
    /// It gets the DaemonSet as its controller.
    Adopt(RevisionId),
    /// It loses its controller.
    Release(RevisionId),
    /// It gets the label `controller-revision-hash` that it lacks.
    Label(RevisionId, Sym),
    /// A revision is made for the current template.
    Create {
        /// `revision`.
        number: i64,
        /// Label `controller-revision-hash`.
        hash: Sym,
        /// The name.
        name: Sym,
        /// The template.
        template: DocId,
    },
    /// The revision of the current template becomes the highest (a rollback).
    Number(RevisionId, i64),
    /// It is deleted: as a duplicate, or beyond the history limit.
    Delete(RevisionId),
}

/// A DaemonSet's revisions at the start of a sync, and what has to be done about them.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// The label of the current revision.
    pub hash: Sym,
    /// Revisions of other templates: number, label, id.
    pub old: Vec<(i64, Sym, RevisionId)>,
    /// What has to be done, in order.
    pub operations: Vec<RevisionOperation>,
    /// How many duplicates were found. Then all pods get the current label.
    pub duplicates: usize,
    /// Whether the name for a new revision is taken by one of another template.
    pub collision: bool,
}

impl History {
    /// Finds out which revision is the current one, after `constructHistory`.
    pub fn construct(
        cluster: &Cluster,
        names: &mut Names,
        object: &Object,
        spec: &DaemonSet,
        selector: &LabelSelector,
        hashes: &BTreeMap<DocId, Sym>,
    ) -> History {
        let mut history = History::default();
        let mut current: Vec<(i64, Sym, RevisionId)> = Vec::new();
        for (id, revision) in history.claim(cluster, names, object, selector) {
            let mut hash = revision.hash;
            if hash.is_empty() {
                hash = revision.name;
                history.operations.push(RevisionOperation::Label(id, hash));
            }
            let list = if revision.template == spec.template { &mut current } else { &mut history.old };
            list.push((revision.number, hash, id));
        }
        let number = history.old.iter().map(|old| old.0).max().unwrap_or(0).max(0) + 1;
        match current.iter().copied().max_by_key(|candidate| candidate.0) {
            None => history.snapshot(cluster, names, object, spec, number, hashes),
            Some(kept) => {
                history.hash = kept.1;
                history.merge(&current, kept.2);
                if kept.0 < number {
                    history.operations.push(RevisionOperation::Number(kept.2, number));
                }
            }
        }
        history
    }

    /// Claims revisions as pods are claimed; own ones come first, then orphans, each by name.
    fn claim(
        &mut self,
        cluster: &Cluster,
        names: &mut Names,
        object: &Object,
        selector: &LabelSelector,
    ) -> Vec<(RevisionId, Revision)> {
        let mut claimed = Vec::new();
        let lists = [&object.revisions, cluster.orphan_revisions(object.key.namespace)];
        for (orphans, list) in lists.into_iter().enumerate() {
            let start = claimed.len();
            for &id in list {
                let Some(revision) = cluster.revision(id).copied().filter(|r| r.present) else { continue };
                let labels = cluster.revision_labels(&revision);
                match (orphans == 1, selector.matches(&labels, names)) {
                    (false, true) => claimed.push((id, revision)),
                    (false, false) => self.operations.push(RevisionOperation::Release(id)),
                    (true, true) => {
                        self.operations.push(RevisionOperation::Adopt(id));
                        claimed.push((id, revision));
                    }
                    (true, false) => {}
                }
            }
            claimed[start..].sort_by(|a, b| names.text(a.1.name).cmp(names.text(b.1.name)));
        }
        claimed
    }

    /// Keeps one of several revisions of the current template, after `dedupCurHistories`.
    fn merge(&mut self, current: &[(i64, Sym, RevisionId)], kept: RevisionId) {
        let others = current.iter().filter(|other| other.2 != kept);
        self.operations.extend(others.map(|other| RevisionOperation::Delete(other.2)));
        self.duplicates = current.len() - 1;
    }

    /// Makes a revision of the current template, after `snapshot`.
    fn snapshot(
        &mut self,
        cluster: &Cluster,
        names: &mut Names,
        object: &Object,
        spec: &DaemonSet,
        number: i64,
        hashes: &BTreeMap<DocId, Sym>,
    ) {
        let text = match hashes.get(&spec.template) {
            Some(known) => names.text(*known).to_owned(),
            None => revision_hash(names.doc_text(spec.template), object.status.collision_count),
        };
        let name = format!("{}-{text}", names.text(object.key.name));
        let (hash, name) = (names.sym(&text), names.sym(&name));
        let namesakes = object.revisions.iter().chain(cluster.orphan_revisions(object.key.namespace));
        let namesake = namesakes
            .filter_map(|id| cluster.revision(*id))
            .find(|revision| revision.present && revision.name == name);
        match namesake {
            None => {
                self.hash = hash;
                let template = spec.template;
                self.operations.push(RevisionOperation::Create { number, hash, name, template });
            }
            Some(revision) if revision.template == spec.template => self.hash = revision.hash,
            Some(_) => self.collision = true,
        }
    }

    /// Which old revisions go, after `cleanupHistory`: the lowest ones beyond the limit that no pod has the
    /// label of.
    pub fn beyond_limit(&self, limit: i64, live: impl Fn(Sym) -> bool) -> Vec<RevisionId> {
        let surplus = i64::try_from(self.old.len()).unwrap_or(i64::MAX).saturating_sub(limit);
        let Ok(surplus @ 1..) = usize::try_from(surplus) else { return Vec::new() };
        let mut old = self.old.clone();
        old.sort_by_key(|revision| revision.0);
        let dead = old.iter().filter(|revision| !live(revision.1));
        dead.take(surplus).map(|revision| revision.2).collect()
    }
}

/// A revision's label for a template: opaque, as in Kubernetes, and in its alphabet (the digits of a 32-bit
/// number, mapped to letters and digits that spell no words). `collisions` is the status's `collisionCount`.
pub fn revision_hash(template: &str, collisions: Option<u32>) -> String {
    const DIGITS: &[u8; 10] = b"456789bcdf";
    let seed = collisions.map_or(0, |count| u64::from(count) + 1);
    let number = xxhash_rust::xxh3::xxh3_64_with_seed(template.as_bytes(), seed) as u32;
    number.to_string().bytes().map(|digit| char::from(DIGITS[usize::from(digit - b'0')])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_in_kubernetes_alphabet_and_follow_template_and_collisions() {
        let label = revision_hash("{}", None);
        assert!(label.bytes().all(|b| b"456789bcdf".contains(&b)), "{label}");
        assert_eq!(label, revision_hash("{}", None));
        assert_ne!(label, revision_hash("{\"a\":1}", None));
        assert_ne!(label, revision_hash("{}", Some(0)));
        assert_ne!(revision_hash("{}", Some(0)), revision_hash("{}", Some(1)));
    }

    #[test]
    fn the_limit_spares_revisions_that_pods_have_and_takes_the_lowest() {
        let id = RevisionId::from_index;
        let names = Names::new();
        let label = |text| names.find_sym(text).unwrap_or_default();
        let (a, b, c) = (label("cpu"), label("memory"), label("pods"));
        let old = vec![(3, c, id(2)), (1, a, id(0)), (2, b, id(1))];
        let history = History { old, ..History::default() };
        assert_eq!(history.beyond_limit(3, |_| false), []);
        assert_eq!(history.beyond_limit(2, |_| false), [id(0)]);
        assert_eq!(history.beyond_limit(2, |hash| hash == a), [id(1)]);
        assert_eq!(history.beyond_limit(0, |hash| hash == a), [id(1), id(2)]);
    }
}
