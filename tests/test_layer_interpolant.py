"""The layer map on arrays: one series whether R is smooth in the angle or not."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.kernel import layer_interpolant
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_lookup import kernel_lookup
from ntkcalc.kernel.kernel_matrix import kernel_matrix
from ntkcalc.kernel.layer_interpolant import LayerMap, interpolated_layer_map
from ntkcalc.kernel.points import unit_rows
from ntkcalc.kernel.recursion import layer_map, theta, theta_between
from ntkcalc.kernel.variances import CorrelationMap
from ntkcalc.numerics.precision import Real, context

CTX = context(200)
SMOOTH = ["relu", "gelu", "tanh", "sin", "cos", "abs(x)^20.5"]
POWERS = ["abs(x)^1.5", "relu(x)^0.7", "(x*x)^(1/3)", "abs(x)^0.6", "relu(x)^1.5", "abs(x)^2.5", "abs(x)^0.51"]
ANGLES = [*(10.0**-k for k in (153, 100, 50, 30, 20, 15, 12, 9, 7, 5, 4, 3, 2)), *np.linspace(0.03, math.pi / 2, 40)]


def first_layer(act: str) -> tuple[CorrelationMap, LayerMap]:
    layer = Kernel.of(act, 2).checked().maps()[0]
    return layer, interpolated_layer_map(layer)


def exact(layer: CorrelationMap, sign: int, angle: float) -> tuple[Real, Real, Real]:
    """R(t), 1 − |R(t)| and R'(t)."""
    half = CTX.mpf(angle) / 2
    delta = 2 * CTX.sin(half) ** 2
    image, slope = layer_map(layer, Correlation(sign, ExpansionPoint.between(1 - delta, delta)), 100)
    return image.at(CTX)[0], image.size.at(CTX)[1], slope


@pytest.mark.parametrize("act", SMOOTH + POWERS)
def test_a_layer_map_is_exact_relatively_next_to_one(act: str) -> None:
    layer, found = first_layer(act)
    angles = np.array(ANGLES)
    _, images, slopes = found(np.zeros(len(angles), dtype=np.bool_), angles)
    chi = float(layer.slope(64))
    for angle, image, slope in zip(angles.tolist(), images.tolist(), slopes.tolist(), strict=True):
        _, delta, true = exact(layer, 1, angle)
        expected = 2 * CTX.asin(CTX.sqrt(delta / 2))
        assert abs(image - expected) < 3e-15 * math.sqrt(chi) * angle  # rounding errors of series of 32 to 128 terms
        assert abs(slope - true) < 3e-15 * chi


@pytest.mark.parametrize("act", SMOOTH + POWERS)
def test_below_zero_too(act: str) -> None:
    layer, found = first_layer(act)
    angles = np.array(ANGLES)
    signs, images, slopes = found(np.ones(len(angles), dtype=np.bool_), angles)
    chi = float(layer.slope(64))
    for angle, below, image, slope in zip(
        angles.tolist(), signs.tolist(), images.tolist(), slopes.tolist(), strict=True
    ):
        value, _, true = exact(layer, -1, angle)
        assert abs((-1 if below else 1) * math.cos(image) - value) < 3e-15
        assert abs(slope - true) < 3e-15 * chi


@pytest.mark.parametrize("act", SMOOTH + POWERS)
def test_at_one_the_slope_is_chi_however_steep_it_falls(act: str) -> None:
    layer, found = first_layer(act)
    _, image, slope = found(np.array([False]), np.zeros(1))
    assert image == 0
    assert slope == pytest.approx(float(layer.slope(64)), rel=1e-15)


def test_few_exact_values_are_enough() -> None:
    lengths = {act: len(first_layer(act)[1].above.coefficients) for act in SMOOTH + POWERS}
    assert {act for act, n in lengths.items() if n == 33} == {*SMOOTH} - {"abs(x)^20.5"}
    assert max(lengths.values()) <= 129


def log(x: float) -> float:
    return math.log(x) if x else 0.0


@pytest.mark.parametrize(
    ("rough", "degree"),
    [
        (lambda x: 9e-12 * x * log(x), 64),  # in ψ, the last four coefficients are below 1e-15 but not the rest
        (lambda x: 3e-7 * x**2 * log(x), 64),
        (lambda x: 1e-3 * x**0.3, 64),
        (lambda x: math.exp(-((30 * x) ** 2)), 256),
        (lambda x: math.exp(-((150 * x) ** 2)), 512),
    ],
)
def test_a_series_that_has_ended_is_close_everywhere(
    rough: Callable[[float], float], degree: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Kernel.of("relu", 2).checked().maps()[0]
    monkeypatch.setattr(layer_interpolant, "_at_angle", lambda *given: (1.0, 1 + rough(float(given[-1]))))
    series = layer_interpolant._interpolated(layer, 1)
    angles = np.array([*np.linspace(0, math.pi / 2, 3000), *np.geomspace(1e-9, 1e-2, 300)])
    found, slopes = series(angles)
    assert np.abs(found - 1).max() < 1e-15
    assert np.abs(slopes - [1 + rough(x) for x in angles.tolist()]).max() < 3e-15
    assert len(series.coefficients) - 1 == degree


@pytest.mark.parametrize("act", POWERS[:-1])
@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("name", ["ntk", "nngp"])
def test_kernels_of_powers_are_as_accurate_as_they_say(act: str, depth: int, name: str) -> None:
    kernel = Kernel.of(act, depth, kernel=name).checked()
    lookup = kernel_lookup(kernel)
    gaps = [1e-300, 1e-30, 1e-20, 1e-16, 1e-12, 3e-11, 1e-8, 1e-4, 0.01, 0.1, 0.5, 0.95, 1.0]
    pairs = [(gap, sign) for gap in gaps for sign in (1, -1)]
    found = lookup(np.array([sign < 0 for _, sign in pairs]), np.array([gap for gap, _ in pairs]))
    for (gap, sign), value in zip(pairs, found.tolist(), strict=True):
        true = theta(kernel, sign * (1 - Fraction(gap)), 100)
        assert abs(true - value) <= lookup.accuracy * lookup.total
    assert lookup.accuracy < 1e-14


@pytest.mark.parametrize("act", ["relu", "abs(x)^1.5", "abs(x)^0.6", "relu(x)^0.7"])
@pytest.mark.parametrize("apart", [1e-14, 1e-15, 1e-16])
def test_near_duplicates_are_off_by_no_more_than_is_stated(act: str, apart: float) -> None:
    draw = np.random.default_rng(round(-math.log10(apart)))
    x = draw.standard_normal((6, 4))
    rows = np.concatenate([x, x + apart * draw.standard_normal(x.shape), 3 * x, -x * (1 + apart)])
    kernel = Kernel.of(act, 3).checked()
    matrix = kernel_matrix(kernel, unit_rows(rows, "x"))
    out = np.empty(matrix.shape)
    matrix.fill(out)
    errors = []
    with mpmath.workdps(60):
        exact_rows = [mpmath.matrix(row) for row in rows.tolist()]
        units = [row / mpmath.norm(row) for row in exact_rows]
        for i in range(len(rows)):
            for j in range(i):
                gaps = (mpmath.norm(v) ** 2 / 2 for v in (units[i] - units[j], units[i] + units[j]))
                exact = theta_between(kernel, *(context(200).convert(gap) for gap in gaps), 120)
                errors.append(abs(float(exact) - out[i, j]))
    assert max(errors) <= matrix.entry_error
    assert matrix.entry_error <= max(30 * max(errors), 1e-13)


def test_only_the_nearest_pair_counts_not_the_diagonal() -> None:
    rows = np.random.default_rng(0).standard_normal((300, 10))
    matrix = kernel_matrix(Kernel.of("abs(x)^0.6", 3).checked(), unit_rows(rows, "x"))
    matrix.fill(None)
    far = matrix.entry_error
    assert far < 1e-10
    twice = kernel_matrix(Kernel.of("abs(x)^0.6", 3).checked(), unit_rows(np.concatenate([rows, 3 * rows]), "x"))
    twice.product(np.ones((600, 1)))
    assert twice.entry_error > 1e6 * far
