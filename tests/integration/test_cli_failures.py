# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nobody to ask, no answer, no place for the output: the exit code says done, not done, or not known."""

import os
import signal
import subprocess

import pytest

from cli_fixtures import (SOCKET, Cli, FakeBroker, broker, brokers, bus, cli, machine, own_machine,  # noqa: F401
                          pending)

ERRORS = ["NotFound", "NotPermitted", "SelfApproval", "WrongState", "AlreadyDecided", "InvalidArgument",
          "PolicyRefused", "LimitReached", "NoApprover", "StorageFailed", "Changed"]

QUERIES = [["list"], ["show", "17"], ["explain", "--account", "root"]]
WRITES = [(["request", "root"], "Request"), (["approve", "17"], "Approve"),
          (["deny", "17", "--reason", "no"], "Deny"), (["cancel", "17"], "Cancel"),
          (["checkin", "17"], "CheckIn"), (["extend", "17", "--for", "1h", "--reason", "more"], "Extend"),
          (["grant", "alice", "root"], "Grant"), (["reload"], "Reload"), (["revoke", "17", "--reason", "no"], "Revoke")]
ALL = QUERIES + [write[0] for write in WRITES] + [["watch"], ["request", "root", "--wait"]]


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("command, method", WRITES + [(["list"], "List"), (["show", "17"], "Get"),
                                                      (["explain", "--account", "root"], "Explain")])
def test_every_error_of_the_broker(broker, cli, command, method, name):
    broker.checkout(**pending())
    broker.on(method, ["error", name, "the reason why"])
    done = cli(*command)
    assert done.code == 1 and "the reason why" in done.err and done.err.startswith("checkoutctl: ")
    done = cli(*command, "--json")
    assert done.code == 1 and done.out == ""
    assert done.error()["error"] == name and done.error()["message"].startswith("the reason why")


@pytest.mark.parametrize("command, method", WRITES)
def test_an_error_without_a_word(broker, cli, command, method):
    broker.checkout(**pending())
    broker.on(method, ["error", "PolicyRefused"])
    done = cli(*command)
    assert done.code == 1 and "PolicyRefused" in done.err


@pytest.mark.parametrize("command", ALL)
def test_no_bus(own_machine, command):
    cli = Cli(own_machine)
    done = cli(*command)
    assert done.code == 4 and done.out == ""
    assert SOCKET in done.err and "systemctl status dbus" in done.err
    done = cli(*command, "--json")
    assert done.code == 4 and done.error()["error"] == "NoBus"


def test_bus_socket_without_a_bus(own_machine):
    cli = Cli(own_machine)
    own_machine.start_bus()
    own_machine.stop_bus()
    assert cli("list").code == 4


@pytest.mark.parametrize("command", ALL)
def test_nobody_has_the_name(bus, cli, command):
    done = cli(*command)
    assert done.code == 4 and done.out == "", done
    assert "no broker" in done.err and "systemctl status pam-checkout-broker" in done.err
    done = cli(*command, "--json")
    assert done.code == 4 and done.error()["error"] == "NoBroker"


@pytest.mark.parametrize("command", ALL)
def test_broker_cannot_be_started(own_machine, command):
    own_machine.write("/run/cli-services/org.pamcheckout.Broker1.service",
                      "[D-BUS Service]\nName=org.pamcheckout.Broker1\nExec=/bin/false\nUser=root\n")
    own_machine.start_bus()
    done = Cli(own_machine)(*command)
    assert done.code == 4 and "could not be started" in done.err, done


@pytest.mark.parametrize("command", [write[0] for write in WRITES])
def test_bus_forbids_it(own_machine, command):
    own_machine.start_bus('<deny send_destination="org.pamcheckout.Broker1"/>')
    broker = FakeBroker(own_machine)
    done = Cli(own_machine)(*command)
    broker.close()
    assert done.code == 1 and "does not let you" in done.err, done


@pytest.mark.parametrize("command", QUERIES)
def test_broker_dies_over_a_question(broker, cli, command):
    for method in ("List", "Get", "Explain"):
        broker.on(method, ["die"])
    done = cli(*command)
    assert done.code == 4 and "went away" in done.err


@pytest.mark.parametrize("command, method", WRITES)
def test_broker_dies_over_a_change(broker, cli, command, method):
    broker.checkout(**pending())
    broker.on(method, ["die"])
    done = cli(*command)
    assert done.code == 5 and "not known" in done.err
    assert {"Request": "list --mine", "Extend": "list --mine", "Grant": "checkoutctl list", "Reload": "journal"}.get(
        method, "checkoutctl show 17") in done.err


@pytest.mark.parametrize("command, method", WRITES)
def test_broker_dies_over_a_change_json(broker, cli, command, method):
    broker.checkout(**pending())
    broker.on(method, ["die"])
    done = cli(*command, "--json")
    assert done.code == 5 and done.error()["error"] == "OutcomeUnknown" and done.out == ""


@pytest.mark.parametrize("command, method", WRITES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_between_sending_and_answer(broker, cli, command, method, number):
    broker.checkout(**pending())
    broker.on(method, ["hang"])
    process = cli.start(*command)
    broker.await_call(method)
    done = cli.finish(process, number)
    assert done.code == 5 and "interrupted" in done.err and "not known" in done.err


def test_interrupted_with_more_to_do(broker, cli):
    for number in (17, 18):
        broker.checkout(**pending(number))
    broker.on("Deny", ["hang"])
    process = cli.start("deny", "17", "18", "--reason", "no")
    broker.await_call("Deny")
    done = cli.finish(process, signal.SIGINT)
    assert done.code == 5
    assert "request 18: interrupted; nothing was done" in done.err
    assert len(broker.calls("Deny")) == 1


@pytest.mark.parametrize("command", QUERIES)
def test_interrupted_question_ends_as_programs_do(broker, cli, command):
    method = {"list": "List", "show": "Get", "explain": "Explain"}[command[0]]
    broker.on(method, ["hang"])
    process = cli.start(*command)
    broker.await_call(method)
    assert cli.finish(process, signal.SIGINT).code == -signal.SIGINT


@pytest.mark.parametrize("command, method, code", [
    (["deny", "17", "--reason", "no"], "Deny", 5), (["request", "root"], "Request", 5),
    (["show", "17"], "Get", 4), (["request", "root", "--wait"], None, 4), (["watch"], None, 4)])
def test_bus_dies(own_machine, command, method, code):
    own_machine.start_bus()
    cli, broker = Cli(own_machine), FakeBroker(own_machine)
    broker.checkout(**pending())
    if method:
        broker.on(method, ["hang"])
    process = cli.start(*command)
    if method:
        broker.await_call(method)
    else:
        process.stdout.readline()
    own_machine.stop_bus()
    done = cli.finish(process)
    broker.close()
    assert done.code == code, done


@pytest.mark.parametrize("signature, things", [("s", ["seventeen"]), ("", []), ("tt", [17, 18]), ("x", [17])])
def test_answers_of_the_wrong_kind(broker, cli, signature, things):
    broker.checkout(**pending())
    broker.on("Request", ["odd", signature, *things])
    assert cli("request", "root").code == 5
    broker.on("Get", ["odd", signature, *things])
    assert cli("show", "17").code == 4
    broker.on("List", ["odd", signature, *things])
    assert cli("list").code == 4


@pytest.mark.parametrize("name", ["org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.Failed",
                                  "com.example.Odd"])
def test_errors_of_others(broker, cli, name):
    broker.checkout(**pending())
    broker.on("Deny", ["error", name, "what\nnow"])
    done = cli("deny", "17", "--reason", "no")
    assert done.code == 1 and "what\\x0anow" in done.err


def test_no_variable_moves_the_bus(broker, cli, own_machine):
    """The variables point to a bus with another broker; the one at the fixed address is asked."""
    broker.checkout(**pending(reason="the real one"))
    address = f"unix:path=/proc/{own_machine.holder.pid}/root{SOCKET}"
    own_machine.start_bus()
    false = FakeBroker(own_machine)
    false.checkout(**pending(reason="the false one"))
    done = cli("show", "17", env={"DBUS_SYSTEM_BUS_ADDRESS": address, "DBUS_SESSION_BUS_ADDRESS": address,
                                  "DBUS_STARTER_ADDRESS": address, "DBUS_STARTER_BUS_TYPE": "system",
                                  "PAGER": "/bin/false"})
    calls = false.calls()
    false.close()
    assert "the real one" in done.out and calls == []


def test_closed_stdout(broker, cli):
    broker.checkout(**pending())
    for arguments, code, word in (
            ("list", 1, "cannot write"), ("show 17 --json", 1, "cannot write"), ("--help", 1, "cannot write"),
            ("deny 17 --reason no", 0, "it was done"), ("request root --json", 0, "it was done"),
            ("approve 17 --yes", 0, "it was done")):
        for target in (">&-", "> /dev/full"):
            done = cli.shell(f"$CLI {arguments} {target}")
            assert done.code == code and word in done.err, (arguments, target, done)


def test_every_descriptor_closed(broker, cli):
    """None of them may become the connection to the bus, which would then be written to."""
    broker.checkout(**pending())
    assert cli.shell("$CLI deny 17 --reason no <&- >&- 2>&-").code == 0
    assert cli.shell("$CLI list <&- >&- 2>&-").code == 1
    assert cli.shell("$CLI list <&-").code == 0


def test_reader_that_has_seen_enough(broker, cli):
    for number in range(1, 1500):
        broker.checkout(**pending(number))
    reader, writer = os.pipe()
    process = cli.start("list", "--json", stdout=writer)
    os.close(writer)
    os.read(reader, 10)
    os.close(reader)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err == b""


def test_gone_reader_does_not_undo_what_was_done(broker, cli):
    for number in (17, 18):
        broker.checkout(**pending(number))
    reader, writer = os.pipe()
    os.close(reader)
    process = cli.start("deny", "17", "18", "--reason", "no", stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"it was done" in err
    assert [call[1] for call in broker.calls("Deny")] == [17, 18]


def test_a_bus_that_takes_no_connection(own_machine):
    """With its backlog full connect() waits, and libdbus would wait with it for ever."""
    script = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0); "
              "c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); print('full', flush=True); "
              "sys.stdin.read()")
    listener = subprocess.Popen(own_machine.command("/usr/bin/python3", "-c", script, SOCKET),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert listener.stdout.readline() == b"full\n"
    done = Cli(own_machine)("list")
    listener.communicate(b"")
    assert done.code == 4, done
