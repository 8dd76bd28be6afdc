//! The command line, read by hand: a handful of flags does not need a library.

use std::ffi::OsString;
use std::path::PathBuf;

use avouch_verify::Options;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Checks avouch evidence bundles against a trust policy, offline.

Usage: avouch-verify PATH... --trust FILE [options]

A PATH is a bundle, or a folder: then all files in it whose names end in .avouch are meant.

  --trust FILE          the trust policy (TOML): whose keys count, and what is required
  --expect-run ID       fail unless the evidence is about this run (32 hexadecimal digits)
  --expect-agent NAME   fail unless it is about this agent
  --expect-root HEX     fail unless it is about the run with this root (64 hexadecimal digits)
  --agent NAME          judge also whether the bundles hold all runs of this agent, up to the
                        newest statement among them; other agents' bundles may be there too
  --state FILE          remember the logs' checkpoints in this file, made when absent, and fail when a
                        log shows another history than before; both notes are then written beside it
  --consistency FILE    a consistency proof between checkpoints, as `avouch log consistency` writes
                        it; may be given more than once
  --json                print one JSON document instead of text
  -h, --help            print this
  -V, --version         print the version

Exit code: 0 verified, 1 failed, 2 unreadable input or wrong usage, 3 incomplete (nothing is
wrong, but something that the policy requires is missing). With several bundles, the first of
1, 2, 3 that applies to any of them.
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Version,
    Verify(Box<Verify>),
}

/// A verification.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verify {
    pub(crate) bundles: Vec<PathBuf>,
    pub(crate) trust: PathBuf,
    pub(crate) options: Options,
    pub(crate) agent: Option<String>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) proofs: Vec<PathBuf>,
    pub(crate) json: bool,
}

/// Reads the arguments, the program's name left out. `Err` says what is wrong with them.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut verify = Verify::default();
    let mut trust = None;
    let mut args = args.into_iter();
    let mut flags_end = false;
    while let Some(arg) = args.next() {
        // A name that is not UTF-8 can only be a file's.
        let text = arg.to_str().unwrap_or_default().to_owned();
        if flags_end || !text.starts_with('-') {
            verify.bundles.push(arg.into());
            continue;
        }
        let (flag, inline) = match text.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (text.as_str(), None),
        };
        let mut value = || {
            let value = inline.map(OsString::from).or_else(|| args.next());
            value.ok_or_else(|| format!("{flag} needs a value"))
        };
        match (flag, inline) {
            ("--trust", _) => once(flag, &mut trust, PathBuf::from(value()?))?,
            ("--expect-run", _) => {
                let run = text_of(flag, value()?)?.parse();
                let run = run.map_err(|error| format!("{flag}: {error}"))?;
                once(flag, &mut verify.options.expect_run, run)?;
            }
            ("--expect-agent", _) => {
                once(
                    flag,
                    &mut verify.options.expect_agent,
                    text_of(flag, value()?)?,
                )?;
            }
            ("--expect-root", _) => {
                let root = text_of(flag, value()?)?.parse();
                let root = root.map_err(|error| format!("{flag}: {error}"))?;
                once(flag, &mut verify.options.expect_root, root)?;
            }
            ("--agent", _) => once(flag, &mut verify.agent, text_of(flag, value()?)?)?,
            ("--state", _) => once(flag, &mut verify.state, PathBuf::from(value()?))?,
            ("--consistency", _) => verify.proofs.push(value()?.into()),
            ("--json", None) => verify.json = true,
            ("--help" | "-h", None) => return Ok(Command::Help),
            ("--version" | "-V", None) => return Ok(Command::Version),
            ("--", None) => flags_end = true,
            _ => return Err(format!("unknown option {text:?}")),
        }
    }
    if verify.bundles.is_empty() {
        return Err("no bundle is named".into());
    }
    if verify.state.is_none() && !verify.proofs.is_empty() {
        return Err("--consistency is for comparing with what --state remembers".into());
    }
    verify.trust = trust.ok_or("--trust FILE is missing: the policy that says whose keys count")?;
    Ok(Command::Verify(Box::new(verify)))
}

fn once<T>(flag: &str, slot: &mut Option<T>, value: T) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{flag} is given twice")),
    }
}

fn text_of(flag: &str, value: OsString) -> Result<String, String> {
    value
        .into_string()
        .map_err(|_| format!("{flag} needs text"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Command, String> {
        parse(args.iter().map(OsString::from))
    }

    #[test]
    fn flags_and_bundles_come_in_any_order() {
        let run = "000102030405060708090a0b0c0d0e0f";
        let root = "00".repeat(32);
        let all = [
            "a",
            "--json",
            "--trust=t",
            "b",
            "--expect-run",
            run,
            "--expect-agent",
            "x",
        ];
        let all = [
            &all[..],
            &["--agent=y", "--expect-root", &root, "--", "--c"],
        ]
        .concat();
        let Command::Verify(verify) = read(&all).unwrap() else {
            panic!("not a verification");
        };
        assert_eq!(verify.bundles, ["a", "b", "--c"].map(PathBuf::from));
        assert_eq!(verify.trust, PathBuf::from("t"));
        assert!(verify.json);
        assert_eq!(verify.agent.unwrap(), "y");
        assert_eq!(verify.options.expect_run.unwrap().to_string(), run);
        assert_eq!(verify.options.expect_agent.unwrap(), "x");
        assert_eq!(verify.options.expect_root.unwrap().to_string(), root);
    }

    #[test]
    fn wrong_usage_says_what_is_wrong() {
        for (args, reason) in [
            (&["--trust", "t"][..], "no bundle"),
            (&["a"], "--trust FILE is missing"),
            (&["a", "--trust"], "needs a value"),
            (&["a", "--trust", "t", "--trust", "t"], "given twice"),
            (&["a", "--trust", "t", "--josn"], "--josn"),
            (&["a", "--trust", "t", "--consistency", "p"], "--state"),
            (&["a", "--trust", "t", "--json=no"], "--json=no"),
            (
                &["a", "--trust", "t", "--expect-run", "7"],
                "32 lower-case hexadecimal",
            ),
            (
                &["a", "--trust", "t", "--expect-root", "7"],
                "--expect-root",
            ),
        ] {
            let error = read(args).unwrap_err();
            assert!(error.contains(reason), "{args:?}: {error}");
        }
        assert_eq!(read(&["-h"]), Ok(Command::Help));
        assert_eq!(read(&["a", "--version"]), Ok(Command::Version));
    }
}
