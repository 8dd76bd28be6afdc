//! The contract and its client on a real node (npm's anvil).
#![cfg(all(feature = "evm", feature = "submit"))]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod chain;
mod client;
mod contract;
mod log;
