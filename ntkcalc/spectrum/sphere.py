r"""Eigenvalues of the kernel's integral operator on S^d: every digit, and the two-sided bracket of Theorem 4.6.

From c_0 … c_T and what is left of each parity class, which is (Θ(1) ± Θ(−1))/2 less its partial sum,

.. math::  \sum_{p≤T} c_p w_{p,k} \;≤\; λ_k \;≤\; \sum_{p≤T} c_p w_{p,k} + \max_{p>T} w_{p,k} \sum_{p>T, p≡k} c_p .

Where the bracket closes to the digits asked for, it is the answer: at once on spheres of high dimension, with more
terms for smooth activations. Else quadrature of the kernel gives λ_k (`ntkcalc.spectrum.funk_hecke`), and the bracket
must contain it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from math import floor, sqrt

from ntkcalc.errors import AccuracyError, InputError, one_of
from ntkcalc.kernel.hyperparameters import Given, Kernel, kernel_facts
from ntkcalc.kernel.recursion import origin_gap, theta
from ntkcalc.kernel.results import KernelFacts
from ntkcalc.numerics.precision import (
    BITS_PER_DIGIT,
    Real,
    bits_for,
    context,
    decimal,
    log2,
    python_integers,
    real,
    whole,
)
from ntkcalc.numerics.types import Observer, stage
from ntkcalc.series.coefficients import MOST_DIGITS, MOST_TERMS, kappa_and_tails
from ntkcalc.series.given_series import GivenSeries
from ntkcalc.spectrum.funk_hecke import funk_hecke
from ntkcalc.spectrum.results import SphereEigenvalue, SphereSpectrum
from ntkcalc.spectrum.zonal import harmonic_sums, heaviest, multiplicity, volume, weight

MEASURES = ("uniform", "surface")
LARGEST_SPHERE = 10_000
MOST_FREQUENCIES = 5000
_FIRST_TERMS = 64
_LONGEST = 2000  # terms beyond which quadrature is faster
_NEAR = 0.02  # 1 − Σ_{l−1}(0) below which quadrature is faster from the start


@python_integers
def sphere_eigenvalues(
    act: str,
    depth: int = 2,
    truncation: int | None = None,
    *,
    sphere_dim: int,
    max_frequency: int = 10,
    measure: str = "uniform",
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
    digits: int = 12,
) -> SphereSpectrum:
    r"""Return the eigenvalues λ_k of the NTK on the sphere S^d (Theorem 4.6), every digit right.

    Parameters
    ----------
    act : activation such as ``"tanh"``
    depth : l ≥ 1, layers including the linear output
    truncation
        T of the bracket; None takes as many terms as serve. The eigenvalues do not depend on it.
    sphere_dim, max_frequency : d from 2 to 10,000, S^d ⊂ R^{d+1}, and the largest k
    measure : ``"uniform"``, the probability measure, or ``"surface"``, which has mass Vol(S^d) (Theorem 4.6)
    sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel : variances, and NTK or NNGP kernel: see `ntk_coefficients`
    digits : significant digits, each right to one unit in the last place

    Returns
    -------
    SphereSpectrum
        λ_0 … λ_K with lower and upper bounds and multiplicities.

    Raises
    ------
    InputError
        For arguments out of range.
    AccuracyError
        Where the digits cannot be reached.

    Examples
    --------
    The identity has the eigenvalue 1/(d + 1), d + 1 times:

    >>> first = sphere_eigenvalues("linear", 1, sphere_dim=3, max_frequency=1).eigenvalues[1]
    >>> str(first.eigenvalue), first.multiplicity
    ('0.25', 4)
    """
    found = Kernel.of(act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel).checked()
    return kernel_spectrum(found, Sphere(sphere_dim, max_frequency, measure), truncation, digits)


@dataclass(frozen=True)
class Sphere:
    """S^d, the frequencies k ≤ K that are wanted, and the measure."""

    dim: int
    highest: int
    measure: str = "uniform"

    def __post_init__(self) -> None:
        if not 2 <= whole(self.dim, "sphere_dim") <= LARGEST_SPHERE:
            raise InputError(f"sphere_dim must lie in 2 to {LARGEST_SPHERE} (S^d in d + 1 dimensions), got {self.dim}")
        whole(self.highest, "max_frequency", 0, MOST_FREQUENCIES)
        one_of(self.measure, MEASURES, "measure")

    def mass(self, bits: int) -> Real:
        """Return the measure of the whole sphere."""
        return volume(self.dim, bits) if self.measure == "surface" else context(bits).one


@dataclass(frozen=True)
class Bracket:
    """Bounds of one λ_k (uniform measure); no upper one where the series' total is unknown."""

    lower: Real
    upper: Real | None
    shorter: Real  # the sum over half as many terms, which tells the rate of convergence

    def closed(self, bits: int) -> bool:
        """Whether both bounds are the same number to so many bits."""
        return self.upper is not None and self.upper - self.lower <= self.lower * self.lower.context.ldexp(1, -bits)

    @property
    def middle(self) -> Real:
        """The middle of a bracket with an upper bound."""
        return (self.lower + self.upper) / 2

    def digits_left(self, digits: int) -> int:
        """Return to how many digits, `digits` at most, the middle is right to one unit in the last place."""
        if self.upper is None or not self.upper > 0:
            return digits if self.upper is not None else 0
        gap = self.upper - self.lower
        left = (log2(self.middle) - log2(gap)) / BITS_PER_DIGIT if gap else digits
        return max(0, min(digits, floor(left)))

    def terms_needed(self, terms: int, bits: int) -> float:
        """Return the number of terms that would close it, if the gap falls like exp(−a √T)."""
        if self.closed(bits) or self.upper is None:
            return terms
        gap, earlier = self.upper - self.lower, self.upper - self.shorter
        if not self.lower or gap >= earlier:
            return float("inf")
        gained = max(log2(earlier) - log2(gap), 1e-9)
        missing = bits + log2(gap) - log2(self.lower)
        return (sqrt(terms) + missing * (sqrt(terms) - sqrt(terms / 2)) / gained) ** 2 * 1.05 + 16


def kernel_spectrum(
    kernel: Kernel, sphere: Sphere, truncation: int | None, digits: int, observer: Observer | None = None
) -> SphereSpectrum:
    """Return the spectrum of a kernel (Theorem 4.6): see `sphere_eigenvalues`."""
    _check(truncation, digits)
    bits = bits_for(digits) + 8
    terms, brackets = _widest_series(kernel, sphere, bits, observer)
    open_ones = {k: b.lower for k, b in enumerate(brackets) if not b.closed(bits)}
    found = funk_hecke(kernel, sphere.dim, open_ones, bits - 3, observer) if open_ones else {}
    values = [found.get(k, b.lower) for k, b in enumerate(brackets)]
    if truncation is not None and truncation != terms:
        terms, brackets = truncation, kernel_brackets(kernel, sphere, truncation, bits, observer)
    facts = kernel_facts(kernel, digits)
    return _spectrum(facts, sphere, terms, digits, bits, brackets, values, kernel.total(bits))


def given_spectrum(
    given: GivenSeries, sphere: Sphere, truncation: int | None, digits: int, observer: Observer | None = None
) -> SphereSpectrum:
    """Return the spectrum of a series from a file (Theorem 4.6): of λ_k the digits that its bracket leaves."""
    _check(truncation, digits)
    digits = given.known(digits)
    bits = bits_for(digits) + 8
    ctx = context(bits + 16)
    less, more = (real(ctx, 1 - given.error), real(ctx, 1 + given.error))
    last = len(given.coefficients) - 1

    def brackets(terms: int) -> tuple[list[Bracket], Fraction | None]:
        """Return them from c_0 … c_T, and the series' total."""
        c, rest = given.coefficients[: terms + 1], given.coefficients[terms + 1 :]
        tail = None if given.tail is None else given.tail + sum(rest)
        tails = None if tail is None else (real(ctx, tail), real(ctx, tail))
        exact = _brackets([real(ctx, x) for x in c], tails, sphere, bits, observer)
        wider = [Bracket(less * b.lower, b.upper and more * b.upper, b.shorter) for b in exact]
        return wider, None if tail is None else tail + sum(c)

    all_there, total = brackets(last)
    known = [b.digits_left(digits) for b in all_there]
    values = [b.middle if n else None for b, n in zip(all_there, known, strict=True)]
    terms = last if truncation is None else min(last, truncation)
    shown = all_there if terms == last else brackets(terms)[0]
    return _spectrum(given.kernel, sphere, terms, digits, bits, shown, values, total and real(ctx, total), known)


def _widest_series(kernel: Kernel, sphere: Sphere, bits: int, observer: Observer | None) -> tuple[int, list[Bracket]]:
    """Return brackets from as many terms as cost less than quadrature.

    The terms that the lower half of the frequencies needs tell whether the series converges fast. Where Σ_{l−1}(0) is
    near 1, terms are expensive.
    """
    terms = max(_FIRST_TERMS, 2 * sphere.highest)
    longest = _LONGEST if float(origin_gap(kernel)) > _NEAR else 0
    while True:
        brackets = kernel_brackets(kernel, sphere, terms, bits, observer)
        needed = [b.terms_needed(terms, bits) for b in brackets]
        if max(needed) <= terms or max(needed[: len(needed) // 2 + 1]) > longest or terms > longest:
            return terms, brackets
        terms = int(min(max(*needed, 1.1 * terms), 2 * terms))


def kernel_brackets(
    kernel: Kernel, sphere: Sphere, terms: int, bits: int, observer: Observer | None = None
) -> list[Bracket]:
    """Return the brackets of λ_0 … λ_K from c_0 … c_T, relative errors below 2**-bits.

    A parity class whose upper half of computed coefficients is exactly zero has no later ones: the even or odd part of
    φ is then a polynomial (relu is x/2 plus an even function). The remainder of that class from Θ(±1) must agree.
    """
    stage(observer, f"series of {terms} terms")
    c, tails = kappa_and_tails(kernel, terms, bits + 8)
    ctx = context(bits + 40)
    total, mirrored = (ctx.convert(x) for x in (kernel.total(bits + 16), theta(kernel, Fraction(-1), bits + 16)))
    noise = ctx.ldexp(total, -bits)
    left = []
    for parity in (0, 1):
        rest = (total + (-1) ** parity * mirrored) / 2 - sum(c[parity::2], ctx.zero)
        empty = not any(c[parity::2][terms // 4 :]) and terms >= 8 and rest < noise
        left.append(ctx.zero if empty else min(ctx.convert(tails[-1]), max(rest, ctx.zero) + noise))
    return _brackets(c, (left[0], left[1]), sphere, bits, observer)


def _brackets(
    c: Sequence[Real], tails: tuple[Real, Real] | None, sphere: Sphere, bits: int, observer: Observer | None
) -> list[Bracket]:
    """Return the brackets from coefficients and the tails of even and odd degrees."""
    d, ctx = sphere.dim, context(bits + 24)
    found: list[Bracket] = []
    sums = harmonic_sums(c, d, sphere.highest, bits + 8, stage(observer, "frequencies"))
    steps = stage(observer, "bounds of frequencies")
    for k, (lower, shorter) in enumerate(sums):
        upper = None
        if tails is not None:
            tail = tails[k % 2]
            upper = lower + (tail * weight(ctx, heaviest(len(c) - 1, k, d), k, d) if tail else 0)
        found.append(Bracket(lower, upper, shorter))
        if steps is not None:
            steps(k, sphere.highest)
    return found


def _spectrum(
    facts: KernelFacts | None,
    sphere: Sphere,
    terms: int,
    digits: int,
    bits: int,
    brackets: Sequence[Bracket],
    values: Sequence[Real | None],
    total: Real | None,
    known: Sequence[int] | None = None,
) -> SphereSpectrum:
    """Round everything once: values to nearest, to as many digits as are known, bounds outwards."""
    mass = sphere.mass(bits + 8)
    ctx = context(bits + 8)
    safe, cumulative = ctx.ldexp(1, 4 - bits), ctx.zero
    rows = []
    for k, (bracket, value) in enumerate(zip(brackets, values, strict=True)):
        lower, upper = bracket.lower * (1 - safe), None if bracket.upper is None else bracket.upper * (1 + safe)
        if value is not None and (value < lower or (upper is not None and value > upper)):
            raise AccuracyError(f"quadrature and series disagree on the eigenvalue of frequency {k}; lower --digits")
        count = multiplicity(sphere.dim, k)
        share = None if value is None or not total else count * value / total
        cumulative = None if share is None or cumulative is None else cumulative + share
        own, least = (known[k], min(known[: k + 1])) if known else (digits, digits)
        rows.append(
            SphereEigenvalue(
                k,
                _to_nearest(value, mass, own),
                decimal(lower * mass, digits, ROUND_FLOOR),
                None if upper is None else decimal(upper * mass, digits, ROUND_CEILING),
                count,
                _to_nearest(share, ctx.one, own if own == digits else max(own - 1, 1)),
                _to_nearest(cumulative, ctx.one, least if least == digits else max(least - 1, 1)),
            )
        )
    everything = _to_nearest(total, mass, digits)
    return SphereSpectrum(facts, sphere.dim, sphere.measure, terms, digits, tuple(rows), everything)


def _to_nearest(value: Real | None, mass: Real, digits: int) -> Decimal | None:
    return None if value is None else decimal(value * mass, digits)


def _check(truncation: int | None, digits: int) -> None:
    if truncation is not None:
        whole(truncation, "truncation", 0, MOST_TERMS)
    whole(digits, "digits", 1, MOST_DIGITS)
