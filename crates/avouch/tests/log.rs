//! Publishing the log, reading it back, and comparing what it signed.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use avouch::cose::{Algorithm, Checkpoint, Note, NoteKey, SigningKey};
use avouch::ledger::{Ledger, RunInfo, Sealer};
use avouch::log::{Comparison, Evidence, Folder, Hints, LogSource as _, Point, TileLog, compare};
use avouch::merkle::{Digest, Frontier, LeafIndex, Tile, TreeSize, hash_leaf, sha256};
use avouch::trace::{
    Body, Decision, Field, Flags, Header, Kind, Mode, NameId, RunId, Salt, Source,
};
use avouch::{Error, Home, InitOptions};
use tempfile::TempDir;

/// The key of the shared data's log, as its makers publish it (transparency-dev/tessera, testdata/build_log.sh).
const TESSERA_KEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

fn home() -> (TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::init(dir.path().join("home"), &InitOptions::default()).unwrap();
    (dir, home)
}

/// Seals `count` runs of two events each, in one go.
fn grow(home: &Home, count: u64) {
    let ledger = home.ledger();
    let before = ledger.log_size().unwrap().0;
    let mut batch = ledger.batch().unwrap();
    let mut runs = Vec::new();
    for n in before..before + count {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let run = batch
            .new_run(&RunInfo {
                id: RunId(id),
                name: format!("run-{n}"),
                agent: format!("agent-{}", n % 7),
                mode: Mode::Execution,
                currency: "tokens".into(),
                source: Source {
                    format: "test".into(),
                    integrity: None,
                },
                parents: Vec::new(),
                input: None,
            })
            .unwrap();
        for (seq, kind) in [(0, Kind::RunStart), (1, Kind::RunEnd)] {
            let header = Header {
                kind,
                decision: Decision::None,
                flags: Flags::NONE,
                round: 0,
                seq,
                time: 1,
                cost: None,
                budget: None,
                score: None,
                parent: None,
                actor: NameId::NONE,
                subject: NameId::NONE,
            };
            let field = Field::from_value(Salt([1; 16]), "n", &n.into()).unwrap();
            let body = Body::new(Salt([2; 16]), vec![field]).unwrap();
            batch.append(run, &header, &body).unwrap();
        }
        runs.push(run);
    }
    batch.commit().unwrap();
    seal(home, ledger, &runs);
}

fn seal(home: &Home, ledger: &Ledger, runs: &[avouch::ledger::RunIndex]) {
    let keys = home.keys();
    let sealer = Sealer {
        issuer_key: &keys.open(avouch::ISSUER_KEY, None).unwrap(),
        log_key: &keys.open(avouch::LOG_KEY, None).unwrap(),
        iat: 1_800_000_000,
    };
    ledger.seal(runs, &sealer, &mut |_| ()).unwrap();
}

fn publish(home: &Home, dir: &Path) -> avouch::log::Publication {
    home.publish(dir, None, &mut |_| ()).unwrap()
}

fn key(home: &Home) -> NoteKey {
    home.ledger().identity().note_key().unwrap()
}

/// Every file below `dir`, by its path there.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(dir).unwrap().to_owned();
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }
    found.remove(Path::new(".lock"));
    found
}

/// Reads the whole published log and checks all of it.
fn read_all(dir: &Path, key: &NoteKey) -> Checkpoint {
    let log = TileLog::new(Folder::new(dir));
    let (_, checkpoint) = log.checkpoint(key).unwrap();
    let mut entries = Vec::new();
    log.follow(&mut Frontier::new(), &checkpoint, &mut |index, entry| {
        assert_eq!(index.0, entries.len() as u64);
        entries.push(entry.to_vec());
        Ok(())
    })
    .unwrap();
    assert_eq!(log.frontier(&checkpoint).unwrap().root(), checkpoint.root);
    for tile in Tile::all(checkpoint.size).filter(|tile| tile.level() == 0) {
        let (_, first) = tile.first_node();
        for (index, statement) in (first..).zip(log.statements(tile).unwrap()) {
            assert_eq!(sha256(&[&statement]).0[..], entries[index as usize][..]);
        }
    }
    for index in [0, checkpoint.size.0 / 2, checkpoint.size.0 - 1] {
        let leaf = hash_leaf(&entries[index as usize]);
        log.inclusion(leaf, LeafIndex(index), &checkpoint).unwrap();
        assert!(
            log.inclusion(leaf, LeafIndex(index ^ 1), &checkpoint)
                .is_err()
        );
    }
    checkpoint
}

#[test]
fn a_published_log_is_read_back_whole_and_grows_by_what_is_new() {
    let (dir, home) = home();
    let dir = dir.path().join("published");
    assert!(matches!(
        home.publish(&dir, None, &mut |_| ()),
        Err(Error::EmptyLog)
    ));
    let mut before = None;
    let mut size = 0;
    for count in [1, 254, 1, 1, 300, 3] {
        grow(&home, count);
        let published = publish(&home, &dir);
        assert_eq!((published.before.0, published.size.0), (size, size + count));
        size += count;
        // Three files for each 256 entries that are new, and a tile on each level above.
        assert!(
            published.files <= 3 * (count / 256 + 2) + 2,
            "{published:?}"
        );
        let checkpoint = read_all(&dir, &key(&home));
        assert_eq!(checkpoint.size, TreeSize(size));
        let log = TileLog::new(Folder::new(&dir));
        if let Some(before) = &before {
            log.consistency(before, &checkpoint).unwrap();
        }
        before = Some(checkpoint);
    }
    // Nothing new: only the checkpoint is written again.
    let before = files(&dir);
    assert_eq!(publish(&home, &dir).files, 0);
    assert_eq!(files(&dir), before);
    // The same as publishing it at once, but for the partial tiles on the way.
    let other = dir.with_file_name("at-once");
    publish(&home, &other);
    for (path, bytes) in files(&other) {
        assert_eq!(before.get(&path), Some(&bytes), "{path:?}");
    }
}

/// tlog-tiles: a partial tile is there for each signed size, until the full one is.
#[test]
fn partial_tiles_are_there_for_each_signed_size_until_the_full_one_is() {
    let (dir, home) = home();
    let dir = dir.path().join("published");
    let has = |path: &str| dir.join(path).is_file();
    grow(&home, 3);
    grow(&home, 4);
    publish(&home, &dir);
    for folder in ["tile/0", "tile/entries", "statements"] {
        assert!(has(&format!("{folder}/000.p/3")) && has(&format!("{folder}/000.p/7")));
        assert!(!has(&format!("{folder}/000.p/5")), "nobody signed 5");
    }
    let old = read_all(&dir, &key(&home));
    grow(&home, 260);
    assert_eq!(publish(&home, &dir).removed, 6);
    for folder in ["tile/0", "tile/entries", "statements"] {
        assert!(has(&format!("{folder}/000")) && has(&format!("{folder}/001.p/11")));
        assert!(!dir.join(format!("{folder}/000.p")).exists());
    }
    // Who still has the old checkpoint reads the full tile's beginning.
    let log = TileLog::new(Folder::new(&dir));
    assert_eq!(log.frontier(&old).unwrap().root(), old.root);
    let mut seen = 0;
    log.follow(&mut Frontier::new(), &old, &mut |_, _| {
        seen += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, 7);
    assert!(!dir.join("tile/1/001.p").exists());
}

#[test]
fn readers_see_a_whole_log_while_it_is_published() {
    let (dir, home) = home();
    let dir = dir.path().join("published");
    grow(&home, 200);
    publish(&home, &dir);
    let key = key(&home);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut reads, mut last) = (0, TreeSize(0));
                    while !done.load(Ordering::Relaxed) || reads == 0 {
                        let size = read_all(&dir, &key).size;
                        assert!(size >= last);
                        (reads, last) = (reads + 1, size);
                    }
                    last
                })
            })
            .collect();
        for count in [30, 30, 1, 250, 90] {
            grow(&home, count);
            publish(&home, &dir);
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() >= TreeSize(200));
        }
    });
    assert_eq!(read_all(&dir, &key).size, TreeSize(601));
}

#[test]
fn another_logs_folder_an_old_ledger_and_a_fork_are_not_published_over() {
    let (dir, home) = home();
    let published = dir.path().join("published");
    grow(&home, 5);
    publish(&home, &published);
    let refused = |home: &Home| {
        let before = files(&published);
        let error = home.publish(&published, None, &mut |_| ()).unwrap_err();
        assert_eq!(files(&published), before);
        error.to_string()
    };

    let other = Home::init(dir.path().join("other"), &InitOptions::default()).unwrap();
    grow(&other, 9);
    assert!(refused(&other).contains("another log is published here"));

    // An old copy of the ledger, and then one that went another way.
    let copy = |name: &str| {
        let to = dir.path().join(name);
        fs::create_dir_all(to.join("keys")).unwrap();
        for file in ["ledger.db", "trust.toml"] {
            let _ = fs::copy(home.dir().join(file), to.join(file));
        }
        let wal = home.dir().join("ledger.db-wal");
        if wal.exists() {
            fs::copy(wal, to.join("ledger.db-wal")).unwrap();
        }
        for key in fs::read_dir(home.dir().join("keys")).unwrap() {
            let key = key.unwrap();
            fs::copy(key.path(), to.join("keys").join(key.file_name())).unwrap();
        }
        Home::open(to).unwrap()
    };
    let old = copy("old");
    grow(&home, 2);
    publish(&home, &published);
    assert!(refused(&old).contains("size 7 is published here already"));
    let ledger = old.ledger();
    let mut batch = ledger.batch().unwrap();
    let run = batch
        .new_run(&RunInfo {
            id: RunId([0xff; 16]),
            name: "elsewhere".into(),
            agent: "agent-0".into(),
            mode: Mode::Execution,
            currency: "tokens".into(),
            source: Source {
                format: "test".into(),
                integrity: None,
            },
            parents: Vec::new(),
            input: None,
        })
        .unwrap();
    let one = home.ledger().runs().unwrap();
    for entry in home.ledger().entries(&one[0]) {
        let entry = entry.unwrap();
        batch
            .append(run, &entry.event.header().unwrap(), &entry.body)
            .unwrap();
    }
    batch.commit().unwrap();
    seal(&old, ledger, &[run]);
    grow(&old, 5);
    let why = refused(&old);
    assert!(
        why.contains("another history of its first 7 entries"),
        "{why}"
    );

    // The two ledgers' notes prove it to anyone: at one size alone, at two with the tiles or a proof.
    let note = |home: &Home, size| -> Note { home.checkpoint(size).unwrap().note.parse().unwrap() };
    let (ours, theirs) = (note(&home, None), note(&old, None));
    let key = key(&home);
    let nothing = Hints::default();
    assert_eq!(
        compare(&ours, &theirs, &key, &nothing).unwrap(),
        Comparison::Undecided
    );
    let elsewhere = dir.path().join("elsewhere");
    publish(&old, &elsewhere);
    let forked = Comparison::Forked(Evidence::OtherBeginning(TreeSize(7)));
    let folder = Folder::new(&elsewhere);
    let tiles = Hints {
        log: Some(&folder),
        proof: None,
    };
    assert_eq!(compare(&ours, &theirs, &key, &tiles).unwrap(), forked);
    assert_eq!(compare(&theirs, &ours, &key, &tiles).unwrap(), forked);
    // Our own tiles say nothing about their tree.
    let folder = Folder::new(&published);
    let tiles = Hints {
        log: Some(&folder),
        proof: None,
    };
    assert_eq!(
        compare(&ours, &theirs, &key, &tiles).unwrap(),
        Comparison::Undecided
    );
    // Their own consistency proof gives them away.
    let proof = old
        .log_consistency(&Point::Size(TreeSize(7)), &Point::Size(TreeSize(11)))
        .unwrap();
    let with = Hints {
        proof: Some(&proof),
        log: None,
    };
    assert_eq!(compare(&ours, &theirs, &key, &with).unwrap(), forked);
    // A checkpoint of theirs is refused by name where our log is asked about it.
    assert!(matches!(
        home.log_consistency(
            &Point::Size(TreeSize(5)),
            &Point::Checkpoint(Box::new(theirs))
        ),
        Err(Error::BeyondLog { .. } | Error::OtherHistory { .. })
    ));
    // Made up by someone without the key, a fork is no fork.
    let stranger = SigningKey::generate(Algorithm::Ed25519, &[7; 32]).unwrap();
    let forged = Checkpoint {
        root: Digest([1; 32]),
        ..Checkpoint::parse(ours.text()).unwrap()
    };
    let honest = forged.clone();
    let forged = forged.sign(&stranger).unwrap();
    assert!(compare(&ours, &forged, &key, &nothing).is_err());
    // By the log itself, it is.
    let own = home.keys().open(avouch::LOG_KEY, None).unwrap();
    let forged = honest.sign(&own).unwrap();
    assert_eq!(
        compare(&ours, &forged, &key, &nothing).unwrap(),
        Comparison::Forked(Evidence::TwoRoots(TreeSize(7)))
    );
}

#[test]
fn a_fork_at_a_power_of_two_is_seen_in_the_tiles() {
    let (dir, home) = home();
    let published = dir.path().join("published");
    grow(&home, 4);
    grow(&home, 5);
    publish(&home, &published);
    let own = home.keys().open(avouch::LOG_KEY, None).unwrap();
    let note = |size| -> Note {
        let signed = home.checkpoint(Some(TreeSize(size))).unwrap();
        signed.note.parse().unwrap()
    };
    let forged = Checkpoint {
        root: Digest([1; 32]),
        ..Checkpoint::parse(note(4).text()).unwrap()
    }
    .sign(&own)
    .unwrap();
    let folder = Folder::new(&published);
    let tiles = Hints {
        log: Some(&folder),
        proof: None,
    };
    let key = key(&home);
    assert_eq!(
        compare(&forged, &note(9), &key, &tiles).unwrap(),
        Comparison::Forked(Evidence::OtherBeginning(TreeSize(4)))
    );
    assert_eq!(
        compare(&note(4), &note(9), &key, &tiles).unwrap(),
        Comparison::Grown
    );
}

#[test]
fn a_changed_file_is_refused_by_its_name() {
    let (dir, home) = home();
    let dir = dir.path().join("published");
    grow(&home, 300);
    publish(&home, &dir);
    let key = key(&home);
    for (path, bytes) in files(&dir) {
        let name = path.to_str().unwrap();
        for change in ["flip", "cut", "longer", "absent"] {
            let mut changed = bytes.clone();
            match change {
                "flip" => changed[bytes.len() / 2] ^= 1,
                "cut" => changed.truncate(bytes.len() - 1),
                "longer" => changed.push(0),
                _ => changed.clear(),
            }
            match change {
                "absent" => fs::remove_file(dir.join(&path)).unwrap(),
                _ => fs::write(dir.join(&path), &changed).unwrap(),
            }
            let read = || -> Result<(), Error> {
                let log = TileLog::new(Folder::new(&dir));
                let (_, checkpoint) = log.checkpoint(&key)?;
                log.follow(&mut Frontier::new(), &checkpoint, &mut |_, _| Ok(()))?;
                log.frontier(&checkpoint)?;
                for tile in Tile::all(checkpoint.size).filter(|tile| tile.level() == 0) {
                    log.statements(tile)?;
                }
                Ok(())
            };
            match read() {
                Err(Error::Published { place, .. }) if name.starts_with("tile/1") => {
                    assert!(place.ends_with("tile") || place.ends_with(name), "{place}");
                }
                Err(Error::Published { place, .. }) => {
                    assert!(place.contains(&*dir.to_string_lossy()), "{place}");
                }
                other => panic!("{name} {change}: {other:?}"),
            }
            fs::write(dir.join(&path), &bytes).unwrap();
        }
    }
    read_all(&dir, &key);
}

#[test]
fn cosignatures_are_published_and_kept() {
    let (dir, home) = home();
    let dir = dir.path().join("published");
    grow(&home, 5);
    let witness = SigningKey::generate(Algorithm::Ed25519, &[9; 32]).unwrap();
    let mut note: Note = home.checkpoint(None).unwrap().note.parse().unwrap();
    note.cosign("w.example/1", &witness, 1_800_000_000).unwrap();
    home.publish(&dir, Some(&note), &mut |_| ()).unwrap();
    let published = || TileLog::new(Folder::new(&dir)).note().unwrap().unwrap();
    assert_eq!(published(), note);
    publish(&home, &dir);
    assert_eq!(published(), note, "kept for the same checkpoint");
    grow(&home, 1);
    publish(&home, &dir);
    assert_eq!(published().signatures().len(), 1);
    // A note that the log did not sign is not published, whoever cosigned it.
    let forged = Checkpoint {
        root: Digest([1; 32]),
        ..Checkpoint::parse(note.text()).unwrap()
    };
    let own = home.keys().open(avouch::LOG_KEY, None).unwrap();
    let forged = forged.sign(&own).unwrap();
    assert!(matches!(
        home.publish(&dir, Some(&forged), &mut |_| ()),
        Err(Error::NotOurCheckpoint { size: 5 })
    ));
}

#[test]
fn proofs_and_receipts_of_a_run_hold() {
    let (_dir, home) = home();
    grow(&home, 20);
    grow(&home, 13);
    let signer = home.signer(None).unwrap();
    let key = key(&home);
    for (n, run) in home.ledger().runs().unwrap().iter().enumerate() {
        let statement = home.ledger().statement(run.index).unwrap().unwrap();
        let leaf = hash_leaf(&statement.statement.entry().0);
        let proof = home.log_proof(run, n % 2 == 0).unwrap();
        assert_eq!(proof.verify(leaf, &key).unwrap().size, TreeSize(33));
        if let Some(extra) = &proof.extra {
            assert_eq!(hash_leaf(&sha256(&[extra]).0), leaf);
        }
        let receipt = home.log_receipt(run, &signer).unwrap();
        receipt.verify(leaf, key.key()).unwrap();
    }
    let old = home.checkpoint(Some(TreeSize(20))).unwrap();
    let proof = home
        .log_consistency(
            &Point::Checkpoint(Box::new(old.note.parse().unwrap())),
            &Point::Size(TreeSize(33)),
        )
        .unwrap();
    let new = proof.verify(&old.checkpoint.root, &key).unwrap();
    let receipt = home.consistency_receipt(&proof, &signer).unwrap();
    assert_eq!(
        receipt.verify(&old.checkpoint.root, key.key()).unwrap(),
        new.root
    );
    assert!(matches!(
        home.log_consistency(&Point::Size(TreeSize(20)), &Point::Size(TreeSize(34))),
        Err(Error::NotOurCheckpoint { size: 34 })
    ));
}

/// transparency-dev/tessera's own log: entries of any length, every checkpoint that it ever signed.
#[test]
fn a_real_log_is_read_and_verified_at_every_size() {
    let root = std::env::var_os("AVOUCH_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join("vectors/tlog/testdata/log");
    if !folder.is_dir() {
        eprintln!(
            "skipped: {} is absent (set AVOUCH_SHARED_DATA)",
            folder.display()
        );
        return;
    }
    let key: NoteKey = TESSERA_KEY.parse().unwrap();
    let log = TileLog::new(Folder::new(&folder));
    let (_, last) = log.checkpoint(&key).unwrap();
    assert_eq!(last.size, TreeSize(15));
    let mut entries = Vec::new();
    let mut follower = Frontier::new();
    let mut before: Option<Checkpoint> = None;
    for size in 1..=15 {
        let note = log
            .source()
            .fetch(&format!("checkpoint.{size}"), 4096)
            .unwrap()
            .unwrap();
        let note = String::from_utf8(note).unwrap();
        let checkpoint = Checkpoint::open(&note, &key).unwrap();
        log.follow(&mut follower, &checkpoint, &mut |_, entry| {
            entries.push(String::from_utf8(entry.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
        assert_eq!(entries.len(), size);
        for (index, entry) in (0..).zip(&entries) {
            log.inclusion(hash_leaf(entry.as_bytes()), LeafIndex(index), &checkpoint)
                .unwrap();
        }
        if let Some(before) = &before {
            log.consistency(before, &checkpoint).unwrap();
        }
        before = Some(checkpoint);
    }
    assert_eq!(entries[..3], ["one", "two", "three"]);
    // A wrong checkpoint of the right size is not what the tiles lead to.
    let wrong = Checkpoint {
        root: Digest([0; 32]),
        ..last
    };
    assert!(log.frontier(&wrong).is_err());
    assert!(
        log.follow(&mut Frontier::new(), &wrong, &mut |_, _| Ok(()))
            .is_err()
    );
}
