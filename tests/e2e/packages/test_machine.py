# SPDX-License-Identifier: LGPL-2.1-or-later
"""What only a kernel of its own can show: memory limits, the clock, the audit trail, a real reboot."""

import os

import pytest

from host import virtual
from host.package import CLONE, apt, bring, gate_sudo

BROKER = "pam-checkout-broker.service"


@pytest.fixture(scope="module")
def vm(request, package):
    if not request.config.getoption("long"):
        pytest.skip("a virtual machine without hardware support takes minutes: --long")
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


@pytest.fixture
def checked_out(vm):
    """alice, with a check-out that she has used; its number."""
    alice = vm.actor("alice")
    number = alice.request("root")
    vm.actor("bob").approve(number)
    assert alice.run(["sudo", "id", "-u"]).stdout == "0\n"
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
        vm.shell(f"systemctl set-property --runtime {BROKER} MemoryMax=512K; "
                 f"systemctl restart {BROKER} || :")
        code, shown = alice.on_terminal(["sudo", "id"])
        assert code == 1 and "refused: the check-out broker does not answer" in shown, shown
    finally:
        vm.shell(f"systemctl set-property --runtime {BROKER} MemoryMax=256M; "
                 f"systemctl restart {BROKER}")
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


@pytest.mark.usefixtures("hosts")
def test_a_real_reboot(vm, checked_out):
    vm.reboot()
    assert vm.nsenter(["systemctl", "is-active", BROKER, "pam-checkout-gate.socket"]
                      ).stdout.split() == ["active"] * 2
    alice = vm.actor("alice")
    assert alice.show(checked_out)["state"] == "expired"
    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "request" in shown, shown
