//! The `kubetape` command as people meet it: what they type, what they see, what they are left with.
#![allow(missing_docs, clippy::unwrap_used)]

mod apply;
mod bad_input;
mod diff;
mod golden;
mod help;
mod import;
mod log;
mod node;
mod readme;
mod run;
mod shadow;
mod shell;
mod show;
mod worked;
