"""High-precision reals: from decimal text, in a private mpmath context, at a precision raised until it suffices.

Numbers enter as decimal text and become exact fractions; they leave as correctly rounded `decimal.Decimal`. In
between they are mpmath reals of a private context, so that the caller's ``mpmath.mp`` is never touched.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Decimal
from decimal import Context as DecimalContext
from fractions import Fraction
from functools import cache, lru_cache, wraps
from numbers import Integral
from typing import Any, ParamSpec, TypeAlias, TypeVar

from ntkcalc.errors import AccuracyError, InputError

Real: TypeAlias = Any
"""A real number of some `Context` (mpmath ships no type for it)."""

Context: TypeAlias = Any
"""An mpmath multiprecision context."""

T = TypeVar("T")
P = ParamSpec("P")

BITS_PER_DIGIT = math.log2(10)

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONGEST = 2000  # characters of decimal text that we read
_LARGEST = 1000  # decimal exponent that we read
_STEP = 32  # bits between the contexts that there are


def context(bits: int) -> Context:
    """Return the private mpmath context that computes with `bits` bits, or up to 31 more."""
    return _context(-(-bits // _STEP) * _STEP)


@lru_cache(maxsize=64)
def _context(bits: int) -> Context:
    ctx = _context_class()()
    ctx.prec = bits
    return ctx


@cache
def _context_class() -> type[Any]:
    """Return mpmath's class of contexts that inherit its functions, which ``clone`` wraps anew in 2 ms."""
    import mpmath

    return type("PrivateContext", (type(mpmath.mp),), {"defined_functions": {}})


def bits_for(digits: int) -> int:
    """Return the bits whose rounding error is below 1/20 unit in the last of `digits` digits."""
    return math.ceil((digits + 1.31) * BITS_PER_DIGIT)


def exact(
    text: str | int | float | Fraction | Decimal, what: str, such_as: str = "a decimal number such as 0.5"
) -> Fraction:
    """Return the exact value of decimal text (``"0.1"`` is one tenth).

    A float stands for its shortest decimal text, so ``0.1`` means one tenth too. Anything but a finite decimal number
    of reasonable size is an `InputError`, in which the quantity is called `what`.
    """
    if isinstance(text, Fraction | int):
        return Fraction(text)
    written = str(text).strip()
    if len(written) > _LONGEST:
        raise InputError(f"{what} must be a number of at most {_LONGEST} characters, got {len(written)}")
    if not _DECIMAL.fullmatch(written):
        raise InputError(f"{what} must be {such_as}, got '{written[:60]}'")
    _, _, exponent = written.lower().partition("e")
    if abs(int(exponent or 0)) > _LARGEST:
        raise InputError(f"{what} must lie within 1e-{_LARGEST} and 1e{_LARGEST}, got '{written[:60]}'")
    return Fraction(written)


def rational(text: str | int | float | Fraction | Decimal, what: str) -> Fraction:
    """Return the exact value of decimal text or of a fraction such as ``"1/3"``; see `exact`."""
    parts = text.split("/") if isinstance(text, str) else [text]
    such_as = "a number such as 0.5 or 1/3"
    if len(parts) != 2:
        return exact(text, what, such_as)
    above, below = (exact(part, what, such_as) for part in parts)
    if not below:
        raise InputError(f"{what} must be a finite number, got '{text!s:.60}'")
    return above / below


def whole(value: object, what: str, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number as it is; raise an `InputError` for anything else, and below `least` or above `most`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{what} must be a whole number, got {value!r:.40}")
    if least is not None and (value < least or (most is not None and value > most)):
        bounds = f"be at least {least}" if most is None else f"lie in {least} to {most}"
        raise InputError(f"{what} must {bounds}, got {value}")
    return value


def python_integers(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function take integers of any type, such as NumPy's, which overflow in long arithmetic."""

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> T:
        return function(*map(_python_integer, args), **{k: _python_integer(v) for k, v in options.items()})

    return call


def _python_integer(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_python_integer, value)) if any(isinstance(v, Integral) for v in value) else value
    return int(value) if isinstance(value, Integral) and not isinstance(value, int) else value


def real(ctx: Context, value: Fraction | Real) -> Real:
    """Return a fraction as a real of `ctx`, rounded once, or a real of another context with all its bits."""
    return ctx.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else ctx.convert(value)


def dyadic(x: Real, bits: int) -> Fraction:
    """Return a positive real as a rational number, its mantissa cut to so many bits."""
    mantissa, exponent = (int(part) for part in x.man_exp)
    surplus = max(mantissa.bit_length() - bits, 0)
    return Fraction(mantissa >> surplus) * Fraction(2) ** (exponent + surplus)


def log2(x: Real) -> float:
    """Return the binary logarithm of a positive real, beyond the range of floats too."""
    mantissa, exponent = int(x.man), int(x.exp)
    surplus = max(mantissa.bit_length() - 60, 0)
    return math.log2(mantissa >> surplus) + surplus + exponent


def log_factorial(n: float) -> float:
    """Return log2 of n!."""
    return math.lgamma(n + 1) / math.log(2)


def log_falling(k: int, m: int) -> float:
    """Return log2 of k(k − 1)…(k − m + 1), rounded down."""
    return log_factorial(k) - log_factorial(k - m) - 1e-9 * k


def log_binomial(k: int, j: int, log_a: float, log_delta: float) -> float:
    """Return log2 of the chance of j hits in k trials of chance δ = 1 − a."""
    ways = (math.lgamma(k + 1) - math.lgamma(j + 1) - math.lgamma(k - j + 1)) / math.log(2)
    return float(ways + (k - j) * log_a + j * log_delta)


def log_chance(n: int, m: int, log_a: float, log_delta: float) -> float:
    """Return log2 of Chernoff's bound on the chance of m or more hits in n trials of chance δ = 1 − a."""
    x = m / n
    if x >= 1 or math.log2(x) <= log_delta:
        return 0.0 if x < 1 else n * log_delta if m == n else -math.inf
    return -n * (x * (math.log2(x) - log_delta) + (1 - x) * (math.log2(1 - x) - log_a))


def mpfr_context(bits: int) -> Any:
    """Return the context, for a with statement, of numbers of MPFR that neither overflow nor underflow."""
    import gmpy2

    return gmpy2.context(precision=bits, emax=gmpy2.get_emax_max(), emin=gmpy2.get_emin_min())


def to_mpfr(x: Real) -> Any:
    """Return an mpmath real as a number of MPFR, whose long recurrences are ten times faster."""
    sign, mantissa, exponent, _ = x._mpf_
    return (-mantissa if sign else mantissa) * power_of_two(exponent)


@lru_cache(maxsize=1 << 14)
def power_of_two(exponent: int) -> Any:
    """Return an exact number of MPFR; an integer of GMP times it is made five times faster than by ``gmpy2.mpfr``."""
    import gmpy2

    with mpfr_context(2):
        return gmpy2.exp2(exponent)


def from_mpfr(ctx: Context, x: Any) -> Real:
    """Return a number of MPFR as an mpmath real."""
    from mpmath.libmp import from_man_exp

    mantissa, exponent = x.as_mantissa_exp()
    return ctx.make_mpf(from_man_exp(mantissa, int(exponent), ctx.prec, "n"))


def mpfr_log2(x: Any) -> float:
    """Return log2 |x| of a number of MPFR or an integer of GMP, −∞ of 0."""
    import gmpy2

    if not x:
        return -math.inf
    exponent, mantissa = gmpy2.frexp(x)
    return math.log2(abs(mantissa)) + int(exponent)


def decimal(x: Real | Fraction | float, digits: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Return `x` rounded once to `digits` significant decimal digits, where it is beyond 2**±20000 nearly so."""
    rounded = DecimalContext(prec=digits, rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN)
    if isinstance(x, float):
        return rounded.create_decimal_from_float(x)
    if isinstance(x, Fraction | int):
        return rounded.divide(Decimal(Fraction(x).numerator), Decimal(Fraction(x).denominator))
    mantissa, exponent = x.man_exp  # of |x|
    signed = int(mantissa) if x >= 0 else -int(mantissa)
    if abs(exponent) > 20_000:  # whose power of two is too long to be written out
        wide = DecimalContext(prec=digits + 40, Emax=MAX_EMAX, Emin=MIN_EMIN)
        return rounded.multiply(signed, wide.power(2, int(exponent)))
    if exponent < 0:
        return rounded.divide(Decimal(signed), Decimal(1 << -int(exponent)))
    return rounded.plus(Decimal(signed << int(exponent)))


def decimal_text(value: Fraction) -> str:
    """Return the shortest decimal text of a fraction that came from decimal text, exactly."""
    exactly = DecimalContext(prec=4000)
    text = exactly.divide(Decimal(value.numerator), Decimal(value.denominator)).normalize(exactly)
    plain = f"{text:f}"
    return plain if len(plain) <= 40 else str(text).lower()


def short_text(value: Fraction) -> str:
    """Return a fraction as a message shows it: exactly where that is short, else 12 digits."""
    found = DecimalContext(prec=4000).divide(Decimal(value.numerator), Decimal(value.denominator))
    return decimal_text(value) if len(found.as_tuple().digits) <= 40 else str(decimal(value, 12).normalize()).lower()


def with_enough_bits(attempt: Callable[[int], tuple[T, float]], bits: int, extra: int, most: int) -> T | None:
    """Return a result with relative error below 2**-bits, or None where `most` extra bits are too few for that.

    An attempt gives, from a precision in bits, a result and how many of these bits it lost (`bits_lost`). The first
    has `extra` bits more than are wanted, the next 8 more than were lost or, where none is left, four times as many.
    """
    while True:
        result, lost = attempt(bits + extra)
        if lost <= extra:
            return result
        if extra >= most:
            return None
        extra = min(most, math.ceil(lost) + 8 if lost < bits + extra else 4 * extra)


def bits_lost(value: Real, error: Real, bits: int) -> float:
    """Return how many of `bits` bits a value with this absolute error has lost: −∞ if it is exact, ∞ if 0 ± error."""
    if not error:
        return -math.inf
    return bits + log2(error) - log2(abs(value)) if value else math.inf


def first_agreement(results: Iterable[Sequence[Real]], bits: int) -> Sequence[Real] | None:
    """Return the first result whose numbers differ by at most 2**-bits, relatively, from those of the result before."""
    from ntkcalc.numerics.mpfr_series import mpfr_numbers

    before: list[Any] = []
    for found in results:
        with mpfr_context(bits + 64):
            numbers, unit = mpfr_numbers(found), power_of_two(-bits)
            if before and all(abs(y - x) <= abs(y) * unit for x, y in zip(before, numbers, strict=True)):
                return found
        before = numbers
    return None


def agreed(compute: Callable[[int], Sequence[Real]], bits: int) -> Sequence[Real]:
    """Return what `compute` gives at enough bits that doubling the guard bits changes no value by 2**-bits.

    For formulas with a subtraction in them, whose loss is not known beforehand.
    """
    guards = [48 << i for i in range(12)]
    found = first_agreement((compute(bits + guard) for guard in guards), bits + 4)
    if found is None:
        raise AccuracyError(f"cancellation leaves fewer than {bits} of {bits + guards[-1]} bits")
    return found
