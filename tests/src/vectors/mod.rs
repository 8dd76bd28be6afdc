//! The project's own test vectors, made from fixed seeds: the same bytes on every machine.
//!
//! `docs/format.md` and these files are meant to be enough for a second implementation.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bundles;
mod run;
mod signed;

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Every vector file: its path under `fixtures/vectors/`, and its bytes.
pub fn generate() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let runs = [run::session(), run::debate()];
    let mut json = |name: &str, value: Value| {
        let mut text = serde_json::to_string_pretty(&value).unwrap();
        text.push('\n');
        files.insert(format!("{name}.json"), text.into_bytes());
    };
    json("names", names());
    json("events", run::events(&runs));
    json("bodies", run::bodies(&runs[0]));
    json("chains", run::chains(&runs));
    json("manifests", signed::manifests(&runs));
    json("statements", signed::statements(&runs));
    json("receipts", signed::receipts(&runs));
    files.insert("README.md".into(), README.as_bytes().to_vec());
    bundles::add(&runs, &mut files);
    files
}

const README: &str = "# Test vectors

Made by `cargo run -p avouch-tests --bin vectors`; do not edit by hand. Byte strings are hexadecimal. `docs/format.md` is the
specification; a test regenerates these files and compares every byte.

| file | what |
|---|---|
| `names.json` | names and their ids |
| `events.json` | headers, their 80 bytes, events, leaves; and headers that are refused, with the reason |
| `bodies.json` | fields with their salts, leaves in order, body roots, and openings of some fields with their proofs |
| `chains.json` | chain starts, chain values and roots of whole runs |
| `manifests.json` | manifests and their encodings; and encodings that are refused |
| `statements.json` | keys, stored statements, statement ids, log entries; and forms that are refused |
| `receipts.json` | receipts and checkpoints of a log that holds the statements |
| `bundles/*.avouch` | whole bundles; beside each, `NAME.report.json` is the exit code and what `avouch-verify --json` reports under `bundles/trust.toml`, without the sentences; `null` where the file cannot be read |
";

fn names() -> Value {
    let names = [
        "agent:worker",
        "tool:server/read_file",
        "tool:Bash",
        "tool:bash",
        "agent:caf\u{e9}",
        "",
    ];
    let ids =
        names.map(|name| json!({ "name": name, "id": avouch_trace::NameId::of(name).to_string() }));
    json!(ids)
}
