"""JSON and CSV as a contract: schemas are valid and complete, what is printed keeps them, and pandas reads it."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from shell import START, inside, strict_validator

from ntkcalc.report.schema import COMMANDS, schema

LINES = [
    "coeffs -a relu -a leaky-relu:slope=0.5 -l 2:3 -T 3",
    "coeffs -a tanh --which alpha -T 3 -d 20",
    "coeffs -a tanh --which beta -T 3 --paper-truncation",
    "coeffs -a sin --which mu -T 180",
    "evaluate -a relu --rho 0.5 --rho -1 -T 2 -T 3",
    "evaluate -c {series} --rho 0.5",
    "evaluate -c {numbers} --rho 0.5 -d 30",
    "evaluate -a relu --data {points}",
    "evaluate -a relu --data {points} --other {points}",
    "effrank -a relu -a gaussian -a sin -l 1 -l 2",
    "effrank -c {numbers}",
    "effrank -a relu --data {points} --epsilon 0.1 --epsilon 0.5",
    "eigs -a relu --sphere-dim 2 --max-frequency 4",
    "eigs -a tanh --sphere-dim 60 --max-frequency 30 --measure surface -d 20",
    "eigs -c {numbers} --sphere-dim 2 --max-frequency 2",
    "eigs -a relu --sphere-dim 2 --max-frequency 2 --sample 6 --seed 1",
    "eigs -a relu -a gaussian --data {points}",
    "eigs -a relu --data {points} --top 2",
    "eigs -a relu --data {points} --no-normalize",
    "effrank -a relu --data {points} --no-normalize",
    "coeffs -a tanh -l 3 --sigma-w2 2 --sigma-b2 0.1 --gamma-w2 sigma --kernel nngp",
    "decay -a relu -a tanh -a gaussian -T 300 --sphere-dim 2 --rank 5 --all",
    "decay -a linear -T 300",
    "decay -a sin -a mish -T 300",
    "decay -c {numbers}",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "points.txt").write_text("1 0 0\n0 1 0\n1 1 1\n-1 2 0\n1 0 0\n")
    (folder / "numbers.txt").write_text("1\n0.5\n0.25\n0.125\n")
    (folder / "series.json").write_text(inside(["coeffs", "-a", "tanh", "--json"]).stdout)
    return {Path(name).stem: str(folder / name) for name in ("points.txt", "numbers.txt", "series.json")}


def printed(line: str, files: dict[str, str], *options: str) -> str:
    done = inside([*shlex.split(line.format(**files)), "-q", *options])
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_schemas_are_printed_and_valid(command: str) -> None:
    done = inside([command, "--schema"])
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found == schema(command)
    Draft202012Validator.check_schema(found)


def named(node: Any) -> Iterator[str]:
    """All fields that a schema declares."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for value in node.values():
            yield from named(value)
    elif isinstance(node, list):
        for value in node:
            yield from named(value)


def used(node: Any) -> Iterator[str]:
    """All fields that a result has."""
    if isinstance(node, dict):
        yield from node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from used(value)


@pytest.mark.parametrize("command", COMMANDS)
def test_all_output_keeps_its_schema_and_every_declared_field_is_seen(command: str, files: dict[str, str]) -> None:
    results = []
    for line in LINES:
        if line.startswith(command):
            text = printed(line, files, "--json")  # which holds it against the closed schema
            assert all(row.startswith(START) for row in text.splitlines())
            results += [json.loads(row) for row in text.splitlines()]
    assert results
    for result in results:
        Draft202012Validator(schema(command)).validate(result)
    assert set(named(schema(command))) <= set(used(results)) | FINITE_WIDTH


NETWORK_TYPES = ("FiniteWidth", "Interval", "TheoremCheck", "NetworkFacts", "NetworkEigenvalue")
FINITE_WIDTH = (
    {"finite_width"}
    | set(named(schema("eigs")["anyOf"][2]))
    | {
        name
        for command in ("effrank", "eigs")
        for kind in NETWORK_TYPES
        for name in named(schema(command)["$defs"].get(kind))
    }
)
"""What only --width prints."""


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "ntkcalc.coeffs/2"},
        {"digits": "12"},
        {"kernel": "relu"},
        {"tail": "much"},
        {"tail": None},
        {"coefficients": [{"p": 0, "share": 1, "cumulative": 1}]},
        {"surprise": 1},
    ],
)
def test_what_breaks_the_contract_is_refused(change: dict[str, Any]) -> None:
    result = json.loads(inside(["coeffs", "-a", "relu", "-T", "1", "--json"]).stdout)
    strict_validator("coeffs").validate(result)
    with pytest.raises(ValidationError):
        strict_validator("coeffs").validate(result | change)


def test_fields_may_be_added() -> None:
    result = json.loads(inside(["coeffs", "-a", "relu", "-T", "1", "--json"]).stdout)
    Draft202012Validator(schema("coeffs")).validate(result | {"surprise": 1})


@pytest.mark.parametrize("line", LINES)
@pytest.mark.quick(6)
def test_csv_opens_in_pandas_with_numbers_as_numbers(line: str, files: dict[str, str]) -> None:
    import pandas

    text = printed(line, files, "--format", "csv")
    frame = pandas.read_csv(io.StringIO(text))
    assert "\r" not in text
    assert list(frame.columns) == text.splitlines()[0].split(",")
    assert len(frame) == len(text.splitlines()) - 1 > 0
    words = {"activation", "output", "parity", "model", "oscillating", "resolved"}
    for name in set(frame.columns) - words:
        exact = frame[name].map(str).str.isdigit().all()  # whole numbers beyond 64 bits, kept as they are
        assert frame[name].isna().all() or pandas.api.types.is_numeric_dtype(frame[name]) or exact, name
