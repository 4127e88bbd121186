# SPDX-License-Identifier: MIT
"""Whole programs of llama.cpp on TERN0: llama-bench, llama-server, llama-speculative-simple,
llama-imatrix, and a model that is split between TERN0 and a ggml-rpc-server on loopback. Runs in the rig. Speeds are
printed and not judged.
"""
import collections
import concurrent.futures
import contextlib
import glob
import json
import os
import re
import socket
import subprocess
import time

import numpy
from gguf import GGUFReader

from greedy_steps import START_LIMIT, Server, free_port, parted

PLUGIN = "/scratch/plugin/libggml-tern.so"
MODEL, DRAFT = "/models/kdoc-q8_0.gguf", "/models/kdoc-q4_0.gguf"
# Rounds no activations, as quantized ones do on both sides, each in its way: one text is right.
EXACT = "/models/kdoc-f16.gguf"
PROMPT = "Memory is allocated by"
TOKENS, CLIENTS = 24, 8
LENGTHS = "500,480,460,440"
LIMIT = 300  # seconds
PRODUCT_NMSE = 5e-4  # what test-backend-ops grants a product of matrices


def run(command, npu=True, **environment):
    env = dict(os.environ, LD_PRELOAD="/scratch/linger.so", **environment,
               **({"GGML_BACKEND_PATH": PLUGIN} if npu else {}))
    return subprocess.run(command, env=env, capture_output=True, timeout=LIMIT, check=False,
                          stdin=subprocess.DEVNULL, text=True, errors="replace")


def row(total, name, passed, text):
    print(f"  {name:26} {text:42} {total.count(passed)}")


def bench(layers, npu):
    done = run(["llama-bench", "-m", MODEL, "-ngl", layers, "-p", "128", "-n", "16", "-r", "3",
                "-t", "1", "-o", "json"], npu)
    tests = json.loads(done.stdout) if done.returncode == 0 else []
    return {"prefill" if t["n_prompt"] else "decode": t["avg_ts"] for t in tests
            if not npu or "TERN" in t["backends"]}


def judge_bench(total):
    cpu, npu = bench("0", False), bench("99", True)
    for name in ("prefill", "decode"):
        good = npu.get(name, 0) > 0 and cpu.get(name, 0) > 0
        text = (f"{npu[name]:8.0f} tokens/s, {npu[name] / cpu[name]:5.2f} x the CPU's" if good
                else "no figure")
        row(total, f"llama-bench, {name}", good, text)


def judge_chat(answer, cpu):
    """(what to print, whether it is the CPU's text or parts from it where it may)"""
    text, steps = answer
    if len(steps) != TOKENS or not text.strip():
        return f"{len(steps)} tokens", False
    return ("same text as the CPU's", True) if text == cpu else parted(steps, cpu, text)


def judge_server(total):
    prompts = [PROMPT, *(f"{PROMPT} {n}" for n in range(CLIENTS))]
    with Server(EXACT, 256, npu=False) as server:
        cpu = [server.chat(prompt, TOKENS)[0] for prompt in prompts]
    with Server(EXACT, 256 * CLIENTS, CLIENTS) as server:
        said, good = judge_chat(server.chat(PROMPT, TOKENS), cpu[0])
        row(total, "llama-server, a chat", good, said)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda prompt: server.chat(prompt, TOKENS), prompts[1:]))
    found = list(map(judge_chat, answers, cpu[1:]))
    same = sum(answer[0] == text for answer, text in zip(answers, cpu[1:]))
    wrong = [said for said, good in found if not good]
    row(total, f"llama-server, {CLIENTS} at once", not wrong,
        wrong[0] if wrong else f"{same} of {CLIENTS} texts are the CPU's")


def judge_speculative(total):
    """What is drafted must not change what is said."""
    plain = run(["llama-completion", "-m", MODEL, "-ngl", "99", "--temp", "0", "-no-cnv",
                 "--no-display-prompt", "-p", PROMPT, "-n", str(TOKENS)]).stdout.strip()
    done = run(["llama-speculative-simple", "-m", MODEL, "-md", DRAFT, "-ngl", "99", "-ngld", "99",
                "-devd", "TERN0", "--spec-type", "draft-simple", "--spec-draft-n-max", "4",
                "--temp", "0", "-p", PROMPT, "-n", str(TOKENS), "-c", "256"])
    counts = dict(re.findall(r"\b(n_drafted|n_accept)\s*= (\d+)", done.stdout + done.stderr))
    said = done.stdout.partition(PROMPT)[2].strip()
    same = bool(plain) and said[:len(plain)] == plain
    row(total, "llama-speculative-simple", done.returncode == 0 and same
        and int(counts.get("n_accept", 0)) > 0,
        f"{counts.get('n_accept', 0)} of {counts.get('n_drafted', 0)} drafted tokens taken, "
        + ("same text" if same else "another text"))


@contextlib.contextmanager
def rpc_server():
    """Another machine, as far as ggml can tell, with ggml's CPU backend. Its address."""
    port = free_port()
    program = glob.glob("/usr/libexec/**/ggml-rpc-server", recursive=True)[0]
    with open("rpc-server.log", "w") as log, subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port), "-d", "CPU"], stdout=log,
            stderr=log) as process:
        try:
            wait_for(port, process)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()


def wait_for(port, process):
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError as why:
            if process.poll() is not None or time.monotonic() > deadline:
                raise OSError("ggml-rpc-server did not start") from why
            time.sleep(0.1)


def complete(arguments, npu=True, **environment):
    return run(["llama-completion", "-m", MODEL, "--temp", "0", "-no-cnv", "--no-display-prompt",
                "-c", "256", "-p", PROMPT, "-n", str(TOKENS), *arguments], npu,
               **environment)


def judge_rpc(total):
    """Half of the layers here and half there; the text is that of the CPU alone."""
    cpu = complete(["-ngl", "0"], npu=False).stdout
    with rpc_server() as address:
        split = ["--rpc", address, "--device", "TERN0,RPC0", "-ts", "1,1", "-fit", "off"]
        done = complete(["-ngl", "99", "-v", *split])
        held = collections.Counter(re.findall(r"layer +\d+ assigned to device (\w+)", done.stderr))
        said, passed = "same text as the CPU's", done.returncode == 0
        if passed and cpu.strip() != done.stdout.strip():
            with Server(MODEL, 256, extra=split) as server:
                said, passed = parted(server.steps(PROMPT, TOKENS), cpu, done.stdout)
    row(total, "a model split over RPC", passed and bool(cpu.strip()) and held["TERN0"] > 0
        and held["RPC0"] > 0 and len(held) == 2,
        f"{held['TERN0']} and {held['RPC0']} layers, {said}")


def imatrix(layers, npu):
    """What llama-imatrix saw on its way through the graph: squares of what products read."""
    name = f"imatrix-{layers}.gguf"
    run(["llama-imatrix", "-m", EXACT, "-f", "/models/eval.txt", "-c", "256", "--chunks", "2",
         "--no-ppl", "-t", "1", "-ngl", layers, "-o", name], npu)
    return {t.name: numpy.array(t.data, dtype=numpy.float64).ravel()
            for t in GGUFReader(name).tensors if t.name.endswith(".in_sum2")}


def judge_imatrix(total):
    """It reads the sources of nodes, which otherwise nobody outside of the graph would see."""
    cpu, npu = imatrix("0", False), imatrix("99", True)
    worst = numpy.max([((cpu[name] - npu[name]) ** 2).sum() / (cpu[name] ** 2).sum()
                       for name in cpu if name in npu], initial=0)
    row(total, "llama-imatrix", bool(cpu) and cpu.keys() == npu.keys() and worst < PRODUCT_NMSE,
        f"{len(npu)} of {len(cpu)} matrices, NMSE {worst:.1e}")


COUNTS = re.compile(r"(\d+) operators on the NPU in (\d+) cycles, (\d+) on the CPU")


def explained(text):
    """Graphs that TERN_EXPLAIN tells of, if TERN0 ran all of each; else none."""
    ran = COUNTS.findall(text)
    return ran if all(int(npu) and int(cycles) and not int(cpu)
                      for npu, cycles, cpu in ran) else []


def spans(path):
    """Of a trace: what took time, and on how many lines."""
    with open(path, encoding="utf-8") as file:
        trace = json.load(file)
    events = trace["traceEvents"] if isinstance(trace, dict) else trace
    found = [e for e in events if e.get("ph") == "X"]
    return len(found), len({e["tid"] for e in found})


def judge_reports(total):
    """Each token runs the program that the first one was compiled into."""
    done = complete(["-ngl", "99"], TERN_EXPLAIN="explain.txt", TERN_TRACE="trace.json")
    with open("explain.txt", encoding="utf-8") as file:
        text = file.read()
    graphs = explained(text)
    row(total, "TERN_EXPLAIN", done.returncode == 0 and bool(graphs),
        f"{len(graphs)} graphs, all operators on the NPU" if graphs
        else "a graph is missing or ran elsewhere")
    most = max(map(int, re.findall(r"^graph \d+, run (\d+) times", text, re.M)), default=0)
    row(total, "one program for all tokens", most >= TOKENS - 2, f"{most} of {TOKENS} runs")
    traced = list(map(spans, ["trace.json", *sorted(glob.glob("trace.json.*"))]))
    row(total, "TERN_TRACE", len(traced) == len(graphs) and all(n > 5 for _, n in traced),
        f"{len(traced)} files, {sum(n for n, _ in traced)} spans")


# What TERN0 does not run in this order, with the reason that TERN_EXPLAIN has to give.
LACKING, REFUSED = "no=rope+glu", {"ROPE": "ROPE", "SWIGLU": "GLU"}


def refusals(text):
    """{operator: [(types, reason)]} of what TERN_EXPLAIN says was left to the host."""
    found = collections.defaultdict(list)
    for op, types, why in re.findall(r"^ +\d+  (\S+) (\S+ <-.*)\n {10}(\S.*)$",
                                     text.partition("left to the host")[2], re.M):
        found[op].append((types, why))
    return found


def judge_refusals(total):
    """An NPU without some operators: the host runs those, with the reason on record."""
    cpu = complete(["-ngl", "0"], npu=False).stdout
    device = os.environ.get("TERN_DEVICE", "sim:ref") + "," + LACKING
    done = complete(["-ngl", "99"], TERN_EXPLAIN="refused.txt", TERN_DEVICE=device)
    with open("refused.txt", encoding="utf-8") as file:
        text = file.read()
    found, graphs = refusals(text), explained(text)
    wrong = [op for op, word in REFUSED.items()
             if not found[op] or any(word not in why for _, why in found[op])]
    row(total, "what the host is left with", done.returncode == 0 and bool(graphs) and not wrong,
        f"no reason for {wrong}" if wrong else f"{len(found)} operators, {len(graphs)} graphs")
    said, good = "same text as the CPU's", done.stdout.strip() == cpu.strip() != ""
    row(total, f"its text, {LACKING}", good, said if good else "another text")


def memory_of_its_own(npu):
    """The most that llama-batched-bench had at once of memory that is no file's, in bytes. It
    evaluates prompts of several lengths in one context, and each length is a program."""
    env = dict(os.environ, LD_PRELOAD="/scratch/linger.so",
               **({"GGML_BACKEND_PATH": PLUGIN} if npu else {}))
    most = 0
    with subprocess.Popen(["llama-batched-bench", "-m", EXACT, "-ngl", "99" if npu else "0", "-c",
                           "512", "-npp", LENGTHS, "-ntg", "4", "-npl", "1", "-t", "1"], env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as program:
        while program.poll() is None:
            with contextlib.suppress(OSError), open(f"/proc/{program.pid}/status") as status:
                found = re.search(r"RssAnon:\s+(\d+) kB", status.read())
                most = max(most, int(found[1]) * 1024 if found else 0)
            time.sleep(0.01)
    return most if program.returncode == 0 else 0


def judge_memory(total):
    """Weights are used where the file is mapped: there is no second copy of them, and no memory
    of its own for each length of a prompt."""
    file, cpu, npu = os.path.getsize(EXACT), memory_of_its_own(False), memory_of_its_own(True)
    row(total, "memory beside the file's", 0 < cpu and 0 < npu < cpu + file,
        f"{npu >> 20} MiB, the CPU's {cpu >> 20}; file {file >> 20}")


def judge_installed(total):
    """make install PREFIX=/usr puts it where the rig's ggml has its own."""
    ours = glob.glob("installed/**/libggml-tern.so", recursive=True)
    there = [os.path.dirname("/" + path.partition("/")[2]) for path in ours]
    row(total, "make install", len(there) == 1
        and bool(glob.glob(there[0] + "/libggml-cpu-*.so")), " ".join(there)[:42])


def judge_async(total):
    """ggml_async.c: what runs in the background, and in which order."""
    done = run(["./ggml_async"])
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    for name, verdict in rows:
        print(f"  {name:69} {total.count(verdict == 'ok')}")
    if done.returncode != 0 or not rows:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        row(total, "ggml_async", False, f"ended with {done.returncode}: {said}"[:42])


def judge(total, _short):
    print("\nprograms of llama.cpp on TERN0")
    for part in (judge_installed, judge_bench, judge_server, judge_speculative, judge_imatrix,
                 judge_rpc, judge_memory, judge_reports, judge_refusals, judge_async):
        try:
            part(total)
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as why:
            row(total, part.__name__.replace("judge_", ""), False, str(why)[:42])
