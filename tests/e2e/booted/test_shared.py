# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shared accounts over ssh on a real host: whose key it is, by every way in, and what people read."""

import subprocess
import time

import pexpect
import pytest

from host.actor import PATIENCE, status
from host.booted import ENVIRONMENT, EXAMPLES

POLICY = """
[policy shared]
accounts = oracle
requesters = alice, bob, carol, frank
approvers = %security
person = key
"""
SESSION = """\
session [success=1 default=ignore] pam_succeed_if.so quiet user notin oracle
session required pam_checkout.so {}
"""


def plain(shown):
    """Without what ssh itself says of the connection's end."""
    return shown.replace("\r", "").replace("Connection to 127.0.0.1 closed.\n", "")


class Keys:
    """The persons' keys, and a CA that speaks of carol."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("alice", "bob", "nobody", "carol", "ca"):
            self._keygen("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name)
        self._keygen("-q", "-s", folder / "ca", "-I", "carol", "-n", "oracle", folder / "carol.pub")

    @staticmethod
    def _keygen(*arguments):
        return subprocess.run(["ssh-keygen", *map(str, arguments)], check=True, text=True,
                              capture_output=True).stdout

    def public(self, name):
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def fingerprint(self, name):
        return self._keygen("-l", "-f", self.folder / f"{name}.pub").split()[1]


def end(client):
    """Not by SIGTERM: ssh of Debian 12 looks for it and then polls, and waits for ever where it came
    in between."""
    client.kill()
    client.communicate()


class Shared:
    """A host whose account oracle is shared."""

    def __init__(self, host, keys):
        self.host, self.keys = host, keys

    def options(self, key):
        return ["-F", "none", "-i", self.keys.folder / key, "-o", "IdentitiesOnly=yes",
                "-o", "StrictHostKeyChecking=yes",
                "-o", f"UserKnownHostsFile={self.host.folder}/known_hosts"]

    def command(self, key, *arguments, program="ssh"):
        return self.host.enter([program, *self.options(key), *arguments], "-n")

    def ssh(self, key, *words, options=(), **how):
        """A command over ssh without a terminal."""
        how = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **how}
        return subprocess.run(
            self.command(key, "-o", "BatchMode=yes", *options, "oracle@127.0.0.1", *words),
            env=ENVIRONMENT, timeout=PATIENCE, **how)

    def terminal(self, key, *words, options=("-tt",), program="ssh"):
        target = ["oracle@127.0.0.1"] if program == "ssh" else []
        command = self.command(key, *options, *target, *words, program=program)
        return pexpect.spawn(str(command[0]), [str(word) for word in command[1:]],
                             env={**ENVIRONMENT, "TERM": "xterm"}, timeout=PATIENCE,
                             encoding="utf-8", codec_errors="replace", dimensions=(50, 200))

    def shell(self, key, *words):
        """A command on a terminal: (exit status, what was shown)."""
        with self.terminal(key, *words) as child:
            child.expect(pexpect.EOF)
            shown = child.before
        return status(child), plain(shown)

    def persons(self, text):
        self.host.write("/etc/pam-checkout/persons", text, 0o640, "root:pam-checkout")

    def reload(self):
        return self.host.nsenter(["checkoutctl", "reload"], check=False)

    def check_out(self, person="alice", approver="bob"):
        number = self.host.actor(person).request("oracle")
        self.host.actor(approver).approve(number)
        return number

    def sessions(self):
        return self.host.ledger("SELECT person, account, door FROM session ORDER BY rowid")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def shared(booted_host, keys):
    """oracle's gate is in the session phase, as pam.d-pam-checkout says for shared accounts."""
    shared = Shared(booted_host, keys)
    host = booted_host
    host.shell("cp -a /etc/pam.d /run/pam.d.before; mkdir -p /run/sshd.before;"
               "cp -a /etc/ssh/sshd_config.d/. /run/sshd.before/")
    host.write("/home/oracle/.ssh/authorized_keys", "".join(
        keys.public(name) + "\n" for name in ("alice", "bob", "nobody")) +
        f'cert-authority,principals="oracle" {keys.public("ca")}\n', 0o600, "oracle:oracle")
    host.shell("chown oracle: /home/oracle/.ssh; chmod 700 /home/oracle/.ssh")
    host.write("/etc/pam.d/pam-checkout", "#%PAM-1.0\naccount optional pam_permit.so\n" +
               SESSION.format("help=the-desk"))
    shared.persons(f"# who is who\nalice {keys.public('alice')}\nbob {keys.public('bob')}\n"
                   f"*,!root cert-authority {keys.public('ca')}\n")
    host.policy(POLICY)
    yield shared
    host.shell("""
        rm -rf /etc/pam.d && mv /run/pam.d.before /etc/pam.d
        rm -rf /etc/ssh/sshd_config.d/* /home/oracle/.ssh /home/oracle/.pam_environment
        cp -a /run/sshd.before/. /etc/ssh/sshd_config.d/ && rm -rf /run/sshd.before
        rm -f /etc/pam-checkout/persons
        systemctl restart ssh
    """)


@pytest.fixture
def prompted(shared):
    """The shipped example for keyboard-interactive behind the key."""
    shared.host.shell(f"""
        sed 's/deploy/oracle/' {EXAMPLES}/sshd_config-prompt > /etc/ssh/sshd_config.d/pam-checkout.conf
        {{ sed -n '/^auth/ {{ s/deploy/oracle/; p }}' {EXAMPLES}/pam.d-sshd-prompt; cat /etc/pam.d/sshd
        }} > /run/sshd.new
        cat /run/sshd.new > /etc/pam.d/sshd
        sshd -t && systemctl restart ssh
    """)
    return shared


def test_whose_key_it_is(shared, keys):
    code, shown = shared.shell("alice", "id -un")
    assert code == 254 and "policy shared wants a reason" in shown, shown
    number = shared.check_out()
    assert shared.shell("alice", "id -un") == (0, "oracle\n")
    assert shared.ssh("alice", "id -un").stdout == "oracle\n"
    # bob has a key of oracle's, too, and no check-out
    result = shared.ssh("bob", "id -un")
    assert result.returncode == 254 and "oracle\n" not in result.stdout
    # carol comes with a certificate
    result = shared.ssh("carol", "id -un")
    assert result.returncode == 254 and "wants a reason" in result.stdout, result
    shared.check_out("carol")
    assert shared.ssh("carol", "id -un").stdout == "oracle\n"
    assert shared.sessions() == [("alice", "oracle", "ssh")] * 2 + [("carol", "oracle", "ssh")]
    shared.host.actor("bob").checkoutctl("revoke", str(number), "--reason", "enough")
    assert shared.ssh("alice", "id -un").returncode == 254


def test_who_is_not_known_reads_what_to_do(shared, keys):
    code, shown = shared.shell("nobody", "id")
    assert code == 254 and "uid=" not in shown
    assert f"whose key {keys.fingerprint('nobody')} (ssh-ed25519) is, is not known here: ask an " \
           "administrator to add it to /etc/pam-checkout/persons" in shown, shown
    shared.persons(f"alice {keys.public('nobody')}\n")
    assert shared.reload().returncode == 0
    assert "policy shared wants a reason" in shared.shell("nobody", "id")[1]
    assert keys.fingerprint("alice") in shared.shell("alice", "id")[1]
    shown = shared.shell("carol", "id")[1]
    assert f'the certificate "carol" is signed by {keys.fingerprint("ca")}, which is no authority ' \
           "here" in shown, shown


def test_a_broken_file_changes_nothing(shared, keys):
    shared.check_out()
    digest, = shared.host.ledger("SELECT digest FROM policy ORDER BY rowid DESC LIMIT 1")
    shared.persons(f"bob {keys.public('alice')}\nalice,bob {keys.public('bob')}\n")
    result = shared.reload()
    assert result.returncode == 1
    assert "/etc/pam-checkout/persons:2: a key has one owner" in result.stderr, result
    assert shared.ssh("alice", "id -un").stdout == "oracle\n"
    shared.persons(f"bob {keys.public('alice')}\n")
    assert shared.reload().returncode == 0
    assert shared.ssh("alice", "id -un").returncode == 254
    (text, loaded), = shared.host.ledger(
        "SELECT text, digest FROM policy ORDER BY rowid DESC LIMIT 1")
    assert f"#| bob {keys.public('alice')}" in text and (loaded,) != digest


def test_the_account_phase_says_where_the_gate_belongs(shared):
    shared.host.write("/etc/pam.d/pam-checkout", "#%PAM-1.0\naccount required pam_checkout.so\n"
                      "session optional pam_permit.so\n")
    result = shared.ssh("alice", "id")
    assert result.returncode == 255
    said = result.stdout + result.stderr
    assert "" == result.stdout
    refused, = shared.host.ledger(
        "SELECT json_extract(record, '$.reason'), json_extract(record, '$.person') FROM audit "
        "WHERE event = 'door-refused'")
    assert refused[1] is None
    assert "oracle is shared, and in the account phase sshd does not show whose key this is: your " \
           "administrator has to move the gate of oracle to the session phase" in refused[0], said


def test_ways_in(shared, keys, tmp_path):
    """exec, sftp, scp both ways, rsync, -N, -L, agent forwarding, a shared connection."""
    def run(program, *arguments):
        return subprocess.run(
            shared.command("alice", "-o", "BatchMode=yes", *arguments, program=program),
            env=ENVIRONMENT, text=True, capture_output=True, timeout=PATIENCE,
            stdin=subprocess.DEVNULL)

    def ways():
        shell = "ssh " + " ".join(map(str, [*shared.options("alice"), "-o", "BatchMode=yes"]))
        batch = tmp_path / "batch"
        batch.write_text("ls /etc/hostname\n")
        yield shared.ssh("alice", "cat", input="to and fro\n", stdin=None)
        yield run("sftp", "-b", batch, "oracle@127.0.0.1")
        yield run("scp", batch, "oracle@127.0.0.1:/tmp/batch")
        yield run("scp", "-O", batch, "oracle@127.0.0.1:/tmp/batch")
        yield run("scp", "oracle@127.0.0.1:/etc/hostname", tmp_path / "hostname")
        yield subprocess.run(shared.host.enter(["rsync", "-e", shell, batch,
                                                "oracle@127.0.0.1:/tmp/rsync"], "-n"),
                             env=ENVIRONMENT, text=True, capture_output=True, timeout=PATIENCE)

    for result in ways():
        assert result.returncode != 0, result
    assert run("ssh", "-W", "127.0.0.1:22", "oracle@127.0.0.1").returncode != 0
    shared.check_out()
    said = [(result.returncode, result.stdout) for result in ways()]
    assert [code for code, _ in said] == [0] * 6, said
    assert said[0][1] == "to and fro\n" and "/etc/hostname" in said[1][1]
    assert "pam_checkout" not in "".join(text for _, text in said)
    # -L: the far end is sshd itself; -W is the same without a shell
    result = subprocess.run(
        shared.command("alice", "-o", "BatchMode=yes", "-W", "127.0.0.1:22", "oracle@127.0.0.1"),
        env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, input=b"SSH-2.0-x\r\n")
    assert result.stdout.startswith(b"SSH-2.0-OpenSSH"), result
    # an agent goes along
    agent = subprocess.run(
        ["ssh-agent", *shared.command("alice", "-A", "-o", "BatchMode=yes", "oracle@127.0.0.1",
                                      "ssh-add -l")],
        env=ENVIRONMENT, text=True, capture_output=True, timeout=PATIENCE)
    assert "The agent has no identities." in agent.stdout + agent.stderr, agent


def test_forwarding_alone(shared, tmp_path):
    """-N: there is nothing to say it on, and nothing goes through."""
    def forward():
        port = 20000 + int(time.monotonic() * 1000) % 20000
        process = subprocess.Popen(
            shared.command("alice", "-N", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes",
                           "-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo in",
                           "-L", f"127.0.0.1:{port}:127.0.0.1:22", "oracle@127.0.0.1"),
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "in\n"
        got = shared.host.nsenter(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}; "
                                   "head -c 7 <&3 | tr -d '\\0'"], check=False).stdout
        end(process)
        return got

    assert forward() == ""
    assert shared.sessions() == []
    shared.check_out()
    assert forward() == "SSH-2.0"
    assert shared.sessions() == [("alice", "oracle", "ssh")]


def test_one_connection_is_one_session(shared):
    """ControlMaster: PAM is asked for the connection, whose channels belong to its session."""
    shared.check_out()
    control = ["-o", f"ControlPath={shared.host.folder}/shared"]
    master = subprocess.Popen(
        shared.command("alice", "-M", "-N", "-o", "BatchMode=yes", "-o", "PermitLocalCommand=yes",
                       "-o", "LocalCommand=echo in", *control, "oracle@127.0.0.1"),
        env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert master.stdout.readline() == "in\n"
    for _ in range(3):
        assert shared.ssh("alice", "id -un", options=control).stdout == "oracle\n"
    end(master)
    assert shared.sessions() == [("alice", "oracle", "ssh")]


def test_the_account_cannot_say_who_comes(shared, keys):
    """~/.pam_environment is read by Debian 12's pam_env, behind the gate."""
    if shared.host.release == "bookworm":
        assert shared.host.shell("grep -c user_readenv=1 /etc/pam.d/sshd") == "1\n"
    else:
        shared.host.shell("echo session required pam_env.so user_readenv=1 >> /etc/pam.d/sshd")
    shared.host.write("/home/oracle/.pam_environment",
                      f'SSH_AUTH_INFO_0 DEFAULT="publickey {keys.public("bob")}"\n', 0o600,
                      "oracle:oracle")
    shared.check_out("bob", "carol")
    assert shared.ssh("alice", "id -un").returncode == 254
    assert shared.ssh("bob", "id -un").stdout == "oracle\n"
    assert shared.sessions() == [("bob", "oracle", "ssh")]


# Behind keyboard-interactive.

def ask(prompted, key, *answers, words=("id -un",), options=("-tt",), program="ssh"):
    """What is shown to somebody who gives these answers."""
    child = prompted.terminal(key, *words, program=program,
                              options=[*options, "-o", "NumberOfPasswordPrompts=1"])
    shown = ""
    for prompt, answer in zip((r"Reason for using the account oracle: ", r"Ticket \(empty: none\): "),
                              answers):
        child.expect(prompt)
        shown += child.before + child.after
        child.sendline(answer)
    child.expect(pexpect.EOF)
    return status(child), plain(shown + child.before)


def test_prompt(prompted, keys):
    code, shown = ask(prompted, "alice", "the disk is full", "CHG-1")
    assert code == 255
    assert "pam_checkout: policy shared wants a reason\n" in shown, shown
    assert "pam_checkout: request 1 filed; anyone in %security can approve it; try again when it " \
           "is approved" in shown, shown
    request = prompted.host.actor("alice").show(1)
    assert (request["person"], request["account"], request["reason"], request["ticket"],
            request["reason_source"]) == ("alice", "oracle", "the disk is full", "CHG-1", "prompt")
    # the same words for whatever program it is, and no question while it is pending
    for program, words in (("ssh", ["id"]), ("sftp", ["oracle@127.0.0.1"]),
                           ("scp", ["oracle@127.0.0.1:/etc/hostname", "/dev/null"])):
        code, shown = ask(prompted, "alice", words=words, options=(), program=program)
        assert code != 0 and "request 1 is pending; anyone in %security can approve it" in shown
        assert "Reason" not in shown
    prompted.host.actor("bob").approve(1)
    assert ask(prompted, "alice") == (0, "oracle\n")
    code, shown = ask(prompted, "nobody")
    assert code == 255 and keys.fingerprint("nobody") in shown and "Reason" not in shown
    code, shown = ask(prompted, "carol", "", "")
    assert code == 255 and "policy shared wants a reason" in shown
    assert prompted.sessions() == [("alice", "oracle", "ssh")]


def test_prompt_is_no_way_in_without_a_key(prompted):
    """Somebody has left out AuthenticationMethods: the check-out alone lets nobody in."""
    prompted.check_out()
    prompted.host.shell("sed -i /AuthenticationMethods/d /etc/ssh/sshd_config.d/pam-checkout.conf;"
                        "systemctl restart ssh")
    child = prompted.terminal("alice", "id", options=(
        "-tt", "-o", "PreferredAuthentications=keyboard-interactive", "-o",
        "NumberOfPasswordPrompts=1"))
    child.expect(pexpect.EOF)
    assert "log in with your ssh key first" in child.before and "uid=" not in child.before
    assert status(child) == 255


# Waiting.

def test_waiting_holds_up_nobody(shared):
    """In the session phase, which is outside of sshd's MaxStartups."""
    shared.host.write("/etc/pam.d/pam-checkout", "#%PAM-1.0\naccount optional pam_permit.so\n" +
                      SESSION.format("wait=1min"))
    shared.host.policy(POLICY + "reason = optional\n")
    shared.host.write("/etc/ssh/sshd_config.d/00-few.conf", "MaxStartups 3:100:3\n")
    shared.host.shell("systemctl restart ssh")
    waiting = [subprocess.Popen(shared.command("alice", "-o", "BatchMode=yes", "oracle@127.0.0.1",
                                               "id -un"),
                                env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for _ in range(2)]
    held = "pgrep -fc '^sshd.*oracle' || :"
    for count in range(3, 9):
        until(lambda: int(shared.host.shell(held)) >= len(waiting))
        waiting.append(subprocess.Popen(
            shared.command("alice", "-o", "BatchMode=yes", "oracle@127.0.0.1", "id -un"),
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True))
    until(lambda: int(shared.host.shell(held)) >= len(waiting))
    # somebody else
    assert shared.host.run(["true"]).returncode == 0
    number, = shared.host.ledger("SELECT id FROM checkout")
    # half of them go: they use nothing up
    for login in waiting[:4]:
        login.kill()
        login.communicate()
    until(lambda: int(shared.host.shell(held)) <= len(waiting) - 4)
    shared.host.actor("bob").approve(number[0])
    for login in waiting[4:]:
        out, err = login.communicate(timeout=PATIENCE)
        assert (login.returncode, out) == (0, "oracle\n"), err
    assert len(shared.sessions()) == len(waiting) - 4


def test_last_client_that_dies_takes_its_request_along(shared):
    shared.host.write("/etc/pam.d/pam-checkout", "#%PAM-1.0\naccount optional pam_permit.so\n" +
                      SESSION.format("wait=1min"))
    shared.host.policy(POLICY + "reason = optional\n")
    login = subprocess.Popen(shared.command("alice", "-o", "BatchMode=yes", "oracle@127.0.0.1", "id"),
                             env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    until(lambda: shared.host.ledger("SELECT state FROM checkout") == [("pending",)])
    login.kill()
    login.communicate()
    until(lambda: shared.host.ledger("SELECT state FROM checkout") == [("cancelled",)])
    assert shared.sessions() == []


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.05)
