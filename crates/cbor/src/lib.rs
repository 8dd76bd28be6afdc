//! Strict deterministic CBOR (RFC 8949 section 4.2.1): encoder and single-pass decoder.
