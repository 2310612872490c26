//! Which tracks are played back from the log.

use crate::event::Track;

/// A set of tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracks(u16);

/// A name that is no track's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a track; tracks are {list}, or `all`", list = known())]
pub struct UnknownTrack(pub String);

fn known() -> String {
    Track::ALL.map(Track::as_str).join(", ")
}

impl Tracks {
    /// No track.
    pub const NONE: Tracks = Tracks(0);

    /// Every track: a pure fold.
    pub fn all() -> Tracks {
        Track::ALL.into_iter().collect()
    }

    /// What is played back unless something else is asked for: what comes from outside.
    pub fn outside() -> Tracks {
        [Track::Cluster, Track::User].into_iter().collect()
    }

    /// Tracks that no actor can simulate; they are always played back.
    pub fn without_actor() -> Tracks {
        [Track::ReplicaSet, Track::Deployment, Track::OtherWorkloads].into_iter().collect()
    }

    /// Reads a comma-separated list of tracks, or `all`.
    ///
    /// # Errors
    /// Names the first name that is no track's.
    pub fn parse(text: &str) -> Result<Tracks, UnknownTrack> {
        if text == "all" {
            return Ok(Tracks::all());
        }
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| Track::parse(name).ok_or_else(|| UnknownTrack(name.to_owned()))).collect()
    }

    /// Whether a track is in the set.
    pub fn has(self, track: Track) -> bool {
        self.0 & (1 << track as u8) != 0
    }

    /// The set with another's tracks.
    pub fn with(self, other: Tracks) -> Tracks {
        Tracks(self.0 | other.0)
    }

    /// The tracks, in the order in which they are listed to people.
    pub fn iter(self) -> impl Iterator<Item = Track> {
        Track::ALL.into_iter().filter(move |track| self.has(*track))
    }
}

impl FromIterator<Track> for Tracks {
    fn from_iter<I: IntoIterator<Item = Track>>(tracks: I) -> Self {
        Tracks(tracks.into_iter().fold(0, |bits, track| bits | 1 << track as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tracks_are_read_and_wrong_names_are_named() {
        let tracks = Tracks::parse("cluster, user,workloads/replicaset").unwrap();
        assert_eq!(tracks.iter().collect::<Vec<_>>(), [Track::Cluster, Track::User, Track::ReplicaSet]);
        assert_eq!(Tracks::parse("all").unwrap(), Tracks::all());
        let error = Tracks::parse("cluster,kubelets").unwrap_err();
        assert!(error.to_string().starts_with("`kubelets` is not a track"));
    }
}
