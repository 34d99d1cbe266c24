"""Poles, jumps and places without a real value: refused at once, with the place; removable ones are not."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import pytest

from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.formula import checks
from ntkcalc.activations.formula.bounds.removable import zero_places
from ntkcalc.activations.formula.bounds.singularities import zeros
from ntkcalc.activations.formula.checks import check_singularities, near_zero
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.functions import WORDS
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.plain_form import plain
from ntkcalc.errors import InputError

DRAW = random.Random(5)


def refusal(text: str) -> str:
    """What is said of a formula, nothing if it is let through."""
    try:
        activation(text)
    except InputError as error:
        return str(error)
    return ""


def polynomial(roots: list[int]) -> str:
    return "*".join(f"(x-({root}/7))" for root in roots)


@pytest.mark.parametrize("roots", [[DRAW.randint(-20, 20) for _ in range(n)] for n in (1, 2, 2, 3, 5)])
def test_the_place_of_a_pole_is_a_root_of_the_divisor(roots: list[int]) -> None:
    found = re.search(r"is unbounded at x = (\S+);", refusal(f"1/({polynomial(roots)})"))
    assert found is not None
    assert min(abs(float(found.group(1)) - root / 7) for root in roots) < 1e-5


@pytest.mark.parametrize("roots", [[DRAW.randint(-20, 20) for _ in range(n)] for n in (1, 2, 3)])
def test_a_divisor_that_comes_near_zero_is_no_pole(roots: list[int]) -> None:
    tree = plain(parsed(f"1/(({polynomial(roots)})^2+1e-60)", WORDS))
    check_singularities(tree, "it")


@pytest.mark.parametrize(
    "text",
    [
        *("sin(x)/x", "x/tanh(x)", "abs(sin(x)/x)", "expm1(x)/x*exp(-x^2)", "max(x,0)+10^100*min(x,0)"),
        *("1+10^30*relu(x)", "abs(x)^0.5001", "sqrt(x^2)*x", "log(exp(x))*tanh(x)", "x^0+x^-2*x^3", "selu(relu(x))"),
        *("relu(x)^0.75*exp(-1/x^2)", "sqrt(1-cos(x))", "exp(2*log(abs(x)))", "selu(x-hardtanh(x))"),
        *("relu(sinh(x)/x-1)", "relu(x-pi)^0.75*exp(-1/(x-pi)^2)"),
        "exp(-1/x^2)/x+phi(x)",
    ],
)
def test_what_is_continuous_at_every_scale_is_let_through(text: str) -> None:
    assert refusal(text) == ""


@pytest.mark.parametrize("text", ["tanh(1e40*x)/x", "min(1/abs(x),5)", "abs(clip(1/x,-1,1))", "x^2*sin(1/x)"])
def test_what_no_proof_is_found_of_is_not_said_to_be_infinite(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_places", lambda tree, text: ())
    tree = plain(parsed(text, WORDS))
    check_singularities(tree, text)
    checks.check(tree, text)


@pytest.mark.parametrize("text", ["relu(x)^1.5", "sqrt(relu(x)^3)", "(relu(x)^3)^(1/2)", "sqrt(relu(x))*relu(x)"])
def test_powers_of_what_is_zero_on_one_side(text: str) -> None:  # E[Z³; Z > 0] = √(2/π)
    assert abs(float(activation(text).dual.mean_square(40)) - (2 / math.pi) ** 0.5) < 1e-9


@pytest.mark.parametrize("text", ["min(x*x+x+1e6,Phi(x))", "max(x*x-x+1e6,x)-1e6"])
def test_a_branch_that_is_never_taken_is_seen(text: str) -> None:
    dual: Any = activation(text).dual
    assert dual.jumps() == ((), None)


@pytest.mark.parametrize("text", ["sqrt(2)*relu(x)+sqrt(3)*x", "pi*abs(x)/e-sqrt(2)*x", "sqrt(2)*x+relu(x)"])
def test_an_odd_part_with_irrational_constants_is_a_line(text: str) -> None:
    dual: Any = activation(text).dual
    assert dual.polynomial_parts == (None, 1)
    assert [k for k, c in enumerate(dual.hermite(9, 40)) if not c] == [3, 5, 7, 9]


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1/((x-0.4)^2-1e-6)", "is unbounded at x = 0.399"),
        ("1/((x-0.4)^2-1e-30)", "is unbounded at x = 0.4"),
        ("1/(x^3-x-1)", "is unbounded at x = 1.32472"),
        ("1/(exp(x)-2)", "is unbounded at x = 0.693147"),
        ("1/(1-cos(x))", "is unbounded at x = 0;"),
        ("1/(relu(x)-1)", "is unbounded at x = 1;"),
        ("x^(-2)/x-tanh(x)/0.001", "is unbounded at x = 0;"),
        ("1/abs(x)^0.2", "is unbounded at x = 0;"),
        ("exp(0.001/x)", "is unbounded at x = 0;"),
        ("relu(3-2/(x-1))^2", "is unbounded at x = 1;"),
        ("tan(x)", "is unbounded at x = 1.5708"),
        ("x/sin(x)", "is unbounded at x = 3.14159"),
        ("1/(exp(x)+exp(-x)-2.00000001)", "is unbounded at x = 0.0001"),
        ("1/log(abs(x)+0.5)", "is unbounded at x = 0.5"),
        ("sqrt((x-0.4)^2-1e-6)", "sqrt of -7.5e-7 is not real, at x = 0.3995"),
        ("(leaky_relu(x)+x*x)^(1/3)", "is not real, at x = -0.00"),
        ("sqrt(cos(x)+0.99999)", "-6 is not real, at x = "),
        ("log((x-1)^2)", "is unbounded at x = 1;"),
        ("log(x)-log(x)+tanh(x)", "log of -0.4 is not finite and real, at x = -0.4"),
        ("0*log(sin(x)/2)+log1p(sin(x)/2)", "log of -0.1947 is not finite and real, at x = -0.4"),
        ("x^1.5*0+x", "a power of -0.4 that is no whole number is not real, at x = -0.4"),
        ("asinh(sinh(sqrt(2-x)))-sqrt(2-x)+x", "sqrt of -0.4 is not real, at x = 2.4"),
    ],
)
def test_a_proven_singularity_is_refused_before_anything_is_planned(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("quadrature_dual", "check", "PiecewiseDual"):
        monkeypatch.setattr(f"ntkcalc.activations.formula.activation.{name}", None)
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clip(1/x,-1,1)", "jumps from -1.0 to 1.0 at x = 0"),
        ("sinh(200-1e30)", "is too large"),
        ("tanh(gaussian(1e30))", "is constant"),  # of which FLINT has 29 bits, however many are asked for
        ("exp(1e9)*x", "is too large"),
        ("exp(1e9)*tanh(x)", "is too large"),
        ("gelu(x)*erfc(1e6)^-2", "is too large"),
        ("erfc(1e6)*x*x", "is too small"),
        ("tanh(1/x)", "jumps from -1.0 to 1.0 at x = 0"),
        ("relu(erfc(e/x))", "jumps from 2.0 to 0.0 at x = 0"),
        pytest.param(
            "x+step(x-pi)-step(x-pi-1e-200)",  # in one sliver
            "jumps from 3.1416 to 4.1416 at x = 3.14159",
            marks=pytest.mark.thorough,
        ),
        ("x+1e-25*sign(x^2-2)", "jumps by -2.0e-25 at x = -1.41421"),
        ("10^-99*step(x)+10^-200*x", "jumps from 0.0 to 1.0e-99 at x = 0"),
        ("sin(1/x)", "has no limit at x = 0"),
        ("abs(x)^0.4", "its derivative is not square-integrable at x = 0"),
        ("abs(x)^0.5", "its derivative is not square-integrable at x = 0"),
        ("10^-99*abs(x)^0.4", "its derivative is not square-integrable at x = 0"),
        ("x*sin(1/x)", "its derivative is not square-integrable at x = 0"),
        ("3-1/(1-log(abs(x)))", "its derivative is not square-integrable at x = 0"),  # whose limit is 3
        ("1/(1+log(abs(x))^2)", "its derivative is not square-integrable at x = 0"),
        ("log(1+log(1+1/abs(x)))", "is unbounded at x = 0"),
        ("(1-exp(-x^2))^0.25", "its derivative is not square-integrable at x = 0"),
        ("log(1-exp(-x^2))", "is unbounded at x = 0"),
        ("exp(-1/relu(1-x^2))", "division by zero, at x = -64 and all around it"),
    ],
)
def test_what_is_no_activation_is_refused(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [("1/(1-sin(x))", 1.5707963267948966), ("log(1+cos(2*x-1))", 2.070796326794897), ("1/expm1(x*x)", 0.0)],
)
def test_zeros_at_which_no_sign_changes_are_seen(text: str, place: float) -> None:
    assert min(abs(float(zero.place) - place) for zero in zeros(plain(parsed(text, WORDS)))) < 1e-15


def test_zeros_are_not_looked_for_where_the_normal_law_sees_nothing() -> None:
    """Balls of e^{e^x} overflow at 11648, and tell no sign of it."""
    formula = plain(parsed("log(sinh(quick_gelu(x))+exp(exp(x)))", WORDS))
    assert max(float(abs(zero.place)) for zero in zeros(formula)) > 1e4
    assert near_zero(formula) == ""


def test_zeros_of_quadratic_polynomials_are_constants() -> None:
    found = [
        float(real_program(c)(None)[0]) for c in zero_places(plain(parsed("1/((x^2-x-1)*(2*x^2-3)*(x^3-2))", WORDS)))
    ]
    golden = (1 + math.sqrt(5)) / 2
    assert sorted(found) == pytest.approx(sorted([golden, 1 - golden, math.sqrt(1.5), -math.sqrt(1.5)]), rel=1e-14)


@pytest.mark.parametrize("text", ["1/(x^2+1e-300)", "x/sqrt(x^2+1e-300)", "1/(cosh(x)-1+1e-200)", "log(x^2+1e-1000)"])
def test_what_is_only_nearly_zero_is_no_pole(text: str) -> None:
    """Signs next to 0 are not told on intervals of 2^-400, nor do values at 2^-320 tell where φ stops to grow."""
    formula = plain(parsed(text, WORDS))
    assert not any(zero.proven for zero in zeros(formula))
    check_singularities(formula, text)


@pytest.mark.parametrize(
    "text", ["1/(1-cos(x-0.1))", "log((x-1)^2)", "1/(x-sqrt(2))^2", "1/(exp(x)-2)", "1/(cosh(x)-1)"]
)
def test_what_is_exactly_zero_or_changes_its_sign_is(text: str) -> None:
    formula = plain(parsed(text, WORDS))
    assert any(zero.proven for zero in zeros(formula))
    with pytest.raises(InputError, match="is unbounded at x = "):
        check_singularities(formula, text)
