r"""Eigenvalues on S^d by quadrature of the kernel itself (Funk–Hecke), for kernels whose series is too slow.

.. math::  λ_k = C_d \int_0^π Θ(\cos θ) P_k(\cos θ) \sin^{d-1} θ \, dθ, \qquad
           C_d = \frac{Γ(\frac{d+1}2)}{\sqrt π\, Γ(\frac d2)} .

In θ the square-root singularities of relu-type kernels at ±1 disappear: Θ(cos θ) is analytic on [0, π], and
Gauss–Legendre quadrature converges geometrically. Two rules of different length must agree. Where a branch point lies
close to an end (a tiny γ_b², a nearly even φ), tanh-sinh quadrature is used, which tolerates end-point singularities.
The bits lost by cancellation are added: those that the lower bounds of λ_k from the series tell, but no more than some
at first, for a short series may tell far too many.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

import gmpy2

from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.recursion import theta_at_angle
from ntkcalc.numerics.precision import Real, context, first_agreement, from_mpfr, log2, to_mpfr
from ntkcalc.numerics.quadrature_rules import gauss_legendre, tanh_sinh
from ntkcalc.numerics.types import Observer, stage

_MOST_NODES = 20_000
_FIRST_LOST = 256  # bits, for lower bounds from a short series may be far too low


def funk_hecke(
    kernel: Kernel, d: int, below: Mapping[int, Real], bits: int, observer: Observer | None = None
) -> dict[int, Real]:
    """Return those λ_k (uniform measure on S^d) of which `below` has positive lower bounds, to 2**-bits.

    The observer is told (nodes done, nodes in all) of each rule.
    """
    total, degrees = kernel.total(64), sorted(below)
    most = max(0, ceil(log2(total) - min(log2(b) for b in below.values())))
    for lost in sorted({min(most, _FIRST_LOST), most}):
        least, work = total.context.ldexp(total, -lost), bits + lost + 12
        first = 24 + (degrees[-1] + d) // 2 + work // 6
        lengths = [first, first * 5 // 4, first * 25 // 16, first * 2, first * 5 // 2]
        for rule, counts in ((gauss_legendre, lengths), (tanh_sinh, [6 * first << i for i in range(5)])):
            results = (
                _by_rule(kernel, d, degrees, rule, nodes, work, observer) for nodes in counts if nodes <= _MOST_NODES
            )
            found = first_agreement(results, bits + 1)
            if found is not None and min(found) >= least:  # of which so many bits are right
                rounded = context(bits)  # in which what is a short binary fraction, such as relu's λ_0 = 3/4, is exact
                return {k: +rounded.convert(x) for k, x in zip(degrees, found, strict=True)}
    raise AccuracyError(
        f"{_MOST_NODES} nodes of quadrature do not reach {int(bits / 3.33)} digits at frequency {degrees[-1]} on "
        f"S^{d}; lower --digits or --max-frequency"
    )


QuadratureRule = Callable[[int, int], list[tuple[Any, Any]]]
"""From a number of nodes and bits, nodes and weights on [−1, 1]."""


def _by_rule(
    kernel: Kernel,
    d: int,
    degrees: Sequence[int],
    rule: QuadratureRule,
    nodes: int,
    work: int,
    observer: Observer | None,
) -> list[Real]:
    """Return λ_k for the given k by one rule, errors below 2**-work but for what the rule leaves."""
    wide = work + nodes.bit_length() + degrees[-1].bit_length() + 16
    ctx = context(wide)
    half = ctx.mpf(1) / 2
    scale = ctx.gammaprod([(d + 1) * half], [half, d * half]) * ctx.pi / 2
    values = []
    steps = stage(observer, f"quadrature with {nodes} nodes")
    for done, x in enumerate(rule(nodes, wide)):
        angle = ctx.pi * (1 + from_mpfr(ctx, x[0])) / 2
        mass = scale * from_mpfr(ctx, x[1]) * ctx.sin(angle) ** (d - 1)
        values.append((ctx.cos(angle), mass * theta_at_angle(kernel, angle, work)))
        if steps is not None:
            steps(done + 1, nodes)
    with gmpy2.context(precision=wide):
        pairs = [(to_mpfr(t), to_mpfr(f)) for t, f in values]
        sums = _against_gegenbauer(pairs, d, degrees, stage(observer, "frequencies"))
        return [from_mpfr(ctx, s) for s in sums]


def _against_gegenbauer(
    values: Sequence[tuple[Any, Any]], d: int, degrees: Sequence[int], observer: Observer | None
) -> list[Any]:
    """Return Σ_j f_j P_k(t_j) for each k: (k + d − 1) P_{k+1} = (2k + d − 1) t P_k − k P_{k−1}."""
    before, here = [gmpy2.mpfr(0)] * len(values), [gmpy2.mpfr(1)] * len(values)
    sums = []
    for k in range(degrees[-1] + 1):
        if k in degrees:
            sums.append(sum(f * p for (_, f), p in zip(values, here, strict=True)))
        rise, total = 2 * k + d - 1, k + d - 1
        following = [(rise * t * p - k * q) / total for (t, _), p, q in zip(values, here, before, strict=True)]
        before, here = here, following
        if observer is not None:
            observer(k, degrees[-1])
    return sums
