//! Memory depends on the longest record, not on the input. Alone in its file: it measures the
//! process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::convert::Infallible;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

use avouch_ingest::{Draft, InputId, Options, Outcome, RunInfo, Sink, ingest};

/// An input of one block, many times over, that is nowhere in memory as a whole.
struct Repeated {
    head: Vec<u8>,
    block: Vec<u8>,
    tail: Vec<u8>,
    times: u64,
    at: u64,
}

impl Repeated {
    fn len(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.times * self.block.len() as u64
    }
}

impl Read for Repeated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (head, tail_at) = (self.head.len() as u64, self.len() - self.tail.len() as u64);
        let rest = if self.at < head {
            &self.head[self.at as usize..]
        } else if self.at < tail_at {
            &self.block[((self.at - head) % self.block.len() as u64) as usize..]
        } else {
            &self.tail[(self.at - tail_at) as usize..]
        };
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Repeated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(0) => self.len(),
            other => return Err(io::Error::other(format!("{other:?}"))),
        };
        Ok(self.at)
    }
}

/// Counts events and keeps none.
#[derive(Default)]
struct Counting {
    events: u64,
}

impl Sink for Counting {
    type Error = Infallible;
    fn existing(&mut self, _: &InputId) -> Result<Option<String>, Infallible> {
        Ok(None)
    }
    fn begin(&mut self, _: &RunInfo) -> Result<(), Infallible> {
        Ok(())
    }
    fn event(&mut self, _: Draft) -> Result<(), Infallible> {
        self.events += 1;
        Ok(())
    }
    fn finish(&mut self) -> Result<String, Infallible> {
        Ok("counted".to_owned())
    }
    fn abort(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The most memory that the process ever held, in bytes; Linux only.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

fn count(mut input: Repeated, options: &Options<'_>) -> u64 {
    input.at = 0;
    let mut sink = Counting::default();
    let outcomes = ingest("long", input, options, &mut sink).unwrap();
    assert!(matches!(outcomes[..], [Outcome::Ingested { .. }]));
    sink.events
}

#[test]
fn inputs_of_256_megabytes_need_a_few() {
    let text = "x".repeat(16 << 10);
    let line = |id: usize| {
        format!(
            "{{\"type\":\"assistant\",\"sessionId\":\"s\",\"uuid\":\"{id}\",\"parentUuid\":\"{}\",\"message\":{{\"id\":\"{id}\",\"content\":\"{text}\"}}}}\n",
            id.wrapping_sub(1)
        )
    };
    let block: String = (0..64).map(line).collect();
    let times = (256 << 20) / block.len() as u64;
    let lines = Repeated {
        head: Vec::new(),
        block: block.into_bytes(),
        tail: Vec::new(),
        times,
        at: 0,
    };
    let events = count(lines, &Options::default());
    assert_eq!(events, times * 64 + 2);

    let step = format!("{{\"role\":\"user\",\"content\":\"{text}\"}},\n");
    let times = (256 << 20) / step.len() as u64;
    let document = Repeated {
        head: b"{\"environment\":\"e\",\"history\":[".to_vec(),
        block: step.into_bytes(),
        tail: b"{\"role\":\"user\",\"content\":\"last\"}],\"info\":{}}".to_vec(),
        times,
        at: 0,
    };
    let options = Options {
        format: Some(avouch_ingest::Format::SweAgent),
        ..Options::default()
    };
    assert_eq!(count(document, &options), times + 3);

    match peak() {
        // The program itself, and the first megabyte that is looked at, are in there too.
        Some(peak) => assert!(peak < 48 << 20, "{peak} bytes"),
        None => eprintln!("skipped: this system does not tell a process its peak memory"),
    }
}

/// The same for real sessions, many times over.
#[test]
#[ignore = "a measurement"]
fn speed_of_the_samples() {
    for file in ["claude-opus-4-6", "codex-gpt-5-2", "cursor-gpt-5-2"] {
        let Some(block) = common::shared(&format!("sessions/{file}.jsonl")) else {
            continue;
        };
        let block = [block.trim_ascii_end(), b"\n"].concat();
        let times = (100 << 20) / block.len() as u64;
        let bytes = block.len() as u64 * times;
        let input = Repeated {
            head: Vec::new(),
            block,
            tail: Vec::new(),
            times,
            at: 0,
        };
        let start = Instant::now();
        let events = count(input, &Options::default());
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{file}: {:.0} events/s, {:.0} MB/s",
            events as f64 / seconds,
            bytes as f64 / seconds / 1e6
        );
    }
}

/// Prints how fast small events are read and mapped: `cargo test -p avouch-ingest --test streaming
/// -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn speed_of_a_million_small_events() {
    let line = |n: usize| {
        format!(
            "{{\"kind\":\"tool-call\",\"time\":{},\"actor\":\"agent:bench\",\"subject\":\"tool:t{}\",\"cost\":{n},\"fields\":{{\"a\":{n},\"b\":\"some text\",\"c\":true,\"d\":[1,2]}}}}\n",
            1_770_744_430_000 + n,
            n % 10
        )
    };
    let block: String = (0..1000).map(line).collect();
    let bytes = block.len() * 1000;
    let input = Repeated {
        head: Vec::new(),
        block: block.into_bytes(),
        tail: Vec::new(),
        times: 1000,
        at: 0,
    };
    let start = Instant::now();
    let events = count(input, &Options::default());
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.0} events/s, {:.0} MB/s",
        events as f64 / seconds,
        bytes as f64 / seconds / 1e6
    );
}
