-- Version 2: where a session's processes are, whose process opened it, and how it ended.

ALTER TABLE session ADD COLUMN unit       TEXT;
ALTER TABLE session ADD COLUMN cgroup     TEXT;
ALTER TABLE session ADD COLUMN inside     TEXT; -- the session that it was opened from; NULL: none
ALTER TABLE session ADD COLUMN how        TEXT;
ALTER TABLE session ADD COLUMN boot_id    TEXT    NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN start_time INTEGER NOT NULL DEFAULT 0;

-- What a broker that starts must watch again.
CREATE INDEX session_unclosed ON session (opened) WHERE closed = 0;
-- Whose sessions: lists.
CREATE INDEX session_by_person ON session (person);
CREATE INDEX session_by_account ON session (account);
