# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options of all the trees, and the private machine for those that live in it."""

import os
import random
from pathlib import Path

import pytest

from host import BUSES, Host, Journal
from host.booted import RELEASES
from host.host import POLICY

LOGS = Path("/run/private-machine")
FINDINGS = ("AddressSanitizer", "LeakSanitizer", "runtime error:")


def pytest_addoption(parser):
    parser.addoption("--build", help="meson build folder whose files are installed")
    parser.addoption("--broker", help="another build of the broker to run, with sanitizers")
    parser.addoption("--bus", choices=[*BUSES, "none"],
                     help="only the tests in the private machine, on this system bus; none: only the "
                     "others")
    parser.addoption("--release", choices=RELEASES, action="append",
                     help="only the tests on booted hosts, and on hosts of this release")
    parser.addoption("--write-doors", action="store_true",
                     help="write packaging/doors.md anew from what the tests see")
    parser.addoption("--deb", help="folder with the Debian package; built where it is not given")
    parser.addoption("--long", action="store_true", help="what takes longer, too")
    parser.addoption("--seed", type=int, default=1, help="of everything that is drawn")


def pytest_report_header(config):
    return f"bus {config.getoption('bus') or BUSES[0]}, seed {config.getoption('seed')}"


def pytest_collection_modifyitems(config, items):
    """What does not depend on the bus runs on the first kind only."""
    bus, release = config.getoption("bus"), config.getoption("release")
    if not bus and not release:
        return

    def chosen(item):
        fixtures = getattr(item, "fixturenames", ())
        if "hosts" in fixtures or not bus:
            return "hosts" in fixtures and release
        in_machine = "private_machine" in fixtures
        return in_machine == (bus != "none") and \
            (bus != BUSES[1] or not item.get_closest_marker("any_bus"))

    config.hook.pytest_deselected(items=[item for item in items if not chosen(item)])
    items[:] = [item for item in items if chosen(item)]


@pytest.fixture(scope="session")
def long(request):
    return request.config.getoption("long")


@pytest.fixture
def dice(request):
    """Random numbers that the same seed gives again."""
    return random.Random(f"{request.config.getoption('seed')} {request.node.name}")


@pytest.fixture(scope="session")
def private_machine(request):
    missing = os.environ.get("NO_PRIVATE_MACHINE")
    if not LOGS.is_dir():
        reason = f"no private machine: {missing or 'not started through tests/host/run'}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    build = request.config.getoption("build")
    assert build, "--build is needed"
    with Host(build, broker=request.config.getoption("broker")) as machine:
        machine.start_bus(request.config.getoption("bus") or BUSES[0])
        yield machine


@pytest.fixture
def host(private_machine):
    """The machine with an empty ledger, the usual policy and PAM stacks, and a broker that runs. It
    must end well, unless the test has ended it."""
    machine = private_machine
    machine.pam(account="wait=2min")
    machine.policy(POLICY)
    machine.start_broker()
    log, before = machine.broker.log, machine.broker.log.stat().st_size
    yield machine
    try:
        # One that has not begun is ended by the signal itself.
        ready = machine.broker and machine.broker.is_ready
        status = machine.stop_broker()
        with log.open("rb") as output:
            output.seek(before)
            said = output.read().decode(errors="replace")
        print(said)
        assert not any(finding in said for finding in FINDINGS), said
        assert status == 0 or not ready, f"the broker ended with {status}"
    finally:
        machine.forget()
        if not machine.bus.is_ready:
            machine.bus.wait_ready()


@pytest.fixture
def journal(host):
    """What the broker writes from the test's beginning on."""
    with Journal(*host.broker_matches) as follow:
        yield follow


@pytest.fixture
def alice(host):
    return host.actor("alice")


@pytest.fixture
def bob(host):
    return host.actor("bob")


@pytest.fixture
def carol(host):
    return host.actor("carol")


@pytest.fixture
def mallory(host):
    return host.actor("mallory")
