"""Tables: columns in line, narrowed by setting them below each other, never by cutting."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ntkcalc.report.formats import Screen
from ntkcalc.report.tables import Column, captions, numbers, table

COLUMNS = [Column("kernel", ["relu", "gaussian"], words=True), Column("a", ["1.5", "22.25"]), Column("b", ["2", "10"])]


def drawn(width: int | None, **screen: bool) -> list[str]:
    return table("title", COLUMNS, Screen(width, **screen)).splitlines()


def test_a_table_that_fits_is_set_as_it_is() -> None:
    assert drawn(None) == [
        "title",
        "",
        "  kernel         a    b",
        " ───────────────────────",
        "  relu        1.5     2",
        "  gaussian   22.25   10",
        "",
    ]
    assert drawn(24) == drawn(None)


def test_tables_are_those_of_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[type] = []
    monkeypatch.setattr(Console, "print", lambda self, thing, **options: printed.append(type(thing)))
    for width in (None, 23, 20, 12):
        drawn(width)
    assert printed == [Text, Table, Text, Table, Text, Table, Table, Text, Table]


def test_a_narrower_one_comes_closer() -> None:
    assert drawn(23) == drawn(21)
    assert drawn(21)[5] == "  gaussian  22.25  10"


def test_then_columns_are_set_below_each_other_each_time_with_the_keys() -> None:
    assert drawn(20) == [
        "title",
        "",
        "  kernel        a",
        " ────────────────",
        "  relu       1.5",
        "  gaussian  22.25",
        "",
        "  kernel     b",
        " ─────────────",
        "  relu       2",
        "  gaussian  10",
        "",
    ]


def test_and_at_last_cells() -> None:
    assert drawn(12) == [
        "title",
        "",
        "  kernel  relu",
        "  a       1.5",
        "  b       2",
        "",
        "  kernel  gaussian",
        "  a       22.25",
        "  b       10",
        "",
    ]


@given(
    st.lists(
        st.lists(st.text("0123456789.-", min_size=1, max_size=70), min_size=4, max_size=4), min_size=1, max_size=4
    ),
    st.one_of(st.none(), st.integers(1, 120)),
)
def test_no_width_cuts_a_cell(rows: list[list[str]], width: int | None) -> None:
    columns = [Column(h, c) for h, c in zip(("k", "one", "two", "three"), zip(*rows, strict=True), strict=True)]
    words = table("title", columns, Screen(width)).split()
    assert all(words.count(cell) >= sum(row.count(cell) for row in rows) for row in rows for cell in row)


@given(
    st.lists(
        st.lists(st.text("0123456789.-", min_size=1, max_size=12), min_size=4, max_size=4), min_size=1, max_size=4
    ),
    st.integers(50, 90),
)
def test_no_screen_is_exceeded(rows: list[list[str]], width: int) -> None:
    columns = [Column(h, c) for h, c in zip(("k", "one", "two", "three"), zip(*rows, strict=True), strict=True)]
    assert max(map(len, table("title", columns, Screen(width)).splitlines())) <= width


@pytest.mark.parametrize("width", [None, 60, 20, 12])
def test_colours_change_no_letter(width: int | None) -> None:
    coloured = drawn(width, color=True)
    assert any("\x1b[1m" in line for line in coloured)
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in coloured] == drawn(width)


def test_combining_letters_take_no_column() -> None:
    lines = table("title", [Column("eff(K\u0303)", ["1.5"]), Column("x", ["2"])], Screen()).splitlines()
    assert len(lines[2]) == len(lines[4]) + 1
    assert lines[4].index("2") == lines[2].index("x") - 1


def test_decimal_points_stand_in_line() -> None:
    cells = ["1.5", "22.125", "-", "3", "1.5e-7", "1 ± 2"]
    lines = table("title", [Column("value", cells), Column("beside", ["1"] * 6)], Screen()).splitlines()[4:-1]
    points = {line.index(".") for line in lines if "." in line}
    assert len(points) == 1
    assert lines[2].index("-") == lines[3].index("3") == points.pop() - 1


def test_numbers_of_a_column_share_their_notation() -> None:
    from decimal import Decimal

    small = [Decimal("0.5"), Decimal("1.25e-9"), Decimal(0), None]
    assert list(numbers("x", small, 2).cells) == ["5e-1", "1.2e-9", "0", "?"]
    assert list(numbers("x", small[:1], 2).cells) == ["0.5"]


def test_letters_that_a_screen_lacks_are_spelled_out() -> None:
    columns = [Column("κ_p", ["1 ± 2"]), Column("√p", ["∞"])]
    text = table("σ_w² ≤ 1", columns, Screen(unicode=False)) + captions(["Θ · Σ … ρ"], Screen(unicode=False))
    assert text.isascii()
    assert "sigma_w^2 <= 1\n" in text
    assert "kappa_p" in text
    assert "1 +- 2" in text
    assert "  Theta; sum ... rho\n" in text


@given(st.lists(st.sampled_from(["word", "another", "1.23456789"]), min_size=1, max_size=40), st.integers(40, 90))
def test_captions_are_folded_between_words(words: list[str], width: int) -> None:
    lines = captions([" ".join(words)], Screen(width)).splitlines()
    assert " ".join(lines).split() == words
    assert max(map(len, lines)) <= width


def test_captions_are_not_folded_inside_a_formula() -> None:
    said = "|Θ − Θ_T| ≤ bound = (S − Σ_{p≤T} κ_p) |ρ|^{T+1}"
    variances = "σ_w² = 1 · σ_b² = 0.6057055096 · γ_w² = 1 · γ_b² = 0"
    for width in range(52, 90):
        lines = captions([f"words before {said}", variances], Screen(width)).splitlines()
        assert any(said in line for line in lines)
        assert not any(line.endswith(("=", "≤", "−")) or line.split()[0] in ("=", "≤", "−", "·") for line in lines)
    narrow = captions([said], Screen(40)).splitlines()  # where the formula is wider than the screen
    assert max(map(len, narrow)) <= 40
    assert " ".join(" ".join(narrow).split()) == said


def test_what_commands_a_terminal_is_escaped_in_every_part() -> None:
    evil = "\x1b[2J\x07\x9b\u202e"
    text = table(evil, [Column(evil, [evil], words=True)], Screen()) + captions([evil], Screen())
    assert all(line.isprintable() for line in text.splitlines())
    assert text.count(r"\x1b[2J\x07\x9b\u202e") == 4
