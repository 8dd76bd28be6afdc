//! X.509 certificates (RFC 5280), as far as the path from an authority to a root asks for.

use der::DateTime;
use der::asn1::{GeneralizedTime, UtcTime};
use der::oid::ObjectIdentifier as Oid;

use super::asn1::{
    Algorithm, BIT_STRING, BOOLEAN, Fields, GENERALIZED_TIME, INTEGER, Item, OCTET_STRING, OID,
    SEQUENCE, UTC_TIME, flaw, implicit, tagged,
};
use super::oid;
use super::signature::PublicKey;
use crate::Doubt;

const WHAT: &str = "a certificate";

/// A certificate, read.
pub(super) struct Certificate<'a> {
    pub(super) raw: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// The serial number's value, as DER has it.
    pub(super) serial: &'a [u8],
    pub(super) key: Item<'a>,
    pub(super) key_id: Option<&'a [u8]>,
    /// Seconds since the Unix epoch, both included.
    validity: (u64, u64),
    signed: &'a [u8],
    algorithm: Algorithm<'a>,
    signature: &'a [u8],
    /// `Some(whether it is a CA, most CAs below it)`.
    constraints: Option<(bool, Option<u64>)>,
    key_usage: Option<u16>,
    purposes: Option<Purposes>,
    /// A critical extension that is not known here.
    unknown: Option<Oid>,
}

/// What the key may be used for by an extended key usage.
struct Purposes {
    critical: bool,
    list: Vec<Oid>,
}

/// Key usage bits (RFC 5280, 4.2.1.3), the first from the left.
const DIGITAL_SIGNATURE: u16 = 1 << 15;
const NON_REPUDIATION: u16 = 1 << 14;
const CERT_SIGN: u16 = 1 << 10;
const CRL_SIGN: u16 = 1 << 9;

impl<'a> Certificate<'a> {
    pub(super) fn parse(raw: &'a [u8]) -> Result<Self, Doubt> {
        let mut outer = Item::parse(raw, SEQUENCE, WHAT)?.fields(WHAT)?;
        let tbs = outer.take(SEQUENCE, WHAT)?;
        let algorithm = outer.take(SEQUENCE, WHAT)?;
        let signature = whole_bytes(&outer.take(BIT_STRING, WHAT)?)?;
        outer.finish(WHAT)?;

        let mut fields = tbs.fields(WHAT)?;
        fields.optional(tagged(0), WHAT)?;
        let serial = fields.take(INTEGER, WHAT)?.value;
        if fields.take(SEQUENCE, WHAT)?.raw != algorithm.raw {
            return Err(flaw(WHAT, "it names two signature algorithms"));
        }
        let issuer = fields.take(SEQUENCE, WHAT)?.raw;
        let mut validity = fields.take(SEQUENCE, WHAT)?.fields(WHAT)?;
        let validity = (read_time(&mut validity)?, read_time(&mut validity)?);
        let subject = fields.take(SEQUENCE, WHAT)?.raw;
        let key = fields.take(SEQUENCE, WHAT)?;
        fields.optional(implicit(1), WHAT)?;
        fields.optional(implicit(2), WHAT)?;
        let extensions = fields.optional(tagged(3), WHAT)?;
        fields.finish(WHAT)?;

        let mut certificate = Self {
            raw,
            issuer,
            subject,
            serial,
            key,
            key_id: None,
            validity,
            signed: tbs.raw,
            algorithm: Algorithm::read(&algorithm, WHAT)?,
            signature,
            constraints: None,
            key_usage: None,
            purposes: None,
            unknown: None,
        };
        if let Some(extensions) = extensions {
            let list = Item::parse(extensions.value, SEQUENCE, WHAT)?;
            certificate.read_extensions(list.fields(WHAT)?)?;
        }
        Ok(certificate)
    }

    fn read_extensions(&mut self, mut fields: Fields<'a>) -> Result<(), Doubt> {
        let mut seen = Vec::new();
        for extension in fields.rest(WHAT)? {
            let (name, critical, value) = read_extension(&extension)?;
            if seen.contains(&name) {
                return Err(flaw(WHAT, format_args!("extension {name} is there twice")));
            }
            seen.push(name);
            match name {
                oid::BASIC_CONSTRAINTS => {
                    let mut inner = Item::parse(value, SEQUENCE, WHAT)?.fields(WHAT)?;
                    let is_ca = inner.optional(BOOLEAN, WHAT)?;
                    let is_ca = is_ca.map(|item| item.decode::<bool>(WHAT)).transpose()?;
                    let most = inner.optional(INTEGER, WHAT)?;
                    let most = most.map(|item| item.decode::<u64>(WHAT)).transpose()?;
                    inner.finish(WHAT)?;
                    self.constraints = Some((is_ca.unwrap_or(false), most));
                }
                oid::KEY_USAGE => {
                    let bits = Item::parse(value, BIT_STRING, WHAT)?;
                    let bytes = bits.value.get(1..).unwrap_or_default();
                    let byte = |at: usize| u16::from(bytes.get(at).copied().unwrap_or_default());
                    self.key_usage = Some(byte(0) << 8 | byte(1));
                }
                oid::EXTENDED_KEY_USAGE => {
                    let list = Item::parse(value, SEQUENCE, WHAT)?
                        .fields(WHAT)?
                        .rest(WHAT)?;
                    let list = list.iter().map(|item| item.oid(WHAT));
                    let list = list.collect::<Result<_, _>>()?;
                    self.purposes = Some(Purposes { critical, list });
                }
                oid::SUBJECT_KEY_ID => {
                    self.key_id = Some(Item::parse(value, OCTET_STRING, WHAT)?.value);
                }
                // They restrict nothing that is looked at here: no certificate policy is asked for, and
                // keys are matched by names and signatures.
                oid::CERTIFICATE_POLICIES | oid::AUTHORITY_KEY_ID | oid::SUBJECT_ALT_NAME => {}
                other if critical => self.unknown = self.unknown.or(Some(other)),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn public_key(&self) -> Result<PublicKey, Doubt> {
        PublicKey::parse(&self.key)
    }

    /// Whether the key in `issuer` signed this certificate.
    pub(super) fn is_signed_by(&self, issuer: &Certificate<'_>) -> Result<(), Doubt> {
        let key = issuer.public_key()?;
        key.verify(&self.algorithm, None, self.signed, self.signature)
    }

    /// Whether it was valid at a time.
    pub(super) fn is_valid_at(&self, time: u64) -> Result<(), Doubt> {
        let (from, to) = self.validity;
        let name = self.name();
        match time {
            time if time < from => Err(Doubt::Refused(format!(
                "the certificate of {name} was not valid yet at the time of the time stamp"
            ))),
            time if time > to => Err(Doubt::Refused(format!(
                "the certificate of {name} had expired at the time of the time stamp"
            ))),
            _ => Ok(()),
        }
    }

    /// Nothing critical in it that is not known here.
    pub(super) fn is_understood(&self) -> Result<(), Doubt> {
        match &self.unknown {
            None => Ok(()),
            Some(name) => Err(Doubt::Refused(format!(
                "the certificate of {} has a critical extension {name} that is not known here",
                self.name()
            ))),
        }
    }

    /// Whether it may certify others that can have `below` CAs between them and the signer. A root that the policy
    /// gives may be so old that it has no extensions.
    pub(super) fn may_certify(&self, below: u64, is_root: bool) -> Result<(), Doubt> {
        let name = self.name();
        let refuse = |why: &str| Err(Doubt::Refused(format!("the certificate of {name} {why}")));
        match self.constraints {
            None if is_root => {}
            Some((true, most)) if most.is_none_or(|most| below <= most) => {}
            Some((true, _)) => return refuse("has more certificates below it than it allows"),
            _ => return refuse("is not one of a CA, but signed another's"),
        }
        if self.key_usage.is_some_and(|usage| usage & CERT_SIGN == 0) {
            return refuse("may not sign others, by its key usage");
        }
        let narrowed = self.purposes.as_ref().is_some_and(|purposes| {
            let list = &purposes.list;
            !list.contains(&oid::TIME_STAMPING) && !list.contains(&oid::ANY_PURPOSE)
        });
        if narrowed {
            return refuse("may not certify time-stamping, by its extended key usage");
        }
        Ok(())
    }

    /// Whether its key may sign revocation lists.
    pub(super) fn may_revoke(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage & CRL_SIGN != 0)
    }

    /// RFC 3161, 2.3: a key for time-stamping and nothing else, critically so.
    pub(super) fn may_stamp(&self) -> Result<(), Doubt> {
        let name = self.name();
        let refuse = |why: &str| Err(Doubt::Refused(format!("the certificate of {name} {why}")));
        match &self.purposes {
            Some(Purposes {
                critical: true,
                list,
            }) if list.as_slice() == [oid::TIME_STAMPING] => {}
            _ => {
                return refuse(
                    "is not one for time-stamping alone: it needs a critical extended key usage of just that",
                );
            }
        }
        let signs = DIGITAL_SIGNATURE | NON_REPUDIATION;
        match self.key_usage {
            Some(usage) if usage & signs == 0 || usage & !signs != 0 => {
                refuse("may not sign time stamps, by its key usage")
            }
            _ => Ok(()),
        }
    }

    /// Its subject's common name, for people; or else that it has none.
    pub(super) fn name(&self) -> String {
        common_name(self.subject)
            .map_or_else(|| "a nameless subject".into(), |name| format!("{name:?}"))
    }
}

fn common_name(name: &[u8]) -> Option<String> {
    let parts = Item::parse(name, SEQUENCE, WHAT).ok()?;
    for set in parts.fields(WHAT).ok()?.rest(WHAT).ok()? {
        for pair in set.fields(WHAT).ok()?.rest(WHAT).ok()? {
            let mut fields = pair.fields(WHAT).ok()?;
            let kind = fields.take(OID, WHAT).ok()?.oid(WHAT).ok()?;
            let value = fields.next(WHAT).ok()??;
            if kind == oid::COMMON_NAME {
                let text = String::from_utf8_lossy(value.value);
                let shown = text.chars().filter(|c| !c.is_control()).take(100);
                return Some(shown.collect());
            }
        }
    }
    None
}

/// Name, whether critical, value.
pub(super) fn read_extension<'a>(item: &Item<'a>) -> Result<(Oid, bool, &'a [u8]), Doubt> {
    const WHAT: &str = "an extension";
    let mut fields = item.fields(WHAT)?;
    let name = fields.take(OID, WHAT)?.oid(WHAT)?;
    let critical = fields.optional(BOOLEAN, WHAT)?;
    let critical = critical.map(|item| item.decode::<bool>(WHAT)).transpose()?;
    let value = fields.take(OCTET_STRING, WHAT)?.value;
    fields.finish(WHAT)?;
    Ok((name, critical.unwrap_or(false), value))
}

/// The bytes of a bit string that is whole bytes long.
pub(super) fn whole_bytes<'a>(item: &Item<'a>) -> Result<&'a [u8], Doubt> {
    match item.value.split_first() {
        Some((0, bytes)) => Ok(bytes),
        _ => Err(flaw(WHAT, "a signature that is not whole bytes")),
    }
}

/// `Time`, in seconds since the Unix epoch.
pub(super) fn read_time(fields: &mut Fields<'_>) -> Result<u64, Doubt> {
    let item = fields.next(WHAT)?;
    let item = item.ok_or_else(|| flaw(WHAT, "a time is missing"))?;
    let time: DateTime = match item.tag {
        UTC_TIME => item.decode::<UtcTime>(WHAT)?.to_date_time(),
        GENERALIZED_TIME => item.decode::<GeneralizedTime>(WHAT)?.to_date_time(),
        _ => return Err(flaw(WHAT, "a time of a kind that there is not")),
    };
    Ok(time.unix_duration().as_secs())
}
