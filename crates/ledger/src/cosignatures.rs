//! What witnesses signed beneath the log's checkpoints.

use avouch_cose::note::NoteSignature;
use avouch_cose::{Checkpoint, CosignerKey, Note};
use avouch_merkle::LeafIndex;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::log::{key, last_checkpoint};
use crate::{Error, Ledger, Place, SignedCheckpoint};

impl Ledger {
    /// Keeps the cosignatures of these witnesses from a note of one of the log's checkpoints; says how
    /// many are new. What a witness signed beneath a checkpoint first stays: an earlier date proves more.
    ///
    /// # Errors
    /// [`Error::NotOurs`] if the note is not one of the log's checkpoints, [`Error::Cose`] if a
    /// cosignature by one of these witnesses is bad: nothing is kept then.
    pub fn add_cosignatures(&self, note: &Note, witnesses: &[CosignerKey]) -> Result<usize, Error> {
        let cosigned = note.cosigners(witnesses)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let size = checkpoint.size.0;
        let tx = self.begin(TransactionBehavior::Immediate)?;
        let stored: Option<String> = tx
            .query_row(
                "SELECT note FROM checkpoints WHERE size = ?1",
                [key(size)],
                |row| row.get(0),
            )
            .optional()?;
        let ours = stored.map(|stored| Note::parse(&stored)).transpose()?;
        if ours.is_none_or(|ours| ours.text() != note.text()) {
            return Err(Error::NotOurs { size });
        }
        let mut new = 0;
        for by in cosigned.iter().map(|cosigned| cosigned.by) {
            let line = note
                .signatures()
                .iter()
                .find(|line| (line.name(), line.key_hash()) == (by.name(), by.key_hash()));
            let Some(line) = line else { continue };
            new += tx.execute(
                "INSERT INTO cosignatures (id, size, witness, line)
                 SELECT (SELECT COALESCE(MAX(id), 0) + 1 FROM cosignatures), ?1, ?2, ?3
                 WHERE NOT EXISTS (SELECT 1 FROM cosignatures WHERE size = ?1 AND witness = ?2)",
                params![key(size), by.to_string(), line.to_string()],
            )?;
        }
        tx.commit()?;
        Ok(new)
    }

    /// The checkpoint to show a statement under: of those that cover it, the one with the most
    /// cosignatures, the earliest of these; the last one where none has any. `None` if none covers it.
    ///
    /// # Errors
    /// As [`Ledger::checkpoint`].
    pub fn checkpoint_for(&self, log_index: LeafIndex) -> Result<Option<SignedCheckpoint>, Error> {
        let sql = "SELECT size FROM cosignatures WHERE size > ?1
                   GROUP BY size ORDER BY COUNT(*) DESC, size LIMIT 1";
        let best = self
            .conn
            .prepare_cached(sql)?
            .query_row([key(log_index.0)], |row| row.get::<_, i64>(0))
            .optional()?;
        match best {
            Some(size) => self.checkpoint_at(avouch_merkle::TreeSize(size as u64)),
            None => {
                let last = last_checkpoint(&self.conn, self.identity())?;
                Ok(last.filter(|last| log_index.0 < last.checkpoint.size.0))
            }
        }
    }
}

/// The note of the checkpoint of this size with the cosignatures that are kept for it.
pub(crate) fn with_cosignatures(
    conn: &Connection,
    size: u64,
    note: String,
) -> Result<String, Error> {
    let mut query =
        conn.prepare_cached("SELECT line FROM cosignatures WHERE size = ?1 ORDER BY id")?;
    let mut rows = query.query([key(size)])?;
    let mut cosigned: Option<Note> = None;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        let wrong = |error: avouch_cose::Error| {
            Error::corrupt(Place::Cosignature { size }, error.to_string())
        };
        let line: NoteSignature = line.parse().map_err(wrong)?;
        let mut all = match cosigned {
            Some(note) => note,
            None => Note::parse(&note).map_err(wrong)?,
        };
        all.add(line).map_err(wrong)?;
        cosigned = Some(all);
    }
    Ok(cosigned.map_or(note, |note| note.to_string()))
}

/// Checks every row: its key is one, and the line is its good signature beneath that checkpoint.
pub(crate) fn check_all(conn: &Connection) -> Result<u64, Error> {
    let sql = "SELECT cosignatures.id, cosignatures.size, witness, line, note FROM cosignatures
               LEFT JOIN checkpoints USING (size) ORDER BY cosignatures.id";
    let mut query = conn.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut checked = 0;
    while let Some(row) = rows.next()? {
        let size = row.get::<_, i64>(1)? as u64;
        let wrong = |rule: String| Error::corrupt(Place::Cosignature { size }, rule);
        checked += 1;
        if row.get::<_, i64>(0)? as u64 != checked {
            return Err(wrong("the row before it is missing".into()));
        }
        let (witness, line): (String, String) = (row.get(2)?, row.get(3)?);
        let note: Option<String> = row.get(4)?;
        let note = note.ok_or_else(|| wrong("there is no such checkpoint".into()))?;
        let checked = (|| {
            let witness: CosignerKey = witness.parse()?;
            let mut alone = Note::new(Note::parse(&note)?.text())?;
            alone.add(line.parse()?)?;
            alone.verify_cosignature(&witness)
        })();
        checked.map_err(|error: avouch_cose::Error| wrong(error.to_string()))?;
    }
    Ok(checked)
}
