# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl and the real broker: what one sends the other takes, and the answers are shown."""

import json
import subprocess

import pytest


def rows(actor, *arguments):
    done = actor.checkoutctl("list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def error(done):
    return json.loads(done.stderr.splitlines()[-1])["error"]


def test_from_request_to_return(alice, bob):
    done = alice.checkoutctl("request", "root", "--reason", "disk full", "--ticket", "INC-1", "--for", "30min",
                             "--door", "sudo", "--to", "bob")
    assert done.returncode == 0 and "it waits for approval until" in done.stdout, done.stderr
    [request] = rows(alice, "--mine")
    assert [row["id"] for row in rows(bob, "--decidable")] == [request["id"]]
    assert rows(bob, "--all", "--person", "alice", "--account", "root", "--since", "-1h", "--until", "+1h")
    assert rows(bob, "--state", "denied,lapsed") == []

    number = str(request["id"])
    shown = bob.checkoutctl("show", number).stdout
    for part in ("alice", "root", "disk full", "INC-1", "30min", "sudo", "pending"):
        assert part in shown
    done = bob.checkoutctl("approve", number, "--for", "20min", "--reason", "go ahead")
    assert done.returncode == 0 and f"request {number} is active: alice may enter root" in done.stdout, done.stderr
    assert alice.show(number)["decisions"][0]["seconds"] == 1200

    done = alice.checkoutctl("extend", number, "--for", "10min", "--reason", "not done yet", "--json")
    assert done.returncode == 0, done.stderr
    extension = json.loads(done.stdout)
    assert extension["extends"] == request["id"] and extension["state"] == "pending"
    before = alice.show(number)["end"]
    assert bob.checkoutctl("approve", str(extension["id"])).returncode == 0
    assert alice.show(number)["end"] == before + 600
    assert alice.show(extension["id"])["state"] == "applied"

    done = alice.checkoutctl("checkin", number)
    assert done.returncode == 0 and done.stdout == f"request {number} was given back\n"


def test_deny_cancel_revoke(alice, bob):
    number = str(alice.request())
    done = bob.checkoutctl("deny", number, "--reason", "not today")
    assert done.returncode == 0 and done.stdout == f"request {number} was denied by bob: not today\n"
    assert error(bob.checkoutctl("approve", number, "--json")) == "AlreadyDecided"

    number = str(alice.request())
    assert error(bob.checkoutctl("cancel", number, "--json")) == "NotPermitted"
    assert alice.checkoutctl("cancel", number).returncode == 0

    number = str(alice.request())
    bob.approve(number)
    done = bob.checkoutctl("revoke", number, "--reason", "enough")
    assert done.returncode == 0 and done.stdout == f"request {number} was revoked\n"


@pytest.mark.parametrize("verb, arguments, code, word", [
    ("approve", ["--yes"], 0, "is active"), ("deny", ["--reason", "not today"], 1, "denied by bob: not today")])
def test_wait(alice, bob, verb, arguments, code, word):
    child = alice.terminal(["checkoutctl", "request", "root", "--reason", "disk full", "--wait"])
    child.expect(r"request (\d+) filed")
    number = child.match.group(1)
    child.expect("waiting, lapses in")
    assert bob.checkoutctl(verb, number, *arguments).returncode == 0
    child.expect(f"request {number} .*{word}")
    child.expect("\n")
    child.wait()
    assert child.exitstatus == code


def test_watch_tells_approvers_and_nobody_else(alice, bob, mallory):
    with bob.start(["checkoutctl", "watch", "--json"]) as watch, \
            mallory.start(["checkoutctl", "watch", "--json"]) as outsider:
        number = alice.request()
        row = json.loads(watch.stdout.readline())
        assert (row["id"], row["state"]) == (number, "pending")
        bob.approve(number)
        states = []
        while "active" not in states:
            states.append(json.loads(watch.stdout.readline())["state"])
        for process in (watch, outsider):
            process.terminate()
        assert watch.wait() == 0
        assert outsider.communicate()[0] == ""


def test_grant(host, alice, bob):
    done = bob.checkoutctl("grant", "alice", "root", "--reason", "on call", "--for", "10min")
    assert done.returncode == 0 and "is active: alice may enter root" in done.stdout, done.stderr
    assert error(alice.checkoutctl("grant", "alice", "root", "--json")) in ("SelfApproval", "NotPermitted")


def test_root_decides_nothing(host, alice):
    number = str(alice.request())
    done = subprocess.run(["checkoutctl", "approve", number, "--yes"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.count("yourself") == 1, done.stderr
    assert alice.show(number)["state"] == "pending"


def test_explain(alice, bob):
    done = alice.checkoutctl("explain", "--account", "root", "--door", "sudo")
    assert done.returncode == 0 and done.stdout.startswith("a policy decides (policy root)"), done.stderr
    done = alice.checkoutctl("explain", "--account", "root", "--door", "sudo", "--json", "--at", "now")
    assert json.loads(done.stdout)["verdict"] == "decides"
    assert error(bob.checkoutctl("explain", "--person", "alice", "--account", "root", "--json")) == "NotPermitted"


def test_policies(host, alice):
    good = subprocess.run(["checkoutctl", "policy", "check"], capture_output=True, text=True, timeout=60)
    assert good.returncode == 0, good.stdout + good.stderr
    assert subprocess.run(["checkoutctl", "reload"], timeout=60).returncode == 0
    assert error(alice.checkoutctl("reload", "--json")) == "NotPermitted"
    host.policy("[policy root]\nacounts = root\n")
    for command in (["policy", "check"], ["reload"]):
        done = subprocess.run(["checkoutctl", *command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "50-test.conf:2" in done.stderr, done.stderr
