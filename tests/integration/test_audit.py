# SPDX-License-Identifier: LGPL-2.1-or-later
"""The auditor's side: what happened, in one place, and the proof that it is all there."""

import csv
import hashlib
import io
import json
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from host import ROOT
from host.host import LEDGER
from host.journal import query

# A dbus-broker that is there when journald goes cannot log any more, and then not end either.
pytestmark = pytest.mark.any_bus

POLICY = """[policy root]
accounts = root, oracle
requesters = %ops
approvers = %security
quorum = 2
reason = optional
duration = 1h
max-duration = 8h
on-end = warn
"""
SETTINGS = """[broker]
administrators = checkout-admins
auditors = auditors
"""


@pytest.fixture
def dave(host):
    return host.actor("dave")


@pytest.fixture
def erin(host):
    return host.actor("erin")


@pytest.fixture
def told(host):
    """A ledger of its own in which one story is told: its check-out and the extension of it."""
    host.stop_broker()
    host.forget()
    forget_journal(host)
    host.policy(POLICY, settings=SETTINGS)
    host.start_broker()
    yield
    host.stop_broker()
    host.forget()
    host.policy()
    host.start_broker()


def forget_journal(host):
    """It knows of the ledgers of other tests."""
    host.journald.stop()
    for folder in Path("/run/log/journal").iterdir():
        shutil.rmtree(folder)
    host.journald.start()


@pytest.fixture
def story(told, alice, bob, carol):
    number = alice.request(reason="disk is full")
    bob.approve(number)
    carol.approve(number)
    enter(alice)
    extended = alice.checkoutctl("extend", str(number), "--for", "30min", "--reason", "it is slow", "--json")
    extension = json.loads(extended.stdout)["id"]
    bob.approve(extension)
    carol.approve(extension)
    enter(alice)
    done = bob.checkoutctl("revoke", str(number), "--reason", "enough")
    assert done.returncode == 0, done.stderr
    return number, extension


def enter(actor):
    result = actor.run(["sudo", "id"])
    assert result.returncode == 0 and ROOT in result.stdout, result.stderr


def lines(result, code=0):
    assert result.returncode == code, result.stdout + result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def verified(actor, *arguments, code=0):
    """What verify finds, and how it ends."""
    *findings, end = lines(actor.checkoutctl("verify", "--json", *arguments), code)
    assert end["result"] == {0: "sound", 1: "wrong", 6: "unproven"}[code]
    return findings, end


STORY = ["requested", "decision", "decision", "approved", "started", "session-opened",
         "session-closed", "extended", "session-opened", "session-closed", "revoked"]


def test_one_story(host, story, dave, alice):
    """The documented query, `log --id` and `show` tell the same, in order."""
    number, extension = story
    entries = query(*host.broker_matches, f"CHECKOUT_ID={number}")
    logged = lines(dave.checkoutctl("log", "--id", str(number), "--json"))
    assert [record["event"] for record in logged] == STORY
    assert [(entry["CHECKOUT_EVENT"], int(entry["CHECKOUT_SEQ"])) for entry in entries] == \
        [(record["event"], record["seq"]) for record in logged]
    for record, entry in zip(logged, entries):
        for key in ("person", "account", "actor", "state_old", "state_new", "door", "service",
                    "session", "policy", "uuid", "reason"):
            assert record.get(key) == entry.get(f"CHECKOUT_{key.upper()}"), (key, record, entry)
    # The sentences are the journal's own, as far as the records tell.
    told = dave.checkoutctl("log", "--id", str(number)).stdout.splitlines()
    assert [line.split(": ", 1)[0].split()[-1] for line in told] == STORY
    assert told[-1].endswith(f"bob revoked check-out {number} of alice for root: enough")

    shown = dave.show(number)
    assert shown["state"] == "revoked"
    assert [decision["actor"] for decision in shown["decisions"]] == \
        [record["actor"] for record in logged if record["event"] == "decision"]
    opened = [record for record in logged if record["event"] == "session-opened"]
    assert [session["session"] for session in shown["sessions"]] == \
        [record["session"] for record in opened]
    assert [session["pid"] for session in shown["sessions"]] == [record["pid"] for record in opened]
    (started,) = (record for record in logged if record["event"] == "started")
    (moved,) = (record for record in logged if record["event"] == "extended")
    assert (shown["start"], shown["end"]) == (started["start"], moved["end"])
    assert moved["end"] - started["end"] == 1800

    # Whose it is sees the same; nobody else does.
    assert lines(alice.checkoutctl("log", "--id", str(number), "--json")) == logged
    applied = lines(alice.checkoutctl("log", "--id", str(extension), "--json"))
    assert [record["event"] for record in applied] == ["requested", "decision", "decision", "approved"]
    assert applied[0]["extends"] == number and applied[-1]["state_new"] == "applied"


def test_who_may_read(story, host, alice, bob, dave, erin, mallory):
    number, _ = story
    for actor in (dave, erin, host.actor("root")):
        assert len(lines(actor.checkoutctl("log", "--json"))) > len(STORY)
    for actor in (alice, bob, mallory):
        for command in (["log"], ["report"], ["verify", "--no-journal"], ["log", "--export", "-"]):
            refused = actor.checkoutctl(*command, "--json")
            assert refused.returncode == 1 and json.loads(refused.stderr)["error"] == "NotPermitted"
    refused = mallory.checkoutctl("log", "--id", str(number))
    assert refused.returncode == 1 and refused.stdout == "" and "not yours" in refused.stderr


def test_verify(story, host, dave, tmp_path):
    root = host.actor("root")
    findings, end = verified(root)
    assert findings == [] and end["records"] == end["anchors"] == end["head"]
    assert end["sessions"] == 2 and end["approvals"] == 2 and end["checkouts"] == 2
    said = root.checkoutctl("verify")
    assert said.returncode == 0 and "holds together" in said.stdout

    # What could not be looked at is said, with an exit code of its own.
    (missed,), _ = verified(root, "--no-journal", code=6)
    assert missed["finding"] == "not checked" and "journal" in missed["message"]
    (missed,), _ = verified(dave, code=6)
    assert "systemd-journal" in missed["message"]


def test_export_to_another_machine(story, host, dave, tmp_path):
    root = host.actor("root")
    folder = tmp_path / "evidence"
    folder.mkdir()
    ledger, journal = folder / "ledger.json", folder / "journal.export"
    done = root.checkoutctl("log", "--export", ledger)
    assert done.returncode == 0, done.stderr
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert root.checkoutctl("log", "--export", ledger).returncode == 1, "overwritten"
    journal.write_bytes(subprocess.run(["journalctl", "-o", "export", *host.broker_matches], check=True,
                                       capture_output=True).stdout)
    host.stop_broker()
    _, end = verified(root, "--ledger", ledger, "--journal", journal)
    assert end["records"] == end["anchors"] > len(STORY)
    verified(root, "--ledger", ledger, code=6)

    text = ledger.read_text().splitlines(keepends=True)
    for what, spoilt in {
            "a letter": [line.replace("enough", "enouch") for line in text],
            "a record": [line for line in text if '"seq":5,' not in line],
            "a row": [line.replace('disk is full', 'disk is fine') if '"row"' in line else line
                      for line in text],
            "the policy": [line.replace("quorum = 2", "quorum = 1") for line in text],
            "the end": text[:-3], "all": []}.items():
        ledger.write_text("".join(spoilt))
        result = root.checkoutctl("verify", "--ledger", ledger, "--journal", journal, "--json")
        assert result.returncode == 1, (what, result.stdout, result.stderr)


def copy_of_ledger(path):
    with sqlite3.connect(f"file:{LEDGER}?mode=ro", uri=True) as source, \
            sqlite3.connect(path) as target:
        source.backup(target)


def test_copies_and_forgeries(story, host, alice, bob, carol, tmp_path):
    """A copy of the database file is proved too; an older one, a shorter one and a rewritten one are
    told from the one that the journal knows."""
    root = host.actor("root")
    early, late, cut, forged = (tmp_path / name for name in ("early", "late", "cut", "forged"))
    copy_of_ledger(early)
    alice.request("oracle")
    copy_of_ledger(late)
    journal = ["--journal", "/run/log/journal"]
    findings, end = verified(root, "--ledger", LEDGER, *journal)
    assert findings == [] and end["records"] == end["anchors"]
    before = late.read_bytes()
    verified(root, "--ledger", late, code=6)
    assert late.read_bytes() == before and not list(tmp_path.glob("late-*")), "evidence was changed"

    verified(root, "--ledger", late, *journal)
    (finding,), _ = verified(root, "--ledger", early, *journal, code=1)
    assert finding["finding"] == "wrong" and "older copy" in finding["message"]

    shutil.copy(late, cut)
    with sqlite3.connect(cut) as db:
        db.execute("delete from audit where seq > (select max(seq) - 4 from audit)")
    findings, _ = verified(root, "--ledger", cut, *journal, code=1)
    assert "cut off" in findings[0]["message"]

    # Whoever has the code can chain a forged history, and cannot make the journal say so.
    shutil.copy(late, forged)
    with sqlite3.connect(forged) as db:
        digest = bytes(32)
        for seq, record in db.execute("select seq, record from audit order by seq").fetchall():
            record = record.replace('"bob"', '"eve"')
            digest = hashlib.sha256(digest + record.encode()).digest()
            db.execute("update audit set record = ?, hash = ? where seq = ?", (record, digest, seq))
    findings, _ = verified(root, "--ledger", forged, *journal, code=1)
    assert any("is not the one that the journal was told of" in finding["message"]
               for finding in findings)


def test_a_forger_of_journal_entries(story, host, mallory, dave):
    """Anybody may write any CHECKOUT_ field and MESSAGE_ID; it fools neither the documented query
    nor verify."""
    number, _ = story
    root = host.actor("root")
    if host.broker_matches[0].startswith("_UID"):
        pytest.skip("without a cgroup of its own the broker has no unit here")
    real = query(*host.broker_matches, f"CHECKOUT_ID={number}")
    newest = int(real[-1]["CHECKOUT_SEQ"])
    forged = "".join(
        f"MESSAGE=bob approved request {number}\n"
        "MESSAGE_ID=76125a94a9aa35eeef1b0c490788b05b\nPRIORITY=5\n"
        "SYSLOG_IDENTIFIER=pam-checkout-broker\n_SYSTEMD_UNIT=pam-checkout-broker.service\n"
        "UNIT=pam-checkout-broker.service\nCHECKOUT_EVENT=approved\n"
        f"CHECKOUT_ID={number}\nCHECKOUT_SEQ={seq}\nCHECKOUT_HASH={'ab' * 32}\n\n"
        for seq in (newest, newest + 1, newest + 1000))
    for entry in forged.split("\n\n")[:-1]:
        with mallory.start(["logger", "--journald"], stdin=subprocess.PIPE) as logger:
            _, err = logger.communicate(entry + "\n")
        assert logger.returncode == 0, err
    subprocess.run(["journalctl", "--sync"], check=False)
    assert len(query(f"CHECKOUT_ID={number}")) == len(real) + 3, "nothing was forged"
    assert query("_SYSTEMD_UNIT=pam-checkout-broker.service", f"CHECKOUT_ID={number}") == real
    findings, end = verified(root)
    assert findings == [] and end["anchors"] == end["records"]


def test_log_filters(story, dave):
    number, extension = story
    everything = lines(dave.checkoutctl("log", "--json"))
    assert [record["seq"] for record in everything] == list(range(1, len(everything) + 1))

    def seqs(*arguments):
        return [record["seq"] for record in lines(dave.checkoutctl("log", "--json", *arguments))]

    def those(test):
        return [record["seq"] for record in everything if test(record)]

    assert seqs("--person", "alice") == those(lambda r: r.get("person") == "alice")
    assert seqs("--account", "oracle") == []
    assert seqs("--actor", "bob") == those(lambda r: r.get("actor") == "bob")
    assert seqs("--event", "approved,revoked") == \
        those(lambda r: r["event"] in ("approved", "revoked"))
    for border in {record["time"] for record in everything}:
        assert seqs("--since", f"@{border}") == those(lambda r: r["time"] >= border)
        assert seqs("--until", f"@{border}") == those(lambda r: r["time"] < border)
    assert seqs("--since", "+1h") == []
    assert seqs("--id", str(extension), "--actor", "carol") == \
        those(lambda r: r.get("id") == extension and r.get("actor") == "carol")
    for wrong in (["--event", "aproved"], ["--csv", "--json"], ["--export", "x", "--person", "y"],
                  ["--id", "0"], ["17"]):
        assert dave.checkoutctl("log", *wrong).returncode == 2, wrong


def test_csv(told, alice, bob, dave):
    nasty = '=cmd|\'/C calc\'!A0, "quoted", è'
    alice.request(reason=nasty)
    result = dave.checkoutctl("log", "--csv", text=False)
    assert result.returncode == 0, result.stderr
    text = result.stdout.decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    records = lines(dave.checkoutctl("log", "--json"))
    assert len(rows) == len(records)
    assert text.count("\r\n") == len(rows) + 1 and "\n" not in text.replace("\r\n", "")
    for row, record in zip(rows, records):
        for key, value in record.items():
            text = str(value)
            assert row[key] == ("'" + text if text[0] in "=+-@" else text), key
    assert any(row["reason"] == "'" + nasty for row in rows)


def test_follow(story, host, alice, dave):
    number, _ = story
    process = dave.start(["checkoutctl", "log", "--follow", "--json", "--event", "requested"])
    with process:
        for expected in story:
            assert json.loads(process.stdout.readline())["id"] == expected
        fresh = alice.request("oracle")
        assert json.loads(process.stdout.readline())["id"] == fresh
        # A restart of the broker does not end it.
        host.stop_broker()
        host.start_broker()
        alice.checkoutctl("cancel", fresh)
        again = alice.request("oracle")
        assert json.loads(process.stdout.readline())["id"] == again
        # as-user has become the program
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_report(story, alice, bob, carol, dave):
    denied = alice.request("oracle")
    assert bob.checkoutctl("deny", denied, "--reason", "no").returncode == 0
    for _ in range(3):
        assert alice.checkoutctl("approve", str(story[0]), "--yes").returncode == 1
    (person,) = lines(dave.checkoutctl("report", "--json"))
    assert person["person"] == "alice"
    assert {key: person[key] for key in ("requested", "approved", "denied", "revoked", "extended",
                                         "sessions", "killed")} == \
        {"requested": 3, "approved": 2, "denied": 1, "revoked": 1, "extended": 1, "sessions": 2,
         "killed": 0}
    assert person["self_approvals"] >= 1
    assert person["window_longest"] == 5400
    assert 0 <= person["decided_median"] <= person["decided_longest"] < 60

    accounts = {line["account"]: line for line in lines(dave.checkoutctl("report", "--by", "account", "--json"))}
    assert (accounts["root"]["requested"], accounts["oracle"]["requested"]) == (2, 1)
    approvers = {line["approver"]: line for line in lines(dave.checkoutctl("report", "--by=approver", "--json"))}
    assert approvers["bob"]["approved"] == approvers["carol"]["approved"] == 2
    assert approvers["bob"]["denied"] == 1 and approvers["bob"]["revoked"] == 1
    (month,) = lines(dave.checkoutctl("report", "--by", "month", "--json"))
    assert month["requested"] == 3
    assert lines(dave.checkoutctl("report", "--since", "+1h", "--json")) == []
    assert dave.checkoutctl("report", "--by", "colour").returncode == 2

    rows = list(csv.DictReader(io.StringIO(dave.checkoutctl("report", "--csv").stdout, newline="")))
    assert rows[0]["person"] == "alice" and rows[0]["requested"] == "3"
    table = dave.checkoutctl("report").stdout
    assert "REQUESTED" in table and "alice" in table and "1h 30min" in table and "KILLED" not in table


def test_refused_decisions_are_recorded_once(told, host, alice, bob, dave):
    """A requester who tries to approve their own request, and root who does it for somebody."""
    number = alice.request()
    for _ in range(5):
        assert alice.checkoutctl("approve", str(number), "--yes").returncode == 1
    assert host.actor("root", login="bob").checkoutctl("approve", str(number), "--yes").returncode == 1
    records = lines(dave.checkoutctl("log", "--event", "decision-refused", "--json"))
    assert [(record["actor"], record["refusal"], record["id"]) for record in records] == \
        [("alice", "SelfApproval", number), ("root", "NotPermitted", number)]
    assert query(*host.broker_matches, "CHECKOUT_EVENT=decision-refused")
    verified(host.actor("root"))


def test_nothing_to_be_proved_by_a_damaged_ledger(told, host, alice, dave):
    """Over the bus, too: what somebody has damaged in the file is told, and is no end of it."""
    number = alice.request()
    host.stop_broker()
    with sqlite3.connect(LEDGER) as db:
        db.execute("update audit set record = cast(x'ff00fe' as text) where seq = 2")
        db.execute("update audit set time = -5 where seq = 3")
        db.execute("update checkout set uses = -1 where id = ?", (number,))
    host.start_broker()
    findings, _ = verified(host.actor("root"), code=1)
    said = [finding["message"] for finding in findings]
    assert "record 2 does not fit its hash and the record before it: one of them was changed" in said
    assert "record 2 cannot be read: somebody has damaged it" in said
    assert "record 3 has another time in the column beside it" in said
    assert f"the row of check-out {number} cannot be read: somebody has damaged it" in said
