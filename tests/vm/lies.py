# SPDX-License-Identifier: MIT
"""A device that lies at random (tests/device/lies.c) under tests/selftests/fault_lies.c.

The program sees to it that all processes end, that fences signal and that the device works
afterwards. Here: that the kernel said nothing of it but the driver's own sentences, that
the module could be unloaded, and that nothing leaked.
"""
import re
import time

from judge import complaints, judge_leaks, judge_tap, sections

# What the driver may say of such a device, behind its own name. Nothing else: no warning of the kernel's.
OURS = r"^(\[[ .0-9]+\] )?tern \S+: \[drm\] (\*ERROR\* )?"
SAYS = [
    r"reset of (engines|firmware|everything): ",
    r".*, and no reset helps: the device is switched off$",
    r"firmware: [ -~]*$",
    r"firmware crashed: mcause ",
    r"firmware [ -~]* (speaks \d+\.\d+, driver|\(speaks \d+\.\d+, driver)",
    r"the firmware's memory stays locked after a reset",
    r"tern/tern\S* refused: ",
    # By registers that lie, or of an interrupt that is a lie: what was refused is told by judge_refused().
    r"the bus refused to (read|write) 0x\w+ for source \d+, address space \d+$",
    r"temperature -?\d+ m°C",
    r"a job made no progress for \d+ ms: its queue ends",
    r"slot \d+ in state \d+, control 0x",
    r"doorbells \d+ bytes apart do not fit",
    r"capabilities make no sense",
    r"the device has interface \d+\.\d+, this driver needs",
    r"this is no Tern device, or it does not answer",
    r"the device does not come out of its reset",
]
# Of the bus core, for a device whose driver could not be bound, or that did not wake.
SAID_OF_IT = r"^(\[[ .0-9]+\] )?tern \S+: probe with driver tern failed with error -\d+$"
# Seconds, of its guest: a fence may take four minutes (selftest_lives.h), and what hangs is
# told before the guest ends.
LIMIT, PROGRAM_LIMIT = 1500, 1200
COMMAND = f"""modprobe tern boot_timeout_ms=1000
SELFTEST_LIMIT={PROGRAM_LIMIT} sh /tern/tests/selftests/run fault_lies
echo '# begin rmmod'
rmmod tern
echo "# end rmmod $? 0"
"""


def judge_log(console):
    """Sentences of the kernel's log that should not be there."""
    known = re.compile(f"{OURS}({'|'.join(SAYS)})|{SAID_OF_IT}")
    return [line for line in complaints(console, ()) if not known.search(line)]


def judge_refused(log):
    """Accesses of the device that the bus refused although it was on it: of wrong addresses."""
    return [line for line in log.splitlines() if re.match(r"\d+ refused ", line)
            and not line.endswith(" off")]


def check(total, name, guest, forget, scan):
    """GUEST runs a command in a guest that has not loaded the module."""
    start = time.time()
    seen = guest(forget + COMMAND + scan)
    ended = sections(seen.said)
    lines, status, seconds = ended.get("fault_lies", (seen.said.splitlines()[-10:], 125, 0.0))
    tap = judge_tap(name, "fault_lies", lines, status)
    total.row(f"{name}: fault_lies", tap.good, tap.bad, seconds, tap.why, tap.skipped)
    for line in lines:
        if line.startswith("# one word in "):
            print("    " + line[2:])
    unloaded = ended.get("rmmod", ([], 125, 0))
    total.row(f"{name}: unloaded after lies", unloaded[1] == 0, unloaded[1] != 0, 0, unloaded[0])
    leaks = judge_leaks(*ended.get("kmemleak", ([], 125, 0))[:2])
    total.row(f"{name}: kmemleak after lies", not leaks, bool(leaks), 0, leaks)
    refused = judge_refused(seen.touched)
    refused += [] if " reset " in seen.touched else ["the device has no log"]
    total.row(f"{name}: the bus refused nothing", not refused, bool(refused), 0, refused)
    found = judge_log(seen.console)
    total.row(f"{name}: the kernel's log of lies", not found, bool(found), time.time() - start,
              found)
