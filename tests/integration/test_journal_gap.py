# SPDX-License-Identifier: LGPL-2.1-or-later
"""journald stopped, hung, killed: every event reaches the journal in the end, in order, and what came
late says so."""

import signal
import time

import pytest

from host import Journal
from host.actor import PATIENCE


# A dbus-broker that is there when journald goes cannot log any more, and then not end either.
pytestmark = pytest.mark.any_bus


class Watched:
    """The journal from its beginning, beside the ledger."""

    def __init__(self, host):
        self.host = host
        self._first = self.head() + 1

    def head(self):
        return self.host.ledger("select coalesce(max(seq), 0) from audit")[0][0]

    def wait(self, count=0):
        """Waits until the journal has every record since the start, and a gap record for each of
        `count` gaps; its entries by number, in the order in which they came."""
        deadline = time.monotonic() + PATIENCE
        with Journal(*self.host.broker_matches, old=True) as journal:
            while True:
                # By their hash: other tests have had ledgers with the same numbers.
                records = dict(self.host.ledger(
                    "select lower(hex(hash)), seq from audit where seq >= ?", self._first))
                gaps = self.host.ledger("select count(*) from audit where seq >= ? and "
                                        "event = 'journal-gap'", self._first)[0][0]
                entries = [entry for entry in journal.entries
                           if entry.get("CHECKOUT_HASH") in records]
                if gaps >= count and len({entry["CHECKOUT_HASH"] for entry in entries}) == \
                        len(records):
                    break
                left = deadline - time.monotonic()
                assert left > 0, (records, [(entry["CHECKOUT_SEQ"], entry["MESSAGE"])
                                            for entry in entries])
                journal._read(min(left, 0.2))
        for entry in entries:
            assert int(entry["CHECKOUT_SEQ"]) == records[entry["CHECKOUT_HASH"]], entry
        return entries

    def gaps(self):
        return [reason for (reason,) in self.host.ledger(
            "select json_extract(record, '$.reason') from audit where seq >= ? and "
            "event = 'journal-gap' order by seq", self._first)]


@pytest.fixture
def journald(host):
    service = host.journald
    yield service
    service.signal(signal.SIGCONT)
    if not service.is_ready:
        service.start()


@pytest.fixture
def watched(host, journald):
    # What the start wrote has been read, and that is written down.
    deadline = time.monotonic() + PATIENCE
    while host.ledger("select seq from journal_mark") != host.ledger("select max(seq) from audit"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return Watched(host)


def events(entries, **fields):
    return [entry["CHECKOUT_EVENT"] for entry in entries
            if all(entry.get(key) == value for key, value in fields.items())]


def work(clients):
    """A request, its approval and the end of it: five records."""
    number = clients["alice"].request()
    clients["bob"].approve(number)
    clients["alice"].value("CheckIn", f"(uint64 {number},)")
    return number


@pytest.fixture
def clients(on_bus):
    return {name: on_bus(name) for name in ("alice", "bob")}


def test_as_it_happens(watched, clients):
    number = work(clients)
    entries = watched.wait()
    assert events(entries) == ["requested", "decision", "approved", "started", "returned"]
    assert {entry["CHECKOUT_ID"] for entry in entries} == {str(number)}
    assert not any("CHECKOUT_REPLAYED" in entry for entry in entries)


def test_stopped(host, journald, watched, clients):
    journald.stop()
    number = work(clients)
    first = watched.head() - 4
    journald.start()
    entries = watched.wait(1)
    late = [entry for entry in entries if entry.get("CHECKOUT_REPLAYED") == "1"]
    assert events(late) == ["requested", "decision", "approved", "started", "returned"]
    assert events(entries)[-1] == "journal-gap"
    assert "CHECKOUT_REPLAYED" not in entries[-1]
    assert watched.gaps() == [f"records {first} to {first + 4} were entered later (journald was not "
                              "there)"]
    # Told again as it was told: nothing of what came later has crept in.
    assert [entry["MESSAGE"] for entry in late[:3]] == [
        f"alice asks for root for 1h, request {number}: {late[0]['CHECKOUT_REASON']}",
        f"bob is for request {number} of alice for root",
        f"bob approved request {number}: alice may use root for 1h"]
    assert [(entry.get("CHECKOUT_STATE_OLD"), entry["CHECKOUT_STATE_NEW"]) for entry in late] == [
        (None, "pending"), ("pending", "pending"), ("pending", "approved"),
        ("approved", "active"), ("active", "returned")]
    assert {entry["CHECKOUT_PERSON"] for entry in late} == {"alice"}
    assert late[1]["CHECKOUT_ACTOR"] == "bob"
    # and from now on all is as ever
    work(clients)
    assert len([entry for entry in watched.wait(1) if "CHECKOUT_REPLAYED" in entry]) == 5


def test_hung(host, journald, watched, clients):
    """It reads late, and nothing is lost: there is nothing to tell again."""
    with host.frozen(journald.pid):
        work(clients)
    assert events(watched.wait()) == ["requested", "decision", "approved", "started", "returned"]
    assert watched.gaps() == []


def test_hung_for_long(host, journald, watched, clients):
    """The socket is full; nobody waits for journald, and all of it comes in the end."""
    queue = int(open("/proc/sys/net/unix/max_dgram_qlen").read())
    with host.frozen(journald.pid):
        for _ in range(queue // 5 + 3):
            work(clients)
    entries = watched.wait(1)
    numbers = [int(entry["CHECKOUT_SEQ"]) for entry in entries]
    assert numbers == sorted(set(numbers))
    assert len(watched.gaps()) == 1 and "journald did not read" in watched.gaps()[0]


def test_killed_with_entries_unread(host, journald, watched, clients):
    """They went with its socket, after the kernel had taken them."""
    journald.signal(signal.SIGSTOP)
    first = watched.head() + 1
    work(clients)
    journald.kill()
    journald.start()
    entries = watched.wait(1)
    assert events(entries, CHECKOUT_REPLAYED="1") == ["requested", "decision", "approved", "started",
                                                      "returned"]
    assert watched.gaps()[0].startswith(f"records {first} to {first + 4} ")


def test_broker_killed_while_journald_is_away(host, journald, watched, clients):
    """The next one begins with what the last one could not tell."""
    journald.stop()
    work(clients)
    starts = host.broker.starts
    host.broker.kill()
    host.broker.wait_ready(starts + 1)
    journald.start()
    entries = watched.wait(1)
    assert events(entries, CHECKOUT_REPLAYED="1")[:5] == [
        "requested", "decision", "approved", "started", "returned"]
    assert "the broker ended before it knew" in watched.gaps()[0]


def test_clean_restart_leaves_no_gap(host, watched, clients):
    work(clients)
    host.broker.stop()
    host.broker.start()
    assert events(watched.wait())[5:] == ["broker-stopped", "policy-loaded", "broker-started"]
    assert watched.gaps() == []
