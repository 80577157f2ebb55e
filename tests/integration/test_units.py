# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units keep the gate open for questions, and the broker in its box."""

import configparser
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"


def read(name):
    """{(section, key): [values]}, since systemd lets keys repeat."""
    values, section = {}, None
    for line in (SYSTEMD / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values.setdefault((section, key), []).append(value)
    return values


SERVICE = read("pam-checkout-broker.service.in")
SOCKET = read("pam-checkout-gate.socket")


def unit_folder(tmp_path):
    service = (SYSTEMD / "pam-checkout-broker.service.in").read_text()
    (tmp_path / "pam-checkout-broker.service").write_text(
        service.replace("@libexecdir@/pam-checkout-broker", shutil.which("true")))
    shutil.copy(SYSTEMD / "pam-checkout-gate.socket", tmp_path)
    return tmp_path


def analyze(*arguments):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run(["systemd-analyze", *map(str, arguments)], text=True, capture_output=True)


def test_exposure_is_at_most_one(tmp_path):
    service = unit_folder(tmp_path) / "pam-checkout-broker.service"
    result = analyze("security", "--offline=yes", "--threshold=10", "--no-pager", service)
    assert result.returncode == 0, result.stdout.splitlines()[-1] + result.stderr


def test_systemd_understands_every_line(tmp_path):
    folder = unit_folder(tmp_path)
    result = analyze("verify", "--man=no", folder / "pam-checkout-broker.service",
                     folder / "pam-checkout-gate.socket")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("key", ["PrivateUsers", "ProtectProc", "ProcSubset", "PrivateDevices"])
def test_what_would_blind_the_broker_is_left_out(key):
    """In a user namespace loginuid reads as unset, and hidden processes have none: approvals would be
    refused. Without devices approvers at a console would not hear of requests."""
    assert ("Service", key) not in SERVICE


def test_no_limit_closes_the_gate():
    assert SERVICE["Unit", "StartLimitIntervalSec"] == ["0"]
    assert SERVICE["Service", "Restart"] == ["always"]
    assert SOCKET["Socket", "TriggerLimitIntervalSec"] == ["0"]
    assert SOCKET["Socket", "RemoveOnStop"] == ["no"]


def test_gate_is_for_root_alone():
    assert SOCKET["Socket", "ListenStream"] == ["/run/pam-checkout/gate"]
    assert SOCKET["Socket", "SocketMode"] == ["0600"]
    assert SOCKET["Socket", "SocketUser"] == ["root"]
    assert SOCKET["Socket", "DirectoryMode"] == ["0755"]
    # It would hand the socket's folder to the broker's user.
    assert ("Service", "RuntimeDirectory") not in SERVICE


def test_only_the_broker_may_own_the_name():
    tree = ElementTree.parse(SYSTEMD / "org.pamcheckout.Broker1.conf")
    owners = [policy.attrib for policy in tree.findall("policy") if policy.find("allow[@own]") is not None]
    assert owners == [{"user": "pam-checkout"}]
    sends = [rule.attrib for rule in tree.findall("policy/allow") if any(
        key.startswith("send_") for key in rule.attrib)]
    assert sends and all(rule["send_destination"] == "org.pamcheckout.Broker1" and
                         "send_interface" in rule for rule in sends)


def test_activation_names_the_unit():
    activation = configparser.ConfigParser()
    activation.read(SYSTEMD / "org.pamcheckout.Broker1.service")
    section = activation["D-BUS Service"]
    assert section["Name"] == SERVICE["Service", "BusName"][0]
    assert section["SystemdService"] == "pam-checkout-broker.service"
    assert section["User"] == SERVICE["Service", "User"][0]
