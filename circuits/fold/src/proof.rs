//! A proof as bytes.
//!
//! | size | what |
//! |---|---|
//! | 4 | `avfo` |
//! | 1 | version, 1 |
//! | 32 | the digest of the circuit and of all other parameters |
//! | 8 | the number of steps, big-endian |
//! | ... | nova-snark's `CompressedSNARK`, in postcard's form |
//!
//! There is one form for a proof: what does not encode to the same bytes again is refused.

use nova_snark::nova::CompressedSNARK;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Error;
use crate::circuit::Step;
use crate::engine::{E1, E2, S1, S2};

const MAGIC: &[u8; 4] = b"avfo";
const VERSION: u8 = 1;
const HEAD: usize = 4 + 1 + 32 + 8;
/// The longest proof. They all have nearly the same length, about 11 KB.
pub const MAX_PROOF_LEN: usize = 1 << 15;

pub(crate) type Snark = CompressedSNARK<E1, E2, Step, S1, S2>;

pub(crate) struct Proof {
    pub(crate) parameters: [u8; 32],
    pub(crate) steps: u64,
    pub(crate) snark: Snark,
}

impl Proof {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        let snark = postcard::to_allocvec(&self.snark).map_err(Error::library)?;
        let mut bytes = Vec::with_capacity(HEAD + snark.len());
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        bytes.extend(self.parameters);
        bytes.extend(self.steps.to_be_bytes());
        bytes.extend(snark);
        Ok(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |why: &str| Error::Malformed {
            what: "the proof",
            why: why.into(),
        };
        if bytes.len() > MAX_PROOF_LEN {
            return Err(malformed("it is too long"));
        }
        let (head, snark) = bytes
            .split_at_checked(HEAD)
            .ok_or_else(|| malformed("it ends in its head"))?;
        if !head.starts_with(MAGIC) {
            return Err(malformed("it does not begin with `avfo`"));
        }
        if head[4] != VERSION {
            return Err(malformed("it is not of version 1"));
        }
        let parameters = head[5..37].try_into().unwrap_or_default();
        let steps = u64::from_be_bytes(head[37..].try_into().unwrap_or_default());
        // Points are decompressed while reading: whatever the library makes of bad ones stays here.
        let snark = catch_unwind(AssertUnwindSafe(|| postcard::from_bytes(snark)))
            .map_err(|_| malformed("the library cannot read it"))?
            .map_err(|error| malformed(&error.to_string()))?;
        let proof = Self {
            parameters,
            steps,
            snark,
        };
        if proof.encode()? != bytes {
            return Err(malformed("it has another form than its own"));
        }
        Ok(proof)
    }
}
