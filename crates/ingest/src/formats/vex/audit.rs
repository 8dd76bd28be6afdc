//! VEX's hash chain, its Merkle root and its approvals' signatures, recomputed as VEX 1.7 computes them.
//!
//! VEX's hashes and tree nodes are those of RFC 9162: D(x) = SHA-256(0x00 || x), N(l, r) = SHA-256(0x01 || l ||
//! r), and an odd last node moves up unchanged. Its leaves are the events' hashes themselves.

use avouch_merkle::{Digest, Frontier, hash_leaf, sha256};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::vep;
use crate::error::Fault;
use crate::integrity::{Auditor, Findings, Rules, SourceKey};
use crate::object::Object;

/// What VEX protects in any form.
macro_rules! covered {
    ($($more:literal),*) => {
        &[
            "of each event: type, time to the second, sequence number, data, actor, number of approvals, evidence capsule, schema version, rationale, policy version",
            "the order of events, by 64 bits of the previous event's hash",
            "the signatures of approvals, where the signer's key is given (--source-key)",
            $($more),*
        ]
    };
}

macro_rules! not_covered {
    ($($more:literal),*) => {
        &[
            "an event's id and agent_id, and the part of its time below a second",
            "the copy of vep_blob outside of the evidence capsule",
            "who signed an approval and when: only how many approvals there are is hashed",
            "the tenant",
            "anything against whoever can rewrite the whole log: nothing but some approvals is signed",
            $($more),*
        ]
    };
}

/// Exports.
pub(super) const EXPORT: Rules = Rules {
    covers: covered!("in the JSON form, the end of the log, by 64 bits of an unsigned Merkle root"),
    does_not_cover: not_covered!(
        "exported_at, and verified, which is the exporter's word",
        "in the JSON lines form, the end of the log: whoever cuts it off is not noticed"
    ),
    auditor: Some(|keys| Box::new(Log::new(keys))),
};

/// The store.
pub(super) const STORE: Rules = Rules {
    covers: covered!(
        "the end of the log and its order, by the unhashed rows chain and chain_state"
    ),
    does_not_cover: not_covered!(
        "every row that is not an event: agents, receipts, capsules, escalations"
    ),
    auditor: Some(|keys| Box::new(super::store::StoreAudit::new(keys))),
};

/// What the checks need of an event.
#[derive(Deserialize)]
struct Event {
    id: String,
    event_type: String,
    timestamp: String,
    data: Value,
    hash: [u8; 32],
    previous_hash: Option<[u8; 32]>,
    sequence_number: u64,
    actor: Value,
    rationale: Option<Value>,
    policy_version: Option<Value>,
    data_provenance_hash: Option<Value>,
    #[serde(default)]
    human_review_required: bool,
    #[serde(default)]
    approval_signatures: Vec<Object<Approval>>,
    evidence_capsule: Option<Map<String, Value>>,
    schema_version: String,
}

#[derive(Deserialize)]
struct Approval {
    signer_id: String,
    signature_hex: String,
}

impl Event {
    /// What is hashed, and signed, of an event that has this many approvals.
    fn hashed(&self, approvals: usize) -> Result<Vec<u8>, Fault> {
        let mut hashed = Map::new();
        let mut put = |name: &str, value: Value| hashed.insert(name.to_owned(), value);
        put("event_type", json!(self.event_type));
        put("timestamp", json!(seconds(&self.timestamp)?));
        put("sequence_number", json!(self.sequence_number));
        put("data", self.data.clone());
        put("actor", self.actor.clone());
        put("human_review_required", json!(self.human_review_required));
        put("approval_count", json!(approvals));
        put("schema_version", json!(self.schema_version));
        let given = [
            ("rationale", &self.rationale),
            ("policy_version", &self.policy_version),
            ("data_provenance_hash", &self.data_provenance_hash),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                put(name, value.clone());
            }
        }
        if let Some(capsule) = &self.evidence_capsule {
            put("evidence_capsule", Value::Object(capsule.clone()));
        }
        canonical(&Value::Object(hashed))
    }

    /// The hash that the event should have.
    fn expected_hash(&self) -> Result<Digest, Fault> {
        let base = hash_leaf(&self.hashed(self.approval_signatures.len())?);
        let Some(previous) = self.previous_hash else {
            return Ok(base);
        };
        let linked = format!(
            "vex-chain-v1:{}:{}:{}",
            short(&base),
            short(&Digest(previous)),
            self.sequence_number
        );
        Ok(hash_leaf(linked.as_bytes()))
    }
}

/// RFC 8785 JSON.
pub(super) fn canonical(value: &Value) -> Result<Vec<u8>, Fault> {
    serde_json_canonicalizer::to_vec(value)
        .map_err(|error| Fault::malformed(format!("has no canonical JSON: {error}")))
}

/// How VEX prints a hash: its first 64 bits.
fn short(digest: &Digest) -> String {
    let mut text = digest.to_string();
    text.truncate(16);
    text
}

/// Whole seconds since the epoch, what is finer cut off.
fn seconds(text: &str) -> Result<u64, Fault> {
    Ok(super::millis(text)? / 1000)
}

/// The checks of one log, event by event.
pub(super) struct Log {
    keys: Vec<(String, VerifyingKey)>,
    leaves: Frontier,
    last: Option<Digest>,
    /// The root that the export names; `None` where it has no member for it.
    root: Option<Option<String>>,
}

impl Log {
    pub(super) fn new(keys: &[SourceKey]) -> Self {
        let usable = keys.iter().filter_map(|key| {
            let verifying = VerifyingKey::from_bytes(&key.0).ok()?;
            Some((signer_id(key), verifying))
        });
        Self {
            keys: usable.collect(),
            leaves: Frontier::new(),
            last: None,
            root: None,
        }
    }

    /// How many events there were, and the last one's hash.
    pub(super) fn end(&self) -> (u64, Option<Digest>) {
        (self.leaves.size().get(), self.last)
    }

    /// Checks the log's next event; its id.
    pub(super) fn event(&mut self, json: &str, found: &mut Findings) -> Result<String, Fault> {
        let Object(event) = serde_json::from_str::<Object<Event>>(json)?;
        let name = || format!("event {} (sequence {})", event.id, event.sequence_number);
        let expected = event.expected_hash()?;
        let hash = Digest(event.hash);
        found.check(hash == expected, name, || {
            format!("its hash is {hash}, but its contents hash to {expected}")
        });
        let previous = event.previous_hash.map(Digest);
        let print = |digest: Option<Digest>| digest.map_or("null".to_owned(), |d| d.to_string());
        found.check(previous == self.last, name, || match self.last {
            Some(_) => format!(
                "its previous_hash is {}, but the event before it has {}",
                print(previous),
                print(self.last)
            ),
            None => "it is the first here, but its previous_hash names one before it".to_owned(),
        });
        for (index, Object(approval)) in event.approval_signatures.iter().enumerate() {
            // An approval signs the event as it was before it was added.
            let signed = event.hashed(index)?;
            self.approval(approval, index, &signed, name, found);
        }
        if let Some(blob) = event
            .evidence_capsule
            .as_ref()
            .and_then(|c| c.get("vep_blob"))
        {
            match serde_json::from_value::<Vec<u8>>(blob.clone()) {
                Ok(blob) => vep::check_root(&blob, name, found),
                Err(error) => found.broke(name(), format!("vep_blob is no list of bytes: {error}")),
            }
        }
        self.leaves.push(hash);
        self.last = Some(hash);
        Ok(event.id)
    }

    fn approval(
        &self,
        approval: &Approval,
        index: usize,
        signed: &[u8],
        name: impl Fn() -> String,
        found: &mut Findings,
    ) {
        let signer = &approval.signer_id;
        let Some((_, key)) = self.keys.iter().find(|(id, _)| id == signer) else {
            found.not_checked(format!(
                "approvals by {signer}: no key with that id was given (--source-key)"
            ));
            return;
        };
        let signature =
            bytes(&approval.signature_hex).and_then(|bytes| Signature::from_slice(&bytes).ok());
        let holds = signature.is_some_and(|signature| key.verify(signed, &signature).is_ok());
        found.check(holds, name, || {
            format!("approval {index} is not signed by the key of {signer}")
        });
    }
}

/// The UUID that VEX makes of a public key: its hash's first 16 bytes.
fn signer_id(key: &SourceKey) -> String {
    let hex = sha256(&[&key.0]).to_string();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..32]
    )
}

/// Bytes from hexadecimal digits.
pub(super) fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        })
        .collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

impl Auditor for Log {
    fn outer(&mut self, members: &[(String, Vec<u8>)], _: &mut Findings) -> Result<(), Fault> {
        if let Some((_, json)) = members.iter().find(|(name, _)| name == "merkle_root") {
            self.root = Some(serde_json::from_slice(json)?);
        }
        Ok(())
    }

    fn record(&mut self, record: &str, found: &mut Findings) -> Result<(), Fault> {
        self.event(record, found).map(drop)
    }

    fn finish(&mut self, found: &mut Findings) -> Result<(), Fault> {
        let Some(root) = &self.root else {
            return Ok(());
        };
        let expected = (self.leaves.size().get() > 0).then(|| short(&self.leaves.root()));
        found.check(
            *root == expected,
            || "the log".to_owned(),
            || {
                let print = |root: &Option<String>| root.clone().unwrap_or("null".to_owned());
                format!(
                    "merkle_root is {}, but the events' hashes make {}",
                    print(root),
                    print(&expected)
                )
            },
        );
        Ok(())
    }
}
