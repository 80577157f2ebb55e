# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each service, each way of using it, in each state of a check-out: who comes in, and what the person
reads. packaging/doors.md is written by these tests, and they fail where it says something else."""

import matrix
import pytest
import ways

GATED = {"sudo": ways.SUDO, "sudo, where sudoers has a setting that moves the gate": ways.SETTINGS,
         "su": ways.SU, "ssh to one's own account": ways.SSH}
# To an account that is not managed, and what switches the gate off.
OPEN = {"sudo -u somebody unmanaged COMMAND", "`pam_service=sudo`, for the person"}
# sudo does not say who asks.
SHUT = {"`!pam_ruser`"}


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
        elif way.title in SHUT:
            assert inside == set(), way.title
        else:
            assert inside == {"approved"}, way.title
        # 5 s at most for each answer, and the pace of a machine on which all go at once.
        assert all(seen.seconds < 20 for seen in cells.values()), way.title


def test_what_is_not_gated(booted_host, write_doors):
    """The console, which is the way back in, and what must go on working whatever the broker does."""
    booted_host.write("/etc/polkit-1/rules.d/10-test.rules", """
        polkit.addRule(function(action, subject) {
            if (action.id == "org.freedesktop.policykit.exec" && subject.isInGroup("ops"))
                return polkit.Result.YES;
        });
    """)
    states = ["no check-out", "broker stopped", "broker hangs"]
    with matrix.Matrix(booted_host, {"": ways.ELSEWHERE}, states, "e") as table:
        table.run()
    matrix.compare("elsewhere", table.text(), write_doors)
    for way, cells in table.cells.items():
        assert {state for state, seen in cells.items() if seen.inside} == set(states), way.title
