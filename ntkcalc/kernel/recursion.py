r"""Θ_l(ρ) itself, at one ρ in [−1, 1], to any precision: the recursion (11)–(12) on numbers, not on series.

.. math::  Σ_l = R(Σ_{l−1}), \qquad Θ_l = Σ_l + Θ_{l−1} R'(Σ_{l−1}), \qquad Σ_1 = Θ_1 = γ_w² ρ + γ_b².

Near ±1 kernels such as relu's have square-root singularities, so a correlation t is carried with 1 − |t|
to its own relative accuracy. That is enough: with nonnegative coefficients R and R' are convex on
[0, 1], so (1 − |t|) |R''(t)| ≤ χ and (1 − |t|) |R'(t)| ≤ 1 − R(|t|) ≤ 1 − |R(t)|. An error of η (1 − |t|) in t becomes
one of at most η χ in R'(t) and at most η (1 − |R(t)|) in R(t): relative errors of 1 − |Σ_l| are not
amplified, however deep the network, and that of Θ_l is at most l errors of a layer times S_l.
"""

from fractions import Fraction
from functools import lru_cache

from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import MOST_LAYERS, Kernel
from ntkcalc.numerics.precision import Real, bits_lost, context, real, with_enough_bits

_MOST_LOST = 1 << 16  # bits that 1 − |R(t)| may lose


def theta(kernel: Kernel, rho: Fraction, bits: int) -> Real:
    """Return Θ_l(ρ), −1 ≤ ρ ≤ 1, absolute error below 2**-bits · S_l; exactly zero where parity makes it so."""
    own = _own_bits(bits)
    return _through_layers(kernel, Correlation.of(kernel.gamma_b2 + (1 - kernel.gamma_b2) * rho, own), own)


def theta_at_angle(kernel: Kernel, angle: Real, bits: int) -> Real:
    """Return Θ_l(cos θ), 0 ≤ θ ≤ π, absolute error below 2**-bits · S_l for θ of so many bits."""
    own = _own_bits(bits)
    ctx = context(own + 16)
    gamma_b2, half = real(ctx, kernel.gamma_b2), ctx.convert(angle) / 2
    below_one, above_minus_one = (2 * (1 - gamma_b2) * f(half) ** 2 for f in (ctx.sin, ctx.cos))
    above_minus_one += 2 * gamma_b2
    sign, gap = (1, below_one) if below_one < above_minus_one else (-1, above_minus_one)
    return _through_layers(kernel, Correlation(sign, ExpansionPoint.between(1 - gap, gap)), own)


def origin_gap(kernel: Kernel) -> Real:
    """Return 1 − Σ_{l−1}(0), where the recurrence of the coefficients expands R."""
    t = Correlation.of(kernel.gamma_b2, 64)
    for _ in range(kernel.depth - 2):
        t, _ = layer_map(kernel, t, 64)
    return t.size.at(context(80))[1]


def _own_bits(bits: int) -> int:
    """Return bits for any depth, so that the values of several depths share their layers."""
    return bits + 2 * MOST_LAYERS.bit_length() + 8


def _through_layers(kernel: Kernel, t: Correlation, own: int) -> Real:
    """Return Θ_l from the first layer's correlation."""
    ctx = context(own + 16)
    result, layer = t.at(ctx)[0], kernel.at_depth(2)
    for _ in range(kernel.depth - 1):
        t, slope = layer_map(layer, t, own)
        result = t.at(ctx)[0] + result * slope
    return result


def layer_map(kernel: Kernel, t: Correlation, bits: int) -> tuple[Correlation, Real]:
    """Return R(t), its 1 − |R(t)| with relative error below 2**-bits, and R'(t), absolute error below 2**-bits χ."""
    if t.sign > 0 or not is_mirrored(kernel, bits):
        return _image(kernel, t, bits)
    image, slope = _image(kernel, Correlation(1, t.size), bits)
    return (image, -slope) if kernel.activation.parity == "even" else (Correlation(-image.sign, image.size), slope)


def is_mirrored(kernel: Kernel, bits: int) -> bool:
    """Return whether R is even or odd. Then R is as singular at −1 as at 1, and R(t) for t < 0 is ±R(−t)."""
    parity = kernel.activation.parity
    return parity == "even" or (parity == "odd" and not kernel.sigma_b2(bits))


@lru_cache(maxsize=4 * MOST_LAYERS)
def _image(kernel: Kernel, t: Correlation, bits: int) -> tuple[Correlation, Real]:
    """Return R(t) and R'(t) from D and D', with as many more bits as 1 − |R(t)| loses."""
    if t.sign > 0 and t.size.near_one and not t.size.smaller:
        return t, kernel.chi(bits)
    dual = kernel.activation.dual

    def image_and_slope(work: int) -> tuple[tuple[Correlation, Real], float]:
        ctx = context(work + 16)
        if t.size.smaller or t.size.near_one:
            value, slope = dual.value(t, work)
        else:  # at 0 the Hermite coefficients know exact zeros
            value, slope = dual.taylor(t.size, 1, work)
        sigma_w2 = ctx.convert(kernel.sigma_w2_at(work))
        image = kernel.sigma_b2(work) + sigma_w2 * value
        rest = max(1 - abs(image), ctx.zero)
        lost = bits_lost(rest, ctx.ldexp(1, 4 - work), work)
        return (Correlation(-1 if image < 0 else 1, ExpansionPoint.between(abs(image), rest)), sigma_w2 * slope), lost

    found = with_enough_bits(image_and_slope, bits, 8, _MOST_LOST)
    if found is None:
        raise AccuracyError("the correlation of two layers' outputs is too close to 1; lower --depth")
    return found
