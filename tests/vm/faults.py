# SPDX-License-Identifier: MIT
"""What the device is made to do wrong (tests/selftests/fault_*.c), and what the kernel says of it.

The programs know the outcome for jobs, contexts and the device. This is the other half: each
sentence has to be in the kernel's log between the test's mark and the next one, and nothing
else that is a warning or worse.
"""
import re
import time

from judge import check_touched, complaints, judge_kernel, judge_scan, sections

STOPPED = r"reset of firmware: (the firmware stopped|its firmware stands still)"
# Who finds it first: the watchdog, or who takes a slot away.
SILENT = r"reset of firmware: (the firmware (stopped|does not answer)|its firmware stands still)"
# Of everything if it broke it while it was woken.
BROKE = r"reset of (firmware|everything): the firmware broke the protocol"
STUCK = r"firmware: slot \d+ does not leave the engines"
ENGINES = r"reset of engines: a context did not answer preemption"
STILL_IN = r"reset of engines: (a context did not answer preemption|a slot did not become idle)"
EVERYTHING = r"reset of everything: its memory could not correct an error"
# What the kernel says of a device that does not want to sleep.
AWAKE = [r"PM: pci_pm_suspend\(\): system_suspend \[tern\] returns -\d+",
         r"PM: dpm_run_callback\(\): pci_pm_suspend returns -\d+",
         r"PM: failed to suspend( async)?: error -\d+"]
NOT_STARTED = r"firmware .* did not start: at RESET after 1000 ms"
UNACKNOWLEDGED = "reset of {}: an invalidation was not acknowledged"

FAULTS = {
    "fault_device": {
        "lost interrupt": [],
        "slow device": [],
        "over-temperature": [r"temperature 110000 m°C", r"temperature 40000 m°C"],
        "corrected ECC error": [],
        "fatal ECC error": [EVERYTHING],
        "a fault after a lost job": [EVERYTHING],
        "DMA error": [r"the bus refused to (read|write) 0x\w+ for source \d, address space [1-9]"],
        "DMA error of the firmware": [r"the bus refused to \w+ 0x\w+ for source 15, address space 0",
                                      STOPPED, r"firmware crashed: mcause 0x[57]"],
        "hung engines": [STUCK, ENGINES],
        "hung engines, nobody waits": [r"no progress for \d+ ms, its job is aborted",
                                       STUCK, ENGINES],
        "all ones": [r"reset of everything: ", r"no reset helps: the device is switched off"],
        "older interface": [r"the device has interface 1\.0, this driver needs 1\.1 or a later 1\.x:"],
    },
    "fault_turns": {
        "stubborn engines, others wait": [STUCK] * 5,
        "hung engines, others wait": [STUCK, STILL_IN],
    },
    "fault_suspend": {
        "hung engines": [STUCK, ENGINES, *AWAKE],
        "firmware without memory": [r"the bus refused to \w+ 0x\w+ for source 15, address space 0",
                                    STOPPED, r"firmware crashed: mcause 0x[57]"],
        "DMA error": [r"the bus refused to (read|write) 0x\w+ for source \d, address space [1-9]"],
        "silent firmware": [STOPPED, *AWAKE],
        "fatal ECC error": [r"reset of everything: its memory could not correct an error"],
    },
    "fault_firmware": {
        "silent": [STOPPED],
        "silent, and reset by the bus": [],
        "looping": [STOPPED],
        "bad index": [BROKE],
        "bad index, on waking": [r"reset of everything: the firmware broke the protocol"],
        "bad message": [BROKE],
        "bad size": [r"firmware: x{112}$"],
        "replayed message": [BROKE],
        "silent for ever": [STOPPED, NOT_STARTED, r"reset of everything: ", NOT_STARTED,
                            r"no reset helps: the device is switched off"],
        "bad index, for ever": [r"reset of firmware: the firmware broke the protocol",
                                r"reset of everything: the firmware broke the protocol",
                                r"no reset helps: the device is switched off"],
    },
    "fault_resets": {
        "work and a reset of everything": [EVERYTHING],
        "work and a reset of the firmware": [STOPPED],
        "restarted, but not for ever": [EVERYTHING] * 9,
        "waiters": [EVERYTHING],
        "waiters of user-owned queues": [EVERYTHING],
        "never done with memory": [EVERYTHING],
        "opened while others wait": [],
    },
    "fault_once": {
        "once, and a reset of everything": [EVERYTHING] * 8,
        "once, and a reset of engines": [STUCK, STILL_IN] * 3,
        "once, and a reset of the bus": [],
    },
    "fault_held": {
        "hung engines, all held": [STUCK, ENGINES],
        "hung engines of a user-owned queue": [STUCK, ENGINES],
        "silent firmware, all held": [SILENT],
        "fatal ECC error, all held": [EVERYTHING],
        "a reset of the bus, all held": [],
        "all ones, all held": [r"reset of everything: ",
                               r"no reset helps: the device is switched off"],
    },
    "fault_off": {
        "who never had a slot": [r"no reset helps: the device is switched off"],
        "who waits for a turn": [r"reset of everything: ",
                                 r"no reset helps: the device is switched off"],
    },
    "fault_memory": {
        "late acknowledgement": [],
        "no acknowledgement": [UNACKNOWLEDGED.format(rung)
                               for rung in ("engines", "firmware", "everything")],
        "no acknowledgement ever": [r"no reset helps: the device is switched off"],
        "late DMA": [],
    },
}

# Where doorbells are mapped: what resets do to those who hold something.
WITH_DOORBELLS = ("fault_held", "fault_firmware", "fault_resets")

# What the kernel says in some runs and not in others.
MAY_SAY = {
    # Who finds it first: the one that waits for the slot, or the one that resets.
    "stubborn engines, others wait": ENGINES,
    # Who finds it first: the watchdog, or who unmaps. Then no firmware starts, on any rung.
    "no acknowledgement ever": rf"{STOPPED}|{NOT_STARTED}|reset of \w+: an invalidation was not acknowledged"
                               "|reset of everything: the firmware stopped",
    # How often, and what it is that is refused by firmware that answers nothing.
    "bad index, for ever": r"reset of \w+: the firmware (broke the protocol|takes no messages)",
    # How often, until only the urgent one is in the engines.
    "work and a reset of everything": EVERYTHING,
    "work and a reset of the firmware": STOPPED,
    # Who finds it first: the watchdog, or who asks the firmware to save what runs.
    "silent, and reset by the bus": STOPPED,
    # What the firmware reads first: that it is to sleep, or something else.
    "firmware without memory": "|".join(AWAKE),
    # The bus core, if the device was to sleep or to wake just then.
    **{test: r"Unable to change power state from \w+ to \w+, device inaccessible"
       for test in ("all ones", "all ones, all held", "who waits for a turn")},
    # The same, or whoever found the device awake.
    "who never had a slot": r"Unable to change power state from \w+ to \w+, device inaccessible"
                            "|reset of everything: ",
}


def by_mark(console):
    """Lines of the kernel's log after each "selftest: PROGRAM: TEST", by that; None: before."""
    parts, mark = {None: []}, None
    for line in console.splitlines():
        if match := re.search(r"selftest: ([\w-]+): (.*)", line):
            mark = match[1], match[2].strip()
            parts[mark] = []
        else:
            parts[mark].append(line)
    return parts


def judge_log(complaints, expected, may_say=None):
    """What is there and should not be, and what is missing; MAY_SAY: what may be there besides."""
    left, wrong = list(complaints), []
    for sentence in expected:
        found = next((line for line in left if re.search(sentence, line)), None)
        if found:
            left.remove(found)
        else:
            wrong.append(f"the kernel did not say: {sentence}")
    return wrong + [line for line in left if not (may_say and re.search(may_say, line))]


def told(lines):
    """Of what a program said: (test, did it pass, why not) for each test."""
    for i, line in enumerate(lines):
        if match := re.match(r"(not )?ok \d+ (.*)", line):
            why = lines[i + 1] if match[1] and i + 1 < len(lines) else ""
            yield match[2], not match[1], why


def judge_late(total, name, log):
    """Late DMA is for who compares what was touched with what was bound."""
    _, said = check_touched(log)
    found = [line for line in said if ": outside of the bindings" in line]
    right = [line for line in found if re.match(r"late: .* touch \d+ w 0x200000 ", line)]
    right = right == found and len(found) == 1
    total.row(f"{name}: late DMA is found", right, not right, 0, [] if right else said)


def check(total, name, guest, programs=tuple(FAULTS), scan=None):
    """A row for each way in which the device can go wrong. GUEST runs a command in one that has
    not loaded the module; SCAN: what has kmemleak look before and after."""
    start = time.time()
    before, after = scan or ("", "")
    seen = guest(f"{before}modprobe tern\nsh /tern/tests/selftests/run {' '.join(programs)}{after}")
    ended, marks = sections(seen.said), by_mark(seen.console)
    if not ended:
        total.row(f"{name}: the guest", 0, 1, time.time() - start, seen.said.splitlines()[-10:])
    for program in programs:
        tests = FAULTS[program]
        lines, status, seconds = ended.get(program, ([], 125, 0.0))
        print(f"  {program}, {seconds:.0f} s")
        ran = {test: (good, why) for test, good, why in told(lines)}
        for test in dict.fromkeys([*tests, *ran]):
            good, why = ran.get(test, (False, f"did not run: {program} ended with {status}"))
            log = complaints("\n".join(marks.get((program, test), [])), ())
            wrong = ([] if good else [why]) + judge_log(log, tests.get(test, []), MAY_SAY.get(test))
            if test not in tests:
                wrong.append("is not in faults.py")
            total.row(f"{name}: {test}", not wrong, bool(wrong), 0, wrong)
    if scan:
        judge_scan(total, f"{name}: kmemleak, faults", ended)
    if "fault_memory" in programs:
        judge_late(total, name, seen.touched)
    judge_kernel(total, name, "\n".join(marks[None]), start)
