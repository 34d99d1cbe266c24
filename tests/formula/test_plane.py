"""D(t) as an integral over the plane: against closed forms, and against Hermite series that know nothing of a plane."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.dual import Correlation
from ntkcalc.activations.formula.formula_dual import MOST_TERMS, FormulaDual
from ntkcalc.activations.formula.integrand import Shape
from ntkcalc.activations.formula.plane import correlated_means
from ntkcalc.numerics.precision import context, log2, real

CTX = context(200)
FORMULAS = ["x/(1+abs(x))", "max(x,tanh(x))", "relu(x-0.5)*sigmoid(x)", "max(x+0.3,0)*exp(min(x,1.5))"]


def by_plane(text: str, t: str, bits: int) -> tuple[Any, Any]:
    """D(t) and D'(t) of a formula with kinks."""
    dual = activation(text).dual
    assert isinstance(dual, FormulaDual)
    phi = dual.phi
    integrand = replace(dual.integrand, shape=Shape.KINKED)
    kinks = [joint.at(context(bits + 64)) for joint in phi.kinked]
    sizes = log2(CTX.convert(dual.mean_square(64))), log2(CTX.convert(dual.slope_square(64)))
    value, slope = correlated_means(integrand, kinks, Correlation.of(Fraction(t), bits + 64), sizes, bits)
    return CTX.convert(value), CTX.convert(slope)


@pytest.mark.parametrize("t", ["0.99999999999993", "0.9", "0.3", "0", "-0.6", "-0.99999"])
def test_relu_is_the_arc_cosine_kernel(t: str) -> None:
    """E[relu(U) relu(V)] = (sin θ + (π − θ) cos θ)/(2π) and P(U, V > 0) = (π − θ)/(2π), t = cos θ (Cho and Saul)."""
    x = real(CTX, Fraction(t))
    theta = CTX.acos(x)
    value, slope = by_plane("x*step(x)", t, 100)
    assert abs(value - (CTX.sin(theta) + (CTX.pi - theta) * x) / (2 * CTX.pi)) < CTX.ldexp(1, -100)
    assert abs(slope - (CTX.pi - theta) / (2 * CTX.pi)) < CTX.ldexp(1, -100)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("t", ["0.6", "-0.7"])
def test_a_plane_and_a_series_say_the_same(text: str, t: str) -> None:
    x, mu = real(CTX, Fraction(t)), activation(text).hermite(300, 100)
    squares = [CTX.convert(m) ** 2 for m in mu]
    value, slope = by_plane(text, t, 90)
    assert abs(value - CTX.fsum(c * x**k for k, c in enumerate(squares))) < CTX.ldexp(1, -86)
    assert abs(slope - CTX.fsum(k * c * x ** (k - 1) for k, c in enumerate(squares) if k)) < CTX.ldexp(1, -84)


@pytest.mark.parametrize(
    "text", ["max(x,sin(x))", "min(x^3,sin(x)^3)+x", "relu(x)*(cos(x)+cosh(x))", "relu(x)^11*cos(x)"]
)
@pytest.mark.parametrize("t", ["0.9999999", "-0.999"])
def test_a_plane_and_a_spline_say_the_same(text: str, t: str) -> None:
    """Splines have the jumps of φ's derivatives, wherever the first one is; the plane knows nothing of them."""
    dual = activation(text).dual
    assert isinstance(dual, FormulaDual)
    assert dual.most_terms == MOST_TERMS  # by a spline
    plane = by_plane(text, t, 90)
    spline = dual.value(Correlation.of(Fraction(t), 160), 90)
    assert all(abs(a - CTX.convert(b)) < CTX.ldexp(1, -84) for a, b in zip(plane, spline, strict=True))


@settings(max_examples=8)
@given(text=st.sampled_from(FORMULAS), gap=st.integers(5, 13))
def test_next_to_one_it_approaches_the_moments(text: str, gap: int) -> None:
    """D(1) − D(t) lies between 0 and D'(1) (1 − t), for D has nonnegative coefficients."""
    dual = activation(text).dual
    value, slope = by_plane(text, f"0.{'9' * gap}", 100)
    whole, steepest = (CTX.convert(v) for v in (dual.mean_square(120), dual.slope_square(120)))
    assert 0 < whole - value < steepest / CTX.mpf(10) ** gap
    assert 0 < slope < steepest
