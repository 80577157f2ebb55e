# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl approve, deny, revoke, without a terminal."""

import pexpect
import pytest

from cli_fixtures import broker, brokers, bus, cli, machine, pending  # noqa: F401

DIGEST = "cd" * 32


def test_approve_sends_the_digest_that_it_fetched(broker, cli):
    broker.checkout(**pending())
    broker.on("Approve", ["state", "active", {"end": 4102444800}])
    done = cli("approve", "17")
    assert done.code == 0, done
    assert broker.calls("Approve") == [["Approve", 17, {"digest": DIGEST}]]
    for shown in ("alice (uid 1001)", "root (uid 0)", "web1", "sudo", "sudo-i", "/dev/pts/3",
                  "192.0.2.7", "/bin/bash -l", "disk full", "requester", "INC-4711", "1h 30min",
                  "root-on-prod"):
        assert shown in done.out
    assert done.out.splitlines()[-1].startswith("request 17 is active: alice may enter root")


def test_approve_with_limits(broker, cli):
    broker.checkout(**pending())
    done = cli("approve", "17", "--for", "20min", "--start", "@4102444800", "--reason", "only this once",
               "--yes")
    assert done.code == 0
    assert broker.calls("Approve") == [["Approve", 17, {
        "digest": DIGEST, "duration": 1200, "start": 4102444800, "reason": "only this once"}]]


def test_approve_json(broker, cli):
    broker.checkout(**pending())
    broker.on("Approve", ["state", "active"])
    done = cli("approve", "17", "--json")
    assert done.code == 0 and done.err == ""
    assert done.json() == [pending(state="active")]


def test_each_is_decided_on_its_own(broker, cli):
    for number in (17, 18, 19):
        broker.checkout(**pending(number))
    broker.on("Approve", ["state", "active"], ["error", "NotPermitted", "you may not"],
              ["state", "active"])
    done = cli("approve", "17", "18", "19", "--json")
    assert done.code == 1
    assert [row["id"] for row in done.json()] == [17, 19]
    assert done.error()["id"] == 18 and done.error()["error"] == "NotPermitted"
    assert [call[1] for call in broker.calls("Approve")] == [17, 18, 19]


def test_the_exit_code_is_the_highest(broker, cli):
    for number in (17, 18, 19):
        broker.checkout(**pending(number))
    broker.on("Deny", ["error", "NotPermitted", "no"],
              ["error", "org.freedesktop.DBus.Error.NoReply", "gone"], ["ok"])
    done = cli("deny", "17", "18", "19", "--reason", "no")
    assert done.code == 5
    assert "request 18: it was sent, but the broker went away" in done.err
    assert "checkoutctl show 18" in done.err


def test_nothing_is_touched_if_one_number_is_wrong(broker, cli):
    broker.checkout(**pending())
    for command in (["approve"], ["deny", "--reason", "no"], ["revoke", "--reason", "no"]):
        assert cli(*command, "17", "x").code == 2
    assert broker.calls() == []


def test_changed_between_fetching_and_approving(broker, cli):
    broker.checkout(**pending())
    broker.on("Approve", ["error", "Changed", "this is not what you were shown"])
    done = cli("approve", "17")
    assert done.code == 1
    assert done.err == ("checkoutctl: request 17: this is not what you were shown; look again with: "
                        "checkoutctl show\n")
    broker.on("Approve", ["error", "Changed", "request 17 is not what you were shown (checkoutctl show 17)"])
    done = cli("approve", "17")
    assert done.err == "checkoutctl: request 17 is not what you were shown (checkoutctl show 17)\n"


@pytest.mark.parametrize("state, name", [
    ("approved", "AlreadyDecided"), ("active", "AlreadyDecided"), ("denied", "AlreadyDecided"),
    ("expired", "WrongState"), ("unheard-of", "WrongState")])
def test_nobody_is_asked_about_what_is_not_pending(broker, cli, state, name):
    broker.checkout(**pending(state=state))
    child = cli.terminal("approve", "17", "--json")
    child.expect_exact(f'"error":"{name}"')
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1 and not broker.calls("Approve")


def test_without_a_terminal_the_broker_says_why_not(broker, cli):
    broker.checkout(**pending(state="active"))
    broker.on("Approve", ["error", "AlreadyDecided", "request 17 was approved by bob at 17:07"])
    done = cli("approve", "17")
    assert done.code == 1 and done.err == "checkoutctl: request 17 was approved by bob at 17:07\n"


def test_no_digest_no_approval(broker, cli):
    fields = pending()
    del fields["digest"]
    broker.checkout(**fields)
    assert cli("approve", "17").code == 1
    assert not broker.calls("Approve")


def test_an_answer_about_another_request(broker, cli):
    broker.checkout(**pending())
    broker.on("Get", ["odd", "a{sv}", {"id": 18, "state": "pending", "digest": DIGEST}])
    done = cli("approve", "17")
    assert done.code == 4 and "another request" in done.err
    assert not broker.calls("Approve")


@pytest.mark.parametrize("name", ["NotPermitted", "SelfApproval"])
def test_root_is_told_to_be_somebody(broker, cli, name):
    broker.checkout(**pending())
    broker.on("Approve", ["error", name, "root approves nothing"])
    done = cli("approve", "17")
    assert done.code == 1 and "root approves nothing; you are root here: decide as yourself" in done.err
    broker.on("Approve", ["error", name, "decide as yourself, without sudo"])
    assert cli("approve", "17").err == "checkoutctl: request 17: decide as yourself, without sudo\n"


@pytest.mark.parametrize("command, method", [("deny", "Deny"), ("revoke", "Revoke")])
def test_ending_what_others_asked_for(broker, cli, command, method):
    for number in (17, 18):
        broker.checkout(**pending(number))
    broker.on(method, ["state", "revoked"])
    done = cli(command, "17", "18", "--reason", "not now")
    assert done.code == 0
    assert broker.calls(method) == [[method, 17, "not now"], [method, 18, "not now"]]
    assert done.out == "request 17 was revoked\nrequest 18 was revoked\n"
    done = cli(command, "17", "--reason", "not now", "--json")
    assert done.json() == [pending(state="revoked")]


@pytest.mark.parametrize("command", ["deny", "revoke"])
def test_ending_needs_a_reason(broker, cli, command):
    done = cli(command, "17")
    assert done.code == 2 and f"{command} needs --reason" in done.err
    done = cli(command, "17", "--json")
    assert done.code == 2 and done.error()["error"] == "Usage"
    assert broker.calls() == []
