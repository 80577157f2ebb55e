# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pages that are followed on booted hosts are read as they are meant."""

import pytest

from host.document import commands


@pytest.mark.parametrize("answer,shown,fits", [
    (["a"], "a\n", True), (["a"], "b", False), ([], "", True), ([], "a", False), (["…"], "", True),
    (["…"], "a\nb", True), (["a …"], "a b c", True), (["a …"], "a b\nc", False),
    (["…", "b", "…"], "a\nb\nc", True), (["…", "b"], "a\nc", False), (["…", "b", "…"], "b", False),
])
def test_answers_are_compared(tmp_path, answer, shown, fits):
    page = tmp_path / "page.scd"
    page.write_text("# A\n```\nroot# x\n" + "".join(f"{line}\n" for line in answer) + "```\n")
    [command] = commands(page)
    assert command.matches(shown) == fits


def test_who_types_what(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A\n```console\nroot# a << END\nx$ b\nEND\nbob$ c\nd\n```\n```\nroot# e\n```\n"
                    "# B\n```console\nroot# f\n```\n```console build\nroot# g\n```\n")
    assert [(one.who, one.text, one.answer) for one in commands(page, ["A"])] == [
        ("root", "a << END\nx$ b\nEND", []), ("bob", "c", ["d"])]
    assert [one.text for one in commands(page)][-1] == "f"
    assert [one.text for one in commands(page, marked="build")] == ["g"]
