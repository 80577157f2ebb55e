# SPDX-License-Identifier: LGPL-2.1-or-later
"""sudo and su answer within 5 s whatever the broker does; what they say then, a person can use."""

import socket
import time

import pytest

from host import ROOT

GATE = "/run/pam-checkout/gate"
# LIMIT_ANSWER_MS is 5 s in each phase; a login that is refused has one. The rest is the test's own.
BOUND = 5 + 2


def refused_in_time(actor, argv=("sudo", "id")):
    began = time.monotonic()
    code, shown = actor.on_terminal(list(argv))
    took = time.monotonic() - began
    assert code != 0 and ROOT not in shown, shown
    assert took < BOUND, f"{took:.1f} s"
    assert "pam_checkout: refused: the check-out broker does not answer" in shown
    return shown


@pytest.fixture
def checked_out(alice, bob):
    """Even a live check-out opens nothing without the broker's word."""
    number = alice.request()
    bob.approve(number)
    assert alice.run(["sudo", "id"]).returncode == 0
    return number


@pytest.mark.any_bus
@pytest.mark.parametrize("where", ["terminal", "no terminal"])
def test_stopped_process(host, alice, checked_out, where):
    with host.frozen(host.broker.pid):
        if where == "terminal":
            refused_in_time(alice)
        else:
            began = time.monotonic()
            result = alice.run(["sudo", "id"])
            assert result.returncode != 0 and result.stdout == ""
            assert time.monotonic() - began < BOUND
    assert alice.run(["sudo", "id"]).returncode == 0


@pytest.mark.any_bus
def test_help_is_shown(host, alice, checked_out):
    host.pam(account="wait=1min [help=call 555-1234]")
    with host.frozen(host.broker.pid):
        assert "call 555-1234" in refused_in_time(alice)


@pytest.mark.any_bus
def test_stopped_process_and_a_full_backlog(host, alice, checked_out):
    """connect() itself would block, without any limit."""
    host.stop_broker()
    host.start_broker(backlog=1)
    doors = []
    with host.frozen(host.broker.pid):
        try:
            while True:
                doors.append(socket.socket(socket.AF_UNIX))
                doors[-1].setblocking(False)
                doors[-1].connect(GATE)
        except BlockingIOError:
            pass
        refused_in_time(alice)
        for door in doors:
            door.close()
    assert alice.run(["sudo", "id"]).returncode == 0


@pytest.mark.any_bus
def test_stopped_service(host, alice, checked_out):
    """The socket is there, and nobody behind it."""
    host.broker.stop()
    refused_in_time(alice)
    host.broker.start()
    assert alice.run(["sudo", "id"]).returncode == 0


@pytest.mark.any_bus
def test_no_socket(host, alice, checked_out):
    host.stop_broker()
    refused_in_time(alice)


@pytest.mark.any_bus
def test_crash_loop(host, alice, checked_out):
    """A broker that ends as soon as it begins."""
    host.stop_broker()
    host.start_broker(program="/bin/false", ready=False)
    refused_in_time(alice)
    assert host.broker.starts > 1


@pytest.mark.any_bus
def test_login_that_waits_through_a_stopped_process_ends_in_its_time(host, alice, enter):
    """The wait is the person's; no broker makes it longer."""
    host.pam(account="wait=2s")
    login = enter(alice)
    login.held()
    with host.frozen(host.broker.pid):
        began = time.monotonic()
        login.refused()
        assert time.monotonic() - began < 2 + BOUND


@pytest.mark.any_bus
def test_giving_up_on_a_stopped_process(host, alice, enter):
    login = enter(alice)
    login.held()
    with host.frozen(host.broker.pid):
        login.child.sendintr()
        login.refused()


@pytest.mark.any_bus
def test_stopped_process_costs_root_nothing(host):
    with host.frozen(host.broker.pid):
        began = time.monotonic()
        assert host.actor("root").run(["sudo", "id"]).returncode == 0
        assert time.monotonic() - began < 2
