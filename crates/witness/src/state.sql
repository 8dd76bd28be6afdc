-- A witness's word. What it has cosigned only ever goes forward: triggers refuse everything else.

CREATE TABLE witness (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  key TEXT NOT NULL -- name+hash+base64(4 || key)
) STRICT;
CREATE TRIGGER witness_no_update BEFORE UPDATE ON witness
BEGIN SELECT RAISE(ABORT, 'a state has one witness'); END;
CREATE TRIGGER witness_no_delete BEFORE DELETE ON witness
BEGIN SELECT RAISE(ABORT, 'a state has one witness'); END;
CREATE TRIGGER witness_insert BEFORE INSERT ON witness
WHEN EXISTS (SELECT 1 FROM witness)
BEGIN SELECT RAISE(ABORT, 'a state has one witness'); END;

-- The last checkpoint cosigned of each log.
CREATE TABLE logs (
  origin TEXT PRIMARY KEY,
  size   INTEGER NOT NULL CHECK (size >= 0),
  root   BLOB NOT NULL CHECK (length(root) = 32),
  note   TEXT NOT NULL,                       -- as the log signed it
  time   INTEGER NOT NULL CHECK (time >= 0)   -- of the last cosignature
) STRICT;
CREATE TRIGGER logs_no_delete BEFORE DELETE ON logs
BEGIN SELECT RAISE(ABORT, 'what was cosigned is not forgotten'); END;
CREATE TRIGGER logs_insert BEFORE INSERT ON logs
WHEN EXISTS (SELECT 1 FROM logs WHERE origin = NEW.origin)
BEGIN SELECT RAISE(ABORT, 'what was cosigned is not forgotten'); END;
CREATE TRIGGER logs_forward BEFORE UPDATE ON logs
WHEN NEW.origin IS NOT OLD.origin OR NEW.size < OLD.size OR NEW.time < OLD.time
  OR (NEW.size = OLD.size AND NEW.root IS NOT OLD.root)
BEGIN SELECT RAISE(ABORT, 'what was cosigned only goes forward'); END;

-- Two roots that a log signed for one size: evidence against it, kept once per log.
CREATE TABLE forks (
  origin TEXT PRIMARY KEY,
  held   TEXT NOT NULL,
  other  TEXT NOT NULL
) STRICT;
CREATE TRIGGER forks_no_update BEFORE UPDATE ON forks
BEGIN SELECT RAISE(ABORT, 'evidence is kept'); END;
CREATE TRIGGER forks_no_delete BEFORE DELETE ON forks
BEGIN SELECT RAISE(ABORT, 'evidence is kept'); END;
CREATE TRIGGER forks_insert BEFORE INSERT ON forks
WHEN EXISTS (SELECT 1 FROM forks WHERE origin = NEW.origin)
BEGIN SELECT RAISE(ABORT, 'evidence is kept'); END;
