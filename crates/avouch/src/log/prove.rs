//! Proofs from our own log: that a statement is in it, and that it only grew.

use avouch_cose::{Checkpoint, ConsistencyProof, ConsistencyReceipt, Note, Receipt, TlogProof};
use avouch_ledger::{LoggedStatement, Run, SignedCheckpoint};
use avouch_merkle::{
    Digest, LeafIndex, TreeSize, hash_leaf, root_from_nodes, verify_consistency, verify_inclusion,
};

use crate::home::Signer;
use crate::{Error, Home};

/// One state of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// Its first so many entries.
    Size(TreeSize),
    /// What a checkpoint says.
    Checkpoint(Box<Note>),
}

impl Home {
    /// The log's last checkpoint, or the one that it signed at `size`.
    pub fn checkpoint(&self, size: Option<TreeSize>) -> Result<SignedCheckpoint, Error> {
        match size {
            None => self.ledger.checkpoint()?.ok_or(Error::EmptyLog),
            Some(size) => self
                .ledger
                .checkpoint_at(size)?
                .ok_or(Error::NotOurCheckpoint { size: size.0 }),
        }
    }

    /// The proof that a sealed run's statement is in the log, under the last checkpoint. With
    /// `statement`, the statement itself is its extra data, so that the file needs no other.
    pub fn log_proof(&self, run: &Run, statement: bool) -> Result<TlogProof, Error> {
        let logged = self.logged(run)?;
        let signed = self.checkpoint(None)?;
        let Checkpoint { size, root, .. } = signed.checkpoint;
        let index = logged.log_index;
        let path = self.ledger.inclusion(index, size)?;
        let leaf = hash_leaf(&logged.statement.entry().0);
        verify_inclusion(leaf, index, size, &path, &root)
            .map_err(|_| Error::DamagedLog { size: size.0 })?;
        Ok(TlogProof {
            extra: statement.then(|| logged.statement.as_bytes().to_vec()),
            index,
            path,
            checkpoint: Note::parse(&signed.note)?,
        })
    }

    /// A sealed run's receipt (RFC 9942), under the last checkpoint.
    pub fn log_receipt(&self, run: &Run, signer: &Signer) -> Result<Receipt, Error> {
        let LeafIndex(index) = self.logged(run)?.log_index;
        let receipt = self.ledger.receipt(LeafIndex(index), &signer.log)?;
        receipt.ok_or(Error::EmptyLog)
    }

    /// The proof that the log at `after` begins with the log at `before`. Where either is a checkpoint,
    /// it must be one of ours.
    ///
    /// # Errors
    /// [`Error::OtherHistory`] if a checkpoint has another root than the log: two different histories
    /// were signed.
    pub fn log_consistency(
        &self,
        before: &Point,
        after: &Point,
    ) -> Result<ConsistencyProof, Error> {
        let (before, before_root) = self.point(before)?;
        let note = match after {
            Point::Size(size) => Note::parse(&self.checkpoint(Some(*size))?.note)?,
            Point::Checkpoint(note) => (**note).clone(),
        };
        let (after, after_root) = self.point(after)?;
        let path = self.ledger.consistency(before, after)?;
        verify_consistency(before, &before_root, after, &after_root, &path)
            .map_err(|_| Error::DamagedLog { size: after.0 })?;
        Ok(ConsistencyProof {
            before,
            path,
            checkpoint: note,
        })
    }

    /// The same as a receipt, signed by the log (RFC 9942, section 5.3).
    pub fn consistency_receipt(
        &self,
        proof: &ConsistencyProof,
        signer: &Signer,
    ) -> Result<ConsistencyReceipt, Error> {
        let after = Checkpoint::parse(proof.checkpoint.text())?;
        Ok(ConsistencyReceipt::sign(
            &signer.log,
            proof.before,
            after.size,
            &proof.path,
            &after.root,
        )?)
    }

    /// Size and root of a state of our log.
    fn point(&self, point: &Point) -> Result<(TreeSize, Digest), Error> {
        let size = match point {
            Point::Size(size) => *size,
            Point::Checkpoint(note) => {
                let key = self.ledger.identity().note_key()?;
                let checkpoint = Checkpoint::open_note(note, &key)?;
                let ours = self.root_at(checkpoint.size)?;
                if ours != checkpoint.root {
                    return Err(Error::OtherHistory {
                        size: checkpoint.size.0,
                    });
                }
                checkpoint.size
            }
        };
        Ok((size, self.root_at(size)?))
    }

    fn root_at(&self, size: TreeSize) -> Result<Digest, Error> {
        let whole = self.ledger.log_size()?;
        if size > whole {
            return Err(Error::BeyondLog {
                size: size.0,
                whole: whole.0,
            });
        }
        Ok(root_from_nodes(&self.ledger, size)?)
    }

    /// A sealed run's statement, and where the log has it.
    pub(crate) fn logged(&self, run: &Run) -> Result<LoggedStatement, Error> {
        let name = || run.info.name.clone();
        let logged = self.ledger.statement(run.index)?;
        logged.ok_or_else(|| Error::NotSealed { name: name() })
    }
}
