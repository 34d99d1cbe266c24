"""Ranges of real values, limits at 0, and what formulas are within reach of the normal law."""

from __future__ import annotations

import math
import random
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flint import acb, arb
from reals import NoValueError, RealField

from ntkcalc import ntk_coefficients
from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.formula.bounds.branches import segments
from ntkcalc.activations.formula.bounds.growth import Growth, far_formula, growth
from ntkcalc.activations.formula.bounds.ranges import Range, ranges
from ntkcalc.activations.formula.bounds.removable import limit_places, limits, with_limits
from ntkcalc.activations.formula.bounds.singularities import with_one_divisor
from ntkcalc.activations.formula.expressions.ball_functions import (
    ComplexBalls,
    RealBalls,
    complex_program,
    real_program,
)
from ntkcalc.activations.formula.expressions.balls import log2_upper, to_ball, working_precision
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.functions import SMOOTH, WORDS
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.plain_form import plain
from ntkcalc.activations.formula.expressions.programs import program
from ntkcalc.activations.formula.expressions.trees import ZERO, Tree, X, node, text_of
from ntkcalc.activations.formula.piecewise.panels import Panels
from ntkcalc.activations.formula.piecewise.slivers import Sliver
from ntkcalc.activations.formula.within_reach import DualWithinReach, within_reach
from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.numerics.precision import context

sys.path.insert(0, str(Path(__file__).parent.parent / "fuzz"))

from formulas import some_formula
from moments import differs, is_plainly_allowed

CTX = context(200)


def tree(text: str) -> Tree:
    return plain(parsed(text, WORDS))


def some_trees(seed: int, count: int) -> list[Tree]:
    """Plain formulas of the fuzz."""
    draw, found = random.Random(seed), list[Tree]()
    while len(found) < count:
        try:
            found.append(tree(some_formula(draw)))
        except InputError:
            continue
    return found


@pytest.mark.parametrize("seed", range(8))
def test_ranges_hold_values(seed: int) -> None:
    draw = random.Random(seed)
    for t in some_trees(seed, 40):
        left = draw.choice([-20.0, -3.0, -1.0, -0.25, 0.0, 0.5, 7.0])
        right = left + draw.choice([0.0625, 1.0, 5.0, 30.0])
        infinite = draw.random() < 0.3
        with working_precision(64):
            try:
                held = ranges([t], Range(arb(left), arb.pos_inf() if infinite else arb(right)))[0]
                run = program([t], RealField(CTX))
            except (InputError, NoValueError):  # of numbers with too many digits, or of constants that are none
                continue
        for i in range(0 if held.unreal else 9):
            try:
                value = run(CTX.mpf(left + (right - left) * (i + 0.5) / 9 * (40 if infinite else 1)))[0]
            except NoValueError:
                continue
            with working_precision(300):
                exact, slack = to_ball(value), to_ball(abs(value)) * arb(2) ** -150 + arb(2) ** -(2**50)
                assert held.low <= exact + slack, text_of(t)
                assert exact - slack <= held.high, text_of(t)


@pytest.mark.parametrize("name", [name for name, f in SMOOTH.items() if f.ends])
def test_ranges_of_functions_are_no_wider_than_they_need_be(name: str) -> None:
    with working_precision(64):
        held = ranges([node(name, X)], Range(arb("0.5"), arb(1)))[0]
    values = [program([node(name, X)], RealField(CTX))(CTX.mpf(x))[0] for x in (0.5, 0.625, 0.75, 0.875, 1)]
    assert held.high - held.low < 1.001 * to_ball(max(values) - min(values))


FAR_OUT_ON_THE_LINE = [
    *("erf(asinh(x))", "x/asinh(x)", "asinh(asinh(x))", "atan(x+1e6)", "atan(x-1e6)", "gelu(exp(abs(x))-1)"),
    *("exp(sinc(asinh(x)))", "asinh(-sin(x))", "sinc(cos(x))", "tan(Phi(asinh(x)))-x", "sqrt(asinh(x)^2+x)"),
    *("sigmoid(log(x^2))", "log1p(sigmoid(x)+x^2)", "sigmoid(relu(sinh(x*x)))", "silu(-sinh(x))*exp(x)"),
    *(
        "x^-2*exp(-x)+exp(-x^2)*x^5",
        "(exp(-x)+exp(-2*x))^2",
        "log(x^4)*x",
        "tanh(1/x)",
        "exp(-log(x^4)/2)",
        "asinh(1e6+x*sin(x)^2)",
        "x*cosh(gelu(x))-x*logsigmoid(expm1(x))",
        "exp(x)*sin(x)+exp(x^2/900)*cos(x)",
    ),
]


@pytest.mark.parametrize("text", FAR_OUT_ON_THE_LINE)
@pytest.mark.parametrize("order", [0, 1])
def test_bounds_on_the_line_hold(text: str, order: int) -> None:
    t = derivative(tree(text)) if order else tree(text)
    for sign in (1, -1):
        bound = growth(t, 16.0, 0.0, sign)
        if bound is None:
            assert (sign, text) == (-1, "sqrt(asinh(x)^2+x)")  # which is not real there
            continue
        with working_precision(3000):
            run = program([t], RealBalls())
            for x in (16.0, 16.7, 20.0, 31.4, 60.0):
                value = run(sign * arb(x))[0]
                assert not value.is_finite() or log2_upper(value) <= bound.log_value(x) + 1e-6


def test_what_falls_adds_nothing_to_the_rate_of_what_rises() -> None:
    """The derivative is about x e^x/2 + e^{−e^x}, of which no bound may be said to rise like e^{x^6}."""
    bound = growth(derivative(tree("x*cosh(gelu(x))-x*logsigmoid(expm1(x))")), 16.0, 0.0, 1)
    assert bound is not None
    assert bound.log_value(40.0) < 40 / math.log(2) + 16


FALLING = ["exp(-cosh(x))", "exp(-cosh(x)/x^2)", "sigmoid(-sinh(x))", "erfc(exp(x))", "x*exp(-exp(x/3)+x)"]


@pytest.mark.parametrize("text", FALLING)
def test_what_falls_like_an_exponential_of_one_has_a_bound_that_falls(text: str) -> None:
    bound = growth(tree(text), 16.0, 0.03, 1)
    assert bound is not None
    with working_precision(3000):
        run = program([tree(text)], ComplexBalls())
        for x in (16.0, 18.0, 20.0):
            for y in (0.0, 0.02, -0.03):
                assert log2_upper(run(acb(x, y))[0]) <= bound.log_value(x) + 1e-6
    assert bound.log_value(40.0) < -5 * 40**2


TOWERS = [
    *("exp(exp(x))^-2", "exp(-exp(exp(x)))", "1/(pi^(2^x))", "atan(sinh(expm1(x)))-pi/2", "x^3*exp(2*x-sinh(x))"),
    *("x/200^(2^x)", "tanh(sinh(2*x+1))-1", "exp(3*x)*log(1+exp(exp(x)))", "exp(x)^2/cosh(exp(x/2))", "expm1(x)*x"),
]


@pytest.mark.parametrize("text", TOWERS)
@pytest.mark.parametrize("order", [0, 1])
def test_bounds_on_exponentials_of_exponentials_hold(text: str, order: int) -> None:
    t = derivative(tree(text)) if order else tree(text)
    bound = growth(t, 4.0, 0.0, 1)
    assert bound is not None
    with working_precision(20_000):
        run = program([t], RealBalls())
        for x in (4.0, 4.1, 5.0, 7.3, 9.0):
            value = run(arb(x))[0]
            assert value.is_finite()
            assert log2_upper(value) <= bound.log_value(x) + 1e-6


FAR_DECIDERS = [
    *("2^x-1e12", "1e12-2^x", "0.3^x-1e9", "3^x-x^3-50", "exp(pi*x)-exp(pi*x/2)*1e9", "2^(-x)-1e9", "exp(-3*x)-1e7"),
    *("x-exp(-x)*1e9", "exp(sqrt(2)*x)-2^x*1e5", "sinh(2^x)-exp(2^x)", "exp(x)-2^x", "log(2^x+1)-x/2"),
]


@pytest.mark.parametrize("text", FAR_DECIDERS)
@pytest.mark.parametrize("sign", [1, -1])
def test_branches_far_out_are_those_of_values(text: str, sign: int) -> None:
    """Signs are told from some place on, and never before."""
    told = 0
    for start in (1.5, 4.0, 8.0, 16.0, 64.0, 256.0):
        found = far_formula(tree(f"max({text},0)-({text})"), start, sign)  # 0 where it is positive
        if found is None:
            continue
        told += 1
        with working_precision(4000):
            run = program([tree(text)], RealBalls())
            for x in (start, 1.01 * start, 1.7 * start, start + 7, 3 * start):
                value = run(sign * arb(x))[0]
                assert not (value < 0 if found is ZERO else value > 0)
    assert told >= 1


@pytest.mark.parametrize(
    ("text", "sign", "formula"), [("min(6^(2^x),x*x)", 1, "x*x"), ("min(exp(-x),200^(0.3^x))", -1, "exp(-x)")]
)
def test_exponentials_of_exponentials_tell_branches(text: str, sign: int, formula: str) -> None:
    assert far_formula(tree(text), 16.0, sign) is tree(formula)


@pytest.mark.parametrize(("power", "rate"), [(3.0, -1e-30), (3.0, -1.0), (-1.0, 0.0), (0.5, 0.0), (-2.0, 1e-6)])
def test_bounds_that_fall_do(power: float, rate: float) -> None:
    bound = Growth(2.0**20, 0.0, power, rate, 1.0)
    values = [bound.log_value(2.0**20 * (1 + i / 64)) for i in range(64)]
    assert bound.falls == all(b <= a for a, b in pairwise(values))


@pytest.mark.parametrize(
    ("text", "side", "branch"),
    [
        ("min(1/x,3)", 1, "3"),
        ("max(1/x,3)", -1, "3"),
        ("clip(1/x,1,cosh(x))", 1, "(exp(x)+exp(-x))/2"),
        ("min(x^(-2),exp(x))", -1, "exp(x)"),
        ("relu(log(x^2))", 1, "0"),
    ],
)
def test_branches_next_to_a_pole_are_told(text: str, side: int, branch: str) -> None:
    left, right = sorted((arb(0), side * arb(2) ** -40))
    (segment,) = segments(tree(text), left, right, -60.0)
    assert [*map(text_of, segment.trees)] == [branch]


LIMITS = [
    ("(exp(x)-1-x)/x^2", "0"),
    ("(sin(x)-x)/x^3", "0"),
    ("expm1(x)/sin(x)", "0"),
    ("(cosh(x)-1)/(x*tanh(x))", "0"),
    ("atan(x/3)/erf(x/e)", "0"),
    ("(tanh(x)-tanh(3/7))/(x-3/7)", "3/7"),
    ("(exp(x-1)-x)/(x-1)^2", "1"),
    ("(cos(x)-cos(2))/(x^2-4)", "-2"),
    ("sin(x)/(x+pi)", "-pi"),
    ("sin(x)*(x^2-2)/(x-sqrt(2))/x^2", "sqrt(2)"),
    ("(exp(x)-e)/tanh(x-1)", "1"),
    ("softplus(x/asinh(x))", "0"),
]


@pytest.mark.parametrize(("text", "place"), LIMITS)
@pytest.mark.parametrize("width", [0.125, 0.01, 1e-9])
def test_limits_hold_values_around_them(text: str, place: str, width: float) -> None:
    t, c = tree(text), tree(place)
    assert c in limit_places(t)
    with working_precision(100):
        middle = real_program(c)(None)[0]
        box = acb(middle + arb(0, width), arb(0, width))
        held = program([limits(t, c)], ComplexBalls())(box)[0]
        assert held.is_finite()
        both = with_limits(t, complex_program)(box)[0]
        assert both.is_finite()
        assert both.overlaps(held)
    with working_precision(400):
        run, middle = program([t], ComplexBalls()), real_program(c)(None)[0]
        for x, y in ((1, 0), (-0.7, 0.9), (0.01, -1), (0.3, 0.3)):
            assert held.contains(run(acb(middle + x * width, y * width))[0].mid())


@pytest.mark.parametrize(("text", "place"), LIMITS)
@pytest.mark.parametrize("offset", [1.5, 3.0, -12.0])
def test_limits_hold_values_beside_them(text: str, place: str, offset: float) -> None:
    """Boxes that do not hold the place, of half a side 2^-10."""
    t = tree(text)
    with working_precision(400):
        middle = real_program(tree(place))(None)[0] + arb(offset) * 2.0**-10
        held = with_limits(t, complex_program)(acb(middle + arb(0, 2.0**-10), arb(0, 2.0**-10)))[0]
        run = program([t], ComplexBalls())
        for x, y in ((0, 0), (0.9, 0), (-0.7, 0.9), (0.3, -1)):
            assert held.contains(run(acb(middle + x * 2.0**-10, y * 2.0**-10))[0].mid())


@pytest.mark.parametrize(("field", "kind"), [(RealBalls(), arb), (ComplexBalls(), acb)])
def test_a_limit_is_none_where_one_of_its_parts_is_not_known_to_be_analytic(field: Any, kind: Any) -> None:
    one, none = kind(1), kind(arb.nan())
    assert field.ratio(one, one, one, one) == 1
    assert not field.ratio(none, one, one, one).is_finite()
    assert not field.ratio(one, none, one, one).is_finite()


@pytest.mark.parametrize("width", [2.0**-30, 2.0**-90])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("times", [1, 2])
def test_masses_next_to_a_zero_inside_a_sliver_are_bounded(width: float, order: int, times: int) -> None:
    """∫ (r |x − c|^{r−1})^times over c ± w, φ = |x − c|^r, c = 1/3."""
    trees = tuple(map(tree, ("(x-1/3)^0.75", "(1/3-x)^0.75")))
    with working_precision(400):
        sliver = Sliver((arb(1) / 3 - width).mid(), (arb(1) / 3 + width).mid(), trees)
    power = times * (0.75 - order)
    mass = math.log2(2 * (0.75**order) ** times * width ** (1 + power) / (1 + power))
    assert mass <= sliver.log_mass(order, times) + 1e-6
    assert order == 0 or sliver.log_mass(order, times) < mass + 4


@pytest.mark.parametrize("text", ["(exp(x)-1-x)/x^3", "(1+x)/x", "relu(x)/x", "(sqrt(2)*sqrt(3)-sqrt(6)+x)/x"])
def test_what_has_no_limit_at_zero_gets_none(text: str) -> None:
    assert limits(tree(text)) is tree(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [("x*(1/(1+x))", "x/(1+x)"), ("(x/(1+x))/(2/(3+x))", "x*(3+x)/((1+x)*2)"), ("-(1/x)*sin(x)", "-1*sin(x)/x")],
)
def test_products_of_quotients_are_one(text: str, same: str) -> None:
    assert text_of(with_one_divisor(tree(text))) == text_of(tree(same))


@pytest.mark.parametrize("x", ["0.3", "-0.9", "1e-12", "1.7", "-40"])
def test_the_slope_of_sinc_is_its_slope(x: str) -> None:
    exact = context(300)
    u = exact.mpf(x)
    slope = (exact.cos(u) - exact.sin(u) / u) / u
    with working_precision(120):
        for field, at in ((RealBalls(), arb(x)), (ComplexBalls(), acb(x))):
            found = field.sinc_slope(at)
            assert abs(found - to_ball(slope)).abs_upper() < abs(to_ball(slope)) * 2.0**-100
        wide = RealBalls().sinc_slope(arb(x).union(arb(0)))
        assert not wide.is_finite() or wide.contains(to_ball(slope))


@pytest.mark.parametrize("left", [0.0, 2.0, 4.0, 12.0])
def test_what_has_no_rule_is_within_the_error(left: float) -> None:
    formula, need = tree("cosh(x/9)+exp(x/5)"), 200.0
    panels = Panels(formula, "it")
    line = panels.line(need + 40)
    kept = [cell for cell in line.cells if not (left <= cell.left and cell.right <= left + 2)]
    assert len(kept) < len(line.cells)
    coarse = replace(line, cells=kept, slivers=[Sliver(arb(left), arb(left + 2), (formula,))])
    for order in (0, 1):
        total = panels._squared(coarse, order, need, 20.0)
        missing = log2_upper(panels.square(order, need) - total.mid())
        assert missing <= log2_upper(total.rad()) < missing + 8
    for exact, rough in zip(panels.hermite(3, need), panels._hermite(coarse, 3, need, 20.0), strict=True):
        assert rough.contains(exact.mid())


# ---------------------------------------------------------------- within reach


@pytest.mark.parametrize(
    ("text", "same"),
    [
        *(("silu(1e6-x)", "1000000-x"), ("x+relu(x-400)", "x"), ("x^3+erf(1e4+x)", "x^3+1")),
        *(("atan(min(x,1e30))", "atan(x)"), ("max(x,-1e4)*sin(x)", "x*sin(x)"), ("softplus(x-1e5)+x", "x")),
    ],
)
def test_what_is_plainer_within_reach_has_that_dual(text: str, same: str) -> None:
    one, other = activation(text).dual, activation(same).dual
    assert isinstance(one, DualWithinReach)
    assert one.degree == other.degree
    assert one.hermite(6, 60) == other.hermite(6, 60)
    with pytest.raises(AccuracyError, match="digits"):
        one.mean_square(20_000)


STEEP = "x+exp(-1e5)*sin(exp(1e5)*x)"  # whose slope is no more that of x


@pytest.mark.parametrize(
    "text", ["tanh(x+100)+x", "x+relu(x-100)", "sigmoid(60*x)", "max(x,abs(x))", "x/(x+1e6)", STEEP]
)
def test_what_the_floor_may_see_is_kept(text: str) -> None:
    assert within_reach(tree(text)) is tree(text)


@pytest.mark.parametrize(
    "text", [*("x+step(x-400)", "x+sign(x-1e9)", "sin(x)+step(400+x)", "x+step(exp(x)-1e30)", "x+sign(x-x^3+1e9)")]
)
def test_jumps_out_of_reach_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="jumps"):
        activation(text)


def test_at_other_variances_more_may_be_within_reach() -> None:
    kinked, line = (ntk_coefficients(text, 3, 4, sigma_w2="10000", sigma_b2="0.1") for text in ("x+relu(x-400)", "x"))
    assert kinked.coefficients[2].value > 1
    assert line.coefficients[2].value == 0
    assert activation("x+relu(x-400)").dual.degree == 1


@pytest.mark.parametrize(
    "text",
    [
        *("x+max(3,sqrt(sin(x)))", "x+max(2,tanh(log(x)))", "x+max(2,cos(x^0.5))", "x*step(1+sqrt(x))"),
        *("x+relu(-2-tanh(log(x)))", "x+sign(2+erf(log(x)))", "x+max(3,sqrt(1-exp(x)*1e-300))"),
    ],
)
def test_what_is_not_real_decides_nothing(text: str) -> None:
    with pytest.raises((InputError, AccuracyError), match=r"not finite and real|no bound"):
        activation(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        *(("log(phi(x)^2)", "-x^2-log(2*pi)"), ("log(2*exp(3*x)/5)", "3*x+log(2/5)"), ("log(selu(phi(x)))", "")),
        *(("log(3*x^2+3)", "log(3)+log(1+x^2)"), ("exp(log(x^2)/2)", "abs(x)")),
    ],
)
def test_logarithms_of_products_are_sums(text: str, same: str) -> None:
    one, ctx = activation(text), context(64)
    other = activation(same or "log(phi(x))+log(selu(1))")
    for a, b in zip(one.hermite(4, 50), other.hermite(4, 50), strict=True):
        assert abs(ctx.convert(a) - ctx.convert(b)) < 2.0**-45


@pytest.mark.parametrize("text", ["log(2*x)-log(x)+x", "log(-3*exp(x))", "log(exp(x)*x)", "log(x^3)", "exp(log(x))"])
def test_logarithms_of_what_may_be_negative_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="not finite"):
        activation(text)


# ---------------------------------------------------------------- what was refused

ONCE_REFUSED = [
    *("erf(sinh(x))", "x/asinh(x)", "gelu(cosh(x)-1)", "sigmoid(x^-2)", "clip(1/x,1,cosh(x))", "relu(expm1(x)/x-1)"),
    *("(exp(x)-1-x)/x^2", "sinc(cos(x))", "relu(sinc(x-3))", "log1p(elu(x)/x)", "tanh(x)*softplus(1.702*x)/x"),
    *("log1p(gaussian(x))^(1/3)", "softplus(elu(x)/asinh(x))", "(cosh(x)+x)/(abs(x)+200-x)", "expm1(tan(atan(x)))"),
    *(
        *("x/10^(2^x)+sinh(x)", "x/(asinh(2*x)-softsign(x*x))", "sqrt(asinh(x^2)+1-x^2/(1+x^2))"),
        "silu(x/atan(x/100))",
        "tanh(1/x)*x",
        "exp(gaussian(1,x-200))",
        "elu(log(x*x))",
        "min(x^2,2)^1.5",
    ),
]


@pytest.mark.parametrize("text", ONCE_REFUSED)
def test_what_grids_see_nothing_wrong_with_has_the_moments_that_they_see(text: str) -> None:
    assert is_plainly_allowed(text)
    found = activation(text)
    assert differs(found.name, found) == ""


@pytest.mark.parametrize("text", ["1/x", "log(abs(x))", "step(x)", "exp(x^2)", "sqrt(abs(x))", "x/x", "sqrt(x+20)"])
def test_grids_see_what_the_theory_excludes(text: str) -> None:
    assert not is_plainly_allowed(text)
    with pytest.raises((InputError, AccuracyError)):
        activation(text)
