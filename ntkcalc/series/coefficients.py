"""κ_{p,l} and its relatives, to the digits asked for: by the engine and the precision that have them, rounded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ntkcalc.errors import AccuracyError, InputError, one_of
from ntkcalc.kernel.hyperparameters import Given, Kernel, kernel_facts
from ntkcalc.numerics.float_roundings import FloatRoundings
from ntkcalc.numerics.mpfr_series import mpfr_numbers, rounded
from ntkcalc.numerics.precision import (
    Real,
    bits_for,
    bits_lost,
    context,
    decimal,
    mpfr_context,
    python_integers,
    real,
    to_mpfr,
    whole,
    with_enough_bits,
)
from ntkcalc.numerics.tasks import HERE, Tasks
from ntkcalc.numerics.types import Observer
from ntkcalc.series.recurrence import LayerSeries, error_bound, layers, paper_layers
from ntkcalc.series.results import Coefficient, Coefficients

if TYPE_CHECKING:
    from ntkcalc.activations.activation import Activation
    from ntkcalc.numerics.engine import Engine
    from ntkcalc.numerics.mpmath_engine import MpmathEngine

WHICH = ("kappa", "alpha", "beta", "mu")
ENGINES = ("auto", "numpy", "mpmath")
MOST_TERMS = 20_000
MOST_DIGITS = 10_000
_QUICK = 1000  # layers times terms that mpmath does in the 0.15 s that it takes to load NumPy
_MOST_LOST = 1 << 16  # bits that the tail of Σ µ_k² may lose


@python_integers
def ntk_coefficients(
    act: str | Activation,
    depth: int = 2,
    truncation: int = 10,
    *,
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
    digits: int = 12,
    engine: str = "auto",
    which: str | None = None,
    paper_truncation: bool = False,
) -> Coefficients:
    r"""Return the coefficients κ_{p,l} of the NTK power series Θ_l(t) = Σ_p κ_{p,l} t^p (Theorem 3.1, Table 1).

    Parameters
    ----------
    act : activation such as ``"tanh"`` or ``"leaky-relu:slope=0.1"``
    depth, truncation : l ≥ 1, layers including the linear output, and T ≥ 0: coefficients p = 0 … T
    sigma_w2, gamma_b2
        σ_w² in (0, 1/E[φ²]] or ``"max"``, and γ_b² in [0, 1] (Assumption 2). Decimal text and fractions are exact.
        None is 1, or ``"max"`` where that is less.
    sigma_b2, gamma_w2
        σ_b² and γ_w² beyond Assumption 2, where they are not 1 − σ_w² E[φ²] and 1 − γ_b²: with them any variances are
        allowed, and γ may be ``"sigma"``, as in the later layers.
    kernel : ``"ntk"``, or ``"nngp"`` for the network's own covariance Σ_l
    digits : significant digits, each right to one unit in the last place
    engine
        ``"numpy"`` (float64), ``"mpmath"`` (any precision), or ``"auto"``: NumPy where its proven error bound suffices.
    which : ``"kappa"``, ``"alpha"``, ``"beta"`` or ``"mu"`` (`Coefficients`); None is the kernel's own series
    paper_truncation : follow the paper's (39)–(41), which stop the sum over k at T

    Returns
    -------
    Coefficients
        All values nonnegative (but for ``"mu"``), in order of p, with the tail Σ_{p>T}.

    Raises
    ------
    InputError
        For a request that makes no sense.
    AccuracyError
        Where the digits cannot be reached.

    Notes
    -----
    A layer takes O(√T) products of integers that hold T numbers and O(T²) of numbers, or O(T^2.5) flops (NumPy).

    Examples
    --------
    The third ReLU coefficient with one hidden layer is 3/(4π):

    >>> str(ntk_coefficients("relu", truncation=2).values[2])
    '0.238732414638'
    """
    found = Kernel.of(act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel).checked()
    return coefficients_by_depth(found, [depth], SeriesRequest(truncation, digits, engine, which, paper_truncation))[0]


@dataclass(frozen=True)
class SeriesRequest:
    """Which series of a kernel is wanted, and how: see `ntk_coefficients`."""

    truncation: int = 10
    digits: int = 12
    engine: str = "auto"
    which: str | None = None  # None is the series of the kernel itself
    paper_truncation: bool = False

    def __post_init__(self) -> None:
        whole(self.truncation, "truncation", 0, MOST_TERMS)
        whole(self.digits, "digits", 1, MOST_DIGITS)
        one_of(self.engine, ENGINES, "engine")
        if self.which is not None:
            one_of(self.which, WHICH, "which")
        if self.engine == "numpy" and (self.which == "mu" or self.paper_truncation):
            what = "Hermite coefficients" if self.which == "mu" else "the paper's truncation"
            raise InputError(f"{what} are computed by the mpmath engine only; leave out --engine numpy")


def coefficients_of_kernels(
    kernels: Sequence[Kernel],
    depths: Sequence[int],
    request: SeriesRequest,
    observer: Observer | None = None,
    tasks: Tasks = HERE,
) -> list[list[Coefficients]]:
    """Return `coefficients_by_depth` of several kernels; little work goes to mpmath, which loads sooner than NumPy."""
    work = len(kernels) * max(1, max(depths) - 2) * request.truncation
    if request.engine == "auto" and work <= _QUICK:
        request = replace(request, engine="mpmath")
    return [*tasks.run(coefficients_by_depth, kernels, depths, request, observer=observer)]


def coefficients_by_depth(
    kernel: Kernel, depths: Sequence[int], request: SeriesRequest, observer: Observer | None = None
) -> list[Coefficients]:
    """Return the series of one kernel at several depths ≤ kernel.depth, by the first engine that has the digits."""
    own = _own_series(kernel)
    if request.which is None:
        request = replace(request, which=own)
    if request.which == "kappa" != own:
        raise InputError("kappa are the coefficients of the NTK: leave out --which kappa, or --kernel nngp")
    if request.paper_truncation:
        check_unit(kernel)
    if request.which == "mu":
        return [_hermite_coefficients(kernel.at_depth(depth), request) for depth in depths]
    if request.engine != "mpmath" and not request.paper_truncation:
        try:
            return _by_recurrence(_numpy_engine(kernel, request), kernel, depths, request, observer)
        except AccuracyError:
            if request.engine == "numpy":
                raise
    bits = bits_for(request.digits)
    engine = _mpmath_engine(kernel, request.truncation, bits, paper=request.paper_truncation)
    return _by_recurrence(engine, kernel, depths, request, observer)


def kappa_by_depth(
    kernel: Kernel, depths: Sequence[int], truncation: int, bits: int, observer: Observer | None = None
) -> dict[int, tuple[list[Real], list[Real]]]:
    """Return κ_0 … κ_T and the tails beyond each at several depths ≤ kernel.depth, relative errors below 2**-bits.

    Of an NNGP kernel they are α_0 … α_T and their tails.
    """
    own, found = _own_series(kernel), {}
    for layer in layers(_mpmath_engine(kernel, truncation, bits), kernel, truncation, observer, [own]):
        if layer.depth in depths:
            q = kernel.variances.variance(layer.depth, bits + 8)
            series, tails = getattr(layer, own), getattr(layer, f"{own}_tail")
            found[layer.depth] = [*_times(q, series)], [*_times(q, tails)]
    return found


def _own_series(kernel: Kernel) -> str:
    return "alpha" if kernel.name == "nngp" else "kappa"


def _times(factor: Fraction, series: Sequence[Real]) -> Sequence[Real]:
    """Return a series times a variance."""
    if factor == 1 or not series:
        return series
    q = real(series[0].context, factor)
    return [q * c for c in series]


def check_unit(kernel: Kernel) -> None:
    """Refuse the paper's truncated recurrence for variances other than those of Assumption 2."""
    if not kernel.variances.unit:
        raise InputError(
            "the paper's truncated recurrence is for unit variances: leave out --paper-truncation, or --sigma-b2 and "
            "--gamma-w2"
        )


def kappa_and_tails(kernel: Kernel, truncation: int, bits: int) -> tuple[list[Real], list[Real]]:
    """Return κ_0 … κ_T and the tails beyond each, relative errors below 2**-bits."""
    return kappa_by_depth(kernel, [kernel.depth], truncation, bits)[kernel.depth]


def paper_kappa_by_depth(
    kernel: Kernel, depths: Sequence[int], truncation: int, bits: int, observer: Observer | None = None
) -> dict[int, tuple[list[Real], list[Real] | None]]:
    """Return the paper's κ_0 … κ_T, which are too small, and what they leave of S_l, at several depths.

    For γ_b > 0 they are not the coefficients of the kernel, and there are no tails.
    """
    engine, found = _mpmath_engine(kernel, truncation, bits, paper=True), {}
    for layer in paper_layers(engine, kernel, truncation, observer):
        if layer.depth in depths:
            series, total = [*getattr(layer, _own_series(kernel))], kernel.at_depth(layer.depth).total(engine.bits)
            tails = None if kernel.input_bias else [total - part for part in accumulate(series)]
            found[layer.depth] = series, tails
    return found


def paper_cuts(kernel: Kernel, truncation: int) -> bool:
    """Return whether the paper's recurrence differs from that of all terms: not at depth 1, nor for polynomials."""
    degree = kernel.activation.dual.degree
    whole_series = degree is not None and not kernel.input_bias and degree ** (kernel.depth - 1) <= truncation
    return kernel.depth > 1 and not whole_series


def _numpy_engine(kernel: Kernel, request: SeriesRequest) -> Engine[Any]:
    """Return the float64 engine, if its proven error leaves the digits asked for."""
    if request.digits > 15:
        raise AccuracyError(f"the numpy engine has at most 15 digits, not {request.digits}; use --engine mpmath")
    roundings = FloatRoundings()
    error = error_bound(roundings, kernel.depth, request.truncation).at(request.truncation) * 2.0**-roundings.bits
    reached = next(n for n in range(15, -1, -1) if error <= 0.45 * 10.0**-n)
    if reached < request.digits:
        raise AccuracyError(
            f"the numpy engine reaches {reached} of {request.digits} digits at depth {kernel.depth} and "
            f"truncation {request.truncation}; lower --digits or use --engine mpmath"
        )
    from ntkcalc.numerics.numpy_engine import NumpyEngine

    return NumpyEngine()


def _mpmath_engine(kernel: Kernel, truncation: int, bits: int, *, paper: bool = False) -> MpmathEngine:
    """Return the engine whose series keep so many bits.

    Each of its operations rounds once, so that `error_bound` is below l (4p + 5) roundings in the coefficient of t^p.
    In the paper's recurrence a power of the inner series has up to T factors, so that a layer may multiply errors by
    T, and tails are differences.
    """
    from ntkcalc.numerics.mpmath_engine import MpmathEngine

    if paper:
        return MpmathEngine(bits + kernel.depth * (truncation + 1).bit_length() + 64)
    return MpmathEngine(bits + (kernel.depth * (4 * truncation + 5)).bit_length())


def _by_recurrence(
    engine: Engine[Any], kernel: Kernel, depths: Sequence[int], request: SeriesRequest, observer: Observer | None
) -> list[Coefficients]:
    """Return the results for the depths asked for, in their order, from one run of the recurrence."""
    run = (
        paper_layers(engine, kernel, request.truncation, observer)
        if request.paper_truncation
        else layers(engine, kernel, request.truncation, observer, [str(request.which)])
    )
    found = {
        layer.depth: _result(engine, layer, kernel.at_depth(layer.depth), request)
        for layer in run
        if layer.depth in depths
    }
    return [found[depth] for depth in depths]


def _result(engine: Engine[Any], layer: LayerSeries[Any], kernel: Kernel, request: SeriesRequest) -> Coefficients:
    factor, bits = _factor(kernel, str(request.which), engine.bits + 8), bits_for(request.digits) + 16
    ctx = context(bits + 32)

    def scaled(series: Sequence[Real]) -> Sequence[Real]:
        return series if factor == 1 else _times(factor, [ctx.convert(c) for c in series])

    values = scaled(engine.scalars(getattr(layer, str(request.which))))

    def total(bits: int) -> Real:
        if request.which != "beta":
            return kernel.total(bits) if request.which == "kappa" else real(context(bits), kernel.variance(bits))
        return kernel.chi(bits) if kernel.depth > 1 else context(bits).one

    if request.paper_truncation:
        everything = total(engine.bits)
        tail = everything - sum(values)
        noise = everything.context.ldexp(everything, len(values).bit_length() + 64 - everything.context.prec)
        if not paper_cuts(kernel, request.truncation):
            tail = context(engine.bits).zero if kernel.depth > 1 or request.truncation else tail
        elif abs(tail) < noise:
            raise AccuracyError(
                f"the tail after the paper's truncation has fewer than {request.digits} digits; lower --truncation"
            )
    else:
        tail = scaled(engine.scalars(getattr(layer, f"{request.which}_tail"))[-1:])[0]
    return _rounded(kernel, request, engine.name, values, values, total(bits), tail)


def _factor(kernel: Kernel, which: str, bits: int) -> Fraction:
    """Return what a series of C_l or Θ_l/q_l is to be multiplied by: q_l, for β q_l/q_{l−1}."""
    if which != "beta":
        return kernel.variance(bits)
    return (
        kernel.variance(bits) / kernel.variances.variance(kernel.depth - 1, bits) if kernel.depth > 1 else Fraction(1)
    )


def _hermite_coefficients(kernel: Kernel, request: SeriesRequest) -> Coefficients:
    """Return µ_0 … µ_T of φ_q, q that of the layer below the last, with the tail of Σ µ_k² = E[φ_q²]."""
    layer, degree = kernel.variances.correlation_map(max(kernel.depth, 2)), request.truncation
    dual = layer.dual(64)
    complete = dual.degree is not None and degree >= dual.degree

    def attempt(work: int) -> tuple[tuple[list[Real], list[Real], Real, Real], float]:
        ctx, phi = context(work + 16), layer.activation(work)
        mu = [ctx.convert(m) for m in phi.hermite(degree, work)]
        squares, total = [m * m for m in mu], real(ctx, phi.dual.mean_square(work))
        tail = ctx.zero if complete else max(total - sum(squares), ctx.zero)
        error = ctx.zero if complete else ctx.ldexp(total, 8 - work)
        return (mu, squares, total, tail), bits_lost(tail, error, work)

    found = with_enough_bits(attempt, bits_for(request.digits) + degree.bit_length(), 64, _MOST_LOST)
    if found is None:
        raise AccuracyError(f"the tail beyond mu_{degree} has fewer than {request.digits} digits; lower --truncation")
    return _rounded(kernel, request, "mpmath", *found)


def _rounded(
    kernel: Kernel,
    request: SeriesRequest,
    engine: str,
    values: Sequence[Real],
    parts: Sequence[Real],
    total: Real,
    tail: Real,
) -> Coefficients:
    """Return the result, rounded: `parts` are what each value contributes to `total`."""
    digits = request.digits
    with mpfr_context(bits_for(digits) + 64):
        numbers, whole_sum = mpfr_numbers(values), to_mpfr(total)
        shares = [part / whole_sum for part in (numbers if values is parts else mpfr_numbers(parts))]
        rows = tuple(
            Coefficient(p, *(rounded(x, digits) for x in row))
            for p, row in enumerate(zip(numbers, shares, accumulate(shares), strict=True))
        )
    facts = kernel_facts(kernel, digits)
    own = str(request.which), len(rows) - 1, request.paper_truncation
    return Coefficients(facts, digits, engine, *own, rows, decimal(tail, digits))
