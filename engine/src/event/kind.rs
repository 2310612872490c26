//! Kinds of events, and sets of them.

use super::Body;

macro_rules! kinds {
    ($($kind:ident,)*) => {
        /// A kind of event: a [`Body`] without what it holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $(#[doc = concat!("[`Body::", stringify!($kind), "`].")] $kind,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Kind] = &[$(Kind::$kind),*];

            /// The name, as people and JSON see it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Kind::$kind => stringify!($kind),)*
                }
            }
        }

        impl Body {
            /// What kind of event it is.
            pub const fn which(&self) -> Kind {
                match self {
                    $(Body::$kind { .. } => Kind::$kind,)*
                }
            }
        }
    };
}

kinds! {
    NodeJoined,
    NodeLeft,
    NodeLabelSet,
    NodeLabelRemoved,
    NodeTaintAdded,
    NodeTaintRemoved,
    NodeCordoned,
    NodeUncordoned,
    NodeCapacitySet,
    NodeConditionSet,
    NodeSilent,
    NodeReturned,
    Applied,
    Scaled,
    DeleteRequested,
    ObjectRemoved,
    RolloutUndone,
    PodCreated,
    PodRefused,
    PodDeleted,
    PodAdopted,
    PodReleased,
    PodLabelSet,
    PodLabelRemoved,
    RevisionCreated,
    RevisionNumbered,
    RevisionLabelled,
    RevisionAdopted,
    RevisionReleased,
    RevisionDeleted,
    StatusWritten,
    Synced,
    Reported,
    PodBound,
    PodUnschedulable,
    PodNominated,
    PodPhaseSet,
    PodConditionSet,
    PodRestarted,
    PodGone,
    DrainRequested,
    DrainEnded,
    EvictionRefused,
}

impl Body {
    /// The name of the kind, as people and JSON see it.
    pub const fn kind(&self) -> &'static str {
        self.which().as_str()
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u64);

// A set is one word.
const _: () = assert!(Kind::ALL.len() <= 64);

impl Kinds {
    /// Every kind.
    pub const ALL: Kinds = Kinds(u64::MAX);

    /// What changes a pod.
    pub const CHANGES_OF_PODS: Kinds = Kinds::of(&[
        Kind::PodCreated,
        Kind::PodDeleted,
        Kind::PodAdopted,
        Kind::PodReleased,
        Kind::PodLabelSet,
        Kind::PodLabelRemoved,
        Kind::PodBound,
        Kind::PodUnschedulable,
        Kind::PodNominated,
        Kind::PodPhaseSet,
        Kind::PodConditionSet,
        Kind::PodRestarted,
        Kind::PodGone,
    ]);

    /// Both sets of kinds.
    pub const fn with(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// These kinds.
    pub const fn of(kinds: &[Kind]) -> Kinds {
        let (mut set, mut at) = (0, 0);
        while at < kinds.len() {
            set |= 1 << kinds[at] as u8;
            at += 1;
        }
        Kinds(set)
    }

    /// Whether a kind is one of them.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_it_was_made_of() {
        let set = Kinds::of(&[Kind::NodeJoined, Kind::PodGone]);
        let found: Vec<_> =
            Kind::ALL.iter().filter(|kind| set.has(**kind)).map(|kind| kind.as_str()).collect();
        assert_eq!(found, ["NodeJoined", "PodGone"]);
        assert!(Kind::ALL.iter().all(|kind| Kinds::ALL.has(*kind)));
        let both = set.with(Kinds::of(&[Kind::Applied]));
        let more = Kind::ALL.iter().filter(|kind| both.has(**kind) && !set.has(**kind));
        assert_eq!(more.collect::<Vec<_>>(), [&Kind::Applied]);
    }
}
