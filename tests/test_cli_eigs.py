"""`ntkcalc eigs` as its users meet it: the sphere, samples, data, someone else's series, pictures, refusals."""

import csv
import json
import shlex
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shell
from shell import ASCII, DATA, ENVELOPE, KERNEL, SHELL, one_line_of_error

from ntkcalc import ntk_matrix

SPHERE = ["k", "eigenvalue", "lower", "upper", "multiplicity", "trace_share", "cumulative"]
MATRIX = ["index", "eigenvalue", "normalized", "gram_normalized", "bound_effrank", "bound_tail", "resolved"]
POINTS = "1 0 2\n0 1 1\n1 1 -1\n-1 2 0\n3 1 1\n"


def output(line: str, stdin: str = "", **environment: str) -> str:
    return shell.output(f"eigs {line}", stdin, **environment)


def objects(line: str, stdin: str = "") -> list[dict[str, Any]]:
    return [json.loads(text) for text in output(f"{line} --json", stdin).splitlines()]


# ---------------------------------------------------------------- the sphere


def test_json_of_a_sphere_has_the_fields_of_the_contract() -> None:
    (found,) = objects("-a relu --sphere-dim 3 --max-frequency 4")
    own = ["sphere_dim", "measure", "truncation", "eigenvalues", "trace"]
    assert list(found) == [*ENVELOPE, *own]
    assert list(found["kernel"]) == KERNEL
    assert found["schema"] == "ntkcalc.eigs/1"
    assert (found["sphere_dim"], found["measure"], found["trace"]) == (3, "uniform", 1.5)
    assert [list(e) for e in found["eigenvalues"]] == [SPHERE] * 5
    assert [e["k"] for e in found["eigenvalues"]] == [0, 1, 2, 3, 4]
    assert [e["multiplicity"] for e in found["eigenvalues"]] == [1, 4, 9, 16, 25]  # (k + 1)² on S³


def test_every_eigenvalue_is_between_its_bounds_whatever_the_truncation() -> None:
    for truncation in ("", "-T 0", "-T 7"):
        for e in objects(f"-a tanh -l 3 --gamma-b2 0.1 --sphere-dim 2 {truncation}")[0]["eigenvalues"]:
            assert e["lower"] <= e["eigenvalue"] <= e["upper"]


def test_numbers_beyond_doubles_are_strings() -> None:
    last = objects("-a relu --sphere-dim 10000 --max-frequency 200")[0]["eigenvalues"][-1]
    assert Decimal(last["eigenvalue"]) < Decimal("1e-400")
    assert int(last["multiplicity"]) > 10**400
    assert isinstance(last["eigenvalue"], str)
    assert isinstance(last["multiplicity"], str)
    assert all(isinstance(e["eigenvalue"], str) for e in objects("-a sin --sphere-dim 2 -d 16")[0]["eigenvalues"])


def test_csv_and_plain_hold_what_json_holds() -> None:
    line = "-a relu -a sin --sphere-dim 2 --max-frequency 3"
    flat = [e for found in objects(line) for e in found["eigenvalues"]]
    rows = list(csv.DictReader(output(f"{line} --format csv").splitlines()))
    assert list(rows[0]) == ["activation", "depth", "sigma_w2", "gamma_b2", *SPHERE]
    assert [[float(row[name]) for name in SPHERE] for row in rows] == [[e[name] for name in SPHERE] for e in flat]
    blocks = output(f"{line} --format plain").split("\n\n")
    plain = [text.split() for block in blocks for text in block.splitlines()[1:]]
    assert [block.split(",")[0] for block in blocks] == ["# relu", "# sin"]
    assert [[int(k), float(value), int(n)] for k, value, n in plain] == [
        [e["k"], e["eigenvalue"], e["multiplicity"]] for e in flat
    ]


def test_the_surface_measure_has_the_area_of_the_sphere() -> None:
    (uniform,), (surface,) = (objects(f"-a relu --sphere-dim 2 --measure {m}") for m in ("uniform", "surface"))
    for e, f in zip(uniform["eigenvalues"], surface["eigenvalues"], strict=True):
        assert f["eigenvalue"] == pytest.approx(4 * np.pi * e["eigenvalue"], rel=1e-11)  # 12 digits are printed
        assert f["trace_share"] == e["trace_share"]
    assert surface["trace"] == pytest.approx(6 * np.pi, rel=1e-11)


def test_a_table_has_the_digits_of_plain() -> None:
    line = "-a relu --sphere-dim 5 --max-frequency 4 -d 25"
    table = output(line)
    for word in output(f"{line} --format plain").split():
        assert word in table.split()
    assert "Theorem 4.6" in table


@pytest.mark.parametrize(
    "line", ["-a relu --sphere-dim 3", "-a relu --sphere-dim 3 --sample 20", "-a relu -q --data -"]
)
def test_an_ascii_locale_gets_ascii(line: str) -> None:
    assert output(line, POINTS, **ASCII).isascii()


# ---------------------------------------------------------------- someone else's series


def test_a_series_with_its_tail_has_both_bounds() -> None:
    pipe = f"{SHELL} coeffs -a relu -T 20 --json | {SHELL} eigs -c - --sphere-dim 2 --max-frequency 4 --json"
    done = shell.run(pipe)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["kernel"]["activation"], found["truncation"]) == ("relu", 20)
    exact = objects("-a relu --sphere-dim 2 --max-frequency 4")[0]["eigenvalues"]
    for e, f in zip(found["eigenvalues"], exact, strict=True):
        shown = e["eigenvalue"]  # the digits that the bracket leaves
        assert shown is None or abs(shown - f["eigenvalue"]) <= 10.0 ** Decimal(repr(shown)).as_tuple().exponent
        assert e["lower"] <= f["eigenvalue"] * (1 + 1e-11)  # the piped coefficients have 12 digits
        assert e["upper"] >= f["eigenvalue"] * (1 - 1e-11)


def test_of_a_series_without_a_tail_only_the_lower_bounds_are_known() -> None:
    (found,) = objects("-c - --sphere-dim 2 --max-frequency 2", "1\n0.5\n0.25\n")
    assert found["kernel"] is None
    assert found["trace"] is None
    assert [(e["eigenvalue"], e["upper"], e["trace_share"]) for e in found["eigenvalues"]] == [(None, None, None)] * 3
    # t² is 1/3 of degree 0 on S²
    assert found["eigenvalues"][0]["lower"] == pytest.approx(1 + 0.25 / 3, rel=1e-11)
    assert "no upper bounds" in output("-c - --sphere-dim 2", "1\n0.5\n")


# ---------------------------------------------------------------- samples


def test_a_sample_stands_beside_the_theory() -> None:
    line = "-a relu --sphere-dim 2 --max-frequency 4 --sample 300 --seed 7"
    (found,) = objects(line)
    assert (found["sample"]["n"], found["sample"]["seed"]) == (300, 7)
    rows = found["sample"]["eigenvalues"]
    assert [e["index"] for e in rows] == list(range(1, 301))
    spread = {e["k"]: e for e in found["eigenvalues"]}
    expected = [spread[k]["eigenvalue"] for k in (0, 1, 2, 4) for _ in range(2 * k + 1)]
    assert [e["theory"] for e in rows[:19]] == [*expected, None]
    assert sum(e["eigenvalue"] or 0 for e in rows) == pytest.approx(1.5, rel=1e-9)  # the trace
    assert objects(line) == [found]
    assert objects(line.replace("7", "8"))[0]["sample"] != found["sample"]


def test_the_top_of_a_sample_is_the_top() -> None:
    line = "-a tanh --sphere-dim 3 --sample 100"
    (whole,), (top,) = objects(line), objects(f"{line} --top 5")
    assert top["sample"]["eigenvalues"] == whole["sample"]["eigenvalues"][:5]


# ---------------------------------------------------------------- data


def test_json_of_data_has_the_fields_of_the_contract() -> None:
    (found,) = objects("-a relu -l 3 -q --data -", POINTS)
    assert list(found)[: len(ENVELOPE) + 2] == [*ENVELOPE, "data", "eigenvalues"]
    assert list(found["data"]) == DATA
    assert [list(e) for e in found["eigenvalues"]] == [MATRIX] * 5
    rows = np.array([[float(x) for x in line.split()] for line in POINTS.splitlines()])
    truth = np.linalg.eigvalsh(ntk_matrix(rows, act="relu", depth=3) / 5)[::-1]
    assert [e["eigenvalue"] for e in found["eigenvalues"]] == pytest.approx(truth.tolist(), rel=1e-11)  # 12 digits
    for e in found["eigenvalues"]:
        assert e["normalized"] <= min(e["bound_effrank"], e["bound_tail"])
        assert e["resolved"] is True


def test_what_double_precision_cannot_see_is_null() -> None:
    rows = objects("-a relu -q --data -", "1 0\n1 0\n0 1\n")[0]["eigenvalues"]
    assert [e["resolved"] for e in rows] == [True, True, False]
    assert (rows[2]["eigenvalue"], rows[2]["normalized"]) == (None, None)
    assert "; 1 eigenvalue below that: ?" in output("-a relu -q --data -", "1 0\n1 0\n0 1\n")
    assert output("-a relu -q --data - --format plain", "1 0\n1 0\n0 1\n").splitlines()[2] == "3 null"


def test_the_top_of_data_is_the_top_without_holding_the_matrix(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(1).standard_normal((400, 6)))
    line = f"-a gelu -q --data {tmp_path / 'x.npy'}"
    whole = [e["eigenvalue"] for e in objects(line)[0]["eigenvalues"]]
    for budget in ("1G", "0"):
        top = [e["eigenvalue"] for e in objects(f"{line} --top 9 --memory {budget}")[0]["eigenvalues"]]
        assert top == pytest.approx(whole[:9], rel=1e-10)  # 1e-13 of the largest


def test_a_table_of_data_shows_as_many_rows_as_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(1).standard_normal((40, 3)))
    line = f"-a relu -q --data {tmp_path / 'x.npy'}"
    assert "and 16 more" in output(line)
    assert "more (" not in output(f"{line} --top 30")


def test_rows_that_had_to_be_scaled_are_a_remark() -> None:
    done = shell.inside(shlex.split("eigs -a relu --data - --format plain"), POINTS)
    assert (done.returncode, done.stderr) == (0, "ntkcalc: stdin: rows scaled to unit norm\n")


@pytest.mark.parametrize(
    "line",
    [
        "-a relu --sphere-dim 3",
        "-a relu -a sin --sphere-dim 2 --sample 50",
        "-a abs -q --data -",
        "-a linear -q --data -",
    ],
)
@pytest.mark.quick(2)
def test_a_picture_is_drawn_beside_the_output(line: str, tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    assert output(f"{line} --plot {picture} --format plain", POINTS)
    assert picture.read_bytes().startswith(b"\x89PNG")


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-a relu", ["--sphere-dim D", "--data FILE"]),
        ("--sphere-dim 2", ["name an activation"]),
        ("-a relu --sphere-dim 1", ["2 to 10000", "got 1"]),
        ("-a relu --sphere-dim 10001", ["2 to 10000", "got 10001"]),
        ("-a relu --sphere-dim 2 --max-frequency -1", ["max_frequency", "got -1"]),
        ("-a relu --sphere-dim 2 --max-frequency 100000", ["5000", "got 100000"]),
        ("-a relu --sphere-dim 2 --measure uniforn", ["Did you mean 'uniform'?"]),
        ("-a relu --sphere-dim 2 --sample 0", ["sample", "got 0"]),
        ("-a relu --sphere-dim 2 --sample 1000000", ["12000", "got 1000000"]),
        ("-a relu --sphere-dim 2 --sample 5 --seed -1", ["seed", "got -1"]),
        ("-a relu --sphere-dim 2 --sample 5 --measure surface", ["--measure uniform"]),
        ("-a relu --sphere-dim 2 --seed 5", ["--sample N"]),
        ("-a relu --sphere-dim 2 --top 5", ["--sample N"]),
        ("-a relu --sphere-dim 2 -T -1", ["truncation", "got -1"]),
        ("-a relu --sphere-dim 2 -d 0", ["digits", "got 0"]),
        ("-a relu --sphere-dim 2 --engine numpy", ["mpmath", "--engine numpy"]),
        ("-a relu --sphere-dim 2 --data -", ["--data", "sphere"]),
        ("-a relu --data - --sample 5", ["--data", "sphere"]),
        ("-a relu --data - -T 5", ["--data", "sphere"]),
        ("-a relu --data - --top 0", ["top must be at least 1", "got 0"]),
        ("-a relu --data - --memory 0", ["--top N"]),
        ("-a relu --data none.npy", ["no such file"]),
        ("-c - --sphere-dim 2 -a relu", ["--coeffs", "leave out"]),
        ("-c - --sphere-dim 2 --sample 5", ["--coeffs", "--sample"]),
        ("-c - --data -", ["only one"]),
        ("-a relu --sphere-dim 2 --plot p.gif", [".png"]),
        ("-a relu --sphere-dim 2 -o /no/such/file", ["no such folder"]),
    ],
)
@pytest.mark.quick(12)
def test_a_refusal_says_what_was_expected_and_what_came(line: str, expected: Sequence[str], tmp_path: Path) -> None:
    done = shell.inside(["eigs", *shlex.split(line)], POINTS, tmp_path)
    assert done.returncode == 2
    said = one_line_of_error(done)
    assert [words for words in expected if words not in said] == []
    assert list(tmp_path.iterdir()) == []


def test_digits_that_float64_does_not_have_are_exit_3_where_they_were_asked_for() -> None:
    done = shell.inside(shlex.split("eigs -a relu --data - -d 16"), POINTS)
    assert done.returncode == 3
    assert "--digits" in one_line_of_error(done)


def test_values_that_end_early_have_all_their_digits() -> None:
    assert output("-a linear -q --data - -d 9 --format plain", "1 0\n0 1\n") == "1 1\n2 1\n"


@pytest.mark.parametrize(("act", "terms"), [("erf", 200), ("relu", 50), ("gelu", 12)])
def test_of_a_piped_series_eigenvalues_have_the_digits_that_their_brackets_leave(act: str, terms: int) -> None:
    options = "--sphere-dim 3 --max-frequency 4 --json"
    series = shell.output(f"coeffs -a {act} -T {terms} --json")
    found = json.loads(output(f"-c - {options}", series))["eigenvalues"]
    truth = json.loads(output(f"-a {act} {options} -d 15"))["eigenvalues"]
    known = [(row, exact) for row, exact in zip(found, truth, strict=True) if row["eigenvalue"] is not None]
    assert len(known) >= 2
    for row, exact in known:
        assert row["lower"] <= exact["eigenvalue"] <= row["upper"]
        shown = Decimal(repr(row["eigenvalue"]))
        assert abs(shown - Decimal(repr(exact["eigenvalue"]))) <= Decimal(1).scaleb(shown.as_tuple().exponent)
