# SPDX-License-Identifier: LGPL-2.1-or-later
"""The broker's word, and what PAM is told."""

import pytest

from pamhost import IGNORED, PAM_PERM_DENIED, PAM_SUCCESS
from fakegate import FakeGate, answering, error

DENIED = "denied"
TABLE = [
    ("allow", "", PAM_SUCCESS),
    ("unmanaged", "", "ignored"),
    ("unmanaged", "account=root", DENIED),
    ("exempt", "", "ignored"),
    ("exempt", "account=root", "ignored"),
    ("refused", "", DENIED),
    ("pending", "", DENIED),
    ("Allow", "", DENIED),
    ("allowed", "", DENIED),
    ("", "", DENIED),
]


@pytest.mark.parametrize("phase", ["auth", "account", "session"])
@pytest.mark.parametrize("verdict, arguments, expected", TABLE)
def test_verdict(host, phase, verdict, arguments, expected):
    with FakeGate(host.gate_path, answering((verdict, 17, 0, "the broker's words"))) as gate:
        outcome = host.run(phase, arguments=arguments, user="root", ruser="alice")
    methods = ["Ask"] if phase != "session" else ["Prepare", "Open"][:1 + (verdict == "allow")]
    expected = {"ignored": IGNORED[phase], DENIED: PAM_PERM_DENIED}.get(expected, expected)
    assert outcome.codes == {phase: expected}
    assert [call.method for call in gate.calls] == methods
    assert gate.calls[0].login["phase"] == phase
    if expected == PAM_PERM_DENIED:
        assert len(outcome.said) == 1 and outcome.said[0].startswith("pam_checkout: ")
        assert len(outcome.logged) == 1 and "person=alice account=root" in outcome.logged[0]
    else:
        assert outcome.said == [] and outcome.logged == []


@pytest.mark.parametrize("service", ["su", "su-l", "sshd", "login", "remote"])
@pytest.mark.parametrize("verdict, expected", [("allow", PAM_SUCCESS), ("unmanaged", None),
                                               ("refused", PAM_PERM_DENIED)])
def test_other_services(host, service, verdict, expected):
    with FakeGate(host.gate_path, answering((verdict, 0, 0, ""), (verdict, 0, 0, ""))):
        outcome = host.run("account", "session", service=service, user="oracle", ruser="alice")
    for phase in ("account", "session"):
        assert outcome.codes[phase] == (IGNORED[phase] if expected is None else expected)


def test_the_brokers_words_are_shown(host):
    words = "request 17 filed; bob or anyone in %security can approve it"
    for sent in (words, words + "."):
        with FakeGate(host.gate_path, answering(("pending", 17, 0, sent))):
            outcome = host.run("account")
        assert outcome.texts == [
            ("error", f"pam_checkout: {words}; try again when it is approved".encode())]


@pytest.mark.parametrize("verdict", ["refused", "pending"])
def test_words_without_a_sentence(host, verdict):
    with FakeGate(host.gate_path, answering((verdict, 0, 0, ""))):
        assert host.run("account").said == ["pam_checkout: refused by the check-out broker"]


def test_hostile_words_are_escaped(host):
    words = "no\x1b[2J\r\n\u202e %n%s \u0085 end"
    with FakeGate(host.gate_path, answering(("refused", 0, 0, words))):
        outcome = host.run("account")
    shown = "no\\x1b[2J\\x0d\\x0a\\u{202E} %n%s \\xc2\\x85 end"
    assert outcome.said == [f"pam_checkout: {shown}"]
    assert outcome.logged[0].startswith(f"pam_checkout(sudo:account): {shown} (person=")


def test_long_words_are_cut(host):
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "ä" * 50000))):
        outcome = host.run("account")
    assert outcome.codes["account"] == PAM_PERM_DENIED
    assert len(outcome.texts[0][1]) < 2200
    assert outcome.said[0].startswith("pam_checkout: ää")


def test_an_error_of_ours_is_a_refusal(host):
    def refuse(connection, call):
        connection.send(error(call, "org.pamcheckout.Error.LimitReached", "too many requests"))

    with FakeGate(host.gate_path, answering(refuse)):
        outcome = host.run("account")
    assert outcome.codes["account"] == PAM_PERM_DENIED
    assert outcome.said == ["pam_checkout: refused: too many requests"]


def test_any_other_error_is_no_answer(host):
    def refuse(connection, call):
        connection.send(error(call, "org.freedesktop.DBus.Error.UnknownMethod", "what?"))

    with FakeGate(host.gate_path, answering(refuse)):
        outcome = host.run("account", arguments="[help=call 4711]")
    assert outcome.codes["account"] == PAM_PERM_DENIED
    assert outcome.said == ["pam_checkout: refused: the check-out broker does not answer "
                            "(org.freedesktop.DBus.Error.UnknownMethod: what?); call 4711"]


def test_nobody_there(host):
    outcome = host.run("account")
    assert outcome.codes["account"] == PAM_PERM_DENIED
    assert outcome.said == [
        f"pam_checkout: refused: the check-out broker does not answer ({host.gate_path}: No such "
        "file or directory); ask your administrator; root at the console is not gated"]


def test_setcred_gives_no_verdict(host):
    both = "auth required {module} {arguments}\nauth required pam_permit.so\n"
    alone = "auth required {module} {arguments}\n"
    assert host.run("setcred", stack=both).codes["setcred"] == PAM_SUCCESS
    assert host.run("setcred", stack=alone).codes["setcred"] == PAM_PERM_DENIED


def test_setcred_after_a_refusal(host):
    stack = "auth required {module} {arguments}\nauth required pam_permit.so\n"
    with FakeGate(host.gate_path, answering(("refused", 0, 0, "no"))):
        outcome = host.run("auth", "setcred", stack=stack)
    assert outcome.codes["auth"] == PAM_PERM_DENIED


def test_close_tells_the_broker(host):
    with FakeGate(host.gate_path, answering(("allow", 17, 0, ""))) as gate:
        outcome = host.run("session", "close", user="oracle")
    assert outcome.codes == {"session": PAM_SUCCESS, "close": PAM_SUCCESS}
    _, opened, closed = gate.calls
    assert (opened.method, closed.method) == ("Open", "Close")
    assert opened.login == closed.login


def test_close_without_a_broker(host):
    outcome = host.run("close", user="oracle")
    assert outcome.codes == {"close": PAM_SUCCESS}
    assert outcome.said == [] and "did not hear" in outcome.logged[0]


def test_close_that_is_refused(host):
    def refuse(connection):
        connection.authenticate()
        connection.send(error(connection.call(), "org.pamcheckout.Error.NotFound",
                              "no session\x1b[2J\n%n"))

    with FakeGate(host.gate_path, refuse):
        outcome = host.run("close", user="oracle")
    assert outcome.codes == {"close": PAM_SUCCESS}
    assert "(no session\\x1b[2J\\x0a%n)" in outcome.logged[0]
