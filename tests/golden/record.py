"""The golden corpus: what every command of ``commands.txt`` prints, recorded and compared.

``python tests/golden/record.py --compare`` lists the commands whose results differ from ``expected.jsonl``, and
``python tests/golden/record.py --record`` writes that file anew. The package is the one that Python finds
(``PYTHONPATH=OTHER/CHECKOUT`` for another one).

A line of ``commands.txt`` is ``[NAME=VALUE ...] ntkcalc ARGUMENTS [< FILE]``, and may go on with ``| ntkcalc ...``.
Lines run in this process, with ``data`` as the working folder.
"""

import argparse
import contextlib
import importlib
import io
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
HERE = Path(__file__).parent
DATA = HERE / "data"
COMMANDS = HERE / "commands.txt"
EXPECTED = HERE / "expected.jsonl"
ENVIRONMENT = {"COLUMNS": "200", "NTKCALC_DIGITS": "", "NTKCALC_FORMAT": ""}
MASKS = (  # what is measured in time, and the version
    (re.compile(r'("seconds": )[0-9.e-]+'), r"\1null"),
    (re.compile(r'("version": )"[^"]*"'), r"\1null"),
    (re.compile(r"\b[0-9.]+ s\b"), "… s"),
    (re.compile(r"(?m)(?<=\s)[0-9]+\.[0-9]{2}(?=[ │|]*$)"), "…"),  # the column of seconds
)
MEASURED = re.compile(
    r"--data|--sample|--isotropic|ntkcalc decay"
)  # in float64: the last digits depend on the processor
NUMBER = re.compile(r"[-−]?[0-9]+(?:\.[0-9]+)?(?:e[-−+]?[0-9]+)?")

Result = dict[str, Any]


def main() -> int:
    """Record or compare; the number of commands that differ is told, and the exit code is 1 where it is not 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--record", action="store_true", help="write expected.jsonl")
    action.add_argument("--compare", action="store_true", help="compare with expected.jsonl")
    parser.add_argument("--only", default="", help="a regular expression: the commands to compare")
    options = parser.parse_args()
    if options.record:
        lines = (json.dumps(run(command), ensure_ascii=False) + "\n" for command in commands())
        EXPECTED.write_text("".join(lines), encoding="utf-8")
        return 0
    chosen = [wanted for wanted in expected() if re.search(options.only, wanted["command"])]
    found = [text for wanted in chosen if (text := difference(wanted, run(wanted["command"])))]
    print(*found, f"{len(found)} of {len(chosen)} commands differ", sep="\n")
    return 1 if found else 0


def commands() -> list[str]:
    """The lines of ``commands.txt`` that are no comments."""
    lines = COMMANDS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def expected() -> list[Result]:
    """What was recorded."""
    return [json.loads(line) for line in EXPECTED.read_text(encoding="utf-8").splitlines()]


def run(command: str) -> Result:
    """Run a line: the exit code and stdout of its last part, and stderr of all parts."""
    code, out, err = 0, "", ""
    for part in command.split(" | "):
        words = shlex.split(part)
        start = words.index("ntkcalc")
        environment = dict(word.split("=", 1) for word in words[:start])
        arguments = words[start + 1 :]
        if "<" in arguments:
            arguments, out = arguments[:-2], (DATA / arguments[-1]).read_text(encoding="utf-8")
        code, out, said = call(arguments, out, environment)
        err += said
    return {"command": command, "exit": code, "stdout": masked(out), "stderr": masked(err)}


def call(arguments: list[str], stdin: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """Run the program in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    everywhere = {name: text for name, text in (ENVIRONMENT | environment).items() if text}
    with (
        patch.dict(os.environ, everywhere),
        patch.object(sys, "argv", ["ntkcalc", *arguments]),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        patch("typer.main.get_command", built()),
        contextlib.chdir(DATA),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        for name in ENVIRONMENT.keys() - everywhere.keys():
            os.environ.pop(name, None)
        try:
            entry()()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
    return code, *(text(stream) for stream in (out, err))


def text(stream: io.TextIOWrapper) -> str:
    """What was written."""
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]


@cache
def entry() -> Callable[[], None]:
    """The program's main function; ``ntkcalc.cli`` has been a module."""
    with contextlib.suppress(ImportError):
        return importlib.import_module("ntkcalc.cli.main").main
    return importlib.import_module("ntkcalc.cli").main


@cache
def built() -> Callable[[Any], Any]:
    """``typer.main.get_command`` with a cache: typer would build all commands at every call."""
    import typer.main

    return cache(typer.main.get_command)


def masked(output: str) -> str:
    """The output without what differs from run to run."""
    for pattern, instead in MASKS if "seconds" in output else MASKS[1:3]:
        output = pattern.sub(instead, output)
    return output


def difference(wanted: Result, found: Result, exact: bool = True) -> str:
    """What differs, in a few lines; of tables only the numbers count, in their order.

    Unless `exact`, numbers that were measured in float64 may differ where processors differ.
    """
    same = equal if exact or not MEASURED.search(wanted["command"]) else close
    differing = [name for name in ("exit", "stderr") if wanted[name] != found[name]]
    if not same(*(r["stdout"] for r in (wanted, found)), is_table(wanted)):
        differing.append("stdout")
    said = (first_difference(name, wanted[name], found[name]) for name in differing)
    return "\n".join([wanted["command"], *said]) if differing else ""


def equal(wanted: str, found: str, table: bool) -> bool:
    """Whether the outputs, or of tables the numbers, are the same."""
    return numbers(wanted) == numbers(found) if table else wanted == found


def close(wanted: str, found: str, table: bool) -> bool:
    """Whether the numbers are the same up to rounding, and in other formats than tables all else."""
    ours, theirs = ([float(x) for x in numbers(text)] for text in (wanted, found))
    rest = table or NUMBER.sub("", wanted) == NUMBER.sub("", found)
    near = (math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-11) for x, y in zip(ours, theirs, strict=False))
    return rest and len(ours) == len(theirs) and all(near)


def first_difference(name: str, wanted: Any, found: Any) -> str:
    """The first lines that differ."""
    rows = (str(value).splitlines() or [""] for value in (wanted, found))
    for one, other in filling(*rows):
        if one != other:
            return f"  {name}:\n  - {one[:300]}\n  + {other[:300]}"
    return f"  {name} differs"


def filling(one: list[str], other: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs, the shorter list filled with empty lines."""
    for i in range(max(len(one), len(other))):
        yield (one[i] if i < len(one) else ""), (other[i] if i < len(other) else "")


def is_table(result: Result) -> bool:
    """Whether the command printed a table, whose look is free."""
    last = result["command"].split(" | ")[-1]
    form = re.findall(r"--format (\w+)|NTKCALC_FORMAT=(\w+)", last)
    chosen = next((a or b for a, b in sorted(form, reverse=True)), "table")
    return "--json" not in last and "--schema" not in last and chosen == "table"


def numbers(output: str) -> list[str]:
    """All numbers in their order, with a plain minus sign."""
    return [word.replace("−", "-") for word in NUMBER.findall(output)]


if __name__ == "__main__":
    sys.exit(main())
