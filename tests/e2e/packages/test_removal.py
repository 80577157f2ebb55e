# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package goes only where nobody is shut out by that, and takes with it what is its own."""

from host import document
from host.package import CLONE, TOP, apt

BROKER, GATE = "pam-checkout-broker.service", "pam-checkout-gate.socket"


def take_gate_away(host):
    """As the administrator's guide says."""
    for command in document.commands(TOP / "packaging/doc/pam-checkout-admin.7.scd",
                                     ["TAKING A GATE AWAY"]):
        code, shown = document.by_root(host, command)
        assert code == 0 and command.matches(shown), f"{command.text}\n{shown}"


def test_a_gate_keeps_its_package(gated, console):
    done = apt(gated, "remove", "pam-checkout", check=False)
    assert done.returncode != 0
    assert "    /etc/pam.d/sudo-root\n" in done.stdout and "setup --undo" in done.stdout
    # It is as if nobody had tried.
    assert gated.nsenter(["dpkg-query", "-Wf", "${db:Status-Status}", "pam-checkout"]
                         ).stdout == "installed"
    assert gated.nsenter(["systemctl", "is-active", BROKER, GATE]).stdout.split() == ["active"] * 2
    alice, bob = gated.actor("alice"), gated.actor("bob")
    bob.approve(alice.request("root"))
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
    console(gated)


def test_a_comment_is_no_gate(gated):
    take_gate_away(gated)
    gated.write("/etc/pam.d/su", gated.read("/etc/pam.d/su") + "#session required pam_checkout.so\n")
    apt(gated, "remove", "pam-checkout")


def test_what_setup_has_done_goes_by_undo(installed):
    installed.policy("[policy root]\naccounts = root\nrequesters = alice\napprovers = bob\n")
    installed.run(["checkoutctl", "setup", "sudo", "--target", "root", "--yes"], check=True)
    alice = installed.actor("alice")
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "pam_checkout: " in shown, shown
    assert apt(installed, "remove", "pam-checkout", check=False).returncode != 0
    installed.run(["checkoutctl", "setup", "--undo"], check=True)
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
    apt(installed, "purge", "pam-checkout")
    assert installed.shell("grep -rl checkout /etc/pam.d /etc/sudoers /etc/sudoers.d || :") == ""
    assert installed.shell("systemctl list-units --all --no-legend 'pam-checkout*'") == ""


def test_purge_leaves_the_evidence_and_nothing_else(gated, package):
    alice = gated.actor("alice")
    alice.request("root", reason="to be kept")
    take_gate_away(gated)
    apt(gated, "remove", "pam-checkout")
    assert gated.nsenter(["systemctl", "is-active", BROKER, GATE], check=False).stdout.split() == \
        ["inactive"] * 2
    assert gated.shell("ls /etc/pam-checkout") == "broker.conf\npersons\npolicy.d\n"
    shown = apt(gated, "purge", "pam-checkout").stdout
    kept = gated.shell("ls -d /var/backups/pam-checkout-*").strip()
    assert f"is kept in {kept}\n" in shown
    assert gated.shell(f"stat -c '%U %a' {kept}; cd {kept}; sqlite3 ledger.db "
                       "'SELECT reason FROM checkout'").split("\n") == ["root 700", "to be kept", ""]
    assert gated.shell(f"find / -xdev \\( -name '*pam[_-]checkout*' -o -name '*checkoutctl*' \\) "
                       f"-not -path '/proc/*' -not -path '{CLONE}*' -not -path '{kept}' "
                       "-not -path '/var/log/journal/*'") == ""
    assert gated.shell("grep -rl checkout /etc/pam.d /etc/sudoers /etc/sudoers.d || :") == ""
    assert gated.nsenter(["systemctl", "--failed", "--quiet", "--no-legend"]).stdout == ""
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
    # And it can come back.
    apt(gated, "install", f"{CLONE}/build/deb/{package.name}")
    gated.policy("[policy root]\naccounts = root\nrequesters = alice\napprovers = bob\n")
    assert alice.request("root") == 1


def test_removed_by_force(gated, package, console):
    """Whoever insists is warned, shut out of the gated door and of no other, and comes back by putting
    the package back."""
    alice, bob = gated.actor("alice"), gated.actor("bob")
    bob.approve(alice.request("root"))
    shown = apt(gated, "remove", "pam-checkout", env={"PAM_CHECKOUT_LOCK_OUT": "yes"}).stdout
    assert "WARNING" in shown and "    /etc/pam.d/sudo-root\n" in shown
    code, said = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "Module is unknown" in said, said
    console(gated)
    apt(gated, "install", f"{CLONE}/build/deb/{package.name}")
    # What was checked out still is: the ledger and the policy were kept.
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
