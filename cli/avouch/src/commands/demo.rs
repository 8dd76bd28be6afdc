//! `avouch demo`

use std::io;

use super::{FAILS, HOLDS};
use crate::args::Demo;

pub(crate) fn run(args: &Demo) -> anyhow::Result<u8> {
    let held = avouch::demo(
        &args.fixtures,
        args.keep.as_deref(),
        &mut io::stdout().lock(),
    )?;
    Ok(if held { HOLDS } else { FAILS })
}
