-- Version 1. STRICT tables: a value of another type than its column's is an error, not a guess.
-- Nothing is ever deleted.

CREATE TABLE checkout (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            TEXT    NOT NULL UNIQUE,
    state           TEXT    NOT NULL,
    person          TEXT    NOT NULL,
    person_uid      INTEGER NOT NULL,
    person_loginuid INTEGER NOT NULL,
    account         TEXT    NOT NULL,
    account_uid     INTEGER NOT NULL,
    host            TEXT    NOT NULL,
    machine_id      TEXT    NOT NULL,
    door            TEXT,
    service         TEXT,
    tty             TEXT,
    rhost           TEXT,
    command         TEXT,
    reason          TEXT,
    reason_source   TEXT,
    ticket          TEXT,
    preferred       TEXT,
    waiting         INTEGER NOT NULL,
    policy          TEXT    NOT NULL,
    policy_digest   TEXT    NOT NULL,
    digest          TEXT    NOT NULL,
    requested       INTEGER NOT NULL,
    lapses          INTEGER NOT NULL,
    duration        INTEGER NOT NULL,
    start_at        INTEGER NOT NULL,
    extends         INTEGER NOT NULL,
    approved_at     INTEGER NOT NULL,
    use_by          INTEGER NOT NULL,
    start           INTEGER NOT NULL,
    "end"           INTEGER NOT NULL,
    end_boot        INTEGER NOT NULL,
    boot_id         TEXT    NOT NULL,
    uses            INTEGER NOT NULL,
    survive_reboot  INTEGER NOT NULL
) STRICT;

-- The doors' question, and what time must look at: only what is not final.
CREATE INDEX checkout_open ON checkout (person_uid, account_uid)
    WHERE state IN ('pending', 'approved', 'active');
CREATE INDEX checkout_held ON checkout (account_uid) WHERE state IN ('approved', 'active');
CREATE INDEX checkout_lapses ON checkout (lapses) WHERE state = 'pending';
CREATE INDEX checkout_starts ON checkout (start_at) WHERE state = 'approved' AND use_by = 0;
CREATE INDEX checkout_unused ON checkout (use_by) WHERE state = 'approved' AND use_by > 0;
CREATE INDEX checkout_ends ON checkout ("end") WHERE state = 'active';
CREATE INDEX checkout_boots ON checkout (boot_id, end_boot) WHERE state IN ('approved', 'active');

-- Caps and lists.
CREATE INDEX checkout_recent ON checkout (person_uid, requested);
CREATE INDEX checkout_by_state ON checkout (state, id);
CREATE INDEX checkout_by_person ON checkout (person, id);
CREATE INDEX checkout_by_account ON checkout (account, id);
CREATE INDEX checkout_extensions ON checkout (extends, id) WHERE extends > 0;

CREATE TABLE decision (
    checkout       INTEGER NOT NULL REFERENCES checkout (id),
    actor          TEXT    NOT NULL,
    actor_uid      INTEGER NOT NULL,
    actor_loginuid INTEGER NOT NULL,
    verdict        TEXT    NOT NULL CHECK (verdict IN ('approve', 'deny')),
    reason         TEXT,
    time           INTEGER NOT NULL,
    seconds        INTEGER NOT NULL,
    start          INTEGER NOT NULL,
    term           TEXT,
    PRIMARY KEY (checkout, actor_uid, verdict)
) STRICT;
CREATE INDEX decision_by_actor ON decision (actor);
CREATE INDEX decision_by_uid ON decision (actor_uid);

CREATE TABLE session (
    session       TEXT    PRIMARY KEY,
    checkout      INTEGER NOT NULL REFERENCES checkout (id),
    person        TEXT    NOT NULL,
    account       TEXT    NOT NULL,
    door          TEXT    NOT NULL,
    service       TEXT,
    tty           TEXT,
    rhost         TEXT,
    pid           INTEGER NOT NULL,
    audit_session INTEGER NOT NULL,
    opened        INTEGER NOT NULL,
    closed        INTEGER NOT NULL
) STRICT;
CREATE INDEX session_by_checkout ON session (checkout);
CREATE INDEX session_open ON session (pid, service) WHERE closed = 0;

CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    time     INTEGER NOT NULL,
    event    TEXT    NOT NULL,
    checkout INTEGER REFERENCES checkout (id),
    record   TEXT    NOT NULL,
    hash     BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_by_checkout ON audit (checkout, seq);
CREATE INDEX audit_policies ON audit (seq, time) WHERE event = 'policy-loaded';

CREATE TABLE policy (
    digest TEXT PRIMARY KEY,
    loaded INTEGER NOT NULL,
    text   TEXT NOT NULL
) STRICT;

-- The highest wall time ever written: a clock that went back is seen.
CREATE TABLE clock (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    wall INTEGER NOT NULL
) STRICT;
INSERT INTO clock (only, wall) VALUES (1, 0);
