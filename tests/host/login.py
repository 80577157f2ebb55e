# SPDX-License-Identifier: LGPL-2.1-or-later
"""Logins at a door: held, let in, refused."""

import re
import time
from pathlib import Path

import pexpect

from .actor import PATIENCE, status

# What id says where root is let in.
ROOT = "uid=0(root)"
ROOT_PASSWORD = "root's own"

COMMANDS = {"sudo": ["sudo", "id"], "su": ["su", "-c", "id"]}


class Login:
    """A person at a door, on a terminal; `door` is sudo or su, or `command` says more."""

    def __init__(self, actor, door="sudo", command=None, env=None):
        self.actor = actor
        self.child = actor.terminal(command or COMMANDS[door], env=env)
        self.shown = ""
        if door == "su":
            self.see("[Pp]assword: ")
            self.child.sendline(ROOT_PASSWORD)

    def see(self, pattern):
        """Waits until the pattern is shown; its match."""
        try:
            self.child.expect(pattern)
        except (pexpect.EOF, pexpect.TIMEOUT) as error:
            raise AssertionError(f"{self.actor.name} did not see {pattern!r} but\n"
                                 f"{self.shown}{self.child.before}") from error
        self.shown += self.child.before + self.child.after
        return self.child.match

    def held(self):
        """Waits until it is held; the number of the request."""
        number = int(self.see(r"request (\d+)[^\n]*waiting[^\n]*\n").group(1))
        assert ROOT not in self.shown
        return number

    def blocks(self, number):
        """Waits until it has blocked the signal; nothing tells, so it is asked again and again."""
        deadline = time.monotonic() + PATIENCE
        while True:
            status = Path(f"/proc/{self.child.pid}/status").read_text()
            if int(re.search(r"SigBlk:\t(\w+)", status).group(1), 16) >> (number - 1) & 1:
                return
            assert time.monotonic() < deadline, status
            time.sleep(0.005)

    def end(self):
        """How it ended: exit status, or -signal."""
        self.child.expect(pexpect.EOF)
        self.shown += self.child.before
        return status(self.child)

    def entered(self):
        code = self.end()
        assert ROOT in self.shown, self.shown
        assert code == 0, self.shown

    def refused(self, *words):
        code = self.end()
        assert ROOT not in self.shown, self.shown
        assert code != 0, self.shown
        for word in words:
            assert word in self.shown, self.shown
