//! The policy's anchors: outside services whose proofs date a checkpoint, and how many of them must.

use std::collections::{BTreeMap, BTreeSet};

use avouch_anchor::evm::{self, Address, BlockHash, Evm, Registry};
use avouch_anchor::git::{self, Signers};
use avouch_anchor::opentimestamps::{self, Blocks, Header};
use avouch_anchor::rfc3161::{self, Authority, certificates_from_pem};
use avouch_anchor::{Doubt, Existed, Receipt};
use serde::Deserialize;

use crate::policy::{PolicyError, read_public_key};

/// How far off a time stamp may be unless the policy tells, in seconds.
const MAX_ACCURACY: u64 = 60;

/// An anchor that the policy lists.
#[derive(Clone, Debug)]
pub(crate) struct PinnedAnchor {
    pub(crate) name: String,
    trusted: Trusted,
}

/// What is trusted of it.
#[derive(Clone, Debug)]
enum Trusted {
    Evm(Evm),
    Git(Signers),
    Rfc3161(Authority),
    OpenTimestamps(Blocks),
}

impl PinnedAnchor {
    pub(crate) fn kind(&self) -> &'static str {
        match &self.trusted {
            Trusted::Evm(_) => evm::KIND,
            Trusted::Git(_) => git::KIND,
            Trusted::Rfc3161(_) => rfc3161::KIND,
            Trusted::OpenTimestamps(_) => opentimestamps::KIND,
        }
    }

    pub(crate) fn verify(&self, receipt: &Receipt) -> Result<Existed, Doubt> {
        match &self.trusted {
            Trusted::Evm(chain) => receipt.verify(chain),
            Trusted::Git(signers) => receipt.verify(signers),
            Trusted::Rfc3161(authority) => receipt.verify(authority),
            Trusted::OpenTimestamps(blocks) => receipt.verify(blocks),
        }
    }
}

/// How many of which anchors must date the statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quorum {
    pub(crate) needed: usize,
    /// Positions in the policy's list.
    pub(crate) among: BTreeSet<usize>,
}

/// `anchors = 2`, of all that are listed; or `anchors = "2 of: a, b, c"`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum QuorumEntry {
    Number(usize),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityEntry {
    roots: String,
    #[serde(default)]
    policies: Vec<String>,
    max_accuracy: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlocksEntry {
    block: Vec<BlockEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockEntry {
    height: u64,
    header: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryEntry {
    chain: u64,
    contract: String,
    key: String,
    block: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignersEntry {
    keys: Vec<String>,
}

/// Reads the `[[anchor]]` entries.
pub(crate) fn read(entries: Vec<toml::Table>) -> Result<Vec<PinnedAnchor>, PolicyError> {
    let mut pinned: Vec<PinnedAnchor> = Vec::new();
    let mut roots = BTreeMap::new();
    for (number, mut entry) in (1_usize..).zip(entries) {
        let mut text = |key: &str| match entry.remove(key) {
            Some(toml::Value::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(refused(
                &number.to_string(),
                format!("it has no `{key}` that is a text"),
            )),
        };
        let (name, kind) = (text("name")?, text("kind")?);
        let wrong = |reason: String| refused(&format!("{name:?}"), reason);
        if name.contains(',') || name.trim() != name {
            return Err(wrong("a name has no comma, nor spaces around it".into()));
        }
        if pinned.iter().any(|other| other.name == name) {
            return Err(wrong("the name is there twice".into()));
        }
        let trusted = match kind.as_str() {
            evm::KIND => registry(entry).map(Trusted::Evm),
            git::KIND => signers(entry).map(Trusted::Git),
            rfc3161::KIND => authority(entry).map(Trusted::Rfc3161),
            opentimestamps::KIND => blocks(entry).map(Trusted::OpenTimestamps),
            _ => Err(format!("{kind:?} is no kind of anchor that is known here")),
        };
        let trusted = trusted.map_err(wrong)?;
        // One authority or chain under two names would count twice.
        if let Trusted::Evm(one) = &trusted {
            let chain = one.registry().chain;
            let is_there = |other: &PinnedAnchor| matches!(&other.trusted, Trusted::Evm(other) if other.registry().chain == chain);
            if pinned.iter().any(is_there) {
                return Err(wrong(format!(
                    "there is one chain {chain}: list its blocks in one anchor"
                )));
            }
        } else if let Trusted::Git(one) = &trusted {
            let is_there = |other: &PinnedAnchor| matches!(&other.trusted, Trusted::Git(other) if other.keys().iter().any(|key| one.keys().contains(key)));
            if let Some(other) = pinned.iter().find(|other| is_there(other)) {
                return Err(wrong(format!("it has a key of {:?}", other.name)));
            }
        } else if let Trusted::Rfc3161(authority) = &trusted {
            for root in authority.roots() {
                if let Some(other) = roots.insert(root.clone(), name.clone()) {
                    return Err(wrong(format!("it has a root of {other:?}")));
                }
            }
        } else if pinned.iter().any(|other| other.kind() == kind) {
            return Err(wrong(format!(
                "there is one Bitcoin: list its blocks in one anchor of kind {kind:?}"
            )));
        }
        pinned.push(PinnedAnchor { name, trusted });
    }
    Ok(pinned)
}

fn registry(entry: toml::Table) -> Result<Evm, String> {
    let entry: RegistryEntry = entry
        .try_into()
        .map_err(|error: toml::de::Error| plain(&error))?;
    let contract = entry.contract.parse::<Address>();
    let registry = Registry {
        chain: entry.chain,
        contract: contract.map_err(|why| format!("contract: {why}"))?,
    };
    let key = read_public_key(&entry.key).map_err(|why| format!("key: {why}"))?;
    let mut blocks: Vec<BlockHash> = Vec::new();
    for text in &entry.block {
        let block = text.parse::<BlockHash>();
        let block = block.map_err(|why| format!("block {text:?}: {why}"))?;
        if blocks.contains(&block) {
            return Err(format!("block {text:?}: it is there twice"));
        }
        blocks.push(block);
    }
    if blocks.is_empty() {
        return Err("it has no block, so nothing could be dated by it".into());
    }
    Evm::new(registry, key, blocks).map_err(|why| why.to_string())
}

fn signers(entry: toml::Table) -> Result<Signers, String> {
    let entry: SignersEntry = entry
        .try_into()
        .map_err(|error: toml::de::Error| plain(&error))?;
    let mut keys = Vec::new();
    for text in &entry.keys {
        let key = match git::read_public_key(text) {
            Some(key) => key,
            None => read_public_key(text).map_err(|why| format!("key {text:?}: {why}"))?,
        };
        if keys.contains(&key) {
            return Err(format!("key {text:?}: it is there twice"));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err("it has no key, so nothing could be dated by it".into());
    }
    Signers::new(keys).map_err(|why| why.to_string())
}

fn authority(entry: toml::Table) -> Result<Authority, String> {
    let entry: AuthorityEntry = entry
        .try_into()
        .map_err(|error: toml::de::Error| plain(&error))?;
    let roots = certificates_from_pem(&entry.roots).map_err(|why| format!("roots: {why}"))?;
    let policies: Vec<&str> = entry.policies.iter().map(String::as_str).collect();
    Authority::new(roots, &policies, entry.max_accuracy.unwrap_or(MAX_ACCURACY))
}

fn blocks(entry: toml::Table) -> Result<Blocks, String> {
    let entry: BlocksEntry = entry
        .try_into()
        .map_err(|error: toml::de::Error| plain(&error))?;
    let mut headers = BTreeMap::new();
    for BlockEntry { height, header } in entry.block {
        let wrong = |why: String| format!("block {height}: {why}");
        let bytes =
            from_hex(&header).ok_or_else(|| wrong("its header is not hexadecimal".into()))?;
        let header = Header::new(&bytes).map_err(wrong)?;
        if headers.insert(height, header).is_some() {
            return Err(wrong("it is there twice".into()));
        }
    }
    Blocks::new(headers)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

fn plain(error: &toml::de::Error) -> String {
    error.message().into()
}

/// How many must count; one, where any is listed and nothing is said.
pub(crate) fn quorum(
    entry: Option<QuorumEntry>,
    listed: &[PinnedAnchor],
) -> Result<Quorum, PolicyError> {
    let (needed, among) = match entry {
        None => (listed.len().min(1), (0..listed.len()).collect()),
        Some(QuorumEntry::Number(needed)) => (needed, (0..listed.len()).collect()),
        Some(QuorumEntry::Text(text)) => {
            let wrong = || {
                let reason =
                    format!("anchors = {text:?} is neither a number nor like \"2 of: a, b, c\"");
                PolicyError::Quorum(reason)
            };
            let (needed, names) = text.split_once("of:").ok_or_else(wrong)?;
            let needed = needed.trim().parse().map_err(|_| wrong())?;
            let mut among = BTreeSet::new();
            for name in names.split(',').map(str::trim) {
                let at = listed.iter().position(|anchor| anchor.name == name);
                let at = at.ok_or_else(|| {
                    PolicyError::Quorum(format!(
                        "anchors = {text:?} names {name:?}, which no [[anchor]] is"
                    ))
                })?;
                if !among.insert(at) {
                    let reason = format!("anchors = {text:?} names {name:?} twice");
                    return Err(PolicyError::Quorum(reason));
                }
            }
            (needed, among)
        }
    };
    if needed > among.len() {
        return Err(PolicyError::Quorum(format!(
            "{needed} anchors are required, but {} could count",
            among.len()
        )));
    }
    Ok(Quorum { needed, among })
}

fn refused(which: &str, reason: String) -> PolicyError {
    let anchor = which.into();
    PolicyError::Anchor { anchor, reason }
}
