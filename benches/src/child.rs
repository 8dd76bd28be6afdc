//! Programs run as children: built as released, timed, and their peak memory watched.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// Builds a package's binary with the release profile, alone, as its users would, and says where it is.
pub(crate) fn build(package: &str, binary: &str) -> Result<PathBuf> {
    eprintln!("building {binary} (release)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "{package} does not build");
    // This program is target/release/deps/speed-0123...
    let this = std::env::current_exe()?;
    let folder = this
        .ancestors()
        .nth(2)
        .context("a benchmark lies in target/release/deps")?;
    let built = folder.join(binary);
    ensure!(built.is_file(), "{} was not built", built.display());
    Ok(built)
}

/// What running a program took.
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    /// Peak resident memory in bytes, where the system tells.
    pub(crate) peak: Option<u64>,
}

/// Runs a program to its end and watches its peak memory (VmHWM never falls, so the last look before the
/// end counts).
pub(crate) fn run(command: &mut Command) -> Result<Taken> {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = None;
    let status = loop {
        peak = high_water_mark(&status_file).max(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let wall = begun.elapsed();
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(Taken { wall, peak })
}

fn high_water_mark(status_file: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status_file).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// CPU time of all children that have ended so far, where the system tells (proc(5): cutime, cstime, in
/// ticks of 10 ms on every Linux in use).
pub(crate) fn cpu_of_children() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    // After the name comes field 3; cutime and cstime are fields 16 and 17.
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(13)
        .take(2)
        .map(|field| field.parse::<u64>())
        .sum::<Result<u64, _>>()
        .ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// Megabytes, or that nobody knows.
pub(crate) fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(
        || "unknown here".into(),
        |bytes| format!("{:.0} MB", bytes as f64 / 1e6),
    )
}
