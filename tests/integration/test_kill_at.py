# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill -9 at each system call of a decision: state and audit always agree, and whoever asked was told
what is true: done, not done, or that nobody knows."""

import hashlib
import itertools
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from host import ROOT
from host.actor import PATIENCE

# The outcome of the call is not known to the caller; a later look at the ledger tells.
UNKNOWN = ("org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected",
           "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner")

# One person may file twenty requests a minute; a request that was not decided is used again.
CROWD = [f"ops{number:02}" for number in range(20)]

POLICY = """
[policy all]
accounts = root
requesters = %ops
approvers = %security
reason = optional
on-end = nothing
"""


class Killer:
    """kill_at on the broker."""

    def __init__(self, host, program, number):
        self._process = subprocess.Popen([program, str(host.broker.pid), str(number)],
                                         stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n"

    def end(self):
        """What it has done: (killed or counted, how many system calls)."""
        self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0
        did, number, *_ = out.split() or ("counted", 0)
        return did, int(number)


@pytest.fixture
def program(request, host):
    host.stop_broker()
    host.policy(POLICY)
    host.start_broker(restart=0)
    return Path(request.config.getoption("build")) / "tests/integration/kill_at"


def settled(host):
    """Waits until the broker has done what follows an answer: the journal has it, and it knows."""
    deadline = time.monotonic() + PATIENCE
    while host.ledger("select seq from journal_mark") != host.ledger("select max(seq) from audit"):
        assert time.monotonic() < deadline, "the journal does not get the records"
        time.sleep(0.02)


def prove(host):
    """The chain, computed again, and every row against the records; {number: [record]}."""
    before, states, decisions, sessions, histories = bytes(32), {}, set(), set(), {}
    expected = 1
    for seq, text, digest in host.ledger("select seq, record, hash from audit order by seq"):
        before = hashlib.sha256(before + text.encode()).digest()
        record = json.loads(text)
        assert (seq, record["seq"], digest) == (expected, expected, before), "the chain is broken"
        expected += 1
        if "id" not in record:
            continue
        assert record.get("state_old") == states.get(record["id"]), record
        states[record["id"]] = record["state_new"]
        histories.setdefault(record["id"], []).append(record)
        if record["event"] in ("decision", "denied") and "actor" in record:
            decisions.add((record["id"], record["actor"]))
        if record["event"] == "session-opened":
            sessions.add(record["session"])
    assert dict(host.ledger("select id, state from checkout")) == states
    assert set(host.ledger("select checkout, actor from decision")) == decisions
    assert {name for (name,) in host.ledger("select session from session")} == sessions
    uses = {number: sum(record["event"] == "session-opened" for record in history)
            for number, history in histories.items()}
    assert dict(host.ledger("select id, uses from checkout")) == uses
    assert host.ledger("pragma integrity_check") == [("ok",)]
    return histories


class Decision:
    """Something that bob does about a request of somebody's."""

    def __init__(self, host, on_bus):
        self.host, self.on_bus = host, on_bus
        self.bob = on_bus("bob")
        self.people = itertools.cycle(CROWD)
        self.number = None
        self.clients = {}

    def prepare(self):
        if self.number is None:
            self.person = next(self.people)
            if self.person not in self.clients:
                self.clients[self.person] = self.on_bus(self.person)
            self.number = self.clients[self.person].request()
            self.ready()

    def ready(self):
        pass

    def act(self):
        """Sends it; True done, None unknown."""
        reply = self.send().get(timeout=2 * PATIENCE)
        assert reply.error is None or reply.error in UNKNOWN, (reply.error, reply.message)
        return True if reply.error is None else None

    def check(self, told, histories):
        state = histories[self.number][-1]["state_new"]
        assert state in (self.before, self.after), histories[self.number]
        assert state == self.after or told is None, "done was said, and it is not"
        if state == self.after:
            self.finish()
            self.number = None
        return state == self.after

    def finish(self):
        pass


class Approve(Decision):
    before, after = "pending", "active"

    def ready(self):
        self.arguments = self.bob.approval(self.number)

    def send(self):
        return self.bob.send("Approve", self.arguments)

    def finish(self):
        self.bob.value("Revoke", f"(uint64 {self.number}, 'next')")


class Deny(Decision):
    before, after = "pending", "denied"

    def send(self):
        return self.bob.send("Deny", f"(uint64 {self.number}, 'not today')")


class Revoke(Decision):
    before, after = "active", "revoked"

    def ready(self):
        self.bob.approve(self.number)

    def send(self):
        return self.bob.send("Revoke", f"(uint64 {self.number}, 'enough')")


class Open(Decision):
    """A whole login: the account's question, the session's, and its end."""

    def ready(self):
        self.bob.approve(self.number)

    def act(self):
        login = self.host.actor(self.person).run(["sudo", "id"])
        return login.returncode == 0 and ROOT in login.stdout

    def check(self, told, histories):
        opened = sum(record["event"] == "session-opened" for record in histories[self.number])
        assert opened or not told, "a login without its record"
        assert histories[self.number][-1]["state_new"] == "active"
        self.bob.value("Revoke", f"(uint64 {self.number}, 'next')")
        self.number = None
        return bool(told)


@pytest.mark.parametrize("kind", [Approve, Deny, Revoke, Open])
def test_each_system_call(host, program, on_bus, dice, long, kind):
    decision = kind(host, on_bus)

    def begin(number):
        """A broker that has just started, as each is that follows a kill, and its killer."""
        decision.prepare()
        starts = host.broker.starts
        host.broker.kill()
        host.broker.wait_ready(starts + 1)
        if long or number == 0:
            settled(host)
        return Killer(host, program, number)

    # How many there are, with all that follows the answer.
    killer = begin(0)
    assert decision.act()
    settled(host)
    did, total = killer.end()
    assert did == "counted" and total > 20
    assert decision.check(True, prove(host))

    # In the short run one out of each stretch; in the long one each. The last ones come late or not at
    # all: they belong to the look at the journal, whose time varies; the very last is to come too late.
    stretch = total // 6
    numbers = range(1, total + 10) if long else \
        [start + dice.randrange(stretch) for start in range(1, total - stretch, stretch)] + [total - 5, total + 20]
    killed = done = missed = 0
    for number in numbers:
        killer = begin(number)
        starts = host.broker.starts
        told = decision.act()
        if host.broker.starts == starts and host.broker.is_ready:
            settled(host)
        did, _ = killer.end()
        if did == "killed":
            killed += 1
            host.broker.wait_ready(starts + 1)
        else:
            missed += 1
        done += decision.check(told, prove(host))
    print(f"{kind.__name__}: {total} system calls, killed at {killed}, too late {missed} times, "
          f"done {done} times")
    assert killed > (total * 2 // 3 if long else 3), "the kills came too late"
    assert done
    said = host.actor("root").checkoutctl("verify", "--no-journal", "--json")
    assert json.loads(said.stdout.splitlines()[-1])["result"] == "unproven", said.stdout
    assert '"finding":"wrong"' not in said.stdout, said.stdout
    assert [code for code in host.broker.exits if code != -9] == []
