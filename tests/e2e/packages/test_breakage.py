# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever an administrator or the machine breaks: root gets in at the console, and who is refused
learns why."""

import pytest

BROKER = "pam-checkout-broker.service"


@pytest.fixture
def alice(gated):
    """She has a check-out, and is in with it."""
    alice = gated.actor("alice")
    gated.actor("bob").approve(alice.request("root"))
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
    return alice


def refused(person, *words):
    code, shown = person.on_terminal(["sudo", "id"])
    assert code != 0 and "uid=0" not in shown, shown
    for word in words:
        assert word in shown, shown


def test_wrong_policy(gated, alice, console):
    gated.write("/etc/pam-checkout/policy.d/20-wrong.conf", "[policy more]\nacounts = oracle\n")
    # A reload keeps the policy from before; the administrator is told.
    checked = gated.run(["checkoutctl", "policy", "check"])
    assert checked.returncode == 1 and "20-wrong.conf" in checked.stdout + checked.stderr
    gated.nsenter(["systemctl", "reload", BROKER])
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
    # A restart has none.
    gated.nsenter(["systemctl", "restart", BROKER])
    refused(alice, "pam_checkout: ", "policy of this host cannot be read", "administrator")
    console(gated)
    gated.nsenter(["rm", "/etc/pam-checkout/policy.d/20-wrong.conf"])
    gated.nsenter(["systemctl", "reload", BROKER])
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"


def test_wrong_stack(gated, alice, console):
    right = gated.read("/etc/pam.d/sudo-root")
    for part, wrong, words in [
            ("account=root", "acount=root", 'the argument "acount=root" in the PAM configuration'),
            ("account=root", "account=nobody-here", "nobody-here"),
            ("pam_checkout.so", "pam_chekout.so", "Module is unknown")]:
        gated.write("/etc/pam.d/sudo-root", right.replace(part, wrong))
        refused(alice, words)
        console(gated)
    gated.write("/etc/pam.d/sudo-root", right)
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"


def test_full_disk(gated, alice, console):
    """Of the file system with the ledger: nobody new gets in, who is in may be put out, and nothing is
    lost."""
    gated.shell(f"""
        sed -i 's/^requesters.*/requesters = alice, frank/' /etc/pam-checkout/policy.d/10-root.conf
        systemctl stop pam-checkout-gate.socket {BROKER}
        cp -a /var/lib/pam-checkout /root/ledger
        mount -t tmpfs -o size=4M,mode=700,uid=pam-checkout,gid=pam-checkout tmpfs /var/lib/pam-checkout
        cp -a /root/ledger/. /var/lib/pam-checkout/
        systemctl start pam-checkout-gate.socket {BROKER}
        dd if=/dev/zero of=/var/lib/pam-checkout/full bs=4k status=none || :""")
    refused(alice, "pam_checkout: ", "full")
    asked = gated.actor("frank").checkoutctl("request", "root", "--reason", "me too")
    assert asked.returncode == 1 and "full" in asked.stderr, asked
    console(gated)
    revoked = gated.actor("bob").checkoutctl("revoke", "1", "--reason", "the disk is full")
    assert revoked.returncode == 0, revoked.stderr
    gated.nsenter(["rm", "/var/lib/pam-checkout/full"])
    assert alice.show(1)["state"] == "revoked"
    assert alice.request("root", reason="there is room again") == 2


def test_stopped_broker(gated, alice, console):
    gated.nsenter(["systemctl", "stop", "pam-checkout-gate.socket", BROKER])
    refused(alice, "refused: the check-out broker does not answer")
    console(gated)
