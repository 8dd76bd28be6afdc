//! What is believed of a commit, and every lie that is not.

use avouch_cose::{Algorithm, Checkpoint, SigningKey};
use avouch_merkle::{Digest, TreeSize};

use super::commit::Unsigned;
use super::sshsig::Signature;
use super::*;

const TIME: u64 = 1_800_000_000;

fn key(seed: u8) -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[seed; 32]).unwrap()
}

fn anchored(root: u8) -> Anchored {
    let checkpoint = Checkpoint {
        origin: "log.example/a".into(),
        size: TreeSize(7),
        root: Digest([root; 32]),
        extensions: Vec::new(),
    };
    Anchored::parse(&checkpoint.sign(&key(7)).unwrap().to_string()).unwrap()
}

fn unsigned(format: ObjectFormat) -> Unsigned {
    Unsigned {
        parent: Some("0a".repeat(format.id_digits() / 2)),
        who: "A. Nchor <anchor@example.org>".into(),
        time: TIME,
    }
}

/// The proof by this key for the checkpoint with this root.
fn proof(signer: &SigningKey, root: u8, format: ObjectFormat) -> Proof {
    let (commit, anchored) = (unsigned(format), anchored(root));
    let signature = Signature::make(signer, &commit.payload(format, &anchored)).unwrap();
    Proof {
        format,
        commit: commit.signed(format, &anchored, &signature),
    }
}

fn signers() -> Signers {
    Signers::new(vec![key(1).verifying_key(), key(2).verifying_key()]).unwrap()
}

fn judge(proof: &Proof) -> Result<Existed, Doubt> {
    signers().verify(&anchored(9), &proof.encode())
}

#[test]
fn a_commit_by_a_trusted_key_is_believed_in_both_formats() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        for signer in [1, 2] {
            let existed = judge(&proof(&key(signer), 9, format)).unwrap();
            assert_eq!(existed.by, TIME);
            assert!(existed.source.contains("ssh-ed25519 AAAA"), "{existed:?}");
        }
        let mut first = unsigned(format);
        first.parent = None;
        let signature = Signature::make(&key(1), &first.payload(format, &anchored(9))).unwrap();
        let commit = first.signed(format, &anchored(9), &signature);
        judge(&Proof { format, commit }).unwrap();
    }
}

#[test]
fn a_commit_that_agrees_with_itself_alone_is_not() {
    let doubt = judge(&proof(&key(3), 9, ObjectFormat::Sha1)).unwrap_err();
    assert!(matches!(doubt, Doubt::Unknown(_)), "{doubt}");
    let nobody = Signers::new(Vec::new()).unwrap();
    let good = proof(&key(1), 9, ObjectFormat::Sha1);
    assert!(nobody.verify(&anchored(9), &good.encode()).is_err());
}

#[test]
fn a_commit_of_another_checkpoint_is_not() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let doubt = judge(&proof(&key(1), 8, format)).unwrap_err();
        assert!(matches!(doubt, Doubt::Refused(_)), "{doubt}");
    }
}

#[test]
fn a_signature_over_something_else_is_refused() {
    let (format, commit) = (ObjectFormat::Sha1, unsigned(ObjectFormat::Sha1));
    let right = commit.payload(format, &anchored(9));
    let mut earlier = commit.clone();
    earlier.time -= 1;
    for over in [earlier.payload(format, &anchored(9)), Vec::new()] {
        let signature = Signature::make(&key(1), &over).unwrap();
        let commit = commit.signed(format, &anchored(9), &signature);
        let doubt = judge(&Proof { format, commit }).unwrap_err();
        assert!(matches!(doubt, Doubt::Refused(_)), "{doubt}");
    }
    // A trusted key's name with a stranger's signature.
    let stranger = Signature::make(&key(3), &right).unwrap();
    let claimed = Signature {
        key: key(1).verifying_key(),
        ..stranger
    };
    let commit = commit.signed(format, &anchored(9), &claimed);
    let doubt = judge(&Proof { format, commit }).unwrap_err();
    assert!(matches!(doubt, Doubt::Refused(_)), "{doubt}");
}

#[test]
fn no_bit_of_a_proof_can_be_changed_and_nothing_left_out_or_added() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let good = proof(&key(1), 9, format);
        let bytes = good.encode();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let judged = signers().verify(&anchored(9), &bad);
                assert!(judged.is_err(), "byte {at}, bit {bit}: {judged:?}");
            }
            assert!(signers().verify(&anchored(9), &bytes[..at]).is_err());
        }
        for cut in 0..good.commit.len() {
            let commit = good.commit[..cut].to_vec();
            assert!(judge(&Proof { format, commit }).is_err(), "{cut}");
        }
        for end in ["\n", " ", "\0"] {
            let mut longer = good.clone();
            longer.commit.extend(end.as_bytes());
            assert!(judge(&longer).is_err());
        }
        let other = match format {
            ObjectFormat::Sha1 => ObjectFormat::Sha256,
            ObjectFormat::Sha256 => ObjectFormat::Sha1,
        };
        let format = other;
        assert!(judge(&Proof { format, ..good }).is_err());
    }
}

#[test]
fn commits_of_another_form_are_refused_though_they_are_signed() {
    let format = ObjectFormat::Sha1;
    let text = String::from_utf8(unsigned(format).payload(format, &anchored(9))).unwrap();
    let resigned = |from: &str, to: &str| {
        assert!(text.contains(from));
        let payload = text.replace(from, to);
        let signature = Signature::make(&key(1), payload.as_bytes()).unwrap();
        let armored = signature.armored().join("\n ");
        let (headers, said) = payload.split_once("\n\n").unwrap();
        let commit = format!("{headers}\ngpgsig {armored}\n\n{said}").into_bytes();
        judge(&Proof { format, commit })
    };
    // The test's own way of signing makes what is believed, so that it is the change that is refused.
    resigned("author", "author").unwrap();
    for (from, to) in [
        ("+0000", "+0100"),
        ("committer A. Nchor", "committer B. Nchor"),
        ("1800000000", "01800000000"),
        ("1800000000", "+1800000000"),
        ("<anchor@", "<<anchor@"),
        ("A. Nchor ", ""),
        ("parent 0a", "parent 0A"),
        ("parent 0a", "parent "),
        ("author", "encoding UTF-8\nauthor"),
        ("sha256 ", "sha512 "),
        ("of size 7", "of size 8"),
        ("\n\navouch", "\nmergetag x\n\navouch"),
        ("tree ", "tree  "),
    ] {
        let doubt = resigned(from, to).unwrap_err();
        assert!(
            matches!(doubt, Doubt::Refused(_)),
            "{from} -> {to}: {doubt}"
        );
    }
}

#[test]
fn only_ed25519_keys_sign() {
    let other = SigningKey::generate(Algorithm::P256, &[1; 32]).unwrap();
    assert_eq!(Signers::new(vec![other.verifying_key()]), Err(NotEd25519));
    assert!(Signature::make(&other, b"").is_err());
}

#[test]
fn public_keys_read_back_in_openssh_form() {
    let key = key(1).verifying_key();
    let text = write_public_key(&key);
    assert_eq!(read_public_key(&text), Some(key));
    assert_eq!(read_public_key(&format!("{text} me@here\n")), Some(key));
    for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa AAAA"] {
        assert_eq!(read_public_key(bad), None, "{bad}");
    }
    let at = text.len() - 1;
    assert_eq!(read_public_key(&text[..at]), None);
}
