# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who gives up while the door is held, in each phase: no command runs, the terminal is as it was, and
nothing is left that a late approval could open."""

import os
import signal

import pexpect
import pytest

from host.booted import until

pytestmark = pytest.mark.any_release

POLICY = """
[policy root]
accounts = root
requesters = %ops
approvers = %security
reason = optional
"""
MARK = "/run/marks/ran"
WAIT = "wait=2min"


@pytest.fixture(params=["account", "session"])
def phase(request, booted_host):
    """Only this phase of sudo and su has a gate, and it holds everybody."""
    host, phase = booted_host, request.param
    other = {"account": "session", "session": "account"}[phase]
    host.shell(f"""
        cp /etc/pam.d/sudo-root /root/sudo-root.kept
        cp /etc/pam.d/su /root/su.kept
        sed -i -e '/^{other}.*pam_checkout/d' -e '/^{phase}.*pam_checkout/ s/$/ {WAIT}/' \\
            /etc/pam.d/sudo-root
        sed -i '/pam-checkout/d' /etc/pam.d/su
        echo '{phase} required pam_checkout.so {WAIT}' >> /etc/pam.d/su
        install -d -m 1777 /run/marks
        rm -f {MARK}
    """)
    yield phase
    host.shell("mv /root/sudo-root.kept /etc/pam.d/sudo-root; mv /root/su.kept /etc/pam.d/su")


class Shell:
    """alice's shell on a terminal, from which she goes to the door."""

    PROMPT = "alice@there> "

    def __init__(self, host, door):
        self.host = host
        self.child = host.actor("alice").terminal(
            ["bash", "--norc", "--noprofile", "--noediting", "-i"], env={"PS1": self.PROMPT})
        self.child.expect_exact(self.PROMPT)
        self.before = self.ask("stty -g")
        command = {"sudo": f"sudo touch {MARK}", "su": f"su -c 'touch {MARK}'"}[door]
        self.child.sendline(command)
        if door == "su":
            self.child.expect("[Pp]assword: ")
            self.child.sendline("pw-root")
        self.child.expect(r"request (\d+)[^\n]*waiting[^\n]*\n")
        self.number = int(self.child.match.group(1))

    def ask(self, command):
        self.child.sendline(f"{command}; echo =$?=")
        self.child.expect(r"\r\n(?:(.*)\r\n)?=(\d+)=\r\n")
        said, code = self.child.match.groups()
        self.child.expect_exact(self.PROMPT)
        return said if said is not None else code

    def close(self):
        self.child.close(force=True)


@pytest.fixture
def shell(booted_host, phase):
    opened = []

    def make(door):
        opened.append(Shell(booted_host, door))
        return opened[-1]

    booted_host.policy(POLICY)
    yield make
    for each in opened:
        each.close()


def given_up(host, number):
    """The request is withdrawn, and no approval brings it back."""
    alice, bob = host.actor("alice"), host.actor("bob")
    until(lambda: alice.show(number)["state"] == "cancelled", f"request {number} is cancelled")
    assert bob.checkoutctl("approve", str(number), "--yes").returncode == 1
    assert host.nsenter(["test", "-e", MARK], check=False).returncode != 0
    assert host.ledger("SELECT count(*) FROM session") == [(0,)]


@pytest.mark.parametrize("key", ["\x03", "\x1c", "\x1a"], ids=["Ctrl-C", "Ctrl-Backslash", "Ctrl-Z"])
@pytest.mark.parametrize("door", ["sudo", "su"])
def test_by_a_key(booted_host, shell, door, key):
    at_door = shell(door)
    at_door.child.send(key)
    at_door.child.expect_exact(Shell.PROMPT)
    # Stopped or ended; nobody is behind the door.
    at_door.ask("kill -KILL %1 2> /dev/null; wait 2> /dev/null; true")
    # The shell may speak of the killed job as well.
    assert at_door.before in at_door.ask("stty -g").splitlines()
    given_up(booted_host, at_door.number)


@pytest.mark.parametrize("door", ["sudo", "su"])
def test_by_hanging_up(booted_host, shell, door):
    """The client dies: sshd hangs up the terminal."""
    at_door = shell(door)
    os.kill(at_door.child.pid, signal.SIGKILL)
    at_door.child.expect(pexpect.EOF)
    given_up(booted_host, at_door.number)


def test_by_the_death_of_the_whole_connection(booted_host, shell):
    at_door = shell("sudo")
    booted_host.shell("pkill -KILL -u alice")
    given_up(booted_host, at_door.number)
