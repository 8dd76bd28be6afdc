//! Takes OpenTelemetry traces over OTLP/HTTP (protobuf and JSON) and keeps them durably until each is whole.
//!
//! - [`request`]: a request's body as single spans, each a line of OTLP's JSON; what is wrong with it, span by span.
//! - [`spool`]: an SQLite file of spans that were acknowledged and are not recorded yet.
//! - [`collect`]: the one thread that writes the spool, and hands traces over once they are whole.
//! - [`server`]: HTTP, with everything bounded.
//!
//! What a trace becomes is not decided here: whoever runs the server gets each trace as OTLP JSON lines.

pub mod collect;
mod error;
mod proto;
pub mod request;
pub mod server;
pub mod spool;
mod transcode;

pub use avouch_listen::Stop;
pub use collect::{Collector, Rules};
pub use error::Error;
pub use server::Server;
