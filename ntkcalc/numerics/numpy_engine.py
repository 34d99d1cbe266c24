"""Series in float64: direct convolution, no subtraction, so every coefficient keeps its relative accuracy."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.float_roundings import OUTERS, RUN, FloatRoundings
from ntkcalc.numerics.mpfr_series import MpfrSeries
from ntkcalc.numerics.packed_series import baby_steps, support_of_compositions, support_of_product
from ntkcalc.numerics.precision import Real, context
from ntkcalc.numerics.types import Array

# Products below this are left out, for subnormal numbers take long: all of a sum are less than 2**-53 of 1e-290.
_NOTHING = 1e-315
_LEAST = 1e-290  # below this, products of two coefficients may have underflowed unseen


class NumpyEngine(FloatRoundings):
    """Series as float64 arrays; relative errors as `rounding` says, in units of 2**-53."""

    def series(self, scalars: Sequence[Real]) -> Array:
        """Take coefficients in, each rounded once; raise an `AccuracyError` where a float is too small for one."""
        scalars = _bare(scalars)
        return _in_range(_floats(scalars), [c > 0 for c in scalars])

    def scalars(self, a: Array) -> list[Real]:
        """Give coefficients back, exactly as they are."""
        convert = context(53).mpf
        return [convert(c) for c in a.tolist()]

    def scale(self, factor: Real, a: Array) -> Array:
        """Return factor · a."""
        with np.errstate(over="ignore", invalid="ignore"):
            return _in_range(float(factor) * a, (a > 0).tolist())

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b."""
        return a + b

    def without_constant(self, a: Array) -> Array:
        """Return a − a(0)."""
        return np.concatenate([[0.0], a[1:]])

    def multiply(self, a: Array, b: Array) -> Array:
        """Return the product, truncated to the length of its factors."""
        return _in_range(_product(a, b, len(a)), support_of_product(a.tolist(), b.tolist()))

    def compose(self, outers: Sequence[Sequence[Real]], inner: Array) -> list[Array]:
        """Return r(inner(t)), truncated to the length of `inner`, for every outer series r.

        Baby steps, giant steps: the powers inner, …, inner^m are shared by all outer series;
        blocks of m terms are matrix products, blocks are joined by Horner's rule. Of inner = t^v w(t²) only every
        second coefficient is stored, and even and odd powers are summed apart where v is odd.
        """
        terms, outers = len(inner), [_bare(r) for r in outers]
        first = int(np.argmax(inner > 0))
        length = terms if first else max(map(len, outers))
        step = baby_steps(length, OUTERS, int(first > 0))
        stride = 1 if inner[first + 1 :: 2].any() else 2
        parts, rise = 2 if first % 2 and stride == 2 else 1, (first, stride)
        bare = _powers(inner[first::stride], step, -(-terms // stride), rise)
        powers, jump = _shifted(bare[:step], rise), step * first // stride
        reached = min(length, (terms - 1) // first + 1) if first else length
        composed = np.zeros((len(outers), terms))
        for row, r in zip(composed, outers, strict=True):
            outer = np.zeros(-(-reached // step) * step)
            outer[: len(r[:reached])] = _floats(r[:reached])  # what becomes 0 here is seen in what it was to give
            for part in range(parts):
                places = row[part * first % stride :: stride]
                blocks = outer.reshape(-1, step)[:, part::parts]
                places[:] = _giant_steps(blocks, powers[part::parts], bare[step], jump)[: len(places)]
        possible = support_of_compositions(outers, inner.tolist(), terms)
        return [_in_range(c, may) for c, may in zip(composed, possible, strict=True)]


def _product(a: Array, b: Array, terms: int) -> Array:
    """Return the truncated product of series of `terms` coefficients, summed in runs of `RUN` terms."""
    c = np.zeros(terms)
    first_a, first_b = (int(np.argmax(s > 0)) for s in (a, b))
    for start in range(first_a, terms - first_b, RUN):
        run, rest = a[start : start + RUN], b[first_b : terms - start]
        seen = np.flatnonzero(rest * run.max() >= _NOTHING)
        rest = rest[: seen[-1] + 1] if seen.size else rest[:1]
        c[start + first_b :][: len(rest) + RUN - 1] += np.convolve(run, rest)[: terms - start - first_b]
    return c


def _powers(series: Array, step: int, terms: int, rise: tuple[int, int]) -> Array:
    """Return the powers 0..step of a series w as rows, w^i as far as t^⌊iv/n⌋ w^i counts; `rise` is (v, n)."""
    powers = np.zeros((step + 1, terms))
    powers[0, 0], powers[1, : len(series)] = 1.0, series
    for i in range(2, step + 1):
        left = max(terms - i * rise[0] // rise[1], 1)
        powers[i, :left] = _product(powers[i // 2, :left], powers[i - i // 2, :left], left)
    return powers


def _shifted(powers: Array, rise: tuple[int, int]) -> Array:
    """Return t^⌊iv/n⌋ w^i from w^i."""
    found, terms = np.zeros_like(powers), powers.shape[1]
    for i, power in enumerate(powers):
        place = min(i * rise[0] // rise[1], terms)
        found[i, place:] = power[: terms - place]
    return found


def _giant_steps(outer: Array, powers: Array, giant: Array, jump: int) -> Array:
    """Horner's rule in t^jump · giant over blocks of `powers`; powers of t that it cannot reach are left out."""
    terms = powers.shape[1]
    blocks, total = outer @ powers, np.zeros(0)
    for g in reversed(range(len(blocks))):
        left = terms - (g + 1) * jump
        joined = blocks[g, : left + jump]
        if total.any():
            joined[-left:] += _product(giant[:left], total, left)
        total = joined
    return total


def _in_range(series: Array, possible: list[bool]) -> Array:
    """Return the series if every coefficient that is not an exact zero is well within range."""
    bad = np.flatnonzero(~((series >= _LEAST) & (series < np.inf)) & np.array(possible, bool))
    if bad.size:
        size = f"below {_LEAST}" if series[bad[0]] < 1 else "too large"
        raise AccuracyError(f"the coefficient of t^{bad[0]} is {size}, where float64 ends; use --engine mpmath")
    return series


def _bare(scalars: Sequence[Real]) -> Sequence[Any]:
    """Return the numbers of MPFR that a series is made of: floats are made of them sooner."""
    return scalars.numbers if isinstance(scalars, MpfrSeries) else scalars


def _floats(scalars: Sequence[Real]) -> Array:
    """Return reals rounded once; those below the range of floats become 0."""
    return np.array([float(c) for c in scalars])
