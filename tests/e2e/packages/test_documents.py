# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who follows the pages word by word gets what they say."""

from host.document import follow
from host.package import TOP, bring

PAGES = TOP / "packaging" / "doc"
POLICY = """[policy root]
accounts = root
requesters = %ops
approvers = %security
"""


def test_five_minutes(bare, package):
    """README, from the package to the gate and back."""
    bring(bare, package)
    follow(bare, TOP / "README.md", ["Five minutes"])


def test_administrator(installed):
    # With it the guide's recipes are not enough, which checkoutctl doctor would say.
    installed.shell("if [ -e /usr/bin/sudo-rs ]; then dpkg --purge sudo-rs; fi")
    follow(installed, PAGES / "pam-checkout-admin.7.scd")


def test_approver(installed):
    installed.policy(POLICY)
    alice = installed.actor("alice")
    alice.request("root")
    installed.actor("frank").request("root")
    follow(installed, PAGES / "pam-checkout-approver.7.scd")


def test_auditor(installed):
    installed.write("/etc/pam-checkout/broker.conf", "[broker]\nauditors = auditors\n")
    installed.policy(POLICY)
    installed.actor("alice").request("root")
    installed.actor("bob").approve(1)
    follow(installed, PAGES / "pam-checkout-auditor.7.scd")
