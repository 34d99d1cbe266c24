"""From the text of a formula to an `Activation`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import TypeAlias, TypeVar

from ntkcalc.activations.activation import Activation, HermiteFunction
from ntkcalc.activations.formula.bounds.branches import first_branch
from ntkcalc.activations.formula.bounds.singularities import with_one_divisor
from ntkcalc.activations.formula.bounds.symmetry import as_polynomial, cancelled, polynomial_parts, ratio
from ntkcalc.activations.formula.checks import check, check_growth, check_singularities, check_written, near_zero
from ntkcalc.activations.formula.expressions.functions import WORDS
from ntkcalc.activations.formula.expressions.grammar import SIGNS, parsed
from ntkcalc.activations.formula.expressions.plain_form import plain, stretched
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import (
    Tree,
    X,
    in_order,
    node,
    number,
    numbers_of,
    text_of,
    times,
    whole_power,
)
from ntkcalc.activations.formula.ladder import Ladder
from ntkcalc.activations.formula.phi import Phi
from ntkcalc.activations.formula.piecewise.piecewise_dual import PiecewiseDual
from ntkcalc.activations.formula.piecewise.power_dual import PowerDual, power_dual
from ntkcalc.activations.formula.piecewise.rational_pieces import Piece, rational_pieces, spline_of
from ntkcalc.activations.formula.smooth.poles import PoleLine
from ntkcalc.activations.formula.smooth.polynomial_dual import PolynomialDual
from ntkcalc.activations.formula.smooth.quadrature_dual import FLOOR, QuadratureDual, quadrature_dual
from ntkcalc.activations.formula.smooth.rescaled import Rescaled
from ntkcalc.activations.formula.smooth.strip import Analytic, Parts
from ntkcalc.activations.formula.smooth.trapezoid import Line
from ntkcalc.activations.formula.within_reach import DualWithinReach, within_reach
from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.numerics.precision import context, log2, real

_AnyDual: TypeAlias = QuadratureDual | PolynomialDual | PowerDual | Rescaled | DualWithinReach
D = TypeVar("D", bound=QuadratureDual)
_LARGE = 64.0  # log2 of an E[φ²] from which on a power of e is taken out
_LARGEST = 1e9  # log2 of an E[φ²] that is refused


def parse(text: str, named_call: Callable[[str, Sequence[Fraction]], Activation | None]) -> Activation:
    """Return the activation that a formula describes: see `ntkcalc.activations.formula.parse`."""
    tree = parsed(text, WORDS)
    if tree.arguments[:1] == (X,):
        numbers = numbers_of(tree.arguments[1:])
        if numbers is not None and (named := named_call(str(tree.head), numbers)) is not None:
            return named
    name, found = text_of(tree), as_polynomial(plain(cancelled(plain(tree))))
    check_written(tree, found, name)
    found = with_one_divisor(found)
    near = _dual_within_reach(found, name)
    if near is not None:
        check_singularities(found, name)
        if first_branch(found) is not None:  # which may jump out of reach
            check(found, name)
        return _activation(found, near, lambda _, q: _scaled(found, _dual(found, name), q))
    dual = _dual(found, name)
    return _activation(found, dual, named=_same_named(found, dual, named_call))


def _same_named(
    tree: Tree, dual: _AnyDual, named_call: Callable[[str, Sequence[Fraction]], Activation | None]
) -> Activation | None:
    """Return the named activation that a plain tree is proven to be, if there is one of whose dual more is known."""
    if isinstance(dual, PiecewiseDual) and (halves := dual.halves()) is not None:
        left, right = halves
        for word, below in _BENT.items() if ratio(right, X) == 1 else ():
            if (c := ratio(left, below)) is not None:
                with suppress(InputError):  # of a number that the named one does not take
                    return named_call(word, [c])
    for c in _scales(tree) if isinstance(dual, QuadratureDual) else ():
        narrowed = stretched(tree, 1 / c**2)
        for word in _CLOSED if c != 1 else (*_CLOSED, *_WITH_POLES):
            call, written = _call(word)
            if ratio(narrowed, written) == 1:
                named = named_call(word, numbers_of(call.arguments[1:]) or [])
                return named and named.scaled(c**2)
    return None


@cache
def _call(word: str) -> tuple[Tree, Tree]:
    """Return f(x), with the parameters that it has by default, and what that is in plain terms."""
    call = parsed(f"{word}(x)", WORDS)
    return call, plain(call)


def _scales(tree: Tree) -> list[Fraction]:
    """Return 1 and some c > 0 for which cx is in a tree, which may be f(cx) then."""
    found = [Fraction(1)]
    for t in in_order(tree):
        if t.word in ("*", "/") and X in t.arguments:
            one, other = t.arguments
            c = one.number if other is X else other.number
            if c:
                found.append(abs(c if t.word == "*" else 1 / c))
    return list(dict.fromkeys(found))[:_MOST_SCALES]


_MOST_SCALES = 4


_BENT = {"leaky_relu": X, "elu": node("expm1", X)}
"""What is x for x > 0, by what it is a multiple of for x < 0."""

_CLOSED = ("erf", "gelu", "gaussian", "sin", "cos")
"""Functions whose duals have a closed form at every variance; formulas proven to be f(cx) take that."""

_WITH_POLES = ("tanh", "sigmoid", "silu", "softplus")
"""Functions whose poles are known; formulas proven to be one of them take its dual."""


def with_poles(text: str, name: str, poles: Ladder | float) -> Activation:
    """Return a smooth activation: see `ntkcalc.activations.formula.with_poles`."""

    def dual_of(tree: Tree, q: Fraction) -> QuadratureDual:
        if isinstance(poles, Ladder):
            ladder = poles.scaled(q)
            return QuadratureDual(PoleLine(Analytic.of(tree, ladder.distance, parts), ladder), name)
        return QuadratureDual(Line(Analytic.of(tree, poles / math.sqrt(q), parts)), name)

    tree = plain(parsed(text, WORDS))
    parts = polynomial_parts(tree)
    dual = dual_of(tree, Fraction(1))
    distance = poles.distance if isinstance(poles, Ladder) else poles
    return replace(_activation(tree, dual, dual_of), pole_distance=lambda: distance)


def is_formula(text: str) -> bool:
    """Return whether text is no single word, or is one with x in it such as x-1, or with a sign such as ²."""
    if not re.fullmatch(r"\s*[A-Za-z_][\w-]*\s*|\s*", text) or any(sign in text for sign in SIGNS):
        return True
    return "x" in re.split(r"[\s-]", text.lower())


def _dual(tree: Tree, name: str, parts: Parts | None = None) -> _AnyDual:
    """Return the dual of a plain tree with branches, after looking whether it is a φ for the theory."""
    pieces = rational_pieces(tree)
    row = polynomial(pieces[0].tree) if pieces is not None and len(pieces) == 1 else None
    if row is not None:
        return _polynomial_dual(row, name)
    check_singularities(tree, name)
    try:
        return _proven_dual(tree, name, pieces, parts)
    except AccuracyError as error:
        raise AccuracyError(f"{error}{near_zero(tree)}") from None


def _proven_dual(tree: Tree, name: str, pieces: list[Piece] | None, parts: Parts | None) -> _AnyDual:
    """Return the dual of a plain tree that is no polynomial, with its rational pieces, if any."""
    if (smooth := _smooth_dual(tree, name, parts)) is not None:
        return smooth
    check(tree, name)
    if (power := power_dual(pieces or [], name)) is not None:
        return power
    plainer = pieces or PiecewiseDual(tree, name).proven_pieces or []
    plainer = [replace(p, tree=as_polynomial(p.tree)) for p in plainer]
    if plainer and plainer != pieces and all(polynomial(p.tree) is not None for p in plainer):
        return _dual(spline_of(plainer), name)
    if len(plainer) == 1 and (smooth := _smooth_dual(plainer[0].tree, name)) is not None:
        return smooth
    dual = _piecewise_dual(tree, name)
    dual.slope_square(16)  # a φ that the normal law does not see bend is refused
    return dual


def _dual_within_reach(tree: Tree, name: str) -> DualWithinReach | None:
    """Return the dual of a plainer formula that a plain tree is but for what is far below the floor, if any."""
    near = within_reach(tree)
    if near is tree or near.constant:  # of constants others say more
        return None
    dual = _dual(near, name)
    totals = [real(context(64), total(16)) for total in (dual.mean_square, dual.slope_square)]
    return DualWithinReach(dual, name) if log2(min(totals)) > -FLOOR else None


def _polynomial_dual(row: Sequence[Tree], name: str) -> PolynomialDual:
    """Return the dual of a polynomial of a size that numbers have."""
    dual = PolynomialDual([*row], name)
    square = real(context(64), dual.mean_square(16))
    if square and abs(log2(square)) > _LARGEST:
        raise InputError(f"{name} is too {'large' if square > 1 else 'small'}: numbers in it {_bits(log2(square))}")
    return dual


def _bits(log_square: float) -> str:
    return f"have about {abs(log_square) / 2:.2g} bits"


def _piecewise_dual(tree: Tree, name: str, q: Fraction = Fraction(1)) -> PiecewiseDual | Rescaled:
    """Return the dual of φ(√q x) by panels."""
    return _of_moderate_size(PiecewiseDual(tree, name, q), tree, lambda t: PiecewiseDual(t, name, q))


def _smooth_dual(tree: Tree, name: str, parts: Parts | None = None) -> QuadratureDual | Rescaled | None:
    """Return the dual of a plain tree, None where `quadrature_dual` has none."""
    found = quadrature_dual(tree, name, parts)
    if found is None:
        return None
    return _of_moderate_size(found, tree, lambda t: quadrature_dual(t, name, found.polynomial_parts))


def _of_moderate_size(dual: D, tree: Tree, dual_of: Callable[[Tree], D | None]) -> D | Rescaled:
    """Return the dual of a φ, of a large one as e^s ψ for a ψ of moderate size if that has one."""
    if dual.log_scale < _LARGE:
        return dual
    if dual.log_scale > _LARGEST:
        raise InputError(f"{dual.name} is too large: numbers in it {_bits(dual.log_scale)}")
    shift = round(dual.log_scale * math.log(2) / 2)
    smaller = dual_of(times(node("exp", number(-shift)), tree))
    return dual if smaller is None else Rescaled(smaller, shift)


def _scaled(tree: Tree, dual: _AnyDual, q: Fraction) -> _AnyDual:
    """Return the dual of φ(√q x) for a φ that has one: kinks and symmetries are φ's, only its growth is another."""
    if (near := _dual_within_reach(stretched(tree, q), dual.name)) is not None:
        return near
    if isinstance(dual, PolynomialDual):
        row = [polynomial(stretched(times(c, whole_power(X, n)), q)) or [] for n, c in enumerate(dual.row)]
        return PolynomialDual([one[-1] for one in row], dual.name)
    if isinstance(dual, PowerDual):
        return dual.scaled(q)
    tree = dual.tree if isinstance(dual, PiecewiseDual) else tree
    longer = stretched(tree, q)
    if (smooth := _smooth_dual(longer, dual.name, dual.polynomial_parts)) is not None:
        return smooth
    check_growth(longer, dual.name)
    return _piecewise_dual(tree, dual.name, q)


def _activation(
    tree: Tree,
    dual: _AnyDual,
    dual_of: Callable[[Tree, Fraction], _AnyDual] | None = None,
    named: Activation | None = None,
) -> Activation:
    """Return the activation of a plain tree with this dual.

    Parameters
    ----------
    dual_of
        From the tree of φ(√q x) and q its dual, where there is a shorter way than `_scaled`.
    named
        An activation that it is proven to be, of whose dual more is known.
    """
    phi = Phi(tree, dual.name)

    def dilation(q: Fraction) -> tuple[_AnyDual, HermiteFunction]:
        found = dual_of(stretched(tree, q), q) if dual_of else _scaled(tree, dual, q)
        return found, found.hermite

    if named is not None:
        known = (named.dual, named.hermite, named.dilation, named.parity, named.jumps, named.roughness)
        return Activation(dual.name, phi, phi.on_arrays, *known)
    parity = None if isinstance(dual, DualWithinReach) else dual.parity
    return Activation(dual.name, phi, phi.on_arrays, dual, dual.hermite, dilation, parity, *dual.jumps())
