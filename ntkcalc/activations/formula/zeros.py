r"""All zeros and poles of a smooth formula u, found by interval arithmetic: no narrow dip is stepped over.

The line is cut into cells. A cell is done where u keeps away from 0, and where u' does: there u has one zero at the
most, which the signs at its ends tell. Others are halved, until floats no longer tell u from 0: what is left then is
looked at in high precision, tiny cells around zeros of higher order as clusters, and wide ones, where u saturates,
underflows, or swings too fast for so many cells, on a grid. Beyond `REACH` one place a side is looked for, and only
where there is none within.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ntkcalc.activations.formula.functions import derivative, polynomial, program
from ntkcalc.activations.formula.joints import (
    CLUSTER,
    MOST_JOINTS,
    REACH,
    STEP,
    Joint,
    Stretch,
    around_extremum,
    between,
    constant,
    crossing,
    crowded,
    lone,
    signs,
    too_many,
    too_near,
)
from ntkcalc.activations.formula.trees import Tree, negated, number, over
from ntkcalc.errors import InputError

if TYPE_CHECKING:
    from ntkcalc.activations.formula.intervals import Array

_CELLS = 8  # a unit length, to start with
_MOST_CELLS, _FINEST = 60_000, 2.0**-40
_MOST_REGIONS = 1024  # runs of cells in which floats do not tell a formula from 0
_VAST = 1e300
_BITS = 300  # by which what is beside a point is nearer than the other end of a cell
_SAME_SIGN = ("tanh", "sinh", "asinh", "atan", "erf", "expm1", "log1p", "sqrt", "power")  # as their arguments
_POSITIVE = ("exp", "sigmoid", "softplus", "cosh", "erfc")


class _Place(NamedTuple):
    """Where something is: a zero at `low`, one between (in a cell where u is monotone, or not), or an extremum."""

    low: Fraction
    high: Fraction
    kind: str


def zeros(tree: Tree, on: Stretch, text: str) -> list[Joint]:
    """Return where a smooth tree vanishes or is infinite inside a stretch: where its factors do.

    Raises
    ------
    InputError
        Where there are too many places, or some that cannot be told from each other.
    """
    if tree.constant or tree.word in _POSITIVE:
        return []
    if tree.head in ("*", "/", "neg"):
        return [zero for t in dict.fromkeys(tree.arguments) for zero in zeros(t, on, text)]
    if tree.word in _SAME_SIGN:
        return zeros(tree.arguments[0], on, text)
    row = polynomial(tree)
    if row is not None and len(row) <= 2:
        found = [_of_line(row, text)] if len(row) == 2 else []
    else:
        places = [place for place in _places(tree, text) if on.reaches(place.low, place.high)]
        if len(places) > MOST_JOINTS + 2:
            raise too_many(text)
        found = [zero for place in places for zero in _solved(tree, place, text)]
    return [zero for zero in found if on.holds_joint(zero)]


def _of_line(row: list[Tree], text: str) -> Joint:
    """Return the zero of a + bx."""
    place = negated(over(row[0], row[1]))
    near = float(constant(place))
    if math.isinf(near):
        raise InputError(f"{text} has a kink or a pole farther out than 1e308; write it without")
    return Joint(near, place)


@lru_cache(maxsize=1024)
def _solved(tree: Tree, place: _Place, text: str) -> list[Joint]:
    """Return the zeros at a place."""
    low, high, kind = place
    if kind == "exact":
        return [Joint(float(low), number(low))]
    if kind == "simple":
        return [crossing(tree, low, high)]
    if kind == "crossing":
        return [between(tree, low, high, text)]
    return around_extremum(tree, derivative(tree), low, high, text)


@lru_cache(maxsize=256)
def _places(tree: Tree, text: str) -> list[_Place]:
    """Return all places within reach, or if there are none the first ones beyond."""
    found = list(dict.fromkeys(_within_reach(tree, text)))
    return found or list(_beyond_reach(tree, text))


def _within_reach(tree: Tree, text: str) -> Iterator[_Place]:
    slope = derivative(tree)
    crossed, unsure, aside = _cells(tree, slope)
    yield from (_Place(Fraction(low), Fraction(high), "simple") for low, high in crossed)
    for low, high in (map(Fraction, cell) for cell in unsure):
        tiny = (high - low) / 2**_BITS  # for what has no value at an end, as log x has none at 0
        ends = [x if signs(tree, slope, x, text) else x + d for x, d in ((low, tiny), (high, -tiny))]
        yield from _at_ends(tree, slope, ends, "simple", text)
    regions = list(_regions(aside))
    if len(regions) > _MOST_REGIONS:
        raise too_many(text)
    untold = _untold(tree, [x for region in regions for x in region])
    for region in regions:
        low, high = Fraction(region[0]), Fraction(region[-1])
        if high - low <= CLUSTER:
            yield from _in_cluster(tree, slope, low, high, [Fraction(x) for x in region if x in untold], text)
        else:
            first, last = math.floor(low / STEP) + 1, math.ceil(high / STEP)
            points = [low, *(i * STEP for i in range(first, last)), high]
            yield from _at_ends(tree, slope, points, "crossing", text)


def _cells(tree: Tree, slope: Tree) -> list[list[list[float]]]:
    """Return cells in which u is monotone and vanishes, or may, and others in which floats do not tell it from 0."""
    import numpy as np

    from ntkcalc.activations.formula.intervals import IntervalField, Span, intersection

    room = _MOST_CELLS
    edges = np.arange(-_CELLS * REACH, _CELLS * REACH + 1) / _CELLS
    low, high = edges[:-1], edges[1:]
    kinds: tuple[list[Array], ...] = ([], [], [])
    with np.errstate(all="ignore"):
        run = program([tree, slope], IntervalField())
        while low.size:
            n, middle, room = low.size, (low + high) / 2, room - low.size
            u, rise = run(Span(np.concatenate([low, low, middle, high]), np.concatenate([high, low, middle, high])))
            first, last, steep, fall = (
                np.broadcast_to(end, 4 * n) for end in (u.low, u.high, np.asarray(rise.low), np.asarray(rise.high))
            )
            reach = (high - low) / 2 * np.maximum(abs(steep[:n]), abs(fall[:n]))
            about = Span(first[2 * n : 3 * n] - reach, last[2 * n : 3 * n] + reach)  # the mean value theorem
            whole = intersection(Span(first[:n], last[:n]), about)
            left, _, right = at = ((first > 0) * 1 - (last < 0))[n:].reshape(3, n)  # signs, 0 where they are unknown
            finite = np.isfinite(first + last)[n:].reshape(3, n).all(axis=0)
            away, sizes = (whole.low > 0) | (whole.high < 0), np.maximum(abs(first), abs(last))
            pole = away & (whole.size > _VAST) & (sizes[2 * n : 3 * n] < _VAST)  # at an end, as 1/x has at 0
            near = pole | ~away
            monotone = near & ~pole & ((steep[:n] > 0) | (fall[:n] < 0))
            told = monotone & finite & (left * right != 0)
            aside = near & ~monotone & ((at == 0).all(axis=0) | (room < 0) | (high - low <= _FINEST))
            for kept, chosen in zip(kinds, (told & (left != right), monotone & ~told, aside), strict=True):
                kept.append(np.column_stack([low[chosen], high[chosen]]))
            go = near & ~monotone & ~aside
            low, high = np.concatenate([low[go], middle[go]]), np.concatenate([middle[go], high[go]])
    return [np.concatenate(kept).tolist() for kept in kinds]


def _regions(cells: list[list[float]]) -> Iterator[list[float]]:
    """Yield the edges of each run of neighbouring cells."""
    run: list[float] = []
    for low, high in sorted(cells):
        if run and low == run[-1]:
            run.append(high)
        else:
            if run:
                yield run
            run = [low, high]
    if run:
        yield run


def _at_ends(tree: Tree, slope: Tree, points: list[Fraction], kind: str, text: str) -> Iterator[_Place]:
    """Yield what the signs of u and u' at points say of it there and in between."""
    rows = [(x, *found) for x in points if (found := signs(tree, slope, x, text)) is not None]
    yield from (_Place(x, x, "exact") for x, value, _ in rows if value == 0)
    for (low, a, rise), (high, b, later) in pairwise(rows):
        if a * b < 0:
            yield _Place(low, high, kind)
        elif kind != "simple" and a * b > 0 and rise * later < 0 and rise * a < 0:  # |u| falls, then rises
            yield _Place(low, high, "extremum")


def _in_cluster(
    tree: Tree, slope: Tree, low: Fraction, high: Fraction, untold: list[Fraction], text: str
) -> Iterator[_Place]:
    """Yield the zero in a run of tiny cells, of any order, or two about an extremum; refuse more."""
    exact = [x for x in untold if (found := signs(tree, slope, x, text)) is not None and found[0] == 0]
    if exact:
        if len(exact) > 1 or not lone(tree, exact[0]):
            raise too_near(text, low, high)
        yield _Place(exact[0], exact[0], "exact")
        return
    places = list(_at_ends(tree, slope, [low, high], "crossing", text))
    if not places and crowded(tree, low, high):
        raise too_near(text, low, high)
    yield from places


def _untold(tree: Tree, points: list[float]) -> set[float]:
    """Return the points at which floats do not tell u from 0."""
    import numpy as np

    from ntkcalc.activations.formula.intervals import IntervalField, Span

    with np.errstate(all="ignore"):
        x = np.array(points)
        u = program([tree], IntervalField())(Span(x, x))[0]
        return set(x[(u.low <= 0) & (u.high >= 0)].tolist())


def _beyond_reach(tree: Tree, text: str) -> Iterator[_Place]:
    """Yield where the sign of u changes far out, once on each side."""
    slope = derivative(tree)
    for side in (-1, 1):
        points = [side * REACH * Fraction(2**i) for i in range(9)]
        for pair in pairwise(points):
            found = [p for p in _at_ends(tree, slope, sorted(pair), "crossing", text) if p.kind == "crossing"]
            if found:
                yield found[0]
                break
