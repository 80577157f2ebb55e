# SPDX-License-Identifier: LGPL-2.1-or-later
"""summary.py FOLDER: adds up the JUnit files of a run, names what failed or was skipped, and why.
summary.py --write FILE NAME STATUS LOG: the JUnit file of a program that is a test of its own."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TAIL = 40


def write(path, name, status, log):
    suite = ElementTree.Element("testsuite", name=name)
    case = ElementTree.SubElement(suite, "testcase", classname="check", name=name)
    if status != "0":
        text = Path(log).read_text(errors="replace")
        failure = ElementTree.SubElement(case, "failure", message=f"exit status {status}")
        failure.text = "".join(c for c in text if c >= " " or c in "\n\t")
    ElementTree.ElementTree(suite).write(path)


def tail(text):
    return "\n".join("    " + line for line in (text or "").strip().splitlines()[-TAIL:])


def read(folder):
    passed, failed, skipped = 0, [], []
    for status in sorted(folder.glob("*.status")):
        step = status.stem
        report, log = status.with_suffix(".xml"), status.with_suffix(".log")
        bad = 0
        if report.exists():
            for case in ElementTree.parse(report).iter("testcase"):
                name = f"{step}: {case.get('classname') or ''} {case.get('name')}"
                problem = case.find("failure")
                problem = case.find("error") if problem is None else problem
                skip = case.find("skipped")
                if problem is not None:
                    bad += 1
                    text = problem.text or problem.get("message") or case.findtext("system-out")
                    failed.append((name, text))
                elif skip is not None:
                    skipped.append((name, skip.get("message") or "no reason given"))
                else:
                    passed += 1
        if status.read_text() != "0" and not bad:
            text = log.read_text(errors="replace") if log.exists() else ""
            failed.append((f"{step}: exit status {status.read_text()}", text))
    return passed, failed, skipped


def main():
    if sys.argv[1] == "--write":
        return write(*sys.argv[2:])
    passed, failed, skipped = read(Path(sys.argv[1]))
    reasons = {}
    for name, reason in skipped:
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        print(f"\nSKIPPED {len(names)}: {reason}")
        for name in names:
            print("   ", name)
    for name, text in failed:
        print(f"\nFAILED {name}\n{tail(text)}")
    print(f"\n{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
