"""Powers of |x|, no integer ones: their dual in closed form."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import pytest

from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.dual import Correlation
from ntkcalc.activations.formula.expressions.functions import WORDS
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.plain_form import plain
from ntkcalc.activations.formula.piecewise.piecewise_dual import PiecewiseDual
from ntkcalc.activations.formula.piecewise.power_dual import PowerDual
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import context

CTX = context(200)
POWERS = {  # p, A and B
    "abs(x)^1.5": (Fraction(3, 2), 1, 1),
    "relu(x)^0.7": (Fraction(7, 10), 1, 0),
    "sign(x)*(x*x)^(1/3)": (Fraction(2, 3), 1, -1),
    "x*sqrt(abs(x))*2": (Fraction(3, 2), 2, -2),
    "3*relu(x)^2.5/2-relu(-4*x)^2.5": (Fraction(5, 2), 1.5, -32),
}


@pytest.fixture(autouse=True)
def _digits() -> object:
    with mpmath.workdps(32):  # of which 25 are compared
        yield


@pytest.mark.parametrize("name", POWERS)
def test_hermite_coefficients_are_means(name: str) -> None:
    """E[Z_+^s] is 2^{s/2 − 1} Γ((s + 1)/2)/√π."""
    p, right, left = POWERS[name]
    found = activation(name).hermite(7, 90)
    for k, ours in enumerate(found):
        total = mpmath.mpf(0)
        for i in range(k // 2 + 1):
            weight = mpmath.mpf((-1) ** i * math.factorial(k)) / (math.factorial(i) * math.factorial(k - 2 * i) * 2**i)
            s = mpmath.mpf(p.numerator) / p.denominator + k - 2 * i
            mean = mpmath.mpf(2) ** (s / 2 - 1) * mpmath.gamma((s + 1) / 2) / mpmath.sqrt(mpmath.pi)
            total += weight * mean * (right + (-1) ** k * left)
        assert abs(mpmath.mpf(ours) - total / mpmath.sqrt(math.factorial(k))) < mpmath.mpf(10) ** -25


@pytest.mark.parametrize("t", ["0", "3/10", "-7/10", "999999/1000000", "-999/1000"])
@pytest.mark.parametrize("name", POWERS)
def test_values_are_means_over_the_circle(name: str, t: str) -> None:
    """For t = cos α and φ(rx) = r^p φ(x) the mean of φ(U)φ(V) is 2^p Γ(p + 1)/(2π) ∫ φ(cos θ) φ(cos(θ − α)) dθ."""
    p, right, left = POWERS[name]
    power = mpmath.mpf(p.numerator) / p.denominator

    def phi(x: mpmath.mpf) -> mpmath.mpf:
        return (right if x > 0 else left) * abs(x) ** power

    alpha = mpmath.acos(mpmath.mpf(Fraction(t).numerator) / Fraction(t).denominator)
    half, pi = mpmath.pi / 2, +mpmath.pi
    inner = (-half, half, alpha - half, (alpha + half + pi) % (2 * pi) - pi)
    breaks = sorted({-pi, *inner, pi})
    total = mpmath.quad(lambda s: phi(mpmath.cos(s)) * phi(mpmath.cos(s - alpha)), breaks)
    expected = mpmath.mpf(2) ** power * mpmath.gamma(power + 1) / (2 * mpmath.pi) * total
    value, _ = activation(name).dual.value(Correlation.of(Fraction(t), 150), 100)
    assert abs(mpmath.mpf(value) - expected) < mpmath.mpf(10) ** -24


@pytest.mark.parametrize("name", POWERS)
def test_expansions_add_up_to_values_and_totals(name: str) -> None:
    dual, a = activation(name).dual, Fraction(4, 5)
    found = dual.expansion(Correlation.of(a, 150).size, 60, 80)
    half = sum((CTX.convert(c) / 2**j for j, c in enumerate(found.d)), CTX.zero)
    value, _ = dual.value(Correlation.of(Fraction(9, 10), 150), 100)
    assert abs(half / CTX.convert(value) - 1) < 2.0**-60  # what is left out is below 2^-61 of the total
    for j in (0, 7, 60):
        rest = sum((CTX.convert(c) for c in found.d[: j + 1]), CTX.zero) + CTX.convert(found.tails[j])
        assert abs(rest / CTX.convert(dual.mean_square(90)) - 1) < 2.0**-78
    assert all(c > 0 for c in found.d)


@pytest.mark.parametrize("name", POWERS)
def test_slopes_are_those_of_values(name: str) -> None:
    dual, step = activation(name).dual, Fraction(1, 10**12)
    for t in (Fraction(-9, 10), Fraction(1, 3), Fraction(999, 1000)):
        (low, _), (_, slope), (high, _) = (dual.value(Correlation.of(x, 250), 180) for x in (t - step, t, t + step))
        rise = (CTX.convert(high) - CTX.convert(low)) * 10**12 / 2
        assert abs(rise - CTX.convert(slope)) < 1e-14 * float(dual.slope_square(60))


@pytest.mark.parametrize(
    ("sign", "name"), [(1, "abs(x)^1.5"), (-1, "relu(x)^0.7"), (-1, "3*relu(x)^2.5/2-relu(-4*x)^2.5")]
)
def test_values_at_the_ends_are_those_next_to_them(sign: int, name: str) -> None:
    dual = activation(name).dual
    ends, near = (dual.value(Correlation.of(sign * (1 - gap), 300), 60) for gap in (Fraction(0), Fraction(1, 10**40)))
    for one, other in zip(ends, near, strict=True):
        assert abs(CTX.convert(one) - CTX.convert(other)) < 1e-7  # D' is off by about δ^{p − 1/2}, 1e-8 for p = 0.7


@pytest.mark.parametrize("q", ["1/3", "7"])
def test_a_stretched_power_is_a_multiple(q: str) -> None:
    own = activation("relu(x)^1.5")
    dual, _ = own.dilation(Fraction(q))
    ratio = CTX.convert(dual.mean_square(90)) / CTX.convert(own.dual.mean_square(90))
    assert abs(ratio / (CTX.mpf(Fraction(q).numerator) / Fraction(q).denominator) ** CTX.mpf("1.5") - 1) < 2.0**-80


def test_digits_are_those_of_panels() -> None:
    panels = PiecewiseDual(plain(parsed("abs(x)^1.5", WORDS)), "abs(x)^1.5")
    dual = activation("abs(x)^1.5").dual
    for one, other in zip(panels.hermite(12, 60), dual.hermite(12, 60), strict=True):
        assert abs(CTX.convert(one) - CTX.convert(other)) <= 2.0**-58 * abs(CTX.convert(other))


@pytest.mark.parametrize(
    ("text", "power"),
    [("abs(x)^1.5+x", False), ("abs(x-1)^1.5", False), ("relu(x)^2", False), ("-sqrt(abs(x))^3", True)],
)
def test_other_formulas_have_other_duals(text: str, power: bool) -> None:
    assert isinstance(activation(text).dual, PowerDual) is power


@pytest.mark.parametrize(
    ("text", "parity"),
    [
        ("abs(x)^1.5", "even"),
        ("relu(x)^1.5", None),
        ("sqrt(2)*relu(x)^1.5-2/sqrt(2)*relu(-x)^1.5", "odd"),
        ("sqrt(2)*relu(x)^1.5+2/sqrt(2)*relu(-x)^1.5", "even"),
        ("relu(x)^1.5+exp(-1000)*relu(-x)^1.5", None),
    ],
)
def test_parts_that_cancel_are_none(text: str, parity: str | None) -> None:
    own = activation(text)
    assert isinstance(own.dual, PowerDual)
    assert own.dual.parity == own.parity == parity
    mu = own.hermite(5, 60)
    assert [k for k in range(6) if not mu[k]] == {"even": [1, 3, 5], "odd": [0, 2, 4], None: []}[parity]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abs(x)^0.5", "not square-integrable at x = 0"),
        ("relu(x)^0.3", "not square-integrable at x = 0"),
        ("(sqrt(2)*sqrt(2)-2)*abs(x)^1.5", "is constant"),
        ("(sqrt(2)*sqrt(2)-2)*(relu(x)^1.5-3*relu(-x)^1.5)", "is constant"),
    ],
)
def test_powers_that_are_no_activation_are_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        activation(text)
