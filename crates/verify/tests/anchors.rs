//! What anchors add: a date that nobody in the house can choose, and a quorum of those who give it. The proofs are
//! OpenTimestamps', which take no key to make; `crates/anchor` tests what makes a proof good.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_anchor::opentimestamps::Header;
use avouch_anchor::{Anchored, Receipt, State};
use avouch_bundle::{Anchor, Bundle};
use avouch_cose::{Algorithm, SigningKey};
use avouch_merkle::{Digest, LeafIndex, hash_leaf, inclusion_proof, sha256};
use avouch_verify::{CheckName, Outcome, Policy, PolicyError, Sealed as Outside};
use common::*;

/// 2026-01-01T00:00:00Z, by when the block below shows that something existed, and two hours before it.
const NEW_YEAR: u64 = 1_767_225_600;
const BLOCK_TIME: u64 = NEW_YEAR - 7200;
const MAGIC: &[u8] = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94";
const BITCOIN: &[u8] = &[0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01];
const PENDING: &[u8] = &[0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e];

/// A header of block 100 over this digest, appended `x` and hashed.
fn header_over(digest: &Digest, time: u64) -> String {
    let root = sha256(&[&digest.0, b"x"]).0;
    let time = u32::try_from(time).unwrap().to_le_bytes();
    let bits = 0x207f_ffff_u32.to_le_bytes();
    let header = (0_u32..)
        .map(|nonce| {
            [
                &[4, 0, 0, 0],
                [0; 32].as_slice(),
                &root,
                &time,
                &bits,
                &nonce.to_le_bytes(),
            ]
            .concat()
        })
        .find(|header| Header::new(header).is_ok())
        .unwrap();
    header.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn proof(digest: &Digest, tag: &[u8], payload: &[u8]) -> Vec<u8> {
    let steps = [0xf0, 1, b'x', 0x08, 0];
    let length = [payload.len() as u8];
    [MAGIC, &[1, 0x08], &digest.0, &steps, tag, &length, payload].concat()
}

/// The bundle with a receipt for its own checkpoint.
fn with(bundle: Bundle, change: impl FnOnce(&mut Receipt, &mut Anchor)) -> Bundle {
    let anchored = Anchored::parse(bundle.checkpoint.as_ref().unwrap()).unwrap();
    let mut receipt = Receipt {
        kind: "opentimestamps".into(),
        proof: proof(&anchored.digest(), BITCOIN, &[100]),
        state: State::Complete,
        anchored,
    };
    let mut anchor = Anchor {
        receipt: Vec::new(),
        index: 2,
        path: path(&bundle),
    };
    change(&mut receipt, &mut anchor);
    if anchor.receipt.is_empty() {
        anchor.receipt = receipt.encode().unwrap();
    }
    let anchors = [bundle.anchors.clone(), vec![anchor]].concat();
    Bundle { anchors, ..bundle }
}

/// The kit's log, whose entry 2 is the statement.
fn path(bundle: &Bundle) -> Vec<Digest> {
    let entry = sha256(&[&bundle.statement]);
    let leaves: Vec<Digest> = (0..5_u64)
        .map(|n| match n {
            2 => hash_leaf(&entry.0),
            n => hash_leaf(&n.to_be_bytes()),
        })
        .collect();
    inclusion_proof(&leaves, LeafIndex(2)).unwrap()
}

fn anchored() -> Bundle {
    with(run().seal().show_all(), |_, _| {})
}

fn digest() -> Digest {
    let note = run().seal().checkpoint;
    Anchored::parse(&note).unwrap().digest()
}

fn anchor_toml(header: &str) -> String {
    format!(
        "[[anchor]]\nname = \"bitcoin\"\nkind = \"opentimestamps\"\n\
         block = [{{ height = 100, header = \"{header}\" }}]\n"
    )
}

/// The kit's policy with an anchor that knows the block.
fn policy_with(require: &str) -> Policy {
    let anchor = anchor_toml(&header_over(&digest(), BLOCK_TIME));
    Policy::from_toml(&policy_toml(&format!("{require}\n{anchor}"))).unwrap()
}

#[track_caller]
fn outside(bundle: &Bundle, policy: &Policy) -> (Outside, String) {
    let report = judge(bundle, policy);
    let seal = report.about.unwrap().anchors.pop().unwrap();
    (seal.outcome, seal.reason)
}

#[test]
fn an_anchored_statement_verifies_and_is_dated() {
    let report = assert_verified(&anchored(), &policy_with("anchors = 1"));
    let check = report.check(CheckName::Anchors).unwrap();
    assert!(check.required && check.outcome == Outcome::Pass);
    let seal = &report.about.as_ref().unwrap().anchors[0];
    assert_eq!((seal.outcome, seal.by), (Outside::Verified, Some(NEW_YEAR)));
    assert_eq!(seal.anchors, ["bitcoin"]);
    let text = report.to_string();
    assert!(
        text.contains("Anchors show that the statement existed by 2026-01-01"),
        "{text}"
    );
    // Who lists anchors wants one.
    assert_verified(&anchored(), &policy_with(""));
}

#[test]
fn without_enough_anchors_it_is_incomplete() {
    let bare = run().seal().show_all();
    let policy = policy_with("");
    assert_incomplete(
        &bare,
        &policy,
        CheckName::Anchors,
        "the bundle has no anchor",
    );
    let promise = with(run().seal().show_all(), |receipt, _| {
        let uri = b"\x11https://a.example";
        receipt.proof = proof(&receipt.anchored.digest(), PENDING, uri);
    });
    assert_incomplete(&promise, &policy, CheckName::Anchors, "is pending");
    assert_eq!(outside(&promise, &policy).0, Outside::Pending);
    // What it says of itself does not matter in the one direction, and does in the other.
    let called_a_promise = with(run().seal().show_all(), |receipt, _| {
        receipt.state = State::Pending
    });
    assert_incomplete(&called_a_promise, &policy, CheckName::Anchors, "is pending");
    // Nothing is required, and nothing is wrong.
    assert_verified(&promise, &policy_with("anchors = 0"));
}

#[test]
fn an_anchor_of_an_unknown_kind_or_block_is_not_checked() {
    let other_kind = with(run().seal().show_all(), |receipt, _| {
        receipt.kind = "pigeon".into()
    });
    assert_incomplete(&other_kind, &policy_with(""), CheckName::Anchors, "pigeon");
    let other_block = with(run().seal().show_all(), |receipt, _| {
        receipt.proof = proof(&receipt.anchored.digest(), BITCOIN, &[101]);
    });
    assert_incomplete(
        &other_block,
        &policy_with(""),
        CheckName::Anchors,
        "block 101",
    );
    // A policy that lists no anchor reports it all the same.
    let report = assert_verified(&anchored(), &policy(""));
    let check = report.check(CheckName::Anchors).unwrap();
    assert!(!check.required && check.outcome == Outcome::NotChecked);
}

#[test]
fn an_anchor_that_is_wrong_fails_also_where_none_is_required() {
    let bundle = || run().seal().show_all();
    let policy = policy_with("anchors = 0");
    let fails = |bundle: Bundle, words| assert_fails(&bundle, &policy, CheckName::Anchors, words);
    fails(
        with(bundle(), |_, anchor| anchor.receipt = vec![1, 2, 3]),
        "malformed",
    );
    fails(
        with(bundle(), |_, anchor| anchor.index = 3),
        "not in the tree whose checkpoint it anchors",
    );
    fails(
        with(bundle(), |_, anchor| anchor.path[0].0[0] ^= 1),
        "not in the tree whose checkpoint it anchors",
    );
    fails(
        with(bundle(), |receipt, _| {
            receipt.proof = receipt.anchored.digest().0.to_vec()
        }),
        "not an OpenTimestamps proof",
    );
    fails(
        with(bundle(), |receipt, _| {
            receipt.proof = proof(&Digest([0; 32]), BITCOIN, &[100]);
        }),
        "about something else",
    );
    // One good receipt does not outweigh a bad one.
    fails(
        with(anchored(), |_, anchor| anchor.receipt = vec![0]),
        "malformed",
    );
    let elsewhere = anchor_toml(&header_over(&Digest([3; 32]), BLOCK_TIME));
    let elsewhere = Policy::from_toml(&policy_toml(&elsewhere)).unwrap();
    assert_fails(
        &anchored(),
        &elsewhere,
        CheckName::Anchors,
        "does not lead to the Merkle root of Bitcoin block 100",
    );
}

#[test]
fn an_anchored_checkpoint_counts_only_if_a_listed_log_signed_it() {
    let sealed = run().seal();
    let by = |key: &avouch_cose::key::SigningKey, origin: &str| {
        let (_, note) = enter(&sealed.statement, 5, key, origin);
        with(sealed.show_all(), |receipt, _| {
            receipt.anchored = Anchored::parse(&note).unwrap();
            receipt.proof = proof(&receipt.anchored.digest(), BITCOIN, &[100]);
        })
    };
    let stranger = key(avouch_cose::key::Algorithm::Ed25519, 77);
    let policy = policy_with("");
    for bundle in [by(&stranger, "log.example/other"), by(&stranger, ORIGIN)] {
        assert_incomplete(
            &bundle,
            &policy,
            CheckName::Anchors,
            "signed by no log of the policy's",
        );
    }
    // A signature in the log's name that is not its own.
    let forged = with(sealed.show_all(), |receipt, _| {
        let note = receipt.anchored.note().to_owned();
        let at = note.len() - 10;
        let other = if note.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        let note = format!("{}{other}{}", &note[..at], &note[at + 1..]);
        receipt.anchored = Anchored::parse(&note).unwrap();
    });
    assert_fails(&forged, &policy, CheckName::Anchors, "by log");
}

#[test]
fn a_log_that_anchored_another_root_is_caught() {
    let sealed = run().seal();
    // The same size, but another entry beside the statement.
    let leaves: Vec<Digest> = (0..5_u64)
        .map(|n| match n {
            2 => hash_leaf(sealed.statement.entry().as_bytes()),
            n => hash_leaf(&(n + 100).to_be_bytes()),
        })
        .collect();
    let other = avouch_cose::Checkpoint {
        origin: ORIGIN.into(),
        size: avouch_merkle::TreeSize(5),
        root: avouch_merkle::root(leaves.iter().copied()),
        extensions: Vec::new(),
    };
    let note = other.sign(&log_key()).unwrap().to_string();
    let forked = with(sealed.show_all(), |receipt, anchor| {
        receipt.anchored = Anchored::parse(&note).unwrap();
        receipt.proof = proof(&receipt.anchored.digest(), BITCOIN, &[100]);
        anchor.path = inclusion_proof(&leaves, LeafIndex(2)).unwrap();
    });
    assert_fails(&forked, &policy_with(""), CheckName::Anchors, "FORK");
}

#[test]
fn only_what_is_anchored_before_outlives_a_revocation() {
    let revoked = |from: &str, header: &str| {
        let text = policy_toml(&anchor_toml(header));
        let text = text.replacen(
            "\n\n[[log]]",
            &format!("\nrevoked_from = {from}\n[[log]]"),
            1,
        );
        Policy::from_toml(&text).unwrap()
    };
    let header = header_over(&digest(), BLOCK_TIME);
    let report = assert_verified(&anchored(), &revoked("2026-01-01T00:00:01Z", &header));
    let reason = &report.check(CheckName::Signature).unwrap().reason;
    assert!(
        reason.contains("anchors show that the statement existed by"),
        "{reason}"
    );
    let after = revoked("2026-01-01T00:00:00Z", &header);
    assert_fails(&anchored(), &after, CheckName::Signature, "is revoked from");
    let bare = run().seal().show_all();
    let before = revoked("2026-01-01T00:00:01Z", &header);
    assert_fails(&bare, &before, CheckName::Signature, "is revoked from");
}

#[test]
fn a_policy_whose_anchors_or_quorum_make_no_sense_is_refused() {
    let header = header_over(&digest(), BLOCK_TIME);
    let read = |require: &str, anchors: &str| {
        Policy::from_toml(&policy_toml(&format!("{require}\n{anchors}"))).map(drop)
    };
    let good = anchor_toml(&header);
    read("anchors = \"1 of: bitcoin\"", &good).unwrap();
    for (require, words) in [
        ("anchors = 2", "2 anchors are required, but 1 could count"),
        ("anchors = \"2 of: bitcoin\"", "2 anchors are required"),
        ("anchors = \"1 of: other\"", "which no [[anchor]] is"),
        ("anchors = \"1 of: bitcoin, bitcoin\"", "twice"),
        ("anchors = \"some\"", "neither a number nor like"),
        ("anchors = \"x of: bitcoin\"", "neither a number nor like"),
    ] {
        let refused = read(require, &good);
        assert!(
            matches!(&refused, Err(PolicyError::Quorum(why)) if why.contains(words)),
            "{refused:?}"
        );
    }
    let rename = |name: &str| good.replace("\"bitcoin\"", name);
    let tsa = "[[anchor]]\nname = \"t\"\nkind = \"rfc3161\"\n";
    for (anchors, words) in [
        (rename("\"\""), "`name`"),
        (rename("1"), "`name`"),
        (rename("\"a, b\""), "no comma"),
        (format!("{good}{good}"), "twice"),
        (
            format!("{good}{}", rename("\"other\"")),
            "there is one Bitcoin",
        ),
        (
            good.replace("opentimestamps", "pigeon"),
            "no kind of anchor",
        ),
        (good.replace("height = 100", "hight = 100"), "hight"),
        (good.replace(&header, &header[2..]), "80 bytes"),
        (
            good.replace(&header, &header.replace("ffff7f20", "ffff001d")),
            "mistyped",
        ),
        (good.replace(&header, "xx"), "not hexadecimal"),
        (good.replace("block = [", "block = []#"), "no block header"),
        (tsa.into(), "roots"),
        (
            format!("{tsa}roots = \"no pem\"\n"),
            "not one PEM certificate",
        ),
        (format!("{tsa}roots = \"\"\n"), "holds no certificate"),
    ] {
        let refused = read("", &anchors);
        assert!(
            matches!(&refused, Err(PolicyError::Anchor { reason, .. }) if reason.contains(words)),
            "{words}: {refused:?}"
        );
    }
    let without_log = format!(
        "version = 1\n{}\n{good}",
        issuer_toml(ISSUER, &issuer_key())
    );
    assert!(matches!(
        Policy::from_toml(&without_log),
        Err(PolicyError::AnchorsWithoutLog)
    ));
}

#[test]
fn an_anchor_in_git_names_keys_each_of_one_anchor() {
    let key = |seed| {
        let key = SigningKey::generate(Algorithm::Ed25519, &[seed; 32]).unwrap();
        avouch_anchor::git::write_public_key(&key.verifying_key())
    };
    let p256 = SigningKey::generate(Algorithm::P256, &[1; 32]).unwrap();
    let anchor = |name: &str, keys: &[String]| {
        format!("[[anchor]]\nname = {name:?}\nkind = \"git\"\nkeys = {keys:?}\n")
    };
    let read = |anchors: &str| Policy::from_toml(&policy_toml(&format!("\n{anchors}"))).map(drop);
    read(&(anchor("a", &[key(1), key(2)]) + &anchor("b", &[key(3)]))).unwrap();
    for (anchors, words) in [
        (anchor("a", &[]), "no key"),
        (anchor("a", &[key(1), key(1)]), "twice"),
        (
            anchor("a", &[key(1)]) + &anchor("b", &[key(1)]),
            "a key of \"a\"",
        ),
        (anchor("a", &[p256.verifying_key().to_pem()]), "Ed25519"),
        (anchor("a", &["ssh-ed25519 AAAA".into()]), "key"),
        (anchor("a", &[key(1)]) + "block = []\n", "block"),
    ] {
        let refused = read(&anchors);
        assert!(
            matches!(&refused, Err(PolicyError::Anchor { reason, .. }) if reason.contains(words)),
            "{words}: {refused:?}"
        );
    }
}

#[test]
fn an_anchor_on_an_evm_chain_names_contract_key_and_blocks() {
    let key = |algorithm| {
        let key = SigningKey::generate(algorithm, &[5; 32]).unwrap();
        key.verifying_key().to_pem()
    };
    let pem = key(Algorithm::P256);
    let block = format!("0x{}", "8b".repeat(32));
    let good = format!(
        "[[anchor]]\nname = \"main\"\nkind = \"evm\"\nchain = 1\n\
         contract = \"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"\n\
         key = \"\"\"\n{pem}\"\"\"\nblock = [\"{block}\"]\n"
    );
    let read = |anchors: &str| Policy::from_toml(&policy_toml(&format!("\n{anchors}"))).map(drop);
    read(&good).unwrap();
    let other = good.replace("\"main\"", "\"other\"");
    read(&format!(
        "{good}{}",
        other.replace("chain = 1", "chain = 10")
    ))
    .unwrap();
    for (anchors, words) in [
        (format!("{good}{other}"), "there is one chain 1"),
        (good.replace("0x5aA", "0x5aa"), "checksum"),
        (good.replace("0x5aA", "0x"), "40 hexadecimal digits"),
        (good.replace(&pem, &key(Algorithm::Ed25519)), "P-256"),
        (good.replace(&pem, "none"), "key:"),
        (good.replace(&block, &block[..64]), "64 hexadecimal digits"),
        (good.replace("block = [", "block = []#"), "no block"),
        (good.replace("block = [", "blocks = ["), "blocks"),
        (good.replace("chain = 1\n", ""), "chain"),
        (
            good.replace("[\"0x8b", &format!("[\"{block}\", \"0x8b")),
            "twice",
        ),
    ] {
        let refused = read(&anchors);
        assert!(
            matches!(&refused, Err(PolicyError::Anchor { reason, .. }) if reason.contains(words)),
            "{words}: {refused:?}"
        );
    }
}
