# SPDX-License-Identifier: MIT
"""Judges what check-llama measured. Runs in the rig, in its scratch folder.

    compare_llama.py "PERPLEXITY FORMATS" "GREEDY FORMATS" "ARCHITECTURES"

Reads NAME.llama, NAME.tern and NAME.failed; prints a table per comparison
and, last, "N passed, N failed".
"""
import json
import os
import re
import sys
import textwrap

from gguf import GGUFReader

PROMPTS = "/tern/tests/conformance/prompts.txt"
PERPLEXITY_LIMIT = 0.005  # relative
LOGIT_LIMIT = 0.02  # closer candidates than this may change places
END = b" [end of text]"  # how llama.cpp prints the end-of-text token
CONTROL = 3  # token type of BOS and its like, which neither program prints


class Failure(Exception):
    """Why a comparison cannot pass, in words for the table."""


def tern_result(name):
    if os.path.exists(name + ".failed"):
        raise Failure(open(name + ".failed").read().strip())
    try:
        return json.load(open(name + ".tern"))
    except ValueError as why:
        raise Failure(f"tern-run printed no JSON: {why}")


class Vocabulary:
    """The bytes of each token of a SentencePiece model."""

    def __init__(self, path):
        fields = GGUFReader(path).fields
        if fields["tokenizer.ggml.model"].contents() != "llama":
            raise Failure("only SentencePiece vocabularies are understood")
        self.pieces = fields["tokenizer.ggml.tokens"].contents()
        self.types = fields["tokenizer.ggml.token_type"].contents()
        self.end = fields["tokenizer.ggml.eos_token_id"].contents()

    def bytes(self, token):
        if token == self.end:
            return END
        if self.types[token] == CONTROL:
            return b""
        piece = self.pieces[token]
        byte = re.fullmatch(r"<0x([0-9A-F]{2})>", piece)
        if byte:
            return bytes([int(byte[1], 16)])
        return piece.replace("\u2581", " ").encode()


def llama_text(name):
    text = open(name + ".llama", "rb").read()
    if not text.strip():
        raise Failure("llama-completion printed nothing")
    return text.removesuffix(b"\n").removesuffix(b"\n")


def compare_perplexity(name):
    """Returns the columns of the table and whether the comparison passes."""
    log = open(name + ".llama").read()
    found = re.search(r"Final estimate: PPL = ([0-9.]+)", log)
    if not found:
        raise Failure("llama-perplexity gave no estimate")
    theirs = float(found[1])
    ours = float(tern_result(name)["perplexity"])
    apart = ours / theirs - 1
    columns = f"{theirs:10.4f} {ours:10.4f} {100 * apart:+9.3f} %"
    return columns, abs(apart) <= PERPLEXITY_LIMIT


def compare_greedy(form, number, vocabulary):
    name = f"greedy-{form}-{number}"
    theirs = llama_text(name)
    result = tern_result(name)
    tokens = result["tokens"]
    said = b"".join(vocabulary.bytes(t) for t in tokens if t != vocabulary.end)
    if said.decode(errors="replace").strip() != result["text"].strip():
        raise Failure("tern-run: text is not what its tokens spell")

    same = b""
    for at, token in enumerate(tokens):
        longer = same + vocabulary.bytes(token)
        if theirs.startswith(longer):
            same = longer
            continue
        step = result["steps"][at]
        gap = step["logit"] - step["runner_up_logit"]
        runner_up = vocabulary.bytes(step["runner_up"])
        columns = f"{at:4d}  gap {gap:.4f}"
        if not theirs.startswith(same + runner_up):
            return columns + " not runner-up", False
        return columns, 0 <= gap < LOGIT_LIMIT
    if same not in (theirs, theirs.removesuffix(END)):
        return f"{len(tokens):4d}  ended early", False
    return f"{len(tokens):4d}", True


class Table:
    passed = failed = 0  # of all tables

    def __init__(self, title, heading):
        print(f"\n{title}\n  {heading}")

    def row(self, label, compare, *args):
        reason = None
        try:
            columns, passed = compare(*args)
        except Failure as why:
            columns, passed, reason = "", False, str(why)
        except (OSError, LookupError, TypeError, ValueError) as why:
            columns, passed = "", False
            reason = f"{type(why).__name__}: {why}"
        Table.passed += passed
        Table.failed += not passed
        print(f"  {label} {columns}  {'ok' if passed else 'FAILED'}")
        if reason:
            print(textwrap.fill(reason, 78, initial_indent=4 * " ",
                                subsequent_indent=4 * " "))


def main(perplexity_formats, greedy_formats, architectures):
    columns = f"{'llama.cpp':>10} {'tern':>10} {'apart':>11}"
    trained = Table(
        f"Perplexity, context 256, at most {100 * PERPLEXITY_LIMIT} % apart",
        f"{'file':15} {columns}")
    for form in perplexity_formats.split():
        trained.row(f"kdoc-{form:10}", compare_perplexity, "perplexity-" + form)

    random = Table(
        "The same of random weights in F16, by architecture, context 128",
        f"{'architecture':15} {columns}")
    for arch in architectures.split():
        random.row(f"{arch:15}", compare_perplexity, "arch-" + arch)

    greedy = Table(
        f"Greedy text; may part where two logits are within {LOGIT_LIMIT}",
        f"{'file':10} {'prompt':28} same")
    prompts = open(PROMPTS).read().splitlines()
    for form in greedy_formats.split():
        vocabulary = Vocabulary(f"/models/kdoc-{form}.gguf")
        for number, prompt in enumerate(prompts, 1):
            greedy.row(f"kdoc-{form:5} {prompt[:28]:28}",
                       compare_greedy, form, number, vocabulary)

    print(f"\n{Table.passed} passed, {Table.failed} failed")
    return Table.failed != 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
