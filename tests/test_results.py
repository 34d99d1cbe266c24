"""Results in Python: a dictionary, a table of pandas, an array, a line; NumPy's integers are integers."""

from __future__ import annotations

import inspect
import json
import sys
from decimal import Decimal
from fractions import Fraction
from io import StringIO
from typing import Any

import numpy as np
import pytest

import ntkcalc
from ntkcalc import (
    decay_theory,
    effective_rank_bounds,
    fit_decay,
    matrix_spectrum,
    ntk,
    ntk_coefficients,
    ntk_matrix,
    ntk_values,
    sphere_eigenvalues,
)
from ntkcalc.cli.main import main
from ntkcalc.errors import NtkcalcError
from ntkcalc.report.formats import Screen, text_of

POINTS = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
RESULTS: list[Any] = [
    ntk_coefficients("relu", 3, 5),
    ntk_coefficients("tanh", which="mu", truncation=3),
    ntk_values(["0.5", "-1"], "relu"),
    sphere_eigenvalues("sin", sphere_dim=3, max_frequency=4),
    matrix_spectrum(POINTS, act="relu"),
    effective_rank_bounds("gaussian"),
]
SERIES = RESULTS[:-1]


def named(r: Any) -> str:
    return type(r).__name__


def as_json(value: Any) -> Any:
    """What a value of to_dict is in JSON."""
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


@pytest.mark.parametrize("r", RESULTS, ids=named)
def test_a_dictionary_holds_what_json_holds(r: Any) -> None:
    written = json.loads(text_of([r], "json", Screen()))
    assert as_json(r.to_dict()) == {k: v for k, v in written.items() if k not in ("schema", "version")}


@pytest.mark.parametrize("r", RESULTS, ids=named)
def test_a_table_of_pandas_holds_what_csv_holds(r: Any) -> None:
    import pandas as pd

    frame, csv = r.to_pandas(), pd.read_csv(StringIO(text_of([r], "csv", Screen())))
    assert csv[frame.columns].astype(frame.dtypes).equals(frame)
    assert frame.attrs["kernel"]["activation"] == r.kernel.activation


@pytest.mark.parametrize("r", SERIES, ids=named)
def test_an_array_is_of_float64_and_holds_the_values(r: Any) -> None:
    array = np.asarray(r)
    assert array.dtype == np.float64
    assert array.tolist() == [float(x) for x in r.values]
    assert np.asarray(r, dtype=np.float32).dtype == np.float32


def test_values_are_numbers_of_every_series() -> None:
    coefficients, _, values, sphere, matrix = SERIES
    assert coefficients.values == tuple(c.value for c in coefficients.coefficients)
    assert values.values == tuple(v.theta for v in values.points)
    assert sphere.values == tuple(e.eigenvalue for e in sphere.eigenvalues)
    assert matrix.values == tuple(e.eigenvalue for e in matrix.eigenvalues)


@pytest.mark.parametrize("r", [*RESULTS, fit_decay([0.5**p for p in range(99)]), decay_theory("relu")], ids=named)
def test_a_result_is_a_line_and_a_table_for_notebooks(r: Any) -> None:
    line = repr(r)
    assert line.startswith(f"<{type(r).__name__}")
    assert len(line) < 160
    assert line.isprintable()
    html = r._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") >= 1
    assert line.replace("<", "&lt;").replace(">", "&gt;")[:20] in html


def test_integers_of_numpy_are_integers() -> None:
    for kind in (np.int64, np.int8, np.uint16):
        two, sixty = kind(2), kind(60)
        assert ntk_coefficients("relu", two, two, digits=sixty) == ntk_coefficients("relu", 2, 2, digits=60)
        assert (
            ntk_values([two - two], "relu", two, two, digits=sixty).points
            == ntk_values(0, "relu", 2, 2, digits=60).points
        )
        assert sphere_eigenvalues("relu", sphere_dim=two, max_frequency=two, digits=sixty) == sphere_eigenvalues(
            "relu", sphere_dim=2, max_frequency=2, digits=60
        )
        assert matrix_spectrum(POINTS, act="relu", top=two).values == matrix_spectrum(POINTS, act="relu", top=2).values
        assert effective_rank_bounds("relu", two, digits=two) == effective_rank_bounds("relu", 2, digits=2)
        assert decay_theory("relu", two, sphere_dim=two, rank=two) == decay_theory("relu", 2, sphere_dim=2, rank=2)
        assert ntk(0.5, "relu", two) == ntk(0.5, "relu", 2)
        assert (ntk_matrix(POINTS, act="relu", depth=two) == ntk_matrix(POINTS, act="relu", depth=2)).all()
        width = ntkcalc.empirical_ntk(POINTS, act="relu", widths=[sixty], seed=two)
        assert (width == ntkcalc.empirical_ntk(POINTS, act="relu", widths=[60], seed=2)).all()


@pytest.mark.parametrize("rho", ["0.5", 0.5, Decimal("0.5"), Fraction(1, 2), np.float64(0.5), np.float32(0.5)])
def test_a_correlation_may_be_of_any_type(rho: Any) -> None:
    assert ntk_values(rho, "relu").points == ntk_values([rho], "relu").points == ntk_values(["0.5"], "relu").points


def test_the_order_of_arguments() -> None:
    """First what a kernel is evaluated at, then the activation, then the depth."""
    where = ("rho", "x", "y", "series", "a")
    for name in ntkcalc.__all__:
        function = getattr(ntkcalc, name)
        if not inspect.isfunction(function) or "act" not in inspect.signature(function).parameters:
            continue
        names = [p for p in inspect.signature(function).parameters if p not in where]
        assert names[0] == "act", name
        before = [*inspect.signature(function).parameters][: [*inspect.signature(function).parameters].index("act")]
        assert set(before) <= {*where}, name


@pytest.mark.parametrize(
    "arguments", [["coeffs", "-a", "relu"], ["coeffs", "-a", "relu", "--json"], ["--version"], ["coeffs", "-h"]]
)
def test_main_prints_where_stdout_has_no_encoding(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(sys, "argv", ["ntkcalc", *arguments])
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code or 0) == 0
    assert stream.getvalue()


# ---------------------------------------------------------------- refusals


def test_pandas_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(NtkcalcError, match="pip install pandas"):
        RESULTS[0].to_pandas()


def test_what_is_no_series_is_no_array() -> None:
    with pytest.raises(TypeError, match="to_dict"):
        np.asarray(RESULTS[-1])
    with pytest.raises(ValueError, match="copy"):
        np.array(RESULTS[0], copy=False)
