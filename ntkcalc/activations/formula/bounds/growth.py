"""Bounds on a formula far out: |φ(x + iy)| for all x ≥ R and |y| ≤ b, and which formula it is there.

A bound implies that φ is analytic there.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

from flint import arb

from ntkcalc.activations.formula.bounds.asymptotic_forms import UnboundedError, regions
from ntkcalc.activations.formula.bounds.branches import first_branch, sign_of_range, taken
from ntkcalc.activations.formula.bounds.ranges import Range
from ntkcalc.activations.formula.expressions.balls import log2_upper, working_precision
from ntkcalc.activations.formula.expressions.trees import Tree

_PRECISION = 64
_STEEPEST = 1e300  # of exponents that no float holds


@dataclass(frozen=True)
class Growth:
    """A bound m x^p e^{g x^s} for x ≥ `start`: log2 m, p, g and s."""

    start: float
    log_size: float
    power: float
    rate: float
    order: float

    def log_value(self, x: float) -> float:
        """Return log2 of the bound at x."""
        if self.log_size == -math.inf:
            return -math.inf
        try:
            steep = self.rate * x**self.order if self.rate else 0.0
        except OverflowError:
            steep = math.copysign(_STEEPEST, self.rate)
        return self.log_size + self.power * math.log2(x) + steep / math.log(2)

    @property
    def falls(self) -> bool:
        """Whether the bound does not rise from its start on."""
        if self.power <= 0 or self.rate >= 0:
            return self.power <= 0 and self.rate <= 0
        return math.log2(self.power) <= math.log2(-self.rate * self.order) + self.order * math.log2(self.start)

    def log_tail(self, x: float, weight: float, times: int = 1) -> float:
        """Return log2 of a bound on ∫_x^∞ of bound^times · e^{−weight v²} dv, ∞ where that is not proven.

        The logarithm of the integrand has a slope below −κx with κ = 2·weight − times·(p/v² + g s v^{s−2}), which
        does not fall for v ≥ x while s ≤ 2; the integral is then at most (value at x)/(κx).
        """
        if self.log_size == -math.inf:
            return -math.inf
        if self.rate > 0 and self.order > 2:
            return math.inf
        steep = self.rate * self.order * x ** (self.order - 2) if self.rate > 0 else 0.0
        kappa = 2 * weight - times * (max(self.power, 0) / x**2 + steep)
        if kappa <= 1e-3:
            return math.inf
        return times * self.log_value(x) - weight * x * x / math.log(2) - math.log2(kappa * x) + 1e-6


def growth(tree: Tree, start: float, height: float, sign: int) -> Growth | None:
    """Return a bound on |φ(sign · x + iy)| for x ≥ start, |y| ≤ height, None where none is proven."""
    with working_precision(_PRECISION):
        for region in regions(tree, start, height):
            with suppress(UnboundedError):
                size, power, rate, order = region.bound(region.form(tree, region.line(sign)))
                if size.is_finite() and rate.is_finite():
                    steep = float(rate.upper())
                    return Growth(start, log2_upper(size), float(power), steep + abs(steep) * 1e-12, float(order))
    return None


def far_formula(tree: Tree, start: float, sign: int) -> Tree | None:
    """Return the plain formula that a tree with branches is for all sign · x ≥ start, None where that is not proven."""
    with working_precision(_PRECISION):
        end = Range(low=arb(start))
        while (found := first_branch(tree)) is not None:
            node, choice = found
            sides = ((region, region.line(sign)) for region in regions(choice.decider, start, 0.0))
            directions = (region.direction_of(choice, line) for region, line in sides)
            direction = next(filter(None, directions), 0)
            direction = direction or sign_of_range(choice.decider, end if sign > 0 else -end, arb(sign * start))
            if not direction:
                return None
            tree = taken(tree, node, choice.above if direction > 0 else choice.below)
    return tree
