//! VEP v3: an evidence capsule that a gate signed, in binary.
//!
//! ```text
//! "VEP" | version: u8 = 3 | aid: 32 | capsule root: 32 | nonce: u64, big-endian
//! then segments: type: u8 | length: u32, big-endian | bytes
//! ```

use avouch_merkle::{Digest, hash_leaf, hash_node};
use avouch_trace::{Decision, Flags, Kind};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::audit::canonical;
use super::event::{Intent, Witness, outcome, score};
use super::{AGENT, CURRENCY};
use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::integrity::{Auditor, Findings, Rules, SourceKey};
use crate::object::Object;
use crate::run::Run;
use crate::sink::Draft;
use crate::{strict, time};

pub(crate) const SPEC: Spec = Spec {
    name: "vep",
    agent: AGENT,
    currency: CURRENCY,
    many_runs: false,
    recognises: |peek| peek.bytes.starts_with(MAGIC) && peek.bytes.len() >= HEADER,
    shape: |_| Shape::Binary,
    importer: || Box::new(Vep),
    rules: Some(&RULES),
    database: None,
};

const RULES: Rules = Rules {
    covers: &[
        "the segments intent, authority and identity, byte for byte",
        "of the witness: its node's name and its time",
        "the gate's signature of these, where its key is given (--source-key)",
    ],
    does_not_cover: &[
        "the header: agent id and nonce",
        "the witness's receipt_hash and any further member",
        "that the capsule is about what the agent then did: it names no event",
    ],
    auditor: Some(|keys| Box::new(Check(keys.to_vec()))),
};

/// The magic, and the version that is read.
const MAGIC: &[u8] = b"VEP\x03";
const HEADER: usize = 4 + 32 + 32 + 8;

/// Types of segments.
const INTENT: u8 = 1;
const AUTHORITY: u8 = 2;
const IDENTITY: u8 = 3;
const WITNESS: u8 = 5;
const SIGNATURE: u8 = 6;
/// What each type is called.
const NAMES: [(u8, &str); 6] = [
    (INTENT, "intent"),
    (AUTHORITY, "authority"),
    (IDENTITY, "identity"),
    (WITNESS, "witness"),
    (SIGNATURE, "signature"),
    (7, "magpie_source"),
];

/// A capsule cut into its parts.
struct Capsule<'a> {
    aid: Digest,
    root: Digest,
    nonce: u64,
    segments: Vec<(u8, &'a [u8])>,
}

impl<'a> Capsule<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let header = bytes
            .get(..HEADER)
            .filter(|header| header.starts_with(MAGIC));
        let header = header.ok_or_else(|| Fault::malformed("no VEP version 3 header"))?;
        let digest = |at: usize| Digest::try_from(&header[at..at + 32]).map_err(|_| cut_off(at));
        let (aid, root) = (digest(4)?, digest(36)?);
        let nonce = header[68..]
            .iter()
            .fold(0, |nonce, byte| nonce << 8 | u64::from(*byte));
        let (mut segments, mut at) = (Vec::new(), HEADER);
        while at < bytes.len() {
            let rest = &bytes[at..];
            let [kind, a, b, c, d, rest @ ..] = rest else {
                return Err(cut_off(at));
            };
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            let value = rest.get(..length).ok_or_else(|| cut_off(at))?;
            if segments.iter().any(|(known, _)| known == kind) {
                return Err(Fault::malformed(format!(
                    "a second segment of type {kind} at byte {at}"
                )));
            }
            segments.push((*kind, value));
            at += 5 + length;
        }
        Ok(Self {
            aid,
            root,
            nonce,
            segments,
        })
    }

    fn segment(&self, kind: u8) -> Option<&'a [u8]> {
        let mut segments = self.segments.iter();
        segments
            .find(|(found, _)| *found == kind)
            .map(|(_, value)| *value)
    }

    fn required(&self, kind: u8) -> Result<&'a [u8], Fault> {
        self.segment(kind)
            .ok_or_else(|| Fault::malformed(format!("no segment {}", segment_name(kind))))
    }

    /// The root of what the capsule holds.
    fn expected_root(&self) -> Result<Digest, Fault> {
        let witness: Value = serde_json::from_slice(self.required(WITNESS)?)?;
        let member = |name: &str| {
            let value = witness.get(name).cloned();
            value.ok_or_else(|| Fault::malformed(format!("the witness has no {name}")))
        };
        let witnessed = serde_json::json!({
            "chora_node_id": member("chora_node_id")?,
            "timestamp": member("timestamp")?,
        });
        let leaf = |kind| Ok::<_, Fault>(hash_leaf(self.required(kind)?));
        Ok(hash_node(
            &hash_node(&leaf(INTENT)?, &leaf(AUTHORITY)?),
            &hash_node(&leaf(IDENTITY)?, &hash_leaf(&canonical(&witnessed)?)),
        ))
    }
}

fn cut_off(at: usize) -> Fault {
    Fault::malformed(format!("what starts at byte {at} is cut off"))
}

fn segment_name(kind: u8) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == kind);
    known.map_or_else(|| format!("segment_{kind}"), |(_, name)| (*name).to_owned())
}

/// Checks the root of a capsule that is part of `record`.
pub(super) fn check_root(bytes: &[u8], record: impl Fn() -> String, found: &mut Findings) {
    match Capsule::parse(bytes).and_then(|capsule| Ok((capsule.root, capsule.expected_root()?))) {
        Ok((root, expected)) => found.check(root == expected, record, || {
            format!("its capsule's root is {root}, but its segments make {expected}")
        }),
        Err(Fault::Malformed(reason)) => found.broke(record(), format!("its capsule: {reason}")),
        Err(_) => found.broke(record(), "its capsule cannot be read".to_owned()),
    }
}

/// Checks a capsule under these keys.
struct Check(Vec<SourceKey>);

impl Auditor for Check {
    fn record(&mut self, _: &str, _: &mut Findings) -> Result<(), Fault> {
        Err(Fault::malformed("not a capsule"))
    }

    fn binary(&mut self, input: &[u8], found: &mut Findings) -> Result<(), Fault> {
        let capsule = Capsule::parse(input)?;
        let name = || "the capsule".to_owned();
        check_root(input, name, found);
        let signature = capsule.required(SIGNATURE)?;
        let Ok(signature) = Signature::from_slice(signature) else {
            found.broke(name(), "its signature has not 64 bytes".to_owned());
            return Ok(());
        };
        if self.0.is_empty() {
            found.not_checked("the gate's signature: no key was given (--source-key)".to_owned());
            return Ok(());
        }
        // Nothing in a capsule says which key signed it.
        let signed = self.0.iter().any(|key| {
            let key = VerifyingKey::from_bytes(&key.0);
            key.is_ok_and(|key| key.verify(capsule.root.as_bytes(), &signature).is_ok())
        });
        found.check(signed, name, || {
            "its root is signed by none of the keys that were given".to_owned()
        });
        Ok(())
    }
}

struct Vep;

#[derive(Deserialize)]
struct Authority<'a> {
    capsule_id: Option<String>,
    outcome: Option<String>,
    reason_code: Option<String>,
    #[serde(borrow)]
    gate_sensors: Option<&'a RawValue>,
}

impl Importer for Vep {
    fn record(&mut self, _: &str, _: &mut Run<'_>) -> Result<(), Fault> {
        Err(Fault::malformed("not a capsule"))
    }

    fn binary(&mut self, record: &[u8], run: &mut Run<'_>) -> Result<(), Fault> {
        let capsule = Capsule::parse(record)?;
        let json = |kind| strict::object(capsule.required(kind)?);
        let Object(intent) = serde_json::from_str::<Object<Intent<'_>>>(json(INTENT)?)?;
        let Object(authority) = serde_json::from_str::<Object<Authority<'_>>>(json(AUTHORITY)?)?;
        let Object(witness) = serde_json::from_str::<Object<Witness>>(json(WITNESS)?)?;
        let halted = authority.outcome.as_deref() == Some("HALT");
        let mut draft = Draft::new(Kind::PolicyDecision)
            .flag(Flags::HALTED, halted)
            .with("aid", capsule.aid.to_string())
            .with("capsule_root", capsule.root.to_string())
            .with("nonce", capsule.nonce)
            .with_some("capsule", authority.capsule_id)
            .with_some("outcome", authority.outcome.as_deref())
            .with_some("reason", authority.reason_code)
            .with_some("gate_sensors", authority.gate_sensors);
        for (kind, value) in &capsule.segments {
            if *kind != SIGNATURE {
                draft = draft.with(
                    format!("segment/{}", segment_name(*kind)),
                    avouch_cbor::Value::Bytes(value.to_vec()),
                );
            }
        }
        draft.actor = witness.chora_node_id.map(|node| format!("gate:{node}"));
        draft.subject = intent.tool();
        draft.decision = authority.outcome.as_deref().map_or(Decision::None, outcome);
        draft.score = score(intent.confidence);
        draft.time = witness.timestamp.map_or(0, time::epoch);
        draft.cost = Some(0);
        run.emit(draft).map(drop)
    }
}
