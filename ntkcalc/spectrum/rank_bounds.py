r"""Bounds on effective ranks eff(A) = Tr A/λ_1(A) from the coefficients alone: Theorems 4.1 and 4.3.

With K = Θ(XXᵀ)/n = Σ_p c_p G^{∘p}/n and G = XXᵀ of unit diagonal, every G^{∘p} is positive semidefinite with trace n.
So :math:`λ_1(K) ≥ c_0`, whence eff(K) ≤ S_l/c_0 (Theorem 4.1). For K̃ = K − (c_0/n) 11ᵀ, with q ≥ 1 the least degree
of a nonzero coefficient, :math:`λ_1(\tilde K) ≥ c_q λ_1(G^{∘q})/n`, whence

.. math::  \mathrm{eff}(\tilde K) ≤ \mathrm{eff}(G^{∘q}) \sum_{p ≥ q} c_p / c_q ,

which is Theorem 4.3 for q = 1 and holds for q > 1 too, where Theorem 4.3 does not apply.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import accumulate

from ntkcalc.kernel.hyperparameters import Given, Kernel, kernel_facts
from ntkcalc.kernel.results import KernelFacts
from ntkcalc.numerics.precision import Real, bits_for, context, decimal, python_integers, real, whole
from ntkcalc.numerics.types import Observer
from ntkcalc.series.coefficients import MOST_DIGITS, kappa_by_depth
from ntkcalc.series.given_series import GivenSeries
from ntkcalc.spectrum.results import RankBounds

_SEARCHED = (1, 8, 64)  # degrees among which c_q is looked for, more where all of those before are zero


@python_integers
def effective_rank_bounds(
    act: str,
    depth: int = 2,
    *,
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
    digits: int = 12,
) -> RankBounds:
    """Return the bounds of Theorems 4.1 and 4.3 for a kernel.

    Parameters
    ----------
    act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel : the kernel: see `ntk_coefficients`
    digits : significant digits, rounded up

    Returns
    -------
    RankBounds
        With None where a theorem does not apply.

    Raises
    ------
    InputError
        For a kernel that makes no sense.

    Examples
    --------
    For two layers of relu eff(K) ≤ 3π/(π + 1), whatever the data:

    >>> str(effective_rank_bounds("relu", digits=6).bound)
    '2.27565'
    """
    found = Kernel.of(act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel).checked()
    return kernel_bounds(found, digits)


def kernel_bounds(kernel: Kernel, digits: int) -> RankBounds:
    """Return the bounds of a kernel: see `effective_rank_bounds`."""
    return bounds_by_depth(kernel, [kernel.depth], digits)[0]


def bounds_by_depth(
    kernel: Kernel, depths: Sequence[int], digits: int, observer: Observer | None = None
) -> list[RankBounds]:
    """Return the bounds of a kernel at several depths ≤ kernel.depth."""
    whole(digits, "digits", 1, MOST_DIGITS)
    bits = bits_for(digits) + 16
    known: dict[int, tuple[list[Real], list[Real]]] = {}
    late = [*depths]
    for degree in _SEARCHED:
        known |= kappa_by_depth(kernel.at_depth(max(late)), late, degree, bits, observer)
        late = [depth for depth in late if depth > 1 and not any(known[depth][0][1:]) and known[depth][1][0]]
        if not late:
            break
    return [series_bounds(*known[d], kernel_facts(kernel.at_depth(d), digits), digits, bits) for d in depths]


def given_bounds(given: GivenSeries, digits: int) -> RankBounds:
    """Return the bounds of a series from a file; there are none where its tail is unknown."""
    whole(digits, "digits", 1, MOST_DIGITS)
    if given.tail is None:
        return RankBounds(given.kernel, digits, None, None, None, None)
    digits = given.known(digits)
    bits = bits_for(digits) + 16
    ctx = context(bits + 8)
    widest = (1 + given.error) / (1 - given.error)  # what rounding in the file can do to a ratio
    tails = [widest * tail for tail in accumulate(reversed(given.coefficients[1:]), initial=given.tail)][::-1]
    coefficients, left = ([real(ctx, c) for c in series] for series in (given.coefficients, tails))
    return series_bounds(coefficients, left, given.kernel, digits, bits)


def series_bounds(
    c: Sequence[Real], tails: Sequence[Real], kernel: KernelFacts | None, digits: int, bits: int
) -> RankBounds:
    """Return the bounds of Theorem 4.1 and Theorem 4.3, rounded up.

    They follow from c_0 … c_T and τ_p = Σ_{i>p} c_i, which are known to relative errors below 2**-bits.
    """
    if len(c) == 1:
        c, tails = [*c, 0 * c[0]], [*tails, tails[0]]
    safe = 1 + c[0].context.ldexp(1, 4 - bits)

    def ratio(p: int) -> Decimal | None:
        """(Σ_{i≥p} c_i)/c_p = 1 + τ_p/c_p, rounded up."""
        if not c[p]:
            return None
        return decimal((1 + tails[p] / c[p]) * safe, digits, ROUND_CEILING) if tails[p] else Decimal(1)

    q = next((p for p, x in enumerate(c) if p and x), None)
    return RankBounds(kernel, digits, ratio(0), ratio(1), q, None if q is None else ratio(q))
