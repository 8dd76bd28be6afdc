//! What holds of every input: a changed message never verifies, a cut one is refused, nothing panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::{
    Algorithm, Checkpoint, Error, Note, NoteKey, Receipt, Sign, Sign1, SigningKey, Statement,
    VerifyingKey,
};
use avouch_merkle::{Digest, LeafIndex, TreeSize, hash_leaf, inclusion_proof, root};
use common::{ALGORITHMS, key};
use coset::{CborSerializable as _, CoseSign1, TaggedCborSerializable as _};
use proptest::prelude::*;

fn statement(key: &SigningKey) -> Statement {
    Statement::sign(
        key,
        "urn:example:issuer",
        "urn:avouch:run:1",
        1_800_000_000,
        "text/plain",
        b"a payload",
    )
    .unwrap()
}

fn receipt(key: &SigningKey) -> (Receipt, Digest, Digest) {
    let leaves: Vec<Digest> = (0..11).map(|n| hash_leaf(&[n])).collect();
    let (path, root) = (
        inclusion_proof(&leaves, LeafIndex(4)).unwrap(),
        root(leaves.iter().copied()),
    );
    (
        Receipt::sign_inclusion(key, TreeSize(11), LeafIndex(4), &path, &root).unwrap(),
        leaves[4],
        root,
    )
}

fn checkpoint(key: &SigningKey) -> (String, NoteKey) {
    let checkpoint = Checkpoint {
        origin: "example.com/log".into(),
        size: TreeSize(42),
        root: Digest([7; 32]),
        extensions: vec!["more".into()],
    };
    let name = NoteKey::new("example.com/log", key.verifying_key()).unwrap();
    (checkpoint.sign(key).unwrap().to_string(), name)
}

/// Every way to flip one bit.
fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

#[test]
fn a_statement_with_any_bit_flipped_never_verifies() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 1);
        let public = key.verifying_key();
        for flipped in flips(statement(&key).as_bytes()) {
            assert!(
                Statement::parse(&flipped)
                    .and_then(|read| read.verify(&public))
                    .is_err(),
                "{}",
                hex::encode(flipped)
            );
        }
    }
}

/// Only the root is signed, so a receipt may verify with another size; never with another root.
#[test]
fn a_receipt_with_any_bit_flipped_shows_nothing_new() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 1);
        let (receipt, leaf, root) = receipt(&key);
        let mut other_sizes = 0;
        for flipped in flips(receipt.as_bytes()) {
            let Ok(read) = Receipt::parse(&flipped) else {
                continue;
            };
            if let Ok(shown) = read.verify(leaf, &key.verifying_key()) {
                assert_eq!((shown.root, shown.index), (root, LeafIndex(4)));
                assert_ne!(shown.size, TreeSize(11));
                other_sizes += 1;
            }
        }
        assert!(
            other_sizes <= 8,
            "flips of the one byte that holds the size"
        );
    }
}

#[test]
fn a_checkpoint_with_any_bit_flipped_never_opens() {
    let (note, name) = checkpoint(&key(Algorithm::Ed25519, 1));
    Checkpoint::open(&note, &name).unwrap();
    for flipped in flips(note.as_bytes()) {
        if let Ok(flipped) = String::from_utf8(flipped) {
            assert!(Checkpoint::open(&flipped, &name).is_err(), "{flipped}");
        }
    }
}

#[test]
fn a_cut_or_lengthened_message_is_refused() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 1);
        let (statement, (receipt, ..)) = (statement(&key), receipt(&key));
        for cut in 0..statement.as_bytes().len() {
            let refused = Statement::parse(&statement.as_bytes()[..cut]);
            assert!(
                matches!(refused, Err(Error::NotDeterministic(_))),
                "cut at {cut}"
            );
            assert!(Sign1::parse(&statement.as_bytes()[..cut]).is_err());
        }
        for cut in 0..receipt.as_bytes().len() {
            assert!(matches!(
                Receipt::parse(&receipt.as_bytes()[..cut]),
                Err(Error::NotDeterministic(_))
            ));
        }
        for extra in 0..=u8::MAX {
            assert!(Statement::parse(&[statement.as_bytes(), &[extra]].concat()).is_err());
            assert!(Receipt::parse(&[receipt.as_bytes(), &[extra]].concat()).is_err());
        }
    }
    let (note, name) = checkpoint(&key(Algorithm::Ed25519, 1));
    for cut in 0..note.len() {
        if let Some(cut) = note.get(..cut) {
            assert!(Checkpoint::open(cut, &name).is_err(), "{cut}");
        }
    }
}

/// Gives the bytes to every parser; what is read must be written back as it was.
fn parse_everything(bytes: &[u8]) {
    if let Ok(read) = Statement::parse(bytes) {
        assert_eq!(read.as_bytes(), bytes);
    }
    if let Ok(read) = Receipt::parse(bytes) {
        assert_eq!(read.as_bytes(), bytes);
    }
    if let Ok(read) = VerifyingKey::from_cose_key(bytes) {
        assert_eq!(
            VerifyingKey::from_cose_key(&read.to_cose_key()).unwrap(),
            read
        );
    }
    if let Ok(read) = VerifyingKey::from_der(bytes) {
        assert_eq!(VerifyingKey::from_der(&read.to_der()).unwrap(), read);
    }
    let _ = Sign1::parse(bytes);
    let _ = Sign::parse(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Ok(read) = Note::parse(&text) {
        assert_eq!(read.to_string(), text);
    }
    if let Ok(read) = Checkpoint::parse(&text) {
        assert_eq!(read.to_string(), text);
    }
    if let Ok(read) = text.parse::<NoteKey>() {
        assert_eq!(read.to_string(), text);
    }
    if let Ok(read) = VerifyingKey::from_pem(&text) {
        assert_eq!(VerifyingKey::from_pem(&read.to_pem()).unwrap(), read);
    }
    let _ = SigningKey::from_pem(&text, None);
}

/// Good inputs of every kind, to be spoilt.
fn good_inputs() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 1);
        inputs.push(statement(&key).as_bytes().to_vec());
        inputs.push(receipt(&key).0.as_bytes().to_vec());
        inputs.push(key.verifying_key().to_cose_key());
        inputs.push(key.verifying_key().to_der());
        inputs.push(key.verifying_key().to_pem().into_bytes());
        inputs.push(key.to_pem().unwrap().as_bytes().to_vec());
    }
    let (note, name) = checkpoint(&key(Algorithm::Ed25519, 1));
    inputs.push(Note::parse(&note).unwrap().text().as_bytes().to_vec());
    inputs.push(note.into_bytes());
    inputs.push(name.to_string().into_bytes());
    inputs
}

/// Replaces, removes or inserts a few bytes.
fn spoil(mut bytes: Vec<u8>, edits: &[(usize, u8, u8)]) -> Vec<u8> {
    for &(at, kind, byte) in edits {
        if bytes.is_empty() {
            break;
        }
        let at = at % bytes.len();
        match kind % 3 {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, byte),
        }
    }
    bytes
}

proptest! {
    #[test]
    fn no_parser_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        parse_everything(&bytes);
    }

    #[test]
    fn no_parser_panics_on_spoilt_messages(
        which in any::<prop::sample::Index>(),
        edits in proptest::collection::vec(any::<(usize, u8, u8)>(), 1..4),
    ) {
        let inputs = good_inputs();
        parse_everything(&spoil(inputs[which.index(inputs.len())].clone(), &edits));
    }

    #[test]
    fn a_statement_carries_any_words_and_payload(
        issuer in "\\PC{1,60}",
        subject in "\\PC{1,60}",
        issued_at in any::<u64>(),
        payload in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let key = key(Algorithm::Ed25519, 1);
        let signed = Statement::sign(&key, &issuer, &subject, issued_at, "text/plain", &payload).unwrap();
        let read = Statement::parse(signed.as_bytes()).unwrap();
        prop_assert!(read.verify(&key.verifying_key()).is_ok());
        prop_assert_eq!((read.issuer(), read.subject(), read.issued_at()), (issuer.as_str(), subject.as_str(), issued_at));
        prop_assert_eq!(read.payload(), payload.as_slice());
        // What our strict reader accepts, the general checker accepts too.
        let foreign = Sign1::parse(signed.as_bytes()).unwrap();
        prop_assert_eq!(foreign.verify(&key.verifying_key(), &[]).unwrap(), payload.as_slice());
    }

    /// What coset reads as a COSE_Sign1, we read as the same one; we refuse more only by naming a rule
    /// that coset leaves to its caller.
    #[test]
    fn coset_and_we_read_the_same_message(
        which in 0..2_usize,
        untagged in any::<bool>(),
        edits in proptest::collection::vec(any::<(usize, u8, u8)>(), 0..3),
    ) {
        let good = statement(&key(ALGORITHMS[which], 1)).as_bytes()[usize::from(untagged)..].to_vec();
        let bytes = spoil(good, &edits);
        let theirs = CoseSign1::from_tagged_slice(&bytes).or_else(|_| CoseSign1::from_slice(&bytes));
        let Ok(theirs) = theirs else { return Ok(()) };
        match Sign1::parse(&bytes) {
            Ok(ours) => prop_assert_eq!(ours.payload(), theirs.payload.as_deref()),
            Err(Error::Cose { reason, .. }) => prop_assert_eq!(reason, "a header label twice"),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}

/// AES-CBC carries no integrity of its own, so damage may decrypt to another key, whose id tells; it
/// never goes unseen and never panics. Few cases: each may cost a scrypt.
#[test]
fn a_damaged_encrypted_key_never_passes_for_the_whole_one() {
    let key = key(Algorithm::Ed25519, 1);
    let pem = key
        .to_encrypted_pem(b"passphrase", &[1; 16], &[2; 16])
        .unwrap();
    for at in (0..pem.len()).step_by(13) {
        let damaged = spoil(pem.clone().into_bytes(), &[(at, 0, b'A')]);
        if damaged != pem.as_bytes() {
            let damaged = String::from_utf8(damaged).unwrap();
            if let Ok(read) = SigningKey::from_pem(&damaged, Some(b"passphrase")) {
                assert_ne!(read.id(), key.id(), "byte {at}");
            }
        }
    }
}
