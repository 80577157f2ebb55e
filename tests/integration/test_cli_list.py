# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl list and show, without a terminal."""

import time

import pytest

from cli_fixtures import broker, brokers, bus, cli, machine, pending  # noqa: F401

OPEN = ["pending", "approved", "active"]


def sent_filter(broker):
    sent = broker.calls("List")[0][1]
    del sent["limit"]
    return sent


def test_table(broker, cli):
    now = int(time.time())
    broker.checkout(**pending(7, requested=now, lapses=now + 3600 + 59))
    broker.checkout(**pending(1234567890123, state="active", start=1, end=now + 7200 + 59, reason="x" * 200))
    broker.checkout(**pending(1234567890124, state="approved", start=4102444800, end=4102448400))
    done = cli("list")
    assert done.code == 0 and done.err == ""
    lines = done.out.splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["ID", "STATE", "PERSON", "ACCOUNT", "DOOR", "REASON", "TICKET",
                                "REQUESTED", "ENDS"]
    assert lines[1].split()[:7] == ["7", "pending", "alice", "root", "sudo", "disk", "full"]
    assert "lapses in 1h" in lines[1]
    assert lines[2].split()[0] == "1234567890123" and "x" * 200 in lines[2] and "in 2h" in lines[2]
    assert "starts 2100-01-01 00:00" in lines[3]


def test_json(broker, cli):
    rows = [broker.checkout(**pending(number)) for number in (3, 4)]
    done = cli("list", "--json")
    assert done.code == 0 and done.err == "" and done.json() == rows


def test_nothing(broker, cli):
    for arguments in (["list"], ["list", "--json"]):
        done = cli(*arguments)
        assert (done.code, done.out, done.err) == (0, "", "")


def test_all_pages_are_asked_for(broker, cli):
    for number in range(1, 2502):
        broker.checkout(**pending(number))
    done = cli("list", "--json")
    assert [row["id"] for row in done.json()] == list(range(1, 2502))
    assert [call[1].get("after") for call in broker.calls("List")] == [None, 1000, 2000, 2501]
    assert {call[1]["limit"] for call in broker.calls("List")} == {1000}
    broker.order("page", 7)
    assert len(cli("list").out.splitlines()) == 2502


@pytest.mark.parametrize("rows", [[{"id": 5}, {"id": 5}], [{"id": 5}, {"id": 4}], [{"id": 0}], [{}]])
def test_a_list_that_would_never_end(broker, cli, rows):
    broker.on("List", ["rows", rows])
    done = cli("list", "--json")
    assert done.code == 4 and done.error()["error"] == "BadAnswer"


@pytest.mark.parametrize("arguments, expected", [
    ([], {"state": OPEN}),
    (["--all"], {}),
    (["--mine"], {"mine": True, "state": OPEN}),
    (["--decidable"], {"decidable": True, "state": OPEN}),
    (["--state", "denied,lapsed"], {"state": ["denied", "lapsed"]}),
    (["--all", "--person", "alice", "--account", "root", "--approver", "bob"],
     {"person": "alice", "account": "root", "approver": "bob"}),
    (["--all", "--since", "2026-11-22 09:00", "--until", "@1795424400"],
     {"since": 1795338000, "until": 1795424400}),
])
def test_filters(broker, cli, arguments, expected):
    assert cli("list", *arguments).code == 0
    assert sent_filter(broker) == expected


@pytest.mark.parametrize("arguments, word", [
    (["--all", "--state", "denied"], "exclude"),
    (["--state", "denyed"], '"denyed" is no state'),
    (["--state", "denied,"], '"" is no state'),
    (["--state", ",".join(["denied"] * 17)], "so many"),
    (["--since", "yesterday"], "--since"),
    (["17"], "options only"),
])
def test_wrong_filters(broker, cli, arguments, word):
    done = cli("list", *arguments)
    assert done.code == 2 and word in done.err
    assert broker.calls() == []


def test_show(broker, cli):
    broker.checkout(**pending(
        state="returned", start=1795424500, end=1795428100, uses=2, extends=16, boot_id="bb" * 16,
        decisions=[
            {"actor": "dave", "verdict": "approve", "time": 1795424502, "term": "ops:1"},
            {"actor": "carol", "verdict": "approve", "time": 1795424501, "seconds": 1800,
             "reason": "go ahead"},
            {"actor": "bob", "verdict": "deny", "time": 1795424503, "reason": "stop"}],
        sessions=[{"session": "17-1", "service": "sudo", "tty": "pts/3", "rhost": "192.0.2.7",
                   "opened": 1795424510, "closed": 1795424520}],
        novelty="of a newer broker", count=["t", 3]))
    done = cli("show", "17")
    assert done.code == 0
    text = " ".join(done.out.split())
    for part in ("Request 17", "State returned", "Person alice (uid 1001)", "Account root (uid 0)",
                 "Reason disk full Reason from requester", "For 1h 30min", "Extends 16", "Uses 2",
                 "Requested 2026-11-23 09:00:00 UTC", "End 2026-11-23 10:01:40 UTC",
                 "UUID 6b6f4d2a-6a6e-4a3e-9d4e-0d5a3c1d9a10", "Machine 0123456789abcdef",
                 "Digest cdcd", "novelty of a newer broker", "count 3",
                 "Decisions 2026-11-23 09:01:41 UTC carol approved, for at most 30min: go ahead "
                 "2026-11-23 09:01:42 UTC dave approved as ops:1 "
                 "2026-11-23 09:01:43 UTC bob denied: stop",
                 "Sessions 2026-11-23 09:01:50 UTC to 2026-11-23 09:02:00 UTC sudo on pts/3 from "
                 "192.0.2.7, session 17-1"):
        assert part in text, part


def test_show_json_gives_everything_as_it_is(broker, cli):
    fields = broker.checkout(**pending(decisions=[{"actor": "carol", "verdict": "approve", "time": 1}],
                                       reason='quotes " and \\ and ü and 漢字 and 🗝'))
    done = cli("show", "17", "--json")
    assert done.json() == [fields] and done.out.count("\n") == 1
    assert done.out.isascii()


def test_show_little(broker, cli):
    broker.checkout(id=17)
    assert cli("show", "17").out.split() == ["Request", "17"]
    assert cli("show", "17", "--json").json() == [{"id": 17}]


def test_show_with_wrong_types(broker, cli):
    """Another broker's idea of the fields is shown, not obeyed."""
    broker.checkout(id=17, state=["u", 1], person=["b", True], lapses=["s", "soon"], duration=["i", -5],
                    decisions=["s", "none"], requested=["t", 2**62], reason=["y", 7])
    done = cli("show", "17")
    assert done.code == 0
    assert "soon" in done.out and "4611686018427387904" in done.out
    assert cli("list", "--all").code == 0


@pytest.mark.parametrize("thing", [["d", 1.5], ["t", 2**63], ["t", 2**64 - 1], ["o", "/x"]])
def test_what_json_cannot_say(broker, cli, thing):
    broker.checkout(id=17, thing=thing)
    done = cli("show", "17", "--json")
    assert done.code == 4 and done.error()["error"] == "BadAnswer"


def test_show_nothing_there(broker, cli):
    done = cli("show", "99")
    assert done.code == 1 and done.err == "checkoutctl: there is no request 99\n"
    assert cli("show", "9").err == "checkoutctl: there is no request 9\n"
    broker.on("Get", ["error", "NotFound", "there is no request 99"])
    assert cli("show", "9").err == "checkoutctl: request 9: there is no request 99\n"
    assert cli("show", "99", "--json").error() == {
        "error": "NotFound", "message": "there is no request 99", "id": 99}
