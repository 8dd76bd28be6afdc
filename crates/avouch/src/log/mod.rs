//! The log as others see it: published, proven, and compared with what it said before.

mod bundle;
mod fork;
mod monitor;
mod prove;
mod publish;
mod source;
mod tiles;
#[cfg(feature = "http")]
mod web;
#[cfg(feature = "http")]
mod witness;
mod write;

pub use fork::{Comparison, Evidence, Hints, compare};
pub use monitor::{Caught, Look, Monitor, NewEntry};
pub use prove::Point;
pub use publish::Publication;
pub use source::{Folder, LogSource};
pub use tiles::{EachEntry, TileLog};
#[cfg(feature = "http")]
pub use {
    web::Web,
    witness::{Asked, NotCosigned},
};
