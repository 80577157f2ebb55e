# SPDX-License-Identifier: LGPL-2.1-or-later
"""A person at work: commands with a login uid of their own, with or without a terminal."""

import json
import os
import pwd
import subprocess
from pathlib import Path

import pexpect

AS_USER = str(Path(__file__).with_name("as-user"))

# How long anything may take that the tests wait for; not what it should take.
PATIENCE = 30


class Actor:
    """`name` logged in as itself; `login` is another person's name where the login uid is that
    person's (who then became `name` by su), or None where there is none."""

    def __init__(self, name, login=...):
        self.name = name
        self.uid = pwd.getpwnam(name).pw_uid
        self.login = "-"
        if login is not None:
            self.login = str(self.uid if login is ... else pwd.getpwnam(login).pw_uid)

    def _command(self, argv):
        return [AS_USER, self.name, self.login, *map(str, argv)]

    @staticmethod
    def _environment(env):
        env = env or {}
        return {**os.environ, **env, "ACTOR_ENVIRONMENT": " ".join(env)}

    def start(self, argv, env=None, **options):
        """A command without a terminal, under way."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen(self._command(argv), start_new_session=True,
                                env=self._environment(env), **options)

    def run(self, argv, env=None, timeout=PATIENCE, input=None, **options):
        """A command without a terminal, to its end."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(argv, env, **options) as process:
            try:
                out, err = process.communicate(input, timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                try:
                    out, err = process.communicate(timeout=1)
                except subprocess.TimeoutExpired as still:
                    # Somebody else holds the other end, as the master of an ssh connection does.
                    out, err = still.stdout or b"", b""
                raise AssertionError(f"{self.name}: {argv} still ran after {timeout} s\n{out}{err}")
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def terminal(self, argv, env=None, timeout=PATIENCE, columns=200):
        """A command on a terminal of its own."""
        command = self._command(argv)
        return pexpect.spawn(command[0], command[1:], env=self._environment(env), timeout=timeout,
                             encoding="utf-8", codec_errors="replace", dimensions=(50, columns))

    def on_terminal(self, argv, env=None, timeout=PATIENCE):
        """A command on a terminal, to its end: (exit status or -signal, what was shown)."""
        with self.terminal(argv, env, timeout) as child:
            child.expect(pexpect.EOF)
            shown = child.before
        return status(child), shown.replace("\r\n", "\n")

    def checkoutctl(self, *arguments, **options):
        return self.run(["checkoutctl", *arguments], **options)

    def request(self, account="root", *arguments, reason="disk is full"):
        """Files a request; its number."""
        result = self.checkoutctl("request", account, "--reason", reason, "--json", *arguments)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)["id"]

    def approve(self, number):
        result = self.checkoutctl("approve", str(number), "--yes")
        assert result.returncode == 0, result.stderr

    def show(self, number):
        """The request as `show --json` gives it."""
        result = self.checkoutctl("show", str(number), "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


def status(child):
    """How a terminal's command ended: exit status, or -signal."""
    child.close()
    return -child.signalstatus if child.signalstatus else child.exitstatus
