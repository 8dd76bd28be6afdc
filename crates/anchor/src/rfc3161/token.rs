//! What an authority answers (TimeStampResp), and what it signs (TSTInfo): RFC 3161, 2.4.2.

use der::DateTime;
use der::oid::ObjectIdentifier as Oid;

use super::asn1::{
    Algorithm, BIT_STRING, BOOLEAN, Fields, GENERALIZED_TIME, INTEGER, Item, OCTET_STRING, OID,
    SEQUENCE, flaw, implicit, tagged,
};
use super::oid;
use crate::Doubt;

/// The token in a response that grants one.
pub(super) fn granted(response: &[u8]) -> Result<Item<'_>, Doubt> {
    const WHAT: &str = "the time-stamp response";
    let mut fields = Item::parse(response, SEQUENCE, WHAT)?.fields(WHAT)?;
    let mut status = fields.take(SEQUENCE, WHAT)?.fields(WHAT)?;
    let code: u64 = status.take(INTEGER, WHAT)?.decode(WHAT)?;
    // 0 granted, 1 granted with modifications.
    if code > 1 {
        return Err(Doubt::Refused(format!(
            "the authority refused to give a time stamp (status {code}{})",
            said(&mut status)
        )));
    }
    let token = fields.take(SEQUENCE, WHAT)?;
    fields.finish(WHAT)?;
    Ok(token)
}

/// What a refusal says of itself, as far as it is text.
fn said(status: &mut Fields<'_>) -> String {
    const WHAT: &str = "a status";
    let mut text = String::new();
    if let Ok(Some(lines)) = status.optional(SEQUENCE, WHAT) {
        let lines = lines.fields(WHAT).and_then(|mut fields| fields.rest(WHAT));
        for line in lines.unwrap_or_default() {
            text.push_str(": ");
            let line = String::from_utf8_lossy(line.value);
            text.extend(line.chars().filter(|c| !c.is_control()).take(200));
        }
    }
    if let Ok(Some(bits)) = status.optional(BIT_STRING, WHAT) {
        text.push_str(&format!("; failure bits {:02x?}", bits.value));
    }
    text
}

/// What the authority says.
pub(super) struct TstInfo<'a> {
    pub(super) policy: Oid,
    pub(super) hash: Oid,
    pub(super) imprint: &'a [u8],
    /// When it says so, rounded down and up to whole seconds since the Unix epoch.
    pub(super) time: (u64, u64),
    /// How far off that may be, in seconds, rounded up.
    pub(super) accuracy: Option<u64>,
    /// As a DER integer's value.
    #[cfg(feature = "submit")]
    pub(super) nonce: Option<&'a [u8]>,
}

impl<'a> TstInfo<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, Doubt> {
        const WHAT: &str = "the time stamp's TSTInfo";
        let mut fields = Item::parse(der, SEQUENCE, WHAT)?.fields(WHAT)?;
        if fields.take(INTEGER, WHAT)?.decode::<u64>(WHAT)? != 1 {
            return Err(flaw(WHAT, "it is not of version 1"));
        }
        let policy = fields.take(OID, WHAT)?.oid(WHAT)?;
        let mut imprint = fields.take(SEQUENCE, WHAT)?.fields(WHAT)?;
        let hash = Algorithm::read(&imprint.take(SEQUENCE, WHAT)?, WHAT)?;
        let hashed = imprint.take(OCTET_STRING, WHAT)?.value;
        imprint.finish(WHAT)?;
        if !hash.is_plain() {
            return Err(flaw(WHAT, "a hash function with parameters"));
        }
        fields.take(INTEGER, WHAT)?;
        let time = fields.take(GENERALIZED_TIME, WHAT)?;
        let time = read_time(time.value).ok_or_else(|| flaw(WHAT, "genTime is no DER time"))?;
        let accuracy = fields.optional(SEQUENCE, WHAT)?;
        let accuracy = accuracy.as_ref().map(read_accuracy).transpose()?;
        if let Some(ordering) = fields.optional(BOOLEAN, WHAT)? {
            ordering.decode::<bool>(WHAT)?;
        }
        let nonce = fields.optional(INTEGER, WHAT)?;
        // Who only verifies compares it with nothing.
        #[cfg(not(feature = "submit"))]
        let _ = nonce;
        fields.optional(tagged(0), WHAT)?;
        if let Some(extensions) = fields.optional(tagged(1), WHAT)? {
            refuse_critical(&extensions)?;
        }
        fields.finish(WHAT)?;
        Ok(Self {
            policy,
            hash: hash.oid,
            imprint: hashed,
            time,
            accuracy,
            #[cfg(feature = "submit")]
            nonce: nonce.map(|nonce| nonce.value),
        })
    }

    /// Whether it is about these 32 bytes of SHA-256.
    pub(super) fn is_about(&self, digest: &[u8; 32]) -> bool {
        self.hash == oid::SHA_256 && self.imprint == digest
    }
}

/// None is known here, so a critical one changes what the rest means in a way not known either.
fn refuse_critical(extensions: &Item<'_>) -> Result<(), Doubt> {
    const WHAT: &str = "the time stamp's extensions";
    for extension in extensions.fields(WHAT)?.rest(WHAT)? {
        let mut fields = extension.fields(WHAT)?;
        let name = fields.take(OID, WHAT)?.oid(WHAT)?;
        if fields.optional(BOOLEAN, WHAT)?.is_some() {
            return Err(flaw(WHAT, format_args!("{name} is critical and not known")));
        }
    }
    Ok(())
}

/// `Accuracy`: seconds, and [0] milliseconds and [1] microseconds of 1 to 999.
fn read_accuracy(item: &Item<'_>) -> Result<u64, Doubt> {
    const WHAT: &str = "the time stamp's accuracy";
    let mut fields = item.fields(WHAT)?;
    let seconds = match fields.optional(INTEGER, WHAT)? {
        Some(seconds) => u64::from(seconds.decode::<u32>(WHAT)?),
        None => 0,
    };
    let mut has_fraction = false;
    for part in [0, 1] {
        if let Some(part) = fields.optional(implicit(part), WHAT)? {
            let value = part.value.iter().take(3);
            let value = value.fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            if part.value.len() > 2 || !(1..=999).contains(&value) {
                return Err(flaw(WHAT, "a fraction that is not from 1 to 999"));
            }
            has_fraction = true;
        }
    }
    fields.finish(WHAT)?;
    Ok(seconds + u64::from(has_fraction))
}

/// `YYYYMMDDhhmmss[.f+]Z`, the fraction without trailing zeros.
pub(super) fn read_time(text: &[u8]) -> Option<(u64, u64)> {
    let text = core::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14
        || !is_number(whole)
        || fraction.is_some_and(|digits| !is_number(digits) || digits.ends_with('0'))
    {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to)?.parse::<u8>().ok();
    let year = whole.get(..4)?.parse().ok()?;
    let (month, day) = (part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let time = DateTime::new(year, month, day, hour, minute, second).ok()?;
    let seconds = time.unix_duration().as_secs();
    Some((seconds, seconds + u64::from(fraction.is_some())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_form() {
        assert_eq!(
            read_time(b"20261127050000Z"),
            Some((1_795_755_600, 1_795_755_600))
        );
        assert_eq!(
            read_time(b"20261127050000.25Z"),
            Some((1_795_755_600, 1_795_755_601))
        );
        for wrong in [
            "20261127050000",
            "20261127050000.Z",
            "20261127050000.50Z",
            "2026112705000Z",
            "20261327050000Z",
            "20261127250000Z",
            "20261127050000+0100",
            "2026112705000 Z",
            "",
        ] {
            assert_eq!(read_time(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
