# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private /run with a system bus on it, a scripted broker there, and checkoutctl in front of it."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import pexpect
import pytest

HERE = pathlib.Path(__file__).resolve().parent
SOCKET = "/run/dbus/system_bus_socket"
PYTHON = "/usr/bin/python3"
TIMEOUT = 60

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <servicedir>/run/cli-services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    %s
  </policy>
</busconfig>
"""


def find_program():
    """The checkoutctl to test: $CHECKOUTCTL, that of $MESON_BUILD_ROOT, or the installed one."""
    if "CHECKOUTCTL" in os.environ:
        return os.environ["CHECKOUTCTL"]
    if "MESON_BUILD_ROOT" in os.environ:
        return os.path.join(os.environ["MESON_BUILD_ROOT"], "broker/cli/checkoutctl")
    program = shutil.which("checkoutctl")
    assert program, "set CHECKOUTCTL to the program to test"
    return program


class Machine:
    """A mount namespace with an empty /run of its own."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             "mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/dbus /run/cli-services && "
             "echo ready && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        self.bus = None

    def command(self, *arguments):
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *map(os.fsencode, arguments)]

    def write(self, path, text):
        subprocess.run(self.command("tee", path), input=text.encode(), stdout=subprocess.DEVNULL,
                       check=True)

    def start_bus(self, policy=""):
        self.write("/run/cli-bus.conf", BUS_CONFIG % policy)
        self.bus = subprocess.Popen(
            self.command("dbus-daemon", "--config-file=/run/cli-bus.conf", "--nofork",
                         "--nosyslog", "--print-address=1"),
            stdout=subprocess.PIPE)
        assert self.bus.stdout.readline().startswith(b"unix:")

    def stop_bus(self):
        if self.bus:
            self.bus.kill()
            self.bus.wait()
            self.bus.stdout.close()
            self.bus = None

    def close(self):
        self.stop_bus()
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


class FakeBroker:
    def __init__(self, machine):
        self.process = subprocess.Popen(
            machine.command(PYTHON, str(HERE / "cli_fake_broker.py")),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=" + SOCKET})
        assert json.loads(self.process.stdout.readline()) == "ready"

    def order(self, *order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def checkout(self, **fields):
        self.order("checkout", fields)
        return fields

    def on(self, method, *steps):
        self.order("on", method, list(steps))

    def changed(self, number, state):
        self.order("changed", number, state)

    def await_call(self, method, number=1):
        """Returns once the broker has had that many calls of this method."""
        self.order("await", method, number)

    def calls(self, method=None):
        return [call for call in self.order("calls") if method in (None, call[0])]

    def is_alive(self):
        try:
            return self.order("alive") == "alive"
        except (BrokenPipeError, ValueError):
            return False

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        """The lines of standard output as objects."""
        return [json.loads(line) for line in self.out.splitlines()]

    def error(self):
        """The only line of standard error as an object."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return json.loads(lines[0])

    def __repr__(self):
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Cli:
    def __init__(self, machine):
        self.machine = machine
        self.program = find_program()
        self.environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8", "TZ": "UTC"}
        # What the sanitizers report where the program was built with them.
        self.environment.update({key: text for key, text in os.environ.items()
                                 if key.endswith("SAN_OPTIONS")})

    def __call__(self, *arguments, env=None, **keywords):
        done = subprocess.run(self.machine.command(self.program, *arguments), capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=TIMEOUT,
                              env={**self.environment, **(env or {})}, **keywords)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments, env=None, **keywords):
        keywords = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                    **keywords}
        return subprocess.Popen(self.machine.command(self.program, *arguments),
                                env={**self.environment, **(env or {})}, **keywords)

    def finish(self, process, send=None):
        if send:
            process.send_signal(send)
        out, err = process.communicate(timeout=TIMEOUT)
        return Result(process.returncode, out.decode(), err.decode())

    def shell(self, script, env=None):
        """Runs a shell script in which $CLI is the program."""
        done = subprocess.run(self.machine.command("sh", "-c", script), capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=TIMEOUT,
                              env={**self.environment, "CLI": self.program, **(env or {})})
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def terminal(self, *arguments, env=None, dimensions=(24, 250)):
        command = self.machine.command(self.program, *arguments)
        return pexpect.spawn(os.fsdecode(command[0]), [os.fsdecode(word) for word in command[1:]],
                             env={**self.environment, **(env or {})}, timeout=TIMEOUT,
                             dimensions=dimensions)


def pending(number=17, **changes):
    """A pending request as Get gives it."""
    return {
        "id": number, "state": "pending", "uuid": "6b6f4d2a-6a6e-4a3e-9d4e-0d5a3c1d9a10",
        "person": "alice", "person_uid": 1001, "account": "root", "account_uid": 0, "host": "web1",
        "machine_id": "0123456789abcdef0123456789abcdef", "door": "sudo", "service": "sudo-i",
        "tty": "/dev/pts/3", "rhost": "192.0.2.7", "command": "/bin/bash -l", "reason": "disk full",
        "reason_source": "requester", "ticket": "INC-4711", "duration": 5400, "requested": 1795424400,
        "lapses": 4102444800, "policy": "root-on-prod", "policy_digest": "ab" * 32,
        "digest": "cd" * 32, **changes,
    }


@pytest.fixture(scope="module")
def machine():
    one = Machine()
    yield one
    one.close()


@pytest.fixture(scope="module")
def bus(machine):
    machine.start_bus()
    return machine


@pytest.fixture(scope="module")
def brokers(bus):
    """Starting one takes longer than most tests."""
    kept = []
    yield kept
    for one in kept:
        one.close()


@pytest.fixture
def broker(bus, brokers):
    if not brokers or not brokers[0].is_alive():
        brokers[:] = [FakeBroker(bus)]
    one = brokers[0]
    one.order("reset")
    yield one
    if one.is_alive():
        one.order("release")
    else:
        one.close()


@pytest.fixture
def cli(machine):
    return Cli(machine)


@pytest.fixture
def own_machine():
    """One whose bus a test may break."""
    one = Machine()
    yield one
    one.close()
