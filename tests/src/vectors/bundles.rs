//! Whole bundles, each with the report that a verifier owes it.

use std::collections::BTreeMap;

use avouch_bundle::{Blobs, Bundle, Disclosures, Openings, Shown};
use avouch_cose::{Algorithm, NoteKey};
use avouch_merkle::{Digest, LeafIndex, multi_proof};
use avouch_verify::{Answer, Options, Policy};
use serde_json::{Value, json};

use super::run::{ISSUER, Run};
use super::signed::{
    LOG_ORIGIN, bad_statements, checkpoint, issuer_key, key, log_key, receipt, statement,
};

/// The policy that the reports are made under.
fn trust() -> String {
    let note_key = NoteKey::new(LOG_ORIGIN, log_key().verifying_key()).unwrap();
    format!(
        "version = 1\n\n[[issuer]]\nname = \"{ISSUER}\"\nkey = \"\"\"\n{}\"\"\"\n\n[[issuer]]\nname = \"{ISSUER}\"\n\
         key = \"\"\"\n{}\"\"\"\n\n[[log]]\norigin = \"{LOG_ORIGIN}\"\nkey = \"{note_key}\"\n\n[require]\nlog = true\n",
        issuer_key().verifying_key().to_pem(),
        key(Algorithm::P256, 1).verifying_key().to_pem(),
    )
}

/// Adds the bundles, their reports and the policy.
pub(super) fn add(runs: &[Run], files: &mut BTreeMap<String, Vec<u8>>) {
    let trust = trust();
    let policy = Policy::from_toml(&trust).unwrap();
    files.insert("bundles/trust.toml".into(), trust.into_bytes());
    for (name, bytes) in bundles(runs) {
        let file = format!("{name}.avouch");
        let expected = expected(&Answer::about(&file, &bytes, &policy, &Options::default()));
        let mut text = serde_json::to_string_pretty(&expected).unwrap();
        text.push('\n');
        files.insert(format!("bundles/{name}.report.json"), text.into_bytes());
        files.insert(format!("bundles/{file}"), bytes);
    }
}

/// What any verifier must answer: the report without its sentences, which are this one's own.
fn expected(answer: &Answer) -> Value {
    let mut report = serde_json::to_value(&answer.report).unwrap();
    if let Some(report) = report.as_object_mut() {
        report.remove("not_shown");
        for check in report
            .get_mut("checks")
            .and_then(Value::as_array_mut)
            .unwrap()
        {
            check.as_object_mut().unwrap().remove("reason");
        }
    }
    json!({ "exit_code": answer.exit_code(), "report": report })
}

fn bundles(runs: &[Run]) -> Vec<(String, Vec<u8>)> {
    let [session, debate] = runs else {
        unreachable!()
    };
    let whole = bundle(runs, 0, Some(disclose(session, |_| true, |_| true)));
    let part = disclose(session, |seq| seq == 0 || seq == 5, |name| name == "input");
    let headers = disclose(debate, |_| true, |_| false);
    let mut made = vec![
        ("good-all".to_owned(), whole.clone()),
        ("good-none".to_owned(), bundle(runs, 0, None)),
        ("good-part".to_owned(), bundle(runs, 0, Some(part))),
        ("good-headers".to_owned(), bundle(runs, 1, Some(headers))),
        (
            "incomplete-without-log".to_owned(),
            Bundle {
                receipts: Vec::new(),
                checkpoint: None,
                ..whole.clone()
            },
        ),
    ];
    let mut bad = |name: &str, change: &dyn Fn(&mut Bundle)| {
        let mut bundle = whole.clone();
        change(&mut bundle);
        made.push((name.to_owned(), bundle));
    };
    let events = |bundle: &mut Bundle, change: &dyn Fn(&mut Vec<Shown>)| {
        change(&mut bundle.disclosures.as_mut().unwrap().events);
    };
    bad("bad-statement-of-another-run", &|bundle| {
        bundle.statement = statement(&debate.manifest).as_bytes().to_vec();
    });
    bad("bad-receipt-of-another-statement", &|bundle| {
        bundle.receipts = vec![receipt(runs, 1, &log_key()).as_bytes().to_vec()];
    });
    bad("incomplete-receipt-of-another-log", &|bundle| {
        bundle.receipts = vec![
            receipt(runs, 0, &key(Algorithm::Ed25519, 7))
                .as_bytes()
                .to_vec(),
        ];
    });
    bad("bad-checkpoint-of-another-size", &|bundle| {
        bundle.checkpoint = Some(checkpoint(&runs[..1]))
    });
    bad("bad-event-removed", &|bundle| {
        events(bundle, &|events| drop(events.remove(3)))
    });
    bad("bad-events-reordered", &|bundle| {
        events(bundle, &|events| {
            let (third, fourth) = (events[3].event, events[4].event);
            (events[3].event, events[4].event) = (fourth, third);
        });
    });
    bad("bad-event-changed", &|bundle| {
        events(bundle, &|events| events[3].event.header[2] = 1)
    });
    bad("bad-body-changed", &|bundle| {
        events(bundle, &|events| events[3].event.body = Digest([9; 32]))
    });
    bad("bad-field-dropped", &|bundle| {
        events(bundle, &|events| {
            drop(events[5].openings.as_mut().unwrap().fields.pop())
        });
    });
    bad("bad-fields-of-another-event", &|bundle| {
        events(bundle, &|events| {
            events[5].openings = events[1].openings.clone()
        });
    });
    for (what, bytes) in bad_statements(&session.manifest) {
        let name = format!("bad-statement-{}", what.replace(' ', "-"));
        bad(&name, &|bundle| bundle.statement.clone_from(&bytes));
    }
    let mut made: Vec<(String, Vec<u8>)> = made
        .into_iter()
        .map(|(name, bundle)| (name, bundle.encode().unwrap()))
        .collect();
    let whole = made[0].1.clone();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    made.push(("unreadable-flipped-bit".into(), flipped));
    made.push((
        "unreadable-cut-short".into(),
        whole[..whole.len() - 40].to_vec(),
    ));
    made.push(("unreadable-empty".into(), Vec::new()));
    made
}

fn bundle(runs: &[Run], index: usize, disclosures: Option<Disclosures>) -> Bundle {
    Bundle {
        statement: statement(&runs[index].manifest).as_bytes().to_vec(),
        receipts: vec![receipt(runs, index as u64, &log_key()).as_bytes().to_vec()],
        checkpoint: Some(checkpoint(runs)),
        anchors: Vec::new(),
        disclosures,
        proofs: Vec::new(),
        keys: None,
    }
}

/// Shows the events that `event` picks; of their fields, those that `field` picks.
fn disclose(run: &Run, event: impl Fn(u64) -> bool, field: impl Fn(&str) -> bool) -> Disclosures {
    let mut blobs = Blobs::new();
    let mut indices = Vec::new();
    let mut events = Vec::new();
    for (seq, (shown, body)) in (0..).zip(&run.events).filter(|(seq, _)| event(*seq)) {
        indices.push(LeafIndex(seq));
        let fields: Vec<_> = (0u64..)
            .zip(body.fields().iter().cloned())
            .filter(|(index, opened)| *index == 0 || field(opened.name()))
            .collect();
        for reference in fields.iter().filter_map(|(_, field)| field.blob()) {
            run.blobs
                .iter()
                .filter(|bytes| avouch_merkle::sha256(&[bytes]) == reference.digest)
                .for_each(|bytes| {
                    blobs.insert(bytes.clone());
                });
        }
        let opened: Vec<LeafIndex> = fields.iter().map(|(index, _)| LeafIndex(*index)).collect();
        let openings = (fields.len() > 1).then(|| Openings {
            proof: body.proof(&opened).unwrap(),
            fields,
            ..Openings::default()
        });
        events.push(Shown {
            seq,
            event: *shown,
            openings,
        });
    }
    let leaves: Vec<Digest> = run.events.iter().map(|(event, _)| event.leaf()).collect();
    Disclosures {
        proof: multi_proof(&leaves, &indices).unwrap(),
        events,
        blobs,
        ..Disclosures::default()
    }
}
