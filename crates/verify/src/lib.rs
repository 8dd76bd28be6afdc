//! Checks an avouch evidence bundle against a trust policy, offline and without I/O.
