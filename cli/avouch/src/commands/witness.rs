//! `avouch witness`, and `avouch log witness`

use anyhow::{Context, bail};
use avouch::cose::{CosignerKey, Note, NoteKey};
use avouch::http::Client;
use avouch_witness::{Server, State};
use serde_json::json;

use super::{ABSENT, FAILS, Global, HOLDS};
use crate::args::{AskWitnesses, Witness, WitnessServe};
use crate::output;

pub(crate) fn run(global: &Global, command: &Witness) -> anyhow::Result<u8> {
    match command {
        Witness::Serve(args) => serve(global, args),
    }
}

fn serve(global: &Global, args: &WitnessServe) -> anyhow::Result<u8> {
    let keys = avouch::KeyStore::new(global.home.join("keys"));
    let what = format!("the key {:?}", args.key);
    let secret = global.existing_passphrase(keys.info(&args.key)?.encrypted, &what)?;
    let signer = keys.open(&args.key, secret.as_ref())?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => {
            let id = signer.id().to_string();
            format!("avouch.invalid/witness/{}", &id[..16])
        }
    };
    let logs = args.logs.iter().map(|log| log.parse::<NoteKey>());
    let logs = logs.collect::<Result<Vec<_>, _>>().context("--log")?;
    let key = CosignerKey::new(&name, signer.verifying_key())?;
    if args.create_state {
        State::create(&args.state, &key)?;
    }
    let witness = avouch_witness::Witness::open(&name, signer, logs, &args.state)?;
    let server = Server::bind(args.listen, witness).context(args.listen)?;
    output::line(format!("witness {key}"))?;
    output::line(format!("listening http://{}", server.address()?))?;
    let stop = super::stop_after(args.stop_after);
    server.run(&stop, |status, remark| {
        eprintln!("avouch: {status} {}", avouch::printable(remark));
    })?;
    Ok(HOLDS)
}

pub(crate) fn ask(global: &Global, args: &AskWitnesses) -> anyhow::Result<u8> {
    let home = global.home()?;
    let trust = args.trust.clone().unwrap_or_else(|| home.trust_path());
    let mut known = avouch::read_policy(&trust)?.witnesses().to_vec();
    for witness in &args.witnesses {
        let witness: CosignerKey = witness.parse().context("--witness")?;
        if !known.contains(&witness) {
            known.push(witness);
        }
    }
    if known.is_empty() {
        bail!(
            "no witness's key is known: list them in {} as [[witness]], or give --witness VKEY",
            trust.display()
        );
    }
    let (signed, asked) = home.ask_witnesses(&args.urls, &known, &Client::default())?;
    let cosigned = Note::parse(&signed.note)?.cosigners(&known)?;
    let need = args.need.unwrap_or(args.urls.len());
    if args.json {
        let asked: Vec<_> = asked
            .iter()
            .map(|asked| match &asked.outcome {
                Ok(names) => json!({ "url": asked.url, "cosigned_by": names, "error": null }),
                Err(error) => json!({
                    "url": asked.url, "cosigned_by": [], "error": error.to_string(),
                    "alarm": asked.is_alarm(),
                }),
            })
            .collect();
        let names: Vec<_> = cosigned
            .iter()
            .map(|cosigned| json!({ "name": cosigned.by.name(), "time_s": cosigned.time }))
            .collect();
        output::json(&json!({
            "origin": signed.checkpoint.origin, "size": signed.checkpoint.size.0, "needed": need,
            "cosigned": names, "asked": asked, "note": signed.note,
        }))?;
    } else {
        for asked in &asked {
            let outcome = match &asked.outcome {
                Ok(names) => format!("cosigned by {}", names.join(", ")),
                Err(error) if asked.is_alarm() => format!("ALARM: {error}"),
                Err(error) => error.to_string(),
            };
            output::line(avouch::printable(&format!("{}: {outcome}", asked.url)))?;
        }
        output::line(format!(
            "size {}: {} of {} known witnesses have cosigned, {need} needed",
            signed.checkpoint.size,
            cosigned.len(),
            known.len()
        ))?;
    }
    Ok(if asked.iter().any(avouch::log::Asked::is_alarm) {
        FAILS
    } else if cosigned.len() < need {
        ABSENT
    } else {
        HOLDS
    })
}
