# SPDX-License-Identifier: MIT
"""The driver's sources as the kernel's own checkers see them: the compiler with W=1, sparse,
kernel-doc, checkpatch --strict. One word of theirs is a failure."""
import os
import re
import subprocess
import time

HERE = os.path.dirname(os.path.realpath(__file__))
QEMU = HERE + "/rig-qemu"

# What checkpatch would have otherwise, and why it is so.
EXCEPT = {
    "LINUX_VERSION_CODE": "one source for two kernels: tern_compat.h",
    "CONSTANT_COMPARISON": "its own misreading of KERNEL_VERSION() in an #if",
    "MACRO_ARG_UNUSED": "users of a table take the columns they need",
    "COMPLEX_MACRO": "a table of the contracts, X(...) X(...)",
    "MACRO_ARG_REUSE": "the same",
    "MULTISTATEMENT_MACRO_USE_DO_WHILE": "the same",
    "TRAILING_SEMICOLON": "the same",
    "BRACKET_SPACE": "an entry of a table, [code] = text",
    "ARRAY_SIZE": "in files that compile in user space, too",
    "EMBEDDED_FILENAME": "a folder's name, not the file's",
    "VOLATILE": "the same: READ_ONCE() there",
    "BIT_MACRO": "contracts have no BIT(), in user space",
    "ALLOC_WITH_SIZEOF": "6.12 has no kzalloc_obj()",
    "TYPO_SPELLING": "British as well as American",
}

BUILD = """
set -e
headers=$(ls -d /usr/src/linux-headers-{kernel}*-amd64 | sort -V | tail -n 1)
mkdir /scratch/m
cp -r /tern/Kbuild /tern/driver /tern/uapi /scratch/m
make -s -C "$headers" M=/scratch/m C=2 W=1 modules 2>&1 |
    grep -Ev 'Skipping BTF generation|^make' || true
"""
KERNEL_DOC = """
for script in /usr/lib/linux-kbuild-6.12*/scripts/kernel-doc; do
    cd /tern && perl "$script" -none -Wall driver/*.[ch] uapi/drm/*.h 2>&1 || true
done
"""
CHECKPATCH = """
cd /tern && perl /uml/build/scripts/checkpatch.pl --no-tree --strict --terse --show-types \
    --ignore {ignore} -f driver/*.[ch] uapi/drm/*.h driver/Kbuild Kbuild 2>&1 |
    grep -v '^total:' || true
"""


def rig(name, *words):
    return subprocess.run([f"{HERE}/rig-{name}", *words], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def checkers():
    """Name, what enters the rig, script."""
    for kernel in ("7", "6.12"):
        yield f"W=1 and sparse, {kernel}", [], BUILD.format(kernel=kernel)
    yield "kernel-doc", [], KERNEL_DOC
    yield ("checkpatch --strict", ["--ro", rig("uml", "7") + ":/uml"],
           CHECKPATCH.format(ignore=",".join(EXCEPT)))


def check(total, lane):
    for name, options, script in checkers():
        start = time.time()
        run = subprocess.run([QEMU, "exec", *options, "sh", "-c", script], check=False, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        why = [re.sub(r"^/scratch/m/", "", line) for line in run.stdout.splitlines()
               if line.strip()]
        why += [f"status {run.returncode}"] if run.returncode else []
        total.row(f"{lane}: {name}", not why, bool(why), time.time() - start, why[:20])
