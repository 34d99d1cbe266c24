"""Numbers: exact on the way in, correctly rounded on the way out, as precise as needed in between."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc import AccuracyError, InputError
from ntkcalc.numerics.mpfr_series import rounded
from ntkcalc.numerics.precision import (
    agreed,
    bits_for,
    bits_lost,
    context,
    decimal,
    exact,
    first_agreement,
    log2,
    mpfr_context,
    real,
    to_mpfr,
    whole,
    with_enough_bits,
)

DIGITS = st.integers(1, 60)


def half_a_unit(value: Decimal, digits: int) -> Fraction:
    return Fraction(1, 2) * Fraction(10) ** (value.adjusted() - digits + 1)


@given(st.fractions(), DIGITS)
def test_fractions_are_rounded_to_the_nearest_decimal(x: Fraction, digits: int) -> None:
    found = decimal(x, digits)
    assert len(found.as_tuple().digits) <= digits
    assert abs(Fraction(found) - x) <= half_a_unit(found, digits)


@given(st.integers(-(2**200), 2**200), st.integers(-400, 400), DIGITS)
def test_reals_are_rounded_to_the_nearest_decimal(mantissa: int, exponent: int, digits: int) -> None:
    ctx = context(500)
    found = decimal(ctx.ldexp(ctx.mpf(mantissa), exponent), digits)
    assert len(found.as_tuple().digits) <= digits
    assert abs(Fraction(found) - mantissa * Fraction(2) ** exponent) <= half_a_unit(found, digits)


@given(st.integers(-(2**200), 2**200).filter(bool), st.integers(30_000, 60_000), DIGITS)
def test_so_are_reals_too_long_to_be_written_out(mantissa: int, exponent: int, digits: int) -> None:
    ctx = context(500)
    large, small = (decimal(ctx.ldexp(ctx.mpf(mantissa), e), digits) for e in (exponent, -exponent))
    for found, x in ((large, mantissa * Fraction(2) ** exponent), (small, mantissa * Fraction(2) ** -exponent)):
        assert abs(Fraction(found) - x) <= half_a_unit(found, digits) * (1 + Fraction(1, 10**30))
    assert decimal(ctx.ldexp(ctx.mpf(1), -(10**15)), 6).adjusted() == -301029995663982


@pytest.mark.parametrize(("tie", "rounded"), [("0.125", "0.12"), ("0.375", "0.38"), ("-0.125", "-0.12")])
def test_ties_go_to_the_even_digit(tie: str, rounded: str) -> None:
    assert decimal(Fraction(tie), 2) == decimal(real(context(53), Fraction(tie)), 2) == Decimal(rounded)


@pytest.mark.parametrize("hair", [Fraction(1, 2**60), Fraction(1, 2**300)])
def test_a_hair_above_a_tie_is_no_tie(hair: Fraction) -> None:
    assert decimal(real(context(500), Fraction(5, 2) + hair), 1) == 3
    assert decimal(real(context(500), -Fraction(5, 2) - hair), 1) == -3


@pytest.mark.parametrize("exponent", [-300_000, -5000, 5000, 300_000])
def test_exponents_far_outside_the_range_of_floats(exponent: int) -> None:
    ctx = context(200)
    found = decimal(ctx.ldexp(ctx.one, exponent), 20)
    assert abs(Fraction(found) / Fraction(2) ** exponent - 1) <= Fraction(1, 2 * 10**19)
    # adding 2**-60 of a mantissa of 60 bits to an exponent of 2**18 leaves 1e-10 in a double
    assert log2(ctx.ldexp(ctx.mpf(3), exponent)) == pytest.approx(exponent + math.log2(3), abs=1e-10)


@given(st.integers(1, 2000))
def test_bits_for_leaves_a_twentieth_of_a_unit(digits: int) -> None:
    # relative to a value of leading digit 9.99…, the last unit is 10**-digits of it
    assert Fraction(1, 2 ** bits_for(digits)) <= Fraction(1, 20 * 10**digits)
    assert Fraction(1, 2 ** (bits_for(digits) - 1)) > Fraction(1, 22 * 10**digits)


@given(st.fractions(0, 1), st.integers(20, 400))
def test_a_fraction_becomes_a_real_with_one_rounding(x: Fraction, bits: int) -> None:
    mantissa, exponent = real(context(bits), x).man_exp
    assert abs(int(mantissa) * Fraction(2) ** int(exponent) - x) <= x / 2**bits


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0.1", Fraction(1, 10)),
        (0.1, Fraction(1, 10)),
        (Decimal("0.1"), Fraction(1, 10)),
        (" -2.5e-3 ", Fraction(-1, 400)),
        (".5", Fraction(1, 2)),
        ("3.", Fraction(3)),
        ("1E1000", Fraction(10) ** 1000),
        (7, Fraction(7)),
        (Fraction(1, 3), Fraction(1, 3)),
        ("0." + "3" * 1000, Fraction(int("3" * 1000), 10**1000)),
    ],
)
def test_decimal_text_is_exact(written: object, value: Fraction) -> None:
    assert exact(written, "x") == value


def test_the_callers_mpmath_stays_as_it_was() -> None:
    before = mpmath.mp.prec
    context(5000).sqrt(2)
    assert mpmath.mp.prec == before
    assert context(5000).prec >= 5000


@given(st.integers(1, 600), st.integers(20, 200))
def test_as_many_bits_are_added_as_a_difference_loses(lost: int, bits: int) -> None:
    tried = []

    def third(work: int) -> tuple[Any, float]:
        tried.append(work)
        ctx = context(work)
        large = ctx.ldexp(1, lost)
        found = (large + ctx.mpf(1) / 3) - large
        return found, bits_lost(found, ctx.ldexp(1, lost + 1 - work), work)

    found = with_enough_bits(third, bits, 8, 1 << 12)
    assert abs(3 * context(2000).convert(found) - 1) < 2.0**-bits
    assert tried[-1] <= bits + 4 * (lost + 11)
    assert with_enough_bits(lambda work: (work, math.inf), bits, 8, lost) is None


def test_bits_are_lost_by_the_ratio_of_error_and_value() -> None:
    one = context(64).one
    assert bits_lost(one, one / 8, 10) == 7
    assert bits_lost(0 * one, 0 * one, 10) == -math.inf
    assert bits_lost(0 * one, one, 10) == math.inf


def test_the_first_agreement_is_that_of_two_neighbours() -> None:
    convert = context(64).mpf
    runs = [[convert(x), convert(1)] for x in (2, 1, 2, 2.125, 3)]
    assert first_agreement(runs, 3) == runs[3]
    assert first_agreement(runs, 5) is None


@pytest.mark.parametrize(("value", "said"), [(0, "in 1 to 9, got 0"), (10, "in 1 to 9, got 10"), (2.0, "whole number")])
def test_what_is_no_whole_number_in_range_is_refused(value: Any, said: str) -> None:
    assert whole(9, "digits", 1, 9) == 9
    with pytest.raises(InputError, match=said):
        whole(value, "digits", 1, 9)
    with pytest.raises(InputError, match="at least 1, got -1"):
        whole(-1, "digits", 1)


def test_agreed_overcomes_a_cancellation() -> None:
    def third(bits: int) -> list:
        ctx = context(bits)
        large = ctx.ldexp(1, 300)
        return [(large + ctx.mpf(1) / 3) - large]  # 300 bits are lost

    (found,) = agreed(third, 350)
    assert abs(3 * context(2000).convert(found) - 1) < 2.0**-350


def test_agreed_gives_up_where_nothing_is_left() -> None:
    with pytest.raises(AccuracyError, match="cancellation"):
        agreed(lambda bits: [context(bits).mpf(bits)], 60)


@pytest.mark.parametrize(
    "text", ["", "one", "0x10", "nan", "inf", "-Infinity", "1/3", "1_000", "0,5", "1e", "e5", "--1", "١"]
)
def test_what_is_not_a_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"sigma_w2 must be a decimal number such as 0\.5"):
        exact(text, "sigma_w2")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_floats_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="decimal number"):
        exact(value, "x")


@pytest.mark.parametrize("text", ["1e1001", "1e-1001", "1e9999", "1e-9999"])
def test_huge_exponents_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="within 1e-1000 and 1e1000"):
        exact(text, "x")


def test_endless_text_is_refused() -> None:
    with pytest.raises(InputError, match="at most 2000 characters, got 2001"):
        exact("1" * 2001, "x")


@given(st.integers(-(1 << 80), 1 << 80), st.integers(-120, 120), st.integers(1, 30))
def test_numbers_of_mpfr_are_rounded_as_mpmath_reals_are(mantissa: int, exponent: int, digits: int) -> None:
    x = context(160).ldexp(mantissa, exponent)
    with mpfr_context(160):
        found = rounded(to_mpfr(x), digits)
    assert found.as_tuple() == decimal(x, digits).as_tuple()


@pytest.mark.parametrize("text", ["0", "1", "100", "1200000", "0.5", "0.125", "-2.5", "-0.0625", "99999"])
@pytest.mark.parametrize("digits", [1, 2, 5, 12])
def test_short_numbers_of_mpfr_stay_short(text: str, digits: int) -> None:
    x = context(64).mpf(text)
    with mpfr_context(64):
        assert rounded(to_mpfr(x), digits).as_tuple() == decimal(x, digits).as_tuple()
