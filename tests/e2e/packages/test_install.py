# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package, as built, on a host that has nothing of ours: what it brings and what it leaves alone."""

import re

from host.package import CLONE, TOP, apt, bring

UNITS = ["pam-checkout-broker.service", "pam-checkout-gate.socket"]
# Everything a gate could be made of.
LOGINS = "find /etc/pam.d /etc/pam.conf /etc/sudoers /etc/sudoers.d /etc/ssh -type f " \
    "-exec sha256sum {} + | sort"


def test_installing_starts_the_broker_and_gates_nothing(bare, package):
    bring(bare, package)
    before = bare.shell(LOGINS)
    shown = apt(bare, "install", f"{CLONE}/build/deb/{package.name}").stdout
    assert bare.shell(LOGINS) == before, shown
    assert bare.nsenter(["systemctl", "is-active", *UNITS]).stdout.split() == ["active"] * 2
    assert bare.nsenter(["systemctl", "is-enabled", *UNITS]).stdout.split() == ["enabled"] * 2
    # At the first try, not after the bus had learned who may own the name.
    assert bare.nsenter(["systemctl", "show", "-P", "NRestarts", UNITS[0]]).stdout == "0\n"
    assert bare.shell("stat -c '%U:%G %a %n' /etc/pam-checkout /etc/pam-checkout/policy.d "
                      "/run/pam-checkout /run/pam-checkout/gate /var/lib/pam-checkout").splitlines() == [
        "root:pam-checkout 750 /etc/pam-checkout",
        "root:pam-checkout 750 /etc/pam-checkout/policy.d",
        "root:root 755 /run/pam-checkout",
        "root:root 600 /run/pam-checkout/gate",
        "pam-checkout:pam-checkout 700 /var/lib/pam-checkout"]
    assert bare.actor("alice").run(["sudo", "id", "-u"]).stdout == "0\n"
    # The catalog explains what the broker says.
    assert "The broker has opened its ledger" in bare.nsenter(
        ["journalctl", "--no-pager", "-x", "-u", UNITS[0]]).stdout


def test_installing_again_and_a_reboot_change_nothing(installed, package):
    installed.write("/etc/pam-checkout/broker.conf", "[broker]\nauditors = auditors\n")
    apt(installed, "install", "--reinstall", f"{CLONE}/build/deb/{package.name}")
    installed.reboot()
    assert installed.nsenter(["systemctl", "is-active", *UNITS]).stdout.split() == ["active"] * 2
    assert installed.read("/etc/pam-checkout/broker.conf").startswith("[broker]\nauditors")


def test_every_page_and_example_is_there(installed):
    for page in TOP.glob("*/**/*.scd"):
        name = page.stem
        assert installed.nsenter(["test", "-s", f"/usr/share/man/man{name[-1]}/{name}.gz"],
                                 check=False).returncode == 0, name


def exposure(host, unit):
    shown = host.nsenter(["systemd-analyze", "security", "--no-pager", unit]).stdout
    return float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", shown).group(1))


def test_exposure_beside_that_of_others(installed):
    ours = exposure(installed, UNITS[0])
    others = {unit: exposure(installed, unit)
              for unit in ("polkit.service", "systemd-logind.service", "ssh.service")}
    print(ours, others)
    assert ours <= 1.0 and all(ours < other for other in others.values()), others


def test_the_broker_can_write_nothing_but_its_state(installed):
    """In the broker's own view of the file system, as its user."""
    found = installed.shell("""
        broker=$(systemctl show -P MainPID pam-checkout-broker.service)
        nsenter -t "$broker" -m setpriv --reuid pam-checkout --regid pam-checkout \
            --groups "$(getent group tty | cut -d: -f3)" bash -c '
            cut -d" " -f5 /proc/self/mountinfo | while read -r mount; do
                find "$mount" -xdev -path /proc -prune -o -writable ! -type l ! -type s -print
            done' 2> /dev/null | sort -u""").split()
    allowed = re.compile(r"/var/lib/pam-checkout(/.*)?|/dev/.*|/sys/fs/cgroup/system.slice/"
                         r"pam-checkout-broker.service/.*")
    assert "/var/lib/pam-checkout/ledger.db" in found
    assert [path for path in found if not allowed.fullmatch(path)] == []
    # What is below /dev are devices that everybody may open, and a queue of its own.
    assert installed.shell("nsenter -t $(systemctl show -P MainPID pam-checkout-broker.service) -m "
                           "test ! -w /dev/shm && echo shut") == "shut\n"
