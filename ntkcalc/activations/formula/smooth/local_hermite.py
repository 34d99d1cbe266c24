r"""Expansions about a near 1 from local Hermite coefficients on one grid.

.. math::  d_j = E[m_j(X)²], \qquad m_j(x) = E_Z[φ(\sqrt a x + \sqrt δ Z) h_j(Z)], \qquad δ = 1 − a.

Both means are trapezoidal rules. With heights y, y' of strips such that √δ y + √a y' ≤ b, N = N(b) bounds their errors,
for √a X + √δ Z is again N(0, 1):

* the outer rule Q has M = e^{y'²/2} N for m_j²;
* the inner one errs by e(x) with √Q[e²] ≤ 2 e^{y²/2} √(2N L_j(−y²))/(e^{2πy/h} − 1), since Q of
  E_Z|φ(√a x + √δ(Z + iy))|² is at most 2N; √Q[m_j²] moves by no more than that (Minkowski).

Nodes left out: |φ|² ≤ P e^{κx²} bounds m_j(x)² by P (1 − 2κδ)^{−1/2} e^{κ'x²}, κ' = κa/(1 − 2κδ); and
E_X[φ(√a X + s)²] is at most e^{s²/2δ} E[φ²]/√a for any s, against
|h_j(z)|² ≤ r^{−j} (1 − r²)^{−1/2} e^{z² r/(1+r)} (Mehler).

The inner step times √δ is the grid g, and √a times the outer step a multiple of it: φ is evaluated on one grid, and

.. math::  m_j(x_i) = \sum_m φ((i·stride + m) g) H_{mj}, \qquad H_{mj} = h h_j(z_m) ω(z_m),

is a convolution, FLINT's product of polynomials, or where the outer nodes are far apart a product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from flint import arb, arb_mat, arb_poly

from ntkcalc.activations.dual import ExpansionPoint
from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, power_of_two, to_ball, working_precision
from ntkcalc.activations.formula.smooth.trapezoid import Line
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import context, log2
from ntkcalc.numerics.work import announce

_LN2 = math.log(2)
_PRODUCT, _CALL = 8e-8, 8e-6  # seconds of one multiplication in a matrix product, of one value of φ
_CONVOLVED = 2e-6  # seconds of one coefficient of the factors of a product of polynomials
_LEAST = 1e-280  # a and δ that floats can plan for
_ROWS = 32  # outer nodes that share a precision, if their inner nodes are not more
_SHARES = (1 / 16, 1 / 4, 1 / 2)  # of the strip for the inner rule
_MEHLER = (0.5, 1 / 3, 0.2, 0.1, 0.05, 0.02, 0.005, 0.001)


@dataclass(frozen=True)
class _Plan:
    """Steps and counts of both rules."""

    step: float  # the inner step h, exact
    inner: int  # inner nodes are m·h, |m| ≤ inner
    stride: int
    outer: int  # outer nodes are i·stride·√δ h/√a, |i| ≤ outer
    log_error: float  # log2 of a bound on the outer rule's error, without what it leaves out

    def evaluations(self) -> float:
        """Return how many values of φ the rules take."""
        return (2 * self.outer + 1) * min(self.stride, 2 * self.inner + 1) + 2.0 * self.inner

    def seconds(self) -> tuple[float, float]:
        """Return about the seconds that products of polynomials, and of matrices, take for one m_j."""
        convolved = (1 + 2 * self.inner / (self.rows * self.stride)) * self.stride * _CONVOLVED
        return (2 * self.outer + 1) * convolved, (2 * self.outer + 1) * (2 * self.inner + 1) * _PRODUCT

    @property
    def rows(self) -> int:
        """Outer nodes of one product."""
        return max(_ROWS, 4 * self.inner // self.stride)


class LocalHermite:
    """d_0 … d_degree about the point a.

    Parameters
    ----------
    need
        −log2 of the outer rule's error, of what it leaves out, and of the error of √d_j that the inner rule makes.
    """

    def __init__(self, line: Line, point: ExpansionPoint, degree: int, need: float) -> None:
        self.line, self.point, self.degree, self.parity = line, point, degree, line.phi.parity
        self.need = need
        a, delta = point.at(context(64))
        self.a, self.delta = float(a), float(delta)
        self._log_delta = log2(delta)

    @cached_property
    def plan(self) -> _Plan | None:
        """The cheapest rules, None where there are none."""
        if min(self.a, self.delta) < _LEAST:
            return None
        plans = (self._plan(b, max(n, 0.0), share) for b, n in self.line.phi.phi.bounds for share in _SHARES)
        return min((plan for plan in plans if plan is not None), key=self._seconds, default=None)

    def work(self) -> float:
        """Return about the seconds that the rules take."""
        return self._seconds(self.plan) if self.plan is not None else math.inf

    def _seconds(self, plan: _Plan) -> float:
        half = 0.5 if self.parity else 1.0
        products = min(plan.seconds()) * (self.degree + 1)
        long = 1 + self.need / 1000
        return half * long * (products + plan.evaluations() * _CALL + plan.outer * self.degree * 2e-6)

    def _plan(self, height: float, log_n: float, share: float) -> _Plan | None:
        """Return rules for a strip of this height, a share of it for the inner one."""
        outer_reach, inner_reach = self._outer_reach, self._inner_reach
        if outer_reach is None:
            return None
        root, scale = 2.0 ** (self._log_delta / 2), math.sqrt(self.a)
        target = max(self.need + 6 + log_n / 2, 1.0) * _LN2
        y = min(share * height / root, math.sqrt(2 * target))
        across = min((height - root * y) / scale, math.sqrt(2 * max(self.need, 0.0) * _LN2) + 1)
        inner_step = 2 * math.pi * y / (target + y * y / 2 + y * math.sqrt(self.degree))
        outer_step = 2 * math.pi * across / ((max(self.need + log_n, 8.0) + 6) * _LN2 + across**2 / 2)
        mantissa, exponent = math.frexp(min(inner_step, outer_step * scale / root))
        step = math.ldexp(math.floor(mantissa * 64), exponent - 6)
        stride = max(1, math.floor(outer_step * scale / (root * step) * (1 - 1e-9)))
        outer_step = stride * root * step / scale
        log_error = log_n + 2 + (across**2 / 2 - 2 * math.pi * across / outer_step * (1 - 1e-12)) / _LN2
        counts = math.ceil(inner_reach / step), stride, math.ceil(outer_reach / outer_step) + 1
        return _Plan(step, *counts, log_error)

    @cached_property
    def _outer_reach(self) -> float | None:
        """An X beyond which the outer nodes add less than 2**-(need + 3)."""
        kappa, log_peak = self.line.phi.phi.peaks()[self.line.phi.phi.bounds[-1][0]]
        shrink = 1 - 2 * kappa * self.delta
        fall = 0.5 - kappa * self.a / shrink  # of ω m_j² ≤ P shrink^{−1/2} e^{−fall x²}
        if log_peak == math.inf or fall <= 0:
            return None
        # Σ ≤ ∫ + one term ≤ (1/(2 fall X) + 1) e^{−fall X²} on each side
        excess = max(log_peak, 0.0) - math.log2(shrink) / 2 + 8 + self.need - math.log2(min(fall, 1.0))
        return max(1.0, math.sqrt(max(excess, 1.0) * _LN2 / fall))

    @cached_property
    def _inner_reach(self) -> float:
        """A z beyond which inner sums of 2^log_size |h_j| e^{−z²/4} add less than 2**-(need + 4) to √d_j."""
        log_size = (max(log2_upper(self.line.square(0, 32.0)), 0.0) - math.log2(self.a)) / 2
        reaches = []
        for r in _MEHLER:
            rest = 0.25 - r / (2 * (1 + r))
            start = self.degree / 2 * math.log(1 / r) - math.log(1 - r * r) / 4
            total = start + (log_size + self.need + 8) * _LN2 - math.log(rest)
            reaches.append(max(1.0, math.sqrt(max(total, 1.0) / rest)))
        return min(reaches)

    # ---------------------------------------------------------------- sums

    def coefficients(self) -> list[Ball]:
        """Return balls of d_0 … d_degree."""
        return self._sums()[0]

    def values(self) -> dict[int, tuple[Ball, Ball]]:
        """Return balls of D and D' at a and −a, by the sign."""
        sides = zip((1, -1), self._sums(), strict=True)
        with working_precision(self._bits + 64):
            return {sign: (found[0], found[1] / self._ball(1)) for sign, found in sides}

    @property
    def _bits(self) -> int:
        """The precision of m_j."""
        return math.ceil(self.need + 0.45 * self.degree) + 48

    def _ball(self, which: int) -> Ball:
        """Return a or δ."""
        return to_ball(self.point.at(context(self._bits + 96 + math.ceil(-self._log_delta)))[which])

    def _sums(self) -> tuple[list[Ball], list[Ball]]:
        """Return Q[m_j(X)²] and Q[m_j(X) m_j(−X)] with all errors."""
        plan = self.plan
        if plan is None:
            raise AccuracyError("no strip is wide enough for local Hermite coefficients")
        announce(self.work())
        direct, mirrored = [arb(0)] * (self.degree + 1), [arb(0)] * (self.degree + 1)
        with working_precision(self._bits + 64):
            root = self._ball(1).sqrt()
            grid = root * arb(plan.step)
            outer_step = plan.stride * grid / self._ball(0).sqrt()
        for first in range(0, plan.outer + 1, plan.rows):
            x = float(outer_step) * first
            with working_precision(max(40, self._bits - math.floor(x * x / (4 * _LN2)))):
                rows = range(first, min(first + plan.rows, plan.outer + 1))
                parts = self._block(plan, grid, outer_step, rows)
            with working_precision(self._bits + 64):
                direct, mirrored = (
                    [t + p for t, p in zip(*pair, strict=True)] for pair in zip((direct, mirrored), parts, strict=True)
                )
        with working_precision(self._bits + 64):
            small = power_of_two(-self.need)
            inner = [2 * c.abs_upper().sqrt() * small + small * small for c in direct]
            rest = power_of_two(-self.need) + power_of_two(plan.log_error)
            direct, mirrored = (
                [c + arb(0, (e + rest).abs_upper()) for c, e in zip(row, inner, strict=True)]
                for row in (direct, mirrored)
            )
        return direct, mirrored

    def _block(self, plan: _Plan, grid: Ball, outer_step: Ball, rows: range) -> tuple[list[Ball], list[Ball]]:
        """Return what some outer nodes and their mirror images add to the sums."""
        run = self.line.evaluator()
        small = -self._bits - 64.0  # FLINT takes long to multiply numbers whose sizes lie far apart

        @cache
        def value(m: int) -> Ball:
            found = run(m * grid)[0]
            return arb(0, power_of_two(small)) if log2_upper(found) < small else found

        centres = [i * plan.stride for i in rows]
        sides = [self._means(plan, centres, value)]
        if not self.parity:
            sides.append(self._means(plan, [-c for c in centres[::-1]], value)[::-1])
        scale = outer_step / (2 * arb.pi()).sqrt()
        direct, mirrored = [arb(0)] * (self.degree + 1), [arb(0)] * (self.degree + 1)
        for n, i in enumerate(rows):
            x = i * outer_step
            weight = scale * (-x * x / 2).exp() * (1 if i else arb("0.5"))
            right = sides[0][n]
            for j in range(self.degree + 1):
                left = sides[1][n][j] if not self.parity else right[j] * self.parity * (-1) ** j
                direct[j] += weight * (right[j] * right[j] + left * left)
                mirrored[j] += 2 * weight * right[j] * left
        return direct, mirrored

    def _means(self, plan: _Plan, centres: list[int], value: Callable[[int], Ball]) -> list[list[Ball]]:
        """Return m_0 … m_degree about some centres, in grid steps and ascending."""
        convolved, multiplied = plan.seconds()
        if multiplied <= convolved:
            entries = [[value(m) for m in range(c - plan.inner, c + plan.inner + 1)] for c in centres]
            return (arb_mat(entries) * self._matrix).table()
        first, last = centres[0] - plan.inner, centres[-1] + plan.inner
        row = arb_poly([value(m) for m in range(first, last + 1)])
        products = [row * weights for weights in self._polynomials]
        return [[product[c + plan.inner - first] for product in products] for c in centres]

    @cached_property
    def _matrix(self) -> arb_mat:
        """H, for products of matrices."""
        return arb_mat(self._weights).transpose()

    @cached_property
    def _polynomials(self) -> list[arb_poly]:
        """The columns of H from its last row on, for convolutions."""
        return [arb_poly(weights[::-1]) for weights in self._weights]

    @cached_property
    def _weights(self) -> list[list[Ball]]:
        """H, h_j(z_m) ω(z_m) h for j ≤ degree and all inner nodes, which is rounded by the products."""
        plan = self.plan
        assert plan is not None
        with working_precision(self._bits):
            return _weights(plan, self.degree)


def _weights(plan: _Plan, degree: int) -> list[list[Ball]]:
    """Return h_j(z_m) ω(z_m) h for j ≤ degree and all inner nodes."""
    step = arb(plan.step)
    scale = step / (2 * arb.pi()).sqrt()
    z = [m * step for m in range(-plan.inner, plan.inner + 1)]
    here = [scale * (-v * v / 2).exp() for v in z]
    before, columns = [arb(0)] * len(z), []
    root = arb(0)
    for j in range(degree + 1):
        columns.append(here)
        after = arb(j + 1).sqrt()
        before, here = here, [(v * h - root * b) / after for v, h, b in zip(z, here, before, strict=True)]
        root = after
    return columns
