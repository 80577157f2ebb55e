# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the broker is told about a login, and which logins it is not even asked about."""

import os
import shutil
import subprocess

import pytest

from pamhost import IGNORED, PAM_PERM_DENIED, PAM_SUCCESS, PAM_SYSTEM_ERR
from fakegate import FakeGate, answering


def told(host, phase, **how):
    with FakeGate(host.gate_path, answering(("allow", 17, 0, ""))) as gate:
        login = host.start(phase, **how)
        pid = login.pid
        outcome = login.finish()
    assert outcome.codes == {phase: PAM_SUCCESS}, outcome.lines
    assert len(gate.calls) == (2 if phase == "session" else 1)
    assert gate.calls[0].login["pid"] == pid
    assert gate.calls[0].login == gate.calls[-1].login
    return gate.calls[0].login


@pytest.mark.parametrize("service, door", [
    ("sudo", "sudo"), ("sudo-i", "sudo"), ("sudo-root", "sudo"), ("su", "su"), ("su-l", "su"),
    ("sshd", "ssh"), ("login", "login"), ("remote", "login")])
def test_door_of_service(host, service, door):
    login = told(host, "account", service=service)
    assert (login["door"], login["service"]) == (door, service)


@pytest.mark.parametrize("service", ["sudo-", "sudoedit", "cron", "runuser", "polkit-1",
                                     "su-", "sshd-session", "other"])
def test_service_without_a_door(host, service):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("account", "session", service=service)
    assert set(outcome.codes.values()) == {PAM_PERM_DENIED}
    assert gate.calls == [] and "door=" in outcome.said[0]


def test_door_by_argument(host):
    login = told(host, "account", service="doas", arguments="door=sudo account=oracle")
    assert (login["door"], login["person"], login["account"]) == ("sudo", "alice", "oracle")


def test_door_that_contradicts_the_service(host):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("account", arguments="door=ssh")
    assert outcome.codes == {"account": PAM_PERM_DENIED} and gate.calls == []


@pytest.mark.parametrize("service, phase, arguments, person, account", [
    ("sudo", "account", "", "carol", "root"),
    ("sudo", "account", "account=oracle", "carol", "oracle"),
    ("sudo", "auth", "account=oracle", "carol", "oracle"),
    ("sudo", "session", "", "carol", "target"),
    ("sudo", "session", "account=root", "carol", "target"),
    ("su", "account", "", "carol", "target"),
    ("su", "session", "", "carol", "target"),
    ("su", "account", "account=target", "carol", "target"),
    ("sshd", "account", "", "target", "target"),
    ("sshd", "session", "", "target", "target"),
    ("login", "session", "", "target", "target"),
])
def test_who_and_which(host, service, phase, arguments, person, account):
    login = told(host, phase, service=service, arguments=arguments, user="target", ruser="carol")
    assert (login["person"], login["account"], login["phase"]) == (person, account, phase)


@pytest.mark.parametrize("service", ["su", "sshd", "login"])
def test_account_argument_that_contradicts_the_login(host, service):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("account", "session", service=service, arguments="account=oracle",
                           user="root")
    assert set(outcome.codes.values()) == {PAM_PERM_DENIED} and gate.calls == []


def test_everything_that_is_told(host):
    login = told(host, "account", items=["rhost=192.0.2.7"], arguments="wait=10min",
                 environment={"SUDO_COMMAND": "/bin/sh -c 'a b'", "CHECKOUT_REASON": "disk full, ä",
                              "CHECKOUT_TICKET": "CHG-1234"})
    loginuid = int(open("/proc/self/loginuid", encoding="ascii").read()) \
        if os.path.exists("/proc/self/loginuid") else None
    session = int(open("/proc/self/sessionid", encoding="ascii").read()) \
        if os.path.exists("/proc/self/sessionid") else None
    expected = {"door": "sudo", "service": "sudo", "phase": "account", "person": "alice",
                "account": "root", "tty": "/dev/pts/3", "rhost": "192.0.2.7",
                "command": "/bin/sh -c 'a b'", "reason": "disk full, ä", "ticket": "CHG-1234",
                "reason_source": "environment", "ruid": 0, "wait_seconds": 600}
    if loginuid is not None:
        expected["loginuid"] = loginuid
    if session not in (None, 0xffffffff):
        expected["audit_session"] = session
    del login["pid"]
    assert login == expected


def test_what_is_not_known_is_not_told(host):
    login = told(host, "account", tty=None, arguments="wait=10min")
    for key in ("tty", "rhost", "command", "reason", "ticket", "reason_source", "wait_seconds",
                "authinfo"):
        assert key not in login


def test_empty_is_not_known(host):
    login = told(host, "account", tty="", items=["rhost="],
                 environment={"SUDO_COMMAND": "", "CHECKOUT_REASON": "", "CHECKOUT_TICKET": ""})
    for key in ("tty", "rhost", "command", "reason", "ticket", "reason_source"):
        assert key not in login


@pytest.mark.parametrize("service", ["sshd", "login"])
def test_words_count_for_sudo_and_su_only(host, service):
    login = told(host, "account", service=service,
                 environment={"SUDO_COMMAND": "x", "CHECKOUT_REASON": "\x1b", "CHECKOUT_TICKET": "x"})
    for key in ("command", "reason", "ticket", "reason_source"):
        assert key not in login


def test_su_cannot_claim_a_command(host):
    assert "command" not in told(host, "account", service="su", environment={"SUDO_COMMAND": "ls"})


def test_ticket_alone(host):
    login = told(host, "account", environment={"CHECKOUT_TICKET": "CHG-1"})
    assert login["ticket"] == "CHG-1" and login["reason_source"] == "environment"
    assert "reason" not in login


@pytest.mark.parametrize("variable, value", [
    ("CHECKOUT_REASON", b"x" * 1001), ("CHECKOUT_REASON", b"\xff"), ("CHECKOUT_REASON", b"a\nb"),
    ("CHECKOUT_REASON", b"\x1b[0m"), ("CHECKOUT_REASON", b" \t"), ("CHECKOUT_TICKET", b"x" * 65),
    ("CHECKOUT_TICKET", b"\xc3"), ("CHECKOUT_TICKET", b"\x7f"), ("CHECKOUT_REASON", b"x" * 65536),
])
def test_bad_words_are_refused(host, variable, value):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("account", environment={variable: value})
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert gate.calls == [] and variable in outcome.said[0] and variable in outcome.logged[0]


def test_longest_words(host):
    login = told(host, "account", environment={"CHECKOUT_REASON": "ä" * 500,
                                               "CHECKOUT_TICKET": "x" * 64})
    assert len(login["reason"].encode()) == 1000 and len(login["ticket"]) == 64


@pytest.mark.parametrize("command, shown", [
    (b"/bin/echo \x1b[2J", "/bin/echo \\x1b[2J"),
    (b"/bin/echo \xff", "/bin/echo \\xff"),
    (b"%n%s ../", "%n%s ../"),
    (b"x" * 4096, "x" * 4096),
    (b"x" * 4097, "x" * 4090 + " [cut]"),
    (b"x" * 65536, "x" * 4090 + " [cut]"),
])
def test_odd_commands_are_shown_not_obeyed(host, command, shown):
    assert told(host, "account", environment={"SUDO_COMMAND": command})["command"] == shown


def test_keys_of_sshd(host):
    info = "publickey ssh-ed25519 AAAAC3Nza\npassword\n"
    login = told(host, "account", service="sshd", options=["--pam-env", f"SSH_AUTH_INFO_0={info}"])
    assert login["authinfo"] == info


@pytest.mark.parametrize("service", ["sudo", "su", "login"])
def test_keys_of_others_do_not_count(host, service):
    login = told(host, "account", service=service, options=["--pam-env", "SSH_AUTH_INFO_0=x"])
    assert "authinfo" not in login


@pytest.mark.parametrize("info", [b"x" * 32769, b"\xff", b"a\x1bb", b"a\rb"])
def test_bad_keys_are_refused(host, info):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("account", service="sshd",
                           options=["--pam-env", b"SSH_AUTH_INFO_0=" + info])
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert gate.calls == [] and "SSH_AUTH_INFO_0" in outcome.said[0]


BAD = [b"x" * 65536, b"\xff\xfe", b"a\nb", b"a\x1b[2Jb", b"\xc3", b"a\x7fb", b"\xed\xa0\x80",
       b"\xc2\x9bm", b"x" * 257]


@pytest.mark.parametrize("value", BAD, ids=lambda value: repr(value[:8]))
@pytest.mark.parametrize("item", ["user", "ruser", "tty", "rhost"])
def test_bad_items_are_refused(host, item, value):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("account", "session", items=[item.encode() + b"=" + value])
    # libpam's own audit record fails on some of them, and it then says PAM_SYSTEM_ERR
    assert set(outcome.codes.values()) <= {PAM_PERM_DENIED, PAM_SYSTEM_ERR}
    assert gate.calls == []
    assert f"PAM_{item.upper()}" in outcome.logged[0]
    for kind, text in outcome.texts + outcome.logs:
        assert all(byte >= 32 and byte != 127 for byte in text)


@pytest.mark.parametrize("service", ["s" * 65, "sudo-\x1b[2", "sudo-\n"])
def test_bad_services_are_refused(host, service):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("account", service=service)
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert gate.calls == [] and "PAM_SERVICE" in outcome.said[0]


@pytest.mark.parametrize("value", ["%n%s%n", "../../etc/passwd", "a b", "root\\", "ünï", "-x",
                                   "x" * 256])
def test_odd_names_are_for_the_broker_to_judge(host, value):
    login = told(host, "session", user=value, ruser=value)
    assert (login["person"], login["account"]) == (value, value)


@pytest.mark.parametrize("service", ["sudo", "su"])
@pytest.mark.parametrize("ruser", [None, ""])
def test_ruser_missing(host, service, ruser):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("auth", "account", "session", service=service, ruser=ruser, user="root")
    assert set(outcome.codes.values()) == {PAM_PERM_DENIED}
    assert gate.calls == [] and "PAM_RUSER is not set" in outcome.said[0]


@pytest.mark.parametrize("service", ["sudo", "su", "sshd", "login"])
def test_user_missing(host, service):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("account", "session", service=service, user="")
    assert set(outcome.codes.values()) == {PAM_PERM_DENIED} and gate.calls == []


@pytest.mark.parametrize("service", ["sudo", "sudo-i", "su", "su-l"])
@pytest.mark.parametrize("phase", ["auth", "account", "session", "close"])
def test_root_itself_is_not_asked_about(host, service, phase):
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))) as gate:
        outcome = host.run(phase, service=service, user="oracle", ruser="root")
    assert outcome.codes == {phase: PAM_SUCCESS if phase == "close" else IGNORED[phase]}
    assert gate.calls == []


def test_root_needs_no_more_than_its_name(host):
    outcome = host.run("account", ruser="root", tty=b"\xff", items=[b"rhost=\xff"],
                       environment={"CHECKOUT_REASON": b"\xff", "SUDO_COMMAND": b"\xff"})
    assert outcome.codes == {"account": IGNORED["account"]}


@pytest.mark.parametrize("service", ["sshd", "login"])
def test_root_over_other_doors_is_asked_about(host, service):
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))) as gate:
        outcome = host.run("account", service=service, user="root", ruser="root")
    assert outcome.codes == {"account": PAM_PERM_DENIED} and len(gate.calls) == 1


def test_root_through_a_named_door_is_asked_about(host):
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))) as gate:
        outcome = host.run("account", service="doas", arguments="door=sudo", ruser="root")
    assert outcome.codes == {"account": PAM_PERM_DENIED} and len(gate.calls) == 1


@pytest.mark.parametrize("name", ["toor", "nobody", "no-such-user", "root2", "Root"])
def test_only_names_of_uid_0_are_root(host, name):
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))) as gate:
        outcome = host.run("account", ruser=name)
    assert outcome.codes == {"account": PAM_PERM_DENIED} and len(gate.calls) == 1


@pytest.mark.parametrize("service", ["sudo", "su"])
@pytest.mark.parametrize("phase", ["account", "session"])
def test_a_setuid_program_cannot_pass_for_root(host, sanitized, service, phase):
    """Whatever it says in PAM_RUSER and whatever uids it has by now."""
    program = host.place / "setuid_host"
    shutil.copy(host.program, program)
    os.chmod(program, 0o4755)
    os.chmod(host.place, 0o755)
    prefix = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    probe = subprocess.run(["findmnt", "-no", "OPTIONS", "-T", program], capture_output=True,
                           text=True, check=False)
    if "nosuid" in probe.stdout:
        pytest.skip("the temporary directory is mounted nosuid")
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))) as gate:
        outcome = host.run(phase, service=service, ruser="root", user="root", program=program,
                           prefix=prefix, options=["--ruid", "0"])
    assert outcome.codes == {phase: PAM_PERM_DENIED}
    assert len(gate.calls) == 1 and gate.calls[0].login["ruid"] == 65534


@pytest.mark.parametrize("service", ["sudo", "su"])
def test_a_program_of_root_that_acts_for_somebody_else(host, service):
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))) as gate:
        outcome = host.run("account", service=service, ruser="root", options=["--ruid", "65534"])
    assert outcome.codes == {"account": PAM_PERM_DENIED} and len(gate.calls) == 1


def test_each_phase_reads_the_login_anew(host):
    """The account phase's answer is not the session's, and PAM_USER may have changed."""
    with FakeGate(host.gate_path, answering(("allow", 17, 0, "")),
                  answering(("refused", 0, 0, "not any more"))) as gate:
        outcome = host.run("account", "session", user="oracle")
    assert outcome.codes == {"account": PAM_SUCCESS, "session": PAM_PERM_DENIED}
    assert [call.login["account"] for call in gate.calls] == ["root", "oracle"]
