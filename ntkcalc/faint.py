r"""How faint a part of φ may be beside the rest: before that is looked for, nothing in φ is taken to be zero.

:math:`1 + x + 10^{−300} \sin² x` has an even part, and ``max(x, -30)`` an even part of about :math:`e^{−450}`. Where a
sum's terms differ by b bits, where a function hardly changes with its argument (tanh of x − 200), and where a piece of
φ is far out, all that depends on x there is so much smaller than what it is added to. Of sin(kx), the normal law sees
no more than :math:`e^{−k²/2}`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gmpy2 import mpfr

from ntkcalc.functions import DomainError, MpfrField, derivative, is_function, outer_derivative, program
from ntkcalc.precision import mpfr_context, mpfr_log2
from ntkcalc.trees import Tree, in_order

if TYPE_CHECKING:
    from ntkcalc.pieces import Piece, Pieces

_BITS = 2048  # of what saturates
_WAVES = ("sin", "cos", "sinc")


def faintest(phi: Pieces, narrow: Sequence[float]) -> tuple[float, float]:
    """Return by how many bits the faintest part of φ is smaller than the rest, and than what the normal law sees of it.

    Parameters
    ----------
    phi
        φ.
    narrow
        Where it varies fast, as narrow bumps do.

    Returns
    -------
    tuple
        Two numbers, the second no smaller; ∞ where the faintest part does not show at all.
    """
    sights = {piece.tree: _Sight(piece.tree) for piece in phi.pieces}
    either = [x for y in narrow for x in (y, -y)]  # what shows in one piece shows
    near = seen = 0.0
    for piece in phi.pieces:
        sight, places, nearest = sights[piece.tree], piece.samples() + either, _bell(_nearest(piece))
        hidden = {x: max(0.0, _bell(x) - nearest) for x in [*places, *piece.far_samples()]}
        near = max(near, sight.faintest(dict.fromkeys(places, 0.0), waves=False))
        seen = max(seen, sight.faintest(hidden, waves=True) + nearest)
    return near, max(near, seen)


def _nearest(piece: Piece) -> float:
    """Return the least |x| of a piece."""
    low, high = piece.near
    return 0.0 if low < 0 < high else min(abs(low), abs(high))


def _bell(x: float) -> float:
    """Return −log2 e^{−x²/2}."""
    return x * x / 2 * math.log2(math.e)


@dataclass(frozen=True)
class _View:
    """What a formula shows at one place: log2 of its nodes; of functions log2 |u f'(u)/f(u)|; of waves |u'|."""

    sizes: dict[Tree, float]
    changes: dict[Tree, float]
    slopes: dict[Tree, float]


class _Sight:
    """What is seen of a formula at some places."""

    def __init__(self, tree: Tree) -> None:
        self.order = [t for t in in_order(tree) if not t.constant]
        self.outer = {t: outer_derivative(t) for t in self.order if is_function(t)}
        self.inner = {t: derivative(t.arguments[0]) for t in self.outer if t.head in _WAVES}
        parts = (a for t in self.order for a in (t, *t.arguments))
        self.trees = list(dict.fromkeys([*parts, *self.outer.values(), *self.inner.values()]))
        with mpfr_context(_BITS):
            self.run = program(self.trees, MpfrField())
        self.views: dict[float, _View | None] = {}

    def faintest(self, hidden: dict[float, float], waves: bool) -> float:
        """Return the bits of a node beside those of what it is made of, for the whole formula.

        Parameters
        ----------
        hidden
            Places, and how many bits of what is there are hidden.
        waves
            Whether sin(kx) is as faint as the normal law sees it.
        """
        sizes, changes, slopes = self._together(hidden)
        bits: dict[Tree, float] = {}
        for t in self.order:
            parts = [bits.get(a, 0.0) for a in t.arguments]
            bits[t] = sum(parts) if t.head in ("*", "/") else max(parts, default=0.0)  # the faintest of all products
            if t.head in ("+", "-") and all(a in sizes for a in t.arguments):
                bits[t] += abs(sizes[t.arguments[0]] - sizes[t.arguments[1]])
            elif t in self.outer:
                bits[t] += _bell(slopes.get(t, 0.0)) if waves else 0.0
                bits[t] += max(0.0, -changes.get(t, 0.0)) if t in sizes or t.arguments[0] not in sizes else math.inf
        return bits[self.order[-1]] if self.order else 0.0

    def _together(self, hidden: dict[float, float]) -> tuple[dict[Tree, float], dict[Tree, float], dict[Tree, float]]:
        """Return the largest sizes and changes, and the least slopes, of what is not hidden."""
        sizes: dict[Tree, float] = {}
        changes: dict[Tree, float] = {}
        slopes: dict[Tree, float] = {}
        for x, less in hidden.items():
            if (view := self._view(x)) is not None:
                for t, size in view.sizes.items():
                    sizes[t] = max(sizes.get(t, -math.inf), size - less / 2)
                for t, change in view.changes.items():
                    changes[t] = max(changes.get(t, -math.inf), change - less)
                for t, slope in view.slopes.items():
                    slopes[t] = min(slopes.get(t, math.inf), slope)
        return sizes, changes, slopes

    def _view(self, x: float) -> _View | None:
        if x not in self.views:
            with mpfr_context(_BITS):
                try:
                    values = dict(zip(self.trees, self.run(mpfr(x)), strict=True))
                    self.views[x] = self._viewed(values)
                except DomainError:
                    self.views[x] = None
        return self.views[x]

    def _viewed(self, values: dict[Tree, Any]) -> _View:
        sizes = {t: mpfr_log2(value) for t, value in values.items() if value}
        changes = {}
        for t, slope in self.outer.items():
            u, value = values[t.arguments[0]], values[t]
            underflown = u and not value
            changes[t] = 0.0 if underflown else mpfr_log2(u * values[slope] / value) if value else -math.inf
        return _View(sizes, changes, {t: abs(float(values[slope])) for t, slope in self.inner.items()})
