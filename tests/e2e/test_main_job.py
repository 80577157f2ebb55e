# SPDX-License-Identifier: LGPL-2.1-or-later
"""A login to root is held until a second person approves: the real sudo, the real su."""

import json
import os
import re
import signal
import uuid

import pytest

from host import ROOT

WANTED = ["requested", "decision", "approved", "started", "session-opened", "session-closed",
          "returned"]


def error_of(result):
    return json.loads(result.stderr)["error"]


def test_held_approved_and_then_straight_in_until_given_back(host, alice, bob, enter, door, journal):
    login = enter(alice, door)
    number = login.held()
    assert "%security" in login.shown, "who can approve it was not said"
    assert alice.show(number)["state"] == "pending"

    bob.approve(number)
    login.entered()
    checkout = alice.show(number)
    assert (checkout["state"], checkout["person"], checkout["account"], checkout["door"]) == \
        ("active", "alice", "root", door)
    assert [(d["actor"], d["verdict"]) for d in checkout["decisions"]] == [("bob", "approve")]

    again = enter(alice, door)
    again.entered()
    assert "waiting" not in again.shown

    assert alice.checkoutctl("checkin", str(number)).returncode == 0
    journal.wait(CHECKOUT_EVENT="returned", CHECKOUT_ID=number)
    told = [entry["CHECKOUT_EVENT"] for entry in journal.entries
            if entry.get("CHECKOUT_ID") == str(number)]
    assert [event for event in WANTED if event not in told] == []
    approved = next(entry for entry in journal.entries if entry.get("CHECKOUT_EVENT") == "approved")
    assert (approved["CHECKOUT_PERSON"], approved["CHECKOUT_ACCOUNT"], approved["CHECKOUT_ACTOR"]) \
        == ("alice", "root", "bob")

    shut = enter(alice, door)
    assert shut.held() != number
    shut.child.sendintr()
    shut.refused()


def test_nobody_approves_for_themselves(alice, enter, door):
    login = enter(alice, door)
    number = login.held()
    result = alice.checkoutctl("approve", str(number), "--yes", "--json")
    assert result.returncode == 1 and error_of(result) == "SelfApproval"
    assert alice.show(number)["state"] == "pending"


def test_nobody_approves_for_themselves_as_another(host, alice, enter):
    """alice became bob by su: the login uid is still hers."""
    number = enter(alice).held()
    result = host.actor("bob", login="alice").checkoutctl("approve", str(number), "--yes", "--json")
    assert result.returncode == 1 and error_of(result) == "SelfApproval"
    assert alice.show(number)["state"] == "pending"


@pytest.mark.parametrize("who, login", [("root", "root"), ("root", "bob"), ("root", "alice"),
                                        ("mallory", "mallory"), ("ops01", "ops01"),
                                        ("dave", "dave")])
def test_who_is_no_approver_approves_nothing(host, alice, enter, who, login):
    number = enter(alice).held()
    actor = host.actor(who, login=login)
    result = actor.checkoutctl("approve", str(number), "--yes", "--json")
    assert result.returncode == 1
    assert error_of(result) in ("NotPermitted", "SelfApproval", "NotFound")
    assert alice.show(number)["state"] == "pending"


def test_denied(alice, bob, enter, door):
    login = enter(alice, door)
    number = login.held()
    result = bob.checkoutctl("deny", str(number), "--reason", "not on a Friday")
    assert result.returncode == 0, result.stderr
    login.refused("denied by bob", "not on a Friday")
    assert alice.show(number)["state"] == "denied"


def test_lapses(host, alice, enter, door):
    host.stop_broker()
    host.policy("[policy root]\naccounts = root\nrequesters = %ops\napprovers = %security\n"
                "reason = optional\npending-timeout = 1s\n")
    host.start_broker()
    login = enter(alice, door)
    number = login.held()
    login.refused("lapsed")
    assert alice.show(number)["state"] == "lapsed"


def test_cancelled(alice, enter, door):
    login = enter(alice, door)
    number = login.held()
    assert alice.checkoutctl("cancel", str(number)).returncode == 0
    login.refused("cancelled")
    assert alice.show(number)["state"] == "cancelled"


def test_revoked(alice, bob, enter, door):
    login = enter(alice, door)
    number = login.held()
    bob.approve(number)
    login.entered()
    assert bob.checkoutctl("revoke", str(number), "--reason", "enough").returncode == 0
    assert alice.show(number)["state"] == "revoked"
    after = enter(alice, door)
    assert after.held() != number
    after.child.sendintr()
    after.refused()


def test_ends_by_time(host, alice, bob, enter, journal):
    """A check-out of a second: the sudo after its end is held again."""
    number = alice.request("root", "--for", "1s")
    bob.approve(number)
    journal.wait(CHECKOUT_EVENT="expired", CHECKOUT_ID=number)
    login = enter(alice)
    assert login.held() != number
    login.child.sendintr()
    login.refused()


@pytest.mark.parametrize("key", ["\x03", "\x1c"], ids=["Ctrl-C", "Ctrl-Backslash"])
def test_giving_up(host, alice, bob, enter, door, key, journal):
    """No command runs, and an approval that comes too late opens nothing by itself."""
    login = enter(alice, door)
    number = login.held()
    login.child.send(key)
    login.refused()
    journal.wait(CHECKOUT_EVENT="cancelled", CHECKOUT_ID=number)
    assert bob.checkoutctl("approve", str(number), "--yes").returncode == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP],
                         ids=lambda number: number.name)
def test_ended_while_it_waits(alice, bob, enter, journal, door, number):
    """Nothing is consumed, nothing is opened, and a late approval finds nothing to approve."""
    login = enter(alice, door)
    request = login.held()
    if number == signal.SIGTSTP:
        login.blocks(number)  # before it waits, Ctrl-Z is sudo's own
    os.kill(login.child.pid, number)
    login.refused()
    journal.wait(CHECKOUT_EVENT="cancelled", CHECKOUT_ID=request)
    assert bob.checkoutctl("approve", str(request), "--yes").returncode == 1
    assert alice.show(request)["uses"] == 0


def test_without_a_terminal(alice, bob):
    """Nothing is waited for and nothing written that a pipe would carry on; why is on standard
    error."""
    refused = alice.run(["sudo", "id"])
    assert refused.returncode != 0 and refused.stdout == ""
    assert "pam_checkout: request 1 filed" in refused.stderr
    (checkout,) = [json.loads(line) for line in
                   alice.checkoutctl("list", "--mine", "--json").stdout.splitlines()]
    assert checkout["state"] == "pending"
    bob.approve(checkout["id"])
    let_in = alice.run(["sudo", "id"])
    assert let_in.returncode == 0 and ROOT in let_in.stdout


def test_wait_runs_out(host, alice, enter, door):
    host.pam(account="wait=1s")
    login = enter(alice, door)
    number = login.held()
    login.refused(f"request {number}")
    assert "%security" in login.shown


def test_asked_for_beforehand(alice, bob, enter, door):
    number = alice.request()
    bob.approve(number)
    enter(alice, door).entered()
    assert alice.show(number)["uses"] == 1


def test_two_logins_wait_for_one_request(alice, bob, enter, door):
    first, second = enter(alice, door), enter(alice, door)
    number = first.held()
    assert second.held() == number
    bob.approve(number)
    first.entered()
    second.entered()


def test_one_persons_checkout_is_nobody_elses(host, alice, bob, enter):
    number = alice.request()
    bob.approve(number)
    enter(alice).entered()
    other = enter(host.actor("ops00"))
    assert other.held() != number
    other.child.sendintr()
    other.refused()


def test_one_accounts_checkout_is_no_other_accounts(alice, bob, enter):
    bob.approve(alice.request("oracle"))
    login = enter(alice)
    login.held()
    login.child.sendintr()
    login.refused()


def test_su_to_another_account(alice, bob, enter, host):
    number = alice.request("oracle")
    bob.approve(number)
    login = enter(alice, command=["sudo", "-n", "true"])
    login.held()
    login.child.sendintr()
    login.refused()
    # As root su asks for no password, but alice is not root: only the gate is looked at here.
    host.pam(services=["su"], account="", authentication="auth required pam_permit.so")
    code, shown = alice.on_terminal(["su", "-c", "id", "oracle"])
    assert code == 0 and "(oracle)" in shown, shown


def test_who_may_not_request_is_refused_at_once(host, mallory, journal):
    host.sudoers("mallory ALL=(ALL:ALL) NOPASSWD: ALL\n")
    try:
        code, shown = mallory.on_terminal(["sudo", "id"])
    finally:
        host.sudoers()
    assert code != 0 and ROOT not in shown and "waiting" not in shown
    journal.wait(CHECKOUT_EVENT="door-refused", CHECKOUT_PERSON="mallory")
    assert host.ledger("select count(*) from checkout") == [(0,)]


def test_who_is_no_sudoer_is_told_nothing_of_approvals(host, mallory):
    code, shown = mallory.on_terminal(["sudo", "-n", "id"])
    assert code != 0 and ROOT not in shown and "approved" not in shown


@pytest.mark.parametrize("arguments", [["-l"], ["-v"]])
def test_listing_files_nothing(host, alice, arguments):
    code, shown = alice.on_terminal(["sudo", *arguments])
    assert code != 0
    assert alice.checkoutctl("list", "--mine", "--json").stdout == ""
    assert not re.search(r"request \d", shown)


def test_root_is_let_through(host, alice):
    """It has what it asks for, whatever the broker says or does not say."""
    root = host.actor("root")
    assert root.run(["sudo", "id"]).returncode == 0
    assert root.run(["su", "-c", "id", "oracle"]).returncode == 0
    host.stop_broker()
    assert root.run(["sudo", "id"]).returncode == 0


def test_sudoedit_leaves_no_copy(host, alice):
    """The session phase alone would come too late: the copy is made before it."""
    secret, text = "/root/secret", str(uuid.uuid4())
    with open(secret, "w") as file:
        file.write(text)
    result = alice.run(["sudoedit", secret], env={"EDITOR": "/bin/true"})
    assert result.returncode != 0
    found = host.actor("root").run(["grep", "-rl", text, "/var/tmp", "/tmp", "/home"])
    assert found.stdout == ""


def test_session_phase_alone_stops_the_command(host, alice, enter, door):
    host.pam(account=None, session="")
    login = enter(alice, door)
    login.refused()


def test_reason_from_the_environment(alice, enter):
    login = enter(alice, env={"CHECKOUT_REASON": "the disk is full", "CHECKOUT_TICKET": "CHG-1234"})
    checkout = alice.show(login.held())
    assert (checkout["reason"], checkout["reason_source"]) == ("the disk is full", "environment")
    assert checkout["ticket"] == "CHG-1234"


def test_missing_reason_files_nothing_and_says_what_to_type(host, alice):
    host.stop_broker()
    host.policy("[policy root]\naccounts = root\nrequesters = %ops\napprovers = %security\n"
                "reason = required\n")
    host.start_broker()
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code != 0 and re.search(r"checkoutctl request root .*--reason", shown), shown
    assert alice.checkoutctl("list", "--mine", "--json").stdout == ""


def test_another_login_uid_than_the_persons_is_refused(host):
    """Somebody else's login that became alice."""
    code, shown = host.actor("alice", login="mallory").on_terminal(["sudo", "id"])
    assert code != 0 and ROOT not in shown
    assert host.ledger("select count(*) from checkout") == [(0,)]


def test_no_policy_for_the_account(host, alice):
    """Nobody manages it: with account= that refuses."""
    host.stop_broker()
    host.policy(None)
    host.start_broker()
    host.pam(account="account=root")
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code != 0 and ROOT not in shown


def test_broken_policy_refuses_every_login_and_says_so(host, alice):
    host.stop_broker()
    host.policy("[policy root]\naccounts = root\nrequesters = %ops\napprover = %security\n")
    host.start_broker()
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code != 0 and ROOT not in shown
