//! Certificate revocation lists (RFC 5280, 5) that a token brings. What they revoke counts; that they
//! revoke nothing proves nothing, because whoever made the token chose what to bring.

use der::oid::ObjectIdentifier as Oid;

use super::asn1::{
    Algorithm, BIT_STRING, ENUMERATED, GENERALIZED_TIME, INTEGER, Item, SEQUENCE, UTC_TIME, flaw,
    tagged,
};
use super::certificate::{Certificate, read_extension, read_time, whole_bytes};
use super::oid;
use crate::Doubt;

const WHAT: &str = "a revocation list";

/// A revocation list, read.
pub(super) struct RevocationList<'a> {
    issuer: &'a [u8],
    /// Serial number, time, and whether what was signed before stays good.
    revoked: Vec<(&'a [u8], u64, bool)>,
    signed: &'a [u8],
    algorithm: Algorithm<'a>,
    signature: &'a [u8],
}

impl<'a> RevocationList<'a> {
    pub(super) fn parse(raw: &'a [u8]) -> Result<Self, Doubt> {
        let mut outer = Item::parse(raw, SEQUENCE, WHAT)?.fields(WHAT)?;
        let tbs = outer.take(SEQUENCE, WHAT)?;
        let algorithm = outer.take(SEQUENCE, WHAT)?;
        let signature = whole_bytes(&outer.take(BIT_STRING, WHAT)?)?;
        outer.finish(WHAT)?;
        let mut fields = tbs.fields(WHAT)?;
        fields.optional(INTEGER, WHAT)?;
        if fields.take(SEQUENCE, WHAT)?.raw != algorithm.raw {
            return Err(flaw(WHAT, "it names two signature algorithms"));
        }
        let issuer = fields.take(SEQUENCE, WHAT)?.raw;
        read_time(&mut fields)?;
        let mut revoked = Vec::new();
        // nextUpdate, the entries and the extensions are all optional, but in this order.
        for item in fields.rest(WHAT)? {
            match item.tag {
                UTC_TIME | GENERALIZED_TIME if revoked.is_empty() => {}
                SEQUENCE if revoked.is_empty() => {
                    for entry in item.fields(WHAT)?.rest(WHAT)? {
                        revoked.push(read_entry(&entry)?);
                    }
                }
                tag if tag == tagged(0) => refuse_critical(&item)?,
                _ => return Err(flaw(WHAT, "something that it has no place for")),
            }
        }
        Ok(Self {
            issuer,
            revoked,
            signed: tbs.raw,
            algorithm: Algorithm::read(&algorithm, WHAT)?,
            signature,
        })
    }

    /// Whether it revokes `certificate`, which `issuer` signed, so that what it signed at `time` is no good.
    pub(super) fn judge(
        &self,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        time: u64,
    ) -> Result<(), Doubt> {
        if self.issuer != issuer.subject || !issuer.may_revoke() {
            return Ok(());
        }
        let key = issuer.public_key()?;
        if key
            .verify(&self.algorithm, None, self.signed, self.signature)
            .is_err()
        {
            // Somebody else's of the same name, or nobody's: it says nothing about this certificate.
            return Ok(());
        }
        let entry = self
            .revoked
            .iter()
            .find(|(serial, ..)| *serial == certificate.serial);
        match entry {
            Some((_, from, spares)) if !spares || *from <= time => Err(Doubt::Refused(format!(
                "the certificate of {} is revoked, by a list that the token itself brings",
                certificate.name()
            ))),
            _ => Ok(()),
        }
    }
}

/// `[serial, time, ? extensions]`
fn read_entry<'a>(item: &Item<'a>) -> Result<(&'a [u8], u64, bool), Doubt> {
    let mut fields = item.fields(WHAT)?;
    let serial = fields.take(INTEGER, WHAT)?.value;
    let from = read_time(&mut fields)?;
    let mut reason = None;
    if let Some(extensions) = fields.optional(SEQUENCE, WHAT)? {
        for extension in extensions.fields(WHAT)?.rest(WHAT)? {
            let (name, critical, value) = read_extension(&extension)?;
            match name {
                oid::CRL_REASON => {
                    let code = Item::parse(value, ENUMERATED, WHAT)?;
                    reason = code.value.first().copied();
                }
                name if critical => return Err(unknown(name)),
                _ => {}
            }
        }
    }
    fields.finish(WHAT)?;
    // RFC 3161, 4.1: after unspecified (0), affiliationChanged (3), superseded (4) or cessationOfOperation (5),
    // told as such, what was stamped before the revocation stays good; after anything else nothing does.
    let spares = matches!(reason, Some(0 | 3 | 4 | 5));
    Ok((serial, from, spares))
}

fn refuse_critical(item: &Item<'_>) -> Result<(), Doubt> {
    for extension in Item::parse(item.value, SEQUENCE, WHAT)?
        .fields(WHAT)?
        .rest(WHAT)?
    {
        let (name, critical, _) = read_extension(&extension)?;
        if critical && name != oid::CRL_NUMBER {
            return Err(unknown(name));
        }
    }
    Ok(())
}

fn unknown(name: Oid) -> Doubt {
    Doubt::Unknown(format!(
        "a revocation list has a critical extension {name} that is not known here"
    ))
}
