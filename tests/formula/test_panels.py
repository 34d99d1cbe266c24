"""Gauss–Legendre rules on panels: right where φ is steep in places, against closed forms and tanh-sinh quadrature."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import gmpy2
import pytest
from gmpy2 import mpfr
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.formula.formula_dual import FormulaDual
from ntkcalc.activations.formula.integrand import size_and_reach
from ntkcalc.activations.formula.node_sums import NodeSums
from ntkcalc.activations.formula.panels import planned, sums_on_panels
from ntkcalc.activations.formula.quadrature import gaussian_means
from ntkcalc.activations.work_budget import WorkBudget
from ntkcalc.numerics.precision import context, mpfr_context, to_mpfr
from ntkcalc.numerics.quadrature_rules import tanh_sinh

CTX = context(256)


def dual(text: str) -> FormulaDual:
    found = activation(text).dual
    assert isinstance(found, FormulaDual)
    return found


@given(log_slope=st.floats(0, 8), bits=st.sampled_from([60, 100, 200]))
@settings(max_examples=6)
def test_a_steep_bell_has_its_hermite_coefficients(log_slope: float, bits: int) -> None:
    """φ = x + 3 e^{−(sx)²/2}: µ_{2j} = 3/v (−s²/v²)^j (2j − 1)!!/√(2j)!, v² = 1 + s²; E[φ²] = 1 + 9/√(1 + 2s²)."""
    slope = round(10**log_slope, 3)
    means = gaussian_means(dual(f"x+3*exp(-({slope}*x)^2/2)").integrand, 8, bits)
    s2 = CTX.mpf(str(slope)) ** 2
    v2, least = 1 + s2, CTX.ldexp(1, -bits)
    assert abs(means.square - 1 - 9 / CTX.sqrt(1 + 2 * s2)) < least * 12
    for k, mu in enumerate(means.moments):
        expected = CTX.mpf(k == 1)
        if k % 2 == 0:
            expected = 3 / CTX.sqrt(v2) * (-s2 / v2) ** (k // 2) * CTX.fac2(k - 1) / CTX.sqrt(CTX.factorial(k))
        assert abs(CTX.ldexp(mu, means.scale) - expected) < least * 4


@pytest.mark.parametrize("slope", [1, 30, 1000, 1e6])
def test_a_steep_step_has_the_slope_of_its_closed_form(slope: float) -> None:
    """φ = erf(sx/√2): E[φ²] = (2/π) arcsin(s²/(1 + s²)), E[φ'²] = (2/π) s²/√(1 + 2s²)."""
    means = gaussian_means(dual(f"erf({slope:.0f}*x/sqrt(2))+0*x").integrand, 4, 100)
    s2 = CTX.mpf(slope) ** 2
    assert abs(means.square * CTX.pi / 2 / CTX.asin(s2 / (1 + s2)) - 1) < 1e-29
    assert abs(means.slope * CTX.pi / 2 / s2 * CTX.sqrt(1 + 2 * s2) - 1) < 1e-29


@pytest.mark.parametrize("text", ["max(x,tanh(3*x))", "x/(1+abs(x))", "max(x,x^2-1)", "log1p(abs(x))", "silu(20*x)"])
@pytest.mark.parametrize(("degree", "bits"), [(6, 80), (40, 200), (3, 500)])
def test_panels_agree_with_tanh_sinh_quadrature(text: str, degree: int, bits: int) -> None:
    """Of the whole pieces between kinks, with so many nodes that nothing is left to resolve: no node is shared."""
    integrand = dual(text).integrand
    means = gaussian_means(integrand, degree, bits)
    scale, reach = size_and_reach(integrand, bits)
    rule = NodeSums(integrand, scale, degree, bits, reach, WorkBudget(bits))
    with mpfr_context(rule.precision):
        ends = [mpfr(0), *[to_mpfr(x) for x in integrand.kinks(context(rule.precision)) if 0 < x < reach], mpfr(reach)]
        nodes = [
            ((a + b) / 2 + (b - a) / 2 * x, (b - a) / 2 * w)
            for a, b in pairwise(ends)
            for x, w in tanh_sinh(16 * bits, rule.precision)
        ]
        square, slope, *moments = [*(found := rule.over(nodes))[:2], *rule.moments(found)]
        pairs = [
            (square * gmpy2.exp2(2 * scale) / to_mpfr(means.square), 1),
            (slope * gmpy2.exp2(2 * scale) / to_mpfr(means.slope), 1),
            *zip(moments, map(to_mpfr, means.moments), strict=True),
        ]
        assert all(abs(a - b) < gmpy2.exp2(2 - bits) for a, b in pairs)


def sums(text: str, bits: int) -> tuple[NodeSums, float, Any]:
    integrand = dual(text).integrand
    scale, reach = size_and_reach(integrand, bits)
    return NodeSums(integrand, scale, 4, bits, reach, WorkBudget(bits)), reach, integrand.cells(reach, bits, scale)


def test_steps_cost_what_their_steepness_has_digits() -> None:
    """A step a thousand times as steep takes a few panels more, not a thousand times the nodes."""
    counts = []
    for slope in (30, 30_000, 30_000_000):
        rule, reach, cells = sums(f"tanh({slope}*x)", 100)
        with mpfr_context(rule.precision):
            counts.append(0)
            plain = rule.over

            def counted(nodes: Any, plain: Any = plain) -> Any:
                counts[-1] += len(nodes)
                return plain(nodes)

            rule.over = counted  # type: ignore[method-assign]
            sums_on_panels(rule, planned(rule, [(rule.unit * 0, rule.unit * 0 + reach)], cells))
    assert counts[2] < 3 * counts[0] < 6000
