"""Proven quadrature of smooth formulas against integrals of the definitions in ball arithmetic (Arb's own adaptive)."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from functools import cache
from itertools import pairwise, product
from typing import Any

import flint
import mpmath
import pytest
from flint import acb, arb
from hypothesis import given
from hypothesis import strategies as st
from reals import RealField
from volume import examples

from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.activations.fixed_series import FixedSeries
from ntkcalc.activations.formula.bounds.growth import growth
from ntkcalc.activations.formula.bounds.symmetry import polynomial_parts, ratio, reflected
from ntkcalc.activations.formula.expressions.ball_functions import ComplexBalls, RealBalls
from ntkcalc.activations.formula.expressions.balls import (
    log2_upper,
    log_total,
    relatively_accurate,
    to_real,
    working_precision,
)
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.functions import OVER, WORDS
from ntkcalc.activations.formula.expressions.functions import SMOOTH as FUNCTIONS
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.plain_form import plain
from ntkcalc.activations.formula.expressions.programs import program
from ntkcalc.activations.formula.expressions.trees import Tree, X, node
from ntkcalc.activations.formula.smooth.expansion_at_one import DerivativesAtOne, SeriesBalls
from ntkcalc.activations.formula.smooth.hermite_sums import hermite_sums
from ntkcalc.activations.formula.smooth.local_hermite import LocalHermite
from ntkcalc.activations.formula.smooth.quadrature_dual import QuadratureDual, quadrature_dual
from ntkcalc.activations.formula.smooth.strip import _SLOPE_SHARES, Analytic, _gaussian_log_mass, remote_growth
from ntkcalc.activations.formula.smooth.trapezoid import Line, Rule
from ntkcalc.numerics.precision import context, log2

CTX = context(400)

SMOOTH = [
    "tanh(x)",
    "1/(1+exp(-x))",
    "x*sigmoid(1.702*x)",
    "x*tanh(log(1+exp(x)))",
    "log(1+exp(2*x))/2",
    "x*(1+erf(x/sqrt(2)))/2",
    "sin(3*x)+x/2",
    "x+sin(x)^2",
    "exp(-x^2)*cos(2*x)",
    "sqrt(1+x^2)+x",
    "x/sqrt(1+x^2)",
    "asinh(x)",
    "atan(2*x)",
    "log(1+x^2)",
    "x*erf(log(1+exp(x)))",
    "exp(-exp(-x))",
    "exp(x^2/8)-1",
    "tanh(20*x)",
    "(1+x^2)^0.3*x",
    "cosh(x/2)+x",
]


def tree(text: str) -> Tree:
    return plain(parsed(text, WORDS))


@cache
def analytic(text: str) -> Analytic:
    """What is proven of a formula on strips, which tests share."""
    found = quadrature_dual(tree(text), text)
    assert found is not None
    return found._line.phi


def dual_of(text: str) -> QuadratureDual:
    """A dual that knows nothing but strips."""
    return QuadratureDual(Line(analytic(text)), text)


def integral(run: Any, weight: Any = lambda z: 1, off_line: bool = False) -> Any:
    """E[f(Z)] for f = run · weight by Arb's adaptive integration, to 40 digits; above (−3, 3), if asked."""
    root = (2 * acb.pi()).sqrt()
    parts = (-14, -3, acb(0, 1), 3, 14) if off_line else (-14, -3, 3, 14)
    return sum(
        (
            acb.integral(lambda z, _: run(z)[0] * weight(z) * (-z * z / 2).exp() / root, a, b)
            for a, b in pairwise(parts)
        ),
        acb(0),
    ).real


@pytest.mark.quick(8)
@pytest.mark.parametrize("text", SMOOTH)
def test_hermite_coefficients_and_squares_are_those_of_the_definition(text: str) -> None:
    dual = dual_of(text)
    with working_precision(140):
        balls = dual.moments(8, 90.0)
        square, slope = (dual._line.square(order, 90.0) for order in (0, 1))
        run, steep = (program([t], ComplexBalls()) for t in (tree(text), derivative(tree(text))))
        # beyond 14 the normal law leaves e^{−98} and φ² at most e^{49} of it, k ≤ 8
        small = arb(0, arb("1e-14")) if "x^2/8" in text else arb(0, arb("1e-30"))
        for k in (0, 1, 4, 7):
            scale = arb(math.factorial(k)).sqrt() * arb(2) ** (arb(k) / 2)
            expected = integral(run, lambda z, k=k, s=scale: (z / acb(2).sqrt()).hermite_h(k) / s)
            assert (expected + small).overlaps(balls[k]), k
        assert (integral(lambda z: [run(z)[0] ** 2]) + small).overlaps(square)
        assert (integral(lambda z: [steep(z)[0] ** 2]) + small).overlaps(slope)


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    "text",
    [
        "(exp(x)-1-x)/x^2",
        "(erf(x)-2*x/sqrt(pi))/x^3",
        "(tanh(x)-tanh(1))/(x-1)",
        "(exp(x-1)-x)/(x-1)^2",
        "(cos(x)-cos(2))/(x^2-4)",
        "(x^2-2)/(x-sqrt(2))*tanh(x)",
        "sin(x)/(x+pi)",
        "(exp(2*x)-e)/expm1(x-0.5)",
    ],
)
def test_where_both_parts_of_a_quotient_vanish_it_has_the_moments_of_its_limit(text: str) -> None:
    dual = dual_of(text)
    with working_precision(140):
        run, steep = (program([t], ComplexBalls()) for t in (tree(text), derivative(tree(text))))
        for k, found in enumerate(dual.moments(2, 90.0)[:3]):
            scale = arb(math.factorial(k)).sqrt() * arb(2) ** (arb(k) / 2)
            expected = integral(run, lambda z, k=k, s=scale: (z / acb(2).sqrt()).hermite_h(k) / s, off_line=True)
            assert (expected + arb(0, arb("1e-30"))).overlaps(found), k
        for order, f in enumerate((run, steep)):
            expected = integral(lambda z, f=f: [f(z)[0] ** 2], off_line=True)
            assert (expected + arb(0, arb("1e-30"))).overlaps(dual._line.square(order, 90.0)), order


@pytest.mark.quick(8)
@pytest.mark.parametrize("text", SMOOTH)
def test_balls_hold_what_twice_the_precision_gives(text: str) -> None:
    dual, finer = dual_of(text), dual_of(text)
    rough, fine = dual.moments(40, 60.0), finer.moments(40, 200.0)
    assert all(a.overlaps(b) and log2_upper(b.rad()) < -199 for a, b in zip(rough[:41], fine[:41], strict=True))


@pytest.mark.quick(3)
@pytest.mark.parametrize("text", ["tanh(x)", "1/(1+exp(-x))", "exp(-x^2)*cos(2*x)", "tanh(20*x)"])
@pytest.mark.parametrize(("degree", "need"), [(1, 40.0), (700, 90.0)])
def test_sums_over_nodes_are_those_of_the_recurrence(text: str, degree: int, need: float) -> None:
    """√(k+1) h_{k+1} = x h_k − √k h_{k−1} at every node, with 900 bits more."""
    dual, step, count = dual_of(text), 1 / 8, 200
    kinds = {0: (0, 1), 1: (0,), -1: (1,)}[dual._line.phi.parity]
    found = hermite_sums(dual._line.blocks(Rule(step, count, -math.inf), kinds), degree, need)
    assert max(log2_upper(m.rad()) for m in found) < -need
    with working_precision(1000):
        run, scale = dual._line.evaluator(), step / (2 * arb.pi()).sqrt()
        expected = [arb(0)] * (degree + 1)
        roots = [arb(k).sqrt() for k in range(degree + 2)]
        for n in range(-count, count + 1):
            x = arb(n * step)
            before, here = arb(0), scale * run(x)[0] * (-x * x / 2).exp()
            for k in range(degree + 1):
                expected[k] += here
                before, here = here, (x * here - roots[k] * before) / roots[k + 1]
    assert all(a.overlaps(b) for a, b in zip(found, expected, strict=True))


@pytest.mark.quick(5)
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "silu", "softplus", "softplus:beta=3"])
@pytest.mark.parametrize("q", [Fraction(1), Fraction(9, 4), Fraction(1, 7)])
def test_poles_give_what_the_line_gives(name: str, q: Fraction) -> None:
    line = activation(name).scaled(q).dual._line
    degree, need = 500, 150.0
    firsts = [n for count in range(1, 20) if (n := line._enough(count, degree, need + 2)) <= degree]
    assert firsts
    firsts = [degree + 1] * (19 - len(firsts)) + firsts
    theirs = Line.hermite(line, degree, need + 60)
    ours = theirs[: firsts[-1]] + line._from_poles(firsts, degree, need)
    assert all(a.overlaps(b) and log2_upper(a.rad()) < -need for a, b in zip(ours, theirs, strict=True))
    # the bound on what two poles leave holds
    with working_precision(300):
        totals = [arb(0)] * 200
        order = line.ladder.order
        for n in (0, 1):
            line._add(n, 100 - order, 300 - order, 250.0, totals)
        rests = {k: log2_upper(t * arb(k).fac().rsqrt() - theirs[k]) for k, t in enumerate(totals, 100) if t != 0}
    assert len(rests) == 100
    assert all(max(rest, -200.0) <= max(line._log_rest(2, k), -200.0) for k, rest in rests.items())


def test_terms_of_the_first_pole_are_accurate_at_large_k() -> None:
    line, first = activation("tanh").dual._line, 90_000
    totals = [arb(0)] * 2
    line._add(0, first, first + 2, 800.0, totals)
    (odd,) = (t for t in totals if not t.is_zero())
    assert log2_upper(odd.rad()) - log2_upper(odd) < -80.0  # 120 of the 800 bits are left at its size


def largest_gap(ours: list[Any], theirs: list[Any]) -> float:
    """log2 of the largest relative difference."""
    gaps = [abs(CTX.convert(a) / CTX.convert(b) - 1) for a, b in zip(ours, theirs, strict=True) if b]
    return max((float(log2(gap)) for gap in gaps if gap), default=-math.inf)


@pytest.mark.quick(8)
@pytest.mark.parametrize("delta", ["0.5", "0.05", "1e-3", "1e-8", "1e-40"])
@pytest.mark.parametrize("text", ["tanh(x)", "x*sigmoid(1.702*x)", "tanh(4*x)", "sin(3*x)+x/2"])
def test_all_routes_of_expansions_agree(text: str, delta: str) -> None:
    dual, point, degree, bits = dual_of(text), ExpansionPoint(CTX.mpf(delta), near_one=True), 6, 60
    found = [dual.expansion(point, degree, bits)]
    log_delta = float(log2(CTX.mpf(delta)))
    if log_delta > -6:
        found.append(dual._regrouped(point, degree, bits, *dual._series_plan(point, degree, bits)))
    if log_delta > -30 and dual._local(point, degree, dual._local_need(point, degree, bits)).work() < 0.5:
        found.append(dual._locally(point, degree, bits))
    if dual._at_one.terms(degree, log_delta, bits) is not None:
        found.append(dual._beside_one(point, degree, bits))
    for other in found[1:]:
        for ours, theirs in (
            (other.d, found[0].d),
            (other.tails, found[0].tails),
            (other.slope_tails, found[0].slope_tails),
        ):
            assert largest_gap(ours, theirs) < -bits
    total, slope = CTX.convert(dual.mean_square(200)), CTX.convert(dual.slope_square(200))
    first = found[0]
    # q_0 = E[φ²] − d_0 and q̇_0 = E[φ'²] − d_1/δ
    assert abs((first.d[0] + first.tails[0]) / total - 1) < 2.0 ** (1 - bits)
    assert abs((CTX.convert(first.d[1]) / CTX.mpf(delta) + first.slope_tails[0]) / slope - 1) < 2.0 ** (1 - bits)


def test_expansions_nearer_and_nearer_to_one_go_over_to_derivatives_there(monkeypatch: pytest.MonkeyPatch) -> None:
    activation.cache_clear()
    dual, regrouped, summed = activation("tanh").dual, [], []
    for kind, name, calls in ((QuadratureDual, "_regrouped", regrouped), (DerivativesAtOne, "_summed", summed)):
        run = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda self, *a, run=run, calls=calls: calls.append(a) or run(self, *a))
    for n in range(10, 20):
        dual.expansion(ExpansionPoint(CTX.mpf(2) ** -n, near_one=True), 30, 60)
    assert len(regrouped) <= 2  # each takes longer than the last; 3 if each were chosen for itself
    assert len(summed) == 1


@pytest.mark.quick
@pytest.mark.parametrize("t", ["0.999999", "-0.9999", "0.7", "-0.2"])
@pytest.mark.parametrize("text", ["tanh(20*x)", "x*sigmoid(1.702*x)"])
def test_values_are_those_of_the_expansion(text: str, t: str) -> None:
    dual, at = dual_of(text), Correlation.of(Fraction(t), 64)
    value, slope = dual.value(at, 64)
    if at.sign > 0:
        d = dual.expansion(at.size, 1, 70).d
        assert abs(value / CTX.convert(d[0]) - 1) < 2.0**-62
        assert abs(slope * CTX.convert(at.size.at(CTX)[1]) / CTX.convert(d[1]) - 1) < 2.0**-55
    series = dual._series_value(at, 64, 64) if text != "tanh(20*x)" or abs(float(t)) < 0.99 else (value, slope)
    assert abs(series[0] - value) < 2.0**-60
    assert abs(series[1] - slope) < 2.0**-55 * float(dual.slope_square(60))


@pytest.mark.quick(8)
@pytest.mark.parametrize("text", [*SMOOTH, "(exp(x)-1)/x", "sin(x)/x"])
def test_derivatives_at_minus_one_are_those_of_the_definition(text: str) -> None:
    """D(−1) = E[φ(Z)φ(−Z)], D'(−1) = E[φ'(Z)φ'(−Z)], and D(1 − δ), D(−1 + δ) to the first order in δ."""
    dual = dual_of(text)
    with working_precision(140):
        row, mirrored = dual._at_one.values(1, 90.0)
        # as above; at 0 these have no values, and Arb's integration does not come near
        small = arb(0, arb("1e-14")) if "x^2/8" in text else arb(0, arb("1e-30"))
        for n, run in enumerate(program([t], ComplexBalls()) for t in (tree(text), derivative(tree(text)))):
            for sign, found in ((1, row[n]), (-1, mirrored[n])):
                expected = integral(
                    lambda z, run=run, s=sign: [run(z)[0] * run(s * z)[0]], off_line=text.endswith("/x")
                )
                assert (expected + small).overlaps(found), (n, sign)
                assert log2_upper(found.rad()) < -80 + log2_upper(row[n])


def test_what_is_small_but_above_the_floor_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """µ_2 of cos 40x is −40² e^{−800}/√2, some 2^-1144, also where nothing is expected to be small."""
    monkeypatch.setattr(QuadratureDual, "_expected_loss", lambda self, degree: 0.0)
    found = dual_of("cos(40*x)+x^3").hermite(2, 60)[2]
    ctx = context(100)
    assert abs(ctx.convert(found) / (-1600 * ctx.exp(-800) / ctx.sqrt(2)) - 1) < 2.0**-58


@pytest.mark.parametrize("size", [300, 1000, 3000, 4094])
def test_beside_a_zero_what_is_small_is_none(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1, 2^-size and 0, known to any number of bits, only the last is below the floor."""
    dual, asked = dual_of("1/(1+exp(-x))"), []

    def moments(degree: int, need: float) -> list[Any]:
        asked.append(need)
        with working_precision(math.ceil(need) + 8):
            return [arb(c, arb(2) ** -math.ceil(need)) for c in (arb(1), arb(2) ** -size, arb(0))]

    monkeypatch.setattr(QuadratureDual, "polynomial_parts", (None, None))
    monkeypatch.setattr(dual, "moments", moments)
    dual.__dict__["_log_norm"] = 0.0
    found = dual.hermite(2, 60)
    assert [c != 0 for c in found] == [True, True, False]
    assert abs(found[1] * 2**size - 1) < 2.0**-59
    assert max(asked) >= 4096


def test_needs_follow_from_the_fall_of_what_is_known() -> None:
    """Of 2^{−12 j} to 2^-408 three quarters are known to 300 bits; twice as many bits would be too many."""
    asked = []

    def rows(need: float) -> list[list[Any]]:
        asked.append(need)
        with working_precision(2000):
            return [[arb(arb(2) ** (-12 * j), arb(2) ** -math.ceil(need)) for j in range(35)]]

    (found,) = relatively_accurate(rows, 60, 300.0)
    assert all(abs(c * 2 ** (12 * j) - 1) < 2.0**-59 for j, c in enumerate(found))
    assert len(asked) == 2
    assert 468 < asked[-1] < 530


def test_strips_are_found_where_poles_are_far_from_zero() -> None:
    """They are π high whatever the shift; beyond −2200 the normal law sees nothing."""
    assert Analytic.of(tree("softplus(x+2200)")).phi.bounds[0][0] > 3


@pytest.mark.parametrize("beta", [pytest.param("300", marks=pytest.mark.thorough), "1000000"])
def test_steep_softplus_has_the_moments_of_its_distance_from_relu(beta: str) -> None:
    """E[softplus] = φ(0) (1 + 2η(2)/β² − 2η(4)/β⁴ + …), η(2) = π²/12, η(4) = 7π⁴/720; poles are at iπ/β."""
    found, ctx = activation(f"softplus:beta={beta}"), context(200)
    b = ctx.mpf(int(beta))
    expected = (1 + ctx.pi**2 / (6 * b**2) - 7 * ctx.pi**4 / (360 * b**4)) / ctx.sqrt(2 * ctx.pi)
    assert abs(found.hermite(0, 60)[0] / expected - 1) < max(10 * float(b) ** -6, 2.0**-58)  # the next term is 6/β⁶
    assert found.pole_distance is not None
    assert found.pole_distance() == pytest.approx(math.pi / float(beta), rel=1e-12)


@pytest.mark.parametrize("text", ["(tanh(x)-tanh(1))/(x-1)", "x/tanh(x)", "(exp(x)-1)/x"])
def test_derivatives_at_one_have_their_digits_though_series_divide_zeros(text: str) -> None:
    """Nodes next to the place lose 1/|x − c| with every term."""
    derivatives = dual_of(text)._at_one
    found = derivatives.values(40, 90.0)[0]
    assert all(log2_upper(g.rad()) < -85 + derivatives.log_bound(n) for n, g in enumerate(found))


@pytest.mark.quick(8)
@pytest.mark.parametrize("delta", ["0", "1e-30", "1e-9", "1e-4"])
@pytest.mark.parametrize("text", ["log(1+exp(8*x))", "tanh(4*x)", "x*sigmoid(1.702*x)", "(exp(x/4)-1)/x", "1/(1+x^2)"])
def test_all_routes_of_values_near_the_ends_agree(text: str, delta: str) -> None:
    dual, size = dual_of(text), ExpansionPoint(CTX.mpf(delta), near_one=True)
    near, total, steepness = dual._near_one, dual.mean_square(60), dual.slope_square(60)
    for sign in (1, -1):
        t = Correlation(sign, size)
        few = near._derivatives_for(t, 64)
        assert few is not None
        value, slope = near._beside_an_end(t, 64, few)
        others = [dual._series_value(t, 64, 64)] if dual._terms_of_values(0.0, 64) < 3000 else []
        if (local := near._local(t, 64)) is not None and float(delta) > 1e-20:
            with working_precision(200):
                others.append(tuple(to_real(CTX, c) for c in local.values()[sign]))
        assert others or delta in ("0", "1e-30")
        for other in others:
            assert abs(other[0] - value) < 2.0**-62 * total
            assert abs(other[1] - slope) < 2.0**-62 * steepness


def test_values_of_steep_functions_near_the_ends_share_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """softplus(50 x): the values of a matrix took series of 238,959 terms, and local coefficients for each value."""
    dual, series, local, summed = dual_of("log(1+exp(50*x))"), [], [], []
    for kind, name, calls in (
        (Line, "hermite", series),
        (LocalHermite, "_sums", local),
        (DerivativesAtOne, "_summed", summed),
    ):
        run = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda self, *a, run=run, calls=calls: calls.append(a) or run(self, *a))
    for sign in (1, -1):
        for gap in ("0", *(f"1e-{n}" for n in range(40, 4, -2)), *(f"{n}e-5" for n in range(5, 95, 30))):
            t = Correlation(sign, ExpansionPoint(CTX.mpf(gap), near_one=True))
            dual.value(t, 64)
    assert len(summed) <= 4  # of more and more derivatives
    assert len(local) <= 5  # the gaps beyond the reach of derivatives, for both signs
    assert all(degree < 1000 for degree, _ in series)  # E[φ²] and E[φ'²] are from others


@pytest.mark.parametrize(("series", "derivatives", "alone"), [(3.5, 90.0, 3), (90.0, 3.5, 3), (90.0, 90.0, 6)])
def test_what_serves_many_values_is_taken_once_they_took_as_long(
    monkeypatch: pytest.MonkeyPatch, series: float, derivatives: float, alone: int
) -> None:
    dual = dual_of("log(1+exp(8*x))")
    near, few = dual._near_one, 12
    monkeypatch.setattr(LocalHermite, "work", lambda self: 1.0)
    monkeypatch.setattr(DerivativesAtOne, "work", lambda self, terms, need: derivatives)
    monkeypatch.setattr(near, "_derivatives_for", lambda t, bits: few)
    for n in range(1, 7):
        for sign in (-1, 1) if n % 2 else (1, -1):
            t = Correlation(sign, ExpansionPoint(CTX.mpf(n) * 1e-5, near_one=True))
            found, expected = near.value(t, 64, 4000, series), near._beside_an_end(t, 64, few)
            assert (found is None) == (series < derivatives and n > alone)
            if found is not None:
                assert abs(found[0] - expected[0]) < 2.0**-62 * dual.mean_square(60)
                assert abs(found[1] - expected[1]) < 2.0**-62 * dual.slope_square(60)
    assert len(near._known) == alone


def test_a_series_is_weighed_against_the_values_that_it_would_have_served() -> None:
    """What took long nearer to 1 takes a longer series, and is no reason for a shorter one."""
    dual = dual_of("log(1+exp(20*x))")
    t, near = Correlation(-1, ExpansionPoint(CTX.mpf("1e-3"), near_one=True)), dual._near_one
    near._spent = {64: [(5000, 1e9)]}
    assert near.value(t, 64, 4000, 10.0) is not None
    near._known = {}
    assert near.value(t, 64, 6000, 10.0) is None


def test_a_series_that_is_too_long_is_not_taken_however_much_values_without_it_took() -> None:
    """tanh(100 x) next to −1, where a series takes more than 524,288 terms: matrices of data were refused."""
    dual, fresh = (activation("tanh").dilation(Fraction(10**4))[0] for _ in range(2))
    assert isinstance(dual, QuadratureDual)
    gap = context(200).mpf(10) ** -12
    point = ExpansionPoint.between(1 - gap, gap)
    expected = fresh.value(Correlation(1, point), 64)
    dual._near_one._spent = {64: [(1, 1e9)]}
    value, slope = dual.value(Correlation(-1, point), 64)
    assert abs(value + expected[0]) < 2.0**-60
    assert abs(slope - expected[1]) < 2.0**-60 * expected[1]


@examples(20)
@given(w=st.decimals("0.5", "400", places=2), h=st.sampled_from(["1", "0.001", "1e-9"]))
def test_waves_of_any_frequency_are_seen(w: Any, h: str) -> None:
    """φ = x + h cos wx: E[φ²] = 1 + h² (1 + e^{−2w²})/2, E[φ'²] = 1 + h²w² (1 − e^{−2w²})/2, µ_0 = h e^{−w²/2}."""
    dual = dual_of(f"x+{h}*cos({w}*x)")
    with working_precision(200):
        size, wave = arb(h), arb(str(w))
        fourth = (-2 * wave**2).exp()
        square, slope = (dual._line.square(order, 100.0) for order in (0, 1))
        assert (1 + size**2 * (1 + fourth) / 2).overlaps(square)
        assert (1 + size**2 * wave**2 * (1 - fourth) / 2).overlaps(slope)
        assert (size * (-(wave**2) / 2).exp()).overlaps(dual.moments(0, 100.0)[0])


def test_tails_that_fall_fast_have_all_their_digits() -> None:
    """φ = e^{x/10^25} − 1: µ_k² = e^h h^k/k!, h = 10^{−50}, k ≥ 1, and every tail is nearly its first term."""
    ctx, bits, h = context(200), 60, context(200).mpf(10) ** -50
    found = activation("expm1(x/1e25)").dual.expansion(ExpansionPoint.between(ctx.zero, ctx.one), 4, bits)
    for rows, times in ((found.tails, 0), (found.slope_tails, 1)):
        for j, tail in enumerate(rows):
            terms = (ctx.exp(h) * h**k / ctx.factorial(k) * k**times for k in range(j + 1 + times, j + 8))
            expected = sum(terms, ctx.zero)
            assert abs(ctx.convert(tail) - expected) <= expected * ctx.ldexp(1, -bits)


def test_an_expansion_next_to_1_of_what_falls_at_once_takes_few_terms() -> None:
    """E[e^{cX} e^{cY}] = e^{c²(1 + t)}; the coefficients at 0.9999 fall by 2^-26 each."""
    ctx, bits = context(200), 60
    square = delta = ctx.mpf(1) / 10000
    found = activation("exp(x/100)").dual.expansion(ExpansionPoint(delta, near_one=True), 60, bits)
    for j, d in enumerate(found.d):
        expected = ctx.exp(square * (2 - delta)) * (square * delta) ** j / ctx.factorial(j)
        assert abs(ctx.convert(d) - expected) <= expected * ctx.ldexp(1, -bits)


def test_what_is_zero_far_out_is_known_to_be() -> None:
    for t in (tree("abs(relu(x)/(1+x^2))^1.5"), derivative(tree("abs(relu(x)/(1+x^2))^1.5"))):
        bound = growth(t, 16.0, 0.0, -1)
        assert bound is not None
        assert bound.log_value(20.0) == -math.inf


FAR_OUT = [
    *("log(cosh(x))", "sqrt(cosh(x))", "exp(-x^2)*exp(x)", "exp(x^2/9)*exp(-x)", "atan(tanh(x))", "asinh(tanh(x))"),
    *("softplus(tanh(x))", "log(2+sin(x))", "exp(sin(x))", "sin(x^2)", "log(sinh(x)^2+1)", "sinh(x)/x"),
    *("1/squareplus(x)", "sqrt(sqrt(x^2+1)-x)", "exp(2*x-2*sqrt(x^2+3))"),
]


@pytest.mark.parametrize("text", [*SMOOTH, *FAR_OUT])
def test_bounds_far_out_hold(text: str) -> None:
    with working_precision(1600):  # for differences of what is nearly equal far out
        for t in (tree(text), derivative(tree(text))):
            run = program([t], ComplexBalls())
            for sign in (1, -1):
                bound = growth(t, 16.0, 0.03, sign)
                assert bound is not None
                for x in (16.0, 17.3, 25.0, 60.0):
                    for y in (0.0, 0.01, -0.03):
                        assert log2_upper(run(acb(sign * x, y))[0]) <= bound.log_value(x) + 1e-6


@pytest.mark.parametrize("text", ["softplus(x*sin(x))", "x*sigmoid(x*cos(x))", "softplus(-x*sin(x))-x*cos(x)"])
def test_bounds_far_out_hold_where_signs_are_not_known(text: str) -> None:
    bound = growth(tree(text), 16.0, 0.0, 1)
    with working_precision(200):
        run = program([tree(text)], RealBalls())
        assert bound is not None
        assert all(log2_upper(run(arb(16 + n / 8))[0]) <= bound.log_value(16 + n / 8) + 1e-6 for n in range(200))


@pytest.mark.parametrize(
    "text", ["1/sin(x)", "log(x*sin(x))", "softplus(x*sin(x))", "erfc(x*sin(x))", "sin(sinh(x))", "exp(exp(x^2))"]
)
def test_what_may_be_singular_or_outgrow_exponentials_has_no_bound_far_out(text: str) -> None:
    assert [growth(tree(text), 16.0, 0.03, sign) for sign in (1, -1)] == [None, None]


@pytest.mark.parametrize("rate", [3, 15, 25])
def test_exponentials_of_any_steepness_have_their_coefficients(rate: int) -> None:
    """φ = e^{rx}: E[φ²] = e^{2r²}, E[φ'²] = r² e^{2r²}, µ_k = e^{r²/2} r^k/√k!."""
    dual: Any = activation(f"-exp({rate}*x)").dual
    ctx = context(120)
    r = ctx.mpf(rate)
    pairs = [(dual.mean_square(60), ctx.exp(2 * r * r)), (dual.slope_square(60), r * r * ctx.exp(2 * r * r))]
    pairs += [(m, -ctx.exp(r * r / 2) * r**k / ctx.sqrt(ctx.factorial(k))) for k, m in enumerate(dual.hermite(4, 60))]
    assert all(abs(ctx.convert(found) / exact - 1) < 2.0**-58 for found, exact in pairs)


@pytest.mark.parametrize("name", ["sqrt", "asinh"])
def test_coarse_boxes_hold_values_and_are_hardly_wider(name: str) -> None:
    draw, f = random.Random(7), program([node(name, X)], ComplexBalls())
    for _ in range(50):
        x, y, r = draw.uniform(1, 20), draw.uniform(-1, 1), draw.uniform(0.01, 0.25)
        box = f(acb(arb(x, r), arb(y, r)))[0]
        corners = [getattr(acb(x + a * r, y + b * r), name)() for a in (-1, 0, 1) for b in (-1, 0, 1)]
        assert all(box.overlaps(value) for value in corners)
        widest = max(float(abs(value - corners[4]).upper()) for value in corners)
        assert float(box.rad()) < 4 * widest


@pytest.mark.quick(8)
@pytest.mark.parametrize("text", SMOOTH)
def test_means_over_lines_are_below_their_bounds(text: str) -> None:
    phi = Analytic.of(tree(text))
    for f, bounds in ((phi.tree, phi.value_bounds), (phi.slope, phi.slope_bounds)):
        run = program([f], ComplexBalls())
        for (height, bound), share in product((bounds[0], bounds[-1]), (0.0, 0.5, 0.99)):
            y = height * share
            with working_precision(60):
                values = [run(acb(x / 16, y))[0] for x in range(-128, 129)]
            mean = log_total([2 * log2_upper(v) - (n / 16 - 8) ** 2 / 2 / math.log(2) for n, v in enumerate(values)])
            assert mean - math.log2(16 * math.sqrt(2 * math.pi)) <= bound + 1e-3


@pytest.mark.parametrize("c", [3, 40, pytest.param(400, marks=pytest.mark.thorough)])
def test_bounds_over_lines_are_close_also_where_the_mass_is_far_out(c: int) -> None:
    """E|e^{c(Z + iy)}|² = e^{2c²}, c² times that for the slope; a shift s has e^{2cs} times more.

    Boxes may take 16 bits and more (`strip._CLOSE`), and Cauchy's formula a circle of e^{2cr}: 50 bits and 0.2c.
    """
    phi = Analytic.of(tree(f"exp({c}*x)"))
    values, slopes = min(b for _, b in phi.value_bounds), min(b for _, b in phi.slope_bounds)
    expected = 2 * c**2 / math.log(2)
    assert expected < values < expected + 50
    assert expected < slopes - 2 * math.log2(c) < expected + 0.2 * c + 50
    tops = [height for height, _ in phi.phi.integrals for _ in _SLOPE_SHARES]
    for top, (height, bound) in zip(tops, phi.slope_bounds, strict=True):
        radius = top - height
        assert bound + 2 * math.log2(radius) >= expected + 2 * c * radius / math.log(2)


REMOVABLE = [
    "sin(x)/x",
    "x/sinh(x)",
    "(exp(x)-1)/x",
    "x/tanh(x)",
    "(1-cos(x))/x^2",
    "x/(1-exp(-x))",
    "log(1+x^2)/x",
    "sinc(x-1)",
]


@pytest.mark.parametrize("text", REMOVABLE)
def test_removable_singularities_are_removed(text: str) -> None:
    """Boxes that hold one hold the values of φ next to it; the moments are those of φ on a grid that misses it."""
    dual, place = dual_of(text), acb(text == "sinc(x-1)")
    strip = dual._line.phi.phi
    with working_precision(120):
        run, removed = program([tree(text)], ComplexBalls()), program([strip.tree], ComplexBalls())
        for side in ("1e-3", "0.1", "0.4"):
            box = removed(place + acb(arb(0, side), arb(0, side)))[0]
            for x in (acb(side), acb(0, side), -acb(side, side) / 2):
                assert box.contains(run(place + x * (1 - acb(2) ** -50))[0])
        step, offset = arb(1) / 8, arb(1) / 3  # of singularities at ±i it sees 2^-72
        moments = dual.moments(2, 60.0)
        real = program([tree(text)], RealBalls())
        nodes = [(n + offset) * step for n in range(-105, 106)]
        weights = [step * (-x * x / 2).exp() / (2 * arb.pi()).sqrt() for x in nodes]
        values = [real(x)[0] for x in nodes]
        near = arb(0, arb(2) ** -58)
        assert (sum((w * v for w, v in zip(weights, values, strict=True)), arb(0)) + near).overlaps(moments[0])
        products = (w * v * x for w, v, x in zip(weights, values, nodes, strict=True))
        assert (sum(products, arb(0)) + near).overlaps(moments[1])
    assert dual.slope_square(60) > 0
    point = ExpansionPoint(CTX.mpf("1e-6"), near_one=True)
    first = dual.expansion(point, 2, 60)
    assert abs((first.d[0] + first.tails[0]) / CTX.convert(dual.mean_square(100)) - 1) < 2.0**-58


@pytest.mark.parametrize("text", ["1/(x-0.3)", "tan(x)", "exp(x^2/3)", "1/(1+x)^2", "log(x)", "exp(exp(x))"])
def test_poles_and_growth_have_no_strip(text: str) -> None:
    assert quadrature_dual(tree(text), text) is None


FAR = ("log", "log1p", "sqrt", "asinh", "atan")  # which are far from what overflows for all arguments
ZEROS = ("log", "cos", "sinc_slope", "erfc")  # 0 at numbers that are no floats, or nearly so, where bits are lost


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ZEROS])
@given(st.floats(-30, 12), st.sampled_from([0.0, 1e-8, 1e-3, 0.3]), st.sampled_from([1, -1]))
def test_values_next_to_zero_and_far_out_have_their_bits(name: str, size: float, lean: float, side: int) -> None:
    """Of 64 bits at most half are lost, whatever the argument; what grows is asked up to e^1000."""
    re = side * min(10.0**size, 1e12 if name in FAR else 1e3 if name != "erf" else 25.0)
    with working_precision(64):
        value = getattr(ComplexBalls(), name)(acb(re, lean * abs(re)))
        if name in ("log1p", "sqrt") and side < 0:  # on the cut
            return
        if value.is_finite() or name not in ("softplus", "tanh", "sigmoid"):  # which have poles
            assert value.rel_accuracy_bits() > 32


@pytest.mark.parametrize("name", OVER)
@given(
    st.floats(-0.9, 40),
    st.sampled_from([1e-12, 1e-3, 0.4, 3.0, 50.0]),
    st.sampled_from([0.0, 0.01, 0.7]),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6),
)
def test_boxes_of_quotients_by_the_argument_hold_the_values_inside(
    name: str, left: float, width: float, height: float, inside: list[tuple[float, float]]
) -> None:
    """f(u)/u, also where 0 is in the box, from f itself."""
    with working_precision(80):
        box = acb(arb(left).union(arb(left + width)), arb(0).union(arb(height)))
        field, u = (ComplexBalls(), box) if height else (RealBalls(), box.real)
        held = getattr(field, name)(u)
        for s, t in inside:
            z = acb(left + s * width, t * height)
            value = program([node(OVER[name], X)], ComplexBalls())(z)[0] / z
            if held.is_finite() and value.is_finite():
                assert held.overlaps(value if height else value.real)


@pytest.mark.parametrize("text", [t for t in SMOOTH if "^0.3" not in t])
def test_taylor_series_are_derivatives(text: str) -> None:
    slope = derivative(tree(text))
    before = flint.ctx.cap
    try:
        flint.ctx.cap = 4
        with working_precision(120):
            for x in ("0.37", "-1.9"):
                series = program([tree(text)], SeriesBalls())(flint.arb_series([arb(x), 1]))[0]
                assert series[0].overlaps(program([tree(text)], RealBalls())(arb(x))[0])
                assert series[1].overlaps(program([slope], RealBalls())(arb(x))[0])
                assert (2 * series[2]).overlaps(program([derivative(slope)], RealBalls())(arb(x))[0])
    finally:
        flint.ctx.cap = before


@pytest.mark.parametrize(
    ("text", "even", "odd"),
    [
        ("tanh(x)", -1, None),
        ("1/(1+exp(-x))", 0, None),
        ("x/(1+exp(-x))", None, 1),
        ("log(1+exp(2*x))/2", None, 1),
        ("x*(1+tanh(0.851*x))/2", None, 1),
        ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", -1, None),
        ("1-erfc(x)", -1, None),
        ("x*sin(x)+x^3", None, 3),
        ("x*tanh(log(1+exp(x)))", None, None),
        ("1+x+1e-30*sin(x)^2", None, 1),
        ("mish(max(8,x*x))", None, -1),
        ("x*min(2,cos(x))", -1, None),
        ("sin(x)*sign(sin(x))", None, -1),
        ("tanh(x)*step(tanh(x))", None, None),
        ("x*step(sinh(x))", None, 1),
        ("relu(sin(x))+relu(-sin(x))", None, -1),
        ("max(softplus(x),softplus(-x))", None, -1),
        ("min(exp(x),exp(-x))*x", -1, None),
        ("max(gelu(x),quick_gelu(x))", None, 1),
        ("min(exp(x)+x^3,exp(-x)-x^3)", None, -1),
        ("min(sinh(x)-cos(x),sinh(x)+x^2-2)-sinh(x)", None, -1),
        ("max(x,tanh(x))", None, None),
    ],
)
def test_parts_that_are_polynomials_are_proven(text: str, even: int | None, odd: int | None) -> None:
    assert polynomial_parts(tree(text)) == (even, odd)


WORDS_AND_SIGNS = [
    *(f"{name}(x)" for name in FUNCTIONS if name not in ("log", "log1p", "sqrt", "sinc_slope")),
    *("max(gelu(x),quick_gelu(x))", "min(exp(x)+x^3,exp(-x)-x^3)"),
    *("max(sin(x),2*sin(x))", "min(x,exp(x))", "max(-x,2*x)", "clip(x,-x,x^2)", "relu(x-1)", "sign(x)*x", "step(x+1)"),
    *("relu(sin(x))", "sign(tanh(x))", "step(x^3)"),
    *(
        "(1+x^2)^0.3",
        "log(1+x^2)",
        "log1p(x^4)",
        "sqrt(2+sin(x))",
        "max(sinh(x),x^2)/cosh(x)",
        "x/x",
        "min(x,max(x,0.3))",
    ),
]


@pytest.mark.parametrize("text", WORDS_AND_SIGNS)
def test_reflections_are_values_at_the_opposite_point(text: str) -> None:
    field = RealField(context(200))
    one, other = program([tree(text)], field), program([reflected(tree(text))], field)
    for x in ("0.37", "-1.9", "2.6"):
        value, mirrored = one(field.ctx.mpf(x))[0], other(-field.ctx.mpf(x))[0]
        assert abs(value - mirrored) <= 2.0**-180 * (1 + abs(value))


def test_a_larger_one_of_two_functions_is_not_even_for_its_first() -> None:
    one, other = (activation(t) for t in ("max(sin(x),2*sin(x))+max(-sin(x),2*sin(x))", "4*relu(sin(x))"))
    assert one.parity is None
    assert one.hermite(5, 64) == other.hermite(5, 64)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1/(1+exp(-x))", "sigmoid(x)", True),
        ("2/(1+exp(-2*x))-1", "tanh(x)", True),
        ("x/(1+exp(-x))", "silu(x)", True),
        ("0.5*x*(1+erf(x/sqrt(2)))", "gelu(x)", True),
        ("1-erfc(x)", "erf(x)", True),
        ("x*sinc(x)", "sin(x)", True),
        ("cos(x-pi/2)", "sin(x)", True),
        ("-cos(x-3*pi/2)", "sin(x)", True),
        ("cos(pi-x)", "-cos(x)", True),
        ("cos(x-pi/3)", "sin(x+pi/6)", False),
        ("cos(x-pi/2)", "cos(x)", False),
        ("phi(x)", "gaussian(x)", True),
        ("exp(-softplus(x))", "sigmoid(-x)", True),
        ("exp(2*softplus(x))", "(1+exp(x))^2", True),
        ("x+log1p(exp(-x))", "softplus(x)", True),
        ("x-log1p(exp(-x))", "softplus(x)", False),
        ("gaussian(x,2)", "gaussian(x)", False),
        ("x*(1+erf(x/sqrt(3)))/2", "gelu(x)", False),
        ("1/(1+exp(-x))+1e-40", "sigmoid(x)", False),
        ("tanh(1.0000000001*x)", "tanh(x)", False),
    ],
)
def test_equal_functions_are_known_by_exact_arithmetic(one: str, other: str, same: bool) -> None:
    assert (ratio(tree(one), tree(other)) == 1) is same


@pytest.mark.parametrize(
    ("one", "other", "c"),
    [
        ("exp(x)-1", "expm1(x)", 1),
        ("-3*(exp(x)-1)/7", "expm1(x)", Fraction(-3, 7)),
        ("x-x", "x", 0),
        ("sqrt(2)*x", "x", None),
        ("expm1(2*x)", "expm1(x)", None),
    ],
)
def test_multiples_are_known_by_exact_arithmetic(one: str, other: str, c: Fraction | None) -> None:
    assert ratio(tree(one), tree(other)) == c


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("max(x,0)+min(exp(x)-1,0)", "elu"),
        ("relu(x)-3*relu(1-exp(x))", "elu:alpha=3"),
        ("max(x,x/10)", "leaky-relu:slope=0.1"),
        ("max(x,0)", "leaky-relu:slope=0"),
    ],
)
def test_what_bends_at_0_alone_takes_the_dual_of_its_name(formula: str, name: str) -> None:
    assert type(activation(formula).dual) is type(activation(name).dual)
    assert activation(formula).hermite(9, 80) == activation(name).hermite(9, 80)


def test_elu_written_out_takes_variances_that_its_named_dual_does_not() -> None:
    """At t = 0 D is E[φ]², at t = 0.9 between that and E[φ²]: the named dual refuses φ(20x)."""
    dual = activation("relu(x)+expm1(min(x,0))").scaled(Fraction(400)).dual
    mean = (20 / CTX.sqrt(2 * CTX.pi)) + CTX.exp(200) * CTX.ncdf(-20) - CTX.mpf(1) / 2
    assert abs(dual.value(Correlation.of(Fraction(0), 90), 60)[0] / mean**2 - 1) < 2.0**-55
    value = dual.value(Correlation.of(Fraction(9, 10), 90), 60)[0]
    assert mean**2 < value < dual.mean_square(60)


def test_a_shift_that_only_cancels_is_below_the_floor() -> None:
    """It is sin(x)√3/2, which the tree does not show: its even coefficients are below the floor, and zero."""
    mu = activation("sin(x+pi/6)-cos(x)/2").hermite(9, 60)
    assert [k for k in range(10) if not mu[k]] == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("w", [20, pytest.param(40, marks=pytest.mark.thorough)])
def test_coefficients_far_below_floats_are_none_of_them(w: int) -> None:
    """µ_1 of sin wx is w e^{−w²/2}, 2^{−1150} for w = 40."""
    mu = activation(f"sin({w}*x)").hermite(1, 60)[1]
    assert abs(mu / (w * CTX.exp(-(CTX.mpf(w) ** 2) / 2)) - 1) < 2.0**-60


def test_a_series_of_zeros_is_zero_in_fixed_point() -> None:
    """As of a steep wave, of whose first coefficients no bit is seen."""
    t = Correlation.of(Fraction(1, 2), 90)
    assert FixedSeries.of([CTX.zero] * 5, 60).at(t) == (0, 0)


def test_values_far_below_the_bits_asked_for_are_0_to_all_of_them() -> None:
    """E[sin wU sin wV] is e^{−w²} sinh(w² t), 2^{−7215} at t = 1/2 for w = 100."""
    value, slope = activation("sin(100*x)").dual.value(Correlation.of(Fraction(1, 2), 90), 60)
    assert abs(value) < 2.0**-61
    assert abs(slope) < 5000 * 2.0**-60


@pytest.mark.parametrize("w", [12, 30, pytest.param(60, marks=pytest.mark.thorough)])
def test_expansions_of_waves_have_all_digits_where_they_are_small(w: int) -> None:
    """Of e^{−w²} sinh(w² t) about 1/2 d_j is (w²/2)^j/j! e^{−w²/2}/2, but for e^{−w²}."""
    point = Correlation.of(Fraction(1, 2), 120).size
    found = activation(f"sin({w}*x)").dual.expansion(point, 3, 60).d
    for j, ours in enumerate(found[:4]):
        expected = CTX.mpf(w * w) ** j / 2**j / math.factorial(j) * CTX.exp(-CTX.mpf(w * w) / 2) / 2
        assert abs(ours / expected - 1) < 2.0**-58


@pytest.mark.parametrize("base", ["200", "0.01", "e"])
def test_exponentials_of_any_size_have_their_coefficients(base: str) -> None:
    """µ_k of e^{cx} is c^k e^{c²/2}/√k!."""
    mu, c = activation(f"{base}^x").hermite(4, 60), CTX.log(CTX.mpf(base)) if base != "e" else CTX.one
    for k, ours in enumerate(mu):
        assert abs(ours / (c**k * CTX.exp(c * c / 2) / CTX.sqrt(CTX.factorial(k))) - 1) < 2.0**-58


@pytest.mark.parametrize("text", ["1/(1+exp(-x))", "x*sigmoid(1.702*x)", "tanh(6*x)"])
def test_the_global_precision_of_flint_stays_as_it_was(text: str) -> None:
    before = flint.ctx.prec, flint.ctx.cap
    dual_of(text).expansion(ExpansionPoint(CTX.mpf("1e-5"), near_one=True), 4, 60)
    assert (flint.ctx.prec, flint.ctx.cap) == before


@pytest.mark.parametrize(("left", "right"), [(-4.0, 4.0), (0.0, 1.0), (-20.0, 30.0), (9.0, 14.0)])
@pytest.mark.parametrize("shift", [0.0, 0.5, 8.0])
def test_the_mass_of_an_interval_is_that_of_the_nearest_normal_laws(left: float, right: float, shift: float) -> None:
    def density(x: mpmath.mpf) -> mpmath.mpf:
        return mpmath.npdf(max(abs(x) - shift, 0))

    ends = sorted({left, right, *(e for e in (-shift, 0.0, shift) if left < e < right)})
    assert mpmath.log(mpmath.quad(density, ends), 2) <= _gaussian_log_mass(left, right, shift)


def test_a_branch_that_is_not_decided_has_a_bound_on_the_line_alone() -> None:
    formula = plain(parsed("relu(sin(3*x))", WORDS))
    bound = growth(formula, 16.0, 0.0, 1)
    assert bound is not None
    assert bound.log_value(20.0) >= 0
    assert growth(formula, 16.0, 0.5, 1) is None


@pytest.mark.parametrize(
    "text", ["tanh(x/10^9)", "x*tanh(softplus(x/10^6))", "exp(x/10^4)*tanh(x/10^8)", "1+1000/cosh(x/10^6)"]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_bounds_that_boxes_carry_in_hold_from_where_they_start(text: str, sign: int) -> None:
    phi = tree(text)
    found = remote_growth(phi, 16.0, 0.25, sign)
    assert found is not None
    assert found.start == 16
    with working_precision(100):
        run = program([phi], ComplexBalls())
        for k in range(80):
            x = 16 * 2.0 ** (k / 4)
            for y in (0.0, 0.25):
                assert log2_upper(run(acb(sign * x, y))[0]) <= found.log_value(x)


@pytest.mark.parametrize("text", ["tanh(x)", "x*sigmoid(1.702*x)"])
def test_values_from_a_series_that_was_made_for_others_are_as_right(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = [Correlation.of(Fraction(n, 1000), 200) for n in (1, -500, 900, 990, -999)]
    dual, better = dual_of(text), dual_of(text)
    dual._prepared(1200, 64)
    monkeypatch.setattr(dual, "_terms_of_values", lambda log_size, bits: 4)  # an estimate, which may be wrong
    for t in at:
        pairs = zip(dual.value(t, 63), better.value(t, 160), (dual.mean_square(16), dual.slope_square(16)), strict=True)
        for found, exact, scale in pairs:
            assert abs(context(200).convert(found) - exact) <= float(scale) * 2.0**-63


@pytest.mark.parametrize(("act", "square"), [("tanh", 1), ("mish", Fraction(9, 25)), ("silu", Fraction(1, 4))])
@pytest.mark.parametrize("exponent", [-100, -900])
def test_tiny_variances_see_the_linear_function(act: str, square: Fraction, exponent: int) -> None:
    q = Fraction(2) ** exponent
    dual = activation(act).scaled(q).dual
    for found in (dual.mean_square(80), dual.slope_square(80)):
        assert abs(found / context(160).mpf(2) ** exponent * square.denominator / square.numerator - 1) < 2.0**-79
