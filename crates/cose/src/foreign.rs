//! Other people's receipts (RFC 9942), in any encoding that RFC 9052 allows. Ours do not come through
//! here: they have one stored form, see [`crate::receipt`].

use alloc::vec::Vec;

use avouch_cbor::Value;
use avouch_merkle::{Digest, LeafIndex, TreeSize, root_from_inclusion};

use crate::key::VerifyingKey;
use crate::receipt::{INCLUSION, InclusionReceipt, MAX_PATH, VDS_RFC9162};
use crate::sign1::int;
use crate::stored::{VDP, VDS};
use crate::{Error, Sign1, lax};

/// Checks that `key` signed a root which one of the receipt's inclusion proofs leads to from `leaf`
/// (a leaf hash). The root may be detached or carried.
///
/// # Errors
/// [`Error::UnsupportedVds`] for another structure than RFC9162_SHA256; what was wrong with the last
/// proof when none holds.
pub fn verify_receipt(
    bytes: &[u8],
    leaf: Digest,
    key: &VerifyingKey,
) -> Result<InclusionReceipt, Error> {
    let message = Sign1::parse(bytes)?;
    match message.headers().protected(VDS) {
        Some(Value::Uint(VDS_RFC9162)) => {}
        Some(other) => {
            let other = int(other).ok_or(malformed("member 395 (vds) is not an integer"))?;
            return Err(Error::UnsupportedVds(other.into()));
        }
        None => return Err(malformed("no member 395 (vds) in the protected header")),
    }
    let proofs = match message.headers().unprotected(VDP) {
        Some(Value::Map(proofs)) => proofs
            .iter()
            .find(|(label, _)| int(label) == Some(INCLUSION))
            .map(|(_, proofs)| proofs),
        _ => None,
    };
    let Some(Value::Array(proofs)) = proofs else {
        return Err(malformed(
            "no inclusion proofs (396: { -1: [...] }) in the unprotected header",
        ));
    };
    let mut failed = malformed("an empty list of inclusion proofs");
    for proof in proofs {
        match check(&message, proof, leaf, key) {
            Ok(shown) => return Ok(shown),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn check(
    message: &Sign1,
    proof: &Value,
    leaf: Digest,
    key: &VerifyingKey,
) -> Result<InclusionReceipt, Error> {
    let wrong = malformed("an inclusion proof is not [size, index, [at most 64 hashes]]");
    let Value::Bytes(proof) = proof else {
        return Err(wrong);
    };
    let Value::Array(parts) = lax::decode(proof)? else {
        return Err(wrong);
    };
    let [Value::Uint(size), Value::Uint(index), Value::Array(path)] = parts.as_slice() else {
        return Err(wrong);
    };
    let path: Option<Vec<Digest>> = path
        .iter()
        .take(MAX_PATH + 1)
        .map(|hash| match hash {
            Value::Bytes(hash) => Digest::try_from(hash.as_slice()).ok(),
            _ => None,
        })
        .collect();
    let path = path.filter(|path| path.len() <= MAX_PATH).ok_or(wrong)?;
    let (size, index) = (TreeSize(*size), LeafIndex(*index));
    let root = root_from_inclusion(leaf, index, size, &path)?;
    match message.payload() {
        None => message.verify_detached(key, &[], root.as_bytes())?,
        Some(carried) => {
            message.verify(key, &[])?;
            if carried != root.as_bytes() {
                return Err(avouch_merkle::Error::RootMismatch.into());
            }
        }
    }
    Ok(InclusionReceipt { size, index, root })
}

fn malformed(reason: &'static str) -> Error {
    Error::Cose { at: 0, reason }
}
