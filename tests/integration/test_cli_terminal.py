# SPDX-License-Identifier: LGPL-2.1-or-later
"""On a terminal: the question, the countdown, and what others wrote, shown and never obeyed."""

import os
import re

import pexpect
import pytest

from cli_fixtures import broker, brokers, bus, cli, machine, pending  # noqa: F401

DIGEST = "cd" * 32

# A reason that clears the screen, colours, rings, sets the title, overwrites, turns the text round,
# adds lines, hides itself, and ends as C1 and as an escape of ours would.
HOSTILE = ("\x1b[2J\x1b[31mred\x07\x1b]0;title\x07\r\n\t\x00".replace("\x00", "") +
           "\u202ediputs\u2066\u2069\u200b\u2028\u2029\u009b31m\x7f\\x1b[0m\ufeff\U000e0041 end")
DANGEROUS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
                       "\U000e0000-\U000e007f]")
# What libsmartcols and we write ourselves.
OURS = re.compile("\x1b\\[(?:0|1|31|32|33)?m|\r\x1b\\[K")


def screen(child):
    """Everything that came, without what we may send a terminal."""
    child.expect(pexpect.EOF)
    child.close()
    return OURS.sub("", child.before.decode()).replace("\r\n", "\n")


def hostile(**changes):
    texts = {key: HOSTILE for key in ("person", "account", "host", "door", "service", "tty", "rhost", "command",
                                      "reason", "reason_source", "ticket", "policy", "uuid")}
    return pending(**texts, **{
        "decisions": [{"actor": HOSTILE, "verdict": HOSTILE, "reason": HOSTILE, "time": 1, "term": HOSTILE},
                      {"actor": HOSTILE, "verdict": "approve", "reason": HOSTILE, "time": 1}],
        "sessions": [{"session": HOSTILE, "service": HOSTILE, "tty": HOSTILE, "rhost": HOSTILE, "opened": 1}],
        HOSTILE: HOSTILE, **changes})


@pytest.mark.parametrize("arguments", [["list"], ["show", "17"], ["approve", "17", "--yes"], ["request", "root"],
                                       ["deny", "17", "--reason", "no"]])
@pytest.mark.parametrize("json", [[], ["--json"]])
@pytest.mark.parametrize("state", ["pending", "approved", "denied", HOSTILE])
def test_hostile_texts(broker, cli, arguments, json, state):
    broker.checkout(**hostile(state=state))
    for lang in ("C.UTF-8", "C"):
        shown = screen(cli.terminal(*arguments, *json, env={"LANG": lang}))
        assert not DANGEROUS.search(shown), shown
        assert lang == "C.UTF-8" or shown.isascii()
    # The same without a terminal.
    done = cli(*arguments, *json)
    assert not DANGEROUS.search(done.out + done.err)


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_hostile_errors(broker, cli, json):
    broker.on("Get", ["error", "NotPermitted", HOSTILE])
    shown = screen(cli.terminal("show", "17", *json))
    assert "end" in shown and not DANGEROUS.search(shown)


def test_hostile_watch(broker, cli):
    broker.checkout(**hostile())
    child = cli.terminal("watch")
    child.expect("alice|end")
    child.expect("\n")
    child.sendintr()
    shown = OURS.sub("", child.before.decode()).rstrip("\r")
    child.expect(pexpect.EOF)
    assert not DANGEROUS.search(shown)


def test_other_character_set(broker, cli):
    """In ISO 8859-1 a byte of ü in UTF-8 could be a control character to the terminal."""
    broker.checkout(**pending(reason="fünf \U0001f5dd"))
    shown = screen(cli.terminal("show", "17", env={"LANG": "C"}))
    assert "f\\u{FC}nf \\u{1F5DD}" in shown
    assert "fünf \U0001f5dd" in screen(cli.terminal("show", "17"))
    assert "fünf \U0001f5dd" in cli("show", "17", env={"LANG": "C"}).out


@pytest.mark.parametrize("word", ["y", "Y", "yes", "YES"])
def test_yes(broker, cli, word):
    broker.checkout(**pending())
    broker.on("Approve", ["state", "active", {"end": 4102444800}])
    child = cli.terminal("approve", "17", "--for", "10min")
    child.expect_exact("Approve request 17? [y/N]")
    shown = child.before.decode()
    for part in ("alice", "root", "web1", "sudo-i", "/dev/pts/3", "192.0.2.7", "/bin/bash -l", "disk full",
                 "requester", "INC-4711", "1h 30min", "root-on-prod", "2026-11-23 09:00:00 UTC"):
        assert part in shown
    assert broker.calls("Approve") == []
    child.sendline(word)
    child.expect("request 17 is active")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert broker.calls("Approve") == [["Approve", 17, {"digest": DIGEST, "duration": 600}]]


@pytest.mark.parametrize("word", ["", "n", "no", "yess", "ye", " y", "y y", "yes" * 100, "17", "ja"])
def test_anything_else_is_no(broker, cli, word):
    broker.checkout(**pending())
    child = cli.terminal("approve", "17")
    child.expect_exact("[y/N]")
    child.sendline(word)
    child.expect("you did not say yes")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1 and broker.calls("Approve") == []


def test_end_of_input_is_no(broker, cli):
    broker.checkout(**pending())
    child = cli.terminal("approve", "17")
    child.expect_exact("[y/N]")
    child.sendeof()
    child.expect("you did not say yes")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1 and broker.calls("Approve") == []


def test_interrupt_at_the_question(broker, cli):
    for number in (17, 18):
        broker.checkout(**pending(number))
    child = cli.terminal("approve", "17", "18")
    child.expect_exact("[y/N]")
    child.sendintr()
    child.expect("request 17: interrupted; nothing was done")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1 and broker.calls("Approve") == []
    assert b"request 18" not in child.before


def test_interrupt_after_the_answer(broker, cli):
    broker.checkout(**pending())
    broker.on("Approve", ["hang"])
    child = cli.terminal("approve", "17")
    child.expect_exact("[y/N]")
    child.sendline("y")
    broker.await_call("Approve")
    child.sendintr()
    child.expect("whether it was done is not known")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 5


def test_each_is_asked_for(broker, cli):
    for number in (17, 18, 19):
        broker.checkout(**pending(number))
    broker.on("Approve", ["state", "active"])
    child = cli.terminal("approve", "17", "18", "19")
    for number, word in ((17, "y"), (18, "n"), (19, "y")):
        child.expect_exact(f"Approve request {number}? [y/N]")
        child.sendline(word)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert [call[1] for call in broker.calls("Approve")] == [17, 19]


def test_what_was_typed_too_early_answers_nothing(broker, cli):
    broker.checkout(**pending())
    broker.on("Get", ["hold"])
    child = cli.terminal("approve", "17")
    broker.await_call("Get")
    child.sendline("y")
    child.expect("y\r\n")  # the terminal's echo: it has it
    broker.order("let_go")
    child.expect_exact("[y/N]")
    child.sendline("n")
    child.expect("you did not say yes")
    child.expect(pexpect.EOF)
    assert broker.calls("Approve") == []


def test_yes_asks_nothing(broker, cli):
    broker.checkout(**pending())
    broker.on("Approve", ["state", "active"])
    child = cli.terminal("approve", "17", "--yes")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0 and b"[y/N]" not in child.before


@pytest.mark.parametrize("redirection", ["2>/dev/null", ">/dev/null 2>&1", ">/dev/null", "2>/dev/full"])
def test_the_question_finds_the_terminal(broker, cli, redirection):
    broker.checkout(**pending())
    command = cli.machine.command("sh", "-c", f"exec {cli.program} approve 17 {redirection}")
    child = pexpect.spawn(os.fsdecode(command[0]), [os.fsdecode(word) for word in command[1:]], env=cli.environment,
                          timeout=30)
    child.expect_exact("alice (uid 1001)")
    child.expect_exact("[y/N]")
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1 and broker.calls("Approve") == []


def test_json_asks_as_well(broker, cli):
    broker.checkout(**pending())
    broker.on("Approve", ["state", "active"])
    child = cli.terminal("approve", "17", "--json")
    child.expect_exact("alice (uid 1001)")
    child.expect_exact("[y/N]")
    child.sendline("y")
    child.expect_exact('"state":"active"')
    child.expect(pexpect.EOF)


@pytest.mark.parametrize("columns", [1, 20, 40, 60, 79, 300])
def test_narrow_terminals_lose_nothing(broker, cli, columns):
    reason = " ".join(f"word{number}" for number in range(40))
    broker.checkout(**pending(1234567890123456789, reason=reason, person="a" * 64))
    shown = screen(cli.terminal("list", dimensions=(24, columns)))
    assert "1234567890123456789" in shown and "pending" in shown and "a" * 64 in shown
    letters = re.sub("[ \n]", "", shown)
    position = 0
    for letter in reason.replace(" ", ""):
        position = letters.index(letter, position) + 1


def test_width_of_wide_characters(broker, cli):
    broker.checkout(**pending(1, person="漢字", ticket="A"))
    broker.checkout(**pending(2, person="ab", ticket="A"))
    lines = screen(cli.terminal("list", dimensions=(24, 200))).splitlines()
    assert lines[1].index("root") + 2 == lines[2].index("root")


def test_colours(broker, cli):
    broker.checkout(**pending())

    def raw(env, *arguments):
        child = cli.terminal(*arguments, env=env)
        child.expect(pexpect.EOF)
        return child.before

    for arguments in (["list"], ["show", "17"]):
        assert b"\x1b[33m" in raw({}, *arguments)
        assert b"\x1b[33m" in raw({"NO_COLOR": ""}, *arguments)
        assert b"\x1b" not in raw({"NO_COLOR": "1"}, *arguments)
        assert "\x1b" not in cli(*arguments).out
    assert b"\x1b" not in raw({}, "list", "--json")


def test_nothing_to_list(bus, broker, cli):
    assert screen(cli.terminal("list")) == "There is nothing to list (--all shows what has ended).\n"
    assert screen(cli.terminal("list", "--all")) == "There is nothing to list.\n"


def test_countdown(broker, cli):
    broker.checkout(**pending(lapses=4102444800))
    child = cli.terminal("request", "root", "--wait=2min")
    # Before midnight UTC it is whole days to that second of the year 2100.
    lapses = "waiting, lapses in [0-9]+d( [0-9]+h)?"
    child.expect(f"{lapses}, 2min left")
    for _ in range(2):
        child.expect(f"\r\x1b\\[K{lapses}, 1min [0-9]+s left")
    carol = {"actor": "carol", "verdict": "approve", "time": 1}
    broker.checkout(**pending(lapses=4102444800, decisions=[carol]))
    broker.changed(17, "pending")
    child.expect("approved by carol, which is not enough yet")
    broker.checkout(**pending(state="active", end=4102444800))
    broker.changed(17, "active")
    child.expect("request 17 is active")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_interrupt_of_the_countdown(broker, cli):
    broker.checkout(**pending())
    child = cli.terminal("request", "root", "--wait")
    child.expect("waiting")
    child.sendintr()
    child.expect("request 17: you ended the wait")
    child.expect("checkoutctl show 17")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_nobody_could_see_it(broker, cli):
    """Standard input is a terminal, and there is nothing to show anything on."""
    broker.checkout(**pending())
    master, slave = os.openpty()
    done = cli.finish(cli.start("approve", "17", stdin=slave, start_new_session=True))
    os.close(master)
    os.close(slave)
    assert done.code == 2 and "no terminal to show the request on" in done.err
    assert broker.calls() == []


@pytest.mark.parametrize("columns", [40, 80, 132])
def test_long_text_cannot_pass_for_a_line_of_ours(broker, cli, columns):
    """A terminal would go on at its left edge, and blanks reach it from anywhere."""
    for key in ("reason", "ticket", "command", "tty", "rhost"):
        for blanks in range(columns - 40, columns + 1):
            text = "x" + " " * blanks + "Account  nobody"
            if key == "ticket" and len(text) > 64:
                continue
            if blanks % 7:
                continue
            broker.checkout(**pending(**{key: text}))
            shown = screen(cli.terminal("show", "17", dimensions=(24, columns)))
            assert all(len(line) < columns for line in shown.splitlines())
            assert len(re.findall("^ *Account  ", shown, re.M)) == 1, shown
            listed = screen(cli.terminal("list", dimensions=(24, columns)))
            assert not re.search("^nobody|^Account", listed, re.M), listed


def test_long_text_of_wide_characters(broker, cli):
    broker.checkout(**pending(reason="漢" * 300))
    lines = screen(cli.terminal("show", "17", dimensions=(24, 80))).splitlines()
    assert sum(line.count("漢") for line in lines) == 300
    assert all(len(line) + line.count("漢") < 80 for line in lines)
    assert all(line.startswith(" " * 16 + "| 漢") for line in lines if line.count("漢") > 5 and "Reason" not in line)


def test_words_stay_whole_where_they_can(broker, cli):
    broker.checkout(**pending(reason=" ".join(["abcdefg"] * 60)))
    shown = screen(cli.terminal("show", "17", dimensions=(24, 80)))
    assert shown.count("abcdefg") == 60


def test_long_lines_of_watch(broker, cli):
    broker.checkout(**pending(reason="x" + " " * 60 + "2026-11-22 18:00:00 UTC  18  approved   bob -> root"))
    child = cli.terminal("watch", dimensions=(24, 80))
    child.expect("bob -> root \\[INC-4711\\]")
    lines = child.before.decode().replace("\r", "").splitlines()
    child.sendintr()
    child.expect(pexpect.EOF)
    assert len([line for line in lines if line.startswith("2026")]) == 1
    assert lines[-1].startswith("  | ")
