# SPDX-License-Identifier: LGPL-2.1-or-later
"""Follows a page word by word on a booted host: README and the manual pages.

What is run stands in literal blocks, behind the prompt of who types it: "root# " or "NAME$ ". A here
document goes on to its end. The lines below a command are what it answers; "…" is any text in a line,
and any lines where it stands alone. "? [y/N] y" is typed."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

from .actor import PATIENCE, status

PROMPT = re.compile(r"^(?:(root)# |([a-z]+)\$ )(.*)$")
HERE_DOCUMENT = re.compile(r"<< ?'?(\w+)'?")
QUESTION = re.compile(r"(.*\? \[y/N\] )(\w+)$")
# Where root stands when the page begins: in the clone.
CLONE = "/root/pam_checkout"
REFUSED = "pam_checkout: "


@dataclass
class Command:
    who: str
    text: str
    line: int
    answer: list = field(default_factory=list)

    def matches(self, shown):
        # A "…" that is a line of its own may also be no line.
        expression = r"\n".join(
            r"(?:[^\n]*\n)*?[^\n]*" if line == "…" else
            "[^\n]*".join(re.escape(part) for part in line.split("…")) for line in self.answer)
        return re.fullmatch(expression, shown.strip("\n")) is not None


def commands(path, headings=None, marked=""):
    """The commands of the page's blocks, in order; only those below one of these headings where they
    are named. In Markdown only the blocks of consoles, with this mark behind the word."""
    markdown = Path(path).suffix == ".md"
    found, heading, inside, until, skipping = [], None, False, None, False
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if not inside and (title := re.match(r"^#+ (.*)$", line)):
            heading = title.group(1)
        elif line.startswith("```"):
            inside = not inside
            skipping = markdown and line != f"```console {marked}".rstrip()
        elif inside and not skipping and (headings is None or heading in headings):
            if until:
                found[-1].text += "\n" + line
                until = None if line == until else until
            elif prompt := PROMPT.match(line):
                who, text = prompt.group(1) or prompt.group(2), prompt.group(3)
                found.append(Command(who, text, number))
                if here := HERE_DOCUMENT.search(text):
                    until = here.group(1)
            else:
                assert found, f"{path}:{number}: nobody types this: {line}"
                found[-1].answer.append(line)
    assert found, f"{path} has no commands below {headings}"
    return found


def plain(shown):
    return shown.replace("\r\n", "\n")


def on_terminal(host, command):
    """(exit status, what was shown) of the person's command."""
    with host.actor(command.who).terminal(["bash", "-c", command.text],
                                          env={"NO_COLOR": "1"}) as child:
        shown = ""
        for line in command.answer:
            if question := QUESTION.match(line):
                child.expect_exact(question.group(1), timeout=PATIENCE)
                child.sendline(question.group(2))
                shown += child.before + child.after
        child.expect(pexpect.EOF)
        shown += child.before
    return status(child), plain(shown)


def by_root(host, command):
    done = host.run(["bash", "-c", f"cd {CLONE}; exec 2>&1\n{command.text}"], timeout=4 * PATIENCE)
    return done.returncode, plain(done.stdout)


def follow(host, path, headings=None):
    """Does what the page says, and finds what it says."""
    for command in commands(path, headings):
        run = by_root if command.who == "root" else on_terminal
        code, shown = run(host, command)
        where = f"{Path(path).name}:{command.line}: {command.who}: {command.text}"
        assert command.matches(shown), f"{where}\nshould answer\n" + "\n".join(command.answer) + \
            f"\nand answered (exit {code})\n{shown}"
        refused = any(line.startswith(REFUSED) for line in command.answer)
        assert refused == (code != 0), f"{where}\nexit {code}\n{shown}"
