"""Numbers as text: no digit lost, none invented, and JSON that every parser reads."""

from __future__ import annotations

import csv
import json
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc.report.formats import (
    cell,
    csv_cell,
    csv_lines,
    digits_of,
    json_line,
    number,
    percent,
    printable,
    rounded,
    scientific,
)
from ntkcalc.report.tables import aligned


@st.composite
def decimals(draw: st.DrawFn, most_digits: int = 60, largest: int = 400) -> Decimal:
    """Decimals of up to so many significant digits."""
    digits = draw(st.integers(1, most_digits).flatmap(lambda n: st.integers(10 ** (n - 1), 10**n - 1)))
    sign, exponent = draw(st.sampled_from([0, 1])), draw(st.integers(-largest, largest))
    return Decimal((sign, tuple(map(int, str(digits))), exponent))


def significant(text: str) -> str:
    """The digits that count."""
    return re.sub(r"e.*|[-.]", "", text).lstrip("0")


@given(decimals())
def test_digits_are_all_there_and_no_more(value: Decimal) -> None:
    digits = "".join(map(str, value.as_tuple().digits))
    assert Decimal(digits_of(value)) == Decimal(scientific(value)) == value
    assert significant(scientific(value)) == digits
    # only plain notation may need zeros, before the decimal point
    assert significant(digits_of(value)).removesuffix("0" * max(value.adjusted() + 1 - len(digits), 0)) == digits


@given(decimals())
def test_plain_notation_needs_no_long_zeros(value: Decimal) -> None:
    text = digits_of(value)
    assert "e" in text or (len(text) <= len(significant(text)) + 8 and Decimal(text).adjusted() >= -5)
    assert "E" not in text


@given(decimals(), st.integers(1, 60))
def test_rounding_is_to_the_nearest_even(value: Decimal, digits: int) -> None:
    found = rounded(value, digits)
    assert len(found.as_tuple().digits) <= digits
    assert found == Context(prec=digits, rounding=ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6)).plus(value)


@given(decimals(30, 20), st.integers(1, 30))
def test_digits_on_request_are_rounded_digits(value: Decimal, digits: int) -> None:
    assert Decimal(digits_of(value, digits)) == rounded(value, digits)


def test_notations() -> None:
    values = ["0", "0E-7", "12", "0.00001", "0.00000999", "1E+3", "1E+15", "1E+16", "123456789012345678", "-2.50"]
    expected = ["0", "0", "12", "0.00001", "9.99e-6", "1000", "1" + "0" * 15, "1e16", "123456789012345678", "-2.50"]
    assert [digits_of(Decimal(v)) for v in values] == expected
    assert scientific(Decimal("-120")) == "-1.20e2"


@given(st.integers(10**37, 10**40).map(lambda n: Decimal(f"{n}e-40")), st.integers(1, 40))
def test_shares_become_per_cent_with_all_their_digits(share: Decimal, digits: int) -> None:
    exact = Context(prec=200).multiply(share, Decimal(100))
    assert Decimal(percent(share, digits)) == rounded(exact, digits)


@given(st.decimals(0, 1, places=12))
def test_shares_have_three_decimals_unless_asked_otherwise(share: Decimal) -> None:
    text = percent(share, None)
    assert re.fullmatch(r"\d+\.\d{3}", text)
    assert abs(Decimal(text) - 100 * share) <= Decimal("0.0005")


@given(decimals(15, 280))
def test_json_numbers_carry_15_digits_there_and_back(value: Decimal) -> None:
    written = json.loads(json_line({"x": number(value, 15)}))["x"]
    assert not isinstance(written, str)
    assert Context(prec=15).create_decimal(Decimal(written)) == value


@given(decimals(15), st.integers(16, 1000))
def test_json_strings_hold_what_numbers_cannot(value: Decimal, digits: int) -> None:
    assert number(value, digits) == digits_of(value)


@pytest.mark.parametrize("value", ["1.01e300", "9.9e-301", "-1e301", "1e-100000"])
def test_json_strings_hold_what_doubles_cannot(value: str) -> None:
    assert number(Decimal(value), 12) == digits_of(Decimal(value))


@pytest.mark.parametrize(("value", "written"), [("0", "0"), ("1", "1"), ("2.00", "2"), ("0.5", "0.5"), ("-3", "-3")])
def test_whole_numbers_are_json_integers(value: str, written: str) -> None:
    assert json_line({"x": number(Decimal(value), 12)}) == f'{{"x": {written}}}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_has_no_nan_and_no_infinity(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_line({"x": value})


@given(st.lists(st.lists(st.text("ab,\"' é0.", max_size=6), min_size=2, max_size=2), max_size=4))
def test_csv_is_read_back_as_it_was(records: list[list[str]]) -> None:
    text = csv_lines(["p", "kappa"], records)
    assert list(csv.reader(StringIO(text))) == [["p", "kappa"], *records]
    assert "\r" not in text


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x*tanh(x)", "@cell"])
def test_text_of_csv_that_spreadsheets_would_run_is_marked_as_text(text: str) -> None:
    assert csv_cell(text) == f"'{text}"
    assert csv_cell(Decimal("-1.5")) == "-1.5"
    assert csv_cell("relu") == "relu"


def test_what_commands_a_terminal_is_escaped_in_every_format() -> None:
    evil = "\x1b[2J\x7f\x9b\u202e\udc80\n"
    assert cell(evil) == csv_cell(evil) == printable(evil) == r"\x1b[2J\x7f\x9b\u202e\udc80\n"
    written = json_line({"source": evil})
    assert written.isprintable()
    assert json.loads(written) == {"source": evil}


@given(st.lists(decimals(12, 10).map(digits_of), max_size=6))
def test_decimal_points_stand_in_line(values: list[str]) -> None:
    lines = aligned(values)
    assert [line.rstrip() for line in lines] == values
    right = [len(line) - line.index(".") for line in lines if "." in line]
    assert len(set(right)) <= 1
