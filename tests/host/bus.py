# SPDX-License-Identifier: LGPL-2.1-or-later
"""A person's program on the system bus: any call with any arguments, many at once, and signals."""

import itertools
import json
import queue
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from .actor import PATIENCE

CLIENT = str(Path(__file__).with_name("bus-client"))
NAME = "org.pamcheckout.Broker1"
PATH = "/org/pamcheckout/Broker1"
ERROR = "org.pamcheckout.Error."


@dataclass
class Reply:
    error: str = None     # the D-Bus error's name; None for a reply
    message: str = None   # its text
    type: str = None      # the signature of what was returned
    value: tuple = None

    @property
    def ours(self):
        """The error's short name, where it is one of ours."""
        return self.error[len(ERROR):] if self.error and self.error.startswith(ERROR) else None


class BusClient:
    def __init__(self, actor):
        self.actor = actor
        self._tags = itertools.count()
        self._waiting = {}
        self.signals = queue.Queue()
        self.closed = threading.Event()
        self._process = actor.start([CLIENT], stdin=subprocess.PIPE, stderr=None)
        self.unique = json.loads(self._process.stdout.readline())["unique"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stdout.close()

    def _read(self):
        for line in self._process.stdout:
            said = json.loads(line)
            if "signal" in said:
                self.signals.put(tuple(said["signal"]))
            elif "closed" in said:
                self.closed.set()
            else:
                self._waiting.pop(said.pop("tag")).put(Reply(**said))

    def _order(self, **order):
        answer = queue.Queue()
        tag = next(self._tags)
        self._waiting[tag] = answer
        self._process.stdin.write(json.dumps({"tag": tag, **order}) + "\n")
        self._process.stdin.flush()
        return answer

    def send(self, method, arguments=None, timeout=PATIENCE, name=NAME, path=PATH, interface=NAME):
        """A call under way; arguments are one GVariant tuple as text. get() of what is returned
        gives the Reply."""
        return self._order(method=method, arguments=arguments, timeout=timeout, name=name, path=path,
                           interface=interface)

    def call(self, method, arguments=None, timeout=PATIENCE, **where):
        return self.send(method, arguments, timeout, **where).get(timeout=timeout + PATIENCE)

    def value(self, method, arguments=None, **where):
        """What a call that must succeed returns."""
        reply = self.call(method, arguments, **where)
        assert reply.error is None, f"{method}{arguments or '()'}: {reply.error}: {reply.message}"
        return reply.value[0] if len(reply.value) == 1 else reply.value

    def watch(self, signal="Changed"):
        """From now on signals arrive in self.signals."""
        self._order(match=signal).get(timeout=PATIENCE)

    # The calls that tests make all the time.

    def request(self, account="root", reason="disk is full", **options):
        words = ", ".join(f"{quote(key)}: <{value}>" for key, value in
                          {"reason": quote(reason), **options}.items())
        return self.value("Request", f"({quote(account)}, {{{words}}})")

    def get(self, number):
        return self.value("Get", f"(uint64 {number},)")

    def approval(self, number):
        """The arguments of an approval bound to what the request says now."""
        return f"(uint64 {number}, {{'digest': <{quote(self.get(number)['digest'])}>}})"

    def approve(self, number):
        self.value("Approve", self.approval(number))


def quote(text):
    """A string as GVariant text."""
    special = {"\\": "\\\\", "'": "\\'"}
    return "'" + "".join(special.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}")
                         for c in text) + "'"
