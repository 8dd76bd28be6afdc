//! A small standalone verifier for avouch evidence bundles.

fn main() {}
