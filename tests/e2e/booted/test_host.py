# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed lives on a booted host as README says."""

from host.login import ROOT


def test_units_and_bus(booted_host):
    states = booted_host.nsenter(
        ["systemctl", "is-active", "pam-checkout-gate.socket", "pam-checkout-broker.service"]).stdout
    assert states.split() == ["active", "active"]
    assert booted_host.nsenter(["systemctl", "--failed", "--quiet", "--no-legend"]).stdout == ""
    bus = "dbus-broker" if booted_host.bus == "dbus-broker" else "dbus-daemon"
    assert bus in booted_host.nsenter(
        ["systemctl", "show", "--property=ExecStart", "dbus.service"]).stdout
    owner = booted_host.nsenter(["busctl", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                                 "GetNameOwner", "s", "org.pamcheckout.Broker1"])
    assert owner.returncode == 0


def test_round(booted_host):
    """A request, an approval, a login, its session in the ledger; gone with the next boot."""
    alice, bob = booted_host.actor("alice"), booted_host.actor("bob")
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "request 1 filed" in shown, shown
    bob.approve(1)
    assert alice.on_terminal(["sudo", "id"]) == (0, f"{ROOT} gid=0(root) groups=0(root)\n")
    assert alice.show(1)["state"] == "active"
    assert booted_host.ledger("SELECT count(*) FROM session") == [(1,)]
    booted_host.reboot()
    alice = booted_host.actor("alice")
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "request 2 filed" in shown, shown
    assert alice.show(1)["state"] == "expired"
