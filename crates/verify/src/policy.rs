//! The trust policy: which keys a verifier accepts for what, and what it requires.

use avouch_cose::CosignerKey;
use avouch_cose::key::{KeyId, VerifyingKey};
use avouch_cose::note::NoteKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::anchors::{self, PinnedAnchor, Quorum, QuorumEntry};
use crate::proven::Proven;
use crate::report::Seal;
use crate::required::{self, RequiredClaim};

/// The only version so far.
const VERSION: i64 = 1;
/// The least security of a proof, in bits, unless the policy tells another.
const DEFAULT_SECURITY: u32 = 100;
/// The longest policy, in bytes.
pub const MAX_POLICY_LEN: usize = 1 << 20;

/// What a verifier trusts and requires. A value of this type pins at least one issuer, and no key
/// to two roles.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) logs: Vec<Log>,
    pub(crate) witnesses: Vec<CosignerKey>,
    /// Keys that do not count from a time on, pinned or not.
    pub(crate) revoked: Vec<(KeyId, Revoked)>,
    pub(crate) anchors: Vec<PinnedAnchor>,
    pub(crate) require: Require,
}

/// A key that may sign statements.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    pub(crate) name: String,
    pub(crate) key: VerifyingKey,
    pub(crate) id: KeyId,
    /// The agents that it may speak for; `None` = any.
    pub(crate) agents: Option<Vec<String>>,
    /// When the key stopped being the issuer's alone.
    pub(crate) revoked_from: Option<Revoked>,
    /// The key that may put another in this one's place.
    pub(crate) recovery: Option<VerifyingKey>,
}

/// A time from which a key does not count.
#[derive(Clone, Debug)]
pub(crate) struct Revoked {
    /// As the policy writes it.
    pub(crate) text: String,
    /// Seconds since the Unix epoch, rounded down.
    pub(crate) from: i64,
    /// The statement that says so, where it is not the policy that does.
    pub(crate) said: Option<Said>,
}

/// A revocation, and who signed it.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) by: VerifyingKey,
    pub(crate) statement: Vec<u8>,
}

/// A log, and the key that signs its checkpoints and receipts.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) key: NoteKey,
    pub(crate) id: KeyId,
}

impl Log {
    pub(crate) fn origin(&self) -> &str {
        self.key.name()
    }
}

/// What must be there, beside the signature.
#[derive(Clone, Debug)]
pub(crate) struct Require {
    pub(crate) log: bool,
    /// How many of the listed witnesses must have cosigned the checkpoint.
    pub(crate) witnesses: usize,
    /// How many of which anchors must date the statement.
    pub(crate) anchors: Quorum,
    pub(crate) disclosure: Disclosure,
    /// What the run must be shown to have kept to.
    pub(crate) claims: Vec<RequiredClaim>,
    /// The least security of a proof of them, in bits.
    security: u32,
    /// Whether such a proof must hide all else.
    hiding: bool,
}

impl Require {
    /// Whether a proof is good enough; if not, why.
    pub(crate) fn accepts(&self, proven: &Proven) -> Result<(), String> {
        if proven.security_bits < self.security {
            return Err(format!(
                "it is proven at {} bits of security only, and the policy requires {}",
                proven.security_bits, self.security
            ));
        }
        if self.hiding && !proven.hiding {
            return Err("its proof hides nothing, and the policy requires that".into());
        }
        Ok(())
    }
}

/// How much of a run must be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Disclosure {
    /// Nothing.
    #[default]
    None,
    /// Every event's header.
    Headers,
    /// Every event, every field, every blob.
    All,
}

/// Why a text is not a trust policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Longer than any policy needs to be.
    #[error("the policy is {0} bytes long, more than the 1 MiB allowed")]
    TooLong(usize),
    /// Not TOML, or not the keys and values that a policy has.
    #[error("not a trust policy: {0}")]
    Toml(String),
    /// Another version.
    #[error("policy version {0} is not known; this reads version = 1")]
    Version(i64),
    /// No issuer is pinned, so nothing could ever verify.
    #[error("the policy pins no issuer: add an [[issuer]] with its name and key")]
    NoIssuers,
    /// An empty name.
    #[error("[[issuer]] {0} has an empty name")]
    EmptyName(usize),
    /// An issuer's key is not one.
    #[error("the key of issuer {issuer:?} is not a public key in PEM or base64 DER: {reason}")]
    IssuerKey {
        /// The issuer's name.
        issuer: String,
        /// What is wrong with the key.
        reason: String,
    },
    /// An empty list of agents.
    #[error("issuer {0:?} may speak for no agent: name some in `agents`, or leave it out for any")]
    NoAgents(String),
    /// A time that is not one.
    #[error("revoked_from of issuer {issuer:?}: {text:?} is not a time like 2026-11-01T00:00:00Z")]
    RevokedFrom {
        /// The issuer's name.
        issuer: String,
        /// What stands there.
        text: String,
    },
    /// An issuer's recovery key is not one.
    #[error(
        "the recovery key of issuer {issuer:?} is not a public key in PEM or base64 DER: {reason}"
    )]
    RecoveryKey {
        /// The issuer's name.
        issuer: String,
        /// What is wrong with the key.
        reason: String,
    },
    /// A revoked key, or the time from which it is, is none.
    #[error("[[revoked]] {number}: {reason}")]
    Revoked {
        /// Which entry, from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A log's key is not one.
    #[error("the key of log {origin:?} is not a note verifier key (origin+hash+base64): {reason}")]
    LogKey {
        /// The log's origin.
        origin: String,
        /// What is wrong with the key.
        reason: String,
    },
    /// A log's key has another name than the log.
    #[error("log {origin:?} has a key named {key:?}: a log's key bears its origin")]
    LogName {
        /// The log's origin.
        origin: String,
        /// The name in the key.
        key: String,
    },
    /// One key in two places.
    #[error("{first} and {second} have the same key: a key has one owner and one role")]
    SameKey {
        /// Where the key was first.
        first: String,
        /// Where it was again.
        second: String,
    },
    /// A witness's key is not one.
    #[error(
        "the key of witness {name:?} is not a cosigner's verifier key (name+hash+base64): {reason}"
    )]
    WitnessKey {
        /// The witness's name.
        name: String,
        /// What is wrong with the key.
        reason: String,
    },
    /// A witness's key has another name than the witness.
    #[error("witness {name:?} has a key named {key:?}: a witness's key bears its name")]
    WitnessName {
        /// The witness's name.
        name: String,
        /// The name in the key.
        key: String,
    },
    /// More witnesses are required than listed.
    #[error("[require] witnesses = {required}, but the policy lists {listed} [[witness]]")]
    TooFewWitnesses {
        /// How many are required.
        required: usize,
        /// How many there are.
        listed: usize,
    },
    /// Witnesses cosign what a log signed, but none is pinned.
    #[error("witnesses cosign the checkpoints of logs, but the policy lists no [[log]]")]
    WitnessesWithoutLog,
    /// An anchor is not one.
    #[error("[[anchor]] {anchor}: {reason}")]
    Anchor {
        /// Its name in quotes, or its number while it has none.
        anchor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Anchors date what a log signed, but none is pinned.
    #[error("anchors date the checkpoints of logs, but the policy lists no [[log]]")]
    AnchorsWithoutLog,
    /// A quorum that no evidence could meet, or that is not one.
    #[error("[require] {0}")]
    Quorum(String),
    /// A required claim is not one.
    #[error("[[require.claim]]: {0}")]
    Claims(String),
    /// Rules for proofs, but nothing that must be proven.
    #[error("[require] {0} is about proofs of claims, but no [[require.claim]] is listed")]
    NothingToProve(&'static str),
    /// A log is required, but none is pinned.
    #[error("[require] log = true, but the policy lists no [[log]] whose word would count")]
    NoLogs,
}

/// The file's form. Every key is known by name: a misspelt one must not pass as a requirement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: i64,
    #[serde(default)]
    issuer: Vec<IssuerEntry>,
    #[serde(default)]
    log: Vec<LogEntry>,
    #[serde(default)]
    witness: Vec<WitnessEntry>,
    #[serde(default)]
    revoked: Vec<RevokedEntry>,
    #[serde(default)]
    anchor: Vec<toml::Table>,
    #[serde(default)]
    require: RequireEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerEntry {
    name: String,
    key: String,
    agents: Option<Vec<String>>,
    revoked_from: Option<When>,
    recovery: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedEntry {
    key_id: String,
    from: When,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogEntry {
    origin: String,
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessEntry {
    name: String,
    key: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequireEntry {
    log: Option<bool>,
    witnesses: Option<usize>,
    anchors: Option<QuorumEntry>,
    #[serde(default)]
    disclosure: Disclosure,
    #[serde(default)]
    claim: Vec<toml::Table>,
    security: Option<u32>,
    hiding: Option<bool>,
}

/// A time: a TOML date-time, or the same in quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum When {
    Native(toml::value::Datetime),
    Text(String),
}

/// What even a policy of another version has.
#[derive(Deserialize)]
struct VersionOnly {
    version: i64,
}

impl Policy {
    /// Reads a policy, strictly: see `docs/trust-policy.md`.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_LEN {
            return Err(PolicyError::TooLong(text.len()));
        }
        let file: File = toml::from_str(text).map_err(|error| {
            // A later version may have keys of its own: then its number is what matters.
            match toml::from_str::<VersionOnly>(text) {
                Ok(VersionOnly { version }) if version != VERSION => PolicyError::Version(version),
                _ => PolicyError::Toml(error.to_string().trim_end().into()),
            }
        })?;
        if file.version != VERSION {
            return Err(PolicyError::Version(file.version));
        }
        let issuers = (1..).zip(file.issuer).map(|(n, entry)| entry.pin(n));
        let issuers = issuers.collect::<Result<Vec<_>, _>>()?;
        if issuers.is_empty() {
            return Err(PolicyError::NoIssuers);
        }
        let logs = file
            .log
            .into_iter()
            .map(LogEntry::pin)
            .collect::<Result<Vec<_>, _>>()?;
        let witnesses = file
            .witness
            .into_iter()
            .map(WitnessEntry::pin)
            .collect::<Result<Vec<_>, _>>()?;
        let revoked = (1..)
            .zip(file.revoked)
            .map(|(number, entry)| entry.read(number))
            .collect::<Result<Vec<_>, _>>()?;
        refuse_shared_keys(&issuers, &logs, &witnesses)?;
        if !witnesses.is_empty() && logs.is_empty() {
            return Err(PolicyError::WitnessesWithoutLog);
        }
        let listed = witnesses.len();
        // Who lists witnesses wants them: one is asked for unless told.
        let required = file.require.witnesses.unwrap_or(listed.min(1));
        if required > listed {
            return Err(PolicyError::TooFewWitnesses { required, listed });
        }
        let anchors = anchors::read(file.anchor)?;
        if !anchors.is_empty() && logs.is_empty() {
            return Err(PolicyError::AnchorsWithoutLog);
        }
        let quorum = anchors::quorum(file.require.anchors, &anchors)?;
        let log = file.require.log.unwrap_or(!logs.is_empty());
        if log && logs.is_empty() {
            return Err(PolicyError::NoLogs);
        }
        let claims = required::read(file.require.claim)?;
        for (member, given) in [
            ("security", file.require.security.is_some()),
            ("hiding", file.require.hiding.is_some()),
        ] {
            if given && claims.is_empty() {
                return Err(PolicyError::NothingToProve(member));
            }
        }
        let require = Require {
            log,
            witnesses: required,
            anchors: quorum,
            disclosure: file.require.disclosure,
            claims,
            security: file.require.security.unwrap_or(DEFAULT_SECURITY),
            hiding: file.require.hiding.unwrap_or(false),
        };
        Ok(Self {
            issuers,
            logs,
            witnesses,
            revoked,
            anchors,
            require,
        })
    }

    /// What the policy's anchors say of a receipt (`avouch-anchor`'s form) and the checkpoint in it.
    pub fn judge_receipt(&self, receipt: &[u8]) -> Seal {
        crate::checks::anchors::judge_alone(receipt, self)
    }

    /// The witnesses' keys, as the policy lists them.
    pub fn witnesses(&self) -> &[CosignerKey] {
        &self.witnesses
    }

    /// How many of the witnesses must have cosigned.
    pub fn required_witnesses(&self) -> usize {
        self.require.witnesses
    }

    /// The issuers' keys, each with its issuer's name, except those that the policy revokes.
    pub fn issuers(&self) -> impl Iterator<Item = (&str, &VerifyingKey)> {
        let revoked = |id: &KeyId| self.revoked.iter().any(|(revoked, _)| revoked == id);
        self.issuers
            .iter()
            .filter(move |issuer| issuer.revoked_from.is_none() && !revoked(&issuer.id))
            .map(|issuer| (issuer.name.as_str(), &issuer.key))
    }

    /// The logs' keys.
    pub fn logs(&self) -> impl Iterator<Item = &NoteKey> {
        self.logs.iter().map(|log| &log.key)
    }

    /// The pinned issuer whose key has this id.
    pub(crate) fn issuer(&self, id: &KeyId) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.id == *id)
    }

    /// The pinned key of this issuer with this id: its own, or (`true`) its recovery key.
    pub(crate) fn key_of_issuer(
        &self,
        name: &str,
        id: &KeyId,
    ) -> Option<(&Issuer, VerifyingKey, bool)> {
        self.issuers
            .iter()
            .filter(|issuer| issuer.name == name)
            .find_map(|issuer| match issuer.recovery {
                _ if issuer.id == *id => Some((issuer, issuer.key, false)),
                Some(recovery) if recovery.id() == *id => Some((issuer, recovery, true)),
                _ => None,
            })
    }

    /// Whether a listed log or witness has this key.
    pub(crate) fn is_of_log_or_witness(&self, id: &KeyId) -> bool {
        let mut witnesses = self.witnesses.iter();
        self.log(id).is_some() || witnesses.any(|witness| witness.key().id() == *id)
    }

    /// The pinned log whose key has this id.
    pub(crate) fn log(&self, id: &KeyId) -> Option<&Log> {
        self.logs.iter().find(|log| log.id == *id)
    }
}

impl IssuerEntry {
    fn pin(self, number: usize) -> Result<Issuer, PolicyError> {
        if self.name.is_empty() {
            return Err(PolicyError::EmptyName(number));
        }
        let key = match read_public_key(&self.key) {
            Ok(key) => key,
            Err(reason) => {
                return Err(PolicyError::IssuerKey {
                    issuer: self.name,
                    reason,
                });
            }
        };
        if self.agents.as_ref().is_some_and(Vec::is_empty) {
            return Err(PolicyError::NoAgents(self.name));
        }
        let revoked_from = match self.revoked_from.map(When::read).transpose() {
            Ok(revoked_from) => revoked_from,
            Err(text) => {
                return Err(PolicyError::RevokedFrom {
                    issuer: self.name,
                    text,
                });
            }
        };
        let recovery = self.recovery.as_deref().map(read_public_key).transpose();
        let recovery = match recovery {
            Ok(recovery) => recovery,
            Err(reason) => {
                return Err(PolicyError::RecoveryKey {
                    issuer: self.name,
                    reason,
                });
            }
        };
        Ok(Issuer {
            id: key.id(),
            name: self.name,
            key,
            agents: self.agents,
            revoked_from,
            recovery,
        })
    }
}

impl When {
    /// The time, or the text that is none.
    fn read(self) -> Result<Revoked, String> {
        let text = match self {
            Self::Native(time) => time.to_string(),
            Self::Text(text) => text,
        };
        match OffsetDateTime::parse(&text, &Rfc3339) {
            Ok(time) => Ok(Revoked {
                text,
                from: time.unix_timestamp(),
                said: None,
            }),
            Err(_) => Err(text),
        }
    }
}

impl RevokedEntry {
    fn read(self, number: usize) -> Result<(KeyId, Revoked), PolicyError> {
        let wrong = |reason| PolicyError::Revoked { number, reason };
        let id: KeyId = self
            .key_id
            .parse()
            .map_err(|error: avouch_cose::Error| wrong(error.to_string()))?;
        let revoked = self.from.read();
        let revoked = revoked
            .map_err(|text| wrong(format!("{text:?} is not a time like 2026-11-01T00:00:00Z")))?;
        Ok((id, revoked))
    }
}

/// SubjectPublicKeyInfo, as PEM or as base64 of its DER.
pub(crate) fn read_public_key(text: &str) -> Result<VerifyingKey, String> {
    if text.trim_start().starts_with("-----") {
        return VerifyingKey::from_pem(text).map_err(|error| error.to_string());
    }
    let der = STANDARD
        .decode(text.trim())
        .map_err(|error| error.to_string())?;
    VerifyingKey::from_der(&der).map_err(|error| error.to_string())
}

impl LogEntry {
    fn pin(self) -> Result<Log, PolicyError> {
        let key: NoteKey = match self.key.trim().parse() {
            Ok(key) => key,
            Err(error) => {
                let error: avouch_cose::Error = error;
                return Err(PolicyError::LogKey {
                    origin: self.origin,
                    reason: error.to_string(),
                });
            }
        };
        if key.name() != self.origin {
            let key = key.name().into();
            return Err(PolicyError::LogName {
                origin: self.origin,
                key,
            });
        }
        Ok(Log {
            id: key.key().id(),
            key,
        })
    }
}

impl WitnessEntry {
    fn pin(self) -> Result<CosignerKey, PolicyError> {
        let key: CosignerKey = match self.key.trim().parse() {
            Ok(key) => key,
            Err(error) => {
                let error: avouch_cose::Error = error;
                return Err(PolicyError::WitnessKey {
                    name: self.name,
                    reason: error.to_string(),
                });
            }
        };
        if key.name() != self.name {
            let key = key.name().into();
            return Err(PolicyError::WitnessName {
                name: self.name,
                key,
            });
        }
        Ok(key)
    }
}

fn refuse_shared_keys(
    issuers: &[Issuer],
    logs: &[Log],
    witnesses: &[CosignerKey],
) -> Result<(), PolicyError> {
    let owners = issuers
        .iter()
        .map(|issuer| (issuer.id, format!("issuer {:?}", issuer.name)));
    let owners = owners.chain(issuers.iter().filter_map(|issuer| {
        let recovery = issuer.recovery.as_ref()?;
        Some((
            recovery.id(),
            format!("recovery key of issuer {:?}", issuer.name),
        ))
    }));
    let owners = owners.chain(
        logs.iter()
            .map(|log| (log.id, format!("log {:?}", log.origin()))),
    );
    let owners = owners.chain(
        witnesses
            .iter()
            .map(|witness| (witness.key().id(), format!("witness {:?}", witness.name()))),
    );
    let mut seen = std::collections::BTreeMap::new();
    for (id, second) in owners {
        if let Some(first) = seen.insert(id, second.clone()) {
            return Err(PolicyError::SameKey { first, second });
        }
    }
    Ok(())
}
