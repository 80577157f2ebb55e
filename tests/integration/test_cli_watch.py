# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl watch."""

import json
import signal
import subprocess

import pytest

from cli_fixtures import broker, brokers, bus, cli, machine, pending  # noqa: F401


def line(process):
    return process.stdout.readline().decode()


def end(cli, process, number=signal.SIGINT):
    done = cli.finish(process, number)
    assert done.code == 0 and done.out == "", done
    return done


def test_what_is_open_and_then_what_happens(broker, cli):
    broker.checkout(**pending(7))
    process = cli.start("watch")
    assert "  7  pending    alice -> root on web1 by sudo: disk full [INC-4711]\n" in line(process)
    assert broker.calls("List")[0][1]["state"] == ["pending", "approved", "active"]
    broker.checkout(**pending(8))
    broker.changed(8, "pending")
    assert "  8  pending " in line(process)
    broker.checkout(**pending(7, state="active"))
    broker.changed(7, "active")
    assert "  7  active " in line(process)
    end(cli, process)


def test_json(broker, cli):
    first = broker.checkout(**pending())
    process = cli.start("watch", "--json")
    assert json.loads(line(process)) == first
    second = broker.checkout(**pending(state="lapsed"))
    broker.changed(17, "lapsed")
    assert json.loads(line(process)) == second
    end(cli, process)


def test_an_approval_that_is_not_enough(broker, cli):
    broker.checkout(**pending())
    process = cli.start("watch", "--json")
    line(process)
    changed = broker.checkout(**pending(decisions=[{"actor": "carol", "verdict": "approve", "time": 1}]))
    broker.changed(17, "pending")
    assert json.loads(line(process)) == changed
    end(cli, process)


def test_nothing_is_said_twice_and_nothing_of_what_may_not_be_seen(broker, cli):
    broker.checkout(**pending(7))
    process = cli.start("watch")
    line(process)
    broker.changed(7, "pending")
    broker.await_call("Get", 1)
    broker.changed(99, "pending")
    broker.await_call("Get", 2)
    broker.checkout(**pending(8))
    broker.changed(8, "pending")
    assert "  8  pending " in line(process)
    end(cli, process)


def test_signals_of_others_are_not_heard(broker, cli):
    """Anybody on the bus can send a signal of this name to everybody they know the address of."""
    broker.checkout(**pending(7))
    process = cli.start("watch")
    line(process)
    for number in range(1, 30):
        subprocess.run(cli.machine.command(
            "dbus-send", "--bus=unix:path=/run/dbus/system_bus_socket", f"--dest=:1.{number}", "--type=signal",
            "/org/pamcheckout/Broker1", "org.pamcheckout.Broker1.Changed", "uint64:7", "string:active"), check=True)
    broker.changed(7, "pending")
    broker.await_call("Get")
    end(cli, process)
    assert len(broker.calls("Get")) == 1


def test_the_broker_goes_and_comes_back(broker, cli):
    for number in (7, 8):
        broker.checkout(**pending(number))
    process = cli.start("watch")
    line(process), line(process)
    broker.await_call("List", 2)
    broker.order("release")
    assert b"the broker is gone" in process.stderr.readline()
    broker.checkout(**pending(7, state="denied"))
    broker.checkout(**pending(9))
    broker.order("forget", 8)
    broker.order("claim")
    assert b"the broker is there again" in process.stderr.readline()
    assert "  7  denied " in line(process)
    assert "  9  pending " in line(process)
    end(cli, process)


def test_many_changes_at_once(broker, cli):
    for number in range(1, 3001):
        broker.checkout(**pending(number))
    process = cli.start("watch")
    for _ in range(3000):
        line(process)
    for number in range(1, 3001):
        broker.checkout(**pending(number, state="denied"))
    broker.order("changed_all", "denied")
    assert {line(process).split()[3] for _ in range(3000)} == {str(number) for number in range(1, 3001)}
    end(cli, process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_quietly(broker, cli, number):
    broker.checkout(**pending())
    process = cli.start("watch")
    line(process)
    assert end(cli, process, number).err == ""


def test_the_reader_goes_away(broker, cli):
    broker.checkout(**pending())
    process = cli.start("watch")
    line(process)
    process.stdout.close()
    broker.checkout(**pending(state="active"))
    broker.changed(17, "active")
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""
    process.stderr.close()
