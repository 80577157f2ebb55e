# SPDX-License-Identifier: LGPL-2.1-or-later
"""One command makes the package out of a clone on a machine that has nothing for it."""

import subprocess

import pytest

from host import booted, document
from host.package import CLONE, TOP, apt

UNITS = ["pam-checkout-broker.service", "pam-checkout-gate.socket"]


def test_built_where_nothing_is_installed_for_it(request, bare, tmp_path):
    """On each release its own package, with its own libraries, as README says."""
    if not request.config.getoption("long"):
        pytest.skip("a compiler is installed for it from the network: --long")
    command, = document.commands(TOP / "README.md", ["Five minutes"], marked="build")
    assert (command.who, command.text) == ("root", "packaging/build-deb")
    done = subprocess.run([TOP / "tests/host/fresh", booted.tree(bare.release), tmp_path,
                           *command.text.split(), "/root/out"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    built, = tmp_path.glob("pam-checkout_*.deb")
    depends = subprocess.run(["dpkg-deb", "-f", built, "Depends"], check=True, text=True,
                             capture_output=True).stdout
    assert ("libssl3t64" in depends) == (bare.release == "trixie"), depends
    bare.copy(built, f"{CLONE}/build/deb/{built.name}", 0o644)
    apt(bare, "install", f"{CLONE}/build/deb/{built.name}")
    assert bare.nsenter(["systemctl", "is-active", *UNITS]).stdout.split() == ["active"] * 2
