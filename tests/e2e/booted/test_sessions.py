# SPDX-License-Identifier: LGPL-2.1-or-later
"""At the end the access really ends: with everything in it, and with nothing else."""

import time
from pathlib import Path

import pytest

import held
from host.booted import BROKER, GATE


def end_by_revoke(host, number, person):
    done = host.actor("bob").checkoutctl("revoke", str(number), "--reason", "enough")
    assert done.returncode == 0, done.stderr


def end_by_check_in(host, number, person):
    done = host.run(["runuser", "-u", person, "--", "checkoutctl", "checkin", str(number)],
                    check=True)
    assert "was given back" in done.stdout


def end_by_time(host, number, person):
    """It comes by itself."""


ENDS = {"revoke": end_by_revoke, "check-in": end_by_check_in, "time": end_by_time}
EVENTS = {"revoke": "revoked", "check-in": "returned", "time": "expired"}


def check_all_gone(host, kinds, number, end, record_property):
    began = time.monotonic()
    if end == "time":
        (expired,) = held.await_event(host, number, "expired")
        began -= time.time() - int(expired["__REALTIME_TIMESTAMP"]) / 1e6
        began = min(began, time.monotonic())
    seconds = held.await_none(host, began)
    record_property("seconds", round(seconds, 2))
    for kind in kinds:
        kind.own_is_intact()
        kind.close()
    rows = held.await_closed(host, number)
    assert len(rows) == len(kinds)
    told = held.all_events(host, number)
    survivors = [entry["MESSAGE"] for entry in told
                 if entry["CHECKOUT_EVENT"] == "session-survived"]
    assert not survivors and {how for _, how, _ in rows} <= {"ended", "killed"}, (survivors, rows)
    steps = [entry["CHECKOUT_EVENT"] for entry in told]
    over = steps.index(EVENTS[end])
    assert steps[:over].count("session-opened") == len(kinds)
    assert steps[over:].count("session-closed") + steps[over:].count("session-killed") == len(kinds)


@pytest.mark.parametrize("end", ENDS)
def test_sudo_and_su_end(machine, long, end, record_property):
    if end != "revoke" and machine.release == "trixie" and not long:
        pytest.skip("on one release is enough")
    held.set_up(machine, warn="3s")
    number = held.grant(machine, "alice", "root", *(("--for", "30s") if end == "time" else ()))
    kinds = held.of_alice(machine)
    held.open_all(machine, kinds)
    held.await_all(machine)
    ENDS[end](machine, number, "alice")
    check_all_gone(machine, kinds, number, end, record_property)
    for kind in kinds:
        # su's root has said `mesg n` to the terminal, which is the person's own.
        if kind.title != "su -":
            assert f"check-out {number} (alice as root) is over" in kind.shown, (kind.title, kind.shown)
        if end == "time" and kind.title != "su -":
            assert f"checkoutctl extend {number}" in kind.shown, (kind.title, kind.shown)


@pytest.mark.parametrize("end", ENDS)
def test_ssh_ends(machine, long, end, record_property):
    if end != "revoke" and machine.release == "bookworm" and not long:
        pytest.skip("on one release is enough")
    held.set_up(machine)
    number = held.grant(machine, "oracle", "oracle", *(("--for", "20s") if end == "time" else ()))
    kinds = held.of_oracle(machine)
    held.open_all(machine, kinds)
    ENDS[end](machine, number, "oracle")
    check_all_gone(machine, kinds, number, end, record_property)


def test_backstop(machine, record_property):
    """With no broker there systemd ends it, at the latest end that there can be."""
    held.set_up(machine, most="12s", more="")
    machine.policy(held.POLICY.format(most="12s", warn="1s", more="").replace("1h", "12s"))
    number = held.grant(machine, "alice", "root")
    other = held.grant(machine, "oracle", "oracle")
    # What shields itself from SIGTERM and SIGHUP stays 90 s longer in a scope of logind's.
    kinds = [held.Held(machine, "sudo", ["sudo", "spawn"]),
             held.HeldForwarding(machine, "ssh -N", [], options=held.FORWARD)]
    held.open_all(machine, kinds)
    machine.nsenter(["systemctl", "stop", BROKER, GATE])
    record_property("seconds", round(held.await_none(machine, time.monotonic()), 2))
    for kind in kinds:
        kind.own_is_intact()
        kind.close()
    machine.nsenter(["systemctl", "start", GATE, BROKER])
    for id in (number, other):
        assert [closed > 0 for _, _, closed in held.await_closed(machine, id)] == [True]
        held.await_event(machine, id, "expired")


def test_restart_in_between(machine):
    """A broker that is killed while it ends sessions goes on where it was, with the handles that
    systemd has kept."""
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    kinds = held.of_alice(machine)[:2]
    held.open_all(machine, kinds)
    machine.nsenter(["systemctl", "kill", "--signal=KILL", BROKER])
    machine.nsenter(["systemctl", "restart", BROKER])
    shown = machine.nsenter(["systemctl", "show", "--property=NFileDescriptorStore", BROKER]).stdout
    assert shown == "NFileDescriptorStore=2\n"
    end_by_revoke(machine, number, "alice")
    machine.nsenter(["systemctl", "kill", "--signal=KILL", BROKER])
    held.await_none(machine, time.monotonic())
    for kind in kinds:
        kind.own_is_intact()
        kind.close()
    rows = held.await_closed(machine, number)
    assert len(rows) == 2
    shown = machine.nsenter(["systemctl", "show", "--property=NFileDescriptorStore", BROKER]).stdout
    assert shown == "NFileDescriptorStore=0\n"


def test_scope_of_ones_own(machine):
    """In the cgroup of one's own service manager everybody can make one of any name, and leave it."""
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    with machine.actor("alice").terminal(["bash", "--norc", "--noprofile"]) as child:
        child.expect_exact("$ ")
        child.sendline(f"""systemd-run --user --scope --quiet bash -c '
            folder=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/../pam-checkout-{number}-$$.scope
            mkdir $folder && echo $$ > $folder/cgroup.procs && exec sudo sed s/^/now:/ /proc/self/cgroup'
        """)
        child.expect(r"now:0::(\S+)")
        where = child.match.group(1)
    uid = machine.actor("alice").uid
    ((unit, cgroup),) = machine.ledger("SELECT unit, cgroup FROM session WHERE checkout = ?", number)
    assert where == cgroup == f"/user.slice/user-{uid}.slice/{unit}"


def test_ledger_that_cannot_be_written(machine, long, request):
    """The time is over all the same, and what was in it ends; it is recorded when it can be."""
    if machine.release == "bookworm" and not long:
        pytest.skip("on one release is enough")
    folder = f"/run/systemd/system/{BROKER}.d"

    def mend():
        machine.shell(f"rm -rf /run/io-errors {folder}; systemctl daemon-reload")

    request.addfinalizer(mend)
    library = Path(request.config.getoption("build")) / "tests/integration/libio_errors.so"
    machine.copy(library, "/usr/local/lib/io_errors.so")
    machine.write(f"{folder}/failing.conf",
                  "[Service]\nEnvironment=LD_PRELOAD=/usr/local/lib/io_errors.so\n")
    machine.nsenter(["systemctl", "daemon-reload"])
    held.set_up(machine, warn="1s")
    number = held.grant(machine, "alice", "root", "--for", "15s")
    kind = held.of_alice(machine)[0]
    held.open_all(machine, [kind])
    machine.write("/run/io-errors", "pwrite fdatasync")
    held.await_none(machine, time.monotonic())
    kind.own_is_intact()
    kind.close()
    machine.shell("rm /run/io-errors")
    # Without anybody at a door, too, and before the broker's next look at the time in a minute.
    held.await_event(machine, number, "expired")
    assert machine.run(["runuser", "-u", "alice", "--", "sudo", "-n", "true"]).returncode != 0
    # What ignores every signal is killed after five seconds by systemd or by the broker.
    ((_, how, _),) = held.await_closed(machine, number)
    assert how in ("ended", "killed")


@pytest.mark.parametrize("away, back", [
    (["kill", "--signal=STOP"], ["kill", "--signal=CONT"]),
    (["stop"], ["start"]),  # and with it go the handles
], ids=["hung", "stopped"])
def test_scope_of_somebody_else(machine, request, away, back):
    """The name of a scope that has ended may be another's by the time that the check-out ends."""
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    kind = held.of_alice(machine)[0]
    held.open_all(machine, [kind])
    ((unit, cgroup),) = machine.ledger("SELECT unit, cgroup FROM session WHERE checkout = ?", number)
    machine.nsenter(["systemctl", *away, BROKER])
    try:
        machine.nsenter(["systemctl", "kill", "--signal=KILL", unit])
        held.await_none(machine, time.monotonic())
        kind.close()
        machine.shell(f"while systemctl is-active -q {unit}; do sleep 0.05; done")
        # From within the host: what has come through nsenter is in none of its cgroups.
        machine.shell(f"""
            systemd-run --quiet systemd-run --scope --unit={unit} \\
                --slice={cgroup.split("/")[-2]} sleep 7790
            until test -e /sys/fs/cgroup{cgroup} && pgrep -f '[s]leep 7790'; do sleep 0.05; done
        """)
    finally:
        machine.nsenter(["systemctl", *back, BROKER])
    request.addfinalizer(lambda: machine.shell("pkill -f '[s]leep 7790' || :"))
    assert [how for _, how, _ in held.await_closed(machine, number)] == ["closed"]
    end_by_revoke(machine, number, "alice")
    held.await_event(machine, number, "revoked")
    assert machine.shell("pgrep -f '[s]leep 7790'")


def test_without_polkit(machine, record_property):
    """Where systemd refuses, the handle is used at once."""
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    kinds = held.of_alice(machine)[:1]
    held.open_all(machine, kinds)
    machine.nsenter(["systemctl", "mask", "--runtime", "--now", "polkit.service"])
    try:
        end_by_revoke(machine, number, "alice")
        record_property("seconds", round(held.await_none(machine, time.monotonic()), 2))
        assert [how for _, how, _ in held.await_closed(machine, number)] == ["killed"]
    finally:
        machine.nsenter(["systemctl", "unmask", "--runtime", "polkit.service"])
    for kind in kinds:
        kind.close()


def test_without_handles(machine):
    """A broker that was stopped has lost them: systemd ends the sessions all the same."""
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    kinds = held.of_alice(machine)[:1]
    held.open_all(machine, kinds)
    machine.nsenter(["systemctl", "stop", BROKER])
    machine.nsenter(["systemctl", "start", BROKER])
    end_by_revoke(machine, number, "alice")
    held.await_none(machine, time.monotonic())
    assert [how for _, how, _ in held.await_closed(machine, number)] == ["ended"]
    for kind in kinds:
        kind.own_is_intact()
        kind.close()


@pytest.mark.parametrize("account", ["oracle", "carol"])  # one that is managed, and one that is not
def test_nested(machine, account):
    """Root goes on from within: those sessions belong to the check-out and end with it. What has
    left is told of."""
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    alice = machine.actor("alice")
    child = alice.terminal(["sudo", "-i"])
    child.expect("[#] ")
    child.sendline("setsid systemd-run --quiet --scope sleep 7779 < /dev/null > /dev/null 2>&1 & "
                   f"su - {account} -c 'nohup sleep 7771 > /dev/null 2>&1 & spawn'")
    child.expect_exact("all-started")
    opened = held.await_event(machine, number, "session-opened", 2)
    assert opened[1]["CHECKOUT_ACCOUNT"] == account
    # From within a user's slice logind makes no session: it is in the scope that it came from.
    assert opened[1].get("CHECKOUT_UNIT", "session-c").startswith("session-c")
    end_by_revoke(machine, number, "alice")
    held.await_none(machine, time.monotonic())
    (survived,) = held.await_event(machine, number, "session-survived")
    assert "sleep" in survived["MESSAGE"] and "run-" in survived["MESSAGE"]
    assert "7779" in machine.shell("pgrep -a -x sleep || :")
    machine.shell("pkill -f 'sleep 7779'")
    child.close(force=True)


def test_extension_moves_the_end(machine):
    held.set_up(machine, warn="4s")
    number = held.grant(machine, "alice", "root", "--for", "12s")
    kind = held.Held(machine, "sudo", ["sudo", "spawn"])
    kind.open()
    kind.child.expect_exact(f"checkoutctl extend {number}")
    done = machine.actor("alice").checkoutctl("extend", str(number), "--for", "10s", "--reason",
                                              "not done", "--json")
    assert done.returncode == 0, done.stderr
    machine.actor("bob").approve(number + 1)
    (expired,) = held.await_event(machine, number, "expired")
    extended = held.await_event(machine, number, "extended")
    started = held.await_event(machine, number, "started")
    at = [int(entry["__REALTIME_TIMESTAMP"]) / 1e6 for entry in (started[0], extended[0], expired)]
    assert at[0] < at[1] < at[2] and at[2] - at[0] > 20
    held.await_none(machine, time.monotonic())
    kind.own_is_intact()
    kind.close()


def test_reboot(machine):
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    held.Held(machine, "sudo", ["sudo", "spawn"]).open()
    machine.reboot()
    # The broker may have been there to see the session end.
    ((_, how, _),) = held.await_closed(machine, number)
    assert how in ("rebooted", "closed")
    (expired,) = held.await_event(machine, number, "expired")
    assert "restarted" in expired["MESSAGE"]


def test_check_in_asks(machine):
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    kind = held.Held(machine, "sudo", ["sudo", "spawn"])
    kind.open()
    alice = machine.actor("alice")
    done = alice.checkoutctl("sessions", "--json")
    assert '"unit":"pam-checkout-' in done.stdout and '"account":"root"' in done.stdout
    with alice.terminal(["checkoutctl", "checkin", str(number)]) as child:
        child.expect_exact("root by sudo on /dev/pts/")
        child.expect_exact(f"Give check-out {number} back? [y/N]")
        child.sendline("n")
        child.expect_exact("it was not given back")
    assert held.stayers(machine)
    with alice.terminal(["checkoutctl", "checkin", str(number)]) as child:
        child.expect_exact("[y/N]")
        child.sendline("y")
        child.expect_exact("was given back")
    held.await_none(machine, time.monotonic())
    kind.own_is_intact()
    kind.close()
    assert alice.checkoutctl("sessions", "--json").stdout == ""
    assert '"how":' in alice.checkoutctl("sessions", "--all", "--json").stdout


def memory_of_broker(host):
    """Its largest so far, in KiB."""
    status = host.shell(f"cat /proc/$(systemctl show --value --property=MainPID {BROKER})/status")
    return {line.split()[0]: int(line.split()[1]) for line in status.splitlines()
            if line.startswith(("VmHWM", "VmRSS"))}


def test_five_hundred(machine, long, record_property):
    """All of them end in the same second."""
    if not long:
        pytest.skip("only with --long")
    held.set_up(machine)
    number = held.grant(machine, "alice", "root")
    started = machine.actor("alice").run(
        "for i in $(seq 500); do sudo -b sleep 7771 < /dev/null > /dev/null 2>&1; done; echo all",
        timeout=600)
    assert started.stdout == "all\n", started.stderr
    held.await_event(machine, number, "session-opened", 500)
    assert held.stayers(machine) == {7771: 500}
    before = memory_of_broker(machine)
    began = time.monotonic()
    end_by_revoke(machine, number, "alice")
    seconds = held.await_none(machine, began)
    rows = held.await_closed(machine, number)
    after = memory_of_broker(machine)
    for name, value in {"seconds": round(seconds, 2), "recorded": round(time.monotonic() - began, 2),
                        "before": before, "after": after}.items():
        record_property(name, value)
    print(f"ended in {seconds:.2f} s, recorded in {time.monotonic() - began:.2f} s, "
          f"memory {before} then {after}")
    assert len(rows) == 500 and {how for _, how, _ in rows} <= {"ended", "killed"}
