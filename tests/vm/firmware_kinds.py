# SPDX-License-Identifier: MIT
"""Firmware that is as right as ours and another: with fewer features or slots, of a later minor; and
with what no firmware may say. Built of our sources, where it tells the kernel of itself."""
import os
import shutil
import subprocess

from judge import REPO, complaints, judge_tap

# name: (what handshake.c says, and what instead; features; may there be user-owned queues?)
PREEMPT, POWER, TRACE = 1, 2, 4
SLOTS, MINOR, TAKEN = ".slots = TERN_NSLOTS", ".minor = TERN_FW_MINOR", ".features = fw->features"


def features(*names):
    return ("#define FEATURES (TERN_FW_FEATURE_PREEMPT | TERN_FW_FEATURE_POWER | TERN_FW_FEATURE_TRACE)",
            f"#define FEATURES ({' | '.join('TERN_FW_FEATURE_' + name for name in names) or '0'})")


KINDS = {
    "no-preempt": (features("POWER", "TRACE"), POWER | TRACE, False),
    "no-power": (features("PREEMPT", "TRACE"), PREEMPT | TRACE, True),
    "no-trace": (features("PREEMPT", "POWER"), PREEMPT | POWER, True),
    "no-features": (features(), 0, False),
    "one-slot": ((SLOTS, ".slots = 1"), 7, False),
    "three-slots": ((SLOTS, ".slots = 3"), 7, False),
    "four-slots": ((SLOTS, ".slots = 4"), 7, True),
    "newer-minor": ((MINOR, ".minor = TERN_FW_MINOR + 7"), 7, True),
}
# The same, and why the driver does not take it.
REFUSED = {
    "no-slots": ((SLOTS, ".slots = 0"), r"speaks .*: a number of slots that cannot be"),
    "too-many-slots": ((SLOTS, ".slots = 65"), r"speaks .*: a number of slots that cannot be"),
    "more-features": ((TAKEN, TAKEN + " | 1u << 31"),
                      r"speaks .*: it takes features that were not offered"),
    "later-major": ((".major = TERN_FW_MAJOR", ".major = TERN_FW_MAJOR + 1"),
                    r"speaks .*: another major version"),
}


def place(folder, name):
    """NAME.fw, also where a driver finds it whose firmware is called kind.fw."""
    os.makedirs(f"{folder}/{name}", exist_ok=True)
    shutil.copy(f"{folder}/{name}.fw", f"{folder}/{name}/kind.fw")


def build(folder):
    """All of them, as NAME.fw."""
    tree = REPO + "/build/vm/firmware-kinds"
    os.makedirs(tree, exist_ok=True)
    for part in ("firmware", "uapi"):
        shutil.copytree(f"{REPO}/{part}", f"{tree}/{part}", dirs_exist_ok=True)
    shutil.copy(REPO + "/Makefile", tree)
    with open(REPO + "/firmware/handshake.c", encoding="utf-8") as file:
        ours = file.read()
    for name, ((old, new), *_) in (KINDS | REFUSED).items():
        if ours.count(old) != 1:
            raise ValueError(f"handshake.c does not say once: {old}")
        with open(tree + "/firmware/handshake.c", "w", encoding="utf-8") as file:
            file.write(ours.replace(old, new))
        subprocess.run(["make", "-s", "-C", tree, "firmware"], check=True,
                       stdout=subprocess.DEVNULL)
        shutil.copy(tree + "/build/firmware/tern.fw", f"{folder}/{name}.fw")
        place(folder, name)


# The module is loaded once: without CONFIG_KASAN_VMALLOC what KASAN noted of a module's variables
# outlives it, and then complains of the loader, if another comes to lie there. It takes its
# firmware anew when it is bound.
FIND = """echo {folder}/{name} >/sys/module/firmware_class/parameters/path
echo "<4>selftest: {name}: found" >/dev/kmsg
echo $card >/sys/bus/pci/drivers/tern/unbind
echo $card >/sys/bus/pci/drivers/tern/bind
"""
LOAD = """echo {folder}/good >/sys/module/firmware_class/parameters/path
modprobe tern firmware=kind.fw
card=$(cd /sys/bus/pci/drivers/tern && echo 0000:*)
"""
# fault_kinds says in its marks which kind it is; the probe has one of its own.
TRY = """echo "# begin {name}"
fault_kinds {name} {given} {user}
echo "# end {name} $? 0"
"""


def command(folder):
    """Where FOLDER is in the guest. In which the last kind is left to whoever knows what to do with it."""
    return LOAD.format(folder=folder) + "".join(
        FIND.format(folder=folder, name=name) + TRY.format(name=name, given=given, user=int(user))
        for name, (_, given, user) in KINDS.items())


def check(total, name, ended, marks):
    """A row for each kind: jobs run, and what it does not have is refused."""
    for kind in KINDS:
        lines, status, _ = ended.get(kind, ([], 125, 0.0))
        log = [line for (of, _), log in ((key, log) for key, log in marks.items() if key)
               if of == kind for line in complaints("\n".join(log), ())]
        tap = judge_tap(name, "fault_kinds", lines, status)
        total.row(f"{name}: firmware: {kind}", tap.good, tap.bad + len(log), 0, tap.why + log,
                  tap.skipped)
