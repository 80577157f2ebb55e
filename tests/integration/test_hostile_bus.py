# SPDX-License-Identifier: LGPL-2.1-or-later
"""What anybody may send the broker over the system bus, and what it must not do to it."""

import os

import pytest

NAME = "org.pamcheckout.Broker1"

# A call of Get with so many file descriptors; says what came of it.
SEND_FDS = """
import sys
import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib
bus = Gio.DBusConnection.new_for_address_sync(
    "unix:path=/run/dbus/system_bus_socket", Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
    Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
fds = Gio.UnixFDList.new()
for _ in range(int(sys.argv[1])):
    fds.append(0)
try:
    bus.call_with_unix_fd_list_sync(sys.argv[2], "/org/pamcheckout/Broker1", sys.argv[2], "Get",
                                    GLib.Variant("(h)", (0,)), None, 0, 10000, fds, None)
except GLib.Error as error:
    print(error.message)
"""


def list_fds(host):
    return os.listdir(f"/proc/{host.broker.pid}/fd")


def lives(host, client):
    assert client.call("Get", "(uint64 999999,)").ours == "NotFound"
    assert host.broker.exits == []


@pytest.mark.parametrize("signal", ["org.freedesktop.DBus.NameLost",
                                    "org.freedesktop.DBus.NameOwnerChanged",
                                    "org.pamcheckout.Broker1.Changed"])
def test_forged_signal(host, on_bus, signal):
    mallory = host.actor("mallory")
    sent = mallory.run(["dbus-send", "--system", "--type=signal", f"--dest={NAME}",
                        "/org/freedesktop/DBus", signal, f"string:{NAME}"])
    assert sent.returncode == 0, sent.stderr
    lives(host, on_bus("mallory"))


@pytest.mark.parametrize("number", [1, 16, 17, 64])
def test_message_with_file_descriptors(host, on_bus, number):
    """libdbus drops a connection on which more come than it expects; some buses pass them on."""
    client = on_bus("mallory")
    lives(host, client)
    before = len(list_fds(host))
    said = host.actor("mallory").run(["/usr/bin/python3", "-c", SEND_FDS, number, NAME])
    assert said.returncode == 0, said.stderr
    lives(host, client)
    assert len(list_fds(host)) <= before


def test_flood(host, on_bus):
    """One connection's calls beyond what it may have under way are refused, and doors are answered."""
    mallory, alice = on_bus("mallory"), host.actor("alice")
    with host.frozen(host.broker.pid):
        answers = [mallory.send("Get", "(uint64 999999,)") for _ in range(120)]
        mallory.value("GetId", name="org.freedesktop.DBus", path="/",
                      interface="org.freedesktop.DBus")
    said = {answer.get(timeout=60).ours for answer in answers}
    assert said <= {"NotFound", "LimitReached"} and "NotFound" in said
    with alice.terminal(["sudo", "id"]) as login:
        login.expect(r"request \d+ filed[^\n]*waiting")
    lives(host, mallory)
