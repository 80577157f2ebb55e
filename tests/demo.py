# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job, told step by step. Runs inside the private machine: tests/demo.sh starts it."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pexpect

from host import Host, Journal
from host.actor import status

POLICY = """
[policy root]
accounts        = root
requesters      = %ops
approvers       = %security
reason          = required
duration        = 1h
pending-timeout = 30min
"""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


class NotAsTold(Exception):
    pass


def tell(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def show(who, text):
    for line in COLOUR.sub("", text).replace("\r", "").strip("\n").split("\n"):
        print(f"  {DIM}{who} |{PLAIN} {line}", flush=True)


def expect(condition, what):
    if not condition:
        raise NotAsTold(what)


class Terminal:
    """One person's command on a terminal; what it shows is shown as it comes."""

    def __init__(self, actor, command, env=None):
        self.who = actor.name
        words = " ".join(f"{key}={shlex.quote(value)}" for key, value in (env or {}).items())
        show(self.who, f"$ {words + ' ' if words else ''}{command}")
        self.child = actor.terminal(shlex.split(command), env=env)
        self.text = ""

    def until(self, pattern, what):
        """Waits for the pattern; its match."""
        found = self.child.expect([pattern, pexpect.EOF, pexpect.TIMEOUT])
        seen = self.child.before + (self.child.after if found == 0 else "")
        self.text += seen
        show(self.who, seen)
        expect(found == 0, what)
        return self.child.match

    def end(self):
        """What it still shows, and its exit status."""
        self.child.expect(pexpect.EOF)
        self.text += self.child.before
        if self.child.before.strip():
            show(self.who, self.child.before)
        return status(self.child)


def story(host):
    alice, bob = host.actor("alice"), host.actor("bob")

    tell("alice works in ops. On this machine root is opened to her only when somebody in security "
         "agrees.\nShe needs it now, says why, and is held at the door:")
    held = Terminal(alice, "sudo id", {"CHECKOUT_REASON": "the disk of db1 is full"})
    number = held.until(r"request (\d+)[^\n]*\n", "alice's sudo was not held with a request number")
    number = number.group(1)
    expect("uid=0" not in held.text, "alice's command ran before anybody had agreed")

    tell("She is in a hurry and tries to agree to it herself:")
    own = Terminal(alice, f"checkoutctl approve {number} --yes")
    expect(own.end() != 0, "alice approved her own request")
    state = alice.show(number)["state"]
    expect(state == "pending", f"the request is {state} after alice's own approval")

    tell("bob works in security. He sees what waits for him, reads it, and says yes:")
    expect(Terminal(bob, "checkoutctl list --decidable").end() == 0, "bob could not list requests")
    decision = Terminal(bob, f"checkoutctl approve {number}")
    decision.until(r"\[y/N\] ?", "bob was not asked")
    for word in ("alice", "root", "the disk of db1 is full", "sudo"):
        expect(word in decision.text, f"bob was not shown {word!r}")
    decision.child.sendline("y")
    expect(decision.end() == 0, "bob's approval was not taken")

    tell("At that moment the door opens, and the command that alice typed runs as root:")
    code = held.end()
    expect(code == 0 and "uid=0(root)" in held.text, "alice's sudo did not go on after the approval")

    tell("The check-out lasts an hour. Until then alice's sudo goes straight in:")
    again = Terminal(alice, "sudo id")
    expect(again.end() == 0 and "uid=0(root)" in again.text, "alice's second sudo was not let in")
    expect("waiting" not in again.text, "alice's second sudo was held")

    tell("She is done, and gives it back before its time:")
    expect(Terminal(alice, f"checkoutctl checkin {number}").end() == 0, "the check-in was not taken")

    tell("From then on root is shut again. sudo says what she would have to do:")
    shut = Terminal(alice, "sudo id")
    expect(shut.end() != 0 and "uid=0" not in shut.text, "sudo let alice in after the check-in")

    tell(f"The journal has the whole story, written by the broker:\n"
         f"  {DIM}journalctl {' '.join(host.broker_matches)} CHECKOUT_ID={number}{PLAIN}")
    wanted = ["requested", "decision", "approved", "started", "session-opened", "returned"]
    with Journal(*host.broker_matches, f"CHECKOUT_ID={number}", old=True) as journal:
        journal.wait(CHECKOUT_EVENT="returned")
        events = [entry["CHECKOUT_EVENT"] for entry in journal.entries]
        show("journal", "\n".join(
            time.strftime("%H:%M:%S ", time.localtime(int(entry["__REALTIME_TIMESTAMP"]) // 10**6)) +
            f"{entry['CHECKOUT_EVENT']:<15} {entry['MESSAGE']}" for entry in journal.entries))
    for event in wanted:
        expect(event in events, f"the journal does not tell of {event!r}")


PROFILE = """
PS1='\\[\\033[1m\\]{name}\\[\\033[0m\\]$ '
unset PROMPT_COMMAND HISTFILE
mesg y
cat <<'END'

{hint}

END
"""

HINTS = {
    "alice": "You are alice, of ops. You may become root when somebody in security agrees.\n"
             "Type:  CHECKOUT_REASON='the disk is full' sudo id\n"
             "Later: checkoutctl list --mine     checkoutctl checkin 1",
    "bob": "You are bob, of security. You say who becomes root.\n"
           "Type:  checkoutctl list --decidable     checkoutctl approve 1\n"
           "Or:    checkoutctl deny 1 --reason 'not today'     (exit in both terminals ends it all)",
}


def interactive(host):
    for name, hint in HINTS.items():
        profile = Path(f"~{name}/.bash_profile").expanduser()
        profile.write_text(PROFILE.format(name=name, hint=hint))
    # Real logins: bob's terminal is one that the broker finds, and tells of alice's request.
    tmux = ["tmux", "-L", "demo", "-f", "/dev/null",
            "new-session", "-s", "pam_checkout", "login -f alice", ";",
            "set", "mouse", "on", ";", "set", "status-right", "Ctrl-b o: the other terminal", ";",
            "split-window", "-h", "login -f bob", ";", "select-pane", "-L"]
    # The terminal that this was called from is none of the private machine's; script has one of it.
    return subprocess.run(["script", "-qec", shlex.join(tmux), "/dev/null"]).returncode


def main():
    build, *arguments = sys.argv[1:]
    if "--interactive" in arguments and not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("--interactive needs a terminal", file=sys.stderr)
        return 2
    began = time.monotonic()
    with Host(build) as host:
        host.policy(POLICY)
        host.pam(account="account=root wait=10min")
        host.start_bus()
        host.start_broker()
        try:
            if "--interactive" in arguments:
                return interactive(host)
            story(host)
        except (NotAsTold, AssertionError) as error:
            print(f"\nNOT AS TOLD: {error}\n", file=sys.stderr)
            print(host.broker.output(), file=sys.stderr)
            os.system("journalctl --no-pager -q -n 30 >&2")
            return 1
    tell(f"All as told, in {time.monotonic() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
