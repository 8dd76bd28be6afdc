//! openssl reads the keys that we write, and we read those that it writes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;

use avouch_cose::{Algorithm, Error, SigningKey, VerifyingKey};
use common::{ALGORITHMS, has_openssl, key, openssl};

const PASSPHRASE: &str = "pass phrase";

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn openssl_reads_our_keys_and_finds_the_same_public_half() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 21);
        let public = key.verifying_key();
        let (plain, encrypted, spki) = (
            path(&folder, "plain"),
            path(&folder, "encrypted"),
            path(&folder, "spki"),
        );
        fs::write(&plain, key.to_pem().unwrap().as_str()).unwrap();
        let pem = key
            .to_encrypted_pem(PASSPHRASE.as_bytes(), &[9; 16], &[8; 16])
            .unwrap();
        fs::write(&encrypted, pem).unwrap();
        fs::write(&spki, public.to_pem()).unwrap();

        assert_eq!(
            openssl(&["pkey", "-in", &plain, "-pubout"]),
            public.to_pem().as_bytes()
        );
        let passin = format!("pass:{PASSPHRASE}");
        assert_eq!(
            openssl(&["pkey", "-in", &encrypted, "-passin", &passin, "-pubout"]),
            public.to_pem().as_bytes()
        );
        assert_eq!(
            openssl(&["pkey", "-pubin", "-in", &spki, "-pubout", "-outform", "DER"]),
            public.to_der()
        );
    }
}

#[test]
fn we_read_keys_that_openssl_makes() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let kinds: [(Algorithm, &[&str]); 2] = [
        (Algorithm::Ed25519, &["-algorithm", "ed25519"]),
        (
            Algorithm::P256,
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ),
    ];
    for (algorithm, arguments) in kinds {
        let plain = path(&folder, "plain");
        openssl(&[&["genpkey", "-out", &plain][..], arguments].concat());
        let key = SigningKey::from_pem(&fs::read_to_string(&plain).unwrap(), None).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let spki = String::from_utf8(openssl(&["pkey", "-in", &plain, "-pubout"])).unwrap();
        assert_eq!(VerifyingKey::from_pem(&spki).unwrap(), key.verifying_key());

        let encryptions: [&[&str]; 3] = [
            &["-scrypt"],
            &["-v2", "aes-256-cbc"],
            &[
                "-v2",
                "aes-128-cbc",
                "-v2prf",
                "hmacWithSHA512",
                "-iter",
                "5000",
            ],
        ];
        for encryption in encryptions {
            let encrypted = path(&folder, "encrypted");
            let passout = format!("pass:{PASSPHRASE}");
            let base = [
                "pkcs8", "-topk8", "-in", &plain, "-out", &encrypted, "-passout", &passout,
            ];
            openssl(&[&base[..], encryption].concat());
            let pem = fs::read_to_string(&encrypted).unwrap();
            let decrypted = SigningKey::from_pem(&pem, Some(PASSPHRASE.as_bytes())).unwrap();
            assert_eq!(
                decrypted.verifying_key(),
                key.verifying_key(),
                "{encryption:?}"
            );
            assert!(matches!(
                SigningKey::from_pem(&pem, Some(b"other")),
                Err(Error::WrongPassphrase)
            ));
        }
    }
}

#[test]
fn openssl_verifies_what_we_sign() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (message, signature, spki) = (
        path(&folder, "message"),
        path(&folder, "signature"),
        path(&folder, "spki"),
    );
    fs::write(&message, "a message").unwrap();

    let ed25519 = key(Algorithm::Ed25519, 22);
    fs::write(&spki, ed25519.verifying_key().to_pem()).unwrap();
    fs::write(&signature, ed25519.sign(b"a message")).unwrap();
    let checked = openssl(&[
        "pkeyutl", "-verify", "-pubin", "-inkey", &spki, "-rawin", "-in", &message, "-sigfile",
        &signature,
    ]);
    assert!(String::from_utf8_lossy(&checked).contains("Verified Successfully"));

    let p256 = key(Algorithm::P256, 23);
    fs::write(&spki, p256.verifying_key().to_pem()).unwrap();
    let der = p256::ecdsa::Signature::from_slice(&p256.sign(b"a message"))
        .unwrap()
        .to_der();
    fs::write(&signature, der).unwrap();
    openssl(&[
        "dgst",
        "-sha256",
        "-verify",
        &spki,
        "-signature",
        &signature,
        &message,
    ]);
}

#[test]
fn other_keys_that_openssl_makes_are_refused_by_name() {
    if !has_openssl() {
        return;
    }
    let kinds: [(&str, &[&str]); 4] = [
        (
            "P-384",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        ),
        (
            "secp256k1",
            &[
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:secp256k1",
            ],
        ),
        ("Ed448", &["-algorithm", "ed448"]),
        ("X25519", &["-algorithm", "x25519"]),
    ];
    for (name, arguments) in kinds {
        let pem = String::from_utf8(openssl(&[&["genpkey"][..], arguments].concat())).unwrap();
        match SigningKey::from_pem(&pem, None) {
            Err(Error::Unsupported(found)) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn old_key_encryption_is_refused_with_a_way_out() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let plain = path(&folder, "plain");
    fs::write(
        &plain,
        key(Algorithm::Ed25519, 24).to_pem().unwrap().as_str(),
    )
    .unwrap();
    let passout = format!("pass:{PASSPHRASE}");
    let old = [
        (["-v1", "PBE-SHA1-3DES"], "openssl pkcs8 -topk8 -scrypt"),
        (
            ["-v2prf", "hmacWithSHA1"],
            "key encryption 1.2.840.113549.2.7 is not supported",
        ),
    ];
    for (arguments, refusal) in old {
        let base = ["pkcs8", "-topk8", "-in", &plain, "-passout", &passout];
        let pem = String::from_utf8(openssl(&[&base[..], &arguments].concat())).unwrap();
        let error = SigningKey::from_pem(&pem, Some(PASSPHRASE.as_bytes())).unwrap_err();
        assert!(
            error.to_string().contains(refusal),
            "{arguments:?}: {error}"
        );
    }
}
