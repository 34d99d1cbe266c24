"""What roundings take from φ: the bits are found, and given."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkcalc import InputError, ntk_coefficients
from ntkcalc.activations.formula.functions import WORDS, RealField, derivative, plain, program, sensitivities
from ntkcalc.activations.formula.grammar import parsed
from ntkcalc.activations.formula.rounding import bits_at_stake
from ntkcalc.activations.formula.trees import Tree, X
from ntkcalc.numerics.precision import context, decimal

CTX = context(2400)
PLACES = (-1.3, 0.4, 2.1)


def tree(text: str) -> Tree:
    return plain(parsed(text, WORDS))


def kappa(text: str, p: int, digits: int) -> str:
    return str(ntk_coefficients(text, 2, p, sigma_w2="max", digits=digits).values[p])


@given(n=st.integers(0, 600), digits=st.sampled_from([6, 15, 40]))
@settings(max_examples=20)
def test_a_wave_far_from_its_origin_has_its_digits(n: int, digits: int) -> None:
    """φ = x + sin(10^n + x): µ_0 = sin(10^n)/√e, E[φ²] = 3/2 + 2 cos(10^n)/√e − cos(2·10^n)/(2e²)."""
    far = CTX.mpf(10) ** n
    total = CTX.mpf(3) / 2 + 2 * CTX.cos(far) / CTX.sqrt(CTX.e) - CTX.cos(2 * far) / (2 * CTX.e**2)
    assert kappa(f"x+sin(1e{n}+x)", 0, digits) == str(decimal(CTX.sin(far) ** 2 / CTX.e / total, digits))


@pytest.mark.parametrize("digits", [6, 30])
@pytest.mark.parametrize(
    ("text", "plainly"),
    [
        ("(x+1e90)-1e90+tanh(x)", "x+tanh(x)"),
        ("1e60*((x*1e-60+1)-1)+tanh(x)", "x+tanh(x)"),
        ("cosh(x)-sinh(x)-exp(-x)+sin(x)", "sin(x)"),
    ],
)
def test_what_cancels_leaves_its_digits(text: str, plainly: str, digits: int) -> None:
    for p in (0, 1, 3):
        assert kappa(text, p, digits) == kappa(plainly, p, digits)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("x", 0),
        ("tanh(x)", 0),
        ("x+sin(1e30+x)", 30 * math.log2(10)),
        ("(x+1e90)-1e90", 90 * math.log2(10)),
        ("1-tanh(x-200)*tanh(x-200)", 400 * math.log2(math.e)),
        ("exp(x)*1e50", 0),
    ],
)
def test_bits_are_those_that_are_lost(text: str, bits: float) -> None:
    assert bits - 10 <= bits_at_stake(tree(text), PLACES) <= bits + 10


@given(x=st.floats(-3, 3))
@pytest.mark.parametrize(
    "text", ["x*tanh(x)/(2+sin(3*x))", "exp(-x^2)*log1p(x^2)+sqrt(1+x^4)", "(2+cos(x))^1.7-erf(x)/3"]
)
def test_sensitivities_are_derivatives(text: str, x: float) -> None:
    """That by x is φ' by the other way."""
    ctx, phi = context(200), tree(text)
    found, expected = program([sensitivities(phi)[X], derivative(phi)], RealField(ctx))(ctx.mpf(x))
    assert abs(found - expected) < ctx.ldexp(1 + abs(expected), -180)


def test_what_takes_too_many_bits_is_refused() -> None:
    with pytest.raises(InputError, match=r"rounding takes \d+ bits of .*: write it without what is so large in it"):
        ntk_coefficients("x+tanh((x+exp(20000))-exp(20000))", sigma_w2="max")
