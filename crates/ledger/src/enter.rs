//! Entering statements of other kinds than those about runs.

use avouch_cose::{SigningKey, Statement};
use avouch_merkle::LeafIndex;
use avouch_trace::{MANIFEST_CONTENT_TYPE, REDACTION_CONTENT_TYPE};
use rusqlite::TransactionBehavior;

use crate::log::same_key;
use crate::register::index_of;
use crate::seal::Log;
use crate::{Error, Ledger};

impl Ledger {
    /// Enters a statement that is about something other than a run, and signs a checkpoint over it. One that
    /// is in the log already stays where it is.
    ///
    /// The log says that it was said, not that it is right: whose signature counts is for its readers to
    /// judge. One by a key of the ledger's own issuer must hold; what is said of the issuer's keys must be
    /// said by one that may, since who may seal here follows from it.
    ///
    /// # Errors
    /// [`Error::RunStatement`] for a statement about a run, which only [`Ledger::seal`] enters;
    /// [`Error::RedactionStatement`] for a redaction, which only [`Ledger::erase`] does;
    /// [`Error::WrongKey`]; [`Error::Cose`] if the issuer's signature does not hold;
    /// [`Error::NotEntered`] if the issuer's log does not let its signer say this.
    pub fn enter(&self, statement: &Statement, log_key: &SigningKey) -> Result<LeafIndex, Error> {
        let identity = self.identity();
        same_key("log", &identity.log_key, log_key)?;
        if statement.content_type() == MANIFEST_CONTENT_TYPE {
            return Err(Error::RunStatement);
        }
        let tx = self.begin(TransactionBehavior::Immediate)?;
        let id = statement.statement_id();
        if let Some(known) = index_of(&tx, &id)? {
            return Ok(known);
        }
        let mut log = Log::open(&tx, identity)?;
        if let Some(standing) = log.keys.get(&statement.key_id()) {
            statement.verify(&standing.key)?;
            if statement.content_type() == REDACTION_CONTENT_TYPE {
                return Err(Error::RedactionStatement);
            }
        }
        let at = log.leaves.next_index();
        let admitted = log.keys.admit(statement, &identity.issuer, at);
        admitted.map_err(|why| Error::NotEntered {
            subject: statement.subject().into(),
            why,
        })?;
        let log_index = log.append_other(statement)?;
        log.sign_checkpoint(log_key)?;
        tx.commit()?;
        Ok(log_index)
    }
}
