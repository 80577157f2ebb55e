# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever has become of the broker, every door says within 5 s what is wrong and whom to call. (That
it is stopped or hangs: test_doors.)"""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pexpect
import pytest

from host.booted import BROKER, ENVIRONMENT, GATE

HELP = "security@example.org"
# What the contract says, and the pace of a machine that is busy.
BOUND = 5 + 10


def sudo(host):
    return host.actor("alice").on_terminal(["sudo", "id"])


def su(host):
    child = host.actor("alice").terminal(["su", "-c", "id"])
    child.expect("[Pp]assword: ")
    child.sendline("pw-root")
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before


def ssh(host):
    done = subprocess.run(host.ssh("root@127.0.0.1", "id"), env=ENVIRONMENT, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def outage(booted_host, request):
    """Everybody has a check-out, and then this happens to the broker."""
    bob = booted_host.actor("bob")
    done = bob.checkoutctl("grant", "alice", "root", "--reason", "a test")
    assert done.returncode == 0, done.stderr
    assert sudo(booted_host)[0] == 0
    booted_host.shell(request.param)
    yield booted_host
    booted_host.shell(f"""
        rm -rf /run/systemd/system/{BROKER}.d /run/systemd/system/{GATE}.d
        systemctl daemon-reload
        systemctl stop {GATE} {BROKER} || :
        rm -rf /run/pam-checkout
        systemd-tmpfiles --create pam-checkout.conf
    """)


OUTAGES = {
    "crash-looping": f"""
        mkdir -p /run/systemd/system/{BROKER}.d
        printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' \\
            > /run/systemd/system/{BROKER}.d/crash.conf
        systemctl daemon-reload
        systemctl kill --signal=KILL {BROKER}
    """,
    "socket missing": f"systemctl stop {GATE} {BROKER}; rm /run/pam-checkout/gate",
    "folder missing": f"systemctl stop {GATE} {BROKER}; rm -r /run/pam-checkout",
    "socket of somebody else": f"""
        systemctl stop {GATE} {BROKER}
        chown nobody /run/pam-checkout/gate
    """,
    "socket masked": f"systemctl mask --runtime --now {GATE}; systemctl stop {BROKER}",
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES, indirect=True)
def test_every_door_says_so(outage):
    def go(door):
        began = time.monotonic()
        return (*door(outage), time.monotonic() - began)

    outage.actor("alice")
    try:
        with ThreadPoolExecutor() as pool:
            for code, shown, seconds in pool.map(go, (sudo, su, ssh)):
                assert code != 0 and "uid=0" not in shown, shown
                (said,) = [line for line in shown.splitlines() if line.startswith("pam_checkout:")]
                assert "the check-out broker does not answer (" in said
                assert said.strip().endswith(HELP)
                assert seconds < BOUND
    finally:
        outage.shell(f"systemctl unmask --runtime --quiet {GATE}")


def test_back_again(booted_host):
    """Nothing has to be repaired after an outage: the check-out is what it was."""
    bob = booted_host.actor("bob")
    assert bob.checkoutctl("grant", "alice", "root", "--reason", "a test").returncode == 0
    booted_host.shell(f"systemctl kill --signal=KILL {BROKER}")
    # systemd starts it again, and the login waits for that in the gate's socket.
    assert sudo(booted_host)[0] == 0
