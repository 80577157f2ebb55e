# SPDX-License-Identifier: LGPL-2.1-or-later
"""Approvers that depend on who asks: whose manager is who stands in the policy files."""

import json
import time

import pytest

from host import ROOT
from host.host import POLICIES

POLICY = """
[policy both]
accounts = root
requesters = %ops
approvers = manager, %security
quorum = manager & security:1
reason = optional

[policy manager]
accounts = oracle
requesters = %ops
approvers = manager
reason = optional

[managers]
ops00 = dave
"""


@pytest.fixture
def managed(host):
    """managed("alice = carol"): alice's manager from now on; what the reload said."""
    host.policy(POLICY)

    def change(*lines):
        path = POLICIES / "60-managers.conf"
        path.write_text("".join(f"{line}\n" for line in ("[managers]", *lines)))
        return host.actor("root").checkoutctl("reload")

    assert change("alice = carol").returncode == 0
    return change


def refused(actor, *arguments):
    """What is said to somebody who may not."""
    done = actor.checkoutctl(*arguments)
    assert done.returncode == 1, done
    return done.stderr


def decidable(actor):
    done = actor.checkoutctl("list", "--decidable", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


def terms(host, number):
    return host.ledger("select actor, term from decision where checkout = ? order by time, rowid",
                       number)


@pytest.mark.parametrize("order", [("carol", "bob"), ("bob", "carol")])
def test_manager_and_security(host, managed, alice, order):
    number = alice.request("root")
    host.actor(order[0]).approve(number)
    assert alice.show(number)["state"] == "pending"
    host.actor(order[1]).approve(number)
    assert alice.show(number)["state"] == "active"
    assert sorted(terms(host, number)) == [("bob", "security:1"), ("carol", "manager:1")]
    assert ROOT in alice.on_terminal(["sudo", "id"])[1]


def test_security_alone_is_not_enough(host, managed, alice, bob):
    assert managed("alice = dave").returncode == 0
    number = alice.request("root")
    bob.approve(number)
    said = refused(host.actor("carol"), "approve", str(number), "--yes")
    assert "the approval of dave (alice's manager) and 1 approval of anyone in %security" in said
    assert alice.show(number)["state"] == "pending"


def test_a_manager_decides_for_the_own_people_alone(host, managed, on_bus, alice, carol):
    dave = host.actor("dave")
    others, own = host.actor("ops00").request("oracle"), alice.request("oracle")
    assert decidable(carol) == [own]
    digest = host.actor("ops00").show(others)["digest"]
    client = on_bus("carol")
    for method, arguments in (("Approve", f"{{'digest': <'{digest}'>}}"), ("Deny", "'no'")):
        reply = client.call(method, f"(uint64 {others}, {arguments})")
        assert reply.ours == "NotPermitted"
        assert reply.message.endswith(
            f": you may not decide about request {others}: dave (ops00's manager) can")
    assert "is not yours to see" in refused(carol, "approve", str(others), "--yes")
    assert "is not yours to see" in refused(dave, "approve", str(own), "--yes")
    dave.approve(others)
    carol.approve(own)
    assert alice.show(own)["state"] == "active"
    assert "you may not revoke" in refused(carol, "revoke", str(others), "--reason", "no")


def test_another_manager_after_a_reload(host, managed, alice, bob):
    mallory, dave = host.actor("mallory"), host.actor("dave")
    assert managed("alice = mallory").returncode == 0
    number = alice.request("root")
    mallory.approve(number)
    assert terms(host, number) == [("mallory", "manager:1")]
    assert managed("alice = dave").returncode == 0
    bob.approve(number)
    assert alice.show(number)["state"] == "pending", "a former manager's approval has counted"
    dave.approve(number)
    assert alice.show(number)["state"] == "active"


def test_nobodys_people(host, managed, alice):
    assert managed("carol = dave").returncode == 0
    sentence = "no manager of alice is named in [managers]: ask your administrator to name one"
    assert sentence in refused(alice, "request", "oracle", "--reason", "why")
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code != 0 and ROOT not in shown and sentence in shown
    assert host.ledger("select count(*) from checkout") == [(0,)]


def test_a_bad_map_changes_nothing(host, managed, alice, carol):
    number = alice.request("oracle")
    done = managed("ops00 = erin", "alice = dave")
    assert done.returncode == 1
    assert f"{POLICIES}/60-managers.conf:2: [managers] ops00: has a manager already: dave, in line 18 " \
           f"of {POLICIES}/50-test.conf" in done.stderr
    carol.approve(number)
    assert alice.show(number)["state"] == "active"


def test_policies_of_several_files_are_explained_later(host, managed, on_bus):
    client = on_bus("alice")
    (before,), = host.ledger("select max(time) from audit where event = 'policy-loaded'")
    time.sleep(max(0, before + 1 - time.time()))     # the ledger's times are whole seconds
    assert managed("alice = erin").returncode == 0
    for at, manager in (("", "erin"), (f", 'at': <uint64 {before}>", "carol")):
        answer = client.value("Explain", f"({{'person': <'alice'>, 'account': <'oracle'>{at}}},)")
        assert answer["verdict"] == "decides" and answer["policy"] == "manager"
        assert f"among its approvers is {manager} (alice's manager)" in answer["explanation"]
