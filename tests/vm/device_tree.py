# SPDX-License-Identifier: MIT
"""The example of dts/ compiles without a warning, and says what the driver looks for."""
import os
import re
import subprocess
import time

HERE = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.realpath(HERE + "/../..")
EXAMPLE = "dts/tern-npu-example.dtso"


def compiler():
    """What the kernel of the UML rig was built with: Debian's headers have no dtc that runs."""
    uml = subprocess.run([HERE + "/rig-uml", "7"], check=True, stdout=subprocess.PIPE,
                         text=True).stdout.strip()
    return [HERE + "/rig-qemu", "exec", "--ro", uml + ":/uml", "/uml/build/scripts/dtc/dtc"]


def unknown():
    """Names in the example that the driver does not have."""
    driver = open(f"{REPO}/driver/tern_of.c").read()
    example = open(f"{REPO}/{EXAMPLE}").read()
    lists = re.findall(r"(?:compatible|[a-z]+-names) = (.*);", example)
    names = [name for words in lists for name in re.findall(r'"(.*?)"', words)]
    return [f"not in tern_of.c: {name}" for name in names if f'"{name}"' not in driver]


def check(total, lane):
    start = time.time()
    run = subprocess.run([*compiler(), "-@", "-I", "dts", "-O", "dtb", "-o", "/dev/null",
                          "/tern/" + EXAMPLE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, check=False)
    why = run.stdout.splitlines() + ([f"status {run.returncode}"] if run.returncode else [])
    why += unknown()
    total.row(f"{lane}: device tree", not why, bool(why), time.time() - start, why)
