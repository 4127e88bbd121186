# SPDX-License-Identifier: MIT
"""An unmodified llama.cpp in the guest, on /dev/accel/accel0: it has to write what it writes on the
in-process NPU.
"""
import os
import subprocess

HERE = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.realpath(HERE + "/../..")
RIG = HERE + "/rig-llama"
LINGER = "build/vm/linger.so"
# In its own root file system; the tables of TERN_EXPLAIN say that the device was used.
COMPLETE = """export GGML_BACKEND_PATH=/tern/build/lib/libggml-tern.so TERN_DEVICE={}
export TERN_EXPLAIN=/scratch/explain
LD_PRELOAD=/tern/%s llama-completion -m /tern/tests/data/kdoc-q8_0.gguf -ngl 99 -c 256 \\
	--temp 0 -n 12 -no-cnv --no-display-prompt -p 'Memory is allocated by' \\
	</dev/null 2>/scratch/log | cat
grep 'operators on the NPU' /scratch/explain || tail -n 5 /scratch/log
""" % LINGER
# Inside the guest: the file system is read-only and has neither devices nor this repository.
ENTER = """for dir in dev proc tern; do mount --rbind /$dir /other/$dir; done
mount -t tmpfs none /other/scratch
echo '# begin llama'
chroot /other sh -c "$(cat <<'END'
{}
END
)"
echo "# end llama $? 0"
"""


def options():
    """Of the guest."""
    path = subprocess.run([RIG], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    os.makedirs(os.path.dirname(f"{REPO}/{LINGER}"), exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{REPO}/{LINGER}",
                    REPO + "/tests/conformance/linger.c"], check=True)
    return ["--other", path]


def in_process():
    run = subprocess.run([RIG, "exec", "sh", "-c", COMPLETE.format("sim:ref")], check=True,
                         stdout=subprocess.PIPE, text=True)
    return run.stdout.splitlines()


def command():
    return ENTER.format(COMPLETE.format("accel:0"))


def compare(want, got):
    """What differs."""
    if not any("operators on the NPU" in line for line in want):
        return ["the model itself said nothing", *want[-5:]]
    return [] if want == got else ["expected:", *want[-5:], "got:", *got[-8:]]
