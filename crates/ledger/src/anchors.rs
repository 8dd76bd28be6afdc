//! The outbox of anchors: what is sent to outside services, kept before it is sent, and what they answered.
//!
//! A request is made once for each checkpoint and service; whoever is interrupted sends the same again. Receipts are only
//! added: the newest of a request counts, and after a complete one there is none.

use avouch_anchor::{Anchored, Receipt, State};
use avouch_merkle::{LeafIndex, TreeSize};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use crate::log::key;
use crate::{Error, Ledger, Place};

/// A checkpoint that a service is asked to anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorRequest {
    /// Its number here.
    pub id: u64,
    /// The checkpoint's size.
    pub size: TreeSize,
    /// The service, by the name that the configuration gives it.
    pub backend: String,
    /// The kind of its receipts.
    pub kind: String,
    /// What is sent, as the service's module made it last.
    pub prepared: Vec<u8>,
    /// How often it was made anew, because what was made before could have no effect any more.
    pub renewals: u64,
    /// The newest receipt, if there is one.
    pub receipt: Option<AnchorReceipt>,
}

/// A receipt as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorReceipt {
    /// Its number here.
    pub id: u64,
    /// Whether it is only a promise.
    pub pending: bool,
    /// Its bytes, in `avouch-anchor`'s form.
    pub bytes: Vec<u8>,
}

const REQUESTS: &str = "SELECT anchor_requests.id, size, backend, kind,
         COALESCE((SELECT renewed.prepared FROM anchor_renewals AS renewed
           WHERE renewed.request = anchor_requests.id ORDER BY renewed.id DESC LIMIT 1), prepared),
         anchor_receipts.id, pending, receipt,
         (SELECT COUNT(*) FROM anchor_renewals WHERE anchor_renewals.request = anchor_requests.id)
  FROM anchor_requests LEFT JOIN anchor_receipts ON anchor_receipts.id =
    (SELECT MAX(id) FROM anchor_receipts WHERE request = anchor_requests.id)";

fn read(row: &Row<'_>) -> rusqlite::Result<AnchorRequest> {
    let receipt = match row.get::<_, Option<i64>>(5)? {
        None => None,
        Some(id) => Some(AnchorReceipt {
            id: id as u64,
            pending: row.get(6)?,
            bytes: row.get(7)?,
        }),
    };
    Ok(AnchorRequest {
        id: row.get::<_, i64>(0)? as u64,
        size: TreeSize(row.get::<_, i64>(1)? as u64),
        backend: row.get(2)?,
        kind: row.get(3)?,
        prepared: row.get(4)?,
        renewals: row.get::<_, i64>(8)? as u64,
        receipt,
    })
}

impl Ledger {
    /// All requests, oldest first, each with its newest receipt.
    pub fn anchor_requests(&self) -> Result<Vec<AnchorRequest>, Error> {
        self.requests_where("1")
    }

    /// Those that have no complete receipt yet.
    pub fn open_anchor_requests(&self) -> Result<Vec<AnchorRequest>, Error> {
        self.requests_where(
            "anchor_requests.id NOT IN (SELECT request FROM anchor_receipts WHERE pending = 0)",
        )
    }

    /// One of them, by its number.
    pub fn anchor_request(&self, id: u64) -> Result<Option<AnchorRequest>, Error> {
        let sql = format!("{REQUESTS} WHERE anchor_requests.id = ?1");
        let mut query = self.conn.prepare_cached(&sql)?;
        Ok(query.query_row([key(id)], read).optional()?)
    }

    /// The request for this checkpoint and service, if there is one.
    pub fn anchor_request_for(
        &self,
        size: TreeSize,
        backend: &str,
    ) -> Result<Option<AnchorRequest>, Error> {
        let sql = format!("{REQUESTS} WHERE size = ?1 AND backend = ?2");
        let mut query = self.conn.prepare_cached(&sql)?;
        Ok(query
            .query_row(params![key(size.0), backend], read)
            .optional()?)
    }

    fn requests_where(&self, condition: &str) -> Result<Vec<AnchorRequest>, Error> {
        let sql = format!("{REQUESTS} WHERE {condition} ORDER BY anchor_requests.id");
        let mut query = self.conn.prepare_cached(&sql)?;
        let rows = query.query_map([], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The request for this checkpoint and service: the one that is there, or a new one with what is prepared here.
    /// Once this returns, it is on disk.
    ///
    /// # Errors
    /// [`Error::NotOurs`] if the log has signed no checkpoint of this size.
    pub fn request_anchor(
        &self,
        size: TreeSize,
        backend: &str,
        kind: &str,
        prepared: &[u8],
    ) -> Result<AnchorRequest, Error> {
        let tx = self.begin(TransactionBehavior::Immediate)?;
        let sql = "SELECT 1 FROM checkpoints WHERE size = ?1";
        if !tx.prepare_cached(sql)?.exists([key(size.0)])? {
            return Err(Error::NotOurs { size: size.0 });
        }
        tx.execute(
            "INSERT INTO anchor_requests (id, size, backend, kind, prepared)
             SELECT (SELECT COALESCE(MAX(id), 0) + 1 FROM anchor_requests), ?1, ?2, ?3, ?4
             WHERE NOT EXISTS (SELECT 1 FROM anchor_requests WHERE size = ?1 AND backend = ?2)",
            params![key(size.0), backend, kind, prepared],
        )?;
        let sql = format!("{REQUESTS} WHERE size = ?1 AND backend = ?2");
        let request = tx.query_row(&sql, params![key(size.0), backend], read)?;
        tx.commit()?;
        Ok(request)
    }

    /// Has this sent from now on in place of what `request` holds, unless another process has renewed it since the
    /// request was read. Returns the request as it is then, which is on disk.
    pub fn renew_anchor_request(
        &self,
        request: &AnchorRequest,
        prepared: &[u8],
    ) -> Result<AnchorRequest, Error> {
        let tx = self.begin(TransactionBehavior::Immediate)?;
        tx.execute(
            "INSERT INTO anchor_renewals (id, request, prepared)
             SELECT (SELECT COALESCE(MAX(id), 0) + 1 FROM anchor_renewals), ?1, ?2
             WHERE (SELECT COUNT(*) FROM anchor_renewals WHERE request = ?1) = ?3",
            params![key(request.id), prepared, key(request.renewals)],
        )?;
        let sql = format!("{REQUESTS} WHERE anchor_requests.id = ?1");
        let request = tx.query_row(&sql, [key(request.id)], read)?;
        tx.commit()?;
        Ok(request)
    }

    /// Keeps what a service answered to `request`, unless another process has kept something since the request was
    /// read; whether it was kept.
    ///
    /// # Errors
    /// [`Error::AnotherAnchor`] if the receipt is not about the request's checkpoint, or of another kind.
    pub fn add_anchor_receipt(
        &self,
        request: &AnchorRequest,
        receipt: &Receipt,
    ) -> Result<bool, Error> {
        let size = request.size.0;
        let other = |why: String| Error::AnotherAnchor { size, why };
        let bytes = receipt.encode().map_err(|error| other(error.to_string()))?;
        let tx = self.begin(TransactionBehavior::Immediate)?;
        is_for(&tx, request.size, &request.kind, receipt).map_err(other)?;
        let newest: Option<i64> = tx.query_row(
            "SELECT MAX(id) FROM anchor_receipts WHERE request = ?1",
            [key(request.id)],
            |row| row.get(0),
        )?;
        if newest.map(|id| id as u64) != request.receipt.as_ref().map(|receipt| receipt.id) {
            return Ok(false);
        }
        tx.execute(
            "INSERT INTO anchor_receipts (id, request, pending, receipt)
             SELECT (SELECT COALESCE(MAX(id), 0) + 1 FROM anchor_receipts), ?1, ?2, ?3",
            params![key(request.id), receipt.state == State::Pending, bytes],
        )?;
        tx.commit()?;
        Ok(true)
    }

    /// The receipts to show with a statement: of each service the earliest complete one whose checkpoint covers
    /// it, or the earliest promise where there is none. With the size of the log that each anchors.
    pub fn anchors_for(&self, log_index: LeafIndex) -> Result<Vec<(TreeSize, Vec<u8>)>, Error> {
        let mut services = self
            .conn
            .prepare_cached("SELECT DISTINCT backend FROM anchor_requests ORDER BY backend")?;
        let services: Vec<String> = services
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut earliest = self.conn.prepare_cached(
            "SELECT size, receipt FROM anchor_requests
             JOIN anchor_receipts ON request = anchor_requests.id
             WHERE backend = ?1 AND size > ?2 AND pending = ?3
             ORDER BY size, anchor_receipts.id DESC LIMIT 1",
        )?;
        let mut found = Vec::new();
        for service in services {
            for pending in [false, true] {
                let receipt = earliest
                    .query_row(params![service, key(log_index.0), pending], |row| {
                        Ok((TreeSize(row.get::<_, i64>(0)? as u64), row.get(1)?))
                    })
                    .optional()?;
                if let Some(receipt) = receipt {
                    found.push(receipt);
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// That a receipt is for the checkpoint that the log signed at this size.
fn is_for(conn: &Connection, size: TreeSize, kind: &str, receipt: &Receipt) -> Result<(), String> {
    let note: Option<String> = conn
        .query_row(
            "SELECT note FROM checkpoints WHERE size = ?1",
            [key(size.0)],
            |row| row.get(0),
        )
        .optional()
        .map_err(|error| error.to_string())?;
    let note = note.ok_or("the log has signed no checkpoint of this size")?;
    let ours = Anchored::parse(&note).map_err(|error| error.to_string())?;
    if ours.text() != receipt.anchored.text() {
        return Err("the receipt anchors another checkpoint".into());
    }
    match receipt.kind == kind {
        true => Ok(()),
        false => Err(format!(
            "the receipt is of kind {:?}, and not {kind:?}",
            receipt.kind
        )),
    }
}

/// Checks every request and every receipt; how many receipts there are.
pub(crate) fn check_all(conn: &Connection) -> Result<u64, Error> {
    let mut query = conn.prepare("SELECT id FROM anchor_requests ORDER BY id")?;
    let mut rows = query.query([])?;
    let mut requests = 0;
    while let Some(row) = rows.next()? {
        requests += 1;
        if row.get::<_, i64>(0)? != requests {
            let place = Place::AnchorRequest {
                id: requests as u64,
            };
            return Err(Error::corrupt(place, "the row is missing"));
        }
    }
    let mut query = conn.prepare(
        "SELECT anchor_renewals.id, anchor_requests.id FROM anchor_renewals
         LEFT JOIN anchor_requests ON anchor_requests.id = request ORDER BY anchor_renewals.id",
    )?;
    let mut rows = query.query([])?;
    let mut renewals = 0;
    while let Some(row) = rows.next()? {
        renewals += 1;
        let wrong = |rule: &str| Error::corrupt(Place::AnchorRenewal { id: renewals }, rule);
        if row.get::<_, i64>(0)? as u64 != renewals {
            return Err(wrong("the row is missing"));
        }
        if row.get::<_, Option<i64>>(1)?.is_none() {
            return Err(wrong("there is no such request"));
        }
    }
    let sql = "SELECT anchor_receipts.id, pending, receipt, size, kind FROM anchor_receipts
               LEFT JOIN anchor_requests ON anchor_requests.id = request ORDER BY anchor_receipts.id";
    let mut query = conn.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut checked = 0;
    while let Some(row) = rows.next()? {
        checked += 1;
        let wrong = |rule: String| Error::corrupt(Place::AnchorReceipt { id: checked }, rule);
        if row.get::<_, i64>(0)? as u64 != checked {
            return Err(wrong("the row is missing".into()));
        }
        let (pending, bytes): (bool, Vec<u8>) = (row.get(1)?, row.get(2)?);
        let (Some(size), Some(kind)) = (
            row.get::<_, Option<i64>>(3)?,
            row.get::<_, Option<String>>(4)?,
        ) else {
            return Err(wrong("there is no such request".into()));
        };
        let receipt = Receipt::decode(&bytes).map_err(|error| wrong(error.to_string()))?;
        is_for(conn, TreeSize(size as u64), &kind, &receipt).map_err(wrong)?;
        if pending != (receipt.state == State::Pending) {
            return Err(wrong("its column `pending` is not the receipt's".into()));
        }
    }
    Ok(checked)
}

/// Copies the requests that can be read and whose checkpoints are there, with their receipts. What is lost can be
/// asked for again.
pub(crate) fn copy(old: &Connection, new: &Connection) -> Result<(), Error> {
    let mut query = old.prepare(&format!("{REQUESTS} ORDER BY anchor_requests.id"))?;
    let mut rows = query.query([])?;
    let (mut requests, mut receipts) = (0, 0);
    while let Ok(Some(row)) = rows.next() {
        let Ok(request) = read(row) else { continue };
        let known: bool = new
            .prepare_cached("SELECT 1 FROM checkpoints WHERE size = ?1")?
            .exists([key(request.size.0)])?;
        if !known {
            continue;
        }
        requests += 1;
        new.execute(
            "INSERT INTO anchor_requests (id, size, backend, kind, prepared)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                requests,
                key(request.size.0),
                request.backend,
                request.kind,
                request.prepared
            ],
        )?;
        // The newest says all that those before it said.
        let Some(stored) = request.receipt else {
            continue;
        };
        let good = Receipt::decode(&stored.bytes).is_ok_and(|receipt| {
            is_for(new, request.size, &request.kind, &receipt).is_ok()
                && stored.pending == (receipt.state == State::Pending)
        });
        if good {
            receipts += 1;
            new.execute(
                "INSERT INTO anchor_receipts (id, request, pending, receipt) VALUES (?1, ?2, ?3, ?4)",
                params![receipts, requests, stored.pending, stored.bytes],
            )?;
        }
    }
    Ok(())
}
