-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The ledger of a host on which alice has checked root out and given it back (1), was denied it (2), has it
-- (3) and asks for it for later (4), as the broker with the first schema has left it: sqlite3's .dump, and
-- what that leaves out.
PRAGMA application_id=1885433187;
PRAGMA user_version=1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO checkout VALUES(1,'42e0e29b-61da-4493-b29f-4b58e7cf0628','returned','alice',1000,1000,'root',0,'v1','3c3831a8e62a482498dd47f0ddbecc0f',NULL,NULL,NULL,NULL,NULL,'the disk is full','requester',NULL,NULL,0,'root','d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe','c8a8f31756db4dba3edb82ceac1374513dcd22025bb0cb4cc3642be8d6ff7549',1795381103,1795382903,3600,0,0,1795381103,0,1795381103,1795384703,18624,'0967254deee4422e960724045d1fdf58',1,0);
INSERT INTO checkout VALUES(2,'499782ae-d4c3-4fa7-9b38-7b63f903337f','denied','alice',1000,1000,'root',0,'v1','3c3831a8e62a482498dd47f0ddbecc0f',NULL,NULL,NULL,NULL,NULL,'to look around','requester',NULL,NULL,0,'root','d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe','c1876983a72ee8406534e92714014f43231ebe24da12baeebf997fd2863eb9d1',1795381103,1795382903,3600,0,0,0,0,0,0,0,'0967254deee4422e960724045d1fdf58',0,0);
INSERT INTO checkout VALUES(3,'ae60d534-edb6-4c85-95c5-a6acbb72db77','active','alice',1000,1000,'root',0,'v1','3c3831a8e62a482498dd47f0ddbecc0f',NULL,NULL,NULL,NULL,NULL,'the night shift','requester',NULL,NULL,0,'root','d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe','e67bba02f85cbc126e3d84ba1ca13d7997a14d87e9e0b432b0de0859001015d2',1795381103,1795382903,3600,0,0,1795381103,0,1795381103,1795384703,18624,'0967254deee4422e960724045d1fdf58',1,0);
INSERT INTO checkout VALUES(4,'6d4fa567-9b5e-476f-96ea-4617f5cf2da2','pending','alice',1000,1000,'root',0,'v1','3c3831a8e62a482498dd47f0ddbecc0f',NULL,NULL,NULL,NULL,NULL,'tomorrow''s change','requester',NULL,NULL,0,'root','d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe','4188fd2aeb03cd8f1fe722a4bb6a239cca296e6d7b53ca1482efc603f5b743e6',1795381103,1795388303,3600,1795388303,0,0,0,0,0,0,'0967254deee4422e960724045d1fdf58',0,0);
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
INSERT INTO decision VALUES(1,'bob',1001,1001,'approve',NULL,1795381103,0,0,NULL);
INSERT INTO decision VALUES(2,'bob',1001,1001,'deny','say why',1795381103,0,0,NULL);
INSERT INTO decision VALUES(3,'bob',1001,1001,'approve',NULL,1795381103,0,0,NULL);
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
INSERT INTO session VALUES('bb6c93dc2cfe40e2a5334af136a5e57d',1,'alice','root','sudo','sudo-root',NULL,NULL,258,71114,1795381103,1795381103);
INSERT INTO session VALUES('84a593c24de0462c99321a21f0d7e05a',3,'alice','root','sudo','sudo-root',NULL,NULL,266,71114,1795381103,1795381103);
CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    time     INTEGER NOT NULL,
    event    TEXT    NOT NULL,
    checkout INTEGER REFERENCES checkout (id),
    record   TEXT    NOT NULL,
    hash     BLOB    NOT NULL
) STRICT;
INSERT INTO audit VALUES(1,1795381102,'policy-loaded',NULL,'{"boot_id":"0967254deee4422e960724045d1fdf58","event":"policy-loaded","machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","policy_digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","seq":1,"time":1795381102}',X'2012244189cb6115cb3e5894dfa8e3cd94a97e8f3909c4d13fb1b1b46a0f52bb');
INSERT INTO audit VALUES(2,1795381102,'broker-started',NULL,'{"boot_id":"0967254deee4422e960724045d1fdf58","event":"broker-started","machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","seq":2,"time":1795381102}',X'10daed864e324f673fb6372caa135a28757ef198afc5406516887ab0f53cee5f');
INSERT INTO audit VALUES(3,1795381102,'policy-loaded',NULL,'{"boot_id":"0967254deee4422e960724045d1fdf58","event":"policy-loaded","machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":3,"time":1795381102}',X'993297875bded85e9d475662010dc635e8b6813473b5d7490744db90e440432d');
INSERT INTO audit VALUES(4,1795381103,'requested',1,'{"account":"root","account_uid":0,"actor":"alice","actor_loginuid":1000,"actor_uid":1000,"boot_id":"0967254deee4422e960724045d1fdf58","event":"requested","id":1,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","reason":"the disk is full","seq":4,"state_new":"pending","time":1795381103,"uuid":"42e0e29b-61da-4493-b29f-4b58e7cf0628"}',X'0e0c4905df18068a9a9c58c043e88809ae581c6b1a1e9309372ab21885efe47b');
INSERT INTO audit VALUES(5,1795381103,'decision',1,'{"account":"root","account_uid":0,"actor":"bob","actor_loginuid":1001,"actor_uid":1001,"boot_id":"0967254deee4422e960724045d1fdf58","event":"decision","id":1,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":5,"state_new":"pending","state_old":"pending","time":1795381103,"uuid":"42e0e29b-61da-4493-b29f-4b58e7cf0628"}',X'3b6ce57811a189c9f94db2df7671de86f0f74eb03feaa66637455988f751b810');
INSERT INTO audit VALUES(6,1795381103,'approved',1,'{"account":"root","account_uid":0,"actor":"bob","actor_loginuid":1001,"actor_uid":1001,"boot_id":"0967254deee4422e960724045d1fdf58","event":"approved","id":1,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":6,"state_new":"approved","state_old":"pending","time":1795381103,"uuid":"42e0e29b-61da-4493-b29f-4b58e7cf0628"}',X'ade44e1275e3476fbe54e9334142c162d1564b71783621c2b79330d9efe8177c');
INSERT INTO audit VALUES(7,1795381103,'started',1,'{"account":"root","account_uid":0,"boot_id":"0967254deee4422e960724045d1fdf58","event":"started","id":1,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":7,"state_new":"active","state_old":"approved","time":1795381103,"uuid":"42e0e29b-61da-4493-b29f-4b58e7cf0628"}',X'5c965822123407fc37d939ad2090b1cdfae9f27774b067847455d60b4388737e');
INSERT INTO audit VALUES(8,1795381103,'session-opened',1,'{"account":"root","account_uid":0,"boot_id":"0967254deee4422e960724045d1fdf58","door":"sudo","event":"session-opened","id":1,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":8,"service":"sudo-root","session":"bb6c93dc2cfe40e2a5334af136a5e57d","state_new":"active","state_old":"active","time":1795381103,"uuid":"42e0e29b-61da-4493-b29f-4b58e7cf0628"}',X'a0e2818655e42ab51e9d774474e3eea785c2f6ccb2affba9592cb2d90f77f64d');
INSERT INTO audit VALUES(9,1795381103,'session-closed',1,'{"account":"root","account_uid":0,"boot_id":"0967254deee4422e960724045d1fdf58","door":"sudo","event":"session-closed","id":1,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":9,"service":"sudo-root","session":"bb6c93dc2cfe40e2a5334af136a5e57d","state_new":"active","state_old":"active","time":1795381103,"uuid":"42e0e29b-61da-4493-b29f-4b58e7cf0628"}',X'a8a3a7aba557087a5a46ce52ca965b201b94bebff66ff9a90de579067cd08853');
INSERT INTO audit VALUES(10,1795381103,'returned',1,'{"account":"root","account_uid":0,"actor":"alice","actor_loginuid":1000,"actor_uid":1000,"boot_id":"0967254deee4422e960724045d1fdf58","event":"returned","id":1,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":10,"state_new":"returned","state_old":"active","time":1795381103,"uuid":"42e0e29b-61da-4493-b29f-4b58e7cf0628"}',X'27e9c71e6a7513190d1d2a5c668292d27f79e2bc3753ac04ddf0b0f2bd39bb62');
INSERT INTO audit VALUES(11,1795381103,'requested',2,'{"account":"root","account_uid":0,"actor":"alice","actor_loginuid":1000,"actor_uid":1000,"boot_id":"0967254deee4422e960724045d1fdf58","event":"requested","id":2,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","reason":"to look around","seq":11,"state_new":"pending","time":1795381103,"uuid":"499782ae-d4c3-4fa7-9b38-7b63f903337f"}',X'2f7a9634a856b98606c8cfd388d97a776aa9747b663a2abb60918f1e0836812d');
INSERT INTO audit VALUES(12,1795381103,'denied',2,'{"account":"root","account_uid":0,"actor":"bob","actor_loginuid":1001,"actor_uid":1001,"boot_id":"0967254deee4422e960724045d1fdf58","event":"denied","id":2,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","reason":"say why","seq":12,"state_new":"denied","state_old":"pending","time":1795381103,"uuid":"499782ae-d4c3-4fa7-9b38-7b63f903337f"}',X'f26207da4543267023e68e1980fb2d6730d1cf48c469929579f77bf2e5acc8fe');
INSERT INTO audit VALUES(13,1795381103,'requested',3,'{"account":"root","account_uid":0,"actor":"alice","actor_loginuid":1000,"actor_uid":1000,"boot_id":"0967254deee4422e960724045d1fdf58","event":"requested","id":3,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","reason":"the night shift","seq":13,"state_new":"pending","time":1795381103,"uuid":"ae60d534-edb6-4c85-95c5-a6acbb72db77"}',X'1d35fece7987148f3a91666d014cdfd02415ec71ae6368063ddc40a7217cd628');
INSERT INTO audit VALUES(14,1795381103,'decision',3,'{"account":"root","account_uid":0,"actor":"bob","actor_loginuid":1001,"actor_uid":1001,"boot_id":"0967254deee4422e960724045d1fdf58","event":"decision","id":3,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":14,"state_new":"pending","state_old":"pending","time":1795381103,"uuid":"ae60d534-edb6-4c85-95c5-a6acbb72db77"}',X'86bead8ebc4d470ad00868a73bf3140695e683b9b92a127832bc67bc3267c2fa');
INSERT INTO audit VALUES(15,1795381103,'approved',3,'{"account":"root","account_uid":0,"actor":"bob","actor_loginuid":1001,"actor_uid":1001,"boot_id":"0967254deee4422e960724045d1fdf58","event":"approved","id":3,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":15,"state_new":"approved","state_old":"pending","time":1795381103,"uuid":"ae60d534-edb6-4c85-95c5-a6acbb72db77"}',X'3fad70aec6ab0d10640dc73e45dc5cc8a098f435a95980976d283eb3598b2609');
INSERT INTO audit VALUES(16,1795381103,'started',3,'{"account":"root","account_uid":0,"boot_id":"0967254deee4422e960724045d1fdf58","event":"started","id":3,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":16,"state_new":"active","state_old":"approved","time":1795381103,"uuid":"ae60d534-edb6-4c85-95c5-a6acbb72db77"}',X'c0dea4ef7c3811be9aba68dbc781805abf5e7286a4b532b94f1ab951aad0546d');
INSERT INTO audit VALUES(17,1795381103,'session-opened',3,'{"account":"root","account_uid":0,"boot_id":"0967254deee4422e960724045d1fdf58","door":"sudo","event":"session-opened","id":3,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":17,"service":"sudo-root","session":"84a593c24de0462c99321a21f0d7e05a","state_new":"active","state_old":"active","time":1795381103,"uuid":"ae60d534-edb6-4c85-95c5-a6acbb72db77"}',X'e3960f1c936dd78ed1d52a7c404467974b0687003f53354303b1cb2289879354');
INSERT INTO audit VALUES(18,1795381103,'session-closed',3,'{"account":"root","account_uid":0,"boot_id":"0967254deee4422e960724045d1fdf58","door":"sudo","event":"session-closed","id":3,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","seq":18,"service":"sudo-root","session":"84a593c24de0462c99321a21f0d7e05a","state_new":"active","state_old":"active","time":1795381103,"uuid":"ae60d534-edb6-4c85-95c5-a6acbb72db77"}',X'5dc2cda58174d682bf6f61cf89b761149b1468451e95885abafba40eb54bfc38');
INSERT INTO audit VALUES(19,1795381103,'requested',4,'{"account":"root","account_uid":0,"actor":"alice","actor_loginuid":1000,"actor_uid":1000,"boot_id":"0967254deee4422e960724045d1fdf58","event":"requested","id":4,"machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","person":"alice","person_uid":1000,"policy":"root","policy_digest":"d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe","reason":"tomorrow''s change","seq":19,"state_new":"pending","time":1795381103,"uuid":"6d4fa567-9b5e-476f-96ea-4617f5cf2da2"}',X'8b3665b76d425d10faf9772853c351a02956e2159c6ec53e14f5a03fe13d8d96');
INSERT INTO audit VALUES(20,1795381103,'broker-stopped',NULL,'{"boot_id":"0967254deee4422e960724045d1fdf58","event":"broker-stopped","machine_id":"3c3831a8e62a482498dd47f0ddbecc0f","seq":20,"time":1795381103}',X'bf7781f45798335fb3179a4168eede8a43e7ef1c206c5c8f8f03618c6fbf12f8');
CREATE TABLE policy (
    digest TEXT PRIMARY KEY,
    loaded INTEGER NOT NULL,
    text   TEXT NOT NULL
) STRICT;
INSERT INTO policy VALUES('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',1795381102,'');
INSERT INTO policy VALUES('d144aa88104ae2a7528203297254e5946dfcbc5b98edee8762d112e55c1fbcbe',1795381102,replace('# /etc/pam-checkout/policy.d/10-root.conf\n[policy root]\naccounts   = root\nrequesters = alice\napprovers  = bob\n','\n',char(10)));
CREATE TABLE clock (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    wall INTEGER NOT NULL
) STRICT;
INSERT INTO clock VALUES(1,1795381103);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('checkout',4);
CREATE INDEX checkout_open ON checkout (person_uid, account_uid)
    WHERE state IN ('pending', 'approved', 'active');
CREATE INDEX checkout_held ON checkout (account_uid) WHERE state IN ('approved', 'active');
CREATE INDEX checkout_lapses ON checkout (lapses) WHERE state = 'pending';
CREATE INDEX checkout_starts ON checkout (start_at) WHERE state = 'approved' AND use_by = 0;
CREATE INDEX checkout_unused ON checkout (use_by) WHERE state = 'approved' AND use_by > 0;
CREATE INDEX checkout_ends ON checkout ("end") WHERE state = 'active';
CREATE INDEX checkout_boots ON checkout (boot_id, end_boot) WHERE state IN ('approved', 'active');
CREATE INDEX checkout_recent ON checkout (person_uid, requested);
CREATE INDEX checkout_by_state ON checkout (state, id);
CREATE INDEX checkout_by_person ON checkout (person, id);
CREATE INDEX checkout_by_account ON checkout (account, id);
CREATE INDEX checkout_extensions ON checkout (extends, id) WHERE extends > 0;
CREATE INDEX decision_by_actor ON decision (actor);
CREATE INDEX decision_by_uid ON decision (actor_uid);
CREATE INDEX session_by_checkout ON session (checkout);
CREATE INDEX session_open ON session (pid, service) WHERE closed = 0;
CREATE INDEX audit_by_checkout ON audit (checkout, seq);
CREATE INDEX audit_policies ON audit (seq, time) WHERE event = 'policy-loaded';
COMMIT;
