# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service as systemd runs it: its sockets stay open, READY=1 is awaited, it comes back."""

import fcntl
import os
import pwd
import selectors
import shlex
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from .actor import PATIENCE

CGROUPS = Path("/sys/fs/cgroup")

# The sockets become 3, 4…; the id of the process that gets them is known only in itself.
ACTIVATE = """
cgroup=$1 sockets=$2 umask=$3; shift 3
[ -z "$cgroup" ] || echo 0 > "$cgroup/cgroup.procs"
next=3
for fd in $sockets; do eval "exec $next<&$fd $fd<&-"; next=$((next + 1)); done
umask "$umask"
LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"
"""


def read_unit(path):
    """{(section, key): [values]} of a unit file."""
    values, section = {}, None
    for line in Path(path).read_text().splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            values.setdefault((section, key.strip()), []).append(value.strip())
    return values


def listen(path, mode=0o600, backlog=4096):
    """A listening socket as a socket unit makes it."""
    path = Path(path)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    path.chmod(mode)
    sock.listen(backlog)
    return sock


class Service:
    """One service; `restart` seconds after its end it is started again, None leaves it dead."""

    def __init__(self, unit, argv, sockets=(), names=(), user=None, groups=(), env=None,
                 umask=0o022, watchdog=None, restart=None):
        self.unit, self.argv, self.restart = unit, argv, restart
        self._sockets, self._names = list(sockets), list(names)
        self._user, self._groups, self._umask = user, list(groups), umask
        self._env, self._watchdog = dict(env or {}), watchdog
        self.log = Path(f"/run/private-machine/{unit}.log")
        self._changed = threading.Condition()
        self._process = None
        self._ready = False
        self._wanted = False
        self.starts = 0      # how often it was started
        self.exits = []      # how it ended, each time
        self.said = []       # what it said to its service manager, beside READY=1 and WATCHDOG=1
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        Path("/run/notify").mkdir(exist_ok=True)
        self._notify_path = Path(f"/run/notify/{unit}")
        self._notify_path.unlink(missing_ok=True)
        self._notify.bind(str(self._notify_path))
        self._notify_path.chmod(0o666)
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._wake_read, self._wake_write = os.pipe()
        self._thread.start()

    # What a test asks for.

    @property
    def pid(self):
        with self._changed:
            return self._process.pid if self._process else None

    @property
    def is_ready(self):
        with self._changed:
            return self._ready

    def start(self, timeout=PATIENCE):
        """Starts it and waits until it says READY=1."""
        with self._changed:
            before = self.starts
            self.launch()
            self._await(lambda: self.starts > before and self._ready, timeout, "READY=1")
        return self

    def launch(self):
        """Starts it."""
        with self._changed:
            self._wanted = True
            self._poke()

    def wait_ready(self, start=None, timeout=PATIENCE):
        """Waits until it is ready, in its start number `start` or later."""
        with self._changed:
            start = start or self.starts
            self._await(lambda: self.starts >= start and self._ready, timeout, "READY=1")

    def wait_started(self, start, timeout=PATIENCE):
        with self._changed:
            self._await(lambda: self.starts >= start, timeout, f"start number {start}")

    def wait_exit(self, count=None, timeout=PATIENCE):
        """Waits until it has ended `count` times in all (once more than now); its last status."""
        with self._changed:
            count = count or len(self.exits) + 1
            self._await(lambda: len(self.exits) >= count, timeout, f"exit number {count}")
            return self.exits[count - 1]

    def wait_said(self, what, timeout=PATIENCE):
        with self._changed:
            self._await(lambda: what in self.said, timeout, what)

    def signal(self, number):
        with self._changed:
            if self._process:
                self._process.send_signal(number)

    def kill(self):
        """kill -9; what restarts it does so."""
        with self._changed:
            exits = len(self.exits) + 1
            self._process.kill()
        self.wait_exit(exits)

    def stop(self, timeout=PATIENCE):
        """As `systemctl stop`: its exit status, or -signal; None where it did not run."""
        with self._changed:
            self._wanted = False
            if not self._process:
                return None
            exits = len(self.exits) + 1
            # In this order: a SIGCONT that came late would undo the SIGSTOP with which LeakSanitizer,
            # at the end, attaches to its own process.
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGTERM)
        return self.wait_exit(exits, timeout)

    def close(self):
        """Ends it for good."""
        with self._changed:
            self._wanted = False
            exits = len(self.exits) + (self._process is not None)
            if self._process:
                self._process.kill()
        if exits:
            self.wait_exit(exits)
        os.close(self._wake_write)
        self._thread.join(PATIENCE)
        for sock in (*self._sockets, self._notify):
            sock.close()

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # What runs it.

    def _await(self, condition, timeout, what):
        if not self._changed.wait_for(condition, timeout):
            raise AssertionError(f"{self.unit}: no {what} in {timeout} s; exits {self.exits}, "
                                 f"{self._describe()}, output:\n{self.output()}")

    def _describe(self):
        """What its process is at, as far as the kernel tells."""
        if not self._process:
            return "no process"
        process = Path(f"/proc/{self._process.pid}")
        said = []
        for task in process.glob("task/*"):
            for name in ("comm", "wchan", "syscall", "stack"):
                try:
                    said.append(f"{task.name} {name}: {(task / name).read_text().strip()}")
                except OSError as error:
                    said.append(f"{task.name} {name}: {error}")
        signals = [line for line in (process / "status").read_text().splitlines()
                   if line.startswith(("State", "Sig", "Shd"))]
        return "\n".join(["", *signals, *said])

    def _poke(self):
        os.write(self._wake_write, b"x")

    def _spawn(self):
        cgroup = CGROUPS / "system.slice" / self.unit
        if os.environ.get("PRIVATE_MACHINE_CGROUP"):
            cgroup.mkdir(parents=True, exist_ok=True)
        else:
            cgroup = ""
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
               "NOTIFY_SOCKET": str(self._notify_path), **self._env}
        if self._sockets:
            env |= {"LISTEN_FDS": str(len(self._sockets)), "LISTEN_FDNAMES": ":".join(self._names)}
        if self._watchdog:
            env["WATCHDOG_USEC"] = str(int(self._watchdog * 1e6))
        argv = list(self.argv)
        if self._user:
            env |= {"USER": self._user, "LOGNAME": self._user,
                    "HOME": pwd.getpwnam(self._user).pw_dir}
            argv = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}",
                    f"--groups={','.join([self._user, *self._groups])}", "--no-new-privs",
                    "--bounding-set=-all", "--inh-caps=-all", "--", *argv]
        # Numbers far from those that the sockets are to have.
        fds = [fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, 100) for sock in self._sockets]
        try:
            with self.log.open("ab") as log:
                process = subprocess.Popen(
                    ["/bin/bash", "-c", ACTIVATE, "activate", str(cgroup),
                     " ".join(map(str, fds)), f"{self._umask:04o}", *argv],
                    env=env, pass_fds=fds, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, cwd="/")
        finally:
            for fd in fds:
                os.close(fd)
        with self._changed:
            self._process, self._ready = process, False
            self.starts += 1
            self._changed.notify_all()

    def _hear(self):
        lines = self._notify.recv(65536).decode(errors="replace").splitlines()
        with self._changed:
            for line in lines:
                if line == "READY=1":
                    self._ready = True
                elif line != "WATCHDOG=1":
                    self.said.append(line)
            self._changed.notify_all()

    def _supervise(self):
        pidfd, again = -1, None
        with selectors.DefaultSelector() as selector:
            selector.register(self._notify, selectors.EVENT_READ, "notify")
            selector.register(self._wake_read, selectors.EVENT_READ, "wake")
            while True:
                with self._changed:
                    wanted, running = self._wanted, self._process is not None
                if wanted and not running and (again is None or time.monotonic() >= again):
                    self._spawn()
                    pidfd = os.pidfd_open(self._process.pid)
                    selector.register(pidfd, selectors.EVENT_READ, "exit")
                    again = None
                timeout = None if again is None else max(0, again - time.monotonic())
                happened = {key.data for key, _ in selector.select(timeout)}
                if "notify" in happened:
                    self._hear()
                if "exit" in happened:
                    selector.unregister(pidfd)
                    os.close(pidfd)
                    with self._changed:
                        self.exits.append(self._process.wait())
                        self._process, self._ready = None, False
                        if self._wanted and self.restart is not None:
                            again = time.monotonic() + self.restart
                        else:
                            self._wanted = False
                        self._changed.notify_all()
                if "wake" in happened and not os.read(self._wake_read, 4096):
                    os.close(self._wake_read)
                    return

    def __repr__(self):
        return f"<{self.unit}: {shlex.join(map(str, self.argv))}>"
