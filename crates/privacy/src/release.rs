//! Threshold release: what officers sign before an agent's runs are disclosed, and when it is enough.
//!
//! Three forms, each the payload of a statement, all canonical CBOR with a strict reader:
//! - [`ReleasePolicy`]: whose runs, which officers, how many of them. The issuer signs it; the log holds it.
//! - [`ReleaseRequest`]: exactly what shall be shown to whom until when. Each officer signs it.
//! - [`Release`]: a request with the officers' statements. The issuer signs it; the log holds it.

use avouch_cbor::{Array, Encoder, Item, Map};
use avouch_cose::{KeyId, Statement, VerifyingKey};
use avouch_merkle::Digest;
use avouch_trace::RunId;

/// Content types of the statements.
pub const POLICY_CONTENT_TYPE: &str = "application/vnd.avouch.release-policy+cbor";
/// An officer's statement.
pub const OFFICER_CONTENT_TYPE: &str = "application/vnd.avouch.release-request+cbor";
/// The combined release.
pub const RELEASE_CONTENT_TYPE: &str = "application/vnd.avouch.release+cbor";
/// Most officers of a policy.
pub const MAX_OFFICERS: usize = 64;
const MAX_NAME: usize = 1024;
const VERSION: u64 = 1;

/// Why a release, or one of its parts, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Not of its one form.
    #[error("not a {what}: {why}")]
    Form {
        /// Which of the three.
        what: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// Not a statement of the kind that is expected here.
    #[error("{whose} statement is of type {found:?}, not {expected:?}")]
    OtherKind {
        /// Whose statement.
        whose: String,
        /// Its content type.
        found: String,
        /// The one that is expected.
        expected: &'static str,
    },
    /// A statement by someone who is no officer, or not the one that it names.
    #[error("{name:?} with key {key} is no officer of the policy")]
    NotAnOfficer {
        /// The name that the statement gives.
        name: String,
        /// Its key.
        key: KeyId,
    },
    /// A signature that does not hold.
    #[error("officer {name:?}: {why}")]
    BadSignature {
        /// The officer.
        name: String,
        /// Why not.
        why: String,
    },
    /// One officer twice.
    #[error("officer {0:?} signed twice: each counts once")]
    Twice(String),
    /// A statement about another request.
    #[error("officer {0:?} signed another request")]
    OtherRequest(String),
    /// A request under another policy than the one in force.
    #[error(
        "the request was made under another release policy than the one in force: make a new request"
    )]
    OtherPolicy,
    /// A request about another run, statement or selection.
    #[error("the release is about another {0}")]
    Other(&'static str),
    /// The request's time is over.
    #[error("the release ended at {expires} s since 1970, and it is {now} now")]
    Expired {
        /// When it ended.
        expires: u64,
        /// When it was looked at.
        now: u64,
    },
    /// Too few officers.
    #[error("{found} of the {needed} officers that are needed have signed")]
    NoQuorum {
        /// How many are needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
}

/// Who must agree before an agent's runs are disclosed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasePolicy {
    /// The agent.
    pub agent: String,
    /// How many officers must sign.
    pub threshold: u8,
    /// Their names and keys, in ascending order of the names.
    pub officers: Vec<(String, VerifyingKey)>,
}

/// What officers agree to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRequest {
    /// The run.
    pub run: RunId,
    /// Its statement.
    pub statement: Digest,
    /// What is to be shown of it: [`Selection::digest`](crate::Selection::digest).
    pub selection: Digest,
    /// To whom.
    pub recipient: String,
    /// Until when, in seconds since the Unix epoch.
    pub expires: u64,
    /// The id of the policy's statement.
    pub policy: Digest,
    /// 16 random bytes, so that no request is another's.
    pub nonce: [u8; 16],
}

/// A request and those who agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The request.
    pub request: ReleaseRequest,
    /// The officers' statements.
    pub signed: Vec<Statement>,
}

impl ReleasePolicy {
    /// The subject of the policy's statement.
    pub fn subject(&self) -> String {
        format!("urn:avouch:release-policy:{}", self.agent)
    }

    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.map(4);
        out.int(1).uint(VERSION);
        out.int(2).text(&self.agent);
        out.int(3).uint(self.threshold.into());
        out.int(4).array(self.officers.len());
        for (name, key) in &self.officers {
            out.array(2).text(name).bytes(&key.to_cose_key());
        }
        out.into_vec()
    }

    /// Reads a payload, strictly.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let reader = Reader::new("release policy", bytes, 4)?;
        let agent = reader.text(2, "member 2 is no agent's name")?;
        let threshold = reader.uint(3, "member 3 is no number")?;
        let list = reader.array(4, "member 4 is no list of officers")?;
        let mut officers: Vec<(String, VerifyingKey)> = Vec::new();
        for officer in list {
            let wrong = || reader.wrong("an officer is not [name, key]");
            let pair = officer.as_array().filter(|pair| pair.len() == 2);
            let mut pair = pair.ok_or_else(wrong)?.into_iter();
            let name = pair
                .next()
                .and_then(|name| name.as_text())
                .ok_or_else(wrong)?;
            let key = pair
                .next()
                .and_then(|key| key.as_bytes())
                .ok_or_else(wrong)?;
            let read = VerifyingKey::from_cose_key(key).map_err(|_| wrong())?;
            if read.to_cose_key() != key || name.is_empty() || name.len() > MAX_NAME {
                return Err(wrong());
            }
            officers.push((name.into(), read));
        }
        let policy = Self {
            agent,
            threshold: u8::try_from(threshold)
                .map_err(|_| reader.wrong("the threshold does not fit the officers"))?,
            officers,
        };
        policy.check()?;
        Ok(policy)
    }

    /// What holds of every policy.
    ///
    /// # Errors
    /// [`ReleaseError::Form`].
    pub fn check(&self) -> Result<(), ReleaseError> {
        let wrong = |why| {
            let what = "release policy";
            Err(ReleaseError::Form { what, why })
        };
        let count = self.officers.len();
        if self.threshold == 0 || usize::from(self.threshold) > count || count > MAX_OFFICERS {
            return wrong("the threshold does not fit the officers (1 to 64)");
        }
        if self.officers.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return wrong("the officers are not in ascending order of their names, each once");
        }
        let id = |at: usize| self.officers[at].1.id();
        let twice = (0..count).any(|at| (0..at).any(|before| id(before) == id(at)));
        match twice {
            true => wrong("two officers have one key"),
            false => Ok(()),
        }
    }
}

impl ReleaseRequest {
    /// The subject of an officer's statement, and of the release's.
    pub fn subject(&self) -> String {
        format!("urn:avouch:run:{}", self.run)
    }

    /// The payload that officers sign.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.map(8);
        out.int(1).uint(VERSION);
        out.int(2).bytes(&self.run.0);
        out.int(3).bytes(&self.statement.0);
        out.int(4).bytes(&self.selection.0);
        out.int(5).text(&self.recipient);
        out.int(6).uint(self.expires);
        out.int(7).bytes(&self.policy.0);
        out.int(8).bytes(&self.nonce);
        out.into_vec()
    }

    /// Reads a payload, strictly.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let reader = Reader::new("release request", bytes, 8)?;
        Ok(Self {
            run: RunId(reader.bytes(2, "member 2 is no run id")?),
            statement: Digest(reader.bytes(3, "member 3 is no statement id")?),
            selection: Digest(reader.bytes(4, "member 4 is no digest")?),
            recipient: reader.text(5, "member 5 is no recipient")?,
            expires: reader.uint(6, "member 6 is no time")?,
            policy: Digest(reader.bytes(7, "member 7 is no statement id")?),
            nonce: reader.bytes(8, "member 8 is no nonce")?,
        })
    }
}

impl Release {
    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.map(3);
        out.int(1).uint(VERSION);
        out.int(2).bytes(&self.request.encode());
        out.int(3).array(self.signed.len());
        for statement in &self.signed {
            out.bytes(statement.as_bytes());
        }
        out.into_vec()
    }

    /// Reads a payload, strictly. Who signed is not checked here: see [`Release::check`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let reader = Reader::new("release", bytes, 3)?;
        let request = reader
            .map
            .get_int(2)
            .and_then(|request| request.as_bytes())
            .ok_or_else(|| reader.wrong("member 2 is no request"))?;
        let mut signed = Vec::new();
        for statement in reader.array(3, "member 3 is no list of statements")? {
            let bytes = statement.as_bytes();
            let bytes = bytes.ok_or_else(|| reader.wrong("a statement is no byte string"))?;
            let read = Statement::parse(bytes);
            signed.push(read.map_err(|_| reader.wrong("a statement is malformed"))?);
        }
        if signed.is_empty() || signed.len() > MAX_OFFICERS {
            return Err(reader.wrong("member 3 has no statement, or too many"));
        }
        Ok(Self {
            request: ReleaseRequest::decode(request)?,
            signed,
        })
    }

    /// Whether as many officers of the policy in force as it asks for have signed this very request, and its
    /// time is not over. `policy_id` is the id of the policy's statement.
    ///
    /// # Errors
    /// Whatever is wrong first, by the officer's name.
    pub fn check(
        &self,
        policy: &ReleasePolicy,
        policy_id: &Digest,
        now: u64,
    ) -> Result<(), ReleaseError> {
        let payload = self.request.encode();
        if self.request.policy != *policy_id {
            return Err(ReleaseError::OtherPolicy);
        }
        if self.request.expires <= now {
            let expires = self.request.expires;
            return Err(ReleaseError::Expired { expires, now });
        }
        let mut agreed: Vec<&str> = Vec::new();
        for statement in &self.signed {
            let (name, key) = (statement.issuer(), statement.key_id());
            let officer = policy
                .officers
                .iter()
                .find(|(officer, known)| officer == name && known.id() == key);
            let Some((name, known)) = officer else {
                let name = name.into();
                return Err(ReleaseError::NotAnOfficer { name, key });
            };
            if statement.content_type() != OFFICER_CONTENT_TYPE {
                return Err(ReleaseError::OtherKind {
                    whose: format!("officer {name:?}'s"),
                    found: statement.content_type().into(),
                    expected: OFFICER_CONTENT_TYPE,
                });
            }
            if let Err(error) = statement.verify(known) {
                return Err(ReleaseError::BadSignature {
                    name: name.clone(),
                    why: error.to_string(),
                });
            }
            if statement.payload() != payload || statement.subject() != self.request.subject() {
                return Err(ReleaseError::OtherRequest(name.clone()));
            }
            if agreed.contains(&name.as_str()) {
                return Err(ReleaseError::Twice(name.clone()));
            }
            agreed.push(name);
        }
        let (needed, found) = (usize::from(policy.threshold), agreed.len());
        match found < needed {
            true => Err(ReleaseError::NoQuorum { needed, found }),
            false => Ok(()),
        }
    }
}

/// A map of exactly the members 1 to n, the first of which is the version.
struct Reader<'a> {
    what: &'static str,
    map: Map<'a>,
}

impl<'a> Reader<'a> {
    fn new(what: &'static str, bytes: &'a [u8], members: usize) -> Result<Self, ReleaseError> {
        let form = |why| ReleaseError::Form { what, why };
        let item = Item::parse(bytes).map_err(|_| form("not one item of canonical CBOR"))?;
        let map = item.as_map().ok_or(form("not a map"))?;
        let reader = Self { what, map };
        if reader.map.len() != members {
            return Err(form("another number of members"));
        }
        match reader.map.get_int(1).and_then(|version| version.as_u64()) {
            Some(VERSION) => Ok(reader),
            _ => Err(form("member 1 is not version 1")),
        }
    }

    fn wrong(&self, why: &'static str) -> ReleaseError {
        let what = self.what;
        ReleaseError::Form { what, why }
    }

    fn uint(&self, label: i64, why: &'static str) -> Result<u64, ReleaseError> {
        let item = self.map.get_int(label).and_then(|item| item.as_u64());
        item.ok_or_else(|| self.wrong(why))
    }

    fn bytes<const N: usize>(
        &self,
        label: i64,
        why: &'static str,
    ) -> Result<[u8; N], ReleaseError> {
        let item = self.map.get_int(label).and_then(|item| item.as_bytes());
        item.and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| self.wrong(why))
    }

    fn text(&self, label: i64, why: &'static str) -> Result<String, ReleaseError> {
        let item = self.map.get_int(label).and_then(|item| item.as_text());
        item.filter(|text| !text.is_empty() && text.len() <= MAX_NAME)
            .map(str::to_owned)
            .ok_or_else(|| self.wrong(why))
    }

    fn array(&self, label: i64, why: &'static str) -> Result<Array<'a>, ReleaseError> {
        let item = self.map.get_int(label).and_then(|item| item.as_array());
        item.ok_or_else(|| self.wrong(why))
    }
}
