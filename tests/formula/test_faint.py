"""Parts of φ that are faint beside the rest: none is taken for zero."""

from __future__ import annotations

import math
from contextlib import suppress
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc import AccuracyError, ntk_coefficients
from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.formula.cutting import cut
from ntkcalc.activations.formula.faint import faintness
from ntkcalc.activations.formula.functions import WORDS, plain
from ntkcalc.activations.formula.grammar import parsed
from ntkcalc.activations.formula.trees import text_of
from ntkcalc.numerics.precision import context, decimal

CTX = context(256)


def kappa(text: str, p: int, digits: int = 12) -> str:
    """κ_{p,2}, sigma_w2 at its largest."""
    return str(ntk_coefficients(text, 2, p, sigma_w2="max", digits=digits).values[p])


def likely(text: str, narrow: tuple[float, ...] = ()) -> float:
    tree = parsed(text, WORDS)
    return faintness(cut(plain(tree), text_of(tree)), narrow).likely


@given(n=st.integers(1, 900), k=st.integers(2, 6))
def test_a_polynomial_shows_its_smallest_coefficient(n: int, k: int) -> None:
    """φ = 1 + c x^k, c = 10^−n: µ_k = c √k!, and κ_k = (1 + k) µ_k²/E[φ²]."""
    moments = [math.prod(range(m - 1, 0, -2)) if m % 2 == 0 else 0 for m in (k, 2 * k)]
    c = Fraction(1, 10**n)
    expected = (1 + k) * c**2 * math.factorial(k) / (1 + 2 * c * moments[0] + c**2 * moments[1])
    assert kappa(f"1+1e-{n}*x^{k}", k) == str(decimal(expected, 12))


@pytest.mark.parametrize("far", [5, 20, 30, 38, 60])
def test_a_kink_far_out_shows(far: int) -> None:
    """φ = 1 + max(x, −b): µ_k = w(b) He_{k−2}(−b)/√k! for k ≥ 2."""
    density = CTX.exp(-(CTX.mpf(far) ** 2) / 2) / CTX.sqrt(2 * CTX.pi)
    tail = density - far * CTX.erfc(far / CTX.sqrt(2)) / 2  # E[(−b − Z)_+]
    square = CTX.erfc(far / CTX.sqrt(2)) / 2 * (1 + far**2) - far * density  # and of its square
    cross = -CTX.erfc(far / CTX.sqrt(2)) / 2  # E[Z (−b − Z)_+]
    total = 2 + square + 2 * tail + 2 * cross
    assert kappa(f"max(x,-{far})+1", 2) == str(decimal(3 * density**2 / 2 / total, 12))
    assert kappa(f"max(x,-{far})+1", 3) == str(decimal(4 * (far * density) ** 2 / 6 / total, 12))


@pytest.mark.parametrize("exponent", [50, 100])
def test_what_is_faint_in_one_piece_only_shows(exponent: int) -> None:
    """φ = x + c e^x (x − 1/2)_+^2: κ_2 = 3 c² E[e^Z (Z − 1/2)_+^2 (Z² − 1)/√2]²; E[e^Z f(Z)] = √e E[f(Z + 1)]."""
    with CTX.workprec(200):
        mean = CTX.quad(
            lambda x: (x + CTX.mpf(1) / 2) ** 2 * ((x + 1) ** 2 - 1) * CTX.exp(-x * x / 2), [-0.5, 0, 1, 3, 6, 20]
        )
        moment = CTX.sqrt(CTX.e) * mean / CTX.sqrt(2 * CTX.pi) / CTX.sqrt(2)
    expected = 3 * (moment * CTX.mpf(10) ** -exponent) ** 2
    assert kappa(f"x+1e-{exponent}*exp(x)*relu(x-0.5)^2", 2, 10) == str(decimal(expected, 10))


@pytest.mark.parametrize("exponent", [10, 100, 150])
def test_a_faint_smooth_part_shows(exponent: int) -> None:
    """1 + x + c sin²x, κ_2 = 3 µ_2²/2: sin² = (1 − cos 2x)/2, and E[cos 2Z (Z² − 1)]/√2 = −4 e^{−2}/√2."""
    mu = CTX.mpf(10) ** -exponent * 2 * CTX.exp(-2) / CTX.sqrt(2)
    assert kappa(f"1+x+1e-{exponent}*sin(x)^2", 2, 6) == str(decimal(3 * mu**2 / 2, 6))


@pytest.mark.parametrize("k", [10, 20, 30])
def test_a_fast_wave_shows(k: int) -> None:
    """x + sin(kx): µ_3 = −k³ e^{−k²/2}/√6, E[φ²] = 1 + (1 − e^{−2k²})/2 + 2k e^{−k²/2}."""
    wave = CTX.exp(-(CTX.mpf(k) ** 2) / 2)
    total = 1 + (1 - wave**4) / 2 + 2 * k * wave
    assert kappa(f"x+sin({k}*x)", 3, 6) == str(decimal(4 * (k**3 * wave) ** 2 / 6 / total, 6))


def is_refused(text: str, p: int, waves: dict[int, Any], square: Any, digits: int = 6) -> bool:
    """Whether κ_p of φ = Σ c_k cos(kx) is refused; it is right if not: E[cos(kZ) h_p(Z)] = ±k^p e^{−k²/2}/√p!."""
    moment = sum(c * CTX.mpf(k) ** p * CTX.exp(-(CTX.mpf(k) ** 2) / 2) for k, c in waves.items())
    expected = (1 + p) * moment**2 / CTX.factorial(p) / square
    try:
        assert kappa(text, p, digits) == str(decimal(expected, digits))
    except AccuracyError:
        return True
    return False


@pytest.mark.parametrize("k", [3, 8, 10, 12, 15, 20, 25])
@pytest.mark.parametrize(("p", "digits"), [(2, 6), (4, 6), (2, 40)])
def test_the_square_of_a_wave_has_twice_its_frequency(k: int, p: int, digits: int) -> None:
    square = CTX.mpf(3) / 8 + CTX.exp(-2 * k * k) / 2 + CTX.exp(-8 * k * k) / 8
    assert not is_refused(f"cos({k}*x)^2", p, {2 * k: CTX.mpf(1) / 2}, square, digits) or k > 15


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6, 8, 10])
def test_slow_waves_that_cancel_are_not_taken_for_the_fastest(k: int) -> None:
    """8 cos⁴ − 8 cos² + 1 is the cosine of four times the argument."""
    text, square = f"8*cos({k}*x)^4-8*cos({k}*x)^2+1", (1 + CTX.exp(-32 * k * k)) / 2
    assert not is_refused(text, 2, {4 * k: CTX.one}, square) or k > 6


@pytest.mark.parametrize("k", [2, 5, 8, 11, 14])
@pytest.mark.parametrize("outer", ["cos", "cosh"])
def test_an_even_function_of_a_wave_has_twice_its_frequency(outer: str, k: int) -> None:
    """cos(sin θ) = J_0(1) + 2 Σ J_{2m}(1) cos 2mθ, and E[φ²] = (1 + E[cos(2 sin kZ)])/2; with I_{2m} for cosh."""
    bessel = CTX.besselj if outer == "cos" else lambda n, z: (-1) ** (n // 2) * CTX.besseli(n, z)
    mean = [2 * bessel(2 * m, 2) * CTX.exp(-2 * (m * k) ** 2) for m in range(1, 30)]
    square = (1 + bessel(0, 2) + sum(mean)) / 2
    waves = {2 * m * k: 2 * bessel(2 * m, 1) for m in range(1, 30)}
    assert not is_refused(f"{outer}(sin({k}*x))", 2, waves, square) or k > 8


def test_a_steep_step_far_out_shows() -> None:
    """x² + tanh(10⁴(x − 17/2)): µ_1 is about 2 w(8.5), for its bend is narrow."""
    width = CTX.mpf(10) ** -4
    bend = 1 + (8.5**2 - 1) * width**2 * CTX.pi**2 / 24  # of E[tanh'] = 2 ∫ w over the bend
    density = CTX.exp(-(CTX.mpf(8.5) ** 2) / 2) / CTX.sqrt(2 * CTX.pi)
    found = CTX.mpf(kappa("x^2+tanh(1e4*(x-8.5))", 1, 8))
    total = 3 - 2 + 1  # E[(x² − 1)²], but for 1e-16
    assert abs(found / (2 * (2 * density * bend) ** 2 / total) - 1) < 1e-6


@pytest.mark.parametrize("n", [20, 60, 300])
def test_a_faint_kink_shows(n: int) -> None:
    """1 + x + c|x − 3|³: µ_4 = 12 c w(3)/√24."""
    density = CTX.exp(CTX.mpf(-9) / 2) / CTX.sqrt(2 * CTX.pi)
    mu = 12 * CTX.mpf(10) ** -n * density / CTX.sqrt(24)
    assert abs(CTX.mpf(kappa(f"1+x+1e-{n}*abs(x-3)^3", 4)) / (5 * mu**2 / 2) - 1) < 1e-11 + CTX.mpf(10) ** (2 - n)


def moments(text: str, degree: int) -> list[Any]:
    """µ_0 …, with 60 bits."""
    return [CTX.convert(mu) for mu in activation(text).hermite(degree, 60)]


@pytest.mark.parametrize("exponent", [30, 300, 400, 700])
def test_constants_next_to_others_show(exponent: int) -> None:
    """clip(x, −1, 1 + c) is x's clip and c beyond 1; |x| and (c/2)x, nearly; all to relative c."""
    c, density = CTX.mpf(10) ** -exponent, CTX.exp(CTX.mpf(-1) / 2) / CTX.sqrt(2 * CTX.pi)
    tail = CTX.erfc(CTX.sqrt(CTX.mpf(1) / 2)) / 2
    even, _, more = moments(f"clip(x,-1,1+1e-{exponent})", 2)
    assert abs(even / (c * tail) - 1) < 1e-15
    assert abs(more / (c * density / CTX.sqrt(2)) - 1) < 1e-15
    for text in (f"leaky_relu(x,-1+1e-{exponent})", f"max(x,-x*(1-1e-{exponent}))"):
        assert abs(moments(text, 1)[1] / (c / 2) - 1) < 1e-15


def test_so_do_functions_of_others() -> None:
    c, tail = CTX.exp(-900), CTX.erfc(CTX.sqrt(CTX.mpf(1) / 2)) / 2
    assert abs(moments("clip(x,-1,1+exp(-900))", 0)[0] / (c * tail) - 1) < 1e-15


@pytest.mark.parametrize("exponent", [3, 20, 40, 60, 80, 100, 150, 300])
def test_functions_of_what_hardly_varies_are_right_or_refused(exponent: int) -> None:
    """sin(cx): µ_k = ±c^k e^{−c²/2}/√k!; e^{cx}: c^k e^{c²/2}/√k!; e^{cx²}: (2k − 1)!! (2c)^k/√(2k)!, nearly."""
    c = CTX.mpf(10) ** -exponent
    meant = {
        f"sin(1e-{exponent}*x)": lambda k: (-1) ** (k // 2) * (k % 2) * c**k / CTX.sqrt(CTX.factorial(k)),
        f"exp(1e-{exponent}*x)": lambda k: c**k / CTX.sqrt(CTX.factorial(k)),
        f"x+exp(1e-{exponent}*x^2)": lambda k: (
            (k == 1) + (k % 2 == 0) * CTX.fac2(k - 1) * (2 * c) ** (k // 2) / CTX.sqrt(CTX.factorial(k))
        ),
    }
    for text, mu in meant.items():
        with suppress(AccuracyError):
            for k, found in enumerate(moments(text, 7)):
                assert found == mu(k) == 0 or abs(found / mu(k) - 1) < 40 * max(c, 1e-15)


@pytest.mark.parametrize("place", ["1e3", "1e15", "2e16", "36028797018963968", "1e17", "1e30", "1e300"])
@pytest.mark.parametrize(
    ("text", "mean", "slope"),
    [
        ("min(x,{0})+x", 0, 2),
        ("max(x,-{0})", 0, 1),
        ("relu(x-{0})+x", 0, 1),
        ("min(x,-{0})+x", -1, 1),
        ("leaky_relu(x+{0},0.5)", 1, 1),
        ("abs(x-{0})", 1, -1),
    ],
)
def test_kinks_that_nothing_is_seen_of_are_on_the_right_side_or_refused(
    text: str, mean: int, slope: int, place: str
) -> None:
    """µ_0 and µ_1 are those of the line next to 0, but for less than e^{−place²/2}."""
    with suppress(AccuracyError):
        found = moments(text.format(place), 1)
        assert abs(found[0] - mean * CTX.mpf(place)) <= 1e-15 * abs(mean) * CTX.mpf(place)
        assert abs(found[1] - slope) < 1e-15


@pytest.mark.parametrize("n", [20, 138, 200])
def test_so_they_are_where_no_number_is_small(n: int) -> None:
    c = CTX.exp(-n)
    with suppress(AccuracyError):
        found = moments(f"sin(exp(-{n})*x)", 5)
        assert abs(found[3] / (-(c**3) / CTX.sqrt(6)) - 1) < 1e-15
        assert abs(found[5] / (c**5 / CTX.sqrt(120)) - 1) < 1e-15


@pytest.mark.parametrize("exponent", [20, 100, 200, 300])
def test_powers_that_are_almost_whole_are_right_or_refused(exponent: int) -> None:
    """(1 + x²)^{1 + c}: µ_4 = c E[(1 + Z²) ln(1 + Z²) h_4], nearly."""
    with suppress(AccuracyError):
        *_, found = moments(f"(1+x^2)^(1+1e-{exponent})", 4)
        mean = CTX.quad(
            lambda x: (1 + x**2) * CTX.log1p(x**2) * (x**4 - 6 * x**2 + 3) * CTX.npdf(x), [-30, -8, -3, 0, 3, 8, 30]
        )
        assert abs(found / (CTX.mpf(10) ** -exponent * mean / CTX.sqrt(24)) - 1) < 1e-15


def test_what_is_exactly_zero_still_is() -> None:
    """E[x² e^{−x²} (x² − 1)] = 0, and the mean of selu."""
    assert kappa("1+x+1e-30*x^2*exp(-x^2)", 2) == "0"
    assert kappa("selu(x)+0*x", 0) == "0"
    assert kappa("x^2-1", 0) == "0"


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("tanh(x)", 0),
        ("1+x+1e-30*x^2", 30 * math.log2(10)),
        ("cos(1e-30*x)", 60 * math.log2(10)),
        ("tanh(x-200)", 400 * math.log2(math.e)),
        ("x+sin(40*x)", 800 * math.log2(math.e)),
        ("max(x,-40)", 800 * math.log2(math.e)),
        ("(1e30+x)*(1e20-x)", 50 * math.log2(10)),
    ],
)
def test_bits_are_those_that_the_formula_shows(text: str, bits: float) -> None:
    assert bits <= likely(text) + 10 <= bits + 30


def test_narrow_bumps_are_seen_where_they_are() -> None:
    assert likely("x+exp(-1e10*(x-0.7)^2)") > 1e6
    assert likely("x+exp(-1e10*(x-0.7)^2)", (0.7,)) < 10
    assert likely("abs(x)+exp(-1e10*(x-0.7)^2)", (0.7,)) < 10


@pytest.mark.parametrize(
    "text", ["sinc(max(x,100))", "x*x/clip(x,x,200)", "tanh(x)+clip(x,x,300)", "1+x+exp(-1e13-x^2)"]
)
def test_what_is_too_faint_is_refused(text: str) -> None:
    with pytest.raises(AccuracyError, match="cannot be told from zero; leave it out, or make it larger"):
        ntk_coefficients(text, 2, 4, sigma_w2="max", digits=6)
