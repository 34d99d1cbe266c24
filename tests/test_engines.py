"""The engines: relative accuracy of every coefficient, and error bounds that bound measured errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from volume import examples

from ntkcalc import AccuracyError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.numerics.engine import ErrorBound, ErrorEngine
from ntkcalc.numerics.mpmath_engine import MpmathEngine
from ntkcalc.numerics.numpy_engine import NumpyEngine
from ntkcalc.numerics.packed_series import Packing
from ntkcalc.numerics.precision import context
from ntkcalc.series.recurrence import error_bound, layers

WIDE = context(600)
SERIES = ("alpha", "beta", "kappa", "alpha_tail", "beta_tail", "kappa_tail")

# coefficients over ranges that fixed-point numbers of 100 bits could not hold
WILD: dict[str, Callable[[int], Any]] = {
    "1/p!": lambda p: 1 / WIDE.factorial(p),
    "1/p!^3": lambda p: 1 / WIDE.factorial(p) ** 3,
    "2^-p": lambda p: WIDE.ldexp(1, -p),
    "exp(-pi sqrt p)": lambda p: WIDE.exp(-WIDE.pi * WIDE.sqrt(p)),
    "10^p": lambda p: WIDE.mpf(10) ** p,
    "p even, p^(-3/2)": lambda p: (1 - p % 2) / WIDE.mpf(p + 1) ** 1.5,
    "p odd, 1/p!": lambda p: (p % 2) / WIDE.factorial(p),
    "p in 0 and 7": lambda p: WIDE.mpf(p in (0, 7)),
    "zero": lambda p: WIDE.zero,
}


def series(name: str, terms: int) -> list[Any]:
    return [WILD[name](p) for p in range(terms)]


def product(a: list[Any], b: list[Any]) -> list[Any]:
    return [WIDE.fsum(a[i] * b[p - i] for i in range(p + 1)) for p in range(len(a))]


def composition(outer: list[Any], inner: list[Any]) -> list[Any]:
    total = [WIDE.zero] * len(inner)
    for c in reversed(outer):
        total = product(total, inner)
        total[0] += c
    return total


def worst_error(found: list[Any], exact: list[Any]) -> float:
    """The largest relative error; infinite where an exact zero is not zero."""
    errors = [
        abs(WIDE.convert(f) / e - 1) if e else (0 if not f else WIDE.inf) for f, e in zip(found, exact, strict=True)
    ]
    return float(max(errors))


@pytest.mark.parametrize("bits", [40, 200])
@pytest.mark.parametrize("first", WILD)
@pytest.mark.parametrize("second", WILD)
def test_every_coefficient_of_a_product_keeps_its_bits(first: str, second: str, bits: int) -> None:
    a, b = series(first, 45), series(second, 45)
    assert worst_error(MpmathEngine(bits).multiply(a, b), product(a, b)) <= 2.0**-bits


@pytest.mark.parametrize("bits", [40, 200])
@pytest.mark.parametrize("inner", [name for name in WILD if name != "zero"])
@pytest.mark.quick(3)
def test_every_coefficient_of_a_composition_keeps_its_bits(inner: str, bits: int) -> None:
    u = MpmathEngine(bits).without_constant(series(inner, 30))
    outers = [series(name, 30) for name in WILD]
    for outer, found in zip(outers, MpmathEngine(bits).compose(outers, u), strict=True):
        assert worst_error(found, composition(outer, u)) <= 2.0**-bits


@pytest.mark.parametrize("inner", ["2^-p", "exp(-pi sqrt p)", "1/p!"])
def test_polynomials_of_series_with_a_constant_count_all_their_terms(inner: str) -> None:
    u, outer = series(inner, 12), series("1/p!", 40)
    (found,) = MpmathEngine(100).compose([outer], u)
    assert worst_error(found, composition(outer, u)) <= 2.0**-100


@pytest.mark.parametrize("act", ["gaussian", "erf"])
def test_products_and_compositions_of_long_series_take_one_attempt_each(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, attempts = Packing.fixed_point, []
    monkeypatch.setattr(Packing, "fixed_point", lambda *width: attempts.append(width) or made(*width))
    assert len([*layers(MpmathEngine(60), Kernel.of(act, 3), 2500, wanted=["kappa"])]) == 3
    assert len(attempts) == 1 + 3 + 1  # t β, and the products and the composition of the last layer


@pytest.mark.parametrize("name", WILD)
def test_a_series_composed_with_the_identity_is_itself(name: str) -> None:
    identity = [WIDE.mpf(p == 1) for p in range(50)]
    (found,) = MpmathEngine(80).compose([series(name, 50)], identity)
    assert worst_error(found, series(name, 50)) <= 2.0**-80


@pytest.mark.parametrize("first", ["2^-p", "exp(-pi sqrt p)", "p even, p^(-3/2)", "1/p!"])
@pytest.mark.parametrize("second", ["2^-p", "exp(-pi sqrt p)", "10^p"])
@pytest.mark.quick(3)
def test_float64_rounds_no_more_than_it_says(first: str, second: str) -> None:
    a, b = (NumpyEngine().series(series(name, 80)) for name in (first, second))
    exact_a, exact_b = ([WIDE.convert(c) for c in NumpyEngine().scalars(x)] for x in (a, b))
    bounds = NumpyEngine().rounding(80)
    inner = NumpyEngine().without_constant(a)
    (composed,) = NumpyEngine().compose([exact_b], inner)
    for found, exact, bound in (
        (NumpyEngine().multiply(a, b), product(exact_a, exact_b), bounds[0]),
        (composed, composition(exact_b, [WIDE.zero, *exact_a[1:]]), bounds[1]),
    ):
        for p, (f, e) in enumerate(zip(found, exact, strict=True)):
            assert abs(f - e) <= bound.at(max(p, 1)) * 2.0**-53 * e


@pytest.mark.parametrize("inner", ["odd", "even", "from 3 on"])
def test_float64_composes_series_with_and_without_parity(inner: str) -> None:
    engine = NumpyEngine()
    present = {"odd": lambda p: p % 2, "even": lambda p: p and p % 2 == 0, "from 3 on": lambda p: p > 2}[inner]
    row = engine.series([1 / WIDE.mpf(p + 1) if present(p) else WIDE.zero for p in range(80)])
    outer, exact = ([WIDE.convert(c) for c in engine.scalars(x)] for x in (engine.series(series("2^-p", 90)), row))
    bound = engine.rounding(80)[1]
    (found,) = engine.compose([outer], row)
    for p, (f, e) in enumerate(zip(found, composition(outer, exact), strict=True)):
        assert abs(f - e) <= bound.at(max(p, 1)) * 2.0**-53 * e
        assert bool(f) == bool(e)


KERNELS = st.tuples(
    st.sampled_from(["relu", "leaky-relu:slope=-0.3", "abs", "gelu", "erf", "gaussian", "sin", "cos", "tanh", "elu"]),
    st.integers(2, 6),
    st.one_of(st.just("max"), st.decimals("0.05", "1", places=3)),
    st.decimals(0, "0.95", places=3),
)


@given(KERNELS, st.integers(1, 40))
@examples(12)
def test_the_error_bound_bounds_the_measured_error_of_float64(kernel: tuple, truncation: int) -> None:
    act, depth, sigma_w2, gamma_b2 = kernel
    exact = layers(MpmathEngine(120), Kernel.of(act, depth, sigma_w2, gamma_b2), truncation)
    try:
        rough = list(layers(NumpyEngine(), Kernel.of(act, depth, sigma_w2, gamma_b2), truncation))
    except AccuracyError:  # below the range of floats
        assume(False)
    for true, found in zip(exact, rough, strict=True):
        bound = error_bound(NumpyEngine(), found.depth, truncation)
        for name in SERIES:
            for p, (f, t) in enumerate(zip(getattr(found, name).tolist(), getattr(true, name), strict=True)):
                assert abs(f - t) <= bound.at(p) * 2.0**-53 * t, (found.depth, name, p)


@pytest.mark.parametrize(("depth", "truncation", "digits"), [(2, 1000, 12), (3, 200, 12), (5, 200, 11), (3, 20, 13)])
def test_the_error_bound_promises_digits(depth: int, truncation: int, digits: int) -> None:
    error = error_bound(NumpyEngine(), depth, truncation).at(truncation) * 2.0**-53
    assert error <= 0.45 * 10.0**-digits


def test_the_error_bound_grows_with_depth_and_degree() -> None:
    by_depth = [error_bound(NumpyEngine(), depth, 100).at(100) for depth in range(2, 8)]
    assert by_depth == sorted(by_depth)
    assert len(set(by_depth)) == len(by_depth)


def test_error_bounds_follow_the_calculus_of_roundings() -> None:
    engine = ErrorEngine(ErrorBound(3, 0.5), ErrorBound(7, 0.25))
    a, b = ErrorBound(2, 1), ErrorBound(5, 0)
    assert engine.multiply(a, b) == ErrorBound(2 + 5 + 3, 1 + 0.5)
    assert engine.add(a, b) == ErrorBound(5 + 1, 1)
    assert engine.compose([[], []], a) == [ErrorBound(1 + 7, 2 + 1 + 0.25)] * 2


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("p", [0, 1, 100])
def test_engines_that_round_once_lose_few_bits(depth: int, p: int) -> None:
    assert error_bound(MpmathEngine(40), depth, p).at(p) <= depth * (4 * p + 5)


def test_numbers_come_out_of_an_engine_as_they_are() -> None:
    values = [0.0, 5e-324, 1 / 3, 1e308]
    assert [float(c) for c in NumpyEngine().scalars(np.array(values))] == values


def test_float64_refuses_what_would_underflow() -> None:
    tiny = NumpyEngine().series([WIDE.mpf(10) ** (-20 * p) for p in range(13)] + [WIDE.zero] * 7)
    with pytest.raises(AccuracyError, match=r"coefficient of t\^15 is below 1e-290.*use --engine mpmath"):
        NumpyEngine().multiply(tiny, tiny)
    with pytest.raises(AccuracyError, match=r"t\^1 is below"):
        NumpyEngine().series([WIDE.mpf(1), WIDE.mpf(10) ** -330])
    with pytest.raises(AccuracyError, match=r"t\^0 is too large"):
        NumpyEngine().scale(WIDE.mpf(10) ** 330, NumpyEngine().series([WIDE.mpf(1)]))
