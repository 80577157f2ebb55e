# SPDX-License-Identifier: LGPL-2.1-or-later
"""Approvers who are logged in hear of a request on their terminals, where they allow messages."""

import os
import termios

import pexpect
import pytest

PROMPT = "ready> "


@pytest.fixture
def log_in(request):
    """log_in("bob"): a real login(1) on a terminal of its own, which writes utmp."""
    logins = []

    def make(name, messages="y"):
        child = pexpect.spawn("login", ["-f", name], encoding="utf-8", codec_errors="replace",
                              timeout=30, dimensions=(50, 300))
        logins.append(child)
        child.setecho(False)
        child.sendline(f"unset PROMPT_COMMAND; bind 'set enable-bracketed-paste off'; "
                       f"mesg {messages}; PS1='{PROMPT[:-2]}''{PROMPT[-2:]}'")
        child.expect_exact(PROMPT)
        return child

    yield make
    for child in logins:
        child.sendline("exit")
        child.expect(pexpect.EOF)
        child.close()


def slave_of(child):
    """The path of a child's terminal."""
    return os.readlink(f"/proc/{child.pid}/fd/0")


def what_came(child):
    """Everything that is on the terminal before the answer to a command of now."""
    child.sendline("echo now''now")
    child.expect_exact("nownow")
    before = child.before
    child.expect_exact(PROMPT)
    return before


def test_approver_hears(host, alice, enter, log_in):
    bob = log_in("bob")
    number = enter(alice, env={"CHECKOUT_REASON": "the disk is full"}).held()
    bob.expect(rf"[^\n]*\b{number}\b[^\n]*\n")
    line = bob.after
    for word in ("alice", "root", "the disk is full"):
        assert word in line, line


def test_who_wants_none_and_who_is_no_approver_hear_nothing(alice, enter, log_in):
    silent, mallory, dave = log_in("carol", messages="n"), log_in("mallory"), log_in("dave")
    hearing = log_in("bob")
    enter(alice).held()
    # Once bob has it, all that were to have it had their turn.
    hearing.expect("alice")
    hearing.expect(r"\n")
    for child in (silent, mallory, dave):
        assert "alice" not in what_came(child)


@pytest.mark.parametrize("command, env", [
    (["sudo", "printf", "\x1b[2J\x1b]0;owned\a\r\nroot: all is well"], {}),
    (["sudo", "id", "\u202etxt.exe\u2066"], {}),
    (["sudo", "id"], {"CHECKOUT_REASON": "harmless\u202esseltcefni\u2028 next line"}),
    (["sudo", "id"], {"CHECKOUT_REASON": "%n%s%n $(id) `id` \\x1b[2J"}),
    (["sudo", "id"], {"CHECKOUT_REASON": "x" * 1000}),
], ids=["control", "bidi command", "bidi reason", "formats", "long"])
def test_hostile_words_do_nothing(alice, enter, log_in, command, env):
    bob = log_in("bob")
    enter(alice, command=command, env=env).held()
    bob.expect("alice")
    line = bob.before + bob.after
    line += what_came(bob)
    for bad in ("\x1b", "\x9b", "\u202e", "\u2066", "\u2028"):
        assert bad not in line, repr(line)
    # One line, and no more of it than two rows of an ordinary terminal hold.
    said = [row for row in line.replace("\r", "").split("\n") if "all is well" in row]
    assert all("alice" in row for row in said), line


def test_control_characters_in_a_reason_file_nothing(host, alice):
    code, shown = alice.on_terminal(["sudo", "id"], env={"CHECKOUT_REASON": "a\x1b[2Jb"})
    assert code != 0 and "\x1b[2J" not in shown
    assert host.ledger("select count(*) from checkout") == [(0,)]


def test_many_requests_are_a_few_lines(host, log_in, on_crowd):
    """Rate-limited: a flood of requests is no flood on a terminal."""
    bob = log_in("bob")
    for client in on_crowd:
        for _ in range(3):
            number = client.request()
            client.value("Cancel", f"(uint64 {number},)")
    came = what_came(bob)
    assert 1 <= came.count("root") <= 20, came


def test_a_terminal_that_takes_nothing_holds_nobody_up(host, enter, log_in):
    """Stopped as by Ctrl-S: the broker must not wait for it."""
    bob = log_in("bob")
    terminal = os.open(slave_of(bob), os.O_RDWR | os.O_NOCTTY)
    termios.tcflow(terminal, termios.TCOOFF)
    try:
        for name in ("alice", "ops00", "ops01"):
            enter(host.actor(name)).held()
    finally:
        termios.tcflow(terminal, termios.TCOON)
        os.close(terminal)
