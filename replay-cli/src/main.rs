//! The `kubetape` command.
fn main() {}
