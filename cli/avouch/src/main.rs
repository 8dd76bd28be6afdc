//! The avouch command: record, seal and verify evidence of what AI agents did.

fn main() {}
