-- Refresh tokens, kept as their SHA-256. One that was exchanged stays until it would have expired, so that its reuse is
-- recognised. nonce_hash: SHA-256 of what the device sent with it; with the salt it gives the same successor once more to
-- a device that lost the answer.
CREATE TABLE refresh_tokens (
    token_hash     BLOB    NOT NULL PRIMARY KEY,
    device_id      TEXT    NOT NULL REFERENCES devices (device_id),
    issued_at      INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    used_at        INTEGER,
    nonce_hash     BLOB,
    successor_salt BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_tokens_by_device ON refresh_tokens (device_id);

-- What a coordinator should look at: something that an honest device does not do.
CREATE TABLE device_alerts (
    alert_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id  TEXT    NOT NULL REFERENCES events (event_id),
    device_id TEXT    NOT NULL REFERENCES devices (device_id),
    code      TEXT    NOT NULL,
    raised_at INTEGER NOT NULL
) STRICT;

CREATE INDEX device_alerts_by_event ON device_alerts (event_id);

-- People who sign in. name: folded, so that it is found however it is typed. password: a PHC string, argon2id.
CREATE TABLE accounts (
    account_id TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    password   TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- What an account may be in an event: a device that it signs in with gets this role.
CREATE TABLE account_roles (
    account_id TEXT NOT NULL REFERENCES accounts (account_id),
    event_id   TEXT NOT NULL REFERENCES events (event_id),
    role       TEXT NOT NULL,
    PRIMARY KEY (account_id, event_id)
) STRICT, WITHOUT ROWID;

-- A link that makes one account, or adds an event to one. Kept as the SHA-256 of its code.
CREATE TABLE invitations (
    code_hash  BLOB    NOT NULL PRIMARY KEY,
    event_id   TEXT    NOT NULL REFERENCES events (event_id),
    role       TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    account_id TEXT REFERENCES accounts (account_id)
) STRICT, WITHOUT ROWID;

-- For how long a device of this role works without contact, where a coordinator said so. lease_ms: 0 for no end.
CREATE TABLE leases (
    event_id TEXT    NOT NULL REFERENCES events (event_id),
    role     TEXT    NOT NULL,
    lease_ms INTEGER NOT NULL,
    PRIMARY KEY (event_id, role)
) STRICT, WITHOUT ROWID;

-- How many devices a code enrols, how many it has, and whether each waits for a coordinator.
ALTER TABLE enrolment_codes ADD COLUMN device_limit INTEGER NOT NULL DEFAULT 1;
ALTER TABLE enrolment_codes ADD COLUMN devices INTEGER NOT NULL DEFAULT 0;
ALTER TABLE enrolment_codes ADD COLUMN approve INTEGER NOT NULL DEFAULT 0;

-- checkpoints: as in enrolment_codes. approved_at: null while the device waits for a coordinator. account_id: who signed in.
ALTER TABLE devices ADD COLUMN checkpoints TEXT NOT NULL DEFAULT '[]';
ALTER TABLE devices ADD COLUMN approved_at INTEGER;
ALTER TABLE devices ADD COLUMN account_id TEXT REFERENCES accounts (account_id);

UPDATE devices SET approved_at = enrolled_at;
UPDATE enrolment_codes SET devices = 1 WHERE used_at IS NOT NULL;
