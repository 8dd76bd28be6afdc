//! RFC 9162 SHA-256 Merkle trees: roots, frontiers, inclusion, consistency and multi-leaf proofs.
