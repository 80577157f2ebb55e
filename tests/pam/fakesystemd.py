# SPDX-License-Identifier: LGPL-2.1-or-later
"""A system bus with as much of systemd as makes scopes, over real cgroups."""

import contextlib
import os
import signal
from pathlib import Path

from fakegate import FakeGate, Message, Reader, error, message
from fakegate import METHOD_RETURN, REPLY_SERIAL, SENDER, SIGNAL, PATH, INTERFACE, MEMBER

BUS = Path("/run/dbus/system_bus_socket")
CGROUPS = Path("/sys/fs/cgroup")
EXISTS = "org.freedesktop.systemd1.UnitExists"


class BusReader(Reader):
    def value(self, signature):
        if signature == "au":
            end = self.u32() + self.offset
            values = []
            while self.offset < end:
                values.append(self.u32())
            return values
        if signature == "b":
            return bool(self.u32())
        return super().value(signature)


def start_of(call):
    """Name, mode and properties of a StartTransientUnit."""
    assert (call.path, call.interface, call.signature) == (
        "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "ssa(sv)a(sa(sv))")
    reader = BusReader(call.body.data, call.body.offset)
    name, mode, properties = reader.string(), reader.string(), {}
    size = reader.u32()
    reader.align(8)
    end = reader.offset + size
    while reader.offset < end:
        reader.align(8)
        key = reader.string()
        assert key not in properties
        properties[key] = reader.value(reader.signature())
    assert reader.u32() == 0
    return name, mode, properties


class FakeSystemd:
    """`started`: what it was asked for. The first `taken` names are. `move(unit, slice, pid)` is called
    after the reply, or before it with `early`; without one the process is put into the scope. `scripts`
    replace what it does on a connection."""

    def __init__(self, *scripts, move=None, taken=0, early=False):
        self.started, self.taken, self.early = [], taken, early
        self.move = move or self.put
        BUS.parent.mkdir(mode=0o755, exist_ok=True)
        self.bus = FakeGate(str(BUS), *(scripts or (self.serve,)), mode=0o666)
        self.made = []

    def put(self, unit, slice_, pid):
        self.enter(f"user.slice/{slice_}/{unit}", pid)

    def enter(self, path, pid):
        folder = CGROUPS / path
        folder.mkdir(parents=True)
        self.made.append(folder)
        with contextlib.suppress(ProcessLookupError):  # it did not wait
            (folder / "cgroup.procs").write_text(f"{pid}\n")

    def serve(self, connection):
        connection.authenticate()
        peer = connection.peer_pid()
        while True:
            call = Message(*connection.message())
            if call.method == "Hello":
                assert (call.path, call.interface) == ("/org/freedesktop/DBus",
                                                       "org.freedesktop.DBus")
                connection.send(message(METHOD_RETURN, 1, {
                    REPLY_SERIAL: ("u", call.serial), SENDER: ("s", "org.freedesktop.DBus")},
                    "s", [":1.7"]))
                connection.send(message(SIGNAL, 2, {
                    PATH: ("o", "/org/freedesktop/DBus"), INTERFACE: ("s", "org.freedesktop.DBus"),
                    MEMBER: ("s", "NameAcquired")}, "s", [":1.7"]))
                continue
            assert call.method == "StartTransientUnit"
            unit, mode, properties = start_of(call)
            self.started.append((unit, mode, properties))
            if len(self.started) <= self.taken:
                connection.send(error(call, EXISTS, f"Unit {unit} was already loaded."))
                continue
            assert properties["PIDs"] == [0]
            if self.early:
                self.move(unit, properties["Slice"], peer)
            connection.send(message(METHOD_RETURN, 3, {REPLY_SERIAL: ("u", call.serial)}, "s",
                                    ["/org/freedesktop/systemd1/job/1"]))
            if not self.early:
                self.move(unit, properties["Slice"], peer)

    def __enter__(self):
        self.bus.start()
        return self

    def __exit__(self, *problem):
        self.bus.__exit__(*problem)
        bury(self.made)


def bury(folders):
    """Ends what is left in them, and removes them with the slices that are empty then."""
    for folder in folders:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        while "populated 1" in (folder / "cgroup.events").read_text():
            os.sched_yield()
        for path in (folder, *folder.parents):
            if path == CGROUPS:
                break
            try:
                path.rmdir()
            except OSError:
                break
