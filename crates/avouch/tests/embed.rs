//! The example in the README runs.
#![allow(missing_docs, dead_code)]

#[path = "../examples/embed.rs"]
mod embed;

#[test]
fn the_embedding_example_runs() {
    let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let sealed = embed::seal(&dir.path().join("home"))
        .and_then(|(bundle, trust)| embed::check(&bundle, &trust));
    assert!(matches!(sealed, Ok(true)), "{sealed:?}");
}
