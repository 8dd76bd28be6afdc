//! Printing: results on standard output, progress on standard error.

use std::io::{self, ErrorKind, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Prints one JSON value, indented, on standard output.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Prints a line of a result.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{}", text.as_ref())?;
    Ok(())
}

/// Whether printing failed only because nobody reads any more.
pub(crate) fn closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(ErrorKind::BrokenPipe)
    })
}

/// A bar over bytes. It draws on a terminal only, and only on long work.
pub(crate) fn byte_bar(label: String) -> ProgressBar {
    let style = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    bar(label, style)
}

/// A bar over steps that each take long; it draws on a terminal only.
pub(crate) fn step_bar(label: String) -> ProgressBar {
    let style = "{msg} [{bar:30}] {pos}/{len} {elapsed} {eta}";
    let bar = bar(label, style);
    bar.enable_steady_tick(std::time::Duration::from_millis(500));
    bar
}

/// A counter of things done, likewise.
pub(crate) fn counter(label: String) -> ProgressBar {
    bar(label, "{spinner} {msg}: {human_pos} {elapsed}")
}

fn bar(label: String, template: &str) -> ProgressBar {
    // indicatif hides it where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template(template);
    bar.set_style(
        style
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> "),
    );
    bar.with_message(label)
}
