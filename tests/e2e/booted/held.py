# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions under a check-out, full of what does not want to go, and what becomes of them."""

import json
import time

import pexpect

from host.actor import PATIENCE
from host.booted import BROKER, ENVIRONMENT

# Every way of theirs to outlive a login, each a `sleep` whose number says which. Then it waits.
STAYERS = {7771: "background", 7772: "nohup", 7773: "setsid", 7774: "double fork", 7775: "tmux",
           7776: "screen", 7777: "ignores every signal", 7778: "foreground"}
SPAWN = """#!/bin/bash
sleep 7771 < /dev/null > /dev/null 2>&1 &
nohup sleep 7772 < /dev/null > /dev/null 2>&1 &
setsid sleep 7773 < /dev/null > /dev/null 2>&1 &
sh -c 'setsid sh -c "sleep 7774 & exit" & exit' < /dev/null > /dev/null 2>&1
tmux -L "held$$" new-session -d 'sleep 7775' || :
screen -dmS "held$$" sleep 7776 || :
sh -c 'trap "" HUP INT QUIT TERM USR1 USR2 PIPE ALRM; while :; do sleep 7777; done' \\
    < /dev/null > /dev/null 2>&1 &
echo "all-""started"
exec sleep 7778
"""

POLICY = """
[policy held]
accounts = root, oracle
requesters = %ops, oracle
approvers = %security
reason = optional
duration = 1h
max-duration = {most}
pending-timeout = 30min
warn-before = {warn}
{more}
"""


def set_up(host, most="8h", warn="5min", more=""):
    """ssh's stack gets its line before pam_systemd, too."""
    host.shell("""
        [ "$(grep -c '^session.*pam-checkout' /etc/pam.d/sshd)" -gt 1 ] ||
            sed -i '/^@include common-session/ i session include pam-checkout # first' \\
                /etc/pam.d/sshd
    """)
    host.write("/usr/local/bin/spawn", SPAWN, 0o755)
    host.begin(POLICY.format(most=most, warn=warn, more=more))


def grant(host, person, account, *arguments):
    """A check-out that starts now; its number."""
    done = host.actor("bob").checkoutctl("grant", person, account, "--reason", "to be ended",
                                         "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["id"]


FORWARD = ("-N", "-L", "127.0.0.1:7700:127.0.0.1:22", "-o", "ExitOnForwardFailure=yes",
           "-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo forwards")


class Held:
    """A session under a check-out that a person sits in, or a program of theirs."""

    inner = True  # it is opened from a login of the person's own, which stays

    def __init__(self, host, title, command, password=None, **settings):
        self.host, self.title, self.command, self.password = host, title, command, password
        self.__dict__.update(settings)

    def open(self):
        alice = self.host.actor("alice")
        self.child = alice.terminal(["bash", "--norc", "--noprofile"])
        self.child.expect_exact("$ ")
        self.child.sendline(" ".join(self.command))
        if self.password:
            self.child.expect_exact("assword:")
            self.child.sendline(self.password)
        if self.command[-1] != "spawn":
            self.child.expect("[#] ")
            self.child.sendline("spawn")
        self.child.expect_exact("all-started")

    def own_is_intact(self):
        """The shell that it was opened from is there, and its terminal does as it is told."""
        self.child.expect_exact("$ ")
        self.shown = self.child.before
        self.child.sendline("stty -a; echo st''ill")
        self.child.expect_exact("still")
        settings = self.child.before.split()
        for wanted in ("icanon", "echo", "isig", "opost", "icrnl", "onlcr"):
            assert wanted in settings, (self.title, settings)

    def close(self):
        self.child.close(force=True)


class HeldSsh(Held):
    """ssh to an account of one's own, gated itself: ends whole."""

    inner = False

    def open(self):
        command = self.host.ssh(*self.options, "oracle@127.0.0.1", *self.command,
                                program=self.program)
        self.child = pexpect.spawn(command[0], command[1:],
                                   env={**ENVIRONMENT, "TERM": "xterm"}, timeout=PATIENCE,
                                   encoding="utf-8", codec_errors="replace", dimensions=(50, 200))
        self.enter()

    def enter(self):
        self.child.expect_exact("all-started")

    def own_is_intact(self):
        self.child.expect(pexpect.EOF)
        self.shown = self.child.before

    options, program = (), "ssh"


class HeldShell(HeldSsh):
    def enter(self):
        self.child.expect_exact("$ ")
        self.child.sendline("spawn")
        self.child.expect_exact("all-started")


class HeldSftp(HeldSsh):
    program = "sftp"

    def enter(self):
        self.child.expect_exact("sftp> ")

    def own_is_intact(self):
        """It says so, and waits for a line before it ends itself."""
        self.child.expect_exact("Connection closed")
        self.shown = self.child.before


class HeldForwarding(HeldSsh):
    def enter(self):
        self.child.expect_exact("forwards")


class HeldChannel(HeldSsh):
    """A second channel of a connection, for which PAM is asked nothing."""

    def open(self):
        control = self.host.connect("oracle")
        command = self.host.ssh("-tt", *control, "oracle@127.0.0.1", "spawn")
        self.child = pexpect.spawn(command[0], command[1:],
                                   env={**ENVIRONMENT, "TERM": "xterm"}, timeout=PATIENCE,
                                   encoding="utf-8", codec_errors="replace", dimensions=(50, 200))
        self.child.expect_exact("all-started")


def of_alice(host):
    return [
        Held(host, "sudo", ["sudo", "spawn"]),
        Held(host, "sudo -i", ["sudo", "-i"]),
        Held(host, "sudo without a pseudo-terminal", ["sudo", "spawn"], use_pty=False),
        Held(host, "su", ["su", "-c", "spawn"], "pw-root"),
        Held(host, "su -", ["su", "-"], "pw-root"),
    ]


def of_oracle(host):
    return [
        HeldShell(host, "ssh shell", [], options=("-tt",)),
        HeldSsh(host, "ssh exec", ["spawn"]),
        HeldSftp(host, "sftp", []),
        HeldForwarding(host, "ssh -N", [], options=FORWARD),
        HeldChannel(host, "second channel", []),
    ]


def use_pty(host, wanted):
    host.write("/etc/sudoers.d/zzz-pty", f"Defaults {'' if wanted else '!'}use_pty\n", 0o440)


def open_all(host, held):
    for one in held:
        if one.__dict__.get("use_pty") is False:
            use_pty(host, False)
        one.open()
        use_pty(host, True)


def stayers(host):
    """What of them runs: how many by number."""
    found = {}
    for line in host.shell("pgrep -a -x sleep || :").splitlines():
        number = line.split()[-1]  # or "<defunct>"
        if number.isdecimal() and int(number) in STAYERS:
            found[int(number)] = found.get(int(number), 0) + 1
    return found


def await_all(host):
    """Until each kind of them runs: what daemons start comes when it comes."""
    deadline = time.monotonic() + PATIENCE
    while lacking := set(STAYERS) - set(stayers(host)):
        assert time.monotonic() < deadline, [STAYERS[number] for number in lacking]
        time.sleep(0.05)


def await_none(host, began):
    """Until none of them runs; the seconds that it took."""
    deadline = time.monotonic() + PATIENCE
    while left := stayers(host):
        assert time.monotonic() < deadline, \
            f"still there: {[STAYERS[number] for number in left]}\n{cgroups(host)}"
        time.sleep(0.05)
    return time.monotonic() - began


def cgroups(host):
    return host.shell("for p in $(pgrep -x sleep); do cat /proc/$p/cmdline /proc/$p/cgroup; done || :")


def events(host, number):
    """The broker's entries in the journal about a check-out of this ledger, in order."""
    ((uuid,),) = host.ledger("SELECT uuid FROM checkout WHERE id = ?", number)
    entries = host.journal(f"_SYSTEMD_UNIT={BROKER}", f"CHECKOUT_UUID={uuid}")
    return sorted(entries, key=lambda entry: int(entry["CHECKOUT_SEQ"]))


def all_events(host, number):
    """The same, once the journal has all that the ledger has: that is written first."""
    deadline = time.monotonic() + PATIENCE
    ((last,),) = host.ledger("SELECT max(seq) FROM audit WHERE checkout = ?", number)
    while int((entries := events(host, number))[-1]["CHECKOUT_SEQ"]) < last:
        assert time.monotonic() < deadline, [entry["MESSAGE"] for entry in entries]
        time.sleep(0.1)
    return entries


def await_event(host, number, event, count=1):
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [entry for entry in events(host, number) if entry["CHECKOUT_EVENT"] == event]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, \
            (event, [entry["MESSAGE"] for entry in events(host, number)])
        time.sleep(0.1)


def sessions(host, number):
    return host.ledger("SELECT unit, how, closed FROM session WHERE checkout = ? ORDER BY rowid",
                       number)


def await_closed(host, number):
    deadline = time.monotonic() + PATIENCE
    while any(closed == 0 for _, _, closed in sessions(host, number)):
        assert time.monotonic() < deadline, sessions(host, number)
        time.sleep(0.1)
    return sessions(host, number)
