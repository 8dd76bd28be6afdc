//! Time, memory and size of folding, beside bare nova-snark folding as many compressions of SHA-256 a
//! step in the same run.
//!
//!     cargo bench -p avouch-fold --bench fold [-- EVENTS]
//!
//! Each side is a process of its own, so that its peak of memory is its own. Processor time is over all
//! threads.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::Command;
use std::time::Instant;

use avouch_fold::{BATCH, Folding, Prover};
use avouch_merkle::Digest;
use ff::Field;
use nova_snark::frontend::gadgets::{sha256::sha256_compression_function, uint32::UInt32};
use nova_snark::frontend::num::AllocatedNum;
use nova_snark::frontend::{AllocatedBit, Boolean, ConstraintSystem, SynthesisError};
use nova_snark::nova::{PublicParams, RecursiveSNARK};
use nova_snark::provider::{PallasEngine, VestaEngine};
use nova_snark::traits::Engine;
use nova_snark::traits::circuit::StepCircuit;
use nova_snark::traits::snark::default_ck_hint;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

type Scalar = <PallasEngine as Engine>::Scalar;

/// An event is hashed onto the chain in so many compressions.
const COMPRESSIONS: usize = 3 * BATCH;

/// What a line about steps begins with.
const STEP: &str = "a step, a compression";

/// Compressions of random blocks, and nothing else. Were they the same in every step, folding would be cheaper
/// than it ever is: what a step adds to a multiple of itself is nothing.
#[derive(Clone)]
struct Bare(u64);

impl StepCircuit<Scalar> for Bare {
    fn arity(&self) -> usize {
        1
    }

    fn synthesize<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        z: &[AllocatedNum<Scalar>],
    ) -> Result<Vec<AllocatedNum<Scalar>>, SynthesisError> {
        let mut random = ChaCha20Rng::seed_from_u64(self.0);
        for _ in 0..COMPRESSIONS {
            let mut bit = |cs: &mut CS| {
                let value = random.next_u32() & 1 == 1;
                let bit = AllocatedBit::alloc(cs.namespace(|| "bit"), Some(value));
                bit.map(Boolean::from)
            };
            let message: Vec<Boolean> = (0..512).map(|_| bit(cs)).collect::<Result<_, _>>()?;
            let mut state = Vec::new();
            for _ in 0..8 {
                let word: Vec<Boolean> = (0..32).map(|_| bit(cs)).collect::<Result<_, _>>()?;
                state.push(UInt32::from_bits_be(&word));
            }
            sha256_compression_function(cs.namespace(|| "sha256"), &message, &state)?;
        }
        Ok(z.to_vec())
    }
}

/// Processor seconds of this process so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after.split_whitespace().collect();
    // utime and stime are fields 14 and 15, in ticks of a hundredth of a second.
    let ticks = fields[11..13]
        .iter()
        .map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
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

/// Does something and says how long it took. Returns the processor's and the clock's seconds too.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> (T, f64, f64) {
    let (start, wall) = (cpu(), Instant::now());
    let result = work();
    let (cpu, wall) = (cpu() - start, wall.elapsed().as_secs_f64());
    println!("  {what:<44} {cpu:>8.2} CPU-s {wall:>8.2} s");
    (result, cpu, wall)
}

fn per_step(steps: usize, cpu: f64) {
    let step = cpu / steps as f64;
    let compression = 1000.0 * step / COMPRESSIONS as f64;
    println!("  {STEP} {step:>31.2} CPU-s {compression:>8.0} CPU-ms");
}

fn peer(steps: usize) {
    println!("bare nova-snark, {COMPRESSIONS} compressions a step");
    let hint = default_ck_hint();
    let (params, ..) = timed("parameters", || {
        PublicParams::<PallasEngine, VestaEngine, Bare>::setup(
            &Bare(0),
            &*hint,
            &*default_ck_hint(),
        )
        .unwrap()
    });
    let mut snark = RecursiveSNARK::new(&params, &Bare(0), &[Scalar::ZERO]).unwrap();
    // The first only counts the step that `new` took.
    snark.prove_step(&params, &Bare(0)).unwrap();
    let ((), cpu, _) = timed(&format!("{steps} steps"), || {
        for step in 1..=steps {
            snark.prove_step(&params, &Bare(step as u64)).unwrap();
        }
    });
    per_step(steps, cpu);
    println!(
        "  peak {:.0} MiB, constraints {:?}",
        peak(),
        params.num_constraints()
    );
}

/// Three runs, of as many events together.
fn ours(events: u64) {
    println!("avouch, {BATCH} events a step");
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let (prover, ..) = timed("parameters", || Prover::derive().unwrap());
    let start = Digest([1; 32]);
    let mut folding = Folding::new(start, None).unwrap();
    let mut head = start;
    for size in [events / 3, events / 3, events - 2 * (events / 3)] {
        let run = support::run(size);
        head = run.iter().fold(head, |value, event| event.chain(&value));
        let ((), cpu, wall) = timed(&format!("a run of {size} events more"), || {
            let quiet = |_, _| {};
            prover
                .fold(&mut folding, &run, head, &mut rng, quiet)
                .unwrap();
        });
        per_step((size as usize).div_ceil(BATCH), cpu);
        println!("  events {:>57.1} /s", size as f64 / wall);
    }
    let (stored, ..) = timed("keep the state", || folding.store(&prover).unwrap());
    let (folding, ..) = timed("read and verify the state", || {
        prover.restore(start, None, &stored).unwrap()
    });
    let (publisher, ..) = timed("keys", || prover.publisher().unwrap());
    let (proof, ..) = timed("compress and verify", || {
        prover.publish(&publisher, &folding, &mut rng).unwrap()
    });
    let public = folding.public();
    timed("verify", || {
        publisher.verifier().verify(&public, &proof).unwrap()
    });
    println!(
        "  state {} bytes, proof {} bytes, peak {:.0} MiB",
        stored.len(),
        proof.len(),
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
        Some("peer") => peer(10),
        Some("ours") => ours(number(1).unwrap_or(90)),
        _ => {
            let events = number(0).unwrap_or(90).to_string();
            let bare = side(&["peer"]);
            let ours = side(&["ours", &events]);
            println!("a step beside the bare one: {:.2} times", ours / bare);
        }
    }
}

/// Runs one side in a process of its own. Returns the processor seconds of its mean step.
fn side(arguments: &[&str]) -> f64 {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this).args(arguments).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    print!("{said}");
    let steps = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix(STEP));
    let steps: Vec<f64> = steps
        .map(|rest| rest.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    steps.iter().sum::<f64>() / steps.len() as f64
}
