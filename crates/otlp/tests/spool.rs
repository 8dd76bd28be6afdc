//! The spool: what is acknowledged is there, once, until its run is recorded.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use avouch_otlp::request::{Encoding, Refused, SpanLine, gunzip, spans};
use avouch_otlp::{Error, spool::Spool};

fn line(trace: u8, id: u8, is_root: bool) -> SpanLine {
    SpanLine {
        trace: [trace; 16],
        digest: [id; 32],
        is_root,
        line: format!("{trace} {id}"),
    }
}

#[test]
fn a_trace_is_next_once_its_root_is_there_and_it_is_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&dir.path().join("spool.db")).unwrap();
    assert_eq!(
        spool
            .put(&[line(1, 1, false), line(2, 1, false)], 1000)
            .unwrap(),
        2
    );
    assert_eq!(spool.next(2000, 0).unwrap(), None, "no root");
    assert_eq!(
        spool
            .put(&[line(1, 2, true), line(1, 1, false)], 1500)
            .unwrap(),
        1
    );
    assert_eq!(spool.next(1499, 0).unwrap(), None, "not quiet");
    let batch = spool.next(1500, 0).unwrap().unwrap();
    assert_eq!((batch.trace, &*batch.lines), ([1; 16], "1 1\n1 2\n"));
    spool.done(&batch, 1600).unwrap();
    assert_eq!(spool.next(1600, 0).unwrap(), None);
    assert_eq!(spool.waiting().unwrap(), (1, 1, 3));
    // Sent again, it is known; after a day it is not.
    assert_eq!(spool.put(&[line(1, 2, true)], 1700).unwrap(), 0);
    let other = spool.next(0, 1000).unwrap().unwrap();
    assert_eq!(other.trace, [2; 16], "without a root, once it has waited");
    spool.done(&other, 1600 + 25 * 3600 * 1000).unwrap();
    assert_eq!(spool.put(&[line(1, 2, true)], 1800).unwrap(), 1);
}

#[test]
fn what_was_begun_is_repeated_with_the_same_bytes_also_when_more_came() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool.db");
    let mut spool = Spool::open(&path).unwrap();
    spool.put(&[line(1, 1, true)], 1000).unwrap();
    let begun = spool.next(1000, 0).unwrap().unwrap();
    // The process ends before it could say that it is done.
    drop(spool);
    let mut spool = Spool::open(&path).unwrap();
    spool.put(&[line(1, 2, false)], 2000).unwrap();
    assert_eq!(spool.next(0, 0).unwrap(), Some(begun.clone()));
    spool.done(&begun, 3000).unwrap();
    let late = spool.next(0, 2000).unwrap().unwrap();
    assert_eq!(late.lines, "1 2\n", "what came later is a batch of its own");
    // One that cannot be recorded is not in the others' way, and comes again.
    spool.set_aside(&late).unwrap();
    spool.put(&[line(3, 1, true)], 4000).unwrap();
    assert_eq!(spool.next(4000, 0).unwrap().unwrap().trace, [3; 16]);
    assert_eq!(spool.waiting().unwrap().0, 2);
    drop(spool);
    let mut spool = Spool::open(&path).unwrap();
    assert_eq!(spool.next(0, 0).unwrap().unwrap(), late);
}

#[test]
fn one_process_has_a_spool_and_other_files_are_no_spools() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool.db");
    let spool = Spool::open(&path).unwrap();
    assert!(matches!(Spool::open(&path), Err(Error::InUse(_))));
    drop(spool);
    Spool::open(&path).unwrap();
    let other = dir.path().join("other.db");
    std::fs::write(&other, "not a database, and long enough to be none").unwrap();
    assert!(matches!(Spool::open(&other), Err(Error::NotASpool(_))));
    let foreign = dir.path().join("foreign.db");
    let conn = rusqlite::Connection::open(&foreign).unwrap();
    conn.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(conn);
    assert!(matches!(Spool::open(&foreign), Err(Error::NotASpool(_))));
}

#[test]
fn a_json_body_is_kept_span_by_span_and_exactly() {
    let span = r#"{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","startTimeUnixNano":"1","name":"a  b","x":1.50}"#;
    let body = format!(
        r#" {{"resourceSpans":[{{"resource":{{"attributes":[]}},"scopeSpans":[{{"scope":{{"name":"s"}},"spans":[{span}],"schemaUrl":"u"}}]}}]}}"#
    );
    let found = spans(Encoding::Json, body.as_bytes()).unwrap();
    assert_eq!((found.taken.len(), found.rejected), (1, 0));
    assert!(found.taken[0].is_root && found.taken[0].line.contains(span));
    assert_eq!(body.trim(), found.taken[0].line);
    // What cannot be recorded is not acknowledged.
    for (from, to, why) in [
        (
            "\"startTimeUnixNano\":\"1\"",
            "\"startTimeUnixNano\":\"x\"",
            "no time",
        ),
        ("eee19b7ec3c1b174", "0000000000000000", "span id"),
        ("5B8EFFF798038103D269B633813FC60C", "5B8E", "trace id"),
    ] {
        let found = spans(Encoding::Json, body.replace(from, to).as_bytes()).unwrap();
        assert_eq!((found.taken.len(), found.rejected), (0, 1), "{to}");
        assert!(found.why.contains(why), "{}", found.why);
    }
    for body in ["", "[]", "{", "7", "{\"resourceSpans\":7}"] {
        assert!(
            matches!(
                spans(Encoding::Json, body.as_bytes()),
                Err(Refused::Malformed(_))
            ),
            "{body}"
        );
    }
    assert!(gunzip(b"plain").is_err());
}
