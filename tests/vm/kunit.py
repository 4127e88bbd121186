# SPDX-License-Identifier: MIT
"""KUnit suites of tests/kunit in a debugging kernel: parts of the driver that need no device."""
import glob
import os
import re
import time

from judge import judge_kernel, sections

HERE = os.path.dirname(os.path.realpath(__file__))
FOLDER = os.path.realpath(HERE + "/../kunit")
OPTIONS = ["--no-load", "--module", FOLDER]
RESULTS = "/sys/kernel/debug/kunit/{0}/results"


def written():
    """Of every suite that is written, its tests in order."""
    suites = {}
    for path in sorted(glob.glob(FOLDER + "/*_test.c")):
        with open(path, encoding="ascii") as file:
            text = file.read()
        name = re.search(r'\.name = "(\w+)"', text)[1]
        suites[name] = re.findall(r"KUNIT_CASE\((\w+)\)", text)
    return suites


def command(suites):
    return "modprobe tern_kunit\n" + "".join(
        f"echo '# begin {name}'\ncat {RESULTS.format(name)}\necho \"# end {name} $? 0\"\n"
        for name in suites) + "rmmod tern_kunit\n"


def judge(tests, lines):
    """Of one suite's KTAP: (passed, failed, what to print)."""
    said = dict(match.group(2, 1) for line in lines
                if (match := re.match(r"    (ok|not ok) \d+ (\w+)(?! # SKIP)", line)))
    bad = [test for test in tests if said.get(test) != "ok"]
    why = [line.strip() for line in lines if not re.match(r"    ok|#? ?K?TAP|1\.\.", line)]
    return len(tests) - len(bad), len(bad), why if bad else []


def check(total, name, guest):
    start, suites = time.time(), written()
    seen = guest(command(suites), OPTIONS)
    ended = sections(seen.said)
    for suite, tests in suites.items():
        good, bad, why = judge(tests, ended.get(suite, (seen.said.splitlines()[-10:], 0, 0))[0])
        total.row(f"{name}: {suite}", good, bad, 0, why)
    judge_kernel(total, f"{name}: KUnit", seen.console, start)
