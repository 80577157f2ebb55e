# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl explain, reload, policy check."""

import os
import pwd

import pytest

from cli_fixtures import broker, brokers, bus, cli, machine  # noqa: F401

ANSWER = {"verdict": "decides", "policy": "root-on-prod", "policy_digest": "ab" * 32, "at": ["t", 1795424400],
          "explanation": "10-a.conf:1 [policy a]: accounts do not include root\n"
                         "20-b.conf:3 [policy root-on-prod]: decides\x1b[31m\n"}


def test_explain(broker, cli):
    broker.on("Explain", ["odd", "a{sv}", ANSWER])
    done = cli("explain", "--person", "alice", "--account", "root", "--door", "sudo", "--from", "192.0.2.7", "--at",
               "2026-11-23 09:00")
    assert done.code == 0
    assert broker.calls("Explain") == [["Explain", {
        "person": "alice", "account": "root", "door": "sudo", "from": "192.0.2.7", "at": 1795424400}]]
    assert done.out == ("a policy decides (policy root-on-prod), at 2026-11-23 09:00:00 UTC\n"
                        "  10-a.conf:1 [policy a]: accounts do not include root\n"
                        "  20-b.conf:3 [policy root-on-prod]: decides\\x1b[31m\n")


def test_explain_json(broker, cli):
    broker.on("Explain", ["odd", "a{sv}", ANSWER])
    done = cli("explain", "--account", "root", "--json")
    assert done.json() == [{**ANSWER, "at": 1795424400}]
    assert broker.calls("Explain") == [["Explain", {"person": pwd.getpwuid(os.getuid()).pw_name, "account": "root"}]]


@pytest.mark.parametrize("verdict, word", [
    ("unmanaged", "not managed"), ("exempt", "let through"), ("nobody", "refused"), ("outside-hours", "refused"),
    ("a new one", "a new one")])
def test_every_verdict_has_a_sentence(broker, cli, verdict, word):
    broker.on("Explain", ["odd", "a{sv}", {"verdict": verdict}])
    done = cli("explain", "--account", "root")
    assert done.code == 0 and word in done.out and done.out.count("\n") == 1


def test_reload(broker, cli):
    done = cli("reload")
    assert done.code == 0 and done.out == "the broker has read its policies anew\n"
    done = cli("reload", "--json")
    assert (done.code, done.out, done.err) == (0, "", "")
    broker.on("Reload", ["error", "InvalidArgument", "10-a.conf:3: there is no key acounts"])
    done = cli("reload")
    assert done.code == 1 and done.err == "checkoutctl: 10-a.conf:3: there is no key acounts\n"


@pytest.fixture
def policies(tmp_path):
    """A folder that the file given last is written to; it asks no broker and no bus."""
    def write(text):
        (tmp_path / "10-test.conf").write_text(text)
        return str(tmp_path)
    tmp_path.chmod(0o755)
    os.umask(0o022)
    return write


GOOD = "[policy one]\naccounts = root\nrequesters = daemon\napprovers = bin, sys\n"


def test_good_policies(cli, policies):
    done = cli("policy", "check", policies(GOOD))
    assert (done.code, done.out, done.err) == (0, "", "1 policy, 0 findings\n")
    done = cli("policy", "check", policies(GOOD), "--json")
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("text, findings", [
    (GOOD.replace("= root", "= root, nosuchaccount"), ["the account nosuchaccount does not exist on this host"]),
    (GOOD.replace("daemon", "nosuchuser, %nosuchgroup"),
     ["requesters: the user nosuchuser does not exist on this host",
      "requesters: the group nosuchgroup does not exist on this host"]),
    (GOOD + "exempt = nosuchuser\n", ["exempt: the user nosuchuser does not exist on this host"]),
    (GOOD.replace("bin, sys", "%nogroup, %daemon") + "quorum = daemon:2\n",
     ["can never be approved: those who are in its approvers' groups"]),
    (GOOD + "quorum = 3\n", ["can never be approved"]),
])
def test_findings(cli, policies, text, findings):
    directory = policies(text)
    done = cli("policy", "check", directory)
    assert done.code == 1
    lines = done.out.splitlines()
    for finding in findings:
        line = next(line for line in lines if finding in line)
        assert "10-test.conf:1: [policy one] " in line
    assert done.err == f"1 policy, {len(lines)} finding{'s' * (len(lines) != 1)}\n"
    done = cli("policy", "check", directory, "--json")
    assert done.code == 1 and len(done.json()) == len(lines)
    for row in done.json():
        assert row["policy"] == "one" and row["line"] == 1 and row["file"].endswith("10-test.conf")


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"
KEYS = [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 42}A" for letter in "ABCDEFGHIJ"]
SHARED = GOOD.replace("accounts = root", "accounts = games") + "person = key\n"


@pytest.fixture
def persons(tmp_path):
    """A folder with the policies, and the file beside it."""
    def write(policies, text):
        folder = tmp_path / "policy.d"
        folder.mkdir()
        (folder / "10-test.conf").write_text(policies)
        if text is not None:
            (tmp_path / "persons").write_text(text)
        return str(folder)
    os.umask(0o022)
    return write


def test_good_persons(cli, persons):
    done = cli("policy", "check", persons(SHARED, f"daemon {KEYS[0]}\n*,!root cert-authority {KEYS[1]}\n"))
    assert (done.code, done.out, done.err) == (0, "", "1 policy, 0 findings\n")


@pytest.mark.parametrize("text", [None, "", "# nobody yet\n"])
def test_nobody_has_a_key(cli, persons, text):
    done = cli("policy", "check", persons(SHARED, text))
    assert done.code == 1
    assert "10-test.conf:1: [policy one] has person = key, and no line of the file persons says whose key is " \
           "whose: nobody comes in by ssh" in done.out


@pytest.mark.parametrize("line, finding", [
    (f"nosuchuser {KEYS[0]}", "the user nosuchuser does not exist on this host"),
    (f"root {KEYS[0]}", "root has uid 0, which is no person: the login is refused"),
    (f"games {KEYS[0]}", "games is a shared account itself, by policy one: write whose key it is"),
    (f'daemon namespaces="git" {KEYS[0]}', "is passed over: its namespaces leave out pam-checkout"),
    (f'daemon valid-before="20200101" {KEYS[0]}', "fits nobody any more: its valid-before is over"),
    (f"daemon,nosuchuser cert-authority {KEYS[0]}", "the user nosuchuser does not exist on this host"),
    (f"!daemon cert-authority {KEYS[0]}", "fits nobody: every pattern excludes"),
])
def test_findings_about_persons(cli, persons, line, finding):
    folder = persons(SHARED, f"daemon {KEYS[1]}\n{line}\n")
    done = cli("policy", "check", folder)
    path = folder.replace("policy.d", "persons")
    assert (done.code, done.out) == (1, f"{path}:2: {finding}\n")
    row, = cli("policy", "check", folder, "--json").json()
    assert row == {"policy": None, "file": path, "line": 2, "finding": finding}


@pytest.mark.parametrize("line, problem", [
    ("daemon,bin " + KEYS[0], "a key has one owner"),
    ("daemon " + KEY, "what is written as the key is no whole key"),
    ("daemon " + KEYS[1], ""),
    ("bin " + KEYS[1], "this key is the one of daemon already, in line 1"),
])
def test_persons_that_cannot_be_read(cli, persons, line, problem):
    done = cli("policy", "check", persons(SHARED, f"daemon {KEYS[1]}\n{line}\n"))
    assert done.code == (1 if problem else 0)
    assert not problem or f"/persons:2: {problem}" in done.err


MANAGED = GOOD.replace("bin, sys", "manager, bin") + "quorum = manager & bin:1\n"


def test_managers_that_are_known(cli, policies):
    done = cli("policy", "check", policies(MANAGED + "[managers]\ndaemon = sys\nbin = daemon\n"))
    assert (done.code, done.out, done.err) == (0, "", "1 policy, 0 findings\n")
    # A group has members whom nobody looks up here.
    done = cli("policy", "check", policies(MANAGED.replace("daemon", "%daemon")))
    assert (done.code, done.out, done.err) == (0, "", "1 policy, 0 findings\n")
    # With a group among the approvers, the manager may be who is lacking in it.
    done = cli("policy", "check", policies(
        MANAGED.replace("bin\n", "%daemon\n", 1).replace("bin:1", "daemon:2")))
    assert done.code == 1 and "can never be approved: those who are in its approvers' groups" in done.out
    done = cli("policy", "check", policies(MANAGED.replace("bin\n", "bin, %nogroup\n", 1) +
                                           "[managers]\ndaemon = sys\n"))
    assert (done.code, done.out, done.err) == (0, "", "1 policy, 0 findings\n")


@pytest.mark.parametrize("text, line, finding", [
    ("daemon = nosuchuser", 8, "[managers] daemon: the user nosuchuser does not exist on this host"),
    ("daemon = sys\nnosuchuser = sys", 9,
     "[managers] nosuchuser: the user nosuchuser does not exist on this host"),
    ("daemon = sys\nsys = root", 9, "[managers] sys: the manager is root, whose approvals are refused: "
                                    "approvers are persons"),
    ("sys = daemon", 1, "[policy one] has manager among its approvers, and no manager of daemon is named "
                        "in [managers]"),
    ("daemon = bin", 1, "[policy one] can never be approved for daemon: without the own approval its "
                        "approvers cannot reach its quorum"),
])
def test_findings_about_managers(cli, policies, text, line, finding):
    directory = policies(MANAGED.replace("requesters", "doors = any\nrequesters") + f"[managers]\n{text}\n")
    done = cli("policy", "check", directory)
    assert (done.code, done.out) == (1, f"{directory}/10-test.conf:{line}: {finding}\n")
    (row,) = cli("policy", "check", directory, "--json").json()
    section, sentence = finding.split("] ", 1)
    assert row == {"policy": "one" if section == "[policy one" else None,
                   "file": f"{directory}/10-test.conf", "line": line, "finding": sentence}


def test_policies_that_cannot_be_read(cli, policies):
    directory = policies(GOOD + "acounts = root\n")
    done = cli("policy", "check", directory)
    assert done.code == 1 and "10-test.conf:5" in done.err and done.out == ""
    assert cli("policy", "check", directory, "--json").error()["error"] == "InvalidArgument"
