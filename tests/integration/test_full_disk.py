# SPDX-License-Identifier: LGPL-2.1-or-later
"""The disk under the ledger is full: nobody is let in, and whoever is in can still be thrown out."""

import pwd
import subprocess

import pytest

from host import BusClient
from host.host import LEDGER

ROOT = "uid=0(root)"


class Disk:
    filler = LEDGER.parent / "filler"

    def fill(self):
        with self.filler.open("ab", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(b"x" * 4096)

    def empty(self):
        self.filler.unlink()


@pytest.fixture
def disk(host):
    host.stop_broker()
    host.forget()
    LEDGER.parent.mkdir()
    user = pwd.getpwnam("pam-checkout").pw_uid
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=4m,mode=700,uid={user}", "tmpfs",
                    LEDGER.parent], check=True)
    host.start_broker()
    yield Disk()
    host.stop_broker()
    subprocess.run(["umount", LEDGER.parent], check=True)


def test_gives_nothing_and_takes_everything(host, disk, on_bus, alice):
    clients = {name: on_bus(name) for name in ("alice", "bob", "ops00", "ops01")}
    bob = clients["bob"]
    mine, other, third = (clients[name].request() for name in ("alice", "ops00", "ops01"))
    bob.approve(mine)
    disk.fill()

    assert bob.call("Approve", bob.approval(other)).ours == "StorageFailed"
    assert bob.get(other)["state"] == "pending"
    bob.value("Deny", f"(uint64 {other}, 'no')")
    bob.value("Revoke", f"(uint64 {mine}, 'no')")
    assert [bob.get(number)["state"] for number in (mine, other)] == ["revoked", "denied"]
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code != 0 and ROOT not in shown and "disk" in shown
    # The room that was given for that is for nothing else.
    assert bob.call("Approve", bob.approval(third)).ours == "StorageFailed"

    disk.empty()
    bob.approve(third)
    assert bob.get(third)["state"] == "active"


def test_starts(host, disk, on_bus):
    number = on_bus("alice").request()
    on_bus("bob").approve(number)
    disk.fill()
    assert host.stop_broker() == 0
    host.start_broker()
    with BusClient(host.actor("bob")) as bob:
        bob.value("Revoke", f"(uint64 {number}, 'no')")
        assert bob.get(number)["state"] == "revoked"
