//! Virtual time: the loop that hands events to actors and takes their answers.

mod actor;
mod draw;
mod latency;
mod world;

pub use actor::{Actor, Context};
pub use draw::Draw;
pub use latency::{Latency, Spread};
pub use world::World;
