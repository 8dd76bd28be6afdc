//! The fuzz targets without a fuzzer: arbitrary bytes, and valid inputs with damage done to them.

use avouch_fuzz_targets::{TARGETS, seeds};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

const CASES: u32 = 3_000;

/// One change to an input.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    FlipBit(Index, u8),
    Truncate(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

impl Damage {
    fn apply(&self, data: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        let len = data.len();
        match self {
            Self::Set(at, byte) => data[at.index(len)] = *byte,
            Self::FlipBit(at, bit) => data[at.index(len)] ^= 1 << (bit % 8),
            Self::Truncate(at) => data.truncate(at.index(len)),
            Self::Insert(at, bytes) => {
                let at = at.index(len);
                data.splice(at..at, bytes.iter().copied());
            }
            Self::Repeat(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                let piece = data[from.min(to)..from.max(to)].to_vec();
                data.splice(to..to, piece);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Damage::FlipBit(at, bit)),
        1 => any::<Index>().prop_map(Damage::Truncate),
        1 => (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

#[test]
fn seeds_are_accepted() {
    for (name, target) in TARGETS {
        for seed in seeds(name) {
            assert!(target(&seed), "{name} refused its own seed");
        }
    }
}

#[test]
fn every_target_has_a_fuzzer() {
    let fuzzers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    for (name, _) in TARGETS {
        let source =
            std::fs::read_to_string(fuzzers.join(format!("{name}.rs"))).unwrap_or_default();
        assert!(
            source.contains(&format!("run({name:?}, data)")),
            "no fuzzer for {name}"
        );
    }
}

#[test]
fn no_target_breaks_on_arbitrary_bytes() {
    for (name, target) in TARGETS {
        TestRunner::new(Config::with_cases(CASES))
            .run(&vec(any::<u8>(), 0..300), |data| {
                target(&data);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn no_target_breaks_on_a_damaged_input() {
    for (name, target) in TARGETS {
        for seed in seeds(name) {
            TestRunner::new(Config::with_cases(CASES))
                .run(&vec(damage(), 1..6), |damage| {
                    let mut data = seed.clone();
                    damage.iter().for_each(|damage| damage.apply(&mut data));
                    target(&data);
                    Ok(())
                })
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}
