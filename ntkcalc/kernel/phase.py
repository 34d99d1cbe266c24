"""The phase of a network: the fixed points of variances and of correlations that its layers approach."""

from __future__ import annotations

import math
from fractions import Fraction

from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.errors import AccuracyError, NtkcalcError
from ntkcalc.kernel.results import FixedPoint
from ntkcalc.kernel.variances import Variances
from ntkcalc.numerics.precision import Real, bits_for, context, decimal, dyadic, real
from ntkcalc.numerics.work import within

_DIGITS = 15
"""Most digits of a fixed point."""

_BITS = 96
_GOAL = 72  # bits to which a fixed point is found
_SPARE = 12  # bits of values beyond those that C* has of them
_FEW_BITS = 32  # of the first steps towards one
_MOST_STEPS = 40
_PATIENCE = 5.0  # seconds of work for C*, on which nothing else depends
_LARGEST = 10_000  # times the variance that the search began with: what grows beyond is taken to diverge
_ESTIMATES = 1000  # steps in float64
_SMALL = Fraction(1, 1 << 256)  # variance that stands for 0
_VANISHING = 1e-9  # of the variance that the search began with


def fixed_point(variances: Variances, start: Fraction, digits: int) -> FixedPoint | None:
    """Return q*, χ* and C* of the layers that follow a variance `start`; None where q diverges or is not found."""
    digits = min(digits, _DIGITS)
    try:
        q = Fraction(1) if variances.unit else _variance_limit(variances, start)
        if q is None or limits(variances) == "infinite":
            return None
        chi = _slope(variances, q or _SMALL)
    except NtkcalcError:  # φ(√q x) is beyond what its dual can compute
        return None
    try:
        with within(_PATIENCE, "C* takes long"):
            correlation = _correlation(variances, q, chi, digits)
    except AccuracyError:  # it is so near 1 that the series there is long
        return FixedPoint(decimal(q, digits), decimal(chi, digits), None)
    return FixedPoint(decimal(q, digits), decimal(chi, digits), decimal(correlation, digits))


def limits(variances: Variances) -> str | None:
    """Return whether a homogeneous φ makes every q a fixed point ("all") or lets q_l grow without end ("infinite").

    E[φ(√q Z)²] = q E[φ²], so that q_{l+1} = h q_l + σ_b² with h = σ_w² E[φ²].
    """
    square = variances.activation.dual.mean_square(64) if variances.activation.homogeneous else None
    if not isinstance(square, Fraction):
        return None
    h = Fraction(1) if variances.sigma_w2 is None else variances.sigma_w2 * square
    bias = 1 - h if variances.sigma_b2 is None else variances.sigma_b2
    if h > 1 or (h == 1 and bias):
        return "infinite"
    return "all" if h == 1 else None


def _image(variances: Variances, q: Fraction) -> Fraction:
    """Return σ_w² E[φ(√q Z)²] + σ_b², rounded."""
    ctx = context(_BITS)
    square = real(ctx, variances.activation.scaled(q).dual.mean_square(_BITS))
    value = variances.sigma_w2_at(_BITS) * square + variances.sigma_b2_at(_BITS)
    return dyadic(value, _BITS)


def _slope(variances: Variances, q: Fraction) -> Real:
    """Return σ_w² E[φ'(√q Z)²]."""
    ctx = context(_BITS)
    square = real(ctx, variances.activation.scaled(q).dual.slope_square(_BITS))
    return variances.sigma_w2_at(_BITS) * square / real(ctx, q)


def _variance_limit(variances: Variances, start: Fraction) -> Fraction | None:
    """Return the limit of q ↦ V(q), by Steffensen's method where it helps; None if there is none within reach."""
    x = _estimate(variances, start)
    if x is None:
        return None
    for _ in range(_MOST_STEPS):
        y = _image(variances, x)
        z = _image(variances, y)
        if not Fraction(1, 1 << 1000) < z < _LARGEST * max(start, Fraction(1)):
            return None
        bend = z - 2 * y + x
        step = (y - x) ** 2 / bend if bend else x - z
        if abs(step) <= x / (1 << _GOAL):
            return x if _attracts(variances, x) else None
        x = x - step if 0 < x - step < 16 * max(y, z) else z
        x = dyadic(real(context(_BITS), x), _BITS)
        if x < start * Fraction(_VANISHING) and y < start and not variances.sigma_b2_at(64):
            return Fraction(0) if _slope(variances, _SMALL) <= 1 else None
    return None


def _estimate(variances: Variances, start: Fraction) -> Fraction | None:
    """Return about the limit, by iterating V in float64, None where q grows beyond reach, `start` where it vanishes."""
    import numpy as np

    z = np.linspace(-10, 10, 1001)
    weights = np.exp(-(z**2) / 2) * (z[1] - z[0]) / (2 * np.pi) ** 0.5
    phi, q = variances.activation.on_arrays()[0], float(start)
    weight, bias = float(variances.sigma_w2_at(64)), float(variances.sigma_b2_at(64))
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(_ESTIMATES):
            before, q = q, weight * float(weights @ phi(q**0.5 * z) ** 2) + bias
            if not q < _LARGEST * max(start, Fraction(1)):
                return None
            if q < 1e-15:
                return start
            if abs(q - before) < 1e-13 * q:
                break
    return Fraction(q)


def _attracts(variances: Variances, q: Fraction) -> bool:
    """Return whether V does not move what is next to q away from it."""
    step = q / (1 << 24)
    return abs(_image(variances, q + step) - _image(variances, q)) <= step * (1 + Fraction(1, 1 << 20))


def _correlation(variances: Variances, q: Fraction, chi: Real, digits: int) -> Real:
    """Return the least t in [0, 1] with σ_w² D_q(t) + σ_b² = q t, by Newton's method from 0, where R is convex.

    Steps grow towards it, and end where what is left to 1 does not show in so many digits.
    """
    ctx = context(_BITS)
    goal = min(bits_for(digits), _GOAL)
    shown = ctx.mpf(10) ** -(digits + 1)
    if not q or chi <= 1 + ctx.ldexp(1, -64):
        return ctx.one
    dual = variances.activation.scaled(q).dual
    weight, bias = variances.sigma_w2_at(_BITS), variances.sigma_b2_at(_BITS)
    total = weight * real(ctx, dual.mean_square(_BITS)) + bias
    t, bits = ctx.zero, _FEW_BITS
    for _ in range(_MOST_STEPS + _BITS):
        if 1 - t < shown:
            return t
        point = ExpansionPoint.between(t, 1 - t)
        value, slope = dual.value(Correlation(1, point), bits) if t else dual.taylor(point, 1, bits)
        steep = 1 - weight * slope / total
        step = ((weight * value + bias) / total - t) / steep
        t += step
        wanted = goal + _SPARE + max(0, -math.frexp(float(steep))[1])
        if bits >= wanted and abs(step) <= ctx.ldexp(1, -goal):
            break
        if abs(step) <= ctx.ldexp(1 - t, -10) or 1 - t < ctx.ldexp(1, -12):
            bits = wanted  # t is so near the least fixed point that the steps from here stay with it
    return t
