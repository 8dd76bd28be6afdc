//! COSE_Key (RFC 9052 section 7, RFC 9053 section 7): the form that a key's thumbprint is taken of.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use avouch_cbor::{Encoder, Item, Map};

use super::{Algorithm, VerifyingKey};
use crate::Error;

const KTY: i64 = 1;
const KID: i64 = 2;
const ALG: i64 = 3;
const CRV: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;
const D: i64 = -4;

const KTY_OKP: i64 = 1;
const KTY_EC2: i64 = 2;
const CRV_P256: i64 = 1;
const CRV_ED25519: i64 = 6;

/// Encodes an Ed25519 key's required members, in deterministic order: 1, -1, -2.
pub(super) fn encode_okp(x: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder
        .map(3)
        .int(KTY)
        .int(KTY_OKP)
        .int(CRV)
        .int(CRV_ED25519)
        .int(X)
        .bytes(x);
    encoder.into_vec()
}

/// Encodes a P-256 key's required members: 1, -1, -2, -3, with y whole (RFC 9679 section 4.2).
pub(super) fn encode_ec2(x: &[u8], y: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder
        .map(4)
        .int(KTY)
        .int(KTY_EC2)
        .int(CRV)
        .int(CRV_P256)
        .int(X)
        .bytes(x)
        .int(Y)
        .bytes(y);
    encoder.into_vec()
}

/// Encodes a key with its kid and alg, in deterministic order: 1, 2, 3, -1, -2, -3.
pub(super) fn encode_named(key: &VerifyingKey) -> Vec<u8> {
    let named = |encoder: &mut Encoder, kty, crv| {
        encoder.int(KTY).int(kty);
        encoder.int(KID).bytes(key.id().as_bytes());
        encoder.int(ALG).int(key.algorithm().cose_id());
        encoder.int(CRV).int(crv);
    };
    let mut encoder = Encoder::new();
    if let Some(x) = key.as_ed25519() {
        encoder.map(5);
        named(&mut encoder, KTY_OKP, CRV_ED25519);
        encoder.int(X).bytes(x);
    } else if let Some((x, y)) = key.as_p256() {
        encoder.map(6);
        named(&mut encoder, KTY_EC2, CRV_P256);
        encoder.int(X).bytes(&x).int(Y).bytes(&y);
    }
    encoder.into_vec()
}

/// Decodes a public key; members other than the required ones, kid and alg are refused.
pub(super) fn decode(bytes: &[u8]) -> Result<VerifyingKey, Error> {
    let item = Item::parse(bytes)?;
    let map = item
        .as_map()
        .ok_or_else(|| Error::MalformedKey("a COSE_Key is a map".into()))?;
    if map.get_int(D).is_some() {
        return Err(Error::MalformedKey(
            "this COSE_Key holds a private key (member -4): keep it secret".into(),
        ));
    }
    let kty = required(&map, KTY)?;
    let crv = required(&map, CRV)?;
    let key = match (kty, crv) {
        (KTY_OKP, CRV_ED25519) => VerifyingKey::from_ed25519(coordinate(&map, X)?)?,
        (KTY_EC2, CRV_P256) => VerifyingKey::from_p256(coordinate(&map, X)?, coordinate(&map, Y)?)?,
        (KTY_OKP, 7) => return Err(Error::Unsupported("Ed448".into())),
        (KTY_EC2, 2) => return Err(Error::Unsupported("P-384".into())),
        (KTY_EC2, 3) => return Err(Error::Unsupported("P-521".into())),
        _ => {
            return Err(Error::Unsupported(format!(
                "COSE key type {kty} with curve {crv}"
            )));
        }
    };
    for (label, value) in map {
        match label.as_i64() {
            Some(KTY | CRV | X | KID) => {}
            Some(Y) if kty == KTY_EC2 => {}
            Some(ALG) => {
                let id = value
                    .as_i64()
                    .ok_or_else(|| Error::MalformedKey("alg is not an integer".into()))?;
                if Algorithm::from_cose_id(id)? != key.algorithm() {
                    return Err(Error::MalformedKey(
                        "alg does not fit the key's curve".into(),
                    ));
                }
            }
            label => {
                let label =
                    label.map_or_else(|| "of another type".into(), |label| label.to_string());
                return Err(Error::MalformedKey(format!("unknown member {label}")));
            }
        }
    }
    Ok(key)
}

fn required(map: &Map<'_>, label: i64) -> Result<i64, Error> {
    map.get_int(label)
        .and_then(|value| value.as_i64())
        .ok_or_else(|| Error::MalformedKey(format!("member {label} is absent or not an integer")))
}

fn coordinate<'a>(map: &Map<'a>, label: i64) -> Result<&'a [u8; 32], Error> {
    map.get_int(label)
        .and_then(|value| value.as_bytes())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Error::MalformedKey(format!("member {label} is absent or not 32 bytes")))
}
