//! The journal keeps what it is given and gives it back.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cbor::Value;
use avouch_ledger::{Error, Ledger, State};
use avouch_merkle::sha256;
use avouch_trace::{BlobRef, Event, Kind, Mode, Parent, Relation, Rule, RunId, Source};
use common::*;

#[test]
fn what_was_appended_is_read_back() {
    let (_folder, path, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "first", "agent", 300);
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
    let (_folder, _, ledger) = new_ledger();
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
    seal(&ledger, &[run]).unwrap();
    let manifest = ledger.statement(run).unwrap().unwrap().manifest;
    assert_eq!(manifest.parents, full.parents);
    assert_eq!((manifest.mode, &manifest.source), (full.mode, &full.source));
    assert_eq!(ledger.fsck(&mut |_| ()).unwrap().finding, None);
}

#[test]
fn a_run_that_no_manifest_could_carry_is_refused() {
    let (_folder, _, ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    let mut long = info(1, "long", "agent");
    long.agent = "a".repeat(1025);
    for bad in [info(1, "", "agent"), info(1, "two\nlines", "agent"), long] {
        assert!(matches!(batch.new_run(&bad), Err(Error::BadRun { .. })));
    }
    batch.new_run(&info(1, "good", "agent")).unwrap();
}

#[test]
fn a_batch_that_is_dropped_leaves_nothing() {
    let (_folder, path, ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    add_run(&mut batch, &info(1, "gone", "agent"), 5, true);
    batch.put_blob(b"gone").unwrap();
    drop(batch);
    assert!(ledger.runs().unwrap().is_empty());
    assert_eq!(ledger.blob(&sha256(&[b"gone"])).unwrap(), None);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn a_ledger_has_one_batch_at_a_time_which_its_reads_see() {
    let (_folder, path, ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    let run = add_run(&mut batch, &info(1, "run", "agent"), 2, true);
    assert!(matches!(ledger.batch(), Err(Error::BatchOpen)));
    assert!(matches!(seal(&ledger, &[run]), Err(Error::BatchOpen)));
    assert!(matches!(ledger.fsck(&mut |_| ()), Err(Error::BatchOpen)));
    assert_eq!(ledger.resolve("run").unwrap().size, 2);
    assert!(Ledger::open(&path).unwrap().runs().unwrap().is_empty());
    batch.commit().unwrap();
    ledger.batch().unwrap();
}

#[test]
fn an_event_that_does_not_continue_its_run_is_refused_and_the_batch_goes_on() {
    let (_folder, _, ledger) = new_ledger();
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
    let (_folder, path, ledger) = new_ledger();
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
    let whole = closed_run(&ledger, 2, "whole", "agent", 20);
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
    let (_folder, path, ledger) = new_ledger();
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
    let (_folder, path, ledger) = new_ledger();
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
    let (_folder, _, ledger) = new_ledger();
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
    let (_folder, _, ledger) = new_ledger();
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
    let (_folder, _, ledger) = new_ledger();
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
