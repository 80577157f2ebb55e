# SPDX-License-Identifier: LGPL-2.1-or-later
"""Logins that are held at the door."""

import pytest

from host import BusClient, Login


@pytest.fixture
def enter(request):
    """Login, whatever is left of which is ended with the test."""
    logins = []

    def make(*arguments, **options):
        logins.append(Login(*arguments, **options))
        return logins[-1]

    yield make
    for login in logins:
        login.child.close(force=True)


@pytest.fixture(params=["sudo", "su"])
def door(request):
    return request.param


@pytest.fixture
def on_crowd(host):
    """Programs of all of ops on the system bus."""
    clients = [BusClient(host.actor(f"ops{number:02}")) for number in range(20)]
    yield clients
    for client in clients:
        client.__exit__()
