# SPDX-License-Identifier: LGPL-2.1-or-later
"""audit.py BUILD [RECORDS]...: what verify, report and log take of histories of that length (default
10000 and 1000000), over the bus and from the file, in time and memory; and how long a door waits
while somebody reads it all:

    ninja -C BUILD tests/bench/history
    tests/host/run --bind BUILD /usr/bin/python3 tests/bench/audit.py BUILD"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from host import Host  # noqa: E402
from host.host import LEDGER  # noqa: E402


def measured(command, expected=(0,)):
    """Seconds, of those on a processor, and MB of a command."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in expected, (command, process.returncode)
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def door_waits(alice, stop, times):
    while not stop.is_set():
        start = time.monotonic()
        alice.run(["sudo", "-n", "-l"])
        times.append(time.monotonic() - start)


def main():
    build, *sizes = sys.argv[1:]
    with Host(build) as host, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        host.policy(settings="[broker]\nauditors = auditors\n")
        host.start_bus()
        for size in sizes or ("10000", "1000000"):
            history = Path(folder) / "ledger.db"
            start = time.monotonic()
            subprocess.run([Path(build) / "tests/bench/history", history, size], check=True,
                           stdout=subprocess.DEVNULL, env={**os.environ, "TMPDIR": folder})
            print(f"{size} records, {history.stat().st_size / 2**20:.0f} MB "
                  f"(written in {time.monotonic() - start:.0f} s)", flush=True)
            host.forget()
            LEDGER.parent.mkdir(mode=0o700)
            shutil.copy(history, LEDGER)
            shutil.chown(LEDGER, "pam-checkout", "pam-checkout")
            LEDGER.chmod(0o600)
            host.start_broker()
            for what, command, expected in (
                    ("verify FILE", ["verify", "--ledger", str(history), "--no-journal"], (6,)),
                    ("verify", ["verify", "--no-journal"], (6,)),
                    ("report", ["report"], (0,)),
                    ("log --json", ["log", "--json"], (0,)),
                    ("log --since", ["log", "--since", "-1h"], (0,)),
                    ("log --id", ["log", "--id", "77"], (0,))):
                seconds, cpu, megabytes = measured(["checkoutctl", *command], expected)
                print(f"  {what:12} {seconds:8.2f} s ({cpu:.2f} s CPU) {megabytes:6.0f} MB", flush=True)
            stop, times = threading.Event(), []
            door = threading.Thread(target=door_waits, args=(host.actor("alice"), stop, times))
            door.start()
            measured(["checkoutctl", "report"])
            stop.set()
            door.join()
            times.sort()
            print(f"  a door meanwhile: {1000 * times[len(times) // 2]:.0f} ms, "
                  f"at most {1000 * times[-1]:.0f} ms ({len(times)} times)", flush=True)
            broker = Path(f"/proc/{host.broker.pid}/status").read_text()
            print("  broker", next(line for line in broker.splitlines() if "VmHWM" in line), flush=True)
            host.stop_broker()
            history.unlink()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
