# SPDX-License-Identifier: LGPL-2.1-or-later
"""The way to the broker: a socket that only root can have made, and nobody who keeps us waiting."""

import os
import socket
import subprocess
import sys
import textwrap

import pytest

from fakegate import FakeGate, answering, message, reply, METHOD_CALL, METHOD_RETURN, SIGNAL
from fakegate import PATH, INTERFACE, MEMBER, REPLY_SERIAL, UNIX_FDS
from pamhost import PAM_PERM_DENIED, PAM_SUCCESS

ALLOW = ("allow", 17, 0, "")
# The module promises an answer within 5 s; the rest is for a busy machine.
LIMIT_MS = 5000
GENEROUS_MS = 15000


def refused(host, phase="account", **how):
    outcome = host.run(phase, **how)
    assert outcome.codes == {phase: PAM_PERM_DENIED}
    assert len(outcome.said) == len(outcome.logged) == 1
    assert outcome.said[0].startswith(
        "pam_checkout: refused: the check-out broker does not answer (")
    assert outcome.milliseconds[phase] < GENEROUS_MS
    return outcome.said[0]


@pytest.mark.parametrize("mode", [0o666, 0o660, 0o606, 0o601, 0o610, 0o777])
def test_socket_of_others(host, mode):
    with FakeGate(host.gate_path, answering(ALLOW), mode=mode) as gate:
        assert f"others than root can use {host.gate_path}" in refused(host)
        assert gate.n_connections == 0


def test_socket_with_another_owner(host):
    with FakeGate(host.gate_path, answering(ALLOW)) as gate:
        os.chown(host.gate_path, 65534, 0)
        assert "others than root" in refused(host)
        assert gate.n_connections == 0


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_directory_that_others_can_write_to(host, mode):
    with FakeGate(host.gate_path, answering(ALLOW)) as gate:
        os.chmod(host.place, mode)
        assert "others than root can write" in refused(host)
        assert gate.n_connections == 0


def test_directory_with_another_owner(host):
    with FakeGate(host.gate_path, answering(ALLOW)) as gate:
        os.chown(host.place, 65534, 0)
        assert "others than root can write" in refused(host)
        os.chown(host.place, 0, 0)
        assert gate.n_connections == 0


def test_symlink_to_the_socket(host):
    with FakeGate(host.gate_path, answering(ALLOW)) as gate:
        os.symlink(host.gate_path, host.place / "link")
        said = refused(host, arguments=f"gate={host.place}/link", gate=False)
        assert "is not a socket" in said and gate.n_connections == 0


@pytest.mark.parametrize("make", [
    lambda path: open(path, "wb").close(), os.mkfifo, os.mkdir,
    lambda path: os.symlink("/dev/null", path)], ids=["file", "fifo", "directory", "device"])
def test_no_socket(host, make):
    make(host.gate_path)
    assert "is not a socket" in refused(host)


def test_missing_directory(host):
    said = refused(host, arguments=f"gate={host.place}/no/gate", gate=False)
    assert "No such file or directory" in said


def test_datagram_socket(host):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(host.gate_path)
        os.chmod(host.gate_path, 0o600)
        refused(host)


def test_nobody_listens(host):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(host.gate_path)
        os.chmod(host.gate_path, 0o600)
        assert "Connection refused" in refused(host)


def test_longest_path(host):
    directory = host.place / "d"
    directory.mkdir(mode=0o700)
    path = str(directory / "g")
    path += "x" * (107 - len(path))
    with FakeGate(path, answering(ALLOW)):
        assert host.run("account", arguments=f"gate={path}", gate=False).codes == {"account": 0}


def test_listener_of_another_user(host):
    """The file is root's, the process that listens is not."""
    program = textwrap.dedent("""
        import os, socket, sys
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        os.umask(0o077)
        sock.bind(sys.argv[1])
        os.seteuid(65534)
        sock.listen(4)
        print("ready", flush=True)
        peer, _ = sock.accept()
        assert peer.recv(100) == b"", "it sent something"
        """)
    with subprocess.Popen([sys.executable, "-c", program, host.gate_path],
                          stdout=subprocess.PIPE) as listener:
        assert listener.stdout.readline() == b"ready\n"
        assert "the socket was not made by root" in refused(host)
        assert listener.wait(20) == 0


def test_full_backlog(host):
    """Nobody accepts, and there is no room to queue: connect() alone would block for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(host.gate_path)
        os.chmod(host.gate_path, 0o600)
        listener.listen(0)
        queued = []
        try:
            while True:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                queued.append(sock)
                sock.setblocking(False)
                sock.connect(host.gate_path)
        except BlockingIOError:
            pass
        assert "too many logins wait" in refused(host)
        login = host.start("account")
        for sock in queued:  # room at last
            sock.close()
        connection, _ = listener.accept()
        while connection.recv(1) == b"":  # those that were closed
            connection.close()
            connection, _ = listener.accept()
        connection.close()
        listener.accept()[0].close()  # it asks once more
        outcome = login.finish()
        assert outcome.codes == {"account": PAM_PERM_DENIED} and "hung up" in outcome.said[0]


def test_nobody_accepts(host):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(host.gate_path)
        os.chmod(host.gate_path, 0o600)
        listener.listen(4)
        assert "no answer in time" in refused(host)


def test_the_environment_changes_nothing(host):
    """Only the fixed socket is ever connected to."""
    trap = host.place / "bus"
    with FakeGate(str(trap), answering(ALLOW)) as other, \
            FakeGate(host.gate_path, answering(("refused", 0, 0, "no")),
                     answering(("refused", 0, 0, "no"))) as gate:
        addresses = {f"DBUS_{name}_ADDRESS": f"unix:path={trap}"
                     for name in ("SYSTEM_BUS", "SESSION_BUS", "STARTER")}
        outcome = host.run("account", "session",
                           environment={**addresses, "DBUS_FATAL_WARNINGS": "1"})
    assert set(outcome.codes.values()) == {PAM_PERM_DENIED}
    assert gate.n_connections == 2 and other.n_connections == 0


# What may come back.

def hang_up(connection):
    pass


def hang_up_in_the_line(connection):
    connection.line()
    connection.send(b"OK 0123")


OK = b"OK 0123456789abcdef0123456789abcdef\r\n"


def say_and_hang_up(line):
    def script(connection):
        connection.line()
        connection.send(line)
    return script


def hang_up_after_begin(connection):
    connection.authenticate()


def hang_up_after_the_call(connection):
    connection.authenticate()
    connection.call()


def hang_up_in_the_reply(connection):
    connection.authenticate()
    connection.send(reply(connection.call(), *ALLOW)[:-1])


def hang_up_in_the_header(connection):
    connection.authenticate()
    connection.send(reply(connection.call(), *ALLOW)[:15])


def say(line):
    def script(connection):
        connection.line()
        connection.send(line)
        connection.wait_for_hangup()
    return script


def answer(make):
    """A script that answers the call with the bytes that make(call) gives."""
    def script(connection):
        connection.authenticate()
        connection.send(make(connection.call()))
        connection.wait_for_hangup()
    return script


def returned(call, signature, values):
    return message(METHOD_RETURN, 7, {REPLY_SERIAL: ("u", call.serial)}, signature, values)


def corrupted(offset, value):
    def make(call):
        data = bytearray(reply(call, *ALLOW))
        data[offset] = value
        return bytes(data)
    return make


def not_utf8(call):
    return reply(call, "allow", 17, 0, "xyz").replace(b"xyz", b"x\xffz")


BROKEN = {
    "hang up at once": (hang_up, "hung up"),
    "hang up in the line": (hang_up_in_the_line, "hung up"),
    "hang up after BEGIN": (hang_up_after_begin, "hung up"),
    "hang up after the call": (hang_up_after_the_call, "hung up"),
    "hang up in the reply": (hang_up_in_the_reply, "hung up"),
    "hang up in the header": (hang_up_in_the_header, "hung up"),
    "rejected": (say(b"REJECTED EXTERNAL\r\n"), "does not let this program in"),
    "error": (say(b"ERROR\r\n"), "does not let this program in"),
    "no line": (say(b"x" * 100000), "does not speak D-Bus"),
    "empty line": (say(b"\r\n"), "does not let"),
    "OK without a blank": (say(b"OK\r\n"), "does not let"),
    "no word on descriptors": (say(OK + b"BEGIN\r\n"), "does not speak D-Bus"),
    "no second line": (say(OK + b"x" * 100000), "does not speak D-Bus"),
    "hang up after OK": (say_and_hang_up(OK), "hung up"),
    "http": (say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not let"),
    "garbage": (answer(lambda call: os.urandom(1024).replace(b"l", b"x").replace(b"B", b"x")),
                "not D-Bus"),
    "zeros": (answer(lambda call: bytes(4096)), "not D-Bus"),
    "32 MiB": (answer(lambda call: reply(call, "allow", 17, 0, "x" * (32 << 20))), "too long"),
    "just too long": (answer(lambda call: reply(call, "allow", 17, 0, "x" * (128 << 10))),
                      "too long"),
    "length of 4 GiB": (answer(corrupted(7, 0xff)), "not D-Bus"),
    "wrong endianness": (answer(corrupted(0, ord("B"))), "not D-Bus"),
    "unknown endianness": (answer(corrupted(0, 0)), "not D-Bus"),
    "version 2": (answer(corrupted(3, 2)), "not D-Bus"),
    "type 0": (answer(corrupted(1, 0)), "not D-Bus"),
    "string that is not UTF-8": (answer(not_utf8), "not D-Bus"),
    "fds that are not there": (
        answer(lambda call: message(
            METHOD_RETURN, 7, {REPLY_SERIAL: ("u", call.serial), UNIX_FDS: ("u", 3)}, "stts",
            ALLOW)), "not D-Bus"),
    "nothing": (answer(lambda call: returned(call, "", ())), "wrong form"),
    "a string": (answer(lambda call: returned(call, "s", ("allow",))), "wrong form"),
    "too little": (answer(lambda call: returned(call, "stt", ("allow", 1, 1))), "wrong form"),
    "too much": (answer(lambda call: returned(call, "sttss", ("allow", 1, 1, "", ""))),
                 "wrong form"),
    "other types": (answer(lambda call: returned(call, "suus", ("allow", 1, 1, ""))), "wrong form"),
    "swapped": (answer(lambda call: returned(call, "ttss", (1, 1, "allow", ""))), "wrong form"),
    "unknown verdict": (answer(lambda call: reply(call, "yes", 1, 1, "")), "\"yes\" is not known"),
    "long verdict": (answer(lambda call: reply(call, "x" * 100000, 1, 1, "")), "is not known"),
    "hostile verdict": (answer(lambda call: reply(call, "\x1b[2J%n", 1, 1, "")), "\\x1b[2J%n"),
    "error without a text": (
        answer(lambda call: message(3, 7, {4: ("s", "a.b"), REPLY_SERIAL: ("u", call.serial)})),
        "a.b: no reason given"),
    "error with a number": (
        answer(lambda call: message(3, 7, {4: ("s", "a.b"), REPLY_SERIAL: ("u", call.serial)}, "u",
                                    (5,))), "a.b: no reason given"),
}


@pytest.mark.parametrize("phase", ["account", "session"])
@pytest.mark.parametrize("end", [hang_up, hang_up_after_the_call, hang_up_in_the_reply])
def test_a_broker_that_ends_takes_no_question_with_it(host, end, phase):
    """The next one, to which the same socket leads, is asked again; once."""
    with FakeGate(host.gate_path, end, answering(ALLOW)) as gate:
        outcome = host.run(phase)
    assert outcome.codes == {phase: PAM_SUCCESS} and gate.n_connections == 2
    with FakeGate(host.gate_path, end, end, answering(ALLOW)) as gate:
        assert "hung up" in refused(host, phase)
    assert gate.n_connections == 2


@pytest.mark.parametrize("phase", ["account", "session"])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_answer(host, name, phase):
    script, expected = BROKEN[name]
    with FakeGate(host.gate_path, script):
        assert expected in refused(host, phase)


@pytest.mark.parametrize("name", ["hang up at once", "garbage", "32 MiB", "nothing"])
def test_broken_answer_to_close(host, name):
    with FakeGate(host.gate_path, BROKEN[name][0]):
        assert host.run("close").codes == {"close": PAM_SUCCESS}


def silence_at_once(connection):
    connection.wait_for_hangup()


def silence_after_ok(connection):
    connection.line()
    connection.send(b"OK 0123456789abcdef0123456789abcdef\r\n")
    connection.wait_for_hangup()


def silence_after_the_call(connection):
    connection.authenticate()
    connection.call()
    connection.wait_for_hangup()


def silence_in_the_reply(connection):
    connection.authenticate()
    connection.send(reply(connection.call(), *ALLOW)[:-1])
    connection.wait_for_hangup()


def answer_another_call(connection):
    connection.authenticate()
    call = connection.call()
    call.serial += 1
    connection.send(reply(call, *ALLOW))
    connection.wait_for_hangup()


def never_stop_talking(connection):
    connection.authenticate()
    connection.call()
    signal = message(SIGNAL, 9, {PATH: ("o", "/a"), INTERFACE: ("s", "a.b"), MEMBER: ("s", "C")})
    while True:
        connection.send(signal * 100)


def drip(connection):
    """One byte of the reply at a time, slower than anybody can wait for."""
    connection.authenticate()
    for byte in reply(connection.call(), *ALLOW):
        connection.send(bytes([byte]))
        connection.sock.settimeout(0.1)
        try:
            if not connection.sock.recv(1):
                return
        except TimeoutError:
            pass


SILENT = [silence_at_once, silence_after_ok, silence_after_the_call, silence_in_the_reply,
          answer_another_call, never_stop_talking, drip]


def test_silence(host):
    """All at the same time, because each takes the whole of the time there is."""
    logins = []
    gates = []
    try:
        for number, script in enumerate(SILENT):
            path = f"{host.place}/gate{number}"
            gates.append(FakeGate(path, script).start())
            logins.append(host.start("account", "close", service=f"sudo-{number}",
                                     arguments=f"gate={path}", gate=False))
        for login in logins:
            outcome = login.finish()
            assert outcome.codes == {"account": PAM_PERM_DENIED, "close": PAM_SUCCESS}
            assert "no answer in time" in outcome.said[0]
            assert LIMIT_MS / 2 < outcome.milliseconds["account"] < GENEROUS_MS
    finally:
        for gate in gates:
            gate.stop()


# What is odd, but is an answer.

def test_one_byte_at_a_time(host):
    def script(connection):
        for byte in b"OK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n":
            connection.send(bytes([byte]))
        for _ in range(3):
            connection.line()
        for byte in reply(connection.call(), *ALLOW):
            connection.send(bytes([byte]))
        connection.wait_for_hangup()

    with FakeGate(host.gate_path, script):
        assert host.run("account").codes == {"account": PAM_SUCCESS}


def test_other_messages_before_the_reply(host):
    def script(connection):
        connection.authenticate()
        call = connection.call()
        head = {PATH: ("o", "/a"), INTERFACE: ("s", "org.freedesktop.DBus.Peer"),
                MEMBER: ("s", "Ping")}
        connection.send(message(SIGNAL, 2, head) + message(METHOD_CALL, 3, head)
                        + message(METHOD_RETURN, 4, {REPLY_SERIAL: ("u", 999)}, "stts",
                                  ("allow", 0, 0, ""))
                        + reply(call, "refused", 0, 0, "no"))
        connection.wait_for_hangup()

    with FakeGate(host.gate_path, script):
        assert host.run("account").said == ["pam_checkout: no"]


def test_file_descriptors_are_dropped(host):
    def script(connection):
        connection.authenticate()
        call = connection.call()
        with open("/dev/null", "rb") as null:
            connection.send_with_fds(reply(call, *ALLOW), [null.fileno()] * 8)
        connection.wait_for_hangup()

    with FakeGate(host.gate_path, script):
        # that none is left open is what the login program looks at
        assert host.run("account").codes == {"account": PAM_SUCCESS}


def test_signals_during_the_question_change_nothing(host):
    """The host's handlers run, and the answer still comes."""
    def script(connection):
        connection.authenticate()
        call = connection.call()
        for _ in range(3):
            for number in (2, 15):
                os.kill(call.login["pid"], number)
        connection.send(reply(call, *ALLOW))
        connection.wait_for_hangup()

    with FakeGate(host.gate_path, script):
        outcome = host.run("account", options=["--handlers"])
    assert outcome.codes == {"account": PAM_SUCCESS} and outcome.handled > 0
