# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal catalog explains every event, under the id that the event is logged with."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
CATALOG = TOP / "systemd" / "pam-checkout.catalog"
JOURNAL_PAGE = TOP / "broker" / "sink" / "pam-checkout-journal.7.scd"

# Watched by people's scripts: renaming one is a change of the contract.
EVENTS = """requested decision approved denied cancelled lapsed started extended
carried-over returned revoked expired session-opened session-placed session-closed session-killed session-survived
door-refused decision-refused policy-loaded policy-rejected broker-started broker-stopped journal-gap""".split()

FIELDS = """EVENT ID UUID SEQ PERSON ACCOUNT ACTOR STATE_OLD STATE_NEW REASON TICKET DOOR SERVICE TTY
RHOST SESSION UNIT CGROUP LOGIND_SESSION AUDIT_SESSION POLICY POLICY_DIGEST HASH REPLAYED""".split()


def message_id(event):
    return hashlib.sha256(f"pam-checkout:{event}".encode()).hexdigest()[:32]


def entries():
    return re.findall(r"^# ([a-z-]+)\n-- ([0-9a-f]{32})\n", CATALOG.read_text(), re.M)


def test_one_entry_for_each_event_with_its_id():
    assert entries() == [(event, message_id(event)) for event in EVENTS]


def test_no_entry_beside_these():
    ids = re.findall(r"^-- (\S+)", CATALOG.read_text(), re.M)
    assert ids == [message_id(event) for event in EVENTS]


def test_events_are_those_of_the_broker():
    header = (TOP / "broker" / "core" / "event.h").read_text()
    names = re.findall(r"^    EVENT_([A-Z_]+),(?: /\*.*)?$", header, re.M)
    assert [name.lower().replace("_", "-") for name in names] == EVENTS


def test_only_fields_that_the_broker_sends():
    used = set(re.findall(r"@([A-Z_]+)@", CATALOG.read_text()))
    assert used
    assert used <= {f"CHECKOUT_{field}" for field in FIELDS}


def test_indented_commands_hold_nothing_that_a_stranger_chose():
    """They are there to be pasted into a root shell; a person's name at the door can be anything."""
    commands = [line for line in CATALOG.read_text().splitlines() if line.startswith("    ")]
    assert commands
    used = set(re.findall(r"@([A-Z_]+)@", "\n".join(commands)))
    # A unit is one of the scopes' names that the broker takes (core/scope.c), nobody's free choice.
    assert "CHECKOUT_ID" in used and used <= {"CHECKOUT_ID", "CHECKOUT_UNIT"}


def test_manual_page_names_the_same():
    page = JOURNAL_PAGE.read_text().replace("\\", "")
    for event in EVENTS:
        assert re.search(rf"\*{event}\*.*\n.*{message_id(event)}", page), event
    for field in FIELDS:
        assert f"CHECKOUT_{field}" in page, field


def test_journalctl_reads_it(tmp_path):
    journalctl = shutil.which("journalctl")
    if not journalctl:
        pytest.skip("journalctl is not installed")
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    shutil.copy(CATALOG, folder)
    root = f"--root={tmp_path}"
    updated = subprocess.run([journalctl, root, "--update-catalog"], text=True, capture_output=True)
    assert (updated.returncode, updated.stderr) == (0, "")
    listed = subprocess.run([journalctl, root, "--list-catalog"], text=True, capture_output=True,
                            check=True).stdout
    assert sorted(line.split()[0] for line in listed.splitlines()) == sorted(map(message_id, EVENTS))
