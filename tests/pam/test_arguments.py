# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module's arguments: what is not understood refuses the login."""

import pytest

from pamhost import AFTER_A_KEY, PAM_PERM_DENIED, PAM_SUCCESS
from fakegate import FakeGate, answering

BAD = [
    "debug", "account", "account=", "account=root account=root", "account=root account=oracle",
    "Account=root", "accounts=root", " account =root", "[account= ]", "account=" + "x" * 257,
    "door", "door=", "door=cron", "door=Sudo", "door=sudo,su", "door=sudo door=sudo",
    "wait", "wait=", "wait=-1s", "wait=10", "wait=abc", "wait=1y", "wait=367d", "wait=0s",
    "wait=00", "wait=99999999999999999999s", "wait=1.5h", "wait=1h wait=1h", "help", "help=",
    "[help= ]", "help=a help=b", "help=" + "x" * 257, "gate", "gate=", "gate=relative/path",
    "gate=/" + "x" * 107, "quiet=yes", "quiet=", "quiet quiet", "prompt=1", "prompt prompt", "=",
    "=root", "gate=/a gate=/b", "use_first_pass", b"help=\xff", b"help=a\x1b[2Jb", b"gate=/\xff",
    b"\xff\x1b",
]


@pytest.mark.parametrize("argument", BAD)
def test_bad_argument(host, argument):
    gated = b"gate" in (argument if isinstance(argument, bytes) else argument.encode())
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run("auth", "account", "session", arguments=argument, gate=not gated)
    assert set(outcome.codes.values()) == {PAM_PERM_DENIED}
    assert gate.calls == []
    assert len(outcome.said) == len(outcome.logged) == 3
    for text in outcome.said + outcome.logged:
        assert "in the PAM configuration" in text and text.isprintable(), text


def test_the_argument_is_named(host):
    outcome = host.run("account", arguments="wait=soon", gate=False)
    assert outcome.said == ["pam_checkout: refused: the argument \"wait=soon\" in the PAM "
                            "configuration is not a duration like 10min; ask your administrator"]
    assert outcome.logs[0][0] == "3"


def test_close_with_a_bad_argument(host):
    outcome = host.run("close", arguments="debug")
    assert outcome.codes == {"close": PAM_SUCCESS} and outcome.logged


@pytest.mark.parametrize("argument, seconds", [
    ("wait=0", None), ("wait=30s", 30), ("[wait=1h 30min]", 5400), ("wait=366d", 31622400)])
def test_wait(host, argument, seconds):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        assert host.run("account", arguments=argument).codes == {"account": PAM_SUCCESS}
    assert gate.calls[0].login.get("wait_seconds") == seconds


def test_everything_at_once(host):
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))) as gate:
        outcome = host.run("account", arguments="account=oracle door=sudo wait=1min [help=call 1] "
                           "quiet")
    assert outcome.codes == {"account": PAM_PERM_DENIED} and len(gate.calls) == 1
    assert outcome.said == [] and len(outcome.logged) == 1


def test_default_gate(host):
    """The one place where the gate is when nobody says otherwise."""
    outcome = host.run("account", gate=False, prefix=["unshare", "-m", "sh", "-c",
                       "mount -t tmpfs tmpfs /run && exec \"$@\"", "sh"])
    assert "(/run/pam-checkout" in outcome.said[0]


@pytest.mark.parametrize("service, phase", [("sshd", "account"), ("sshd", "session"),
                                            ("sudo", "auth"), ("sudo", "account"), ("su", "auth")])
def test_prompt_is_for_the_auth_phase_of_ssh(host, service, phase):
    with FakeGate(host.gate_path, answering(("allow", 0, 0, ""))) as gate:
        outcome = host.run(phase, service=service, arguments="prompt")
    assert outcome.codes == {phase: PAM_PERM_DENIED} and gate.calls == []
    assert "prompt" in outcome.said[0]


def prompting(host, *answers, script):
    options = [part for answer in answers for part in ("--answer", answer)]
    with FakeGate(host.gate_path, script, answering(("pending", 17, 0, "request 17 filed"))) as gate:
        outcome = host.run("auth", service="sshd", arguments="prompt", options=AFTER_A_KEY + options)
    return outcome, gate.calls


def test_prompt_only_where_words_are_missing(host):
    outcome, calls = prompting(host, script=answering(("allow", 17, 0, "")))
    assert outcome.codes == {"auth": PAM_SUCCESS} and outcome.texts == [] and len(calls) == 1


def test_prompt(host):
    outcome, calls = prompting(host, "disk full", "CHG-1",
                               script=answering(("incomplete", 0, 0, "a reason is needed")))
    assert outcome.codes == {"auth": PAM_PERM_DENIED}
    assert [kind for kind, _ in outcome.texts] == ["info", "prompt", "prompt", "error"]
    assert "reason" not in calls[0].login and calls[0].login["reason_source"] == "prompt"
    assert (calls[1].login["reason"], calls[1].login["ticket"], calls[1].login["reason_source"]) \
        == ("disk full", "CHG-1", "prompt")
    assert outcome.said[-1] == "pam_checkout: request 17 filed; try again when it is approved"


def test_prompt_asks_nobody_whom_words_do_not_help(host):
    outcome, calls = prompting(host, "disk full", "", script=answering(("refused", 0, 0, "no")))
    assert outcome.codes == {"auth": PAM_PERM_DENIED} and len(calls) == 1
    assert outcome.texts == [("error", b"pam_checkout: no")]


def test_incomplete_is_a_no(host):
    with FakeGate(host.gate_path, answering(("incomplete", 0, 0, "a reason is needed"))):
        outcome = host.run("account", service="sshd")
    assert outcome.codes == {"account": PAM_PERM_DENIED}


@pytest.mark.parametrize("options", [[], ["--pam-env", "SSH_AUTH_INFO_0="]])
@pytest.mark.parametrize("arguments", ["", "prompt"])
def test_auth_of_ssh_is_no_first_method(host, options, arguments):
    """Whoever gets past the gate in the auth phase is logged in."""
    with FakeGate(host.gate_path, answering(("allow", 17, 0, ""))) as gate:
        outcome = host.run("auth", service="sshd", arguments=arguments, options=options)
    assert outcome.codes == {"auth": PAM_PERM_DENIED} and gate.calls == []
    assert "ssh key first" in outcome.said[0]


def test_prompt_left_empty(host):
    outcome, calls = prompting(host, "", "", script=answering(("incomplete", 0, 0, "no")))
    assert outcome.codes == {"auth": PAM_PERM_DENIED} and len(calls) == 1


@pytest.mark.parametrize("answers", [(b"\xff", b""), (b"x" * 1001, b""), (b"ok", b"x" * 65), ()])
def test_prompt_with_bad_words(host, answers):
    outcome, calls = prompting(host, *answers, script=answering(("incomplete", 0, 0, "no")))
    assert outcome.codes == {"auth": PAM_PERM_DENIED} and len(calls) == 1


# Who is spoken to.

@pytest.mark.parametrize("service, how, speaks", [
    ("sudo", {}, True),
    ("sudo", {"tty": None}, True),
    ("sudo", {"tty": ""}, True),
    ("su", {"tty": None}, True),
    ("su", {"tty": None, "options": ["--silent"]}, False),
    ("sshd", {"tty": None}, False),
    ("login", {"tty": None}, False),
    ("sudo", {"arguments": "quiet"}, False),
    ("sudo", {"arguments": "quiet", "tty": None}, False),
    ("sudo", {"options": ["--silent"]}, True),
    ("sudo-i", {"options": ["--silent"]}, True),
    ("su", {"options": ["--silent"]}, False),
    ("sshd", {"options": ["--silent"]}, False),
    ("sshd", {"tty": "ssh"}, True),
])
def test_refusals_go_to_a_terminal_or_to_standard_error(host, service, how, speaks):
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))):
        outcome = host.run("account", service=service, **how)
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert outcome.texts == ([("error", b"pam_checkout: no")] if speaks else [])
    assert len(outcome.logged) == 1
