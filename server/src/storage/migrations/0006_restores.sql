-- That this database was put back from a copy. knew_until: the latest that the copy knew of; what devices were given after
-- it and before restored_at is forgotten here.
CREATE TABLE restores (
    restored_at INTEGER NOT NULL PRIMARY KEY,
    knew_until  INTEGER NOT NULL
) STRICT;
