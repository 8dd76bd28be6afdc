-- The ledger's tables. Rows are only ever added: each table has three triggers that refuse UPDATE,
-- DELETE, and an INSERT that would replace a row or leave a gap. The last also stops INSERT OR
-- REPLACE, which deletes rows without firing delete triggers unless recursive_triggers is on.
--
-- There is one exception: what was erased. A tombstone (`tombstones`, `erased_blobs`) names the place that
-- the statement about it takes in the log, and only until that statement is there may the event's fields,
-- or the blob, be exchanged for what the tombstone leaves of them.

-- Whose ledger this is. One row, written at creation; its digest starts the digests of `runs`.
CREATE TABLE store (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  issuer     TEXT NOT NULL,
  issuer_key BLOB NOT NULL, -- COSE_Key
  log_origin TEXT NOT NULL,
  log_key    BLOB NOT NULL, -- COSE_Key
  digest     BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE TRIGGER store_no_update BEFORE UPDATE ON store
BEGIN SELECT RAISE(ABORT, 'store is append-only'); END;
CREATE TRIGGER store_no_delete BEFORE DELETE ON store
BEGIN SELECT RAISE(ABORT, 'store is append-only'); END;
CREATE TRIGGER store_insert BEFORE INSERT ON store
WHEN EXISTS (SELECT 1 FROM store)
BEGIN SELECT RAISE(ABORT, 'store has its one row'); END;

-- What is known of a run when it begins. `digest` runs over all rows, in order.
CREATE TABLE runs (
  idx       INTEGER PRIMARY KEY CHECK (idx BETWEEN 1 AND 2147483647),
  run_id    BLOB NOT NULL UNIQUE CHECK (length(run_id) = 16),
  name      TEXT NOT NULL UNIQUE,
  agent     TEXT NOT NULL,
  mode      INTEGER NOT NULL CHECK (mode IN (1, 2)), -- execution, debate
  currency  TEXT NOT NULL,
  format    TEXT NOT NULL,
  integrity INTEGER CHECK (integrity IN (0, 1)),     -- NULL: the format has none
  parents   BLOB NOT NULL,                           -- CBOR [* [run id, seq, relation]]
  input     BLOB CHECK (length(input) = 32),         -- SHA-256 of the raw input, if imported
  ordinal   INTEGER CHECK (ordinal BETWEEN 0 AND 4294967295), -- which run of that input
  digest    BLOB NOT NULL CHECK (length(digest) = 32),
  UNIQUE (input, ordinal),
  CHECK ((input IS NULL) = (ordinal IS NULL))
) STRICT;
CREATE TRIGGER runs_no_update BEFORE UPDATE ON runs
BEGIN SELECT RAISE(ABORT, 'runs is append-only'); END;
CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'runs is append-only'); END;
CREATE TRIGGER runs_insert BEFORE INSERT ON runs
WHEN NEW.idx IS NOT (SELECT COALESCE(MAX(idx), 0) + 1 FROM runs)
  OR EXISTS (SELECT 1 FROM runs WHERE run_id = NEW.run_id)
  OR EXISTS (SELECT 1 FROM runs WHERE name = NEW.name)
  OR EXISTS (SELECT 1 FROM runs WHERE input = NEW.input AND ordinal = NEW.ordinal)
BEGIN SELECT RAISE(ABORT, 'runs takes only new rows, in order'); END;

-- The journal: the events of all runs in one tree, each run's at its right edge.
CREATE TABLE events (
  id     INTEGER PRIMARY KEY, -- runs.idx << 32 | seq
  event  BLOB NOT NULL CHECK (length(event) = 112),  -- header, body root
  digest BLOB NOT NULL CHECK (length(digest) = 32),  -- running digest of the run
  -- CBOR [+ (bstr .cbor field / [leaf hash of one that was erased])], leaf 0 first; in an encrypted store
  -- {1: that, encrypted under the run's key, ? 2: [leaf hashes of those that were erased]}
  fields BLOB NOT NULL
) STRICT;
-- Each tombstone's leaf hash stands in the fields that an erasure leaves; `fsck` re-derives the rest.
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
WHEN NOT (NEW.id = OLD.id AND NEW.event = OLD.event AND NEW.digest = OLD.digest
  AND EXISTS (SELECT 1 FROM tombstones WHERE event = OLD.id
    AND log_index > (SELECT COALESCE(MAX(log_index), -1) FROM statements))
  AND NOT EXISTS (SELECT 1 FROM tombstones WHERE event = OLD.id AND instr(NEW.fields, leaf) = 0))
BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
-- An event follows the one before it, unless that was a run-end (kind 2).
CREATE TRIGGER events_insert BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
  OR NOT CASE NEW.id & 4294967295
    WHEN 0 THEN EXISTS (SELECT 1 FROM runs WHERE idx = NEW.id >> 32)
    ELSE EXISTS (SELECT 1 FROM events WHERE id = NEW.id - 1 AND substr(event, 2, 1) <> x'02')
  END
BEGIN SELECT RAISE(ABORT, 'events takes only the next event of an open run'); END;

-- Whom everything that is recorded is encrypted to; empty in a store in the clear. Fixed at creation.
CREATE TABLE recipients (
  id        INTEGER PRIMARY KEY,
  recipient TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER recipients_no_update BEFORE UPDATE ON recipients
BEGIN SELECT RAISE(ABORT, 'recipients is append-only'); END;
CREATE TRIGGER recipients_no_delete BEFORE DELETE ON recipients
BEGIN SELECT RAISE(ABORT, 'recipients is append-only'); END;
CREATE TRIGGER recipients_insert BEFORE INSERT ON recipients
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM recipients)
  OR EXISTS (SELECT 1 FROM recipients WHERE recipient = NEW.recipient)
  OR EXISTS (SELECT 1 FROM store)
BEGIN SELECT RAISE(ABORT, 'recipients is fixed when the store is made'); END;

-- The key of each encrypted run, wrapped for each of its readers.
CREATE TABLE run_keys (
  id        INTEGER PRIMARY KEY,
  run       INTEGER NOT NULL REFERENCES runs (idx),
  recipient TEXT NOT NULL,
  wrapped   BLOB NOT NULL, -- an age file
  UNIQUE (run, recipient)
) STRICT;
CREATE TRIGGER run_keys_no_update BEFORE UPDATE ON run_keys
BEGIN SELECT RAISE(ABORT, 'run_keys is append-only'); END;
CREATE TRIGGER run_keys_no_delete BEFORE DELETE ON run_keys
BEGIN SELECT RAISE(ABORT, 'run_keys is append-only'); END;
CREATE TRIGGER run_keys_insert BEFORE INSERT ON run_keys
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM run_keys)
  OR EXISTS (SELECT 1 FROM run_keys WHERE run = NEW.run AND recipient = NEW.recipient)
BEGIN SELECT RAISE(ABORT, 'run_keys takes only new rows, in order'); END;

-- The complete Merkle nodes (RFC 9162) of sealed runs' trees, from those of 256 events up: they prove a few
-- events without all of them being hashed again. Smaller ones are made from the events.
CREATE TABLE run_nodes (
  run   INTEGER NOT NULL REFERENCES runs (idx),
  level INTEGER NOT NULL CHECK (level BETWEEN 8 AND 31),
  idx   INTEGER NOT NULL CHECK (idx >= 0),
  hash  BLOB NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (run, level, idx)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER run_nodes_no_update BEFORE UPDATE ON run_nodes
BEGIN SELECT RAISE(ABORT, 'run_nodes is append-only'); END;
CREATE TRIGGER run_nodes_no_delete BEFORE DELETE ON run_nodes
BEGIN SELECT RAISE(ABORT, 'run_nodes is append-only'); END;
CREATE TRIGGER run_nodes_insert BEFORE INSERT ON run_nodes
WHEN NEW.idx IS NOT
    (SELECT COALESCE(MAX(idx) + 1, 0) FROM run_nodes WHERE run = NEW.run AND level = NEW.level)
  OR EXISTS (SELECT 1 FROM statements WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'run_nodes takes only new rows, in order, of a run that is not sealed'); END;

-- Values too long for a field, once each.
CREATE TABLE blobs (
  id     INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32), -- SHA-256 of the bytes
  bytes  BLOB NOT NULL
) STRICT;
CREATE TRIGGER blobs_no_update BEFORE UPDATE ON blobs
WHEN NOT (NEW.id = OLD.id AND length(NEW.bytes) = 0
  AND EXISTS (SELECT 1 FROM erased_blobs WHERE blob = OLD.id AND digest = NEW.digest
    AND log_index > (SELECT COALESCE(MAX(log_index), -1) FROM statements)))
BEGIN SELECT RAISE(ABORT, 'blobs is append-only'); END;
CREATE TRIGGER blobs_no_delete BEFORE DELETE ON blobs
BEGIN SELECT RAISE(ABORT, 'blobs is append-only'); END;
CREATE TRIGGER blobs_insert BEFORE INSERT ON blobs
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM blobs)
  OR EXISTS (SELECT 1 FROM blobs WHERE digest = NEW.digest)
BEGIN SELECT RAISE(ABORT, 'blobs takes only new rows, in order'); END;

-- Which run's key opens an encrypted blob. Its digest is a name made under that key, too.
CREATE TABLE run_blobs (
  blob INTEGER PRIMARY KEY REFERENCES blobs (id),
  run  INTEGER NOT NULL REFERENCES runs (idx)
) STRICT;
CREATE TRIGGER run_blobs_no_update BEFORE UPDATE ON run_blobs
BEGIN SELECT RAISE(ABORT, 'run_blobs is append-only'); END;
CREATE TRIGGER run_blobs_no_delete BEFORE DELETE ON run_blobs
BEGIN SELECT RAISE(ABORT, 'run_blobs is append-only'); END;
CREATE TRIGGER run_blobs_insert BEFORE INSERT ON run_blobs
WHEN EXISTS (SELECT 1 FROM run_blobs WHERE blob = NEW.blob)
BEGIN SELECT RAISE(ABORT, 'run_blobs takes only new rows'); END;

-- Fields that were erased: what is left of each, and the statement in the log that says so.
CREATE TABLE tombstones (
  event     INTEGER NOT NULL REFERENCES events (id),
  field     INTEGER NOT NULL CHECK (field BETWEEN 1 AND 4294967295), -- index in the body
  leaf      BLOB NOT NULL CHECK (length(leaf) = 32),
  log_index INTEGER NOT NULL,
  PRIMARY KEY (event, field)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_by_statement ON tombstones (log_index, event, field);
CREATE TRIGGER tombstones_no_update BEFORE UPDATE ON tombstones
BEGIN SELECT RAISE(ABORT, 'tombstones is append-only'); END;
CREATE TRIGGER tombstones_no_delete BEFORE DELETE ON tombstones
BEGIN SELECT RAISE(ABORT, 'tombstones is append-only'); END;
CREATE TRIGGER tombstones_insert BEFORE INSERT ON tombstones
WHEN NEW.log_index IS NOT (SELECT COALESCE(MAX(log_index) + 1, 0) FROM statements)
  OR EXISTS (SELECT 1 FROM tombstones WHERE event = NEW.event AND field = NEW.field)
BEGIN SELECT RAISE(ABORT, 'tombstones takes only new rows, before their statement'); END;

-- Blobs that were erased with the last field that held them. Their rows stay, empty: a blob's digest would
-- confirm a guess, so that one made of the row's own key stands in its place.
CREATE TABLE erased_blobs (
  blob      INTEGER PRIMARY KEY REFERENCES blobs (id),
  digest    BLOB NOT NULL CHECK (length(digest) = 32),
  log_index INTEGER NOT NULL
) STRICT;
CREATE TRIGGER erased_blobs_no_update BEFORE UPDATE ON erased_blobs
BEGIN SELECT RAISE(ABORT, 'erased_blobs is append-only'); END;
CREATE TRIGGER erased_blobs_no_delete BEFORE DELETE ON erased_blobs
BEGIN SELECT RAISE(ABORT, 'erased_blobs is append-only'); END;
CREATE TRIGGER erased_blobs_insert BEFORE INSERT ON erased_blobs
WHEN NEW.log_index IS NOT (SELECT COALESCE(MAX(log_index) + 1, 0) FROM statements)
  OR EXISTS (SELECT 1 FROM erased_blobs WHERE blob = NEW.blob)
BEGIN SELECT RAISE(ABORT, 'erased_blobs takes only new rows, before their statement'); END;

-- The log: statement n is its leaf n, as SHA-256 of the stored form. Run and agent are those that a
-- run's statement is about; statements of other kinds have neither. A registered one is another issuer's, with its
-- bytes as they came: nothing that it says means anything here.
CREATE TABLE statements (
  log_index    INTEGER PRIMARY KEY,
  statement_id BLOB NOT NULL UNIQUE CHECK (length(statement_id) = 32),
  run          INTEGER UNIQUE REFERENCES runs (idx),
  agent        TEXT,
  stored       BLOB NOT NULL, -- COSE_Sign1
  registered   INTEGER NOT NULL DEFAULT 0 CHECK (registered IN (0, 1)),
  CHECK ((run IS NULL) = (agent IS NULL)),
  CHECK (registered = 0 OR run IS NULL)
) STRICT;
CREATE INDEX statements_other ON statements (log_index) WHERE run IS NULL AND registered = 0;
CREATE INDEX statements_by_agent ON statements (agent, log_index);
CREATE TRIGGER statements_no_update BEFORE UPDATE ON statements
BEGIN SELECT RAISE(ABORT, 'statements is append-only'); END;
CREATE TRIGGER statements_no_delete BEFORE DELETE ON statements
BEGIN SELECT RAISE(ABORT, 'statements is append-only'); END;
CREATE TRIGGER statements_insert BEFORE INSERT ON statements
WHEN NEW.log_index IS NOT (SELECT COALESCE(MAX(log_index) + 1, 0) FROM statements)
  OR EXISTS (SELECT 1 FROM statements WHERE statement_id = NEW.statement_id)
  OR EXISTS (SELECT 1 FROM statements WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'statements takes only new rows, in order'); END;

-- Other issuers' statements that were accepted for the log and are not in it yet. Each leaves when it is.
CREATE TABLE registrations (
  id           INTEGER PRIMARY KEY,
  statement_id BLOB NOT NULL UNIQUE CHECK (length(statement_id) = 32),
  stored       BLOB NOT NULL
) STRICT;
CREATE TRIGGER registrations_no_update BEFORE UPDATE ON registrations
BEGIN SELECT RAISE(ABORT, 'registrations takes only new rows'); END;
CREATE TRIGGER registrations_no_delete BEFORE DELETE ON registrations
WHEN NOT EXISTS (SELECT 1 FROM statements
  WHERE statement_id = OLD.statement_id AND stored = OLD.stored)
BEGIN SELECT RAISE(ABORT, 'registrations keeps what is not in the log yet'); END;
CREATE TRIGGER registrations_insert BEFORE INSERT ON registrations
WHEN EXISTS (SELECT 1 FROM registrations WHERE statement_id = NEW.statement_id)
  OR EXISTS (SELECT 1 FROM registrations WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM statements WHERE statement_id = NEW.statement_id)
BEGIN SELECT RAISE(ABORT, 'registrations takes only what is new'); END;

-- The log's complete Merkle nodes (RFC 9162). A node's id is tier << 59 | tile << 9 | its place in post-order
-- among the 510 nodes of its tile: 8 levels of the tree over 256 nodes of level 8 * tier.
CREATE TABLE nodes (
  id   INTEGER PRIMARY KEY CHECK (id >= 0 AND id < 1 << 62 AND id & 511 < 510),
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER nodes_no_update BEFORE UPDATE ON nodes
BEGIN SELECT RAISE(ABORT, 'nodes is append-only'); END;
CREATE TRIGGER nodes_no_delete BEFORE DELETE ON nodes
BEGIN SELECT RAISE(ABORT, 'nodes is append-only'); END;
-- A tier's first node stands at its beginning; after a tile's last comes the next tile's first.
CREATE TRIGGER nodes_insert BEFORE INSERT ON nodes
WHEN NEW.id IS NOT COALESCE(
  (SELECT id + CASE id & 511 WHEN 509 THEN 3 ELSE 1 END FROM nodes
   WHERE id >= (NEW.id >> 59) << 59 AND id < ((NEW.id >> 59) + 1) << 59 ORDER BY id DESC LIMIT 1),
  (NEW.id >> 59) << 59)
BEGIN SELECT RAISE(ABORT, 'nodes takes only new rows, in order'); END;

-- What the log has signed: its size and root, as signed notes (C2SP tlog-checkpoint).
CREATE TABLE checkpoints (
  id   INTEGER PRIMARY KEY,
  size INTEGER NOT NULL UNIQUE CHECK (size > 0),
  note TEXT NOT NULL
) STRICT;
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints is append-only'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints is append-only'); END;
CREATE TRIGGER checkpoints_insert BEFORE INSERT ON checkpoints
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM checkpoints)
  OR NEW.size <= (SELECT COALESCE(MAX(size), 0) FROM checkpoints)
  OR NEW.size IS NOT (SELECT MAX(log_index) + 1 FROM statements)
BEGIN SELECT RAISE(ABORT, 'checkpoints takes only the size of the whole log'); END;

-- What witnesses signed beneath checkpoints (C2SP tlog-cosignature): each witness once for each.
CREATE TABLE cosignatures (
  id      INTEGER PRIMARY KEY,
  size    INTEGER NOT NULL REFERENCES checkpoints (size),
  witness TEXT NOT NULL, -- name+hash+base64(4 || key)
  line    TEXT NOT NULL, -- the signature's line in the note
  UNIQUE (size, witness)
) STRICT;
CREATE TRIGGER cosignatures_no_update BEFORE UPDATE ON cosignatures
BEGIN SELECT RAISE(ABORT, 'cosignatures is append-only'); END;
CREATE TRIGGER cosignatures_no_delete BEFORE DELETE ON cosignatures
BEGIN SELECT RAISE(ABORT, 'cosignatures is append-only'); END;
CREATE TRIGGER cosignatures_insert BEFORE INSERT ON cosignatures
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM cosignatures)
  OR EXISTS (SELECT 1 FROM cosignatures WHERE size = NEW.size AND witness = NEW.witness)
BEGIN SELECT RAISE(ABORT, 'cosignatures takes only new rows, in order'); END;

-- Checkpoints that outside services are asked to anchor: each service once for each. What is sent is here before it is
-- sent, so that after a crash the same is sent again.
CREATE TABLE anchor_requests (
  id       INTEGER PRIMARY KEY,
  size     INTEGER NOT NULL REFERENCES checkpoints (size),
  backend  TEXT NOT NULL CHECK (backend <> ''), -- the service's name in the configuration
  kind     TEXT NOT NULL CHECK (kind <> ''),
  prepared BLOB NOT NULL,
  UNIQUE (backend, size)
) STRICT;
CREATE TRIGGER anchor_requests_no_update BEFORE UPDATE ON anchor_requests
BEGIN SELECT RAISE(ABORT, 'anchor_requests is append-only'); END;
CREATE TRIGGER anchor_requests_no_delete BEFORE DELETE ON anchor_requests
BEGIN SELECT RAISE(ABORT, 'anchor_requests is append-only'); END;
CREATE TRIGGER anchor_requests_insert BEFORE INSERT ON anchor_requests
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM anchor_requests)
  OR EXISTS (SELECT 1 FROM anchor_requests WHERE size = NEW.size AND backend = NEW.backend)
BEGIN SELECT RAISE(ABORT, 'anchor_requests takes only new rows, in order'); END;

-- What is sent in place of what was prepared before and can have no effect any more; the newest of a request counts.
CREATE TABLE anchor_renewals (
  id       INTEGER PRIMARY KEY,
  request  INTEGER NOT NULL REFERENCES anchor_requests (id),
  prepared BLOB NOT NULL
) STRICT;
CREATE INDEX anchor_renewals_by_request ON anchor_renewals (request, id);
CREATE TRIGGER anchor_renewals_no_update BEFORE UPDATE ON anchor_renewals
BEGIN SELECT RAISE(ABORT, 'anchor_renewals is append-only'); END;
CREATE TRIGGER anchor_renewals_no_delete BEFORE DELETE ON anchor_renewals
BEGIN SELECT RAISE(ABORT, 'anchor_renewals is append-only'); END;
CREATE TRIGGER anchor_renewals_insert BEFORE INSERT ON anchor_renewals
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM anchor_renewals)
BEGIN SELECT RAISE(ABORT, 'anchor_renewals takes only new rows, in order'); END;

-- What they answered: promises, and then one complete receipt that ends it.
CREATE TABLE anchor_receipts (
  id      INTEGER PRIMARY KEY,
  request INTEGER NOT NULL REFERENCES anchor_requests (id),
  pending INTEGER NOT NULL CHECK (pending IN (0, 1)),
  receipt BLOB NOT NULL -- docs/format.md
) STRICT;
CREATE INDEX anchor_receipts_by_request ON anchor_receipts (request, id);
CREATE TRIGGER anchor_receipts_no_update BEFORE UPDATE ON anchor_receipts
BEGIN SELECT RAISE(ABORT, 'anchor_receipts is append-only'); END;
CREATE TRIGGER anchor_receipts_no_delete BEFORE DELETE ON anchor_receipts
BEGIN SELECT RAISE(ABORT, 'anchor_receipts is append-only'); END;
CREATE TRIGGER anchor_receipts_insert BEFORE INSERT ON anchor_receipts
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM anchor_receipts)
  OR EXISTS (SELECT 1 FROM anchor_receipts WHERE request = NEW.request AND pending = 0)
BEGIN SELECT RAISE(ABORT, 'anchor_receipts takes only new rows, in order, up to a complete one'); END;
