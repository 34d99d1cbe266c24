"""What a command loads: nothing that it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest
from shell import ENVIRONMENT

LIGHT = {"ntkcalc", "typer"}
EXACT = LIGHT | {"mpmath", "gmpy2"}
ARRAYS = EXACT | {"numpy"}
MATRICES = ARRAYS | {"threadpoolctl"}
TABLE = {"rich"}
NEVER = {"pydantic", "matplotlib", "click", "pygments", "hypothesis", "dask", "distributed", "zarr"}
HELPERS = {"annotated_doc", "shellingham", "sitecustomize", "typing_extensions", "org"}  # of typer, site and pickle


def imported(*arguments: str) -> set[str]:
    """The packages outside the standard library that a run of Python imports."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, input="1 0\n0 1\n1 1\n", capture_output=True, encoding="utf-8", env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr[-300:]
    names = {row.rpartition("|")[2].strip().partition(".")[0] for row in done.stderr.splitlines() if "|" in row}
    own = {name for name in names if not name.startswith(("_", "imported package"))}
    return own - set(sys.stdlib_module_names) - HELPERS


@cache
def everywhere() -> set[str]:
    """What a distribution's Python imports for any program, such as a hook for crashes."""
    return imported("-c", "pass")


def loaded(line: str) -> set[str]:
    """The packages outside the standard library that a command loads."""
    return imported("-m", "ntkcalc", *line.split()) - everywhere()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--help", LIGHT),
        ("--version", LIGHT),
        ("coeffs --help", LIGHT),
        ("eigs --schema", LIGHT | {"msgspec"}),
        ("--list-activations", LIGHT | {"gmpy2"}),
        ("coeffs -a relu --json", EXACT),
        ("coeffs -a tanh -l 3", EXACT | TABLE | {"flint"}),
        ("coeffs -a relu -T 1000 --json", EXACT),
        ("coeffs -a relu -T 1200 --json", ARRAYS),
        ("coeffs -a relu -l 3 -T 1200 --json", EXACT),
        ("evaluate -a relu --rho 0.5", EXACT | TABLE),
        ("evaluate -a relu --data - -q", MATRICES | TABLE),
        ("effrank -a relu", EXACT | TABLE),
        ("effrank -a relu --data - -q", MATRICES | TABLE),
        ("eigs -a relu --sphere-dim 2 --max-frequency 3", ARRAYS | TABLE),
        ("eigs -a relu --data - -q", MATRICES | TABLE),
        ("decay -a relu -T 100", ARRAYS | TABLE),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(line: str, expected: set[str]) -> None:
    found = loaded(line)
    assert not found & NEVER
    assert found == expected


def test_a_command_loads_neither_the_others_nor_what_tells_gmpy2_its_version() -> None:
    code = """
import sys
from ntkcalc.cli.main import main
try:
    main()
except SystemExit:
    print(*sys.modules)
"""
    command = [sys.executable, "-c", code, "coeffs", "-a", "relu", "-o", os.devnull]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=ENVIRONMENT)
    names = {*done.stdout.split()}
    assert {"gmpy2", "ntkcalc.cli.coeffs"} <= names
    assert not names & {"ntkcalc.cli.eigs", "ntkcalc.cli.decay", "importlib.metadata", "email.message", "zipfile"}
