//! The tables of the log's own dictionary.
//!
//! The log numbers its entries in order of their first use by an event, so that its bytes do not depend on what else
//! the process has met, and in which order. [`super::encode_names`] goes from this process's numbers to the log's,
//! [`super::decode_names`] back.

/// How many tables a dictionary has.
pub(super) const TABLES: usize = 7;

/// A table of the dictionary. The numbers are places in a delta's `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Symbols = 0,
    Nodes = 1,
    Objects = 2,
    Documents = 3,
    Shapes = 4,
    Resources = 5,
    NodeSpecs = 6,
}
