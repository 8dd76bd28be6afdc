//! RFC 3161: time stamps by time-stamping authorities.
//!
//! A proof is the authority's whole answer (a DER `TimeStampResp`, what `openssl ts -verify -in` reads). It is
//! believed when the token in it is about the checkpoint's SHA-256, its signature holds, the signer names its
//! certificate in what it signs, and that certificate leads to a root that the policy lists: each one good
//! at the time of the time stamp, for time-stamping and nothing else. The rules are in RFC 3161, 5652, 5280, 5035 and 5816.

mod asn1;
mod certificate;
#[cfg(feature = "submit")]
mod client;
mod cms;
mod oid;
mod path;
#[cfg(feature = "submit")]
mod request;
mod revocation;
mod signature;
mod token;

use der::oid::ObjectIdentifier as Oid;
use sha1::{Digest as _, Sha1};

use crate::{Anchored, Doubt, Existed, Verifier};
use asn1::{Algorithm, OCTET_STRING, SEQUENCE, flaw};
use certificate::Certificate;
use cms::{Signed, Signer, SignerId};
use revocation::RevocationList;
use signature::Hash;
use token::TstInfo;

#[cfg(feature = "submit")]
pub use client::Client;

/// The kind of its receipts.
pub const KIND: &str = "rfc3161";

/// Authorities that the policy trusts: all that lead to some roots.
#[derive(Clone, Debug)]
pub struct Authority {
    roots: Vec<Vec<u8>>,
    policies: Vec<Oid>,
    max_accuracy: u64,
}

impl Authority {
    /// Trusts time stamps that lead to one of these root certificates (DER), or are signed by one of them
    /// itself; made under one of these TSA policies (dotted OIDs; none = any); and no less accurate than so
    /// many seconds. A time stamp that names no accuracy is taken to be off by as much as that.
    ///
    /// # Errors
    /// Which root is no certificate, or which policy no OID.
    pub fn new(roots: Vec<Vec<u8>>, policies: &[&str], max_accuracy: u64) -> Result<Self, String> {
        if roots.is_empty() {
            return Err("no root certificate is given".into());
        }
        for (number, root) in (1..).zip(&roots) {
            let read = Certificate::parse(root).and_then(|root| root.public_key().map(drop));
            read.map_err(|doubt| format!("root {number}: {doubt}"))?;
        }
        let policies = policies.iter().map(|text| {
            Oid::new(text).map_err(|_| format!("{text:?} is no OID such as 1.2.3.4.1"))
        });
        Ok(Self {
            policies: policies.collect::<Result<_, _>>()?,
            roots,
            max_accuracy,
        })
    }

    /// The roots, as DER.
    pub fn roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    /// Judges a DER `TimeStampResp` about 32 bytes of SHA-256.
    pub fn verify_response(&self, digest: &[u8; 32], response: &[u8]) -> Result<Existed, Doubt> {
        let token = token::granted(response)?;
        let signed = Signed::parse(&token)?;
        let info = TstInfo::parse(signed.content)?;
        if !info.is_about(digest) {
            return Err(Doubt::Refused(
                "the time stamp is about something else: its imprint is not the checkpoint's SHA-256"
                    .into(),
            ));
        }
        let brought = certificates(signed.certificates.iter().copied())?;
        let roots = certificates(self.roots.iter().map(Vec::as_slice))?;
        let signer = brought
            .iter()
            .chain(&roots)
            .find(|one| names(&signed.signer.id, one))
            .ok_or_else(|| {
                Doubt::Unknown(
                    "the certificate of the authority that signed it is not at hand".into(),
                )
            })?;
        check_signature(&signed, signer)?;
        let path = path::find(signer, &brought, &roots, info.time.0)?;
        for raw in &signed.revocation_lists {
            let list = RevocationList::parse(raw)?;
            for pair in path.windows(2) {
                list.judge(pair[0], pair[1], info.time.0)?;
            }
        }
        if !self.policies.is_empty() && !self.policies.contains(&info.policy) {
            return Err(Doubt::Unknown(format!(
                "it is made under the authority's policy {}, which the trust policy does not list",
                info.policy
            )));
        }
        let accuracy = info.accuracy.unwrap_or(self.max_accuracy);
        if accuracy > self.max_accuracy {
            return Err(Doubt::Unknown(format!(
                "it is accurate to {accuracy} s only, and the policy asks for {} s",
                self.max_accuracy
            )));
        }
        Ok(Existed {
            by: info.time.1.saturating_add(accuracy),
            source: format!("time-stamping authority {}", signer.name()),
        })
    }
}

impl Verifier for Authority {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn verify(&self, anchored: &Anchored, proof: &[u8]) -> Result<Existed, Doubt> {
        self.verify_response(&anchored.digest().0, proof)
    }
}

/// The certificates in a PEM text, as DER.
///
/// # Errors
/// If there is none, or something in between that is none.
pub fn certificates_from_pem(text: &str) -> Result<Vec<Vec<u8>>, String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(END).map(|at| at + END.len());
        let (block, after) = end
            .and_then(|end| rest.split_at_checked(end))
            .filter(|(block, _)| block.starts_with(BEGIN))
            .ok_or("it is not one PEM certificate after the other")?;
        let (_, der) = der::Document::from_pem(block).map_err(|error| error.to_string())?;
        found.push(der.as_bytes().to_vec());
        rest = after.trim_start();
    }
    match found.is_empty() {
        true => Err("it holds no certificate".into()),
        false => Ok(found),
    }
}

fn certificates<'a>(raw: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Certificate<'a>>, Doubt> {
    raw.map(Certificate::parse).collect()
}

fn names(id: &SignerId<'_>, certificate: &Certificate<'_>) -> bool {
    match id {
        SignerId::IssuerAndSerial { issuer, serial } => {
            certificate.issuer == *issuer && certificate.serial == *serial
        }
        SignerId::KeyId(id) => certificate.key_id == Some(*id),
    }
}

/// That this certificate's key signed the token, and that the signed part says so.
fn check_signature(signed: &Signed<'_>, certificate: &Certificate<'_>) -> Result<(), Doubt> {
    let signer = &signed.signer;
    signer.covers(signed.content)?;
    names_its_certificate(signer, certificate)?;
    let key = certificate.public_key()?;
    let message = signer.signed_bytes();
    key.verify(
        &signer.algorithm,
        Some(signer.hash),
        &message,
        signer.signature,
    )
    .map_err(|doubt| match doubt {
        Doubt::Refused(why) => Doubt::Refused(format!(
            "the time stamp claims to be by {}, but {why}",
            certificate.name()
        )),
        other => other,
    })
}

/// ESSCertID and ESSCertIDv2 (RFC 2634, 5035): without them, another certificate for the same key would do as well.
fn names_its_certificate(signer: &Signer<'_>, certificate: &Certificate<'_>) -> Result<(), Doubt> {
    const WHAT: &str = "the signed name of the authority's certificate";
    let old = signer.attribute(oid::SIGNING_CERTIFICATE)?;
    let new = signer.attribute(oid::SIGNING_CERTIFICATE_V2)?;
    if old.is_none() && new.is_none() {
        return Err(flaw(WHAT, "it is missing"));
    }
    for (attribute, is_new) in [(old, false), (new, true)] {
        let Some(attribute) = attribute else { continue };
        // The first of the certificates named is the signer's.
        let ids = attribute.fields(WHAT)?.take(SEQUENCE, WHAT)?;
        let mut id = ids.fields(WHAT)?.take(SEQUENCE, WHAT)?.fields(WHAT)?;
        let hashed = match is_new {
            true => {
                let hash = match id.optional(SEQUENCE, WHAT)? {
                    Some(named) => Hash::of(&Algorithm::read(&named, WHAT)?.oid),
                    None => Some(Hash::Sha256),
                };
                let hash = hash.ok_or_else(|| flaw(WHAT, "its hash is not of SHA-2"))?;
                hash.digest(certificate.raw)
            }
            // What matters here is that nobody finds a second certificate for a given hash, which SHA-1 still
            // keeps up.
            false => Sha1::digest(certificate.raw).to_vec(),
        };
        if id.take(OCTET_STRING, WHAT)?.value != hashed {
            return Err(flaw(WHAT, "it is another certificate's"));
        }
    }
    Ok(())
}

/// The nonce in an answer, as a DER integer's value. For who asked: offline, a nonce proves nothing.
#[cfg(feature = "submit")]
fn nonce(response: &[u8]) -> Result<Option<Vec<u8>>, Doubt> {
    let token = token::granted(response)?;
    let signed = Signed::parse(&token)?;
    let info = TstInfo::parse(signed.content)?;
    Ok(info.nonce.map(<[u8]>::to_vec))
}

/// Whether an answer is a time stamp for this digest, signed by the certificate that it brings. Who that is, is
/// the trust policy's question.
#[cfg(feature = "submit")]
fn is_sound(digest: &[u8; 32], response: &[u8]) -> Result<(), Doubt> {
    let token = token::granted(response)?;
    let signed = Signed::parse(&token)?;
    if !TstInfo::parse(signed.content)?.is_about(digest) {
        return Err(Doubt::Refused("it is about something else".into()));
    }
    let brought = certificates(signed.certificates.iter().copied())?;
    let signer = brought
        .iter()
        .find(|one| names(&signed.signer.id, one))
        .ok_or_else(|| Doubt::Refused("it does not bring its signer's certificate".into()))?;
    check_signature(&signed, signer)
}
