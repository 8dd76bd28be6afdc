//! The life of an issuer's keys: what is said of them in the log, and what a bundle shows of it.

use avouch_bundle::{KeyEvidence, KeyLink, MAX_LINKS, MAX_OTHERS};
use avouch_cose::{KeyAct, KeyId, KeyStatement, VerifyingKey};
use avouch_ledger::IssuerKeys;
use avouch_merkle::LeafIndex;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::home::{Signer, now};
use crate::{Error, Home};

/// Reads a time such as 2026-11-01T00:00:00Z, as seconds since the Unix epoch.
pub fn parse_time(text: &str) -> Result<u64, Error> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok();
    time.and_then(|time| u64::try_from(time.unix_timestamp()).ok())
        .ok_or_else(|| Error::Time(text.to_owned()))
}

impl Home {
    /// The issuer's keys, as the log leaves them.
    pub fn issuer_keys(&self) -> Result<IssuerKeys, Error> {
        Ok(self.ledger.issuer_keys()?)
    }

    /// Signs a statement about a key and enters it in the log.
    ///
    /// # Errors
    /// [`Error::Ledger`] if what the log holds does not let `signer` say so: nothing is entered then.
    pub fn say_of_key(
        &self,
        key: VerifyingKey,
        act: KeyAct,
        signer: &Signer,
    ) -> Result<LeafIndex, Error> {
        let issuer = &self.ledger.identity().issuer;
        let said = KeyStatement { key, act };
        let statement = said.sign(signer.issuer.as_ref(), issuer, now()?)?;
        Ok(self.ledger.enter(&statement, &signer.log)?)
    }

    /// What a bundle must show for the statements of these keys to verify under the ledger's first key (or its
    /// recovery key): the chain that leads to the first, which signed the run, the revocations of the keys on its
    /// way, and the rotations that led to who revoked them and to the others.
    pub(crate) fn key_evidence(
        &self,
        signed_by: &[KeyId],
        signer: &Signer,
    ) -> Result<Option<KeyEvidence>, Error> {
        let keys = self.ledger.issuer_keys()?;
        let mut on_the_way: Vec<KeyId> = signed_by.iter().take(1).copied().collect();
        let mut chain = Vec::new();
        let mut next = on_the_way.first().and_then(|id| keys.get(id));
        while let Some((standing, since)) = next.and_then(|next| Some((next, next.since?))) {
            chain.extend(self.link(since, signer)?);
            next = standing.by.and_then(|by| keys.get(&by));
            on_the_way.extend(standing.by);
            // The policy pins a recovery key itself; what the log says of it leads nowhere.
            next = next.filter(|next| next.grant.is_some());
        }
        // Where there are too many, policies have to pin a later key.
        chain.truncate(MAX_LINKS);
        chain.reverse();
        let others = self.beside_chain(&keys, &on_the_way, signed_by, &chain)?;
        let some = !chain.is_empty() || !others.is_empty();
        Ok(some.then_some(KeyEvidence { chain, others }))
    }

    /// The revocations of the keys on the way, of each the earliest, and the rotations of the issuer's own key
    /// where they are needed, in the log's order.
    fn beside_chain(
        &self,
        keys: &IssuerKeys,
        on_the_way: &[KeyId],
        signed_by: &[KeyId],
        chain: &[KeyLink],
    ) -> Result<Vec<Vec<u8>>, Error> {
        let first = self.ledger.identity().issuer_key.id();
        let known = |id: &KeyId| *id == first || on_the_way.contains(id);
        let mut needed = !signed_by.iter().all(known);
        let mut revoked = Vec::new();
        let mut others = Vec::new();
        for entry in self.ledger.other_statements()? {
            let Ok(said) = KeyStatement::of(&entry.statement) else {
                continue;
            };
            let (by, about) = (entry.statement.key_id(), said.key.id());
            let rotates = match said.act {
                KeyAct::Revoke { from } => {
                    let standing = keys.get(&about);
                    let earliest = standing.is_some_and(|key| key.revoked_from == Some(from));
                    if !earliest || !on_the_way.contains(&about) || revoked.contains(&about) {
                        continue;
                    }
                    revoked.push(about);
                    needed |= !known(&by);
                    false
                }
                KeyAct::Rotate if keys.is_own(&about) => {
                    let in_chain = |link: &KeyLink| link.statement == entry.statement.as_bytes();
                    if chain.iter().any(in_chain) {
                        continue;
                    }
                    true
                }
                _ => continue,
            };
            others.push((rotates, entry.statement.as_bytes().to_vec()));
        }
        others.retain(|(rotates, _)| needed || !rotates);
        // Where there are too many rotations, policies have to pin a later key.
        let mut excess = others.len().saturating_sub(MAX_OTHERS);
        others.retain(|(rotates, _)| {
            let dropped = *rotates && excess > 0;
            excess -= usize::from(dropped);
            !dropped
        });
        Ok(others.into_iter().map(|(_, statement)| statement).collect())
    }

    /// A key statement with its receipt, under the checkpoint that dates it best.
    fn link(&self, at: LeafIndex, signer: &Signer) -> Result<Option<KeyLink>, Error> {
        let Some(entry) = self.ledger.statement_at(at)? else {
            return Ok(None);
        };
        let checkpoint = self.ledger.checkpoint_for(at)?.ok_or(Error::EmptyLog)?;
        let receipt = self.ledger.receipt_under(&checkpoint, at, &signer.log)?;
        let receipt = receipt.ok_or(Error::EmptyLog)?;
        Ok(Some(KeyLink {
            statement: entry.statement.as_bytes().to_vec(),
            logged: Some((receipt.as_bytes().to_vec(), checkpoint.note)),
        }))
    }

    /// The name under which the issuer's key of today is kept here.
    pub(crate) fn current_key(&self) -> Result<String, Error> {
        let id = self.ledger.issuer_keys()?.current().id();
        let found = self
            .keys()
            .list()?
            .into_iter()
            .find(|key| key.public.id() == id);
        found.map(|key| key.name).ok_or_else(|| Error::NoIssuerKey {
            id,
            dir: self.dir().to_owned(),
        })
    }
}

impl Signer {
    /// The id of the key that signs statements.
    pub fn key_id(&self) -> KeyId {
        self.issuer.id()
    }
}
