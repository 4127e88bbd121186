# SPDX-License-Identifier: MIT
"""The machine goes down while a job runs: the device is left quiet, for whatever kernel comes next.

Nothing is told the process beforehand. The device itself says at its end what it could still do; and if the kernel has no
time for its drivers, as at SysRq-B, that has to be seen.
"""
import time

from at_work import AT_WORK
from judge import judge_kernel

RUN = """setsid {command} >/tmp/said 2>&1 &
at_work $! || {{ tail -n 3 /tmp/said; exit 1; }}
echo '# running'
"""
DOWN = "poweroff -f; sleep 100\n"
AT_ONCE = "echo b >/proc/sysrq-trigger; sleep 100\n"
QUIET = {"reaches_memory": 0, "mcu_runs": 0, "engines_run": 0}


def left(log):
    """Of the device's log: what it could still do."""
    pairs = (line.split() for line in log.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] in QUIET}


def check(total, name, command, guest):
    """GUEST runs a command in a guest; COMMAND takes its time on the device."""
    for what, how, quiet in (("leaves the device quiet", DOWN, True),
                             ("sees a device that is not", AT_ONCE, False)):
        start = time.time()
        seen = guest(AT_WORK + RUN.format(command=command) + how)
        state = left(seen.device)
        good = ("# running" in seen.said and state.keys() == QUIET.keys()
                and (state == QUIET if quiet else state["reaches_memory"] == 1))
        total.row(f"{name}: shutdown {what}", good, not good, time.time() - start,
                  [] if good else [str(state), *seen.said.splitlines()[-5:]])
        judge_kernel(total, name, seen.console, start)
