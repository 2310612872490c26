//! kubetape engine.
