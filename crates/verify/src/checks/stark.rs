//! Proofs by the system `stark`, whose verifier is there with the feature of that name.

use avouch_bundle::Proof;
use avouch_claims::Claims;
use avouch_merkle::Digest;
use avouch_trace::Manifest;

use super::claims::Verified;

/// The name of the system in bundles.
pub(crate) const SYSTEM: &str = "stark";

/// Checks a proof against what was signed: nothing that the proof is about comes from the proof, but for
/// its claims, and those count only as what they are.
#[cfg(feature = "stark")]
pub(crate) fn verify(
    proof: &Proof,
    claims: Claims,
    statement_id: Digest,
    manifest: &Manifest,
) -> Verified {
    let public = avouch_stark::Public {
        statement_id: statement_id.0,
        root: manifest.root,
        size: manifest.size,
        chain_start: manifest.chain_start,
        chain_head: manifest.chain_head,
        claims,
    };
    let verified = match avouch_stark::verify(&public, &proof.proof) {
        Ok(verified) => verified,
        Err(error) => return Verified::Refused(error.to_string()),
    };
    let preset = verified.preset.name();
    if proof.preset != preset {
        return Verified::Refused(format!(
            "it is said to be made with preset {:?}, and is made with {preset:?}",
            proof.preset
        ));
    }
    let security = verified.preset.security();
    Verified::Holds(crate::proven::Proven {
        system: SYSTEM,
        preset,
        security_bits: security.proven,
        conjectured_bits: security.conjectured,
        hiding: true,
        root_and_chain: verified.chain,
        claims: public.claims,
    })
}

/// Says that nothing here can check it.
#[cfg(not(feature = "stark"))]
pub(crate) fn verify(_: &Proof, _: Claims, _: Digest, _: &Manifest) -> Verified {
    let why = "this verifier was built without the system \"stark\"";
    Verified::Unknown(why.into())
}
