# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shipped PAM and sudoers examples do what they say. pam_deny stands in for the module: whoever
reaches the gate is refused."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "packaging" / "examples"
KINDS = {"account": "acct_mgmt", "session": "open_session"}


def wrapper():
    found = [path for pattern in ("lib*", "lib*/*")
             for path in Path("/usr").glob(f"{pattern}/libpam_wrapper.so")]
    if not found or not shutil.which("pamtester"):
        pytest.skip("pam_wrapper and pamtester are not installed")
    return str(found[0])


def enters(folder, service, user, kind):
    environment = dict(os.environ, LD_PRELOAD=wrapper(), PAM_WRAPPER="1",
                       PAM_WRAPPER_SERVICE_DIR=str(folder))
    return subprocess.run(["pamtester", service, user, KINDS[kind]], env=environment,
                          capture_output=True).returncode == 0


def stack(folder, service, kind, change=lambda line: line):
    """The service's own lines behind a module that agrees, as in the real file."""
    lines = [line for line in (EXAMPLES / f"pam.d-{service}").read_text().splitlines()
             if line.startswith(kind)]
    # Under sshd's session it stands twice, before and after pam_systemd.
    assert len(lines) == (2 if (service, kind) == ("sshd", "session") else 1)
    assert all(line.endswith(" pam-checkout") for line in lines)
    # pam_wrapper shows libpam the file of the service alone; another one is found by its whole path.
    lines = [line.replace("pam-checkout", str(folder / "pam-checkout")) for line in lines]
    (folder / service).write_text("\n".join([f"{kind} required pam_permit.so", *lines]) + "\n")
    gate = [change(line) for line in (EXAMPLES / "pam.d-pam-checkout").read_text().splitlines()]
    (folder / "pam-checkout").write_text(
        re.sub(r"pam_checkout\.so.*", "pam_deny.so", "\n".join(gate)) + "\n")


@pytest.mark.parametrize("service", ["su", "sshd"])
@pytest.mark.parametrize("kind", KINDS)
def test_listed_accounts_reach_the_gate_and_others_do_not(tmp_path, service, kind):
    stack(tmp_path, service, kind)
    assert not enters(tmp_path, service, "root", kind)
    assert not enters(tmp_path, service, "oracle", kind), "an account that cannot be looked up"
    assert enters(tmp_path, service, "daemon", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_in_the_guard_leaves_the_gate_shut(tmp_path, kind):
    stack(tmp_path, "su", kind, lambda line: line.replace("notin", "no-such-test"))
    assert not enters(tmp_path, "su", "daemon", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_gate_file_lets_nobody_in(tmp_path, kind):
    stack(tmp_path, "su", kind)
    (tmp_path / "pam-checkout").unlink()
    assert not enters(tmp_path, "su", "daemon", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_one_line_the_gate_is_gone(tmp_path, kind):
    stack(tmp_path, "su", kind)
    path = tmp_path / "su"
    path.write_text(re.sub(r"(?m)^(.*pam-checkout)", r"#\1", path.read_text()))
    assert enters(tmp_path, "su", "root", kind)


def test_half_a_gate_lets_nobody_in(tmp_path):
    """Why the two lines are in a file of their own: a jump past the end of the stack is an error, so
    whoever takes away the second line alone has locked everybody out."""
    (tmp_path / "su").write_text("account required pam_permit.so\n"
                                 "account [success=1 default=ignore] pam_succeed_if.so quiet "
                                 "user notin root:oracle\n")
    assert not enters(tmp_path, "su", "daemon", "account")


def test_a_group_that_is_not_there_opens_the_gate(tmp_path):
    """Why the examples list accounts, and warn of groups. If this fails they may change."""
    stack(tmp_path, "sshd", "account",
          lambda line: line.replace("notin root:oracle", "notingroup no-such-group"))
    assert enters(tmp_path, "sshd", "root", "account")


def test_both_lists_name_the_same_accounts():
    lists = re.findall(r"^\w+ .*user notin (\S+)$", (EXAMPLES / "pam.d-pam-checkout").read_text(), re.M)
    assert len(lists) == 2 and lists[0] == lists[1]


def test_sudo_service_asks_in_both_phases_with_required():
    text = (EXAMPLES / "pam.d-sudo-root").read_text()
    gates = re.findall(r"^(\w+)\s+(\S+)\s+pam_checkout\.so(.*)$", text, re.M)
    assert [(kind, control) for kind, control, _ in gates] == [
        ("account", "required"), ("session", "required")]
    assert "account=root" in gates[0][2]
    assert "account=" not in gates[1][2], "sudo -g shows the caller there, who is not managed"


def test_sudoers_lines_are_valid_and_name_the_service():
    path = EXAMPLES / "sudoers-root"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    services = [re.findall(r"(\w+)_service=(\S+?),?(?:\s|$)", line) for line in lines]
    assert [line.split()[0] for line in lines] == ["Defaults", "Defaults>ALL,!#0"], \
        "whatever is not proved to be another uid goes through the gate"
    assert services == [
        [("pam", "sudo-root"), ("pam_login", "sudo-root"), ("pam_askpass", "sudo-root")],
        [("pam", "sudo"), ("pam_login", "sudo-i"), ("pam_askpass", "sudo")]]
    visudo = shutil.which("visudo", path=os.environ["PATH"] + ":/usr/sbin")
    if not visudo:
        pytest.skip("visudo is not installed")
    subprocess.run([visudo, "-cf", str(path)], check=True, capture_output=True)


def test_completion_knows_every_subcommand():
    script = TOP / "packaging" / "checkoutctl.bash"
    words = subprocess.run(
        ["bash", "-uc", 'source "$1"; COMP_WORDS=(checkoutctl ""); COMP_CWORD=1; _checkoutctl; '
         'echo "${COMPREPLY[@]}"', "bash", str(script)],
        check=True, text=True, capture_output=True).stdout.split()
    assert {word for word in words if not word.startswith("-")} == set(
        """request list show approve deny cancel checkin revoke extend grant watch explain policy
        reload sessions log report verify doctor setup""".split())


@pytest.mark.parametrize("before,expected", [
    (["request", "--door", "=", "s"], ["sudo", "su", "ssh"]),
    (["list", "--state", "ret"], ["returned"]),
    (["policy", "check", "/et"], ["/etc"]),
    (["setup", "s"], ["sudo", "su", "ssh"]),
    (["setup", "sudo", "--target", "roo"], ["root"]),
    (["doctor", "--root", "/et"], ["/etc"]),
    (["request", "--reason", "=", "mend it", "roo"], ["root"]),
])
def test_completion_of_values(before, expected):
    script = TOP / "packaging" / "checkoutctl.bash"
    words = subprocess.run(
        ["bash", "-uc", 'source "$1"; shift; COMP_WORDS=(checkoutctl "$@"); COMP_CWORD=$#; '
         '_checkoutctl; echo "${COMPREPLY[@]}"', "bash", str(script), *before],
        check=True, text=True, capture_output=True).stdout.split()
    assert words == expected
