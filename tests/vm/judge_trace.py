#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does a trace of a run on the kernel driver hang together?

    tests/vm/judge_trace.py FILE [JOBS]     prints what does not; nothing is good

Four clocks' worth of events have to lie inside each other: of each job the host's
segment, in it the driver's job from SUBMIT to the fence, in that the device's, and in
that the engines' commands; the firmware's RUN begins before the device's job and
ends after it. Times are compared up to what the trace says its clocks may be apart.
"""
import json
import sys

ROUNDING = 0.002  # microseconds: nanoseconds that were rounded, at both ends


def pick(events, **like):
    return sorted((e for e in events
                   if all(e.get(key) == value for key, value in like.items())),
                  key=lambda e: e["ts"])


def end(event):
    return event["ts"] + event["dur"]


def pairs(events, begin, close):
    """(begin, end) of each pair on one track, in the file's order; a last one may be open."""
    found, under_way = [], None
    for event in events:
        if event["ph"] == begin:
            if under_way:
                return None
            under_way = event
        elif event["ph"] == close:
            if not under_way:
                return None
            found.append((under_way["ts"], event["ts"]))
            under_way = None
    return found + ([(under_way["ts"], float("inf"))] if under_way else [])


def judge_order(name, order, slack):
    """NAMES and times that must not go down; SLACK between those of different clocks."""
    return [f"{name}: {b} at {y} us lies before {a} at {x} us"
            for (a, x), (b, y) in zip(order, order[1:]) if y < x - slack]


def judge_job(number, segment, driver, job):
    slack = job["args"]["clock_error_ns"] / 1000 + ROUNDING
    return judge_order(f"job {number}", [
        ("the segment's begin", segment["ts"]), ("SUBMIT", driver[0]),
        ("the device's begin", job["ts"]), ("its end", end(job)),
        ("the fence", driver[1]), ("the segment's end", end(segment))], slack)


def judge_commands(events):
    """Commands come before their job in the file, and lie inside it."""
    wrong, commands = [], []
    for event in events:
        if event.get("cat") == "command":
            commands.append(event)
        elif event.get("cat") == "job":
            if not commands:
                wrong.append("a job without commands")
            wrong += [f"command {c['name']} at {c['ts']} us lies outside its job"
                      for c in commands
                      if c["ts"] < event["ts"] - ROUNDING or end(c) > end(event) + ROUNDING]
            commands = []
    return wrong


def judge_firmware(jobs, runs):
    wrong = []
    for number, job in enumerate(jobs, 1):
        slack = 2 * job["args"]["clock_error_ns"] / 1000 + ROUNDING
        if not any(run[0] <= job["ts"] + slack and end(job) <= run[1] + slack for run in runs) \
                and not job["args"]["preemptions"]:
            wrong.append(f"job {number}: the firmware did not run it")
    return wrong


def judge(text, njobs=None):
    try:
        document = json.loads(text)
    except ValueError as error:
        return [f"not JSON: {error}"]
    events = [e for e in document["traceEvents"] if e["ph"] != "M"]
    wrong = [f"{e['name']} ends before it begins" for e in events
             if e["ts"] < 0 or e.get("dur", 0) < 0]
    segments = pick(events, cat="segment", name="NPU job")
    jobs = pick(events, cat="job")
    driver = [(pick(events, cat="life", ph="b", id=i), pick(events, cat="life", ph="e", id=i))
              for i in sorted({e["id"] for e in events if e["ph"] in "be"})]
    if any(len(b) != 1 or len(e) != 1 for b, e in driver):
        return wrong + ["the driver's jobs do not begin and end once each"]
    runs = pairs([e for e in events if e.get("name") == "run"], "B", "E")
    if runs is None:
        return wrong + ["the firmware's runs do not follow each other"]
    if not len(segments) == len(jobs) == len(driver) == (njobs or len(jobs)) or not jobs:
        return wrong + [f"{len(segments)} segments, {len(driver)} jobs of the driver, "
                        f"{len(jobs)} of the device, and {njobs} runs"]
    spans = [(b[0]["ts"], e[0]["ts"]) for b, e in driver]
    for number, triple in enumerate(zip(segments, spans, jobs), 1):
        wrong += judge_job(number, *triple)
    return wrong + judge_commands(events) + judge_firmware(jobs, runs)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        said = judge(file.read(), int(sys.argv[2]) if len(sys.argv) > 2 else None)
    print("\n".join(said), end="\n" if said else "")
    sys.exit(bool(said))
