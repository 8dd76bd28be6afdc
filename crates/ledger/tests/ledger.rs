//! A ledger keeps what it is given, gives it back, and seals it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cbor::Value;
use avouch_cose::{Checkpoint, VerifyingKey};
use avouch_ledger::{Error, Identity, Ledger, State};
use avouch_merkle::{LeafIndex, TreeSize, hash_leaf, sha256, verify_consistency, verify_inclusion};
use avouch_trace::{
    BlobRef, Event, Kind, Mode, Parent, Relation, Rule, RunId, Source, agent_chain_start,
};
use common::*;

#[test]
fn what_was_appended_is_read_back() {
    let (_folder, path, mut ledger) = new_ledger();
    let run = closed_run(&mut ledger, 1, "first", "agent", 300);
    drop(ledger);
    let ledger = Ledger::open_read_only(&path).unwrap();
    let run = ledger.run(run).unwrap();
    assert_eq!((run.size, run.state), (300, State::Closed));
    let entries: Vec<_> = ledger.entries(&run).map(Result::unwrap).collect();
    assert_eq!(entries.len(), 300);
    for (seq, entry) in (0..).zip(&entries) {
        assert_eq!(entry.body, body(seq));
        assert_eq!(entry.event.header().unwrap().seq, seq);
        assert_eq!(*entry, ledger.event(&run, seq).unwrap());
    }
    let events: Vec<Event> = ledger.events(&run).map(Result::unwrap).collect();
    assert!(events.iter().eq(entries.iter().map(|entry| &entry.event)));
    for seq in [300, 1 << 32, u64::MAX] {
        let error = ledger.event(&run, seq).unwrap_err();
        assert!(matches!(error, Error::NoSuchEvent { size: 300, .. }));
    }
}

#[test]
fn everything_said_of_a_run_is_kept() {
    let (_folder, _, mut ledger) = new_ledger();
    let mut full = info(1, "full", "agent");
    full.mode = Mode::Debate;
    full.source = Source {
        format: "verifiable-agent-record".into(),
        integrity: Some(false),
    };
    full.parents = vec![
        Parent {
            run: RunId([7; 16]),
            seq: 3,
            relation: Relation::A2a,
        },
        Parent {
            run: RunId([8; 16]),
            seq: 0,
            relation: Relation::SharedBudget,
        },
    ];
    full.input = Some(input(1, 2));
    let mut batch = ledger.batch().unwrap();
    let run = add_run(&mut batch, &full, 3, true);
    batch.commit().unwrap();
    assert_eq!(ledger.run(run).unwrap().info, full);
    seal(&mut ledger, &[run]).unwrap();
    let manifest = ledger.statement(run).unwrap().unwrap().manifest;
    assert_eq!(manifest.parents, full.parents);
    assert_eq!((manifest.mode, &manifest.source), (full.mode, &full.source));
    assert_eq!(ledger.fsck(&mut |_| ()).unwrap().finding, None);
}

#[test]
fn a_run_that_no_manifest_could_carry_is_refused() {
    let (_folder, _, mut ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    let mut long = info(1, "long", "agent");
    long.agent = "a".repeat(1025);
    for bad in [info(1, "", "agent"), info(1, "two\nlines", "agent"), long] {
        assert!(matches!(batch.new_run(&bad), Err(Error::BadRun { .. })));
    }
    batch.new_run(&info(1, "good", "agent")).unwrap();
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let before = std::fs::read(&path).unwrap();
    let error = Ledger::create(&path, &identity()).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _, mut ledger) = new_ledger();
    closed_run(&mut ledger, 1, "run", "agent", 2);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn an_identity_that_could_not_sign_is_refused_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let p256 = avouch_cose::SigningKey::generate(avouch_cose::Algorithm::P256, &[3; 32]).unwrap();
    let bad = [
        Identity {
            issuer: String::new(),
            ..identity()
        },
        Identity {
            log_origin: "has spaces".into(),
            ..identity()
        },
        Identity {
            log_key: p256.verifying_key(),
            ..identity()
        },
    ];
    for identity in bad {
        let error = Ledger::create(&path, &identity).unwrap_err();
        assert!(matches!(error, Error::Identity { .. }));
        assert!(!path.exists());
    }
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    assert!(matches!(Ledger::open(&path), Err(Error::Io { .. })));
    assert!(!path.exists(), "opening must not create");
    let why = |path| match Ledger::open(path).unwrap_err() {
        Error::NotALedger { why, .. } => why,
        other => panic!("{other}"),
    };
    std::fs::write(&path, "").unwrap();
    assert!(why(&path).contains("interrupted"));
    std::fs::write(&path, "not a database at all, just some text".repeat(100)).unwrap();
    assert!(why(&path).contains("not an avouch ledger"));
    std::fs::remove_file(&path).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    assert!(why(&path).contains("interrupted"));
    raw.execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(why(&path).contains("not an avouch ledger"));
    drop(raw);

    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA user_version = 2").unwrap();
    assert!(why(&path).contains("version 2"));
}

#[test]
fn a_batch_that_is_dropped_leaves_nothing() {
    let (_folder, path, mut ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    add_run(&mut batch, &info(1, "gone", "agent"), 5, true);
    batch.put_blob(b"gone").unwrap();
    drop(batch);
    assert!(ledger.runs().unwrap().is_empty());
    assert_eq!(ledger.blob(&sha256(&[b"gone"])).unwrap(), None);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn an_event_that_does_not_continue_its_run_is_refused_and_the_batch_goes_on() {
    let (_folder, _, mut ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    let run = add_run(&mut batch, &info(1, "run", "agent"), 2, false);
    let refused = |result: Result<Event, Error>| match result {
        Err(Error::Trace {
            source: avouch_trace::Error::Rule { index, rule },
            ..
        }) => (index, rule),
        other => panic!("{other:?}"),
    };
    let gap = batch.append(run, &header(3, Kind::Note), &body(3));
    assert_eq!(refused(gap), (2, Rule::SeqIsIndex));
    let again = batch.append(run, &header(2, Kind::RunStart), &body(2));
    assert_eq!(refused(again), (2, Rule::OneRunStart));
    batch
        .append(run, &header(2, Kind::RunEnd), &body(2))
        .unwrap();
    let after = batch.append(run, &header(3, Kind::Note), &body(3));
    assert_eq!(refused(after), (3, Rule::NothingAfterRunEnd));
    batch.commit().unwrap();
    // The same when the run is taken up again later.
    let mut batch = ledger.batch().unwrap();
    let after = batch.append(run, &header(3, Kind::Note), &body(3));
    assert_eq!(refused(after), (3, Rule::NothingAfterRunEnd));
}

#[test]
fn one_event_per_batch_and_interleaved_runs_give_the_same_ledger() {
    let (_folder, path, mut ledger) = new_ledger();
    let mut runs = Vec::new();
    for number in 0..2 {
        let mut batch = ledger.batch().unwrap();
        runs.push(batch.new_run(&info(number, "run", "agent")).unwrap());
        batch.commit().unwrap();
    }
    for seq in 0..20 {
        for run in &runs {
            let kind = [Kind::RunStart, Kind::Note, Kind::RunEnd];
            let kind = kind[usize::from(seq > 0) + usize::from(seq == 19)];
            let mut batch = ledger.batch().unwrap();
            batch.append(*run, &header(seq, kind), &body(seq)).unwrap();
            batch.commit().unwrap();
        }
    }
    let whole = closed_run(&mut ledger, 2, "whole", "agent", 20);
    let events = |run| {
        let run = ledger.run(run).unwrap();
        ledger.events(&run).map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(events(runs[0]), events(whole));
    assert_eq!(events(runs[1]), events(whole));
    assert_eq!(fsck(&path).counts.events, 60);
}

#[test]
fn blobs_are_kept_once_and_must_be_there_before_they_are_referred_to() {
    let (_folder, path, mut ledger) = new_ledger();
    let bytes = vec![42; 100_000];
    let reference = |size| BlobRef {
        size,
        media_type: "text/plain".into(),
        digest: sha256(&[&bytes]),
    };
    let mut batch = ledger.batch().unwrap();
    let run = batch.new_run(&info(1, "run", "agent")).unwrap();
    let refers = |size| body_with(0, &[("long", reference(size).to_value())]);
    let missing = batch.append(run, &header(0, Kind::RunStart), &refers(100_000));
    assert!(matches!(missing, Err(Error::NoSuchBlob { .. })));
    let digest = batch.put_blob(&bytes).unwrap();
    assert_eq!(batch.put_blob(&bytes).unwrap(), digest);
    let lying = batch.append(run, &header(0, Kind::RunStart), &refers(99_999));
    assert!(matches!(lying, Err(Error::NoSuchBlob { .. })));
    batch
        .append(run, &header(0, Kind::RunStart), &refers(100_000))
        .unwrap();
    batch.commit().unwrap();
    assert_eq!(ledger.blob(&digest).unwrap().unwrap(), bytes);
    let report = fsck(&path);
    assert_eq!(report.finding, None);
    assert_eq!((report.counts.blobs, report.counts.references), (1, 1));
}

#[test]
fn a_field_may_be_nested_as_deep_as_cbor_allows() {
    let (_folder, path, mut ledger) = new_ledger();
    // A field is an array itself, which is the first level.
    let mut deep = Value::Null;
    for _ in 1..avouch_cbor::MAX_DEPTH {
        deep = Value::Array(vec![deep]);
    }
    let body = body_with(0, &[("deep", deep)]);
    let mut batch = ledger.batch().unwrap();
    let run = batch.new_run(&info(1, "run", "agent")).unwrap();
    batch
        .append(run, &header(0, Kind::RunStart), &body)
        .unwrap();
    batch.commit().unwrap();
    let run = ledger.run(run).unwrap();
    assert_eq!(ledger.event(&run, 0).unwrap().body, body);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn an_input_is_imported_once_and_an_id_used_once() {
    let (_folder, _, mut ledger) = new_ledger();
    let mut first = info(1, "run", "agent");
    first.input = Some(input(1, 0));
    let mut batch = ledger.batch().unwrap();
    add_run(&mut batch, &first, 2, true);
    let mut again = info(2, "other", "agent");
    again.input = Some(input(1, 0));
    let error = batch.new_run(&again).unwrap_err();
    assert!(matches!(error, Error::InputKnown { run } if run == "run"));
    again.input = Some(input(1, 1));
    batch.new_run(&again).unwrap();
    let error = batch.new_run(&info(1, "third", "agent")).unwrap_err();
    assert!(matches!(error, Error::RunIdTaken(_)));
    batch.commit().unwrap();
    assert_eq!(ledger.input(&input(1, 0)).unwrap().unwrap(), "run");
    assert_eq!(ledger.input(&input(1, 1)).unwrap().unwrap(), "other");
    assert_eq!(ledger.input(&input(1, 2)).unwrap(), None);
}

#[test]
fn taken_names_are_numbered() {
    let (_folder, _, mut ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    let mut names = Vec::new();
    for number in 0..40 {
        let run = batch.new_run(&info(number, "run", "agent")).unwrap();
        names.push(batch.name(run).unwrap());
    }
    let expected = (2..41).map(|number| format!("run-{number}"));
    assert_eq!(names[0], "run");
    assert!(names[1..].iter().cloned().eq(expected));
    // A number that someone chose by hand is passed over.
    batch.new_run(&info(100, "odd", "agent")).unwrap();
    batch.new_run(&info(101, "odd-2", "agent")).unwrap();
    let third = batch.new_run(&info(102, "odd", "agent")).unwrap();
    assert_eq!(batch.name(third).unwrap(), "odd-3");
}

#[test]
fn runs_are_found_by_name_id_and_prefix() {
    let (_folder, _, mut ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    let id = |text: &str| text.parse::<RunId>().unwrap();
    for (number, name, hex) in [
        (1, "alpha", "abcd0000000000000000000000000001"),
        (2, "beta", "abcd1000000000000000000000000002"),
        (3, "abcd1", "ffff0000000000000000000000000003"),
        (
            4,
            "abcd0000000000000000000000000001",
            "eeee0000000000000000000000000004",
        ),
    ] {
        let mut info = info(number, name, "agent");
        info.id = id(hex);
        add_run(&mut batch, &info, 2, true);
    }
    batch.commit().unwrap();
    let found = |text: &str| ledger.resolve(text).map(|run| run.info.name);
    assert_eq!(found("alpha").unwrap(), "alpha");
    assert_eq!(found("abcd1000000000000000000000000002").unwrap(), "beta");
    assert_eq!(found("abcd0").unwrap(), "alpha");
    assert_eq!(
        found("eeee0000000").unwrap(),
        "abcd0000000000000000000000000001"
    );
    assert_eq!(
        found("abcd1").unwrap(),
        "abcd1",
        "a name goes before a prefix"
    );
    for ambiguous in ["abcd", "abcd0000000000000000000000000001"] {
        let error = found(ambiguous).unwrap_err();
        assert!(error.to_string().contains("alpha"), "{error}");
        assert!(matches!(error, Error::AmbiguousRun { candidates, .. } if candidates.len() == 2));
    }
    for unknown in [
        "", "abc", "ABCD0", "gamma", "ffff1", "abcdefgh", "%", "abcd_",
    ] {
        assert!(
            matches!(found(unknown), Err(Error::NoSuchRun(_))),
            "{unknown}"
        );
    }
    let names: Vec<_> = ledger
        .runs()
        .unwrap()
        .into_iter()
        .map(|run| run.info.name)
        .collect();
    assert_eq!(
        names,
        ["alpha", "beta", "abcd1", "abcd0000000000000000000000000001"]
    );
}

#[test]
fn sealing_signs_what_the_events_come_to() {
    let (_folder, path, mut ledger) = new_ledger();
    let run = closed_run(&mut ledger, 1, "run", "agent", 10);
    let sealed = seal(&mut ledger, &[run]).unwrap();
    assert!(sealed[0].new);
    let logged = ledger.statement(run).unwrap().unwrap();
    logged.statement.verify(&identity().issuer_key).unwrap();
    assert_eq!(logged.statement.issuer(), identity().issuer);
    assert_eq!(logged.statement.issued_at(), 1_700_000_000);
    assert_eq!(logged.statement.statement_id(), sealed[0].statement_id);
    assert_eq!(
        logged,
        ledger
            .statement_by_id(&sealed[0].statement_id)
            .unwrap()
            .unwrap()
    );
    let run = ledger.run(run).unwrap();
    assert_eq!(
        run.state,
        State::Sealed {
            log_index: LeafIndex(0)
        }
    );
    let events: Vec<Event> = ledger.events(&run).map(Result::unwrap).collect();
    let manifest = logged.manifest;
    let start = agent_chain_start(&identity().issuer, "agent");
    assert_eq!(
        manifest.root,
        avouch_merkle::root(events.iter().map(Event::leaf))
    );
    assert_eq!(manifest.chain_start, start);
    assert_eq!(
        manifest.chain_head,
        events
            .iter()
            .fold(start, |chain, event| event.chain(&chain))
    );
    assert_eq!((manifest.size, manifest.previous), (10, None));
    assert_eq!(
        (manifest.first_time, manifest.last_time),
        (1_700_000_000_000, 1_700_000_000_009)
    );
    let report = fsck(&path);
    assert_eq!(report.finding, None);
    assert_eq!(
        (report.counts.statements, report.counts.checkpoints),
        (1, 1)
    );
}

#[test]
fn one_agents_chain_runs_through_its_runs_and_no_others() {
    let (_folder, path, mut ledger) = new_ledger();
    let first = closed_run(&mut ledger, 1, "first", "agent", 4);
    let other = closed_run(&mut ledger, 2, "other", "someone else", 3);
    let second = closed_run(&mut ledger, 3, "second", "agent", 5);
    let third = closed_run(&mut ledger, 4, "third", "agent", 2);
    seal(&mut ledger, &[first, other, second]).unwrap();
    seal(&mut ledger, &[third]).unwrap();
    let logged = |run| ledger.statement(run).unwrap().unwrap();
    let (first, other) = (logged(first), logged(other));
    let (second, third) = (logged(second), logged(third));
    assert_eq!(second.manifest.chain_start, first.manifest.chain_head);
    assert_eq!(
        second.manifest.previous,
        Some(first.statement.statement_id())
    );
    assert_eq!(third.manifest.chain_start, second.manifest.chain_head);
    assert_eq!(
        third.manifest.previous,
        Some(second.statement.statement_id())
    );
    assert_eq!(other.manifest.previous, None);
    let genesis = agent_chain_start(&identity().issuer, "someone else");
    assert_eq!(other.manifest.chain_start, genesis);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn sealing_again_gives_what_there_is() {
    let (_folder, _, mut ledger) = new_ledger();
    let run = closed_run(&mut ledger, 1, "run", "agent", 4);
    let first = seal(&mut ledger, &[run, run]).unwrap();
    assert_eq!((first[0].new, first[1].new), (true, false));
    assert_eq!(first[0].statement_id, first[1].statement_id);
    let checkpoint = ledger.checkpoint().unwrap();
    let again = seal(&mut ledger, &[run]).unwrap();
    assert_eq!(again, [first[1]]);
    assert_eq!(ledger.log_size().unwrap(), TreeSize(1));
    assert_eq!(ledger.checkpoint().unwrap(), checkpoint);
}

#[test]
fn all_runs_are_sealed_or_none() {
    let (_folder, path, mut ledger) = new_ledger();
    let closed = closed_run(&mut ledger, 1, "closed", "agent", 4);
    let mut batch = ledger.batch().unwrap();
    let open = add_run(&mut batch, &info(2, "open", "agent"), 3, false);
    batch.commit().unwrap();
    let error = seal(&mut ledger, &[closed, open]).unwrap_err();
    assert!(matches!(error, Error::RunOpen(name) if name == "open"));
    assert_eq!(ledger.log_size().unwrap(), TreeSize(0));
    assert_eq!(ledger.run(closed).unwrap().state, State::Closed);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn another_key_cannot_seal_or_give_receipts() {
    let (_folder, _, mut ledger) = new_ledger();
    let run = closed_run(&mut ledger, 1, "run", "agent", 4);
    let (issuer_key, log_key) = (issuer_key(), log_key());
    for (issuer, log, role) in [
        (&log_key, &log_key, "issuer"),
        (&issuer_key, &issuer_key, "log"),
    ] {
        let sealer = avouch_ledger::Sealer {
            issuer_key: issuer,
            log_key: log,
            iat: 0,
        };
        let error = ledger.seal(&[run], &sealer, &mut |_| ()).unwrap_err();
        assert!(matches!(error, Error::WrongKey { role: found, .. } if found == role));
    }
    seal(&mut ledger, &[run]).unwrap();
    let error = ledger.receipt(LeafIndex(0), &issuer_key).unwrap_err();
    assert!(matches!(error, Error::WrongKey { role: "log", .. }));
}

#[test]
fn receipts_checkpoints_and_proofs_fit_each_other() {
    let (_folder, path, mut ledger) = new_ledger();
    assert_eq!(ledger.checkpoint().unwrap(), None);
    let mut sizes = Vec::new();
    for round in 0..5 {
        let runs: Vec<_> = (0..=round)
            .map(|at| closed_run(&mut ledger, round * 10 + at, "run", "agent", 2))
            .collect();
        seal(&mut ledger, &runs).unwrap();
        sizes.push(ledger.log_size().unwrap());
    }
    let log_key: VerifyingKey = identity().log_key;
    let last = ledger.checkpoint().unwrap().unwrap();
    let Checkpoint { size, root, .. } = last.checkpoint.clone();
    assert_eq!(size, TreeSize(15));
    Checkpoint::open(&last.note, &identity().note_key().unwrap()).unwrap();
    for index in (0..15).map(LeafIndex) {
        let logged = ledger.statement_at(index).unwrap().unwrap();
        let leaf = hash_leaf(&logged.statement.entry().0);
        let receipt = ledger.receipt(index, &common::log_key()).unwrap().unwrap();
        let shown = receipt.verify(leaf, &log_key).unwrap();
        assert_eq!((shown.size, shown.index, shown.root), (size, index, root));
        verify_inclusion(
            leaf,
            index,
            size,
            &ledger.inclusion(index, size).unwrap(),
            &root,
        )
        .unwrap();
    }
    assert_eq!(
        ledger.receipt(LeafIndex(15), &common::log_key()).unwrap(),
        None
    );
    for first in &sizes {
        let earlier = ledger.checkpoint_at(*first).unwrap().unwrap().checkpoint;
        let proof = ledger.consistency(*first, size).unwrap();
        verify_consistency(*first, &earlier.root, size, &root, &proof).unwrap();
    }
    assert_eq!(ledger.checkpoint_at(TreeSize(2)).unwrap(), None);
    let counts = fsck(&path).counts;
    // Level 0 to 3 of 15 leaves: 15 + 7 + 3 + 1.
    assert_eq!(
        (counts.statements, counts.nodes, counts.checkpoints),
        (15, 26, 5)
    );
}
