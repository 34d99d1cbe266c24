"""Quadrature rules and erfc against ball arithmetic."""

import math
import subprocess
import sys
from itertools import pairwise

import gmpy2
import pytest
from flint import arb, ctx
from gmpy2 import mpfr
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc.activations.formula.error_function import erf, erfc
from ntkcalc.activations.formula.gauss_hermite import gauss_hermite
from ntkcalc.numerics.precision import mpfr_context
from ntkcalc.numerics.quadrature_rules import gauss_legendre, tanh_sinh


def as_ball(x: object) -> arb:
    """A number of MPFR, exactly."""
    mantissa, exponent = x.as_mantissa_exp()  # type: ignore[attr-defined]
    return arb(int(mantissa)) * arb(2) ** int(exponent)


@pytest.mark.parametrize("bits", [64, 200, 1000])
@pytest.mark.parametrize("n", [2, 3, 4, 7, 20, 61])
def test_nodes_and_weights_are_those_of_legendre_polynomials(n: int, bits: int) -> None:
    ctx.prec = bits + 64
    pairs = gauss_legendre(n, bits)
    assert len(pairs) == n
    for k, (x, w) in enumerate(reversed(pairs)):
        node, weight = arb.legendre_p_root(n, k, weight=True)
        assert abs(as_ball(x) - node) < arb(2) ** -bits
        assert abs(as_ball(w) / weight - 1) < arb(2) ** -bits


@pytest.mark.parametrize("bits", [64, 300, 1000])
@pytest.mark.parametrize("n", [2, 3, 12, 49, 200])
def test_a_rule_for_the_normal_law_has_its_moments(n: int, bits: int) -> None:
    """E[Z^{2m}] = (2m − 1)!! for all m < n, odd ones vanish by symmetry; nodes are apart and in order."""
    with mpfr_context(bits + 64):
        pairs = gauss_hermite(n, bits)
        assert len(pairs) == n
        assert all(a[0] < b[0] for a, b in pairwise(pairs))
        assert all(x == -y and v == w for (x, v), (y, w) in zip(pairs, reversed(pairs), strict=True))
        for m in {0, 1, n // 2, n - 1}:
            moment = math.prod(range(1, 2 * m, 2))
            assert abs(sum(w * x ** (2 * m) for x, w in pairs) / moment - 1) < gmpy2.exp2(8 - bits) * n


@given(n=st.integers(2, 700))
def test_a_rule_is_exact_for_polynomials_of_twice_its_length(n: int) -> None:
    with mpfr_context(150):
        pairs = gauss_legendre(n, 100)
        for power in (0, n // 2 * 2, 2 * n - 2):
            total = sum((w * x**power for x, w in pairs), mpfr(0))
            assert abs(total - mpfr(2) / (power + 1)) < gmpy2.exp2(mpfr(-96))


@given(n=st.integers(60, 90))
def test_the_other_rule_does_not_mind_singular_ends(n: int) -> None:
    """∫ √(1 − x²) dx = π/2."""
    with mpfr_context(80):
        total = sum((w * gmpy2.sqrt(1 - x * x) for x, w in tanh_sinh(n, 64)), mpfr(0))
        assert abs(total - gmpy2.const_pi() / 2) < 1e-15


@pytest.mark.parametrize("bits", [53, 80, 144, 500, 1500, 3000])
@given(x=st.one_of(st.floats(-3, 3), st.just(-math.sqrt(3)), st.floats(1, 40), st.floats(40, 1e4)))
def test_erfc_has_all_its_digits(bits: int, x: float) -> None:
    with mpfr_context(bits):
        found = erfc(mpfr(x))
    ctx.prec = 2 * bits + 100
    assert abs(as_ball(found) / arb(x).erfc() - 1) < arb(2) ** (1 - bits)
    with mpfr_context(bits):
        found = erf(mpfr(x))
    assert not x or abs(as_ball(found) / arb(x).erf() - 1) < arb(2) ** (2 - bits)


@pytest.mark.parametrize("square", [2, 3, 5])
def test_the_error_function_stops_no_process(square: int) -> None:
    """MPFR's own does, by an assertion that fails, for √3 to 2048 bits."""
    script = f"""
import gmpy2
from ntkcalc.activations.formula.error_function import erf
gmpy2.get_context().precision = 2048
print(*erf(gmpy2.sqrt(gmpy2.mpfr({square}))).as_mantissa_exp())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    ctx.prec = 2200
    mantissa, exponent = map(int, done.stdout.split())
    assert abs(arb(mantissa) * arb(2) ** exponent / arb(square).sqrt().erf() - 1) < arb(2) ** -2040
