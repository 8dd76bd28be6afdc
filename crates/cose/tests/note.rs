//! Signed notes and checkpoints.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::{Algorithm, Checkpoint, Error, Note, NoteKey};
use avouch_merkle::{Digest, TreeSize};
use common::key;

/// The key of the shared data's log, as its makers publish it (transparency-dev/tessera, testdata/build_log.sh).
const TESSERA_KEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

/// The example of c2sp.org/signed-note: its signer's key is not published, so it can be read but not checked.
const QUASIMODO: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \u{e8} subito sera.\n\n\
    \u{2014} quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: "example.com/log".into(),
        size: TreeSize(42),
        root: Digest([7; 32]),
        extensions: vec![],
    }
}

#[test]
fn a_real_logs_checkpoints_verify() {
    let Some(folder) = common::shared("vectors/tlog/testdata/log") else {
        return;
    };
    let key: NoteKey = TESSERA_KEY.parse().unwrap();
    assert_eq!(key.to_string(), TESSERA_KEY);
    for size in 0..=15_u64 {
        let note = std::fs::read_to_string(folder.join(format!("checkpoint.{size}"))).unwrap();
        let checkpoint = Checkpoint::open(&note, &key).unwrap();
        assert_eq!(
            (checkpoint.origin.as_str(), checkpoint.size.get()),
            ("example.com/log/testdata", size)
        );
        assert_eq!(Note::parse(&note).unwrap().to_string(), note);
    }
}

#[test]
fn the_specifications_example_reads_and_writes_back() {
    let note = Note::parse(QUASIMODO).unwrap();
    assert!(
        note.text().ends_with("sole:\n\ned \u{e8} subito sera.\n"),
        "a blank line inside the text stays there"
    );
    assert_eq!(note.signatures()[0].name(), "quasimodo.example/salvatore");
    assert_eq!(note.signatures()[0].key_hash(), [0x36, 0x7b, 0xa0, 0x4b]);
    assert_eq!(note.to_string(), QUASIMODO);
}

#[test]
fn a_checkpoint_opens_under_its_own_logs_key_alone() {
    let log = key(Algorithm::Ed25519, 1);
    let note = checkpoint().sign(&log).unwrap().to_string();
    let name = NoteKey::new("example.com/log", log.verifying_key()).unwrap();
    assert_eq!(Checkpoint::open(&note, &name).unwrap(), checkpoint());
    assert_eq!(name.to_string().parse::<NoteKey>().unwrap(), name);

    let other = NoteKey::new(
        "example.com/log",
        key(Algorithm::Ed25519, 2).verifying_key(),
    )
    .unwrap();
    assert!(matches!(
        Checkpoint::open(&note, &other),
        Err(Error::NoSignatureBy(_))
    ));
    let renamed = NoteKey::new("example.com/other", log.verifying_key()).unwrap();
    assert!(matches!(
        Checkpoint::open(&note, &renamed),
        Err(Error::NoSignatureBy(_))
    ));

    let mut foreign = Note::new(checkpoint().to_string()).unwrap();
    foreign.sign("example.com/other", &log).unwrap();
    assert!(matches!(
        Checkpoint::open(&foreign.to_string(), &renamed),
        Err(Error::OriginMismatch { .. })
    ));
}

#[test]
fn signatures_of_strangers_are_kept_and_passed_over() {
    let log = key(Algorithm::Ed25519, 1);
    let mut note = checkpoint().sign(&log).unwrap();
    note.sign("witness.example", &key(Algorithm::Ed25519, 2))
        .unwrap();
    let read = Note::parse(&note.to_string()).unwrap();
    assert_eq!(read.signatures().len(), 2);
    assert_eq!(read, note);
    read.verify(&NoteKey::new("example.com/log", log.verifying_key()).unwrap())
        .unwrap();
    read.verify(
        &NoteKey::new(
            "witness.example",
            key(Algorithm::Ed25519, 2).verifying_key(),
        )
        .unwrap(),
    )
    .unwrap();
}

/// A bad signature in a known key's name refuses the note, even beside that key's good one.
#[test]
fn a_bad_signature_in_a_known_name_refuses_the_note() {
    let log = key(Algorithm::Ed25519, 1);
    let name = NoteKey::new("example.com/log", log.verifying_key()).unwrap();
    let good = checkpoint().sign(&log).unwrap().to_string();
    let mut other = checkpoint();
    other.size = TreeSize(43);
    let other = other.sign(&log).unwrap().to_string();
    let stolen = other.lines().last().unwrap();
    let both = format!("{good}{stolen}\n");
    assert!(matches!(
        Note::parse(&both).unwrap().verify(&name),
        Err(Error::BadSignature)
    ));
}

#[test]
fn a_p256_key_does_not_sign_notes() {
    assert!(matches!(
        checkpoint().sign(&key(Algorithm::P256, 1)),
        Err(Error::Unsupported(_))
    ));
}

#[test]
fn malformed_notes_are_refused_with_their_line() {
    let good = checkpoint()
        .sign(&key(Algorithm::Ed25519, 1))
        .unwrap()
        .to_string();
    let line = good.lines().last().unwrap().to_owned();
    let refusal = |note: &str| Note::parse(note).unwrap_err().to_string();
    assert_eq!(
        refusal(""),
        "signed note, line 0: no blank line before the signatures"
    );
    assert!(refusal("text\n").contains("no blank line"));
    assert!(refusal("text\n\n").contains("a signature line must follow"));
    assert!(refusal(good.trim_end()).contains("last line end in a newline"));
    assert!(refusal(&good.replace("log\n42", "log\r\n42")).contains("line 1: a control character"));
    assert!(
        refusal(&good.replace('\u{2014}', "-"))
            .contains("line 5: a signature line starts with an em dash")
    );
    assert!(
        refusal(&format!("{good}\u{2014} name\n"))
            .contains("line 6: expected an em dash, a key name and base64")
    );
    assert!(
        refusal(&format!("{good}\u{2014}  AAAAAAA=\n")).contains("line 6: the key name is empty")
    );
    assert!(
        refusal(&format!("{good}\u{2014} a+b AAAAAAA=\n"))
            .contains("no spaces, control characters or plus")
    );
    assert!(
        refusal(&format!("{good}\u{2014} a\u{2003}b AAAAAAA=\n")).contains("no spaces"),
        "a Unicode space"
    );
    assert!(refusal(&format!("{good}\u{2014} a AAAA\n")).contains("shorter than a key hash"));
    assert!(refusal(&format!("{good}\u{2014} a AAAAAA==\n")).contains("shorter than a key hash"));
    assert!(
        refusal(&format!("{good}\u{2014} a AAAAAAA\n")).contains("not base64"),
        "no padding"
    );
    assert!(
        refusal(&format!("{good}\u{2014} a AAAAAAB=\n")).contains("not base64"),
        "stray bits"
    );
    let many = format!("{good}{}", format!("{line}\n").repeat(100));
    assert!(refusal(&many).contains("more than 100 signatures"));
    assert!(refusal(&"x".repeat(1_000_001)).contains("longer than"));
    assert!(Note::new("no newline").is_err());
    assert!(Note::new("a tab\there\n").is_err());
}

#[test]
fn malformed_checkpoints_are_refused_with_their_line() {
    let root = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let good = format!("example.com/log\n42\n{root}\n");
    assert_eq!(Checkpoint::parse(&good).unwrap(), checkpoint());
    assert_eq!(checkpoint().to_string(), good);
    let extended = format!("{good}one line\nanother\n");
    assert_eq!(
        Checkpoint::parse(&extended).unwrap().extensions,
        ["one line", "another"]
    );
    assert_eq!(Checkpoint::parse(&extended).unwrap().to_string(), extended);

    let line = |text: &str| match Checkpoint::parse(text) {
        Err(Error::Checkpoint { line, .. }) => line,
        other => panic!("{text:?}: {other:?}"),
    };
    assert_eq!(line(&good.replace("example.com/log", "")), 1);
    for size in [
        "",
        "042",
        "00",
        "-1",
        "+1",
        "4 2",
        "18446744073709551616",
        "0x10",
    ] {
        assert_eq!(
            line(&good.replace("\n42\n", &format!("\n{size}\n"))),
            2,
            "{size}"
        );
    }
    for wrong in [
        "",
        "BwcH",
        &root[..43],
        &root.replace("Bwc=", "Bwd="),
        &root.replace('B', "-"),
    ] {
        assert_eq!(line(&good.replace(root, wrong)), 3, "{wrong}");
    }
    assert_eq!(line(&format!("{good}\nmore\n")), 4);
    assert_eq!(line(good.trim_end()), 1);
    assert_eq!(
        Checkpoint::parse(&good.replace("42", "18446744073709551615"))
            .unwrap()
            .size
            .get(),
        u64::MAX
    );

    let mut split = checkpoint();
    split.extensions = vec!["two\nlines".into()];
    assert!(matches!(
        split.sign(&key(Algorithm::Ed25519, 1)),
        Err(Error::Checkpoint { .. })
    ));
    let mut spaced = checkpoint();
    spaced.origin = "two words".into();
    assert!(
        matches!(
            spaced.sign(&key(Algorithm::Ed25519, 1)),
            Err(Error::NoteKey(_))
        ),
        "no name for a key"
    );
}

#[test]
fn malformed_note_keys_are_refused() {
    let refusal = |text: &str| text.parse::<NoteKey>().unwrap_err().to_string();
    assert!(refusal("name").contains("expected name+hash+base64"));
    assert!(refusal(&TESSERA_KEY.replace("33d7b496", "33d7b497")).contains("mistyped"));
    assert!(
        refusal(&TESSERA_KEY.replace("33d7b496", "33D7B496")).contains("mistyped"),
        "lower case only"
    );
    assert!(refusal(&TESSERA_KEY.replace("testdata", "testdatb")).contains("mistyped"));
    assert!(refusal("a+00000000+AQ==").contains("32 bytes"));
    assert!(refusal("a+00000000+").contains("empty"));
    assert!(refusal("a+00000000+!").contains("not base64"));
    assert!(refusal("a+00000000+BgAA").contains("note signature type 6 is not supported"));
    assert!(refusal("PRIVATE+KEY+a+00000000+AQ==").contains("private key"));
    assert!(refusal(&TESSERA_KEY.replace("example.com/log", "two words")).contains("no spaces"));
}
