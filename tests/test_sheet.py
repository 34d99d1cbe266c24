"""Tables of text: columns in line, narrowed by setting them below each other, never by cutting."""

from hypothesis import given
from hypothesis import strategies as st

from ntkcalc.report.common import Screen, add_rows
from ntkcalc.report.text_table import Sheet, shown_width


def sheet(columns: list[str], rows: list[list[str]], keys: int = 1) -> Sheet:
    found = Sheet("title", keys)
    for i, header in enumerate(columns):
        found.add_column(header, "right" if header and i else "left")
    for row in rows:
        found.add_row(*row)
    return found


ROWS = [["relu", "1.5", "2", "███"], ["gaussian", "22.25", "10", "█"]]
TABLE = sheet(["kernel", "a", "b", ""], ROWS)


def test_a_table_that_fits_is_set_as_it_is() -> None:
    assert TABLE.text(None, False).splitlines() == [
        "",
        "  kernel         a    b",
        " ─────────────────────────────",
        "  relu         1.5    2   ███",
        "  gaussian   22.25   10   █",
        "",
    ]
    assert TABLE.text(30, False) == TABLE.text(None, False)


def test_a_narrower_one_comes_closer_then_does_without_pictures() -> None:
    assert TABLE.text(29, False).splitlines()[3] == "  relu        1.5   2  ███"
    assert TABLE.text(25, False).splitlines()[3] == "  relu         1.5    2"
    assert TABLE.text(23, False).splitlines()[3] == "  relu        1.5   2"


def test_then_columns_are_set_below_each_other_each_time_with_the_keys() -> None:
    assert TABLE.text(20, False).splitlines() == [
        "",
        "  kernel        a",
        " ─────────────────",
        "  relu        1.5",
        "  gaussian  22.25",
        "",
        "  kernel     b",
        " ──────────────",
        "  relu       2",
        "  gaussian  10",
        "",
    ]


def test_and_at_last_cells() -> None:
    assert (
        TABLE.text(12, False)
        == "\n  kernel  relu\n  a       1.5\n  b       2\n\n  kernel  gaussian\n  a       22.25\n  b       10\n\n"
    )


@given(
    st.lists(
        st.lists(st.text("0123456789.-", min_size=1, max_size=12), min_size=4, max_size=4), min_size=1, max_size=4
    ),
    st.integers(30, 90),
)
def test_no_width_loses_a_cell_and_none_is_exceeded(rows: list[list[str]], width: int) -> None:
    lines = sheet(["k", "one", "two", "three"], rows).text(width, False).splitlines()
    words = " ".join(lines).split()
    assert all(words.count(cell) >= sum(row.count(cell) for row in rows) for row in rows for cell in row)
    assert max(map(len, lines)) <= width


def test_colours_and_combining_letters_take_no_room() -> None:
    assert shown_width("eff(K\u0303)") == 6
    plain, coloured = TABLE.text(None, False), TABLE.text(None, True)
    assert "\x1b[36m███\x1b[0m" in coloured
    assert [shown_width(line) for line in coloured.splitlines()] == [len(line) for line in plain.splitlines()]


def test_decimal_points_stand_in_line() -> None:
    table = sheet(["k", "value"], [])
    add_rows(table, [["a", "1.5"], ["b", "22.125"], ["c", "-"], ["d", "3"]], [1], Screen())
    lines = table.text(None, False).splitlines()[3:-1]
    assert [line.index(".") for line in lines[:2]] == [lines[0].index(".")] * 2
    assert lines[2].index("-") == lines[3].index("3") == lines[0].index(".") - 1
