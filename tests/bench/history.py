# SPDX-License-Identifier: LGPL-2.1-or-later
"""history.py BUILD [RECORDS]: what a request, an approval, a question at the door and a start cost
with an empty ledger, and with one of a million audit records (or RECORDS) behind it:

    tests/host/run --bind BUILD /usr/bin/python3 tests/bench/history.py BUILD

Prints medians in milliseconds. The history is written beside the broker, with a sound chain, five
records for each check-out."""

import hashlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from host import BusClient, Host  # noqa: E402
from host.host import LEDGER  # noqa: E402

ROUNDS = 60
PEOPLE = [f"ops{number:02}" for number in range(20)]
STEPS = (("requested", None, "pending"), ("decision", "pending", "pending"),
         ("approved", "pending", "approved"), ("started", "approved", "active"),
         ("revoked", "active", "revoked"))


def canonical(fields):
    return json.dumps({key: value for key, value in fields.items() if value is not None},
                      sort_keys=True, separators=(",", ":"))


def grow(records):
    """Adds that many records to the ledger of a broker that does not run."""
    with sqlite3.connect(LEDGER) as db:
        db.execute("pragma synchronous = off")
        seq, head = db.execute("select seq, hash from audit order by seq desc limit 1").fetchone()
        first = db.execute("select coalesce(max(id), 0) from checkout").fetchone()[0]
        columns = [row[1] for row in db.execute("pragma table_info(checkout)")]
        template = dict(zip(columns, db.execute(
            "select * from checkout order by id desc limit 1").fetchone()))
        when = int(time.time()) - records
        checkouts, audits, decisions = [], [], []
        for number in range(first + 1, first + 1 + records // len(STEPS)):
            person = PEOPLE[number % len(PEOPLE)]
            row = {**template, "id": number, "uuid": f"{number:032x}", "person": person,
                   "person_uid": 4008 + number % len(PEOPLE), "state": "revoked", "requested": when}
            checkouts.append([row[column] for column in columns])
            decisions.append((number, "bob", 4002, 4002, "approve", None, when, 0, 0, None))
            for event, old, new in STEPS:
                seq, when = seq + 1, when + 1
                record = canonical({
                    "seq": seq, "time": when, "event": event, "id": number, "uuid": row["uuid"],
                    "person": person, "person_uid": row["person_uid"], "account": "root",
                    "account_uid": 0, "machine_id": row["machine_id"], "boot_id": row["boot_id"],
                    "policy": row["policy"], "policy_digest": row["policy_digest"],
                    "actor": "bob", "actor_uid": 4002, "reason": "disk is full",
                    "state_old": old, "state_new": new, "row": "0" * 64})
                head = hashlib.sha256(head + record.encode()).digest()
                audits.append((seq, when, event, number, record, head))
            if len(audits) >= 50000:
                write(db, columns, checkouts, decisions, audits)
        write(db, columns, checkouts, decisions, audits)
        db.execute("update journal_mark set seq = ?", (seq,))
    db.close()


def write(db, columns, checkouts, decisions, audits):
    names = ", ".join(f'"{column}"' for column in columns)
    places = ", ".join("?" * len(columns))
    db.executemany(f"insert into checkout ({names}) values ({places})", checkouts)
    db.executemany("insert into decision values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", decisions)
    db.executemany("insert into audit values (?, ?, ?, ?, ?, ?)", audits)
    db.commit()
    for rows in (checkouts, decisions, audits):
        rows.clear()


def timed(call, *arguments):
    begin = time.perf_counter()
    result = call(*arguments)
    return (time.perf_counter() - begin) * 1000, result


def measure(host):
    """{what: median}"""
    costs = {"start": [], "request": [], "approve": [], "door": [], "list": []}
    for _ in range(3):
        host.broker.stop()
        costs["start"].append(timed(host.broker.start, 600)[0])
    clients = {name: BusClient(host.actor(name)) for name in (*PEOPLE, "bob")}
    bob = clients["bob"]
    for round_ in range(ROUNDS):
        person = PEOPLE[round_ % len(PEOPLE)]
        cost, number = timed(clients[person].request)
        costs["request"].append(cost)
        costs["approve"].append(timed(bob.value, "Approve", bob.approval(number))[0])
        cost, login = timed(subprocess.run, [
            "bash", "-c", 'echo "$1" > /proc/self/loginuid; exec pamtester -I ruser="$2" sudo root '
            "acct_mgmt", "knock", str(host.actor(person).uid), person])
        assert login.returncode == 0
        costs["door"].append(cost)
        costs["list"].append(timed(clients[person].value, "List",
                                   "({'mine': <true>, 'limit': <uint32 10>},)")[0])
        bob.value("Revoke", f"(uint64 {number}, 'next')")
    for client in clients.values():
        client.__exit__()
    return {what: statistics.median(values) for what, values in costs.items()}


def main():
    build, records = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with Host(build) as host:
        host.policy(settings="[broker]\ntell-terminals = no\n")
        host.pam(services=("sudo",), account="account=root", session=None)
        host.start_bus()
        host.start_broker(restart=None)
        client = BusClient(host.actor("alice"))
        number = client.request()
        client.value("Cancel", f"(uint64 {number},)")
        client.__exit__()
        before = measure(host)
        time.sleep(61)  # nobody may file more than twenty requests a minute
        host.broker.stop()
        grow(records)
        os.chown(LEDGER, LEDGER.parent.stat().st_uid, LEDGER.parent.stat().st_gid)
        for path in LEDGER.parent.iterdir():
            os.chown(path, LEDGER.parent.stat().st_uid, LEDGER.parent.stat().st_gid)
        size = LEDGER.stat().st_size / 2**20
        host.broker.start(600)
        after = measure(host)
        print(f"{'':10}{'empty':>10}{records:>12,} records, {size:.0f} MiB")
        for what in before:
            print(f"{what:10}{before[what]:10.1f}{after[what]:12.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
