r"""Eigenvalues on S^d by quadrature of the kernel itself (Funk–Hecke), for kernels whose series is too slow.

With t = tanh u,

.. math::  λ_k = C_d \int_{-∞}^∞ Θ(t) P_k(t) \cosh^{−d} u \, du, \qquad
           C_d = \frac{Γ(\frac{d+1}2)}{\sqrt π\, Γ(\frac d2)} .

Lines Im u = ±b, b ≤ π/4, are arcs of circles from t = −1 to 1 in the unit disc, where |Θ(t)| ≤ Θ(1), for coefficients
are nonnegative. They lie in the ellipse with foci ±1 and sum of axes 2ρ, ρ = tan b + 1/cos b, where |P_k(t)| ≤ ρ^k;
and |cosh u| ≥ cos b cosh Re u. So, whatever singularity is at ±1, the trapezoidal rule of step h has an error of

.. math::  \frac{2 Θ(1) ρ^k \cos^{−d} b}{e^{2πb/h} − 1}

at most. Beyond a node T, Θ(±1) may stand for Θ(t): that adds at most 2(Θ(1) − Θ(T)) times the mass there.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, cos, log, pi, tan
from typing import Any

import gmpy2

from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.recursion import theta, theta_between
from ntkcalc.numerics.precision import Real, context, from_mpfr, log2, mpfr_context, to_mpfr
from ntkcalc.numerics.types import Observer, stage
from ntkcalc.numerics.work import paced

_MOST_NODES = 1_000_000
_FIRST_LOST = 64  # bits, for lower bounds from a short series may be far too low
_ANGLES = [i * pi / 256 for i in range(1, 65)]  # b that are worth a try


def funk_hecke(
    kernel: Kernel, d: int, below: Mapping[int, Real], bits: int, observer: Observer | None = None
) -> dict[int, Real]:
    """Return those λ_k (uniform measure on S^d) of which `below` has positive lower bounds, rounded to `bits` bits.

    They are known to four bits more, so that short binary fractions, such as relu's λ_0 = 3/4, are exact. The observer
    is told (nodes done, nodes in all).
    """
    total, degrees = kernel.total(64), sorted(below)
    most = max(0, ceil(log2(total) - min(log2(b) for b in below.values())))
    for lost in sorted({min(most, _FIRST_LOST << i) for i in range(most.bit_length())} | {most}):
        found = _by_trapezoids(kernel, d, degrees, bits + lost + 4, observer)
        if min(found) >= total.context.ldexp(total, -lost):  # of which so many bits are right
            with mpfr_context(bits):
                return {k: from_mpfr(context(bits), +to_mpfr(x)) for k, x in zip(degrees, found, strict=True)}
    raise AccuracyError(f"an eigenvalue on S^{d} is below the bound from the series; lower --digits")


def step(d: int, k: int, work: int) -> float:
    """Return an h for which the error of the rule is below 2**-work Θ(1), for λ_0 … λ_k."""

    def inverse(b: float) -> float:
        return ((work + 2) * log(2) + k * log(tan(b) + 1 / cos(b)) - d * log(cos(b))) / (2 * pi * b)

    return (1 - 1e-9) / min(map(inverse, _ANGLES))


def _by_trapezoids(kernel: Kernel, d: int, degrees: Sequence[int], work: int, observer: Observer | None) -> list[Real]:
    """Return λ_k for the given k, errors below 2**-work Θ(1)."""
    h = step(d, degrees[-1], work + 2)
    last = ceil((work + 4 + d) * log(2) / (d * h))  # the mass beyond it is below 2**-(work + 4), for C_d < d
    if 2 * last > _MOST_NODES:
        raise AccuracyError(
            f"so many digits at frequency {degrees[-1]} on S^{d} take {2 * last:,} nodes of quadrature; "
            "lower --digits or --max-frequency"
        )
    rule = Rule(d, h, work + (last * d * (degrees[-1] + 1)).bit_length() + 24)
    count = rule.nodes_needed(kernel, degrees[-1], last, work)
    rows = [*_integrands(kernel, rule, count, work, stage(observer, f"quadrature with {2 * count + 1} nodes"))]
    with mpfr_context(rule.ctx.prec):
        numbers = [(to_mpfr(t), to_mpfr(even), to_mpfr(odd)) for t, even, odd in rows]
        sums = _against_gegenbauer(numbers, d, degrees, stage(observer, "frequencies"))
        return [from_mpfr(rule.ctx, s) for s in sums]


class Rule:
    """The nodes u = ±nh; all their masses add up to 1, as well as the rule is."""

    def __init__(self, d: int, h: float, bits: int) -> None:
        self.d, self.h, self.ctx = d, h, context(bits)
        half = self.ctx.mpf(1) / 2
        self.scale = self.ctx.gammaprod([(d + 1) * half], [half, d * half]) * h

    def node(self, n: int) -> tuple[Real, Real, Real]:
        """Return 1 − t, 1 + t and the mass of the nodes ±t, each; 0 counts as two."""
        growth = self.ctx.exp(2 * n * self.ctx.mpf(self.h))
        below_one, above = 2 / (growth + 1), 2 * growth / (growth + 1)
        mass = self.scale * self.ctx.sqrt(below_one * above) ** self.d
        return below_one, above, mass if n else mass / 2

    def nodes_needed(self, kernel: Kernel, highest: int, last: int, work: int) -> int:
        """Return the least n ≤ last beyond which Θ(±1) P_k(±1) is as good as Θ(t) P_k(t).

        What is beyond a node has at most its own mass over d h t, for cosh(u + x) ≥ e^{tx} cosh u; and there Θ is
        above Θ(t), and 1 − P_k below (1 − t) k (k + d − 1)/d.
        """
        total, steepest = kernel.total(work), self.ctx.mpf(highest * (highest + self.d - 1)) / self.d

        def suffices(n: int) -> bool:
            below_one, above, mass = self.node(n)
            bits = 8 + ceil(-log2(below_one))
            off = total - theta_between(kernel, below_one, above, bits)
            off += total * (steepest * below_one + self.ctx.ldexp(1, 1 - bits))
            return bool(mass * off < self.ctx.ldexp(total * self.d * self.h * (1 - below_one), -work - 4))

        return bisect_left(range(1, last), True, key=suffices) + 1


def _integrands(
    kernel: Kernel, rule: Rule, count: int, work: int, observer: Observer | None
) -> Iterator[tuple[Real, Real, Real]]:
    """Yield nodes t ≥ 0 with Θ(t) + Θ(−t) and Θ(t) − Θ(−t) times their mass; the last is 1, with all mass beyond.

    Those next to 1 come first, for they take the longest series.
    """
    spare, rest = count.bit_length() + 4, rule.ctx.one
    for done, n in enumerate(paced(range(count, -1, -1))):
        below_one, above, mass = rule.node(n)
        bits = max(32, ceil(work + spare + log2(mass)))
        right, left = (theta_between(kernel, *gaps, bits) for gaps in ((below_one, above), (above, below_one)))
        yield 1 - below_one, mass * (right + left), mass * (right - left)
        rest -= 2 * mass
        if observer is not None:
            observer(done + 1, count + 1)
    right, left = kernel.total(work + 8), theta(kernel, Fraction(-1), work + 8)
    yield rule.ctx.one, rest / 2 * (right + left), rest / 2 * (right - left)


def _against_gegenbauer(
    rows: Sequence[tuple[Any, Any, Any]], d: int, degrees: Sequence[int], observer: Observer | None
) -> list[Any]:
    """Return the sums of P_k(t) times the even or odd part for each k: (k+d−1) P_{k+1} = (2k+d−1) t P_k − k P_{k−1}."""
    before, here = [gmpy2.mpfr(0)] * len(rows), [gmpy2.mpfr(1)] * len(rows)
    sums = []
    for k in range(degrees[-1] + 1):
        if k in degrees:
            sums.append(sum(row[1 + k % 2] * p for row, p in zip(rows, here, strict=True)))
        rise, total = 2 * k + d - 1, k + d - 1
        before, here = here, [(rise * t * p - k * q) / total for (t, *_), p, q in zip(rows, here, before, strict=True)]
        if observer is not None:
            observer(k, degrees[-1])
    return sums
