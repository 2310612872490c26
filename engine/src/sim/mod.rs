//! Virtual time: the loop that hands events to actors and takes their answers.

mod actor;
mod world;

pub use actor::{Actor, Context, Draft};
pub use world::World;
