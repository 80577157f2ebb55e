# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures for the tests of the PAM module."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from pamhost import Host


def pytest_addoption(parser):
    try:
        parser.addoption("--build-dir", default=None, help="meson's build directory")
    except ValueError:
        pass  # another conftest has it


@pytest.fixture(scope="session")
def build_dir(request):
    path = request.config.getoption("--build-dir", None) or os.environ.get("CHECKOUT_BUILD_DIR")
    if not path:
        pytest.fail("give --build-dir or set CHECKOUT_BUILD_DIR")
    return pathlib.Path(path).resolve()


@pytest.fixture(scope="session")
def module(build_dir):
    return build_dir / "pam_module" / "pam_checkout.so"


@pytest.fixture(scope="session")
def sanitized(module):
    needed = subprocess.run(["readelf", "-d", module], check=True, capture_output=True, text=True)
    return "libasan" in needed.stdout


@pytest.fixture(autouse=True)
def _as_root():
    if os.geteuid() != 0:
        pytest.skip("the module and the socket must be root's")


@pytest.fixture
def place():
    """A directory of root's with a path short enough for a socket."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="pamgate"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def host(build_dir, module, place):
    host = Host(build_dir, module, place)
    yield host
    host.clean_up()
