//! `avouch key link`, `delegate`, `rotate`, `revoke`, `recovery` and `status`

use std::fs;
use std::path::Path;

use anyhow::Context;
use avouch::cose::{Grant, KeyAct, KeyId, VerifyingKey};
use avouch::{Home, KeyStore, TokenUri};
use clap::Args;
use serde_json::{Value, json};

use super::{Global, HOLDS};
use crate::output;

#[derive(Args)]
pub(crate) struct Link {
    /// Its name here
    name: String,
    /// The key: pkcs11:token=...;object=...?module-path=... (RFC 7512), without a PIN
    uri: TokenUri,
}

/// With which key something is said of another.
#[derive(Args)]
pub(crate) struct By {
    /// The key that says so: a name, or a token's URI; the issuer's key of today when absent
    #[arg(long = "by", value_name = "NAME|URI")]
    by: Option<String>,
}

#[derive(Args)]
pub(crate) struct Delegate {
    /// The key: a name in the home, or a file with its public half (PEM)
    #[arg(value_name = "NAME|FILE")]
    key: String,
    /// An agent that it may speak for; any when absent
    #[arg(long = "agent", value_name = "NAME")]
    agents: Vec<String>,
    /// When it ends, such as 2027-01-01T00:00:00Z; never when absent
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many further delegations may follow it
    #[arg(long, value_name = "N", default_value_t = 0)]
    hops: u8,
    #[command(flatten)]
    by: By,
}

#[derive(Args)]
pub(crate) struct Rotate {
    /// The new key: a name in the home, or a file with its public half (PEM)
    #[arg(value_name = "NAME|FILE")]
    key: String,
    #[command(flatten)]
    by: By,
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// The key: a name, a file with its public half (PEM), or the id of one that the log knows
    #[arg(value_name = "NAME|FILE|ID")]
    key: String,
    /// From when it does not count, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: String,
    #[command(flatten)]
    by: By,
}

#[derive(Args)]
pub(crate) struct Recovery {
    /// The recovery key: a name in the home, or a file with its public half (PEM)
    #[arg(value_name = "NAME|FILE")]
    key: String,
}

pub(crate) fn link(global: &Global, args: &Link) -> anyhow::Result<u8> {
    let keys = KeyStore::new(global.home.join("keys"));
    super::key::print(&keys.link_token(&args.name, &args.uri)?)?;
    Ok(HOLDS)
}

pub(crate) fn delegate(global: &Global, args: &Delegate) -> anyhow::Result<u8> {
    let mut agents = args.agents.clone();
    agents.sort();
    agents.dedup();
    let grant = Grant {
        agents: (!agents.is_empty()).then_some(agents),
        until: args.until.as_deref().map(avouch::parse_time).transpose()?,
        hops: args.hops,
    };
    say(global, &args.key, KeyAct::Delegate(grant), &args.by)
}

pub(crate) fn rotate(global: &Global, args: &Rotate) -> anyhow::Result<u8> {
    say(global, &args.key, KeyAct::Rotate, &args.by)
}

pub(crate) fn revoke(global: &Global, args: &Revoke) -> anyhow::Result<u8> {
    let from = avouch::parse_time(&args.from)?;
    say(global, &args.key, KeyAct::Revoke { from }, &args.by)?;
    eprintln!(
        "That it is not in a bundle proves nothing: tell verifiers to put it into their trust policies."
    );
    Ok(HOLDS)
}

pub(crate) fn recovery(global: &Global, args: &Recovery) -> anyhow::Result<u8> {
    say(global, &args.key, KeyAct::Recovery, &By { by: None })?;
    eprintln!(
        "Verifiers believe it once their trust policy names it: recovery = \"...\" beside the issuer's key."
    );
    Ok(HOLDS)
}

fn say(global: &Global, key: &str, act: KeyAct, by: &By) -> anyhow::Result<u8> {
    let home = global.home()?;
    let about = find(&home, key)?;
    let passphrase = global.passphrase_for(&home, by.by.as_deref())?;
    let signer = home.signer_with(by.by.as_deref(), passphrase.as_ref())?;
    let act_name = act.name();
    let index = home.say_of_key(about, act, &signer)?;
    output::line(format!(
        "log #{index}: {act_name} {}, signed by {}",
        about.id(),
        signer.key_id()
    ))?;
    Ok(HOLDS)
}

/// A key by its name in the home, its public half in a file, or its id.
fn find(home: &Home, key: &str) -> anyhow::Result<VerifyingKey> {
    if let Ok(id) = key.parse::<KeyId>()
        && let Some(standing) = home.issuer_keys()?.get(&id)
    {
        return Ok(standing.key);
    }
    if Path::new(key).is_file() {
        let pem = fs::read_to_string(key).with_context(|| key.to_owned())?;
        return VerifyingKey::from_pem(&pem).with_context(|| key.to_owned());
    }
    Ok(home.keys().info(key)?.public)
}

pub(crate) fn status(global: &Global, as_json: bool) -> anyhow::Result<u8> {
    let home = global.home()?;
    let (keys, kept) = (home.issuer_keys()?, home.keys().list()?);
    let name = |id: &KeyId| {
        let found = kept.iter().find(|key| key.public.id() == *id);
        found.map(|key| key.name.clone())
    };
    let mut all: Vec<Value> = Vec::new();
    for standing in keys.iter() {
        let id = standing.key.id();
        let time = |seconds: u64| avouch::time_text(seconds.saturating_mul(1000));
        let grant = standing.grant.as_ref();
        let role = match (&standing.superseded_by, grant) {
            (Some(_), _) => "superseded",
            (None, None) => "recovery",
            (None, Some(_)) if standing.key == *keys.current() => "issuer",
            (None, Some(_)) => "delegate",
        };
        let value = json!({
            "key_id": id.to_string(), "name": name(&id), "role": role,
            "algorithm": standing.key.algorithm().to_string(),
            "agents": grant.and_then(|grant| grant.agents.clone()),
            "until": grant.and_then(|grant| grant.until).map(time),
            "hops": grant.map(|grant| grant.hops),
            "by": standing.by.map(|by| by.to_string()),
            "superseded_by": standing.superseded_by.map(|by| by.to_string()),
            "revoked_from": standing.revoked_from.map(time),
            "log_index": standing.since.map(|index| index.0),
        });
        if as_json {
            all.push(value);
            continue;
        }
        let mut line = format!(
            "{id}  {:<12} {role:<10}",
            name(&id).unwrap_or_else(|| "-".into())
        );
        if let Some(grant) = grant {
            let agents = grant.agents.as_ref().map(|agents| agents.join(", "));
            line += &format!(" {}", agents.unwrap_or_else(|| "any agent".into()));
            line += &grant
                .until
                .map_or(String::new(), |until| format!(", until {}", time(until)));
            line += &format!(", {} hops", grant.hops);
        }
        if let Some(from) = standing.revoked_from {
            line += &format!(", REVOKED from {}", time(from));
        }
        output::line(avouch::printable(&line))?;
    }
    if as_json {
        output::json(&all)?;
    }
    Ok(HOLDS)
}
