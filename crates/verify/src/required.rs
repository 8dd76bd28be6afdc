//! The claims that a policy requires: written out as in a claims file, or named by their digests.

use avouch_claims::{Claim, ClaimsFile};
use avouch_merkle::Digest;

use crate::policy::PolicyError;

/// One claim that must be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequiredClaim {
    /// What the policy calls it, for reports.
    pub(crate) name: Option<String>,
    pub(crate) digest: Digest,
    /// The claim, unless only its digest is known.
    pub(crate) claim: Option<Claim>,
}

/// Reads the `[[require.claim]]` entries. Refuses a claim that is there twice.
pub(crate) fn read(entries: Vec<toml::Table>) -> Result<Vec<RequiredClaim>, PolicyError> {
    let (named, written): (Vec<_>, Vec<_>) = (1..)
        .zip(entries)
        .partition(|(_, entry)| entry.contains_key("digest"));
    let mut required = named
        .into_iter()
        .map(|(number, entry)| by_digest(number, entry))
        .collect::<Result<Vec<_>, _>>()?;
    if !written.is_empty() {
        let tables = written.into_iter().map(|(_, entry)| entry).collect();
        let file = ClaimsFile::from_entries(tables)
            .map_err(|error| PolicyError::Claims(error.to_string()))?;
        for entry in file.entries {
            let claim = &file.claims.as_slice()[entry.claim];
            required.push(RequiredClaim {
                name: entry.name,
                digest: claim.digest(),
                claim: Some(claim.clone()),
            });
        }
    }
    let mut digests: Vec<_> = required.iter().map(|claim| claim.digest).collect();
    digests.sort_unstable();
    match digests.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(PolicyError::Claims(format!(
            "the claim with digest {} is there twice",
            pair[0]
        ))),
        None => Ok(required),
    }
}

/// `{ digest, ? name }`
fn by_digest(number: usize, mut entry: toml::Table) -> Result<RequiredClaim, PolicyError> {
    let wrong = |what: &str| PolicyError::Claims(format!("[[require.claim]] {number}: {what}"));
    let mut text = |key: &str| match entry.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(wrong(&format!("`{key}` must be a text, and not empty"))),
    };
    let name = text("name")?;
    let digest = text("digest")?.unwrap_or_default();
    let digest = digest
        .parse()
        .map_err(|_| wrong("a digest is 64 lower-case hexadecimal digits"))?;
    match entry.keys().next() {
        None => Ok(RequiredClaim {
            name,
            digest,
            claim: None,
        }),
        Some(key) => Err(wrong(&format!(
            "beside a digest there is only a name, and not {key:?}"
        ))),
    }
}
