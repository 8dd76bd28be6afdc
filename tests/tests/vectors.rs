//! The committed vectors are what the code makes, and what they say is so.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn names_in(dir: &Path, under: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{under}{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true => names_in(&entry.path(), &format!("{name}/"), found),
            false => drop(found.insert(name)),
        }
    }
}

#[test]
fn the_vectors_on_disk_are_the_ones_that_the_code_makes() {
    let dir = avouch_tests::repository().join("fixtures/vectors");
    let made = avouch_tests::vectors::generate();
    for (name, bytes) in &made {
        let on_disk = fs::read(dir.join(name)).unwrap_or_default();
        assert!(
            &on_disk == bytes,
            "{name} differs: `cargo run -p avouch-tests --bin vectors` makes it anew"
        );
    }
    let mut on_disk = BTreeSet::new();
    names_in(&dir, "", &mut on_disk);
    assert_eq!(
        on_disk,
        made.into_keys().collect(),
        "files that the command does not make"
    );
}

#[test]
fn every_bundles_name_says_what_its_report_says() {
    let dir = avouch_tests::repository().join("fixtures/vectors/bundles");
    let mut counts = [0; 4];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".report.json") else {
            continue;
        };
        let report: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let expected = match stem.split('-').next().unwrap() {
            "good" => 0,
            "bad" => 1,
            "unreadable" => 2,
            "incomplete" => 3,
            other => panic!("{other}"),
        };
        assert_eq!(report["exit_code"], expected, "{name}");
        counts[expected] += 1;
    }
    assert_eq!(counts, [4, 19, 3, 2]);
}
