# SPDX-License-Identifier: LGPL-2.1-or-later
"""live.py BUILD [ARGUMENT]...: door_cost with a broker and a live check-out in the private machine:

    ninja -C BUILD tests/bench/door_cost
    tests/host/run --bind BUILD /usr/bin/python3 tests/bench/live.py BUILD"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from host import Host  # noqa: E402


def main():
    build, *arguments = sys.argv[1:]
    with Host(build) as host:
        host.policy()
        host.start_bus()
        host.start_broker()
        host.actor("bob").approve(host.actor("alice").request())
        return subprocess.run([Path(__file__).with_name("door_cost"), "--build-dir", build,
                               *arguments]).returncode


if __name__ == "__main__":
    sys.exit(main())
