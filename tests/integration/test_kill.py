# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill -9 of the broker, again and again, while logins wait and approvals are being acknowledged."""

import sqlite3
import threading

import pexpect
import pytest

from host import ROOT
from host.actor import status

CROWD = [f"ops{number:02}" for number in range(20)]


class Waiting:
    """A login that is held, and what was decided about it."""

    def __init__(self, host, name):
        self.actor = host.actor(name)
        self.child = self.actor.terminal(["sudo", "id"])
        self.number = None
        self.shown = ""

    def held(self):
        """Waits until it is held, in a request of its own."""
        self.child.expect(r"request (\d+) filed[^\n]*waiting[^\n]*\n")
        self.number = int(self.child.match.group(1))
        return self

    def end(self):
        self.child.expect(pexpect.EOF)
        self.shown += self.child.before
        return status(self.child)


def decide_and_kill(host, approver, targets, dice):
    """Decides about the targets and kills the broker meanwhile; {number: acknowledged verdict}."""
    verdicts = {login.number: dice.choice(["Approve", "Approve", "Deny"]) for login in targets}
    arguments = {number: approver.approval(number) if verdict == "Approve" else
                 f"(uint64 {number}, 'not now')" for number, verdict in verdicts.items()}
    delay = dice.choice([0, dice.uniform(0, 0.003), dice.uniform(0, 0.02)])
    replies = {}
    # The kill comes a moment after the calls were sent, wherever the broker is by then.
    killer = threading.Timer(delay, host.broker.kill)
    starts = host.broker.starts
    killer.start()
    for number, verdict in verdicts.items():
        replies[number] = approver.send(verdict, arguments[number])
    acknowledged = {number: verdicts[number] for number, reply in replies.items()
                    if reply.get(timeout=60).error is None}
    killer.join()
    host.broker.wait_ready(starts + 1)
    return verdicts, acknowledged


def finish(login, approver, verdict, acknowledged):
    """The login ends as its request does. Its request's state."""
    checkout = approver.get(login.number)
    state = checkout["state"]
    if state == "pending":
        assert not acknowledged, f"request {login.number}: an acknowledged {verdict} is lost"
        approver.value("Deny", f"(uint64 {login.number}, 'once more')")
        state = "denied"
    code = login.end()
    verdicts = [decision["verdict"] for decision in approver.get(login.number)["decisions"]]
    if state == "active":
        assert verdict == "Approve" and verdicts == ["approve"]
        assert code == 0 and ROOT in login.shown, login.shown
        approver.value("Revoke", f"(uint64 {login.number}, 'the next round')")
    else:
        assert state == "denied" and "deny" in verdicts
        assert code != 0 and ROOT not in login.shown, login.shown
        assert "denied by bob" in login.shown, login.shown
    return state


def test_kill_9_while_logins_wait_and_decisions_are_acknowledged(host, on_bus, dice, long):
    rounds = 200 if long else 50
    bob = on_bus("bob")
    logins = [Waiting(host, name) for name in CROWD]
    for login in logins:
        login.held()
    counts = {"acknowledged": 0, "not acknowledged": 0, "active": 0, "denied": 0}
    ended = {}
    for _ in range(rounds):
        targets = [logins.pop(0) for _ in range(2)]
        verdicts, acknowledged = decide_and_kill(host, bob, targets, dice)
        for login in targets:
            number = login.number
            state = finish(login, bob, verdicts[number], number in acknowledged)
            ended[number] = (state, acknowledged.get(number))
            counts[state] += 1
            counts["acknowledged" if number in acknowledged else "not acknowledged"] += 1
            logins.append(Waiting(host, login.actor.name))
        # Held while the others wait on.
        for login in logins[-2:]:
            login.held()
    print(rounds, "rounds:", counts)
    assert counts["acknowledged"] and counts["not acknowledged"], "the kills never met a decision"

    # Those that waited through it all are still the broker's to decide about.
    for login in logins:
        bob.approve(login.number)
    for login in logins:
        code = login.end()
        assert code == 0 and ROOT in login.shown, login.shown
    assert [code for code in host.broker.exits if code != -9] == []
    # Every decision that was acknowledged is there after it all, and the ledger is sound.
    for number, (state, verdict) in ended.items():
        if verdict:
            assert bob.get(number)["state"] == {"active": "revoked"}.get(state, state)
    assert host.ledger("pragma integrity_check") == [("ok",)]
    seqs = [seq for (seq,) in host.ledger("select seq from audit order by seq")]
    assert seqs == list(range(1, len(seqs) + 1)), "a record is missing"
    # A kill between a session's record and its answer costs a second record, as the door asks again.
    for number, (state, _) in ended.items():
        assert bob.get(number)["uses"] in ((1, 2) if state == "active" else (0,))


def test_logins_wait_through_one_kill_without_a_word_lost(host, on_bus):
    bob = on_bus("bob")
    logins = [Waiting(host, name).held() for name in CROWD]
    host.broker.kill()
    host.broker.wait_ready(2)
    verdict = {}
    for index, login in enumerate(logins):
        verdict[login.number] = index % 2
        if index % 2:
            bob.approve(login.number)
        else:
            bob.value("Deny", f"(uint64 {login.number}, 'no')")
    for login in logins:
        code = login.end()
        assert (code == 0) == bool(verdict[login.number]) == (ROOT in login.shown), login.shown


def test_clean_stop_and_start_while_a_login_waits(host, on_bus):
    """As a package's upgrade does it."""
    login = Waiting(host, "alice").held()
    host.broker.stop()
    assert host.broker.exits[-1] == 0
    host.broker.start()
    on_bus("bob").approve(login.number)
    code = login.end()
    assert code == 0 and ROOT in login.shown
    assert [row[0] for row in host.ledger("select count(*) from checkout")] == [1]


def test_killed_at_its_start(host, on_bus):
    """Wherever it is in opening the ledger."""
    number = on_bus("alice").request()
    for _ in range(20):
        starts = host.broker.starts
        host.broker.kill()
        host.broker.wait_started(starts + 1)
    host.broker.wait_ready()
    assert on_bus("alice").get(number)["state"] == "pending"


def test_login_that_died_while_no_broker_ran(host, on_bus, long):
    """Its request is cancelled, not left for an approver to approve for nobody."""
    if not long:
        pytest.skip("waits for the quarter of a minute that logins have to come back")
    dead, alive = (Waiting(host, name).held() for name in CROWD[:2])
    host.broker.stop()
    dead.child.kill(9)
    dead.child.wait()
    host.broker.start()
    client = on_bus(dead.actor.name)
    client.watch()
    while client.get(dead.number)["state"] == "pending":
        client.signals.get(timeout=60)
    assert client.get(dead.number)["state"] == "cancelled"
    on_bus("bob").approve(alive.number)
    code = alive.end()
    assert code == 0 and ROOT in alive.shown, alive.shown


def test_damaged_ledger_is_never_made_anew(host, alice, on_bus):
    from host.host import LEDGER
    on_bus("alice").request()
    host.broker.stop()
    damaged = b"not a ledger" * 1000
    for name in (f"{LEDGER}-wal", f"{LEDGER}-shm"):
        (LEDGER.parent / name).unlink(missing_ok=True)
    LEDGER.write_bytes(damaged)
    starts = host.broker.starts
    host.broker.restart = None
    with pytest.raises(AssertionError, match="READY=1"):
        host.broker.start(timeout=3)
    assert host.broker.exits[-1] not in (0, None) and host.broker.starts == starts + 1
    assert LEDGER.read_bytes() == damaged
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code != 0 and ROOT not in shown
    host.broker.close()
    host.broker = None
    with pytest.raises(sqlite3.DatabaseError):
        host.ledger("select 1 from checkout")
