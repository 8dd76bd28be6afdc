//! Witnesses' cosignatures and tlog-proof files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use avouch_cose::note::NoteSignature;
use avouch_cose::{
    Algorithm, Checkpoint, CosignerKey, Error, Note, NoteKey, SigningKey, TlogProof,
};
use avouch_merkle::{LeafIndex, TreeSize, hash_leaf, inclusion_proof, root};

const ORIGIN: &str = "log.example/one";
const TIME: u64 = 1_800_000_000;

fn key(seed: u8) -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[seed; 32]).unwrap()
}

fn witness(name: &str, seed: u8) -> CosignerKey {
    CosignerKey::new(name, key(seed).verifying_key()).unwrap()
}

fn log_key() -> NoteKey {
    NoteKey::new(ORIGIN, key(1).verifying_key()).unwrap()
}

fn checkpoint(size: u64) -> Note {
    Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(size),
        root: root((0..size).map(|n| hash_leaf(&n.to_be_bytes()))),
        extensions: Vec::new(),
    }
    .sign(&key(1))
    .unwrap()
}

/// The example of c2sp.org/tlog-cosignature: the timestamp lies where the specification puts it.
#[test]
fn the_specifications_example_is_read_and_written_back() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(text).unwrap();
    assert_eq!(note.to_string(), text);
    let cosignature = &note.signatures()[1];
    assert_eq!(cosignature.name(), "witness.example.com/w1");
    assert_eq!(cosignature.signature().len(), 8 + 64);
    assert_eq!(cosignature.signature()[..8], 1_679_315_147u64.to_be_bytes());
    let line = text.lines().last().unwrap();
    let parsed: NoteSignature = line.parse().unwrap();
    assert_eq!(&parsed, cosignature);
    assert_eq!(parsed.to_string(), line);
}

#[test]
fn a_cosignature_verifies_and_dates() {
    let mut note = checkpoint(5);
    note.cosign("w.example/1", &key(2), TIME).unwrap();
    let read = Note::parse(&note.to_string()).unwrap();
    assert_eq!(
        read.verify_cosignature(&witness("w.example/1", 2)).unwrap(),
        TIME
    );
    // The signed message, written out.
    let message = format!("cosignature/v1\ntime {TIME}\n{}", note.text());
    let signature = &read.signatures()[1].signature()[8..];
    key(2)
        .verifying_key()
        .verify(message.as_bytes(), signature)
        .unwrap();
    // The log's own signature still stands, and is none of a witness with that key and name.
    Checkpoint::open(&read.to_string(), &log_key()).unwrap();
    assert!(matches!(
        read.verify_cosignature(&witness(ORIGIN, 1)),
        Err(Error::NoSignatureBy(_))
    ));
}

#[test]
fn a_changed_time_text_or_signature_is_refused() {
    let mut note = checkpoint(5);
    note.cosign("w.example/1", &key(2), TIME).unwrap();
    let known = witness("w.example/1", 2);
    let line = note.signatures()[1].clone();

    let mut other = checkpoint(6);
    other.add(line.clone()).unwrap();
    assert!(matches!(
        other.verify_cosignature(&known),
        Err(Error::BadSignature)
    ));
    // Even beside a good one.
    other.cosign("w.example/1", &key(2), TIME).unwrap();
    assert!(other.verify_cosignature(&known).is_err());

    let text = line.to_string();
    for at in [0, 7, 8, 40, 71] {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        let (name, blob) = text.rsplit_once(' ').unwrap();
        let mut blob = engine.decode(blob).unwrap();
        blob[4 + at] ^= 1;
        let changed = format!("{name} {}", engine.encode(&blob));
        let mut note = checkpoint(5);
        note.add(changed.parse().unwrap()).unwrap();
        assert!(note.verify_cosignature(&known).is_err(), "byte {at}");
        // Cut short, and with a time beyond 2^63 - 1.
        blob.truncate(4 + 7);
        let mut note = checkpoint(5);
        note.add(format!("{name} {}", engine.encode(&blob)).parse().unwrap())
            .unwrap();
        assert!(matches!(
            note.verify_cosignature(&known),
            Err(Error::Cosignature { .. })
        ));
    }
    assert!(matches!(
        NoteSignature::cosign(&note, "w.example/1", &key(2), 1 << 63),
        Err(Error::Cosignature { .. })
    ));
    let not_a_checkpoint = Note::new("hello\n").unwrap();
    assert!(matches!(
        NoteSignature::cosign(&not_a_checkpoint, "w.example/1", &key(2), TIME),
        Err(Error::Checkpoint { .. })
    ));
}

#[test]
fn a_quorum_counts_keys_not_names() {
    let mut note = checkpoint(5);
    note.cosign("w.example/1", &key(2), TIME + 9).unwrap();
    note.cosign("w.example/1", &key(2), TIME).unwrap();
    note.cosign("w.example/alias", &key(2), TIME).unwrap();
    note.cosign("w.example/3", &key(4), TIME).unwrap();
    let known = [
        witness("w.example/1", 2),
        witness("w.example/alias", 2),
        witness("w.example/2", 3),
        witness("w.example/3", 4),
    ];
    let two = note.quorum(&known, 2).unwrap();
    let names: Vec<_> = two.iter().map(|one| (one.by.name(), one.time)).collect();
    assert_eq!(names, [("w.example/1", TIME), ("w.example/3", TIME)]);
    assert!(matches!(
        note.quorum(&known, 3),
        Err(Error::NotEnoughCosigners {
            needed: 3,
            found: 2
        })
    ));
}

#[test]
fn a_witness_key_and_a_log_key_are_not_mistaken_for_each_other() {
    let cosigner = witness("w.example/1", 2);
    let text = cosigner.to_string();
    assert_eq!(text.parse::<CosignerKey>().unwrap(), cosigner);
    assert!(text.parse::<NoteKey>().is_err());
    assert!(log_key().to_string().parse::<CosignerKey>().is_err());
    let wrong = text.replace("w.example/1", "w.example/2");
    assert!(matches!(
        wrong.parse::<CosignerKey>(),
        Err(Error::NoteKey(_))
    ));
}

fn proof(size: u64, index: u64, extra: Option<&[u8]>) -> TlogProof {
    let leaves: Vec<_> = (0..size).map(|n| hash_leaf(&n.to_be_bytes())).collect();
    TlogProof {
        extra: extra.map(<[u8]>::to_vec),
        index: LeafIndex(index),
        path: inclusion_proof(&leaves, LeafIndex(index)).unwrap(),
        checkpoint: checkpoint(size),
    }
}

#[test]
fn a_proof_file_is_read_back_and_verified() {
    for size in 1..20 {
        for index in 0..size {
            let extra: Option<&[u8]> = (index % 2 == 1).then_some(b"\x00more");
            let proof = proof(size, index, extra);
            let text = proof.to_string();
            let read: TlogProof = text.parse().unwrap();
            assert_eq!(read, proof);
            let leaf = hash_leaf(&index.to_be_bytes());
            assert_eq!(read.verify(leaf, &log_key()).unwrap().size, TreeSize(size));
            assert!(read.verify(hash_leaf(b"other"), &log_key()).is_err());
        }
    }
}

#[test]
fn a_malformed_proof_file_is_refused_by_its_line() {
    let good = proof(7, 3, Some(b"x")).to_string();
    let refused = |text: &str, line: usize| match TlogProof::parse(text) {
        Err(Error::TlogProof { line: found, .. }) => assert_eq!(found, line, "{text}"),
        other => panic!("{other:?}\n{text}"),
    };
    refused("", 1);
    refused(&good.replace("@v1", "@v2"), 1);
    refused(&good.replace("extra eA==", "extra eA="), 2);
    refused(&good.replace("extra eA==", "Extra eA=="), 2);
    refused(&good.replace("index 3", "index 03"), 3);
    refused(&good.replace("index 3", "index +3"), 3);
    let first = good.lines().nth(3).unwrap();
    refused(&good.replace(first, "AAAA"), 4);
    refused(&good.replace(first, &format!("{first} ")), 4);
    refused(&good.replace(first, &format!("{first}\n").repeat(65)), 68);
    for end in 0..good.len() {
        if good.is_char_boundary(end) {
            assert!(TlogProof::parse(&good[..end]).is_err(), "cut at {end}");
        }
    }
    // Another index leads elsewhere; another log's key did not sign.
    let moved = TlogProof::parse(&good.replace("index 3", "index 2")).unwrap();
    let leaf = hash_leaf(&3u64.to_be_bytes());
    assert!(moved.verify(leaf, &log_key()).is_err());
    let stranger = NoteKey::new(ORIGIN, key(9).verifying_key()).unwrap();
    assert!(matches!(
        TlogProof::parse(&good).unwrap().verify(leaf, &stranger),
        Err(Error::NoSignatureBy(_))
    ));
}
