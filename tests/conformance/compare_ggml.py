# SPDX-License-Identifier: MIT
"""Judges what check-ggml measured. Runs in the rig, in its scratch folder.

    compare_ggml.py SUITE...        (ops, perplexity, greedy)

Prints a table per suite and, last, "N passed, N failed".
"""
import collections
import csv
import glob
import re
import sys

from greedy_steps import Server

PROMPTS = "/tern/tests/conformance/prompts.txt"
CONTEXT = 256
TOKENS = 32
PERPLEXITY_LIMIT = 0.005  # relative
LOGIT_LIMIT = 0.02  # closer candidates than this may change places


class Sum:
    def __init__(self):
        self.passed = self.failed = 0

    def count(self, passed):
        self.passed += passed
        self.failed += not passed
        return "ok" if passed else "FAILED"


def read(path):
    try:
        return open(path, errors="replace").read()
    except OSError:
        return ""


def rows(path):
    """Complete rows of a CSV that a crash may have cut short."""
    found = csv.DictReader(read(path).splitlines())
    return [r for r in found if r.get("supported") and None not in r.values()]


class Operator:
    def __init__(self):
        self.cases = self.supported = self.tested = self.failed = 0


def table_of_operators():
    """Every case that exists, and of those tested which failed."""
    table = collections.defaultdict(Operator)
    failures = []
    for row in rows("support.csv"):
        entry = table[row["op_name"]]
        entry.cases += 1
        entry.supported += row["supported"] in ("1", "yes")
    for row in rows("ops.csv"):
        if row["supported"] != "1":
            continue
        entry = table[row["op_name"]]
        entry.tested += 1
        if row["error_message"]:
            entry.failed += 1
            failures.append(f"{row['op_name']}({row['op_params']})")
    return table, failures


def judge_ops(total):
    table, failures = table_of_operators()
    print(f"\ntest-backend-ops on TERN0\n  {'operator':24} {'supported':>13}"
          f" {'tested':>8} {'failed':>8}")
    for name in sorted(table):
        entry = table[name]
        if entry.supported:
            print(f"  {name:24} {entry.supported:6}/{entry.cases:<6}"
                  f" {entry.tested:8} {entry.failed:8}")
    foreign = sorted(n for n in table if not table[n].supported)
    supported = sum(e.supported for e in table.values())
    cases = sum(e.cases for e in table.values())
    tested = sum(e.tested for e in table.values())
    print(f"  {'all':24} {supported:6}/{cases:<6} {tested:8} {len(failures):8}")
    print(f"  {len(foreign)} operators are not supported at all")
    for case in failures[:40]:
        print(f"    FAILED {case}")
    total.passed += tested - len(failures)
    total.failed += len(failures)
    status = read("ops.status").strip()
    if not tested or (status != "0" and not failures):
        print(f"  test-backend-ops did not finish: status {status}")
        total.failed += 1


def estimate(path):
    found = re.search(r"Final estimate: PPL = ([0-9.]+)", read(path))
    return float(found[1]) if found else None


def judge_perplexity(total):
    print(f"\nllama-perplexity, at most {100 * PERPLEXITY_LIMIT} % apart\n"
          f"  {'file':12} {'CPU':>10} {'TERN0':>10} {'apart':>11}")
    for path in sorted(glob.glob("perplexity-*.cpu")):
        name = path[len("perplexity-"):-len(".cpu")]
        cpu, npu = estimate(path), estimate(path[:-4] + ".npu")
        if cpu is None or npu is None:
            who = "the CPU" if cpu is None else "TERN0"
            print(f"  kdoc-{name:7} no estimate on {who}  {total.count(False)}")
            continue
        apart = npu / cpu - 1
        print(f"  kdoc-{name:7} {cpu:10.4f} {npu:10.4f} {100 * apart:+9.3f} %"
              f"  {total.count(abs(apart) <= PERPLEXITY_LIMIT)}")


def same_text(a, b):
    """llama-completion may end before its log thread has printed the last
    tokens, on either side: what is there must agree."""
    shorter, longer = sorted((a, b), key=len)
    return longer.startswith(shorter) and 4 * len(shorter) >= 3 * len(longer)


def where_parted(cpu, steps):
    """(step, gap, whether the CPU took the runner-up there)."""
    same = b""
    for at, (token, runner_up, gap) in enumerate(steps):
        if cpu.startswith(same + token):
            same += token
            continue
        return at, gap, cpu.startswith(same + runner_up)
    raise ValueError("the texts do not part")


def judge_parted(cpu, npu, model, number):
    """A table's columns, and whether the texts part where they may."""
    prompt = read(PROMPTS).splitlines()[number - 1]
    with Server(f"/models/kdoc-{model}.gguf", CONTEXT) as server:
        steps = server.steps(prompt, TOKENS)
    # The text begins with a space that printing drops.
    said = b"".join(step[0] for step in steps)
    if not same_text(said.decode(errors="replace").strip(), npu.strip()):
        return "llama-server says something else again", False
    cpu = said[:len(said) - len(said.lstrip())] + cpu.strip().encode()
    at, gap, runner_up = where_parted(cpu, steps)
    columns = f"parts at {at:2d}, gap {gap:.4f}"
    if not runner_up:
        return columns + ", not to the runner-up", False
    return columns, gap < LOGIT_LIMIT


def judge_greedy(total):
    print("\nllama-completion --temp 0; may part where two logits are within "
          f"{LOGIT_LIMIT}\n  {'file and prompt':20} bytes")
    for path in sorted(glob.glob("greedy-*.cpu")):
        cpu, npu = read(path), read(path[:-4] + ".npu")
        name = path[len("greedy-"):-len(".cpu")]
        columns, passed = f"{len(cpu.encode()):5}", True
        if not cpu.strip() or not npu.strip():
            columns, passed = "nothing was printed", False
        elif not same_text(cpu.strip(), npu.strip()):
            model, number = name.rsplit("-", 1)
            columns, passed = judge_parted(cpu, npu, model, int(number))
        print(f"  kdoc-{name:15} {columns}  {total.count(passed)}")


def main(suites):
    judges = {"ops": judge_ops, "perplexity": judge_perplexity,
              "greedy": judge_greedy}
    total = Sum()
    for suite in suites:
        judges[suite](total)
    print(f"\n{total.passed} passed, {total.failed} failed")
    return total.failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
