# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever call of the C library fails, nobody gets in by it: each call of a login in turn."""

import os
import subprocess

import pytest

from fakesystemd import BUS, CGROUPS, FakeSystemd
from pamhost import PAM_PERM_DENIED, PAM_SUCCESS
from test_scope import CHECKOUT, SESSION, Gate, allow, inside, session_made

# What the stack says where the module says PAM_IGNORE.
IGNORED = 9
STACK = """\
account [success=done ignore=1 default=die] {module} gate={gate}
account requisite pam_deny.so
account required pam_debug.so acct=authinfo_unavail
session [success=done ignore=1 default=die] {module} gate={gate}
session requisite pam_deny.so
session required pam_debug.so open_session=authinfo_unavail close_session=authinfo_unavail
"""


@pytest.fixture(autouse=True)
def _in_the_private_machine():
    kind = subprocess.run(["stat", "-f", "-c", "%T", CGROUPS], capture_output=True, text=True,
                          check=True).stdout.strip()
    if kind != "cgroup2fs" or BUS.exists():
        reason = "these need cgroups of their own and no system bus: tests/host/run"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


class Run:
    def __init__(self, line):
        word, self.function, _, happened, pid, *rest = line.split()
        assert word == "run" and happened in ("failed", "whole"), line
        self.pid, self.line, self.is_whole = int(pid), line, happened == "whole"
        end = next((i for i, word in enumerate(rest) if not word.isdigit()), len(rest))
        self.codes, self.complaints = [int(code) for code in rest[:end]], rest[end:]


def faults(host, build_dir, *phases, mode="once", service="sudo", user="root", ruser="alice",
           between=None, prefix=(), leaks=False):
    """All runs, those included in which nothing failed."""
    (host.confdir / service).write_text(STACK.format(module=host.module, gate=host.gate_path))
    command = [*prefix, build_dir / "tests" / "pam" / "pam_faults", "--confdir", host.confdir,
               "--service", service, "--user", user, "--mode", mode]
    if leaks:
        command += ["--leaks"]
    if ruser:
        command += ["--ruser", ruser]
    if between:
        command += ["--between", between]
    done = subprocess.run([*command, *phases], capture_output=True, text=True, timeout=600,
                          stdin=subprocess.DEVNULL, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines.pop() == "done", (done.stderr, lines[-3:])
    runs = [Run(line) for line in lines]
    for run in runs:
        assert not run.complaints, (run.line, done.stderr)
        assert len(run.codes) == len(phases)
    return runs


def failed(runs):
    return {run.function for run in runs if not run.is_whole}


def check(runs, verdicts):
    """Nothing but a refusal where the whole runs say otherwise."""
    for run in runs:
        assert not run.is_whole or run.codes == verdicts, run.line
        for code, verdict in zip(run.codes, verdicts):
            assert code in (verdict, PAM_PERM_DENIED), run.line


def check_opened(runs, gate, with_scope):
    """Who got in was let in by the broker, which has what it takes to end the session."""
    opened = {call.login["pid"]: call.login for call in gate.calls if call.method == "Open"}
    for run in runs:
        if run.codes[-1] == PAM_SUCCESS:
            assert run.pid in opened, run.line
            assert "cgroup_kill" in opened[run.pid] or not with_scope, run.line


@pytest.fixture
def modes(long):
    """The short round leaves out what says nearly the same."""
    return ("once", "onward") if long else ("once",)


@pytest.mark.parametrize("service, terminate", [("sudo", True), ("su", False)])
def test_session(host, build_dir, modes, service, terminate):
    for mode in modes:
        with FakeSystemd(early=True) as systemd, Gate(host, allow(terminate)) as gate:
            runs = faults(host, build_dir, "session", service=service, mode=mode,
                          leaks=terminate)
        check(runs, [PAM_SUCCESS])
        check_opened(runs, gate, terminate)
        assert systemd.started
        assert {"malloc", "open64", "socket", "connect", "sendmsg", "recv", "fstatfs64"} <= failed(runs)


def test_handover(host, build_dir, modes):
    for mode in modes:
        with session_made(host, SESSION), Gate(host, allow()) as gate:
            runs = faults(host, build_dir, "session", "session", service="sshd", user="oracle",
                          ruser=None, mode=mode, between=CGROUPS / SESSION / "cgroup.procs")
        check(runs, [PAM_SUCCESS, PAM_SUCCESS])
        check_opened(runs, gate, True)
        assert {"pam_set_data", "strdup"} <= failed(runs)


@pytest.mark.parametrize("phase, answer, verdict", [
    ("session", ("refused", 0, 0, "no"), PAM_PERM_DENIED),
    ("account", ("pending", 17, 0, "request 17"), PAM_PERM_DENIED),
    ("session", ("unmanaged", 0, 0, ""), IGNORED), ("account", ("exempt", 0, 0, ""), IGNORED)])
def test_verdict(host, build_dir, phase, answer, verdict):
    with Gate(host, answer):
        runs = faults(host, build_dir, phase)
    check(runs, [verdict])
    assert len(failed(runs)) > 10


def test_account(host, build_dir, modes):
    for mode in modes:
        with Gate(host, allow()):
            check(faults(host, build_dir, "account", mode=mode), [PAM_SUCCESS])


def test_root(host, build_dir):
    """What fails in the report is no reason to refuse. Who cannot be told to be root is asked about."""
    with session_made(host, CHECKOUT), Gate(host, ("refused", 9, 0, "")):
        check(faults(host, build_dir, "session", service="su", user="oracle", ruser="root",
                     prefix=inside(CHECKOUT)), [IGNORED])


def test_close(host, build_dir):
    with Gate(host, allow()):
        assert {code for run in faults(host, build_dir, "close") for code in run.codes} == {PAM_SUCCESS}


@pytest.mark.parametrize("mode", ["interrupted", "short"])
def test_what_is_no_failure(host, build_dir, mode):
    """Interrupted calls, and bytes that come and go one by one, change nothing."""
    with FakeSystemd(), Gate(host, allow()) as gate:
        runs = faults(host, build_dir, "session", mode=mode)
        assert {code for run in runs for code in run.codes} == {PAM_SUCCESS}
        check_opened(runs, gate, True)
    assert len(failed(runs)) > 5 or mode == "short"
    with session_made(host, SESSION), Gate(host, allow()) as gate:
        runs = faults(host, build_dir, "session", "session", service="sshd", user="oracle",
                      ruser=None, mode=mode, between=CGROUPS / SESSION / "cgroup.procs")
        assert {code for run in runs for code in run.codes} == {PAM_SUCCESS}
        check_opened(runs, gate, True)
