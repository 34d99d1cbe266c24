"""κ_{p,l} and its relatives, to the digits asked for: chooses the engine and the precision, rounds once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ntkcalc.activations.work_budget import one_request
from ntkcalc.errors import AccuracyError, InputError, near_miss
from ntkcalc.kernel.facts import kernel_facts
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.numerics.engine import Engine, bits_lost
from ntkcalc.numerics.precision import Real, bits_for, context, decimal, log2, real, whole
from ntkcalc.series.recurrence import Layer, Observer, error_bound, layers, paper_layers
from ntkcalc.series.results import Coefficient, Coefficients

if TYPE_CHECKING:
    from ntkcalc.activations.catalogue import Activation

WHICH = ("kappa", "alpha", "beta", "mu")
ENGINES = ("auto", "numpy", "mpmath")
MOST_TERMS = 20_000
MOST_DIGITS = 10_000
_FLOAT, _SPARE = 53, 96  # bits of what either engine asks for, and what it takes beyond them


def ntk_coefficients(
    act: str | Activation,
    depth: int = 2,
    truncation: int = 10,
    *,
    sigma_w2: str | float | Fraction = 1,
    gamma_b2: str | float | Fraction = 0,
    digits: int = 12,
    engine: str = "auto",
    which: str = "kappa",
    paper_truncation: bool = False,
) -> Coefficients:
    r"""Return the coefficients κ_{p,l} of the NTK power series Θ_l(t) = Σ_p κ_{p,l} t^p.

    Parameters
    ----------
    act
        Activation such as ``"tanh"`` or ``"leaky-relu:slope=0.1"``.
    depth
        l ≥ 1, layers including the linear output.
    truncation
        T ≥ 0: coefficients p = 0 … T.
    sigma_w2
        σ_w² in (0, 1/E[φ²]], or ``"max"``. Decimal text is exact.
    gamma_b2
        γ_b² in [0, 1].
    digits
        Significant digits, each right to one unit in the last place.
    engine
        ``"numpy"`` (float64), ``"mpmath"`` (any precision), or ``"auto"``: NumPy where its proven error
        bound leaves the digits asked for.
    which
        ``"kappa"``, ``"alpha"``, ``"beta"`` or ``"mu"`` (`Coefficients`).
    paper_truncation
        Follow the paper's (39)–(41), which stop the sum over k at T.

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
    Cost about O(T^1.5) products of T-digit-like integers (mpmath) or O(T^2.5) flops (NumPy) a layer.

    References
    ----------
    Characterizing the Spectrum of the NTK via a Power Series Expansion (ICLR 2023), Theorem 3.1.

    Examples
    --------
    The third ReLU coefficient with one hidden layer is 3/(4π):

    >>> str(ntk_coefficients("relu", truncation=2).values[2])
    '0.238732414638'
    """
    kernel = Kernel.of(act, depth, sigma_w2, gamma_b2)
    return coefficients_by_depth(kernel, [depth], Request(truncation, digits, engine, which, paper_truncation))[0]


@dataclass(frozen=True)
class Request:
    """What is wanted of a kernel, see `ntk_coefficients`."""

    truncation: int = 10
    digits: int = 12
    engine: str = "auto"
    which: str = "kappa"
    paper_truncation: bool = False

    def __post_init__(self) -> None:
        whole(self.truncation, "truncation")
        whole(self.digits, "digits")
        if not 0 <= self.truncation <= MOST_TERMS:
            raise InputError(f"truncation must lie in 0 to {MOST_TERMS}, got {self.truncation}")
        if not 1 <= self.digits <= MOST_DIGITS:
            raise InputError(f"digits must lie in 1 to {MOST_DIGITS}, got {self.digits}")
        for name, value, known in (("engine", self.engine, ENGINES), ("which", self.which, WHICH)):
            if value not in known:
                raise InputError(
                    f"{name} must be one of {', '.join(known)}, got '{value}'.{near_miss(value, [*known])}"
                )
        if self.engine == "numpy" and (self.which == "mu" or self.paper_truncation):
            what = "Hermite coefficients" if self.which == "mu" else "the paper's truncation"
            raise InputError(f"{what} are computed by the mpmath engine only; leave out --engine numpy")


def coefficients_by_depth(
    kernel: Kernel, depths: Sequence[int], request: Request, observer: Observer | None = None
) -> list[Coefficients]:
    """Return the series of one activation at several depths ≤ kernel.depth, from one run of the recurrence."""
    with one_request(max(bits_for(request.digits), _FLOAT) + _SPARE):
        return _by_depth(kernel, depths, request, observer)


def _by_depth(kernel: Kernel, depths: Sequence[int], request: Request, observer: Observer | None) -> list[Coefficients]:
    """Return them by the first engine that has the digits."""
    if request.which == "mu":
        return [_hermite_series(kernel, depth, request) for depth in depths]
    if request.paper_truncation:
        run = _paper_run(kernel, bits_for(request.digits), request.truncation, observer)
        return _at_depths(run, kernel, depths, request)
    if request.engine != "mpmath":
        try:
            return _at_depths(_numpy_run(kernel, request, observer), kernel, depths, request)
        except AccuracyError:
            if request.engine == "numpy":
                raise
    return _at_depths(_mpmath_run(kernel, request, observer), kernel, depths, request)


Run = tuple[Engine[Any], Iterator[Layer[Any]]]


def _numpy_run(kernel: Kernel, request: Request, observer: Observer | None) -> Run:
    """Run in float64, if its proven error leaves the digits asked for."""
    if request.digits > 15:
        raise AccuracyError(f"the numpy engine has at most 15 digits, not {request.digits}; use --engine mpmath")
    from ntkcalc.numerics.numpy_engine import NumpyEngine

    engine = NumpyEngine()
    error = error_bound(engine, kernel.depth, request.truncation).at(request.truncation) * 2.0**-engine.bits
    reached = next(n for n in range(15, -1, -1) if error <= 0.45 * 10.0**-n)
    if reached < request.digits:
        raise AccuracyError(
            f"the numpy engine reaches {reached} of {request.digits} digits at depth {kernel.depth} and "
            f"truncation {request.truncation}; lower --digits or use --engine mpmath"
        )
    return engine, layers(engine, kernel, request.truncation, observer)


def _mpmath_run(kernel: Kernel, request: Request, observer: Observer | None) -> Run:
    """Run at the precision that leaves the digits asked for."""
    engine = _precise_engine(kernel, request.truncation, bits_for(request.digits))
    return engine, layers(engine, kernel, request.truncation, observer)


def _precise_engine(kernel: Kernel, truncation: int, bits: int) -> Engine[Any]:
    """Return the engine that leaves so many bits of a kernel's series."""
    from ntkcalc.numerics.mpmath_engine import MpmathEngine

    return MpmathEngine(bits + bits_lost(error_bound(MpmathEngine(1), kernel.depth, truncation), truncation))


def series_by_depth(
    kernel: Kernel, depths: Sequence[int], truncation: int, bits: int
) -> dict[int, tuple[list[Real], list[Real]]]:
    """Return what `series_run` does for several depths ≤ kernel.depth, from one run."""
    engine = _precise_engine(kernel, truncation, bits)
    return {
        layer.depth: (engine.scalars(layer.kappa), engine.scalars(layer.kappa_tail))
        for layer in layers(engine, kernel, truncation)
        if layer.depth in depths
    }


def series_run(kernel: Kernel, truncation: int, bits: int, paper: bool) -> tuple[list[Real], list[Real] | None]:
    """Return κ_0 … κ_T with relative errors below 2**-bits, and the tails beyond each.

    Of the paper's series, whose coefficients are too small, the tails are what they leave of S_l; for
    γ_b > 0 it is not the kernel's series, and there are none.
    """
    if not paper:
        engine = _precise_engine(kernel, truncation, bits)
        *_, layer = layers(engine, kernel, truncation)
        return engine.scalars(layer.kappa), engine.scalars(layer.kappa_tail)
    engine, run = _paper_run(kernel, bits, truncation, None)
    *_, layer = run
    kappa = engine.scalars(layer.kappa)
    total = kernel.total(engine.bits)
    return kappa, None if kernel.gamma_b2 else [total - part for part in accumulate(kappa)]


def _paper_run(kernel: Kernel, bits: int, truncation: int, observer: Observer | None) -> Run:
    """Run the paper's recurrence, whose tails are differences: with bits to spare for those.

    A power of the inner series has up to T factors here, so a layer may multiply errors by T.
    """
    from ntkcalc.numerics.mpmath_engine import MpmathEngine

    engine = MpmathEngine(bits + kernel.depth * (truncation + 1).bit_length() + 64)
    return engine, paper_layers(engine, kernel, truncation, observer)


def _at_depths(run: Run, kernel: Kernel, depths: Sequence[int], request: Request) -> list[Coefficients]:
    """Return the results for the depths asked for, in their order."""
    engine, series = run
    found = {
        layer.depth: _result(engine, layer, kernel.at_depth(layer.depth), request)
        for layer in series
        if layer.depth in depths
    }
    return [found[depth] for depth in depths]


def _result(engine: Engine[Any], layer: Layer[Any], kernel: Kernel, request: Request) -> Coefficients:
    """Round one layer's series."""
    bits = bits_for(request.digits) + 16
    values = engine.scalars(getattr(layer, request.which))

    def one(bits: int) -> Real:
        return context(bits).one

    totals = {"kappa": kernel.total, "alpha": one, "beta": kernel.chi if kernel.depth > 1 else one}
    total = totals[request.which](bits)
    if request.paper_truncation:
        tail = _difference(totals[request.which](engine.bits), values, request.digits)
    else:
        tail = engine.scalars(getattr(layer, f"{request.which}_tail"))[-1]
    return _rounded(kernel, request, engine.name, values, values, total, tail)


def _difference(total: Real, values: list[Real], digits: int) -> Real:
    """Return total − Σ values; it must have its digits, or be zero but for roundings."""
    tail = total - sum(values)
    noise = total.context.ldexp(total, len(values).bit_length() + 64 - total.context.prec)
    if abs(tail) < noise:
        raise AccuracyError(f"the tail after the paper's truncation has fewer than {digits} digits; lower --truncation")
    return tail


def _hermite_series(kernel: Kernel, depth: int, request: Request) -> Coefficients:
    """µ_0 … µ_T of the activation, with the tail of Σ µ_k² = E[φ²]."""
    dual, degree = kernel.activation.dual, request.truncation
    spare = 64
    while True:
        bits = bits_for(request.digits) + spare + degree.bit_length()
        ctx = context(bits + 16)
        mu = [ctx.convert(m) for m in kernel.activation.hermite(degree, bits)]
        square = dual.mean_square(bits)
        total = real(ctx, square) if isinstance(square, Fraction) else ctx.convert(square)
        squares = [m * m for m in mu]
        tail = total - sum(squares)
        if dual.degree is not None and degree >= dual.degree:
            tail = ctx.zero
            break
        if tail > 0 and log2(total) - log2(tail) < spare - 8:
            break
        spare = 2 * spare
    return _rounded(kernel.at_depth(depth), request, "mpmath", mu, squares, total, tail)


def _rounded(
    kernel: Kernel, request: Request, engine: str, values: list[Real], parts: list[Real], total: Real, tail: Real
) -> Coefficients:
    """Round at the door: `parts` are what of `total` each value stands for."""
    digits, ctx = request.digits, context(bits_for(request.digits) + 32)
    sums = accumulate(ctx.convert(part) for part in parts)
    rows = tuple(
        Coefficient(p, decimal(v, digits), decimal(ctx.convert(part) / total, digits), decimal(s / total, digits))
        for p, (v, part, s) in enumerate(zip(values, parts, sums, strict=True))
    )
    facts = kernel_facts(kernel, digits)
    own = request.which, len(rows) - 1, request.paper_truncation
    return Coefficients(facts, digits, engine, *own, rows, decimal(tail, digits))
