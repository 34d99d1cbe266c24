"""The program run as its users run it, for the tests of all commands."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = [sys.executable, "-m", "ntkcalc"]
SHELL = shlex.join(PROGRAM)
UNSET = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "PYTHONIOENCODING", "LC_ALL")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in UNSET} | {"PYTHONUTF8": "1"}
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

ENVELOPE = ["schema", "version", "digits", "engine", "kernel"]
KERNEL = ["activation", "depth", "sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "chi", "total"]
DATA = ["source", "n", "d", "rank", "normalized_rows"]

Done = subprocess.CompletedProcess[str]


def run(command: str | Sequence[str], stdin: str = "", cwd: Path | None = None, **environment: str) -> Done:
    """Run the program with these arguments; a string instead is a line for the shell."""
    shell = isinstance(command, str)
    return subprocess.run(
        command if shell else [*PROGRAM, *command],
        shell=shell,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env=ENVIRONMENT | environment,
        timeout=120,
    )


def output(line: str, stdin: str = "", cwd: Path | None = None, **environment: str) -> str:
    """What a successful and silent run prints; `line` is what stands behind ``ntkcalc``."""
    done = run(shlex.split(line), stdin, cwd, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def one_line_of_error(done: Done) -> str:
    """The message of a run that failed as it should."""
    assert done.stdout == ""
    assert 1 <= len(done.stderr.splitlines()) <= 2
    assert done.stderr.startswith("ntkcalc: ")
    assert done.stderr.endswith("\n")
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done.stderr
