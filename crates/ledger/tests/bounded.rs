//! Memory does not grow with a run.
//!
//! With `--nocapture` this prints how fast it went; `AVOUCH_EVENTS` sets how many events there are.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Instant;

use avouch_trace::{Body, Kind};
use common::*;

/// The most memory that this process has held, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

#[test]
fn a_large_run_is_recorded_sealed_read_and_checked_in_bounded_memory() {
    let size = std::env::var("AVOUCH_EVENTS").map_or(200_000, |size| size.parse().unwrap());
    // Made before the clock starts: hashing bodies is not the ledger's work, but their roots are.
    let bodies: Vec<Body> = (0..512)
        .map(|number| {
            let text = format!("a small value, as most are: {number}");
            let names = ["actor", "subject", "text", "tool", "model", "raw"];
            body_with(number, &names.map(|name| (name, text.as_str().into())))
        })
        .collect();
    let (_folder, _, ledger) = new_ledger();
    let before = peak();
    let timed = |what: &str, work: &dyn Fn()| {
        let begun = Instant::now();
        work();
        let rate = size as f64 / begun.elapsed().as_secs_f64();
        println!("{what}: {rate:.0} events/s, peak {} MiB", peak());
    };
    timed("append and commit", &|| {
        let mut batch = ledger.batch().unwrap();
        let run = batch.new_run(&info(1, "run", "agent")).unwrap();
        for seq in 0..size {
            let kind = match seq {
                0 => Kind::RunStart,
                _ if seq == size - 1 => Kind::RunEnd,
                _ => Kind::Note,
            };
            let body = &bodies[seq as usize % bodies.len()];
            batch.append(run, &header(seq, kind), body).unwrap();
        }
        batch.commit().unwrap();
    });
    let run = ledger.resolve("run").unwrap();
    timed("seal", &|| {
        assert!(seal(&ledger, &[run.index]).unwrap()[0].new)
    });
    timed("events", &|| {
        assert_eq!(ledger.events(&run).count() as u64, size)
    });
    timed("entries", &|| {
        assert_eq!(ledger.entries(&run).count() as u64, size)
    });
    timed("fsck", &|| {
        let report = ledger.fsck(&mut |_| ()).unwrap();
        assert_eq!((report.finding, report.counts.events), (None, size));
    });
    // The page cache is 64 MiB.
    let grown = peak() - before;
    assert!(grown < 96, "{grown} MiB");
}
