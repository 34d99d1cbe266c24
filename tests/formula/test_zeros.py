"""Zeros of what decides a branch: none is stepped over, wherever it is, and no formula bends where it does not."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from ntkcalc import AccuracyError, InputError, ntk_coefficients
from ntkcalc.activations.formula.cutting import cut
from ntkcalc.activations.formula.functions import WORDS, plain
from ntkcalc.activations.formula.grammar import parsed
from ntkcalc.activations.formula.joints import Stretch, signs
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.trees import Tree
from ntkcalc.activations.formula.zeros import zeros
from ntkcalc.numerics.precision import context

CTX = context(320)
LINE = Stretch(None, None)


@cache
def pieces(text: str) -> Pieces:
    return cut(plain(parsed(text, WORDS)), text)


def found(text: str) -> list[Any]:
    """The zeros of a formula, in order."""
    return sorted(zero.at(CTX) for zero in zeros(plain(parsed(text, WORDS)), LINE, text))


def mean(phi: Callable[[Any], Any], kinks: list[Any]) -> Any:
    """E[φ], by mpmath's quadrature on pieces between kinks."""
    ends = sorted({mpf(n) for n in (-14, -8, -4, -2, -1, 0, 1, 2, 4, 8, 14)} | set(kinks))
    return mp.quad(lambda x: phi(x) * mp.npdf(x), ends)


def both(middle: str, apart: Any) -> list[Any]:
    """Two places about a third."""
    return [mpf(middle) - apart, mpf(middle) + apart]


# ---------------------------------------------------------------- laws


@settings(max_examples=40)
@given(st.lists(st.integers(-3000, 3000), min_size=1, max_size=4, unique=True), st.sampled_from([1, 2, 3]))
def test_zeros_of_any_order_are_found_and_told_apart(places: list[int], order: int) -> None:
    """Of a sum of two equal products, which is no product; two zeros are 0.001 apart at the least."""
    product = "*".join(f"sinh((x-({n}/1000))/9)^{order}" for n in places)
    ours, theirs = found(f"{product}+{product}"), sorted(CTX.mpf(n) / 1000 for n in places)
    assert len(ours) == len(theirs)
    assert all(abs(a - b) < CTX.ldexp(1, -200) for a, b in zip(ours, theirs, strict=True))


@settings(max_examples=40)
@given(
    st.integers(-50, 50),
    st.integers(-90, 90),
    st.sampled_from([30, 200, 1000, 10_000]),
    st.sampled_from([1.01, 1.2, 5]),
)
def test_a_narrow_bump_that_reaches_a_level_does_so_twice(a: int, b: int, steep: int, height: float) -> None:
    """h e^{−(k(x − c))²} = 1 at x = c ± √(ln h)/k, however narrow, and wherever it is on the grid."""
    place = CTX.mpf(a) + CTX.mpf(b) / 97
    ours = found(f"{height}*exp(-({steep}*(x-({a}+{b}/97)))^2)-1")
    apart = CTX.sqrt(CTX.log(CTX.mpf(str(height)))) / steep
    assert len(ours) == 2
    assert all(abs(x - y) < CTX.ldexp(1, -250) for x, y in zip(ours, (place - apart, place + apart), strict=True))


@settings(max_examples=30)
@given(st.integers(-300, 300), st.integers(3, 11))
def test_three_zeros_in_a_row_are_three(a: int, exponent: int) -> None:
    """u³ − c² u with u = sinh(x − a)."""
    u = f"sinh(x-({a}/7))"
    ours = found(f"{u}^3-1e-{2 * exponent}*{u}")
    middle, apart = CTX.mpf(a) / 7, CTX.asinh(CTX.mpf(10) ** -exponent)
    assert len(ours) == 3
    assert all(abs(x - middle - k * apart) < CTX.ldexp(1, -120) for k, x in zip((-1, 0, 1), ours, strict=True))


MEANS: dict[str, tuple[Callable[[Any], Any], Callable[[], list[Any]]]] = {
    "max(abs(x),0.01*cos(x))": (
        lambda x: max(abs(x), mp.cos(x) / 100),
        lambda: both("0", mp.findroot(lambda x: x - mp.cos(x) / 100, 0.01)),
    ),
    "abs(abs(exp(x)-2)-0.01)": (
        lambda x: abs(abs(mp.exp(x) - 2) - mpf("0.01")),
        lambda: [mp.log(mpf(v)) for v in ("1.99", "2", "2.01")],
    ),
    "relu(1-abs(x^2-1)*100)+x": (
        lambda x: max(1 - abs(x * x - 1) * 100, 0) + x,
        lambda: [end for v in ("0.99", "1", "1.01") for end in both("0", mp.sqrt(mpf(v)))],
    ),
    "max(abs(tanh(x)),0.01)": (lambda x: max(abs(mp.tanh(x)), mpf("0.01")), lambda: both("0", mp.atanh(mpf("0.01")))),
    "relu(abs(tanh(x-0.3))-0.01)": (
        lambda x: max(abs(mp.tanh(x - mpf("0.3"))) - mpf("0.01"), 0),
        lambda: both("0.3", mp.atanh(mpf("0.01"))),
    ),
    "abs((x-pi)^3-1e-5*(x-pi))": (
        lambda x: abs((x - mp.pi) ** 3 - mpf("1e-5") * (x - mp.pi)),
        lambda: [mp.pi, *both(str(mp.pi), mp.sqrt(mpf("1e-5")))],
    ),
    "relu(1.2*exp(-(200*(x-0.297))^2)-1)+x": (
        lambda x: max(mpf("1.2") * mp.exp(-((200 * (x - mpf("0.297"))) ** 2)) - 1, 0) + x,
        lambda: both("0.297", mp.sqrt(mp.log(mpf("1.2"))) / 200),
    ),
    "max(sin(x)+1,2/cosh(400*(x-0.297)))": (
        lambda x: max(mp.sin(x) + 1, 2 * mp.sech(400 * (x - mpf("0.297")))),
        lambda: [
            mp.findroot(
                lambda x: (mp.sin(x) + 1) * mp.cosh(400 * (x - mpf("0.297"))) - 2,
                (mpf("0.297"), mpf("0.297") + sign * mpf("0.01")),
                solver="illinois",
            )
            for sign in (-1, 1)
        ],
    ),
}


@pytest.mark.parametrize("text", MEANS)
def test_the_mean_is_that_of_the_definition(text: str) -> None:
    mp.dps = 40
    phi, kinks = MEANS[text]
    ours = ntk_coefficients(text, 1, 0, which="mu", sigma_w2="max", digits=12).values[0]
    assert abs(mpf(str(ours)) / mean(phi, kinks()) - 1) < 1e-11  # 12 digits, rounded


@pytest.mark.parametrize("text", ["min(max(1/x,1),x)", "min(max(1/(x-1/3),1),x-1/3)", "min(max(1/x,Phi(x)),x)"])
def test_poles_change_signs_too(text: str) -> None:
    """For x < 0 the larger is no reciprocal, and from 1 (or where Φ is) on it is none either."""
    assert [round(joint.near, 3) for joint in pieces(text).kinked] == {
        "min(max(1/x,1),x)": [1.0],
        "min(max(1/(x-1/3),1),x-1/3)": [1.333],
        "min(max(1/x,Phi(x)),x)": [1.0, 1.144],
    }[text]


@pytest.mark.parametrize("text", ["max(sqrt(x),x)", "clip((x^x)^1.5,1e6,x)", "max(x^0.5-sigmoid(x),1/3)"])
def test_what_decides_must_be_real_too(text: str) -> None:
    with pytest.raises(InputError, match="is not finite and real everywhere"):
        pieces(text)


@pytest.mark.parametrize(
    "text",
    [
        "max(elu(x),0.01*cos(x))",
        "relu(selu(x-0.3)+0.002)",
        "max(relu(x-0.3),0.01*x^2)",
        "clip(exp(x),1.51,1.52)",
        "clip(sinh(x),0.295,0.3)",
        "relu(elu(x-0.3)+0.01*cos(x))",
    ],
)
def test_kinks_next_to_kinks_are_no_jumps(text: str) -> None:
    assert pieces(text).kinked


@settings(max_examples=40)
@given(st.integers(-300, 300), st.sampled_from([12, 13, 14, 15, 16, 20, 40, 80]))
def test_three_zeros_nearer_than_cells_are_three_or_refused(a: int, exponent: int) -> None:
    u = f"sinh(x-({a}/7))"
    try:
        ours = found(f"{u}^3-1e-{2 * exponent}*{u}")
    except InputError:
        return
    assert len(ours) == 3


@pytest.mark.parametrize("depth", [3, 40])
def test_zeros_next_to_where_there_are_no_values_are_found(depth: int) -> None:
    (left, right) = pieces(f"x*relu(log(abs(x))+{depth})").kinked
    for joint, sign in ((left, -1), (right, 1)):
        assert abs(joint.at(CTX) - sign * CTX.exp(-depth)) < CTX.ldexp(1, -300)


@pytest.mark.parametrize(
    "text", ["exp(-x^2)", "softplus(x)-x", "cosh(x)-0.999", "2+sin(50*x)", "1-tanh(x)+1e-30", "erfc(x)"]
)
def test_what_never_vanishes_has_no_zeros(text: str) -> None:
    """Even where floats cannot tell it from 0."""
    assert found(text) == []


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("text", ["relu(exp(x/50)-4)+x", "relu(sinh(x/20)-13.6)+x"])
def test_kinks_beyond_what_the_normal_law_sees_are_not_overlooked(text: str) -> None:
    with pytest.raises(AccuracyError, match="coefficients that come of it alone cannot be told from zero"):
        ntk_coefficients(text, 2, 3, sigma_w2="max", digits=6)


def test_more_kinks_than_are_followed_are_refused() -> None:
    with pytest.raises(InputError, match="more than 64 kinks"):
        pieces("relu(sin(x)^3-0.00001*sin(x))")


def test_a_pole_far_out_is_a_pole() -> None:
    with pytest.raises(InputError, match=r"unbounded at x = -157\.08"):
        pieces("tan(x/100)")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("abs(x)^1.5-8", [-4, 4]),
        ("2*x-abs(x)^1.5", [0, 4]),
        ("3*x-abs(x)^1.5", [0, 9]),
        ("abs(x)^1.25-2*abs(x)", [-16, 16]),
        ("2^x-4", [2]),
        ("3^x-9^(x/4)-6", [2]),
        ("atan(x)-pi/4", [1]),
        ("erf(x)-erf(1)", [1]),
        ("exp(x)-exp(1/8)", [0.125]),
        ("cosh(x)-cosh(3)", [-3, 3]),
        ("log1p(x^2)-log(17)", [-4, 4]),
    ],
)
def test_a_zero_at_the_end_of_a_cell_is_where_it_is(text: str, places: list[float]) -> None:
    """Where the formula's value is all rounding, of one sign in some digits and of the other in others."""
    joints = pieces(f"relu({text})+x").joints
    for bits in (64, 128, 320, 640, 1280):
        for joint, place in zip(joints, places, strict=True):
            assert abs(joint.at(context(bits)) - place) < context(bits).ldexp(1, 16 - bits)


def test_zeros_without_end_are_refused_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Next to 0 floats tell most of the zeros and poles of tan(1/x); high precision is for what they do not tell."""
    looks: list[Any] = []

    def watched(tree: Tree, slope: Tree, x: Fraction, text: str) -> tuple[int, int] | None:
        looks.append(x)
        return signs(tree, slope, x, text)

    monkeypatch.setattr("ntkcalc.activations.formula.zeros.signs", watched)
    with pytest.raises(InputError, match="kinks"):
        cut(plain(parsed("tan(silu((x-1)/-x))", WORDS)), "phi")
    assert len(looks) < 2000
