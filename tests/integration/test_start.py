# SPDX-License-Identifier: LGPL-2.1-or-later
"""A broker that cannot start says why in one line and ends with 1; one that can, does."""

import signal
import subprocess
from pathlib import Path

import pytest

from host.actor import PATIENCE

BROKER = "/usr/libexec/pam-checkout-broker"
SETTINGS = Path("/etc/pam-checkout/broker.conf")
MACHINE_ID = Path("/etc/machine-id")
BROKEN = "[policy broken\n"


def start(*arguments, program=BROKER):
    """A broker by hand, to its end."""
    return subprocess.run(["setpriv", "--reuid=pam-checkout", "--regid=pam-checkout",
                           "--clear-groups", program, *arguments],
                          capture_output=True, text=True, timeout=PATIENCE)


def assert_refuses(result, *words):
    assert result.returncode == 1, result
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("<3>"), result.stderr
    for word in words:
        assert word in lines[0]


@pytest.fixture
def stopped(host):
    """The host after its broker has run: everything is set up."""
    assert host.stop_broker() == 0
    return host


@pytest.fixture
def changed():
    """changed(path, text): the file holds that; afterwards what it held before."""
    before = []

    def change(path, text):
        before.append((path, path.read_bytes() if path.exists() else None))
        path.write_text(text)

    yield change
    for path, content in reversed(before):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)


def test_not_activated(stopped):
    assert_refuses(start(), "systemd:")


@pytest.mark.parametrize("address", ["unix:path=/nowhere/gate", "nonsense", ""])
def test_no_gate(stopped, address):
    assert_refuses(start(f"--gate={address}"), "the gate cannot listen", address)


@pytest.mark.parametrize("arguments", [["--verbose"], ["gate"], ["--gate"]])
def test_usage(stopped, arguments):
    assert start(*arguments).returncode == 2


@pytest.mark.parametrize("text, words", [("[broker]\nadmins = wheel\n", [":2:", "admins"]),
                                         ("[broker\n", [":1:"])])
def test_broken_settings(stopped, changed, text, words):
    changed(SETTINGS, text)
    assert_refuses(start("--gate=unix:path=/tmp/gate"), str(SETTINGS), *words)


@pytest.mark.parametrize("text", ["", "uninitialized\n"])
def test_no_machine_id(stopped, changed, text):
    changed(MACHINE_ID, text)
    assert_refuses(start("--gate=unix:path=/tmp/gate"), str(MACHINE_ID))


def test_no_bus(stopped):
    bus, listening = Path("/run/dbus/system_bus_socket"), Path("/run/dbus/moved")
    bus.rename(listening)
    try:
        assert_refuses(start("--gate=unix:path=/tmp/gate"), str(bus))
    finally:
        listening.rename(bus)


def test_second_broker(host, on_bus):
    """It ends, and the first goes on writing into the ledger."""
    assert_refuses(start("--gate=unix:path=/tmp/gate"), "another broker")
    alice, bob = on_bus("alice"), on_bus("bob")
    number = alice.request()
    bob.approve(number)
    assert alice.get(number)["state"] == "active"
    assert host.broker.exits == []


def test_broken_policy(stopped, on_bus):
    """It starts, refuses with a sentence, and takes the mended policy without a restart."""
    host = stopped
    host.policy(BROKEN)
    host.start_broker()
    status, shown = host.actor("alice").on_terminal(["sudo", "id"])
    assert status != 0 and "policy of this host cannot be read" in shown, shown
    assert "refused until this is mended" in host.broker.output()
    host.policy()
    host.broker.signal(signal.SIGHUP)
    root = on_bus("root")
    root.value("Reload")
    with host.actor("alice").terminal(["sudo", "id"]) as login:
        login.expect(r"request \d+ filed[^\n]*waiting")


def test_many_hang_ups(host, on_bus):
    """SIGHUP while a reload is under way, and again: the last state of the files is what counts."""
    for round_ in range(20):
        host.policy(BROKEN if round_ % 2 else None)
        host.broker.signal(signal.SIGHUP)
    host.policy()
    host.broker.signal(signal.SIGHUP)
    on_bus("root").value("Reload")
    assert on_bus("alice").request()
    assert host.broker.exits == []
