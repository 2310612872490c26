//! Selectors, node affinity and tolerations, compiled once to run over symbols.
//!
//! A manifest is compiled when it is applied; after that a decision compares numbers. Only `Gt` and `Lt` look
//! at texts.

mod label;
mod node_affinity;
mod placement;
mod syntax;
mod toleration;

pub use label::{LabelSelector, Requirement, SelectorError};
pub use node_affinity::NodeSelector;
pub use placement::{Eligibility, Placement};
pub use syntax::{is_dns_subdomain, is_label_key, is_label_value};
pub use toleration::{ToleratedEffect, Toleration, TolerationOperator, daemon_tolerations};

use crate::names::Sym;

/// Where labels are looked up.
pub trait Labels {
    /// The value of a label, if it is there.
    fn value(&self, key: Sym) -> Option<Sym>;
}

impl Labels for [(Sym, Sym)] {
    fn value(&self, key: Sym) -> Option<Sym> {
        self.iter().find(|label| label.0 == key).map(|label| label.1)
    }
}

impl Labels for Vec<(Sym, Sym)> {
    fn value(&self, key: Sym) -> Option<Sym> {
        self.as_slice().value(key)
    }
}
