//! Several writers take turns.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use avouch_ledger::{Error, Ledger};
use avouch_merkle::TreeSize;
use avouch_trace::Kind;
use common::*;

#[test]
fn a_writer_waits_for_another_and_gives_up_in_time() {
    let (_folder, path, ledger) = new_ledger();
    let mut batch = ledger.batch().unwrap();
    add_run(&mut batch, &info(1, "first", "agent"), 2, true);

    let second = Ledger::open(&path).unwrap();
    second.set_busy_timeout(Duration::from_millis(50)).unwrap();
    let begun = Instant::now();
    assert!(matches!(second.batch(), Err(Error::Busy)));
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert!(matches!(seal(&second, &[]), Err(Error::Busy)));
    // Reading goes on meanwhile, and sees only what was committed.
    assert!(second.runs().unwrap().is_empty());
    assert_eq!(second.fsck(&mut |_| ()).unwrap().counts.runs, 0);

    second.set_busy_timeout(Duration::from_secs(30)).unwrap();
    let (ready, waiting) = mpsc::channel();
    let waiter = thread::spawn(move || {
        ready.send(()).unwrap();
        let mut batch = second.batch().unwrap();
        let run = add_run(&mut batch, &info(2, "first", "agent"), 2, true);
        let name = batch.name(run).unwrap();
        batch.commit().unwrap();
        name
    });
    waiting.recv().unwrap();
    thread::sleep(Duration::from_millis(100));
    batch.commit().unwrap();
    assert_eq!(waiter.join().unwrap(), "first-2");
    assert_eq!(fsck(&path).counts.runs, 2);
}

#[test]
fn two_recorders_of_one_agent_are_sealed_one_after_the_other() {
    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let barrier = Barrier::new(2);
    let (barrier, path) = (&barrier, &path);
    thread::scope(|scope| {
        for recorder in 0..2 {
            scope.spawn(move || {
                let ledger = Ledger::open(path).unwrap();
                for round in 0..5 {
                    let number = recorder * 100 + round;
                    let mut batch = ledger.batch().unwrap();
                    let run = batch.new_run(&info(number, "run", "agent")).unwrap();
                    batch.commit().unwrap();
                    barrier.wait();
                    for (seq, kind) in [(0, Kind::RunStart), (1, Kind::Note), (2, Kind::RunEnd)] {
                        let mut batch = ledger.batch().unwrap();
                        batch.append(run, &header(seq, kind), &body(seq)).unwrap();
                        batch.commit().unwrap();
                    }
                    barrier.wait();
                    seal(&ledger, &[run]).unwrap();
                }
            });
        }
    });
    let report = fsck(path);
    assert_eq!(report.finding, None);
    assert_eq!((report.counts.statements, report.counts.events), (10, 30));
}

#[test]
fn one_input_imported_twice_at_once_becomes_one_run() {
    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let barrier = Barrier::new(4);
    let (barrier, path) = (&barrier, &path);
    let imported = thread::scope(|scope| {
        let importers: Vec<_> = (0..4)
            .map(|importer| {
                scope.spawn(move || {
                    let ledger = Ledger::open(path).unwrap();
                    let mut info = info(importer, "import", "agent");
                    info.input = Some(input(1, 0));
                    barrier.wait();
                    let mut batch = ledger.batch().unwrap();
                    match batch.new_run(&info) {
                        Ok(_) => batch.commit().map(|()| 1).unwrap(),
                        Err(Error::InputKnown { run }) if run == "import" => 0,
                        Err(other) => panic!("{other}"),
                    }
                })
            })
            .collect();
        importers
            .into_iter()
            .map(|importer| importer.join().unwrap())
            .sum::<u32>()
    });
    assert_eq!(imported, 1);
}

#[test]
fn two_that_seal_the_same_runs_get_the_same_statements() {
    let (_folder, path, ledger) = new_ledger();
    let runs: Vec<_> = (0..6)
        .map(|number| closed_run(&ledger, number, "run", "agent", 50))
        .collect();
    drop(ledger);
    let barrier = Barrier::new(2);
    let (barrier, path, runs) = (&barrier, &path, &runs);
    let sealed = thread::scope(|scope| {
        let sealers = [(); 2].map(|()| {
            scope.spawn(move || {
                let ledger = Ledger::open(path).unwrap();
                barrier.wait();
                seal(&ledger, runs).unwrap()
            })
        });
        sealers.map(|sealer| sealer.join().unwrap())
    });
    let ids = |at: usize| {
        sealed[at]
            .iter()
            .map(|run| run.statement_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(0), ids(1));
    let new = sealed.iter().flatten().filter(|run| run.new).count();
    assert_eq!(new, 6);
    let ledger = Ledger::open(path).unwrap();
    assert_eq!(ledger.log_size().unwrap(), TreeSize(6));
    assert_eq!(fsck(path).finding, None);
}
