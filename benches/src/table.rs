//! Timing contenders in turn, and printing what came out.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// One contender: its name and one round of its work.
pub(crate) type Contender<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// A contender whose result is used, as far as the compiler can tell.
pub(crate) fn contender<'a, T>(name: &'a str, mut work: impl FnMut() -> T + 'a) -> Contender<'a> {
    let work = move || {
        black_box(work());
    };
    (name, Box::new(work))
}

/// The median time of each contender over `rounds` rounds, in which all take turns. One round before
/// them warms caches up and does not count.
pub(crate) fn medians(contenders: &mut [Contender<'_>], rounds: usize) -> Vec<Duration> {
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..=rounds {
        for ((_, work), times) in contenders.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            work();
            if round > 0 {
                times.push(begun.elapsed());
            }
        }
    }
    times.into_iter().map(median).collect()
}

pub(crate) fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// A part's headline.
pub(crate) fn title(text: &str) {
    println!("\n{text}");
}

/// A figure, and its target where it has one.
pub(crate) fn row(what: &str, figure: &str, target: Option<&str>) {
    match target {
        Some(target) => println!("  {what:<52} {figure:>18}   target {target}"),
        None => println!("  {what:<52} {figure:>18}"),
    }
}

/// How many times as fast as a peer.
pub(crate) fn ratio(peer: Duration, ours: Duration) -> String {
    format!("{:.2} x", peer.as_secs_f64() / ours.as_secs_f64())
}
