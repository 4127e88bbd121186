#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The udev rule: what it makes of the NPU's node, of another driver's, and of other nodes.

    tests/conformance/udev_rule.py RULES      prints what is wrong; the exit status says whether

udev itself need not be there: what a rule may consist of, and what its operators mean, is from udev(7).
"""
import fnmatch
import os
import re
import sys

REPO = os.path.realpath(os.path.dirname(os.path.realpath(__file__)) + "/../..")
MATCHES = {"SUBSYSTEM", "KERNEL", "DRIVERS", "SUBSYSTEMS", "KERNELS", "ACTION"}
SETS = {"GROUP": r"[a-z_][a-z0-9_-]*", "MODE": r"0[0-7]{3}"}


def parse(text):
    """Rules as lists of (key, operator, value); ValueError says what is no rule."""
    rules = []
    for line in re.sub(r"\\\n", "", text).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = [part.strip() for part in line.split(",")]
        rule = [re.fullmatch(r'([A-Z]+)\s*(==|!=|=|:=)\s*"([^"]*)"', part) for part in parts]
        if not all(rule):
            raise ValueError(f"not a list of KEY OPERATOR \"VALUE\": {line}")
        rules.append([match.groups() for match in rule])
        for key, operator, value in rules[-1]:
            known = key in MATCHES if operator in ("==", "!=") else (
                key in SETS and re.fullmatch(SETS[key], value))
            if not known:
                raise ValueError(f"udev has no such thing: {key}{operator}\"{value}\"")
    return rules


def apply(rules, node):
    """What NODE gets: the assignments of each rule whose conditions all hold."""
    got = {}
    for rule in rules:
        if all(fnmatch.fnmatchcase(node[key], value) == (operator == "==")
               for key, operator, value in rule if operator in ("==", "!=")):
            got.update({key: value for key, operator, value in rule if key in SETS})
    return got


def doors_named_otherwise():
    """A parent's driver is found by the name that the bus knows it by."""
    return [f"driver/tern_{door}.c has no driver of the name tern" for door in ("pci", "of")
            if '.name = "tern",' not in open(f"{REPO}/driver/tern_{door}.c", encoding="utf-8").read()]


def main(path):
    try:
        rules = parse(open(path, encoding="ascii").read())
    except ValueError as error:
        print(error)
        return 1
    node = {"SUBSYSTEM": "accel", "KERNEL": "accel0", "DRIVERS": "tern", "SUBSYSTEMS": "pci",
            "KERNELS": "0000:01:00.0", "ACTION": "add"}
    wanted = [("the NPU's node", {}, {"GROUP": "render", "MODE": "0660"}),
              ("a second one's", {"KERNEL": "accel17"}, {"GROUP": "render", "MODE": "0660"}),
              ("another driver's", {"DRIVERS": "intel_vpu"}, {}),
              ("its PCI device", {"SUBSYSTEM": "pci", "KERNEL": "0000:01:00.0"}, {})]
    wrong = [f"{what} gets {apply(rules, node | of)}, not {want}" for what, of, want in wanted
             if apply(rules, node | of) != want]
    wrong += doors_named_otherwise()
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
