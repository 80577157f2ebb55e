# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl request, cancel, checkin."""

import signal
import time

import pytest

from cli_fixtures import broker, brokers, bus, cli, machine, pending  # noqa: F401


def test_request_sends_what_was_typed(broker, cli):
    broker.checkout(**pending(duration=5400))
    done = cli("request", "root", "--reason", "disk full: /var ü", "--ticket", "INC-4711", "--for",
               "1h 30min", "--start", "@4102444800", "--door", "sudo", "--to", "bob")
    assert done.code == 0, done
    assert broker.calls("Request") == [["Request", "root", {
        "reason": "disk full: /var ü", "ticket": "INC-4711", "duration": 5400, "start": 4102444800,
        "door": "sudo", "to": "bob"}]]
    assert done.out.startswith("request 17 filed; it waits for approval until 2100-01-01 00:00")
    assert "policy root-on-prod" in done.out
    assert "checkoutctl approve 17" in done.out


def test_request_sends_nothing_that_was_not_typed(broker, cli):
    broker.checkout(**pending())
    assert cli("request", "root").code == 0
    assert broker.calls("Request") == [["Request", "root", {}]]


def test_request_json(broker, cli):
    fields = broker.checkout(**pending())
    done = cli("request", "--json", "root")
    assert done.code == 0 and done.err == "" and done.json() == [fields]


@pytest.mark.parametrize("state, fields, text", [
    ("approved", {"start": 4102444800, "end": 4102448400},
     "request 17 is approved: alice may enter root from 2100-01-01 00:00 until 2100-01-01 01:00\n"),
    ("approved", {}, "request 17 is approved: alice may enter root; the time runs from the first use\n"),
    ("active", {"start": 1, "end": 4102444800},
     "request 17 is active: alice may enter root until 2100-01-01 00:00"),
])
def test_request_that_needs_no_approval(broker, cli, state, fields, text):
    broker.checkout(**pending(state=state, **fields))
    done = cli("request", "root")
    assert done.code == 0 and done.out.startswith(text), done


def test_filed_stays_filed_when_it_cannot_be_looked_at(broker, cli):
    broker.on("Get", ["error", "NotPermitted", "not for your eyes"])
    done = cli("request", "root")
    assert done.code == 0
    assert done.out == "request 17 filed\n" and "not for your eyes" in done.err
    done = cli("request", "root", "--json")
    assert done.code == 0 and done.json() == [{"id": 17}]


def test_refused(broker, cli):
    broker.on("Request", ["error", "PolicyRefused", "policy root-on-prod wants a ticket"])
    done = cli("request", "root")
    assert done.code == 1
    assert done.err == "checkoutctl: policy root-on-prod wants a ticket\n" and done.out == ""


@pytest.mark.parametrize("state, code", [
    ("approved", 0), ("active", 0), ("applied", 0), ("denied", 1), ("cancelled", 1), ("lapsed", 3),
    ("returned", 1), ("revoked", 1), ("expired", 1), ("unheard-of", 1),
])
def test_wait_follows_to_the_end(broker, cli, state, code):
    broker.checkout(**pending())
    process = cli.start("request", "root", "--wait")
    broker.await_call("Get")
    broker.checkout(**pending(state=state))
    broker.changed(16, state)
    broker.changed(17, state)
    done = cli.finish(process)
    assert done.code == code, done
    assert "request 17 " in done.out.splitlines()[-1]


def test_wait_on_what_is_decided_already(broker, cli):
    broker.checkout(**pending(state="active", end=4102444800))
    assert cli("request", "root", "--wait").code == 0
    broker.checkout(**pending(state="denied"))
    assert cli("request", "root", "--wait").code == 1


def test_wait_tells_of_the_first_of_two_approvals(broker, cli):
    broker.checkout(**pending())
    process = cli.start("request", "root", "--wait")
    broker.await_call("Get")
    carol = {"actor": "carol", "verdict": "approve", "time": 1795424401}
    broker.checkout(**pending(decisions=[carol]))
    broker.changed(17, "pending")
    broker.await_call("Get", 2)
    bob = {"actor": "bob", "verdict": "deny", "time": 1795424402, "reason": "not today"}
    broker.checkout(**pending(state="denied", decisions=[carol, bob]))
    broker.changed(17, "denied")
    done = cli.finish(process)
    assert done.code == 1
    assert "approved by carol, which is not enough yet\n" in done.out
    assert done.out.endswith("request 17 was denied by bob: not today\n")


def test_wait_json_prints_each_state(broker, cli):
    first = broker.checkout(**pending())
    process = cli.start("request", "root", "--wait", "--json")
    broker.await_call("Get")
    second = broker.checkout(**pending(state="active", end=4102444800))
    broker.changed(17, "active")
    done = cli.finish(process)
    assert done.code == 0 and done.json() == [first, second] and done.err == ""


def test_change_before_the_number_is_known_is_not_missed(broker, cli):
    """Between the first look and the wait: what comes then must have been subscribed to before."""
    broker.checkout(**pending())
    broker.on("Get", ["stale", 17, "active"], ["ok"])
    done = cli("request", "root", "--wait")
    assert done.code == 0 and "is active" in done.out


def test_wait_runs_out(broker, cli):
    broker.checkout(**pending())
    done = cli("request", "root", "--wait=1s")
    assert done.code == 3
    assert "request 17: nobody decided within the time you gave" in done.err
    assert "checkoutctl show 17" in done.err
    done = cli("request", "root", "--wait=1s", "--json")
    assert done.code == 3 and done.error()["error"] == "WaitRanOut" and done.error()["id"] == 17


def test_wait_notices_a_lapse_nobody_tells_of(broker, cli):
    broker.checkout(**pending(lapses=int(time.time()) + 1))
    broker.on("Get", ["ok"], ["lapse"])
    done = cli("request", "root", "--wait")
    assert done.code == 3 and "lapsed" in done.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ending_the_wait_leaves_the_request(broker, cli, number):
    broker.checkout(**pending())
    process = cli.start("request", "root", "--wait")
    broker.await_call("Get")
    process.stdout.readline()
    done = cli.finish(process, number)
    assert done.code == 3
    assert done.err == ("checkoutctl: request 17: you ended the wait; the request stays as it is, "
                        "look with: checkoutctl show 17\n")
    assert not broker.calls("Cancel")


def test_wait_survives_a_restart_of_the_broker(broker, cli):
    broker.checkout(**pending())
    process = cli.start("request", "root", "--wait")
    broker.await_call("Get")
    broker.order("release")
    broker.checkout(**pending(state="active", end=4102444800))
    broker.order("claim")
    done = cli.finish(process)
    assert done.code == 0 and "is active" in done.out, done


def test_extend(broker, cli):
    broker.checkout(**pending(18, extends=17))
    done = cli("extend", "17", "--for", "30min", "--reason", "not done yet")
    assert done.code == 0 and done.out.startswith("request 18 filed; it waits"), done
    assert broker.calls("Extend") == [["Extend", 17, 1800, "not done yet"]]
    broker.on("Extend", ["error", "PolicyRefused", "it cannot last longer"])
    done = cli("extend", "17", "--for", "30min", "--reason", "not done yet", "--json")
    assert done.code == 1 and done.error() == {"error": "PolicyRefused", "message": "it cannot last longer", "id": 17}


def test_extend_and_wait(broker, cli):
    broker.checkout(**pending(18, extends=17))
    process = cli.start("extend", "17", "--for", "30min", "--reason", "more", "--wait")
    broker.await_call("Get")
    broker.checkout(**pending(18, extends=17, state="applied"))
    broker.changed(18, "applied")
    done = cli.finish(process)
    assert done.code == 0 and "the end of the check-out that it extends has moved" in done.out


def test_grant(broker, cli):
    broker.checkout(**pending(18, decisions=[{"actor": "bob", "verdict": "approve", "time": 1}]))
    done = cli("grant", "alice", "root", "--reason", "on call", "--for", "1h", "--start", "@4102444800", "--ticket",
               "INC-1", "--door", "ssh", "--to", "carol")
    assert done.code == 0 and "approved by bob, which is not enough yet" in done.out
    assert broker.calls("Grant") == [["Grant", "alice", "root", {
        "reason": "on call", "duration": 3600, "start": 4102444800, "ticket": "INC-1", "door": "ssh", "to": "carol"}]]
    fields = broker.checkout(**pending(18, state="active", end=4102444800))
    assert cli("grant", "alice", "root", "--json").json() == [fields]


@pytest.mark.parametrize("command, method", [("cancel", "Cancel"), ("checkin", "CheckIn")])
def test_end_of_ones_own(broker, cli, command, method):
    fields = broker.checkout(**pending(state="returned"))
    done = cli(command, "17")
    assert done.code == 0 and done.out == "request 17 was given back\n"
    assert broker.calls(method) == [[method, 17]]
    assert cli(command, "17", "--json").json() == [fields]
    broker.order("forget", 17)
    done = cli(command, "17")
    assert done.code == 0 and done.out == f"request 17: {command} done\n"
    assert cli(command, "17", "--json").json() == [{"id": 17}]
    broker.on(method, ["error", "WrongState", "request 17 is over"])
    done = cli(command, "17")
    assert done.code == 1 and done.err == "checkoutctl: request 17 is over\n"
