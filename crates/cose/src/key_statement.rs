//! Key statements: an issuer's word about its keys, entered in the log like its word about runs.
//!
//! ```text
//! { 1: 1, 2: act, 3: key, ? 4: agents, ? 5: until, ? 6: hops, ? 7: from }
//! ```
//! One form each, see `docs/format.md`. What a statement of these *means* (whether its signer may say
//! so, and when it was said) is for whoever reads the log or a bundle: [`Grant`] holds the arithmetic
//! that both share.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use avouch_cbor::{Encoder, Item, Map};

use crate::key::{Signer, VerifyingKey};
use crate::statement::MAX_NAME;
use crate::{Error, Statement};

/// The content type of a statement about a key.
pub const KEY_CONTENT_TYPE: &str = "application/vnd.avouch.key+cbor";
/// Most agents that one delegation names.
pub const MAX_AGENTS: usize = 1024;
/// Most further delegations that one may allow below it.
pub const MAX_HOPS: u8 = 8;

const VERSION: u64 = 1;

mod member {
    pub(super) const VERSION: i64 = 1;
    pub(super) const ACT: i64 = 2;
    pub(super) const KEY: i64 = 3;
    pub(super) const AGENTS: i64 = 4;
    pub(super) const UNTIL: i64 = 5;
    pub(super) const HOPS: i64 = 6;
    pub(super) const FROM: i64 = 7;
}

/// What a key may do in an issuer's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The agents that it may speak for, by exact name; `None` = any.
    pub agents: Option<Vec<String>>,
    /// From when it no longer counts, in seconds since the Unix epoch; `None` = no end.
    pub until: Option<u64>,
    /// How many delegations may follow below it.
    pub hops: u8,
}

/// What is said of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAct {
    /// It may speak in the issuer's name, within these limits and those of the signer.
    Delegate(Grant),
    /// It stands from now on where the signer stood. A recovery key says so of the issuer's own.
    Rotate,
    /// It does not count from this time on, in seconds since the Unix epoch.
    Revoke {
        /// That time.
        from: u64,
    },
    /// It may do nothing but rotate and revoke the issuer's keys.
    Recovery,
}

/// A key statement's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatement {
    /// The key that it is about.
    pub key: VerifyingKey,
    /// What is said of it.
    pub act: KeyAct,
}

impl Grant {
    /// What an issuer's own key may do.
    pub fn root() -> Self {
        Self {
            agents: None,
            until: None,
            hops: MAX_HOPS,
        }
    }

    /// Whether it covers this agent.
    pub fn covers(&self, agent: &str) -> bool {
        let Some(agents) = &self.agents else {
            return true;
        };
        agents.iter().any(|allowed| allowed == agent)
    }

    /// What a key may do that was delegated `to` by the holder of this: never more than the holder.
    /// `None` where no delegation may follow.
    pub fn delegated(&self, to: &Self) -> Option<Self> {
        let agents = match (&self.agents, &to.agents) {
            (None, agents) | (agents, None) => agents.clone(),
            (Some(own), Some(given)) => Some(
                given
                    .iter()
                    .filter(|agent| own.contains(agent))
                    .cloned()
                    .collect(),
            ),
        };
        Some(Self {
            agents,
            until: match (self.until, to.until) {
                (Some(own), Some(given)) => Some(own.min(given)),
                (own, given) => own.or(given),
            },
            hops: self.hops.checked_sub(1)?.min(to.hops),
        })
    }
}

impl KeyAct {
    /// The word used in output.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delegate(_) => "delegate",
            Self::Rotate => "rotate",
            Self::Revoke { .. } => "revoke",
            Self::Recovery => "recovery",
        }
    }

    fn number(&self) -> u64 {
        match self {
            Self::Delegate(_) => 1,
            Self::Rotate => 2,
            Self::Revoke { .. } => 3,
            Self::Recovery => 4,
        }
    }
}

impl KeyStatement {
    /// What a statement's subject must be.
    pub fn subject(&self) -> String {
        format!("urn:avouch:key:{}", self.key.id())
    }

    /// Signs it in the issuer's name.
    ///
    /// # Errors
    /// [`Error::KeyStatement`] where it could not be read back, and as [`Statement::sign`].
    pub fn sign(
        &self,
        signer: &dyn Signer,
        issuer: &str,
        issued_at: u64,
    ) -> Result<Statement, Error> {
        let payload = self.encode();
        Self::decode(&payload)?;
        Statement::sign(
            signer,
            issuer,
            &self.subject(),
            issued_at,
            KEY_CONTENT_TYPE,
            &payload,
        )
    }

    /// What a statement says of a key. Its signature is not checked here.
    ///
    /// # Errors
    /// [`Error::KeyStatement`] if it is about something else, or not in the one form.
    pub fn of(statement: &Statement) -> Result<Self, Error> {
        if statement.content_type() != KEY_CONTENT_TYPE {
            return Err(Error::KeyStatement("another content type"));
        }
        let read = Self::decode(statement.payload())?;
        if statement.subject() != read.subject() {
            return Err(Error::KeyStatement(
                "the subject is not the key that the payload is about",
            ));
        }
        Ok(read)
    }

    /// The payload: a canonical CBOR map.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        let more = match &self.act {
            KeyAct::Delegate(grant) => {
                1 + usize::from(grant.agents.is_some()) + usize::from(grant.until.is_some())
            }
            KeyAct::Revoke { .. } => 1,
            KeyAct::Rotate | KeyAct::Recovery => 0,
        };
        out.map(3 + more);
        out.int(member::VERSION).uint(VERSION);
        out.int(member::ACT).uint(self.act.number());
        out.int(member::KEY).bytes(&self.key.to_cose_key());
        match &self.act {
            KeyAct::Delegate(grant) => {
                if let Some(agents) = &grant.agents {
                    out.int(member::AGENTS).array(agents.len());
                    for agent in agents {
                        out.text(agent);
                    }
                }
                if let Some(until) = grant.until {
                    out.int(member::UNTIL).uint(until);
                }
                out.int(member::HOPS).uint(grant.hops.into());
            }
            KeyAct::Revoke { from } => {
                out.int(member::FROM).uint(*from);
            }
            KeyAct::Rotate | KeyAct::Recovery => {}
        }
        out.into_vec()
    }

    /// Reads a payload, strictly: exactly the members that the act has.
    ///
    /// # Errors
    /// [`Error::KeyStatement`] and those of keys and of canonical CBOR.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |why| Error::KeyStatement(why);
        let item = Item::parse(bytes)?;
        let map = item.as_map().ok_or(wrong("the payload is not a map"))?;
        let uint = |label: i64| map.get_int(label).and_then(|item| item.as_u64());
        if uint(member::VERSION) != Some(VERSION) {
            return Err(wrong("member 1 is not version 1"));
        }
        let key = map.get_int(member::KEY).and_then(|item| item.as_bytes());
        let key = key.ok_or(wrong("member 3 (the key) is absent or no byte string"))?;
        let read = VerifyingKey::from_cose_key(key)?;
        if read.to_cose_key() != key {
            return Err(wrong("member 3 has more than the key's required members"));
        }
        let (act, members) = match uint(member::ACT) {
            Some(1) => {
                let grant = grant(&map)?;
                let more = usize::from(grant.agents.is_some()) + usize::from(grant.until.is_some());
                (KeyAct::Delegate(grant), 4 + more)
            }
            Some(2) => (KeyAct::Rotate, 3),
            Some(3) => {
                let from = uint(member::FROM).ok_or(wrong("member 7 (from) is absent"))?;
                (KeyAct::Revoke { from }, 4)
            }
            Some(4) => (KeyAct::Recovery, 3),
            _ => return Err(wrong("member 2 (act) is not 1, 2, 3 or 4")),
        };
        if map.len() != members {
            return Err(wrong("a member that its act does not have"));
        }
        Ok(Self { key: read, act })
    }
}

fn grant(map: &Map<'_>) -> Result<Grant, Error> {
    let wrong = |why| Error::KeyStatement(why);
    let agents = map.get_int(member::AGENTS).map(agents).transpose()?;
    let until = match map.get_int(member::UNTIL) {
        None => None,
        Some(until) => Some(
            until
                .as_u64()
                .ok_or(wrong("member 5 (until) is not a time"))?,
        ),
    };
    let hops = map
        .get_int(member::HOPS)
        .and_then(|hops| hops.as_u64())
        .and_then(|hops| u8::try_from(hops).ok())
        .filter(|hops| *hops <= MAX_HOPS)
        .ok_or(wrong("member 6 (hops) is not a number from 0 to 8"))?;
    Ok(Grant {
        agents,
        until,
        hops,
    })
}

/// In ascending order, each once, so that a scope has one form.
fn agents(item: Item<'_>) -> Result<Vec<String>, Error> {
    let wrong = Error::KeyStatement(
        "member 4 (agents) is not 1 to 1024 different names in ascending order",
    );
    let Some(array) = item.as_array() else {
        return Err(wrong);
    };
    if array.is_empty() || array.len() > MAX_AGENTS {
        return Err(wrong);
    }
    let mut agents: Vec<String> = Vec::with_capacity(array.len());
    for agent in array {
        match agent.as_text() {
            Some(name)
                if !name.is_empty()
                    && name.len() <= MAX_NAME
                    && agents.last().is_none_or(|last| last.as_str() < name) =>
            {
                agents.push(name.into());
            }
            _ => return Err(wrong),
        }
    }
    Ok(agents)
}
