"""The rule for eigenvalues on S^d: its proven bound, on powers of t, whose parts of degree k are rational numbers."""

from fractions import Fraction
from typing import Any

import pytest
from test_zonal import gegenbauer, integral

from ntkcalc.numerics.precision import real
from ntkcalc.spectrum.funk_hecke import Rule, step


def by_rule(rule: Rule, p: int, k: int, work: int) -> Any:
    """Σ masses t^p P_k(t), until what is left is far below 2**-work."""
    total, n = rule.ctx.zero, 0
    coefficients = [real(rule.ctx, c) for c in gegenbauer(k, rule.d)]
    while True:
        below_one, _, mass = rule.node(n)
        t = 1 - below_one
        if (p - k) % 2 == 0:
            total += 2 * mass * t**p * sum(c * t**i for i, c in enumerate(coefficients) if c)
        n += 1
        if mass < 2.0 ** -(work + 40):
            return total


@pytest.mark.parametrize(("d", "k"), [(2, 0), (2, 1), (2, 40), (3, 10), (10, 3), (49, 40), (343, 2)])
@pytest.mark.parametrize("p", [0, 1, 40, 200, 201])
def test_the_rule_is_as_good_as_its_bound(d: int, k: int, p: int) -> None:
    for work in (4, 20, 50):
        rule = Rule(d, step(d, k, work), work + 200)
        assert abs(by_rule(rule, p, k, work) - real(rule.ctx, integral(p, k, d))) < 2.0**-work


@pytest.mark.parametrize(("d", "k", "p"), [(2, 0, 1000), (2, 40, 40), (10, 20, 20)])
def test_its_bound_is_not_far_from_its_error(d: int, k: int, p: int) -> None:
    """Steps that are half as long again do not do."""
    rule = Rule(d, 1.5 * step(d, k, 50), 250)
    assert abs(by_rule(rule, p, k, 50) - real(rule.ctx, integral(p, k, d))) > 2.0**-50


@pytest.mark.parametrize("d", [2, 7, 1000])
def test_all_masses_add_up_to_one(d: int) -> None:
    rule = Rule(d, step(d, 0, 60), 200)
    assert abs(by_rule(rule, 0, 0, 60) - Fraction(1)) < 2.0**-60
