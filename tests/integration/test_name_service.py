# SPDX-License-Identifier: LGPL-2.1-or-later
"""A name service that hangs: who needs no look-up of it is answered as ever, everybody else in bounded
time, and it all comes back."""

import ctypes.util
import pwd
import shutil
import subprocess
import time
from pathlib import Path

import pytest

SWITCH = Path("/etc/nsswitch.conf")
SCRIPT = Path("/run/nss-scripted")

# What the module promises its host (LIMIT_ANSWER_MS), and room for a busy machine around it.
BOUND = 5
SLACK = 10

NOBODY_THERE = tuple(f"org.freedesktop.DBus.Error.{name}" for name in
                     ("ServiceUnknown", "NameHasNoOwner", "NoReply"))

POLICY = """
[policy by-name]
accounts = root
requesters = alice
approvers = bob
reason = optional

[policy by-group]
accounts = oracle
requesters = %ops
approvers = %security
reason = optional
"""


@pytest.fixture(scope="module")
def library(private_machine, request):
    """The service, beside libc, where the loader looks without a cache."""
    built = Path(request.config.getoption("build")) / "tests/nss/libnss_scripted.so"
    libc = next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()
                if line.endswith("/" + ctypes.util.find_library("c")))
    return shutil.copy(built, Path(libc).with_name("libnss_scripted.so.2"))


@pytest.fixture
def service(host, library):
    """service("hang"), service("up"): what the name service behind the files does."""
    before = SWITCH.read_text()
    SCRIPT.write_text("up")
    SWITCH.write_text(before.replace("passwd: files", "passwd: files scripted")
                      .replace("group: files", "group: files scripted"))
    host.pam(account="account=root")
    (Path("/etc/pam.d") / "su").write_text("account required pam_checkout.so\n")
    (Path("/etc/pam.d") / "su-unmanaged").write_text(
        "account required pam_checkout.so door=su account=other-alice\n")
    host.stop_broker()
    host.policy(POLICY)
    host.start_broker()
    assert subprocess.run(["getent", "passwd", "scripted-alice"], capture_output=True).returncode == 0
    yield SCRIPT.write_text
    SCRIPT.write_text("up")
    SWITCH.write_text(before)


def start_knocking(service, user, account):
    """A person at a door, by the module alone: sudo and su ask the name service for themselves."""
    return subprocess.Popen(
        ["bash", "-c", 'echo "$1" > /proc/self/loginuid; shift; exec "$@"', "knock",
         str(pwd.getpwnam(user).pw_uid), "pamtester", "-I", f"ruser={user}", "-I", "tty=/dev/pts/0",
         service, account, "acct_mgmt"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def knock(service, user, account):
    """Whether it opened, what was said, and how long that took."""
    begin = time.monotonic()
    with start_knocking(service, user, account) as process:
        said, _ = process.communicate(timeout=BOUND + SLACK)
    return process.returncode == 0, said, time.monotonic() - begin


def test_doors_that_need_no_look_up_answer_as_before(service, on_bus):
    alice, bob = on_bus("alice"), on_bus("bob")
    service("hang")
    opened, said, took = knock("su", "alice", "root")
    assert not opened and "request 1 filed; bob can approve it" in said, said
    assert took < BOUND
    bob.value("Approve", bob.approval(1))
    opened, said, took = knock("su", "alice", "root")
    assert opened, said
    assert took < BOUND
    alice.value("CheckIn", "(uint64 1,)")
    assert not knock("su", "alice", "root")[0]


def test_doors_that_need_one_are_refused_in_bounded_time(service, on_bus, host):
    alice, bob = on_bus("alice"), on_bus("bob")
    number = alice.request("oracle")
    bob.approve(number)
    assert knock("su", "alice", "oracle")[0]
    service("hang")
    opened, said, took = knock("su", "alice", "oracle")
    assert not opened and took < BOUND + 1, took
    assert "the name service did not say in time which groups alice is in: try again" in said, said
    opened, said, took = knock("su", "alice", "scripted-alice")
    assert not opened and took < BOUND + 1, took
    assert "the name service did not say in time who scripted-alice is: try again" in said, said
    # The check-out is not lost, and opens again when the service is back.
    assert alice.get(number)["state"] == "active"
    service("up")
    opened, said, _ = knock("su", "alice", "oracle")
    assert opened, said


def test_many_at_once(service):
    """Those who hang keep nobody waiting who does not need to."""
    service("hang")
    held = [start_knocking("su", f"ops{number:02}", "oracle") for number in range(20)]
    _, said, took = knock("su", "alice", "root")
    assert "bob can approve it" in said and took < BOUND
    for process in held:
        with process:
            said, _ = process.communicate(timeout=BOUND + SLACK)
        assert process.returncode != 0
        assert "the name service did not say in time" in said, said


def test_the_bus_interface_stays_alive(service, on_bus):
    alice, bob, mallory = on_bus("alice"), on_bus("bob"), on_bus("mallory")
    number = alice.request("root")
    service("hang")
    begin = time.monotonic()
    alice.value("Introspect", interface="org.freedesktop.DBus.Introspectable")
    assert time.monotonic() - begin < 1, "Introspect waited for a name"
    calls = [alice.send("Get", f"(uint64 {number},)"), alice.send("List", "(@a{sv} {'mine': <true>},)"),
             bob.send("Approve", f"(uint64 {number}, {{'digest': <'{'0' * 64}'>}})"),
             mallory.send("Request", "('oracle', @a{sv} {})")]
    get, listed, approve, request = [call.get(timeout=BOUND + SLACK) for call in calls]
    assert get.error is None and get.value[0]["id"] == number
    assert listed.error is None and [row["id"] for row in listed.value[0]] == [number]
    assert approve.ours == "Changed", approve
    assert request.ours == "PolicyRefused" and "name service did not say in time" in request.message
    service("up")
    assert alice.get(number)["state"] == "pending"
    bob.approve(number)
    assert alice.get(number)["state"] == "active"


def test_a_start_while_it_hangs(service, host, on_bus):
    """Nobody is answered by rules that have not been read, at no door; then everybody is."""
    host.stop_broker()
    host.policy(POLICY.replace("accounts = root", "accounts = root, not-in-the-files"))
    host.start_broker()
    alice, bob = on_bus("alice"), on_bus("bob")
    number = alice.request("root")
    approval = bob.approval(number)
    service("hang")
    starts = host.broker.starts
    host.broker.kill()
    deadline = time.monotonic() + BOUND + SLACK
    reply = bob.call("Approve", approval)
    while reply.error in NOBODY_THERE and time.monotonic() < deadline:
        time.sleep(0.02)
        reply = bob.call("Approve", approval)
    assert reply.error is None, reply
    host.broker.wait_ready(starts + 1)
    assert knock("su", "alice", "root")[0]


def test_an_account_that_could_not_be_told_at_the_start(service, host):
    """The policy knows its name alone until the name service is back, and then its other names, too,
    without a reload."""
    passwd = Path("/etc/passwd")
    before = passwd.read_text()
    host.stop_broker()
    host.policy(POLICY.replace("accounts = root", "accounts = root, scripted-alice"))
    # Another name of the account, which the files have.
    passwd.write_text(before + "other-alice:x:60001:60001::/:/bin/false\n")
    try:
        service("unavailable")
        host.start_broker()
        assert "no policy manages the account other-alice" in knock("su-unmanaged", "alice", "other-alice")[1]
        service("up")
        deadline = time.monotonic() + 30
        while "request" not in (said := knock("su-unmanaged", "alice", "other-alice")[1]):
            assert time.monotonic() < deadline, said
            time.sleep(0.2)
    finally:
        passwd.write_text(before)
