# SPDX-License-Identifier: MIT
"""An unmodified llama.cpp in the guest, on /dev/accel/accel0: it has to write what it writes on the
in-process NPU, also where it may not pin the model, of which it has to tell.
"""
import os
import re
import subprocess

from judge import sections

HERE = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.realpath(HERE + "/../..")
RIG = HERE + "/rig-llama"
LINGER = "build/vm/linger.so"
# In its own root file system; the tables of TERN_EXPLAIN say that the device was used.
COMPLETE = """echo '# begin llama-{user}'
export GGML_BACKEND_PATH=/tern/build/{plugin}/libggml-tern.so TERN_DEVICE={device}
export TERN_EXPLAIN=/scratch/{user}.explain LD_PRELOAD=/tern/{linger}
{command} llama-completion -m /tern/tests/data/kdoc-q8_0.gguf -ngl 99 -c 256 \\
	--temp 0 -n 12 -no-cnv --no-display-prompt -p 'Memory is allocated by' \\
	</dev/null 2>/scratch/{user}.log | cat
grep 'operators on the NPU' /scratch/{user}.explain || tail -n 5 /scratch/{user}.log
echo '# end llama-{user} 0 0'
"""
# As whom: root, and somebody who may pin little and has to be told.
USERS = {"root": "", "nobody": "/usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups"}
COPIED = "bytes were copied"
# Inside the guest: the file system is read-only and has neither devices nor this repository.
ENTER = """for dir in dev proc tern; do mount --rbind /$dir /other/$dir; done
mount -t tmpfs none /other/scratch
chmod 666 /dev/accel/accel0
ulimit -l 64
chroot /other sh -c "$(cat <<'END'
{commands}
END
)"
echo '# begin llama-log'
grep -H '{copied}' /other/scratch/*.log
echo '# end llama-log 0 0'
"""


def options():
    """Of the guest."""
    path = subprocess.run([RIG], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    os.makedirs(os.path.dirname(f"{REPO}/{LINGER}"), exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{REPO}/{LINGER}",
                    REPO + "/tests/conformance/linger.c"], check=True)
    return ["--other", path, "--env", "TERN_TEST_DEVICE=accel:0"]


def complete(user, plugin, device):
    return COMPLETE.format(user=user, command=USERS[user], plugin=plugin, device=device,
                           linger=LINGER)


def in_process():
    run = subprocess.run([RIG, "exec", "sh", "-c", complete("root", "lib", "sim:ref")], check=True,
                         stdout=subprocess.PIPE, text=True)
    return sections(run.stdout)["llama-root"][0]


def command():
    return ENTER.format(copied=COPIED, commands="".join(
        complete(user, "guest", "accel:0") for user in USERS))


def without_cycles(lines):
    """Weights that were copied lie at other addresses, where other commands meet in DRAM."""
    return [re.sub(r" in \d+ cycles", "", line) for line in lines]


def compare(want, said):
    """What differs."""
    ended, wrong = sections(said), []
    if not any("operators on the NPU" in line for line in want):
        return ["the model itself said nothing", *want[-5:]]
    for user in USERS:
        got, _, _ = ended.get("llama-" + user, (said.splitlines(), 0, 0))
        same = got == want if user == "root" else without_cycles(got) == without_cycles(want)
        if not same:
            wrong += [user + " expected:", *want[-5:], "got:", *got[-8:]]
    told, _, _ = ended.get("llama-log", ([], 0, 0))
    if not any("/nobody.log:" in line and "ulimit -l" in line for line in told):
        wrong.append("nobody was not told that the weights were copied")
    if any("/root.log:" in line for line in told):
        wrong.append("root may pin the weights, and they were copied")
    return wrong
