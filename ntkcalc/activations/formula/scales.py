r"""How finely a formula can vary: cells of the line on which φ keeps its character, found before any rule looks at it.

Two rules of quadrature agree where both are blind: no node of theirs may see exp(−1e10 (x − 0.7)²). Interval arithmetic
is never blind. On a cell φ is tame if the argument of each function in φ and φ' moves little there,

.. math::  \operatorname{width} u ≤ 2 + d/2, \qquad \max |v| ≤ 4 \min |v|,

u that of an exponential or of its kin, v a factor of that of a root or a logarithm, or of a denominator. What of an
exponential f(u) follows no straight line, times |∂φ/∂f|, is e^{−d} of √E[φ²] as the normal law sees it: steep flanks
far down matter little, and beyond the bits that are asked for not at all. Cells that are
not tame are halved. An argument is enclosed twice, by the formula and by the mean value theorem, u(middle) ± h max |u'|
on a cell of width 2h: the formula x⁴ − 4x² + 4 alone, each x on its own, would move far more than it does.

Sums are rounded outwards, so that what floats absorb or cancel is not taken for constant; other roundings do not
matter, for enclosures measure lengths, not digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ntkcalc.activations.formula.functions import derivative, program, sensitivities, singular_argument
from ntkcalc.activations.formula.intervals import LEAST, Array, IntervalField, Span, intersection
from ntkcalc.activations.formula.pieces import Piece, Pieces
from ntkcalc.activations.formula.trees import Tree, in_order

_WIDEST = 1 / 8  # cell to start with
_LONG = 10 * _WIDEST  # what is as wide as such a cell is seen by nodes so far apart, e^{−s²/w²} at s = 5w
_FINEST, _NONE = 2.0**-30, 2.0**-60
_MOST_CELLS = 1 << 15  # of one level: no rule has so many nodes
_MOST_WORK = 3e6  # operations on cells, of all pieces together
_VARIATION = 2.0  # of an exponent on a tame cell
_PERIOD = 6.5  # of a wave on a tame cell, radians
_RATIO = 4.0 + 1e-9  # of what has a root, a logarithm or a reciprocal
_ZERO = 2.0**-32  # part of its largest value, at which the argument of a root is zero at a joint
_MOST_PLACES = 24
_BLOCK = 4096  # cells whose parts are weighed at once
_AT_JOINT = 256  # samples of what tends to a limit at a joint
_SPARE = 64  # bits by which φ' may be larger than φ


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of the line, together all of it within some reach.

    Parameters
    ----------
    low, high
        Their ends, two arrays.
    length
        The length ℓ within which φ can change its character: a cell's own, 5/4 where no cell had to be halved, and next
        to none where halving found no end.
    """

    low: Array
    high: Array
    length: Array

    @property
    def narrow(self) -> Cells:
        """Those that had to be halved."""
        found = self.length < _LONG
        return Cells(self.low[found], self.high[found], self.length[found])

    def places(self) -> list[float]:
        """Return the middle of the narrowest of each run of cells that had to be halved, of a few dozen at the most."""
        found = self.narrow
        order = np.argsort(found.low)
        low, high, length = found.low[order], found.high[order], found.length[order]
        runs = np.split(np.arange(low.size), np.flatnonzero(low[1:] > high[:-1]) + 1)
        narrowest = sorted((int(run[length[run].argmin()]) for run in runs if run.size), key=lambda i: float(length[i]))
        return [float(low[i] + high[i]) / 2 for i in narrowest[:_MOST_PLACES]]

    def between(self, a: float, b: float) -> Cells:
        """Those of |x| between a and b."""
        near, far = self._ends()
        found = (near < b) & (far > a)
        return Cells(self.low[found], self.high[found], self.length[found])

    def _ends(self) -> tuple[Array, Array]:
        """Return the smallest and the largest |x|."""
        near = np.where(self.low * self.high < 0, 0.0, np.minimum(abs(self.low), abs(self.high)))
        return near, np.maximum(abs(self.low), abs(self.high))

    def largest(self, f: Callable[[Array], Array], a: float, b: float) -> Array:
        """Return the largest f(|x|) at the ends and in the middle of what each cell has between a and b, else 0."""
        near, far = self._ends()
        first, last = np.clip(near, a, b), np.clip(far, a, b)
        values = f(np.array([first, (first + last) / 2, last])).max(axis=0)
        return np.where((near < b) & (far > a), values, 0.0)


def cells(phi: Pieces, reach: float, bits: int, scale: int = 0) -> Cells:
    """Return the cells of |x| ≤ reach.

    Parameters
    ----------
    phi
        φ.
    reach
        The largest |x|.
    bits, scale
        What does not count: φ(x) e^{−x²/4} below 2**(scale − bits), and parts of φ yet smaller.
    """
    pieces: dict[tuple[Tree, Tree], list[Piece]] = {}
    for piece, slope in zip(phi.pieces, phi.slopes, strict=True):
        pieces.setdefault((piece.tree, slope), []).append(piece)
    most = _MOST_WORK / len(pieces)
    with np.errstate(all="ignore"):
        found = [
            level
            for (tree, slope), where in pieces.items()
            for level in _levels(_Look(tree, slope, where, bits, scale), where, reach, most)
        ]
    low, high, length = (np.concatenate(rows) for rows in zip(*found, strict=True))
    return Cells(low, high, length)


def _levels(look: _Look, pieces: Sequence[Piece], reach: float, most: float) -> Iterator[tuple[Array, Array, Array]]:
    """Yield the ends and lengths of the cells of pieces that are tame, or as narrow as cells get; widest first."""
    edges = [edge for piece in pieces if (edge := _edges(piece, reach)).size]
    if not edges:
        return
    low, high = (np.concatenate([edge[part] for edge in edges]) for part in (slice(-1), slice(1, None)))
    narrow = False
    while low.size:
        most -= look.work(low, high)
        last = (high - low < _FINEST) | (low.size > _MOST_CELLS or most < 0)
        bad = ~look.tame(low, high)
        bad[bad] = look.matters(low[bad], high[bad])
        done = ~bad | last
        length = np.where(bad, _NONE, high - low if narrow else _LONG)
        yield low[done], high[done], length[done]
        low, high, narrow = low[~done], high[~done], True
        middle = (low + high) / 2
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])


def _edges(piece: Piece, reach: float) -> Array:
    """Return the ends of the first cells of a piece."""
    a = -reach if piece.left is None else max(piece.left.near, -reach)
    b = reach if piece.right is None else min(piece.right.near, reach)
    return np.linspace(a, b, math.ceil((b - a) / _WIDEST / 2) * 2 + 1) if a < b else np.empty(0)


class _Look:
    """Whether a smooth formula is tame on cells, and whether they matter."""

    def __init__(self, tree: Tree, slope: Tree, pieces: Sequence[Piece], bits: int, scale: int) -> None:
        self.scale, self.bits = scale, bits
        self.starts = [piece.left.near for piece in pieces if piece.left is not None]
        self.ends = [piece.right.near for piece in pieces if piece.right is not None]
        self.demands = list(dict.fromkeys(d for t in in_order(tree) for d in _demands(t)))  # φ' is as fine as φ
        arguments, slopes = [d.argument for d in self.demands], sensitivities(tree)
        self.count = len(arguments)
        self.run = program([*arguments, *map(derivative, arguments)], IntervalField(least=0.0))
        self.values = program([tree, slope], IntervalField(least=0.0))
        self.order = [t for t in in_order(tree) if not t.constant]
        self.steps = len([t for t in in_order(*arguments, *map(derivative, arguments), slope) if not t.constant])
        self.worth = program([*self.order, *(slopes[t] for t in self.order)], IntervalField(least=0.0))

    def work(self, low: Array, high: Array) -> float:
        """Return how many operations on cells it takes to tell."""
        joints = _among(low, self.starts).sum() + _among(high, self.ends).sum()
        return float(self.steps * (low.size + _AT_JOINT * joints))

    def tame(self, low: Array, high: Array) -> npt.NDArray[np.bool_]:
        """Return for each cell whether all arguments move little."""
        if not self.count:
            return np.ones(low.shape, dtype=bool)
        inside = self._enclosures(low, high)
        found = self._all_tame(inside, [np.zeros_like(low)] * self.count)
        if not found.all():  # then what they are worth is looked at
            bad = ~found
            wild = [Span(u.low[bad], u.high[bad]) for u in inside]
            found[bad] = self._all_tame(wild, self._depths(wild, low[bad], high[bad]))
        for joints, joint, opposite in ((self.starts, low, high), (self.ends, high, low)):
            there = _among(joint, joints)
            if there.any():
                found[there] = self._tame_at_joints(opposite[there], joint[there])
        return found

    def _enclosures(self, low: Array, high: Array) -> list[Span]:
        """Return what the arguments may be on cells."""
        middle, n, half = (low + high) / 2, len(low), (high - low) / 2
        spans = self.run(Span(np.concatenate([low, middle]), np.concatenate([high, middle])))
        found = []
        for demand, u, rise in zip(self.demands, spans[: self.count], spans[self.count :], strict=True):
            ends = np.broadcast_arrays(u.low, u.high, rise.size, np.empty(2 * n))
            natural, first, last, steep = Span(ends[0][:n], ends[1][:n]), ends[0][n:], ends[1][n:], ends[2][:n]
            if demand.kind is _wave:  # of which only the width counts
                last = first
            found.append(intersection(natural, Span(first - half * steep, last + half * steep)))
        return found

    def _all_tame(self, arguments: Sequence[Span], depths: Sequence[Array]) -> npt.NDArray[np.bool_]:
        """Return for each cell whether its arguments move little for what they are worth."""
        limit = (self.bits + _SPARE) * math.log(2)
        rows = zip(self.demands, arguments, depths, strict=True)
        return np.asarray(np.all([(depth > limit) | d.kind(u, depth) for d, u, depth in rows], axis=0))

    def _depths(self, arguments: Sequence[Span], low: Array, high: Array) -> list[Array]:
        """Return d for each demand: −ln of what of its function is bent and counts, as the normal law sees it."""
        found = [np.zeros_like(low) for _ in self.demands]
        for i in range(0, len(low), _BLOCK):
            here = slice(i, i + _BLOCK)
            a, b = low[here], high[here]
            nearest = np.where(a * b < 0, 0.0, np.minimum(abs(a), abs(b)))
            hidden = nearest**2 / 4 + self.scale * math.log(2)
            weights, bounds = self._worths(Span(a, b))
            for depth, demand, u in zip(found, self.demands, arguments, strict=True):
                if demand.bent is not None:
                    own = weights[demand.node] + demand.bent(Span(u.low[here], u.high[here]))
                    depth[here] = np.maximum(hidden - np.minimum(own, bounds[demand.node]), 0.0)
        return found

    def _worths(self, x: Span) -> tuple[dict[Tree, Array], dict[Tree, Array]]:
        """Return for each node v bounds of ln |∂φ/∂v|, and of ln of what v can do to φ through what is made of it."""
        spans, n = self.worth(x), len(self.order)
        logs = [np.broadcast_to(np.log(np.maximum(u.size, LEAST)), x.low.shape) for u in spans]
        weights = dict(zip(self.order, logs[n:], strict=True))
        sizes = dict(zip(self.order, logs, strict=False))
        bounds = {t: np.full(x.low.shape, -np.inf) for t in self.order} | {self.order[-1]: sizes[self.order[-1]]}
        for t in reversed(self.order):
            most = np.minimum(bounds[t], weights[t] + sizes[t])
            for v in t.arguments:
                if not v.constant:
                    bounds[v] = np.maximum(bounds[v], most)
        return weights, bounds

    def matters(self, low: Array, high: Array) -> npt.NDArray[np.bool_]:
        """Return for each cell whether φ e^{−x²/4} or φ' e^{−x²/4} may be large enough to count."""
        nearest = np.where(low * high < 0, 0.0, np.minimum(abs(low), abs(high)))
        value, slope = self.values(Span(low, high))
        size = np.log2(np.maximum(value.size, slope.size) + np.zeros_like(low))
        return np.asarray(~(size - nearest**2 / 4 * math.log2(math.e) < self.scale - self.bits - 12))

    def _tame_at_joints(self, opposite: Array, joint: Array) -> npt.NDArray[np.bool_]:
        """Return whether all arguments move little on cells at joints, or end there as quadrature expects it."""
        low, high = np.minimum(opposite, joint), np.maximum(opposite, joint)
        parts = np.concatenate([[1, 1 / 2, 1 / 4, 1 / 8], np.arange(1, _AT_JOINT) / _AT_JOINT, [0]])
        points = joint[:, None] + (opposite - joint)[:, None] * parts
        spans = self.run(Span(np.column_stack([points, low]), np.column_stack([points, high])))[: self.count]
        n, wholes = len(parts), []
        for demand, u in zip(self.demands, spans, strict=True):
            (samples, end), whole = np.split(u.low[:, :n], [n - 1], axis=1), Span(u.low[:, n], u.high[:, n])
            limited = ~np.isfinite(whole.size)  # 0/0 or the like: what tends to a limit is tame
            whole.low[limited], whole.high[limited] = samples[limited].min(axis=1), samples[limited].max(axis=1)
            if demand.kind is _ratio:
                expected = ~limited & (
                    abs(end[:, 0]) <= _ZERO * abs(samples[:, 0])
                )  # quadrature expects it to end there
                whole.low[expected] = whole.high[expected] = 1.0
            wholes.append(whole)
        return self._all_tame(wholes, self._depths(wholes, low, high))


def _among(values: Array, few: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Return which values are among a few others."""
    return np.asarray((values[:, None] == np.array(few)).any(axis=1))


# ---------------------------------------------------------------- what is asked of an argument

Kind: TypeAlias = Callable[[Span, Array], npt.NDArray[np.bool_]]
"""From what an argument may be on cells, and d (see the head of this room), whether its function is tame."""


def _exponential(u: Span, depth: Array) -> npt.NDArray[np.bool_]:
    """Of e^{±u}: flanks may be the steeper, the farther they are down; all that is seen passes there."""
    return np.asarray(u.width <= _VARIATION * (1 + depth / 4))


def _fast_step(u: Span, depth: Array) -> npt.NDArray[np.bool_]:
    """Of what tends to straight lines like e^{−u²}."""
    return np.asarray(u.width <= _VARIATION)


def _wave(u: Span, depth: Array) -> npt.NDArray[np.bool_]:
    """Of what never comes to rest: two rules together have two nodes a period, and not evenly spaced."""
    return np.asarray(u.width <= _PERIOD)


def _slow_step(u: Span, depth: Array) -> npt.NDArray[np.bool_]:
    """Of what tends to straight lines like 1/u."""
    return np.asarray(u.width <= _VARIATION * (1 + u.least))


def _ratio(u: Span, depth: Array) -> npt.NDArray[np.bool_]:
    """Of what is not analytic at 0: what is large, as 1 + e^{ws²} is, may grow the faster."""
    return np.asarray((u.least > 0) & (u.size <= _RATIO * u.least * np.maximum(u.least, 1) ** 0.25))


Bent: TypeAlias = Callable[[Span], Array] | None
"""From what an argument may be, ln of what of its function is no straight line; None where that is always much."""

_KINDS: dict[str, tuple[Kind, Bent]] = {
    **dict.fromkeys(("exp", "expm1"), (_exponential, lambda u: u.high)),
    **dict.fromkeys(("sinh", "cosh"), (_exponential, lambda u: u.size)),
    **dict.fromkeys(("tanh", "sigmoid", "softplus"), (_exponential, lambda u: -u.least)),
    **dict.fromkeys(("erf", "erfc"), (_fast_step, lambda u: -(u.least**2))),
    **dict.fromkeys(("sin", "cos", "sinc"), (_wave, None)),
    **dict.fromkeys(("atan", "asinh"), (_slow_step, None)),
}


@dataclass(frozen=True)
class _Demand:
    """What a node of φ asks of an argument, and what of it is bent."""

    node: Tree
    argument: Tree
    kind: Kind
    bent: Bent


def _demands(t: Tree) -> Iterator[_Demand]:
    """Yield what a node asks of which arguments that are no constants."""
    singular = singular_argument(t)
    if singular is not None:
        yield from (_Demand(t, v, _ratio, None) for v in _vanishing(singular))
    elif not t.constant and t.word in _KINDS:
        yield _Demand(t, t.arguments[0], *_KINDS[t.word])


_POSITIVE = ("exp", "sigmoid", "softplus", "erfc", "cosh")


def _vanishing(t: Tree) -> Iterator[Tree]:
    """Yield the trees at whose zeros alone a tree can vanish: factors that are no constants."""
    if t.constant or t.head in _POSITIVE:
        return
    if t.head in ("*", "/", "neg", "sqrt", "power"):
        for factor in t.arguments if t.head == "*" else t.arguments[:1]:
            yield from _vanishing(factor)
    else:
        yield t
