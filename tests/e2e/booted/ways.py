# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every way in, each with a person of its own who tries it and says what was seen."""

import contextlib
import re
import subprocess
import time
from dataclasses import dataclass

import pexpect

from host.actor import PATIENCE, status
from host.booted import ENVIRONMENT

SECRET = "/root/secret"
# Questions for a password, and what rsync says differently each time.
NOISE = ("[sudo] password", "Password:", "rsync")
PAYLOAD = "one\ntwo\x01\n"


@dataclass
class Seen:
    inside: bool      # the command ran, the file came across
    ours: str         # what the gate said to the person
    theirs: str       # what the program itself added
    seconds: float


class Way:
    """`title` is its row in the table. `account` is what is checked out for it; None is the person's
    own account. The person logs in first, unless this is what the way is about."""

    logs_in = True
    account = "root"
    password = None   # a sudoer's own, where one is asked for
    sudoers = None    # what sudoers says of the person, beside what holds for all

    def __init__(self, title, **settings):
        self.title = title
        self.__dict__.update(settings)

    def set_up(self, host, name):
        """`name` is the person who is to try it."""
        self.host, self.name = host, name
        if self.logs_in:
            self.person = host.actor(name)

    def tear_down(self):
        pass

    def attempt(self):
        """(did it get in, everything that was shown)"""
        raise NotImplementedError

    def go(self):
        began = time.monotonic()
        inside, shown = self.attempt()
        seconds = time.monotonic() - began
        # Who is let in reads what the command writes.
        return Seen(inside, self._told(shown, True), "" if inside else self._told(shown, False),
                    seconds)

    def _told(self, shown, ours):
        """What is left when numbers and names that differ each time are taken out."""
        lines = [line.strip() for line in shown.replace("\r", "\n").splitlines()]
        lines = [line for line in lines if line and ours == line.startswith("pam_checkout:")]
        text = "\n".join(line for line in lines if not line.startswith(NOISE))
        return re.sub(r"\brequest \d+", "request N",
                      text.replace(self.name, "NAME").replace(self.host.name, "HOST"))


class Terminal(Way):
    """A command on a terminal, which proves by `proof` that it ran."""

    command = ()
    proof = r"uid=0\(\w+\)"

    def attempt(self):
        child = self.person.terminal(self.command, env=self.env())
        shown = ""
        try:
            while True:
                asked = child.expect([r"[Pp]assword[^\n]*: ", r"[#$] $", pexpect.EOF])
                shown += child.before + (child.after if asked < 2 else "")
                if asked == 2:
                    break
                # A shell that somebody has come into, or a question for a password.
                child.sendline(self.password if asked == 0 else "id; exit")
        except pexpect.TIMEOUT:
            raise AssertionError(f"{self.title}: stuck after\n{shown}{child.before}") from None
        finally:
            status(child)
        return bool(re.search(self.proof, shown)), shown

    def env(self):
        return None


class Ticket(Terminal):
    """A password was typed for another command a moment ago, so that none is asked for."""

    def attempt(self):
        inside, shown = super().attempt()
        assert shown.count("password for") == 1 and "cached" in shown, shown
        return inside, shown[shown.index("cached") + len("cached"):]


class SudoEdit(Terminal):
    """Its editor shows what it got; nothing of the file may be left where everybody can read."""

    proof = "the secret"

    def env(self):
        return {"SUDO_EDITOR": "/bin/cat"}

    def attempt(self):
        inside, shown = super().attempt()
        left = self.host.nsenter(["find", "/var/tmp", "/tmp", "-name", "secret*"]).stdout
        assert left == "", f"sudoedit left {left} behind"
        return inside, shown


class Pipe(Way):
    """No terminal: what goes through is exactly what was sent, or nothing."""

    command = ()

    def attempt(self):
        done = self.person.run(self.command, input=PAYLOAD)
        assert done.stdout in (PAYLOAD, ""), f"the pipe was given {done.stdout!r}"
        assert (done.stdout == PAYLOAD) == (done.returncode == 0), done
        return done.stdout == PAYLOAD, done.stderr


class Ssh(Way):
    """An ssh connection of its own to the person's own account."""

    logs_in = False
    account = None
    options = ()
    command = ("id",)

    def client(self, *arguments, program="ssh", **options):
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **options}
        return subprocess.run(self.host.ssh(*arguments, program=program), env=ENVIRONMENT,
                              timeout=PATIENCE, **options)

    @property
    def place(self):
        return f"{self.name}@127.0.0.1"

    def attempt(self):
        done = self.client(*self.options, self.place, *self.command)
        return f"({self.name})" in done.stdout, done.stdout + done.stderr


class SshShell(Ssh):
    def attempt(self):
        command = self.host.ssh("-tt", self.place)
        child = pexpect.spawn(command[0], command[1:], env={**ENVIRONMENT, "TERM": "xterm"},
                              timeout=PATIENCE, encoding="utf-8", dimensions=(50, 200))
        shown = ""
        if child.expect([r"[#$] $", pexpect.EOF]) == 0:
            shown = child.before
            child.sendline("id; exit")
            child.expect(pexpect.EOF)
        shown += child.before
        child.close()
        return f"({self.name})" in shown, shown


class Copy(Ssh):
    """A file by scp, sftp or rsync, there and back."""

    program = "scp"

    def attempt(self):
        self.host.shell(f"rm -f /home/{self.name}/copy")
        here = self.host.folder / f"{self.name}.copy"
        here.write_text(PAYLOAD)
        if self.program == "rsync":
            shell = self.host.ssh()
            # The network is the host's, the file the machine's.
            ssh = " ".join(map(str, shell[shell.index("--") + 1:]))
            done = subprocess.run(self.host.enter(["rsync", "-e", ssh, here, f"{self.place}:copy"],
                                                  "-n"), capture_output=True, text=True,
                                  env=ENVIRONMENT, timeout=PATIENCE)
        elif self.program == "sftp":
            done = self.client("-b", "-", self.place, program="sftp", stdin=None,
                               input=f"put {here} copy\n")
        else:
            done = self.client(here, f"{self.place}:copy", program="scp")
        arrived = self.host.nsenter(["cat", f"/home/{self.name}/copy"], check=False).stdout
        assert arrived in (PAYLOAD, "")
        return arrived == PAYLOAD, done.stderr


class Forward(Ssh):
    """-N: no command, only a forwarded port, through which the host's own sshd says hello."""

    def attempt(self):
        command = self.host.ssh("-N", "-o", "ExitOnForwardFailure=yes", self.option,
                                f"{self.port}:127.0.0.1:22", self.place)
        with subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
            hello = ""
            deadline = time.monotonic() + PATIENCE
            # Nothing tells when it listens.
            while client.poll() is None and "SSH-2.0" not in hello:
                assert time.monotonic() < deadline, f"{self.title}: neither forwarded nor refused"
                hello = self.host.nsenter(
                    ["timeout", "2", "bash", "-c",
                     f"exec 3<>/dev/tcp/127.0.0.1/{self.port}; read -t 1 -u 3 -r line; echo $line"],
                    check=False).stdout
            # SIGTERM may come between its look for signals and its poll.
            client.kill()
            shown = client.stdout.read()
        return "SSH-2.0" in hello, shown


class SecondChannel(Ssh):
    """A further command over a connection that was let in before (ControlMaster)."""

    login = None

    def attempt(self):
        path = self.host.folder / f"{self.name}.control"
        if not self.login:
            first = self.client("-o", "ControlMaster=auto", "-o", f"ControlPath={path}",
                                "-o", "ControlPersist=yes", self.place, "id",
                                stderr=subprocess.STDOUT, stdout=subprocess.PIPE,
                                capture_output=False)
            if f"({self.name})" not in first.stdout:
                return False, first.stdout
            self.login = path
        done = self.client("-o", f"ControlPath={path}", "-o", "ControlMaster=no", self.place, "id")
        return f"({self.name})" in done.stdout, done.stdout + done.stderr

    def tear_down(self):
        if self.login:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.client("-O", "exit", "-o", f"ControlPath={self.login}", self.place)


SUDO = [
    Terminal("sudo COMMAND", command=["sudo", "id"]),
    Terminal("sudo COMMAND, with a password", command=["sudo", "id"], password="pw-person",
             sudoers="{name} ALL=(ALL:ALL) PASSWD: ALL"),
    Ticket("sudo COMMAND, on a cached ticket", command="sudo -u dave true && echo cached && sudo id",
           password="pw-person", sudoers="{name} ALL=(ALL:ALL) PASSWD: ALL"),
    Terminal("sudo -i", command=["sudo", "-i"]),
    Terminal("sudo -s", command=["sudo", "-s"]),
    Terminal("sudo -u#0 COMMAND", command=["sudo", "-u#0", "id"]),
    Terminal("sudo -u another name of uid 0", command=["sudo", "-u", "toor", "id"]),
    Terminal("sudo -u root -g GROUP COMMAND", command=["sudo", "-u", "root", "-g", "security", "id"]),
    Terminal("sudo -g GROUP COMMAND", command=["sudo", "-g", "security", "id"],
             proof=r"gid=\d+\(security\)"),
    Terminal("sudo -u oracle COMMAND", command=["sudo", "-u", "oracle", "id"], account="oracle",
             proof=r"\(oracle\)"),
    Terminal("sudo -u somebody unmanaged COMMAND", command=["sudo", "-u", "dave", "id"],
             proof=r"\(dave\)"),
    SudoEdit("sudoedit FILE", command=["sudoedit", SECRET]),
    Terminal("sudo -l", command=["sudo", "-l"], proof=r"NOPASSWD: ALL"),
    Terminal("sudo -v", command="sudo -v && echo validated", proof="validated"),
    Terminal("sudo -n COMMAND", command=["sudo", "-n", "id"]),
    Pipe("sudo COMMAND in a pipe, without a terminal", command=["sudo", "cat"]),
]
PASSWORD = "{name} ALL=(ALL:ALL) PASSWD: ALL\n"
SETTINGS = [
    Terminal("`targetpw`", command=["sudo", "id"], password="pw-root",
             sudoers=PASSWORD + "Defaults:{name} targetpw"),
    Terminal("`rootpw`", command=["sudo", "id"], password="pw-root",
             sudoers=PASSWORD + "Defaults:{name} rootpw"),
    Terminal("`runaspw`", command=["sudo", "id"], password="pw-root",
             sudoers=PASSWORD + "Defaults:{name} runaspw"),
    Terminal("`!pam_ruser`", command=["sudo", "id"], sudoers="Defaults:{name} !pam_ruser"),
    Terminal("`!pam_session`", command=["sudo", "id"], sudoers="Defaults:{name} !pam_session"),
    Terminal("`!pam_acct_mgmt`", command=["sudo", "id"], sudoers="Defaults:{name} !pam_acct_mgmt"),
    Terminal("`pam_service=sudo`, for the person", command=["sudo", "id"],
             sudoers="Defaults:{name} pam_service=sudo"),
]
SU = [
    Terminal("su -c COMMAND", command=["su", "-c", "id"], password="pw-root"),
    Terminal("su", command=["su"], password="pw-root"),
    Terminal("su -", command=["su", "-"], password="pw-root"),
    Terminal("su oracle -c COMMAND", command=["su", "oracle", "-c", "id"], password="pw-oracle",
             account="oracle", proof=r"\(oracle\)"),
]
SSH = [
    SshShell("a shell"),
    Ssh("a command"),
    Copy("sftp", program="sftp"),
    Copy("scp", program="scp"),
    Copy("rsync", program="rsync"),
    Forward("-N -L, a forwarded port", option="-L", port=2222),
    Forward("-N -R, a port forwarded to the client", option="-R", port=2223),
    SecondChannel("a further channel of a connection that was let in (ControlMaster)"),
]


class Elsewhere(Way):
    """What nobody gates. Where PAM is asked, its stack has no gate."""

    def set_up(self, host, name):
        super().set_up(host, name)
        self.mark = f"/run/marks/{name}"
        host.shell('install -d -m 1777 /run/marks; rm -f "$1"', "_", self.mark)

    def left_mark(self):
        """Waits until the job has run, as whom."""
        return self.host.shell("""
            for n in {1..150}; do [ ! -s "$1" ] || break; sleep 0.1; done
            cat "$1" || :
            rm -f "$1"
        """, "_", self.mark)


class Console(Elsewhere):
    def attempt(self):
        words = self.host.enter(["script", "-qec", "exec login", "/dev/null"])
        child = pexpect.spawn(words[0], words[1:], env=ENVIRONMENT, timeout=PATIENCE,
                              encoding="utf-8")
        child.expect("login: ")
        child.sendline("root")
        child.expect("[Pp]assword: ")
        child.sendline("pw-root")
        child.expect([r"[#$] $", pexpect.EOF])
        child.sendline("id; exit")
        child.expect(pexpect.EOF)
        child.close()
        return "uid=0(root)" in child.before, child.before


class Cron(Elsewhere):
    """@reboot, so that nobody has to wait for a minute: the same PAM stack as any job of cron's."""

    def attempt(self):
        self.host.write("/etc/cron.d/mark", f"@reboot root id > {self.mark}\n")
        self.host.shell("rm -f /run/crond.reboot; systemctl restart cron.service")
        return "uid=0(root)" in self.left_mark(), ""


class Job(Elsewhere):
    """Left with a service that runs it later."""

    def attempt(self):
        done = self.person.run(self.command.format(mark=self.mark))
        assert done.returncode == 0, done.stderr
        return f"({self.name})" in self.left_mark(), ""


class Command(Elsewhere):
    def attempt(self):
        done = self.person.run(self.command)
        return self.proof in done.stdout, done.stdout + done.stderr


ELSEWHERE = [
    Console("root at the console (login)", logs_in=False),
    Cron("a job of root's by cron", logs_in=False),
    Job("a job by at", command="echo 'id > {mark}' | at now"),
    Job("systemd-run --user", command="systemd-run --user sh -c 'id > {mark}'"),
    Command("pkexec, where polkit lets the person", command=["pkexec", "id"], proof="uid=0(root)"),
    Ssh("ssh to an account that is not managed", account="root"),
]
