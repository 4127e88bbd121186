# SPDX-License-Identifier: MIT
"""The module is loaded and unloaded again and again, with jobs in between, and while one waits."""
import time

from judge import judge_kernel, judge_scan, judge_tap, sections

TIMES = 50

# A process that still has the device open when its driver wants to go: then it cannot.
LOOP = """begun=$(date +%s)
for i in $(seq {times}); do
	modprobe tern || break
	submit_sync >/tmp/said 2>&1 || {{ cat /tmp/said; break; }}
	sh -c 'exec 3<>/dev/accel/accel0; rmmod tern 2>/dev/null' && {{ echo unloaded while open; break; }}
	rmmod tern || break
	done=$i
done
echo "# begin reload"
echo "reloaded $done times"
echo "# end reload $? $(($(date +%s) - begun))"
modprobe tern && sh /tern/tests/selftests/run fault_unload
"""
# Stands in the kernel's log before a bug made on purpose, and after all that is judged.
PLANT = "a bug is planted"
PLANTED = f"""echo '<4>{PLANT}' >/dev/kmsg
echo use-after-free >/sys/module/broken/parameters/bug
"""


def check(total, name, guest, forget, scan):
    """GUEST runs a command in a debugging guest that has not loaded the module, nor tests/vm/broken."""
    start = time.time()
    seen = guest("modprobe broken\n" + forget + LOOP.format(times=TIMES) + scan + PLANTED)
    console, _, after = seen.console.partition(PLANT)
    ended = sections(seen.said)
    lines, _, seconds = ended.get("reload", ([], 125, 0.0))
    right = lines == [f"reloaded {TIMES} times"]
    total.row(f"{name}: {TIMES} reloads", right, not right, seconds,
              [] if right else seen.said.splitlines()[-10:])
    lines, status, seconds = ended.get("fault_unload", ([], 125, 0.0))
    tap = judge_tap(name, "fault_unload", lines, status)
    total.row(f"{name}: fault_unload", tap.good, tap.bad, seconds, tap.why, tap.skipped)
    judge_scan(total, f"{name}: kmemleak of reloads", ended)
    judge_kernel(total, f"{name}: reloads", console, start)
    found = "KASAN: slab-use-after-free in use_after_free" in after
    total.row(f"{name}: sees a bug after that", found, not found, 0)
