//! States from which reading can begin: what checkpoint and names frames hold.
//!
//! What is here serves speed alone, and is believed only when its frame is whole and
//! its version is ours.

use super::decode_names::LogNames;
use super::decoder::Decoder;
use super::dictionary::TABLES;
use super::error::LogError;
use super::format::{CHECKPOINT_VERSION, FrameKind};
use super::frames::Frames;
use super::landmarks;
use crate::cluster::Cluster;
use crate::names::{Entries, Names, Seq};
use crate::saved::{SaveError, pack, unpack};
use crate::time::Time;

/// The fixed part of a checkpoint's payload.
const FIXED: usize = 32;
/// The fixed part of a names frame's payload.
const NAMES_FIXED: usize = 16;

/// Where the parts of a checkpoint are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    /// The checkpoint before, or 0.
    pub previous: u64,
    /// The frame of the last names, or 0.
    pub names: u64,
}

/// The payload of a names frame.
pub(super) fn names_payload(previous: u64, entries: &Entries) -> Result<Vec<u8>, SaveError> {
    let mut payload = previous.to_le_bytes().to_vec();
    payload.extend_from_slice(&u64::from(CHECKPOINT_VERSION).to_le_bytes());
    payload.extend(pack(entries)?);
    Ok(payload)
}

/// The payload of a checkpoint frame.
pub(super) fn state_payload(
    links: Links,
    actors: &[u8],
    by_number: &[Vec<u32>; TABLES],
    cluster: &Cluster,
) -> Result<Vec<u8>, SaveError> {
    let mut payload = Vec::with_capacity(FIXED + actors.len());
    payload.extend_from_slice(&links.previous.to_le_bytes());
    payload.extend_from_slice(&links.names.to_le_bytes());
    payload.extend_from_slice(&u64::from(CHECKPOINT_VERSION).to_le_bytes());
    payload.extend_from_slice(&(actors.len() as u64).to_le_bytes());
    payload.extend_from_slice(actors);
    payload.extend(pack(&(by_number, cluster))?);
    Ok(payload)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A state that was restored.
pub(super) struct Restored {
    pub names: Names,
    pub cluster: Cluster,
    pub actors: Vec<u8>,
    pub decoder: Decoder,
    pub seq: Seq,
}

/// Restores the last checkpoint that is wanted, and leaves the frames behind it; none, and the frames where they were,
/// if there is none that can be used.
pub(super) fn restore(
    frames: &mut Frames,
    wanted: &dyn Fn(Seq, Time) -> bool,
) -> Result<Option<Restored>, LogError> {
    let mut at = landmarks::last(frames, FrameKind::Checkpoint)?;
    while at != 0 {
        let Some((frame, fixed)) = frames.glance(at, FIXED)? else { break };
        let previous = u64_at(fixed, 0).filter(|previous| *previous < at).unwrap_or(0);
        if frame.kind == FrameKind::Checkpoint
            && wanted(Seq(frame.first.0 - 1), frame.last_time)
            && let Some(restored) = restore_at(frames, at)?
        {
            return Ok(Some(restored));
        }
        at = previous;
    }
    Ok(None)
}

fn restore_at(frames: &mut Frames, at: u64) -> Result<Option<Restored>, LogError> {
    let Some((frame, digest, payload)) = frames.payload_at(at, FrameKind::Checkpoint)? else {
        return Ok(None);
    };
    let Some((actors, indexes, cluster, names_at)) = read_state(payload) else { return Ok(None) };
    let Some(names) = restore_names(frames, names_at)? else { return Ok(None) };
    let Some(log_names) = LogNames::from_indexes(&indexes, &names) else { return Ok(None) };
    frames.resume_after(at, &frame, digest);
    let decoder = Decoder { names: log_names, hasher: None };
    Ok(Some(Restored { names, cluster, actors, decoder, seq: Seq(frame.first.0 - 1) }))
}

type SavedState = (Vec<u8>, [Vec<u32>; TABLES], Cluster, u64);

fn read_state(payload: &[u8]) -> Option<SavedState> {
    if u64_at(payload, 16)? != u64::from(CHECKPOINT_VERSION) {
        return None;
    }
    let actors_len = usize::try_from(u64_at(payload, 24)?).ok()?;
    let (actors, state) = payload.get(FIXED..)?.split_at_checked(actors_len)?;
    let (indexes, cluster) = unpack(state).ok()?;
    Some((actors.to_vec(), indexes, cluster, u64_at(payload, 8)?))
}

/// Puts the names together that end with those of a frame.
fn restore_names(frames: &mut Frames, last: u64) -> Result<Option<Names>, LogError> {
    let mut parts: Vec<Entries> = Vec::new();
    let mut at = last;
    while at != 0 {
        let Some((_, _, payload)) = frames.payload_at(at, FrameKind::Names)? else { return Ok(None) };
        let Some((previous, entries)) = read_names(payload).filter(|(previous, _)| *previous < at) else {
            return Ok(None);
        };
        parts.push(entries);
        at = previous;
    }
    let mut names = Names::unfilled();
    let whole = parts.into_iter().rev().all(|entries| names.extend(entries));
    Ok(whole.then_some(names))
}

fn read_names(payload: &[u8]) -> Option<(u64, Entries)> {
    if u64_at(payload, 8)? != u64::from(CHECKPOINT_VERSION) {
        return None;
    }
    Some((u64_at(payload, 0)?, unpack(payload.get(NAMES_FIXED..)?).ok()?))
}
