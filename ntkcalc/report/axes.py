"""Figures and their axes: panels side by side, logarithmic scales with labels that do not touch, zero as a gap."""

import math
import textwrap
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

from ntkcalc.kernel.results import KernelFacts
from ntkcalc.report.formats import printable
from ntkcalc.report.tables import heading

MOST_COLUMNS = 3
"""Panels side by side."""

_ROUND = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_NARROW = 100  # the largest index up to which an axis has room for 1, 2 and 5 of each decade
_MOST_LABELS = 8  # of a logarithmic axis
_TITLE = 42  # characters that a panel is wide
_ENTRIES = 18  # of a legend beside two panels, above each other
_AIR = 1.6  # factor between a curve and the end of its axis


def panels(count: int, margin: float = 0.9, height: float = 2.8) -> tuple[Figure, list[Any]]:
    """Return a figure and its panels, three in a row at most."""
    columns = min(MOST_COLUMNS, count)
    figure, axes = grid(-(-count // columns), columns, (1.2, 3.4), (margin, height))
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes


def grid(
    rows: int, columns: int, widths: tuple[float, float], heights: tuple[float, float], share: bool = False
) -> tuple[Figure, list[Any]]:
    """Return a figure and its axes; widths and heights in inches are those of the margin and of a panel."""
    size = widths[0] + widths[1] * columns, heights[0] + heights[1] * rows
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share).flat)


def curve(draw: Any, points: Iterable[tuple[Any, Any]], *style: str, **options: Any) -> None:
    """Draw what is positive and in the range of a double, on logarithmic scales."""
    known = [(x, float(y)) for x, y in points if y and float(y) > 0]
    if known:
        draw(*zip(*known, strict=True), *style, **options)


def size_of(value: Decimal | None) -> float:
    """Return the size of a number as a logarithmic scale takes it: NaN, a gap, for none and for zero."""
    return math.nan if value is None else abs(float(value)) or math.nan


def decades(low: float, high: float) -> tuple[float, float]:
    """Return the ends of an axis on which positive numbers show, and two powers of ten at least."""
    ends = low / _AIR, high * _AIR
    first, last = math.ceil(math.log10(ends[0])), math.floor(math.log10(ends[1]))
    return ends if last > first else (10.0 ** min(last, first - 1), 10.0 ** max(first, last + 1))


def decade_axis(axis: Any) -> None:
    """Let a logarithmic y axis show its curves, labelled at powers of ten only."""
    heights = [float(y) for line in axis.lines for y in line.get_ydata() if y > 0]
    if heights:
        axis.set_ylim(*decades(min(heights), max(heights)))
    label_decades(axis)


def label_decades(axis: Any) -> None:
    """Label a logarithmic y axis at some powers of ten, with no labels between that would touch each other."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(numticks=_MOST_LABELS))
    axis.yaxis.set_minor_formatter(NullFormatter())


def index_axis(axis: Any, largest: int, least: int = 1) -> None:
    """Make the x axis one of indices, logarithmic from 1 on; 0 stands one step before 1."""
    if least == 0:
        axis.set_xscale("symlog", linthresh=1, linscale=0.35)
    else:
        axis.set_xscale("log")
    room = largest <= _NARROW
    places = [p for p in _ROUND if least <= p <= largest and (room or str(p).strip("0") in ("", "1"))]
    axis.xaxis.set_major_locator(FixedLocator(places))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(ScalarFormatter())


def linear_axis(axis: Any, whole: bool = False) -> None:
    """Label a linear x axis at few places, so that the labels do not touch."""
    axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=whole))


def finish(axis: Any, title: str) -> None:
    """Set the title (file names and formulas as they are, no TeX; long ones on several lines), grid and legend."""
    whole = (part.replace(" ", "\N{NO-BREAK SPACE}") for part in printable(title).split(", "))
    lines = textwrap.wrap(", ".join(whole), _TITLE)
    axis.set_title("\n".join(lines), fontsize="medium", parse_math=False)
    axis.grid(alpha=0.3)
    if any(not str(line.get_label()).startswith("_") for line in axis.lines):
        axis.legend(fontsize="small")


def legend_beside(figure: Figure, axis: Any) -> None:
    """Move the legend of an axis with many curves to the right of the figure, which becomes wider."""
    handles, labels = axis.get_legend_handles_labels()
    columns, longest = -(-len(labels) // _ENTRIES), max(map(len, labels))
    shown = ["\n".join(textwrap.wrap(label, _TITLE)) for label in labels]
    width, height = figure.get_size_inches()
    figure.set_size_inches(width + columns * (0.7 + 0.075 * min(longest, _TITLE)), height)
    axis.get_legend().remove()
    figure.legend(handles, shown, loc="outside right upper", ncols=columns, fontsize="small")


def panel_title(k: KernelFacts | None) -> str:
    """Name a kernel above its panel."""
    if k is None:
        return heading(k)
    return f"{heading(k)}, σ_w² = {float(k.sigma_w2 or 0):.4g}, γ_b² = {float(k.gamma_b2 or 0):g}"
