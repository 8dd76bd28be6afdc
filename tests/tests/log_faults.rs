//! What happens to the log when writing is cut short, the disk is full, or bits flip.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use avouch::cose::{Checkpoint, NoteKey};
use avouch::log::{Folder, TileLog};
use avouch::merkle::{Frontier, Tile, TreeSize};
use avouch::{Home, InitOptions};
use avouch_tests::growing::grow;
use avouch_tests::program;
use tempfile::TempDir;

struct Site {
    _temporary: TempDir,
    dir: PathBuf,
    key: NoteKey,
}

impl Site {
    fn new(statements: u64) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().to_owned();
        let home = Home::init(dir.join("home"), &InitOptions::default()).unwrap();
        let key = home.ledger().identity().note_key().unwrap();
        grow(&home, statements);
        Self {
            _temporary: temporary,
            dir,
            key,
        }
    }

    fn home(&self) -> Home {
        Home::open(self.dir.join("home")).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("avouch"));
        command.args(["--home", "home"]).args(args);
        command.current_dir(&self.dir);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().unwrap();
        // 101 is a panic.
        let code = output.status.code().unwrap();
        assert!(code < 4, "{args:?}: {}", said(&output));
        output
    }

    fn succeeds(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Reads all that is published, if anything is, and checks it.
    fn published(&self, folder: &Path) -> Option<TreeSize> {
        let log = TileLog::new(Folder::new(folder));
        log.note().unwrap()?;
        let (_, checkpoint) = log.checkpoint(&self.key).unwrap();
        log.follow(&mut Frontier::new(), &checkpoint, &mut |_, _| Ok(()))
            .unwrap();
        for tile in Tile::all(checkpoint.size).filter(|tile| tile.level() == 0) {
            log.statements(tile).unwrap();
        }
        log.frontier(&checkpoint).unwrap();
        Some(checkpoint.size)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn kill_9_while_publishing_leaves_a_whole_log() {
    let site = Site::new(600);
    let folder = site.dir.join("published");
    let mut cut_short = 0;
    for round in 0..30u64 {
        let before = site.published(&folder);
        let mut child = site
            .command(&["log", "publish", "published"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_micros(500 + round * 7_919 % 40_000));
        child.kill().unwrap();
        cut_short += u32::from(!child.wait().unwrap().success());
        let after = site.published(&folder);
        assert!(after >= before);
        if round % 3 == 2 {
            grow(&site.home(), 100 + round);
        }
    }
    assert!(cut_short > 0, "every publication was faster than its kill");
    site.succeeds(&["log", "publish", "published"]);
    let size = site.home().ledger().log_size().unwrap();
    assert_eq!(site.published(&folder), Some(size));
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was_published() {
    let site = Site::new(100);
    let mount = site.dir.join("small");
    fs::create_dir(&mount).unwrap();
    // Inside a mount namespace of its own, so that nothing is left behind: publish, grow, fill, make room.
    let script = r#"
set -e
mount -t tmpfs -o size=300k none small || exit 77
"$AVOUCH" --home home log publish small/published
cp small/published/checkpoint before
"$AVOUCH" --home larger log publish small/published && { echo "there was room"; exit 9; }
cmp small/published/checkpoint before
mkdir seen && cp -r small/published seen/
umount small
"#;
    // The same home, grown.
    let larger = site.dir.join("larger");
    copy_tree(&site.dir.join("home"), &larger);
    grow(&Home::open(&larger).unwrap(), 3000);
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .env("AVOUCH", program("avouch"))
        .current_dir(&site.dir)
        .output();
    let output = match output {
        Ok(output)
            if output.status.code() != Some(77) && !said(&output).contains("unshare failed") =>
        {
            output
        }
        _ => {
            eprintln!("SKIPPED: no mount namespaces here, so no small disk to fill");
            return;
        }
    };
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("No space left on device"),
        "{}",
        said(&output)
    );
    assert_eq!(
        site.published(&site.dir.join("seen/published")),
        Some(TreeSize(100))
    );
}

#[test]
fn flipped_bits_in_the_ledger_are_named_and_the_log_is_recovered() {
    let site = Site::new(300);
    site.succeeds(&["log", "publish", "published"]);
    let ledger = site.dir.join("home/ledger.db");
    let good = fs::read(&ledger).unwrap();
    assert!(!site.dir.join("home/ledger.db-wal").exists());
    let (mut named, mut recovered, mut beyond) = (0, 0, 0);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..60 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let at = random % good.len() as u64;
        let file = OpenOptions::new().write(true).open(&ledger).unwrap();
        let flipped = good[at as usize] ^ 1 << (random >> 40 & 7);
        file.write_all_at(&[flipped], at).unwrap();
        let fsck = site.run(&["fsck"]);
        match fsck.status.code() {
            // In space that nothing uses.
            Some(0) => {}
            _ => {
                named += 1;
                assert!(!said(&fsck).is_empty());
                let output = site.run(&["recover", "--published", "published"]);
                match output.status.success() {
                    true => {
                        recovered += 1;
                        site.succeeds(&["fsck"]);
                        let root = site.home().checkpoint(None).unwrap().checkpoint.root;
                        let (_, published) = read_checkpoint(&site);
                        assert_eq!(root, published.root);
                    }
                    // Events and their salts are nowhere else: it says which are lost.
                    false => {
                        beyond += 1;
                        assert!(!said(&output).is_empty());
                    }
                }
            }
        }
        for entry in fs::read_dir(site.dir.join("home")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("ledger.") {
                fs::remove_file(path).unwrap();
            }
        }
        fs::write(&ledger, &good).unwrap();
    }
    println!("of 60 flips {named} were named, {recovered} recovered, {beyond} beyond recovery");
    assert!(named > 0 && recovered > 0);
}

/// A ledger restored from an old backup would fork its own log; with what was published it goes on.
#[test]
fn an_old_backup_is_brought_up_to_what_was_published() {
    let site = Site::new(40);
    let backup = site.dir.join("backup");
    site.succeeds(&["log", "publish", "published"]);
    copy_tree(&site.dir.join("home"), &backup);
    grow(&site.home(), 25);
    site.succeeds(&["log", "publish", "published"]);

    let old = site.dir.join("home-old");
    copy_tree(&backup, &old);
    let mut command = Command::new(program("avouch"));
    command
        .args(["--home", "home-old", "recover", "--published", "published"])
        .current_dir(&site.dir);
    let output = command.output().unwrap();
    // The journal of the later runs is nowhere: it says so, and changes nothing.
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("log index 40"), "{}", said(&output));
    assert!(
        said(&output).contains("the ledger has no run"),
        "{}",
        said(&output)
    );
    assert_eq!(
        Home::open(&old).unwrap().ledger().log_size().unwrap(),
        TreeSize(40)
    );

    // With the journal intact and the log's tables lost behind it, all is there again.
    let conn = rusqlite::Connection::open(site.dir.join("home/ledger.db")).unwrap();
    conn.execute_batch(
        "DROP TRIGGER statements_no_delete; DROP TRIGGER nodes_no_delete; DROP TRIGGER checkpoints_no_delete;
         DELETE FROM statements WHERE log_index >= 40; DELETE FROM nodes;
         DELETE FROM checkpoints WHERE size > 40;",
    )
    .unwrap();
    drop(conn);
    assert_eq!(site.run(&["fsck"]).status.code(), Some(1));
    let text = site.succeeds(&["recover", "--published", "published"]);
    assert!(text.contains("65 statements"), "{text}");
    site.succeeds(&["fsck"]);
    let (_, published) = read_checkpoint(&site);
    let ours = site.home().checkpoint(None).unwrap().checkpoint;
    assert_eq!(ours, published);
    // And it goes on from there.
    grow(&site.home(), 5);
    site.succeeds(&["log", "publish", "published"]);
    assert_eq!(
        site.published(&site.dir.join("published")),
        Some(TreeSize(70))
    );
}

#[test]
fn a_damaged_publication_is_written_again() {
    let site = Site::new(600);
    site.succeeds(&["log", "publish", "published"]);
    let folder = site.dir.join("published");
    for path in ["tile/0/000", "tile/entries/001", "statements/002.p/88"] {
        fs::write(folder.join(path), b"damaged").unwrap();
    }
    fs::remove_file(folder.join("tile/1/000.p/2")).unwrap();
    site.succeeds(&["log", "publish", "--rewrite", "published"]);
    assert_eq!(site.published(&folder), Some(TreeSize(600)));
}

fn read_checkpoint(site: &Site) -> (avouch::cose::Note, Checkpoint) {
    TileLog::new(Folder::new(site.dir.join("published")))
        .checkpoint(&site.key)
        .unwrap()
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_tree(&path, &target),
            false => {
                fs::copy(path, target).unwrap();
            }
        }
    }
}
