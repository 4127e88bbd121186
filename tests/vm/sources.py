# SPDX-License-Identifier: MIT
"""The driver's sources as the kernel's own checkers see them: the compiler with W=1, sparse,
kernel-doc, checkpatch --strict; and what `make modules_install` installs. One word of theirs is a
failure."""
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
# Then `make modules_install`, into a folder: what depmod and request_firmware() will find, and udev.
INSTALL = """
kernel=${{headers#/usr/src/linux-headers-}}
cd /scratch/m && cp /tern/Makefile .
make -s -o firmware FW=/tern/build/firmware KDIR="$headers" DESTDIR=/scratch/root \\
    modules_install >/scratch/log 2>&1 || cat /scratch/log
cd /scratch/root
modules=$(find lib/modules/$kernel/updates -name 'tern.ko*')
[ "$(echo "$modules" | wc -w)" = 1 ] || echo "not one module for $kernel:" $(find . -type f)
[ "$(modinfo -F vermagic $modules | cut -d' ' -f1)" = "$kernel" ] || modinfo $modules
[ "$(modinfo -F firmware $modules)" = tern/tern.fw ] || echo "the module names no firmware"
cmp lib/firmware/tern/tern.fw /tern/build/firmware/tern.fw
cmp lib/udev/rules.d/60-tern.rules /tern/driver/60-tern.rules
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
        yield (f"W=1, sparse, modules_install, {kernel}", [],
               (BUILD + INSTALL).format(kernel=kernel))
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
