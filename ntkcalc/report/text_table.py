"""A table of text: columns set in line, narrowed to a screen by setting them below each other, never by cutting."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from unicodedata import combining

_BOLD, _BAR, _PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[0m"


@dataclass
class Sheet:
    """A table that is being filled.

    Parameters
    ----------
    title
        What stands above it.
    keys
        How many columns on the left name a row; where the table is set in parts, each part has them.
    rule
        The letter that the line below the headers is made of.
    """

    title: str
    keys: int = 1
    rule: str = "─"
    headers: list[str] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_column(self, header: str, justify: str = "left", no_wrap: bool = True) -> None:
        """Add a column; one without a header is a picture, that a narrow screen does without."""
        self.headers.append(header)
        self.right.append(justify == "right")

    def add_row(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(cells)

    def add_section(self) -> None:
        """Leave a line empty."""
        self.rows.append(("",) * len(self.headers))

    def text(self, width: int | None, color: bool) -> str:
        """Return the table, no wider than the screen wherever that can be."""
        gap, parts = self._layout(width)
        if width is not None and any(self._breadth(columns, gap) > width for columns in parts):
            lines = self._records(color)
        else:
            lines = (line for columns in parts for line in self._part(columns, gap, color))
        return "".join(f"{line}\n" for line in lines) + "\n"

    def _layout(self, width: int | None) -> tuple[int, list[list[int]]]:
        """Return the gap and the columns of each part: all, closer, without pictures, or in several parts."""
        every = [*range(len(self.headers))]
        plain = [c for c in every if self.headers[c] or c < self.keys]
        for gap, columns in ((3, every), (2, every), (3, plain), (2, plain)):
            if width is None or self._breadth(columns, gap) <= width:
                return gap, [columns]
        keys, parts = plain[: self.keys], [plain[: self.keys + 1]]
        for c in plain[self.keys + 1 :]:
            if self._breadth([*parts[-1], c], gap) <= (width or 0):
                parts[-1].append(c)
            else:
                parts.append([*keys, c])
        return gap, parts

    def _breadth(self, columns: Sequence[int], gap: int) -> int:
        return 3 + sum(map(self._width, columns)) + gap * (len(columns) - 1)

    def _width(self, column: int) -> int:
        return max(map(shown_width, (self.headers[column], *(row[column] for row in self.rows))))

    def _part(self, columns: Sequence[int], gap: int, color: bool) -> Iterator[str]:
        """Yield the lines of some columns: headers, a rule, rows."""
        widths = {c: self._width(c) for c in columns}
        yield ""
        yield _styled(self._line(self.headers, widths, gap), _BOLD, color)
        yield " " + self.rule * (self._breadth(columns, gap) - 1)
        for row in self.rows:
            cells = [_styled(cell, _BAR, color and not self.headers[c]) for c, cell in enumerate(row)]
            yield self._line(cells, widths, gap)

    def _records(self, color: bool) -> Iterator[str]:
        """Yield a block of lines for each row, a cell a line, for screens on which not even two columns fit."""
        width = max(map(shown_width, self.headers))
        for row in self.rows:
            yield ""
            for header, cell in zip(self.headers, row, strict=True):
                if header and cell:
                    space = " " * (width - shown_width(header))
                    yield f"  {_styled(header, _BOLD, color)}{space}  {cell.strip()}"

    def _line(self, cells: Sequence[str], widths: dict[int, int], gap: int) -> str:
        """Return cells set in line."""
        padded = []
        for c, width in widths.items():
            space = " " * (width - shown_width(cells[c]))
            padded.append(space + cells[c] if self.right[c] else cells[c] + space)
        return ("  " + (" " * gap).join(padded)).rstrip()


def shown_width(text: str) -> int:
    """Return how many columns of the screen a text takes, colours apart."""
    return sum(not combining(letter) for letter in re.sub("\x1b\\[[0-9]*m", "", text))


def _styled(text: str, style: str, color: bool) -> str:
    return f"{style}{text}{_PLAIN}" if color and text else text
