//! Who did it: the audit log says, or API Events say, or it is inferred from who usually does.

use super::Weaver;
use crate::event::Track;
use crate::import::actor::Actor;
use crate::import::audit::{Act, Write};
use crate::import::decode::Deed;
use crate::import::sighting::Seen;
use crate::names::{Sym, sym};

/// How an author is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// It does not matter: the state was there before.
    Genesis,
    Audit,
    ApiEvent,
    Inferred,
}

/// Who did something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author {
    pub track: Track,
    pub by: Sym,
    pub ground: Ground,
    pub actor: Option<Actor>,
    /// The write, where the audit log has it.
    pub write: Option<Write>,
}

impl Author {
    pub fn is_inferred(&self) -> bool {
        self.ground == Ground::Inferred
    }

    pub fn audited(actor: Actor, track: Track, by: Sym) -> Author {
        Author { track, by, ground: Ground::Audit, actor: Some(actor), write: None }
    }

    pub fn inferred(track: Track) -> Author {
        Author { track, by: Sym::EMPTY, ground: Ground::Inferred, actor: None, write: None }
    }
}

/// The acts among which a write is looked for by name.
fn acts_by_name(act: Act) -> &'static [Act] {
    match act {
        Act::Create => &[Act::Create],
        Act::Change => &[Act::Change],
        Act::Status => &[Act::Status],
        Act::Bind => &[Act::Bind],
        Act::Delete => &[Act::Delete, Act::Evict],
        // An eviction marks the pod before it deletes it.
        Act::Evict => &[Act::Evict, Act::Status],
    }
}

/// The acts that a version may have been made by. A version is one write, whatever changed with it; but a watch
/// that skipped versions shows a binding or a deletion with a later write.
fn acts_by_version(act: Act) -> &'static [Act] {
    match act {
        Act::Bind => &[Act::Bind, Act::Create],
        Act::Delete => &[Act::Delete, Act::Evict],
        _ => &[Act::Create, Act::Change, Act::Status, Act::Evict],
    }
}

impl Weaver<'_> {
    /// The author of an act that the sighting at hand shows; `expected` is who usually does that.
    pub(super) fn author(&mut self, act: Act, expected: Track) -> Author {
        if self.here.genesis {
            return Author {
                track: expected,
                by: Sym::EMPTY,
                ground: Ground::Genesis,
                actor: None,
                write: None,
            };
        }
        match self.write(act, expected) {
            Some(write) => Author {
                track: self.track_of(write.actor),
                by: write.user,
                ground: Ground::Audit,
                actor: Some(write.actor),
                write: Some(write),
            },
            None => Author::inferred(expected),
        }
    }

    fn track_of(&self, actor: Actor) -> Track {
        if self.here.kind == sym::NODE { actor.track_on_nodes() } else { actor.track() }
    }

    fn write(&mut self, act: Act, expected: Track) -> Option<Write> {
        if self.audit.is_empty() {
            return None;
        }
        let here = self.here;
        if here.version > 0
            && let Some(write) = self.audit.by_version(here.kind, here.version, acts_by_version(act))
        {
            return Some(write);
        }
        let on_node = here.kind == sym::NODE;
        let is_expected =
            |actor: Actor| expected == if on_node { actor.track_on_nodes() } else { actor.track() };
        let key = (here.kind, here.namespace, here.name);
        if let Some(write) = self.audit.by_name(key, (here.version, here.at), acts_by_name(act), is_expected)
        {
            return Some(write);
        }
        let nameless = (here.kind, here.namespace, Sym::EMPTY);
        match act {
            Act::Create if here.seen == Seen::Added => {
                self.audit.nameless_creation(here.kind, here.namespace, here.at, is_expected)
            }
            // A collection was deleted.
            Act::Delete => self.audit.by_name(nameless, (here.version, here.at), &[Act::Delete], |_| true),
            _ => None,
        }
    }

    /// The author, by an API Event, of a deed done to the pod at hand.
    pub(super) fn author_by_event(&self, deed: Deed) -> Option<Author> {
        let component = self.evidence.component(deed, self.here.namespace, self.here.name)?;
        let actor = Actor::of_controller(self.names.text(component));
        let ground = Ground::ApiEvent;
        Some(Author { track: actor.track(), by: component, ground, actor: Some(actor), write: None })
    }

    /// The author of an API Event itself.
    pub(super) fn author_of_report(&self, component: Sym) -> Author {
        let actor = Actor::of_controller(self.names.text(component));
        Author {
            track: actor.track(),
            by: component,
            ground: Ground::ApiEvent,
            actor: Some(actor),
            write: None,
        }
    }

    /// The track of the controller of a kind.
    pub(super) fn controller_track(kind: Sym) -> Track {
        match kind {
            sym::DAEMON_SET => Track::DaemonSet,
            sym::REPLICA_SET => Track::ReplicaSet,
            sym::DEPLOYMENT => Track::Deployment,
            _ => Track::OtherWorkloads,
        }
    }
}
