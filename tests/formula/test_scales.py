"""The lengths within which formulas vary: their laws, and that what is narrow is right or refused."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shell import inside

from ntkcalc.activations.formula.cutting import cut
from ntkcalc.activations.formula.formula_dual import FormulaDual
from ntkcalc.activations.formula.formulas import formula_dual
from ntkcalc.activations.formula.functions import WORDS, plain
from ntkcalc.activations.formula.grammar import parsed
from ntkcalc.activations.formula.node_sums import NodeSums
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.scales import Cells, cells
from ntkcalc.activations.formula.trees import text_of
from ntkcalc.activations.work_budget import WorkBudget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import context

CTX = context(160)
BITS = 60  # of the squares that are asked for


@cache
def pieces(text: str) -> Pieces:
    tree = parsed(text, WORDS)
    return cut(plain(tree), text_of(tree))


def lengths(text: str, reach: float = 12.0, bits: int = 80) -> Cells:
    return cells(pieces(text), reach, bits)


def length_at(found: Cells, x: float) -> float:
    """The least ℓ of the cells that x is in."""
    return float(found.length[(found.low <= x) & (x <= found.high)].min())


def squares(text: str) -> tuple[Any, Any]:
    """E[φ²] and E[φ'²], from a dual without a past."""
    dual = formula_dual(pieces(text))
    assert isinstance(dual, FormulaDual)
    return dual.mean_square(BITS), dual.slope_square(BITS)


def gaussian_squares(text: str, places: list[float]) -> list[Any]:
    """E[φ²] and E[φ'²] by mpmath's quadrature between places so close that nothing can be missed."""
    run = pieces(text).evaluator(CTX)
    ends = [CTX.mpf(p) for p in sorted({-16.0, -4.0, -1.0, 1.0, 4.0, 16.0, *places})]
    return [CTX.quad(lambda x, i=i: run(x)[i] ** 2 * CTX.npdf(x), ends, maxdegree=7) for i in (0, 1)]


def around(x: float, length: float) -> list[float]:
    return [x + sign * length * s for sign in (-1, 1) for s in (0, 0.5, 1, 2, 3, 4, 6, 8, 12, 20, 40)]


def close(found: Any, expected: Any, error: float) -> bool:
    return bool(abs(found / expected - 1) < error)


# ---------------------------------------------------------------- laws of cells

ORDINARY = [
    "x*sigmoid(x)",
    "tanh(x)^3",
    "sin(3*x)+x/2",
    "x^9/1000",
    "1/(1+x^2)",
    "exp(-x^2)",
    "gelu(x)^2",
    "exp(sin(3*x))",
    "log1p(x^2)",
    "max(x,tanh(x))",
    "relu(x-0.5)*sigmoid(x)",
    "abs(sin(x))^1.5",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_formulas_are_tame(text: str) -> None:
    assert not lengths(text).narrow.length.size


@pytest.mark.parametrize("text", [*ORDINARY, "tanh(50*x)", "abs(x-1/3)*tanh(200*x)", "x+exp(-1e10*(x-0.7)^2)"])
def test_cells_cover_the_line_once(text: str) -> None:
    found = lengths(text)
    order = np.argsort(found.low)
    low, high = found.low[order], found.high[order]
    assert low[0] == -12.0
    assert high[-1] == 12.0
    assert np.array_equal(low[1:], high[:-1])


@pytest.mark.parametrize(("slope", "text"), [(50, "tanh(50*x)"), (400, "x+erf(400*x)"), (3000, "sigmoid(3000*x)")])
def test_a_step_is_as_long_as_its_slope_says(slope: int, text: str) -> None:
    found = lengths(text)
    assert 0.4 <= slope * length_at(found, 0.0) <= 4
    assert length_at(found, 8.0) > 1


@pytest.mark.parametrize("text", ["tanh({})", "exp(-({})^2)", "1/(1+({})^2)", "sqrt(1+({})^2)", "({})*sigmoid({})"])
@pytest.mark.parametrize("factor", [64, 4096, 2**18])
def test_lengths_scale_with_the_formula(text: str, factor: int) -> None:
    once, faster = (lengths(text.replace("{}", f"{c}*x"), 8.0).narrow.length.min() for c in (32, 32 * factor))
    assert 0.5 <= once / (faster * factor) <= 2


@settings(max_examples=25)
@given(st.floats(-6, 6), st.integers(4, 12))
def test_bumps_are_found_wherever_they_are(place: float, power: int) -> None:
    found = lengths(f"x+exp(-1e{power}*(x-({place!r}))^2)")
    width = 10 ** (-power / 2)
    assert length_at(found, place) <= 4 * width
    assert found.length.min() >= width / 8


def test_an_argument_that_moves_little_is_not_taken_for_one_that_moves_much() -> None:
    """x⁴ − 4x² + 4 is (x² − 2)², the formulas of whose terms move a thousand times as much near √2."""
    summed, product = (lengths(f"exp(-1e4*({u}))").narrow.length.min() for u in ("x^4-4*x^2+4", "(x^2-2)^2"))
    assert product / 4 <= summed <= product


@pytest.mark.parametrize(
    "text",
    [
        "x*tanh(x)/x",
        "(exp(x)-1)/x",
        "(1-cos(x))/x^2",
        "x+exp((1-cos(x))/x^2)",
        "(x-sin(x))/x^3+x",
        "sqrt(x^2+0.01)",
        "abs(x)^1.5",
        "x*log(abs(x))",
        "exp(x*log(abs(x)))",
        "exp(-1/x^2)",
        "relu(x)^0.5*x",
        "abs(x-1/3)^1.5",
        "exp(4*x)",
        "x^3*exp(x^2/8)",
        "(sin(x)/x)^2+relu(x)",
        "sinc(x)",
        "sinc(x^2)+x",
        "x/3/(1/x)",
        "log(phi(x))",
        "sqrt(erfc(x))",
        "x/(1+exp(-5*x))",
    ],
)
def test_what_is_harmless_is_not_refused(text: str) -> None:
    narrow = lengths(text).narrow
    assert not narrow.length.size or narrow.length.min() >= 1 / 128
    squares(text)


def test_what_does_not_count_is_left_alone() -> None:
    assert not lengths("1e-99*exp(-1e10*(x-0.7)^2)*x", bits=80).narrow.length.size
    assert lengths("sin(100*x)", reach=40.0, bits=80).narrow.low.min() > -16.7  # 100 e^{−x²/4} = 2^−92 at 16.53


# ---------------------------------------------------------------- right or refused


@settings(max_examples=40)
@given(
    st.floats(-3, 3).map(lambda a: round(a, 4)),
    st.floats(0, 12).map(lambda p: float(f"{10**p:.3g}")),
    st.sampled_from(["1", "0.001", "1e-6", "30"]),
)
def test_bumps_are_right_or_refused(a: float, w: float, h: str) -> None:
    text = f"x+{h}*exp(-{w!r}*(x-({a!r}))^2)"
    try:
        square, slope = squares(text)
    except AccuracyError:
        if w > 1e4:
            return
        raise
    expected = bump_squares(CTX.mpf(repr(a)), CTX.mpf(repr(w)), CTX.mpf(h))
    assert close(square, expected[0], 1e-15)
    assert close(slope, expected[1], 1e-15)


def bump_squares(a: Any, w: Any, h: Any) -> tuple[Any, Any]:
    """E[φ²] and E[φ'²] of x + h e^{−w(x−a)²}: e^{−w(x−a)²} times the Gaussian is another Gaussian."""

    def bump(w: Any) -> tuple[Any, Any, Any]:
        spread = 1 / (1 + 2 * w)
        return CTX.sqrt(spread) * CTX.exp(-w * a * a * spread), 2 * w * a * spread, spread

    (mass, mean, _), (mass2, mean2, spread2) = bump(w), bump(2 * w)
    square = 1 + 2 * h * mass * mean + h * h * mass2
    return square, 1 - 4 * h * w * mass * (mean - a) + 4 * h * h * w * w * mass2 * (spread2 + (mean2 - a) ** 2)


@pytest.mark.parametrize(
    ("text", "place", "length"),
    [
        ("x+exp(-1e4*(x-0.7)^2)", 0.7, 1e-2),
        ("x+0.001*tanh(200*x)", 0, 5e-3),
        ("1/(1+1e4*(x-0.3)^2)+x", 0.3, 1e-2),
        ("tanh(100*(x-0.2))+x", 0.2, 1e-2),
        ("x+0.01*erf(300*(x-1.1))", 1.1, 3e-3),
        ("x+1/(1+exp(1e4*(x-0.7)^2))", 0.7, 1e-2),
        ("relu(x)+exp(-1e4*(x-0.7)^2)", 0.7, 1e-2),
        ("abs(x)^1.5+exp(-1e4*(x-0.7)^2)", 0.7, 1e-2),
        ("abs(x)+exp(-1e10*x^2)", 0, 1e-5),
        ("abs(x)^1.5+exp(-1e10*x^2)", 0, 1e-5),  # tanh-sinh quadrature has its nodes there
        ("x+exp(-1e10*(x-0.7)^2)", 0.7, 1e-5),
        ("x+1e-6*exp(-1e10*(x-1/3)^2)", 1 / 3, 1e-5),
        ("tanh(1e6*(x-0.2))+x", 0.2, 1e-6),
        ("relu(x)+exp(-1e10*(x+0.7)^2)", -0.7, 1e-5),
        ("x*tanh(x)/x+exp(-1e10*(x-0.7)^2)", 0.7, 1e-5),
        ("x+exp(1000-1e10*(x-0.7)^2)/exp(1000)", 0.7, 1e-5),
        ("exp(x/3)+1e150*exp(-345-1e8*(x-0.3)^2)", 0.3, 1e-4),  # what is small may be multiplied
        ("exp(x/3)+1e-150*exp(345-1e8*(x-0.3)^2)", 0.3, 1e-4),
        ("exp(x/3)+exp(345)*exp(-345-1e8*(x-0.3)^2)", 0.3, 1e-4),
        ("exp(x/3)+x^150*exp(-345-1e8*(x-15)^2)", 15, 1e-4),
        ("exp(x/3)+exp(-1e8*((exp(x)-1)/x*(x-0.09))^2)", 0.09, 1e-4),  # in a cell at a joint
        ("x^2+tanh(1e4*(x-8.5))", 8.5, 1e-4),
    ],
)
def test_what_is_narrow_is_right(text: str, place: float, length: float) -> None:
    expected = gaussian_squares(text, [0.0, *around(place, length)])
    for found, defined in zip(squares(text), expected, strict=True):
        assert close(found, defined, 1e-15)  # mpmath's rule of degree 7 leaves 1e-18


@pytest.mark.parametrize("c", ["1e-6", "0.01", "1", "30"])
@pytest.mark.parametrize("power", [1, 3])
def test_what_is_flat_at_a_removable_singularity_is_right(c: str, power: int) -> None:
    """φ = e^{−c/x²}/x^n: E[Z φ] = e^{−√(2c)} for n = 1, and of e^{−c/x²}/x², −d/dc of that, for n = 3."""
    root = CTX.sqrt(2 * CTX.mpf(c))
    _, mu = formula_dual(pieces(f"exp(-{c}/x^2)/x^{power}")).hermite(1, 80)
    assert abs(mu / (CTX.exp(-root) / (1 if power == 1 else root)) - 1) < CTX.ldexp(1, -79)


@pytest.mark.parametrize("c", ["0.01", "1"])
def test_so_it_is_beside_what_is_not_flat(c: str) -> None:
    _, mu = formula_dual(pieces(f"x+exp(-{c}/x^2)/x")).hermite(1, 80)
    assert abs(mu / (1 + CTX.exp(-CTX.sqrt(2 * CTX.mpf(c)))) - 1) < CTX.ldexp(1, -79)


def test_so_are_waves_without_end_that_die_away() -> None:
    """2 ∫ x e^{−1/x²} sin(1/x) w(x) dx over x > 0, of which e^{−400} is below 1/20."""
    _, mu = formula_dual(pieces("exp(-1/x^2)*sin(1/x)")).hermite(1, 80)
    ends = [CTX.mpf(x) / 20 for x in (1, 1.5, 2, 3, 4, 6, 10, 20, 40, 80, 160, 320)]
    mean = CTX.quad(lambda x: 2 * x * CTX.exp(-1 / x**2) * CTX.sin(1 / x) * CTX.npdf(x), ends)
    assert abs(mu / mean - 1) < CTX.ldexp(1, -79)


@pytest.mark.parametrize("text", ["x+sin(50*x)", "sin(30*x)^2+x"])
def test_waves_are_right(text: str) -> None:
    """E[(x + sin kx)²] = 1 + 2k e^{−k²/2} + (1 − e^{−2k²})/2, and all of e^{−k²/2} is below 1e-195."""
    expected = (1.5, 1 + 50**2 / 2) if "50" in text else (1 + 3 / 8, 1 + 30**2 / 2)
    for found, defined in zip(squares(text), expected, strict=True):
        assert close(found, CTX.mpf(defined), 1e-15)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x+exp(-1e19*(x-0.7)^2)", "0.7"),
        ("x+1e-6*exp(-1e19*(x-1/3)^2)", "0.333"),
        ("1/(1+1e30*(x-0.3)^2)+x", "0.3"),
        ("tanh(1e12*(x-0.2))+x", "0.2"),
        ("relu(x)+exp(-1e19*(x+0.7)^2)", "-0.7"),
        ("abs(x)^1.5+exp(-1e19*(x-0.7)^2)", "0.7"),
        ("x*tanh(x)/x+exp(-1e19*(x-0.7)^2)", "0.7"),
        ("x+exp(1000-1e19*(x-0.7)^2)/exp(1000)", "0.7"),
    ],
)
def test_what_is_too_narrow_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(AccuracyError, match=r"varies within \d(\.\d+)?e-\d+ near x = \S+, which") as refusal:
        squares(text)
    said = re.search(r"near x = (\S+),", str(refusal.value))
    assert said is not None
    assert float(said.group(1)) == pytest.approx(float(place), abs=2e-3)
    assert "lower" not in str(refusal.value)


@pytest.mark.parametrize("text", ["sin(1e5*x)+x", "x^2*sin(1/x)", "x+cos(exp(20*x^2/(1+x^2)))"])
def test_waves_without_end_are_refused(text: str) -> None:
    with pytest.raises(AccuracyError, match="which quadrature cannot resolve"):
        squares(text)


def test_the_refusal_is_one_line_of_the_command() -> None:
    done = inside(["coeffs", "-a", "x+exp(-1e19*(x-0.7)^2)", "--sigma-w2", "max", "-T", "3"])
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("ntkcalc: x+exp(-1e19*(x-0.7)^2) varies within 9e-10 near x = 0.7, which")
    assert len(done.stderr.splitlines()) == 1


def test_where_fewer_coefficients_help_the_refusal_says_so() -> None:
    dual = formula_dual(pieces("x+sin(10*x)"))
    assert isinstance(dual, FormulaDual)
    sums = NodeSums(dual.integrand, 0, 8, 100, 20.0, WorkBudget(100))
    assert "lower --digits, --truncation or --depth" in str(sums.unresolved(0.1, 1.0, 100))
    assert "widen it" in str(sums.unresolved(0.1, 1.0, 1e7))


@pytest.mark.parametrize(
    "argument",
    [
        "(x+1e14)-1e14-0.3",
        "(x+1e17)-1e17-0.3",
        "(((x-0.3)*1e-20+1)-1)*1e20",
        "(tanh(1+1e-20*(x-0.3))-tanh(1))*1e20",
        "(x-0.3)/1e-400*1e-400",
        "(x-0.3)*1e-400*1e400",
    ],
)
def test_what_floats_cannot_follow_is_right_or_refused(argument: str) -> None:
    """Cells are found in floats; without its bump, E[φ²] would be E[exp(x/3)²] = e^{2/9}."""
    try:
        square, _ = squares(f"exp(x/3)+exp(-1e8*({argument})^2)")
    except AccuracyError:
        return
    assert abs(square / CTX.exp(CTX.mpf(2) / 9) - 1) > 1e-6
