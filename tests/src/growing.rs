//! Logs of many small runs, made through the library.

use avouch::Home;
use avouch::ledger::{RunIndex, RunInfo, Sealer};
use avouch::trace::{
    Body, Decision, Field, Flags, Header, Kind, Mode, NameId, RunId, Salt, Source,
};

/// Seals `count` new runs of two events each in one step, by seven agents in turn.
///
/// # Panics
/// When the ledger refuses.
#[expect(clippy::unwrap_used, reason = "a test's own input is good")]
pub fn grow(home: &Home, count: u64) {
    let ledger = home.ledger();
    let before = ledger.log_size().unwrap().0;
    let field = Field::from_value(Salt([1; 16]), "text", &"a note".to_owned().into()).unwrap();
    let body = Body::new(Salt([2; 16]), vec![field]).unwrap();
    let mut batch = ledger.batch().unwrap();
    let runs: Vec<RunIndex> = (before..before + count)
        .map(|n| {
            let run = batch.new_run(&info(n)).unwrap();
            for (seq, kind) in [(0, Kind::RunStart), (1, Kind::RunEnd)] {
                batch.append(run, &header(seq, kind), &body).unwrap();
            }
            run
        })
        .collect();
    batch.commit().unwrap();
    let keys = home.keys();
    let sealer = Sealer {
        issuer_key: &keys.open(avouch::ISSUER_KEY, None).unwrap(),
        log_key: &keys.open(avouch::LOG_KEY, None).unwrap(),
        iat: 1_800_000_000,
    };
    ledger.seal(&runs, &sealer, &mut |_| ()).unwrap();
}

fn info(number: u64) -> RunInfo {
    let mut id = [0xa5; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    RunInfo {
        id: RunId(id),
        name: format!("run-{number}"),
        agent: format!("agent-{}", number % 7),
        mode: Mode::Execution,
        currency: "tokens".into(),
        source: Source {
            format: "synthetic".into(),
            integrity: None,
        },
        parents: Vec::new(),
        input: None,
    }
}

fn header(seq: u64, kind: Kind) -> Header {
    Header {
        kind,
        decision: Decision::None,
        flags: Flags::NONE,
        round: 0,
        seq,
        time: 1_800_000_000_000,
        cost: None,
        budget: None,
        score: None,
        parent: None,
        actor: NameId::NONE,
        subject: NameId::NONE,
    }
}
