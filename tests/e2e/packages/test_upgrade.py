# SPDX-License-Identifier: LGPL-2.1-or-later
"""A newer package comes in while people come and go."""

import contextlib
import json
import sqlite3
from pathlib import Path

from host.login import Login
from host.package import apt, gate_sudo

BROKER, GATE = "pam-checkout-broker.service", "pam-checkout-gate.socket"
# Logins one after the other until they are told to stop; each says how it went.
LOGINS = "until [ -e /run/enough ]; do sudo -n id -u || echo refused; done"


def upgrade(host, package):
    host.copy(package, f"/root/{package.name}", 0o644)
    return apt(host, "install", "--allow-downgrades", f"/root/{package.name}")


def identity(host, unit):
    return host.nsenter(["systemctl", "show", "-P", "InvocationID", unit]).stdout


def test_no_login_fails_during_an_upgrade(gated, changed_package):
    alice, bob, frank = map(gated.actor, ("alice", "bob", "frank"))
    gated.shell("sed -i 's/account=root/account=root wait=2min/' /etc/pam.d/sudo-root; "
                "sed -i 's/^requesters.*/requesters = alice, frank/' /etc/pam-checkout/policy.d/*; "
                f"systemctl reload {BROKER}")
    bob.approve(alice.request("root"))
    held = Login(frank, command=["sudo", "id"], env={"CHECKOUT_REASON": "the night shift"})
    held.see("[Pp]assword")
    held.child.sendline("pw-frank")
    number = held.held()
    before = identity(gated, BROKER), identity(gated, GATE)
    coming = alice.start(["bash", "-c", LOGINS])
    assert coming.stdout.readline() == "0\n"

    upgrade(gated, changed_package("0.1.0+later"))
    assert gated.nsenter(["dpkg-query", "-W", "pam-checkout"]).stdout.endswith("\t0.1.0+later\n")
    after = identity(gated, BROKER), identity(gated, GATE)
    assert after[0] != before[0] and after[1] == before[1]

    assert coming.stdout.readline() == "0\n"
    gated.nsenter(["touch", "/run/enough"])
    out, err = coming.communicate(timeout=30)
    assert set(out.split()) <= {"0"} and err == "", out + err
    # Who waited over the restart is decided on by the new broker.
    bob.approve(number)
    held.entered()


def test_a_broker_that_does_not_start(gated, package, changed_package, console):
    """The doors say so, the console is open, and the package before mends it."""
    alice, bob = gated.actor("alice"), gated.actor("bob")
    bob.approve(alice.request("root"))

    def no_broker(root):
        (root / "usr/libexec/pam-checkout-broker").write_text("#!/bin/sh\nexit 1\n")

    upgrade(gated, changed_package("0.1.0+broken", no_broker))
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "refused: the check-out broker does not answer" in shown, shown
    console(gated)
    upgrade(gated, package)
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"


def test_a_module_that_is_missing(gated, package, changed_package, console):
    alice, bob = gated.actor("alice"), gated.actor("bob")
    bob.approve(alice.request("root"))
    upgrade(gated, changed_package("0.1.0+broken", lambda root: next(
        root.glob("usr/lib/*/security/pam_checkout.so")).unlink()))
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "Module is unknown" in shown, shown
    # Nobody else's logins notice.
    assert gated.actor("carol").run(["sudo", "-u", "oracle", "id", "-un"]).stdout == "oracle\n"
    console(gated)
    upgrade(gated, package)
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"


def test_a_ledger_of_the_first_schema(installed, tmp_path):
    """Its check-outs and its chain are those of before; what it could not know is added."""
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
        ledger.executescript(Path(__file__).with_name("ledger-1.sql").read_text())
        trail = ledger.execute("SELECT seq, record, hash FROM audit ORDER BY seq").fetchall()
    assert len(trail) == 20
    installed.shell(f"systemctl stop {GATE} {BROKER}; rm /var/lib/pam-checkout/*")
    installed.copy(tmp_path / "ledger.db", "/var/lib/pam-checkout/ledger.db", 0o600,
                   "pam-checkout:pam-checkout")
    installed.nsenter(["systemctl", "start", GATE, BROKER])
    gate_sudo(installed)

    assert installed.ledger("PRAGMA user_version") > [(1,)]
    assert installed.ledger("SELECT seq, record, hash FROM audit WHERE seq <= 20 ORDER BY seq") == trail
    # What the records of that version leave out is said, and taken for no crime.
    said = installed.nsenter(["checkoutctl", "verify", "--no-journal", "--json"], check=False)
    assert said.returncode == 6, said.stdout
    findings = [json.loads(line).get("finding") for line in said.stdout.splitlines()]
    assert "wrong" not in findings and findings.count("not checked") > 3, said.stdout

    alice, bob = installed.actor("alice"), installed.actor("bob")
    # That boot is over, and with it what was checked out.
    assert [alice.show(number)["state"] for number in (1, 2, 3)] == ["returned", "denied", "expired"]
    assert alice.show(2)["decisions"][0]["reason"] == "say why"
    number = alice.request("root", reason="after the upgrade")
    assert number == 5
    bob.approve(number)
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
