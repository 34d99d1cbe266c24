r"""Θ_l(ρ) itself, at one ρ in [−1, 1], to any precision: the recursion (11)–(12) on numbers, not on series.

.. math::  Σ_l = R(Σ_{l−1}), \qquad Θ_l = Σ_l + Θ_{l−1} R'(Σ_{l−1}), \qquad Σ_1 = Θ_1 = γ_w² ρ + γ_b².

That is for variances q_l = 1; for others it gives Σ_l/q_l and Θ_l/q_l (`ntkcalc.kernel.variances`).

Near ±1 kernels such as relu's have square-root singularities, so a correlation t is carried with 1 − |t|
to its own relative accuracy. That is enough: with nonnegative coefficients R and R' are convex on
[0, 1], so (1 − |t|) |R''(t)| ≤ χ and (1 − |t|) |R'(t)| ≤ 1 − R(|t|) ≤ 1 − |R(t)|. An error of η (1 − |t|) in t becomes
one of at most η χ in R'(t) and at most η (1 − |R(t)|) in R(t): relative errors of 1 − |Σ_l| are not
amplified, however deep the network, and that of Θ_l is at most l errors of a layer times S_l.
"""

import math
from fractions import Fraction
from functools import lru_cache

from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import MOST_LAYERS, Kernel
from ntkcalc.kernel.variances import CorrelationMap
from ntkcalc.numerics.precision import Context, Real, bits_lost, context, log2, real, with_enough_bits

_MOST_LOST = 1 << 16  # bits that 1 − |R(t)| may lose


def theta(kernel: Kernel, rho: Fraction, bits: int) -> Real:
    """Return Θ_l(ρ), or Σ_l(ρ) of the NNGP kernel, −1 ≤ ρ ≤ 1, absolute error below 2**-bits of that at 1.

    It is exactly zero where parity makes it so.
    """
    own = _own_bits(bits)
    bias, weight = kernel.variances.first_layer(own)
    if isinstance(bias, Fraction):
        return _through_layers(kernel, Correlation.of(bias + weight * rho, own), own)
    x = real(context(own), rho)
    return theta_between(kernel, 1 - x, 1 + x, bits)


def theta_between(kernel: Kernel, below_one: Real, above_minus_one: Real, bits: int) -> Real:
    """Return Θ_l(ρ) from 1 − ρ and 1 + ρ of so many bits, absolute error below 2**-bits · S_l."""
    own = _own_bits(bits)
    ctx = context(own + 16)
    bias, weight = (real(ctx, x) for x in kernel.variances.first_layer(own))
    left, right = ctx.convert(below_one), ctx.convert(above_minus_one)
    return _through_layers(kernel, _correlation(weight * left, weight * right + 2 * bias), own)


def _correlation(below_one: Real, above_minus_one: Real) -> Correlation:
    """Return t from 1 − t and 1 + t."""
    sign, gap = (1, below_one) if below_one < above_minus_one else (-1, above_minus_one)
    return Correlation(sign, ExpansionPoint.between(1 - gap, gap))


def origin_gap(kernel: Kernel) -> Real:
    """Return 1 − C_{l−1}(0), where the recurrence of the coefficients expands R."""
    ctx = context(64)
    t = Correlation(1, ExpansionPoint.between(*(real(ctx, x) for x in kernel.variances.first_layer(64))))
    for layer in kernel.maps()[:-1]:
        t, _ = layer_map(layer, t, 64)
    return t.size.at(context(80))[1]


def _own_bits(bits: int) -> int:
    """Return bits for any depth, so that the values of several depths share their layers."""
    return bits + 2 * MOST_LAYERS.bit_length() + 8


def _through_layers(kernel: Kernel, t: Correlation, own: int) -> Real:
    """Return Θ_l from the first layer's correlation."""
    ctx = context(own + 16)
    result, maps = t.at(ctx)[0], kernel.maps()
    for number, layer in enumerate(maps, 1):
        t, slope = layer_map(layer, t, own, last=number == len(maps))
        result = t.at(ctx)[0] + (result * slope if kernel.name == "ntk" else 0)
    return in_full(kernel, result, ctx)


def in_full(kernel: Kernel, result: Real, ctx: Context) -> Real:
    """Return Θ_l from Θ_l/q_l."""
    q = kernel.variance(ctx.prec)
    return result if q == 1 else result * real(ctx, q)


def layer_map(layer: CorrelationMap, t: Correlation, bits: int, last: bool = False) -> tuple[Correlation, Real]:
    """Return R(t), its 1 − |R(t)| with relative error below 2**-bits, and R'(t), absolute error below 2**-bits χ.

    Of the last layer only the absolute error of R(t) is below 2**-bits.
    """
    if t.sign > 0 or not is_mirrored(layer, bits):
        return _image(layer, t, bits, last)
    image, slope = _image(layer, Correlation(1, t.size), bits, last)
    return (image, -slope) if layer.parity == "even" else (Correlation(-image.sign, image.size), slope)


def is_mirrored(layer: CorrelationMap, bits: int) -> bool:
    """Return whether R is even or odd. Then R is as singular at −1 as at 1, and R(t) for t < 0 is ±R(−t)."""
    return layer.parity == "even" or (layer.parity == "odd" and not layer.bias(bits))


@lru_cache(maxsize=4 * MOST_LAYERS)
def _image(layer: CorrelationMap, t: Correlation, bits: int, last: bool) -> tuple[Correlation, Real]:
    """Return R(t) and R'(t) from D and D', with as many more bits as 1 − |R(t)| loses."""
    if t.sign > 0 and t.size.near_one and not t.size.smaller:
        return t, layer.slope(bits)

    def image_and_slope(work: int) -> tuple[tuple[Correlation, Real], float]:
        ctx, dual = context(work + 16), layer.dual(work)
        if t.size.smaller or t.size.near_one:
            value, slope = dual.value(t, work)
        else:  # at 0 the Hermite coefficients know exact zeros
            value, slope = dual.taylor(t.size, 1, work)
        weight = ctx.convert(layer.weight(work))
        image = layer.bias(work) + weight * value
        rest = max(1 - abs(image), ctx.zero)
        lost = bits_lost(rest, ctx.ldexp(1, 4 - work), work)
        return (Correlation(-1 if image < 0 else 1, ExpansionPoint.between(abs(image), rest)), weight * slope), lost

    if last:
        return image_and_slope(bits + 8)[0]
    loss = math.ceil(-log2(t.size.smaller)) if t.sign > 0 and t.size.near_one else 0  # if R(t) is as near to 1 as t
    found = with_enough_bits(image_and_slope, bits, 8 + max(loss, 0), _MOST_LOST)
    if found is None:
        raise AccuracyError("the correlation of two layers' outputs is too close to 1; lower --depth")
    return found
