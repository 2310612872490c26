//! What checks of a pod spec's parts need to know of the whole.

use crate::manifest::get;
use rustc_hash::FxHashMap;
use serde_json::Value;

/// A pod spec while its parts are checked.
pub(super) struct Scope<'a> {
    pub spec: &'a Value,
    /// The valid volumes by name.
    volumes: FxHashMap<&'a str, &'a Value>,
}

impl<'a> Scope<'a> {
    /// The scope of a pod spec with these valid volumes.
    pub fn new(spec: &'a Value, volumes: Vec<&'a Value>) -> Self {
        Scope { spec, volumes: volumes.into_iter().map(|v| (get::text(v, "name"), v)).collect() }
    }

    /// The valid volume of this name.
    pub fn volume(&self, name: &str) -> Option<&'a Value> {
        self.volumes.get(name).copied()
    }

    /// Whether the pod shares the host's user namespace, the default.
    pub fn host_users(&self) -> bool {
        get::flag_opt(self.spec, "hostUsers").unwrap_or(true)
    }
}
