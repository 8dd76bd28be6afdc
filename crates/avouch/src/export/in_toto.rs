//! in-toto attestations (Statement v1) in DSSE envelopes, for supply-chain tools.

use std::collections::BTreeMap;

use avouch_ledger::Run;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::signed::SignedRun;
use crate::{Error, Home, Signer};

/// What the predicate is; `docs/export.md` defines it.
pub const PREDICATE_TYPE: &str = "https://github.com/avouch/avouch/predicate/agent-run/v1";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The envelope, signed by the issuer's key.
pub(super) fn envelope(
    home: &Home,
    run: &Run,
    signed: &SignedRun<'_>,
    signer: &Signer,
) -> Result<Vec<u8>, Error> {
    let (manifest, statement) = (&signed.manifest, &signed.statement);
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    signed.each(|event| {
        *kinds.entry(event.view()?.kind).or_default() += 1;
        Ok(())
    })?;
    let logged = home.logged(run)?;
    let checkpoint = home.ledger.checkpoint_for(logged.log_index)?;
    let parents: Vec<_> = manifest
        .parents
        .iter()
        .map(|parent| json!({ "run": parent.run.to_string(), "seq": parent.seq, "relation": parent.relation.name() }))
        .collect();
    let attestation = json!({
        "_type": STATEMENT_TYPE,
        // The artifact is the signed statement, byte for byte: the log's entry is its SHA-256.
        "subject": [{
            "name": format!("urn:avouch:run:{}", manifest.run),
            "digest": { "sha256": statement.entry().to_string() },
        }],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "run": manifest.run.to_string(),
            "agent": manifest.agent,
            "mode": manifest.mode.name(),
            "events": manifest.size,
            "kinds": kinds,
            "root": manifest.root.to_string(),
            "chainStart": manifest.chain_start.to_string(),
            "chainHead": manifest.chain_head.to_string(),
            "firstTimeMs": manifest.first_time,
            "lastTimeMs": manifest.last_time,
            "currency": manifest.currency,
            "source": { "format": manifest.source.format, "integrity": manifest.source.integrity },
            "parents": parents,
            "issuer": statement.issuer(),
            "issuedAt": statement.issued_at(),
            "statement": {
                "id": statement.statement_id().to_string(),
                "cose": STANDARD.encode(statement.as_bytes()),
            },
            "log": {
                "index": logged.log_index.0,
                "checkpoint": checkpoint.map(|signed| signed.note),
            },
        },
    });
    let payload = serde_json::to_vec(&attestation).map_err(Error::Json)?;
    let envelope = json!({
        "payloadType": PAYLOAD_TYPE,
        "payload": STANDARD.encode(&payload),
        "signatures": [{
            "keyid": signer.issuer.id().to_string(),
            "sig": STANDARD.encode(signer.issuer.try_sign_der(&pae(PAYLOAD_TYPE, &payload))?),
        }],
    });
    let mut bytes = serde_json::to_vec(&envelope).map_err(Error::Json)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// DSSE's pre-authentication encoding. No statement of ours begins like it: those sign CBOR.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_dsses_own_example() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
