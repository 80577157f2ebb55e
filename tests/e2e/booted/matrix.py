# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every way in against every state of a check-out, and the table that comes out of it."""

import difflib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from host.booted import BROKER, GATE, SOURCE, until

PAGE = SOURCE / "packaging" / "doors.md"
STATES = ["no check-out", "pending", "approved", "expired", "revoked", "broker stopped",
          "broker hangs"]

POLICY = """
[policy root]
accounts = root, oracle
requesters = %ops
approvers = %security
reason = optional

[policy own]
accounts = {own}
requesters = %ops
approvers = %security
reason = optional
"""


class Matrix:
    """`sections` are {title: ways}; every way gets a person of its own, so that all go at once."""

    def __init__(self, host, sections, states=STATES, prefix="w"):
        self.host, self.sections, self.states = host, sections, states
        self.ways = [way for ways in sections.values() for way in ways]
        self.names = {way: f"{prefix}{number:02}" for number, way in enumerate(self.ways)}
        self.cells = {way: {} for way in self.ways}

    def __enter__(self):
        self._make_people()
        for way in self.ways:
            way.set_up(self.host, self.names[way])
        self.bob = self.host.actor("bob")
        return self

    def __exit__(self, *_):
        for way in self.ways:
            way.tear_down()

    def _make_people(self):
        own = [self.names[way] for way in self.ways if way.account is None]
        sudoers = [way.sudoers.format(name=self.names[way]) for way in self.ways if way.sudoers]
        self.host.shell("""
            touch /etc/skel/.hushlogin
            for name; do useradd --create-home --shell /bin/bash --groups ops "$name"; done
            { printf '%s:pw-person\\n' "$@"; echo oracle:pw-oracle; } | chpasswd
            id -u toor > /dev/null 2>&1 ||
                useradd --non-unique --uid 0 --gid 0 --no-create-home --home-dir /root toor
            echo 'the secret' > /root/secret
        """, "_", *self.names.values())
        self.host.write("/etc/sudoers.d/zzz-ways", "\n".join(sudoers) + "\n", 0o440)
        # What an administrator does for each account, after the examples.
        self.host.shell("""
            sed 's/account=root/account=oracle/' /etc/pam.d/sudo-root > /etc/pam.d/sudo-oracle
            sed -i 's/^#Defaults>oracle/Defaults>oracle/' /etc/sudoers.d/zz-pam-checkout
            visudo -cq
            sed -i "s/notin .*/notin root:toor:oracle${1:+:$1}/" /etc/pam.d/pam-checkout
        """, "_", ":".join(own))
        self.host.policy(POLICY.format(own=", ".join(own or ["deploy"])))

    # The states.

    def _open(self, *states):
        lines = self.bob.checkoutctl("list", "--json", "--state", ",".join(states)).stdout
        return [json.loads(line) for line in lines.splitlines()]

    def _account(self, way):
        return way.account or self.names[way]

    def _without_request(self):
        asked = {(each["person"], each["account"]) for each in self._open("pending")}
        return [way for way in self.ways if (self.names[way], self._account(way)) not in asked]

    def make_pending(self):
        """Whoever has not asked by trying asks now."""
        for way in self._without_request():
            way.person.request(way.account)

    def approve(self, *arguments):
        """Everybody has what the way needs: asked for, or granted to those who have not; the
        numbers."""
        granted = self._without_request()
        numbers = [str(each["id"]) for each in self._open("pending")]
        commands = [["approve", *numbers, "--yes", *arguments]] if numbers else []
        commands += [["grant", self.names[way], self._account(way), "--reason", "a test", "--json",
                      *arguments] for way in granted]
        for command in commands:
            done = self.bob.checkoutctl(*command)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            if command[0] == "grant":
                numbers.append(str(json.loads(done.stdout)["id"]))
        return numbers

    def expire(self):
        numbers = self.approve("--for", "1s")
        until(lambda: not self._open("approved", "active"), "all check-outs of a second have ended")
        states = {each["state"] for each in self._open("expired") if str(each["id"]) in numbers}
        assert states == {"expired"}

    def revoke(self):
        numbers = self.approve()
        done = self.bob.checkoutctl("revoke", *numbers, "--reason", "not today")
        assert done.returncode == 0, done.stderr

    def enter(self, state):
        if state == "pending":
            self.make_pending()
        elif state == "approved":
            self.approve()
        elif state == "expired":
            open_now = [str(each["id"]) for each in self._open("approved", "active")]
            self.bob.checkoutctl("revoke", *open_now, "--reason", "the next state")
            self.expire()
        elif state == "revoked":
            self.revoke()
        elif state == "broker stopped":
            self.approve()
            self.host.nsenter(["systemctl", "stop", BROKER, GATE])
        elif state == "broker hangs":
            self.host.nsenter(["systemctl", "start", GATE, BROKER])
            assert len(self._open("approved", "active")) == len(self.ways)
            self.host.nsenter(["systemctl", "kill", "--signal=STOP", BROKER])

    def run(self):
        for state in self.states:
            self.enter(state)
            # All of them are held for seconds by a broker that hangs; otherwise two processors do.
            many = len(self.ways) if state == "broker hangs" else 6
            with ThreadPoolExecutor(many) as pool:
                for way, seen in zip(self.ways, pool.map(lambda way: way.go(), self.ways)):
                    self.cells[way][state] = seen
        self.host.nsenter(["systemctl", "kill", "--signal=CONT", BROKER])

    # The table.

    def text(self):
        lines, notes, added = [], [], {}
        for title, ways in self.sections.items():
            lines += [f"### {title}", ""] if title else []
            lines += ["| | " + " | ".join(self.states) + " |",
                      "|---" * (len(self.states) + 1) + "|"]
            for way in ways:
                row = [way.title]
                for seen in (self.cells[way][state] for state in self.states):
                    if seen.ours and seen.ours not in notes:
                        notes.append(seen.ours)
                    note = f" ({notes.index(seen.ours) + 1})" if seen.ours else ""
                    row.append(("**in**" if seen.inside else "no") + note)
                    if seen.theirs:
                        added.setdefault(seen.theirs, {})[way.title] = None
                lines.append("| " + " | ".join(row) + " |")
            lines.append("")
        if notes:
            lines += ["### What the person reads", ""]
        lines += [f"{number}. {note}" for number, note in enumerate(notes, 1)]
        if added:
            lines += ["", "### What the programs add when it is no", ""]
        for text, titles in added.items():
            lines += [f"- {'; '.join(titles)}:", "", *(f"      {line}" for line in text.split("\n")), ""]
        return "\n".join(lines)


def section(page, name):
    """The part of the page that is generated under this name."""
    found = re.search(rf"(<!-- {name} -->\n)(.*)(<!-- end of {name} -->)", page, re.DOTALL)
    assert found, f"{PAGE} has no part {name}"
    return found


def compare(name, text, write):
    """The page must say this; `write` makes it."""
    page = PAGE.read_text()
    found = section(page, name)
    said = f"\n{text}\n"
    if write:
        PAGE.write_text(page[:found.start(2)] + said + page[found.end(2):])
    elif found.group(2) != said:
        difference = "\n".join(difflib.unified_diff(
            found.group(2).splitlines(), said.splitlines(), f"{PAGE.name}", "as it is", lineterm="",
            n=1))
        raise AssertionError(f"{PAGE.name} says otherwise (--write-doors writes it anew):\n"
                             f"{difference}")
