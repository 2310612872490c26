//! State as bytes: what checkpoints hold.
//!
//! The one place that knows bincode.

use bincode::config;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why state could not be saved or restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// Something that takes part has no way to save what it remembers.
    #[error("{0} cannot save its state")]
    Unsupported(&'static str),
    /// The state is not what its owner saved, or was saved by another version.
    #[error("saved state cannot be read: {0}")]
    Unreadable(String),
    /// The state has no form in bytes; a defect of kubetape.
    #[error("state cannot be saved: {0}")]
    Unwritable(String),
}

/// State as bytes.
///
/// # Errors
/// [`SaveError::Unwritable`].
pub fn pack<T: Serialize + ?Sized>(state: &T) -> Result<Vec<u8>, SaveError> {
    bincode::serde::encode_to_vec(state, config::standard())
        .map_err(|error| SaveError::Unwritable(error.to_string()))
}

/// The state that bytes hold, all of them.
///
/// # Errors
/// [`SaveError::Unreadable`].
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, SaveError> {
    let (state, read) = bincode::serde::decode_from_slice(bytes, config::standard())
        .map_err(|error| SaveError::Unreadable(error.to_string()))?;
    if read != bytes.len() {
        return Err(SaveError::Unreadable(format!("{} bytes too many", bytes.len() - read)));
    }
    Ok(state)
}

/// Saves a map in the order of its keys, so that equal maps are equal bytes.
pub(crate) mod sorted {
    use std::collections::BTreeMap;
    use std::hash::Hash;

    use rustc_hash::FxHashMap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<K, V, S>(map: &FxHashMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
    where
        K: Ord + Serialize,
        V: Serialize,
        S: Serializer,
    {
        map.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<FxHashMap<K, V>, D::Error>
    where
        K: Ord + Hash + Eq + Deserialize<'de>,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        BTreeMap::deserialize(deserializer).map(|map: BTreeMap<K, V>| map.into_iter().collect())
    }
}
