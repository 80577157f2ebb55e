# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the module under libpam, in the login program pam_host."""

import subprocess
import time

PAM_SUCCESS, PAM_SYSTEM_ERR, PAM_PERM_DENIED = 0, 4, 6
# What STACK returns where the module said PAM_IGNORE, so that it is not taken for anything else.
IGNORED = {"auth": 10, "account": 13, "session": 9, "close": 9}

# What sshd says once a first method has succeeded.
AFTER_A_KEY = ["--pam-env", "SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAA"]

STACK = """\
auth [success=done ignore=1 default=die] {module} {arguments}
auth requisite pam_deny.so
auth required pam_debug.so auth=user_unknown cred=success
account [success=done ignore=1 default=die] {module} {arguments}
account requisite pam_deny.so
account required pam_debug.so acct=acct_expired
session [success=done ignore=1 default=die] {module} {arguments}
session requisite pam_deny.so
session required pam_debug.so open_session=authinfo_unavail close_session=authinfo_unavail
"""


PAM_DEBUG_SAYS = (b"auth=user_unknown", b"cred=success", b"acct=acct_expired",
                  b"open_session=authinfo_unavail", b"close_session=authinfo_unavail")


class Outcome:
    """What one run of the login program printed."""

    def __init__(self, lines, status):
        self.codes, self.milliseconds = {}, {}
        self.texts, self.logs, self.residue = [], [], []
        self.scopeless = []  # where there is no systemd every session says so to the journal
        self.handled = None
        self.status = status
        self.lines = lines
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "code":
                phase, code, milliseconds = rest.split()
                self.codes[phase] = int(code)
                self.milliseconds[phase] = int(milliseconds)
            elif word in ("text", "log"):
                kind, _, text = rest.partition(" ")
                text = bytes.fromhex(text)
                if text in PAM_DEBUG_SAYS:
                    continue
                if word == "text":
                    self.texts.append((kind, text))
                elif b": the session has no scope of its own" in text:
                    self.scopeless.append(text.decode())
                elif text.startswith(b"pam_checkout("):  # libpam and pam_debug talk as well
                    self.logs.append((kind, text))
            elif word == "residue":
                self.residue.append(rest)
            elif word == "handled":
                self.handled = int(rest)

    @property
    def said(self):
        return [text.decode() for _, text in self.texts]

    @property
    def logged(self):
        return [text.decode() for _, text in self.logs]


class Login:
    """The login program, started."""

    def __init__(self, arguments, environment, stdin):
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=stdin, env=environment)
        self.lines = []

    @property
    def pid(self):
        return self.process.pid

    def wait_for_text(self, part):
        """Reads until the module says something with this part in it."""
        for line in self.process.stdout:
            line = line.decode().rstrip("\n")
            self.lines.append(line)
            if line.startswith("text ") and part.encode() in bytes.fromhex(line.split()[2]):
                return
        raise AssertionError(f"never said {part!r}: {self.lines}")

    def finish(self, timeout=60, may_die=False, may_leave=()):
        output, errors = self.process.communicate(timeout=timeout)
        self.lines += output.decode().splitlines()
        outcome = Outcome(self.lines, self.process.returncode)
        if not may_die:
            assert self.process.returncode == 0 and self.lines[-1] == "done", (errors, self.lines)
            assert errors == b"", errors
            assert outcome.residue == []
        return outcome


class Host:
    def __init__(self, build_dir, module, place):
        self.program = build_dir / "tests" / "pam" / "pam_host"
        self.module = module
        self.place = place
        self.confdir = place / "pam.d"
        self.confdir.mkdir()
        (self.confdir / "other").write_text("")
        self.gate_path = str(place / "gate")
        self.logins = []

    def start(self, *phases, service="sudo", user="alice", ruser="alice", tty="/dev/pts/3",
              arguments="", gate=True, items=(), options=(), environment=(), program=None,
              stack=STACK, prefix=(), stdin=subprocess.DEVNULL):
        if gate:
            arguments = f"gate={self.gate_path} {arguments}"
        (self.confdir / service).write_bytes(
            stack.format(module=self.module, arguments="@").encode().replace(
                b"@", arguments if isinstance(arguments, bytes) else arguments.encode()))
        command = [*prefix, program or self.program, "--confdir", self.confdir, "--service",
                   service, "--user", user or ""]
        for name, value in (("ruser=", ruser), ("tty=", tty)):
            if value is not None:
                value = value if isinstance(value, bytes) else value.encode()
                command += ["--item", name.encode() + value]
        for item in items:
            command += ["--item", item]
        full = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1"}
        full.update(environment)
        login = Login([*command, *options, *phases], full, stdin)
        self.logins.append(login)
        return login

    def run(self, *phases, timeout=60, may_die=False, **how):
        return self.start(*phases, **how).finish(timeout=timeout, may_die=may_die)

    def clean_up(self):
        for login in self.logins:
            if login.process.poll() is None:
                login.process.kill()
            login.process.wait()
            login.process.stdout.close()
            login.process.stderr.close()


def until(condition, timeout=20):
    """Polls, where the system has no event to wait for."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.01)
