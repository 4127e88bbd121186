# SPDX-License-Identifier: MIT
"""A guest that runs one command, and what was seen of it from outside.

While it runs it may ask for things to be done to its device: a line "# host: COMMAND" of
what it says goes to the device's control socket, the answer to the guest's terminal.
"""
import collections
import os
import socket
import subprocess
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.realpath(HERE + "/../..")
ASK = "# host: "

# What it said, the kernel's log, what the device printed, the exit status, the device's log.
Guest = collections.namedtuple("Guest", "said console device status touched")


class Control:
    """The device's control socket, opened when it is used first."""

    def __init__(self, path):
        self.path, self.file = path, None

    def ask(self, command):
        try:
            if not self.file:
                link = socket.socket(socket.AF_UNIX)
                link.settimeout(60)
                link.connect(self.path)
                self.file = link.makefile("rw", encoding="ascii")
            self.file.write(command + "\n")
            self.file.flush()
            while True:
                line = self.file.readline().strip()
                if not line or line.startswith(("ok", "error")):
                    return line or "error: the device is gone"
        except OSError as error:
            return f"error: {error}"


def with_control(words, logs):
    """The guest's options, whose device also has a control socket and a log."""
    words = list(words)
    if "--device" in words:
        words[words.index("--device") + 1] += f" --control {logs}/control --log {logs}/touched"
    return words


def converse(run, control):
    """Answers what the guest asks until it ends; returns all it said."""
    said = []
    for line in run.stdout:
        said.append(line)
        if not line.startswith(ASK):
            continue
        try:
            run.stdin.write(control.ask(line[len(ASK):].strip()) + "\n")
            run.stdin.flush()
        except OSError:
            pass  # it died: what it said last is told below
    return "".join(said)


def guest(options, command, limit):
    """Runs COMMAND in a guest."""
    with tempfile.TemporaryDirectory() as logs, tempfile.TemporaryFile("w+") as errors:
        run = subprocess.Popen(
            [HERE + "/run", *with_control(options, logs), "--logs", logs, "--talk",
             "--timeout", str(limit),
             "--append", "loglevel=5",  # warnings too
             "sh", "-c", command],
            cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            text=True, errors="replace")
        said = converse(run, Control(logs + "/control"))
        status = run.wait()
        if status == 125:
            errors.seek(0)
            said += errors.read()

        def log(name):
            path = os.path.join(logs, name)
            return open(path, errors="replace").read() if os.path.exists(path) else ""
        return Guest(said, log("console"), log("device.log"), status, log("touched"))
