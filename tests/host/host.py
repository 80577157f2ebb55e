# SPDX-License-Identifier: LGPL-2.1-or-later
"""The private machine's inside: people, the journal, a system bus, the broker, the PAM stacks."""

import contextlib
import os
import pwd
import re
import signal
import shutil
import subprocess
from pathlib import Path

from .actor import PATIENCE, Actor
from .login import ROOT_PASSWORD
from .service import Service, listen, read_unit

SOURCE = Path(__file__).resolve().parents[2]

BUSES = ("dbus-daemon", "dbus-broker")
BUS_SOCKET = Path("/run/dbus/system_bus_socket")

UNITS = Path("/usr/lib/systemd/system")
LEDGER = Path("/var/lib/pam-checkout/ledger.db")
POLICIES = Path("/etc/pam-checkout/policy.d")

# alice asks, bob and carol may approve, dave audits, erin administers, mallory has no business here;
# oracle is an account, not a person.
PEOPLE = {"alice": ["ops"], "bob": ["security"], "carol": ["security", "managers"],
          "dave": ["auditors"], "erin": ["checkout-admins"], "mallory": [], "oracle": [],
          # A crowd that works in ops as alice does.
          **{f"ops{number:02}": ["ops"] for number in range(20)}}
GROUPS = ("ops", "security", "managers", "auditors", "checkout-admins")
FIRST_UID = 4001
# A broker that was built with sanitizers ends on a finding, and says where.
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}

POLICY = """
[policy root]
accounts = root, oracle
requesters = %ops
approvers = %security
reason = optional
duration = 1h
max-duration = 8h
pending-timeout = 30min
"""



def lenient(text):
    """The policies with `on-end = warn` where they say nothing of it: no systemd runs here that could
    give a session a scope, and where the policy ends sessions one without is refused."""
    parts = re.split(r"(?m)^(?=\[)", text)
    for number, part in enumerate(parts):
        if part.startswith("[policy ") and not re.search(r"(?m)^on-end", part):
            body = part.rstrip("\n")
            parts[number] = f"{body}\non-end = warn{part[len(body):] or chr(10)}"
    return "".join(parts)


SUDOERS = """
Defaults !lecture
root ALL=(ALL:ALL) ALL
%ops ALL=(ALL:ALL) NOPASSWD: ALL
bob ALL=(ALL:ALL) NOPASSWD: ALL
carol ALL=(ALL:ALL) NOPASSWD: ALL
"""

AUTHENTICATION = """
auth sufficient pam_rootok.so
auth required pam_unix.so
"""

PAM = """
{authentication}
account required pam_unix.so
{account}
session required pam_unix.so
{session}
"""


def quietly(*command):
    """Runs a command whose words matter only when it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"


class Host:
    """One private machine. `builds` are meson build folders, the later over the earlier."""

    def __init__(self, *builds, broker=None):
        self._settings = None
        assert Path("/run/private-machine").is_dir(), "only inside tests/host/run"
        self.journald = self.bus = self.broker = None
        self.bus_kind = None
        self._broker_program = broker
        self._make_people()
        self._start_journal()
        for build in builds:
            self._install(Path(build))
        self.pam()
        self.sudoers()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for service in (self.broker, self.bus, self.journald):
            if service:
                service.close()

    # The machine.

    def _make_people(self):
        def kept(name, numbered):
            lines = [line.split(":") for line in Path(name).read_text().splitlines()]
            return [fields for fields in lines if fields[0] not in (*PEOPLE, *GROUPS)
                    and not (numbered and FIRST_UID <= int(fields[2]) < 65534)]

        passwd, shadow = kept("/etc/passwd", True), kept("/etc/shadow", False)
        group, gshadow = kept("/etc/group", True), kept("/etc/gshadow", False)
        known = {fields[0] for fields in passwd}
        shadow = [fields for fields in shadow if fields[0] in known]
        for number, name in enumerate(GROUPS, FIRST_UID + 100):
            members = [person for person, groups in PEOPLE.items() if name in groups]
            group.append([name, "x", str(number), ",".join(members)])
        for number, name in enumerate(PEOPLE, FIRST_UID):
            passwd.append([name, "x", str(number), str(number), "", f"/home/{name}", "/bin/bash"])
            shadow.append([name, "*", "19000", "0", "99999", "7", "", "", ""])
            group.append([name, "x", str(number), ""])
        gshadow = [fields for fields in gshadow if fields[0] in {line[0] for line in group}]
        for name, lines in (("/etc/passwd", passwd), ("/etc/shadow", shadow),
                            ("/etc/group", group), ("/etc/gshadow", gshadow)):
            Path(name).write_text("".join(":".join(fields) + "\n" for fields in lines))
        for number, name in enumerate(PEOPLE, FIRST_UID):
            home = Path("/home") / name
            home.mkdir(mode=0o700, exist_ok=True)
            (home / ".hushlogin").touch()
            os.chown(home, number, number)
        subprocess.run(["chpasswd"], input=f"root:{ROOT_PASSWORD}", text=True, check=True)
        # Names come from these files alone, whatever the machine asks.
        Path("/etc/nsswitch.conf").write_text(
            "passwd: files\ngroup: files\nshadow: files\ngshadow: files\nhosts: files\n")
        name = os.uname().nodename
        Path("/etc/hosts").write_text(f"127.0.0.1 localhost {name}\n")
        Path("/etc/hostname").write_text(name + "\n")
        # Every login that login(1) and su(1) make is written here.
        Path("/run/utmp").touch()
        os.chmod("/run/utmp", 0o664)

    def _install(self, build):
        subprocess.run(["flock", build / ".install-lock", "meson", "install", "--no-rebuild",
                        "--quiet", "-C", build], check=True, stdout=subprocess.DEVNULL)
        quietly("systemd-sysusers", "pam-checkout.conf")
        quietly("systemd-tmpfiles", "--create", "pam-checkout.conf")
        quietly("journalctl", "--update-catalog")

    def _start_journal(self):
        machine_id = Path("/etc/machine-id")
        if not machine_id.exists() or not machine_id.read_text().strip():
            machine_id.write_text(Path("/proc/sys/kernel/random/uuid").read_text().replace("-", ""))
        settings = Path("/etc/systemd/journald.conf.d")
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "private-machine.conf").write_text(
            "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\n"
            "RateLimitIntervalSec=0\n")
        Path("/run/systemd/journal").mkdir(parents=True, exist_ok=True)
        Path("/run/log/journal").mkdir(parents=True, exist_ok=True)
        self.journald = Service("systemd-journald.service", ["/lib/systemd/systemd-journald"])
        self.journald.start()

    # The bus.

    def start_bus(self, kind=BUSES[0]):
        """A system bus at the real path, its socket held open as systemd's dbus.socket does."""
        assert kind in BUSES
        if self.bus:
            self.bus.close()
        argv = {"dbus-daemon": ["dbus-daemon", "--system", "--address=systemd:", "--nofork",
                                "--nopidfile", "--nosyslog"],
                "dbus-broker": ["dbus-broker-launch", "--scope", "system"]}[kind]
        self.bus_kind = kind
        self.bus = Service("dbus.service", argv, [listen(BUS_SOCKET, 0o666)], ["dbus.socket"],
                           restart=0.1)
        self.bus.start()
        return self.bus

    @property
    def bus_pid(self):
        """The process that carries the messages: dbus-broker is a child of its launcher, which says
        READY=1 before it has one. An answer from the bus says that it is there."""
        subprocess.run(["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus",
                        "/", "org.freedesktop.DBus.GetId"], check=True, stdout=subprocess.DEVNULL)
        pid = self.bus.pid
        if self.bus_kind == "dbus-broker":
            return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return pid

    def kill_bus(self, pid=None):
        """kill -9; systemd would start it again, and so does what runs it here. `pid` is its process
        where it cannot be asked any more."""
        exits = len(self.bus.exits) + 1
        os.kill(pid or self.bus_pid, signal.SIGKILL)
        self.bus.wait_exit(exits)

    # The broker.

    def start_broker(self, env=None, restart=0.1, backlog=None, program=None, ready=True):
        """The broker as its units say, but `restart` seconds after its end it is back. `program` is
        another one, or its whole command; without `ready` its READY=1 is not awaited."""
        assert not self.broker, "there is a broker"
        service = read_unit(UNITS / "pam-checkout-broker.service")
        sock = read_unit(UNITS / "pam-checkout-gate.socket")

        def value(unit, section, key, default=None):
            return unit.get((section, key), [default])[-1]

        user = value(service, "Service", "User")
        state = Path("/var/lib") / value(service, "Service", "StateDirectory")
        state.mkdir(exist_ok=True)
        state.chmod(int(value(service, "Service", "StateDirectoryMode"), 8))
        shutil.chown(state, user, user)
        gate = listen(value(sock, "Socket", "ListenStream"),
                      int(value(sock, "Socket", "SocketMode"), 8),
                      backlog or int(value(sock, "Socket", "Backlog", "4096")))
        program = program or self._broker_program or value(service, "Service", "ExecStart")
        command = [program] if isinstance(program, str) else program
        watchdog = value(service, "Service", "WatchdogSec")
        self.broker = Service(
            "pam-checkout-broker.service", command, [gate],
            [value(sock, "Socket", "FileDescriptorName", "gate")], user=user,
            groups=value(service, "Service", "SupplementaryGroups", "").split(),
            umask=int(value(service, "Service", "UMask", "0022"), 8),
            watchdog=float(watchdog.rstrip("s")) if watchdog else None,
            env={**SANITIZERS, **(env or {})}, restart=restart)
        if ready:
            self.broker.start()
        else:
            self.broker.launch()
        return self.broker

    @property
    def broker_matches(self):
        """What the broker itself wrote into the journal, and nobody else can."""
        if os.environ.get("PRIVATE_MACHINE_CGROUP"):
            return ["_SYSTEMD_UNIT=pam-checkout-broker.service"]
        return [f"_UID={pwd.getpwnam('pam-checkout').pw_uid}"]

    def stop_broker(self):
        """As `systemctl stop` of service and socket; its exit status."""
        broker, self.broker = self.broker, None
        if not broker:
            return None
        try:
            status = broker.stop()
        finally:
            broker.close()
        return status

    @contextlib.contextmanager
    def frozen(self, pid):
        """SIGSTOP for the while."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def forget(self):
        """An empty ledger; the broker must be stopped."""
        assert not self.broker
        shutil.rmtree(LEDGER.parent, ignore_errors=True)

    # What an administrator sets up.

    def policy(self, text=POLICY, name="50-test.conf", settings=None):
        """This policy and no other, and these settings or else those that were installed; a broker
        that runs reads it at its next start."""
        file = POLICIES.parent / "broker.conf"
        self._settings = self._settings or file.read_text()
        file.write_text(settings or self._settings)
        shutil.rmtree(POLICIES, ignore_errors=True)
        POLICIES.mkdir(parents=True)
        if text is not None:
            (POLICIES / name).write_text(lenient(text))
        quietly("systemd-tmpfiles", "--create", "pam-checkout.conf")

    def pam(self, services=("sudo", "sudo-i", "su", "su-l"), account="", session="",
            authentication=AUTHENTICATION):
        """Both phases of these services with the module, and arguments for each; None leaves the
        phase to others."""
        def line(phase, arguments):
            if arguments is None:
                return f"{phase} required pam_permit.so"
            return f"{phase} required pam_checkout.so {arguments}"

        text = PAM.format(authentication=authentication, account=line("account", account), session=line("session", session))
        for service in services:
            (Path("/etc/pam.d") / service).write_text(text)

    def sudoers(self, text=SUDOERS):
        path = Path("/etc/sudoers")
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o440)
        subprocess.run(["visudo", "-cqf", str(path)], check=True)

    def actor(self, name, login=...):
        return Actor(name, login)

    @contextlib.contextmanager
    def ledger_at_once(self):
        """A function that reads the ledger as root would, all of it as it was at one moment."""
        import sqlite3
        with contextlib.closing(sqlite3.connect(f"file:{LEDGER}?mode=ro", uri=True,
                                                timeout=PATIENCE, isolation_level=None)) as db:
            db.execute("begin")
            yield lambda question, *values: db.execute(question, values).fetchall()

    def ledger(self, question, *values):
        """Reads the ledger as root would, without a write."""
        with self.ledger_at_once() as ask:
            return ask(question, *values)
