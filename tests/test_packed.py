"""The algebra of packed series, against naive sums of exact fractions."""

import random
from fractions import Fraction
from itertools import pairwise
from math import comb
from unittest.mock import patch

import gmpy2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc.numerics import block_sums
from ntkcalc.numerics.block_sums import BlockSums
from ntkcalc.numerics.packed_series import (
    Packing,
    composition_error,
    support_of_compositions,
    support_of_product,
)

Series = list[Fraction]


def product(a: list, b: list, terms: int) -> list:
    return [sum(a[i] * b[p - i] for i in range(p + 1) if i < len(a) and p - i < len(b)) for p in range(terms)]


def composition(outer: list, inner: list, terms: int) -> list:
    total: list = [0] * terms
    for c in reversed(outer):
        total = product(total, inner, terms)
        total[0] += c
    return total


@st.composite
def rows(draw: st.DrawFn, terms: int, width: int, valuation: int = 0) -> list[int]:
    """Fixed-point coefficients that sum to at most 1, the first `valuation` of them 0."""
    cuts = sorted(draw(st.lists(st.integers(0, 1 << width), min_size=terms - valuation, max_size=terms - valuation)))
    parts = [high - low for low, high in pairwise([0, *cuts])]
    return [0] * valuation + draw(st.permutations(parts))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    width, terms = draw(st.integers(4, 120)), draw(st.integers(1, 12))
    return width, draw(rows(terms, width)), draw(rows(terms, width))


@st.composite
def compositions(draw: st.DrawFn) -> tuple[int, list[list[int]], list[int], int]:
    width, terms, valuation = draw(st.integers(16, 120)), draw(st.integers(2, 14)), draw(st.integers(0, 2))
    valuation = min(valuation, terms - 1)
    outers = [draw(rows(draw(st.integers(1, 16)), width)) for _ in range(draw(st.integers(1, 4)))]
    stride, inner = draw(st.integers(1, 4)), draw(rows(terms, width, valuation))
    return width, outers, [c if (p - valuation) % stride == 0 else 0 for p, c in enumerate(inner)], valuation


@given(pairs())
def test_unpacking_undoes_packing(numbers: tuple[int, list[int], list[int]]) -> None:
    width, row, _ = numbers
    packing = Packing.fixed_point(width, len(row))
    assert packing.unpack(packing.pack(row), len(row)) == row
    assert packing.unpack(packing.shifted(packing.pack(row), 2), len(row) + 2) == [0, 0, *row]
    assert packing.unpack(packing.truncate(packing.pack(row), 1), len(row)) == [row[0]] + [0] * (len(row) - 1)


@given(pairs())
def test_a_product_is_the_exact_product_rounded_down(numbers: tuple[int, list[int], list[int]]) -> None:
    width, a, b = numbers
    packing = Packing.fixed_point(width, len(a))
    found = packing.unpack(packing.multiply(packing.pack(a), packing.pack(b), len(a)), len(a))
    assert found == [c >> width for c in product(a, b, len(a))]


@given(compositions())
def test_a_composition_is_low_by_at_most_its_error_bound(
    numbers: tuple[int, list[list[int]], list[int], int],
) -> None:
    width, outers, inner, valuation = numbers
    terms, unit = len(inner), 1 << width
    packing = Packing.fixed_point(width, terms)
    length = max(map(len, outers))
    reached = min(length, (terms - 1) // valuation + 1) if valuation else length
    error = composition_error(reached)
    composed = packing.compose(outers, inner, unit, valuation)
    for outer, series in zip(outers, composed, strict=True):
        exact = composition([Fraction(c, unit) for c in outer], [Fraction(c, unit) for c in inner], terms)
        for found, true in zip(series, exact, strict=True):
            assert 0 <= true * unit - found <= error


@given(compositions())
def test_a_long_composition_is_bit_for_bit_what_it_is_without_residues(
    numbers: tuple[int, list[list[int]], list[int], int],
) -> None:
    width, outers, inner, valuation = numbers
    packing = Packing.fixed_point(width, len(inner))
    short = packing.compose(outers, inner, 1 << width, valuation)
    with patch("ntkcalc.numerics.packed_series._MANY", 0), patch.object(block_sums, "_SLICE", 3):
        assert packing.compose(outers, inner, 1 << width, valuation) == short


@pytest.mark.parametrize("kept", [15, 16, *range(100, 160, 5), 700])
@pytest.mark.parametrize("count", [1, 2, 150, 400])
@pytest.mark.parametrize("full", [True, False])
def test_sums_of_series_are_exact_up_to_the_largest_that_fit_a_slot(kept: int, count: int, full: bool) -> None:
    chance, most, terms = random.Random(count), (1 << kept) - 1, 81
    slot = -(-(2 * kept + count.bit_length()) // 16) * 16
    rows = [[most if full else chance.randrange(most) for _ in range(n)] for n in (count, count, 0, 1)]
    rows[2] = [0] * count
    series = [[most if full else chance.randrange(most) for _ in range(terms)] for _ in range(count)]
    lengths, packing = [terms, 60, 50, 3], Packing(slot, 0, 0, kept, terms)
    with patch.object(block_sums, "_SLICE", 40):
        sums = BlockSums([*map(packing.pack, series)], slot, kept, terms)(rows, lengths, slice(None))
    for row, length, found in zip(rows, lengths, sums, strict=True):
        exact = sum((c * packing.pack(one[:length]) for c, one in zip(row, series, strict=False)), gmpy2.mpz(0))
        assert found == exact


@pytest.mark.parametrize(("inner", "slots"), [([0, 1] * 50, 50), ([0, 0, 1] * 40, 40)])
def test_series_in_a_power_of_t_take_a_slot_for_each(
    inner: list[int], slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    multiply, used = Packing.multiply, []
    monkeypatch.setattr(
        Packing, "multiply", lambda self, a, b, terms: used.append(terms) or multiply(self, a, b, terms)
    )
    support_of_compositions([[0, 1, 0, 1] * 30], inner, len(inner))
    assert max(used) <= slots


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 64, 97, 200])
def test_a_long_series_on_a_line_is_low_by_at_most_its_error_bound(length: int) -> None:
    width, terms, chance = 40, 12, random.Random(length)
    unit = 1 << width
    line = [chance.randrange(unit * 9 // 10), unit // 10]
    outer = [chance.randrange(unit // length) for _ in range(length)]
    outer[length // 3] //= 2 ** (length - 1)  # 0, of more than a few
    packing = Packing.fixed_point(width, terms)
    (found,) = packing.compose([outer], [*line, *[0] * (terms - 2)], unit, 0)
    a, delta = (Fraction(c, unit) for c in line)
    for p, c in enumerate(found):
        exact = sum((r * comb(j, p) * a ** (j - p) * delta**p for j, r in enumerate(outer) if j >= p), Fraction(0))
        assert 0 <= exact - c <= composition_error(length)


@pytest.mark.parametrize("terms", range(1, 10))
@pytest.mark.parametrize("valuation", [1, 2, 3])
def test_short_series_compose_too(terms: int, valuation: int) -> None:
    inner = [0] * valuation + [1 << 20] * terms
    packing = Packing.fixed_point(24, terms)
    composed = packing.compose([[1 << 23, 1 << 22, 1 << 21]] * 4, inner[:terms], 1 << 24, valuation)
    exact = composition([Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)], [Fraction(c, 1 << 24) for c in inner], terms)
    for series in composed:
        for found, true in zip(series, exact, strict=True):
            assert 0 <= true * 2**24 - found <= composition_error(3)


@given(st.data())
def test_positive_coefficients_are_known_exactly(data: st.DataObject) -> None:
    terms = data.draw(st.integers(1, 10))
    flags = st.lists(st.integers(0, 1), min_size=terms, max_size=terms)
    inner = data.draw(flags)
    outers = [data.draw(st.lists(st.integers(0, 1), min_size=1, max_size=14)) for _ in range(2)]
    if inner[0]:
        outers = [[*outer, 1] for outer in outers]
    assert support_of_product(inner, (outers[0] + [0] * terms)[:terms]) == [
        bool(c) for c in product(inner, outers[0], terms)
    ]
    assert support_of_compositions(outers, inner, terms) == [
        [bool(c) for c in composition(outer, inner, terms)] for outer in outers
    ]


@pytest.mark.parametrize("terms", [1000, 4000])
def test_positive_coefficients_of_long_series(terms: int) -> None:
    odd = [p % 2 for p in range(terms)]
    assert support_of_product(odd, odd) == [p % 2 == 0 and p > 0 for p in range(terms)]
    assert support_of_compositions([odd], odd, terms) == [[bool(c) for c in odd]]
