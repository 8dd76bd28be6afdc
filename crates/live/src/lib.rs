//! Recording agents while they run: a Unix socket that takes events, proxies that sit between agents and what
//! they call (MCP over stdio and HTTP, A2A over HTTP), and a hook command.
//!
//! Everything is recorded before it happens: an event is on disk before it is acknowledged, and a call before
//! it is passed on. What cannot be recorded is refused. One writer thread ([`Journal`]) puts what many clients
//! record at the same time into shared transactions; when it falls behind, senders wait.
//!
//! The forms are documented in `docs/record.md` and `docs/mcp.md`.
#![cfg(unix)]

mod a2a;
mod child;
mod dialog;
mod error;
mod exchange;
mod hook;
mod http;
mod journal;
mod lines;
mod mcp;
mod proxy;
mod record;
mod rpc;
mod socket;
mod sse;
mod stdio;

pub use a2a::PARENT_HEADER;
pub use child::Ending;
pub use error::Error;
pub use hook::Hook;
pub use http::{HttpOptions, HttpProxy};
pub use journal::{Appended, Begun, Handle, Journal, RunKey, now};
pub use proxy::ProxyOptions;
pub use record::{RUN_VARIABLE, Recorded, SOCKET_VARIABLE, record};
pub use stdio::proxy_stdio;
