"""Written activations: every digit right, equal functions equal, and all commands take them."""

from __future__ import annotations

import csv
import json
import math
import random
import re
import shlex
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compare_formulas import computed, pairs, references, units_apart
from shell import inside

from ntkcalc import AccuracyError, InputError, ntk_coefficients, ntk_values, sphere_eigenvalues
from ntkcalc.activations.catalogue import FAMILIES, activation
from ntkcalc.activations.dual import Correlation
from ntkcalc.activations.formula.smooth.poles import PoleLine
from ntkcalc.numerics.precision import context, real
from ntkcalc.numerics.types import Array

CTX = context(256)
DRAW = random.Random(8)

# every named activation written out
WRITTEN = {
    "linear": "x+0*tanh(x)",
    "relu": "max(x,0)",
    "leaky-relu": "max(x,0.01*x)",
    "leaky-relu:slope=0.1": "relu(x)-0.1*relu(-x)",
    "abs": "sqrt(x^2)",
    "elu": "max(x,0)+exp(min(x,0))-1",
    "elu:alpha=0.5": "relu(x)+0.5*(exp(-relu(-x))-1)",
    "gelu": "x*(1+erf(x/sqrt(2)))/2",
    "silu": "x/(1+exp(-x))",
    "mish": "x*tanh(log(1+exp(x)))",
    "softplus": "log(1+exp(x))",
    "softplus:beta=2": "log(1+exp(2*x))/2",
    "tanh": "(exp(x)-exp(-x))/(exp(x)+exp(-x))",
    "sigmoid": "1/(1+exp(-x))",
    "erf": "1-erfc(x)",
    "gaussian": "e^(-x^2/2)/sqrt(2*pi)",
    "gaussian:sigma=2": "exp(-(x/2)^2/2)/(2*sqrt(2*pi))",
    "sin": "cos(x-pi/2)",
    "cos": "1-2*sin(x/2)^2",
}
_MEAN, _ALPHA = "exp(1/2)*Phi(-1)", "(1/(sqrt(2*pi)*(1/2-exp(1/2)*Phi(-1))))"
WRITTEN["selu"] = f"(relu(x)+{_ALPHA}*(exp(min(x,0))-1))/sqrt(1/2+{_ALPHA}^2*(exp(2)*Phi(-2)-2*{_MEAN}+1/2))"
# E[φ²] = 1 exactly is not known of a formula
LARGEST = {name: "max" if name == "selu" else "1" for name in WRITTEN}


# ---------------------------------------------------------------- every digit


@pytest.mark.quick(12)
@pytest.mark.parametrize("reference", references(), ids=lambda r: f"{r['expression']},{r['depth']}")
def test_twelve_digits_of_ball_arithmetic(reference: dict[str, Any]) -> None:
    for name, ours, theirs in pairs(reference, computed(reference, 50, 12)):
        # the promise: one unit in the last place
        assert units_apart(ours, theirs, 12) <= 1, name


QUICK = [r for r in references() if r["depth"] == 2 and not re.search("relu|max|abs", r["expression"])]


@pytest.mark.parametrize("reference", DRAW.sample(QUICK, 5), ids=lambda r: r["expression"])
def test_thirty_digits_of_ball_arithmetic_up_to_200(reference: dict[str, Any]) -> None:
    for name, ours, theirs in pairs(reference, computed(reference, 200, 30)):
        assert units_apart(ours, theirs, 30) <= 1, name


def test_there_are_forty_two_formulas_at_two_depths() -> None:
    assert len({(r["expression"], r["depth"]) for r in references()}) == len(references()) == 84
    assert all(len(r["kappa"]) == 22 for r in references())


# ---------------------------------------------------------------- named activations, written out


def test_every_named_activation_is_written_out() -> None:
    assert {name.partition(":")[0] for name in WRITTEN} == set(FAMILIES)
    assert all(activation(text).name not in FAMILIES for text in WRITTEN.values())


@pytest.mark.quick(10)
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("digits", [15, 30])
@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "selu"])
def test_written_out_the_coefficients_are_the_same(name: str, digits: int, depth: int) -> None:
    one, other = (
        ntk_coefficients(text, depth, 24, digits=digits, sigma_w2=LARGEST[name], gamma_b2="0.1" if depth == 3 else "0")
        for text in (name, WRITTEN[name])
    )
    assert (one.values, one.tail) == (other.values, other.tail)
    assert one.kernel.total == other.kernel.total
    assert one.kernel.chi == other.kernel.chi


@pytest.mark.thorough
def test_selu_written_out_has_the_same_coefficients() -> None:  # µ_0 = 0, which is proven down to the floor
    test_written_out_the_coefficients_are_the_same("selu", 15, 3)


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    ("name", "digits", "depth"),
    [
        pytest.param(name, *pair, marks=[pytest.mark.thorough] * name.startswith("elu"))
        for name, pair in zip(WRITTEN, cycle([(30, 2), (15, 3)]), strict=False)
        if name != "selu"
    ],
)
def test_written_out_the_kernel_is_the_same(name: str, digits: int, depth: int) -> None:
    rho = ["-1", "-0.3", "0.5", "0.999999"]
    one, other = (
        ntk_values(rho, text, depth, 6, digits=digits, sigma_w2=LARGEST[name]) for text in (name, WRITTEN[name])
    )
    assert [(v.theta, v.series, v.error, v.bound) for v in one.points] == [
        (v.theta, v.series, v.error, v.bound) for v in other.points
    ]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("tanh(x)", "tanh"),
        ("swish(x)", "silu"),
        (" relu( x ) ", "relu"),
        ("elu(x)", "elu"),
        ("elu(x, alpha=0.5)", "elu:alpha=0.5"),
        ("leaky_relu(x,0.1)", "leaky-relu:slope=0.1"),
        ("gaussian(x,sigma=2)", "gaussian:sigma=2"),
    ],
)
def test_a_plain_call_is_the_named_activation(call: str, name: str) -> None:
    assert activation(call).name == activation(name).name == name
    assert type(activation(call).dual) is type(activation(name).dual)


# ---------------------------------------------------------------- equal functions


@pytest.mark.parametrize(
    "equal",
    [
        ["x*sigmoid(1.702*x)", "x/(1+exp(-1.702*x))", "x*(1+tanh(0.851*x))/2"],
        ["relu(x)^2", "x*relu(x)", "x^2*step(x)", "max(x,0)*abs(x)"],
        ["clip(x,0,6)", "min(max(x,0),6)", "relu(x)-relu(x-6)", "(abs(x)-abs(x-6))/2+3"],
        ["sin(x)^2", "(1-cos(2*x))/2"],
        ["exp(-x^2)", "1/exp(x^2)", "e^-x^2", "phi(sqrt(2)*x)*sqrt(2*pi)"],
        ["x^3-3*x", "x*(x^2-3)", "x*(x-sqrt(3))*(x+sqrt(3))"],
        ["abs(x)*tanh(x)", "x*tanh(abs(x))", "x*abs(tanh(x))"],
        ["sqrt(1+x^2)", "(1+x^2)^0.5", "abs(1+x^2)/sqrt(x^2+1)"],
        ["sinc(x)", "sin(x)/x"],
        ["max(exp(x)-x,x/x)+x", "exp(x)", "x+abs(expm1(x)-x+x/x)"],
        ["elu(sqrt(relu(x*x)))", "elu(abs(x))", "elu(sqrt(x^2))", "abs(x)"],
    ],
    ids=lambda texts: texts[0],
)
@pytest.mark.parametrize("digits", [12, pytest.param(25, marks=pytest.mark.thorough)])
def test_equal_functions_give_equal_numbers(equal: list[str], digits: int) -> None:
    first, *others = (ntk_coefficients(text, 2, 8, digits=digits, sigma_w2="max") for text in equal)
    for other in others:
        assert (other.values, other.tail, other.kernel.total) == (first.values, first.tail, first.kernel.total)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "equal",
    [
        ["selu(sqrt(max(x*x,1)))-2*x", "selu(max(abs(x),1))-2*x"],
        ["abs(relu(x)/(1+x^2))^1.5", "(relu(x)/(1+x^2))^1.5", "relu(x)^1.5/(1+x^2)^1.5+0/x"],
    ],
)
def test_equal_functions_that_take_long_give_equal_numbers(equal: list[str]) -> None:
    test_equal_functions_give_equal_numbers(equal, 12)


def test_different_functions_do_not() -> None:
    near, far = (ntk_coefficients(f"x*sigmoid({b}*x)", digits=12).values for b in ("1.702", "1.702000000001"))
    assert near != far


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("text", ["x*tanh(x)", "exp(-x^2/2)*cos(2*x)", "log(1+exp(2*x))/2", "x^5/100-x"])
def test_the_squares_of_smooth_coefficients_add_up_to_the_moments(text: str) -> None:
    dual, mu = activation(text).dual, activation(text).hermite(250, 100)
    for found, total in (
        (CTX.fsum(CTX.convert(m) ** 2 for m in mu), dual.mean_square(200)),
        (CTX.fsum(k * CTX.convert(m) ** 2 for k, m in enumerate(mu)), dual.slope_square(200)),
    ):
        total = real(CTX, total) if isinstance(total, Fraction) else CTX.convert(total)
        # exp(−a√k) with a ≥ π leaves exp(−2·π·√250/2) = 1e-21 of φ², and 250 times that of φ'²
        assert abs(found / total - 1) < 1e-17


@pytest.mark.parametrize("text", ["abs(x)*tanh(x)+relu(x-0.5)", "clip(x,-1,1)+max(x,sin(x))", "max(x,exp(x/2)-1.5)"])
def test_the_squares_of_kinked_coefficients_approach_the_moment(text: str) -> None:
    dual, mu = activation(text).dual, activation(text).hermite(800, 64)
    total = CTX.convert(dual.mean_square(100))
    missing = [total - CTX.fsum(CTX.convert(m) ** 2 for m in mu[: n + 1]) for n in (50, 100, 200, 400, 800)]
    assert all(m > 0 for m in missing)
    # µ_k² like k^(−5/2) leaves n^(−3/2), times a wave where kinks are not at 0
    sizes = [float(m) * n**1.5 for m, n in zip(missing, (50, 100, 200, 400, 800), strict=True)]
    assert max(sizes) < 2 * min(sizes)


@pytest.mark.parametrize("w", [5, 20, 40])
def test_coefficients_too_small_for_floats_have_all_their_digits(w: int) -> None:
    """φ = sin wx, σ_w² = 1/E[φ²]: κ_1 = 2a/sinh a, a = w², down to 1e-691."""
    found = ntk_coefficients(f"sin({w}*x)", sigma_w2="max", truncation=1, digits=6).coefficients[1].value
    expected = 2 * w**2 / CTX.sinh(w**2)
    assert abs(CTX.mpf(str(found)) / expected - 1) < 5.1e-6


@pytest.mark.quick(2)
@pytest.mark.parametrize("text", ["x*tanh(x)", "abs(x-0.5)", "relu(x)^2/2"])
def test_the_trace_is_short_of_its_sum_on_the_sphere_by_less_than_the_tail(text: str) -> None:
    found = sphere_eigenvalues(text, sphere_dim=3, max_frequency=10, sigma_w2="0.4", digits=10)
    tail = ntk_coefficients(text, 2, 10, sigma_w2="0.4", digits=10).tail
    assert found.trace is not None
    missing = Fraction(found.trace) - sum(row.multiplicity * Fraction(row.eigenvalue or 0) for row in found.eigenvalues)
    # t^p has no frequencies beyond p; 12 numbers below 10 of 10 digits
    assert -Fraction(1, 10**8) <= missing <= Fraction(tail) + Fraction(1, 10**8)
    assert missing < Fraction(found.trace) / 20


# ---------------------------------------------------------------- three ways to the dual of splines

SPLINES: dict[str, tuple[list[int], Callable[[Array], Array]]] = {
    "clip(x,-1,1)": ([-1, 1], lambda x: np.clip(x, -1, 1)),
    "min(max(x,0),6)": ([0, 6], lambda x: np.clip(x, 0, 6)),
    "x*clip(x/6+0.5,0,1)": ([-3, 3], lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
}


def normal_mean(f: Callable[[Array], Array], places: Iterable[float]) -> float:
    """E[f(Z)] by Gauss–Legendre quadrature with 50 nodes between the places where f bends."""
    nodes, weights = np.polynomial.legendre.leggauss(50)
    total = 0.0
    for left, right in pairwise(sorted({-9.0, 0.0, 9.0, *(p for p in places if -9 < p < 9)})):
        x = (left + right + (right - left) * nodes) / 2
        total += (right - left) / 2 * float(weights @ (f(x) * np.exp(-x * x / 2))) / math.sqrt(2 * math.pi)
    return total


def by_definition(knots: list[int], phi: Callable[[Array], Array], t: float) -> float:
    """E[φ(U)φ(V)] by quadrature of the definition, cut at the knots."""
    root = math.sqrt(1 - t**2)

    def inner(u: float) -> float:
        return normal_mean(lambda w: phi(t * u + root * w), [(k - t * u) / root for k in knots])

    return normal_mean(lambda us: phi(us) * np.array([inner(float(u)) for u in us]), knots)


@pytest.mark.parametrize("text", SPLINES)
def test_the_dual_of_a_spline_is_that_of_the_definition(text: str) -> None:
    dual, (knots, phi) = activation(text).dual, SPLINES[text]
    found = dual.value(Correlation.of(Fraction("0.6"), 64), 64)[0]
    # beyond |x| = 9 are 2e-19 of the mass
    assert abs(found - by_definition(knots, phi, 0.6)) < 1e-13


@pytest.mark.quick(2)
@pytest.mark.parametrize("t", ["0.999", "-0.995", "0.99"])
@pytest.mark.parametrize("text", SPLINES)
def test_the_dual_of_a_spline_is_its_hermite_series(text: str, t: str) -> None:
    dual = activation(text).dual
    value, slope = dual.value(Correlation.of(Fraction(t), 80), 80)
    terms, x = math.ceil(30 / (1 - abs(float(t)))), CTX.mpf(t)  # 0.999^30000 is 1e-13
    squares = [CTX.convert(m) ** 2 for m in dual.moments(terms, 100)]
    series, steeper = CTX.polyval(squares, x, derivative=True, asc=True)
    assert abs(value - series) < 1e-17  # times what is left of Σ µ_k², 1e-7
    assert abs(slope - steeper) < 1e-13


# ---------------------------------------------------------------- all commands


def output(line: str) -> str:
    """What a successful and silent run prints."""
    done = inside(shlex.split(line))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("points") / "points.txt"
    path.write_text("1 0 0\n0 1 0\n0.6 0.8 0\n0 0.28 0.96\n")
    return path


COMMANDS = [
    "coeffs",
    "evaluate --rho 0.5",
    "evaluate --data {}",
    "effrank --data {}",
    "eigs --sphere-dim 2",
    "eigs --data {}",
]


@pytest.mark.quick
@pytest.mark.parametrize("command", [*COMMANDS, "decay -T 40"])
@pytest.mark.parametrize("formula", [" x * sigmoid( 1.702*x )", "relu(x)**2/2"])
def test_every_command_takes_a_formula(command: str, formula: str, points: Path) -> None:
    found = json.loads(output(f"{command.format(points)} -a '{formula}' --json"))
    # its normal form
    assert found["kernel"]["activation"] == {"x": "x*sigmoid(1.702*x)", "r": "relu(x)^2/2"}[formula.strip()[0]]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_of_a_formula_what_it_says_of_the_name(command: str, points: Path) -> None:
    named, written = (
        json.loads(output(f"{command.format(points)} -a '{text}' --json -d 9")) for text in ("gelu", "x*Phi(x)")
    )
    for found in (named, written):
        del found["kernel"]["activation"]
        found.pop("engine")
        found.pop("accuracy", None)
    assert named == written


@pytest.mark.parametrize("command", ["coeffs", "evaluate --rho 0.5"])
def test_csv_keeps_commas_in_quotes(command: str) -> None:
    text = output(f"{command} -a 'clip(x, -1, 1)' -a relu --format csv -T 1")
    assert '\n"clip(x,-1,1)",2,' in text
    names = [row["activation"] for row in csv.DictReader(text.splitlines())]
    assert set(names) == {"clip(x,-1,1)", "relu"}


def test_formulas_beside_names_and_depths() -> None:
    lines = output("coeffs -a 'x*tanh(x)' -a tanh -l 2:3 -T 0 --json").splitlines()
    found = [(k["activation"], k["depth"]) for k in (json.loads(line)["kernel"] for line in lines)]
    assert found == [("x*tanh(x)", 2), ("x*tanh(x)", 3), ("tanh", 2), ("tanh", 3)]


def test_the_formula_of_a_result_gives_the_result() -> None:
    first = output("coeffs -a 'max( x , -x/ 3 )^2 - -x' --sigma-w2 max -T 4 --json")
    assert output(f"coeffs -a '{json.loads(first)['kernel']['activation']}' --sigma-w2 max -T 4 --json") == first


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("X", "ntkcalc: 'X': unknown name 'X' at column 1. The variable is a small x.\n"),
        ("x²", "ntkcalc: 'x²': unexpected '²' at column 2. Write ^2 for ².\n"),
        ("ReLU(x)", "ntkcalc: 'ReLU(x)': unknown function 'ReLU' at column 1. Did you mean 'relu'?\n"),
        ("x+clip(x,1,-1)", "ntkcalc: clip(x, low, high) needs low <= high, got 1 and -1\n"),
        ("tahn(x)", "ntkcalc: 'tahn(x)': unknown function 'tahn' at column 1. Did you mean 'tanh'?\n"),
        ("2x", "ntkcalc: '2x': an operator is missing before 'x' at column 2. Write 2*x, not 2x.\n"),
        ("step(x)", "ntkcalc: step(x) jumps from 0.0 to 1.0 at x = 0; Assumption 3 asks for a continuous phi"),
        ("1+1e-25*sign(x)", "ntkcalc: 1+1e-25*sign(x) jumps by 2.0e-25 at x = 0; Assumption 3 asks for a continuous"),
        ("9**9**9**9", "ntkcalc: a whole exponent is at most 200, got 387420489"),
        ("__import__('os').system('ls')", "ntkcalc: \"__import__('os').system('ls')\": unexpected \"'\" at column 12."),
    ],
)
def test_a_formula_that_cannot_be_is_refused_in_one_line(formula: str, message: str) -> None:
    done = inside(["coeffs", "-a", formula])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("formula", ["relu(x-1000)", "relu(x-1e6)", "max(x-100,0.001)", "clip(0,x-1e6,6)"])
def test_what_the_normal_law_does_not_see_is_refused(formula: str) -> None:
    with pytest.raises(AccuracyError, match="too nearly a constant"):
        ntk_coefficients(formula, sigma_w2="max", truncation=2)


def test_what_varies_too_fast_is_refused_with_its_place() -> None:
    done = inside(["coeffs", "-a", "x^2*sin(1/x)", "-T", "2"])
    assert (done.returncode, done.stdout) == (3, "")
    said = re.search(r"varies too fast near x = (\S+)", done.stderr)
    assert said is not None
    assert abs(float(said.group(1))) < 1e-3
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("formula", ["abs(exp(x)-2)^0.6"])
def test_a_slope_whose_mean_square_is_not_proven_is_refused(formula: str) -> None:
    done = inside(["coeffs", "-a", formula, "-T", "2"])
    assert (done.returncode, done.stdout) == (3, "")
    assert "is not proven to be finite" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_slope_that_is_infinite_at_a_point_has_its_mean_square() -> None:
    """µ_0, µ_1, µ_2 and χ of (x selu(x)/2)^{1/3} by mpmath's tanh-sinh rule on pieces, χ's in u with x = u³."""
    mu = ("0.65107184017077492053", "0.013350889773709557494", "0.27513750817069042482")
    phi = activation("(selu(x)*(x*0.5))^(1/3)")
    assert all(abs(a - CTX.mpf(b)) < 1e-17 for a, b in zip(phi.hermite(2, 64), mu, strict=True))
    assert abs(phi.dual.slope_square(64) - CTX.mpf("0.76932704393034676559")) < 1e-17


def test_errors_are_those_of_the_package() -> None:
    with pytest.raises(InputError, match="unknown function"):
        ntk_coefficients("f(x)")
    with pytest.raises(AccuracyError, match="no bound"):
        ntk_coefficients("tan(1.1e702+x)")


@pytest.mark.parametrize("text", ["tan(1.1e702+x)"])
def test_numbers_beyond_floats_are_infinite_there(text: str) -> None:
    with pytest.raises(AccuracyError, match="no bound"):
        activation(text)


def test_words_are_names_not_formulas() -> None:
    with pytest.raises(
        InputError, match=r"unknown activation 'reul'\. Did you mean 'relu'\?.* Or write a formula in x"
    ):
        activation("reul")


@pytest.mark.parametrize(
    ("text", "word", "c"),
    [
        ("sin(30*x)", "sin", "30"),
        ("cos(x/1e-3)", "cos", "1000"),
        ("erf(x*1000)", "erf", "1000"),
        ("exp(-(3*x)^2/2)/sqrt(2*pi)", "gaussian", "3"),
        ("x/7*(1+erf(x/(7*sqrt(2))))/2", "gelu", "1/7"),
    ],
)
def test_named_functions_of_multiples_of_x_take_the_named_dual(text: str, word: str, c: str) -> None:
    ours, named = activation(text), activation(word).scaled(Fraction(c) ** 2)
    assert type(ours.dual) is type(named.dual)
    assert [CTX.convert(a) for a in ours.hermite(5, 80)] == [CTX.convert(a) for a in named.hermite(5, 80)]
    x = CTX.mpf(2) / 9
    assert abs(ours.phi(CTX, x) - named.phi(CTX, x)) < 1e-25


def test_a_fast_wave_has_its_closed_dual() -> None:
    """E[sin(wU) sin(wV)] = e^{−w²} sinh(w² t); at w = 1000 all but 434,000 digits cancel in any sum."""
    value, slope = activation("sin(1000*x)").dual.value(Correlation.of(Fraction(1, 3), 200), 80)
    square = CTX.mpf(10) ** 6
    expected = CTX.exp(-square) * CTX.sinh(square / 3)
    assert abs(value / expected - 1) < 1e-20
    assert abs(slope / (square * CTX.exp(-square) * CTX.cosh(square / 3)) - 1) < 1e-20


def test_where_poles_are_near_multiples_of_x_keep_their_own_dual() -> None:
    """Sums over poles take more terms there than local Hermite coefficients, which matrices of tanh(20 x) need."""
    ours, named = (found.dual for found in (activation("tanh(20*x)"), activation("tanh").scaled(Fraction(400))))
    assert isinstance(named._line, PoleLine)
    assert not isinstance(ours._line, PoleLine)
    at = Correlation.of(Fraction(1, 3), 200)
    pairs = zip(ours.value(at, 80), named.value(at, 80), strict=True)
    assert all(abs(CTX.convert(a) / CTX.convert(b) - 1) < 1e-20 for a, b in pairs)
