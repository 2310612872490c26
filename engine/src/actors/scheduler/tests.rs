//! Pods and nodes by hand.
#![allow(clippy::unwrap_used)]
