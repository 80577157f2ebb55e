# SPDX-License-Identifier: LGPL-2.1-or-later
"""A booted host with a kernel of its own, as tests/host/vm makes it; slow."""

import shlex
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .booted import BUSES, ENVIRONMENT, HERE, BootedHost, Person, tree

# Emulation takes its time.
PATIENCE = 300


def missing():
    """What keeps a virtual machine from being booted here, a line each; empty where it can be."""
    return subprocess.run([HERE / "vm", "--check"], capture_output=True, text=True).stdout


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class VirtualHost(BootedHost):
    """As BootedHost, but that root comes in over ssh."""

    def __init__(self, release="bookworm"):
        self.release, self.bus, self.name = release, BUSES[0], "vm"
        self.folder = Path(tempfile.mkdtemp(prefix="vm-"))
        self.folder.chmod(0o711)
        self._people, self._logins = {}, []
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._port, self._process = free_port(), None
        try:
            self._prepare(self.folder / "first")
            self._process = subprocess.Popen(
                [HERE / "vm", tree(release), self.folder, str(self._port)], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            self._boot_id = None
            self._await_boot()
        except BaseException:
            self.stop()
            raise

    def _await_boot(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            done = subprocess.run(
                self.enter(["sh", "-c", "systemctl is-system-running --wait > /dev/null; "
                            "cat /proc/sys/kernel/random/boot_id"]),
                env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode == 0 and done.stdout != self._boot_id:
                self._boot_id = done.stdout
                return
            assert self._process.poll() is None and time.monotonic() < deadline, self.console()
            time.sleep(0.5)

    def reboot(self):
        self._forget_logins()
        self.nsenter(["systemctl", "reboot", "--no-block"])
        self._await_boot()

    def nsenter(self, argv, check=True, timeout=PATIENCE, **options):
        return super().nsenter(argv, check, timeout, **options)

    def actor(self, name):
        if name not in self._people:
            self._people[name] = SlowPerson(self, name)
        return self._people[name]

    def stop(self):
        if self._process:
            self._process.kill()
        super().stop()

    def _connection(self, program="ssh"):
        return [program, "-F", "none", "-q", "-i", f"{self.folder}/key",
                "-P" if program in ("scp", "sftp") else "-p", str(self._port), "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "ConnectTimeout=20"]

    def ssh(self, *arguments, program="ssh"):
        return [*self._connection(program), *arguments]

    def enter(self, argv, *namespaces):
        return self.ssh("-tt" if "script" in argv else "-T", "root@127.0.0.1", "--",
                        shlex.join(map(str, argv)))


class SlowPerson(Person):
    def run(self, argv, env=None, timeout=PATIENCE, **options):
        return super().run(argv, env, timeout, **options)

    def on_terminal(self, argv, env=None, timeout=PATIENCE):
        return super().on_terminal(argv, env, timeout)
