//! Strict validation of canonical CBOR against minicbor's `skip` (which only walks) and dcbor's decode
//! (which is strict and builds values).

use std::hint::black_box;

use anyhow::{Context as _, Result, ensure};
use avouch_cbor::{Encoder, Item, Value, validate};

use crate::table::{contender, medians, ratio, row, title};

const ROUNDS: usize = 15;
/// About how many bytes each input has.
const LENGTH: usize = 2 << 20;

pub(crate) fn run() -> Result<()> {
    for (name, bytes) in [
        ("tool-call records", records()?),
        ("packed events", events()),
        ("small items", small_items()?),
    ] {
        compare(name, &bytes)?;
    }
    Ok(())
}

fn compare(name: &str, bytes: &[u8]) -> Result<()> {
    validate(bytes)?;
    dcbor::CBOR::try_from_data(bytes).context("dcbor refuses the input")?;
    let mut skipper = minicbor::Decoder::new(bytes);
    skipper.skip()?;
    ensure!(
        skipper.position() == bytes.len(),
        "minicbor skipped something else"
    );

    let mut contenders = [
        contender("validate", || validate(black_box(bytes)).is_ok()),
        contender("Item::parse", || Item::parse(black_box(bytes)).is_ok()),
        contender("Value::decode", || Value::decode(black_box(bytes))),
        contender("minicbor skip", || {
            minicbor::Decoder::new(black_box(bytes)).skip().is_ok()
        }),
        contender("dcbor decode", || {
            dcbor::CBOR::try_from_data(black_box(bytes))
        }),
    ];
    let times = medians(&mut contenders, ROUNDS);
    title(&format!(
        "strict CBOR, {:.1} MB of {name}",
        bytes.len() as f64 / 1e6
    ));
    for ((contender, _), time) in contenders.iter().zip(&times) {
        let rate = bytes.len() as f64 / time.as_secs_f64() / 1e6;
        row(contender, &format!("{rate:.0} MB/s"), None);
    }
    row(
        "validate / minicbor skip",
        &ratio(times[3], times[0]),
        Some(">= 0.7 x"),
    );
    row(
        "validate / dcbor decode",
        &ratio(times[4], times[0]),
        Some(">= 4 x"),
    );
    row(
        "Value::decode / dcbor decode",
        &ratio(times[4], times[2]),
        None,
    );
    Ok(())
}

/// An array of maps as agents' records have them: short keys, text, numbers, lists.
fn records() -> Result<Vec<u8>> {
    let record = |n: u64| {
        let map = vec![
            ("id", Value::Text(format!("call_{n:08}"))),
            ("ok", Value::Bool(!n.is_multiple_of(7))),
            (
                "args",
                map(vec![
                    (
                        "argv",
                        Value::Array(vec![
                            "pytest".into(),
                            "-q".into(),
                            "tests/test_proration.py".into(),
                        ]),
                    ),
                    (
                        "path",
                        Value::Text(format!("src/module_{}/file.py", n % 97)),
                    ),
                    ("timeout", Value::Uint(60_000)),
                ]),
            ),
            ("cost", Value::Uint(n * 1_313 % 90_000)),
            ("delta", Value::Nint(n % 300)),
            ("score", Value::Float(0.25 + (n % 64) as f64 / 128.0)),
            ("sha256", Value::Bytes(vec![n as u8; 32])),
            (
                "output",
                Value::Text("3 passed, 3 deselected in 0.42s: everything is as it was. ".repeat(2)),
            ),
        ];
        self::map(map)
    };
    let count = (LENGTH / 330) as u64;
    Ok(Value::Array((0..count).map(record).collect()).to_vec()?)
}

/// A map with its keys in canonical order.
fn map(mut pairs: Vec<(&str, Value)>) -> Value {
    pairs.sort_by_key(|(name, _)| (name.len(), *name));
    Value::Map(
        pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
}

/// An array of events: `[bstr .size 80, bstr .size 32]`.
fn events() -> Vec<u8> {
    let count = LENGTH / 117;
    let mut out = Encoder::with_capacity(LENGTH);
    out.array(count);
    for n in 0..count {
        out.array(2).bytes(&[n as u8; 80]).bytes(&[!(n as u8); 32]);
    }
    out.into_vec()
}

/// Nothing but heads: small maps of small numbers.
fn small_items() -> Result<Vec<u8>> {
    let item = |n: u64| {
        let pairs = (0..6).map(|key| (Value::Uint(key), Value::Uint(n * (key + 1) % 70_000)));
        Value::Map(pairs.collect())
    };
    Ok(Value::Array((0..LENGTH as u64 / 21).map(item).collect()).to_vec()?)
}
