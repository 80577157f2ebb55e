# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl doctor on a host that runs: the shipped examples are in order, and each planted hole is
found and is one, as real sudo, su and sshd show."""

import json
import subprocess

import pytest

SUDO = "/etc/pam.d/sudo-root"
SUDOERS = "/etc/sudoers.d/zz-pam-checkout"
NO_PASSWORD = "Defaults:alice !authenticate\n"


def doctor(host):
    done = host.run(["checkoutctl", "doctor", "--json"])
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == any(finding["severity"] == "problem" for finding in findings), done
    return findings


def worse(findings, *severities):
    return sorted((finding["severity"], finding["finding"], finding.get("file"), finding["message"])
                  for finding in findings if finding["severity"] in (severities or ("problem", "warning")))


# sudo's recipe in the examples is for root.
POLICY = """
[policy root]
accounts = root
requesters = %ops
approvers = %security
reason = optional
[policy oracle]
accounts = oracle
doors = su, ssh
requesters = %ops
approvers = %security
reason = optional
"""


@pytest.fixture
def host(booted_host):
    """What a test changes is put back."""
    booted_host.policy(POLICY)
    booted_host.shell("rm -rf /root/kept && mkdir /root/kept && cp -a /etc/pam.d /etc/sudoers /etc/sudoers.d "
                      "/etc/ssh /etc/passwd /etc/shadow /root/kept")
    yield booted_host
    booted_host.shell("""
        for path in pam.d sudoers.d ssh; do
            rm -rf /etc/$path
        done
        cp -a /root/kept/* /etc/
        rm -f /root/leaked
        systemctl reset-failed ssh.service
        systemctl restart ssh.service
    """)


def test_the_shipped_examples_are_in_order(host):
    findings = doctor(host)
    if host.release == "trixie":
        # Really there: test_sudo_rs.
        assert {name for _, name, *_ in worse(findings)} == {"gate-missing"}
        host.shell("chmod u-s $(realpath /usr/bin/sudo-rs)")
        findings = doctor(host)
        host.shell("chmod u+s $(realpath /usr/bin/sudo-rs)")
    # The harness lets ssh be refused as often as it likes.
    assert worse(findings) == [], findings
    notes = {finding["finding"] for finding in findings}
    assert "way-sudo-group" in notes
    have = host.shell("for program in pkexec run0 machinectl at; do "
                      "test ! -e /usr/bin/$program || echo $program; done").split()
    assert {f"way-{program}" for program in have} <= notes


def gets_in(host, *command):
    """Is alice, who has no check-out, root by this?"""
    done = host.actor("alice").run([*(command or ("sudo", "-n", "id", "-u"))])
    return done.returncode == 0 and done.stdout.split()[-1:] == ["0"]


# What is planted (a script), what is found, and how it is shown that alice gets in by it.
HOLES = {
    "account and session optional": (
        f"sed -i 's/required   pam_checkout/optional pam_checkout/' {SUDO}", "gate-optional", None),
    "sufficient before": (
        f"sed -i '/pam_checkout.so account/ i account sufficient pam_permit.so' {SUDO}; "
        f"sed -i '/pam_checkout.so help/ i session sufficient pam_permit.so' {SUDO}",
        "gate-after-sufficient", None),
    "jumps": (
        f"sed -i '/pam_checkout.so account/ i account [success=1 default=ignore] pam_permit.so' {SUDO}; "
        f"sed -i -e '/pam_checkout.so help/ i session [success=1 default=ignore] pam_permit.so' "
        f"-e '$ a session required pam_permit.so' {SUDO}", "gate-jumped", None),
    "default=ignore": (
        f"sed -i 's/required   pam_checkout/[success=ok default=ignore] pam_checkout/' {SUDO}",
        "gate-ignored", None),
    "no gate": (f"sed -i /pam_checkout/d {SUDO}", "gate-missing", None),
    "no file": (f"rm {SUDO}", "service-missing", None),
    "another service": (f"echo 'Defaults>#0 pam_service=sudo' >> {SUDOERS}", "gate-missing", None),
    "another service for a command": (
        f"echo 'Defaults!/usr/bin/id pam_service=sudo' >> {SUDOERS}", "gate-missing", None),
    "another login service": (
        f"echo 'Defaults>#0 pam_login_service=sudo-i' >> {SUDOERS}", "gate-missing",
        ("sudo", "-n", "-i", "id", "-u")),
    "by the name root": (
        f"echo 'toor:x:0:0::/root:/bin/sh' >> /etc/passwd; echo 'toor:*:1:0:99999:7:::' >> /etc/shadow; "
        f"echo 'Defaults>root pam_service=sudo-root, pam_login_service=sudo-root, "
        f"pam_askpass_service=sudo-root' > {SUDOERS}", "gate-missing",
        ("sudo", "-n", "-u", "toor", "id", "-u")),
    "-g": (
        f"echo 'Defaults>#0 pam_service=sudo-root, pam_login_service=sudo-root, "
        f"pam_askpass_service=sudo-root' > {SUDOERS}", "gate-missing",
        ("sudo", "-n", "-u", "root", "-g", "games", "id", "-u")),
    "neither phase asked": (
        f"echo 'Defaults !pam_acct_mgmt, !pam_session' >> {SUDOERS}", "sudo-no-pam-session", None),
}


@pytest.mark.parametrize("hole", HOLES)
def test_planted_hole_is_found_and_is_one(host, hole):
    script, name, command = HOLES[hole]
    host.shell(f"echo '{NO_PASSWORD}' >> /etc/sudoers")
    if hole != "by the name root":
        assert not gets_in(host, *(command or ()))
    host.shell(script)
    findings = doctor(host)
    assert name in {finding["finding"] for finding in findings if finding["severity"] == "problem"}, findings
    assert gets_in(host, *(command or ())), findings


def test_no_session_phase(host):
    """A check-out that the account phase saw opens a door that the session phase does not look at."""
    host.shell(f"echo '{NO_PASSWORD}' >> /etc/sudoers; echo 'Defaults !pam_session' >> {SUDOERS}")
    found = {finding["finding"] for finding in doctor(host)}
    assert "sudo-no-pam-session" in found
    host.actor("alice").run(["sudo", "-n", "id", "-u"])
    host.actor("bob").approve(1)
    assert gets_in(host)
    assert host.ledger("SELECT count(*) FROM session") == [(0,)]


def test_no_account_phase(host):
    """Without it sudoedit leaves its copy behind."""
    host.shell(f"echo '{NO_PASSWORD}' >> /etc/sudoers; echo secret > /root/leaked; chmod 600 /root/leaked; "
               "rm -f /var/tmp/leaked*")
    alice = host.actor("alice")

    def copies():
        assert alice.run(["env", "SUDO_EDITOR=/bin/cat", "sudo", "-n", "sudoedit", "/root/leaked"]).returncode
        alice.run(["env", "SUDO_EDITOR=/bin/cat", "sudoedit", "-n", "/root/leaked"])
        return alice.run(["sh", "-c", "cat /var/tmp/leaked*"]).stdout

    assert copies() == ""
    host.shell(f"sed -i '/pam_checkout.so account/d' {SUDO}")
    found = {finding["finding"] for finding in doctor(host)}
    assert "account-missing" in found
    assert "secret" in copies()


def test_expired_password(host):
    """Debian's common-account ends the stack for those whose password has expired."""
    host.shell(f"echo '{NO_PASSWORD}' >> /etc/sudoers; echo secret > /root/leaked; chmod 600 /root/leaked; "
               "rm -f /var/tmp/leaked*")
    alice = host.actor("alice")
    host.shell("chage -d 0 alice")

    def copies():
        alice.run(["env", "SUDO_EDITOR=/bin/cat", "sudoedit", "-n", "/root/leaked"])
        return alice.run(["sh", "-c", "cat /var/tmp/leaked*"]).stdout

    assert copies() == ""
    host.shell(f"""
        line=$(grep 'pam_checkout.so account' {SUDO})
        sed -i -e '/pam_checkout.so account/d' -e "/^@include common-account/ a $line" {SUDO}
    """)
    found = {finding["finding"] for finding in doctor(host)}
    assert "gate-after-expired" in found
    assert "secret" in copies()


def test_sudo_rs(host):
    """It knows one service for all targets."""
    if host.release != "trixie":
        pytest.skip("Debian 12 has no sudo-rs")
    found = [(finding["severity"], finding["finding"], finding.get("file")) for finding in doctor(host)]
    assert ("note", "sudo-rs", "/usr/bin/sudo-rs") in found
    assert ("problem", "gate-missing", "/etc/pam.d/sudo") in found
    # It does not read all of sudo's settings: they are of no use against it.
    host.shell("echo 'alice ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers-rs; chmod 440 /etc/sudoers-rs")
    try:
        assert gets_in(host, "sudo-rs", "-n", "id", "-u")
        host.shell("sed -i '/^@include common-account/ i account required pam_checkout.so' /etc/pam.d/sudo; "
                   "echo 'session required pam_checkout.so' >> /etc/pam.d/sudo")
        assert not gets_in(host, "sudo-rs", "-n", "id", "-u")
        assert ("problem", "gate-missing", "/etc/pam.d/sudo") not in [
            (finding["severity"], finding["finding"], finding.get("file")) for finding in doctor(host)]
    finally:
        host.shell("rm /etc/sudoers-rs")


def ssh_id(host, account):
    return subprocess.run(host.ssh(f"{account}@127.0.0.1", "id", "-un"), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL).stdout.strip()


def test_ssh_without_pam(host):
    assert ssh_id(host, "alice") == "alice"
    assert ssh_id(host, "root") != "root"
    host.shell("echo 'UsePAM no' > /etc/ssh/sshd_config.d/0.conf; systemctl restart ssh.service")
    found = {finding["finding"] for finding in doctor(host)}
    assert "ssh-no-pam" in found
    assert ssh_id(host, "root") == "root"


def test_an_account_that_the_list_leaves_out(host):
    assert ssh_id(host, "oracle") != "oracle"
    host.shell("sed -i 's/root:oracle/root/' /etc/pam.d/pam-checkout")
    findings = doctor(host)
    assert ("gate-jumped", "/etc/pam.d/pam-checkout") in {
        (finding["finding"], finding.get("file")) for finding in findings}
    assert ssh_id(host, "oracle") == "oracle"


def test_common_account_stops_cron(host):
    host.shell("echo 'account required pam_checkout.so' >> /etc/pam.d/common-account")
    assert ("gate-forbidden", "problem") in {
        (finding["finding"], finding["severity"]) for finding in doctor(host)}


# Units, sockets, folders as they can go wrong on a host that runs.
BROKEN = {
    "socket stopped": ("systemctl stop pam-checkout-broker.service pam-checkout-gate.socket; "
                       "rm -f /run/pam-checkout/gate", {"unit-inactive", "socket-missing"}),
    "socket deaf": ("systemctl stop pam-checkout-broker.service pam-checkout-gate.socket", {"socket-deaf"}),
    "socket disabled": ("systemctl disable --quiet pam-checkout-gate.socket", {"unit-disabled"}),
    "broker's unit away": ("mv /usr/lib/systemd/system/pam-checkout-broker.service /root/away.service; "
                           "systemctl daemon-reload", {"unit-missing"}),
    "socket open to others": ("chmod 666 /run/pam-checkout/gate", {"socket-mode"}),
    "module away": ("mv $(find /usr/lib -name pam_checkout.so) /root/away.so", {"module-missing"}),
    "folder for all": ("chmod 777 /run/pam-checkout", {"folder-writable"}),
    "ledger of root": ("chown root /var/lib/pam-checkout", {"state-owner"}),
    "sudoers": ("echo nonsense here >> /etc/sudoers", {"unread"}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken(host, what):
    script, expected = BROKEN[what]
    module = host.shell("find /usr/lib -name pam_checkout.so").strip()
    try:
        host.shell(script)
        found = {finding["finding"] for finding in doctor(host) if finding["severity"] == "problem"}
        assert expected <= found
    finally:
        host.shell(f"""
            test ! -e /root/away.so || mv /root/away.so {module}
            if [ -e /root/away.service ]; then
                mv /root/away.service /usr/lib/systemd/system/pam-checkout-broker.service
                systemctl daemon-reload
            fi
            cp /root/kept/sudoers /etc/sudoers
            chmod 755 /run/pam-checkout
            chown pam-checkout /var/lib/pam-checkout
            systemctl enable --quiet pam-checkout-gate.socket pam-checkout-broker.service
            systemctl stop pam-checkout-broker.service pam-checkout-gate.socket
            systemctl reset-failed
            systemctl start pam-checkout-gate.socket pam-checkout-broker.service
        """)


def test_somebody_who_is_not_root(host):
    done = host.actor("alice").run(["checkoutctl", "doctor", "--json"])
    found = {json.loads(line)["finding"] for line in done.stdout.splitlines()}
    assert done.returncode == 1 and {"not-root", "policy-error"} <= found
