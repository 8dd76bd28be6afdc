//! Turns what AI agents did into evidence that anyone can check offline: record, seal, disclose, verify.
