//! `avouch key`

use avouch::{KeyInfo, KeyStore};
use serde_json::{Value, json};

use super::{Global, HOLDS, escrow, key_life};
use crate::args::Key;
use crate::{output, passphrase};

pub(crate) fn run(global: &Global, args: Key) -> anyhow::Result<u8> {
    let keys = KeyStore::new(global.home.join("keys"));
    match args {
        Key::New {
            name,
            key_type,
            encrypt,
        } => {
            let passphrase = global.new_passphrase(encrypt)?;
            print(&keys.generate(&name, key_type.into(), passphrase.as_ref())?)?;
        }
        Key::List(json) if json.json => {
            output::json(&keys.list()?.iter().map(key_json).collect::<Vec<_>>())?;
        }
        Key::List(_) => keys.list()?.iter().try_for_each(print)?,
        Key::Export { name } => output::line(keys.export(&name)?.trim_end())?,
        Key::Import {
            name,
            file,
            encrypt,
        } => {
            let pem = passphrase::read_secret(&file)?;
            let encrypted = pem.contains("ENCRYPTED PRIVATE KEY");
            let from = global.existing_passphrase(encrypted, &file.display().to_string())?;
            let to = match (encrypt, &from) {
                (false, _) => None,
                (true, Some(phrase)) => Some(phrase.clone()),
                (true, None) => global.new_passphrase(true)?,
            };
            print(&keys.import(&name, &pem, from.as_ref(), to.as_ref())?)?;
        }
        Key::Split(args) => return escrow::split(global, &args),
        Key::Combine(args) => return escrow::combine(global, &args),
        Key::ShareCheck(args) => return escrow::share_check(&args),
        Key::Link(args) => return key_life::link(global, &args),
        Key::Delegate(args) => return key_life::delegate(global, &args),
        Key::Rotate(args) => return key_life::rotate(global, &args),
        Key::Revoke(args) => return key_life::revoke(global, &args),
        Key::Recovery(args) => return key_life::recovery(global, &args),
        Key::Status(args) => return key_life::status(global, args.json),
    }
    Ok(HOLDS)
}

pub(super) fn print(key: &KeyInfo) -> anyhow::Result<()> {
    let encrypted = match &key.token {
        Some(uri) => format!(" ({uri})"),
        None if key.encrypted => " (encrypted)".into(),
        None => String::new(),
    };
    output::line(format!(
        "{:<12} {:<8} {}{encrypted}",
        key.name,
        key.public.algorithm(),
        key.public.id()
    ))
}

fn key_json(key: &KeyInfo) -> Value {
    json!({
        "name": key.name, "algorithm": key.public.algorithm().to_string(),
        "key_id": key.public.id().to_string(), "encrypted": key.encrypted, "token": key.token,
    })
}
