# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that call the broker at the same moment, and a judge who reads in the ledger who has won."""

import hashlib
import json
import re
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from host.actor import PATIENCE

# One person may file twenty requests a minute.
ROUND = 18
ROUND_SECONDS = 61
RACERS = 400
RACERS_UID = 20000
ACCOUNTS_UID = 21000

# What the accounts of each letter ask for.
POLICIES = {"one": "quorum = 1", "two": "quorum = 2", "lapse": "pending-timeout = 1s",
            "end": "duration = 1s", "sole": "exclusive = yes"}

APPROVERS = ("bob", "carol", "dave")
ADMINISTRATOR = "erin"
# Clients that are now this racer, now that.
CREW = tuple(f"racer{number}" for number in range(6))

LIFE = {
    (None, "requested"): {"pending"},
    ("pending", "decision"): {"pending"},
    ("pending", "approved"): {"approved"},
    ("pending", "denied"): {"denied"},
    ("pending", "cancelled"): {"cancelled"},
    ("pending", "lapsed"): {"lapsed"},
    ("approved", "started"): {"active"},
    **{(state, event): {event} for state in ("approved", "active")
       for event in ("returned", "revoked", "expired")},
}
OPEN = ("pending", "approved", "active")

# What a method that succeeds has written.
WRITES = {"Request": "requested", "Approve": "decision", "Deny": "denied", "Cancel": "cancelled",
          "CheckIn": "returned", "Revoke": "revoked"}

# Nobody was there to be called; nobody knows whether it was heard.
NOT_HEARD = ("org.freedesktop.DBus.Error.ServiceUnknown",
             "org.freedesktop.DBus.Error.NameHasNoOwner")
UNKNOWN = ("org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected",
           "org.freedesktop.DBus.Error.Timeout")
OURS = "org.pamcheckout.Error."


def account(kind, number):
    return f"{kind}{number:02}"


def set_up(host):
    """The racers, the accounts, their policies, and a broker that is back at once."""
    lines, members = [], []
    for number in range(RACERS):
        members.append(f"racer{number:03}")
        lines.append(f"{members[-1]}:x:{RACERS_UID + number}:100::/:/bin/false\n")
    for kind_number, kind in enumerate(POLICIES):
        for number in range(ROUND):
            uid = ACCOUNTS_UID + 100 * kind_number + number
            lines.append(f"{account(kind, number)}:x:{uid}:100::/:/bin/false\n")
    passwd, group = Path("/etc/passwd"), Path("/etc/group")
    if members[0] not in passwd.read_text():
        passwd.write_text(passwd.read_text() + "".join(lines))
        group.write_text(group.read_text() + f"racers:x:{RACERS_UID}:{','.join(members)}\n")
    host.stop_broker()
    host.policy("".join(
        f"[policy {kind}]\naccounts = {', '.join(account(kind, n) for n in range(ROUND))}\n"
        f"requesters = %racers\napprovers = %security, dave\nreason = optional\n"
        f"max-duration = 8h\n{rule}\n\n" for kind, rule in POLICIES.items()),
        settings="[broker]\nadministrators = checkout-admins\n")
    host.start_broker(restart=0)


@dataclass
class Call:
    """One call that somebody makes in a race."""
    who: str
    method: str
    id: int
    arguments: tuple
    when: int = 0
    ok: bool = None
    error: str = None
    text: str = ""
    values: list = field(default_factory=list)

    @property
    def ours(self):
        return self.error[len(OURS):] if self.error and self.error.startswith(OURS) else None

    def __str__(self):
        return f"{self.who} {self.method}({self.id}) -> " + \
            ("done" if self.ok else f"{self.error}: {self.text}")


class Client:
    """A process on the system bus that is now this person, now that."""

    def __init__(self, program):
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True)
        self.uid = None

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(PATIENCE) == 0
        self._process.stdout.close()

    def be(self, uid):
        if self.uid != uid:
            self.uid = uid
            self._process.stdin.write(f"be\t{uid}\n")

    def start(self, calls):
        self._calls = calls
        for tag, call in enumerate(calls):
            self._process.stdin.write("\t".join(
                ["call", str(tag), str(call.when), call.method, *call.arguments]) + "\n")
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def finish(self):
        for line in self._process.stdout:
            tag, *answer = line.rstrip("\n").split("\t")
            if tag == "done":
                return
            call = self._calls[int(tag)]
            call.ok = answer[0] == "ok"
            if call.ok:
                call.values = answer[1:]
            else:
                call.error, call.text = answer[1:]
        raise AssertionError("a client has ended")


class Arena:
    def __init__(self, host, program, dice):
        self.host, self.dice = host, dice
        self.clients = {name: Client(program) for name in
                        (*APPROVERS, ADMINISTRATOR, *CREW)}
        for name in (*APPROVERS, ADMINISTRATOR):
            self.clients[name].be(host.actor(name).uid)
        self._racers = deque((number, 0) for number in range(RACERS))
        self._turn = {}                # whose turn it is in each role
        self.person = {}
        self._checked = 0              # audit records
        self._hash = bytes(32)
        self.killed = 0

    def close(self):
        for client in self.clients.values():
            client.close()

    # Calls.

    def next_person(self, role):
        """Lets the client be somebody who has not asked for anything lately."""
        if role in self._turn:  # who has just asked counts from now, not from when the turn began
            self._racers.append((self._turn[role], time.monotonic()))
        number, last = self._racers.popleft()
        left = last + ROUND_SECONDS - time.monotonic()
        if last and left > 0:
            time.sleep(left)
        self._turn[role] = number
        self.clients[role].be(RACERS_UID + number)
        self.person[role] = f"racer{number:03}"

    def run(self, calls, meanwhile=None):
        """Makes the calls, each at its time."""
        chosen = {}
        for call in calls:
            chosen.setdefault(call.who, []).append(call)
        for who, his in chosen.items():
            self.clients[who].start(his)
        if meanwhile:
            meanwhile()
        for who in chosen:
            self.clients[who].finish()
        return calls

    def must(self, calls):
        for call in self.run(calls):
            assert call.ok, str(call)
        return calls

    def request(self, kind, role, count=ROUND):
        """Files requests for these accounts; {number: digest}."""
        filed = self.must([Call(role, "Request", 0,
                                (f"s:{account(kind, n)}", "{", "reason", "s:a race", "}"))
                           for n in range(count)])
        ids = [int(call.values[0]) for call in filed]
        assert len(set(ids)) == count
        shown = self.must([Call(role, "Get", number, (f"t:{number}",)) for number in ids])
        digests = [dict(value.split("=", 1) for value in call.values)["digest"] for call in shown]
        return dict(zip(ids, digests))

    def call(self, who, method, number, digests=None, when=0):
        arguments = {"Approve": ("{", "digest", f"s:{(digests or {}).get(number)}", "}"),
                     "Deny": ("s:not today",), "Revoke": ("s:enough",)}.get(method, ())
        return Call(who, method, number, (f"t:{number}", *arguments), when)

    def name(self, who):
        return self.person.get(who, who)

    # The judge.

    def read(self):
        """What the ledger has been told since the last time: {number: [record]}, the chain recomputed.
        The rows are kept as they were at the same moment: time goes on deciding."""
        histories = {}
        with self.host.ledger_at_once() as ask:
            records = ask("select seq, record, hash from audit where seq > ? order by seq",
                          self._checked)
            changed = "(select checkout from audit where seq > ?)"
            self._rows = {number: row for number, *row in ask(
                f"select id, state, start from checkout where id in {changed}", self._checked)}
            self._decisions = ask(
                f"select checkout, actor, verdict from decision where checkout in {changed}",
                self._checked)
        for seq, record, digest in records:
            assert seq == self._checked + 1, "a record is missing"
            self._hash = hashlib.sha256(self._hash + record.encode()).digest()
            assert digest == self._hash, f"the chain is broken at {seq}"
            self._checked = seq
            fields = json.loads(record)
            assert fields["seq"] == seq
            if "id" in fields:
                histories.setdefault(fields["id"], []).append(fields)
        return histories

    def check_history(self, number, history, quorum):
        """One life, in legal steps, as the row says it too; its last state."""
        state = None
        for record in history:
            step = (state, record["event"])
            assert step in LIFE and record["state_new"] in LIFE[step], (number, history)
            assert record.get("state_old") == state, (number, history)
            state = record["state_new"]
        events = [record["event"] for record in history]
        for once in ("requested", "approved", "started"):
            assert events.count(once) <= 1, (number, events)
        deciders = [record["actor"] for record in history if record["event"] == "decision"]
        assert len(deciders) == len(set(deciders)), (number, deciders)
        if "approved" in events:
            assert len(deciders) == quorum and events.index("approved") == quorum + 1, events
        else:
            assert len(deciders) < quorum, events
        row = self._rows[number]
        assert row[0] == state
        assert bool(row[1]) == ("started" in events)
        stored = [decision[1:] for decision in self._decisions if decision[0] == number]
        assert sorted(actor for actor, verdict in stored if verdict == "approve") == \
            sorted(deciders)
        assert [actor for actor, verdict in stored if verdict == "deny" and actor not in deciders] \
            == [record["actor"] for record in history
                if record["event"] == "denied" and record["actor"] not in deciders]
        return state

    def check_calls(self, history, calls):
        """What was acknowledged is there, what was refused is not, and the refusal says why."""
        for call in calls:
            written = [record for record in history if record["event"] == WRITES[call.method] and
                       record.get("actor") == self.name(call.who)]
            if call.ok:
                assert len(written) == 1, f"{call}: not in the ledger: {history}"
            elif call.error in UNKNOWN:
                assert len(written) <= 1, f"{call}: {history}"
            else:
                assert not written, f"{call}: but it is in the ledger: {history}"
                if call.error not in NOT_HEARD:
                    told = [sentence for record in history
                            for sentence in self.sentences(call, record)]
                    assert any(call.ours == error and re.fullmatch(text, call.text)
                               for error, text in told), f"{call}\nexpected one of {told}"

    @staticmethod
    def sentences(call, record):
        """The errors with which this call may fail while this record is the last of the history."""
        id, state, event = record["id"], record["state_new"], record["event"]
        at = time.strftime(r"(%Y-%m-%d )?%H:%M", time.localtime(record["time"]))
        who = record.get("actor")
        if state == "pending":
            return [("WrongState", {
                "Revoke": f"request {id} is still pending: deny or cancel it instead",
                "CheckIn": f"request {id} is still pending: withdraw it with checkoutctl cancel {id}"
            }.get(call.method, "nothing"))]
        if state == "denied":
            return [("AlreadyDecided", f"request {id} was denied by {who} at {at}")]
        if state == "lapsed":
            return [("WrongState", f"request {id} lapsed at {at}, undecided")]
        if state == "cancelled":
            return [("WrongState", f"request {id} was cancelled by {who} at {at}")]
        if state == "returned":
            return [("WrongState", f"check-out {id} was checked in by {who} at {at}")]
        if state == "revoked":
            return [("WrongState", f"check-out {id} was revoked by {who} at {at}")]
        if state == "expired":
            return [("WrongState", f"check-out {id} expired at {at}: the time is over")]
        if event == "approved" and call.method == "Cancel":
            return [("WrongState", f"request {id} was approved by {who} at {at}: "
                                   f"give it back with checkoutctl checkin {id}")]
        if event == "approved" and call.method in ("Approve", "Deny"):
            return [("AlreadyDecided", f"request {id} was approved by {who} at {at}")]
        return []

    def clear(self, owners):
        """Ends what is still open, so that its person may ask again; owners: {number: role}."""
        rows = self.host.ledger("select id, state from checkout where id in "
                                f"({','.join(map(str, owners))}) and state in {OPEN}")
        for call in self.run([self.call(owners[number], "Cancel" if state == "pending" else "CheckIn", number)
                              for number, state in rows]):
            # Time may have come first.
            assert call.ok or "lapsed" in call.text or "expired" in call.text, str(call)
        for number, history in self.read().items():
            assert history[-1]["state_new"] not in OPEN, history

    # The broker's sudden death.

    def kill_at(self, when):
        """kill -9 at that time; it is back at once."""
        starts = self.host.broker.starts
        time.sleep(max(0, when / 1e9 - time.time()))
        self.host.broker.kill()
        self.killed += 1
        self.host.broker.wait_ready(starts + 1)
