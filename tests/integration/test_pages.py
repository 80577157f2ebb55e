# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages name what the programs take, no more and no less."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted(TOP.glob("*/**/*.scd"))


def section(page, title):
    text = (TOP / page).read_text()
    return text.split(f"\n# {title}\n", 1)[1].split("\n# ", 1)[0]


def keys_of(text):
    return re.findall(r"^\*([a-z-]+) =\*", text, re.M)


def test_policy_keys():
    source = (TOP / "broker/policy/config_keys.c").read_text()
    known = re.findall(r'^    \[KEY_\w+\] = \{"([a-z-]+)",', source, re.M)
    assert known
    text = (TOP / "broker/policy/pam-checkout-policy.5.scd").read_text().split("\n# EXAMPLES")[0]
    assert sorted(keys_of(text)) == sorted(known)


def test_every_policy_key_says_what_it_is_without():
    text = (TOP / "broker/policy/pam-checkout-policy.5.scd").read_text().split("\n# EXAMPLES")[0]
    for entry in re.findall(r"^\*[a-z-]+ =\*.*\n(?:\t.*\n)+", text, re.M):
        assert re.search(r"Default|Mandatory", entry), entry


def test_broker_keys():
    source = (TOP / "broker/policy/config.c").read_text()
    known = set(re.findall(r'strcmp\(entry->key, "([a-z-]+)"\)', source))
    assert known
    assert set(keys_of(section("broker/pam-checkout-broker.8.scd", "CONFIGURATION"))) == known
    shipped = (TOP / "packaging/broker.conf").read_text()
    assert set(re.findall(r"^#([a-z-]+) =", shipped, re.M)) == known


def test_module_arguments():
    source = (TOP / "pam_module/options.c").read_text()
    known = re.findall(r'^    \{"([a-z]+)", ', source, re.M)
    assert known
    listed = re.findall(r"^\*([a-z]+)(?:=)?\*", section("pam_module/pam_checkout.8.scd", "ARGUMENTS"),
                        re.M)
    assert sorted(listed) == sorted(known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_well_formed(page):
    if not shutil.which("scdoc"):
        pytest.skip("scdoc is not installed")
    with page.open() as source:
        roff = subprocess.run(["scdoc"], stdin=source, capture_output=True)
    assert (roff.returncode, roff.stderr) == (0, b"")
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    shown = subprocess.run(["man", "--warnings", "-l", "-"], input=roff.stdout, capture_output=True)
    assert (shown.returncode, shown.stderr) == (0, b"")
