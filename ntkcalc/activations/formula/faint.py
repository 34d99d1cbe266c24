r"""How faint a part of φ may be beside the rest: before that is looked for, nothing in φ is taken to be zero.

:math:`1 + x + 10^{−300} \sin² x` has an even part, and ``max(x, -30)`` an even part of about :math:`e^{−450}`. Where a
sum's terms differ by b bits, where a function hardly changes with its argument (tanh of x − 200), and where a piece of
φ is far out, all that depends on x there is so much smaller than what it is added to. Of sin(kx), the normal law sees
no more than :math:`e^{−k²/2}`; frequencies of factors add up, and an even function of a wave has twice its frequency.

Two more things hide parts of φ, and are counted before anything is taken to be zero: functions of what hardly varies
(of sin(cx), c = :math:`10^{−60}`, the bend is c² of its slope), and constants next to others (clip(x, −1, 1 + c) is all
but odd).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gmpy2 import mpfr

from ntkcalc.activations.formula.functions import (
    DomainError,
    MpfrField,
    derivative,
    is_function,
    outer_derivative,
    polynomial,
    program,
    singular_argument,
)
from ntkcalc.activations.formula.trees import Tree, in_order
from ntkcalc.numerics.precision import mpfr_context, mpfr_log2

if TYPE_CHECKING:
    from ntkcalc.activations.formula.pieces import Piece, Pieces

_BITS = 2048  # of what saturates
_USUAL = 64  # bits of the constants of a formula that are given away
_ORDERS = 14  # of a function of what hardly varies, the last of which shows that it is no polynomial of low degree
_WAVES = ("sin", "cos", "sinc")
_EVEN = ("cos", "cosh", "sinc")


@dataclass(frozen=True)
class Faintness:
    """By how many bits the faintest part of φ is smaller than the rest; ∞ where it does not show at all.

    Parameters
    ----------
    near
        By its values, where they must tell φ from a polynomial of low degree.
    likely, most
        As the normal law sees it, no less than that: as a rule, and where the slower waves of a product cancel, and all
        that constants hide.
    """

    near: float
    likely: float
    most: float


def faintness(phi: Pieces, narrow: Sequence[float]) -> Faintness:
    """Return how faint a part of φ is, where `narrow` says where φ varies fast, as narrow bumps do."""
    sights = {piece.tree: _Sight(piece.tree) for piece in phi.pieces}
    either = [x for y in narrow for x in (y, -y)]  # what shows in one piece shows
    near = likely = most = 0.0
    for piece in phi.pieces:
        sight, places, nearest = sights[piece.tree], piece.samples() + either, _bell(_nearest(piece))
        hidden = {x: max(0.0, _bell(x) - nearest) for x in [*places, *piece.far_samples()]}
        near = max(near, sight.faintest(dict.fromkeys(places, 0.0))[0])
        bits, slow, fast = sight.faintest(hidden)
        likely, most = max(likely, bits + slow + nearest), max(most, bits + max(slow, fast) + nearest)
    hidden_by_constants = max(0.0, _height(phi) - _USUAL)
    straight = max(_straightness(piece.tree, piece.samples()) for piece in phi.pieces)
    return Faintness(
        near + hidden_by_constants + _ORDERS * straight,
        max(near, likely),
        max(near, most) + hidden_by_constants + 2 * straight,
    )


def _height(phi: Pieces) -> float:
    """Return how many bits the numbers in φ have, and by how many the terms of sums of constants differ in size."""
    constants = [t for t in in_order(*(piece.tree for piece in phi.pieces)) if t.constant]
    with mpfr_context(_BITS):
        values = dict(zip(constants, program(constants, MpfrField())(mpfr(0)), strict=True))
    sizes = {t: mpfr_log2(value) if value else 0.0 for t, value in values.items()}
    bits = 0.0
    for t in sizes:
        if t.number is not None:
            bits += t.number.numerator.bit_length() + t.number.denominator.bit_length()
        elif t.head in ("+", "-") and all(values[a] for a in t.arguments):
            bits += abs(sizes[t.arguments[0]] - sizes[t.arguments[1]])
    return bits


def _straightness(tree: Tree, places: Sequence[float]) -> float:
    """Return by how many bits a polynomial varies less than a function that is made of it, or its reciprocal, bends."""
    made = [t for t in in_order(tree) if is_function(t) or (t.head == "/" and not t.arguments[1].constant)]
    singular = [singular_argument(t) for t in made]
    arguments = [t.arguments[0] if v is None else v for t, v in zip(made, singular, strict=True)]
    most = 0.0
    with mpfr_context(_BITS):
        for argument, v in zip(arguments, singular, strict=True):
            if polynomial(argument) is not None:
                values = [program([argument], MpfrField())(mpfr(x))[0] for x in places]
                scale = mpfr_log2(max(map(abs, values))) if v is not None else 0.0
                most = max(most, scale - mpfr_log2(max(values) - min(values)))
    return most


def _nearest(piece: Piece) -> float:
    """Return the least |x| of a piece."""
    low, high = piece.near
    return 0.0 if low < 0 < high else min(abs(low), abs(high))


def _bell(x: float) -> float:
    """Return −log2 e^{−x²/2}."""
    return x * x / 2 * math.log2(math.e)


def _sum(values: Sequence[float]) -> float:
    return sum(values)


def _largest(values: Sequence[float]) -> float:
    return max(values, default=0.0)


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

    def faintest(self, hidden: dict[float, float]) -> tuple[float, float, float]:
        """Return bits of the whole formula beside those of what it is made of, where some bits of places are hidden.

        Returns
        -------
        tuple
            The bits of what is no wave, and −log2 of what the normal law sees of the waves, twice: each factor by
            itself, and the fastest wave of which there may be nothing slower.
        """
        sizes, changes, slopes = self._together(hidden)
        bits: dict[Tree, float] = {}
        bells: dict[Tree, float] = {}
        frequencies: dict[Tree, float] = {}
        for t in self.order:
            join = _sum if t.head in ("*", "/") else _largest  # what is faintest in all factors
            for known in (bits, bells, frequencies):
                known[t] = join([known.get(a, 0.0) for a in t.arguments])
            if t.head in ("+", "-") and all(a in sizes for a in t.arguments):
                bits[t] += abs(sizes[t.arguments[0]] - sizes[t.arguments[1]])
            elif t in self.outer:
                bits[t] += max(0.0, -changes.get(t, 0.0)) if t in sizes or t.arguments[0] not in sizes else math.inf
                bells[t] += _bell(slopes.get(t, 0.0))
                frequencies[t] = frequencies[t] * (2 if t.head in _EVEN else 1) + slopes.get(t, 0.0)
        if not self.order:
            return 0.0, 0.0, 0.0
        whole = self.order[-1]
        return bits[whole], bells[whole], _bell(frequencies[whole])

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
