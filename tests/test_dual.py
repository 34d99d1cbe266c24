"""Dual activations D(t) = E[φ(U)φ(V)] expanded about a: d_j = δ^j D^{(j)}(a)/j!, δ = 1 − a."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import arb_ntk
import pytest

from ntkcalc.activations.catalogue import FAMILIES, activation
from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.activations.exponential_linear import ExponentialLinearDual
from ntkcalc.numerics.precision import Context, context, real

CTX = context(200)
NAMES = [*FAMILIES, "leaky-relu:slope=-0.5", "elu:alpha=0.3", "gaussian:sigma=0.5"]

CLOSED_FORMS: dict[str, Callable[[Context, Any], Any]] = {
    "linear": lambda c, t: t,
    "relu": lambda c, t: (c.sqrt(1 - t * t) + t * (c.pi - c.acos(t))) / (2 * c.pi),
    "abs": lambda c, t: 2 * (c.sqrt(1 - t * t) + t * c.asin(t)) / c.pi,
    "erf": lambda c, t: 2 * c.asin(2 * t / 3) / c.pi,
    "gaussian": lambda c, t: 1 / (2 * c.pi * c.sqrt(4 - t * t)),
    "sin": lambda c, t: c.sinh(t) / c.e,
    "cos": lambda c, t: c.cosh(t) / c.e,
}


def below_one(delta: str) -> ExpansionPoint:
    return ExpansionPoint.between(1 - CTX.mpf(delta), CTX.mpf(delta))


def wide(x: Any) -> Any:
    return real(CTX, x) if isinstance(x, Fraction) else CTX.convert(x)


def square(name: str) -> Any:
    return wide(activation(name).dual.mean_square(200))


@pytest.mark.parametrize("name", [*NAMES, "softplus:beta=2"])
def test_an_expansion_regroups_the_hermite_series(name: str) -> None:
    # beyond k = 50, C(k, 4) 0.25^(k − 4) leaves 1e-22
    squares = [CTX.mpf(m.mid().str(34, radius=False)) ** 2 for m in arb_ntk.reference_mu(_full(name), 50, 34)]
    for x in (CTX.zero, CTX.mpf("0.25")):
        for j, found in enumerate(activation(name).dual.taylor(ExpansionPoint(x, near_one=False), 4, 80)):
            regrouped = CTX.fsum(CTX.binomial(k, j) * x ** (k - j) * (1 - x) ** j * squares[k] for k in range(j, 51))
            assert abs(found - regrouped) <= regrouped * 1e-20, (x, j)


def _full(name: str) -> str:
    return name if ":" in name else FAMILIES[name].usage


@pytest.mark.parametrize("delta", ["0.7", "0.01", "1e-12", "1e-40"])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_an_expansion_is_that_of_the_closed_form(name: str, delta: str) -> None:
    ctx = context(3000)
    a = 1 - ctx.mpf(delta)
    step = ctx.mpf(delta) * ctx.ldexp(1, -400)  # differences leave this much, relatively
    derivatives = ctx.taylor(lambda t: CLOSED_FORMS[name](ctx, t), a, 6, h=step)
    point = ExpansionPoint.between(a, ctx.mpf(delta))
    for j, (found, d) in enumerate(zip(activation(name).dual.taylor(point, 6, 120), derivatives, strict=True)):
        expected = d * ctx.mpf(delta) ** j
        assert abs(found - expected) <= abs(expected) * 2.0**-118 + ctx.mpf("1e-100") * (found == 0), j


@pytest.mark.parametrize("name", NAMES)
def test_coefficients_and_their_tail_add_up_to_the_moments(name: str) -> None:
    dual = activation(name).dual
    found = dual.expansion(below_one("0.01"), 8, 60)
    slopes = [(j + 1) * c * 100 for j, c in enumerate(found.d[1:])]
    for series, tails, total in (
        (found.d, found.tails, wide(dual.mean_square(80))),
        (slopes, found.slope_tails, wide(dual.slope_square(80))),
    ):
        for j, tail in enumerate(tails):
            assert tail >= 0
            assert abs(CTX.fsum(series[: j + 1]) + tail - total) <= total * 2.0**-60, j


@pytest.mark.parametrize("delta", ["0.5", "1e-3"])
@pytest.mark.parametrize("name", ["gelu", "erf", "gaussian", "sin", "cos"])
def test_the_coefficients_of_an_elementary_smooth_dual_sum_to_its_value_at_one(name: str, delta: str) -> None:
    series = activation(name).dual.taylor(below_one(delta), 120, 150)
    missing = square(name) - CTX.fsum(series)
    # D is analytic beyond 1, for erf up to 3/2: about 1/2 its terms fall like 2^-j
    assert abs(missing / square(name)) < 2.0**-119


@pytest.mark.parametrize("delta", ["0.9", "0.5", "0.01"])
@pytest.mark.parametrize("name", ["relu", "abs", "elu", "selu", "leaky-relu"])
def test_the_coefficients_of_a_kinked_dual_approach_its_value_at_one(name: str, delta: str) -> None:
    series = activation(name).dual.taylor(below_one(delta), 400, 100)
    missing = [float((square(name) - CTX.fsum(series[: n + 1])) / square(name)) for n in (100, 200, 400)]
    # (1 − t)^(3/2) leaves n^(-3/2); elu's (1 − t)^(5/2) leaves n^(-5/2); both up to a relative 1/n
    power = 2.5 if name == "elu" else 1.5
    assert missing[0] / missing[1] == pytest.approx(2**power, rel=0.06)
    assert missing[1] / missing[2] == pytest.approx(2**power, rel=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_two_precisions_agree(name: str) -> None:
    rough, fine = (activation(name).dual.taylor(below_one("0.3"), 12, bits) for bits in (50, 90))
    for r, f in zip(rough, fine, strict=True):
        assert f >= 0
        assert abs(r - f) <= f * 2.0**-49


@pytest.mark.parametrize("delta", ["0.999999", "1e-5", "1e-40"])
@pytest.mark.parametrize("name", ["relu", "elu", "selu", "gelu", "erf", "gaussian", "sin"])
def test_two_precisions_agree_near_the_ends(name: str, delta: str) -> None:
    rough, fine = (activation(name).dual.taylor(below_one(delta), 6, bits) for bits in (50, 110))
    for r, f in zip(rough, fine, strict=True):
        assert abs(r - f) <= f * 2.0**-49


@pytest.mark.parametrize("name", NAMES)
def test_the_first_two_moments_are_ball_arithmetics(name: str) -> None:
    theirs = CTX.mpf(arb_ntk.activation_second(_full(name)).mid().str(45, radius=False))
    assert abs(square(name) / theirs - 1) < CTX.mpf("1e-43")
    # S_2 = 1 + σ_w² E[φ'²]
    total = CTX.mpf(arb_ntk.reference_layers(_full(name), 2, 1, "0.5", "0", 45)[-1].total.mid().str(45, radius=False))
    assert abs(wide(activation(name).dual.slope_square(140)) / (2 * (total - 1)) - 1) < CTX.mpf("1e-40")


@pytest.mark.parametrize(("a", "delta"), [("1e-30", "1"), ("1", "1e-30"), ("0.5", "0.5")])
def test_a_point_keeps_the_accuracy_of_the_smaller_side(a: str, delta: str) -> None:
    found = ExpansionPoint.between(CTX.mpf(a), CTX.mpf(delta)).at(context(400))
    assert abs(min(found) / min(CTX.mpf(a), CTX.mpf(delta)) - 1) < 2.0**-190
    assert found[0] + found[1] == 1


@pytest.mark.parametrize("name", ["tanh", "silu", "mish", "elu", "relu", "gelu", "x/(1+x^2)"])
@pytest.mark.parametrize("delta", ["0.9", "0.4", "0.01"])
@pytest.mark.quick(6)
def test_coefficients_and_their_tails_sum_to_the_mean_squares(name: str, delta: str) -> None:
    dual = activation(name).dual
    found = dual.expansion(below_one(delta), 5, 60)
    d, slope = [wide(c) for c in found.d], wide(dual.slope_square(120))
    rises = [(j + 1) * c / CTX.mpf(delta) for j, c in enumerate(d[1:])]
    for j in range(6):
        for whole, row, tails in ((square(name), d, found.tails), (slope, rises, found.slope_tails)):
            assert abs(whole - sum(row[: j + 1]) - wide(tails[j])) <= whole * 2.0**-58
    assert all(wide(few) <= wide(many) for few, many in zip(found.tails[1:], found.tails, strict=False))


@pytest.mark.parametrize(("name", "alpha"), [("elu", Fraction(1)), ("elu:alpha=0.3", Fraction(3, 10)), ("selu", None)])
@pytest.mark.parametrize("q", [9, 20])
def test_elu_at_large_variances_is_what_its_differential_equations_give(
    name: str, alpha: Fraction | None, q: int
) -> None:
    """Splines serve there; both are the dual of the same function."""
    ours, theirs = activation(name).scaled(Fraction(q)), ExponentialLinearDual(alpha, Fraction(q))
    assert not isinstance(ours.dual, ExponentialLinearDual)
    assert abs(wide(ours.dual.mean_square(80)) - wide(theirs.mean_square(80))) < 1e-20 * q
    for t in ("-0.999", "-0.5", "0.25", "0.9999"):
        at = Correlation.of(Fraction(t), 100)
        for one, other in zip(ours.dual.value(at, 80), theirs.value(at, 80), strict=True):
            assert abs(wide(one) - wide(other)) < 1e-20 * q
    for one, other in zip(ours.hermite(12, 60), theirs.hermite(12, 60), strict=True):
        assert abs(wide(one) - wide(other)) <= 1e-16 * abs(wide(other))


def test_elu_takes_any_variance() -> None:
    """At q = 10^60 it is relu but for 10^−30 of it."""
    scaled, relu = activation("elu").scaled(Fraction(10**60)), activation("relu")
    at = Correlation.of(Fraction(1, 3), 100)
    for one, other in zip(scaled.dual.value(at, 120), relu.dual.value(at, 120), strict=True):
        assert 0 < abs(wide(one) / 10**60 / wide(other) - 1) < 1e-29
