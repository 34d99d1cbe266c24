"""The program run as its users run it, for the tests of all commands."""

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from jsonschema import Draft202012Validator
from typer.main import get_command

from ntkcalc.cli.main import main
from ntkcalc.report.schema import schema

PROGRAM = [sys.executable, "-m", "ntkcalc"]
SHELL = shlex.join(PROGRAM)
UNSET = (
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "TERM",
    "PYTHONIOENCODING",
    "LC_ALL",
    "NTKCALC_DIGITS",
    "NTKCALC_FORMAT",
    "PYTHONDONTWRITEBYTECODE",  # or hundreds of processes would compile the same modules
)
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in UNSET} | {"PYTHONUTF8": "1"}
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

ENVELOPE = ["schema", "version", "digits", "engine", "kernel"]
KERNEL = ["activation", "depth", "sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "chi", "total"]
KERNEL += ["name", "variances", "slopes", "fixed_point"]
DATA = ["source", "n", "d", "rank", "normalized_rows"]


def program(name: str) -> str:
    """Where a program is that the machine may lack: then what needs it is skipped, but never in CI."""
    found = shutil.which(name)
    if found is None:
        said = f"{name} is not installed, and what needs it is NOT TESTED"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    return found


Done = subprocess.CompletedProcess[str]


def run(
    command: str | Sequence[str], stdin: str = "", cwd: Path | None = None, timeout: float = 900, **environment: str
) -> Done:
    """Run the program with these arguments; a string instead is a line for the shell."""
    shell = isinstance(command, str)
    done = subprocess.run(
        command if shell else [*PROGRAM, *command],
        shell=shell,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env=ENVIRONMENT | environment,
        timeout=timeout,
    )
    check_json(done.stdout)
    return done


def inside(
    arguments: Sequence[str],
    stdin: str | bytes = "",
    cwd: Path | None = None,
    encoding: str = "utf-8",
    **environment: str,
) -> Done:
    """Run the program in this process, which is quicker."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace") for _ in range(2))
    out.reconfigure(errors="strict")
    text = isinstance(stdin, str)
    given = io.StringIO(stdin) if text else io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)), "utf-8")
    with (
        chdir(cwd or "."),
        patch.dict(os.environ, environment),
        patch.object(sys, "argv", ["ntkcalc", *arguments]),
        patch.object(sys, "stdin", given),
        patch("typer.main.get_command", built),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))
    check_json(texts[0])
    return Done([*arguments], code, *texts)


built = cache(get_command)  # typer would build all commands at every call


START = '{"schema": "ntkcalc.'


@cache
def strict_validator(command: str) -> Draft202012Validator:
    """The contract of a command, and not a field beyond it."""
    return Draft202012Validator(closed(schema(command)))


def closed(node: Any) -> Any:
    """A schema whose objects have no field that it does not declare."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {key: closed(value) for key, value in node.items()}
    return inner | ({"additionalProperties": False} if "properties" in node and "type" in node else {})


def check_json(text: str) -> None:
    """Hold all results in JSON that a run printed against their schema, without leave for undeclared fields."""
    for line in text.splitlines():
        if line.startswith(START) and line.endswith("}"):
            found = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
            command = found["schema"].removeprefix("ntkcalc.").partition("/")[0]
            problems = [f"{e.json_path}: {e.message[:300]}" for e in strict_validator(command).iter_errors(found)]
            assert not problems, problems


def output(line: str, stdin: str = "", cwd: Path | None = None, **environment: str) -> str:
    """What a successful and silent run prints; `line` is what stands behind ``ntkcalc``.

    It runs in this process, but for the number of threads, which is read when a process starts.
    """
    if "OPENBLAS_NUM_THREADS" in environment:
        done = run(shlex.split(line), stdin, cwd, **environment)
    else:
        done = inside(shlex.split(line), stdin, cwd, environment.get("PYTHONIOENCODING", "utf-8"), **environment)
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
