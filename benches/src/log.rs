//! The transparency log at a million entries: appending durably, publishing, reading back, proving.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use avouch::cose::SigningKey;
use avouch::ledger::{Ledger, RunIndex, RunInfo, Sealer, node_row};
use avouch::log::{Folder, TileLog};
use avouch::merkle::{
    Digest, Frontier, LeafIndex, TreeSize, hash_leaf, hash_node, root_from_nodes, verify_inclusion,
};
use avouch::trace::{
    Body, Decision, Field, Flags, Header, Kind, Mode, NameId, RunId, Salt, Source,
};
use avouch::{Home, InitOptions};

use crate::table::{median, row, title};

const ENTRIES: u64 = 1_000_000;
/// Statements in one transaction: what a busy recorder gathers in a tenth of a second.
const GROUP: usize = 1000;
/// What is published after the first time.
const MORE: u64 = 1000;
const TEN_MILLION: u64 = 10_000_000;

pub(crate) fn run() -> Result<()> {
    // A smaller log for trying things out.
    let entries = match std::env::var("AVOUCH_BENCH_LOG") {
        Ok(text) => text.parse().context("AVOUCH_BENCH_LOG")?,
        Err(_) => ENTRIES,
    };
    let folder = tempfile::tempdir()?;
    let home = Home::init(folder.path().join("home"), &InitOptions::default())?;
    append(&home, entries)?;
    publish(&home, entries, &folder.path().join("published"))?;
    prove(folder.path())
}

fn append(home: &Home, entries: u64) -> Result<()> {
    let runs = record(home.ledger(), 0, entries)?;
    let before = processor_time();
    let groups: Vec<Duration> = runs
        .chunks(GROUP)
        .map(|group| seal(home, group))
        .collect::<Result<_>>()?;
    let processor = before.zip(processor_time()).map(|(a, b)| b - a);
    let total: Duration = groups.iter().sum();
    let single = record(home.ledger(), entries, 200)?;
    let singles: Vec<Duration> = single
        .iter()
        .map(|run| seal(home, &[*run]))
        .collect::<Result<_>>()?;

    title(&format!(
        "log, {entries} statements about runs of two events each"
    ));
    let rate = entries as f64 / total.as_secs_f64();
    row(
        &format!("sign and append, durable, {GROUP} at once"),
        &format!("{rate:.0} /s"),
        Some(">= 10000 /s"),
    );
    if let Some(processor) = processor {
        let each = processor.as_secs_f64() / entries as f64;
        row(
            "the same, processor time a statement",
            &format!("{:.0} us", each * 1e6),
            Some("<= 100 us"),
        );
    }
    // A statement is durable when its group is.
    row(
        "latency of a statement in a group, p50, p99",
        &format!(
            "{:.0} ms, {:.0} ms",
            ms(percentile(&groups, 50)),
            ms(percentile(&groups, 99))
        ),
        None,
    );
    row(
        "latency of a statement alone, p50, p99",
        &format!(
            "{:.1} ms, {:.1} ms",
            ms(percentile(&singles, 50)),
            ms(percentile(&singles, 99))
        ),
        None,
    );
    Ok(())
}

fn publish(home: &Home, entries: u64, dir: &Path) -> Result<()> {
    let begun = Instant::now();
    let first = home.publish(dir, None, &mut |_| ())?;
    let first_took = begun.elapsed();

    let log = TileLog::new(Folder::new(dir));
    let key = home.ledger().identity().note_key()?;
    let (_, checkpoint) = log.checkpoint(&key)?;
    let mut follower = Frontier::new();
    let begun = Instant::now();
    log.follow(&mut follower, &checkpoint, &mut |_, _| Ok(()))?;
    let followed = begun.elapsed();

    let more = record(home.ledger(), entries + 200, MORE)?;
    seal(home, &more)?;
    let begun = Instant::now();
    let next = home.publish(dir, None, &mut |_| ())?;
    let next_took = begun.elapsed();
    let (_, checkpoint) = log.checkpoint(&key)?;
    let begun = Instant::now();
    log.follow(&mut follower, &checkpoint, &mut |_, _| Ok(()))?;
    let followed_more = begun.elapsed();

    row(
        "publish all",
        &format!("{:.1} s, {} files", first_took.as_secs_f64(), first.files),
        None,
    );
    row(
        "follow all from the published files",
        &format!(
            "{:.0} entries/s",
            first.size.0 as f64 / followed.as_secs_f64()
        ),
        None,
    );
    row(
        &format!("publish {MORE} more"),
        &format!("{:.0} ms, {} files", ms(next_took), next.files),
        Some("cost of what is new"),
    );
    row(
        &format!("follow {MORE} more"),
        &format!("{:.1} ms", ms(followed_more)),
        None,
    );
    Ok(())
}

/// Inclusion proofs from a ledger that holds the nodes of ten million leaves, its pages cached.
fn prove(folder: &Path) -> Result<()> {
    let home = Home::init(folder.join("large"), &InitOptions::default())?;
    let path = home.dir().join("ledger.db");
    drop(home);
    fill_nodes(&path, TEN_MILLION)?;
    let ledger = Ledger::open(&path)?;
    let size = TreeSize(TEN_MILLION);
    let root = root_from_nodes(&ledger, size)?;
    // Neighbouring leaves share nodes, as entries that are asked for together do; then anywhere.
    let near: Vec<u64> = (0..2000).map(|n| TEN_MILLION / 3 + n * 7).collect();
    let anywhere: Vec<u64> = (0..2000u64)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % TEN_MILLION)
        .collect();
    for (what, indices) in [("nearby leaves", near), ("any leaves", anywhere)] {
        let mut times = Vec::new();
        for round in 0..5 {
            for index in &indices {
                let begun = Instant::now();
                let proof = ledger.inclusion(LeafIndex(*index), size)?;
                if round > 0 {
                    times.push(begun.elapsed());
                }
                if round == 0 {
                    verify_inclusion(leaf(*index), LeafIndex(*index), size, &proof, &root)?;
                }
            }
        }
        row(
            &format!("inclusion proof at size {TEN_MILLION}, {what}"),
            &format!("{:.1} us", median(times).as_secs_f64() * 1e6),
            Some("<= 50 us"),
        );
    }
    Ok(())
}

fn leaf(index: u64) -> Digest {
    hash_leaf(&index.to_be_bytes())
}

/// Writes the complete nodes of a tree, level by level, past the ledger's own rules: signing ten million
/// statements would take longer than all else here.
fn fill_nodes(path: &Path, leaves: u64) -> Result<()> {
    let conn = rusqlite::Connection::open(path)?;
    conn.execute_batch("PRAGMA synchronous = OFF; DROP TRIGGER nodes_insert; BEGIN;")?;
    let mut below: Vec<Digest> = (0..leaves).map(leaf).collect();
    let mut level = 0u8;
    while !below.is_empty() {
        let mut insert = conn.prepare("INSERT INTO nodes (id, hash) VALUES (?1, ?2)")?;
        for (index, digest) in below.iter().enumerate() {
            insert.execute(rusqlite::params![node_row(level, index as u64), digest.0])?;
        }
        let pairs = below.as_chunks::<2>().0;
        below = pairs
            .iter()
            .map(|[left, right]| hash_node(left, right))
            .collect();
        level += 1;
    }
    conn.execute_batch("COMMIT;")?;
    Ok(())
}

/// Runs of two events, all in one batch.
fn record(ledger: &Ledger, first: u64, count: u64) -> Result<Vec<RunIndex>> {
    let field = Field::from_value(Salt([1; 16]), "text", &"a note".to_owned().into())?;
    let body = Body::new(Salt([2; 16]), vec![field])?;
    let mut batch = ledger.batch()?;
    let mut runs = Vec::new();
    for n in first..first + count {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let run = batch.new_run(&RunInfo {
            id: RunId(id),
            name: format!("run-{n}"),
            agent: format!("agent-{}", n % 100),
            mode: Mode::Execution,
            currency: "tokens".into(),
            source: Source {
                format: "synthetic".into(),
                integrity: None,
            },
            parents: Vec::new(),
            input: None,
        })?;
        for (seq, kind) in [(0, Kind::RunStart), (1, Kind::RunEnd)] {
            let header = Header {
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
            };
            batch.append(run, &header, &body)?;
        }
        runs.push(run);
    }
    batch.commit()?;
    Ok(runs)
}

fn seal(home: &Home, runs: &[RunIndex]) -> Result<Duration> {
    let keys = home.keys();
    let (issuer_key, log_key): (SigningKey, SigningKey) = (
        keys.open(avouch::ISSUER_KEY, None)?,
        keys.open(avouch::LOG_KEY, None)?,
    );
    let sealer = Sealer {
        issuer_key: &issuer_key,
        log_key: &log_key,
        iat: 1_800_000_000,
    };
    let begun = Instant::now();
    let sealed = home.ledger().seal(runs, &sealer, &mut |_| ())?;
    let took = begun.elapsed();
    ensure!(sealed.iter().all(|sealed| sealed.new), "sealed before");
    Ok(took)
}

/// What this thread has run on a processor, where the system tells: on a busy machine, waiting for one is
/// most of what a clock shows.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
