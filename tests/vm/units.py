# SPDX-License-Identifier: MIT
"""Unit tests of libtern on the kernel's device: those that ran in process, with both kinds of queue.

tests/unit/lib_fixture.h says how they find it, and that nothing is left in process to fall back to.
"""
import os
import re

from judge import sections

REPO = os.path.realpath(os.path.dirname(os.path.realpath(__file__)) + "/../..")

PROGRAMS = ("test_lib", "test_lib_device", "test_lib_async", "test_lib_report", "test_lib_wrap",
            "test_blob")
QUEUES = ("kernel", "user")

# What cannot be asked of the card: (program, test) and which of the test's turns. Not one
# more may be left out, nor one less.
OTHER = {  # configurations: the card is as it is
    ("test_lib", "results_are_right_wherever_operators_run"): {1, 2},
    ("test_lib", "kept_storages_can_be_read"): {1, 2},
    ("test_lib", "the_graphs_own_work_is_counted"): {2},
    ("test_blob", "loaded_programs_run_as_compiled_ones"): {1},
    ("test_blob", "each_truncation_is_refused"): {1},
    ("test_blob", "each_flipped_bit_is_refused"): {1},
    ("test_blob", "each_hostile_byte_is_survived"): {1},
    ("test_blob", "blobs_and_images_are_listed"): {1},
    ("test_blob", "other_targets_are_refused"): {0},
}
CHECKING = {  # the model's mode that finds accesses without an order
    ("test_lib", "results_are_right_wherever_operators_run"): {3},
    ("test_lib", "kept_storages_can_be_read"): {3},
    ("test_blob", "other_targets_are_refused"): {3},
    ("test_blob", "races_name_both_commands"): {0},
}


def options():
    """How the guest gets the programs."""
    return [word for program in PROGRAMS for word in ("--bin", f"{REPO}/build/tests/{program}")]


def command():
    return "export CK_DEFAULT_TIMEOUT=300\n" + "".join(
        f"echo '# begin {program}-{queue}'; begin=$(date +%s)\n"
        f"TERN_TEST_DEVICE=accel:0,queue={queue} timeout -k 10 300 {program} 2>&1\n"
        f"echo \"# end {program}-{queue} $? $(($(date +%s) - begin))\"\n"
        for queue in QUEUES for program in PROGRAMS)


def left_out(program):
    """What a program must say that it leaves out, and nothing else."""
    return {f"{test} {turn}" for table in (OTHER, CHECKING)
            for (of, test), turns in table.items() if of == program for turn in turns}


def judge(program, lines, status):
    """Of one program: (passed, failed, what to print of the failures)."""
    text = "\n".join(lines)
    out = set(re.findall(r"^# left out: (\w+?)(?:_fn)? (\d+):", text, re.M))
    out, known = {" ".join(pair) for pair in out}, left_out(program)
    why = [f"left out, and must not be: {test}" for test in sorted(out - known)]
    why += [f"said to be left out, but it ran: {test}" for test in sorted(known - out)]
    sums = re.search(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", text, re.M)
    checks, failures, errors = map(int, sums.groups()) if sums else (0, 0, 0)
    if not checks or (status and not failures + errors):
        why.append(f"{program} ended with status {status} after {checks} checks")
    bad = failures + errors + len(why)
    why += [line for line in lines if re.search(r":[FE]:", line)]
    return max(checks - failures - errors - len(out), 0), bad, why or lines[-5:] if bad else []


def check(total, name, said):
    ended = sections(said)
    for queue in QUEUES:
        for program in PROGRAMS:
            lines, status, seconds = ended.get(f"{program}-{queue}",
                                               (said.splitlines()[-10:], 125, 0.0))
            good, bad, why = judge(program, lines, status)
            total.row(f"{name}: {program}, {queue} queues", good, bad, seconds, why)
