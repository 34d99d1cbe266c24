"""What Assumptions 2 and 3 ask of φ: finite, real and continuous, φ and φ' square-integrable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise, product

from flint import arb

from ntkcalc.activations.formula.bounds.branches import alternatives, segments
from ntkcalc.activations.formula.bounds.singularities import negative_places, zeros
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, short_text, working_precision
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.plain_form import plain, radicands
from ntkcalc.activations.formula.expressions.trees import ONE, ZERO, Tree, in_order, node, plus, text_of
from ntkcalc.activations.formula.phi import obstacle
from ntkcalc.activations.formula.piecewise.kinks import kinks_of, rational_kinks
from ntkcalc.activations.formula.piecewise.panels import TooFastError, panels_of
from ntkcalc.activations.formula.piecewise.rational_pieces import rational_pieces
from ntkcalc.activations.formula.piecewise.slivers import Sliver
from ntkcalc.errors import AccuracyError, InputError

_BITS = 640  # of limits at kinks
_MOST_CELLS = 2048
_PLACES = 400  # bits of the places of kinks
_FINEST = -4096.0  # log2 of the distance of places that are told from each other, numbers being 1e-1000 at least
_DISTANCES = range(80, 360, 40)  # −log2 of distances from a place at which limits are looked for
_ALIKE = 220  # bits in which values there are alike
_SEEN = 64  # |x| beyond which the normal law sees nothing
_WRITTEN = {"sqrt": "sqrt", "log": "log", "log1p": "log", "^": "power"}
"""What users write that is real for arguments of one sign only, log1p(u) as log(1 + u), and its plain form."""

_UNSURE = ("is too large", "have no digits")  # reasons that are none of the function
_INFINITE = ("division by zero", "is too large")  # reasons of which limits say more


def check(tree: Tree, text: str) -> None:
    """Refuse a plain tree with branches that is no φ for the theory.

    Raises
    ------
    InputError
        Where φ is infinite, not real, jumps, or grows too fast.
    """
    check_growth(tree, text)
    for place, left, right in _places(tree, text):
        _check_place(text, place, left, right)


def check_singularities(tree: Tree, text: str) -> None:
    """Refuse a plain tree that is infinite or not real, or jumps, where something vanishes that it divides by.

    Raises
    ------
    InputError
        With the place.
    """
    _check_real(tree, (place for u in radicands(tree) for place in negative_places(u)), text)
    for zero in zeros(tree):
        with working_precision(_BITS):
            values = real_program(tree, derivative(tree))(zero.place)
            if zero.proven and not all(value.is_finite() for value in values):  # else φ and φ' are continuous there
                _check_place(text, zero.place, tree, tree)


def check_written(written: Tree, tree: Tree, text: str) -> None:
    """Refuse a user's formula that has no real value somewhere, though its plain form has, as log(x) - log(x) + x.

    Raises
    ------
    InputError
        With the place.
    """
    kept = set(radicands(tree))
    for t in in_order(written):
        if t.constant and t.arguments and (reason := obstacle([plain(t)], arb(0))) and not reason.endswith(_UNSURE):
            raise InputError(f"{text}: {text_of(t)} is no number: {reason}")
        if t.word not in _WRITTEN:
            continue
        u, *exponents = map(plain, t.arguments)
        u = plus(ONE, u) if t.word == "log1p" else u
        if u in kept or u.constant or any(n.number is not None and n.number.denominator == 1 for n in exponents):
            continue
        _check_real(node(_WRITTEN[t.word], u, *exponents), negative_places(u), text)


def _check_real(tree: Tree, places: Iterable[Ball], text: str) -> None:
    """Refuse a tree that is not real at one of some places."""
    for place in places:
        reason = obstacle([tree], place)
        if reason and not reason.endswith(_UNSURE):
            raise _undefined(text, reason, float(place))


def near_zero(tree: Tree) -> str:
    """Return that something is 0 or nearly 0 of which a tree is no continuous function there, if anything is."""
    place = next((zero.place for zero in zeros(tree) if not zero.proven and abs(zero.place) < _SEEN), None)
    if place is None:
        return ""
    near = 0.0 if place.contains(0) else float(place.mid())
    return f"; a divisor, or what a root or a logarithm is taken of, is 0 or nearly 0 at x = {near:.6g}"


def _undefined(text: str, reason: str, x: float, hint: str = "") -> InputError:
    """Return the refusal of a φ that has no value at a point."""
    return InputError(f"{text} is not finite and real everywhere: {reason}, at x = {x:.6g}{hint}")


_ALL_AROUND = " and all around it; step(u)*v is v where u > 0, and 0 elsewhere, as in step(1 - x^2)*exp(-1/(1 - x^2))"


def check_growth(tree: Tree, text: str) -> None:
    """Refuse a φ that outgrows e^{x²/4}, so that φ² has no Gaussian mean, with the place where values show it."""
    with suppress(AccuracyError):
        panels_of(tree, text).far(64.0)
        return
    for side, power in product((-1, 1), (6, 8, 10, 12)):
        x = side * arb(2) ** power
        here = (alternatives(tree, x) or [tree])[0]  # √relu(x) has the slope 0 on one side
        if any(t.word == "/" and t.arguments[1] is ZERO for t in in_order(here)):
            raise _undefined(text, "division by zero", float(x), _ALL_AROUND)
        both = [here, derivative(here)]
        reason = obstacle(both, x)
        if reason and not reason.endswith(_INFINITE):
            raise _undefined(text, reason, float(x))
        said = f"{reason}," if reason else _outgrown(both, x) if power == 12 else ""
        if said:
            raise InputError(
                f"{text} is not square-integrable under the Gaussian weight: {said} at x = {side * 2**power}"
            )


def _outgrown(trees: list[Tree], x: Ball) -> str:
    """Return that trees are about e^{x²/4} or more at a point, if they are."""
    with working_precision(64):
        largest = max((abs(v).mid() for v in real_program(*trees)(x) if v.is_finite()), default=arb(0))
        return (
            f"it grows like exp(x^2/4) or faster, to {short_text(largest)}" if largest > (x * x / 4 - 64).exp() else ""
        )


def _places(tree: Tree, text: str) -> Iterator[tuple[Ball, Tree, Tree]]:
    """Yield where φ may bend, with the formulas on both sides; `check_singularities` sees where they are singular."""
    pieces = rational_pieces(tree)
    panels = panels_of(tree, text)
    try:
        panels.line(64.0, _MOST_CELLS)
    except TooFastError as error:
        _check_place(text, arb(round(error.place * 256) / 256), tree, tree)
        raise
    kinks = kinks_of(panels, _PLACES) if pieces is None else rational_kinks(pieces)
    for kink in sorted(kinks, key=lambda kink: abs(kink.near)):
        with working_precision(_BITS):
            place = kink.place()
        yield place, kink.left, kink.right
    if pieces is None:
        yield from _places_in_slivers(tree, panels.line(_PLACES).slivers)


def _places_in_slivers(tree: Tree, slivers: list[Sliver]) -> Iterator[tuple[Ball, Tree, Tree]]:
    """Yield where φ changes inside slivers on which its formulas differ: a pulse may begin and end in one."""
    for sliver in slivers:
        with working_precision(_BITS):
            first, *others = real_program(*sliver.trees)(sliver.whole)
        if all(value.overlaps(first) for value in others):
            continue
        parts = [s for s in segments(tree, sliver.left, sliver.right, _FINEST) if len(s.trees) == 1]
        for one, other in pairwise(parts):
            if one.trees != other.trees:
                with working_precision(-2 * int(_FINEST)):
                    place = one.right.union(other.left)
                yield place, one.trees[0], other.trees[0]


def _check_place(text: str, place: Ball, left: Tree, right: Tree) -> None:
    """Refuse a pole, a jump, or a derivative that is not square-integrable, at a place."""
    near = 0.0 if place.contains(0) else float(place.mid())
    limits = [_limit(text, near, place, side, tree) for side, tree in ((-1, left), (1, right))]
    if not limits[0].overlaps(limits[1]):
        raise InputError(
            f"{text} jumps {_from_to(*limits)} at x = {near:.6g}; "
            "Assumption 3 asks for a continuous phi (chi is infinite)"
        )


def _limit(text: str, near: float, place: Ball, side: int, tree: Tree) -> Ball:
    """Return φ's limit at a place from one side.

    Where φ and φ' are finite balls at the place they are continuous. Else values at distances 2**-n say how they go on:
    a φ with a square-integrable φ' moves by no more than a multiple of 2**(-n/2).
    """
    trees = [tree, derivative(tree)]
    with working_precision(_BITS):
        value, slope = real_program(*trees)(place)
        if value.is_finite() and slope.is_finite():
            return value
    rows = [_values_at(trees, place, side, n, text, near) for n in _DISTANCES]
    with working_precision(_BITS):
        values, slopes = zip(*rows, strict=True)
        moves = [b - a for a, b in pairwise(values)]
        last, sizes = abs(moves[-1]), [abs(v.mid()) for v in values]
        if last > abs(moves[-2]) / 2:
            half = len(sizes) // 2
            if len({bool(move > 0) for move in moves}) == 2 and max(sizes[half:]) <= 2 * max(sizes[:half]):
                raise InputError(f"{text} has no limit at x = {near:.6g}; phi must be continuous")
            first, second, third = values[0], values[2], values[6]  # at 2^-n, 2^-2n and 2^-4n
            if abs(third - second) > 0.9 * abs(second - first):  # as ln n moves, or more; 1/n moves half as far
                raise InputError(f"{text} is unbounded at x = {near:.6g}; phi must be finite everywhere")
            raise _steep(text, near)
        steep = arb(2) ** (_DISTANCES.step / 2 - 1e-6)
        if all(abs(b) > abs(a) * steep for a, b in pairwise(slopes[-3:])):  # like 1/√x or worse
            raise _steep(text, near)
        return value if value.is_finite() else values[-1] + arb(0, 2 * last.upper())


def _steep(text: str, near: float) -> InputError:
    """Return the refusal of a φ with too steep a slope."""
    return InputError(f"{text}: its derivative is not square-integrable at x = {near:.6g}, so that chi is infinite")


def _values_at(trees: list[Tree], place: Ball, side: int, n: int, text: str, near: float) -> list[Ball]:
    """Return φ and φ' at a distance 2**-n from a place, with as many bits as they take."""
    found: list[Ball] = []
    for bits in (_BITS, 2 * _BITS, 4 * _BITS):
        with working_precision(bits):
            x = place.mid() + side * arb(2) ** -n
            taken = [alternatives(t, x, bits) for t in trees]  # relu(x)^0.75 has the slope 0 where relu(x) is 0
            found = real_program(*(one[0] if len(one) == 1 else t for t, one in zip(trees, taken, strict=True)))(x)
        if all(ball.is_finite() for ball in found) and found[0].rad() <= abs(found[0].mid()) * arb(2) ** -_ALIKE:
            return found
    if all(ball.is_finite() for ball in found):
        return found
    reason = obstacle(trees, x)
    if reason and not reason.endswith(_UNSURE):
        raise _undefined(text, reason, near)
    raise AccuracyError(f"{text}: no values are found next to x = {near:.6g}")


def _from_to(before: Ball, after: Ball) -> str:
    """Return two limits as text, without what is left of the distance at which they were taken."""
    one, other = before.mid(), after.mid()
    least = max(abs(one), abs(other)) * arb(2) ** -64
    said, next_said = (short_text(x if abs(x) > least else arb(0), 5) for x in (one, other))
    apart = after - before
    digits = max(1, min(5, int(0.3 * apart.rel_accuracy_bits()) - 1))
    return f"from {said} to {next_said}" if said != next_said else f"by {short_text(apart.mid(), digits)}"
