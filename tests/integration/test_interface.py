# SPDX-License-Identifier: LGPL-2.1-or-later
"""Both doors show what the XML says, and open to whom they are meant for."""

import socket
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from host.bus import NAME, PATH
from host.host import SOURCE

GATE = "/run/pam-checkout/gate"
INTROSPECT = "org.freedesktop.DBus.Introspectable"


def described(text, interface):
    """The methods, arguments and signals of an interface in an introspection document; annotations
    are for the generator."""
    def strip(element):
        return (element.tag, sorted((key, " ".join(value.split()))
                                    for key, value in element.attrib.items()),
                [strip(child) for child in element if child.tag != "annotation"])

    (found,) = [element for element in ElementTree.fromstring(text).iter("interface")
                if element.get("name") == interface]
    return strip(found)


def test_people_see_the_xml(on_bus):
    live = on_bus("mallory").value("Introspect", interface=INTROSPECT)
    xml = (SOURCE / "common" / f"{NAME}.xml").read_text()
    assert described(live, NAME) == described(xml, NAME)


@pytest.mark.any_bus
def test_doors_see_the_xml(host):
    name, path = "org.pamcheckout.Gate1", "/org/pamcheckout/Gate1"
    live = subprocess.run(
        ["dbus-send", f"--peer=unix:path={GATE}", "--print-reply=literal", path,
         f"{INTROSPECT}.Introspect"], check=True, capture_output=True, text=True).stdout
    xml = (SOURCE / "common" / f"{name}.xml").read_text()
    assert described(live.strip(), name) == described(xml, name)


@pytest.mark.parametrize("path", [PATH, "/", "/org", "/org/pamcheckout", "/nothing/of/ours"])
def test_every_path_can_be_asked_what_is_there(on_bus, path):
    """Browsers of the bus walk down from the root."""
    reply = on_bus("mallory").call("Introspect", interface=INTROSPECT, path=path)
    assert reply.error is None or reply.error.startswith("org.freedesktop.DBus.Error.Unknown")


@pytest.mark.parametrize("where", [
    {"method": "Nothing"}, {"method": "Get", "interface": "org.pamcheckout.Gate1"},
    {"method": "Get", "interface": "org.pamcheckout.Broker2"},
    {"method": "Ask", "interface": "org.pamcheckout.Gate1"},
    {"method": "Get", "path": "/org/pamcheckout/Gate1"}])
def test_what_is_not_there_is_not_there(on_bus, where):
    reply = on_bus("alice").call(arguments="(uint64 1,)", **where)
    # The bus itself refuses other interfaces than ours.
    assert reply.error.startswith("org.freedesktop.DBus.Error.Unknown") or \
        reply.error == "org.freedesktop.DBus.Error.AccessDenied"


@pytest.mark.parametrize("who", ["root", "alice", "bob"])
def test_nobody_else_can_own_the_name(host, on_bus, who):
    host.stop_broker()
    reply = on_bus(who).call("RequestName", f"('{NAME}', uint32 0)", name="org.freedesktop.DBus",
                             path="/", interface="org.freedesktop.DBus")
    assert reply.error == "org.freedesktop.DBus.Error.AccessDenied"


@pytest.mark.any_bus
@pytest.mark.parametrize("who", ["alice", "bob", "pam-checkout"])
def test_the_gate_is_roots_alone(host, who):
    """By its mode, and by the broker where the mode does not hold anybody back."""
    knock = ["dbus-send", f"--peer=unix:path={GATE}", "--print-reply", "/org/pamcheckout/Gate1",
             "org.freedesktop.DBus.Peer.Ping"]
    actor = host.actor(who, login=None)
    assert "Permission denied" in actor.run(knock).stderr
    Path(GATE).chmod(0o666)
    refused = actor.run(knock)
    assert refused.returncode != 0 and "Permission denied" not in refused.stderr
    assert host.actor("root", login=None).run(knock).returncode == 0


@pytest.mark.any_bus
def test_garbage_at_the_gate(host, dice):
    """Whoever speaks no D-Bus is hung up on, and everybody else is answered."""
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(GATE)
            door.settimeout(30)
            try:
                door.sendall(dice.randbytes(dice.randrange(1, 100_000)) + b"\r\n")
                while door.recv(4096):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert host.broker.exits == []
    assert host.actor("alice").run(["sudo", "id"]).returncode != 0
    assert host.ledger("select count(*) from checkout") == [(1,)]


@pytest.mark.any_bus
def test_silence_at_the_gate_costs_others_nothing(host, alice):
    doors = [socket.socket(socket.AF_UNIX) for _ in range(200)]
    try:
        for door in doors:
            door.connect(GATE)
            door.sendall(b"\0AUTH EXTERNAL 30\r\n")
        assert alice.run(["sudo", "id"]).returncode != 0
        assert host.ledger("select count(*) from checkout") == [(1,)]
    finally:
        for door in doors:
            door.close()


@pytest.mark.any_bus
def test_request_of_a_door_that_leaves_before_it_waits(host, journal):
    """A login that dies between its question and its wait is a login that is gone."""
    uid = host.actor("alice").uid
    subprocess.run(
        ["dbus-send", f"--peer=unix:path={GATE}", "--print-reply", "/org/pamcheckout/Gate1",
         "org.pamcheckout.Gate1.Ask"], capture_output=True)
    ask = f"""
import sys, gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib
door = Gio.DBusConnection.new_for_address_sync(
    "unix:path={GATE}", Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
login = {{"door": "sudo", "service": "sudo", "phase": "account", "person": "alice",
         "account": "root", "tty": "/dev/pts/0"}}
login = {{key: GLib.Variant("s", value) for key, value in login.items()}}
login |= {{key: GLib.Variant("u", value) for key, value in
          dict(pid=1, ruid={uid}, loginuid={uid}, wait_seconds=60).items()}}
print(door.call_sync(None, "/org/pamcheckout/Gate1", "org.pamcheckout.Gate1", "Ask",
                     GLib.Variant("(a{{sv}})", (login,)), None, 0, 5000, None).unpack())
"""
    said = subprocess.run(["/usr/bin/python3", "-c", ask], check=True, capture_output=True,
                          text=True).stdout
    assert said.startswith("('pending', 1,"), said
    journal.wait(CHECKOUT_EVENT="cancelled", CHECKOUT_ID=1)
