-- From version 1 to 2.

-- What was asked for, which the digest covers; start_at may be later by an approver's word. Where one
-- has spoken already, what was asked is not known any more: at once is what nearly everybody asks.
ALTER TABLE checkout ADD COLUMN asked_start INTEGER NOT NULL DEFAULT 0;
UPDATE checkout SET asked_start = start_at WHERE NOT EXISTS
    (SELECT 1 FROM decision WHERE decision.checkout = checkout.id AND decision.start > 0);

-- The last record that journald is known to have read.
CREATE TABLE journal_mark (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq  INTEGER NOT NULL
) STRICT;
INSERT INTO journal_mark (only, seq) SELECT 1, coalesce(max(seq), 0) FROM audit;
