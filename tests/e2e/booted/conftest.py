# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts that are booted once for all tests, with the installed files and the shipped examples."""

import os

import pytest

from host import booted
from host.booted import BootedHost

# The releases, each on another bus; with --long on both.
BUSES = dict(zip(booted.RELEASES, booted.BUSES))

POLICY = """
[policy root]
accounts = root, oracle
requesters = %ops
approvers = %security
reason = optional
duration = 1h
max-duration = 8h
pending-timeout = 30min
"""


def pytest_generate_tests(metafunc):
    if "machine" in metafunc.fixturenames:
        config = metafunc.config
        wanted = config.getoption("release") or booted.RELEASES
        kinds = [(release, bus) for release in wanted for bus in booted.BUSES
                 if config.getoption("long") or bus == BUSES[release]]
        metafunc.parametrize("machine", kinds, ids=["-".join(kind) for kind in kinds],
                             indirect=True, scope="session")


def pytest_collection_modifyitems(config, items):
    """What does not depend on the release runs on the first of them only."""
    def elsewhere(item):
        return item.get_closest_marker("any_release") and not config.getoption("long") and \
            item.callspec.params["machine"][0] != booted.RELEASES[0]

    config.hook.pytest_deselected(items=[item for item in items if elsewhere(item)])
    items[:] = [item for item in items if not elsewhere(item)]


@pytest.fixture(scope="session")
def hosts(request, tmp_path_factory):
    """hosts(release, bus) boots a host with the installed files and nothing set up; all of them end
    with the tests."""
    def unable(reason):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            f"no hosts can be booted: {reason}")

    if lacking := booted.missing():
        unable(lacking)
    build = request.config.getoption("build")
    assert build, "--build is needed"
    staged = booted.stage(build, tmp_path_factory.mktemp("installed"))
    running = []

    def boot(release, bus, **options):
        try:
            booted.tree(release)
        except AssertionError as error:
            unable(error)
        machine = BootedHost(release, bus, **options)
        running.append(machine)
        machine.install(staged)
        return machine

    yield boot
    for machine in running:
        machine.stop()


@pytest.fixture(scope="session")
def machine(request, hosts):
    """One host of the kind, with the shipped examples in place."""
    machine = hosts(*request.param)
    machine.doors()
    yield machine
    machine.stop()


@pytest.fixture
def booted_host(machine):
    """The machine with an empty ledger, the usual policy, and a broker that runs."""
    machine.begin(POLICY)
    return machine
