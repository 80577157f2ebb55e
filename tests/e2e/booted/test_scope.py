# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the sessions of real programs live, and that they are otherwise as without us."""

import re
import shlex
import subprocess

import pexpect
import pytest

POLICY = """
[policy root]
accounts = root
requesters = alice, trudy
approval = none
reason = optional
duration = 1h
max-duration = 8h

[policy own]
accounts = oracle
requesters = oracle
approval = none
reason = optional
duration = 1h
max-duration = 8h
"""
WHERE = "sed -n s/^0:://p /proc/self/cgroup"
SHOW = "systemctl --no-pager show -p RuntimeMaxUSec,SendSIGHUP,TimeoutStopUSec,CollectMode,Slice "
SCOPE = r"/user\.slice/user-(\d+)\.slice/pam-checkout-\d+-\d+\.scope"
SU = {"su": ["su"], "su -": ["su", "-"]}
SUDO = {"sudo": ["sudo", "sh", "-c"], "sudo -i": ["sudo", "-i", "sh", "-c"]}


@pytest.fixture(scope="module")
def host(machine):
    machine.begin(POLICY)
    return machine


def check_recorded(host, unit):
    assert host.ledger("SELECT count(*) FROM session WHERE unit = ?", unit) == [(1,)]


@pytest.fixture(params=["use_pty", "!use_pty"])
def pty(host, request):
    """Whether sudo gives the command a terminal of its own."""
    path = "/etc/sudoers.d/zzz-pty"
    host.write(path, f"Defaults {request.param}\n", 0o440)
    yield request.param
    host.shell(f"rm {path}")


def on_su(host, program, script):
    """What the shell that su starts says of the script, and its exit code."""
    child = host.actor("alice").terminal(program + ["-c", script])
    child.expect("assword: ")
    child.sendline("pw-root")
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before.replace("\r\n", "\n").strip()


def check_scope(host, shown):
    path, *properties = shown.split("\n")
    uid = re.fullmatch(SCOPE, path)[1]
    assert int(uid) == host.actor("alice").uid
    values = dict(line.split("=", 1) for line in properties)
    # Less what the check-out is old by now.
    assert re.fullmatch("8h|7h 59min( [0-9]+s)?", values["RuntimeMaxUSec"])
    del values["RuntimeMaxUSec"]
    assert values == {"SendSIGHUP": "yes", "TimeoutStopUSec": "5s",
                      "CollectMode": "inactive-or-failed", "Slice": f"user-{uid}.slice"}
    return path.rsplit("/", 1)[1]


ASK = f'{WHERE}; {SHOW} "$({WHERE} | sed s,.*/,,)"'


def said(host):
    """The refusals for want of a scope."""
    return [entry["MESSAGE"] for entry in host.journal("SYSLOG_FACILITY=10")
            if "could not be given a scope of its own" in str(entry.get("MESSAGE"))]


@pytest.mark.parametrize("kind", SUDO)
def test_sudo(host, pty, kind):
    code, shown = host.actor("alice").on_terminal([*SUDO[kind], ASK])
    assert code == 0, shown
    unit = check_scope(host, shown.strip())
    check_recorded(host, unit)


@pytest.mark.parametrize("kind", SU)
def test_su(host, kind):
    code, shown = on_su(host, SU[kind], ASK)
    assert code == 0, shown
    unit = check_scope(host, shown)
    check_recorded(host, unit)


def test_one_after_the_other_without_a_login(host):
    """From a job, say: each time the person's slice is about to end with the scope before."""
    loop = "for i in $(seq 60); do sudo -n true & sudo -n true || exit; wait $! || exit; done"
    path = "/etc/sudoers.d/zzz-trudy"
    host.write(path, "trudy ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    try:
        host.run(["runuser", "-u", "trudy", "--", "sh", "-c", loop], check=True)
    finally:
        host.shell(f"rm {path}")
    assert host.ledger("SELECT count(*), count(unit) FROM session WHERE person = 'trudy'") == [
        (120, 120)]


def test_exit_codes_and_pipes(host, pty):
    alice = host.actor("alice")
    for code in (0, 1, 42, 255):
        assert alice.run(["sudo", "sh", "-c", f"exit {code}"]).returncode == code
    data = bytes(range(256)) * 4096
    done = subprocess.run(alice._command("sudo cat | sudo cat | cksum"), input=data,
                          capture_output=True, timeout=60, check=True)
    assert done.stdout.decode() == subprocess.run(["cksum"], input=data, capture_output=True,
                                                  check=True).stdout.decode()
    assert done.stderr == b""
    done = alice.run("sudo sh -c 'kill -TERM $$'; echo $?")
    assert done.stdout == "143\n"


@pytest.mark.parametrize("kind", ["sudo", "su"])
def test_terminal_and_job_control(host, kind):
    """An interactive root shell: Ctrl-C, Ctrl-Z, fg, and the person's own shell afterwards."""
    child = host.actor("alice").terminal(["bash", "--norc", "--noprofile"])
    child.setecho(False)
    child.sendline("PS1='own> '; stty -a > /tmp/before-$$")
    child.expect("own> ")
    child.sendline("sudo -s" if kind == "sudo" else "su")
    if kind == "su":
        child.expect("assword: ")
        child.sendline("pw-root")
    child.expect("# ")
    child.sendline("PS1='root''> '; tty; set +o histexpand")
    child.expect("root> ")
    assert "/dev/pts/" in child.before and "no job control" not in child.before
    child.sendline("sh -c 'echo rea''dy; exec sleep 1000'")
    child.expect("ready")
    child.sendcontrol("c")
    child.expect("root> ")
    child.sendline("echo code $?")
    child.expect("code 130")
    child.expect("root> ")
    child.sendline("sh -c 'echo rea''dy; exec cat'")
    child.expect("ready")
    child.sendcontrol("z")
    child.expect("Stopped")
    child.expect("root> ")
    child.sendline("fg")
    child.expect("cat")
    child.sendcontrol("d")
    child.expect("root> ")
    child.sendline("exit 7")
    child.expect("own> ")
    child.sendline("echo code $?; stty -a | diff - /tmp/before-$$ && echo same")
    child.expect("code 7")
    child.expect("same")
    child.close()


def test_scope_ends_with_its_last_process(host):
    alice = host.actor("alice")
    unit = alice.run(["sudo", "sh", "-c", f"{WHERE} | sed s,.*/,,"]).stdout.strip()
    assert re.fullmatch(r"pam-checkout-\d+-\d+\.scope", unit)
    # systemd is told by the kernel; `wait` returns when it has heard.
    host.nsenter(["systemctl", "stop", unit], check=False)
    assert unit not in host.nsenter(["systemctl", "list-units", "--all", "--no-legend", "--plain",
                                     "pam-checkout-*"]).stdout


def test_ssh(host):
    """What pam_systemd made is handed over, and has its limit."""
    for options in ((), ("-tt",)):
        done = subprocess.run(host.ssh(*options, "oracle@127.0.0.1", ASK), capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        assert done.returncode == 0, done
        path, *properties = done.stdout.replace("\r\n", "\n").strip().split("\n")
        unit = path.rsplit("/", 1)[1]
        assert re.fullmatch(r"session-c?\d+\.scope", unit)
        assert any(re.fullmatch(r"RuntimeMaxUSec=(8h|7h 59min 5.s)", line) for line in properties)
        check_recorded(host, unit)


def test_ssh_without_pam_systemd(host):
    """The session could not be ended, so there is none."""
    host.shell("cp /etc/pam.d/common-session /etc/common-session.kept;"
               "sed -i /pam_systemd/d /etc/pam.d/common-session")
    try:
        done = subprocess.run(host.ssh("oracle@127.0.0.1", "echo I am here"), capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    finally:
        host.shell("mv /etc/common-session.kept /etc/pam.d/common-session")
    assert done.returncode != 0 and "I am here" not in done.stdout
    assert "pam_systemd has made no session" in said(host)[-1]


def test_without_the_bus(host):
    """sudo's session could not be ended, so there is none; the answer comes at once."""
    hide = "mount --bind /dev/null /run/dbus/system_bus_socket; exec runuser -u alice -- sudo -n id"
    done = host.run(["unshare", "-m", "sh", "-c", hide])
    assert done.returncode != 0 and "uid=0" not in done.stdout
    assert "/run/dbus/system_bus_socket is not a socket" in said(host)[-1]
    assert host.actor("alice").run(["sudo", "id", "-u"]).stdout == "0\n"
