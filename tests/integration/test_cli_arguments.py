# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong with a command line is found before anything is sent."""

import json

import pytest

from cli_fixtures import broker, brokers, bus, cli, machine, pending  # noqa: F401

COMMANDS = ["request", "list", "show", "approve", "deny", "cancel", "checkin", "revoke", "extend", "grant",
            "watch", "explain", "policy", "reload"]

BAD_TEXTS = {
    "empty": "", "blank": " \t ".replace("\t", " "), "invisible": "\u200b\u2060", "64 KiB": "x" * 65536,
    "not UTF-8": b"caf\xe9", "torn UTF-8": b"caf\xc3", "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xafx", "newline": "a\nb", "escape": "a\x1b[31mb", "C1": "a\u009b31mb", "DEL": "a\x7f",
}

BAD_IDS = ["", " ", "0", "00", "017", "-1", "+1", "1 ", " 1", "1.0", "1e3", "0x11", "17x", "١٧", b"\xff",
           "9223372036854775808", "18446744073709551616", "9" * 65536, "1\n", "\x1b[2J", "all", "--", "17,18"]

BAD_DURATIONS = ["0s", "-5min", "+5min", "5", "1.5h", "367d", "99999999999999999999h", "5 minutes and", "1h1h",
                 "h", "٣h", "1H"]

BAD_TIMES = ["noon", "25:00", "09:60", "9:00", "09:00:60", "2026-02-30 09:00", "2026-13-01 09:00",
             "2026-00-10 09:00", "2026-11-23", "2026-11-23 9:00", "2026-11-23  09:00", "23.11.2026 09:00",
             "2026-11-23 09:00 UTC", "1969-12-31 09:00", "0000-01-01 00:00", "+0s", "+", "-", "@", "@-1", "@1x",
             "@99999999999999", "@99999999999999999999999", "-366d 1s", "now!", "17"]


def refuse(cli, broker, *arguments, names=""):
    """The command line is refused, in words and in JSON, and nothing was asked of the broker."""
    done = cli(*arguments)
    assert done.code == 2 and done.out == "", done
    assert done.err.count("\n") == 1 and done.err.isprintable() is False  # the line feed alone
    assert done.err[:-1].isprintable() and len(done.err) < 4200
    assert names in done.err
    done = cli(arguments[0], "--json", *arguments[1:])
    assert done.code == 2 and done.out == ""
    error = done.error()
    assert error["error"] == "Usage" and names in error["message"]
    assert broker.calls() == []


@pytest.mark.parametrize("option", ["--reason", "--ticket", "--door", "--to", "--for", "--start"])
@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_bad_texts_of_request(broker, cli, option, text):
    refuse(cli, broker, "request", option, text, "root", names=option)


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_bad_texts_elsewhere(broker, cli, text):
    refuse(cli, broker, "request", text, names="ACCOUNT")
    refuse(cli, broker, "grant", "alice", text, names="ACCOUNT")
    refuse(cli, broker, "grant", text, "root", names="PERSON")
    refuse(cli, broker, "extend", "17", "--for", "1h", "--reason", text, names="--reason")
    for option in ("--person", "--account", "--door", "--from", "--at"):
        refuse(cli, broker, "explain", option, text, names=option)
    for command in ("approve", "deny", "revoke"):
        refuse(cli, broker, command, "17", "--reason", text, names="--reason")
    for option in ("--person", "--account", "--approver", "--state", "--since", "--until"):
        refuse(cli, broker, "list", option, text, names=option)


def test_longest_texts(broker, cli):
    broker.checkout(**pending())
    reason, ticket, name = "ü" * 500, "T" * 64, "n" * 256
    assert cli("request", name, "--reason", reason, "--ticket", ticket, "--to", name).code == 0
    assert broker.calls("Request") == [["Request", name, {"reason": reason, "ticket": ticket, "to": name}]]
    broker.order("clear")
    refuse(cli, broker, "request", "root", "--reason", reason + "x", names="--reason")
    refuse(cli, broker, "request", "root", "--ticket", ticket + "x", names="--ticket")
    refuse(cli, broker, "request", name + "x", names="ACCOUNT")


@pytest.mark.parametrize("text", BAD_IDS)
def test_bad_ids(broker, cli, text):
    if text == "--":
        return
    for command in (["show"], ["cancel"], ["checkin"], ["approve"], ["deny", "--reason", "no"],
                    ["revoke", "--reason", "no"], ["extend", "--for", "1h", "--reason", "more"]):
        refuse(cli, broker, *command, "--", text)


def test_largest_id(broker, cli):
    assert cli("show", "9223372036854775807").code == 1
    assert broker.calls("Get") == [["Get", 9223372036854775807]]


@pytest.mark.parametrize("command", ["show", "cancel", "checkin", "approve"])
def test_no_id(broker, cli, command):
    refuse(cli, broker, command)


@pytest.mark.parametrize("command", ["show", "cancel", "checkin"])
def test_two_ids_where_one_is_meant(broker, cli, command):
    refuse(cli, broker, command, "17", "18", names="one request")


@pytest.mark.parametrize("text", BAD_DURATIONS)
def test_bad_durations(broker, cli, text):
    refuse(cli, broker, "request", "root", "--for", text, names="--for")
    refuse(cli, broker, "request", "root", "--wait=" + text, names="--wait")
    refuse(cli, broker, "approve", "17", "--for", text, names="--for")


@pytest.mark.parametrize("text", BAD_TIMES)
def test_bad_times(broker, cli, text):
    refuse(cli, broker, "request", "root", "--start=" + text, names="--start")
    refuse(cli, broker, "list", "--since=" + text, names="--since")


def test_start_in_the_past(broker, cli):
    refuse(cli, broker, "request", "root", "--start", "-5min", names="has passed")
    refuse(cli, broker, "request", "root", "--start", "2020-01-01 00:00", names="has passed")
    refuse(cli, broker, "approve", "17", "--start", "2020-01-01 00:00", names="has passed")


def test_an_hour_that_does_not_exist(broker, cli):
    """On 2027-03-28 clocks in Berlin go from 02:00 to 03:00."""
    broker.checkout(**pending())
    berlin = {"TZ": "Europe/Berlin"}
    assert cli("request", "root", "--start", "2027-03-28 02:30", env=berlin).code == 2
    assert cli("request", "root", "--start", "2027-03-28 03:30", env=berlin).code == 0
    assert broker.calls("Request")[0][2]["start"] == 1806197400


def first_pages(broker):
    return [call for call in broker.calls("List") if "after" not in call[1]]


@pytest.mark.parametrize("text, near", [("+2h", 7200), ("+1d 1s", 86401), ("now", 0)])
def test_relative_times(broker, cli, text, near):
    broker.checkout(**pending())
    cli("list", "--until", text)
    cli("list", "--until", "now")
    late, now = (call[1]["until"] for call in first_pages(broker))
    assert late - near <= now <= late - near + 30


def test_clock_times_are_the_next_and_the_last(broker, cli):
    broker.checkout(**pending())
    for clock in ("00:00", "12:00:30", "23:59:59"):
        broker.order("clear")
        cli("list", "--since", "now")
        cli("list", "--since", clock)
        cli("request", "root", "--start", clock)
        now, last = (call[1]["since"] for call in first_pages(broker))
        coming = broker.calls("Request")[0][2]["start"]
        hours, minutes, seconds = (clock + ":00").split(":")[:3]
        assert last % 86400 == coming % 86400 == int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        assert now - 86400 < last <= now + 30 and now < coming <= now + 86430


@pytest.mark.parametrize("arguments", [
    [], ["root", "wheel"], ["root", "--wait", "10min"], ["root", "--frobnicate"], ["root", "-x"],
    ["root", "--reason"], ["root", "--json=yes"], ["root", "--help=me"], ["root", "--reason", "a", "--reason", "b"],
    ["root", "--re\x1b[31m"], ["root", "-\x1b"], ["root", b"--\xff\xfe"], ["root", "-ü"], ["root", "--t", "x"],
])
def test_bad_options_of_request(broker, cli, arguments):
    refuse(cli, broker, "request", *arguments)


@pytest.mark.parametrize("arguments, word", [
    (["extend", "17"], "--for"), (["extend", "17", "--for", "1h"], "--reason"),
    (["extend", "17", "--reason", "more"], "--for"), (["extend", "--for", "1h", "--reason", "more"], "one request"),
    (["extend", "17", "18", "--for", "1h", "--reason", "more"], "one request"),
    (["grant"], "a person and an account"), (["grant", "alice"], "a person and an account"),
    (["grant", "alice", "root", "now"], "a person and an account"),
    (["explain"], "--account"), (["explain", "root"], "options only"), (["reload", "now"], "options only"),
    (["policy"], "policy check"), (["policy", "frobnicate"], "policy check"),
    (["policy", "check", "/a", "/b"], "policy check"), (["policy", "check", "/nowhere"], "No such file"),
    (["policy", "check", b"/\xff\x1b"], "No such file"), (["watch", "17"], "options only"),
])
def test_what_is_missing_or_too_much(broker, cli, arguments, word):
    refuse(cli, broker, *arguments, names=word)


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_options_are_named(broker, cli, command):
    refuse(cli, broker, command, "--frobnicate", names="--frobnicate")
    refuse(cli, broker, command, "--json=1", names="--json=1")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(broker, cli, command):
    done = cli(command, "--help")
    assert done.code == 0 and done.out.startswith(f"Usage: checkoutctl {command}") and done.err == ""
    assert "--json" in done.out
    assert cli("help", command).out == done.out
    assert broker.calls() == []


def test_help_lists_every_command(cli):
    done = cli("--help")
    assert done.code == 0 and all(f"\n  {command}" in done.out for command in COMMANDS)
    assert cli("help").out == done.out
    bare = cli()
    assert bare.code == 2 and bare.out == "" and bare.err == done.out
    assert cli("--version").out.startswith("checkoutctl 0")


@pytest.mark.parametrize("arguments", [["frobnicate"], ["help", "frobnicate"], [""], ["--frobnicate"], [b"\xff"],
                                       ["\x1b[2Jx"], ["x" * 65536], ["requ"]])
def test_unknown_commands(cli, arguments):
    done = cli(*arguments)
    assert done.code == 2 and done.err[:-1].isprintable() and "there is no command" in done.err
    done = cli(*arguments, "--json")
    assert done.code == 2 and json.loads(done.err)["error"] == "Usage"


def test_a_value_that_looks_like_an_option(broker, cli):
    broker.checkout(**pending())
    assert cli("request", "root", "--reason", "--json").code == 0
    assert broker.calls("Request")[0][2] == {"reason": "--json"}
