//! Registering other issuers' statements: accepted first, durably, and then entered in the log together.

use avouch_cose::{SignedStatement, SigningKey};
use avouch_merkle::{Digest, LeafIndex};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::log::same_key;
use crate::seal::Log;
use crate::{Error, Identity, Ledger, Place};

/// How a registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It is accepted: it enters the log the next time that statements do.
    Waiting,
    /// It is in the log.
    Entered(LeafIndex),
    /// The same was said under another signature, which this log has or will have; it takes no second.
    OtherSignature,
}

impl Ledger {
    /// Accepts statements for the log, all in one transaction: what it answers with [`Registration::Waiting`] is on
    /// disk. What was accepted before stays as it is. Signatures are for the caller to check.
    ///
    /// # Errors
    /// [`Error::OwnStatement`] for one by this ledger's issuer; none is accepted then.
    pub fn accept(&self, statements: &[SignedStatement]) -> Result<Vec<Registration>, Error> {
        let own = |statement: &&SignedStatement| statement.issuer() == self.identity().issuer;
        if let Some(own) = statements.iter().find(own) {
            return Err(Error::OwnStatement(own.issuer().into()));
        }
        let tx = self.begin(TransactionBehavior::Immediate)?;
        let mut standings = Vec::with_capacity(statements.len());
        for statement in statements {
            let id = statement.statement_id();
            let standing = match known(&tx, &id)? {
                Some((stored, standing)) if stored == statement.as_bytes() => standing,
                Some(_) => Registration::OtherSignature,
                None => {
                    tx.prepare_cached(
                        "INSERT INTO registrations (statement_id, stored) VALUES (?1, ?2)",
                    )?
                    .execute(params![id.0, statement.as_bytes()])?;
                    Registration::Waiting
                }
            };
            standings.push(standing);
        }
        tx.commit()?;
        Ok(standings)
    }

    /// Enters all that was accepted, and signs one checkpoint over it; how many statements that were.
    ///
    /// # Errors
    /// [`Error::WrongKey`]; [`Error::Corrupt`] if the log is not what it was: nothing is signed then.
    pub fn enter_accepted(&self, log_key: &SigningKey) -> Result<u64, Error> {
        let identity = self.identity();
        same_key("log", &identity.log_key, log_key)?;
        let tx = self.begin(TransactionBehavior::Immediate)?;
        let waiting = waiting(&tx)?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let mut log = Log::open(&tx, identity)?;
        for (id, _, stored) in &waiting {
            let statement = read(*id, stored)?;
            log.register(&statement)?;
            tx.prepare_cached("DELETE FROM registrations WHERE id = ?1")?
                .execute([id])?;
        }
        log.sign_checkpoint(log_key)?;
        tx.commit()?;
        Ok(waiting.len() as u64)
    }

    /// How the registration of the statement with this id stands; `None` if there is none. It finds every statement
    /// of the log, however it came there.
    pub fn registration(&self, statement_id: &Digest) -> Result<Option<Registration>, Error> {
        Ok(known(&self.conn, statement_id)?.map(|(_, standing)| standing))
    }
}

/// Where the log has the statement with this id.
pub(crate) fn index_of(conn: &Connection, id: &Digest) -> Result<Option<LeafIndex>, Error> {
    let sql = "SELECT log_index FROM statements WHERE statement_id = ?1";
    let mut query = conn.prepare_cached(sql)?;
    let index: Option<i64> = query.query_row([id.0], |row| row.get(0)).optional()?;
    Ok(index.map(|index| LeafIndex(index as u64)))
}

/// The bytes with this statement id, and where they are.
fn known(conn: &Connection, id: &Digest) -> Result<Option<(Vec<u8>, Registration)>, Error> {
    let sql = "SELECT stored, log_index FROM statements WHERE statement_id = ?1
               UNION ALL SELECT stored, NULL FROM registrations WHERE statement_id = ?1";
    let mut query = conn.prepare_cached(sql)?;
    let found = query.query_row([id.0], |row| {
        let index: Option<i64> = row.get(1)?;
        let standing = index.map_or(Registration::Waiting, |index| {
            Registration::Entered(LeafIndex(index as u64))
        });
        Ok((row.get(0)?, standing))
    });
    Ok(found.optional()?)
}

type Row = (i64, Vec<u8>, Vec<u8>);

fn waiting(conn: &Connection) -> Result<Vec<Row>, Error> {
    let sql = "SELECT id, statement_id, stored FROM registrations ORDER BY id";
    let mut query = conn.prepare_cached(sql)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(id: i64, stored: &[u8]) -> Result<SignedStatement, Error> {
    let wrong = |error: avouch_cose::Error| {
        Error::corrupt(Place::Registration { id: id as u64 }, error.to_string())
    };
    SignedStatement::parse(stored).map_err(wrong)
}

/// Checks what waits; how many statements that are.
pub(crate) fn check_all(conn: &Connection, identity: &Identity) -> Result<u64, Error> {
    let rows = waiting(conn)?;
    for (id, statement_id, stored) in &rows {
        let place = || Place::Registration { id: *id as u64 };
        let statement = read(*id, stored)?;
        if statement.statement_id().0[..] != statement_id[..] {
            let rule = "column statement_id is not the statement's id";
            return Err(Error::corrupt(place(), rule));
        }
        if statement.issuer() == identity.issuer {
            return Err(Error::corrupt(place(), "it is by the ledger's own issuer"));
        }
        if index_of(conn, &statement.statement_id())?.is_some() {
            return Err(Error::corrupt(place(), "it is in the log already"));
        }
    }
    Ok(rows.len() as u64)
}

/// Copies what waits and can be read. What is lost was not in the log: its sender finds that and sends it again.
pub(crate) fn copy(
    old: &Connection,
    new: &Transaction<'_>,
    identity: &Identity,
) -> Result<(), Error> {
    let mut query = old.prepare("SELECT stored FROM registrations ORDER BY id")?;
    let mut rows = query.query([])?;
    while let Ok(Some(row)) = rows.next() {
        let Ok(stored) = row.get::<_, Vec<u8>>(0) else {
            continue;
        };
        let Ok(statement) = SignedStatement::parse(&stored) else {
            continue;
        };
        let id = statement.statement_id();
        if statement.issuer() != identity.issuer && known(new, &id)?.is_none() {
            new.execute(
                "INSERT INTO registrations (statement_id, stored) VALUES (?1, ?2)",
                params![id.0, stored],
            )?;
        }
    }
    Ok(())
}
