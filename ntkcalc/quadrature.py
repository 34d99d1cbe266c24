r"""Gaussian means of φ times Hermite polynomials, by pairs of rules that must agree.

On the line the trapezoidal rule of a smooth φ converges geometrically; so does Gauss–Legendre quadrature between kinks,
on both sides of which φ has a Taylor series. Where it has none (|x|^{3/2}), x = x(u) maps a line to each piece
(tanh-sinh; Takahasi and Mori, 1974), which the trapezoidal rule in u integrates whatever φ does at the ends. Two rules
that share no node, u = n h and the points half-way, must agree; else h is halved. Their mean, whose error is nearly the
square of their difference, is the next rule. Of Gauss–Legendre rules, two of different length must agree, and the
longer one counts.

φ(x) and φ(−x) are taken together, so that even and odd parts do not mix. The polynomials come from their recurrence in
fixed-point integers, scaled by powers of two: g_k = He_k 2^{−e_k} with 2^{e_k} next to √k!.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from operator import mul
from typing import Any

import gmpy2

from ntkcalc.errors import AccuracyError
from ntkcalc.functions import Program
from ntkcalc.precision import Context, Real, context, from_mpfr, log2
from ntkcalc.rules import gauss_legendre

_MOST_NODES = 16_000
_MOST_WORK = 8e8  # nodes times degrees times words
_FARTHEST = 1000.0  # |x|
_ENOUGH = 0.8  # of the bits asked for: the better rule has far more than two rules agree to
_SETTLING = 1500  # nodes beyond which convergence must be geometric
_LONGEST = 1600  # Gauss–Legendre rule of one piece


class Shape(Enum):
    """What φ is like, which decides the rule."""

    SMOOTH = "analytic on the line"
    KINKED = "with Taylor series on both sides of every kink"
    SINGULAR = "with kinks of any kind"


@dataclass(frozen=True)
class Means:
    """What quadrature gives, in units of 2**scale.

    Parameters
    ----------
    bits
        -log2 of the absolute errors, in these units.
    scale
        log2 of about √E[φ²].
    moments
        µ_0, µ_1, …
    square, slope
        E[φ²] and E[φ'²], not in these units, to relative errors of 2**-bits.
    """

    bits: int
    scale: int
    moments: list[Real]
    square: Real
    slope: Real


def gaussian_means(
    phi: Callable[[Context], Program],
    shape: Shape,
    kinks: Callable[[Context], list[Real]],
    degree: int,
    bits: int,
    text: str,
) -> Means:
    """Return µ_0 … µ_degree, E[φ²] and E[φ'²].

    Parameters
    ----------
    phi
        From a context, x ↦ [φ(x), φ'(x)].
    shape
        What φ is like.
    kinks
        From a context, the distances from 0 of φ's kinks, in order.
    degree
        The largest k.
    bits
        -log2 of the error, for φ scaled to E[φ²] of about 1.
    text
        φ, for messages.

    Raises
    ------
    AccuracyError
        Where the rules do not come to agree.
    """
    scale, reach = _size(phi, bits, text)
    rule = _Rule(phi, scale, degree, bits, reach)
    ctx = rule.ctx
    places = [ctx.zero, *[x for x in kinks(ctx) if 0 < x < reach], ctx.mpf(reach)]
    if shape is Shape.KINKED:
        found = _by_gauss(rule, places, text)
    else:
        end = math.asinh((bits + 40) * math.log(2) / math.pi) + 0.5
        line = [_Map(None, reach)]
        found = _by_halving(rule, line if shape is Shape.SMOOTH else [_Map(p, end) for p in pairwise(places)], text)
    square, slope, *moments = found
    return Means(bits, scale, moments, ctx.ldexp(square, 2 * scale), ctx.ldexp(slope, 2 * scale))


def _size(phi: Callable[[Context], Program], bits: int, text: str) -> tuple[int, float]:
    """Return log2 of about √E[φ²], and an x beyond which φ(±x) e^{−x²/4} is below 2**-bits of that."""
    ctx = context(64)
    run = phi(ctx)

    def weighted(x: Real) -> Real:
        return max(abs(v) for y in (x, -x) for v in run(y)) * ctx.exp(-x * x / 4)

    step = ctx.mpf(1) / 8
    points = [step * (2 * n + 1) / 2 for n in range(96)]
    square = sum((run(x)[0] ** 2 + run(-x)[0] ** 2) * ctx.exp(-x * x / 2) for x in points) * step
    scale = math.ceil(log2(square) / 2) if square else 0
    least, reach = ctx.ldexp(1, scale - bits - 12), 2 * math.sqrt((bits + 12) * math.log(2))
    while any(weighted(ctx.mpf(reach * f)) > least for f in (1, 1.2, 1.5, 2)):
        reach *= 1.15
        if reach > _FARTHEST:
            raise AccuracyError(f"{text} grows nearly like exp(x^2/4): quadrature would go beyond |x| = {_FARTHEST:g}")
    return scale, reach


class _Rule:
    """Sums over nodes: E[φ²], E[φ'²] and µ_0 … µ_degree, φ in units of 2**scale."""

    def __init__(self, phi: Callable[[Context], Program], scale: int, degree: int, bits: int, reach: float) -> None:
        self.degree, self.bits = degree, bits
        self.width = bits + 2 * (degree + 1).bit_length() + 24
        self.heavy = self.width + math.ceil(reach * reach / 4 / math.log(2)) + 8  # He_k reaches √k! e^{x²/4}
        self.ctx = context(self.width + 48)
        self.run, self.scale = phi(self.ctx), scale

    def check_work(self, nodes: int, before: int, agreed: float, text: str) -> None:
        """Refuse a sum over too many nodes, after one that had fewer."""
        if nodes > _MOST_NODES or nodes * (self.degree + 8) * (self.heavy + self.width) / 64 > _MOST_WORK:
            raise self.refusal(before, agreed, text)

    def refusal(self, nodes: int, agreed: float, text: str) -> AccuracyError:
        """Say how far it went."""
        return AccuracyError(
            f"quadrature of {text} agrees to {max(0, int(agreed))} of {self.bits} bits with {nodes} nodes, for Hermite "
            f"coefficients up to {self.degree}: it bends or varies too sharply; lower --digits, --truncation or --depth"
        )

    def sums(self, nodes: Sequence[tuple[Real, Real]]) -> list[Real]:
        """Return the sums of one rule for half a line: nodes with their dx."""
        ctx = self.ctx
        unit = 1 / ctx.sqrt(2 * ctx.pi)
        square = slope = ctx.zero
        xs, even, odd = [], [], []
        for x, dx in nodes:
            weight = unit * dx * ctx.exp(-x * x / 2)
            (right, rise), (left, fall) = ([ctx.ldexp(v, -self.scale) for v in self.run(y)] for y in (x, -x))
            square += weight * (right * right + left * left)
            slope += weight * (rise * rise + fall * fall)
            xs.append(self._fixed(x, self.width))
            even.append(self._fixed(weight * (right + left), self.heavy))
            odd.append(self._fixed(weight * (right - left), self.heavy))
        return [square, slope, *self._moments(xs, (even, odd))]

    def _fixed(self, value: Real, places: int) -> Any:
        return gmpy2.mpz(int(self.ctx.ldexp(value, places)))

    def _moments(self, xs: list[Any], weights: tuple[list[Any], list[Any]]) -> Iterator[Real]:
        """Yield µ_0 … µ_degree: g_{k+1} = x g_k 2^{e_k − e_{k+1}} − k g_{k−1} 2^{e_{k−1} − e_{k+1}}."""
        ctx, width = self.ctx, self.width
        before, here = [gmpy2.mpz(0)] * len(xs), [gmpy2.mpz(1) << width] * len(xs)
        log_factorial = 0.0
        exponents, normaliser = [0, 0], ctx.one
        for k in range(self.degree + 1):
            total = sum(map(mul, weights[k % 2], here), gmpy2.mpz(0))
            yield ctx.ldexp(ctx.mpf(total), exponents[1] - width - self.heavy) / normaliser
            log_factorial += math.log2(k + 1)
            following = int(log_factorial / 2)
            near, far = following - exponents[1] + width, following - exponents[0]
            after = [(x * h >> near) - (k * b >> far) for x, h, b in zip(xs, here, before, strict=True)]
            before, here = here, after
            exponents = [exponents[1], following]
            normaliser *= ctx.sqrt(k + 1)


def _agreement(a: Sequence[Real], b: Sequence[Real]) -> float:
    """Return to how many bits the sums of two rules agree, the first two relatively."""
    apart = [abs(x - y) for x, y in zip(a, b, strict=True)]
    apart[:2] = [d / max(abs(x), abs(y)) if d else d for d, x, y in zip(apart[:2], a, b, strict=False)]
    worst = max(apart)
    return -log2(worst) if worst else math.inf


def _by_gauss(rule: _Rule, places: list[Real], text: str) -> list[Real]:
    """Return sums between kinks by Gauss–Legendre rules."""
    ctx, found, agreed = rule.ctx, None, 0.0
    density = 0.4 * math.sqrt(rule.degree + 1) + 2  # nodes a unit length that oscillations ask for
    shortest = 24 + rule.bits // 5
    factor, before = 1.0, 0
    while True:
        counts = [int(factor * (shortest + density * float(b - a))) for a, b in pairwise(places)]
        rule.check_work(sum(counts), before, agreed, text)
        if max(counts) > _LONGEST:
            raise rule.refusal(before, agreed, text)
        nodes = [node for (a, b), n in zip(pairwise(places), counts, strict=True) for node in _gauss(ctx, a, b, n)]
        better = rule.sums(nodes)
        if found is not None:
            agreed = _agreement(found, better)
            if agreed >= _ENOUGH * rule.bits:
                return better
        found, factor, before = better, factor * 1.4, sum(counts)


def _gauss(ctx: Context, a: Real, b: Real, n: int) -> Iterator[tuple[Real, Real]]:
    """Yield nodes and weights of one piece."""
    middle, half = (a + b) / 2, (b - a) / 2
    for x, w in gauss_legendre(n, ctx.prec):
        yield middle + half * from_mpfr(ctx, x), half * from_mpfr(ctx, w)


@dataclass(frozen=True)
class _Map:
    """Half a line (no ends), or a piece of it from a to b, as the image of a line."""

    ends: tuple[Real, Real] | None
    reach: float  # of u

    def nodes(self, ctx: Context, step: Real, half: bool) -> Iterator[tuple[Real, Real]]:
        """Yield x and the weight dx of one of the two rules."""
        for n in range(math.floor(self.reach / float(step)) + 1):
            u = step * (2 * n + 1) / 2 if half else step * n
            if self.ends is None:
                yield u, step if u else step / 2
            else:
                yield from self._on_piece(ctx, u, step, *self.ends)

    def _on_piece(self, ctx: Context, u: Real, step: Real, a: Real, b: Real) -> Iterator[tuple[Real, Real]]:
        """Yield the images of u and −u: x = a + (b − a)/(1 + e^{∓π sinh u})."""
        rise = ctx.exp(u)
        e = ctx.exp(-ctx.pi / 2 * (rise - 1 / rise))
        near = (b - a) * e / (1 + e)
        weight = step * ctx.pi / 2 * (rise + 1 / rise) * near / (1 + e)
        yield b - near, weight
        if u:
            yield a + near, weight


def _by_halving(rule: _Rule, maps: list[_Map], text: str) -> list[Real]:
    """Return sums by trapezoidal rules, their step halved until two of them agree."""
    ctx = rule.ctx
    smooth = maps[0].ends is None
    step = ctx.mpf(2) ** -round(math.log2(math.sqrt(rule.bits) / 4)) if smooth else ctx.mpf(1) / 4
    before, whole = 0.0, rule.sums([node for m in maps for node in m.nodes(ctx, step, half=False)])
    while True:
        nodes = [node for m in maps for node in m.nodes(ctx, step, half=True)]
        between = rule.sums(nodes)
        agreed = _agreement(whole, between)
        whole = [(a + b) / 2 for a, b in zip(whole, between, strict=True)]
        if agreed >= _ENOUGH * rule.bits:
            return whole
        if len(nodes) > _SETTLING and 6 < agreed < 1.2 * before:
            raise rule.refusal(2 * len(nodes), agreed, text)
        rule.check_work(4 * len(nodes), 2 * len(nodes), agreed, text)
        step, before = step / 2, agreed
