# SPDX-License-Identifier: MIT
"""Judges what check-ggml measured. Runs in the rig, in its scratch folder.

    compare_ggml.py [--short] SUITE...    (ops, perplexity, greedy, archs, programs)

Prints a table per suite and, last, "N passed, N failed".
"""
import collections
import csv
import glob
import os
import re
import sys

import ggml_archs
import ggml_programs
from greedy_steps import LOGIT_LIMIT, Server, parted

PROMPTS = "/tern/tests/conformance/prompts.txt"
CONTEXT = 256
TOKENS = 32
MIN_SUPPORTED = 10000  # cases of test-backend-ops, of the operators in REQUIRED
# Operators of which every case in these types has to be supported.
REQUIRED = set("""
    GET_ROWS SET_ROWS MUL_MAT FLASH_ATTN_EXT SOFT_MAX ROPE RMS_NORM NORM L2_NORM
    SCALE CLAMP CPY CONT DUP CONCAT REPEAT SUM SUM_ROWS MEAN ARGSORT TOP_K ARGMAX
    ADD SUB MUL DIV ADD1 REGLU GEGLU SWIGLU SWIGLU_OAI SWIGLU_CLAMP GEGLU_ERF
    GEGLU_QUICK ABS SGN NEG STEP TANH ELU RELU SIGMOID GELU GELU_QUICK SILU
    HARDSWISH HARDSIGMOID EXP EXPM1 GELU_ERF SQR SQRT LOG SIN COS FLOOR CEIL
    ROUND TRUNC SOFTPLUS LEAKY_RELU XIELU""".split())
WRITTEN = set("f32 f16 bf16 i8 i16 i32 i64 q8_0 q4_0 q4_1 q5_0 q5_1 iq4_nl"
              .split())
READ = WRITTEN | set("q2_K q3_K q4_K q5_K q6_K mxfp4".split())
# ggml's own sum takes the elements of a row to be adjacent, and is no reference.
EXCEPTIONS = {("SUM", "type=f32,ne=[33,256,1,1],permute=[1,0,2,3]")}
PERPLEXITY_LIMIT = 0.005  # relative


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
        # Of those supported, what ggml's CPU backend lacks: nothing to compare
        # with; and graphs of which another operator is not supported.
        self.unchecked = 0
        self.names = set()
        self.status, self.seconds = "", 0.0


def required(name, params):
    """Must the NPU run it? STORE does not encode every type that LOAD reads."""
    if name not in REQUIRED or (name, params) in EXCEPTIONS:
        return False
    types = dict(re.findall(r"(type\w*)=(\w+)", params))
    if not READ.issuperset(types.values()):
        return False
    to = types.get("type_dst")
    return to is None or to in WRITTEN or to == types.get("type_src")


def read_support(table):
    """Counts cases; those that ought to be supported and are not."""
    missing = []
    for row in rows("support.csv"):
        name, params = row["op_name"], row["op_params"]
        entry = table[name]
        entry.cases += 1
        supported = row["supported"] in ("1", "yes")
        entry.supported += supported
        if supported:
            entry.names.add(params)
        if not supported and required(name, params):
            missing.append(f"{name}({params}) is not supported")
    return missing


def cpu_seconds(path):
    """Of children: the second line that a shell's `times` prints."""
    found = re.findall(r"(\d+)m([0-9.]+)s", read(path))
    return sum(60 * int(m) + float(s) for m, s in found[2:4])


def read_tests(table):
    """Fills in what was tested; the cases that failed."""
    failures = []
    for path in sorted(glob.glob("ops/*.status")):
        name = os.path.basename(path)[:-len(".status")]
        entry = table[name]
        entry.status = read(path).strip()
        entry.seconds = cpu_seconds(path[:-len(".status")] + ".times")
        for row in rows(path[:-len(".status")] + ".csv"):
            if row["supported"] != "1":
                entry.unchecked += row["op_params"] in entry.names
                continue
            entry.tested += 1
            if row["error_message"]:
                entry.failed += 1
                failures.append(f"{name}({row['op_params']})")
    return failures


def unfinished(name, entry):
    """Why an operator counts as failed though no case of it says so."""
    if entry.status == "124":
        return f"{name} took too long, {entry.seconds:.0f} s of CPU time"
    if entry.status and entry.tested + entry.unchecked < entry.supported:
        return (f"{name} ended with status {entry.status} after"
                f" {entry.tested} of {entry.supported} cases")
    return None


def print_ops(table):
    print(f"\ntest-backend-ops on TERN0\n  {'operator':24} {'supported':>13}"
          f" {'tested':>8} {'not run':>8} {'failed':>8} {'CPU s':>9}")
    for name in sorted(table):
        e = table[name]
        if e.supported:
            print(f"  {name:24} {e.supported:6}/{e.cases:<6} {e.tested:8}"
                  f" {e.unchecked:8} {e.failed:8} {e.seconds:9.1f}")
    foreign = sum(not e.supported for e in table.values())
    supported, cases, tested, unchecked, failed, seconds = (
        sum(getattr(e, what) for e in table.values())
        for what in ("supported", "cases", "tested", "unchecked", "failed",
                     "seconds"))
    print(f"  {'all':24} {supported:6}/{cases:<6} {tested:8} {unchecked:8}"
          f" {failed:8} {seconds:9.1f}")
    print(f"  {foreign} operators are not supported at all")


def judge_ops(total, _short):
    table = collections.defaultdict(Operator)
    missing = read_support(table)
    failures = read_tests(table)
    print_ops(table)
    wrong = missing + [why for name in sorted(table)
                       if (why := unfinished(name, table[name]))]
    tested = [e for e in table.values() if e.status]
    supported = sum(table[name].supported - table[name].unchecked
                    for name in REQUIRED & table.keys())
    if not tested:
        wrong.append("nothing was tested")
    if supported < MIN_SUPPORTED:
        wrong.append(f"{supported} supported cases that can be compared are"
                     f" fewer than {MIN_SUPPORTED}")
    for case in (failures + wrong)[:60]:
        print(f"    FAILED {case}")
    total.passed += sum(e.tested - e.failed for e in tested)
    total.failed += len(failures) + len(wrong)


def estimate(path):
    found = re.search(r"Final estimate: PPL = ([0-9.]+)", read(path))
    return float(found[1]) if found else None


def judge_perplexity(total, _short):
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


def judge_parted(cpu, npu, model, number):
    prompt = read(PROMPTS).splitlines()[number - 1]
    with Server(f"/models/kdoc-{model}.gguf", CONTEXT) as server:
        return parted(server.steps(prompt, TOKENS), cpu, npu)


def judge_greedy(total, _short):
    print("\nllama-completion --temp 0; may part where two logits are within "
          f"{LOGIT_LIMIT}\n  {'file and prompt':20} bytes")
    for path in sorted(glob.glob("greedy-*.cpu")):
        cpu, npu = read(path), read(path[:-4] + ".npu")
        name = path[len("greedy-"):-len(".cpu")]
        columns, passed = f"{len(cpu.encode()):5}", True
        if not cpu.strip() or not npu.strip():
            columns, passed = "nothing was printed", False
        elif cpu.strip() != npu.strip():
            model, number = name.rsplit("-", 1)
            columns, passed = judge_parted(cpu, npu, model, int(number))
        print(f"  kdoc-{name:15} {columns}  {total.count(passed)}")


def main(suites):
    judges = {"ops": judge_ops, "perplexity": judge_perplexity,
              "greedy": judge_greedy, "archs": ggml_archs.judge,
              "programs": ggml_programs.judge}
    total = Sum()
    short = "--short" in suites
    for suite in suites:
        if suite != "--short":
            judges[suite](total, short)
    print(f"\n{total.passed} passed, {total.failed} failed")
    return total.failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
