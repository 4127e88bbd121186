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
import subprocess
import sys

import ggml_archs
import ggml_programs
from greedy_steps import LOGIT_LIMIT, Server, parted, parting, read_step

PROMPTS = "/tern/tests/conformance/prompts.txt"
CONTEXT = 256
TOKENS = 32
MIN_CASES = 10000  # of test-backend-ops, of the operators in REQUIRED
# Operators of which every case in these types has to be supported.
REQUIRED = set("""
    GET_ROWS SET_ROWS MUL_MAT MUL_MAT_ID FLASH_ATTN_EXT SOFT_MAX ROPE RMS_NORM NORM
    L2_NORM SCALE CLAMP CPY CONT DUP CONCAT REPEAT SUM SUM_ROWS MEAN ARGSORT TOP_K ARGMAX
    ADD SUB MUL DIV ADD1 ADD_ID REGLU GEGLU SWIGLU SWIGLU_OAI SWIGLU_CLAMP GEGLU_ERF
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
        self.names, self.seen = set(), set()  # cases supported, and of those told about
        self.compared = set()
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
            if row["op_params"] in entry.names:
                entry.seen.add(row["op_params"])
            if row["supported"] != "1":
                entry.unchecked += row["op_params"] in entry.names
                continue
            entry.tested += 1
            entry.compared |= {row["op_params"]} & entry.names
            if row["error_message"]:
                entry.failed += 1
                failures.append(f"{name}({row['op_params']})")
    return failures


def unfinished(name, entry):
    """Why an operator counts as failed though no case of it says so."""
    if not entry.status.isdigit():
        return f"{name} was not tested"
    status = int(entry.status)
    if status == 124:
        return f"{name} took too long, {entry.seconds:.0f} s of CPU time"
    if entry.names - entry.seen:
        return (f"{name} ended with status {status} after {len(entry.seen)} of"
                f" {len(entry.names)} cases")
    if status and not entry.failed:  # a crash after the last case is one
        return f"{name} ended with status {status} though no case failed"
    return None


def print_row(name, entries):
    supported, cases, tested, unchecked, failed, seconds = (
        sum(getattr(e, what) for e in entries)
        for what in ("supported", "cases", "tested", "unchecked", "failed", "seconds"))
    print(f"  {name:24} {supported:6}/{cases:<6} {tested:8} {unchecked:8} {failed:8}"
          f" {seconds:9.1f}")


def print_ops(table):
    """test-backend-ops asks about a graph's last node only, and a result without elements takes
    nothing to compute: what it calls supported beyond tern.h's operators is not counted."""
    print(f"\ntest-backend-ops on TERN0\n  {'operator':24} {'supported':>13}"
          f" {'tested':>8} {'not run':>8} {'failed':>8} {'CPU s':>9}")
    ours = sorted(REQUIRED & table.keys())
    others = sorted(name for name in table.keys() - REQUIRED if table[name].supported)
    for name in ours:
        print_row(name, [table[name]])
    print_row("these", [table[name] for name in ours])
    print(f"  {'all cases':24} {sum(table[name].supported for name in ours):6}"
          f"/{sum(e.cases for e in table.values())}")
    if others:
        print("  composed of several operators, or without elements: not counted")
    for name in others:
        print_row(name, [table[name]])
    print(f"  {len(table) - len(ours) - len(others)} operators are not supported at all")


def chosen(table, short):
    """Operators that have to have been tested."""
    if short:
        return set(read("ops.chosen").split())
    return {name for name, entry in table.items() if entry.supported}


def judge_ops(total, short):
    table = collections.defaultdict(Operator)
    wrong = read_support(table)
    failures = read_tests(table)
    print_ops(table)
    tested = chosen(table, short)
    wrong += [why for name in sorted(tested) if (why := unfinished(name, table[name]))]
    cases = sum(table[name].supported if short else len(table[name].compared)
                for name in REQUIRED & table.keys())
    if not tested:
        wrong.append("nothing was tested")
    if cases < MIN_CASES:
        wrong.append(f"{cases} cases {'supported' if short else 'compared'} are fewer than"
                     f" {MIN_CASES}")
    for case in (failures + wrong)[:60]:
        print(f"    FAILED {case}")
    total.passed += sum(table[name].tested - table[name].failed for name in tested & REQUIRED)
    total.failed += len(failures) + len(wrong)


def estimate(path):
    found = re.search(r"Final estimate: PPL = ([0-9.]+)", read(path))
    return float(found[1]) if found else None


def ran(path):
    """Why a program's output PATH does not count, or None: how it ended is in PATH.status, and on
    TERN0 PATH.explain has to tell of graphs, and of no operator on the CPU."""
    status = read(path + ".status").strip()
    if status != "0":
        return f"{path} ended with status {status or 'unknown'}"
    if path.endswith(".npu") and not ggml_programs.explained(read(path + ".explain")):
        return f"{path}: TERN_EXPLAIN does not show TERN0 at work"
    return None


def judge_perplexity(total, _short):
    print(f"\nllama-perplexity, at most {100 * PERPLEXITY_LIMIT} % apart\n"
          f"  {'file':12} {'CPU':>10} {'TERN0':>10} {'apart':>11}")
    for path in sorted(glob.glob("perplexity-*.cpu")):
        name = path[len("perplexity-"):-len(".cpu")]
        cpu, npu = estimate(path), estimate(path[:-4] + ".npu")
        why = ran(path) or ran(path[:-4] + ".npu")
        if why or cpu is None or npu is None:
            why = why or "no estimate on " + ("the CPU" if cpu is None else "TERN0")
            print(f"  kdoc-{name:7} {why}  {total.count(False)}")
            continue
        apart = npu / cpu - 1
        print(f"  kdoc-{name:7} {cpu:10.4f} {npu:10.4f} {100 * apart:+9.3f} %"
              f"  {total.count(abs(apart) <= PERPLEXITY_LIMIT)}")


def exact_gap(model, tokens, candidates):
    """By how much the first of two tokens is ahead where the same weights are F32, on ggml's CPU
    backend: then it rounds no activations either."""
    path = f"/scratch/exact-{model}.gguf"
    if not os.path.exists(path):
        subprocess.run(["llama-quantize", "--allow-requantize", f"/models/kdoc-{model}.gguf", path,
                        "f32"], check=True, capture_output=True)
    with Server(path, CONTEXT, npu=False) as server:
        return server.gap(tokens, *candidates)


def judge_parted(cpu, npu, model, number):
    """Both backends round activations, each in its way. Where they part further than LOGIT_LIMIT
    it may be the CPU that is off: TERN0 has to take what exact arithmetic takes, or nearly."""
    prompt = read(PROMPTS).splitlines()[number - 1]
    with Server(f"/models/kdoc-{model}.gguf", CONTEXT) as server:
        said, tokens = server.generate(prompt, TOKENS), server.tokens(prompt)
    steps = list(map(read_step, said))
    columns, passed = parted(steps, cpu, npu)
    at, _, runner_up = parting(steps, cpu, npu) or (0, 0, False)
    if passed or not runner_up:
        return columns, passed
    gap = exact_gap(model, tokens + [step["id"] for step in said[:at]],
                    [step["id"] for step in said[at]["top_logprobs"][:2]])
    if gap is None:
        return columns + ", exactly neither", False
    return f"{columns}, exactly {gap:+.4f}", gap > -LOGIT_LIMIT


def judge_greedy(total, _short):
    print("\nllama-completion --temp 0; may part where two logits are within "
          f"{LOGIT_LIMIT}, or as exact arithmetic does\n  {'file and prompt':20} bytes")
    for path in sorted(glob.glob("greedy-*.cpu")):
        cpu, npu = read(path), read(path[:-4] + ".npu")
        name = path[len("greedy-"):-len(".cpu")]
        columns, passed = f"{len(cpu.encode()):5}", True
        why = ran(path) or ran(path[:-4] + ".npu")
        if why or not cpu.strip() or not npu.strip():
            columns, passed = why or "nothing was printed", False
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
