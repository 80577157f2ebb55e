# SPDX-License-Identifier: LGPL-2.1-or-later
"""scope_cost.py BUILD [CALLS]: what the scope of its own adds to a sudo, on booted hosts of both
releases.

`sudo true`, each some hundred times, by turns: with a scope, and where the system bus cannot be reached,
so that there is none (on-end = warn). Printed are median and 95th percentile of the whole call, in
milliseconds."""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from host import booted  # noqa: E402

POLICY = """
[policy root]
accounts = root
requesters = alice
approval = none
reason = optional
duration = 1h
on-end = warn
"""
ROUND = 20
# The shell's own clock; what it costs is the same for both.
LOOP = """for ((i = 0; i < $1; i++)); do
    began=${EPOCHREALTIME/./}; sudo -n true; echo $((${EPOCHREALTIME/./} - began))
done"""
COUNT = "SELECT count(*), count(unit) FROM session"
HIDE = 'mount --bind /dev/null /run/dbus/system_bus_socket; exec "$@"'


def measure(host, hidden):
    loop = ["runuser", "-u", "alice", "--", "bash", "-c", LOOP, "bash", str(ROUND)]
    if hidden:
        loop = ["unshare", "-m", "sh", "-euc", HIDE, "sh", *loop]
    before, = host.ledger(COUNT)
    done = host.run(loop, check=True)
    after, = host.ledger(COUNT)
    made = after[1] - before[1]
    assert after[0] - before[0] == ROUND and made == (0 if hidden else ROUND), (before, after)
    return [int(line) / 1000 for line in done.stdout.split()]


def show(what, values):
    p95 = statistics.quantiles(values, n=20)[-1]
    print(f"  {what:10} {statistics.median(values):7.2f} {p95:7.2f}")


def main():
    build, calls = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with tempfile.TemporaryDirectory() as folder:
        staged = booted.stage(build, folder)
        for release, bus in zip(booted.RELEASES, booted.BUSES):
            with booted.BootedHost(release, bus) as host:
                host.install(staged)
                host.doors()
                host.begin(POLICY)
                host.actor("alice")  # logged in, as people are: the slice is there already
                measure(host, False)
                times = {False: [], True: []}
                for _ in range(max(calls // ROUND, 1)):
                    for hidden, values in times.items():
                        values += measure(host, hidden)
                print(f"{release}, {bus}: ms of a sudo   median     p95")
                show("scope", times[False])
                show("no scope", times[True])
                print(f"  the scope  {statistics.median(times[False]) - statistics.median(times[True]):7.2f}",
                      flush=True)


if __name__ == "__main__":
    main()
