#!/usr/bin/env python3
"""summary.py BUILD…: what the tests of these build folders said, counted from their own reports.

A gtest program is counted by its JSON report, a shell suite by its last line "passed: N failed: M", any other test
as one case. A build without results, and a test that failed without naming a failed case (it crashed, or ran out of
time), count as one failure. The last line is "N passed, N failed".
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as tree

SUITE_LINE = re.compile(r"^passed: (\d+) failed: (\d+)\s*$", re.MULTILINE)


def gtest_counts(path):
    """passed, failed, skipped of a gtest JSON report; None if there is no whole one."""
    try:
        with open(path) as file:
            report = json.load(file)
    except (OSError, ValueError):
        return None
    passed = failed = skipped = 0
    for suite in report.get("testsuites", []):
        for case in suite.get("testsuite", []):
            if case.get("status") == "NOTRUN" or case.get("result") == "SKIPPED":
                skipped += 1
            elif case.get("failures"):
                failed += 1
            else:
                passed += 1
    return passed, failed, skipped


def test_counts(build, name, ok, output):
    counts = gtest_counts(os.path.join(build, "results", "gtest", name + "_tests.json"))
    if counts is None:
        lines = SUITE_LINE.findall(output)
        if lines:
            counts = int(lines[-1][0]), int(lines[-1][1]), 0
        elif name == "fuzz":
            counts = 0, 1, 0  # it never came to its end
        else:
            counts = (1, 0, 0) if ok else (0, 1, 0)
    passed, failed, skipped = counts
    if not ok and failed == 0:
        failed = 1
    return passed, failed, skipped


def rows_of(build):
    junit = os.path.join(build, "results", "junit.xml")
    try:
        root = tree.parse(junit).getroot()
    except (OSError, tree.ParseError):
        yield "(no results: the build failed)", 0, 1, 0
        return
    for case in root.iter("testcase"):
        output = "".join(part.text or "" for part in case.iter("system-out"))
        ok = case.get("status") == "run"
        yield (case.get("name"), *test_counts(build, case.get("name"), ok, output))
    fuzz = os.path.join(build, "results", "fuzz.log")
    if os.path.exists(fuzz):
        with open(fuzz) as file:
            yield ("fuzz", *test_counts(build, "fuzz", True, file.read()))
    status = os.path.join(build, "results", "locks.status")
    if os.path.exists(status):
        with open(status) as file:
            ok = file.read().strip() == "0"
        yield "locks", int(ok), int(not ok), 0


def main():
    totals = [0, 0, 0]
    print(f"{'build':<12} {'suite':<32} {'passed':>7} {'failed':>7} {'skipped':>8}")
    for build in sys.argv[1:]:
        for name, *counts in rows_of(build):
            print(f"{build:<12} {name:<32} {counts[0]:>7} {counts[1]:>7} {counts[2]:>8}")
            totals = [a + b for a, b in zip(totals, counts)]
    print(f"{'total':<45} {totals[0]:>7} {totals[1]:>7} {totals[2]:>8}")
    print()
    print(f"{totals[0]} passed, {totals[1]} failed", flush=True)
    sys.exit(0 if totals[1] == 0 and totals[0] > 0 else 1)


main()
