# SPDX-License-Identifier: MIT
"""test-llama-archs on TERN0: small models of every architecture with random weights, compared with
ggml's CPU backend, and which of their operators ran where. Runs in the rig.

ggml's scheduler says which backend each node of a graph is given to. Of the decoders in WHOLE every
node has to be TERN0's, but for the look-up of the tokens' embeddings: that table llama.cpp itself
keeps on the host.
"""
import collections
import concurrent.futures
import glob
import os
import re
import subprocess
import textwrap

PLUGIN = "/scratch/plugin/libggml-tern.so"
SEED = "1"
LIMIT = 1500  # seconds for all architectures on a loaded machine
WHOLE = """llama qwen2 qwen3 gemma2 gemma3 openelm pangu-embedded glm4 chatglm internlm2
    hunyuan-dense spark2_5 minicpm smollm3 granite phi3""".split()
SHORT = ["llama", "qwen3", "openelm", "gemma3"]
# Of test-llama-archs: the rows that are compared and have to agree, some of them several times. One
# less is a failure; the others llama.cpp itself skips.
COMPARED = {
    "Dense": """
        llama deci falcon baichuan gpt2 gptneox mpt starcoder refact bloom stablelm qwen qwen2
        qwen2vl qwen3 qwen3vl qwen35 phi2 phi3 plamo plamo2 plamo3 codeshell orion internlm2
        minicpm minicpm3 gemma gemma2 gemma3 gemma3n starcoder2 mamba mamba2 jamba falcon-h1
        xverse command-r cohere2 olmo olmo2 muse-glimmer openelm chatglm glm4 bitnet t5 jais jais2
        nemotron nemotron_h nemotron_h_moe exaone exaone4 granite granitemoe granitehybrid
        granite_swa arcee hunyuan-dense hunyuan_vl smollm3 lfm2 dream llada seed_oss apertus
        cogvlm pangu-embedded mistral3 spark2_5 maincoder talkie nanbeige qwen3tts pockettts
        hrm_text k2-horizon""".split(),
    "MoE": """
        llama llama4 grok refact qwen2moe qwen3moe qwen3next qwen3vlmoe qwen35moe qwen4exp phimoe
        minicpm maple cohere2moe dbrx olmoe arctic deepseek deepseek2 deepseek2 deepseek2
        deepseek32 deepseek4 glm4moe glm-dsa exaone-moe granite granitemoe bailingmoe bailingmoe2
        bailingmoe3 dots1 dots3note afmoe laguna ernie4_5 ernie4_5-moe hunyuan-moe hy_v3 hy_v4
        gpt-oss lfm2moe smallthinker llada-moe grovemoe minimax-m2 rnd1 mistral3 mistral4
        paddleocr mimo2 step35 maion-coder kimi-linear kimi-k3 glm5-next mellum minimax-m3
        minimax-01 k2-horizon""".split(),
}
ROW = re.compile(r"^\|\s*(\S+)\|.*\|\s*(Dense|MoE|Host experts|MoE cache)\|(.*)\|\s*$")
NODE = re.compile(r"node #\s*(\d+) \(\s*(\S+)\):.*? \[\s*(\S+)\s(.*)")


def program():
    return glob.glob("/usr/libexec/**/test-llama-archs", recursive=True)[0]


def run(arguments, **environment):
    """(exit status, output, what went to the log)"""
    device = os.environ.get("TERN_DEVICE", "sim:ref") + ",threads=1"
    env = dict(os.environ, GGML_BACKEND_PATH=PLUGIN, LD_PRELOAD="/scratch/linger.so",
               TERN_DEVICE=device, **environment)
    try:
        done = subprocess.run([program(), "-s", SEED, "-b", "TERN0", *arguments], env=env,
                              capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired as late:
        return "time", (late.stdout or b"").decode(errors="replace"), ""
    return (done.returncode, done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"))


def read_rows(output):
    """(architecture, configuration, verdict: "ok", "skipped" or what it says)"""
    output = re.sub(r"\x1b\[[0-9;]*m", "", output)
    for row in filter(None, map(ROW.match, output.splitlines())):
        said = " ".join(row[3].split())
        parts = {part.split()[0] for part in said.split("|")}  # some are not for every model
        verdict = {("SKIP",): "skipped", ("OK",): "ok", ("OK", "SKIP"): "ok"}.get(
            tuple(sorted(parts)), said)
        yield row[1], row[2], verdict


def read_graphs(log):
    """Lists of (operator, backend, sources) of graphs that TERN0 has a part in."""
    graphs, last = [], None
    for node in filter(None, map(NODE.search, log.splitlines())):
        if last is None or int(node[1]) <= last:
            graphs.append([])
        last = int(node[1])
        graphs[-1].append((node[2], node[3], node[4]))
    return [g for g in graphs if any(backend == "TERN0" for _, backend, _ in g)]


class Share:
    def __init__(self, arch):
        _, _, log = run(["-v", "5", "-a", f"^{re.escape(arch)}$"], GGML_SCHED_DEBUG="2")
        self.arch, self.npu, self.nodes = arch, 0, 0
        self.host = collections.Counter()
        for graph in read_graphs(log):
            for op, backend, sources in graph:
                if op == "GET_ROWS" and "token_embd.weight" in sources:
                    continue
                self.nodes += 1
                self.npu += backend == "TERN0"
                if backend != "TERN0":
                    self.host[op] += 1

    def verdict(self):
        """None: nothing is asked of this architecture."""
        if self.arch not in WHOLE:
            return None
        return self.nodes > 0 and not self.host


def print_shares(total, archs):
    print("\nnodes that TERN0 ran, views and the tokens' embeddings left out; * all of them must\n"
          f"  {'architecture':18} {'share':>7}  on the host")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for share in pool.map(Share, archs):
            host = textwrap.wrap(" ".join(op for op, _ in share.host.most_common()), 44) or [""]
            part = f"{100 * share.npu / share.nodes:5.1f} %" if share.nodes else "none"
            good = share.verdict()
            star = "*" if share.arch in WHOLE else " "
            end = "" if good is None else "  " + total.count(good)
            print(f"  {share.arch:17}{star} {part:>7}  {host[0]:44}{end}".rstrip())
            for line in host[1:]:
                print(f"{'':31}{line}")


def missing(found, picked):
    """Of COMPARED, what did not end with a comparison that FOUND tells of."""
    told = collections.Counter(row[:2] for row in found if row[2] != "skipped")
    known = collections.Counter((arch, configuration) for configuration, archs in COMPARED.items()
                                for arch in archs if picked is None or arch in picked)
    return sorted((known - told).elements())


def judge(total, short):
    picked = ["-a", "^(" + "|".join(map(re.escape, SHORT)) + ")$"] if short else []
    status, output, log = run(picked)
    found = list(read_rows(output))
    verdicts = collections.Counter(v if v in ("ok", "skipped") else "failed" for _, _, v in found)
    print(f"\ntest-llama-archs -b TERN0: {verdicts['ok']} ok, {verdicts['skipped']} skipped by"
          f" llama.cpp, {verdicts['failed']} failed")
    for arch, configuration, verdict in found:
        if verdict not in ("ok", "skipped"):
            print(f"    FAILED {arch}, {configuration}: {verdict}")
    total.passed += verdicts["ok"]
    total.failed += verdicts["failed"]
    for arch, configuration in missing(found, SHORT if short else None):
        print(f"  {arch}, {configuration}: was not compared  {total.count(False)}")
    if status != 0 or not verdicts["ok"] or "Summary: all" not in output:
        said = (log.strip().splitlines() or ["nothing"])[-1]
        print(f"  ended with status {status}: {said[:60]}  {total.count(False)}")
    print_shares(total, sorted({arch for arch, _, _ in found}))
