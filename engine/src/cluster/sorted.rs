//! Hash maps saved in order of their keys, so that the same state is the same bytes.

use std::collections::BTreeMap;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<K, V, S>(map: &FxHashMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
where
    K: Ord + Serialize,
    V: Serialize,
    S: Serializer,
{
    map.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<FxHashMap<K, V>, D::Error>
where
    K: Ord + Hash + Eq + Deserialize<'de>,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    BTreeMap::deserialize(deserializer).map(|map: BTreeMap<K, V>| map.into_iter().collect())
}
