//! Commits in a real repository, by the git that is installed, and one that was recorded.
#![cfg(feature = "git")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use avouch_anchor::git::{Signers, read_public_key};
use avouch_anchor::{Doubt, Receipt};

const RECEIPT: &[u8] = include_bytes!("../../../fixtures/anchors/git.receipt");
const KEY: &str = include_str!("../../../fixtures/anchors/git.pub");

#[test]
fn the_recorded_receipt_verifies_by_its_signers_key_alone() {
    let receipt = Receipt::decode(RECEIPT).unwrap();
    let key = read_public_key(KEY).unwrap();
    receipt.verify(&Signers::new(vec![key]).unwrap()).unwrap();
    let doubt = receipt.verify(&Signers::new(Vec::new()).unwrap());
    assert!(matches!(doubt, Err(Doubt::Unknown(_))), "{doubt:?}");
}

#[cfg(feature = "submit")]
mod repository {
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use avouch_anchor::git::{Proof, Repository, Settings, write_public_key};
    use avouch_anchor::{Anchored, Backend as _, SubmitError};
    use avouch_cose::{Algorithm, Checkpoint, SigningKey};
    use avouch_merkle::{Digest, TreeSize};

    const REFERENCE: &str = "refs/avouch/anchors";

    fn key(algorithm: Algorithm) -> SigningKey {
        SigningKey::generate(algorithm, &[1; 32]).unwrap()
    }

    fn anchored(size: u64) -> Anchored {
        let checkpoint = Checkpoint {
            origin: "log.example/a".into(),
            size: TreeSize(size),
            root: Digest([9; 32]),
            extensions: Vec::new(),
        };
        let note = checkpoint.sign(&key(Algorithm::Ed25519)).unwrap();
        Anchored::parse(&note.to_string()).unwrap()
    }

    fn git(folder: &Path, args: &[&str]) -> String {
        let run = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(args)
            .output();
        let run = run.unwrap();
        assert!(run.status.success(), "{args:?}: {run:?}");
        String::from_utf8(run.stdout).unwrap()
    }

    fn settings(folder: &Path) -> Settings {
        Settings {
            path: folder.into(),
            reference: REFERENCE.into(),
            push_to: None,
            who: "A. Nchor <anchor@example.org>".into(),
            timeout: Duration::from_secs(60),
        }
    }

    fn repository(folder: &Path) -> Repository {
        Repository::new(settings(folder), key(Algorithm::Ed25519)).unwrap()
    }

    #[test]
    fn what_is_prepared_once_is_entered_once_and_what_lost_its_place_is_told() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q", "--bare"]);
        let repository = repository(folder.path());
        let (first, second) = (anchored(7), anchored(8));
        let [prepared, other] =
            [&first, &second].map(|one| repository.prepare(one, &[0; 32]).unwrap());
        let receipt = repository.submit(&first, &prepared).unwrap();
        assert_eq!(repository.submit(&first, &prepared).unwrap(), receipt);
        let count = || git(folder.path(), &["rev-list", "--count", REFERENCE]);
        assert_eq!(count(), "1\n");
        assert!(repository.upgrade(&receipt).unwrap().is_none());
        // Both were prepared behind nothing.
        let lost = repository.submit(&second, &other);
        assert!(matches!(lost, Err(SubmitError::Lost { .. })), "{lost:?}");
        assert_eq!(count(), "1\n");
        let again = repository.prepare(&second, &[0; 32]).unwrap();
        repository.submit(&second, &again).unwrap();
        assert_eq!(count(), "2\n");
        assert_eq!(repository.submit(&first, &prepared).unwrap(), receipt);
        assert_eq!(count(), "2\n");
        let Proof { commit, .. } = Proof::decode(&receipt.proof).unwrap();
        let stored = git(
            folder.path(),
            &["cat-file", "commit", &format!("{REFERENCE}^")],
        );
        assert_eq!(stored.as_bytes(), commit);
        // How `fixtures/anchors` is made.
        if let Some(dir) = std::env::var_os("AVOUCH_RECORD_GIT").map(std::path::PathBuf::from) {
            std::fs::write(dir.join("git.receipt"), receipt.encode().unwrap()).unwrap();
            let key = write_public_key(&key(Algorithm::Ed25519).verifying_key());
            std::fs::write(dir.join("git.pub"), key + "\n").unwrap();
        }
    }

    #[test]
    fn settings_that_git_would_misread_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let with = |change: &dyn Fn(&mut Settings)| {
            let mut settings = settings(folder.path());
            change(&mut settings);
            Repository::new(settings, key(Algorithm::Ed25519)).map(drop)
        };
        with(&|_| {}).unwrap();
        let changes: [&dyn Fn(&mut Settings); 5] = [
            &|settings| settings.reference = "HEAD".into(),
            &|settings| settings.reference = "--stdin".into(),
            &|settings| settings.push_to = Some("--receive-pack=x".into()),
            &|settings| settings.who = "A <b>\ncommitter C <d>".into(),
            &|settings| settings.who = "nobody".into(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert!(with(change).is_err(), "{number}");
        }
        assert!(Repository::new(settings(folder.path()), key(Algorithm::P256)).is_err());
        // Neither a name that git does not take, nor a folder without a repository.
        git(folder.path(), &["init", "-q", "--bare"]);
        let mut bad = settings(folder.path());
        bad.reference = "refs/avouch/a..b".into();
        let bad = Repository::new(bad, key(Algorithm::Ed25519)).unwrap();
        assert!(bad.prepare(&anchored(7), &[0; 32]).is_err());
        let nowhere = repository(&folder.path().join("nowhere"));
        assert!(nowhere.prepare(&anchored(7), &[0; 32]).is_err());
    }
}
