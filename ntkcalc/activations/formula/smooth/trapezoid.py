r"""The trapezoidal rule with an error that is bounded before anything is summed.

For f analytic in |Im z| < b with ∫|f(x + iy)| dx ≤ M there, the rule with step h errs by at most 2M/(e^{2πb/h} − 1).
For f = φ h_k ω, h_k the normalised Hermite polynomials and ω the normal density, Cauchy and Schwarz give

.. math::  M ≤ e^{b²/2} \sqrt{N(b) L_k(−b²)} ≤ e^{b²/2 + b\sqrt k} \sqrt{N(b)},

for E|h_k(Z + iy)|² = L_k(−y²) ≤ e^{2y√k}; for f = φ² ω, M ≤ e^{b²/2} N(b). Nodes beyond X are left out: there
|h_k(x)| ≤ 1.0866 e^{x²/4} (Cramér), and φ has the bound of its tree. Everything is summed in balls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flint import arb

from ntkcalc.activations.formula.bounds.growth import Growth
from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, refined, widened, working_precision
from ntkcalc.activations.formula.expressions.programs import Program
from ntkcalc.activations.formula.smooth.hermite_sums import HALF_WIDTH, Block, Nodes, hermite_sums, sums_work
from ntkcalc.activations.formula.smooth.strip import Analytic
from ntkcalc.errors import AccuracyError

_LN2 = math.log(2)
_FEW = 32  # degrees
_ROUGH = 64  # bits of values whose size is looked at
_BLOCK = 48  # nodes that share a precision
_MOST_NODES = 1 << 22
_NO_VALUE = "a formula has no value at a node of the quadrature, or rounding leaves no digits of it"
AVOIDING = 2.0**-3 + 2.0**-20 + 2.0**-45
"""An offset of nodes, in steps, by which they miss the places that people write into formulas."""


@dataclass(frozen=True)
class Rule:
    """Nodes n·step for |n| ≤ count, with log2 of a bound on the error of the sum times step."""

    step: float
    count: int
    log_error: float


def trapezoidal(
    bounds: list[tuple[float, float]], far: tuple[Growth, Growth], need: float, weight: float, times: int
) -> Rule:
    """Return the rule with the fewest nodes whose error is below 2**-need.

    Parameters
    ----------
    bounds
        Pairs of b and log2 M.
    far
        Bounds on |φ(±x)| far out.
    need
        −log2 of the error.
    weight, times
        The integrand is at most φ^times e^{−weight x²} far out.
    """
    steps = (2 * math.pi * b / (_LN2 * max(need + log_m + 3, 1.0)) for b, log_m in bounds)
    mantissa, exponent = math.frexp(max(steps))
    step = math.ldexp(math.floor(mantissa * 64), exponent - 6)
    reach = max(g.start for g in far)
    reach = max(reach, math.sqrt(max(need, 1.0) * _LN2 / weight))
    while max(_left_out(g, reach, step, weight, times) for g in far) > -need - 3:
        reach *= 1.02
        if reach > 1e6:
            raise AccuracyError("a formula grows too fast for quadrature")
    if reach > _MOST_NODES * step:
        raise AccuracyError(
            f"quadrature would take {reach / step:.2g} nodes: phi varies too fast; lower the variances, if any"
        )
    return Rule(step, math.floor(reach / step) + 1, -need)


def _left_out(far: Growth, x: float, step: float, weight: float, times: int) -> float:
    """Return log2 of a bound on the sum beyond x: the integral and one term."""
    tail = far.log_tail(x, weight, times)
    if tail in (math.inf, -math.inf):
        return tail
    term = times * far.log_value(x) - weight * x * x / _LN2 + math.log2(step)
    return max(tail, term) + 1


class Line:
    """Sums over the real line of one φ."""

    def __init__(self, phi: Analytic) -> None:
        self.phi = phi
        self._squares: dict[int, tuple[float, Ball]] = {}

    def hermite_rule(self, degree: int, need: float) -> Rule:
        """Return the rule for µ_0 … µ_degree."""
        bounds = [(b, n / 2 + (b * b / 2 + b * math.sqrt(degree)) / _LN2) for b, n in self.phi.value_bounds]
        assert self.phi.far is not None
        return trapezoidal(bounds, self.phi.far, need, 0.25, 1)

    def hermite_work(self, degree: int, need: float) -> float:
        """Return about the seconds that `hermite` takes."""
        rule = self.hermite_rule(degree, need + 1)
        kinds = self.phi.polynomial_parts.count(None)
        return sums_work(rule.count, rule.count * rule.step, degree, need, kinds)

    def hermite(self, degree: int, need: float) -> list[Ball]:
        """Return balls of µ_0 … µ_degree with radii below 2**-need, zeros where a part of φ is a polynomial."""
        found = [arb(0)] * (degree + 1)
        lasts = [degree if last is None else min(last, degree) for last in self.phi.polynomial_parts]
        together = degree <= _FEW  # values of φ take longer than sums of few terms
        for last in {*([max(lasts)] if together else lasts)} - {-1}:
            kinds = [i for i in (0, 1) if lasts[i] >= 0 and (together or lasts[i] == last)]
            for k, value in enumerate(self._hermite(last, need, kinds)):
                if k % 2 in kinds and k <= lasts[k % 2]:
                    found[k] = value
        return found

    def _hermite(self, degree: int, need: float, kinds: Sequence[int]) -> list[Ball]:
        """Return µ_k for even or odd k ≤ degree, or both."""
        rule = self.hermite_rule(degree, need + 1)

        def sums(guard: float) -> list[Ball]:
            found = hermite_sums(self.blocks(rule, kinds), degree, need + guard)
            with working_precision(math.ceil(need + guard) + 16):
                rest = widened(arb(0), rule.log_error)
                return [m + rest for m in found]

        return refined(sums, need, 1.0, _NO_VALUE)

    def blocks(self, rule: Rule, kinds: Sequence[int]) -> Iterator[Block]:
        """Yield the nodes n·step ≥ 0, with coefficients of the nodes at −n·step too."""
        half = max(1, math.floor(HALF_WIDTH / rule.step))

        def block(first: int) -> Block:
            def nodes() -> Nodes:
                columns = self._columns(rule, range(first, first + 2 * half + 1), kinds)
                zero = [arb(0)]
                sides = {i: (c[half:], zero + c[:half][::-1]) for i, c in columns.items()}
                return [m * arb(rule.step) for m in range(half + 1)], sides

            ends = first * rule.step, (first + 2 * half) * rule.step
            size = max(_log_value(self.evaluator, sign * x) for x in ends for sign in (1, -1))
            return Block(arb((first + half) * rule.step), half * rule.step, ends[0], nodes, size)

        yield from map(block, range(0, rule.count + 1, 2 * half + 1))

    def _columns(self, rule: Rule, nodes: range, kinds: Sequence[int]) -> dict[int | None, list[Ball]]:
        """Return step ω(x) (φ(x) ± φ(−x)) for even k, for odd k."""
        run, parity, even, odd = self.evaluator(), self.phi.parity, [], []
        step = arb(rule.step)
        scale = step / (2 * arb.pi()).sqrt()
        for n in nodes:
            x = n * step
            weight = scale * (-x * x / 2).exp()
            right = run(x)[0]
            left = (parity * right if parity else run(-x)[0]) if n else arb(0)
            even.append(weight * (right + left))
            odd.append(weight * (right - left))
        return {kind: (even, odd)[kind] for kind in kinds}

    def evaluator(self) -> Program:
        """Return x ↦ [φ(x)] in the present precision."""
        return self.phi.evaluator()

    def square(self, order: int, need: float) -> Ball:
        """Return a ball of E[φ²], or of E[φ'²] for the order 1, with a radius below 2**-need; kept."""
        known = self._squares.get(order)
        if known is None or known[0] < need:
            need = 64 * math.ceil((need + 32) / 64)
            known = self._squares[order] = need, self._mean_square(need, order)
        return known[1]

    def _mean_square(self, need: float, order: int) -> Ball:
        """Return the same, computed."""
        phi = self.phi
        far, sizes = (phi.far_slope, phi.slope_bounds) if order else (phi.far, phi.value_bounds)
        if far is None or not sizes:
            raise AccuracyError("no bounds on a formula far from 0 are proven: does it hardly change?")
        rule = trapezoidal([(b, n + b * b / (2 * _LN2)) for b, n in sizes], far, need + 2, 0.5, 2)
        return self._square(rule, phi.slope_evaluator if order else phi.evaluator, need)

    def _square(self, rule: Rule, evaluator: Callable[[], Program], need: float) -> Ball:
        """Return Σ step f(x)² ω(x) with the rule's error, of a parity from the nodes x ≥ 0.

        Where there are removable singularities, the nodes are moved off them.
        """
        offset = AVOIDING if self.phi.divides_zeros else 0.0
        mirrored, last = self.phi.parity != 0 and not offset, rule.count

        def sums(guard: float) -> list[Ball]:
            bits, total, most = math.ceil(need + guard), arb(0), 0.0
            for first in range(0 if mirrored else -last - 1, last + 1, _BLOCK):
                block = range(first, min(first + _BLOCK, last + 1))
                nearest = rule.step * (0 if 0 in block else max(0, min(abs(block[0]), abs(block[-1])) - 1))
                ends = [(n + offset) * rule.step for n in (block[0], block[-1])]
                size = 2 * max(_log_value(evaluator, x) for x in ends) - nearest**2 / (2 * _LN2)
                most = max(most, size)
                with working_precision(max(32, math.ceil(bits + size))):
                    part = _part((rule.step, offset), block, evaluator(), mirrored)
                with working_precision(math.ceil(bits + most)):
                    total += part
            with working_precision(math.ceil(bits + most)):
                return [widened(total, rule.log_error)]

        return refined(sums, need, 24 + math.log2(last), _NO_VALUE)[0]


def _log_value(evaluator: Callable[[], Program], x: float) -> float:
    """Return about log2 |f(x)| where that is positive, else 0: the bits that a value takes."""
    with working_precision(_ROUGH):
        size = log2_upper(evaluator()(arb(x))[0])
    return max(size, 0.0) if size < math.inf else 0.0


def _part(grid: tuple[float, float], block: range, run: Program, mirrored: bool) -> Ball:
    """Return Σ step f(x)² ω(x) over some nodes x = (n + offset)·step, and their mirror images."""
    part, size, offset = arb(0), arb(grid[0]), arb(grid[1])
    for n in block:
        x = (n + offset) * size
        value = run(x)[0]
        term = (-x * x / 2).exp() * value * value
        part += 2 * term if mirrored and n else term
    return part * (size / (2 * arb.pi()).sqrt())
