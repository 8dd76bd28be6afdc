//! `avouch init`

use std::fs;

use anyhow::Context;
use avouch::{Home, InitOptions};

use super::{Global, HOLDS};
use crate::args::Init;
use crate::output;

pub(crate) fn run(global: &Global, args: &Init) -> anyhow::Result<u8> {
    let issuer_pem = match &args.issuer_key {
        Some(path) => Some(fs::read_to_string(path).with_context(|| path.display().to_string())?),
        None => None,
    };
    let home = Home::init(
        &global.home,
        &InitOptions {
            issuer: args.issuer.clone(),
            log_origin: args.log_origin.clone(),
            algorithm: Some(args.key_type.into()),
            issuer_pem,
            passphrase: global.new_passphrase(args.encrypt)?,
        },
    )?;
    let identity = home.ledger().identity();
    output::line(format!("home    {}", home.dir().display()))?;
    output::line(format!("issuer  {}", avouch::printable(&identity.issuer)))?;
    output::line(format!(
        "log     {}",
        avouch::printable(&identity.log_origin)
    ))?;
    output::line(format!("trust   {}", home.trust_path().display()))?;
    eprintln!("Give trust.toml to whoever will verify, over a channel that they trust.");
    Ok(HOLDS)
}
