//! rfc3161-client and the OpenTimestamps library from PyPI agree with us, both ways.
//!
//! They run under the Python that AVOUCH_PYTHON names. Without it the test says that it was skipped, unless
//! AVOUCH_REQUIRE_TOOLS is set.
#![cfg(all(feature = "rfc3161", feature = "opentimestamps"))]
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use avouch_anchor::Verifier;
use avouch_anchor::opentimestamps::rewritten;
use avouch_anchor::rfc3161::Authority;
use common::{Desk, anchored, repository};

/// Whether the checker agreed, and what it said; `None` without a Python.
fn ask(desk: &Desk, arguments: &[&str]) -> Option<(bool, String)> {
    let Some(python) = std::env::var_os("AVOUCH_PYTHON") else {
        assert!(
            std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none(),
            "AVOUCH_REQUIRE_TOOLS=1, but AVOUCH_PYTHON names no Python"
        );
        eprintln!("skipped: AVOUCH_PYTHON names no Python");
        return None;
    };
    let run = Command::new(python)
        .arg(
            repository("tests/tools/check_anchors.py")
                .canonicalize()
                .unwrap(),
        )
        .args(arguments)
        .current_dir(desk.path("."))
        .output()
        .unwrap();
    let said = [run.stdout, run.stderr].concat();
    Some((run.status.success(), String::from_utf8_lossy(&said).into()))
}

#[test]
fn rfc3161_client_agrees_both_ways() {
    let desk = Desk::new();
    desk.root("root", "p256", "root");
    desk.certificate("tsa", "p256", "tsa", "root", None);
    desk.root("other", "p256", "root");
    let anchored = anchored(5);
    desk.write("checkpoint.txt", anchored.text());
    let response = desk.stamp("tsa", "", "tsa_config", anchored.text().as_bytes());
    desk.write("proof.tsr", &response);
    let Some((good, said)) = ask(
        &desk,
        &["tsr-verify", "proof.tsr", "checkpoint.txt", "root.pem"],
    ) else {
        return;
    };
    assert!(good && said.contains("verified"), "{said}");
    let authority: Authority = desk.authority(&["root"]);
    authority.verify(&anchored, &response).unwrap();
    // What we refuse, they refuse: another root, another text.
    desk.write("other.txt", "other");
    for refused in [
        ["tsr-verify", "proof.tsr", "checkpoint.txt", "other.pem"],
        ["tsr-verify", "proof.tsr", "other.txt", "root.pem"],
    ] {
        assert!(!ask(&desk, &refused).unwrap().0, "{refused:?}");
    }
    // Their question, the authority's answer, our verdict.
    let (good, said) = ask(&desk, &["tsr-query", "query.tsq", "checkpoint.txt"]).unwrap();
    assert!(good, "{said}");
    let answer = desk.answer("tsa", "", "tsa_config");
    authority.verify(&anchored, &answer).unwrap();
}

#[test]
fn files_of_the_opentimestamps_library_read_back_to_the_same_bytes() {
    let desk = Desk::new();
    desk.write("data", "data");
    let Some((good, said)) = ask(&desk, &["ots-make", "made.ots", "data"]) else {
        return;
    };
    assert!(good, "{said}");
    let file = desk.read("made.ots");
    assert_eq!(rewritten(&file).as_deref(), Some(file.as_slice()));
    desk.write("again.ots", rewritten(&file).unwrap());
    let (good, said) = ask(&desk, &["ots-show", "again.ots", "data"]).unwrap();
    assert!(good && said.contains("bitcoin 300"), "{said}");
}
