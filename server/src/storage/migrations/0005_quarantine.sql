-- Whose change it is that was refused, and what a coordinator decided. Decided entries no longer hold their bytes, and do
-- not count against what a device or an event may have there; their digest stays, so that the same is not kept again.
ALTER TABLE quarantine ADD COLUMN author TEXT;
ALTER TABLE quarantine ADD COLUMN decided_at INTEGER;
ALTER TABLE quarantine ADD COLUMN decision TEXT CHECK (decision IN ('accepted', 'discarded'));
ALTER TABLE quarantine ADD COLUMN note TEXT;
