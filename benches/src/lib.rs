//! Whole-system benchmarks of avouch against its peers.
