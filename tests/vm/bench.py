#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the kernel driver costs in a guest, as multiples of the least that the rig can do.

    tests/vm/bench.py [--quick] [--json FILE] [--file GGUF] [--kernel VERSION]

The floor is floor/tern_floor.c's, measured in the same boot before and after everything else: one
posted write of a register, one MSI-X, the task that waited. The rest is bench-accel's. Reads,
writes and bells are the host's accesses to the card, each a message to its process, interrupts
what that sent back; the card has counted them. Switches are those between the guest's tasks. All
of these, unlike times, hardly depend on what else this machine does. Recovery is
bench-recovery's, in milliseconds. No IOMMU. --quick: fewer rounds and less memory, to see that it
works.
"""
import argparse
import json
import os
import re
import statistics
import sys
import time

sys.dont_write_bytecode = True  # beside those that follow
import guests
from judge import complaints, judge_tap, sections

HERE = os.path.dirname(os.path.realpath(__file__))
FLOORS = ("before", "after")

# Row, what it is called, and the goal: at most so many floors per job.
JOBS = {
    "submit-1": ("empty job, ioctl", 1.5),
    "doorbell-1": ("empty job, user queue", 1.1),
    "submit-16": ("16 jobs, ioctl", None),
    "doorbell-16": ("16 jobs, user queue", None),
    "submit-256": ("256 jobs, ioctl", None),
    "doorbell-256": ("256 jobs, user queue", None),
}
OTHERS = {
    "context": "context created",
    "bind": "VM_BIND of {size}",
    "unbind": "and unmapping it",
    "populate": "MADV_POPULATE_READ of {size}",
    "map": "the same GGUF on the device",
}
MAP_GOAL = 1.5  # of populate
# Row, what it is called, and the goal: at most so many milliseconds.
RECOVERY = {
    "fault-next": ("a fault, then another context's job", 10),
    "fault-told": ("a fault, until its process is told", None),
    "reset": ("everything reset, then a job", 1000),
}
RESET = {r"reset of everything: its memory could not correct an error": 20}
COUNTS = ("reads", "writes", "doorbells", "interrupts", "switches")


def options(kernel, quick, model):
    device = "build/bin/tern-device --vfio-user %s --stats"
    other = [] if quick else ["--other", os.path.dirname(model)]
    return ["--kernel", kernel, "--memory", "1024" if quick else "3072", "--no-load", *other,
            "--beside", HERE + "/floor", "--device", device]


def in_guest(quick, model):
    """Where the guest finds the file."""
    return f"/tern/{model}" if quick else "/other/" + os.path.basename(model)


def floor(when, rounds):
    return (f"modprobe tern_floor rounds={rounds}\necho '# begin {when}'\n"
            f"cat /sys/kernel/debug/tern_floor\necho \"# end {when} $? 0\"\nrmmod tern_floor\n")


# What processes held is released soon after they have ended; how soon is up to the machine.
UNLOAD = """echo '# begin unload'
tries=120
until rmmod tern; do
	[ $((tries -= 1)) != 0 ] || break
	sleep 1
done
[ ! -d /sys/module/tern ]
echo "# end unload $? 0"
"""


def command(quick, model):
    rounds = 50 if quick else 2000
    return (floor("before", rounds) + "modprobe tern\necho '# begin bench'\n"
            f"bench-accel {'--quick ' if quick else ''}{in_guest(quick, model)}\n"
            "echo \"# end bench $? 0\"\necho '# begin recovery'\n"
            f"bench-recovery {'--quick' if quick else ''}\n"
            "echo \"# end recovery $? 0\"\n" + UNLOAD + floor("after", rounds))


def spread(samples):
    samples = sorted(samples)
    tenth = len(samples) // 10
    return {"n": len(samples), "median": statistics.median(samples), "low": samples[tenth],
            "high": samples[-1 - tenth]}


def read(said):
    """What was measured, and what is wrong with that: (rows by name, complaints)."""
    ended, rows, wrong, both = sections(said), {}, [], []
    if not ended:
        return rows, said.splitlines()[-10:]
    lines, loaded, _ = ended.get("unload", ([], 0, 0))
    if loaded:
        wrong.append(f"tern.ko cannot be unloaded, hence no floor after: {lines[-1:]}")
    for when in FLOORS[:1] if loaded else FLOORS:
        lines, _, _ = ended.get(when, ([], 125, 0))
        samples = [int(line) for line in lines if line.isdigit()]
        if not samples:
            wrong.append(f"no floor {when}: {lines[-1:]}")
            continue
        rows["floor " + when] = spread(samples)
        both += samples
    if both:
        rows["floor"] = spread(both)
    for part, program in (("bench", "bench-accel"), ("recovery", "bench-recovery")):
        lines, status, _ = ended.get(part, (said.splitlines()[-10:], 125, 0))
        wrong += judge_tap("bench", program, lines, status).why
        for line in lines:
            if match := re.match(r"# result (\S+) (.*)", line):
                rows[match[1]] = {key: float(value) for key, value in
                                  (word.split("=") for word in match[2].split())}
    return rows, wrong + insane(rows)


def insane(rows):
    """Rows that are missing, or cannot be: nothing here is about how fast."""
    wrong = [f"no row {name}" for name in ("floor", *JOBS, *OTHERS, *RECOVERY) if name not in rows]
    for name, row in rows.items():
        if not 0 < row["low"] <= row["median"] <= row["high"]:
            wrong.append(f"{name}: {row} is in no order")
    for name in JOBS.keys() & rows.keys():
        row = rows[name]
        if row["interrupts"] <= 0 or row["doorbells"] <= 0:
            wrong.append(f"{name}: {row} cannot have run a job")
        # One of each, and now and then one more; the firmware's messages, now and then, interrupt too.
        if row["interrupts"] > 1.5 or row["doorbells"] > 1.2:
            wrong.append(f"{name}: {row} is more than a bell and an interrupt per job")
    return wrong


# Table ---------------------------------------------------------------------

def micro(ns):
    return f"{ns / 1000:.1f}" if ns < 1e6 else f"{ns / 1000:.0f}"


def verdict(goal):
    return "" if goal is None else f"<= {goal}"


def line(what, row, per, base, goal, traffic=""):
    cells = "".join(f"{micro(row[key] / per):>9}" for key in ("median", "low", "high"))
    print(f"{what:32}{cells}{row['median'] / per / base:8.2f}{verdict(goal):>7}{traffic}")


def size_of(row):
    mib = row.get("bytes", 0) / 2**20
    return f"{mib / 1024:.0f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def table(rows, title):
    base = rows["floor"]["median"]
    print(title)
    print("us: median, the tenths at either end; x: multiples of the floor's median")
    print(f"{'per job':32}{'median':>9}{'low':>9}{'high':>9}{'x':>8}{'goal':>7}")
    for when in FLOORS:
        line("floor, " + when, rows["floor " + when], 1, base, None)
    for name, (what, goal) in JOBS.items():
        line(what, rows[name], rows[name]["jobs"], base, goal)
    print(f"\n{'per job':23}{'jobs/s':>9}{'reads':>9}{'writes':>9}{'bells':>9}{'irqs':>9}"
          f"{'switches':>9}")
    for name, (what, _) in JOBS.items():
        row = rows[name]
        print(f"{what:23}{1e9 * row['jobs'] / row['median']:9.0f}"
              + "".join(f"{row[key]:9.3f}" for key in COUNTS))
    print(f"\n{'':32}{'median':>9}{'low':>9}{'high':>9}{'x':>8}{'goal':>7}")
    for name, what in OTHERS.items():
        line(what.format(size=size_of(rows[name])), rows[name], 1, base, None)
    print(f"{'GGUF on the device / POPULATE_READ':59}"
          f"{rows['map']['median'] / rows['populate']['median']:8.2f}{verdict(MAP_GOAL):>7}")
    print(f"\n{'ms':37}{'median':>9}{'low':>9}{'high':>9}{'goal':>9}")
    for name, (what, goal) in RECOVERY.items():
        cells = "".join(f"{rows[name][key] / 1e6:9.2f}" for key in ("median", "low", "high"))
        print(f"{what:37}{cells}{verdict(goal):>9}")


def measure(quick, model, kernel="6.12", limit=1800):
    """Boots a guest: (rows, complaints)."""
    seen = guests.guest(options(kernel, quick, model), command(quick, model), limit)
    rows, wrong = read(seen.said)
    return rows, wrong + complaints(seen.console, RESET)


def check(total, name, model):
    """A short one, of which only is asked that it works."""
    start = time.time()
    _, wrong = measure(True, model)
    total.row(f"{name}: bench", not wrong, bool(wrong), time.time() - start, wrong)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--quick", action="store_true", help="see that it works")
    ap.add_argument("--json", metavar="FILE", help="write what was measured")
    ap.add_argument("--file", metavar="GGUF", help="to be mapped (a sample, if --quick)")
    ap.add_argument("--kernel", default="6.12", help="of the guest")
    args = ap.parse_args()
    model = "tests/data/kdoc-f16.gguf" if args.quick else args.file
    if not model:
        ap.error("--file GGUF: which file is to be mapped?")
    rows, wrong = measure(args.quick, os.path.realpath(model) if not args.quick else model,
                          args.kernel)
    for why in wrong:
        print(f"bench: {why}", file=sys.stderr)
    if wrong:
        return 1
    table(rows, f"kernel driver in a guest, Linux {args.kernel}, no IOMMU, "
          f"load {os.getloadavg()[0]:.1f}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
