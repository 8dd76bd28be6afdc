//! Sealed values: anyone checks where they are, only chosen readers learn what they are.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use avouch_bundle::Bundle;
use avouch_cbor::{Encoder, Value};
use avouch_merkle::Digest;
use avouch_privacy::{Error, Identities, SealedFault, open_fields, seal_fields, seal_to};
use avouch_trace::Body;
use common::*;

const SECRET: &str = "for the auditor's eyes only";

fn sealed(to: &Identities) -> (Bundle, Bundle) {
    let (_folder, _, ledger) = new_ledger();
    let long = format!("{SECRET} {}", "x".repeat(5000));
    let events = vec![
        vec![("text", Value::from("start"))],
        vec![
            ("secret", SECRET.into()),
            ("long", long.as_str().into()),
            ("withheld", "nobody sees this".into()),
        ],
        vec![],
    ];
    let run = add_run(&ledger, "run", &events, 0);
    let run = seal(&ledger, run);
    let open = bundle(&ledger, &run, "seq=1 field=secret|long; seq=2 headers");
    let mut sealed = open.clone();
    seal_fields(sealed.disclosures.as_mut().unwrap(), &to.recipients()).unwrap();
    (open, sealed)
}

#[test]
fn a_reader_gets_back_what_was_shown_and_anyone_else_gets_hashes() {
    let auditor = Identities::generate();
    let (open, sealed) = sealed(&auditor);
    let bytes = sealed.encode().unwrap();
    assert!(!contains(&bytes, SECRET.as_bytes()) && !contains(&bytes, b"secret"));
    assert!(!contains(&bytes, &salt(1, 0, 0).0));
    let mut read = Bundle::decode(&bytes).unwrap();
    assert_eq!(read, sealed);
    // Anyone: the hashes are in their places.
    let shown = read.disclosures.as_ref().unwrap();
    let openings = shown.events[0].openings.as_ref().unwrap();
    let (hashes, body) = (openings.hash_only(), shown.events[0].event.body);
    assert_eq!(hashes.len(), 2);
    assert_eq!(
        Body::verify_with(&body, &openings.fields, &hashes, &openings.proof),
        Ok(3)
    );
    // Someone else: nothing.
    let other = Identities::generate();
    let refused = open_fields(read.disclosures.as_mut().unwrap(), &other);
    assert!(matches!(refused, Err(Error::NotOurs)), "{refused:?}");
    // The reader: all of it, and a bundle as if it had never been sealed.
    let mut read = Bundle::decode(&bytes).unwrap();
    open_fields(read.disclosures.as_mut().unwrap(), &auditor).unwrap();
    assert_eq!(read, open);
    let again = open_fields(read.disclosures.as_mut().unwrap(), &auditor);
    assert!(matches!(again, Err(Error::NothingSealed)));
}

#[test]
fn openings_that_are_not_what_the_hashes_stand_for_are_refused() {
    let auditor = Identities::generate();
    let (_, good) = sealed(&auditor);
    let opened = |edit: &dyn Fn(&mut Bundle)| {
        let mut bundle = good.clone();
        edit(&mut bundle);
        open_fields(bundle.disclosures.as_mut().unwrap(), &auditor)
    };
    let replaced = |plain: Vec<u8>| {
        let recipients = auditor.recipients();
        opened(&|bundle| {
            let file = seal_to(&plain, &recipients).unwrap();
            bundle.disclosures.as_mut().unwrap().sealed = Some(file);
        })
    };
    let hash = opened(&|bundle| {
        let shown = bundle.disclosures.as_mut().unwrap();
        shown.events[0].openings.as_mut().unwrap().sealed[0].1 = Digest([1; 32]);
    });
    assert!(
        matches!(hash, Err(Error::Sealed(SealedFault::Other(1, _)))),
        "{hash:?}"
    );
    let fewer = opened(&|bundle| {
        let shown = bundle.disclosures.as_mut().unwrap();
        shown.events[0].openings.as_mut().unwrap().sealed.pop();
    });
    assert!(
        matches!(fewer, Err(Error::Sealed(SealedFault::Stray(1, _)))),
        "{fewer:?}"
    );
    let more = opened(&|bundle| {
        let shown = bundle.disclosures.as_mut().unwrap();
        shown.events[0]
            .openings
            .as_mut()
            .unwrap()
            .sealed
            .push((9, Digest([1; 32])));
    });
    assert!(
        matches!(more, Err(Error::Sealed(SealedFault::Missing(1, 9)))),
        "{more:?}"
    );
    let moved = opened(&|bundle| {
        bundle.disclosures.as_mut().unwrap().events[0].event.body = Digest([1; 32]);
    });
    assert!(
        matches!(moved, Err(Error::Sealed(SealedFault::Unproven(1)))),
        "{moved:?}"
    );
    let mut none = Encoder::new();
    none.map(1).int(1).array(0);
    let none = replaced(none.into_vec());
    assert!(
        matches!(none, Err(Error::Sealed(SealedFault::Missing(1, _)))),
        "{none:?}"
    );
    for form in [
        b"".to_vec(),
        b"\xa0".to_vec(),
        b"\x80".to_vec(),
        b"\xa2\x01\x80\x03\x80".to_vec(),
    ] {
        let refused = replaced(form);
        assert!(
            matches!(refused, Err(Error::Sealed(SealedFault::Form))),
            "{refused:?}"
        );
    }
    // A cut or changed file does not open.
    for at in [0, 40, 200] {
        let cut = opened(&|bundle| {
            let sealed = bundle
                .disclosures
                .as_mut()
                .unwrap()
                .sealed
                .as_mut()
                .unwrap();
            let at = sealed.len() - 1 - at;
            sealed[at] ^= 1;
        });
        assert!(matches!(cut, Err(Error::Decrypt(_))), "{cut:?}");
    }
}

#[test]
fn sealed_hashes_and_their_openings_come_together() {
    let auditor = Identities::generate();
    let (open, good) = sealed(&auditor);
    let mut without = good.clone();
    without.disclosures.as_mut().unwrap().sealed = None;
    assert!(without.encode().is_err());
    let mut stray = open;
    stray.disclosures.as_mut().unwrap().sealed = good.disclosures.unwrap().sealed;
    assert!(stray.encode().is_err());
}

#[test]
fn sealing_nothing_is_refused() {
    let (_folder, _, ledger) = new_ledger();
    let run = add_run(&ledger, "run", &[vec![], vec![]], 0);
    let run = seal(&ledger, run);
    let mut shown = bundle(&ledger, &run, "headers").disclosures.unwrap();
    let refused = seal_fields(&mut shown, &Identities::generate().recipients());
    assert!(matches!(refused, Err(Error::NothingToSeal)), "{refused:?}");
}
