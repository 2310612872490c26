//! The strict door for what users apply: text to an admitted object, or to the API server's refusal.
//!
//! [`decode`] splits a file into documents and keeps the place of every value. [`admit`] then answers as the
//! API server (v1.36) would: strict decoding against the schema, defaults, strategy, validation, each in its
//! order and with its exact texts. Other kinds than those it knows pass through [`decode`] unjudged.

mod admit;
mod default;
mod document;
mod error;
mod get;
mod go;
mod hints;
mod normal;
pub(crate) mod registry;
mod render;
mod scalar;
mod schema;
mod strategy;
mod strict;
mod syntax;
mod time;
mod tree;
mod validate;
mod warnings;
mod yaml;

pub(crate) use admit::admit_as;
pub use admit::{Admitted, admit};
pub use document::{Decoded, Document, decode, decode_body};
pub use error::{Problem, Refusal};
pub use render::snippet;
pub use tree::{Entry, Node, Place, Tree};
