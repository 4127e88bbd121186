# SPDX-License-Identifier: MIT
"""What guests say, and what of it is a failure: TAP, the kernel's log, kmemleak."""
import collections
import os
import re
import subprocess
import sys
import time

REPO = os.path.realpath(os.path.dirname(os.path.realpath(__file__)) + "/../..")

# Tests that a lane cannot run: (lane, program, test) and why. No test: all of the program. Not one
# more may be skipped, nor one less; none counts as passed.
SKIPS = {
    **{(lane, "queue_user_refusals", "mappings of doorbells"): "UML cannot map BARs"
       for lane in ("uml", "uml-6.12")},
    **{(lane, "bo_sync_copies", test): "the device sees memory itself"
       for lane in ("7", "6.12", "arm64", "m32", "smp", "uml", "uml-6.12")
       for test in ("cached memory is stale without", "user memory is stale without",
                    "closing moves nothing", "what the kernel looks at is not cached")},
    ("swiotlb", "bo_userptr", "large pages are entries of their own"): "the device sees copies, in pieces of 2 KiB",
    **{(lane, "bo_userptr", "large pages are entries of their own"): "UML has no large pages"
       for lane in ("uml", "uml-6.12")},
    **{("swiotlb", "prime", test): "copies of imported memory are its owner's, who has none"
       for test in ("memory of vgem", "memory of udmabuf")},
    **{(lane, "fail_nth", None): "no kernel of Debian injects faults"
       for lane in ("7", "6.12", "arm64", "m32", "smp", "swiotlb")},
    **{(lane, "unplug_waits", "a page that does not come"): "this kernel has no userfaultfd"
       for lane in ("uml", "uml-6.12")},
    **{(lane, "suspend", test): "the guest's 9p does not survive it"
       for lane in ("7", "6.12", "arm64", "m32", "smp", "swiotlb")
       for test in ("queued jobs go on", "the running job goes on",
                    "user-owned queues go on", "a job comes in the night")},
}

COMPLAINT = re.compile(
    r"\b(BUG|WARNING|Oops|UBSAN|DMA-API|KASAN)\b:?|kernel BUG|INFO: (task|possible|rcu)"
    r"|general protection|unreferenced object|possible recursive locking"
    r"|\btern ([0-9a-f.:]+|tern-npu\S*): ")  # the driver: what reaches the console is a warning or worse

# UML, as of 7.3: flush_tlb_mm() walks a process's mappings, and without a lock if they are another's
# that are taken away: those of doorbells and buffers of a device that leaves.
NOT_OURS = re.compile(
    r"WARNING: suspicious RCU usage\n(?:.*\n){0,4}?lib/maple_tree\.c:\d+ suspicious .*\n"
    r"(?:(?!WARNING).*\n){0,60}?.*\] flush_tlb_mm\+")


class Total:
    def __init__(self):
        self.passed = self.failed = 0

    def row(self, name, good, bad, seconds, why=(), skipped=0):
        self.passed += good
        self.failed += bad
        print(f"  {name:36} {good:6} ok {bad:4} failed {seconds:8.1f} s"
              + (f"  {skipped} skipped" if skipped else ""))
        for line in list(why)[:20]:
            print("    " + line[:200])
        sys.stdout.flush()


def complaints(console, provoked):
    """Of PROVOKED, what was meant to be said, any number of times up to that is left out."""
    console = NOT_OURS.sub("", "\n".join(console.splitlines()))
    found = [line.strip() for line in console.splitlines() if COMPLAINT.search(line)]
    for known, most in dict(provoked).items():
        for line in [line for line in found if re.search(known, line)][:most]:
            found.remove(line)
    return found


def judge_kernel(total, name, console, start, provoked=()):
    found = complaints(console, provoked)
    total.row(f"{name}: the kernel's log", not found, bool(found),
              time.time() - start, found)


# Leaks that are not the driver's.
LEAKS_NOT_OURS = [
    # The last pointer to what the kernel allocated before there were processes may go at
    # any time, and no module was loaded then.
    r'comm "swapper/0", pid 1,',
    # gpuvm, 6.12 to 7.3: drm_gpuva_sm_step() frees `prev` but not `unmap` if there is no memory
    # for `next`.
    r'comm "fail_nth"(?s:.*)kmemdup_noprof\S*\s+drm_gpuva_sm_step',
]


def judge_leaks(lines, status):
    """What kmemleak said of us."""
    reports = re.split(r"^(?=unreferenced object)", "\n".join(lines), flags=re.M)
    found = "".join(report for report in reports
                    if not any(re.search(known, report) for known in LEAKS_NOT_OURS)).splitlines()
    return found if status == 0 else [f"asking it ended with status {status}", *found]


def judge_scan(total, row, ended):
    """What kmemleak said at the end of a guest, given its sections."""
    leaks = judge_leaks(*ended.get("kmemleak", ([], 125, 0))[:2])
    total.row(row, not leaks, bool(leaks), 0, leaks)


Tap = collections.namedtuple("Tap", "good bad skipped why")  # counts; what to print of failures


def judge_skips(lane, program, skipped, ran):
    """What is wrong with the names of the tests that were skipped, given the others'."""
    known = {test for where, of, test in SKIPS if (where, of) == (lane, program)}
    if None in known:
        return [f"listed as skipped, but it ran: {test}" for test in sorted(ran)]
    return ([f"skipped, and must not be: {test}" for test in sorted(skipped - known)]
            + [f"listed as skipped, but it was not: {test}" for test in sorted(known - skipped)])


def judge_tap(lane, program, lines, status):
    """Of one program."""
    plan, said, skipped, why = None, [], [], []
    for line in lines:
        if line.startswith("# returned "):
            continue  # for errnos.py
        if match := re.match(r"1\.\.(\d+)", line):
            plan = int(match[1])
        elif match := re.match(r"ok \d+ (.*?)\s*# SKIP", line):
            skipped.append(match[1])
        elif match := re.match(r"(not )?ok \d+ (.*)", line):
            said.append((match[2], not match[1]))
        if line.startswith("not ok ") or (line.startswith("#") and why):
            why.append(line)
    wrong = judge_skips(lane, program, set(skipped), [test for test, _ in said])
    bad = [good for _, good in said].count(False)
    if plan is None or len(said) + len(skipped) != plan or (status != 0 and not bad):
        count = "no plan" if plan is None else f"{len(said) + len(skipped)} of {plan} tests"
        wrong.append(f"{program} ended with status {status} after {count}")
    return Tap(len(said) - bad, bad + len(wrong), len(skipped), why + wrong)


def check_touched(log):
    """Of a device's log: (is all of it inside the bindings, what the checker says)."""
    run = subprocess.run([REPO + "/tests/device/check-touched", "/dev/stdin"], input=log,
                         stdout=subprocess.PIPE, text=True, check=False)
    return run.returncode == 0, run.stdout.splitlines()


def judge_touched(total, name, log, programs):
    """Nothing outside, of each of PROGRAMS; and one binding less, one right less has to be found."""
    good, said = check_touched(log)
    judged = {line.split(":")[0] for line in said}
    wrong = ([] if good else said) + [f"no page of {program} was judged"
                                      for program in programs if program not in judged]
    total.row(f"{name}: pages touched", not wrong, bool(wrong), 0, wrong)
    if "windows" in programs:
        found = not check_touched(re.sub(r"note map 1 0x8.*\n", "x\n", log, count=1))[0]
        total.row(f"{name}: sees a page too many", found, not found, 0)
    if set(programs) - {"windows", "under_a_job"}:  # of whom note_binds.c told
        found = not check_touched(re.sub(r"(note bind .*) wx?\n", r"\1\n", log))[0]
        total.row(f"{name}: sees a write too many", found, not found, 0)


def sections(said):
    """What came between "# begin NAME" and "# end NAME STATUS SECONDS", by name."""
    ended, name, lines = {}, None, []
    for line in said.splitlines():
        if line.startswith("# begin "):
            name, lines = line.split()[2], []
        elif line.startswith("# end ") and name:
            _, _, _, status, seconds = line.split()
            ended[name] = (lines, int(status), float(seconds))
            name = None
        elif name:
            lines.append(line)
    return ended
