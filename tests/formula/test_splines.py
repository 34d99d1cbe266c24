"""Splines in balls: Hermite coefficients, and E[S(U)S(V)] near 0 and next to ±1."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import pytest
from flint import acb, arb, arb_poly

from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.dual import Correlation
from ntkcalc.activations.formula.expressions.balls import rational, series_length, to_ball, working_precision
from ntkcalc.activations.formula.piecewise.splines import Spline, _damped_laguerre

BITS, FINE = 120, 192
KNOTS = {
    "relu": [("0", ["1"])],
    "relu(x-3/10)": [("3/10", ["1"])],
    "hard sigmoid": [("-3", ["1/6"]), ("3", ["-1/6"])],
    "relu(x)^2/2 - relu(x-1)": [("0", ["0", "1"]), ("1", ["-1"])],
    "far on both sides": [("-15", ["1", "-3", "2"]), ("-2", ["1/2", "5", "-3"]), ("1/3", ["-1", "7"]), ("14", ["2"])],
    "three knots, two next to each other": [("-1", ["1", "-2"]), ("1/2", ["0", "1", "3"]), ("500001/1000000", ["-1"])],
    "like relu(sin(3x))": [(str(b), ["3", "0", "-27", "0", "243", "0", "-2187"]) for b in range(-4, 5)],
}


@cache
def spline(name: str, bits: int = BITS) -> Spline:
    """One for all tests: what it keeps from one t must serve others, as in a matrix of values."""
    with working_precision(bits):
        knots = [(rational(Fraction(b)), [rational(Fraction(j)) for j in jumps]) for b, jumps in KNOTS[name]]
    return Spline(knots, bits)


@cache
def hermite_series(name: str) -> tuple[arb_poly, arb_poly]:
    """Σ µ_k² t^k and its derivative, up to what is left of 5000 terms."""
    series = arb_poly([m * m for m in spline(name, 3000).hermite(5000)])
    return series, series.derivative()


@pytest.mark.parametrize("t", ["0", "2/5", "-2/5", "9/10", "-19/20"])
@pytest.mark.parametrize("name", KNOTS)
def test_values_are_those_of_the_hermite_series(name: str, t: str) -> None:
    with working_precision(BITS):
        x = rational(Fraction(t))
        found = spline(name).value(-1 if t.startswith("-") else 1, 1 - abs(x))
        for ours, series in zip(found, hermite_series(name), strict=True):
            assert abs(ours - series(x)) < 2.0**-80 + 5001 * abs(float(Fraction(t))) ** 4999


def test_a_spline_without_knots_is_nothing() -> None:
    empty = Spline([], BITS)
    assert all(c.contains(0) for row in (empty.value(1, arb(1) / 8), empty.hermite(3)) for c in row)


@pytest.mark.parametrize("delta", ["1/1000", "1/1000000007", "1e-30"])
@pytest.mark.parametrize("sign", [1, -1])
def test_of_relu_they_are_those_of_the_arc_cosine_kernel(sign: int, delta: str) -> None:
    with working_precision(BITS):
        gap = rational(Fraction(delta))
        t, root = sign * (1 - gap), (gap * (2 - gap)).sqrt()
        angle = arb.pi() - root.asin() if sign > 0 else root.asin()  # π − arccos t
        expected = (root + t * angle) / (2 * arb.pi()), angle / (2 * arb.pi())
        found = spline("relu").value(sign, gap)
        assert all(a.overlaps(b) and a.rad() < 2.0**-80 for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", ["relu(x-3/10)", "hard sigmoid"])
def test_second_derivatives_are_densities_at_pairs_of_knots(name: str, sign: int) -> None:
    """D'' = Σ J_b J_c p_t(b, c), p_t the bivariate normal density, integrated by FLINT next to ±1."""
    with working_precision(BITS):
        near, far = (rational(Fraction(1, n)) for n in (10**7, 50))
        knots = [(rational(Fraction(b)), rational(Fraction(jumps[0]))) for b, jumps in KNOTS[name]]

        def density(s: acb, _: bool) -> acb:
            t, total = sign * (1 - s * s), acb(0)  # s² = 1 − |t|, for what is 1/√(1 − t²) next to ±1
            square = s * s * (2 - s * s)
            for b, j in knots:
                for c, k in knots:
                    total += j * k * (-(b * b - 2 * t * b * c + c * c) / (2 * square)).exp()
            return total * 2 / (2 - s * s).sqrt() / (2 * arb.pi())

        expected = acb.integral(density, near.sqrt(), far.sqrt()).real
        here, there = (spline(name).value(sign, gap)[1] for gap in (near, far))
        assert (sign * (here - there)).overlaps(expected)
        assert expected.rad() < 2.0**-80


@pytest.mark.parametrize("delta", ["1/2", "1/37", "1e-12"])
@pytest.mark.parametrize("name", KNOTS)
def test_series_are_those_at_another_precision_and_add_up_to_values(name: str, delta: str) -> None:
    with working_precision(FINE):
        gap = rational(Fraction(delta))
        fine = spline(name, FINE).series(1, gap, 60)
        step = sum((c / arb(2) ** j for j, c in enumerate(fine)), arb(0))
        value = spline(name, FINE).value(1, gap / 2)[0]
    with working_precision(BITS):
        coarse = spline(name).series(1, gap, 60)
        assert all(a.overlaps(b) for a, b in zip(coarse, fine, strict=True))
        assert all(c > 0 for c in fine)  # as all E[S(U)S(V)] for positive correlations
        assert abs(step - value) <= 2.0**-60 * value


@pytest.mark.parametrize("delta", ["2/3", "1/6", "1e-4", "1e-12"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", KNOTS)
def test_values_are_sums_of_the_series_for_all_pairs(name: str, sign: int, delta: str) -> None:
    """Values leave most pairs to a polynomial, and more of them the nearer t is to ±1; series do not."""
    with working_precision(FINE):
        gap, n = rational(Fraction(delta)), 120
        row = spline(name, FINE).series(sign, gap, n)
        value = sum((c / arb(2) ** j for j, c in enumerate(row)), arb(0))
        slope = sum((j * c / arb(2) ** (j - 1) for j, c in enumerate(row)), arb(0)) / (sign * gap)
        left_out = abs(row[n]) * n * arb(2) ** (2 - n) / gap  # the d_j fall
        for ours, true in zip(spline(name).value(sign, gap / 2), (value, slope), strict=True):
            expected = true + arb(0, left_out.upper())
            assert ours.overlaps(expected)
            assert ours.rad() + expected.rad() < 2.0**-70


@cache
def mirrored(distance: str, jumps: tuple[int, ...], bits: int) -> Spline:
    """A spline with knots at ±b, of more bits than its precision."""
    with working_precision(4 * BITS):
        b = rational(Fraction(distance)).mid()
        knots = [(-b, [arb((-1) ** i * j) for i, j in enumerate(jumps)]), (b, [arb(2 * j) for j in jumps])]
    return Spline(knots, bits)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("delta", ["1/5", "1e-3", "1e-6", "1e-40"])
@pytest.mark.parametrize(
    ("distance", "jumps"),
    [("1/3", (3, 1)), ("1/2", (1,) * 24), ("9", (1,)), ("12", (1,) * 24)],
    ids=["of many bits", "high degree", "far", "far, high degree"],
)
def test_values_keep_their_bits(distance: str, jumps: tuple[int, ...], sign: int, delta: str) -> None:
    """Of knots at ±b: b − c is 0 for a mirrored pair, however small δ is."""
    with working_precision(4 * BITS):
        gap = rational(Fraction(delta))
        coarse, fine = (mirrored(distance, jumps, bits).value(sign, gap) for bits in (BITS, FINE))
        for ours, true in zip(coarse, fine, strict=True):
            assert ours.overlaps(true)
            assert ours.rad() < 2.0 ** (12 - BITS)


@pytest.mark.parametrize("name", ["relu(x-3/10)", "hard sigmoid", "three knots, two next to each other"])
def test_series_are_the_hermite_series_regrouped(name: str) -> None:
    mu = spline(name, 900).hermite(3000)
    with working_precision(BITS):
        a, delta = rational(Fraction(4, 5)), rational(Fraction(1, 5))
        found = spline(name).series(1, delta, 40)
        for j in (0, 1, 2, 7, 40):
            terms = (mu[k] * mu[k] * math.comb(k, j) * a ** (k - j) * delta**j for k in range(j, 3001))
            assert abs(found[j] - sum(terms, arb(0))) < found[j] * 2.0**-70


@pytest.mark.parametrize("x", ["0", "1/7", "53", "300"])
@pytest.mark.parametrize("ratio", ["1", "-1", "-1/30"])
def test_damped_laguerre_polynomials_keep_their_bits(x: str, ratio: str) -> None:
    """Σ e^{−x} L_n^{(−1/2)}(x) u^n, summed from exact coefficients; and what a radius of x does to them."""
    place, c, n = Fraction(x), Fraction(ratio), 150
    row, exact = [Fraction(1), Fraction(1, 2) - place], []
    for k in range(1, n):
        row.append(((2 * k + Fraction(1, 2) - place) * row[k] - (k - Fraction(1, 2)) * row[k - 1]) / (k + 1))
    with working_precision(400):
        exact = [(-rational(place)).exp() * rational(row[k] * c**k) for k in range(n)]
        apart = rational(place) + arb(0, "1e-30")
    with working_precision(BITS), series_length(n):
        size = 2 * (-rational(place) / 2).exp()
        for at, off in ((rational(place), arb(2) ** -BITS), (apart, arb("1e-28"))):
            found = list(_damped_laguerre(at, rational(c), BITS).coeffs())
            for k, (ours, true) in enumerate(zip(found, exact, strict=True)):
                assert ours.overlaps(true)
                told = size * abs(rational(c)) ** k * off * (k + 2) * 16
                assert ours.rad() <= told or ours.rad() < 2.0 ** -(BITS + 15)


@pytest.mark.parametrize("text", ["relu(x)+(exp(-abs(x))-1)*step(-x)", "elu(x)"])
@pytest.mark.parametrize("gap", ["1e-5", "1e-9", "1e-20"])
@pytest.mark.parametrize("sign", [1, -1])
def test_values_of_what_is_no_spline_are_those_of_the_closed_dual(text: str, gap: str, sign: int) -> None:
    written = activation("max(x,0)+expm1(min(x,0))" if text == "elu(x)" else text).dual
    t = Correlation.of(sign * (1 - Fraction(gap)), 200)
    pairs = zip(written.value(t, 90), activation("elu").dual.value(t, 90), strict=True)
    with working_precision(200):
        assert all(abs(to_ball(a) - to_ball(b)) < 2.0**-88 for a, b in pairs)
