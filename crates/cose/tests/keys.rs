//! Keys: their forms, their ids, and what a strict check refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::{Algorithm, Error, KeyId, SigningKey, VerifyingKey};
use common::{ALGORITHMS, key};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, KeypairBytes, PublicKeyBytes};
use pkcs8::der::SecretDocument;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{
    EncryptionScheme as Cipher, Kdf, Parameters, Pbkdf2Params, Salt, ScryptParams,
};
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding};
use sha2::{Digest as _, Sha512};

const PASSPHRASE: &[u8] = b"correct horse battery staple";

#[test]
fn a_private_key_survives_pem_encrypted_or_not() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 7);
        let message = b"message";
        let plain = SigningKey::from_pem(&key.to_pem().unwrap(), None).unwrap();
        assert_eq!(plain.sign(message), key.sign(message));

        let pem = key
            .to_encrypted_pem(PASSPHRASE, &[1; 16], &[2; 16])
            .unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let decrypted = SigningKey::from_pem(&pem, Some(PASSPHRASE)).unwrap();
        assert_eq!(decrypted.sign(message), key.sign(message));
        assert!(matches!(
            SigningKey::from_pem(&pem, None),
            Err(Error::PassphraseNeeded)
        ));
        assert!(matches!(
            SigningKey::from_pem(&pem, Some(b"wrong")),
            Err(Error::WrongPassphrase)
        ));
        assert!(matches!(
            key.to_encrypted_pem(b"", &[1; 16], &[2; 16]),
            Err(Error::EmptyPassphrase)
        ));
    }
}

#[test]
fn a_public_key_survives_pem_der_and_cose_key() {
    for algorithm in ALGORITHMS {
        let public = key(algorithm, 8).verifying_key();
        assert_eq!(VerifyingKey::from_pem(&public.to_pem()).unwrap(), public);
        assert_eq!(VerifyingKey::from_der(&public.to_der()).unwrap(), public);
        assert_eq!(
            VerifyingKey::from_cose_key(&public.to_cose_key()).unwrap(),
            public
        );
        let bare = match (public.as_ed25519(), public.as_p256()) {
            (Some(key), None) => VerifyingKey::from_ed25519(key),
            (None, Some((x, y))) => VerifyingKey::from_p256(&x, &y),
            both => panic!("a key of two kinds, or none: {both:?}"),
        };
        assert_eq!(bare.unwrap(), public);
        assert_eq!(
            public.id().to_string().parse::<KeyId>().unwrap(),
            public.id()
        );
        assert_eq!(
            algorithm.to_string().parse::<Algorithm>().unwrap(),
            algorithm
        );
    }
}

/// A key file that asks for gigabytes, or for years, is refused before either is spent; so are
/// parameters on which a key derivation would fail.
#[test]
fn absurd_key_derivation_costs_are_refused() {
    let scrypt = |cost_parameter, block_size, parallelization| {
        let salt = Salt::new([1; 16]).unwrap();
        Kdf::Scrypt(ScryptParams {
            salt,
            cost_parameter,
            block_size,
            parallelization,
            key_length: None,
        })
    };
    let refusal = |kdf: Kdf| {
        let parameters = Parameters {
            kdf,
            encryption: Cipher::Aes256Cbc { iv: [0; 16] },
        };
        let info = EncryptedPrivateKeyInfo {
            encryption_algorithm: EncryptionScheme::from(parameters),
            encrypted_data: OctetStringRef::new(&[0; 64]).unwrap(),
        };
        let pem = SecretDocument::try_from(&info)
            .unwrap()
            .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
            .unwrap();
        SigningKey::from_pem(&pem, Some(PASSPHRASE))
            .unwrap_err()
            .to_string()
    };
    assert!(
        refusal(scrypt(1 << 18, 8, 1))
            .contains("too much scrypt memory (268436480, at most 268435456)")
    );
    assert!(refusal(scrypt(1 << 63, u16::MAX, u16::MAX)).contains("too much scrypt memory"));
    assert!(
        refusal(scrypt(2, 1, 1 << 15)).contains("wrong passphrase"),
        "cheap, if odd"
    );
    assert!(refusal(scrypt(1 << 14, 8, 65)).contains("too much scrypt work"));
    for nonsense in [
        scrypt(0, 8, 1),
        scrypt(1, 8, 1),
        scrypt(3, 8, 1),
        scrypt(16, 0, 1),
        scrypt(16, 8, 0),
    ] {
        assert!(refusal(nonsense).contains("scrypt: N is a power of two"));
    }
    let pbkdf2 = |iterations| Kdf::Pbkdf2(Pbkdf2Params::hmac_sha256(iterations, &[1; 16]).unwrap());
    assert!(
        refusal(pbkdf2(10_000_001))
            .contains("too much PBKDF2 iterations (10000001, at most 10000000)")
    );
    assert!(refusal(pbkdf2(0)).contains("no iterations"));
}

/// One wrong passphrase in 256 decrypts to valid padding around garbage: it is no less wrong.
#[test]
fn every_wrong_passphrase_is_called_that() {
    let key = key(Algorithm::Ed25519, 9);
    let (_, der) = SecretDocument::from_pem(&key.to_pem().unwrap()).unwrap();
    let parameters = Parameters {
        kdf: Kdf::Pbkdf2(Pbkdf2Params::hmac_sha256(1, &[1; 16]).unwrap()),
        encryption: Cipher::Aes256Cbc { iv: [0; 16] },
    };
    let ciphertext = parameters.encrypt(PASSPHRASE, der.as_bytes()).unwrap();
    let info = EncryptedPrivateKeyInfo {
        encryption_algorithm: EncryptionScheme::from(parameters),
        encrypted_data: OctetStringRef::new(&ciphertext).unwrap(),
    };
    let pem = SecretDocument::try_from(&info)
        .unwrap()
        .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
        .unwrap();
    assert_eq!(
        SigningKey::from_pem(&pem, Some(PASSPHRASE)).unwrap().id(),
        key.id()
    );
    for wrong in 0..2000_u32 {
        let read = SigningKey::from_pem(&pem, Some(&wrong.to_be_bytes()));
        assert!(
            matches!(read, Err(Error::WrongPassphrase)),
            "{wrong}: {read:?}"
        );
    }
}

#[test]
fn pem_that_is_not_one_of_our_blocks_is_refused() {
    let key = key(Algorithm::P256, 9);
    let secret = |pem: &str| SigningKey::from_pem(pem, None).unwrap_err().to_string();
    let public = |pem: &str| VerifyingKey::from_pem(pem).unwrap_err().to_string();
    let sec1 = key
        .to_pem()
        .unwrap()
        .replace("PRIVATE KEY", "EC PRIVATE KEY");
    assert!(secret(&sec1).contains("openssl pkcs8 -topk8"));
    assert!(secret(&key.verifying_key().to_pem()).contains("found \"PUBLIC KEY\""));
    assert!(public(&key.to_pem().unwrap()).contains("found \"PRIVATE KEY\""));
    for nonsense in [
        "",
        "hello",
        "-----BEGIN PRIVATE KEY-----\n",
        &"x".repeat(10_000),
    ] {
        secret(nonsense);
        public(nonsense);
    }
}

/// PKCS#8 may carry the public half beside the private one; a pair that does not fit is refused.
#[test]
fn a_private_key_with_anothers_public_half_is_refused() {
    let read = |der: &[u8]| {
        let pem = SecretDocument::try_from(der)
            .unwrap()
            .to_pem("PRIVATE KEY", LineEnding::LF)
            .unwrap();
        SigningKey::from_pem(&pem, None)
    };
    let (ours, other) = (key(Algorithm::Ed25519, 1), key(Algorithm::Ed25519, 2));
    let version_2 = |public: &SigningKey| {
        let public_key = Some(PublicKeyBytes(
            *public.verifying_key().as_ed25519().unwrap(),
        ));
        KeypairBytes {
            secret_key: [1; 32],
            public_key,
        }
        .to_pkcs8_der()
        .unwrap()
    };
    assert_eq!(read(version_2(&ours).as_bytes()).unwrap().id(), ours.id());
    assert!(matches!(
        read(version_2(&other).as_bytes()),
        Err(Error::MalformedKey(_))
    ));

    let (ours, other) = (key(Algorithm::P256, 1), key(Algorithm::P256, 2));
    let (_, document) = SecretDocument::from_pem(&ours.to_pem().unwrap()).unwrap();
    let mut der = document.as_bytes().to_vec();
    assert_eq!(read(&der).unwrap().id(), ours.id());
    let point = |key: &SigningKey| key.verifying_key().to_der()[26..].to_vec();
    let at = der
        .windows(65)
        .position(|bytes| bytes == point(&ours))
        .expect("our PEM holds the public half");
    der[at..at + 65].copy_from_slice(&point(&other));
    assert!(matches!(read(&der), Err(Error::MalformedKey(_))));
}

/// RFC 9679 section 6: the only thumbprint example there is.
#[test]
fn the_key_id_is_the_rfc_9679_thumbprint() {
    let x = hex32("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d");
    let y = hex32("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c");
    let key = VerifyingKey::from_p256(&x, &y).unwrap();
    assert_eq!(
        key.id().to_string(),
        "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
    );
}

/// RFC 8032 section 7.1, test 2.
#[test]
fn ed25519_signs_as_rfc_8032_says() {
    let seed = hex32("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let key = SigningKey::generate(Algorithm::Ed25519, &seed).unwrap();
    assert_eq!(
        hex::encode(key.verifying_key().as_ed25519().unwrap()),
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    );
    assert_eq!(
        hex::encode(key.sign(&[0x72])),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
}

/// RFC 6979 section A.2.5, P-256 with SHA-256, message "sample": r as printed there, s brought to the
/// lower half.
#[test]
fn p256_signs_as_rfc_6979_says_and_low_s() {
    let secret = hex32("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let key = SigningKey::generate(Algorithm::P256, &secret).unwrap();
    let printed = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                   f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let printed: [u8; 64] = hex::decode(printed).unwrap().try_into().unwrap();
    assert_eq!(common::high_s(key.sign(b"sample")), printed);
    key.verifying_key()
        .verify(b"sample", &printed)
        .expect("a general check takes either form");
}

#[test]
fn random_bytes_beyond_the_group_order_make_no_p256_key() {
    for unusable in [[0xff; 32], [0; 32]] {
        assert!(matches!(
            SigningKey::generate(Algorithm::P256, &unusable),
            Err(Error::UnusableSeed)
        ));
    }
}

#[test]
fn debug_shows_no_secret() {
    for algorithm in ALGORITHMS {
        let shown = format!("{:?}", key(algorithm, 0x5a));
        assert!(!shown.contains("5a5a5a"), "{shown}");
        assert!(!shown.contains("90, 90"), "{shown}");
        assert!(shown.contains(&key(algorithm, 0x5a).id().to_string()));
    }
}

/// The eight points of small order, canonical or not, and y = 2^255 - 19 + k for small k.
#[test]
fn weak_and_non_canonical_ed25519_keys_are_refused() {
    let small_order = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for point in small_order {
        assert!(
            matches!(
                VerifyingKey::from_ed25519(&hex32(point)),
                Err(Error::WeakKey)
            ),
            "{point}"
        );
    }
    let mut seen = 0;
    for k in 0..19 {
        for sign in [0x7f, 0xff] {
            let mut y = [0xff; 32];
            (y[0], y[31]) = (0xed + k, sign);
            match VerifyingKey::from_ed25519(&y) {
                Err(Error::NonCanonicalKey) => seen += 1,
                Err(Error::MalformedKey(_)) => {}
                other => panic!("y = p + {k}: {other:?}"),
            }
        }
    }
    assert!(seen > 4, "only {seen} of these are points");
}

/// A signature whose R is the identity: nobody's nonce is hidden, and checkers disagree on it.
#[test]
fn a_small_order_r_is_refused() {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let public = secret.verifying_key();
    let identity = hex32("0100000000000000000000000000000000000000000000000000000000000000");
    let hash = Sha512::new()
        .chain_update(identity)
        .chain_update(public.as_bytes())
        .chain_update(b"m")
        .finalize();
    let challenge = Scalar::from_bytes_mod_order_wide(&hash.into());
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&identity);
    signature[32..].copy_from_slice((challenge * secret.to_scalar()).as_bytes());

    let lenient = ed25519_dalek::Signature::from_bytes(&signature);
    ed25519_dalek::Verifier::verify(&public, b"m", &lenient).expect("a lenient check accepts it");
    let key = VerifyingKey::from_ed25519(public.as_bytes()).unwrap();
    assert!(matches!(
        key.verify(b"m", &signature),
        Err(Error::BadSignature)
    ));
}

/// S + L is S to a check that reduces it: a second signature out of a first.
#[test]
fn an_unreduced_s_is_refused() {
    let key = key(Algorithm::Ed25519, 4);
    let mut signature = key.sign(b"m");
    key.verifying_key().verify(b"m", &signature).unwrap();
    let order = hex32("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0;
    for (s, l) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*s) + u16::from(l) + carry;
        (*s, carry) = (sum as u8, sum >> 8);
    }
    assert!(matches!(
        key.verifying_key().verify(b"m", &signature),
        Err(Error::BadSignature)
    ));
}

#[test]
fn signatures_of_the_wrong_length_key_or_message_are_refused() {
    for algorithm in ALGORITHMS {
        let (key, other) = (key(algorithm, 5), key(algorithm, 6));
        let signature = key.sign(b"m");
        let public = key.verifying_key();
        public.verify(b"m", &signature).unwrap();
        for (message, signature) in [
            (b"n", &signature[..]),
            (b"m", &signature[..63]),
            (b"m", &[]),
            (b"m", &[0; 64]),
        ] {
            assert!(matches!(
                public.verify(message, signature),
                Err(Error::BadSignature)
            ));
        }
        assert!(matches!(
            other.verifying_key().verify(b"m", &signature),
            Err(Error::BadSignature)
        ));
    }
}

#[test]
fn foreign_cose_keys_are_refused_by_name() {
    let refusal = |hex: &str| {
        VerifyingKey::from_cose_key(&hex::decode(hex).unwrap())
            .unwrap_err()
            .to_string()
    };
    let x = "5820d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(
        VerifyingKey::from_cose_key(&hex::decode(format!("a401010327200621{x}")).unwrap())
            .unwrap()
            .algorithm(),
        Algorithm::Ed25519,
        "kty, alg, crv, x"
    );
    assert!(
        refusal("a301012006214000").contains("byte"),
        "x too short, trailing byte"
    );
    assert!(refusal(&format!("a401012006 21{x}23{x}").replace(' ', "")).contains("private"));
    assert!(
        refusal(&format!("a4010103262006 21{x}").replace(' ', "")).contains("alg does not fit")
    );
    assert!(
        refusal(&format!("a3010120 0721{x}").replace(' ', "")).contains("Ed448 is not supported")
    );
    assert!(
        refusal(&format!("a3010220 0221{x}").replace(' ', "")).contains("P-384 is not supported")
    );
    assert!(
        refusal(&format!("a4010104 80200621{x}").replace(' ', "")).contains("unknown member 4")
    );
    assert!(
        refusal(&format!("a3200621{x}0101")).contains("sorts before"),
        "not deterministic"
    );
    assert!(refusal("80").contains("map"));
}

fn hex32(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).unwrap();
    bytes
}
