//! `avouch verify`

use std::io;

use anyhow::Context;
use avouch::verify::Options;

use super::Global;
use crate::args::Verify;

pub(crate) fn run(global: &Global, args: &Verify) -> anyhow::Result<u8> {
    let run = args
        .expect_run
        .as_deref()
        .map(str::parse)
        .transpose()
        .context("--expect-run")?;
    let root = args
        .expect_root
        .as_deref()
        .map(str::parse)
        .transpose()
        .context("--expect-root")?;
    let options = Options {
        expect_run: run,
        expect_agent: args.expect_agent.clone(),
        expect_root: root,
    };
    let state = args.state.as_ref().map(|path| avouch::SeenFile {
        path: path.clone(),
        proofs: args.consistency.clone(),
    });
    let identities = global.identities()?;
    let mut answers = avouch::verify_files_opened(
        &args.bundles,
        &args.trust,
        &options,
        state.as_ref(),
        identities.as_ref(),
    )?;
    if let Some(agent) = &args.agent {
        answers = answers.with_completeness(agent);
    }
    answers.write(
        args.output.json,
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
    )?;
    Ok(answers.exit_code())
}
