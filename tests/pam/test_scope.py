# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a session lives: the scope of sudo and su, the handover of ssh's, root's reports. systemd is
a fake, the cgroups are the kernel's."""

import contextlib
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from fakegate import FakeGate, Message, answering, error, message, reply, METHOD_RETURN, REPLY_SERIAL
from fakesystemd import BUS, CGROUPS, FakeSystemd, bury
from pamhost import IGNORED, PAM_PERM_DENIED, PAM_SUCCESS

HOUR = 3600
LIMIT_MS = 5000


@pytest.fixture(autouse=True)
def _in_the_private_machine():
    kind = subprocess.run(["stat", "-f", "-c", "%T", CGROUPS], capture_output=True, text=True,
                          check=True).stdout.strip()
    if kind != "cgroup2fs" or BUS.exists():
        reason = "these need cgroups of their own and no system bus: tests/host/run"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def allow(terminate=True, latest=None, id=17):
    return ("allow", id, 99, "", int(time.time()) + 8 * HOUR if latest is None else latest, terminate)


def cgroup_of(pid):
    try:
        return re.search(r"(?m)^0::(.*)$", Path(f"/proc/{pid}/cgroup").read_text())[1]
    except FileNotFoundError:
        return None


def owner():
    """Whose slice it is: of the login uid, or of the real uid where there is none."""
    uid = int(Path("/proc/self/loginuid").read_text())
    return os.getuid() if uid == 0xffffffff else uid


class Gate(FakeGate):
    """Answers, and notes for each Open where the process was and what its descriptor leads to."""

    def __init__(self, host, *answers, path=None):
        super().__init__(path or host.gate_path, self.script)
        self.answers, self.seen = list(answers), []

    def script(self, connection):
        connection.authenticate()
        while True:
            call = connection.call()
            if call.method == "Close":
                connection.send(message(METHOD_RETURN, 7, {REPLY_SERIAL: ("u", call.serial)}))
                continue
            answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
            if call.method == "Open":
                links = [os.readlink(f"/proc/self/fd/{fd}") for fd in call.fds]
                self.seen.append((cgroup_of(call.login["pid"]), links))
            for fd in call.fds:
                os.close(fd)
            connection.send(reply(call, *answer))

    @property
    def methods(self):
        return [call.method for call in self.calls]

    @property
    def opened(self):
        return [call.login for call in self.calls if call.method == "Open"]


SCOPELESS = "pam_checkout: refused: your session could not be given a scope of its own, so its end " \
    "could not be enforced: "


def refused(outcome, *parts):
    assert outcome.codes == {"session": PAM_PERM_DENIED}
    assert len(outcome.said) == 1 and outcome.said[0].startswith(SCOPELESS), outcome.said
    for part in parts:
        assert part in outcome.said[0], outcome.said
    assert outcome.milliseconds["session"] < LIMIT_MS


def let_run(outcome, *parts):
    assert outcome.codes == {"session": PAM_SUCCESS} and outcome.said == []
    assert len(outcome.scopeless) == 1
    for part in parts:
        assert part in outcome.scopeless[0]


@pytest.mark.parametrize("service", ["sudo", "sudo-i", "su", "su-l"])
def test_scope(host, service):
    with FakeSystemd() as systemd, Gate(host, allow()) as gate:
        login = host.start("session", "close", service=service, user="root")
        pid = login.pid
        outcome = login.finish()
    assert outcome.codes == {"session": PAM_SUCCESS, "close": PAM_SUCCESS} and outcome.logs == []
    assert gate.methods == ["Prepare", "Open", "Close"] and gate.n_connections == 2
    unit, path = f"pam-checkout-17-{pid}.scope", f"/user.slice/user-{owner()}.slice/pam-checkout-17-{pid}.scope"
    assert gate.seen == [(path, [f"{CGROUPS}{path}/cgroup.kill"])]
    assert gate.opened[0]["unit"] == unit and gate.opened[0]["cgroup"] == path
    assert not {"unit", "cgroup", "cgroup_kill", "parent_cgroup"} & set(gate.calls[0].login)
    (name, mode, properties), = systemd.started
    most = properties.pop("RuntimeMaxUSec")
    assert 8 * HOUR - 60 < most / 1e6 <= 8 * HOUR
    assert (name, mode, properties) == (unit, "replace", {
        "PIDs": [0], "Slice": f"user-{owner()}.slice", "Description": "Check-out 17: alice has root",
        "SendSIGHUP": True, "TimeoutStopUSec": 5000000, "CollectMode": "inactive-or-failed"})


@pytest.mark.parametrize("answer, seconds", [
    (allow(latest=0), None), (allow(terminate=False), None), (allow(latest=1), 1),
    (allow(latest=2**63), 366 * 24 * HOUR), (allow(latest=2**64 - 1), 366 * 24 * HOUR)])
def test_limit(host, answer, seconds):
    with FakeSystemd() as systemd, Gate(host, answer):
        assert host.run("session").codes == {"session": PAM_SUCCESS}
    most = systemd.started[0][2].get("RuntimeMaxUSec")
    assert most == (seconds and seconds * 1000000)


def test_the_descriptor_ends_the_scope(host):
    """The one thing that it is for."""
    def script(connection):
        connection.authenticate()
        connection.send(reply(connection.call(), *allow()))
        os.write(connection.call().fds[0], b"1")
        connection.wait_for_hangup()

    with FakeSystemd(), FakeGate(host.gate_path, script):
        assert host.run("session", may_die=True).status == -9


def test_no_question_no_scope(host):
    for verdict in ("refused", "pending", "unmanaged", "exempt", "nonsense"):
        with FakeSystemd() as systemd, Gate(host, (verdict, 17, 0, "words", 2**40, True)) as gate:
            host.run("session")
        assert gate.methods == ["Prepare"] and systemd.started == []
    with FakeSystemd() as systemd, FakeGate(host.gate_path, answering(allow(), allow(), allow())):
        host.run("auth", "account")
    assert systemd.started == [] and systemd.bus.n_connections == 0


def test_open_has_the_last_word(host):
    """Revoked between the two."""
    with FakeSystemd(), Gate(host, allow(), ("refused", 0, 0, "revoked")) as gate:
        outcome = host.run("session")
    assert gate.methods == ["Prepare", "Open"] and outcome.codes == {"session": PAM_PERM_DENIED}
    assert outcome.said == ["pam_checkout: revoked"]


@pytest.mark.parametrize("count", [1, 2, 15])
def test_names_that_are_taken(host, count):
    with FakeSystemd(taken=count) as systemd, Gate(host, allow()) as gate:
        login = host.start("session")
        outcome = login.finish()
    assert outcome.codes == {"session": PAM_SUCCESS}
    assert [name for name, _, _ in systemd.started] == [
        f"pam-checkout-17-{login.pid}{end}.scope"
        for end in ("", *(f"-{number}" for number in range(1, count + 1)))]
    assert gate.opened[0]["unit"] == systemd.started[-1][0]


def test_all_names_are_taken(host):
    with FakeSystemd(taken=1000) as systemd, Gate(host, allow()):
        refused(host.run("session"), "all its names are taken")
    assert len(systemd.started) == 16


def test_the_move_comes_after_the_reply(host):
    """Nothing is opened before the process is there."""
    gone = threading.Event()
    with Gate(host, allow()) as gate:
        def move(unit, slice_, pid):
            threading.Timer(0.5, lambda: (systemd.put(unit, slice_, pid), gone.set())).start()

        with FakeSystemd(move=move) as systemd:
            outcome = host.run("session")
            assert gone.is_set()
    assert outcome.codes == {"session": PAM_SUCCESS}
    assert gate.seen[0][0].endswith(gate.opened[0]["unit"])


@pytest.mark.parametrize("terminate", [True, False])
def test_no_move(host, terminate):
    with FakeSystemd(move=lambda *_: None), Gate(host, allow(terminate)) as gate:
        outcome = host.run("session")
    (refused if terminate else let_run)(outcome, "systemd did not move the login in time")
    assert gate.methods == ["Prepare", "Open"][:1 if terminate else 2]
    assert not gate.opened or "unit" not in gate.opened[0]


@pytest.mark.parametrize("name", ["user.slice/{unit}.d", "user.slice/{unit}/inner"])
def test_another_place(host, name):
    with FakeSystemd(move=lambda unit, _, pid: systemd.enter(name.format(unit=unit), pid)) \
            as systemd, Gate(host, allow()):
        refused(host.run("session"), "in time")


def hang(connection):
    connection.wait_for_hangup()


def hang_after_hello(connection):
    connection.authenticate()
    connection.message()
    connection.wait_for_hangup()


def hang_up(connection):
    pass


def garbage(connection):
    connection.authenticate()
    connection.message()
    connection.send(b"x" * 100)
    connection.wait_for_hangup()


def rejects(connection):
    connection.line()
    connection.send(b"REJECTED EXTERNAL\r\n")
    connection.wait_for_hangup()  # as a bus does; a call that comes too late would say "hung up"


def drips(connection):
    connection.line()
    with contextlib.suppress(OSError):
        for byte in b"O" * 255:
            connection.send(bytes([byte]))
            threading.Event().wait(0.05)


def says(name, *texts):
    def script(connection):
        connection.authenticate()
        connection.send(error(Message(*connection.message()), name, *texts))
        connection.wait_for_hangup()
    return script


WRONG = {
    "hang": (hang, "no answer in time"),
    "hang after Hello": (hang_after_hello, "no answer in time"),
    "hang up": (hang_up, "it hung up"),
    "garbage": (garbage, "not D-Bus"),
    "rejected": (rejects, "does not let this program in"),
    "drips": (drips, "no answer in time"),
    "limits": (says("org.freedesktop.DBus.Error.LimitsExceeded", "too many"), "LimitsExceeded: too many"),
    "hostile": (says("org.example.Error", "no\x1b[2J\n%n"), "no\\x1b[2J\\x0a%n"),
    "no text": (says("org.example.Error"), "org.example.Error: no reason given"),
}


@pytest.mark.parametrize("what, terminate", [*((what, True) for what in WRONG), ("hang up", False)])
def test_a_bus_that_is_wrong(host, what, terminate):
    script, words = WRONG[what]
    with FakeSystemd(script), Gate(host, allow(terminate)):
        (refused if terminate else let_run)(host.run("session"), words)


def test_no_bus(host):
    for terminate in (True, False):
        with Gate(host, allow(terminate)):
            (refused if terminate else let_run)(host.run("session"),
                                                "/run/dbus", "No such file or directory")


def test_a_bus_of_others(host):
    for spoil, mend in ((lambda: os.chown(BUS, 65534, 0), lambda: os.chown(BUS, 0, 0)),
                        (lambda: BUS.parent.chmod(0o777), lambda: BUS.parent.chmod(0o755)),
                        (lambda: os.chown(BUS.parent, 65534, 0), lambda: os.chown(BUS.parent, 0, 0))):
        with FakeSystemd() as systemd, Gate(host, allow()):
            spoil()
            refused(host.run("session"), "others than root")
            mend()
        assert systemd.bus.n_connections == 0


def test_a_bus_with_a_full_backlog(host):
    BUS.parent.mkdir(exist_ok=True)
    with Gate(host, allow()), socket.socket(socket.AF_UNIX) as listener, \
            contextlib.ExitStack() as stack:
        listener.bind(str(BUS))
        stack.callback(BUS.unlink)
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                sock.setblocking(False)
                sock.connect(str(BUS))
        refused(host.run("session"), "too many")


def test_slow_all_along(host):
    """The broker and the bus take all the time that each may: the answer comes all the same."""
    def slow(connection):
        connection.authenticate()
        call = connection.call()
        threading.Event().wait(4)
        connection.send(reply(call, *allow()))
        connection.wait_for_hangup()

    with FakeSystemd(hang), FakeGate(host.gate_path, slow):
        refused(host.run("session"))


def test_a_broker_that_takes_no_descriptors(host):
    def script(connection):
        connection.authenticate(fds=b"ERROR")
        connection.send(reply(connection.call(), *allow()))
        connection.wait_for_hangup()

    with FakeSystemd(), FakeGate(host.gate_path, script):
        outcome = host.run("session")
    assert outcome.codes == {"session": PAM_PERM_DENIED}
    assert "does not answer (it takes no file descriptors)" in outcome.said[0]


def test_broker_restarts_meanwhile(host):
    """Between Prepare and Open: asked anew, descriptor and all."""
    def dies(connection):
        connection.authenticate()
        connection.send(reply(connection.call(), *allow()))

    with FakeSystemd(), Gate(host, allow()) as gate:
        gate.scripts = [dies, gate.script]
        outcome = host.run("session")
    assert outcome.codes == {"session": PAM_SUCCESS}
    assert gate.methods == ["Prepare", "Open"] and len(gate.seen[0][1]) == 1


def test_the_environment_moves_no_bus(host):
    trap = host.place / "bus"
    with FakeSystemd(), Gate(host, allow()) as gate, FakeGate(str(trap), hang_up) as other:
        outcome = host.run("session", environment={
            f"DBUS_{name}_ADDRESS": f"unix:path={trap}" for name in ("SYSTEM_BUS", "SESSION_BUS",
                                                                     "STARTER")})
    assert outcome.codes == {"session": PAM_SUCCESS} and "unit" in gate.opened[0]
    assert other.n_connections == 0


@pytest.mark.parametrize("mount, words", [
    ("mount -t tmpfs tmpfs /sys/fs/cgroup", "No such file or directory"),
    ("mount -t tmpfs tmpfs /sys/fs/cgroup; d=/sys/fs/cgroup/user.slice/user-{owner}.slice/"
     "pam-checkout-17-$$.scope; mkdir -p $d; : > $d/cgroup.kill", "is not the kernel's"),
    ("mount -t tmpfs tmpfs /sys/fs/cgroup; d=/sys/fs/cgroup/user.slice/user-{owner}.slice/"
     "pam-checkout-17-$$.scope; mkdir -p $d; ln -s /dev/null $d/cgroup.kill",
     "Too many levels of symbolic links")])
def test_cgroups_that_are_not_the_kernels(host, mount, words):
    with FakeSystemd(), Gate(host, allow()):
        refused(host.run("session", prefix=["unshare", "-m", "sh", "-c", mount.format(owner=owner())
                                            + '; exec "$@"', "sh"]), words)


@pytest.mark.parametrize("content, words", [
    (b"1:name=systemd:/user.slice\n", "no unified cgroup hierarchy"), (b"", "no unified"),
    (b"0::/../x/pam-checkout-17-1.scope\n", "Bad message"), (b"0::relative\n", "Bad message"),
    (b"0::/x//y\n", "Bad message"), (b"0::/x\x1b\n", "Bad message"), (b"0::/a/..\n", "Bad message"),
    (b"0::/" + b"x" * 5000 + b"\n", "Bad message"), (b"0::/" + b"x" * 20000, "Bad message"),
    (b"0::/\0\n", "Bad message")])
def test_odd_cgroup_files(host, content, words):
    (host.place / "cgroup").write_bytes(content)
    with FakeSystemd() as systemd, Gate(host, allow()):
        refused(host.run("session", prefix=[
            "unshare", "-m", "sh", "-c",
            f'mount --bind {host.place}/cgroup /proc/$$/cgroup; exec "$@"', "sh"]), words)
    assert systemd.started == []


def check_starved(gate, outcome):
    """Refused, or right; or the host could not even open the module (PAM_MODULE_UNKNOWN)."""
    code = outcome.codes.get("session")
    assert code in (PAM_SUCCESS, PAM_PERM_DENIED, 28, None), outcome.lines
    if code == PAM_SUCCESS:
        assert "cgroup_kill" in gate.opened[-1]
    return code


def test_no_descriptors_left(host, sanitized):
    if sanitized:
        pytest.skip("the sanitizers need descriptors")
    seen = set()
    for limit in range(3, 12):
        with FakeSystemd(), Gate(host, allow()) as gate:
            outcome = host.run("session", options=["--fd-limit", str(limit)], may_die=True)
            seen.add(check_starved(gate, outcome))
    assert {PAM_SUCCESS, PAM_PERM_DENIED} <= seen


def test_no_memory_left(host, sanitized):
    if sanitized:
        pytest.skip("the sanitizers need memory")
    seen = set()
    for size in range(3000, 12000, 150):
        with FakeSystemd(), Gate(host, allow()) as gate:
            outcome = host.run("session", prefix=["prlimit", f"--as={size * 1024}"], may_die=True)
            assert outcome.status >= 0 and outcome.status != 134, outcome.status
            seen.add(check_starved(gate, outcome))
    assert PAM_SUCCESS in seen and len(seen) > 1


def test_standard_descriptors_closed(host):
    """Nothing of ours takes the place of 0 or 2 for the command that follows."""
    with FakeSystemd(), Gate(host, allow()) as gate:
        outcome = host.run("session", prefix=["sh", "-c", "exec \"$@\" 0<&- 2>&-", "sh"])
    assert outcome.codes == {"session": PAM_SUCCESS} and "cgroup_kill" in gate.opened[0]


TWICE = """\
session required {module} {arguments}
session required {module} {arguments}
"""


def test_two_lines_make_one_scope(host):
    with FakeSystemd() as systemd, Gate(host, allow()) as gate:
        outcome = host.run("session", stack=TWICE)
    assert outcome.codes == {"session": PAM_SUCCESS} and len(systemd.started) == 1
    assert gate.methods == ["Prepare", "Open"] * 2 and gate.seen[0] == gate.seen[1]


# ssh and login: pam_systemd's scope. A script does what pam_systemd does.

AROUND = """\
session required {module} {arguments}
session required pam_exec.so quiet {script}
session required {module} {arguments}
"""
BEHIND = AROUND[AROUND.index("\n") + 1:]
SESSION = "user.slice/user-1000.slice/session-7.scope"


@contextlib.contextmanager
def session_made(host, *paths):
    """A script that puts its caller into the last of these cgroups, which it makes."""
    folders = [CGROUPS / path for path in paths]
    for folder in folders:
        folder.mkdir(parents=True)
    script = host.place / "pam-systemd"
    script.write_text("#!/bin/sh\n[ \"$PAM_TYPE\" = open_session ] || exit 0\n"
                      + "".join(f"echo $PPID > {folder}/cgroup.procs\n" for folder in folders[-1:]))
    script.chmod(0o755)
    try:
        yield script
    finally:
        bury(reversed(folders))


def over_ssh(host, script, stack, *phases, **how):
    return host.run(*(phases or ("session",)), service=how.pop("service", "sshd"), user="oracle",
                    tty="ssh", stack=stack.replace("{script}", str(script)), **how)


@pytest.mark.parametrize("service", ["sshd", "login", "remote"])
def test_handover(host, service):
    with session_made(host, SESSION) as script, Gate(host, allow()) as gate:
        outcome = over_ssh(host, script, AROUND, service=service)
    assert outcome.codes == {"session": PAM_SUCCESS} and outcome.logs == []
    assert gate.methods == ["Prepare", "Open", "Open"]
    first, second = gate.opened
    assert "unit" not in first and "cgroup_kill" not in first
    assert (second["unit"], second["cgroup"]) == ("session-7.scope", f"/{SESSION}")
    assert gate.seen[1] == (f"/{SESSION}", [f"{CGROUPS}/{SESSION}/cgroup.kill"])
    assert {**second, "unit": 0, "cgroup": 0, "cgroup_kill": 0} == \
        {**first, "unit": 0, "cgroup": 0, "cgroup_kill": 0}


def test_each_login_is_handed_over_anew(host):
    with session_made(host, SESSION) as script, Gate(host, allow()) as gate:
        outcome = over_ssh(host, script, AROUND, "session", "close", "session", "close")
    assert outcome.codes == {"session": PAM_SUCCESS, "close": PAM_SUCCESS}
    # The second time it is in a session from the start.
    assert gate.methods == ["Prepare", "Open", "Open", "Close", "Close",
                            "Prepare", "Open", "Prepare", "Open", "Close", "Close"]


@pytest.mark.parametrize("terminate", [True, False])
def test_no_session_to_hand_over(host, terminate):
    """pam_systemd is missing, or failed and is optional."""
    with Gate(host, allow(terminate)) as gate:
        outcome = over_ssh(host, "/bin/true", AROUND)
    (refused if terminate else let_run)(outcome, "pam_systemd has made no session")
    assert gate.methods == ["Prepare", "Open", "Close" if terminate else "Open"]


@pytest.mark.parametrize("unit", ["session-x.scope", "session-.scope", "session-7.scope.d", "session-7",
                                  "xsession-7.scope", "session-c.scope", "user@1000.service",
                                  "session-7.service"])
def test_no_session_but_something_else(host, unit):
    with session_made(host, f"user.slice/{unit}") as script, Gate(host, allow()) as gate:
        refused(over_ssh(host, script, AROUND), "pam_systemd has made no session")
    assert len(gate.opened) == 1


def test_scope_of_the_caller(host):
    """sshd was started by hand out of a login: to end its sessions would end that login."""
    with session_made(host, SESSION) as script, Gate(host, allow()) as gate:
        outcome = over_ssh(host, script, AROUND, prefix=[
            "sh", "-c", f"echo $$ > {CGROUPS}/{SESSION}/cgroup.procs; \"$@\"", "sh"])
    refused(outcome, "within session-7.scope, which is the caller's")
    assert all("unit" not in login for login in gate.opened)


def test_revoked_before_the_handover(host):
    with session_made(host, SESSION) as script, \
            Gate(host, allow(), allow(), ("refused", 0, 0, "revoked")) as gate:
        outcome = over_ssh(host, script, AROUND)
    assert gate.methods == ["Prepare", "Open", "Open"]
    assert outcome.codes == {"session": PAM_PERM_DENIED} and outcome.said == ["pam_checkout: revoked"]


def test_refused_before_the_session(host):
    """What is refused first is not handed over second."""
    lenient = AROUND.replace("required {module}", "[default=ignore] {module}", 1)
    with session_made(host, SESSION) as script, Gate(host, ("refused", 0, 0, "no")) as gate:
        outcome = over_ssh(host, script, lenient)
    assert gate.methods == ["Prepare", "Prepare"] and outcome.codes["session"] == PAM_PERM_DENIED


@pytest.mark.parametrize("terminate", [True, False])
def test_one_line_behind_the_session(host, terminate):
    with session_made(host, SESSION) as script, Gate(host, allow(terminate)) as gate:
        outcome = over_ssh(host, script, BEHIND)
    assert outcome.codes == {"session": PAM_SUCCESS} and outcome.said == []
    assert gate.methods == ["Prepare", "Open"] and gate.opened[0]["unit"] == "session-7.scope"
    assert len(gate.seen[0][1]) == 1
    warned = [line for line in outcome.logged if "no line of pam_checkout stands before" in line]
    assert len(warned) == terminate


# root, whom nobody asks.

PLAIN = "session required {module} {arguments}\nsession optional pam_permit.so\n"
ROOTS = "session required pam_exec.so quiet {script}\n" + PLAIN
CHECKOUT = "user.slice/user-1000.slice/pam-checkout-9-1.scope"


def inside(path):
    """A parent in that cgroup."""
    return ["sh", "-c", f"echo $$ > {CGROUPS}/{path}/cgroup.procs; \"$@\"", "sh"]


def roots(host, script, stack=ROOTS, phases=("session", "close"), **how):
    outcome = host.run(*phases, service="su", user="oracle", ruser="root",
                       stack=stack.replace("{script}", str(script)), **how)
    assert outcome.codes == {phase: PAM_SUCCESS for phase in phases}
    assert outcome.said == []
    return outcome


@pytest.mark.parametrize("within", [CHECKOUT, SESSION, f"{SESSION}/inner", f"{CHECKOUT}/a/b"])
def test_roots_login_in_the_same_scope(host, within):
    with session_made(host, within), Gate(host, ("allow", 9, 0, "")) as gate:
        roots(host, "/bin/true", prefix=inside(within))
    assert gate.methods == ["Open", "Close"]
    login, = gate.opened
    assert login["parent_cgroup"] == f"/{within}" and gate.seen[0][1] == []
    assert not {"unit", "cgroup", "cgroup_kill"} & set(login)
    assert (login["person"], login["account"], login["phase"]) == ("root", "oracle", "session")
    assert login["tty"] == "/dev/pts/3"


def test_roots_login_with_a_session_of_its_own(host):
    with session_made(host, CHECKOUT, SESSION) as script, Gate(host, ("allow", 9, 0, "")) as gate:
        roots(host, script, prefix=inside(CHECKOUT))
    assert gate.methods == ["Open", "Close"]
    login, = gate.opened
    assert (login["parent_cgroup"], login["cgroup"], login["unit"]) == \
        (f"/{CHECKOUT}", f"/{SESSION}", "session-7.scope")
    assert gate.seen == [(f"/{SESSION}", [f"{CGROUPS}/{SESSION}/cgroup.kill"])]


@pytest.mark.parametrize("answer", [("exempt", 0, 0, ""), ("refused", 0, 0, "no"), ("what", 0, 0, "")])
def test_root_goes_on_whatever_is_said(host, answer):
    with session_made(host, CHECKOUT), Gate(host, answer) as gate:
        roots(host, "/bin/true", prefix=inside(CHECKOUT))
    assert gate.methods == ["Open"]


def test_root_elsewhere_is_nobodys_business(host):
    for path in ("system.slice/cron.service", "user.slice/user@0.service/app.slice"):
        with session_made(host, path), Gate(host, ("allow", 9, 0, "")) as gate:
            roots(host, "/bin/true", prefix=inside(path))
        assert gate.n_connections == 0


def test_root_is_not_reported_in_other_phases(host):
    with session_made(host, CHECKOUT), Gate(host, ("allow", 9, 0, "")) as gate:
        outcome = host.run("auth", "account", service="su", user="oracle", ruser="root",
                           prefix=inside(CHECKOUT))
    assert outcome.codes == {phase: IGNORED[phase] for phase in ("auth", "account")}
    assert gate.n_connections == 0


@pytest.mark.parametrize("script", [hang, hang_up, rejects, None])
def test_root_waits_for_no_broker(host, script):
    with session_made(host, CHECKOUT), contextlib.ExitStack() as stack:
        if script:
            stack.enter_context(FakeGate(host.gate_path, script))
        outcome = roots(host, "/bin/true", prefix=inside(CHECKOUT))
    assert outcome.milliseconds["session"] < 3000
    assert any("did not hear of root's session" in line for line in outcome.logged)


def test_many_scopes_in_one_program(host):
    """pam_host looks whether anything is left behind."""
    answers = [answer for number in range(100) for answer in [allow(id=number)] * 2]
    with FakeSystemd() as systemd, Gate(host, *answers) as gate:
        outcome = host.run("session", "close", options=["--repeat", "100"], stack=PLAIN, timeout=120)
    assert outcome.codes == {"session": PAM_SUCCESS, "close": PAM_SUCCESS}
    assert len(systemd.started) == 100 and len({where for where, _ in gate.seen}) == 100
