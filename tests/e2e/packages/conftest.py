# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bare hosts, and the Debian package that is installed on them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from host import booted
from host.booted import BootedHost
from host.package import CLONE, TOP, Console, apt, bring, gate_sudo

# The releases, each on another bus; with --long on both.
BUSES = dict(zip(booted.RELEASES, booted.BUSES))


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        config = metafunc.config
        kinds = [(release, bus) for release in config.getoption("release") or booted.RELEASES
                 for bus in booted.BUSES if config.getoption("long") or bus == BUSES[release]]
        metafunc.parametrize("kind", kinds, ids=["-".join(kind) for kind in kinds], scope="session")


@pytest.fixture(scope="session")
def package(request, tmp_path_factory):
    """The package as built."""
    folder = request.config.getoption("deb")
    if not folder:
        folder = tmp_path_factory.mktemp("deb")
        subprocess.run([TOP / "packaging/build-deb", folder], check=True, stdout=subprocess.DEVNULL)
    found = sorted(Path(folder).glob("pam-checkout_*.deb"))
    assert len(found) == 1, f"{folder} should have one package: {found}"
    return found[0]


@pytest.fixture(scope="session")
def changed_package(package, tmp_path_factory):
    """changed_package(version, change) makes another package out of it, whose unpacked files the
    function has changed."""
    def make(version, change=lambda root: None):
        folder = tmp_path_factory.mktemp("changed")
        root = folder / "root"
        subprocess.run(["dpkg-deb", "-R", package, root], check=True)
        control = root / "DEBIAN/control"
        control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
        change(root)
        target = folder / f"pam-checkout_{version}_changed.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", root, target], check=True,
                       stdout=subprocess.DEVNULL)
        return target

    return make


@pytest.fixture
def hosts(request):
    """hosts(release, bus) boots a host on which nothing is installed; all end with the test."""
    def unable(reason):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            f"no hosts can be booted: {reason}")

    if lacking := booted.missing():
        unable(lacking)
    running = []

    def boot(release, bus):
        try:
            booted.tree(release)
        except AssertionError as error:
            unable(error)
        running.append(BootedHost(release, bus))
        return running[-1]

    yield boot
    for host in running:
        host.stop()


@pytest.fixture
def bare(hosts, kind):
    """A host with the package in the clone's build folder, where README looks for it."""
    return hosts(*kind)


@pytest.fixture
def installed(bare, package):
    """A host with the package installed as README says."""
    bring(bare, package)
    apt(bare, "install", f"{CLONE}/build/deb/{package.name}")
    return bare


@pytest.fixture
def gated(installed):
    """A host on which sudo to root is gated as README says, down to the first try."""
    gate_sudo(installed)
    return installed


@pytest.fixture
def console():
    """console(host) shows that root gets in at the console: it is logged in there and looks."""
    def enter(host):
        shown = Console(host).run("echo in as $(id -un) on $(hostname)")
        assert f"in as root on {host.name}" in shown, shown

    return enter
