# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the machine's own journal says, and waiting for it to say something."""

import json
import os
import selectors
import subprocess
import time

from .actor import PATIENCE


class Journal:
    """Follows the journal from now on, or with `old` from its beginning; entries are dictionaries.
    Matches are "FIELD=value"."""

    def __init__(self, *matches, old=False):
        self.entries = []
        self._rest = b""
        after = None if old else cursor()
        self._follow = subprocess.Popen(
            ["journalctl", "--follow", "--lines=all", "--output=json", "--all",
             f"--after-cursor={after}" if after else "--no-tail", *matches],
            stdout=subprocess.PIPE)
        os.set_blocking(self._follow.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._follow.kill()
        self._follow.wait()
        self._follow.stdout.close()

    def _read(self, timeout):
        with selectors.DefaultSelector() as selector:
            selector.register(self._follow.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                return
        chunk = self._follow.stdout.read()
        assert chunk, "journalctl ended"
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self.entries += [json.loads(line) for line in lines if line]

    def wait(self, count=1, timeout=PATIENCE, **fields):
        """The first `count` entries since the start with these fields (one: the entry itself)."""
        deadline = time.monotonic() + timeout
        while True:
            found = [entry for entry in self.entries
                     if all(entry.get(key) == str(value) for key, value in fields.items())]
            if len(found) >= count:
                return found[0] if count == 1 else found[:count]
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(
                    f"the journal has {len(found)} of {count} entries with {fields}; it has:\n" +
                    "\n".join(str(entry.get("MESSAGE")) for entry in self.entries))
            self._read(left)


def query(*matches):
    """The entries there are."""
    lines = subprocess.run(["journalctl", "--quiet", "--output=json", "--all", *matches],
                           check=True, capture_output=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def cursor():
    """Where the journal ends; None while it is empty."""
    out = subprocess.run(["journalctl", "--quiet", "--lines=1", "--output=json",
                          "--output-fields=__CURSOR"], capture_output=True).stdout
    return json.loads(out)["__CURSOR"] if out.strip() else None
