//! The log as others see it: published, proven, and compared with what it said before.

mod bundle;
mod fork;
mod prove;
mod publish;
mod source;
mod tiles;
mod write;

pub use fork::{Comparison, Evidence, Hints, compare};
pub use prove::Point;
pub use publish::Publication;
pub use source::{Folder, LogSource};
pub use tiles::TileLog;
