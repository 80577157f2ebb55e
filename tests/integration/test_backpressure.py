# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus that does not take what the broker sends, and a bus that dies with all of it."""

import contextlib

import pytest

from host import ROOT

CROWD = [f"ops{number:02}" for number in range(20)]
CALLS = 20
EVERYTHING = "({'limit': <uint32 1000>},)"


@pytest.fixture
def long_list(on_bus):
    """A List reply of more than 100 KB, of which a few fill every buffer; what it must hold."""
    clients = [on_bus(name) for name in CROWD]
    numbers = []
    for round_ in range(5):
        for client in clients:
            number = client.request(reason=f"{round_} " + "x" * 990)
            client.value("Cancel", f"(uint64 {number},)")
            numbers.append(number)
    return sorted(numbers)


@contextlib.contextmanager
def clogged(host, reader):
    """CALLS calls stand before the broker, and the bus takes no reply: the bus's process,
    and the replies to be."""
    bus = host.bus_pid
    with contextlib.ExitStack() as stack:
        with host.frozen(host.broker.pid):
            replies = [reader.send("List", EVERYTHING, timeout=120) for _ in range(CALLS)]
            # The bus handles one sender's messages in their order: by then it has passed them on.
            reader.value("GetId", name="org.freedesktop.DBus", path="/",
                         interface="org.freedesktop.DBus")
            stack.enter_context(host.frozen(bus))
        yield bus, replies


def test_bus_stopped_with_a_full_queue(host, on_bus, long_list, alice, bob):
    """Doors are answered meanwhile; afterwards everything arrives."""
    reader, approver = on_bus("bob"), on_bus("carol")
    approver.watch()
    with clogged(host, reader) as (_, replies):
        login = alice.terminal(["sudo", "id"])
        login.expect(r"request (\d+) filed[^\n]*waiting")
        number = int(login.match.group(1))
    for reply in replies:
        reply = reply.get(timeout=120)
        assert reply.error is None, reply
        # One is listed after alice has asked; the reader sees all that bob may decide about.
        assert [checkout["id"] for checkout in reply.value[0] if checkout["id"] in long_list] == \
            long_list
    assert next(iter(lambda: approver.signals.get(timeout=30), None))[0] == "Changed"
    approver.approve(number)
    login.expect(r"uid=0\(root\)")
    assert host.broker.exits == []


def test_bus_killed_with_a_full_queue(host, on_bus, long_list, alice):
    """The broker ends, not well, and comes back with everything; a login that waits notices little."""
    reader = on_bus("bob")
    login = alice.terminal(["sudo", "id"])
    login.expect(r"request (\d+) filed[^\n]*waiting")
    number = int(login.match.group(1))
    with clogged(host, reader) as (bus, replies):
        # With the queue full the gate still answers.
        assert host.actor("ops00").run(["sudo", "id"]).returncode != 0
        host.kill_bus(bus)
    host.bus.wait_ready()
    assert host.broker.wait_exit(1) not in (0, None)
    host.broker.wait_ready(2)
    for reply in replies:
        assert reply.get(timeout=60).error
    after = on_bus("bob")
    after.approve(number)
    login.expect(r"uid=0\(root\)")
    assert len(after.value("List", EVERYTHING)) == len(long_list) + 2
    host.broker.exits.clear()


def test_bus_killed_while_logins_wait(host, on_bus):
    logins = [host.actor(name).terminal(["sudo", "id"]) for name in CROWD]
    numbers = []
    for login in logins:
        login.expect(r"request (\d+) filed[^\n]*waiting")
        numbers.append(int(login.match.group(1)))
    for kill in range(1, 4):
        host.kill_bus()
        assert host.broker.wait_exit(kill) not in (0, None)
        host.bus.wait_ready()
        host.broker.wait_ready(kill + 1)
    bob = on_bus("bob")
    for number in numbers:
        bob.approve(number)
    for login in logins:
        login.expect(r"uid=0\(root\)")
    host.broker.exits.clear()


def test_no_bus_at_all(host, alice):
    """The gate opens only with both doors; a login meanwhile is refused in time."""
    host.bus.restart, restart = None, host.bus.restart
    try:
        host.kill_bus()
        host.broker.wait_exit(1)
        code, shown = alice.on_terminal(["sudo", "id"])
        assert code != 0 and ROOT not in shown
        assert "root at the console" in shown or "administrator" in shown
    finally:
        host.bus.restart = restart
        host.bus.start()
    host.broker.wait_ready()
    host.broker.exits.clear()
