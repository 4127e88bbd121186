# SPDX-License-Identifier: MIT
"""Firmware files that the driver must refuse, each with one sentence, and a device that works
with the right one afterwards."""
import hashlib
import os
import random
import re
import struct
import time

import firmware_kinds
from judge import REPO, complaints, judge_scan, sections

# Where in struct tern_fw_header, uapi/tern/fw.h.
MAGIC, VERSION, SHA, SIGNATURE, FILE_BYTES, SIGNED, SECURITY, MAJOR, INTERFACE = (
    0, 4, 8, 40, 552, 556, 560, 564, 568)
ENTRY, COUNT, RESERVED, SECTION, SECTION_BYTES, END = 572, 576, 580, 656, 32, 912
OFFSET, IN_FILE, TCM, IN_TCM, FLAGS = range(0, 20, 4)  # in struct tern_fw_section


def sealed(data):
    """With the hash that belongs to it."""
    return data[:SHA] + hashlib.sha256(data[FILE_BYTES:]).digest() + data[SHA + 32:]


def word(data, at):
    return struct.unpack_from("<I", data, at)[0]


def edited(data, at, value, kind="<I"):
    out = bytearray(data)
    struct.pack_into(kind, out, at, value)
    return sealed(bytes(out))


def flipped(data):
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


def overlapping(data):
    return edited(data, SECTION + SECTION_BYTES + TCM, word(data, SECTION + TCM))


def with_code(data, code):
    """CODE in place of the program, from its first byte to its last."""
    out, offset = bytearray(data), word(data, SECTION + OFFSET)
    size = word(data, SECTION + IN_FILE)
    out[offset:offset + size] = (code * (size // len(code) + 1))[:size]
    return sealed(bytes(out))


def random_bytes():
    return random.Random(4711).randbytes(65536)



# lui t0, TERN_MCU_REGS; li t1, READY; sw t1, BOOT_STATUS; j .
SAYS_READY = struct.pack("<4I", 0x400002b7, 0x00300313, 0x0062a423, 0x0000006f)

# What a file says of itself is not told before its hash is right.
UNREAD = r".*\(driver: .*, security \d+\)$"

# name of the file: (what is in it, made of the good one; what the kernel says)
FILES = {
    "missing": (None, r"missing\.fw cannot be read \(-2\): install the firmware"),
    "empty": (lambda good: b"", r"empty\.fw cannot be read \(-\d+\): install the firmware"),
    "short": (lambda good: good[:100], r"refused: the file is shorter than its header" + UNREAD),
    "truncated": (lambda good: good[:len(good) // 2], r"refused: the file is truncated" + UNREAD),
    "appended": (lambda good: good + bytes(4), r"refused: .* has something appended" + UNREAD),
    "noise": (lambda good: random_bytes()[:8192],
              r"refused: the file is no Tern firmware" + UNREAD),
    "other-header": (lambda good: edited(good, VERSION, 2),
                     r"refused: .* a header this driver" + UNREAD),
    "wrong-hash": (flipped, r"refused: the file is damaged, its SHA-256 does not match" + UNREAD),
    "wrong-version": (lambda good: edited(good, MAJOR, 99, "<H"),
                      r"refused: .* another major version.*file: firmware 99\."),
    "other-hardware": (lambda good: edited(good, INTERFACE, 99, "<H"),
                       r"refused: the firmware is for other hardware"),
    "newer-hardware": (lambda good: edited(good, INTERFACE + 2, 99, "<H"),
                       r"refused: the firmware is for other hardware.*interface 1\.99"),
    "old": (lambda good: edited(good, SECURITY, 0), r"refused: .* accepts only newer firmware"),
    "signed": (lambda good: edited(good, SIGNED, 1), r"refused: the file is signed in a way"),
    "signature-of-none": (lambda good: edited(good, SIGNATURE + 500, 1),
                          r"refused: a reserved field"),
    "many-sections": (lambda good: edited(good, COUNT, 9), r"refused: .* too many sections"),
    "outside-file": (lambda good: edited(good, SECTION + OFFSET, 0xfffffffc),
                     r"refused: a section lies outside"),
    "outside-memory": (lambda good: edited(good, SECTION + TCM, 0xfffffffc),
                       r"refused: a section lies outside"),
    "overlap": (overlapping, r"refused: two sections overlap"),
    "entry": (lambda good: edited(good, ENTRY, 0x10000), r"refused: the entry lies in no"),
    "reserved": (lambda good: edited(good, RESERVED, 1), r"refused: a reserved field"),
    "random-code": (lambda good: with_code(good, random_bytes()),
                    r"did not start: at \w+ after \d+ ms, .*; install the firmware"),
    "endless-loop": (lambda good: with_code(good, struct.pack("<I", 0x6f)),
                     r"did not start: at RESET after 1000 ms, without an error; install"),
    "says-ready": (lambda good: with_code(good, SAYS_READY),
                   r"speaks 0\.0, driver \d+\.\d+: another major version"),
    "good": (lambda good: good, None),
}

# One after the other in one guest: the device has to stand all of them.
TRY = """echo /tern/{folder} >/sys/module/firmware_class/parameters/path
for name in {names}; do
	echo "# begin $name"
	echo "<4>selftest: firmware: $name" >/dev/kmsg
	modprobe tern firmware=$name.fw boot_timeout_ms=1000
	ls /dev/accel 2>/dev/null
	[ $name != good ] || sh -c "submit_sync >/tmp/said && echo jobs run"
	rmmod tern
	echo "# end $name $? 0"
done
"""


NEVER = """sh /tern/tests/selftests/run fault_never_scheduled
rmmod tern
"""


def never_schedules(good):
    """The good one, whose scheduler never finds a slot to run: li a0, NO_SLOT; ret."""
    with open(REPO + "/build/firmware/tern.map", encoding="ascii", errors="replace") as file:
        address = int(re.search(r"\.text\.sched_begin\s+0x(\w+)", file.read())[1], 16)
    for at in range(SECTION, SECTION + word(good, COUNT) * SECTION_BYTES, SECTION_BYTES):
        inside = address - word(good, at + TCM)
        if 0 <= inside < word(good, at + IN_FILE):
            return edited(good, word(good, at + OFFSET) + inside, 0x0000806704000513, "<Q")
    raise ValueError("sched_begin() is not in the firmware")


def good_one():
    with open(REPO + "/build/firmware/tern.fw", "rb") as file:
        return file.read()


def write_files(folder):
    os.makedirs(folder, exist_ok=True)
    good = good_one()
    with open(f"{folder}/never-schedules.fw", "wb") as file:
        file.write(never_schedules(good))
    firmware_kinds.place(folder, "never-schedules")
    for name, (make, _) in FILES.items():
        path = f"{folder}/{name}.fw"
        if make:
            with open(path, "wb") as file:
                file.write(make(good))
        elif os.path.exists(path):
            os.remove(path)
    firmware_kinds.place(folder, "good")


def told_once(log, sentence):
    """What is wrong with a log that should have one line of the driver, this one."""
    said = complaints("\n".join(log), ())
    ours = [line for line in said if "[drm]" in line]
    splat = [line for line in said if "[drm]" not in line
             and not re.search(r"probe with driver tern failed|Direct firmware load|loading \S+ failed", line)]
    if sentence and not (len(ours) == 1 and re.search(sentence, ours[0])):
        return [f"the driver's one line is not: {sentence}", *ours, *splat]
    return splat if sentence else ours + splat


def check(total, name, guest, by_mark, scan):
    """A row per file and kind; GUEST runs a command in a guest that has not loaded the module; SCAN:
    what has kmemleak look before and after."""
    start, folder = time.time(), "build/vm/firmware"
    write_files(f"{REPO}/{folder}")
    firmware_kinds.build(f"{REPO}/{folder}")
    refused = {kind: sentence for kind, (_, sentence) in firmware_kinds.REFUSED.items()}
    sentences = refused | {file: sentence for file, (_, sentence) in FILES.items()}
    seen = guest(scan[0] + TRY.format(folder=folder, names=" ".join(sentences))
                 + scan[1])
    ended, marks = sections(seen.said), by_mark(seen.console)
    for file, sentence in sentences.items():
        lines, status, _ = ended.get(file, ([], 125, 0.0))
        wrong = told_once(marks.get(("firmware", file), []), sentence)
        good = ["accel0", "jobs run"] if not sentence else []
        if lines != good or status:
            wrong += [f"status {status}", *lines]
        total.row(f"{name}: firmware: {file}", not wrong, bool(wrong), 0, wrong)
    judge_scan(total, f"{name}: kmemleak, refused firmware", ended)
    seen = guest(scan[0] + firmware_kinds.command("/tern/" + folder)
                 + firmware_kinds.FIND.format(folder="/tern/" + folder, name="never-schedules")
                 + NEVER + scan[1])
    ended, marks = sections(seen.said), by_mark(seen.console)
    firmware_kinds.check(total, name, ended, marks)
    check_never(total, name, ended, marks)
    judge_scan(total, f"{name}: kmemleak, other firmware", ended)
    print(f"  firmware, {time.time() - start:.0f} s")


def check_never(total, name, ended, marks):
    """Jobs that no firmware runs: each queue's end is told, and nothing else happens."""
    lines, status, _ = ended.get("fault_never_scheduled", ([], 125, 0.0))
    log = marks.get(("never_scheduled", "every job times out"), [])
    told = complaints("\n".join(log), ())
    deaths = [line for line in told if "a job made no progress for 1000 ms" in line]
    rest = [line for line in told if line not in deaths and not re.search(r"slot \d+ in state", line)]
    right = "ok 1 every job times out" in lines and not status and len(deaths) == 4 and not rest
    total.row(f"{name}: firmware: never schedules", right, not right, 0,
              [] if right else [f"status {status}", *lines, *told])
