# SPDX-License-Identifier: MIT
"""Has each errno that uapi/drm/tern_accel.h documents been provoked?

Selftests say at their end what ioctls and jobs returned ("# returned NUMBER: ERRNO...",
tests/selftests/selftest_errnos.c). The header says what they may return: some of it of every
ioctl, the rest where the ioctl, or a structure or enum it takes, is described.
"""
import errno
import re

from judge import REPO

HEADER = REPO + "/uapi/drm/tern_accel.h"
JOB = "job"
# What is described apart from the ioctls that take it.
TAKEN_BY = {
    "drm_tern_vm_bind_op": ["VM_BIND"],
    "drm_tern_bind_type": ["VM_BIND"],
    "DRM_TERN_BIND_WRITE": ["VM_BIND"],
    "drm_tern_priority": ["QUEUE_CREATE"],
    "drm_tern_job": ["SUBMIT"],
    "drm_tern_sync": ["SUBMIT", "VM_BIND"],
    "drm_tern_perf_op": ["PERF"],
}
# Described there, and said of what somebody else does with it.
NOT_OF = {
    ("BO_CREATE", "EPERM"),  # of exporting a VM's own buffer: DRM_IOCTL_PRIME_HANDLE_TO_FD
    ("BO_FROM_USERPTR", "EPERM"),  # the same
    ("QUEUE_CREATE", "EPERM"),  # of SUBMIT to a user-owned queue
    ("QUEUE_STATE", "ENODATA"),  # of the jobs that it counts
}

NO_ARRAYS = "takes no array and no size"
NO_IDS = "takes no number of anything"
# What cannot be provoked, and why. A pair that is seen nonetheless is a mistake here.
CANNOT = {
    ("BO_FROM_USERPTR", "EOPNOTSUPP"): "no guest has a file system with DAX",
    **{(name, "E2BIG"): NO_ARRAYS
       for name in ("BO_CREATE", "BO_FROM_USERPTR", "BO_MMAP_OFFSET", "BO_SYNC", "VM_CREATE",
                    "VM_DESTROY", "VM_STATE", "QUEUE_CREATE", "QUEUE_DESTROY", "QUEUE_STATE",
                    "QUEUE_KICK", "QUEUE_WAIT")},
    **{(name, "ENOENT"): NO_IDS for name in ("DEV_QUERY", "BO_FROM_USERPTR", "VM_CREATE")},
}


def by_chance(name, code):
    """Not asked for. Memory fails in fail_nth, each allocation of each ioctl, and that judges it.
    A signal finds waiting, at will, who waits for jobs; all else is over before it comes."""
    return code == "ENOMEM" or (code == "EINTR" and name not in ("QUEUE_WAIT", "VM_BIND"))


def text_of(pattern, source):
    return re.search(pattern, source, re.S)[0]


def codes(text):
    return set(re.findall(r"-(E[A-Z0-9]+)\b", text))


def documented():
    """Pairs of (ioctl, errno), and (JOB, errno)."""
    with open(HEADER, encoding="utf-8") as file:
        source = file.read()
    ids = re.findall(r"\bDRM_TERN_(\w+)",
                     re.search(r"enum drm_tern_ioctl_id \{(.*?)\}", source, re.S)[1])
    every = codes(text_of(r"Every ioctl may return.*?Each limit", source))
    ends = codes(text_of(r"DOC: How a job ends.*?After any", source))
    pairs = {(name, code) for name in ids for code in every} | {(JOB, code) for code in ends}
    # A description, and what it is of: a structure or enum with its members, or a macro.
    for comment, kind, body, macro in re.findall(
            r"/\*\*((?:(?!\*/).)*)\*/\s*(?:(?:struct|enum) (\w+) \{(.*?)^\};|#define (\w+))",
            source, re.S | re.M):
        of = re.search(r"Arguments of DRM_IOCTL_TERN_(\w+)", comment)
        who = [of[1]] if of else TAKEN_BY.get(kind or macro, [])
        pairs |= {(ioctl, code) for ioctl in who for code in codes(comment + body)}
    return ids, pairs - NOT_OF


def name_of(number):
    return "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode[number]


def seen_in(said, ids):
    """Pairs that the programs of a guest have returned."""
    pairs = set()
    for who, numbers in re.findall(r"^# returned (\w+):([ \d]+)$", said, re.M):
        if who != JOB and int(who) >= len(ids):
            continue  # numbers that no ioctl has
        name = JOB if who == JOB else ids[int(who)]
        pairs |= {(name, name_of(int(number))) for number in numbers.split()}
    return pairs


def judge(said):
    """What was never provoked, and what is wrong with the list of what cannot be."""
    ids, pairs = documented()
    seen = seen_in(said, ids)
    wrong = [f"never provoked: {code} of {name}" for name, code in sorted(pairs - seen - CANNOT.keys())
             if not by_chance(name, code)]
    wrong += [f"cannot be, and was: {code} of {name}" for name, code in sorted(CANNOT.keys() & seen)]
    wrong += [f"cannot be, and is not documented: {code} of {name}"
              for name, code in sorted(CANNOT.keys() - pairs)]
    wrong += [f"returned, and not documented: {code} of {name}" for name, code in sorted(seen - pairs)]
    return len(pairs & seen), wrong


def check(total, name, said):
    """SAID: by the guests of a lane that runs all selftests and all faults."""
    provoked, wrong = judge(said)
    total.row(f"{name}: errnos provoked", provoked, len(wrong), 0, wrong)
