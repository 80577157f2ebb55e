# SPDX-License-Identifier: LGPL-2.1-or-later
"""A ledger that cannot be trusted, and a disk that fails: one clear sentence, nothing changed, nobody let
in; and the way back that the manual page describes is the one that works."""

import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from host import ROOT, BusClient
from host.actor import PATIENCE
from host.host import LEDGER
from host.journal import cursor

PAGE = Path(__file__).resolve().parents[2] / "broker" / "pam-checkout-broker.8.scd"
BROKER = "/usr/libexec/pam-checkout-broker"
BACKUP = Path("/var/backups/ledger.db")
FAILING = Path("/run/io-errors")
GARBAGE = b"nothing of ours " * 1000


def recipe(title):
    """The commands under that message of the section about recovery."""
    section = PAGE.read_text().split("# RECOVERY OF THE LEDGER\n")[1].split("\n# ")[0]
    paragraphs = re.split(r"\n\n(?=\*|## )", section)
    (text,) = [text for text in paragraphs if title in re.split(r"\n\t|\n\n", text)[0]]
    return re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)


def follow(commands):
    """As somebody would who types what the page says."""
    subprocess.run(["bash", "-euxc", commands], check=True, timeout=PATIENCE)


def start():
    """A broker by hand, to its end."""
    return subprocess.run(["setpriv", "--reuid=pam-checkout", "--regid=pam-checkout",
                           "--clear-groups", BROKER, "--gate=unix:path=/tmp/gate"],
                          capture_output=True, text=True, timeout=PATIENCE)


def contents():
    """What is in the folder, and in every file of it."""
    return {path.name: (path.lstat().st_mode, path.lstat().st_uid,
                        path.read_bytes() if path.is_file() and not path.is_symlink() else None)
            for path in LEDGER.parent.iterdir() if not path.name.endswith((".reserve", "-shm"))}


@pytest.fixture
def stopped(host, on_bus):
    """A ledger with a check-out in it, a backup of it, one more request, and no broker."""
    host.stop_broker()
    host.forget()
    host.cursor = cursor()
    host.start_broker()
    alice, bob = on_bus("alice"), on_bus("bob")
    bob.approve(alice.request())
    BACKUP.unlink(missing_ok=True)
    BACKUP.parent.mkdir(exist_ok=True)
    (backup,) = recipe("Backup")
    follow(backup)
    alice.request("oracle")
    assert host.stop_broker() == 0
    assert LEDGER.exists() and not LEDGER.with_name("ledger.db-wal").exists()
    yield host
    FAILING.unlink(missing_ok=True)


def assert_refuses(*words):
    before = contents()
    result = start()
    assert result.returncode == 1, result
    (line,) = result.stderr.splitlines()
    assert line.startswith("<3>") and str(LEDGER.parent) in line and "RECOVERY in" in line, line
    for word in words:
        assert word in line, line
    assert contents() == before
    return line


def assert_works(host, checkouts):
    """It starts, with so many check-outs, and still records and lets in."""
    host.start_broker()
    assert host.ledger("select count(*) from checkout") == [(checkouts,)]
    with BusClient(host.actor("ops00")) as person, BusClient(host.actor("carol")) as carol:
        number = person.request()
        carol.approve(number)
        assert person.get(number)["state"] == "active"


def page_in_the_middle():
    size = LEDGER.stat().st_size
    with LEDGER.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(os.urandom(4096))


def head_that_lies():
    with sqlite3.connect(LEDGER) as db:
        db.execute("update audit set record = replace(record, '\"event\"', '\"other\"') "
                   "where seq = (select max(seq) from audit)")
    db.close()


def replaced(make):
    def damage():
        LEDGER.rename("/var/backups/aside")
        make()
    return damage


DAMAGES = {
    "is not a database": lambda: LEDGER.write_bytes(GARBAGE),
    "is empty": lambda: LEDGER.write_bytes(b""),
    "is damaged": page_in_the_middle,
    "cut off, is damaged": lambda: os.truncate(LEDGER, LEDGER.stat().st_size // 2 // 4096 * 4096),
    "an audit record that does not fit": head_that_lies,
    "a symlink is not a plain file": replaced(lambda: LEDGER.symlink_to("/var/backups/aside")),
    "a FIFO is not a plain file": replaced(lambda: os.mkfifo(LEDGER, 0o600)),
}


@pytest.mark.any_bus
@pytest.mark.parametrize("what", DAMAGES)
def test_damaged(stopped, what):
    owner = LEDGER.stat()
    DAMAGES[what]()
    os.chown(LEDGER, owner.st_uid, owner.st_gid, follow_symlinks=False)
    words = re.search(r"(is (not a|damaged|empty).*|an audit record.*)$", what).group()
    if what.startswith("cut off"):
        words = "restore it from a backup"
    assert_refuses(words, "left as it is", "restore it from a backup or move it away")
    code, shown = stopped.actor("alice").on_terminal(["sudo", "id"])
    assert code != 0 and ROOT not in shown
    put_back, salvage = recipe("is damaged")
    follow(put_back)
    assert (LEDGER.parent / "damaged/ledger.db").lstat()
    assert_works(stopped, 1)
    if what == "is damaged":
        follow(salvage.replace("/root/", "/tmp/"))
        assert "CREATE TABLE audit" in Path("/tmp/ledger.sql").read_text()


@pytest.mark.any_bus
def test_older_copy(stopped, tmp_path):
    """In the ledger's place it is found: the journal remembers what it does not."""
    def verify():
        # Other tests had other ledgers, and told the same journal.
        entries = tmp_path / "entries"
        with entries.open("wb") as file:
            subprocess.run(["journalctl", "--output=export", f"--after-cursor={stopped.cursor}",
                            *stopped.broker_matches], check=True, stdout=file)
        return stopped.actor("root").checkoutctl("verify", "--journal", entries)

    stopped.start_broker()
    said = verify()
    assert said.returncode == 0, said.stdout
    stopped.stop_broker()
    put_back, _ = recipe("is damaged")
    follow(put_back)
    stopped.start_broker()
    said = verify()
    assert said.returncode == 1 and "journal" in said.stdout, said.stdout


@pytest.mark.any_bus
def test_damaged_and_no_backup(stopped):
    LEDGER.write_bytes(GARBAGE)
    assert_refuses("is not a database")
    put_back, _ = recipe("is damaged")
    follow("\n".join(put_back.splitlines()[:-1]))
    assert_works(stopped, 0)


@pytest.mark.any_bus
@pytest.mark.parametrize("change", ["owner", "mode", "folder"])
def test_owner_and_mode(stopped, change):
    if change == "owner":
        os.chown(LEDGER, 4001, 4001)
    elif change == "mode":
        LEDGER.chmod(0o644)
    else:
        LEDGER.parent.chmod(0o777)
    result = start()
    (line,) = result.stderr.splitlines()
    assert result.returncode == 1 and "must belong to the broker's user" in line, line
    assert str(LEDGER.parent) in line
    (commands,) = recipe("must belong to the broker's user")
    follow(commands)
    assert_works(stopped, 2)


@pytest.mark.any_bus
def test_newer(stopped):
    with sqlite3.connect(LEDGER) as db:
        (version,) = db.execute("pragma user_version").fetchone()
        db.execute(f"pragma user_version = {version + 1}")
    db.close()
    assert_refuses("was written by a newer pam_checkout", "install that version again")
    with sqlite3.connect(LEDGER) as db:
        db.execute(f"pragma user_version = {version}")
    db.close()
    assert_works(stopped, 2)


@pytest.mark.any_bus
def test_log_that_was_cut(host, on_bus):
    """A crash leaves a log; what of it is whole counts, what is not is as if it had not happened, and the
    chain holds."""
    alice = on_bus("alice")
    first = alice.request()
    log = LEDGER.with_name("ledger.db-wal")
    whole = log.stat().st_size
    second = alice.request("oracle")
    host.broker.restart = None
    host.broker.kill()
    assert log.stat().st_size > whole
    os.truncate(log, log.stat().st_size - 100)
    host.broker.start()
    with BusClient(host.actor("alice")) as client:
        assert client.get(first)["state"] == "pending"
        assert client.call("Get", f"(uint64 {second},)").ours == "NotFound"
        assert client.request("oracle") == second
    assert host.ledger("pragma integrity_check") == [("ok",)]


@pytest.mark.any_bus
def test_log_without_its_ledger(stopped):
    LEDGER.rename("/var/backups/aside")
    LEDGER.with_name("ledger.db-wal").write_bytes(GARBAGE)
    result = start()
    (line,) = result.stderr.splitlines()
    assert result.returncode == 1 and "has gone, but its log" in line
    assert not LEDGER.exists()
    LEDGER.with_name("ledger.db-wal").unlink()
    shutil.move("/var/backups/aside", LEDGER)
    assert_works(stopped, 2)


@pytest.mark.any_bus
def test_read_only(stopped):
    folder = LEDGER.parent
    follow(f"cp -a {folder} /tmp/copy; mount --bind {folder} {folder}; "
           f"mount -o remount,bind,ro {folder}")
    try:
        result = start()
        (line,) = result.stderr.splitlines()
        assert result.returncode == 1 and str(LEDGER) in line and "see that its disk works" in line
    finally:
        follow(f"umount {folder}")
    assert_works(stopped, 2)


@pytest.fixture
def failing(stopped, request):
    """failing("pwrite"): from now on these calls fail on the ledger's files; "": none does."""
    if request.config.getoption("broker"):
        pytest.skip("a sanitized broker cannot have it before its own runtime")
    library = Path(request.config.getoption("build")) / "tests/integration/libio_errors.so"

    def fail(calls):
        FAILING.write_text(calls)

    fail.environment = {"LD_PRELOAD": str(library)}
    yield fail
    FAILING.unlink(missing_ok=True)


@pytest.mark.any_bus
def test_reading_fails_at_the_start(stopped, failing):
    failing("pread")
    stopped.start_broker(env=failing.environment, ready=False, restart=None)
    assert stopped.broker.wait_exit(1) == 1
    *_, line = stopped.broker.output().splitlines()
    assert str(LEDGER) in line and "see that its disk works" in line, line
    stopped.stop_broker()
    FAILING.unlink()
    assert_works(stopped, 2)


@pytest.mark.any_bus
@pytest.mark.parametrize("calls", ["pwrite", "fdatasync", "pwrite fdatasync"])
def test_writing_fails(stopped, failing, calls):
    """Nothing that cannot be written down happens; once it can be, it does, and nothing is lost."""
    stopped.start_broker(env=failing.environment)
    with BusClient(stopped.actor("alice")) as alice, BusClient(stopped.actor("bob")) as bob, \
            BusClient(stopped.actor("ops00")) as person:
        number = person.request()
        approval = bob.approval(number)
        failing(calls)
        for reply in (bob.call("Approve", approval),
                      bob.call("Deny", f"(uint64 {number}, 'no')"),
                      bob.call("Revoke", "(uint64 1, 'no')")):
            assert reply.ours == "StorageFailed", reply
            assert "could not be read or written" in reply.message
        code, shown = stopped.actor("ops01").on_terminal(["sudo", "id"])
        assert code != 0 and ROOT not in shown
        assert person.get(number)["state"] == "pending"
        assert alice.get(1)["state"] == "active"
        failing("")
        bob.value("Approve", approval)
        bob.value("Revoke", "(uint64 1, 'no')")
        assert person.get(number)["state"] == "active" and alice.get(1)["state"] == "revoked"
    assert stopped.ledger("pragma integrity_check") == [("ok",)]
    assert stopped.broker.exits == []
