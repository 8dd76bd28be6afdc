//! The envelope of a time stamp: CMS SignedData (RFC 5652) with one signer, as RFC 3161 has it.

use der::oid::ObjectIdentifier as Oid;

use super::asn1::{
    Algorithm, Fields, INTEGER, Item, OCTET_STRING, OID, SEQUENCE, SET, flaw, implicit, tagged,
};
use super::oid;
use super::signature::Hash;
use crate::Doubt;

/// The most certificates, and the most revocation lists, that a token may bring.
const MAX_BROUGHT: usize = 32;

/// A signed token, taken apart.
pub(super) struct Signed<'a> {
    /// What is signed: the DER of a TSTInfo.
    pub(super) content: &'a [u8],
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) revocation_lists: Vec<&'a [u8]>,
    pub(super) signer: Signer<'a>,
}

/// Who signed, and how.
pub(super) struct Signer<'a> {
    pub(super) id: SignerId<'a>,
    pub(super) hash: Hash,
    attributes: Item<'a>,
    pub(super) algorithm: Algorithm<'a>,
    pub(super) signature: &'a [u8],
}

/// Which certificate the signer names.
pub(super) enum SignerId<'a> {
    IssuerAndSerial { issuer: &'a [u8], serial: &'a [u8] },
    KeyId(&'a [u8]),
}

impl<'a> Signed<'a> {
    /// Reads a ContentInfo that holds SignedData over a TSTInfo.
    pub(super) fn parse(token: &Item<'a>) -> Result<Self, Doubt> {
        const WHAT: &str = "the token's SignedData";
        let mut info = token.fields(WHAT)?;
        if info.take(OID, WHAT)?.oid(WHAT)? != oid::SIGNED_DATA {
            return Err(flaw(WHAT, "the content is of another type"));
        }
        let data = info.take(tagged(0), WHAT)?;
        info.finish(WHAT)?;
        let data = Item::parse(data.value, SEQUENCE, WHAT)?;
        let mut data = data.fields(WHAT)?;
        data.take(INTEGER, WHAT)?;
        data.take(SET, WHAT)?;
        let content = read_content(&data.take(SEQUENCE, WHAT)?)?;
        let brought = |set: Option<Item<'a>>| {
            let items = match set {
                Some(set) => set.fields(WHAT)?.rest(WHAT)?,
                None => Vec::new(),
            };
            if items.len() > MAX_BROUGHT {
                return Err(flaw(WHAT, "it brings too many certificates"));
            }
            // Other choices are attribute certificates and the like, of which nothing here is made.
            let plain = items.into_iter().filter(|item| item.tag == SEQUENCE);
            Ok(plain.map(|item| item.raw).collect::<Vec<_>>())
        };
        let certificates = brought(data.optional(tagged(0), WHAT)?)?;
        let revocation_lists = brought(data.optional(tagged(1), WHAT)?)?;
        let signers = data.take(SET, WHAT)?.fields(WHAT)?.rest(WHAT)?;
        data.finish(WHAT)?;
        // RFC 3161, 2.4.2: no signature but the authority's.
        let [signer] = signers.as_slice() else {
            return Err(flaw(WHAT, "it must have exactly one signer"));
        };
        Ok(Self {
            content,
            certificates,
            revocation_lists,
            signer: Signer::read(signer)?,
        })
    }
}

/// `EncapsulatedContentInfo`, of a TSTInfo.
fn read_content<'a>(item: &Item<'a>) -> Result<&'a [u8], Doubt> {
    const WHAT: &str = "what the token signs";
    let mut fields = item.fields(WHAT)?;
    if fields.take(OID, WHAT)?.oid(WHAT)? != oid::TST_INFO {
        return Err(flaw(WHAT, "it is no time stamp"));
    }
    let content = fields.take(tagged(0), WHAT)?;
    fields.finish(WHAT)?;
    Ok(Item::parse(content.value, OCTET_STRING, WHAT)?.value)
}

impl<'a> Signer<'a> {
    fn read(item: &Item<'a>) -> Result<Self, Doubt> {
        const WHAT: &str = "the token's SignerInfo";
        if item.tag != SEQUENCE {
            return Err(flaw(WHAT, "it is no sequence"));
        }
        let mut fields = item.fields(WHAT)?;
        fields.take(INTEGER, WHAT)?;
        let id = match fields.optional(implicit(0), WHAT)? {
            Some(key) => SignerId::KeyId(key.value),
            None => {
                let mut id = fields.take(SEQUENCE, WHAT)?.fields(WHAT)?;
                let issuer = id.take(SEQUENCE, WHAT)?.raw;
                let serial = id.take(INTEGER, WHAT)?.value;
                id.finish(WHAT)?;
                SignerId::IssuerAndSerial { issuer, serial }
            }
        };
        let hash = Algorithm::read(&fields.take(SEQUENCE, WHAT)?, WHAT)?;
        let attributes = fields.take(tagged(0), WHAT)?;
        let algorithm = Algorithm::read(&fields.take(SEQUENCE, WHAT)?, WHAT)?;
        let signature = fields.take(OCTET_STRING, WHAT)?.value;
        // Unsigned attributes: nobody vouches for them, and nothing is read from them.
        fields.optional(tagged(1), WHAT)?;
        fields.finish(WHAT)?;
        let hash = Hash::of(&hash.oid).ok_or_else(|| {
            Doubt::Unknown(format!("the token is hashed by {}, not SHA-2", hash.oid))
        })?;
        Ok(Self {
            id,
            hash,
            attributes,
            algorithm,
            signature,
        })
    }

    /// The bytes that are signed: the attributes under the tag of a SET (RFC 5652, 5.4).
    pub(super) fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = self.attributes.raw.to_vec();
        if let Some(tag) = bytes.first_mut() {
            *tag = SET;
        }
        bytes
    }

    /// Checks the two attributes that tie the signature to the content.
    pub(super) fn covers(&self, content: &[u8]) -> Result<(), Doubt> {
        const WHAT: &str = "the token's signed attributes";
        let of = self.attribute(oid::CONTENT_TYPE)?;
        let of = of.ok_or_else(|| flaw(WHAT, "no content type"))?;
        if of.tag != OID || of.oid(WHAT)? != oid::TST_INFO {
            return Err(flaw(WHAT, "the content type is another"));
        }
        let digest = self.attribute(oid::MESSAGE_DIGEST)?;
        let digest = digest.ok_or_else(|| flaw(WHAT, "no message digest"))?;
        if digest.tag != OCTET_STRING || digest.value != self.hash.digest(content) {
            return Err(flaw(WHAT, "the message digest is not the content's"));
        }
        Ok(())
    }

    /// The one value of a signed attribute, if it is there.
    pub(super) fn attribute(&self, wanted: Oid) -> Result<Option<Item<'a>>, Doubt> {
        const WHAT: &str = "the token's signed attributes";
        let mut found = None;
        for attribute in self.attributes.fields(WHAT)?.rest(WHAT)? {
            let mut fields: Fields<'a> = attribute.fields(WHAT)?;
            let is_wanted = fields.take(OID, WHAT)?.oid(WHAT)? == wanted;
            let mut values = fields.take(SET, WHAT)?.fields(WHAT)?;
            fields.finish(WHAT)?;
            if !is_wanted {
                continue;
            }
            let value = values.next(WHAT)?;
            values.finish(WHAT)?;
            if found.is_some() || value.is_none() {
                return Err(flaw(WHAT, format_args!("{wanted} must have one value")));
            }
            found = value;
        }
        Ok(found)
    }
}
