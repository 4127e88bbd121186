# SPDX-License-Identifier: MIT
"""tern-run in a guest as somebody who may not do everything, or with a driver of another release: the text is right
or there is none, and one sentence says what to do.
"""
import collections
import json
import re

from judge import sections

OTHER = 'R="LD_PRELOAD=/tern/build/guest/other_driver.so OTHER_DRIVER={} $R {}"'

# How it is set up (R is the command), as whom (65534 has no capability, root all), the exit status,
# and what standard error has to say; None: nothing.
Case = collections.namedtuple("Case", "what setup user status sentence")
CASES = [
    Case("closed node", "chmod 600 /dev/accel/accel0", "nobody", 1,
         r"^tern-run: /dev/accel/accel0 may not be opened by this user: join its group"),
    Case("little may be locked", "chmod 666 /dev/accel/accel0; ulimit -l 64", "nobody", 0,
         r"^tern-run: warning: \d+ bytes were copied, .*: raise the limit of locked memory \(ulimit -l"),
    Case("enough may be locked", "ulimit -l 1000000", "nobody", 0, None),
    # The other runs in guests depend on it: nothing there falls back to the model in process.
    Case("no NPU in process", "R=\"$R --device sim:ref\"", "root", 1,
         r"^tern-run: .*there is no NPU in process"),
    Case("another interface", OTHER.format("2.0", ""), "root", 1,
         r"^tern-run: .*the kernel module speaks interface 2\.0 and this library 1: install the module and the library"),
    # It goes on without what only newer drivers tell, and the trace says so.
    Case("an older driver", OTHER.format("1.0", "--trace /tmp/t && grep -o 'the driver is older' /tmp/t >&2"),
         "root", 0, r"^the driver is older$"),
    Case("a newer driver", OTHER.format("1.9", ""), "root", 0, None),
    # The last, as the parameter stays.
    Case("no bytes for buffers", "echo 0 >/sys/module/tern/parameters/buffer_percent", "root", 1,
         r"^tern-run: .*no buffer of \d+ bytes: .*raise the module's parameter buffer_percent"),
]

START = ("echo 'root:x:0:0::/:/bin/sh' >>/etc/passwd\n"
         "echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd\n")
TRY = """echo '# begin {number}'
(
R="$R"
{setup}
su {user} -s /bin/sh -c "$R" >/tmp/{number}.out 2>/tmp/{number}.err
echo "status $?"
)
cat /tmp/{number}.err
echo '# end {number} 0 0'
echo '# begin {number}-out'
cat /tmp/{number}.out
echo '# end {number}-out 0 0'
"""


def command(words):
    """WORDS are tern-run's, with --json."""
    return (START + "R=\"" + " ".join(f"'{word}'" for word in words) + "\"\n"
            + "".join(TRY.format(number=number, **case._asdict())
                      for number, case in enumerate(CASES)))


def differences(case, tokens, said, out):
    """What is wrong with one of them."""
    errors = said[1:]
    wrong = [] if said[:1] == [f"status {case.status}"] else [f"not status {case.status}"]
    if case.sentence and not any(re.search(case.sentence, line) for line in errors):
        wrong.append(f"it does not say: {case.sentence}")
    if not case.sentence and errors:
        wrong.append("it has nothing to say, and does")
    if not case.status:
        try:
            got = json.loads("\n".join(out))
            if got["tokens"] != tokens:
                wrong.append(f"tokens are {got['tokens']}, not {tokens}")
        except (ValueError, KeyError) as error:
            wrong.append(f"not the text: {error}")
    return wrong and wrong + said


def check(total, name, tokens, said):
    ended = sections(said)
    for number, case in enumerate(CASES):
        lines, _, _ = ended.get(str(number), (said.splitlines()[-10:], 0, 0))
        out, _, _ = ended.get(f"{number}-out", ([], 0, 0))
        wrong = differences(case, tokens, lines, out)
        total.row(f"{name}: {case.what}", not wrong, bool(wrong), 0, wrong)
