# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the module is made of and what it leaves behind. (That no run leaves a descriptor, thread,
handler, mask or timer is checked for every test, by pam_host.)"""

import os
import subprocess

import pytest

from fakegate import FakeGate, answering
from pamhost import PAM_PERM_DENIED, PAM_SUCCESS


def tool(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def always(answer):
    return lambda connection: answering(answer, answer)(connection)


def test_only_pam_functions_are_exported(module):
    names = {line.split()[-1] for line in tool("nm", "-D", "--defined-only", module).splitlines()}
    assert names == {"pam_sm_authenticate", "pam_sm_setcred", "pam_sm_acct_mgmt",
                     "pam_sm_open_session", "pam_sm_close_session"}


def test_hardening(module):
    dynamic = tool("readelf", "-d", module)
    assert "NODELETE" in dynamic and "NOW" in dynamic and "TEXTREL" not in dynamic
    segments = tool("readelf", "-lW", module)
    assert "GNU_RELRO" in segments
    assert [line for line in segments.splitlines() if "GNU_STACK" in line and " RW " in line]


def test_libraries(module, sanitized):
    needed = {line.split("[")[1].rstrip("]") for line in tool("readelf", "-d", module).splitlines()
              if "(NEEDED)" in line}
    allowed = {"libdbus-1.so.3", "libpam.so.0", "libc.so.6"}
    assert needed == allowed or sanitized and needed > allowed


def test_no_writable_state(module, sanitized):
    """Nothing is kept from one call to the next: there is nowhere to keep it."""
    if sanitized:
        pytest.skip("the sanitizers have state of their own")
    writable = [line.split()[-1] for line in tool("objdump", "-t", module).splitlines()
                if len(line.split()) > 3 and {".data", ".bss"} & set(line.split())
                and " O " in line]
    assert set(writable) <= {"completed.0", "__dso_handle", "__TMC_END__"}


def test_a_thousand_logins(host):
    """pam_start to pam_end, where libpam unloads the module."""
    with FakeGate(host.gate_path, always(("allow", 17, 0, ""))) as gate:
        outcome = host.run("account", "session", "close", options=["--repeat", "1000"],
                           timeout=300)
    assert outcome.codes == {phase: PAM_SUCCESS for phase in ("account", "session", "close")}
    assert len([line for line in outcome.lines if line.startswith("code")]) == 3000
    assert gate.n_connections == 3000


@pytest.mark.parametrize("phase", ["account", "session"])
def test_no_descriptors_left_in_the_host(host, phase, sanitized):
    """The host has used up all it may have: refused, with a reason."""
    if sanitized:
        pytest.skip("the sanitizers need descriptors")
    seen = set()
    with FakeGate(host.gate_path, always(("pending", 17, 0, "request 17"))):
        for limit in range(3, 8):
            outcome = host.run(phase, arguments="wait=10min",
                               options=["--fd-limit", str(limit), "--pending", "2"], may_die=True)
            seen.add(outcome.codes.get(phase))
            if outcome.said:
                assert outcome.codes == {phase: PAM_PERM_DENIED}
    # or the host cannot even open the module: PAM_MODULE_UNKNOWN, or no log of having begun
    assert PAM_PERM_DENIED in seen and seen <= {PAM_PERM_DENIED, 28, None}


def test_memory_of_a_failed_login(host, sanitized):
    """The leak checker looks at every way out; without it this is only a smoke test."""
    for arguments, phases in (("wait=soon", ["account"]), ("", ["auth", "account", "session"])):
        outcome = host.run(*phases, arguments=arguments, options=["--repeat", "20"], timeout=120)
        assert set(outcome.codes.values()) == {PAM_PERM_DENIED}


def test_closed_standard_descriptors(host):
    """A host without 0 and 2 gets no surprise on them."""
    with FakeGate(host.gate_path, answering(("allow", 17, 0, ""))):
        outcome = host.run("account", prefix=["sh", "-c", "exec \"$@\" 0<&- 2>&-", "sh"])
    assert outcome.codes == {"account": PAM_SUCCESS} and os.path.exists("/")
