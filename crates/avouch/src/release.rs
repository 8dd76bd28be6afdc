//! Threshold release in a home: whose disclosure takes officers, what they agreed to, and where the log says so.

use std::fs;
use std::path::Path;

use avouch_cbor::{Encoder, Item};
use avouch_cose::{Signer as CoseSigner, Statement};
use avouch_ledger::{LogEntry, Run};
use avouch_merkle::{Digest, LeafIndex};
use avouch_privacy::release::{
    OFFICER_CONTENT_TYPE, POLICY_CONTENT_TYPE, RELEASE_CONTENT_TYPE, Release, ReleaseError,
    ReleasePolicy, ReleaseRequest,
};

use crate::home::{Signer, now};
use crate::random::os_random;
use crate::{Error, Home, Selection, durable};

/// What a request's file begins with.
const MAGIC: &str = "avouch-release-request";
/// Far more than a request or an officer's statement needs.
const MAX_FILE: u64 = 1 << 20;

/// A request with the selection in words, so that officers see what they sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFile {
    /// What is signed.
    pub request: ReleaseRequest,
    /// What its digest is of.
    pub selection: String,
}

impl RequestFile {
    /// `["avouch-release-request", 1, request in a byte string, selection]`
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.array(4).text(MAGIC).uint(1);
        out.bytes(&self.request.encode()).text(&self.selection);
        out.into_vec()
    }

    /// Reads it, strictly; the selection is the one that the digest is of.
    ///
    /// # Errors
    /// [`Error::Release`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |why| {
            let what = "release request";
            ReleaseError::Form { what, why }
        };
        let item = Item::parse(bytes).map_err(|_| wrong("not one item of canonical CBOR"))?;
        let parts = item.as_array().filter(|parts| parts.len() == 4);
        let mut parts = parts.ok_or(wrong("not an array of 4"))?.into_iter();
        let (Some(magic), Some(version), Some(request), Some(selection)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong("not an array of 4").into());
        };
        if magic.as_text() != Some(MAGIC) || version.as_u64() != Some(1) {
            return Err(wrong("not a request of version 1").into());
        }
        let (Some(request), Some(selection)) = (request.as_bytes(), selection.as_text()) else {
            return Err(wrong("not [magic, 1, request, selection]").into());
        };
        let request = ReleaseRequest::decode(request)?;
        let read: Selection = selection.parse()?;
        if read.digest() != request.selection {
            return Err(ReleaseError::Other("selection than its words say").into());
        }
        Ok(Self {
            request,
            selection: selection.to_owned(),
        })
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::decode(&read(path)?)
    }

    /// An officer's agreement.
    ///
    /// # Errors
    /// As [`Statement::sign`].
    pub fn sign(&self, officer: &str, key: &dyn CoseSigner) -> Result<Statement, Error> {
        let (subject, payload) = (self.request.subject(), self.request.encode());
        Ok(Statement::sign(
            key,
            officer,
            &subject,
            now()?,
            OFFICER_CONTENT_TYPE,
            &payload,
        )?)
    }
}

/// Reads an officer's statement.
pub fn read_agreement(path: &Path) -> Result<Statement, Error> {
    Ok(Statement::parse(&read(path)?)?)
}

/// Writes a request's or an officer's file, which must not be there yet.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    durable::create_new(path, bytes, durable::Access::Default)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::io(path, source);
    let len = fs::metadata(path).map_err(io)?.len();
    if len > MAX_FILE {
        return Err(io(std::io::Error::other("too large for a release's file")));
    }
    fs::read(path).map_err(io)
}

impl Home {
    /// Requires officers for the disclosure of an agent's runs from now on, as a statement in the log.
    ///
    /// # Errors
    /// [`Error::Release`] for a policy that makes no sense.
    pub fn set_release_policy(
        &self,
        policy: &ReleasePolicy,
        signer: &Signer,
    ) -> Result<LeafIndex, Error> {
        policy.check()?;
        let subject = policy.subject();
        self.enter(&subject, POLICY_CONTENT_TYPE, &policy.encode(), signer)
    }

    /// The policy in force for an agent, with its statement's id: the log's last.
    pub fn release_policy(&self, agent: &str) -> Result<Option<(ReleasePolicy, Digest)>, Error> {
        let mut last = None;
        for entry in self.issuers(POLICY_CONTENT_TYPE)? {
            let policy = ReleasePolicy::decode(entry.statement.payload())?;
            if policy.agent == agent && entry.statement.subject() == policy.subject() {
                last = Some((policy, entry.statement.statement_id()));
            }
        }
        Ok(last)
    }

    /// A request to disclose a part of a sealed run.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::NoReleasePolicy`].
    pub fn release_request(
        &self,
        run: &Run,
        selection: &str,
        recipient: &str,
        expires: u64,
    ) -> Result<RequestFile, Error> {
        let read: Selection = selection.parse()?;
        let logged = self.logged(run)?;
        let agent = &run.info.agent;
        let policy = self.release_policy(agent)?;
        let (_, policy) = policy.ok_or_else(|| Error::NoReleasePolicy(agent.clone()))?;
        let request = ReleaseRequest {
            run: run.info.id,
            statement: logged.statement.statement_id(),
            selection: read.digest(),
            recipient: recipient.to_owned(),
            expires,
            policy,
            nonce: os_random()?,
        };
        let now = now()?;
        if expires <= now {
            return Err(ReleaseError::Expired { expires, now }.into());
        }
        // What cannot be read back is not handed to officers.
        ReleaseRequest::decode(&request.encode())?;
        let selection = selection.to_owned();
        Ok(RequestFile { request, selection })
    }

    /// Enters a release in the log, once enough officers have signed.
    ///
    /// # Errors
    /// [`Error::Release`] naming what is missing or wrong: nothing is entered then.
    pub fn combine_release(
        &self,
        request: &ReleaseRequest,
        signed: Vec<Statement>,
        signer: &Signer,
    ) -> Result<LeafIndex, Error> {
        let run = self.ledger.resolve(&request.run.to_string())?;
        let agent = &run.info.agent;
        let policy = self.release_policy(agent)?;
        let (policy, id) = policy.ok_or_else(|| Error::NoReleasePolicy(agent.clone()))?;
        let logged = self.ledger.statement(run.index)?;
        if logged.is_none_or(|logged| logged.statement.statement_id() != request.statement) {
            return Err(ReleaseError::Other("statement than the run's").into());
        }
        let release = Release {
            request: request.clone(),
            signed,
        };
        release.check(&policy, &id, now()?)?;
        let payload = release.encode();
        self.enter(&request.subject(), RELEASE_CONTENT_TYPE, &payload, signer)
    }

    /// Refuses to disclose what its agent's release policy does not let go.
    ///
    /// # Errors
    /// [`Error::NotReleased`].
    pub fn check_release(&self, run: &Run, selection: &Selection) -> Result<(), Error> {
        if selection.is_none() {
            return Ok(());
        }
        let agent = &run.info.agent;
        let Some((policy, id)) = self.release_policy(agent)? else {
            return Ok(());
        };
        let refused = |why: String| Error::NotReleased {
            agent: agent.clone(),
            why,
        };
        let Some(logged) = self.ledger.statement(run.index)? else {
            return Err(refused(
                "the run is not sealed yet: seal it showing nothing".into(),
            ));
        };
        let mut why = "no release of this selection is in the log".to_owned();
        let now = now()?;
        for entry in self.issuers(RELEASE_CONTENT_TYPE)? {
            let release = Release::decode(entry.statement.payload())?;
            let request = &release.request;
            if request.run != run.info.id || request.selection != selection.digest() {
                continue;
            }
            let checked = match request.statement == logged.statement.statement_id() {
                true => release.check(&policy, &id, now),
                false => Err(ReleaseError::Other("statement than the run's")),
            };
            match checked {
                Ok(()) => return Ok(()),
                Err(error) => why = error.to_string(),
            }
        }
        Err(refused(why))
    }

    fn enter(
        &self,
        subject: &str,
        content_type: &str,
        payload: &[u8],
        signer: &Signer,
    ) -> Result<LeafIndex, Error> {
        let issuer = &self.ledger.identity().issuer;
        let key = signer.issuer.as_ref();
        let statement = Statement::sign(key, issuer, subject, now()?, content_type, payload)?;
        Ok(self.ledger.enter(&statement, &signer.log)?)
    }

    /// The issuer's statements of this type, by its own keys: a delegate must not set aside what binds it. The log
    /// holds others' as well.
    fn issuers(&self, content_type: &str) -> Result<Vec<LogEntry>, Error> {
        let keys = self.ledger.issuer_keys()?;
        let mut entries = self.ledger.other_statements()?;
        entries.retain(|LogEntry { statement, .. }| {
            statement.content_type() == content_type
                && statement.issuer() == self.ledger.identity().issuer
                && keys.is_own(&statement.key_id())
                && keys.verify(statement).is_ok()
        });
        Ok(entries)
    }
}
