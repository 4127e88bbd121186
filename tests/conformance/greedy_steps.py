# SPDX-License-Identifier: MIT
"""The steps of a greedy generation on TERN0, with the runner-up of each.

llama-completion prints only text, so llama-server generates it once more.
"""
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

START_LIMIT = 120  # seconds; a loaded machine is slow
LOGIT_LIMIT = 0.02  # closer candidates than this may change places
PLUGIN = "/scratch/plugin/libggml-tern.so"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """llama-server with one model on TERN0, or on the CPU, for as long as a with block."""

    def __init__(self, model, context, slots=1, extra=(), npu=True):
        self.port = free_port()
        self.environment = dict(os.environ, **({"GGML_BACKEND_PATH": PLUGIN} if npu else {}))
        self.command = ["llama-server", "-m", model, "-ngl", "99" if npu else "0", "-c",
                        str(context), "--host", "127.0.0.1", "--port",
                        str(self.port), "-np", str(slots), "--no-webui", *extra]

    def __enter__(self):
        self.log = open("server.log", "w")
        self.process = subprocess.Popen(
            self.command, stdout=self.log, stderr=self.log,
            env=self.environment)
        deadline = time.monotonic() + START_LIMIT
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise OSError("llama-server did not start: see server.log")
            time.sleep(0.2)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def request(self, path, body=None):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data,
            {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=START_LIMIT))

    def healthy(self):
        try:
            return self.request("/health")["status"] == "ok"
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def generate(self, prompt, tokens, candidates=2):
        """Of each step of a greedy generation, what llama-server says. PROMPT: a text, or tokens."""
        answer = self.request("/completion", {
            "prompt": prompt, "n_predict": tokens, "temperature": 0,
            "n_probs": candidates, "cache_prompt": False})
        return answer["completion_probabilities"]

    def steps(self, prompt, tokens):
        """A list of (bytes, bytes of the runner-up, logit gap to it)."""
        return list(map(read_step, self.generate(prompt, tokens)))

    def tokens(self, text):
        return self.request("/tokenize", {"content": text, "add_special": True})["tokens"]

    def gap(self, tokens, first, second):
        """By how much FIRST is ahead of SECOND as the next token; None: one is not among the best."""
        best = {step["id"]: step["logprob"]
                for step in self.generate(tokens, 1, 20)[0]["top_logprobs"]}
        return best[first] - best[second] if {first, second} <= best.keys() else None

    def chat(self, text, tokens):
        """The answer of TOKENS tokens, and its steps."""
        answer = self.request("/v1/chat/completions", {
            "messages": [{"role": "user", "content": text}], "max_tokens": tokens,
            "temperature": 0, "ignore_eos": True, "logprobs": True, "top_logprobs": 2})
        choice = answer["choices"][0]
        return choice["message"]["content"], list(map(read_step, choice["logprobs"]["content"]))


def read_step(step):
    first, second = step["top_logprobs"][:2]
    return bytes(first["bytes"]), bytes(second["bytes"]), first["logprob"] - second["logprob"]


def where_parted(cpu, steps):
    """(step, gap, whether the CPU took the runner-up there)."""
    same = b""
    for at, (token, runner_up, gap) in enumerate(steps):
        if cpu.startswith(same + token):
            same += token
            continue
        return at, gap, cpu.startswith(same + runner_up)
    raise ValueError("the texts do not part")


def parting(steps, cpu, npu):
    """Of two texts that differ: where_parted(); None if the steps are not those of NPU."""
    # The text begins with a space that printing drops.
    said = b"".join(step[0] for step in steps)
    if said.decode(errors="replace").strip() != npu.strip():
        return None
    return where_parted(said[:len(said) - len(said.lstrip())] + cpu.strip().encode(), steps)


def parted(steps, cpu, npu):
    """Of two texts that differ: a table's columns, and whether they part where they may."""
    found = parting(steps, cpu, npu)
    if not found:
        return "llama-server says something else again", False
    at, gap, runner_up = found
    columns = f"parts at {at:2d}, gap {gap:.4f}"
    if not runner_up:
        return columns + ", not to the runner-up", False
    return columns, gap < LOGIT_LIMIT
