"""Hermite coefficients µ_k = E[φ(Z) h_k(Z)] in the normalised probabilist's basis."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import arb_ntk
import pytest
from mpmath.calculus.quadrature import GaussLegendre

from ntkcalc.activations.catalogue import FAMILIES, activation
from ntkcalc.numerics.precision import context, decimal, real

CTX = context(140)

# φ written once more, so that the quadrature below owes nothing to the package
PHI: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, CTX.zero),
    "leaky-relu:slope=0.3": lambda x: x if x > 0 else 3 * x / 10,
    "leaky-relu:slope=3": lambda x: x if x > 0 else 3 * x,
    "leaky-relu:slope=-2": lambda x: x if x > 0 else -2 * x,
    "abs": abs,
    "elu:alpha=0.5": lambda x: x if x > 0 else (CTX.exp(x) - 1) / 2,
    "selu": lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * (CTX.exp(x) - 1)),
    "gelu": lambda x: x * (1 + CTX.erf(x / CTX.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + CTX.exp(-x)),
    "mish": lambda x: x * CTX.tanh(CTX.log(1 + CTX.exp(x))),
    "softplus:beta=2": lambda x: CTX.log(1 + CTX.exp(2 * x)) / 2,
    "tanh": lambda x: CTX.tanh(x),
    "sigmoid": lambda x: 1 / (1 + CTX.exp(-x)),
    "erf": lambda x: CTX.erf(x),
    "gaussian:sigma=0.8": lambda x: CTX.exp(-x * x / (2 * CTX.mpf("0.64"))) / (CTX.mpf("0.8") * CTX.sqrt(2 * CTX.pi)),
    "sin": lambda x: CTX.sin(x),
    "cos": lambda x: CTX.cos(x),
}
# published to 16 decimals: Klambauer et al. 2017, code of the paper
SELU_ALPHA, SELU_SCALE = CTX.mpf("1.6732632423543772848170429916717"), CTX.mpf("1.0507009873554804934193349852946")


Nodes = list[tuple[Any, Any]]


def gauss_legendre(ends: list[Any]) -> Nodes:
    """Nodes and weights, the normal density among these, on the pieces between some ends."""
    rule = GaussLegendre(CTX).get_nodes(-1, 1, 5, CTX.prec)
    pieces = [((high + low) / 2, (high - low) / 2) for low, high in pairwise(ends)]
    return [(m + h * x, h * w * CTX.npdf(m + h * x)) for m, h in pieces for x, w in rule]


@cache
def nodes() -> Nodes:
    """On [-14, 14] in pieces with a joint at the kink; e^{-98} is left outside."""
    return gauss_legendre([CTX.mpf(end) for end in range(-14, 15, 2)])


def quadrature(phi: Callable[[Any], Any], degree: int) -> list[Any]:
    points, here = [x for x, _ in nodes()], [w * phi(x) for x, w in nodes()]
    before = [CTX.zero] * len(points)
    found = []
    for k in range(degree + 1):
        found.append(CTX.fsum(here))
        after = [
            (x * h - CTX.sqrt(k) * b) / CTX.sqrt(k + 1) for (x, _), h, b in zip(nodes(), here, before, strict=True)
        ]
        before, here = here, after
    return found


def test_every_activation_is_tested() -> None:
    assert {name.partition(":")[0] for name in PHI} == set(FAMILIES)


@pytest.mark.parametrize("name", PHI)
@pytest.mark.quick(10)
def test_the_definition_by_quadrature(name: str) -> None:
    for k, (found, defined) in enumerate(zip(activation(name).hermite(8, 100), quadrature(PHI[name], 8), strict=True)):
        # 1e-30 is what quadrature to 140 bits and the 32 digits of selu's constants leave
        assert abs(found - defined) < 1e-29, k
        assert not found or abs(found) > 1e-20


@pytest.mark.parametrize("name", [*arb_ntk.ACTIVATIONS, "softplus:beta=3", "gaussian:sigma=0.5", "elu:alpha=2"])
def test_sixty_coefficients_to_forty_digits_of_ball_arithmetic(name: str) -> None:
    found = activation(name).hermite(60, 150)
    for k, (ours, ball) in enumerate(zip(found, arb_ntk.reference_mu(name, 60, 42), strict=True)):
        theirs = CTX.mpf(ball.mid().str(42, radius=False))
        assert abs(ours - theirs) <= abs(theirs) * CTX.mpf("1e-40"), k


@pytest.mark.parametrize("beta", ["1e-3", "1e-6", "1e-15", "1e-30"])
def test_softplus_that_hardly_bends(beta: str) -> None:
    """log(1 + e^z) = log 2 + z/2 + Σ (4^n − 1) B_2n z^2n/(2n (2n)!), E[Z^m He_k] = m!/(2^j j!), j = (m − k)/2."""
    b = CTX.mpf(beta)
    series = {0: CTX.log(2) / b, 1: CTX.mpf(1) / 2}
    for m in range(2, 34, 2):  # what is left out is below 1e-60 of the first that is left in
        series[m] = (2**m - 1) * CTX.bernoulli(m) / (m * CTX.factorial(m)) * b ** (m - 1)
    for k, found in enumerate(activation(f"softplus:beta={beta}").hermite(8, 120)):
        parts = [
            c * CTX.factorial(m) / (2 ** ((m - k) // 2) * CTX.factorial((m - k) // 2))
            for m, c in series.items()
            if m >= k and (m - k) % 2 == 0
        ]
        assert abs(found - CTX.fsum(parts) / CTX.sqrt(CTX.factorial(k))) <= abs(found) * CTX.mpf("1e-35"), k


@pytest.mark.parametrize("beta", [17, 100, 10**6])
@pytest.mark.quick(1)
def test_softplus_that_is_steep(beta: int) -> None:
    """By quadrature of the definition next to the bend and away from it."""
    b = CTX.mpf(beta)
    rule = gauss_legendre(sorted([CTX.zero, *(s * x for x in (14, 1, 40 / b, 8 / b, 1 / b) for s in (-1, 1))]))
    phi = [(max(x, CTX.zero) + CTX.log1p(CTX.exp(-b * abs(x))) / b) * w for x, w in rule]
    for k, found in enumerate(activation(f"softplus:beta={beta}").hermite(4, 100)):
        mean = CTX.fsum(v * CTX.hermite(k, x / CTX.sqrt(2)) for v, (x, _) in zip(phi, rule, strict=True))
        defined = mean / CTX.sqrt(2**k * CTX.factorial(k))
        assert abs(found - defined) < CTX.mpf("1e-25")


@pytest.mark.parametrize(("name", "k", "size"), [("tanh", 201, 2.25e-10), ("sigmoid", 201, 2.7e-19)])
def test_small_coefficients_have_all_their_digits(name: str, k: int, size: float) -> None:
    found = activation(name).hermite(k, 110)[k]
    theirs = CTX.mpf(arb_ntk.reference_mu(name, k, 34)[k].mid().str(34, radius=False))
    assert abs(found / theirs - 1) < CTX.mpf("1e-32")
    assert abs(float(found)) == pytest.approx(size, rel=0.02)  # two digits are known


def test_the_thousand_and_first_coefficient_of_tanh() -> None:
    found = activation("tanh").hermite(1001, 110)[1001]
    theirs = CTX.mpf("1.890818882430213024567354394692722781e-22")  # arb_ntk.reference_mu("tanh", 1001, 34)
    assert abs(found / theirs - 1) < CTX.mpf("1e-32")


# Bounds on Σ_{k>400} µ_k²/E[φ²]: exp(−2w√400) for poles at distance w; beyond all digits for entire duals
@pytest.mark.parametrize(
    ("name", "rest"),
    [
        *((n, 1e-23) for n in ("tanh", "mish")),
        *((n, 1e-40) for n in ("sigmoid", "silu", "softplus", "erf", "gaussian", "gelu", "sin", "cos", "linear")),
    ],
)
def test_squares_sum_to_the_mean_square(name: str, rest: float) -> None:
    square = activation(name).dual.mean_square(160)
    square = real(CTX, square) if isinstance(square, Fraction) else square
    missing = 1 - CTX.fsum(m * m for m in activation(name).hermite(400, 160)) / square
    assert -1e-40 < missing < rest


@pytest.mark.parametrize(
    ("name", "power"), [("relu", 1.5), ("abs", 1.5), ("leaky-relu", 1.5), ("elu", 2.5), ("selu", 1.5)]
)
def test_squares_sum_to_the_mean_square_where_kinks_leave_a_power_of_k(name: str, power: float) -> None:
    square = activation(name).dual.mean_square(100)
    square = real(CTX, square) if isinstance(square, Fraction) else square
    mu = activation(name).hermite(2048, 100)
    partial = [CTX.fsum(m * m for m in mu[: k + 1]) for k in (512, 1024, 2048)]
    assert partial[0] < partial[1] < partial[2] < square
    # what is missing falls like k^(-power), up to a relative 1/k
    assert float((square - partial[1]) / (square - partial[2])) == pytest.approx(2**power, rel=0.01)


def test_relu_by_its_formula() -> None:
    mu = activation("relu").hermite(40, 120)
    for k in range(2, 41, 2):
        formula = (-1) ** (k // 2 + 1) * CTX.fac2(k - 3) / CTX.sqrt(2 * CTX.pi * CTX.factorial(k))
        assert abs(mu[k] / formula - 1) < 2.0**-110
    assert mu[1] == 0.5
    assert not any(mu[3::2])


@pytest.mark.parametrize("name", FAMILIES)
def test_more_bits_give_the_same_number(name: str) -> None:
    for rough, fine in zip(activation(name).hermite(50, 60), activation(name).hermite(50, 300), strict=True):
        assert abs(rough - fine) <= abs(fine) * 2.0**-58


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "silu", "softplus", "mish"])
@pytest.mark.quick(2)
def test_what_was_asked_for_before_does_not_matter(name: str) -> None:
    activation.cache_clear()
    mu = activation(name)
    mu.hermite(8, 100)
    for rough, fine in zip(mu.hermite(60, 150), mu.hermite(60, 250), strict=True):
        assert abs(rough - fine) <= abs(fine) * CTX.ldexp(1, -149)


def test_exact_zeros_are_zero() -> None:
    for name, zeros in (("tanh", range(0, 30, 2)), ("cos", range(1, 30, 2)), ("silu", range(3, 30, 2)), ("selu", [0])):
        assert [decimal(activation(name).hermite(30, 60)[k], 5) for k in zeros] == [0] * len(zeros)
