//! Sealing: commit to a run's events, sign, and enter the statement in the log.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use avouch_cose::{Checkpoint, SignedStatement, Signer, SigningKey, Statement, UnsignedStatement};
use avouch_merkle::{Digest, Frontier, LeafIndex, Node, TreeSize, frontier_from_nodes, hash_leaf};
use avouch_trace::{MANIFEST_CONTENT_TYPE, agent_chain_start};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::issuer_keys::IssuerKeys;
use crate::log::{Nodes, key, last_checkpoint, log_size, read_manifest, same_key, statement_where};
use crate::lookup::stored_run;
use crate::node_row::node_row;
use crate::progress::Meter;
use crate::walk::{Commitment, Walk};
use crate::{Error, Identity, Ledger, Place, Progress, RunIndex, RunInfo, Stage, run_tree};

/// Who seals, and when.
#[derive(Clone, Copy, Debug)]
pub struct Sealer<'a> {
    /// A key that may sign the issuer's statements: its own, or one that it delegated to in this log.
    pub issuer_key: &'a dyn Signer,
    /// The key that the ledger's log signs checkpoints with.
    pub log_key: &'a SigningKey,
    /// When the statements are issued, in seconds since the Unix epoch.
    pub iat: u64,
}

/// A sealed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The run.
    pub run: RunIndex,
    /// Its statement's position in the log.
    pub log_index: LeafIndex,
    /// Its statement's id.
    pub statement_id: Digest,
    /// Whether it was sealed now; otherwise it was before.
    pub new: bool,
}

impl Ledger {
    /// Seals closed runs, in this order, and signs one checkpoint over them all. A run that is sealed
    /// already is left as it is.
    ///
    /// It is one transaction under the ledger's write lock: all of the runs are sealed, or none, and two
    /// processes that seal at once do so one after the other.
    ///
    /// # Errors
    /// [`Error::RunOpen`] if a run has not ended, [`Error::WrongKey`] if a key is not the ledger's,
    /// [`Error::KeyRefused`] if the issuer's log does not let this key speak for an agent, and
    /// [`Error::Corrupt`] if the journal or the log are not what they were: nothing is signed then.
    pub fn seal(
        &self,
        runs: &[RunIndex],
        sealer: &Sealer<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Sealed>, Error> {
        let identity = self.identity();
        same_key("log", &identity.log_key, sealer.log_key)?;
        let tx = self.begin(TransactionBehavior::Immediate)?;
        let mut log = Log::open(&tx, identity)?;
        let mut meter = Meter::new(Stage::Events, count_events(&tx, runs)?, progress);
        let before = log.leaves.size();
        let sealed = thread::scope(|scope| {
            let (to_sign, unsigned) = sync_channel::<ToSign>(IN_FLIGHT);
            let (to_enter, signed) = channel();
            scope.spawn(move || {
                for ToSign { statement, about } in unsigned {
                    if to_enter
                        .send((statement.sign(sealer.issuer_key), about))
                        .is_err()
                    {
                        break;
                    }
                }
            });
            log.seal_all(runs, sealer, &mut meter, to_sign, &signed)
        })?;
        if log.leaves.size() != before {
            log.sign_checkpoint(sealer.log_key)?;
        }
        tx.commit()?;
        Ok(sealed)
    }
}

/// Statements that wait for their signature at most.
const IN_FLIGHT: usize = 64;

/// A run's statement, on its way to the thread that signs.
struct ToSign {
    statement: UnsignedStatement,
    about: About,
}

/// A statement, back from there.
type Signed = (Result<Statement, avouch_cose::Error>, About);

/// What a statement is about, as it is known before it is signed.
struct About {
    run: RunIndex,
    agent: String,
    statement_id: Digest,
}

/// The log while it is being written to.
pub(crate) struct Log<'t> {
    tx: &'t Transaction<'t>,
    identity: &'t Identity,
    pub(crate) leaves: Frontier,
    /// Who may sign.
    pub(crate) keys: IssuerKeys,
    /// Where the agents stand whose statements were read and verified, or made, in this transaction.
    agents: HashMap<String, Standing>,
}

/// An agent's last statement, and where its chain stands.
type Standing = (Option<Digest>, Digest);

impl<'t> Log<'t> {
    /// Takes the log up where its last checkpoint left it; never signs on top of anything else.
    pub(crate) fn open(tx: &'t Transaction<'t>, identity: &'t Identity) -> Result<Self, Error> {
        let TreeSize(size) = log_size(tx)?;
        let leaves = frontier_from_nodes(&Nodes(tx), TreeSize(size))?;
        let (signed_size, signed_root) = match last_checkpoint(tx, identity)? {
            Some(signed) => (signed.checkpoint.size, signed.checkpoint.root),
            None => (TreeSize(0), Frontier::new().root()),
        };
        if signed_size != leaves.size() || signed_root != leaves.root() {
            let place = Place::Checkpoint {
                size: signed_size.0,
            };
            let rule =
                "the log's statements and nodes are not those that the last checkpoint signs";
            return Err(Error::corrupt(place, rule));
        }
        Ok(Self {
            tx,
            identity,
            leaves,
            keys: IssuerKeys::read(tx, identity)?,
            agents: HashMap::new(),
        })
    }

    /// While one statement is made, those before it are signed on the other thread: an id is known without
    /// the signature, and the next statement of the agent names only that.
    fn seal_all(
        &mut self,
        runs: &[RunIndex],
        sealer: &Sealer<'_>,
        meter: &mut Meter<'_>,
        to_sign: SyncSender<ToSign>,
        signed: &Receiver<Signed>,
    ) -> Result<Vec<Sealed>, Error> {
        let mut sealed = Vec::with_capacity(runs.len());
        let mut new = HashMap::new();
        let LeafIndex(first) = self.leaves.next_index();
        for run in runs {
            if let Some(known) = self.sealed(*run, &new, meter)? {
                sealed.push(known);
                continue;
            }
            let unsigned = self.prepare(*run, sealer, meter)?;
            let known = Sealed {
                run: *run,
                log_index: LeafIndex(first + new.len() as u64),
                statement_id: unsigned.about.statement_id,
                new: true,
            };
            new.insert(*run, known);
            sealed.push(known);
            // Should it have ended, what it sent last says why.
            let _ = to_sign.send(unsigned);
            signed.try_iter().try_for_each(|one| self.enter(one))?;
        }
        drop(to_sign);
        signed.iter().try_for_each(|one| self.enter(one))?;
        Ok(sealed)
    }

    /// The statement about this run, if there is one.
    fn sealed(
        &self,
        run: RunIndex,
        new: &HashMap<RunIndex, Sealed>,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Sealed>, Error> {
        if let Some(known) = new.get(&run) {
            return Ok(Some(Sealed {
                new: false,
                ..*known
            }));
        }
        let Some(logged) = statement_where(self.tx, "run = ?1", [run.0])? else {
            return Ok(None);
        };
        meter.skip(logged.manifest.size);
        Ok(Some(Sealed {
            run,
            log_index: logged.log_index,
            statement_id: logged.statement.statement_id(),
            new: false,
        }))
    }

    /// Makes a run's statement.
    fn prepare(
        &mut self,
        run: RunIndex,
        sealer: &Sealer<'_>,
        meter: &mut Meter<'_>,
    ) -> Result<ToSign, Error> {
        let (_, info, _) =
            stored_run(self.tx, run)?.ok_or_else(|| Error::NoSuchRun(run.to_string()))?;
        self.admit_sealer(sealer, &info.agent)?;
        let (previous, chain_start) = match self.agents.get(&info.agent) {
            Some(standing) => *standing,
            None => self.agent(&info.agent)?,
        };
        let events = commit_to(self.tx, run, &info, chain_start, meter)?;
        let agent = info.agent.clone();
        let manifest = events.manifest(info, previous);
        let statement = UnsignedStatement::new(
            sealer.issuer_key,
            &self.identity.issuer,
            &manifest.subject(),
            sealer.iat,
            MANIFEST_CONTENT_TYPE,
            &manifest.encode(),
        );
        let statement_id = statement.statement_id();
        let standing = (Some(statement_id), manifest.chain_head);
        self.agents.insert(agent.clone(), standing);
        let about = About {
            run,
            agent,
            statement_id,
        };
        Ok(ToSign { statement, about })
    }

    fn enter(&mut self, (statement, about): Signed) -> Result<(), Error> {
        self.append(
            &statement?,
            about.statement_id,
            Some((about.run, &about.agent)),
        )?;
        Ok(())
    }

    /// Refuses a key that may not sign about this agent's runs now.
    pub(crate) fn admit_sealer(&self, sealer: &Sealer<'_>, agent: &str) -> Result<(), Error> {
        let given = sealer.issuer_key.id();
        if self.keys.get(&given).is_none() {
            return Err(Error::WrongKey {
                role: "issuer",
                expected: self.keys.current().id(),
                given,
            });
        }
        let allowed = self.keys.may_sign(&given, Some(agent), sealer.iat);
        allowed.map_err(|why| Error::KeyRefused { why })
    }

    /// Where the agent stands by the log.
    fn agent(&self, agent: &str) -> Result<Standing, Error> {
        let condition = "agent = ?1 ORDER BY log_index DESC LIMIT 1";
        let Some(last) = statement_where(self.tx, condition, [agent])? else {
            return Ok((None, agent_chain_start(&self.identity.issuer, agent)));
        };
        if let Err(error) = self.keys.verify(&last.statement) {
            let log_index = last.log_index.0;
            let place = Place::Statement { log_index };
            return Err(Error::corrupt(place, error.to_string()));
        }
        let id = last.statement.statement_id();
        Ok((Some(id), last.manifest.chain_head))
    }

    /// Enters a statement that is about no run.
    pub(crate) fn append_other(&mut self, statement: &Statement) -> Result<LeafIndex, Error> {
        self.append(statement, statement.statement_id(), None)
    }

    fn append(
        &mut self,
        statement: &Statement,
        statement_id: Digest,
        about: Option<(RunIndex, &str)>,
    ) -> Result<LeafIndex, Error> {
        let log_index = self.leaves.next_index();
        // What cannot be read back is not entered.
        read_manifest(log_index, statement)?;
        insert_statement(
            self.tx,
            log_index,
            &statement_id,
            about,
            statement.as_bytes(),
        )?;
        self.push(hash_leaf(&statement.entry().0))?;
        Ok(log_index)
    }

    /// Enters another issuer's statement as it is.
    pub(crate) fn register(&mut self, statement: &SignedStatement) -> Result<LeafIndex, Error> {
        let log_index = self.leaves.next_index();
        insert_registered(self.tx, log_index, statement)?;
        self.push(hash_leaf(&statement.entry().0))?;
        Ok(log_index)
    }

    /// Appends a leaf, with all nodes that it completes.
    fn push(&mut self, leaf: Digest) -> Result<(), Error> {
        let mut nodes = Vec::new();
        self.leaves.push_with(leaf, |node| nodes.push(node));
        nodes.iter().try_for_each(|node| insert_node(self.tx, node))
    }

    pub(crate) fn sign_checkpoint(&self, log_key: &SigningKey) -> Result<(), Error> {
        let checkpoint = Checkpoint {
            origin: self.identity.log_origin.clone(),
            size: self.leaves.size(),
            root: self.leaves.root(),
            extensions: Vec::new(),
        };
        let note = checkpoint.sign(log_key)?.to_string();
        self.tx.execute(
            "INSERT INTO checkpoints (id, size, note)
             VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM checkpoints), ?1, ?2)",
            params![key(checkpoint.size.0), note],
        )?;
        Ok(())
    }
}

/// Adds a statement of the issuer's own; `about` is the run and its agent if it is about one.
pub(crate) fn insert_statement(
    tx: &Transaction<'_>,
    log_index: LeafIndex,
    statement_id: &Digest,
    about: Option<(RunIndex, &str)>,
    stored: &[u8],
) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO statements (log_index, statement_id, run, agent, stored)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        key(log_index.0),
        statement_id.0,
        about.map(|(run, _)| run.0),
        about.map(|(_, agent)| agent),
        stored
    ])?;
    Ok(())
}

/// Adds another issuer's statement.
pub(crate) fn insert_registered(
    tx: &Transaction<'_>,
    log_index: LeafIndex,
    statement: &SignedStatement,
) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO statements (log_index, statement_id, stored, registered)
         VALUES (?1, ?2, ?3, 1)",
    )?
    .execute(params![
        key(log_index.0),
        statement.statement_id().0,
        statement.as_bytes()
    ])?;
    Ok(())
}

/// Adds a node of the log's tree.
pub(crate) fn insert_node(tx: &Transaction<'_>, node: &Node) -> Result<(), Error> {
    tx.prepare_cached("INSERT INTO nodes (id, hash) VALUES (?1, ?2)")?
        .execute(params![node_row(node.level, node.index), node.digest.0])?;
    Ok(())
}

/// Streams a closed run's events.
fn commit_to(
    conn: &Connection,
    index: RunIndex,
    info: &RunInfo,
    chain_start: Digest,
    meter: &mut Meter<'_>,
) -> Result<Commitment, Error> {
    let sql = "SELECT id, event, digest FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query(<[i64; 2]>::from(index.event_ids()))?;
    let mut walk = Walk::new(index, &info.id, &info.name, chain_start);
    while let Some(row) = rows.next()? {
        let (event, digest) = (row.get_ref(1)?.as_blob(), row.get_ref(2)?.as_blob());
        walk.step(
            row.get(0)?,
            event.unwrap_or_default(),
            digest.unwrap_or_default(),
        )?;
        for node in walk.take_nodes() {
            run_tree::insert(conn, index, &node)?;
        }
        meter.tick();
    }
    walk.finish()
        .ok_or_else(|| Error::RunOpen(info.name.clone()))
}

/// How many events the runs have.
fn count_events(conn: &Connection, runs: &[RunIndex]) -> Result<u64, Error> {
    let sql = "SELECT MAX(id) FROM events WHERE id BETWEEN ?1 AND ?2";
    let mut query = conn.prepare_cached(sql)?;
    let mut count = 0;
    for run in runs {
        let (first, last) = run.event_ids();
        let newest: Option<i64> = query.query_row([first, last], |row| row.get(0))?;
        count += newest.map_or(0, |id| (id - first + 1) as u64);
    }
    Ok(count)
}
