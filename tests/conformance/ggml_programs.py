# SPDX-License-Identifier: MIT
"""Whole programs of llama.cpp on TERN0: llama-bench, llama-server, llama-speculative-simple. Runs in
the rig. Speeds are printed and not judged.
"""
import concurrent.futures
import json
import os
import re
import subprocess

from greedy_steps import Server

PLUGIN = "/scratch/plugin/libggml-tern.so"
MODEL, DRAFT = "/models/kdoc-q8_0.gguf", "/models/kdoc-q4_0.gguf"
PROMPT = "Memory is allocated by"
TOKENS, CLIENTS = 24, 8
LIMIT = 300  # seconds


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


def chat(server, text):
    answer = server.request("/v1/chat/completions", {
        "messages": [{"role": "user", "content": text}], "max_tokens": TOKENS,
        "temperature": 0, "ignore_eos": True})
    return answer["choices"][0]["message"]["content"], answer["usage"]["completion_tokens"]


def judge_server(total):
    with Server(MODEL, 256 * CLIENTS, CLIENTS) as server:
        text, tokens = chat(server, PROMPT)
        row(total, "llama-server, a chat", tokens == TOKENS and bool(text.strip()),
            f"{tokens} tokens")
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda n: chat(server, f"{PROMPT} {n}"), range(CLIENTS)))
        good = [t for t, n in answers if n == TOKENS and t.strip()]
        row(total, f"llama-server, {CLIENTS} at once", len(good) == CLIENTS,
            f"{len(good)} of {CLIENTS} answered with {TOKENS} tokens")


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


def judge_reports(total):
    run(["llama-completion", "-m", MODEL, "-ngl", "99", "--temp", "0", "-no-cnv", "-p", PROMPT,
         "-n", "4"], TERN_EXPLAIN="explain.txt", TERN_TRACE="trace.json")
    with open("explain.txt", encoding="utf-8") as file:
        text = file.read()
    ran = re.findall(r"(\d+) operators on the NPU in (\d+) cycles, (\d+) on the CPU", text)
    good = bool(ran) and all(int(npu) and int(cycles) and not int(cpu) for npu, cycles, cpu in ran)
    row(total, "TERN_EXPLAIN", good, f"{len(ran)} graphs, all operators on the NPU" if good
        else "a graph is missing or ran elsewhere")
    with open("trace.json", encoding="utf-8") as file:
        trace = json.load(file)
    events = trace["traceEvents"] if isinstance(trace, dict) else trace
    spans = [e for e in events if e.get("ph") == "X"]
    row(total, "TERN_TRACE", len({e["tid"] for e in spans}) > 5, f"{len(spans)} spans")


def judge(total, _short):
    print("\nprograms of llama.cpp on TERN0")
    for part in (judge_bench, judge_server, judge_speculative, judge_reports):
        try:
            part(total)
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as why:
            row(total, part.__name__.replace("judge_", ""), False, str(why)[:42])
