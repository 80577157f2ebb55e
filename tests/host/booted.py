# SPDX-License-Identifier: LGPL-2.1-or-later
"""Throw-away hosts: Debian 12 and 13 with systemd as process 1, as tests/host/boot starts them."""

import contextlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pexpect

from .actor import PATIENCE, Actor

HERE = Path(__file__).parent
SOURCE = HERE.parents[1]
RELEASES = ("bookworm", "trixie")
BUSES = ("dbus-daemon", "dbus-broker")
# What a login of the machine itself must not lend to the host's.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb",
               "HOME": "/nonexistent"}
EXAMPLES = "/usr/share/doc/pam-checkout/examples"
BROKER = "pam-checkout-broker.service"
GATE = "pam-checkout-gate.socket"


def until(condition, what, patience=PATIENCE):
    """Waits for what nothing tells; what the condition returned."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not after {patience} s"
        time.sleep(0.1)
    return found


def missing():
    """What keeps hosts from being booted here, a line each; empty where they can be."""
    return "".join(subprocess.run([HERE / program, "--check"], capture_output=True, text=True).stdout
                   for program in ("tree", "boot"))


def tree(release):
    """The tree of a release, made where it is not there yet."""
    made = subprocess.run([HERE / "tree", release], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


def stage(build, folder):
    """The installed files of a meson build folder, under another root; where that is."""
    subprocess.run(["flock", f"{build}/.install-lock", "meson", "install", "--no-rebuild", "--quiet",
                    "-C", build], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "DESTDIR": str(folder), "PATH": ENVIRONMENT["PATH"]})
    return Path(folder)


class BootedHost:
    """One host. Its people are those of tests/host/tree-setup, with the passwords pw-NAME."""

    def __init__(self, release="bookworm", bus=BUSES[0], name=None):
        self.release, self.bus = release, bus
        self.name = name or f"{release}-{bus.removeprefix('dbus-')}"
        self.folder = Path(tempfile.mkdtemp(prefix="host-"))
        self.folder.chmod(0o711)
        self._people, self._logins = {}, []
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self.folder / "notify"))
        self._process = None
        self.leader = None
        try:
            self._prepare(self.folder / "first")
            with open(self.folder / "console.log", "ab") as console:
                self._process = subprocess.Popen(
                    [HERE / "boot", self.name, tree(release), self.folder],
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=console,
                    env={**ENVIRONMENT, "NOTIFY_SOCKET": str(self.folder / "notify")},
                    start_new_session=True)
            self._await_boot()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __repr__(self):
        return f"<{self.name}>"

    # Its life.

    def _prepare(self, first):
        """What is on its disk before the first boot: keys to get in with, and which bus it is."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test",
                        "-f", self.folder / "key"], check=True)
        keys = first / "etc/ssh/authorized_keys"
        keys.parent.mkdir(parents=True)
        shutil.copy(self.folder / "key.pub", keys)
        settings = first / "etc/ssh/sshd_config.d/host.conf"
        settings.parent.mkdir()
        # The first value counts. Each person has one connection with many channels.
        settings.write_text("AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys\n"
                            "MaxSessions 200\nUseDNS no\n" +
                            # Tests are refused more often in a second than people in a day.
                            ("PerSourcePenalties no\n" if self.release == "trixie" else ""))
        # Tests change its settings more often than an administrator does.
        unlimited = first / "etc/systemd/system/ssh.service.d/unlimited.conf"
        unlimited.parent.mkdir(parents=True)
        unlimited.write_text("[Unit]\nStartLimitIntervalSec=0\n")
        if self.bus == "dbus-broker":
            for scope in ("system", "user"):
                link = first / "etc/systemd" / scope / "dbus.service"
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(f"/usr/lib/systemd/{scope}/dbus-broker.service")

    def _await_boot(self):
        deadline = time.monotonic() + 2 * PATIENCE
        self._notify.settimeout(0.5)
        # A reload says READY=1, too; only what comes after the start of a process 1 is its boot.
        started = False
        while True:
            with contextlib.suppress(TimeoutError):
                said = self._notify.recv(65536)
                started = started or b"X_NSPAWN_LEADER_PID" in said
                if started and b"READY=1" in said.splitlines():
                    break
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} did not boot; its console:\n{self.console()}")
        self.leader = self._find_leader(self._process.pid)
        assert self.leader, f"{self.name} has no process 1\n{self.console()}"
        keys = self.shell("cat /etc/ssh/ssh_host_*_key.pub")
        (self.folder / "known_hosts").write_text(
            "".join(f"127.0.0.1,localhost {key}\n" for key in keys.splitlines()))

    def _drain(self):
        """Each reload says so to us; with the queue full its process 1 would stand still."""
        self._notify.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while self._notify.recv(65536):
                pass

    def _find_leader(self, pid, parent=""):
        comm = Path(f"/proc/{pid}/comm").read_text().strip()
        if (parent, comm) == ("systemd-nspawn", "systemd"):
            return pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if found := self._find_leader(int(child), comm):
                    return found
        return None

    def console(self):
        return (self.folder / "console.log").read_text(errors="replace")

    def reboot(self):
        """As `systemctl reboot`; the disk stays, everything else is new."""
        if self.release == "bookworm":
            # These two give a unit a new /proc where systemd 252 runs in a container, without the
            # boot id that the container has of its own: for the broker this would be no reboot.
            self.write(f"/etc/systemd/system/{BROKER}.d/boot-id.conf",
                       "[Service]\nProtectKernelTunables=no\nProtectControlGroups=no\n")
        self._forget_logins()
        self._drain()
        self.nsenter(["systemctl", "reboot", "--no-block"])
        self._await_boot()

    def stop(self):
        """Ends it; nothing of it stays."""
        self._forget_logins()
        if self._process:
            self._process.stdin.close()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._notify.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _forget_logins(self):
        for login in self._logins:
            login.kill()
            login.wait()
        self._people, self._logins = {}, []

    # Root at work in it.

    def enter(self, argv, *namespaces):
        """The command that runs argv in these of its namespaces, in all without any."""
        return ["nsenter", "-t", str(self.leader), *(namespaces or ("-a",)), "--", *map(str, argv)]

    def nsenter(self, argv, check=True, timeout=PATIENCE, **options):
        """A root's process in its namespaces, without unit or session: quick, for what prepares or
        looks. `text`, `input` and so on as for subprocess.run."""
        self._drain()
        options = {"text": True, "capture_output": True, **options}
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(self.enter(argv), env=ENVIRONMENT, timeout=timeout, **options)
        assert not check or done.returncode == 0, \
            f"{self.name}: {argv}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def shell(self, script, *arguments, **options):
        """The same for a shell script and its $0, $1…; what it wrote."""
        return self.nsenter(["bash", "-euc", script, *arguments], **options).stdout

    def run(self, argv, env=None, check=False, **options):
        """Root's command as a transient unit of its systemd."""
        settings = [f"--setenv={key}={value}" for key, value in
                    {**ENVIRONMENT, "HOME": "/root", **(env or {})}.items()]
        # systemd expands $; it is handed through as written.
        return self.nsenter(["systemd-run", "--quiet", "--pipe", "--wait", "--collect",
                             "--service-type=exec", *settings, "--",
                             *(str(word).replace("$", "$$") for word in argv)], check, **options)

    def read(self, path):
        return self.nsenter(["cat", path]).stdout

    def write(self, path, text, mode=0o644, owner="root:root"):
        """A file of the host, its folder included."""
        self.nsenter(["sh", "-euc", 'mkdir -p "${1%/*}"; cat > "$1.new"; chown "$2" "$1.new"; '
                      'chmod "$3" "$1.new"; mv -T "$1.new" "$1"', "sh", path, owner, f"{mode:o}"],
                     input=text, text=isinstance(text, str))

    def copy(self, source, target, mode=0o755, owner="root:root"):
        """A file of the machine into the host."""
        self.write(target, Path(source).read_bytes(), mode, owner)

    def journal(self, *matches):
        """Entries of its journal, as dictionaries."""
        self.nsenter(["journalctl", "--sync"])
        lines = self.nsenter(["journalctl", "--quiet", "--output=json", "--all", *matches],
                             check=False).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def ledger(self, question, *values):
        """Reads a copy of the ledger: the broker's own stays closed."""
        import sqlite3
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for name in ("ledger.db", "ledger.db-wal"):
                data = self.nsenter(["cat", f"/var/lib/pam-checkout/{name}"], check=False, text=False)
                if data.returncode == 0:
                    (Path(folder) / name).write_bytes(data.stdout)
            with contextlib.closing(sqlite3.connect(f"{folder}/ledger.db")) as db:
                return db.execute(question, values).fetchall()

    # What is installed and set up.

    def install(self, staged):
        """Files that stage() has collected, and then what README tells an administrator to do."""
        with subprocess.Popen(["tar", "-C", staged, "-c", "."], stdout=subprocess.PIPE) as tar:
            self.nsenter(["tar", "-C", "/", "-x", "--no-overwrite-dir", "--keep-directory-symlink"],
                         stdin=tar.stdout)
        assert tar.returncode == 0
        self.shell(f"""
            systemd-sysusers pam-checkout.conf
            systemd-tmpfiles --create pam-checkout.conf
            systemctl reload dbus.service
            journalctl --update-catalog
            systemctl daemon-reload
            systemctl enable --quiet --now {GATE} {BROKER}
        """)

    def policy(self, text, name="50-test.conf"):
        """This policy and no other, in force."""
        self.shell("rm -f /etc/pam-checkout/policy.d/*")
        self.write(f"/etc/pam-checkout/policy.d/{name}", text, 0o640, "root:pam-checkout")
        self.nsenter(["systemctl", "restart", BROKER])

    def begin(self, policy):
        """An empty ledger, this policy, and a broker that runs, whatever has become of the last."""
        self.shell(f"""
            systemctl kill --signal=CONT {BROKER} || :
            systemctl stop {GATE} {BROKER}
            systemctl reset-failed {BROKER} {GATE}
            rm -rf /var/lib/pam-checkout/* /etc/pam-checkout/policy.d/*
            systemctl start {GATE}
        """)
        self.policy(policy)

    def doors(self):
        """The shipped examples for sudo, su and ssh, put where they say."""
        self.shell(f"""
            cd {EXAMPLES}
            cp pam.d-sudo-root /etc/pam.d/sudo-root
            cp pam.d-pam-checkout /etc/pam.d/pam-checkout
            install -m 440 sudoers-root /etc/sudoers.d/zz-pam-checkout
            visudo -cq
            place() {{
                sed -i "/^@include $2/ $3 $4" "/etc/pam.d/$1"
            }}
            for service in su sshd; do
                place $service common-account i "$(grep '^account' pam.d-$service)"
                mapfile -t lines < <(grep '^session' pam.d-$service)
                place $service common-session a "${{lines[-1]}}"
                [ ${{#lines[@]}} -eq 1 ] || place $service common-session i "${{lines[0]}}"
            done
        """)

    # People at work in it.

    def actor(self, name):
        """The person's login on this host: one ssh connection with as many terminals as it takes."""
        if name not in self._people:
            self._people[name] = Person(self, name)
        return self._people[name]

    def ssh(self, *arguments, program="ssh"):
        """The command for ssh, scp or sftp inside the host's own network."""
        return self.enter([program, "-F", "none", "-i", self.folder / "key",
                           "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
                           "-o", f"UserKnownHostsFile={self.folder}/known_hosts",
                           *arguments], "-n")

    def connect(self, name):
        """A connection of its own, kept; the options that lead through it."""
        control = ["-o", f"ControlPath={self.folder}/{name}.{len(self._logins)}"]
        login = subprocess.Popen(
            self.ssh("-q", "-M", "-N", "-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo in",
                     *control, f"{name}@127.0.0.1"), env=ENVIRONMENT, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self._logins.append(login)
        said = login.stdout.readline()
        assert said == "in\n", f"{self.name}: {name} could not log in: {said}{login.stdout.read()}"
        return control


class Person(Actor):
    """`name`, logged in over ssh: a session of logind, a login uid, terminals of the host."""

    def __init__(self, host, name):
        self.host, self.name = host, name
        self.uid = int(host.nsenter(["id", "-u", name]).stdout)
        self._options = host.connect(name)

    def _command(self, argv, options=()):
        words = argv if isinstance(argv, str) else shlex.join(map(str, argv))
        return self.host.ssh("-q", *self._options, *options, f"{self.name}@127.0.0.1", "--", words)

    @staticmethod
    def _environment(env):
        return ENVIRONMENT

    @staticmethod
    def _with(argv, env):
        if not env:
            return argv
        if isinstance(argv, str):
            argv = ["sh", "-c", argv]
        return ["env", *(f"{key}={value}" for key, value in env.items()), *argv]

    def start(self, argv, env=None, **options):
        return super().start(self._with(argv, env), **options)

    def terminal(self, argv, env=None, timeout=PATIENCE, columns=200):
        command = self._command(self._with(argv, env), ("-tt",))
        return pexpect.spawn(command[0], command[1:], env={**ENVIRONMENT, "TERM": "xterm"},
                             timeout=timeout, encoding="utf-8", codec_errors="replace",
                             dimensions=(50, columns))
