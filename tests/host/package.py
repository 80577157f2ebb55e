# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian package on a booted host, and root at that host's console."""

from pathlib import Path

import pexpect

from . import booted, document
from .document import CLONE

TOP = Path(__file__).resolve().parents[2]


def bring(host, package):
    host.copy(package, f"{CLONE}/build/deb/{package.name}", 0o644)


def apt(host, *arguments, check=True, env=None):
    """apt-get at work on the host; what it wrote."""
    done = host.run(["bash", "-c", 'exec apt-get -qy -o Dpkg::Use-Pty=0 "$@" 2>&1', "apt-get",
                     *arguments], env={"DEBIAN_FRONTEND": "noninteractive", **(env or {})},
                    timeout=300)
    assert not check or done.returncode == 0, done.stdout
    return done


def gate_sudo(host):
    """README's policy, PAM service and sudoers line."""
    for command in document.commands(TOP / "README.md", ["Five minutes"]):
        if command.who != "root":
            return
        if "apt install" not in command.text:
            code, shown = document.by_root(host, command)
            assert code == 0, f"{command.text}\n{shown}"


class Console:
    """A login at the console, which PAM knows as `login`."""

    def __init__(self, host, name="root"):
        words = host.enter(["script", "-qec", "exec login", "/dev/null"])
        self.child = pexpect.spawn(words[0], words[1:], env={**booted.ENVIRONMENT, "TERM": "dumb"},
                                   timeout=30, encoding="utf-8", codec_errors="replace")
        self.child.expect("login: ")
        self.child.sendline(name)
        self.child.expect("[Pp]assword: ")
        self.child.sendline(f"pw-{name}")

    def run(self, command):
        """What the command wrote, and the end of the login."""
        self.child.expect(r"[#$] $")
        self.child.sendline(f"{command}; exit")
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.before.replace("\r\n", "\n")
