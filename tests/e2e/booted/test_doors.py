# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each service, each way of using it, in each state of a check-out: who comes in, and what the person
reads. packaging/doors.md is written by these tests, and they fail where it says something else."""

import matrix
import pytest
import ways

GATED = {"sudo": ways.SUDO, "su": ways.SU, "ssh to one's own account": ways.SSH}
# To an account that is not managed.
OPEN = {"sudo -u somebody unmanaged COMMAND"}
# PAM is asked once for each connection.
KEPT = {"a further channel of a connection that was let in (ControlMaster)"}


@pytest.fixture
def write_doors(request):
    return request.config.getoption("--write-doors")


def test_every_door(booted_host, write_doors):
    with matrix.Matrix(booted_host, GATED) as table:
        table.run()
        for way, cells in table.cells.items():
            for state, seen in cells.items():
                print(f"{way.title} / {state}: {seen}")
    matrix.compare("doors", table.text(), write_doors)
    for way, cells in table.cells.items():
        inside = {state for state, seen in cells.items() if seen.inside}
        if way.title in OPEN:
            assert inside == set(matrix.STATES)
        elif way.title not in KEPT:
            assert inside == {"approved"}, way.title
        # 5 s at most for each answer, and the machine's own pace.
        assert all(seen.seconds < 12 for seen in cells.values()), way.title
