-- From version 1 to 2.

-- What was asked for, which the digest covers; start_at may be later by an approver's word. Where one
-- has spoken already, what was asked is not known any more: at once is what nearly everybody asks.
ALTER TABLE checkout ADD COLUMN asked_start INTEGER NOT NULL DEFAULT 0;
UPDATE checkout SET asked_start = start_at WHERE NOT EXISTS
    (SELECT 1 FROM decision WHERE decision.checkout = checkout.id AND decision.start > 0);

-- Until when the login that filed it waits for it, by the wall clock; 0: none does, or nobody knows.
ALTER TABLE checkout ADD COLUMN waits_until INTEGER NOT NULL DEFAULT 0;

-- The last record that journald is known to have read.
CREATE TABLE journal_mark (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq  INTEGER NOT NULL
) STRICT;
INSERT INTO journal_mark (only, seq) SELECT 1, coalesce(max(seq), 0) FROM audit;

-- Where a session's processes are, whose process opened it, and how it ended.
ALTER TABLE session ADD COLUMN unit       TEXT;
ALTER TABLE session ADD COLUMN cgroup     TEXT;
ALTER TABLE session ADD COLUMN inside     TEXT; -- the session that it was opened from; NULL: none
ALTER TABLE session ADD COLUMN how        TEXT;
ALTER TABLE session ADD COLUMN boot_id    TEXT    NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN start_time INTEGER NOT NULL DEFAULT 0;
-- A later cgroup of the same name has another; 0: nobody looked.
ALTER TABLE session ADD COLUMN cgroup_inode INTEGER NOT NULL DEFAULT 0;
-- What a broker that starts must watch again.
CREATE INDEX session_unclosed ON session (opened) WHERE closed = 0;
-- Lists.
CREATE INDEX session_by_person ON session (person);
CREATE INDEX session_by_account ON session (account);
