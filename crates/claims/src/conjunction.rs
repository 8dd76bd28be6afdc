//! Conjunctions of claims.

use alloc::vec::Vec;

use avouch_merkle::{Digest, sha256};

use crate::{Claim, Error, MAX_CLAIMS, MAX_CLAIMS_LEN, cbor};

/// The domain of a conjunction's digest.
const CLAIMS: &[u8] = b"avouch/v1/claims";
/// The domain of one claim's digest. What follows starts with a CBOR array's head, never with the
/// `s` that would make it the other domain.
const CLAIM: &[u8] = b"avouch/v1/claim";

/// A conjunction of claims: it holds when all of them do. At least one, none twice, every
/// parameter within its rules, and ordered by their canonical forms, so that the same claims have
/// the same digest whatever order they were written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    list: Vec<Claim>,
    digest: Digest,
}

impl Claims {
    /// The conjunction of these claims, in any order.
    pub fn new(claims: impl IntoIterator<Item = Claim>) -> Result<Self, Error> {
        let mut list = Vec::new();
        for claim in claims {
            claim.check()?;
            list.push((cbor::encode_claim(&claim), claim));
        }
        if list.is_empty() {
            return Err(Error::NoClaims);
        }
        if list.len() > MAX_CLAIMS {
            return Err(Error::TooManyClaims { found: list.len() });
        }
        list.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if let Some(pair) = list.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let claim = pair[0].1.name();
            return Err(Error::SameClaim { claim });
        }
        let encoded = cbor::encode_list(list.iter().map(|(bytes, _)| bytes.as_slice()));
        if encoded.len() > MAX_CLAIMS_LEN {
            return Err(Error::TooLong {
                found: encoded.len(),
            });
        }
        Ok(Self {
            list: list.into_iter().map(|(_, claim)| claim).collect(),
            digest: sha256(&[CLAIMS, &encoded]),
        })
    }

    /// The claims, in canonical order.
    pub fn as_slice(&self) -> &[Claim] {
        &self.list
    }

    /// What goes into proofs: SHA-256("avouch/v1/claims" || canonical CBOR).
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether whoever has shown these claims has also shown those.
    pub fn include(&self, others: &Self) -> bool {
        others.list.iter().all(|claim| self.list.contains(claim))
    }

    /// The canonical CBOR form.
    pub fn encode(&self) -> Vec<u8> {
        let encoded: Vec<_> = self.list.iter().map(cbor::encode_claim).collect();
        cbor::encode_list(encoded.iter().map(Vec::as_slice))
    }

    /// Reads the canonical form, and refuses every other: what is accepted re-encodes to the same
    /// bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_CLAIMS_LEN {
            return Err(Error::TooLong { found: bytes.len() });
        }
        let claims = Self::new(crate::decode::claims(bytes)?)?;
        match claims.encode() == bytes {
            true => Ok(claims),
            false => Err(Error::Order),
        }
    }
}

impl Claim {
    /// What names one claim, wherever it stands: SHA-256("avouch/v1/claim" || canonical CBOR).
    pub fn digest(&self) -> Digest {
        sha256(&[CLAIM, &cbor::encode_claim(self)])
    }
}
