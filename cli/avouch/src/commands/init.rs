//! `avouch init`

use avouch::{Home, InitOptions, TokenUri};

use super::{Global, HOLDS};
use crate::args::Init;
use crate::{output, passphrase};

pub(crate) fn run(global: &Global, args: &Init) -> anyhow::Result<u8> {
    let given = args.issuer_key.as_deref();
    let issuer_token: Option<TokenUri> = given
        .and_then(|given| given.to_str())
        .filter(|given| TokenUri::is_uri(given))
        .map(str::parse)
        .transpose()?;
    let issuer_pem = given
        .filter(|_| issuer_token.is_none())
        .map(passphrase::read_secret)
        .transpose()?;
    let home = Home::init(
        &global.home,
        &InitOptions {
            issuer: args.issuer.clone(),
            log_origin: args.log_origin.clone(),
            algorithm: Some(args.key_type.into()),
            issuer_pem,
            encrypt_to: args.encrypt_store.then(|| args.recipients.clone()),
            issuer_token,
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
    for recipient in home.ledger().recipients() {
        output::line(format!("encrypted to {recipient}"))?;
    }
    if args.encrypt_store && args.recipients.is_empty() && !args.encrypt {
        eprintln!(
            "avouch: the identity that opens the store lies beside it, unprotected (keys/store.age): move it \
             elsewhere and name it with --identity, or use --encrypt"
        );
    }
    eprintln!("Give trust.toml to whoever will verify, over a channel that they trust.");
    Ok(HOLDS)
}
