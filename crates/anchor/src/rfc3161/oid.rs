//! The object identifiers of time stamps, their certificates and their signatures.

use der::oid::ObjectIdentifier as Oid;

const fn oid(text: &str) -> Oid {
    Oid::new_unwrap(text)
}

pub(super) const SIGNED_DATA: Oid = oid("1.2.840.113549.1.7.2");
pub(super) const TST_INFO: Oid = oid("1.2.840.113549.1.9.16.1.4");
pub(super) const CONTENT_TYPE: Oid = oid("1.2.840.113549.1.9.3");
pub(super) const MESSAGE_DIGEST: Oid = oid("1.2.840.113549.1.9.4");
/// RFC 2634: the signer's certificate by its SHA-1.
pub(super) const SIGNING_CERTIFICATE: Oid = oid("1.2.840.113549.1.9.16.2.12");
/// RFC 5035: the same by any hash.
pub(super) const SIGNING_CERTIFICATE_V2: Oid = oid("1.2.840.113549.1.9.16.2.47");

pub(super) const SHA_256: Oid = oid("2.16.840.1.101.3.4.2.1");
pub(super) const SHA_384: Oid = oid("2.16.840.1.101.3.4.2.2");
pub(super) const SHA_512: Oid = oid("2.16.840.1.101.3.4.2.3");

pub(super) const RSA: Oid = oid("1.2.840.113549.1.1.1");
pub(super) const RSA_SHA_256: Oid = oid("1.2.840.113549.1.1.11");
pub(super) const RSA_SHA_384: Oid = oid("1.2.840.113549.1.1.12");
pub(super) const RSA_SHA_512: Oid = oid("1.2.840.113549.1.1.13");
pub(super) const EC: Oid = oid("1.2.840.10045.2.1");
pub(super) const P_256: Oid = oid("1.2.840.10045.3.1.7");
pub(super) const P_384: Oid = oid("1.3.132.0.34");
pub(super) const ECDSA_SHA_256: Oid = oid("1.2.840.10045.4.3.2");
pub(super) const ECDSA_SHA_384: Oid = oid("1.2.840.10045.4.3.3");
pub(super) const ECDSA_SHA_512: Oid = oid("1.2.840.10045.4.3.4");

pub(super) const SUBJECT_KEY_ID: Oid = oid("2.5.29.14");
pub(super) const KEY_USAGE: Oid = oid("2.5.29.15");
pub(super) const SUBJECT_ALT_NAME: Oid = oid("2.5.29.17");
pub(super) const BASIC_CONSTRAINTS: Oid = oid("2.5.29.19");
pub(super) const CRL_REASON: Oid = oid("2.5.29.21");
pub(super) const CERTIFICATE_POLICIES: Oid = oid("2.5.29.32");
pub(super) const AUTHORITY_KEY_ID: Oid = oid("2.5.29.35");
pub(super) const EXTENDED_KEY_USAGE: Oid = oid("2.5.29.37");
pub(super) const CRL_NUMBER: Oid = oid("2.5.29.20");
pub(super) const ANY_PURPOSE: Oid = oid("2.5.29.37.0");
pub(super) const TIME_STAMPING: Oid = oid("1.3.6.1.5.5.7.3.8");
pub(super) const COMMON_NAME: Oid = oid("2.5.4.3");
