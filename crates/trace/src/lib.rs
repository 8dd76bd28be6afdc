//! Canonical traces: headers, salted fields, events, the hash chain and the run manifest.
