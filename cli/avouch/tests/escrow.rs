//! A key in five hands, of which three give it back.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

fn avouch(desk: &TempDir, code: i32, line: &str) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_avouch"))
        .args(line.split_whitespace())
        .current_dir(desk.path())
        .env_remove("AVOUCH_HOME")
        .env_remove("AVOUCH_PASSPHRASE_FILE")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(
        output.status.code(),
        Some(code),
        "avouch {line}\n{stdout}\n{stderr}"
    );
    (stdout, stderr)
}

/// The names of the files with this ending, in order.
fn files(desk: &TempDir, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(desk.path().join("shares")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names.iter().map(|name| format!("shares/{name}")).collect()
}

fn split_issuer() -> (TempDir, Vec<String>, String) {
    let desk = tempfile::tempdir().unwrap();
    avouch(&desk, 0, "init --issuer https://acme.invalid");
    let line =
        "key split issuer --threshold 3 --shares 5 -o shares --home .avouch --also words,svg,png";
    avouch(&desk, 0, line);
    let (shares, mut commitments) = (files(&desk, ".share"), files(&desk, ".commitments"));
    assert_eq!((shares.len(), commitments.len()), (5, 1));
    (desk, shares, commitments.remove(0))
}

#[test]
fn three_of_five_shares_give_the_key_back_in_any_form() {
    let (desk, shares, commitments) = split_issuer();
    let words = files(&desk, ".words.txt");
    let line = format!(
        "key combine {} {} {} --commitments {commitments} -o back.pem",
        shares[4], words[1], shares[2]
    );
    avouch(&desk, 0, &line);
    let read = |path: &str| fs::read_to_string(desk.path().join(path)).unwrap();
    assert_eq!(read("back.pem"), read(".avouch/keys/issuer.pem"));
    let line = format!(
        "key combine {} {} {} --import again",
        shares[0], shares[1], shares[3]
    );
    let (out, _) = avouch(&desk, 0, &line);
    let (list, _) = avouch(&desk, 0, "key export issuer");
    let (again, _) = avouch(&desk, 0, "key export again");
    assert!(out.contains("again"));
    assert_eq!(list, again);
    assert_eq!(files(&desk, ".svg").len() + files(&desk, ".png").len(), 10);
    // What is there is not written over.
    let line = format!(
        "key combine {} {} {} -o back.pem",
        shares[0], shares[1], shares[3]
    );
    assert!(avouch(&desk, 2, &line).1.contains("it exists"));
}

#[cfg(unix)]
#[test]
fn shares_and_combined_secrets_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (desk, shares, _) = split_issuer();
    let line = format!(
        "key combine {} {} {} -o back.pem",
        shares[0], shares[1], shares[2]
    );
    avouch(&desk, 0, &line);
    let mut secret = vec!["back.pem".to_owned()];
    for ending in [".share", ".words.txt", ".svg", ".png"] {
        secret.extend(files(&desk, ending));
    }
    assert_eq!(secret.len(), 21);
    for path in secret {
        let mode = fs::metadata(desk.path().join(&path))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

/// Another set's share, in the name of this set: what a holder could make up.
fn forge(desk: &TempDir, of: &str, to: &str) {
    let text = fs::read_to_string(desk.path().join(of)).unwrap();
    let share = avouch::shares::text::read(&text).unwrap();
    let bytes = share.to_bytes();
    let mut bytes = bytes[..bytes.len() - 4].to_vec();
    *bytes.last_mut().unwrap() ^= 0x55;
    let sum = avouch::merkle::sha256(&[b"avouch/v1/escrow-checksum", &bytes]);
    bytes.extend(&sum.0[..4]);
    let forged = avouch::shares::Share::from_bytes(&bytes).unwrap();
    fs::write(desk.path().join(to), &*avouch::shares::text::write(&forged)).unwrap();
}

#[test]
fn a_bad_share_is_named_and_nothing_is_written() {
    let (desk, shares, commitments) = split_issuer();
    forge(&desk, &shares[3], "bad.share");
    for share in &shares {
        avouch(
            &desk,
            0,
            &format!("key share-check {share} --commitments {commitments}"),
        );
    }
    let line = format!("key share-check bad.share --commitments {commitments}");
    let (_, why) = avouch(&desk, 1, &line);
    assert!(why.contains("bad.share: share 4 is not the one"), "{why}");
    let (one, two) = (&shares[0], &shares[1]);
    let line = format!("key combine {one} bad.share {two} --commitments {commitments} -o back.pem");
    let (_, why) = avouch(&desk, 1, &line);
    assert!(why.contains("bad.share: share 4 is not the one"), "{why}");
    // Without the commitments, one share more than is needed names it too.
    let line = format!(
        "key combine {one} bad.share {two} {} -o back.pem",
        shares[2]
    );
    let (_, why) = avouch(&desk, 1, &line);
    assert!(why.contains("bad.share: share 4 is not the one"), "{why}");
    let (_, why) = avouch(
        &desk,
        1,
        &format!("key combine {one} bad.share {two} -o back.pem"),
    );
    assert!(why.contains("do not give the secret"), "{why}");
    assert!(!desk.path().join("back.pem").exists());
}

#[test]
fn mixed_double_missing_and_mistyped_shares_are_refused_by_name() {
    let (desk, shares, _) = split_issuer();
    let (one, two, three) = (&shares[0], &shares[1], &shares[2]);
    let refused = |code, line: &str, why: &str| {
        let (_, said) = avouch(&desk, code, line);
        assert!(said.contains(why), "{said}");
        assert!(!desk.path().join("back").exists());
    };
    refused(
        3,
        &format!("key combine {one} {two} -o back"),
        "2 shares were given, and 3 are needed",
    );
    refused(
        1,
        &format!("key combine {one} {two} {two} -o back"),
        &format!("{two}: share 2 was given twice"),
    );
    fs::write(desk.path().join("note.txt"), "a secret note").unwrap();
    avouch(
        &desk,
        0,
        "key split --file note.txt --threshold 2 --shares 2 -o other",
    );
    let other = fs::read_dir(desk.path().join("other")).unwrap();
    let mut other = other
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_share(path));
    let other = other.next().unwrap();
    refused(
        1,
        &format!("key combine {one} {} {three} -o back", other.display()),
        "is of another set",
    );
    let text = fs::read_to_string(desk.path().join(one)).unwrap();
    let at = text.len() - 10;
    let typo = match &text[at..=at] {
        "A" => text[..at].to_owned() + "B" + &text[at + 1..],
        _ => text[..at].to_owned() + "A" + &text[at + 1..],
    };
    fs::write(desk.path().join("typo.share"), typo).unwrap();
    refused(
        2,
        &format!("key combine typo.share {two} {three} -o back"),
        "typo.share: the share's checksum does not match",
    );
    refused(
        2,
        "key split issuer --threshold 1 --shares 5 -o more",
        "1 of 5 shares",
    );
    refused(
        2,
        "key split issuer --threshold 6 --shares 5 -o more",
        "6 of 5 shares",
    );
    assert!(!desk.path().join("more").exists());
}

fn is_share(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "share")
}

#[test]
fn a_secret_file_comes_back_byte_for_byte() {
    let desk = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..40_000u32).map(|n| (n * 7) as u8).collect();
    fs::write(desk.path().join("store.key"), &bytes).unwrap();
    avouch(
        &desk,
        0,
        "key split --file store.key --threshold 2 --shares 3 -o shares",
    );
    let shares = files(&desk, ".share");
    avouch(
        &desk,
        0,
        &format!("key combine {} {} -o back.key", shares[2], shares[0]),
    );
    assert_eq!(fs::read(desk.path().join("back.key")).unwrap(), bytes);
    // It is no key.
    let (_, why) = avouch(
        &desk,
        2,
        &format!("key combine {} {} --import key", shares[2], shares[0]),
    );
    assert!(
        why.contains("the shares give a file, not a private key"),
        "{why}"
    );
    // And it is too long for paper: nothing is left behind.
    let (_, why) = avouch(
        &desk,
        2,
        "key split --file store.key --threshold 2 --shares 3 -o paper --also words",
    );
    assert!(why.contains("too long for words"), "{why}");
    assert!(!desk.path().join("paper").exists());
}
