//! Which keys may sign in this ledger: its issuer's, and those that the log's key statements made of it.
//!
//! The log's order is what counts here. Times are for those who verify: see `docs/keys.md`.

use std::collections::BTreeMap;

use avouch_cose::{Grant, KeyAct, KeyId, KeyStatement, Statement, VerifyingKey};
use avouch_merkle::LeafIndex;
use rusqlite::Connection;

use crate::log::{OTHER, entries_where, is_about_key};
use crate::{Error, Identity, Ledger, Place};

/// The keys that the log knows, with what each may do.
#[derive(Clone, Debug)]
pub struct IssuerKeys {
    keys: BTreeMap<KeyId, Standing>,
    current: VerifyingKey,
}

/// What the log says of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The key.
    pub key: VerifyingKey,
    /// What it may do; `None` for a recovery key, which signs only rotations and revocations.
    pub grant: Option<Grant>,
    /// Whether it is the issuer's own: the ledger's first, or one that came in the place of such a key.
    pub own: bool,
    /// The key that delegated to it, or in whose place it came; `None` for the ledger's first.
    pub by: Option<KeyId>,
    /// The key that came in its place.
    pub superseded_by: Option<KeyId>,
    /// From when it does not count, by the log's revocations; seconds since the Unix epoch.
    pub revoked_from: Option<u64>,
    /// Where the log says what `grant` says; `None` for the ledger's first key.
    pub since: Option<LeafIndex>,
}

impl Ledger {
    /// The issuer's keys, as the whole log leaves them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the log holds a key statement that it should have refused.
    pub fn issuer_keys(&self) -> Result<IssuerKeys, Error> {
        IssuerKeys::read(&self.conn, self.identity())
    }
}

impl IssuerKeys {
    /// The ledger's first key alone.
    pub(crate) fn first(identity: &Identity) -> Self {
        let current = identity.issuer_key;
        let standing = Standing {
            key: identity.issuer_key,
            grant: Some(Grant::root()),
            own: true,
            by: None,
            superseded_by: None,
            revoked_from: None,
            since: None,
        };
        Self {
            keys: BTreeMap::from([(current.id(), standing)]),
            current,
        }
    }

    pub(crate) fn read(conn: &Connection, identity: &Identity) -> Result<Self, Error> {
        let mut keys = Self::first(identity);
        for entry in entries_where(conn, OTHER, [])? {
            if is_about_key(&entry.statement) {
                let log_index = entry.log_index;
                let applied = keys.take_up(&entry.statement, &identity.issuer, log_index);
                applied.map_err(|why| {
                    let log_index = log_index.0;
                    Error::corrupt(Place::Statement { log_index }, why)
                })?;
            }
        }
        Ok(keys)
    }

    /// The issuer's own key of today: the first, or the last that came in its place.
    pub fn current(&self) -> &VerifyingKey {
        &self.current
    }

    /// What the log says of this key.
    pub fn get(&self, id: &KeyId) -> Option<&Standing> {
        self.keys.get(id)
    }

    /// Whether a key is, or was, the issuer's own, and neither a delegate's nor a recovery key.
    pub fn is_own(&self, id: &KeyId) -> bool {
        self.keys.get(id).is_some_and(|standing| standing.own)
    }

    /// All keys that the log knows.
    pub fn iter(&self) -> impl Iterator<Item = &Standing> {
        self.keys.values()
    }

    /// Whether a key may sign new statements; about this agent's runs, where one is given. `at` is the
    /// signer's time, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// Why not.
    pub fn may_sign(&self, id: &KeyId, agent: Option<&str>, at: u64) -> Result<(), String> {
        let standing = self.standing_at(id, at)?;
        let Some(grant) = &standing.grant else {
            return Err(format!(
                "key {id} is a recovery key: it signs only rotations and revocations"
            ));
        };
        match agent {
            Some(agent) if !grant.covers(agent) => Err(format!(
                "the delegation to key {id} does not cover agent {agent:?}"
            )),
            _ => Ok(()),
        }
    }

    /// Checks who signed a statement at this point of the log: a key that may, by the statement's own time.
    pub(crate) fn check(&self, statement: &Statement, agent: Option<&str>) -> Result<(), String> {
        self.verify(statement).map_err(|error| error.to_string())?;
        self.may_sign(&statement.key_id(), agent, statement.issued_at())
    }

    /// Checks the signature alone, by whichever key of the issuer's, at any time.
    ///
    /// # Errors
    /// [`Error::NotIssuers`], and [`Error::Cose`] if the signature does not hold.
    pub fn verify(&self, statement: &Statement) -> Result<(), Error> {
        let id = statement.key_id();
        let standing = self.keys.get(&id).ok_or(Error::NotIssuers(id))?;
        Ok(statement.verify(&standing.key)?)
    }

    fn active(&self, id: &KeyId) -> Result<&Standing, String> {
        let standing = self.keys.get(id).ok_or_else(|| unknown(id))?;
        match &standing.superseded_by {
            Some(by) => Err(format!("key {id} was rotated: key {by} is in its place")),
            None => Ok(standing),
        }
    }

    /// A key that counts at this time.
    fn standing_at(&self, id: &KeyId, at: u64) -> Result<&Standing, String> {
        let standing = self.active(id)?;
        if standing.revoked_from.is_some_and(|from| from <= at) {
            return Err(format!("key {id} is revoked"));
        }
        let until = standing.grant.as_ref().and_then(|grant| grant.until);
        if until.is_some_and(|until| until <= at) {
            return Err(format!("the delegation to key {id} has ended"));
        }
        Ok(standing)
    }

    /// Whether the log may hold this statement, which is about no run, at this place. One of a key that is
    /// none of the issuer's is held as it is: whose word it is, the log does not say.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit(
        &mut self,
        statement: &Statement,
        issuer: &str,
        at: LeafIndex,
    ) -> Result<(), String> {
        match is_about_key(statement) {
            true => self.take_up(statement, issuer, at),
            false if self.keys.contains_key(&statement.key_id()) => self.check(statement, None),
            false => Ok(()),
        }
    }

    /// Takes up the next key statement of the log.
    ///
    /// # Errors
    /// Why the log may not hold it here.
    pub(crate) fn take_up(
        &mut self,
        statement: &Statement,
        issuer: &str,
        at: LeafIndex,
    ) -> Result<(), String> {
        if statement.issuer() != issuer {
            let by = statement.issuer();
            return Err(format!(
                "it is by {by:?}, and this is the log of {issuer:?}"
            ));
        }
        let said = KeyStatement::of(statement).map_err(|error| error.to_string())?;
        self.verify(statement).map_err(|error| error.to_string())?;
        let signer = statement.key_id();
        let by = match &said.act {
            // A revoked key may still be revoked from an earlier time, also by itself.
            KeyAct::Revoke { .. } => self.active(&signer)?,
            _ => self.standing_at(&signer, statement.issued_at())?,
        }
        .clone();
        let id = said.key.id();
        let standing = |grant, own| Standing {
            key: said.key,
            grant,
            own,
            by: Some(signer),
            superseded_by: None,
            revoked_from: None,
            since: Some(at),
        };
        match &said.act {
            KeyAct::Delegate(grant) => {
                let own = by.grant.as_ref().ok_or("a recovery key cannot delegate")?;
                let grant = own
                    .delegated(grant)
                    .ok_or_else(|| format!("key {signer} may not delegate further"))?;
                self.refuse_taken(&id, &signer)?;
                self.keys.insert(id, standing(Some(grant), false));
            }
            KeyAct::Rotate => {
                let replaced = match by.grant {
                    Some(_) => signer,
                    None => self.current.id(),
                };
                if self.keys.contains_key(&id) {
                    return Err(format!("key {id} is known to the log already"));
                }
                if let Some(old) = self.keys.get_mut(&replaced) {
                    old.superseded_by = Some(id);
                    let (grant, own) = (old.grant.clone(), old.own);
                    self.keys.insert(id, standing(grant, own));
                }
                if replaced == self.current.id() {
                    self.current = said.key;
                }
            }
            KeyAct::Revoke { from } => {
                if !(signer == id
                    || signer == self.current.id()
                    || by.grant.is_none()
                    || self.is_above(&signer, &id))
                {
                    return Err(format!("key {signer} may not revoke key {id}"));
                }
                let target = self.keys.get_mut(&id).ok_or_else(|| unknown(&id))?;
                let from = target.revoked_from.map_or(*from, |was| was.min(*from));
                target.revoked_from = Some(from);
            }
            KeyAct::Recovery => {
                if signer != self.current.id() {
                    return Err("only the issuer's own key names a recovery key".into());
                }
                if self.keys.contains_key(&id) {
                    return Err(format!("key {id} is known to the log already"));
                }
                self.keys.insert(id, standing(None, false));
            }
        }
        Ok(())
    }

    /// A delegation may be renewed by who made it; no other key may be delegated to twice.
    fn refuse_taken(&self, id: &KeyId, signer: &KeyId) -> Result<(), String> {
        match self.keys.get(id) {
            None => Ok(()),
            Some(known) if known.revoked_from.is_some() => Err(format!("key {id} is revoked")),
            Some(known) if known.by == Some(*signer) && known.superseded_by.is_none() => Ok(()),
            Some(_) => Err(format!("key {id} is known to the log already")),
        }
    }

    /// Whether `id` got what it may do from `above`, directly or not.
    fn is_above(&self, above: &KeyId, id: &KeyId) -> bool {
        let mut next = self.keys.get(id).and_then(|standing| standing.by);
        // Each step leads to a key that was known before: as many steps as keys are enough.
        for _ in 0..self.keys.len() {
            match next {
                Some(by) if by == *above => return true,
                Some(by) => next = self.keys.get(&by).and_then(|standing| standing.by),
                None => return false,
            }
        }
        false
    }
}

fn unknown(id: &KeyId) -> String {
    Error::NotIssuers(*id).to_string()
}
