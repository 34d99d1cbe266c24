"""Zonal functions: weights, multiplicities and volumes against exact rational integration on the sphere."""

from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import comb, prod

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc.numerics.precision import context, decimal
from ntkcalc.spectrum.zonal import harmonic_sums, heaviest, multiplicity, volume, weight

SPHERES = [2, 3, 4, 7, 50, 343, 10_000]
PLENTY = 200  # bits: an error of 2**-180 leaves 20 of them to the roundings of some Γ functions


@cache
def moment(m: int, d: int) -> Fraction:
    """E[t^m] on S^d: (m−1)!!/((d+1)(d+3)…(d+m−1)), from B((m+1)/2, d/2)/B(1/2, d/2)."""
    return Fraction(0) if m % 2 else prod((Fraction(j + 1, d + 1 + j) for j in range(0, m, 2)), start=Fraction(1))


@cache
def gegenbauer(k: int, d: int) -> tuple[Fraction, ...]:
    """Coefficients of P_k, P_k(1) = 1, orthogonal for (1−t²)^{(d−2)/2}."""
    if k < 2:
        return (Fraction(1),) if k == 0 else (Fraction(0), Fraction(1))
    rise = [Fraction(0), *(Fraction(2 * k + d - 3, k + d - 2) * c for c in gegenbauer(k - 1, d))]
    fall = [Fraction(k - 1, k + d - 2) * c for c in gegenbauer(k - 2, d)] + [Fraction(0)] * 2
    return tuple(a - b for a, b in zip(rise, fall, strict=True))


@cache
def integral(p: int, k: int, d: int) -> Fraction:
    """E[t^p P_k(t)], exactly."""
    return sum((c * moment(p + j, d) for j, c in enumerate(gegenbauer(k, d))), start=Fraction(0))


def relative_error(ours: object, truth: Fraction) -> float:
    """|ours/truth − 1|, for numbers beyond the range of floats too."""
    with mpmath.workprec(4 * PLENTY):
        return float(abs(mpmath.mpf(ours) * truth.denominator / truth.numerator - 1))


@pytest.mark.parametrize(("p", "k", "d"), [(0, 0, 2), (2, 0, 3), (5, 3, 2), (7, 1, 5), (8, 8, 4), (12, 6, 9)])
def test_the_exact_integral_is_that_of_the_definition(p: int, k: int, d: int) -> None:
    def integrated(power: int, degree: int) -> mpmath.mpf:
        order = mpmath.mpf(d - 1) / 2

        def integrand(t: mpmath.mpf) -> mpmath.mpf:
            harmonic = mpmath.gegenbauer(degree, order, t) / mpmath.gegenbauer(degree, order, 1)
            return t**power * harmonic * (1 - t * t) ** (mpmath.mpf(d - 2) / 2)

        return mpmath.quad(integrand, [-1, 0, 1])

    with mpmath.workdps(30):
        # 30 digits, of which quadrature and cancellation may cost a few
        assert relative_error(integrated(p, k) / integrated(0, 0), integral(p, k, d)) < 1e-22


@pytest.mark.parametrize("d", SPHERES)
def test_weights_are_the_exact_integrals(d: int) -> None:
    ctx = context(PLENTY)
    for k in (0, 1, 2, 3, 8, 21):
        for p in (*range(k, k + 12, 2), k + 60):
            assert relative_error(weight(ctx, p, k, d), integral(p, k, d)) < 2.0 ** (20 - PLENTY)


@pytest.mark.parametrize("d", SPHERES)
def test_powers_below_the_frequency_or_of_the_other_parity_weigh_nothing(d: int) -> None:
    assert all(integral(p, k, d) == 0 for k in (1, 2, 5, 8) for p in range(14) if p < k or (p - k) % 2)
    for p in range(8):
        alone = [context(64).mpf(int(q == p)) for q in range(8)]
        for k, (total, _) in enumerate(harmonic_sums(alone, d, 10, 64)):
            assert (total == 0) == (p < k or (p - k) % 2 == 1)


@pytest.mark.parametrize("d", SPHERES)
def test_sums_are_the_exact_ones(d: int) -> None:
    c = [Fraction(1 + 7 * p % 5, 1 + p * p) if p % 3 != 1 else Fraction(0) for p in range(40)]
    ctx = context(2 * PLENTY)
    reals = [ctx.mpf(x.numerator) / x.denominator for x in c]
    for k, (total, shorter) in enumerate(harmonic_sums(reals, d, 45, PLENTY)):
        for found, terms in ((total, 40), (shorter, 20)):  # all p ≤ 39, and p ≤ 19
            truth = sum((x * integral(p, k, d) for p, x in enumerate(c[:terms]) if p >= k), start=Fraction(0))
            assert relative_error(found, truth) < 2.0**-PLENTY if truth else found == 0


@given(st.integers(2, 60), st.integers(0, 12), st.integers(0, 15))
def test_a_power_is_the_sum_of_its_harmonics(d: int, p: int, more: int) -> None:
    # t^p = Σ_k N(d, k) w_{p,k} P_k(t), and P_k(1) = 1; frequencies beyond p add nothing
    alone = [context(PLENTY).mpf(int(q == p)) for q in range(p + 1)]
    sums = harmonic_sums(alone, d, p + more, PLENTY)
    total = sum(multiplicity(d, k) * s for k, (s, _) in enumerate(sums))
    assert abs(total - 1) < 2.0 ** (8 - PLENTY)  # p + 1 terms, all positive, right to 2**-PLENTY each


# ---------------------------------------------------------------- where weights are largest


@pytest.mark.parametrize("d", [2, 3, 4, 9, 100])
def test_weights_rise_to_one_peak_and_fall(d: int) -> None:
    for k in (0, 1, 2, 3, 6, 11, 16):
        ps = range(k, k + 2 * (k * (k + d) // d + 6), 2)
        values = [integral(p, k, d) for p in ps]
        rises = [b > a for a, b in pairwise(values)]
        assert rises == sorted(rises, reverse=True)
        assert not rises[-1], "the peak lies inside"
        assert values[rises.index(False)] == integral(heaviest(-1, k, d), k, d)


@pytest.mark.parametrize("d", [2, 3, 5, 20])
def test_the_heaviest_power_beyond_any_other_is_found(d: int) -> None:
    for k in (0, 1, 4, 7, 12):
        # beyond k(k+d−1)/d weights only fall (test above), so that these are all that can be heaviest
        last = 2 * (k * (k + d) // d + 6) + 60
        for after in (*range(-1, 30), 55):
            p = heaviest(after, k, d)
            assert p > after
            assert p >= k
            assert (p - k) % 2 == 0
            assert integral(p, k, d) == max(integral(q, k, d) for q in range(max(after + 1, k), last))


@given(st.integers(2, 10_000), st.integers(0, 5000), st.integers(-1, 20_000))
def test_no_neighbour_of_the_heaviest_power_is_heavier(d: int, k: int, after: int) -> None:
    p = heaviest(after, k, d)
    assert p >= max(k, after + 1)
    ratio = Fraction((p + 1) * (p + 2), (p - k + 2) * (p + k + d + 1))  # w_{p+2,k}/w_{p,k}, exactly
    assert ratio <= 1
    if p - 2 >= max(k, after + 1):
        assert Fraction((p - 1) * p, (p - k) * (p + k + d - 1)) >= 1


def test_the_first_power_after_the_truncation_need_not_be_the_heaviest() -> None:
    # theory.md, section 3: d = 2, k = 16, T = 50 is where the first one alone gives a wrong bound
    assert heaviest(50, 16, 2) > 52
    assert integral(heaviest(50, 16, 2), 16, 2) > integral(52, 16, 2)


# ---------------------------------------------------------------- dimensions and volumes


@pytest.mark.parametrize("d", [*SPHERES, 9999])
def test_multiplicity_is_the_dimension_of_the_harmonics(d: int) -> None:
    assert multiplicity(d, 0) == 1
    for k in (1, 2, 3, 4, 17, 200, 5000):
        assert multiplicity(d, k) * k == (2 * k + d - 1) * comb(k + d - 2, d - 1)  # N(d, k) of theory.md


@pytest.mark.parametrize("d", SPHERES)
def test_harmonics_span_the_polynomials_on_the_sphere(d: int) -> None:
    # of degree ≤ K: those of degree K and K − 1 in d + 1 variables, for |x|² = 1
    for highest in (0, 1, 2, 9, 60):
        spanned = comb(highest + d, d) + (comb(highest - 1 + d, d) if highest else 0)
        assert sum(multiplicity(d, k) for k in range(highest + 1)) == spanned


def test_on_the_two_sphere_there_are_2k_plus_1() -> None:
    assert [multiplicity(2, k) for k in range(50)] == [2 * k + 1 for k in range(50)]


@pytest.mark.parametrize("d", [2, 3, 4, 5, 49, 343, 9999, 10_000])
def test_volumes_follow_their_recursion(d: int) -> None:
    # Vol(S^d) = 2π/(d−1) Vol(S^{d−2}), Vol(S^0) = 2, Vol(S^1) = 2π
    with mpmath.workprec(PLENTY + 64):
        truth = mpmath.mpf(2) if d % 2 == 0 else 2 * mpmath.pi
        for n in range(2 + d % 2, d + 1, 2):
            truth *= 2 * mpmath.pi / (n - 1)
        assert abs(mpmath.mpf(volume(d, PLENTY)) / truth - 1) < mpmath.mpf(2) ** -PLENTY


def test_the_volume_of_the_two_sphere_is_4_pi() -> None:
    assert decimal(volume(2, 100), 20) == Decimal("12.566370614359172954")
