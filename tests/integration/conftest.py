# SPDX-License-Identifier: LGPL-2.1-or-later
"""The broker on a real bus, and programs that talk to it."""

import sqlite3

import pytest

from host import BusClient
from host.host import LEDGER


@pytest.fixture
def on_bus(host):
    """on_bus("bob"): a program of bob's on the system bus."""
    clients = []

    def connect(name, **options):
        clients.append(BusClient(host.actor(name, **options)))
        return clients[-1]

    yield connect
    for client in clients:
        client.__exit__()


@pytest.fixture
def contents(host):
    """contents(): every row of the ledger, to be compared."""
    def read():
        with sqlite3.connect(f"file:{LEDGER}?mode=ro", uri=True) as db:
            tables = [name for (name,) in db.execute(
                "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' "
                "and name <> 'clock'")]
            return {table: sorted(db.execute(f"select * from \"{table}\"").fetchall(), key=repr)
                    for table in tables}
    return read
