# SPDX-License-Identifier: MIT
"""The driver's ioctls in any order, for FUZZ_SECONDS; then a bug made on purpose, which who fuzzes has to find, and so
has who reads the kernel's log."""
import os
import time

import guests
from judge import complaints, judge_kernel, judge_leaks, judge_tap, sections

# Seconds that it may take longer than other guests, besides: it runs nicely beside other suites, boots a debugging
# kernel, scans for leaks and waits for the bug to be found. Of the hour that tests/run gives the lane something is left.
BESIDE = 1500
# Stands in the kernel's log before the bug, and after all that is judged.
PLANT = "a bug is planted"
PLANTED = f"""modprobe broken
echo '<4>{PLANT}' >/dev/kmsg
echo '# begin planted'
(
	until ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q debug/kcov; do sleep 1; done # it reads the log by then
	echo use-after-free >/sys/module/broken/parameters/bug
) &
fuzz-ioctl 300
echo "# end planted $? 0"
"""


def keep(name, text):
    """In which file it is."""
    path = f"{guests.REPO}/build/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def check_planted(total, name, lines, status, console):
    tap = judge_tap(name, "fuzz-ioctl", lines, status)
    found = any("the kernel complains" in why for why in tap.why)
    total.row(f"{name}: fuzz-ioctl sees a bug", found, not found, 0, [] if found else tap.why)
    found = any("KASAN: slab-use-after-free" in line for line in complaints(console, ()))
    total.row(f"{name}: sees it in the log", found, not found, 0)


def check(total, name, guest, limit, forget, scan):
    start, fuzzed = time.time(), int(os.environ.get("FUZZ_SECONDS", "180"))
    command = (f"{forget}modprobe tern\necho '# begin fuzz'\nfuzz-ioctl {fuzzed}\n"
               f"echo \"# end fuzz $? {fuzzed}\"\n{scan}{PLANTED}")
    seen = guests.guest([*guest, "--no-load", "--beside", guests.HERE + "/broken"], command,
                        limit + fuzzed + BESIDE)
    ended = sections(seen.said)
    if not ended:
        total.row(f"{name}: the guest", 0, 1, time.time() - start, seen.said.splitlines()[-10:])
    console, _, planted = seen.console.partition(PLANT)
    lines, status, seconds = ended.get("fuzz", ([], 125, 0.0))
    tap = judge_tap(name, "fuzz-ioctl", lines, status)
    log = "\n".join(lines) + "\n" + console
    keep("log/fuzz-ioctl.log", log)
    if tap.bad:  # beside what other fuzzers find
        tap.why.append("what led to it: " + keep(f"fuzz/findings/ioctl-{int(start)}", log))
    total.row(f"{name}: fuzz-ioctl", tap.good, tap.bad, seconds, tap.why)
    for line in lines:
        if line.startswith(("# of the driver's ", "# fuzzed: ", "# reached: ")):
            print("    " + line[2:])
    leaks = judge_leaks(*ended.get("kmemleak", ([], 125, 0))[:2])
    total.row(f"{name}: kmemleak", not leaks, bool(leaks), 0, leaks)
    judge_kernel(total, name, console, start)
    if not tap.bad:  # KASAN tells of one bug only
        check_planted(total, name, *ended.get("planted", ([], 125, 0))[:2], planted)
