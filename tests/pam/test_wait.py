# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for a decision: how it ends, and what it survives."""

import os
import re
import signal
import socket
import threading

import pytest

from fakegate import FakeGate, answering, error, reply
from pamhost import AFTER_A_KEY, PAM_PERM_DENIED, PAM_SUCCESS

FILED = ("pending", 17, 0, "request 17 filed; bob can approve it.")
WAITING = "request 17 filed; bob can approve it; waiting up to 10min, Ctrl-C to give up"
WAIT = "wait=10min"


def hold(connection, call):
    """The answer to Resume that does not come."""
    connection.wait_for_hangup()
    raise EOFError


@pytest.mark.parametrize("service, phase", [("sudo", "account"), ("su", "account"),
                                            ("sshd", "auth"), ("login", "session")])
@pytest.mark.parametrize("verdict, expected", [
    ("allow", PAM_SUCCESS), ("refused", PAM_PERM_DENIED), ("nonsense", PAM_PERM_DENIED)])
def test_decision(host, service, phase, verdict, expected):
    answers = [FILED, (verdict, 17, 99, "request 17 was decided"), ("allow", 17, 99, "")]
    with FakeGate(host.gate_path, answering(*answers)) as gate:
        outcome = host.run(phase, service=service, arguments=WAIT, options=AFTER_A_KEY)
    assert outcome.codes == {phase: expected}
    assert outcome.said[0] == f"pam_checkout: {WAITING}"
    if verdict != "nonsense":
        assert outcome.said[1:] == ["pam_checkout: request 17 was decided"]
    methods = [call.method for call in gate.calls]
    if phase == "session":
        assert methods == ["Prepare", "Resume", "Prepare", "Open"][:4 if verdict == "allow" else 2]
    else:
        assert methods == ["Ask", "Resume"]
    assert gate.n_connections == 1
    assert gate.calls[1].id == 17
    assert gate.calls[0].login == gate.calls[1].login
    assert gate.calls[0].login["wait_seconds"] == 600


def test_one_approval_of_several(host):
    """Pending once more: it is said, once, and waited on with the time that is left."""
    half = ("pending", 17, 0, "request 17: one more approval is needed")
    with FakeGate(host.gate_path, answering(FILED, half, half, ("allow", 17, 99, ""))) as gate:
        outcome = host.run("account", arguments=WAIT)
    assert outcome.codes == {"account": PAM_SUCCESS}
    assert outcome.said[1:] == ["pam_checkout: request 17: one more approval is needed"]
    assert [call.method for call in gate.calls] == ["Ask"] + ["Resume"] * 3
    left = [call.login["wait_seconds"] for call in gate.calls]
    assert left[0] == left[1] == 600 and 500 < left[-1] < 600


def test_pending_when_the_time_is_over(host):
    def hold_out(connection, call):
        assert not threading.Event().wait(call.login["wait_seconds"])
        connection.send(reply(call, "pending", 17, 0, "request 17 is still pending"))

    with FakeGate(host.gate_path, answering(FILED, hold_out)) as gate:
        outcome = host.run("account", arguments="wait=1s")
    assert outcome.codes == {"account": PAM_PERM_DENIED} and len(gate.calls) == 2
    assert outcome.said[1:] == [
        "pam_checkout: request 17 is still pending; try again when it is approved"]


def test_session_decides_again_after_the_wait(host):
    """An approval that is gone by then lets nobody in, and there is no second wait."""
    for last in (("refused", 0, 0, "revoked"), FILED):
        with FakeGate(host.gate_path, answering(FILED, ("allow", 17, 99, ""), last)) as gate:
            outcome = host.run("session", arguments=WAIT)
        assert outcome.codes == {"session": PAM_PERM_DENIED}
        assert [call.method for call in gate.calls] == ["Prepare", "Resume", "Prepare"]


@pytest.mark.parametrize("how", [
    {"arguments": ""}, {"arguments": "wait=0"}, {"arguments": WAIT, "tty": None},
    {"arguments": WAIT, "tty": ""}])
def test_no_wait(host, how):
    with FakeGate(host.gate_path, answering(FILED)) as gate:
        outcome = host.run("account", **how)
    assert outcome.codes == {"account": PAM_PERM_DENIED} and len(gate.calls) == 1


def test_no_wait_without_a_number(host):
    with FakeGate(host.gate_path, answering(("pending", 0, 0, "come back later"))) as gate:
        outcome = host.run("account", arguments=WAIT)
    assert outcome.codes == {"account": PAM_PERM_DENIED} and len(gate.calls) == 1
    assert outcome.said == ["pam_checkout: come back later; try again when it is approved"]


def test_quiet_wait(host):
    with FakeGate(host.gate_path, answering(FILED, ("allow", 17, 99, "approved"))):
        outcome = host.run("account", arguments=WAIT + " quiet")
    assert outcome.codes == {"account": PAM_SUCCESS} and outcome.texts == []


ENDS = [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP]


@pytest.mark.parametrize("phase", ["auth", "account", "session"])
@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_signal(host, number, phase):
    """It ends the wait, and the host's handler gets it."""
    with FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start(phase, arguments=WAIT, service="sshd" if phase == "auth" else "sudo",
                           options=["--handlers", *AFTER_A_KEY])
        login.wait_for_text("Ctrl-C to give up")
        gate.wait_for_calls(2)
        os.kill(login.pid, number)
        outcome = login.finish()
    assert outcome.codes == {phase: PAM_PERM_DENIED}
    assert outcome.said[-1] == "pam_checkout: refused: you gave up waiting for request 17"
    assert outcome.handled == 1


@pytest.mark.parametrize("service, notices", [("sshd", True), ("su", False)])
@pytest.mark.parametrize("address, family", [("127.0.0.1", socket.AF_INET),
                                             ("::1", socket.AF_INET6)])
def test_client_hangs_up(host, address, family, service, notices):
    """sshd holds the connection and does not look at it while it is in PAM. Others have no such
    client; what network connections they hold is their own."""
    with socket.create_server((address, 0), family=family) as server:
        client = socket.create_connection((address, server.getsockname()[1]))
        connection, _ = server.accept()
    with connection, FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start("session", arguments=WAIT, service=service, stdin=connection)
        login.wait_for_text("Ctrl-C to give up")
        gate.wait_for_calls(2)
        client.close()
        if not notices:
            login.process.send_signal(signal.SIGTERM)
        outcome = login.finish(may_die=not notices)
    if notices:
        assert outcome.codes == {"session": PAM_PERM_DENIED}
        assert outcome.said[-1] == \
            "pam_checkout: refused: the client hung up while it waited for request 17"
    assert [call.method for call in gate.calls] == ["Prepare", "Resume"]


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_signal_at_once(host, number):
    """Whoever is told that Ctrl-C gives up can do so from that word on."""
    with FakeGate(host.gate_path, answering(FILED, hold)):
        outcome = host.run("account", arguments=WAIT,
                           options=["--handlers", "--at-once", str(int(number))])
    assert outcome.codes == {"account": PAM_PERM_DENIED} and outcome.handled == 1
    assert outcome.said[-1] == "pam_checkout: refused: you gave up waiting for request 17"


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_signal_that_the_host_ignores(host, number):
    """Who presses Ctrl-C means it, whatever the host makes of it."""
    with FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start("account", arguments=WAIT, options=["--ignore", str(int(number))])
        gate.wait_for_calls(2)
        os.kill(login.pid, number)
        outcome = login.finish()
    assert outcome.codes == {"account": PAM_PERM_DENIED}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP])
def test_signal_that_kills_the_host(host, number):
    """su leaves the default action in place."""
    with FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start("account", service="su", arguments=WAIT)
        gate.wait_for_calls(2)
        os.kill(login.pid, number)
        outcome = login.finish(may_die=True)
    assert outcome.status == -number and outcome.codes == {}


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_signal_that_is_pending_already(host, number):
    """Blocked by the host, as sudo does in its auth phase: it stays pending and blocked."""
    with FakeGate(host.gate_path, answering(FILED, hold)):
        outcome = host.run("account", arguments=WAIT,
                           options=["--handlers", "--pending", str(int(number))])
    assert outcome.codes == {"account": PAM_PERM_DENIED} and outcome.handled == 0
    assert "gave up" in outcome.said[-1]


def test_three_signals(host):
    """However often somebody presses it, the answer is no."""
    with FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start("account", arguments=WAIT, options=["--handlers"])
        gate.wait_for_calls(2)
        for number in ENDS + ENDS:
            os.kill(login.pid, number)
        outcome = login.finish()
    assert outcome.codes == {"account": PAM_PERM_DENIED} and outcome.handled >= 1


def test_other_signals_do_not_end_it(host):
    decide = []

    def wait_for_test(connection, call):
        for number in (signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT):
            os.kill(call.login["pid"], number)
        decide.append(True)
        connection.send(reply(call, "allow", 17, 0, ""))

    with FakeGate(host.gate_path, answering(FILED, wait_for_test)):
        outcome = host.run("account", arguments=WAIT)
    assert outcome.codes == {"account": PAM_SUCCESS} and decide


def test_nothing_is_inherited(host):
    """A program that the host starts in the meantime gets neither socket nor signalfd."""
    kinds = []

    def look(connection, call):
        directory = f"/proc/{call.login['pid']}"
        for number in os.listdir(f"{directory}/fd"):
            target = os.readlink(f"{directory}/fd/{number}")
            with open(f"{directory}/fdinfo/{number}", encoding="ascii") as info:
                flags = int(re.search(r"flags:\s*(\d+)", info.read()).group(1), 8)
            if "socket" in target or "signalfd" in target:
                kinds.append(target.split(":")[0])
                assert flags & os.O_CLOEXEC, target
        connection.send(reply(call, "allow", 17, 0, ""))

    with FakeGate(host.gate_path, answering(FILED, look)):
        outcome = host.run("account", arguments=WAIT)
    assert outcome.codes == {"account": PAM_SUCCESS}
    assert sorted(kinds) == ["anon_inode", "socket"]


def test_killed_waiter_is_noticed(host):
    gone = []

    def note(connection, call):
        connection.wait_for_hangup()
        gone.append(True)
        raise EOFError

    with FakeGate(host.gate_path, answering(FILED, note)) as gate:
        login = host.start("account", arguments=WAIT)
        gate.wait_for_calls(2)
        os.kill(login.pid, signal.SIGKILL)
        login.finish(may_die=True)
    assert gone == [True]


def test_the_broker_does_not_end_the_wait(host):
    """One that forgets about it does not hold the login for ever."""
    with FakeGate(host.gate_path, answering(FILED, hold)):
        outcome = host.run("account", arguments="wait=1s")
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert "no answer in time" in outcome.said[-1]
    assert outcome.milliseconds["account"] >= 1000


def test_error_while_waiting(host):
    def refuse(connection, call):
        connection.send(error(call, "org.pamcheckout.Error.NotPermitted", "this is not your request"))

    with FakeGate(host.gate_path, answering(FILED, refuse)):
        outcome = host.run("account", arguments=WAIT)
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert outcome.said[-1] == "pam_checkout: refused: this is not your request"


# The broker goes away.

AWAY = "pam_checkout: the check-out broker is away; still waiting for request 17"
BACK = "pam_checkout: the check-out broker is back; waiting for request 17"


@pytest.mark.parametrize("phase", ["account", "session"])
def test_broker_restarts(host, phase):
    with FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start(phase, arguments=WAIT)
        gate.wait_for_calls(2)
        gate.stop()
        login.wait_for_text("is away")
        first, gate.calls[:] = list(gate.calls), []
        gate.scripts = [answering(("allow", 17, 99, "approved by bob"), ("allow", 17, 99, ""))]
        gate.start()
        outcome = login.finish()
    assert outcome.codes == {phase: PAM_SUCCESS}
    assert outcome.said == [f"pam_checkout: {WAITING}", AWAY, BACK, "pam_checkout: approved by bob"]
    assert [call.method for call in gate.calls] == \
        ["Resume", "Prepare", "Open"][:3 if phase == "session" else 1]
    assert gate.calls[0].id == 17 and gate.calls[0].login == first[0].login


def crash(connection, call):
    raise EOFError


def test_broker_restarts_behind_its_socket(host):
    """systemd keeps the socket: connecting succeeds, the first word comes when the broker is up."""
    is_up = threading.Event()

    def start_late(connection):
        assert is_up.wait(20)
        answering(("allow", 17, 99, ""))(connection)

    with FakeGate(host.gate_path, answering(FILED, crash), start_late) as gate:
        login = host.start("account", arguments=WAIT)
        login.wait_for_text("is away")
        gate.wait_for_connections(2)
        is_up.set()
        outcome = login.finish()
    assert outcome.codes == {"account": PAM_SUCCESS} and outcome.said[1:] == [AWAY, BACK]


def test_give_up_before_the_first_word(host):
    with FakeGate(host.gate_path, answering(FILED, crash),
                  lambda connection: connection.wait_for_hangup()) as gate:
        login = host.start("account", arguments=WAIT, options=["--handlers"])
        gate.wait_for_connections(2)
        os.kill(login.pid, signal.SIGINT)
        outcome = login.finish()
    assert outcome.codes == {"account": PAM_PERM_DENIED} and "gave up" in outcome.said[-1]


def test_broker_that_hangs_up_again_and_again(host):
    """Two lines for one outage, not two for each try, and the wait ends."""
    def crash_later(connection):
        connection.authenticate()
        connection.call()

    with FakeGate(host.gate_path, answering(FILED, crash), crash_later, crash_later, crash_later,
                  answering(("refused", 17, 0, "denied"))) as gate:
        outcome = host.run("account", arguments=WAIT)
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert outcome.said[1:] == [AWAY, BACK, "pam_checkout: denied"]
    assert [call.method for call in gate.calls] == ["Ask"] + ["Resume"] * 5


def test_give_up_while_the_broker_is_away(host):
    with FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start("account", arguments=WAIT, options=["--handlers"])
        gate.wait_for_calls(2)
        gate.stop()
        login.wait_for_text("is away")
        os.kill(login.pid, signal.SIGINT)
        outcome = login.finish()
    assert outcome.codes == {"account": PAM_PERM_DENIED} and outcome.handled == 1
    assert "gave up" in outcome.said[-1]


def test_broker_stays_away(host):
    """No longer than the wait."""
    with FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start("account", arguments="wait=1s")
        gate.wait_for_calls(2)
        gate.stop()
        outcome = login.finish()
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert "the check-out broker does not answer (" in outcome.said[-1]
    assert outcome.milliseconds["account"] >= 1000  # it went on trying


def test_an_impostor_in_the_brokers_absence(host):
    with FakeGate(host.gate_path, answering(FILED, hold)) as gate:
        login = host.start("account", arguments=WAIT)
        gate.wait_for_calls(2)
        gate.stop()
        login.wait_for_text("is away")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.bind(str(host.place / "other"))
            os.chown(host.place / "other", 65534, 65534)
            sock.listen(4)
            os.rename(host.place / "other", host.gate_path)
            outcome = login.finish()
        os.unlink(host.gate_path)
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert "others than root" in outcome.said[-1]


def test_nonsense_while_waiting(host):
    with FakeGate(host.gate_path, answering(FILED, b"\0" * 64)) as gate:
        outcome = host.run("account", arguments=WAIT)
    assert outcome.codes == {"account": PAM_PERM_DENIED}
    assert "not D-Bus" in outcome.said[-1] and len(gate.calls) == 2
