//! Time, memory and size of proofs, beside `p3-sha256-air` proving as many bare compressions with the
//! same parameters in the same run.
//!
//!     RUSTFLAGS='-C target-cpu=native' cargo bench -p avouch-stark --bench prove [-- EVENTS...]
//!
//! Without that flag the library's fields and hashes use no vector instructions. Every figure is from
//! a process of its own, so that its peak of memory is its own. Processor time is what counts: it is
//! the same on one thread and many.
#![allow(clippy::unwrap_used, missing_docs)]

extern crate alloc;

#[path = "../src/config.rs"]
#[allow(dead_code)]
mod config;
#[path = "../src/preset.rs"]
#[allow(dead_code, unreachable_pub)]
mod preset;
#[path = "../tests/support/mod.rs"]
mod support;

pub use avouch_stark::{Challenge, Val};
use avouch_stark::{Options, prove, verify};
use p3_sha256_air::Sha256Air;

/// Processor seconds of this process so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    // utime and stime are fields 14 and 15, in ticks of a hundredth of a second.
    let ticks: f64 = fields[11..13]
        .iter()
        .map(|field| field.parse::<f64>().unwrap())
        .sum();
    ticks / 100.0
}

/// The most memory that this process has had, in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1024.0
}

fn ours(size: u64, preset: &str, chain: bool) {
    let events = support::run(size);
    let public = support::public(&events);
    let start = (cpu(), std::time::Instant::now());
    let preset = avouch_stark::Preset::from_name(preset).unwrap();
    let options = Options {
        preset,
        chain,
        ..Options::default()
    };
    let proof = prove(&public, &events, options, &mut support::rng(1), |_, _| {}).unwrap();
    let (proving, wall, memory) = (cpu() - start.0, start.1.elapsed().as_secs_f64(), peak());
    let start = cpu();
    let mut times = 0;
    let mut segments = 0;
    while times < 5 && cpu() - start < 5.0 {
        segments = verify(&public, &proof).unwrap().segments;
        times += 1;
    }
    let verifying = (cpu() - start) / f64::from(times) * 1000.0;
    println!(
        "{:<16} {size:>7} events {} {segments:>4} segments {proving:>8.2} CPU-s {wall:>8.2} s {memory:>6.0} MiB {:>9} bytes, verified in {verifying:.0} CPU-ms",
        preset.name(),
        if chain { "and chain" } else { "         " },
        proof.len()
    );
}

fn peer(compressions: usize, preset: &str) {
    let trace = Sha256Air.generate_trace_rows::<Val>(compressions, 0);
    let config = config::config(
        preset::Preset::from_name(preset).unwrap(),
        Vec::new(),
        [3; 32],
    );
    let start = cpu();
    let proof = p3_uni_stark::prove(&config, &Sha256Air, trace, &[]).unwrap();
    let proving = cpu() - start;
    p3_uni_stark::verify(&config, &Sha256Air, &proof, &[]).unwrap();
    println!(
        "{compressions:>7} compressions with p3-sha256-air: {proving:.2} CPU-s {:.0} MiB",
        peak()
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let number = |at: usize| arguments.get(at).and_then(|argument| argument.parse().ok());
    match arguments.first().map(String::as_str) {
        Some("ours") => ours(number(1).unwrap(), &arguments[2], false),
        Some("chained") => ours(number(1).unwrap(), &arguments[2], true),
        Some("peer") => peer(number(1).unwrap() as usize, &arguments[2]),
        _ => {
            let asked = arguments
                .iter()
                .filter_map(|argument| argument.parse().ok());
            let asked: Vec<u64> = asked.collect();
            compare(if asked.is_empty() {
                &[18, 256, 1024]
            } else {
                &asked
            });
        }
    }
}

/// Every size under the default preset, without and with the chain, and the last of them under the
/// others too.
fn compare(sizes: &[u64]) {
    let run = |what: &str, number: u64, preset: &str| {
        let this = std::env::current_exe().unwrap();
        let arguments = [what, &number.to_string(), preset];
        let status = std::process::Command::new(this).args(arguments).status();
        assert!(status.unwrap().success());
    };
    for preset in avouch_stark::Preset::ALL {
        let all = preset == avouch_stark::Preset::default();
        for &size in if all {
            sizes
        } else {
            &sizes[sizes.len() - 1..]
        } {
            run("ours", size, preset.name());
            if all {
                run("chained", size, preset.name());
            }
            // A run's tree hashes four blocks for each event.
            let compressions = (4 * size).next_power_of_two().max(256);
            if compressions <= 4096 {
                run("peer", compressions, preset.name());
            }
        }
    }
}
