# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people expect of check-out approvals, one test for each feature: the real broker, the real CLI,
the real sudo. Where a feature refuses, `explain` says why."""

import datetime
import json
import re
import time

import pexpect
import pytest

from host import ROOT, Login
from host.host import POLICIES, lenient

BASE = """[policy root]
accounts = root, oracle
requesters = %ops
approvers = %security
"""
SETTINGS = """[broker]
administrators = checkout-admins
auditors = auditors
"""


def without_reason(policy):
    """Most tests need none."""
    return policy if "reason" in policy else policy + "reason = optional\n"


@pytest.fixture
def under(host):
    """under(lines, ...): the broker with the usual policy and these lines of it, or with others; its
    settings are put back."""
    settings = POLICIES.parent / "broker.conf"
    before = settings.read_text()

    def restart(lines="", base=BASE, **files):
        host.stop_broker()
        host.policy(without_reason(base + lines), settings=SETTINGS)
        for name, text in files.items():
            (POLICIES / f"{name.lstrip('_')}.conf").write_text(lenient(without_reason(text)))
        host.start_broker()

    yield restart
    settings.write_text(before)


@pytest.fixture
def root(host):
    return host.actor("root")


@pytest.fixture
def erin(host):
    return host.actor("erin")


@pytest.fixture
def enter(request):
    logins = []

    def make(*arguments, **options):
        logins.append(Login(*arguments, **options))
        return logins[-1]

    yield make
    for login in logins:
        login.child.close(force=True)


def refused(result, error, *words):
    """It was refused with this error, in one line that has these words."""
    assert result.returncode == 1, result.stdout + result.stderr
    said = json.loads(result.stderr)
    assert said["error"] == error and "\n" not in said["message"], said
    for word in words:
        assert word in said["message"], said
    return said["message"]


def done(result):
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def ask(actor, *arguments, account="root"):
    return actor.checkoutctl("request", account, "--json", *arguments)


def decide(actor, verb, *arguments):
    return actor.checkoutctl(verb, *map(str, arguments), *(["--yes"] if verb == "approve" else []),
                             "--json")


def explain(actor, *words, account="root", verdict="decides", **options):
    """What `explain` answers; it must have these words."""
    extra = [f"--{key}={value}" for key, value in options.items()]
    (answer,) = done(actor.checkoutctl("explain", "--account", account, "--json", *extra))
    assert answer["verdict"] == verdict, answer
    for word in words:
        assert word in answer["explanation"], answer["explanation"]
    return answer


def state(actor, number):
    return actor.show(number)["state"]


def shut(actor):
    """sudo does not let the person in, or holds the person; what it said."""
    login = Login(actor)
    if login.child.expect(["waiting", pexpect.EOF]) == 0:
        login.shown = login.child.before + login.child.after
        login.child.sendintr()
    else:
        login.shown = login.child.before
    login.refused()
    return login.shown


def let_in(actor):
    result = actor.run(["sudo", "id"])
    assert result.returncode == 0 and ROOT in result.stdout, result.stderr


# Request.

def test_reason_mandatory(under, alice):
    under("reason = required\nreason-min-length = 10\n")
    refused(ask(alice), "PolicyRefused", "policy root", "reason")
    refused(ask(alice, "--reason", "short"), "PolicyRefused", "10")
    for bad in ("   ", "           ", "two\nlines of text", "a bell \a in the text"):
        assert ask(alice, "--reason", bad).returncode in (1, 2), bad
    assert not done(alice.checkoutctl("list", "--mine", "--json"))
    shown = shut(alice)
    assert 'checkoutctl request root --door sudo --reason "' in shown, "the line to type was not shown"
    explain(alice, "wants a reason", "at least 10 characters")
    (filed,) = done(ask(alice, "--reason", "the disk of db1 is full"))
    assert filed["reason"] == "the disk of db1 is full"


def test_ticket_pattern(under, alice):
    under("ticket = required\nticket-pattern = (CHG|INC)-[0-9]{4,}\n")
    refused(ask(alice), "PolicyRefused", "ticket")
    for bad in ("CHG-12", "xCHG-1234", "CHG-1234x", "chg-1234"):
        refused(ask(alice, "--ticket", bad), "PolicyRefused", "(CHG|INC)-[0-9]{4,}")
    explain(alice, "wants a ticket", "(CHG|INC)-[0-9]{4,}")
    (filed,) = done(ask(alice, "--ticket", "INC-47110"))
    assert filed["ticket"] == "INC-47110"


def test_duration_default_chosen_maximum(under, alice, bob):
    under("duration = 30min\nmax-duration = 2h\n")
    (default,) = done(ask(alice))
    assert default["duration"] == 1800
    (chosen,) = done(ask(alice, "--for", "2h", account="oracle"))
    assert chosen["duration"] == 7200
    done(decide(bob, "approve", chosen["id"]))
    running = alice.show(chosen["id"])
    assert running["end"] - running["start"] == 7200
    done(alice.checkoutctl("cancel", str(default["id"]), "--json"))
    refused(ask(alice, "--for", "2h 1s"), "PolicyRefused", "at most 2h")
    explain(alice, "gives 30min, at most 2h")


def test_future_window(under, alice, bob, journal):
    under()
    (filed,) = done(ask(alice, "--start", "+2s", "--for", "1h"))
    done(decide(bob, "approve", filed["id"]))
    if state(alice, filed["id"]) == "approved":
        shown = shut(alice)
        assert "approved" in shown and "starts at" in shown, shown
    journal.wait(CHECKOUT_EVENT="started", CHECKOUT_ID=filed["id"])
    let_in(alice)
    (later,) = done(ask(alice, "--start", "+2h", account="oracle"))
    done(decide(bob, "approve", later["id"]))
    checkout = alice.show(later["id"])
    assert checkout["state"] == "approved" and "end" not in checkout
    past = datetime.datetime.now() - datetime.timedelta(hours=2)
    result = ask(alice, "--start", past.strftime("%Y-%m-%d %H:%M"))
    assert result.returncode == 2 and "has passed" in result.stderr


def test_pending_requests_lapse(under, alice, bob, enter):
    under("pending-timeout = 1s\n")
    login = enter(alice)
    number = login.held()
    login.refused("lapsed")
    refused(decide(bob, "approve", number), "WrongState", "lapsed at", "undecided")
    explain(alice, "within 1s")
    assert ask(alice, "--wait").returncode == 3


def test_duplicates_caps_rate(under, host, alice, bob):
    under("max-open = 2\n", base=BASE.replace("oracle", "oracle, daemon, bin"))
    (first,) = done(ask(alice))
    (again,) = done(ask(alice))
    assert again["id"] == first["id"], "the same request was filed twice"
    done(ask(alice, account="oracle"))
    refused(ask(alice, account="daemon"), "LimitReached", "2 open", "cancel or check in")
    explain(alice, "at most 2", "now: alice has 2 open", account="daemon")
    crowd = host.actor("ops07")
    for _ in range(20):
        (filed,) = done(ask(crowd))
        done(crowd.checkoutctl("cancel", str(filed["id"]), "--json"))
    refused(ask(crowd), "LimitReached", "within a minute")


def test_withdraw(under, alice, bob, mallory, enter):
    under()
    login = enter(alice)
    number = login.held()
    assert mallory.checkoutctl("cancel", str(number)).returncode == 1
    done(alice.checkoutctl("cancel", str(number), "--json"))
    login.refused("cancelled")
    refused(decide(bob, "approve", number), "WrongState", "cancelled by alice at")


def test_wait_or_come_back(under, host, alice, bob, enter):
    under()
    waiting = alice.start(["checkoutctl", "request", "root", "--wait", "--json"])
    filed = json.loads(waiting.stdout.readline())
    assert filed["state"] == "pending"
    done(decide(bob, "approve", filed["id"]))
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 0
    assert json.loads(out.splitlines()[-1])["state"] in ("approved", "active")
    host.pam(account="")
    number = int(re.search(r"request (\d+)", shut(host.actor("ops01"))).group(1))
    done(decide(bob, "approve", number))
    let_in(host.actor("ops01"))


def test_dry_run_explain(under, alice, bob, root):
    under()
    explain(alice, "50-test.conf:1 [policy root]: decides")
    explain(alice, "accounts do not include daemon", account="daemon", verdict="unmanaged")
    explain(root, "requesters do not include mallory", person="mallory", verdict="nobody")
    refused(alice.checkoutctl("explain", "--account", "root", "--person", "bob", "--json"),
            "NotPermitted", "about yourself")
    before = int(time.time()) + 1
    while time.time() < before + 1:
        time.sleep(0.1)
    under(base=BASE.replace("%ops", "mallory"))
    explain(alice, "requesters do not include alice", verdict="nobody")
    explain(alice, "decides", at=f"@{before}")
    assert not done(alice.checkoutctl("list", "--all", "--json")), "explain has filed something"


def test_preferred_approver(under, alice, bob, carol):
    under()
    (filed,) = done(ask(alice, "--to", "carol"))
    assert "carol" in bob.checkoutctl("show", str(filed["id"])).stdout
    done(decide(bob, "approve", filed["id"]))
    assert state(alice, filed["id"]) == "active", "the wish was taken for a rule"


# Routing.

def test_default_policy_overrides(under, alice):
    oracle = BASE.replace("policy root", "policy oracle").replace("root, ", "") + "duration = 5min\n"
    under("duration = 2h\n", _10_oracle=oracle, _90_never=BASE.replace("policy root", "policy last"))
    assert explain(alice, "10_oracle.conf:1 [policy oracle]: decides",
                   account="oracle")["policy"] == "oracle"
    assert explain(alice, "10_oracle.conf:1 [policy oracle]: accounts do not include root",
                   "50-test.conf:1 [policy root]: decides")["policy"] == "root"
    assert done(ask(alice, account="oracle"))[0]["duration"] == 300
    assert done(ask(alice))[0]["duration"] == 7200


def test_who_may_request_apart_from_who_may_approve(under, host, alice, bob, root):
    under()
    refused(ask(bob), "PolicyRefused", "bob")
    explain(root, "requesters do not include bob", person="bob", verdict="nobody")
    (filed,) = done(ask(alice))
    refused(decide(host.actor("ops03"), "approve", filed["id"]), "NotPermitted")
    done(decide(bob, "approve", filed["id"]))


def test_auto_approve_recorded_and_time_boxed(under, host, alice, journal):
    under(base="[policy root]\naccounts = root\nrequesters = %ops\napproval = none\n"
               "duration = 1s\nreason = required\n")
    refused(ask(alice), "PolicyRefused", "reason")
    (granted,) = done(ask(alice, "--reason", "the nightly restart"))
    approved = journal.wait(CHECKOUT_EVENT="approved", CHECKOUT_ID=granted["id"])
    assert approved["CHECKOUT_REASON"] == "the policy asks for no approval"
    journal.wait(CHECKOUT_EVENT="expired", CHECKOUT_ID=granted["id"])
    assert 'checkoutctl request root --door sudo --reason "' in shut(alice)
    explain(alice, "asks for no approval", "gives 1s")


def test_quorum_of_distinct_people(under, host, alice, bob, carol, enter):
    under("quorum = 2\n")
    login = enter(alice)
    number = login.held()
    done(decide(bob, "approve", number))
    refused(decide(bob, "approve", number), "AlreadyDecided", "bob", "somebody else")
    refused(decide(host.actor("carol", login="bob"), "approve", number), "AlreadyDecided")
    assert state(alice, number) == "pending"
    explain(alice, "2 approvals")
    done(decide(carol, "approve", number))
    login.entered()
    assert [d["actor"] for d in alice.show(number)["decisions"]] == ["bob", "carol"]


def test_and_or_of_groups(under, host, alice, bob, carol):
    rule = "quorum = security:1 & managers:1 | dave:1\n"
    under(rule, base=BASE.replace("%security", "%security, %managers, dave"))
    (both,) = done(ask(alice))
    done(decide(carol, "approve", both["id"]))
    assert state(alice, both["id"]) == "pending", "carol is in both groups, but one person"
    done(decide(bob, "approve", both["id"]))
    assert state(alice, both["id"]) == "active"
    assert {d["actor"]: d["term"] for d in alice.show(both["id"])["decisions"]}.keys() == \
        {"bob", "carol"}
    (either,) = done(ask(alice, account="oracle"))
    done(decide(host.actor("dave"), "approve", either["id"]))
    assert state(alice, either["id"]) == "active"
    explain(alice, "security", "managers", "dave")


def test_levels_in_order(under, host, alice, bob):
    under("quorum = security:1 then dave:1\n", base=BASE.replace("%security", "%security, dave"))
    dave = host.actor("dave")
    (filed,) = done(ask(alice))
    refused(decide(dave, "approve", filed["id"]), "NotPermitted", "would not help")
    done(decide(bob, "approve", filed["id"]))
    assert state(alice, filed["id"]) == "pending"
    done(decide(dave, "approve", filed["id"]))
    assert state(alice, filed["id"]) == "active"
    explain(alice, "then")


def test_hours_and_source_network(under, alice, root, enter):
    tomorrow = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2))
    under(f"hours = {tomorrow:%a} 09:00-17:00 UTC\n")
    refused(ask(alice), "PolicyRefused", "at that time")
    shut(alice)
    explain(alice, "outside its hours", verdict="outside-hours")
    ahead = tomorrow.replace(hour=10, minute=0, second=0)
    explain(alice, "decides", door="sudo", at=f"@{int(ahead.timestamp())}")
    done(ask(alice, "--start", f"@{int(ahead.timestamp())}"))
    under("from = 10.1.0.0/16\n")
    explain(alice, "decides", door="ssh", **{"from": "10.1.2.3"})
    explain(alice, "from does not include 10.2.0.1", door="ssh", verdict="nobody",
            **{"from": "10.2.0.1"})
    explain(alice, "from does not include local", door="sudo", verdict="nobody")
    shut(alice)


def test_no_approver_can_decide(under, host, alice, carol, root, enter):
    under(base="[policy root]\naccounts = root\nrequesters = carol\napprovers = %managers\n")
    refused(ask(carol), "NoApprover", "nobody", "carol")
    shown = shut(carol)
    assert "waiting" not in shown
    explain(carol, "now: ", "nobody can give that")
    result = root.checkoutctl("policy", "check")
    assert result.returncode == 1 and "root" in result.stdout + result.stderr


# Decision.

def test_approve_and_deny_with_reason_and_limit(under, alice, bob, enter):
    under("duration = 1h\n")
    (filed,) = done(ask(alice, "--for", "30min"))
    refused(decide(bob, "approve", filed["id"], "--for", "31min"), "InvalidArgument", "shorten")
    done(decide(bob, "approve", filed["id"], "--for", "10min", "--reason", "only the log files"))
    checkout = alice.show(filed["id"])
    assert checkout["end"] - checkout["start"] == 600
    assert checkout["decisions"][0]["reason"] == "only the log files"
    done(alice.checkoutctl("checkin", str(filed["id"]), "--json"))
    login = enter(alice)
    number = login.held()
    assert bob.checkoutctl("deny", str(number)).returncode == 2, "denied without a reason"
    done(decide(bob, "deny", number, "--reason", "not on a Friday"))
    login.refused("denied by bob", "not on a Friday")


def test_one_denial_ends_it(under, alice, bob, carol):
    under("quorum = 2\n")
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    done(decide(carol, "deny", filed["id"], "--reason", "no"))
    assert state(alice, filed["id"]) == "denied"
    refused(decide(bob, "approve", filed["id"]), "AlreadyDecided", "denied by carol at")


def test_who_has_approved_may_still_deny(under, alice, bob, carol, enter):
    under("quorum = 2\n")
    login = enter(alice)
    number = login.held()
    done(decide(bob, "approve", number))
    done(decide(bob, "deny", number, "--reason", "I have read it again"))
    login.refused("denied by bob", "I have read it again")
    refused(decide(carol, "approve", number), "AlreadyDecided", "denied by bob at")


def test_revoke(under, alice, bob, carol, mallory):
    under()
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    let_in(alice)
    assert decide(mallory, "revoke", filed["id"], "--reason", "no").returncode == 1
    done(decide(carol, "revoke", filed["id"], "--reason", "enough"))
    assert state(alice, filed["id"]) == "revoked"
    shut(alice)
    refused(decide(bob, "revoke", filed["id"], "--reason", "too"), "WrongState",
            "revoked by carol at")


def test_grant_without_a_request(under, host, alice, bob, carol, erin):
    under("quorum = 2\n")
    (granted,) = done(bob.checkoutctl("grant", "alice", "root", "--reason", "on call", "--json"))
    assert granted["person"] == "alice" and state(alice, granted["id"]) == "pending"
    refused(decide(bob, "approve", granted["id"]), "AlreadyDecided")
    done(decide(carol, "approve", granted["id"]))
    let_in(alice)
    refused(host.actor("ops01").checkoutctl("grant", "ops02", "root", "--reason", "x", "--json"),
            "NotPermitted")
    refused(bob.checkoutctl("grant", "bob", "root", "--reason", "x", "--json"), "PolicyRefused")


def test_several_at_once(under, host, alice, bob):
    under()
    numbers = [done(ask(alice))[0]["id"], done(ask(alice, account="oracle"))[0]["id"],
               done(ask(host.actor("ops01")))[0]["id"]]
    done(decide(bob, "deny", numbers[1], "--reason", "no"))
    result = decide(bob, "approve", *numbers)
    assert result.returncode == 1
    assert [state(bob, number) for number in numbers] == ["active", "denied", "active"]
    said = [json.loads(line) for line in result.stderr.splitlines()]
    assert [(error["id"], error["error"]) for error in said] == [(numbers[1], "AlreadyDecided")]


def test_no_self_approval(under, host, alice, bob):
    under(base=BASE.replace("%ops", "%ops, %security"))
    (filed,) = done(ask(bob))
    refused(decide(bob, "approve", filed["id"]), "SelfApproval", "bob")
    refused(decide(host.actor("carol", login="bob"), "approve", filed["id"]), "SelfApproval")
    refused(decide(host.actor("root", login="bob"), "approve", filed["id"]), "NotPermitted", "root")
    (other,) = done(ask(host.actor("alice", login="carol")))
    refused(decide(host.actor("carol"), "approve", other["id"]), "SelfApproval",
            "had logged in as you")
    explain(bob, "never the requester's own")
    under("self-approval = yes\n", base=BASE.replace("%ops", "%ops, %security"))
    done(decide(bob, "approve", filed["id"]))
    assert state(bob, filed["id"]) == "active"


def test_approver_sees_exactly_what_is_approved(under, alice, bob, enter, host):
    under()
    login = enter(alice, env={"CHECKOUT_REASON": "look \u202ehere\u200b",
                              "CHECKOUT_TICKET": "INC-1"}, command=["sudo", "id", "\x1b]0;x\x07"])
    number = login.held()
    child = bob.terminal(["checkoutctl", "approve", str(number)])
    child.expect(r"\[y/N\] ?")
    shown = child.before
    for word in ("alice", "root", "vault", "sudo", "INC-1", r"\u{202E}", "environment"):
        assert word in shown, shown
    for raw in ("\u202e", "\u200b", "\x1b]", "\x07"):
        assert raw not in shown
    child.sendline("n")
    child.expect("\n")
    child.close()
    assert state(alice, number) == "pending"
    approval = bob.show(number)["digest"]
    assert re.fullmatch("[0-9a-f]{64}", approval)
    result = bob.run(["busctl", "--system", "call", "org.pamcheckout.Broker1",
                      "/org/pamcheckout/Broker1", "org.pamcheckout.Broker1", "Approve", "ta{sv}",
                      str(number), "1", "digest", "s", "0" * 64])
    assert result.returncode != 0 and "not what you were shown" in result.stderr
    login.child.sendintr()
    login.refused()


# Life.

def test_clock_at_approval_or_first_use(under, alice, bob, journal):
    under("clock = first-use\nuse-within = 1h\nduration = 10min\n")
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    checkout = alice.show(filed["id"])
    assert checkout["state"] == "approved" and "end" not in checkout
    explain(alice, "runs from the first use", "within 1h")
    let_in(alice)
    used = alice.show(filed["id"])
    assert used["state"] == "active" and used["end"] - used["start"] == 600
    under("clock = first-use\nuse-within = 1s\n")
    (unused,) = done(ask(alice, account="oracle"))
    done(decide(bob, "approve", unused["id"]))
    journal.wait(CHECKOUT_EVENT="expired", CHECKOUT_ID=unused["id"])
    under("clock = approval\n")
    (third,) = done(ask(alice, account="oracle"))
    done(decide(bob, "approve", third["id"]))
    assert state(alice, third["id"]) == "active"


def test_exclusive(under, host, alice, bob, enter):
    under("exclusive = yes\n")
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    other = host.actor("ops05")
    refused(ask(other), "PolicyRefused", "checked out to alice until", "ask alice")
    shown = shut(other)
    assert "alice" in shown and "waiting" not in shown
    explain(other, "one person has the account at a time", "now: root is checked out to alice")
    done(alice.checkoutctl("checkin", str(filed["id"]), "--json"))
    done(ask(other))


def test_number_of_uses(under, alice, bob, enter):
    under("uses = 2\n")
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    let_in(alice)
    let_in(alice)
    assert alice.show(filed["id"])["uses"] == 2
    login = enter(alice)
    assert login.held() != filed["id"]
    login.child.sendintr()
    login.refused()
    explain(alice, "opens 2 doors")


def test_give_back_early(under, alice, bob, mallory):
    under()
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    let_in(alice)
    refused(decide(bob, "checkin", filed["id"]), "NotPermitted", "revoke")
    done(alice.checkoutctl("checkin", str(filed["id"]), "--json"))
    shut(alice)
    refused(alice.checkoutctl("checkin", str(filed["id"]), "--json"), "WrongState",
            "checked in by alice at")


def test_forced_check_in(under, alice, bob, erin):
    under()
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    done(decide(erin, "revoke", filed["id"], "--reason", "maintenance"))
    assert state(alice, filed["id"]) == "revoked"
    shut(alice)


def test_extension(under, alice, bob):
    under("duration = 30min\nmax-duration = 1h\n")
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    end = alice.show(filed["id"])["end"]

    def extend(seconds):
        return alice.checkoutctl("extend", str(filed["id"]), "--for", f"{seconds}s", "--reason",
                                 "not done yet", "--json")

    refused(extend(1801), "PolicyRefused", "30min at most")
    (extension,) = done(extend(1800))
    assert extension["extends"] == filed["id"]
    assert alice.show(filed["id"])["end"] == end, "extended before it was approved"
    refused(decide(alice, "approve", extension["id"]), "SelfApproval")
    done(decide(bob, "approve", extension["id"]))
    assert state(alice, extension["id"]) == "applied"
    assert alice.show(filed["id"])["end"] == end + 1800
    refused(extend(1), "PolicyRefused", "cannot be extended")
    explain(alice, "at most 1h")


# Audit.

def test_every_transition_is_recorded(under, host, alice, bob, erin, journal):
    under()
    (denied,) = done(ask(alice))
    done(decide(bob, "deny", denied["id"], "--reason", "no"))
    (withdrawn,) = done(ask(alice))
    done(alice.checkoutctl("cancel", str(withdrawn["id"]), "--json"))
    host.policy(without_reason(BASE) + "duration = 2h\n", settings=SETTINGS)
    assert erin.checkoutctl("reload").returncode == 0
    host.policy(BASE + "durations = 2h\n", settings=SETTINGS)
    refused(erin.checkoutctl("reload", "--json"), "InvalidArgument", "durations")
    explain(alice, "gives 2h")
    events = [event for (event,) in host.ledger("select event from audit order by seq")]
    assert events[-6:] == ["requested", "denied", "requested", "cancelled", "policy-loaded",
                           "policy-rejected"]
    for (seq, event, record) in host.ledger("select seq, event, record from audit"):
        entry = journal.wait(CHECKOUT_SEQ=seq) if seq > 3 else None
        assert entry is None or entry["CHECKOUT_EVENT"] == event
        assert json.loads(record)["event"] == event


def test_history_survives_the_end(under, host, alice, bob, journal):
    under()
    (filed,) = done(ask(alice, "--for", "1s", "--reason", "quick look"))
    done(decide(bob, "approve", filed["id"]))
    journal.wait(CHECKOUT_EVENT="expired", CHECKOUT_ID=filed["id"])
    host.broker.kill()
    host.broker.wait_ready(host.broker.starts)
    (listed,) = done(alice.checkoutctl("list", "--state", "expired", "--json"))
    assert (listed["id"], listed["reason"]) == (filed["id"], "quick look")
    assert alice.show(filed["id"])["decisions"][0]["actor"] == "bob"
    assert not done(alice.checkoutctl("list", "--json"))


def test_what_was_done_under_a_checkout(under, host, alice, bob, journal):
    under()
    (filed,) = done(ask(alice))
    done(decide(bob, "approve", filed["id"]))
    let_in(alice)
    opened = journal.wait(CHECKOUT_EVENT="session-opened", CHECKOUT_ID=filed["id"])
    closed = journal.wait(CHECKOUT_EVENT="session-closed", CHECKOUT_ID=filed["id"])
    assert opened["CHECKOUT_SESSION"] == closed["CHECKOUT_SESSION"]
    (session,) = alice.show(filed["id"])["sessions"]
    assert session["session"] == opened["CHECKOUT_SESSION"]
    assert session["opened"] <= session["closed"]


def test_auditor_who_cannot_administer(under, host, alice, bob, mallory):
    under()
    dave = host.actor("dave")
    (filed,) = done(ask(alice))
    assert [row["id"] for row in done(dave.checkoutctl("list", "--json"))] == [filed["id"]]
    assert done(dave.checkoutctl("explain", "--account", "root", "--person", "alice", "--json"))
    refused(decide(dave, "approve", filed["id"]), "NotPermitted")
    refused(decide(dave, "deny", filed["id"], "--reason", "no"), "NotPermitted")
    done(decide(bob, "approve", filed["id"]))
    refused(decide(dave, "revoke", filed["id"], "--reason", "no"), "NotPermitted")
    refused(dave.checkoutctl("reload", "--json"), "NotPermitted")
    assert not done(mallory.checkoutctl("list", "--all", "--json"))
    assert mallory.checkoutctl("show", str(filed["id"])).returncode == 1


# Telling people.

def test_approvers_and_requester_are_told(under, alice, bob, carol, enter):
    under("quorum = 2\n")
    watching = bob.terminal(["checkoutctl", "watch"])
    login = enter(alice)
    number = login.held()
    watching.expect(rf"{number}\b[^\n]*alice")
    done(decide(bob, "approve", number))
    login.see("bob")
    done(decide(carol, "approve", number))
    login.entered()
    watching.expect("active")
    watching.sendintr()
    watching.close()


def test_readable_refusal(under, host, alice):
    under()
    host.pam(account="")
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code != 0 and ROOT not in shown
    number = alice.checkoutctl("list", "--mine", "--json").stdout
    assert f"request {json.loads(number)['id']}" in shown, "no number"
    assert "%security" in shown, "not who can approve"
    assert "come back" in shown or "run it again" in shown or "again" in shown, shown
    explain(alice, "decides")
