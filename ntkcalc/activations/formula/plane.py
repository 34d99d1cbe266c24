r"""D(t) and D'(t) as integrals over the plane, where the Hermite series is long.

This is for a φ with kinks on both sides of which it has a Taylor series. With independent normal S and W and
:math:`a² = (1 + |t|)/2`, :math:`b² = (1 − |t|)/2`,

.. math::  U = aS + bW, \qquad V = ±(aS − bW)

are normal with correlation ±|t|. For every w, the inner integral over s is cut where U or V meets a kink; the outer one
over w where two of these places pass each other. Between the cuts all is smooth, up to t = ±1, and Gauss–Legendre rules
converge geometrically; rules of two sizes must agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import gmpy2
from gmpy2 import mpfr

from ntkcalc.activations.dual import Correlation
from ntkcalc.activations.formula.integrand import Integrand, size_and_reach
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Real, context, from_mpfr, mpfr_context, mpfr_log2, to_mpfr
from ntkcalc.numerics.quadrature_rules import gauss_legendre

_MOST_POINTS = 400_000
_SHORTEST = 0.1  # length within which φ may vary
_SPARE = 16  # bits that two rules need not agree to: the finer one has more


def correlated_means(
    integrand: Integrand, kinks: list[Any], t: Correlation, sizes: tuple[float, float], bits: int
) -> tuple[Real, Real]:
    """Return D(t) and D'(t).

    Parameters
    ----------
    integrand
        φ.
    kinks
        Its kinks, as reals.
    t
        The correlation, not ±1.
    sizes
        log2 of D(1) and D'(1), nearly.
    bits
        −log2 of the absolute errors, in units of D(1) and D'(1).

    Raises
    ------
    AccuracyError
        Where the rules do not come to agree within bounds.
    """
    scale, reach = size_and_reach(integrand, bits // 2 + 8)  # where φ² w falls below 2**-bits
    lengths = integrand.cells(reach, bits, scale).narrow.length
    ctx, wide = context(bits + 48), t.context(bits + 48)
    with mpfr_context(ctx.prec):
        size, delta = t.size.at(wide)
        plane = _Plane(
            integrand.phi(ctx.prec),
            gmpy2.sqrt(to_mpfr((1 + size) / 2)),
            gmpy2.sqrt(to_mpfr(delta / 2)),
            t.sign,
            [to_mpfr(x) for x in kinks],
            reach,
            float(lengths.min()) if lengths.size else math.inf,
            bits,
        )
        fineness, points, found = 0.8, 0, None
        while 2 * points <= _MOST_POINTS and plane.length > _SHORTEST:
            before, (points, found) = found, plane.sums(fineness)
            if before and _agreement(before, found, sizes) >= bits - _SPARE:
                return from_mpfr(ctx, found[0]), from_mpfr(ctx, found[1])
            fineness *= 1.4
    raise AccuracyError(
        f"{integrand.text}: its kernel at correlation {float(t.sign * size):.6g} is an integral that takes more "
        f"than {_MOST_POINTS} points; lower --digits, or keep away from 1 and -1"
    )


def _agreement(a: list[Any], b: list[Any], sizes: tuple[float, float]) -> float:
    """Return to how many bits of their sizes two pairs agree."""
    apart = [abs(x - y) for x, y in zip(a, b, strict=True)]
    return min(size - mpfr_log2(d) for size, d in zip(sizes, apart, strict=True))


@dataclass(frozen=True)
class _Plane:
    """The integrals, cut up.

    Parameters
    ----------
    run
        x ↦ [φ(x), φ'(x)].
    a, b
        √((1 + |t|)/2) and √((1 − |t|)/2).
    sign
        That of t.
    kinks
        Those of φ.
    reach
        An x beyond which φ² w is too small to count.
    length
        That within which φ varies.
    bits
        Bits asked for.
    """

    run: Callable[[Any], list[Any]]
    a: Any
    b: Any
    sign: int
    kinks: list[Any]
    reach: float
    length: float
    bits: int

    def sums(self, fineness: float) -> tuple[int, list[Any]]:
        """Return how many points a rule has, and the two integrals by it."""
        value = slope = mpfr(0)
        points = 0
        for w, outer in self._nodes(self._outer_cuts(), fineness):
            inner_value = inner_slope = mpfr(0)
            for s, inner in self._nodes(self._inner_cuts(w), fineness):
                u, v = self.a * s + self.b * w, self.sign * (self.a * s - self.b * w)
                (f, rise), (g, climb) = self.run(u), self.run(v)
                weight = inner * gmpy2.exp(-s * s / 2)
                inner_value += weight * f * g
                inner_slope += weight * rise * climb
                points += 1
            weight = outer * gmpy2.exp(-w * w / 2)
            value += weight * inner_value
            slope += weight * inner_slope
        norm = 1 / (gmpy2.const_pi() * (1 if self.sign > 0 else 2))
        return points, [value * norm, slope * norm]

    def _outer_cuts(self) -> list[Any]:
        """Return the w where places of kinks on the inner line pass each other; w ≥ 0 do where U and V change roles."""
        passes = [(x - self.sign * y) / (2 * self.b) for x in self.kinks for y in self.kinks]
        return self._cuts([mpfr(0), *passes], mpfr(0) if self.sign > 0 else -self._end)

    def _inner_cuts(self, w: Any) -> list[Any]:
        """Return the s at which U or V is at a kink."""
        shift = self.b * w
        there = [place for x in self.kinks for place in ((x - shift) / self.a, (self.sign * x + shift) / self.a)]
        return self._cuts(there, -self._end)

    @property
    def _end(self) -> Any:
        return self.reach / self.a

    def _cuts(self, places: list[Any], low: Any) -> list[Any]:
        found = [low]
        for place in sorted([*(p for p in places if low < p < self._end), self._end]):
            if place - found[-1] > gmpy2.exp2(-self.bits - 24):
                found.append(place)
        return found

    def _nodes(self, cuts: list[Any], fineness: float) -> Iterator[tuple[Any, Any]]:
        """Yield nodes and weights of a line that is cut."""
        precision = gmpy2.get_context().precision
        for low, high in pairwise(cuts):
            middle, half = (low + high) / 2, (high - low) / 2
            long = float(high - low)
            least = max(8 + self.bits // 8 + 2 * long, math.pi / 2 * long / self.length)
            count = 4 * math.ceil(fineness * least / 4)
            for x, weight in gauss_legendre(count, precision):
                yield middle + half * x, half * weight
