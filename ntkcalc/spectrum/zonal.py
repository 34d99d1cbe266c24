r"""Zonal functions on S^d ⊂ R^{d+1}: how much of t^p is harmonic of degree k (Theorem 4.6).

Under the uniform *probability* measure, with t the correlation of two points and P_k the Gegenbauer polynomial of
degree k with P_k(1) = 1, a kernel Σ_p c_p t^p has the eigenvalue :math:`λ_k = \sum_p c_p w_{p,k}`,

.. math::  w_{p,k} = E[t^p P_k(t)] = \frac{Γ(p+1)}{2^k Γ(p-k+1)}
           \frac{Γ(\frac{d+1}2) Γ(\frac{p-k+1}2)}{\sqrt π\, Γ(\frac{p+k+d+1}2)} \quad (p ≥ k, p - k \text{ even}),

which is the paper's weight over Vol(S^d), the measure of Theorem 4.6. Ratios of neighbours are rational, so that
sums need no Γ and never overflow:

.. math::  \frac{w_{k+1,k+1}}{w_{k,k}} = \frac{k+1}{2k+d+1}, \qquad
           \frac{w_{p+2,k}}{w_{p,k}} = \frac{(p+1)(p+2)}{(p-k+2)(p+k+d+1)} .
"""

from collections.abc import Sequence
from math import comb

import gmpy2

from ntkcalc.numerics.precision import Context, Real, context, from_mpfr, to_mpfr
from ntkcalc.numerics.types import Observer


def multiplicity(d: int, k: int) -> int:
    """Return N(d, k), the number of linearly independent harmonics of degree k on S^d.

    Examples
    --------
    On S², 2k + 1:

    >>> multiplicity(2, 5)
    11
    """
    return comb(k + d, d) - (comb(k + d - 2, d) if k >= 2 else 0)


def volume(d: int, bits: int) -> Real:
    """Return Vol(S^d) = 2 π^{(d+1)/2}/Γ((d+1)/2), relative error below 2**-bits."""
    ctx = context(bits + 2 * d.bit_length() + 16)
    half = ctx.mpf(d + 1) / 2
    return 2 * ctx.pi**half * ctx.rgamma(half)


def weight(ctx: Context, p: int, k: int, d: int) -> Real:
    """Return w_{p,k} of Theorem 4.6, from Γ functions."""
    half = ctx.mpf(1) / 2
    above = [p + 1, (d + 1) * half, (p - k + 1) * half]
    below = [p - k + 1, half, (p + k + d + 1) * half]
    return ctx.ldexp(ctx.gammaprod(above, below), -k)


def heaviest(after: int, k: int, d: int) -> int:
    """Return the p > `after` of the parity of k at which w_{p,k} is largest.

    w is unimodal in p: it grows as long as (p+1)(p+2) > (p−k+2)(p+k+d+1), which is p < k(k+d−1)/d − 2.
    """
    peak = max(k, -(-k * (k + d - 1) // d) - 2)
    first = max(k, after + 1)
    return max(p + (p - k) % 2 for p in (peak, first))


def harmonic_sums(
    c: Sequence[Real], d: int, highest: int, bits: int, observer: Observer | None = None
) -> list[tuple[Real, Real]]:
    """Return Σ_p c_p w_{p,k} over all p and over their lower half, for k = 0 … highest, relative errors below 2**-bits.

    As all c_p ≥ 0, nothing cancels; each term adds some four roundings.
    """
    work = bits + 2 * len(c).bit_length() + 8
    ctx, half, sums = context(work), len(c) // 2, []
    with gmpy2.context(precision=work):
        numbers, first = [to_mpfr(x) for x in c], gmpy2.mpfr(1)
        for k in range(highest + 1):
            weight, total, partial = first, gmpy2.mpfr(0), gmpy2.mpfr(0)
            for p in range(k, len(c), 2):
                if p >= half > p - 2:
                    partial = total
                if numbers[p]:
                    total += numbers[p] * weight
                weight = weight * ((p + 1) * (p + 2)) / ((p - k + 2) * (p + k + d + 1))
            sums.append((from_mpfr(ctx, total), from_mpfr(ctx, partial)))
            first = first * (k + 1) / (2 * k + d + 1)
            if observer is not None:
                observer(k, highest)
    return sums
