r"""The recurrence of Theorem 3.1, exact: Σ_l = R(Σ_{l−1}), Θ_l = Σ_l + Θ_{l−1} · R'(Σ_{l−1}).

All k of the Hermite series contribute to every coefficient, for R is expanded about a = Σ_{l−1}(0)
(`ntkcalc.activations.dual`). With δ = 1 − a and s = (Σ_{l−1} − a)/δ, which has s(0) = 0, s(1) = 1 and nonnegative
coefficients,

.. math::  Σ_l = \sum_j r_j s^j, \quad \dot Σ_l = R'(Σ_{l−1}) = \sum_j \dot r_j s^j, \quad \dot r_j = (j + 1) r_{j+1}/δ.

The tails τ_p = S_l − Σ_{i≤p} κ_i are differences from known totals, but they too are nonnegative series
with a recurrence of their own: with u_l(t) = (1 − s_l(t))/(1 − t), whose coefficients are the tails
of s_l, and q_j = Σ_{i>j} r_i, q̇_j = Σ_{i>j} ṙ_i,

.. math::  δ_l u_l = \Bigl(\sum_j q_j s^j\Bigr) u_{l−1}, \qquad
           τ_l = \Bigl(\sum_j (q_j + S_{l−1} \dot q_j) s^j\Bigr) u_{l−1} + \dot Σ_l τ_{l−1}.

So every digit of a tail can be had in float64 too. For variances q_l other than 1 each layer has an R of its own,
and the series are those of C_l = Σ_l/q_l, of dC_l/dC_{l−1} and of Θ_l/q_l (`ntkcalc.kernel.variances`). Everything
is a sum of products of nonnegative numbers, run by any `ntkcalc.numerics.engine.Engine`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from ntkcalc.activations.dual import ExpansionPoint
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.variances import CorrelationMap
from ntkcalc.numerics.engine import Engine, ErrorBound, ErrorEngine, Rounding, S
from ntkcalc.numerics.mpfr_series import MpfrSeries, mpfr_numbers
from ntkcalc.numerics.precision import Real, context, mpfr_context, real, to_mpfr
from ntkcalc.numerics.types import Observer, stage
from ntkcalc.numerics.work import repeated

SERIES = ("alpha", "beta", "kappa")


@dataclass(frozen=True)
class LayerSeries(Generic[S]):
    """Σ_l, R'(Σ_{l−1}) and Θ_l as series in t, with coefficients α_{p,l}, β_{p,l}, κ_{p,l}, and their tails.

    The tails are 1 − Σ_{i≤p} α_i, χ − Σ_{i≤p} β_i and S_l − Σ_{i≤p} κ_i. All are over q_l, β is dC_l/dC_{l−1}.
    Those that are not wanted are empty.
    """

    depth: int
    alpha: S
    beta: S
    kappa: S
    alpha_tail: S
    beta_tail: S
    kappa_tail: S


def correlation_map_series(
    layer: CorrelationMap, point: ExpansionPoint, degree: int, bits: int
) -> list[Sequence[Real]]:
    """Return r, ṙ, q and q̇ up to s^degree: R and R' expanded about a point, and their tails.

    r_j = w d_j + [j=0] b and ṙ_j = (j + 1) r_{j+1}/δ, from D = Σ_j d_j s^j; w = σ_w² and b = σ_b² where all q_l = 1.
    Relative errors are below 2**-bits.
    """
    ctx = context(bits + 8)
    found = layer.expansion(point, degree, bits + 8)
    with mpfr_context(ctx.prec):
        scalars = layer.weight(bits + 8), point.at(ctx)[1], layer.bias(bits + 8)
        weight, delta, bias = (to_mpfr(x) for x in scalars)
        rows = (mpfr_numbers(series) for series in (found.d, found.tails, found.slope_tails))
        r, q, q_dot = ([weight * c for c in row] for row in rows)
        r_dot = [(j + 1) * c / delta for j, c in enumerate(r[1:])]
        r[0] += bias
        return [MpfrSeries(ctx, row) for row in (r[: degree + 1], r_dot, q, q_dot)]


def layers(
    engine: Engine[S],
    kernel: Kernel,
    truncation: int,
    observer: Observer | None = None,
    wanted: Collection[str] = SERIES,
) -> Iterator[LayerSeries[S]]:
    """Yield the layers 1 … kernel.depth as series up to t^truncation (Theorem 3.1), those wanted of `SERIES`.

    Relative errors are those of `error_bound` in units of 2**-engine.bits. Expansions of R get as
    many more bits as make their errors, of which p · depth may add up, negligible.
    """
    bits = engine.bits + 10 + truncation.bit_length() + 2 * kernel.depth.bit_length()
    ctx = context(bits)
    gamma_b2, gamma_w2 = (real(ctx, x) for x in kernel.variances.first_layer(bits))
    state = _first_layer(engine, gamma_b2, gamma_w2, truncation)
    yield state.layer
    if not gamma_w2:
        yield from _constant_layers(engine, kernel, truncation)
        return
    point, total = ExpansionPoint.between(gamma_b2, gamma_w2), ctx.one
    for depth, layer in enumerate(kernel.maps(), 2):
        inside = stage(observer, f"layer {depth} of {kernel.depth}")
        needed = {*wanted, "alpha"} if depth < kernel.depth else {*wanted}
        with repeated(kernel.depth - depth + 1):
            stage(inside, "expansion")
            outers = correlation_map_series(layer, point, truncation, bits)
            stage(inside, "products")
            state = _next_layer(engine, state, [*outers, _ntk_tails(outers, total)], needed)
        point = ExpansionPoint.between(outers[0][0], outers[2][0])
        total = 1 + ctx.convert(layer.slope(bits)) * total
        if observer is not None:
            observer(depth, kernel.depth)
        yield state.layer


@dataclass(frozen=True)
class _State(Generic[S]):
    """A layer with s = (Σ_l − Σ_l(0))/(1 − Σ_l(0)) and the tails u of s."""

    layer: LayerSeries[S]
    s: S
    u: S


def _first_layer(engine: Engine[S], gamma_b2: Real, gamma_w2: Real, truncation: int) -> _State[S]:
    """Σ_1 = Θ_1 = γ_b² + γ_w² t."""

    def line(*coefficients: Real) -> S:
        zeros = [0 * gamma_b2] * truncation
        return engine.series([*coefficients, *zeros][: truncation + 1])

    one, zero = gamma_b2 + gamma_w2, 0 * gamma_b2
    theta, tail = line(gamma_b2, gamma_w2), line(gamma_w2)
    return _State(LayerSeries(1, theta, line(one), theta, tail, line(zero), tail), line(zero, one), line(one))


def _ntk_tails(outers: Sequence[Sequence[Real]], total: Real) -> MpfrSeries:
    """Return q + S q̇ from r, ṙ, q and q̇."""
    ctx = total.context
    with mpfr_context(ctx.prec):
        factor = to_mpfr(total)
        return MpfrSeries(ctx, [a + factor * b for a, b in zip(*map(mpfr_numbers, outers[2:]), strict=True)])


def _next_layer(
    engine: Engine[S], below: _State[S], outers: Sequence[Sequence[Real]], wanted: Collection[str]
) -> _State[S]:
    """Return layer l from layer l − 1 and the series r, ṙ, q, q̇ and q + S q̇ (formulas: see above)."""
    of_kappa, of_tails = "kappa" in wanted, [name in wanted for name in SERIES]
    needed = [of_tails[0] or of_kappa, of_tails[1] or of_kappa, *of_tails]
    used = [r for r, need in zip(outers, needed, strict=True) if need]
    first, nothing = below.layer.depth == 1, engine.series([])  # s = t
    composed = iter([engine.series(r) for r in used] if first else engine.compose(used, below.s))
    alpha, beta, *tails = (next(composed) if need else nothing for need in needed)
    alpha_tail, beta_tail, kappa_tail = (
        engine.multiply(below.u, q) if need else nothing for q, need in zip(tails, of_tails, strict=True)
    )
    kappa = nothing
    if of_kappa:
        kappa = engine.add(alpha, engine.multiply(below.layer.kappa, beta))
        kappa_tail = engine.add(kappa_tail, engine.multiply(below.layer.kappa_tail, beta))
    layer = LayerSeries(below.layer.depth + 1, alpha, beta, kappa, alpha_tail, beta_tail, kappa_tail)
    shrink = 1 / outers[2][0]
    return _State(layer, engine.scale(shrink, engine.without_constant(alpha)), engine.scale(shrink, alpha_tail))


def _constant_layers(engine: Engine[S], kernel: Kernel, truncation: int) -> Iterator[LayerSeries[S]]:
    """γ_w² = 0: Σ_l = 1, R' = χ and Θ_l = S_l whatever t is."""
    ctx = context(engine.bits + 40)
    total, zeros = ctx.one, [ctx.zero] * truncation
    nothing = engine.series([ctx.zero, *zeros])
    for depth, layer in enumerate(kernel.maps(), 2):
        chi = ctx.convert(layer.slope(ctx.prec))
        total = 1 + chi * total
        alpha, beta, kappa = (engine.series([c, *zeros]) for c in (ctx.one, chi, total))
        yield LayerSeries(depth, alpha, beta, kappa, nothing, nothing, nothing)


def error_bound(engine: Rounding, depth: int, truncation: int) -> ErrorBound:
    """Return a bound on the relative error of all series of layer `depth` up to t^truncation.

    It is found by running the same formulas on error bounds.
    """
    product, composition = engine.rounding(truncation + 1)
    errors = ErrorEngine(product, composition)
    one = context(53).one
    state = _first_layer(errors, one, one, truncation)
    for _ in range(2, depth + 1):
        state = _next_layer(errors, state, [[one]] * 5, SERIES)
    layer = state.layer
    bounds = (layer.alpha, layer.beta, layer.kappa, layer.alpha_tail, layer.beta_tail, layer.kappa_tail)
    return ErrorBound(max(b.constant for b in bounds), max(b.slope for b in bounds))


def paper_layers(
    engine: Engine[S], kernel: Kernel, truncation: int, observer: Observer | None = None
) -> Iterator[LayerSeries[S]]:
    r"""Yield the layers of the paper's truncated recurrence (39)–(41), misprints corrected.

    :math:`\hat α_{p,l} = \sum_{k ≤ T} \hat α_{k,2} F(p, k, \hat α_{l−1})` and likewise :math:`\hat β` from
    (k + 1) α_{k+1,2}: the sum over k stops at T, and the first layer enters as R(t) where the network
    has R(γ_w² t + γ_b²). Its tails are left to the caller (zero series here).
    """
    bits = engine.bits + 40
    ctx = context(bits)
    own = kernel.variances.correlation_map(2)
    stage(observer, "expansion")
    outers = correlation_map_series(own, ExpansionPoint.origin(), truncation, bits)[:2]
    gamma_b2, gamma_w2 = (real(ctx, x) for x in kernel.variances.first_layer(bits))
    state = _first_layer(engine, gamma_b2, gamma_w2, truncation)
    layer, nothing = state.layer, engine.series([ctx.zero] * (truncation + 1))
    yield layer
    for depth in range(2, kernel.depth + 1):
        first = depth == 2
        stage(observer, f"layer {depth} of {kernel.depth}, products")
        alpha, beta = [engine.series(r) for r in outers] if first else engine.compose(outers, layer.alpha)
        kappa = engine.add(alpha, engine.multiply(layer.kappa, beta))
        layer = LayerSeries(depth, alpha, beta, kappa, nothing, nothing, nothing)
        if observer is not None:
            observer(depth, kernel.depth)
        yield layer
