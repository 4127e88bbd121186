# SPDX-License-Identifier: MIT
"""How a program hears that the NPU did not do its work: tern-run on a device that goes wrong, by either
kind of queue. It ends with status 1 and one sentence by the cause; the next one has the right text.
"""
import collections
import json
import re
import time

from at_work import AT_WORK
from faults import ENGINES, EVERYTHING, STUCK, by_mark, judge_log
from judge import complaints, judge_kernel, sections

# DEVICE: which kind of queue. DURING (shell): what is done to the device, and "run" for tern-run; what
# that has to say, and what the kernel.
End = collections.namedtuple("End", "what device during sentence log")
KERNEL, USER = "accel:0", "accel:0,queue=user"
NO_PROGRESS = r"^tern-run: .*the NPU made no progress and was reset; run it again, and see dmesg$"
FAULTED = r"^tern-run: .*the NPU faulted at operator .*: {} \(.*\), address or value 0x\w+, info"
REFUSED = r"the bus refused to (read|write) 0x\w+ for source \d, address space [1-9]"
# A budget of steps that no library would give its job.
PRELOAD = "/tern/build/guest/small_budget.so"
ENDS = [
    End("DMA error", KERNEL, "ask 'dma-error 1'; run", FAULTED.format("TRANSLATION"), [REFUSED]),
    # The first that the device reads of it is the ring.
    End("DMA error, user-owned", USER, "ask 'dma-error 1'; run", FAULTED.format("RING"), [REFUSED]),
    End("hung engines", KERNEL, "ask 'hang 1'; run", NO_PROGRESS,
        [r"no progress for \d+ ms, its job is aborted", STUCK, ENGINES]),
    # Its job is in the engines, and lost with what they had in their memory.
    End("a fatal ECC error", KERNEL, "ask 'hang 1'; run & at_work $! && ask 'ecc fatal'; wait",
        r"^tern-run: .*the NPU was reset meanwhile, .*; run it again, and see dmesg$", [EVERYTHING]),
    End("a budget", KERNEL, f"export LD_PRELOAD={PRELOAD} TERN_TEST_BUDGET=1000; run; unset LD_PRELOAD",
        FAULTED.format("BUDGET") + ".*; give it less work at once, as by smaller batches$", []),
]
# The host answers on the terminal, and whoever reads from it must be its foreground.
HELPERS = """tern() {{ {command} "$@"; }}
text() {{ tern --device accel:0 --json >/tmp/$1.out 2>/tmp/$1.err; }}
run() {{
	tern --device $device >/tmp/run.out 2>/tmp/run.err
	echo "status $?" >>/tmp/run.err
}}
told() {{ echo "# host: $1"; read -r answer </dev/tty; case $answer in ok*) ;; *) false ;; esac; }}
ask() {{ told "$1" || echo "the device says: $answer"; }}
"""
TRY = """echo "# begin {number}"
echo "<4>selftest: ends: {what}" >/dev/kmsg
device={device}
{during}
cat /tmp/run.err
echo "# end {number} 0 0"
echo "# begin {number}-after"
text after
cat /tmp/after.out /tmp/after.err
echo "# end {number}-after 0 0"
"""


def command(words):
    """WORDS are tern-run's."""
    return (AT_WORK + HELPERS.format(command=" ".join(f"'{word}'" for word in words))
            + "".join(TRY.format(number=number, **end._asdict())
                      for number, end in enumerate(ENDS)))


def tokens(lines):
    try:
        return json.loads("\n".join(lines))["tokens"]
    except (ValueError, KeyError):
        return None


def judge(end, want, said, after):
    """What is wrong with what was said, WANT being the tokens of a run that ends well."""
    lines = [line for line in said if not line.startswith(("# host:", "ok", "error: "))]
    wrong = []
    if "status 1" not in lines:
        wrong.append("not status 1")
    if not any(re.search(end.sentence, line) for line in lines):
        wrong.append(f"it does not say: {end.sentence}")
    if sum(line.startswith("tern-run: ") for line in lines) != 1:
        wrong.append("that is not one sentence")
    if tokens(after) != want:
        wrong.append("the next run does not have the right text: " + " ".join(after)[:120])
    return wrong and wrong + lines


def check(total, name, want, seen):
    start = time.time()
    ended, marks = sections(seen.said), by_mark(seen.console)
    for number, end in enumerate(ENDS):
        said, _, _ = ended.get(str(number), (seen.said.splitlines()[-10:], 0, 0))
        after, _, _ = ended.get(f"{number}-after", ([], 0, 0))
        log = complaints("\n".join(marks.get(("ends", end.what), [])), ())
        wrong = judge(end, want, said, after) + judge_log(log, end.log)
        total.row(f"{name}: tern-run, {end.what}", not wrong, bool(wrong), 0, wrong)
    judge_kernel(total, name, "\n".join(marks[None]), start)
