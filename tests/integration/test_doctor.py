# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl doctor finds each hole that is planted in a host's files, and says where."""

import os
import re
import shutil
import stat
import subprocess
import tempfile

import pytest

from cli_fixtures import cli, machine  # noqa: F401
from doctor_tree import TOP, Tree

SUDO = "/etc/pam.d/sudo-root"
GATE = "/etc/pam.d/pam-checkout"
SUDOERS = "/etc/sudoers.d/zz-pam-checkout"


@pytest.fixture
def tree():
    if os.getuid() != 0:
        pytest.skip("the doctor works for root")
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as folder:
        yield Tree(folder)


@pytest.fixture
def doctor(machine, cli, tree):  # noqa: F811
    """Findings about the tree, without the notes on what goes past PAM; and the exit code."""
    if shutil.which("sshd", path="/usr/sbin:/usr/bin"):
        subprocess.run(machine.command("mkdir", "-p", "/run/sshd"), check=True)

    def examine():
        done = cli("doctor", "--root", tree.root, "--json")
        assert done.err == "", done.err
        findings = done.json()
        problems = [finding for finding in findings if finding["severity"] == "problem"]
        assert done.code == (1 if problems else 0)
        for finding in findings:
            assert finding["message"] and finding["fix"] and finding["message"].endswith(".")
        return findings

    return examine


def worse(findings):
    return [finding for finding in findings if finding["severity"] != "note"]


def test_the_shipped_examples_are_in_order(doctor):
    findings = doctor()
    assert [finding for finding in worse(findings)
            if finding["finding"] != "ssh-penalties"] == [], findings


def gate(tree, old, new):
    tree.change("etc/pam.d/sudo-root", old, new)


ACCOUNT = "account    required   pam_checkout.so account=root help=security@example.org\n"
SESSION = "session    required   pam_checkout.so help=security@example.org\n"
HANDOVER = "session    include      pam-checkout\nsession    required     pam_limits"


def share(tree):
    """oracle over ssh is whose key it is."""
    tree.append("etc/pam-checkout/policy.d/10-test.conf",
                "[policy shared]\naccounts = oracle\nrequesters = alice\napprovers = bob\n"
                "doors = ssh\nperson = key\n")


# What is planted; the finding; how bad; where; the line by a word in it (None: no line).
HOLES = {
    "no gate": (lambda t: [gate(t, ACCOUNT, ""), gate(t, SESSION, "")],
                "gate-missing", "problem", SUDO, None),
    "no file": (lambda t: t.remove(SUDO), "service-missing", "problem", None, None),
    "optional": (lambda t: gate(t, "account    required   pam_checkout", "account optional pam_checkout"),
                 "gate-optional", "problem", SUDO, "account optional"),
    "sufficient": (lambda t: gate(t, "session    required   pam_checkout", "session sufficient pam_checkout"),
                   "gate-sufficient", "problem", SUDO, "session sufficient"),
    "default=ignore": (lambda t: gate(t, "account    required   pam_checkout",
                                      "account [success=ok default=ignore] pam_checkout"),
                       "gate-ignored", "problem", SUDO, "default=ignore"),
    "reset behind": (lambda t: gate(t, "@include common-account",
                                    "account [default=reset] pam_x.so\n@include common-account"),
                     "gate-ignored", "problem", SUDO, "account=root"),
    "sufficient before": (lambda t: gate(t, ACCOUNT, "account sufficient pam_localuser.so\n" + ACCOUNT),
                          "gate-after-sufficient", "problem", SUDO, "pam_localuser"),
    "done before": (lambda t: gate(t, ACCOUNT, "account [success=done default=ignore] pam_x.so\n" + ACCOUNT),
                    "gate-after-done", "problem", SUDO, "pam_x.so"),
    "done in an include": (lambda t: [t.write("etc/pam.d/mine", "account sufficient pam_x.so\n"),
                                      gate(t, ACCOUNT, "account include mine\n" + ACCOUNT)],
                           "gate-after-sufficient", "problem", "/etc/pam.d/mine", "pam_x.so"),
    "jump": (lambda t: gate(t, ACCOUNT, "account [success=1 default=ignore] pam_x.so\n" + ACCOUNT),
             "gate-jumped", "problem", SUDO, "pam_x.so"),
    "jump with continued lines": (
        lambda t: gate(t, SESSION, "session [success=1 \\\n  default=ignore] \\\n pam_x.so\n" + SESSION +
                       "session required pam_permit.so\n"),
        "gate-jumped", "problem", SUDO, "[success=1"),
    "die in a substack": (
        lambda t: [t.write("etc/pam.d/sudo-root-gate", "account sufficient pam_x.so\n" + ACCOUNT),
                   gate(t, ACCOUNT, "account substack sudo-root-gate\n")],
        "gate-after-sufficient", "problem", "/etc/pam.d/sudo-root-gate", "pam_x.so"),
    "account that is not listed": (lambda t: t.change(GATE, "notin root:oracle", "notin root"),
                                   "gate-jumped", "problem", GATE, "account [success"),
    "another name of uid 0 that is not listed": (
        lambda t: t.append("etc/passwd", "toor:x:0:0::/root:/bin/sh\n"),
        "gate-jumped", "problem", GATE, "account [success"),
    "a group that is not there": (lambda t: t.change(GATE, "notin root:oracle", "notingroup checkout"),
                                  "gate-jumped", "problem", GATE, "account [success"),
    "expired passwords": (lambda t: gate(t, ACCOUNT + "@include common-account\n",
                                         "@include common-account\n" + ACCOUNT),
                          "gate-after-expired", "warning", "/etc/pam.d/common-account", "pam_unix"),
    "session error before": (lambda t: gate(t, "@include common-session", "session required pam_x.so\n"
                                            "@include common-session"),
                             "gate-after-failure", "warning", SUDO, "pam_x.so"),
    "no account phase": (lambda t: gate(t, ACCOUNT, ""), "account-missing", "problem", SUDO, SESSION.strip()),
    "no session phase": (lambda t: gate(t, SESSION, ""), "session-missing", "problem", SUDO, "account=root"),
    "no session phase of su": (lambda t: t.change("etc/pam.d/su", "session    include    pam-checkout\n", ""),
                               "session-missing", "warning", GATE, "account required"),
    "second line unheeded": (
        lambda t: [t.write("etc/pam.d/pam-checkout-over", "session optional pam_checkout.so\n"),
                   t.change("etc/pam.d/sshd", "session    include      pam-checkout\nsession    required     pam_limits",
                            "session include pam-checkout-over\nsession required pam_limits")],
        "gate-unheeded", "warning", "/etc/pam.d/pam-checkout-over", "optional"),
    "the account's own environment": (
        lambda t: [share(t), t.change("etc/pam.d/sshd", HANDOVER,
                                      "session required pam_env.so user_readenv=1\n" + HANDOVER)],
        "gate-after-environment", "problem", "/etc/pam.d/sshd", "user_readenv"),
    "argument": (lambda t: gate(t, "account=root help", "acount=root help"), "gate-arguments", "problem",
                 SUDO, "acount="),
    "argument twice": (lambda t: gate(t, "account=root help", "account=root account=root help"),
                       "gate-arguments", "problem", SUDO, "account=root"),
    "wait without a unit": (lambda t: gate(t, "account=root help", "account=root wait=2 help"),
                            "gate-arguments", "problem", SUDO, "account=root"),
    "another door": (lambda t: gate(t, "account=root help", "account=root door=ssh help"),
                     "gate-arguments", "problem", SUDO, "account=root"),
    "prompt in sudo": (lambda t: gate(t, "account=root help", "account=root prompt help"),
                       "gate-arguments", "problem", SUDO, "account=root"),
    "another gate": (lambda t: gate(t, "account=root help", "account=root gate=/tmp/gate help"),
                     "gate-elsewhere", "warning", SUDO, "account=root"),
    "account= in session": (lambda t: gate(t, SESSION, SESSION.replace(" help", " account=root help")),
                            "gate-account", "warning", SUDO, "session    required   pam_checkout"),
    "another account": (lambda t: t.change("etc/pam.d/sudo-oracle", "account=oracle", "account=root"),
                        "gate-other-account", "warning", "/etc/pam.d/sudo-oracle", "account=root"),
    "no handover": (lambda t: t.change("etc/pam.d/sshd",
                                       "session    include      pam-checkout\nsession    required     pam_limits",
                                       "session    required     pam_limits"),
                    "handover-missing", "warning", GATE, "session required"),
    "handover alone": (lambda t: t.change("etc/pam.d/sshd",
                                          "session    include      pam-checkout\n@include common-session",
                                          "@include common-session"),
                       "handover-alone", "warning", GATE, "session required"),
    "no logind": (lambda t: t.change("etc/pam.d/common-session", "session	optional	pam_systemd.so\n", ""),
                  "no-logind-session", "warning", GATE, "session required"),
    "before pam_systemd": (lambda t: t.change("etc/pam.d/su", "@include common-session\nsession    include    pam-checkout",
                                              "session    include    pam-checkout\n@include common-session"),
                           "gate-before-systemd", "warning", GATE, "session required"),
    "missing include": (lambda t: t.append("etc/pam.d/su", "session include nowhere\n"),
                        "pam-error", "problem", "/etc/pam.d/su", "nowhere"),
    "missing @include": (lambda t: t.append("etc/pam.d/su", "@include nowhere\n"),
                         "pam-error", "problem", "/etc/pam.d/su", "nowhere"),
    "wrong control": (lambda t: gate(t, "session    required   pam_limits", "session [success=sure] pam_limits"),
                      "pam-error", "problem", SUDO, "success=sure"),
    "in common-account": (lambda t: t.append("etc/pam.d/common-account", "account required pam_checkout.so\n"),
                          "gate-forbidden", "problem", "/etc/pam.d/common-account", "pam_checkout"),
    "in common-session": (lambda t: t.append("etc/pam.d/common-session", "session required pam_checkout.so\n"),
                          "gate-forbidden", "problem", "/etc/pam.d/common-session", "pam_checkout"),
    "in cron": (lambda t: t.append("etc/pam.d/cron", "account required pam_checkout.so\n"),
                "gate-forbidden", "problem", "/etc/pam.d/cron", "pam_checkout"),
    "in polkit": (lambda t: t.append("usr/lib/pam.d/polkit-1", "account required pam_checkout.so\n"),
                  "gate-forbidden", "problem", "/usr/lib/pam.d/polkit-1", "pam_checkout"),
    "on the console": (lambda t: t.append("etc/pam.d/login", "account required pam_checkout.so\n"),
                       "gate-forbidden", "warning", "/etc/pam.d/login", "pam_checkout"),
    "no door": (lambda t: t.write("etc/pam.d/mydoor", "account required pam_checkout.so\n"),
                "gate-no-door", "warning", "/etc/pam.d/mydoor", "pam_checkout"),
    "!pam_session": (lambda t: t.append(SUDOERS, "Defaults !pam_session\n"),
                     "sudo-no-pam-session", "problem", SUDOERS, "!pam_session"),
    "!pam_acct_mgmt": (lambda t: t.append(SUDOERS, "Defaults:alice !pam_acct_mgmt\n"),
                       "sudo-no-pam-acct-mgmt", "problem", SUDOERS, "!pam_acct_mgmt"),
    "!pam_ruser": (lambda t: t.append(SUDOERS, "Defaults>root !pam_ruser\n"),
                   "sudo-no-pam-ruser", "problem", SUDOERS, "!pam_ruser"),
    "targetpw": (lambda t: t.append("etc/sudoers", "Defaults targetpw\n"),
                 "sudo-other-password", "problem", "/etc/sudoers", "targetpw"),
    "rootpw": (lambda t: t.append("etc/sudoers", "Defaults!/usr/bin/id rootpw\n"),
               "sudo-other-password", "problem", "/etc/sudoers", "rootpw"),
    "runaspw": (lambda t: t.append("etc/sudoers", "Defaults runaspw\n"),
                "sudo-other-password", "problem", "/etc/sudoers", "runaspw"),
    "another service for a command": (
        lambda t: t.append(SUDOERS, "Defaults!/usr/bin/id pam_service=sudo\n"),
        "gate-missing", "problem", "/etc/pam.d/sudo", None),
    "another login service": (
        lambda t: [t.write("etc/pam.d/sudo-i", t.read("etc/pam.d/sudo")),
                   t.change(SUDOERS, "pam_login_service=sudo-root, ", "")],
        "gate-missing", "problem", "/etc/pam.d/sudo-i", None),
    "another askpass service": (
        lambda t: t.change(SUDOERS, "pam_askpass_service=sudo-root\n", "pam_askpass_service=sudo\n"),
        "gate-missing", "problem", "/etc/pam.d/sudo", None),
    "by the name root, and -g": (
        lambda t: t.write(SUDOERS, "Defaults>root,oracle pam_service=sudo-root, pam_login_service=sudo-root, "
                          "pam_askpass_service=sudo-root\n", 0o440),
        "gate-missing", "problem", "/etc/pam.d/sudo", None),
    "a second name of uid 0 by name": (
        lambda t: [t.append("etc/passwd", "toor:x:0:0::/root:/bin/sh\n"),
                   t.append(SUDOERS, "Defaults>toor pam_service=sudo\n")],
        "gate-missing", "problem", "/etc/pam.d/sudo", None),
    "sudoers with a mistake": (lambda t: t.append("etc/sudoers", "what is this\n"),
                               "unread", "problem", "/etc/sudoers", None),
    "UsePAM no": (lambda t: t.change("etc/ssh/sshd_config", "UsePAM yes", "UsePAM no"),
                  "ssh-no-pam", "problem", "/etc/ssh/sshd_config", "UsePAM"),
    "UsePAM no in a drop-in": (
        lambda t: t.write("etc/ssh/sshd_config.d/10-x.conf", "# a remark\nUsePAM no\n"),
        "ssh-no-pam", "problem", "/etc/ssh/sshd_config", "UsePAM"),
    "LoginGraceTime": (
        lambda t: [t.change("etc/pam.d/pam-checkout", "account required pam_checkout.so",
                            "account required pam_checkout.so wait=5min"),
                   t.append("etc/ssh/sshd_config", "LoginGraceTime 60\n")],
        "ssh-grace", "problem", "/etc/ssh/sshd_config", "LoginGraceTime"),
    "waiting in account": (
        lambda t: t.change("etc/pam.d/pam-checkout", "account required pam_checkout.so",
                           "account required pam_checkout.so wait=10s"),
        "ssh-slots", "warning", "/etc/ssh/sshd_config", None),
    "key alone and a gate in auth": (
        lambda t: [t.write("etc/pam.d/pam-checkout-prompt", "auth requisite pam_checkout.so prompt\n"),
                   t.change("etc/pam.d/sshd", "@include common-auth",
                            "auth include pam-checkout-prompt\n@include common-auth")],
        "ssh-methods", "problem", "/etc/ssh/sshd_config", None),
    "wrong sshd_config": (lambda t: t.append("etc/ssh/sshd_config", "NoSuchWord yes\n"),
                          "unread", "problem", "/etc/ssh/sshd_config", None),
    "no module": (lambda t: t.remove("usr/lib/x86_64-linux-gnu/security/pam_checkout.so"),
                  "module-missing", "problem", None, None),
    "a module for all to write": (
        lambda t: t.path("usr/lib/x86_64-linux-gnu/security/pam_checkout.so").chmod(0o666),
        "module-writable", "problem", "/usr/lib/x86_64-linux-gnu/security/pam_checkout.so", None),
    "no user": (lambda t: t.change("etc/passwd", "pam-checkout:", "somebody:"),
                "user-missing", "problem", "/etc/passwd", None),
    "no bus policy": (lambda t: t.remove("usr/share/dbus-1/system.d/org.pamcheckout.Broker1.conf"),
                      "bus-policy-missing", "problem", None, None),
    "a folder for all to write": (lambda t: t.path("etc/pam-checkout").chmod(0o777),
                                  "folder-writable", "problem", "/etc/pam-checkout", None),
    "another's folder": (lambda t: os.chown(t.path("etc/pam-checkout"), 1000, 0),
                         "folder-writable", "problem", "/etc/pam-checkout", None),
    "another's ledger": (lambda t: [t.write("var/lib/pam-checkout/ledger.db", "")],
                         "state-owner", "problem", "/var/lib/pam-checkout", None),
    "no folder": (lambda t: t.remove("etc/pam-checkout/policy.d"), "folder-missing", "problem",
                  "/etc/pam-checkout/policy.d", None),
    "a service with a path": (lambda t: t.append(SUDOERS, "Defaults>root pam_service=\"../sudo\"\n"),
                              "sudo-service", "problem", "/etc/sudoers", None),
    "a line that libpam's releases read differently": (
        lambda t: gate(t, ACCOUNT, "account optional \\\n# a remark\n pam_x.so\n" + ACCOUNT),
        "pam-doubtful", "note", SUDO, "account optional"),
    "no polkit rule": (lambda t: t.remove("usr/share/polkit-1/rules.d/50-pam-checkout.rules"),
                       "no-polkit-rule", "note", None, None),
    "no polkit": (lambda t: t.remove("usr/lib/polkit-1"), "no-polkit-rule", "note", None, None),
    "no policy": (lambda t: t.remove("etc/pam-checkout/policy.d/10-test.conf"),
                  "no-policy", "note", "/etc/pam-checkout/policy.d", None),
    "a wrong policy": (lambda t: t.append("etc/pam-checkout/policy.d/10-test.conf", "quorun = 3\n"),
                       "policy-error", "problem", "/etc/pam-checkout/policy.d", None),
    "a policy that nobody can satisfy": (
        lambda t: t.append("etc/pam-checkout/policy.d/10-test.conf", "quorum = 3\n"),
        "policy", "warning", "/etc/pam-checkout/policy.d/10-test.conf", "[policy"),
    "pkexec": (lambda t: t.write("usr/bin/pkexec", "", 0o4755), "way-pkexec", "note", "/usr/bin/pkexec", None),
    "run0": (lambda t: t.write("usr/bin/run0", "", 0o755), "way-run0", "note", "/usr/bin/run0", None),
    "systemd-run": (lambda t: t.write("usr/bin/systemd-run", "", 0o755),
                    "way-run0", "note", "/usr/bin/systemd-run", None),
    "machinectl": (lambda t: t.write("usr/bin/machinectl", "", 0o755),
                   "way-machinectl", "note", "/usr/bin/machinectl", None),
    "cron": (lambda t: t.write("usr/sbin/cron", "", 0o755), "way-cron", "note", "/usr/sbin/cron", None),
    "at": (lambda t: t.write("usr/bin/at", "", 0o4755), "way-at", "note", "/usr/bin/at", None),
    "docker": (lambda t: t.change("etc/group", "docker:x:998:", "docker:x:998:bob"),
               "way-group", "warning", "/etc/group", None),
    "docker by primary group": (lambda t: t.append("etc/passwd", "eve:x:1009:998::/:/bin/sh\n"),
                                "way-group", "warning", "/etc/group", None),
    "second uid 0": (lambda t: t.append("etc/passwd", "toor:x:0:0::/root:/bin/sh\n"),
                     "way-uid-zero", "warning", "/etc/passwd", None),
    "sudo -g": (lambda t: None, "way-sudo-group", "note", "/etc/sudoers", None),
    "sudo-rs": (lambda t: t.write("usr/bin/sudo-rs", "", 0o4755), "sudo-rs", "note", "/usr/bin/sudo-rs", None),
    "sudo-rs past the service of the target": (
        lambda t: t.write("usr/bin/sudo-rs", "", 0o4755), "gate-missing", "problem", "/etc/pam.d/sudo", None),
}


@pytest.mark.parametrize("hole", HOLES)
def test_planted_hole(tree, doctor, hole):
    plant, name, severity, file, word = HOLES[hole]
    plant(tree)
    findings = doctor()
    found = [finding for finding in findings
             if (finding["finding"], finding["severity"], finding.get("file")) == (name, severity, file)]
    assert found, findings
    if word:
        line = tree.line(file, word)
        assert line in [finding.get("line") for finding in found], (line, found)


def test_pam_conf_where_there_is_no_folder(tree, doctor):
    tree.remove("etc/pam.d")
    tree.remove("usr/lib/pam.d")
    tree.write("etc/pam.conf", "sudo-root account required pam_checkout.so account=root\n"
               "SUDO-ROOT session required pam_checkout.so\nother account required pam_permit.so\n"
               "sudo-oracle account optional pam_checkout.so account=oracle\n"
               "sudo-oracle account required pam_permit.so\n"
               "sudo-oracle session required pam_checkout.so\n")
    findings = doctor()
    assert {finding["line"] for finding in findings if finding["finding"] == "gate-optional"} == {4}
    assert not [finding for finding in findings if finding.get("line") in (1, 2)], findings


def test_links_stay_in_the_tree(tree, doctor):
    tree.path("etc/pam.d/sudo-root").rename(tree.path("etc/real"))
    tree.path("etc/pam.d/sudo-root").symlink_to("/etc/real")
    assert [finding for finding in worse(doctor()) if finding["finding"] != "ssh-penalties"] == []


def test_for_people(cli, tree, doctor):  # noqa: F811
    gate(tree, "session    required   pam_checkout", "session optional pam_checkout")
    done = cli("doctor", "--root", tree.root)
    line = tree.line(SUDO, "session optional")
    assert done.code == 1
    first, fix = done.out.splitlines()[:2]
    assert first.startswith(f"problem: {SUDO}:{line}: The gate is asked in the session phase of sudo-root")
    assert fix.startswith("    Make the line `required`")
    assert done.err.startswith("1 problem, "), done


def test_control_characters_stay_out_of_the_terminal(cli, tree, doctor):  # noqa: F811
    gate(tree, "account=root help", "acc\x1b[31mount=root help")
    done = cli("doctor", "--root", tree.root)
    assert done.code == 1 and "\x1b" not in done.out and "acc\\x1b[31mount" in done.out
    assert any("acc\x1b" in finding["message"] or "acc\\x1b" in finding["message"] for finding in doctor())


def test_what_it_cannot_read_is_not_in_order(cli, tree, doctor):  # noqa: F811
    """Not root: it says so, and what it could not read."""
    tree.path(SUDO).chmod(stat.S_IRUSR)
    tree.path("etc/pam-checkout/policy.d").chmod(0o750)
    done = cli.shell(f"setpriv --reuid=1000 --regid=1000 --clear-groups $CLI doctor --json --root {tree.root}")
    found = {(finding["finding"], finding.get("file")) for finding in done.json()}
    assert done.code == 1
    assert ("not-root", None) in found and ("policy-error", "/etc/pam-checkout/policy.d") in found


@pytest.mark.parametrize("arguments, error", [
    (["--root", "/no/such/folder"], "/no/such/folder: No such file or directory"),
    (["sudo"], "doctor takes no arguments"),
])
def test_usage(cli, arguments, error):  # noqa: F811
    done = cli("doctor", *arguments)
    assert done.code == 2 and error in done.err


# These need a host that runs: tests/e2e/booted/test_holes.py.
ON_A_HOST = {"unit-missing", "unit-inactive", "unit-disabled", "socket-missing", "socket-mode", "socket-deaf"}


def test_every_finding_has_a_test():
    sources = [*(TOP / "broker" / "doctor").glob("*.c"), TOP / "broker" / "cli" / "doctor.c"]
    texts = [path.read_text() for path in sources]
    added = {name for text in texts
             for call in re.findall(r"(?:findings_add|report|report_flag)\([^;]*?;", text, re.S)
             for name in re.findall(r'"((?:[a-z]+-)+[a-z0-9]+)"', call)}
    tested = {name for _, name, *_ in HOLES.values()} | {"not-root", "ssh-penalties"} | ON_A_HOST
    assert len(added) > 50 and added - tested == set()
    strings = {string for text in texts for string in re.findall(r'"([a-z0-9-]+)"', text)}
    assert tested - strings == set()


def test_environment_behind_the_gate(doctor, tree):
    """Only before the gate is it a hole, and only where it is the account's own file."""
    share(tree)
    tree.append("etc/pam.d/sshd", "session required pam_env.so user_readenv=1\n")
    tree.change("etc/pam.d/sshd", HANDOVER, "session required pam_env.so readenv=1\n" + HANDOVER)
    assert [one for one in doctor() if one["finding"] == "gate-after-environment"] == []
