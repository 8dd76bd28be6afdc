//! `.ots` files: a digest, and the tree of operations and attestations that grows from it.
//!
//! The reader is strict: one version, SHA-256 of the file, every number in its shortest form, branches in
//! order and never twice, so that what is accepted has one form. Depth, number and length are bounded.

use std::collections::{BTreeMap, BTreeSet};

use super::attestation::{Attestation, push_bytes, push_uint, take_bytes, take_uint};
use super::operation::{MAX_MESSAGE_LEN, Operation};

/// What every file begins with.
const MAGIC: &[u8] = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94";
const VERSION: u64 = 1;
/// The most operations one after the other.
const MAX_DEPTH: usize = 256;
/// The most operations and attestations in all.
const MAX_ITEMS: usize = 2048;
/// The longest attestation, in bytes.
const MAX_PAYLOAD_LEN: usize = 8192;

/// A detached proof: the SHA-256 of what is stamped, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) digest: [u8; 32],
    pub(super) stamp: Timestamp,
}

/// What is attested of a message, and of the messages that operations make of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub(super) attestations: BTreeSet<Attestation>,
    pub(super) operations: BTreeMap<Operation, Timestamp>,
}

/// Why bytes are no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an OpenTimestamps proof: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

impl Proof {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or(Malformed("it does not begin like one"))?;
        let mut input = Input { rest, items: 0 };
        if take_uint(&mut input.rest) != Some(VERSION) {
            return Err(Malformed("it is not of version 1"));
        }
        if input.byte()? != Operation::Sha256.tag() {
            return Err(Malformed("it is not about a SHA-256"));
        }
        let (digest, rest) = input.rest.split_first_chunk().ok_or(CUT)?;
        input.rest = rest;
        let stamp = input.timestamp(0)?;
        if !input.rest.is_empty() {
            return Err(Malformed("something follows its end"));
        }
        Ok(Self {
            digest: *digest,
            stamp,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        push_uint(&mut out, VERSION);
        out.push(Operation::Sha256.tag());
        out.extend(self.digest);
        self.stamp.write(&mut out);
        out
    }
}

const CUT: Malformed = Malformed("it ends too early");

struct Input<'a> {
    rest: &'a [u8],
    items: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(CUT)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// Branches, each but the last after 0xff; an attestation is 0x00, an operation its tag.
    fn timestamp(&mut self, depth: usize) -> Result<Timestamp, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed("its operations are nested too deep"));
        }
        let mut stamp = Timestamp::default();
        loop {
            let tag = self.byte()?;
            let (tag, is_last) = match tag {
                0xff => (self.byte()?, false),
                tag => (tag, true),
            };
            self.items += 1;
            if self.items > MAX_ITEMS {
                return Err(Malformed("it has too many operations"));
            }
            let in_order = match tag {
                0 => {
                    let attestation = self.attestation()?;
                    let last = stamp.attestations.last();
                    // Attestations come before operations.
                    let in_order =
                        stamp.operations.is_empty() && last.is_none_or(|last| *last < attestation);
                    stamp.attestations.insert(attestation);
                    in_order
                }
                tag => {
                    let operation = Operation::read(tag, || self.argument())?;
                    let operation = operation.ok_or(Malformed("it has an unknown operation"))?;
                    let last = stamp.operations.last_key_value();
                    let in_order = last.is_none_or(|(last, _)| *last < operation);
                    let next = self.timestamp(depth + 1)?;
                    stamp.operations.insert(operation, next);
                    in_order
                }
            };
            if !in_order {
                return Err(Malformed(
                    "its branches are out of order, or one is there twice",
                ));
            }
            if is_last {
                return Ok(stamp);
            }
        }
    }

    fn argument(&mut self) -> Result<Vec<u8>, Malformed> {
        match take_bytes(&mut self.rest, MAX_MESSAGE_LEN) {
            Some(bytes) if !bytes.is_empty() => Ok(bytes.to_vec()),
            _ => Err(Malformed("an operation's argument has no good length")),
        }
    }

    fn attestation(&mut self) -> Result<Attestation, Malformed> {
        let (tag, rest) = self.rest.split_first_chunk().ok_or(CUT)?;
        self.rest = rest;
        let payload = take_bytes(&mut self.rest, MAX_PAYLOAD_LEN)
            .ok_or(Malformed("an attestation has no good length"))?;
        Attestation::read(*tag, payload).map_err(Malformed)
    }
}

impl Timestamp {
    /// A calendar's answer: a timestamp without a file around it.
    #[cfg(feature = "submit")]
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input {
            rest: bytes,
            items: 0,
        };
        let stamp = input.timestamp(0)?;
        match input.rest {
            [] => Ok(stamp),
            _ => Err(Malformed("something follows its end")),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let last = self.attestations.len() + self.operations.len();
        let mut written = 0;
        let mut fork = |out: &mut Vec<u8>| {
            written += 1;
            if written < last {
                out.push(0xff);
            }
        };
        for attestation in &self.attestations {
            fork(out);
            out.push(0);
            out.extend(attestation.tag());
            push_bytes(out, &attestation.payload());
        }
        for (operation, next) in &self.operations {
            fork(out);
            out.push(operation.tag());
            if let Some(argument) = operation.argument() {
                push_bytes(out, argument);
            }
            next.write(out);
        }
    }

    /// Visits every attestation with the message that it is about. Where an operation is not carried out here,
    /// what follows it is not visited; whether that was so.
    pub(super) fn visit(&self, message: &[u8], visit: &mut dyn FnMut(&[u8], &Attestation)) -> bool {
        for attestation in &self.attestations {
            visit(message, attestation);
        }
        let mut skipped = false;
        for (operation, next) in &self.operations {
            match operation.apply(message) {
                Some(message) => skipped |= next.visit(&message, visit),
                None => skipped = true,
            }
        }
        skipped
    }

    /// Adds all that another timestamp of the same message has.
    #[cfg(feature = "submit")]
    pub(super) fn merge(&mut self, other: Self) {
        self.attestations.extend(other.attestations);
        for (operation, next) in other.operations {
            self.operations.entry(operation).or_default().merge(next);
        }
    }

    /// Merges at every node whose message this is.
    #[cfg(feature = "submit")]
    pub(super) fn merge_at(&mut self, message: &[u8], at: &[u8], other: &Self) {
        if message == at {
            self.merge(other.clone());
            return;
        }
        for (operation, next) in &mut self.operations {
            if let Some(message) = operation.apply(message) {
                next.merge_at(&message, at, other);
            }
        }
    }
}
