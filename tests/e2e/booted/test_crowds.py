# SPDX-License-Identifier: LGPL-2.1-or-later
"""Very many at once, and everybody else gets on with their work."""

import json
import subprocess
import time

import pexpect
import pytest

from host.actor import PATIENCE, status
from host.booted import ENVIRONMENT, GATE, until

pytestmark = pytest.mark.any_release

POLICY = """
[policy root]
accounts = root
requesters = %ops, trudy
approvers = %security
reason = optional

[policy own]
accounts = {own}
requesters = %ops
approvers = %security
reason = optional
"""
MANY = 300
# Each on a terminal of its own: only those wait. trudy has them all in her one session.
FLOOD = f"""
    cd; rm -f done-*; n=0
    while [ $((n += 1)) -le {MANY} ]; do
        (script -qec 'sudo id' /dev/null < /dev/null > done-$n 2>&1; echo $? >> done-$n) &
    done
    echo started
    wait
    echo ended
"""


@pytest.fixture
def flood(booted_host, request):
    """trudy, who is not in sudoers, at 300 doors, of which each holds her for a minute."""
    host = booted_host
    host.write("/etc/sudoers.d/zzz-crowd", "Defaults:trudy !authenticate\n", 0o440)
    host.shell("sed -i 's/account=root/account=root wait=1min/' /etc/pam.d/sudo-root")
    host.policy(POLICY.format(own="deploy"))
    child = host.actor("trudy").terminal(["bash", "-c", FLOOD])
    child.expect("started")
    yield host
    host.shell("pkill -KILL -x sudo || :; pkill -KILL -x script || :")
    child.expect("ended")
    status(child)
    host.shell("""
        sed -i 's/ wait=1min//' /etc/pam.d/sudo-root
        rm -f /etc/sudoers.d/zzz-crowd /home/trudy/done-*
    """)


def in_time(seconds, what):
    began = time.monotonic()
    what()
    took = time.monotonic() - began
    assert took < seconds, f"{what}: {took:.1f} s"


def test_three_hundred_sudo_of_who_is_no_sudoer(flood):
    host, bob = flood, flood.actor("bob")
    # They hold all that one person may hold; the others are refused at once.
    host.shell("""
        for n in {1..300}; do
            [ "$(cat /home/trudy/done-* | grep -c '^pam_checkout:')" -lt 300 ] || exit 0
            sleep 0.1
        done
        exit 1
    """, timeout=2 * PATIENCE)
    # Root's bus.
    in_time(10, lambda: host.nsenter(["busctl", "status", "org.pamcheckout.Broker1"]))
    in_time(10, lambda: host.run(["systemctl", "is-active", GATE], check=True))
    # The ledger has one request, not hundreds, and no record for each try.
    (requests,), = host.ledger("SELECT count(*) FROM checkout WHERE person = 'trudy'")
    (records,), = host.ledger("SELECT count(*) FROM audit")
    assert requests == 1 and records < 20, (requests, records)
    # Others ask, are approved and come in.
    alice = host.actor("alice")
    number = alice.request("root")
    bob.approve(number)
    in_time(10, lambda: alice.on_terminal(["sudo", "id"]))
    assert alice.on_terminal(["sudo", "id"])[0] == 0
    in_time(10, lambda: subprocess.run(host.ssh("dave@127.0.0.1", "true"), env=ENVIRONMENT,
                                       check=True, stdin=subprocess.DEVNULL))


def test_twenty_logins_that_wait_in_session(booted_host):
    """Outside LoginGraceTime and MaxStartups: the twenty-first person gets in."""
    host = booted_host
    names = [f"s{number:02}" for number in range(20)]
    host.shell("""
        for name; do useradd --create-home --shell /bin/bash --groups ops "$name"; done
        cp /etc/pam.d/sshd /root/sshd.kept
        sed -i '/pam-checkout/d' /etc/pam.d/sshd
        list=$(IFS=:; echo "$*")
        printf 'session [success=1 default=ignore] pam_succeed_if.so quiet user notin %s\\n%s\\n' \\
            "$list" 'session required pam_checkout.so wait=1min' >> /etc/pam.d/sshd
    """, "_", *names)
    host.policy(POLICY.format(own=", ".join(names)))
    bob = host.actor("bob")

    def pending():
        lines = bob.checkoutctl("list", "--json", "--state", "pending").stdout.splitlines()
        return [str(json.loads(line)["id"]) for line in lines]

    children = []
    try:
        for name in names:
            command = host.ssh("-tt", f"{name}@127.0.0.1", "id")
            children.append(pexpect.spawn(command[0], command[1:], env=ENVIRONMENT, encoding="utf-8",
                                          timeout=PATIENCE))
            # MaxStartups is for those who come in the same moment.
            if len(children) % 5 == 0:
                until(lambda: len(pending()) == len(children), "the logins wait")
        done = subprocess.run(host.ssh("dave@127.0.0.1", "id -un"), env=ENVIRONMENT, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        assert done.stdout == "dave\n", done
        assert all(child.isalive() for child in children), "they wait"
        assert bob.checkoutctl("approve", *pending(), "--yes").returncode == 0
        for name, child in zip(names, children):
            child.expect(pexpect.EOF)
            assert f"({name})" in child.before, child.before
    finally:
        for child in children:
            child.close(force=True)
        host.shell("mv /root/sshd.kept /etc/pam.d/sshd")
