# SPDX-License-Identifier: LGPL-2.1-or-later
"""What only a kernel of its own can show: memory limits, the clock, the audit trail, a real reboot."""

import os

import pytest

from host import virtual
from host.booted import BROKER, GATE, until
from host.package import CLONE, apt, bring, gate_sudo


@pytest.fixture(scope="module")
def vm(request, package):
    # On two cores it would make everything else wait.
    if not request.config.getoption("long"):
        pytest.skip("a virtual machine without hardware support takes minutes: --long")
    if "bookworm" not in (request.config.getoption("release") or ["bookworm"]):
        pytest.skip("it is a machine of the other release")
    if lacking := virtual.missing():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            f"no virtual machine: {lacking}")
    host = virtual.VirtualHost()
    try:
        bring(host, package)
        apt(host, "install", f"{CLONE}/build/deb/{package.name}")
        gate_sudo(host)
        yield host
    finally:
        host.stop()


def check_out(vm, *arguments):
    number = vm.actor("alice").request("root", *arguments)
    vm.actor("bob").approve(number)
    return number


@pytest.fixture
def checked_out(vm):
    """alice, with a check-out that she has used; its number."""
    number = check_out(vm)
    assert vm.actor("alice").run(["sudo", "id", "-u"]).stdout == "0\n"
    yield number
    vm.actor("bob").checkoutctl("revoke", str(number), "--reason", "the test is over")


@pytest.mark.usefixtures("hosts")
def test_login_uids_and_the_kernel_s_audit_trail(vm, checked_out):
    alice, bob = vm.actor("alice"), vm.actor("bob")
    decision, = alice.show(checked_out)["decisions"]
    assert decision["actor_loginuid"] == bob.uid
    said = [entry["MESSAGE"] for entry in vm.journal("_TRANSPORT=audit", "_AUDIT_TYPE_NAME=USER_START",
                                                     f"_AUDIT_LOGINUID={alice.uid}")]
    assert any('acct="root" exe="/usr/bin/sudo"' in message for message in said), said


@pytest.mark.usefixtures("hosts")
def test_no_more_memory_than_allowed(vm, checked_out):
    """A broker that gets too little says so through the door, and is back as soon as there is enough."""
    group = "/sys/fs/cgroup/system.slice/pam-checkout-broker.service"
    assert vm.read(f"{group}/memory.max") == f"{256 << 20}\n"
    assert vm.read(f"{group}/pids.max") == "64\n"
    print("memory in use:", vm.read(f"{group}/memory.current"))
    alice = vm.actor("alice")
    try:
        vm.nsenter(["systemctl", "set-property", "--runtime", BROKER, "MemoryMax=512K"])
        until(lambda: any("killed by the OOM killer" in entry["MESSAGE"]
                          for entry in vm.journal(f"UNIT={BROKER}")), "a kill", virtual.PATIENCE)
        code, shown = alice.on_terminal(["sudo", "id"])
        assert code == 1 and "refused: the check-out broker does not answer" in shown, shown
    finally:
        vm.nsenter(["systemctl", "set-property", "--runtime", BROKER, "MemoryMax=256M"])
    # Nobody has to start it again.
    until(lambda: vm.shell(f"systemctl is-active {BROKER} || :") == "active\n", "the broker",
          virtual.PATIENCE)
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"


@pytest.mark.usefixtures("hosts")
def test_a_clock_that_is_set(vm, checked_out):
    """Back: what is checked out does not last longer, and requests say that it happened. Forward: it
    is over."""
    alice = vm.actor("alice")
    before = alice.show(checked_out)
    vm.nsenter(["date", "-s", "-2 hours"])
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
    assert alice.show(checked_out)["end"] == before["end"]
    frank = vm.actor("frank")
    vm.shell("sed -i 's/^requesters.*/requesters = alice, frank/' /etc/pam-checkout/policy.d/*; "
             f"systemctl reload {BROKER}")
    flagged = frank.show(frank.request("root"))
    assert "the clock was set back" in flagged["reason_source"], flagged
    vm.nsenter(["date", "-s", "+4 hours"])
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "uid=0" not in shown, shown
    assert alice.show(checked_out)["state"] == "expired"


class Held:
    """alice's shell, and root's `sleep` and a background one that she started from it."""

    def __init__(self, vm, number):
        self.vm, self.number = vm, number
        self.child = vm.actor("alice").terminal(["bash", "--norc", "--noprofile"],
                                                timeout=virtual.PATIENCE)
        self.child.expect_exact("$ ")
        self.child.sendline("sudo sh -c 'setsid sleep 7001 < /dev/null > /dev/null 2>&1 & "
                            "echo sta\"\"rted; exec sleep 7002'")
        self.child.expect_exact("started")
        assert self.runs() == 2
        self.opened = self.moment("session-opened")

    def runs(self):
        return int(self.vm.shell("pgrep -c -f '^[s]leep 700' || :"))

    def moment(self, event):
        """When this happened by the clock that nobody sets, in seconds."""
        (entry,) = until(lambda: self.vm.journal(
            f"_SYSTEMD_UNIT={BROKER}", f"CHECKOUT_ID={self.number}", f"CHECKOUT_EVENT={event}"),
            event, virtual.PATIENCE)
        return int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6

    def gone(self):
        """When the last of it had gone."""
        until(lambda: self.runs() == 0, "the end of the session", virtual.PATIENCE)
        return float(self.vm.read("/proc/uptime").split()[0])

    def how(self):
        """How the session ended, for the ledger."""
        self.moment("session-closed")
        ((how,),) = self.vm.ledger("SELECT how FROM session WHERE checkout = ?", self.number)
        return how

    def own_is_intact(self, said):
        self.child.expect_exact("$ ")
        assert said in self.child.before, self.child.before
        self.child.sendline("stty -a; echo st''ill")
        self.child.expect_exact("still")
        assert {"icanon", "echo", "isig", "opost"} <= set(self.child.before.split())
        self.child.close(force=True)


@pytest.fixture
def same_clock(vm):
    """The clock is right again afterwards, as far as anybody needs."""
    wall, up = (float(word) for word in vm.shell("date +%s; cut -d' ' -f1 /proc/uptime").split())
    yield
    now = float(vm.read("/proc/uptime").split()[0])
    vm.nsenter(["date", "-s", f"@{wall + now - up:.0f}"])


@pytest.mark.usefixtures("hosts", "same_clock")
def test_session_while_the_clock_is_set_back(vm, record_property):
    """It ends when its time is over, and no two hours later."""
    held = Held(vm, check_out(vm, "--for", "90s"))
    vm.nsenter(["date", "-s", "-2 hours"])
    assert held.runs() == 2
    gone = held.gone() - held.opened
    record_property("seconds", gone)
    held.own_is_intact("is over")
    assert 80 < held.moment("expired") - held.moment("started") < 600 and gone < 600
    assert held.how() == "ended"


@pytest.mark.usefixtures("hosts", "same_clock")
def test_session_while_the_clock_is_set_forward(vm, record_property):
    """It ends then, not with the broker's next look at the time in a minute."""
    held = Held(vm, check_out(vm))
    # The broker has looked at the time when the session opened.
    then = float(vm.shell("date -s '+2 hours' > /dev/null; cut -d' ' -f1 /proc/uptime"))
    record_property("seconds", held.gone() - then)
    held.own_is_intact("is over")
    assert held.moment("expired") - then < 30
    assert held.how() == "ended"


@pytest.mark.usefixtures("hosts", "same_clock")
def test_session_while_the_clock_is_set_back_and_there_is_no_broker(vm, record_property):
    """systemd's limit is counted from what was left, and by a clock that nobody sets."""
    policy = "/etc/pam-checkout/policy.d/10-root.conf"
    before = vm.read(policy)
    vm.write(policy, f"{before}max-duration = 2min\nduration = 2min\n", 0o640, "root:pam-checkout")
    try:
        vm.nsenter(["systemctl", "reload", BROKER])
        number = check_out(vm)
        vm.nsenter(["date", "-s", "-2 hours"])
        held = Held(vm, number)
        vm.nsenter(["systemctl", "stop", GATE, BROKER])
        gone = held.gone() - held.opened
    finally:
        vm.write(policy, before, 0o640, "root:pam-checkout")
        vm.nsenter(["systemctl", "start", GATE, BROKER])
    record_property("seconds", gone)
    held.own_is_intact("")
    assert gone < 600
    assert held.moment("expired")


@pytest.mark.usefixtures("hosts")
def test_a_real_reboot(vm, checked_out):
    vm.reboot()
    assert vm.nsenter(["systemctl", "is-active", BROKER, "pam-checkout-gate.socket"]
                      ).stdout.split() == ["active"] * 2
    alice = vm.actor("alice")
    assert alice.show(checked_out)["state"] == "expired"
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "request" in shown, shown
