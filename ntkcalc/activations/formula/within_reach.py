r"""The plainer formula that a formula is where the normal law is, such as 10^6 − x of silu(10^6 − x).

On |x| ≤ R branches that have one sign are taken. Functions that are within ε of their limits there, as tanh is at 10^6,
are replaced by these if a polynomial p is left, and p' is left of φ'; errors go on through the tree, at most ε sup |f'|
through f. What both formulas have beyond R is bounded by their growth. So ‖φ − p‖ and ‖φ' − p'‖ are below 2**-ERROR,
far below the floor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from flint import arb

from ntkcalc.activations.formula.bounds.growth import far_formula, growth
from ntkcalc.activations.formula.bounds.ranges import Range, ranges
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, power_of_two, rational, working_precision
from ntkcalc.activations.formula.expressions.derivatives import derivative, outer_derivative
from ntkcalc.activations.formula.expressions.functions import SMOOTH
from ntkcalc.activations.formula.expressions.plain_form import branch, plain
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import Tree, X, in_order, node, number, simplified
from ntkcalc.errors import AccuracyError, InputError

ERROR = 6656
"""−log2 of norms that are below the floor of any that is not itself next to 0."""

MOST_BITS = 2048
"""Bits of numbers, work included, that such an error does not reach even in a coefficient at the floor."""

_PRECISION = 64
_REACH = 144.0  # R, beyond which e^{−x²/2} is below 2**−(2 ERROR)
_NEAREST = 64.0  # arguments up to which no function is that near its limit


class _UnknownError(Exception):
    """Errors have no bound."""


@dataclass(frozen=True, eq=False)
class _Near:
    """A tree, a range that holds its values and those of the tree it stands for, and a bound on their difference."""

    tree: Tree
    values: Range
    error: Ball


def within_reach(tree: Tree) -> Tree:
    """Return the plainer formula that a plain tree with branches is but for 2**-ERROR, itself where none is proven."""
    try:
        return tree if polynomial(tree) is not None else _plainer(tree)
    except (_UnknownError, InputError):  # the latter of powers that are too high
        return tree


def _plainer(tree: Tree) -> Tree:
    line, small, slope = Range(arb(-_REACH), arb(_REACH)), power_of_two(-ERROR - 2.0), derivative(tree)
    approximation = _Approximation(line)
    found = approximation.of(tree)
    if not found.error < small or (found.error == 0 and not approximation.decides):
        return tree
    near = plain(found.tree)
    steep = derivative(near)
    if found.error == 0 and all(far_formula(tree, _REACH, sign) is near for sign in (-1, 1)):
        return tree  # it is that formula everywhere, of which others say more
    if found.error != 0:
        left = _Approximation(line).of(slope)
        if polynomial(near) is None or polynomial(steep) != polynomial(plain(left.tree)) or not left.error < small:
            return tree
    return near if all(map(_is_small_far_out, (tree, slope, near, steep))) else tree


def _is_small_far_out(tree: Tree) -> bool:
    """Return whether a tree has less than 2**-(2 ERROR) of its mean square beyond ±R."""
    bounds = [growth(tree, _REACH, 0.0, sign) for sign in (-1, 1)]
    return all(g is not None and g.log_tail(_REACH, 0.5, 2) < -2 * ERROR - 4 for g in bounds)


class _Approximation:
    """What trees are nearly, for x in a range."""

    def __init__(self, x: Range) -> None:
        self.x, self.decides = x, False  # whether branches that are not constant are decided
        self._known: dict[Tree, _Near] = {}

    def of(self, tree: Tree) -> _Near:
        """Return what a tree is nearly."""
        for t in in_order(tree):
            if t not in self._known:
                with working_precision(_PRECISION):
                    self._known[t] = self._node(t)
        return self._known[tree]

    def _node(self, t: Tree) -> _Near:
        choice = branch(t)
        if choice is not None:
            sign = ranges([choice.decider], self.x)[0].sign
            if sign:
                self.decides |= not t.constant
                return self.of(choice.above if sign > 0 else choice.below)
        a = [self._known[s] for s in t.arguments]
        if choice is not None and any(u.error != 0 for u in a):
            raise _UnknownError
        found = _limit(t.word, a[0]) if t.word in SMOOTH else None
        near = found[0] if found else simplified(t.head, *(u.tree for u in a))
        one, other = ranges([t, near], self.x)
        values = one.union(other)
        return _Near(near, values, found[1] if found else _carried(t.word, a, values))


def _limit(word: str, u: _Near) -> tuple[Tree, Ball] | None:
    """Return the limit of a function at ±∞ where it is near that, of softplus at ∞ its argument, and by how much."""
    ends = SMOOTH[word].ends
    above = u.values.low > _NEAREST
    if ends is None or not (above or u.values.high < -_NEAREST):
        return None
    there = u.values.low if above else u.values.high
    with working_precision(ERROR + 2 * _PRECISION):
        if word == "softplus" and above:
            found, error = u.tree, real_program(node(word, X))(-there)[0]
        elif math.isfinite(ends[above]):
            end = Fraction(ends[above])
            found, error = number(end), real_program(node(word, X))(there)[0] - rational(end)
        else:
            return None
        error = abs(error).upper()
    return (found, error + u.error) if error < power_of_two(-ERROR - _PRECISION) else None


def _carried(word: str, a: list[_Near], values: Range) -> Ball:
    """Return a bound on what errors of arguments are in a function of them."""
    if all(u.error == 0 for u in a):
        return arb(0)
    first, sizes = a[0], [_size(u.values) for u in a]
    if word in ("+", "-", "neg"):
        error = sum((u.error for u in a), arb(0))
    elif word == "*":
        error = first.error * sizes[1] + sizes[0] * a[1].error
    elif word == "/":
        least = a[1].values.low if a[1].values.sign > 0 else -a[1].values.high
        error = (first.error + _size(values) * a[1].error) / least if a[1].values.sign else arb.nan()
    else:
        parameters = [u.tree for u in a[1:]]
        slope = outer_derivative(node(word, X, *parameters))
        error = first.error * _size(ranges([slope], first.values)[0])
    if not error.is_finite():
        raise _UnknownError
    return error.upper()


class DualWithinReach:
    """The dual of a formula that another one is within reach; digits beyond `MOST_BITS` are refused in its name."""

    def __init__(self, dual: Any, name: str) -> None:
        self._dual, self.name = dual, name

    def __getattr__(self, name: str) -> Any:
        found = getattr(object.__getattribute__(self, "_dual"), name)
        return partial(self._checked, found) if name in _OF_BITS else found

    def _checked(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if arguments[-1] > MOST_BITS:
            raise AccuracyError(
                f"{self.name} takes more than {MOST_BITS} bits, of which it has no more, for it is computed as the "
                f"plainer formula that it is for |x| <= {_REACH:g}; lower --digits"
            )
        return function(*arguments)


_OF_BITS = ("taylor", "expansion", "value", "mean_square", "slope_square", "hermite")
"""Methods whose last argument is a number of bits."""


def _size(values: Range) -> Ball:
    """Return the largest absolute value in a range."""
    return max(-values.low, values.high)
