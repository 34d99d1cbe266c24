"""Formulas cut where they bend: the places, which of them are kinks, and what no network may have."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ntkcalc.activations.formula.cutting import cut
from ntkcalc.activations.formula.functions import WORDS, plain
from ntkcalc.activations.formula.grammar import parsed
from ntkcalc.activations.formula.joints import MOST_JOINTS
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.trees import text_of
from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.numerics.precision import context

CTX = context(320)


@cache
def pieces(text: str) -> Pieces:
    tree = parsed(text, WORDS)
    return cut(plain(tree), text_of(tree))


def kinks(text: str) -> list[Fraction | None]:
    """The exact places of the kinks."""
    return [joint.exact for joint in pieces(text).kinked]


# ---------------------------------------------------------------- laws


@settings(max_examples=25)
@given(st.lists(st.fractions(-5, 5, max_denominator=50), min_size=1, max_size=5, unique=True))
def test_sums_of_bends_bend_where_they_are_written(places: list[Fraction]) -> None:
    text = "+".join(f"{i}*relu(x-({place}))" for i, place in enumerate(places, 1))
    assert kinks(text) == sorted(places)


@settings(max_examples=30)
@given(
    st.fractions(-3, 3, max_denominator=20),
    st.fractions(-3, 3, max_denominator=20),
    st.fractions(-4, 4, max_denominator=16),
)
def test_pieces_together_are_the_formula(a: Fraction, b: Fraction, x: Fraction) -> None:
    phi = pieces(f"max(x-({a}),abs(x+({b}))/2)*sigmoid(x)+min(relu(x),clip(x,-1,2)^2)")
    place = CTX.mpf(x.numerator) / x.denominator
    shifted, bent = (place - CTX.mpf(a.numerator) / a.denominator, place + CTX.mpf(b.numerator) / b.denominator)
    clipped = min(max(place, -CTX.one), 2 * CTX.one)
    expected = max(shifted, abs(bent) / 2) / (1 + CTX.exp(-place)) + min(max(place, CTX.zero), clipped**2)
    # all operations in 320 bits
    assert abs(phi.evaluator(CTX)(place)[0] - expected) < CTX.ldexp(1 + abs(expected), -310)


@given(st.fractions(-3, 3, max_denominator=20))
def test_slopes_are_those_of_the_pieces(x: Fraction) -> None:
    phi = pieces("max(x,exp(x/2)-1)+abs(x^2-2)*tanh(x)")
    assume(all(abs(joint.near - x) > 1e-3 for joint in phi.joints))
    place, step, run = CTX.mpf(x.numerator) / x.denominator, CTX.ldexp(1, -100), phi.evaluator(CTX)
    quotient = (run(place + step)[0] - run(place - step)[0]) / (2 * step)
    assert abs(run(place)[1] - quotient) < CTX.ldexp(1, -180)  # step² = 2^-200 times a third derivative


@pytest.mark.parametrize(
    "text",
    [
        "abs(x^2-2)",
        "max(x,cos(x))",
        "abs(x)^3*clip(x,-1,1)",
        "relu(exp(x)-2)",
        "x*log(abs(x))^2",
        "abs(sin(x))/(1+x^2)",
    ],
)
def test_joints_are_in_order_and_pieces_share_them(text: str) -> None:
    phi = pieces(text)
    assert (phi.pieces[0].left, phi.pieces[-1].right) == (None, None)
    assert all(a.right is b.left for a, b in zip(phi.pieces, phi.pieces[1:], strict=False))
    assert [j.near for j in phi.joints] == sorted({j.near for j in phi.joints})
    assert len(phi.kinks) == len(phi.joints) == len(phi.pieces) - 1


# ---------------------------------------------------------------- kinks found


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("relu(x)", [0]),
        ("relu(3*x-1)", [Fraction(1, 3)]),
        ("relu(1e6*x-0.1)", [Fraction(1, 10**7)]),
        ("relu(x-1e-30)", [Fraction(1, 10**30)]),
        ("relu(x-100)", [100]),
        ("max(x,0.01*x)", [0]),
        ("min(max(x,0),6)", [0, 6]),
        ("clip(x,-1,1)", [-1, 1]),
        ("x*clip(x/6+0.5,0,1)", [-3, 3]),
        ("max(abs(x),1)", [-1, 1]),
        ("abs(abs(abs(x)-1)-1)", [-2, -1, 0, 1, 2]),
        ("relu(relu(x)-1)", [1]),
        ("relu(relu(x)+1)", [0]),
        ("min(relu(x),relu(1-x))", [0, Fraction(1, 2), 1]),
        ("clip(x,x,2*x)", [0]),
        ("abs(x)^3", [0]),
        ("abs(x)*sin(x)", [0]),
        ("abs((x-0.25)^3)", [Fraction(1, 4)]),
        ("max(x,tanh(x))", [0]),  # a triple zero of x − tanh(x)
        ("sign(x)*x", [0]),
        ("x^2*step(x)", [0]),
        ("sqrt(x^2)", [0]),
        ("sqrt(x^4+x^2)", [0]),
        ("abs(x)^1.5", [0]),
        ("relu(x-1)^1.5", [1]),
        ("x*log(abs(x))", [0]),
    ],
)
def test_kinks_at_rational_places_are_exact(text: str, places: list[int | Fraction]) -> None:
    assert kinks(text) == places


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("abs(x^2-2)", lambda c: [-c.sqrt(2), c.sqrt(2)]),
        ("abs(x^2-1e-5)", lambda c: [-c.sqrt(c.mpf("1e-5")), c.sqrt(c.mpf("1e-5"))]),
        ("relu(pi*x-1)", lambda c: [1 / c.pi]),
        ("abs(exp(x)-2)", lambda c: [c.log(2)]),
        ("abs((x-0.41)^3)", lambda c: [c.mpf("0.41")]),
        ("max(x,cos(x))", lambda c: [c.findroot(lambda x: x - c.cos(x), 0.739)]),
        ("relu(tanh(x)-0.5)", lambda c: [c.atanh(c.mpf(1) / 2)]),
        ("abs(tanh(50*x)-0.9999)", lambda c: [c.atanh(c.mpf("0.9999")) / 50]),
        ("relu(x^3-2)", lambda c: [c.cbrt(2)]),
        ("abs((x-0.01)*(x-0.02))", lambda c: [c.mpf("0.01"), c.mpf("0.02")]),
        ("relu((x-0.4)^2-1e-6)", lambda c: [c.mpf("0.399"), c.mpf("0.401")]),
        ("max(x-1,atan(x-1))", lambda c: [c.one]),
        ("max(x-pi,sinh(x-pi))", lambda c: [c.pi]),
        ("abs(cosh(1e3*x)-1-1e-7)", lambda c: [sign * c.acosh(1 + c.mpf("1e-7")) / 1000 for sign in (-1, 1)]),
        ("max((x-pi)*(1e-9+(x-pi)^2),0)", lambda c: [c.pi]),
        ("exp(-abs(1/(x-0.3)))", lambda c: [c.mpf("0.3")]),
        ("exp(-abs(1/(exp(x)-2)))", lambda c: [c.log(2)]),
        ("abs((x-0.4)^2-1e-30)", lambda c: [c.mpf("0.4") - c.mpf("1e-15"), c.mpf("0.4") + c.mpf("1e-15")]),
    ],
)
@pytest.mark.parametrize("bits", [128, 640])
def test_other_kinks_are_found_to_any_precision(text: str, places: Any, bits: int) -> None:
    ctx = context(bits)
    found = [joint.at(ctx) for joint in pieces(text).kinked]
    expected = places(context(bits + 128))
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        # at the triple zero the values of a product of three have three times the relative error
        assert abs(ours - theirs) < ctx.ldexp(1 + abs(theirs), 12 - bits), text


@pytest.mark.parametrize("bits", [320, 1000])
@pytest.mark.parametrize("text", ["abs(sin(x))", "max(sin(x),atan(sin(x)))"])  # zeros of order 3 in the second
def test_all_kinks_of_a_wave_are_found(text: str, bits: int) -> None:
    ctx = context(bits)
    found = [joint.at(ctx) for joint in pieces(text).kinked]
    assert len(found) == 2 * 20 + 1  # multiples of π up to 64
    assert all(abs(x - n * ctx.pi) < ctx.ldexp(1, 20 - bits) for x, n in zip(found, range(-20, 21), strict=True))


@pytest.mark.parametrize("exponent", [12, 18, 22, 30])
def test_two_kinks_close_to_each_other_stay_two(exponent: int) -> None:
    found = [joint.at(CTX) for joint in pieces(f"abs((x-0.4)^2-1e-{2 * exponent})").kinked]
    apart = [CTX.mpf(10) ** -exponent * sign for sign in (-1, 1)]
    assert len(found) == 2
    for ours, theirs in zip(found, apart, strict=True):
        assert abs(ours - CTX.mpf(2) / 5 - theirs) < CTX.ldexp(1, 4 * exponent - 300)  # values of x² near 1 are rounded


def test_poles_where_a_branch_changes_are_places_too() -> None:
    found = [joint.at(CTX) for joint in pieces("exp(-abs(tan(x/2)))").joints]
    assert len(found) == 2 * 20 + 1  # zeros at even multiples of π, poles at odd ones
    assert all(abs(x - n * CTX.pi) < CTX.ldexp(1, -300) for x, n in zip(found, range(-20, 21), strict=True))


def test_kinks_that_nearly_coincide_are_refused() -> None:
    with pytest.raises(InputError, match=r"has kinks within \S+ of each other near x = 3\.14159"):
        pieces("abs((x-pi)^3-1e-40*(x-pi))")


@pytest.mark.parametrize(
    "text",
    [
        "relu(x)-relu(-x)",
        "abs(x)^2",
        "abs(x)*tanh(abs(x))",
        "cos(abs(x))",
        "abs(x^2)",
        "abs((x-1)^2)",
        "relu((3*x-1)^2)",
        "relu(sin(x)^2)",
        "max(x,exp(x)-1)",
        "max(x,x)",
        "sign(x^2+1)*x",
        "sign(x)^2*x",
        "step(x)+step(-x)+x",
        "relu(exp(x))",
        "abs(exp(-x^2))",
        "abs(1+x^2)",
        "sin(x)/x",
        "(exp(x)-1)/x",
        "(1-cos(x))/x^2",
        "sqrt((x^2+1)^2)",
        "min(relu(x),-1)+x",
    ],
)
def test_what_only_looks_like_a_kink_is_none(text: str) -> None:
    assert kinks(text) == []


@pytest.mark.parametrize(
    ("text", "limit", "slope"),
    [("sin(x)/x", 1, 0), ("(exp(x)-1)/x", 1, Fraction(1, 2)), ("(1-cos(x))/x^2", Fraction(1, 2), 0), ("x/x+x", 1, 1)],
)
def test_removable_singularities_have_their_limits(text: str, limit: int, slope: int) -> None:
    found = pieces(text).evaluator(CTX)(CTX.zero)
    for ours, theirs in zip(found, (limit, slope), strict=True):
        assert abs(ours - CTX.mpf(theirs)) < CTX.ldexp(1, -300)


@pytest.mark.parametrize(
    ("text", "jumps"),
    [
        ("relu(x)", [0, 1, 0, 0]),
        ("abs(x)^3", [0, 0, 0, 12]),
        ("relu(x)*exp(x)", [0, 1, 2, 3]),
        ("max(x,x+x^2*step(x))", [0, 0, 2, 0]),
        ("log1p(abs(x))", [0, 2, 0, 4]),
    ],
)
def test_jumps_of_derivatives(text: str, jumps: list[int]) -> None:
    phi = pieces(text)
    found = phi.jumps(phi.joints[0], 3, CTX)
    assert all(abs(ours - theirs) < CTX.ldexp(1, -280) for ours, theirs in zip(found, jumps, strict=True))


# ---------------------------------------------------------------- refusals, with reason and place

JUMP = "Assumption 3 asks for a continuous phi (chi is infinite)"
GROWS = "is not square-integrable under the Gaussian weight: it outgrows exp(x^2/4)"
STEEP = "its derivative is not square-integrable at x = {}, so that chi is infinite"
UNBOUNDED = "is unbounded at x = {}; phi must be finite everywhere"
SWINGS = "has no limit at x = {}; phi must be continuous"
UNREAL = "is not finite and real everywhere: {}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step(x)", f"step(x) jumps from 0.0 to 1.0 at x = 0; {JUMP}"),
        ("sign(x)", f"sign(x) jumps from -1.0 to 1.0 at x = 0; {JUMP}"),
        ("sign(x-0.5)*x", f"sign(x-0.5)*x jumps from -0.5 to 0.5 at x = 0.5; {JUMP}"),
        ("step(x-70)*x", f"step(x-70)*x jumps from 0.0 to 70.0 at x = 70; {JUMP}"),
        ("tanh(1/x)", f"tanh(1/x) jumps from -1.0 to 1.0 at x = 0; {JUMP}"),
        ("abs(x)/x", f"abs(x)/x jumps from -1.0 to 1.0 at x = 0; {JUMP}"),
        ("sign(abs(x)-1)+x", f"jumps from 0.0 to -2.0 at x = -1; {JUMP}"),
        ("1/x", UNBOUNDED.format(0)),
        ("1/x^2", UNBOUNDED.format(0)),
        ("1/(x-1)", UNBOUNDED.format(1)),
        ("1/(x^2-2)", UNBOUNDED.format("-1.41421")),
        ("1/((x-0.4)^2-1e-6)", UNBOUNDED.format("0.399")),
        ("1/(x-70)", UNBOUNDED.format(70)),
        ("tan(x)", UNBOUNDED.format("-61.2611")),
        ("1/sin(x)", UNBOUNDED.format("-62.8319")),
        ("log(abs(x))", UNBOUNDED.format(0)),
        ("log(x^2)", UNBOUNDED.format(0)),
        ("log(log(9e9/abs(x)))", UNBOUNDED.format(0)),
        ("sin(1/x)/x", UNBOUNDED.format(0)),
        ("sin(1/x)+log(abs(x))", UNBOUNDED.format(0)),
        ("sin(1/x)", SWINGS.format(0)),
        ("x+cos(1/(x-1))", SWINGS.format(1)),
        ("sin(log(abs(x)))", SWINGS.format(0)),
        ("log(x)", UNREAL.format("log of -64.0 is not finite and real, at x = -64")),
        ("sqrt(x)", UNREAL.format("sqrt of -64.0 is not real, at x = -64")),
        ("sqrt((x-0.4)^2-1e-6)", "is not finite and real everywhere"),
        ("x^0.5", UNREAL.format("sqrt of -64.0 is not real, at x = -64")),
        ("x^1.5", UNREAL.format("a power of -64.0 that is no whole number is not real, at x = -64")),
        ("x^x", UNREAL.format("log of -64.0 is not finite and real, at x = -64")),
        ("log(0)*x", UNREAL.format("log of 0.0 is not finite and real")),
        ("sqrt(-1)*x", UNREAL.format("sqrt of -1.0 is not real")),
        ("exp(exp(x))", "too large, at x = 2"),
        ("exp(x^2)", f"exp(x^2) {GROWS}"),
        ("exp(x^2/4)", GROWS),
        ("exp(x^2/3.99)", GROWS),
        ("exp(abs(x)^3)", GROWS),
        ("x^x^2", "at x = -64"),
        ("sqrt(abs(x))", STEEP.format(0)),
        ("abs(x-1)^0.5", STEEP.format(1)),
        ("abs(x)^0.49", STEEP.format(0)),
        ("sqrt(relu(x))", STEEP.format(0)),
        ("x*sin(1/x)", STEEP.format(0)),
        ("1", "1 is constant: a network of it computes nothing"),
        ("pi", "pi is constant"),
        ("x-x", "x-x is constant"),
        ("sign(x)^2", "sign(x)^2 is constant"),
        ("relu(-x^2)", "relu(-x^2) is constant"),
        ("abs(sin(10*x))", f"has more than {MOST_JOINTS} kinks within |x| < 64; write one with fewer"),
        ("relu(sin(300*x))", f"has more than {MOST_JOINTS} kinks"),
    ],
)
def test_refusals_say_why_and_where(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        pieces(text)
    assert message in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["exp(x^2/4.01)", "abs(x)^0.6", "x*log(abs(x))", "1/(1+x^2)", "tanh(exp(x^2))", "abs(x)^x"]
)
def test_what_just_satisfies_the_assumptions_is_cut(text: str) -> None:
    assert pieces(text).pieces


@pytest.mark.parametrize("text", ["x/0", "0/0*x", "relu(x)/relu(x)", "1/(x-x)"])
def test_a_division_by_zero_names_the_formula(text: str) -> None:
    with pytest.raises(InputError) as refused:
        pieces(text)
    assert text in str(refused.value)


def test_places_of_other_kinks_are_refused_beyond_the_reach_of_the_grid() -> None:
    (joint,) = pieces("abs(exp(x)-2)").kinked
    with pytest.raises(AccuracyError, match=r"kinks at places such as 0\.6931"):
        joint.at(context(4096))
