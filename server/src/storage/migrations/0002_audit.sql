-- Who did what on this server. Each entry's hash covers its content and the hash of the entry before (the first one's is
-- 32 zero bytes): see audit/chain.rs. The log outlives the events and devices that it names, so nothing refers to them.
-- subjects and detail: words with spaces between them. No column holds anything personal.
CREATE TABLE audit (
    seq      INTEGER NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    event_id TEXT,
    subjects TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    previous BLOB    NOT NULL CHECK (length(previous) = 32),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_by_event ON audit (event_id, seq);

CREATE TRIGGER audit_entries_never_change BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log can only be added to');
END;

CREATE TRIGGER audit_entries_never_go BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log can only be added to');
END;

-- Also against INSERT OR REPLACE, which deletes without asking the trigger above.
CREATE TRIGGER audit_entries_follow_each_other BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
    OR NEW.previous IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), zeroblob(32))
BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit log follows the last one');
END;
