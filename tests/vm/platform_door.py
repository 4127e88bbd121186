# SPDX-License-Identifier: MIT
"""The platform door: the card as platform/ shows it, well described and badly."""
import os
import re
import time

from judge import complaints, judge_tap, sections

HERE = os.path.dirname(os.path.realpath(__file__))
OPTIONS = ["--no-load", "--beside", HERE + "/platform"]
PROGRAMS = ["dev_query", "submit_basic", "queue_user", "unplug"]
ONE_LINE = ["submit_basic"]

# What is wrong with the description, and what the driver says of it: once, and nothing else.
REFUSED = {
    "missing": r'error -EINVAL: region "tcm" is missing',
    "small": r'error -EINVAL: region "regs" \[mem .*\] is less than 0x20000 bytes',
    "unaligned": r'error -EINVAL: region "doorbell" \[mem .*\] begins within a page',
    "overlap": r'error -EINVAL: region "tcm" \[mem .*\] is partly "doorbell"',
    "no-irq": r'error -ENXIO: interrupt "memory" is missing',
}

# The device leaves while somebody has it open, with tern.ko loaded.
LEAVES = """echo "# begin leaves"
exec 3<>/dev/accel/accel0
rmmod platform_card
status=$?
ls /sys/class/accel
exec 3>&-
echo "# end leaves $status 0"
"""
SPOILT = """echo "# begin {0}"
modprobe platform_card spoil={0}
status=$?
ls /sys/class/accel
rmmod platform_card
echo "# end {0} $status 0"
"""
RUN = "sh /tern/tests/selftests/run {}\n"


def command():
    return ("modprobe platform_card\nmodprobe tern\n"
            "basename $(readlink /sys/class/accel/accel0/device/subsystem)\n"
            + RUN.format(" ".join(PROGRAMS)) + LEAVES
            + "modprobe platform_card irqs=1\n" + RUN.format(" ".join(ONE_LINE))
            + "rmmod platform_card\n" + "".join(SPOILT.format(what) for what in REFUSED)
            + "rmmod tern\n")


def judge_programs(total, name, lane, ended, programs):
    for program in programs:
        lines, status, seconds = ended.get(program, ([], 125, 0.0))
        tap = judge_tap(lane, program, lines, status)
        total.row(f"{name}: {program}", tap.good, tap.bad, seconds, tap.why, tap.skipped)


def nothing_there(ended, section):
    """Went as it should, and there is no device any more: else what was said."""
    lines, status, _ = ended.get(section, (["the guest did not get there"], 125, 0.0))
    return [] if status == 0 and not lines else [f"status {status}", *lines]


def check(total, lane, guest, provoked):
    start, name = time.time(), lane + ", platform"
    seen = guest(command(), OPTIONS)
    door = re.search(r"^platform\s*$", seen.said, re.M) is not None
    total.row(f"{name}: the door", door, not door, 0, seen.said.splitlines()[-10:] if not door else ())
    # With two interrupts and with one: the same program twice.
    before, _, after = seen.said.partition("# begin leaves")
    judge_programs(total, name, lane, sections(before), PROGRAMS)
    judge_programs(total, name + ", one line", lane, sections(after), ONE_LINE)
    ended = sections(seen.said)
    why = nothing_there(ended, "leaves")
    total.row(f"{name}: it leaves", not why, bool(why), 0, why)
    for what, text in REFUSED.items():
        told = len(re.findall(text, seen.console))
        why = nothing_there(ended, what) + ([] if told == 1 else [f"said {told} times: {text}"])
        total.row(f"{name}: refuses {what}", not why, bool(why), 0, why)
    known = {**dict.fromkeys(REFUSED.values(), 1), **{text: 2 * n for text, n in provoked.items()},
             r"tern-npu-model: probe with driver tern failed with error": len(REFUSED)}
    why = complaints(seen.console, known)
    total.row(f"{name}: the kernel's log", not why, bool(why), time.time() - start, why)
