"""Eigenvalues on S^d: every printed digit against quadrature of kernels written out here, and the laws of spectra."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import comb
from typing import Any

import definition
import gmpy2
import mpmath
import numpy as np
import pytest
from flint import arb, ctx
from gmpy2 import mpfr

from ntkcalc import InputError, SphereSpectrum, ntk_coefficients, sphere_eigenvalues
from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.series.given_series import GivenSeries, parse_series
from ntkcalc.spectrum.results import SphereEigenvalue
from ntkcalc.spectrum.sphere import Sphere, given_spectrum, kernel_brackets

spectrum = cache(sphere_eigenvalues)


def unit(value: Decimal, digits: int) -> Fraction:
    """One unit in the last of so many digits."""
    return Fraction(Decimal(1).scaleb(value.adjusted() - digits + 1))


def agrees(ours: Decimal | None, truth: Fraction, digits: int) -> bool:
    """Whether a number is right to one unit in its last place; exact zeros must be exact."""
    if not ours or not truth:
        return ours == truth
    return abs(Fraction(ours) - truth) <= unit(ours, digits)


def within(row: SphereEigenvalue, truth: Fraction) -> bool:
    """Whether both bounds hold; the truth is known to 10^-45 of itself."""
    assert row.upper is not None
    slack = truth / 10**45
    return Fraction(row.lower) <= truth + slack and truth - slack <= Fraction(row.upper)


# ---------------------------------------------------------------- quadrature of kernels in closed form

# By MPFR, which rounds each operation correctly, where the package takes mpmath; tanh-sinh in the angle, where the
# package takes trapezoids in artanh t. Of 800 bits, 10^-240, the least eigenvalue (sin, S^343, k = 63: 10^-168) keeps
# 70 digits.
BITS = 800
Pair = tuple[Any, Any]
Grid = tuple[int, int]  # nodes in a unit of u, and the largest u


def relu(t: Any) -> Pair:
    pi = gmpy2.const_pi()
    above = pi - gmpy2.acos(t)
    return (gmpy2.sqrt(1 - t * t) + t * above) / (2 * pi), above / (2 * pi)


def leaky(t: Any) -> Pair:
    slope, one, other = mpfr(3) / 10, relu(t), relu(-t)
    return (1 + slope**2) * one[0] - 2 * slope * other[0], (1 + slope**2) * one[1] + 2 * slope * other[1]


def erf(t: Any) -> Pair:
    pi = gmpy2.const_pi()
    return 2 / pi * gmpy2.asin(2 * t / 3), 4 / (3 * pi) / gmpy2.sqrt(1 - 4 * t * t / 9)


def gaussian(t: Any) -> Pair:
    root = gmpy2.sqrt(4 - t * t)
    return 1 / (2 * gmpy2.const_pi() * root), t / (2 * gmpy2.const_pi() * root**3)


def sine(t: Any) -> Pair:
    return gmpy2.exp(mpfr(-1)) * gmpy2.sinh(t), gmpy2.exp(mpfr(-1)) * gmpy2.cosh(t)


def gelu(t: Any) -> Pair:
    """By Stein's lemma E[UΦ(U) VΦ(V)] = E[ω(U)ω(V)] + t E[Φ(U)Φ(V)], both known."""
    twice_pi, root = 2 * gmpy2.const_pi(), gmpy2.sqrt(4 - t * t)
    both = mpfr(1) / 4 + gmpy2.asin(t / 2) / twice_pi
    return 1 / (twice_pi * root) + t * both, both + t / (twice_pi * root) + t / (twice_pi * root**3)


DUALS: dict[str, Callable[[Any], Pair]] = {
    "relu": relu,
    "leaky-relu:slope=0.3": leaky,
    "erf": erf,
    "gaussian": gaussian,
    "sin": sine,
    "gelu": gelu,
}
# depth, σ_w², γ_b²
NETWORKS = [(2, "1", "0"), (4, "0.7", "0"), (2, "max", "0.1"), (4, "max", "0.1")]


@cache
def kernel_on_the_rule(act: str, depth: int, sigma_w2: str, gamma_b2: str, grid: Grid) -> list[Any]:
    """Θ_l at the nodes: the recursion of theory.md, section 2."""
    dual = DUALS[act]
    with gmpy2.context(precision=BITS):
        square, gamma = dual(mpfr(1))[0], mpfr(gamma_b2)
        scale = 1 / square if sigma_w2 == "max" else mpfr(sigma_w2)
        values = []
        for cosine, _, _ in rule(grid):
            sigma = theta = (1 - gamma) * cosine + gamma
            for _ in range(depth - 1):
                value, slope = dual(sigma)
                sigma = scale * value + 1 - scale * square
                theta = sigma + theta * scale * slope
            values.append(theta)
        return values


@cache
def rule(grid: Grid) -> list[tuple[Any, Any, Any]]:
    """cos θ, sin θ and dθ of tanh-sinh quadrature on [0, π], θ = π/(1 + exp(−π sinh u))."""
    nodes = []
    with gmpy2.context(precision=BITS):
        pi, step, count = gmpy2.const_pi(), mpfr(1) / grid[0], grid[0] * grid[1]
        for j in range(-count, count + 1):
            stretched = pi * gmpy2.sinh(j * step)
            small = pi / (1 + gmpy2.exp(abs(stretched)))  # θ or π − θ
            cosine = gmpy2.cos(small) if j < 0 else -gmpy2.cos(small)
            mass = step * pi * gmpy2.cosh(j * step) * pi / (4 * gmpy2.cosh(stretched / 2) ** 2)
            nodes.append((cosine, gmpy2.sin(small), mass))
    return nodes


@cache
def harmonics(d: int, highest: int, grid: Grid) -> list[list[Any]]:
    """P_k(cos θ) sin^{d−1} θ dθ/∫ sin^{d−1} at the nodes, k = 0 … highest."""
    with gmpy2.context(precision=BITS):
        mass = gmpy2.const_pi() if d % 2 else mpfr(2)  # ∫ sin^n = (n−1)/n ∫ sin^{n−2}
        for n in range(2 + (d - 1) % 2, d, 2):
            mass = mass * (n - 1) / n
        rows = []
        for cosine, size, step in rule(grid):
            values = [mpfr(1), cosine]
            for k in range(1, highest):
                values.append(((2 * k + d - 1) * cosine * values[k] - k * values[k - 1]) / (k + d - 1))
            share = step * size ** (d - 1) / mass
            rows.append([share * v for v in values])
        return rows


@cache
def truths(act: str, d: int, highest: int, network: tuple[int, str, str], grid: Grid) -> list[Fraction]:
    """λ_0 … λ_K; what is below 10^-190 is the zero that parity makes it."""
    columns = zip(*harmonics(d, highest, grid), strict=True)
    theta = kernel_on_the_rule(act, *network, grid)
    with gmpy2.context(precision=BITS):
        found = [sum(f * p for f, p in zip(theta, column, strict=True)) for column in columns]
    return [Fraction(0) if abs(x) < mpfr("1e-190") else Fraction(*x.as_integer_ratio()) for x in found]


def grid_for(d: int) -> Grid:
    """sin^{d−1} θ is narrow for large d, and below 2^-BITS sooner."""
    return (128, 6) if d < 9 else (256, 4)


def network_options(network: tuple[int, str, str]) -> dict[str, Any]:
    return dict(zip(("depth", "sigma_w2", "gamma_b2"), network, strict=True))


@pytest.mark.parametrize(("act", "d", "network"), [("relu", 2, 3), ("sin", 9, 0), ("gaussian", 343, 3)])
@pytest.mark.quick(1)
def test_the_quadrature_of_these_tests_has_converged(act: str, d: int, network: int) -> None:
    highest = {2: 24, 9: 64, 343: 40}[d]
    per_unit, reach = grid_for(d)
    rough, fine = (truths(act, d, highest, NETWORKS[network], (n * per_unit, reach)) for n in (1, 2))
    assert sum(map(bool, rough)) >= highest // 2
    assert all(abs(x - y) <= abs(y) / 10**55 for x, y in zip(rough, fine, strict=True))


@pytest.mark.parametrize("d", [2, 3, 9, 49, 343, 784])
@pytest.mark.parametrize("act", DUALS)
@pytest.mark.quick(3)
def test_every_digit_is_that_of_quadrature_in_the_angle(act: str, d: int) -> None:
    # a Latin square: each activation meets each network
    network = NETWORKS[([*DUALS].index(act) + [2, 3, 9, 49, 343, 784].index(d)) % 4]
    highest = 64 if d in (3, 343) else 24
    found = sphere_eigenvalues(act, sphere_dim=d, max_frequency=highest, **network_options(network)).eigenvalues
    for row, value in zip(found, truths(act, d, highest, network, grid_for(d)), strict=True):
        assert agrees(row.eigenvalue, value, 12), row.k
        assert within(row, value), row.k


@pytest.mark.parametrize(
    ("act", "d", "highest", "network"), [("relu", 2, 24, NETWORKS[3]), ("gelu", 9, 64, NETWORKS[0])]
)
@pytest.mark.quick(1)
def test_fifty_digits_are_fifty_digits(act: str, d: int, highest: int, network: tuple[int, str, str]) -> None:
    found = sphere_eigenvalues(
        act, sphere_dim=d, max_frequency=highest, digits=50, **network_options(network)
    ).eigenvalues
    for row, value in zip(found, truths(act, d, highest, network, grid_for(d)), strict=True):
        assert agrees(row.eigenvalue, value, 50), row.k


@pytest.mark.parametrize(("act", "d", "gamma_b2"), [("relu", 2, "1e-30"), ("erf", 3, "1e-25"), ("relu", 2, "1e-4")])
@pytest.mark.quick(2)
def test_eigenvalues_that_a_tiny_bias_alone_makes_have_all_their_digits(act: str, d: int, gamma_b2: str) -> None:
    network = (2, "max", gamma_b2)
    found = sphere_eigenvalues(act, sphere_dim=d, max_frequency=9, **network_options(network)).eigenvalues
    for row, value in zip(found, truths(act, d, 9, network, (256, 6)), strict=True):
        assert value > 0
        assert agrees(row.eigenvalue, value, 12), row.k


# ---------------------------------------------------------------- quadrature of the definition


@cache
def gauss(count: int) -> list[tuple[arb, arb]]:
    with ctx.workprec(200):
        pairs = (arb.legendre_p_root(count, j, True) for j in range(count))
        return [((1 + x) / 2 * arb.pi(), w / 2 * arb.pi()) for x, w in pairs]


def by_definition(act: str, d: int, highest: int, digits: int) -> list[Fraction]:
    """λ_k of the two-layer kernel with γ_b² = 0.1 from plane integrals of φ itself (oracles/definition.py)."""
    with ctx.workprec(200):
        square, _ = definition.expectations(act, arb(1), digits)
        gamma, scale = arb(1) / 10, 1 / (2 * square)
        sums, mass = [arb(0)] * (highest + 1), arb(0)
        for angle, weight in gauss(36):
            share, cosine = weight * angle.sin() ** (d - 1), angle.cos()
            sigma = ((1 - gamma) * cosine + gamma).mid()
            value, slope = definition.expectations(act, sigma, digits)
            theta = scale * value + 1 - scale * square + sigma * scale * slope
            p = [arb(1), cosine]
            for k in range(1, highest):
                p.append(((2 * k + d - 1) * cosine * p[k] - k * p[k - 1]) / (k + d - 1))
            sums = [s + share * theta * x for s, x in zip(sums, p, strict=True)]
            mass += share
        return [Fraction(Decimal((s / mass).str(40, radius=False))) for s in sums]


@pytest.mark.parametrize("act", [act for act in FAMILIES if act not in ("relu", "leaky-relu", "gelu", "erf", "sin")])
@pytest.mark.quick(2)
def test_activations_without_a_dual_above_are_integrated_as_they_are_defined(act: str) -> None:
    if act == "linear":
        scale = "0.5"
    else:  # half of the largest σ_w², exactly, is not a decimal: as text of 40 digits it is near enough
        with ctx.workprec(200):
            scale = (1 / (2 * definition.expectations(act, arb(1), 30)[0])).str(40, radius=False)
    found = sphere_eigenvalues(act, sphere_dim=3, max_frequency=5, sigma_w2=scale, gamma_b2="0.1").eigenvalues
    for row, truth in zip(found, by_definition(act, 3, 5, 22), strict=True):
        zero = abs(truth) < Fraction(1, 10**20)  # linear: no frequencies beyond 1
        assert agrees(row.eigenvalue, Fraction(0) if zero else truth, 12), row.k
        assert zero == (act == "linear" and row.k > 1)


# ---------------------------------------------------------------- the formula of Theorem 4.6


def theorem_4_6(c: list[Decimal], k: int, d: int) -> Any:
    """λ_k of the surface measure from coefficients, as printed in theory.md."""
    total = mpmath.mpf(0)
    for p in range(k, len(c), 2):
        half = mpmath.mpf(p - k + 1) / 2
        total += mpmath.mpf(str(c[p])) * mpmath.gammaprod([p + 1, half], [p - k + 1, half + k + mpmath.mpf(d) / 2])
    return mpmath.pi ** (mpmath.mpf(d) / 2) / mpmath.mpf(2) ** (k - 1) * total


@pytest.mark.parametrize(("depth", "gamma_b2", "terms"), [(2, "0", 600), (3, "0.1", 400)])
@pytest.mark.quick(1)
def test_tanh_is_the_sum_of_its_power_series(depth: int, gamma_b2: str, terms: int) -> None:
    series = ntk_coefficients("tanh", depth, terms, gamma_b2=gamma_b2, digits=30)
    assert series.tail < Decimal("1e-24")  # what is left out; times a weight below 1
    found = sphere_eigenvalues(
        "tanh", depth, sphere_dim=10, max_frequency=12, gamma_b2=gamma_b2, measure="surface"
    ).eigenvalues
    with mpmath.workdps(40):
        for row in found:
            truth = theorem_4_6(list(series.values), row.k, 10)
            assert agrees(row.eigenvalue, Fraction(mpmath.nstr(truth, 35)), 12), row.k
            assert not truth or truth > 1e-12, "what is left out must not count"


@pytest.mark.parametrize(
    ("act", "truncation"), [*(("relu", terms) for terms in (0, 5, 51)), ("elu", 8), ("gaussian", 3)]
)
@pytest.mark.quick(1)
def test_bounds_are_those_of_the_theorem(act: str, truncation: int) -> None:
    d, options = 3, {"depth": 3, "gamma_b2": "0.1"}
    series = ntk_coefficients(act, truncation=truncation, digits=25, **options)
    rows = sphere_eigenvalues(act, sphere_dim=d, max_frequency=8, truncation=truncation, measure="surface", **options)
    assert rows.truncation == truncation
    with mpmath.workdps(30):
        for row in rows.eigenvalues:
            lower = theorem_4_6(list(series.values), row.k, d)
            # 12 digits rounded outwards
            assert lower * (1 - mpmath.mpf("2e-11")) <= mpmath.mpf(str(row.lower)) <= lower
            powers = [[Decimal(0)] * p + [Decimal(1)] for p in range(truncation + 1, truncation + 120)]
            widest = max(theorem_4_6(alone, row.k, d) for alone in powers if (len(alone) - 1 - row.k) % 2 == 0)
            wide = lower + mpmath.mpf(str(series.tail)) * widest
            assert mpmath.mpf(str(row.upper)) <= wide * (1 + mpmath.mpf("2e-11"))


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.parametrize("d", [2, 9, 100])
@pytest.mark.quick(5)
def test_bounds_hold_and_close_as_terms_are_added(act: str, d: int) -> None:
    found = spectrum(act, sphere_dim=d, max_frequency=6, digits=16)
    kernel, sphere = Kernel.of(act), Sphere(d, 6)
    before = [(Fraction(0), Fraction(10**6))] * 7
    for terms in (0, 5, 50):
        brackets = kernel_brackets(kernel, sphere, terms, 100)
        for k, (row, bracket) in enumerate(zip(found.eigenvalues, brackets, strict=True)):
            value = Fraction(row.eigenvalue or 0)
            slack = value / 10**15  # 16 digits
            lower, upper = (Fraction(mpmath.nstr(x, 40)) for x in (bracket.lower, bracket.upper))
            assert lower - slack <= value <= upper + slack
            noise = Fraction(1, 10**28)  # of a class's tail, a difference computed with 100 bits and more
            assert before[k][0] - noise <= lower <= upper <= before[k][1] + noise
            before[k] = (lower, upper)
    assert all(row.lower <= (row.eigenvalue or 0) <= (row.upper or 0) for row in found.eigenvalues)


@pytest.mark.parametrize("act", ["relu", "tanh", "gaussian", "elu"])
@pytest.mark.quick(1)
def test_the_truncation_changes_bounds_but_no_eigenvalue(act: str) -> None:
    free = sphere_eigenvalues(act, sphere_dim=3, max_frequency=6)
    for terms in (0, 5, 50, 200):
        bound = sphere_eigenvalues(act, sphere_dim=3, max_frequency=6, truncation=terms)
        assert bound.truncation == terms
        assert [r.eigenvalue for r in bound.eigenvalues] == [r.eigenvalue for r in free.eigenvalues]
        assert all(r.lower <= (r.eigenvalue or 0) <= (r.upper or 0) for r in bound.eigenvalues)


def left_over(found: SphereSpectrum) -> Fraction:
    """Θ_l(1) − Σ_{k≤K} N(d,k) λ_k."""
    assert found.trace is not None
    parts = sum(row.multiplicity * Fraction(row.eigenvalue or 0) for row in found.eigenvalues)
    return Fraction(found.trace) - parts


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(3)
def test_the_trace_is_short_of_its_sum_by_less_than_the_tail(act: str) -> None:
    # t^p has no frequencies beyond p: those up to K hold c_0 … c_K in full
    found = sphere_eigenvalues(act, sphere_dim=3, max_frequency=10, gamma_b2="0.1", digits=16)
    tail = ntk_coefficients(act, 2, 10, gamma_b2="0.1", digits=16).tail
    noise = Fraction(1, 10**14)  # 12 numbers below 10 of 16 digits
    assert -noise <= left_over(found) <= Fraction(tail) + noise


@pytest.mark.parametrize("d", [2, 3, 9])
@pytest.mark.parametrize("act", ["gaussian", "sin", "cos"])
@pytest.mark.quick(2)
def test_all_frequencies_together_are_the_trace(act: str, d: int) -> None:
    for depth in (2, 3):
        # the series is geometric at worst, of ratio 2: 2^-60 is left
        found = sphere_eigenvalues(act, depth, sphere_dim=d, max_frequency=60, sigma_w2="0.8", digits=16)
        assert abs(left_over(found)) < Fraction(1, 10**12)


def test_shares_are_those_of_the_trace() -> None:
    for measure in ("uniform", "surface"):
        found = sphere_eigenvalues("elu", 3, sphere_dim=4, max_frequency=8, measure=measure)
        assert found.trace is not None
        whole, total = Fraction(found.trace), Fraction(0)
        for k, row in enumerate(found.eigenvalues):
            assert row.k == k
            assert row.multiplicity * max(k, 1) == ((2 * k + 3) * comb(k + 2, 3) if k else 1)
            share = row.multiplicity * Fraction(row.eigenvalue or 0) / whole
            total += share
            # numbers of 12 digits: 10^-11 each at most
            assert float(row.trace_share or 0) == pytest.approx(float(share), rel=3e-11)
            assert float(row.cumulative or 0) == pytest.approx(float(total), rel=3e-11)


@pytest.mark.parametrize(
    ("act", "options", "zeros"),
    [
        ("relu", {}, [3, 5, 7, 9, 11]),
        ("leaky-relu", {}, [3, 5, 7, 9, 11]),
        ("gelu", {}, [3, 5, 7, 9, 11]),
        ("softplus", {}, [3, 5, 7, 9, 11]),
        ("silu", {}, [3, 5, 7, 9, 11]),
        ("sigmoid", {}, [2, 4, 6, 8, 10, 12]),
        ("tanh", {}, [2, 4, 6, 8, 10, 12]),
        *((act, {"sigma_w2": "max", "depth": 3}, [0, 2, 4, 6, 8, 10, 12]) for act in ("erf", "sin")),
        ("tanh", {"sigma_w2": "max"}, [0, 2, 4, 6, 8, 10, 12]),
        *((act, {}, [1, 3, 5, 7, 9, 11]) for act in ("abs", "gaussian", "cos")),
        ("gaussian", {"depth": 4}, [1, 3, 5, 7, 9, 11]),
        ("linear", {"depth": 5, "gamma_b2": "0.3"}, [*range(2, 13)]),
        ("relu", {"depth": 3}, []),
        ("relu", {"gamma_b2": "1e-30"}, []),
        ("tanh", {"sigma_w2": "max", "gamma_b2": "0.1"}, []),
        ("gelu", {"gamma_b2": "0.5"}, []),
    ],
    ids=str,
)
@pytest.mark.quick(6)
def test_zeros_are_exact_and_so_are_their_bounds(act: str, options: dict[str, Any], zeros: list[int]) -> None:
    digits = 6 if "gamma_b2" in options else 12
    for d in (2, 9):
        rows = sphere_eigenvalues(act, sphere_dim=d, max_frequency=12, digits=digits, **options).eigenvalues
        assert [row.k for row in rows if row.eigenvalue == 0] == zeros
        for k in zeros:
            assert (rows[k].eigenvalue, rows[k].lower, rows[k].upper, rows[k].trace_share) == (0, 0, 0, 0)
        assert all(row.lower > 0 for row in rows if row.k not in zeros)


@pytest.mark.parametrize("d", [2, 3, 5])
@pytest.mark.quick(1)
def test_relu_decays_as_corollary_4_7_says(d: int) -> None:
    rows = spectrum("relu", sphere_dim=d, max_frequency=200, gamma_b2="0.1", digits=4).eigenvalues
    for start in (100, 101):
        ks = np.arange(start, 201, 2)
        values = [float(rows[k].eigenvalue or 0) for k in ks]
        slope, _ = np.polyfit(np.log(ks), np.log(values), 1)
        # c_p = Θ(p^{−3/2}) makes λ_k = Θ(k^{−d−1}); k stands for k + (d−1)/2, which is 1.5 % at most
        assert slope == pytest.approx(-(d + 1), rel=0.03)


def test_a_steep_wave_has_bessel_functions_whose_series_starts_with_next_to_nothing() -> None:
    """Of 1/2 + e^{−w²} sinh(w² t) odd λ_k are e^{−w²} i_k(w²) on S²; c_p is below 2^−900 for p ≤ 64."""
    found = sphere_eigenvalues("sin(30*x)", 2, sphere_dim=2, max_frequency=3, kernel="nngp").eigenvalues
    x = mpmath.mpf(900)
    for k in (1, 3):
        with mpmath.workdps(40):
            expected = mpmath.exp(-x) * mpmath.sqrt(mpmath.pi / (2 * x)) * mpmath.besseli(k + 0.5, x)
            assert found[k].lower < mpmath.mpf(10) ** -200
            assert abs(mpmath.mpf(str(found[k].eigenvalue)) / expected - 1) < 1e-11
    assert found[2].eigenvalue == 0


def test_spheres_of_ten_thousand_dimensions_keep_their_digits() -> None:
    for act in ("relu", "erf"):
        rough, fine = (
            sphere_eigenvalues(act, sphere_dim=10_000, max_frequency=200, gamma_b2="0.1", digits=n).eigenvalues
            for n in (12, 30)
        )
        for few, many in zip(rough, fine, strict=True):
            assert agrees(few.eigenvalue, Fraction(many.eigenvalue or 0), 12), few.k
            assert within(few, Fraction(many.eigenvalue or 0))
        assert 0 < (fine[200].eigenvalue or 0) < Decimal("1e-400"), "beyond the range of floats"


@pytest.mark.parametrize(("act", "d", "depth"), [("relu", 2, 3), ("tanh", 9, 2), ("gaussian", 2, 4)])
@pytest.mark.quick(1)
def test_few_digits_are_the_first_of_many(act: str, d: int, depth: int) -> None:
    fine = spectrum(act, depth, sphere_dim=d, max_frequency=7, gamma_b2="0.01", digits=20).eigenvalues
    for digits in (1, 3, 15):
        rows = spectrum(act, depth, sphere_dim=d, max_frequency=7, gamma_b2="0.01", digits=digits).eigenvalues
        for row, known in zip(rows, fine, strict=True):
            value = Fraction(known.eigenvalue or 0)
            assert agrees(row.eigenvalue, value, digits), (digits, row.k)
            assert Fraction(row.lower) <= value * (1 + Fraction(1, 10**19))  # 20 digits
            assert Fraction(row.upper or 0) >= value * (1 - Fraction(1, 10**19))


@pytest.mark.parametrize("d", [2, 3, 10, 343])
@pytest.mark.quick(2)
def test_the_surface_measure_is_the_uniform_one_times_the_volume(d: int) -> None:
    uniform, surface = (
        sphere_eigenvalues("relu", sphere_dim=d, max_frequency=8, measure=m, digits=20) for m in ("uniform", "surface")
    )
    assert (uniform.measure, surface.measure) == ("uniform", "surface")
    with mpmath.workdps(40):
        half = mpmath.mpf(d + 1) / 2
        volume = Fraction(mpmath.nstr(2 * mpmath.pi**half / mpmath.gamma(half), 38))
    for name in ("eigenvalue", "lower", "upper"):
        for one, other in zip(uniform.eigenvalues, surface.eigenvalues, strict=True):
            truth = Fraction(getattr(one, name)) * volume
            assert abs(Fraction(getattr(other, name)) - truth) <= truth / 10**18  # two numbers of 20 digits
    assert uniform.trace == Decimal("1.5")
    assert agrees(surface.trace, volume * 3 / 2, 20)
    shares = [[row.trace_share for row in each.eigenvalues] for each in (uniform, surface)]
    assert shares[0] == shares[1]


def test_the_linear_network_has_two_eigenvalues() -> None:
    found = sphere_eigenvalues("linear", 7, sphere_dim=3, max_frequency=4, gamma_b2="0.2")  # Θ = 7 (0.8 t + 0.2)
    rows = found.eigenvalues
    assert [row.eigenvalue for row in rows] == [Decimal("1.4"), Decimal("1.4"), 0, 0, 0]  # t is 1/4 of P_1


def test_a_constant_kernel_has_one_eigenvalue() -> None:
    found = sphere_eigenvalues("elu", 3, sphere_dim=5, max_frequency=6, gamma_b2="1")
    assert found.eigenvalues[0].eigenvalue == found.trace
    assert {row.eigenvalue for row in found.eigenvalues[1:]} == {0}


@pytest.mark.parametrize(
    ("act", "depth", "options"),
    [
        ("relu", 2, {"gamma_b2": "1e-10"}),
        ("relu", 2, {"gamma_b2": "1e-20"}),
        ("leaky-relu:slope=-0.9999999", 3, {}),
        ("leaky-relu:slope=0.999999999", 3, {"sigma_w2": "max"}),
    ],
)
@pytest.mark.quick(1)
def test_branch_points_next_to_an_end_do_no_harm(act: str, depth: int, options: dict[str, Any]) -> None:
    few, many = (
        sphere_eigenvalues(act, depth, sphere_dim=2, max_frequency=9, digits=n, **options).eigenvalues for n in (12, 25)
    )
    for ours, theirs in zip(few, many, strict=True):
        assert agrees(ours.eigenvalue, Fraction(theirs.eigenvalue or 0), 12), ours.k
        assert theirs.lower <= (theirs.eigenvalue or 0) <= (theirs.upper or 0)


def test_the_callers_mpmath_is_left_alone() -> None:
    before = mpmath.mp.dps
    sphere_eigenvalues("relu", sphere_dim=2, max_frequency=4, digits=50)
    assert mpmath.mp.dps == before


# ---------------------------------------------------------------- series from outside


def test_a_finite_series_has_exact_eigenvalues() -> None:
    # E[t^p P_k] on S^3, where P_1 = t, P_2 = (4t² − 1)/3, P_3 = 2t³ − t, and E[t²] = 1/4, E[t⁴] = 1/8, E[t⁶] = 5/64
    c = [Fraction(1), Fraction(1, 2), Fraction(0), Fraction(1, 3)]
    found = given_spectrum(GivenSeries(None, c, Fraction(0)), Sphere(3, 6), None, 15)
    truth = [Fraction(1), Fraction(1, 8) + Fraction(1, 24), Fraction(0), (Fraction(5, 32) - Fraction(1, 8)) / 3]
    for row, value in zip(found.eigenvalues, [*truth, *[Fraction(0)] * 3], strict=True):
        assert agrees(row.eigenvalue, value, 15)
        assert within(row, value)
        if not value:
            assert (row.lower, row.upper) == (0, 0)
    assert agrees(found.trace, sum(c, Fraction(0)), 15)
    assert float(found.eigenvalues[3].cumulative or 0) == pytest.approx(1, rel=1e-14)  # 15 digits


def test_a_series_of_unknown_length_has_lower_bounds_only() -> None:
    (given,) = parse_series("1\n0.5\n0.25\n", "test")
    found = given_spectrum(given, Sphere(2, 4), None, 12)
    assert [row.lower for row in found.eigenvalues[3:]] == [0, 0]
    for row, value in zip(found.eigenvalues, (1 + Fraction(1, 12), Fraction(1, 6), Fraction(1, 30)), strict=False):
        assert Fraction(row.lower) <= value <= Fraction(row.lower) + 2 * unit(row.lower, 12)
    for row in found.eigenvalues:
        assert (row.eigenvalue, row.upper, row.trace_share, row.cumulative) == (None, None, None, None)
    assert found.trace is None


def legendre_second_kind(highest: int) -> list[Fraction]:
    """Q_k(2) = ½ ∫ P_k(t)/(2 − t) dt, the eigenvalues of Σ_p 2^{−p−1} t^p on S²."""
    with mpmath.workdps(60):
        q = [mpmath.log(3) / 2, mpmath.log(3) - 1]
        for k in range(1, highest):
            q.append(((2 * k + 1) * 2 * q[k] - k * q[k - 1]) / (k + 1))
        return [Fraction(mpmath.nstr(x, 45)) for x in q]


def test_a_geometric_series_has_legendre_functions_of_the_second_kind() -> None:
    def given(terms: int) -> GivenSeries:
        return GivenSeries(None, [Fraction(1, 2 ** (p + 1)) for p in range(terms)], Fraction(1, 2**terms))

    long, short = (given_spectrum(given(n), Sphere(2, 6), None, 12) for n in (80, 9))
    cut = given_spectrum(given(80), Sphere(2, 6), 8, 12)
    assert [(r.lower, r.upper) for r in cut.eigenvalues] == [(r.lower, r.upper) for r in short.eigenvalues]
    assert [r.eigenvalue for r in cut.eigenvalues] == [r.eigenvalue for r in long.eigenvalues], "all terms count"
    assert short.eigenvalues[6].eigenvalue is None
    for row, value in zip(short.eigenvalues, legendre_second_kind(6), strict=True):
        shown = row.eigenvalue  # what the bracket leaves of it
        assert shown is None or abs(Fraction(shown) - value) <= Fraction(10) ** shown.as_tuple().exponent
    for whole, part, value in zip(long.eigenvalues, short.eigenvalues, legendre_second_kind(6), strict=True):
        assert agrees(whole.eigenvalue, value, 12)
        assert within(whole, value)
        assert within(part, value)
    assert long.trace == short.trace == 1


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sphere_dim": 1}, "sphere_dim must lie in 2 to 10000 (S^d in d + 1 dimensions), got 1"),
        ({"sphere_dim": 10_001}, "got 10001"),
        ({"sphere_dim": True}, "sphere_dim must be a whole number, got True"),
        ({"sphere_dim": 3.0}, "sphere_dim must be a whole number, got 3.0"),
        ({"max_frequency": -1}, "max_frequency must lie in 0 to 5000, got -1"),
        ({"max_frequency": 5001}, "got 5001"),
        ({"measure": "surfce"}, "Did you mean 'surface'?"),
        ({"measure": "haar"}, "measure must be one of uniform, surface, got 'haar'"),
        ({"digits": 0}, "digits must lie in 1 to 10000, got 0"),
        ({"digits": 10_001}, "got 10001"),
        ({"truncation": -1}, "truncation must lie in 0 to 20000, got -1"),
        ({"truncation": 20_001}, "got 20001"),
        ({"truncation": 2.5}, "truncation must be a whole number, got 2.5"),
        ({"act": "tahn"}, "Did you mean 'tanh'?"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"sigma_w2": 3}, "sigma_w2 must be at most 2 "),
        ({"gamma_b2": "1.1"}, "[0, 1]"),
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_refused_in_words(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        sphere_eigenvalues(**{"act": "relu", "sphere_dim": 3} | changes)
    assert said in str(caught.value)


def test_a_series_from_outside_is_asked_for_no_nonsense_either() -> None:
    for truncation, digits in ((-1, 12), (None, 0)):
        with pytest.raises(InputError):
            given_spectrum(GivenSeries(None, [Fraction(1)], None), Sphere(2, 1), truncation, digits)
