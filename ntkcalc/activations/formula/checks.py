"""What Assumptions 2 and 3 ask of φ: finite, real and continuous, φ and φ' square-integrable."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from ntkcalc.activations.formula.balls import working_precision
from ntkcalc.activations.formula.functions import DomainError, Program, RealField, derivative, program
from ntkcalc.activations.formula.kinks import kinks_of, rational_kinks
from ntkcalc.activations.formula.panels import Panels, TooFastError
from ntkcalc.activations.formula.quadrature_dual import to_real
from ntkcalc.activations.formula.rational_pieces import rational_pieces
from ntkcalc.activations.formula.trees import Tree
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Context, Real, context

_FARTHEST, _STEPS = 64, 32  # a grid on which values are looked at: its end, and points in a unit
_BITS = 640  # of limits at kinks
_MOST_CELLS = 2048
_PLACES = 400.0  # bits of the places of kinks


def check(tree: Tree, text: str) -> None:
    """Refuse a plain tree with branches that is no φ for the theory.

    Raises
    ------
    InputError
        Where φ is infinite, not real, jumps, or grows too fast.
    """
    _check_values(tree, text)
    _check_growth(tree, text)
    for near, at, left, right in _places(tree, text):
        _check_place(text, near, at, left, right)


def undefined(text: str, error: Exception, x: float) -> InputError:
    """Return the refusal of a φ that has no value at a point."""
    return InputError(f"{text} is not finite and real everywhere: {error}, at x = {x:.6g}")


def _check_values(tree: Tree, text: str) -> None:
    """Refuse a φ that is not finite and real on a grid."""
    import numpy as np

    from ntkcalc.activations.formula.array_field import ArrayField

    class Grid(ArrayField):  # without SciPy, which takes long to load
        erf, erfc = (np.vectorize(f, otypes=[float]) for f in (math.erf, math.erfc))

    x = np.arange(-_FARTHEST * _STEPS, _FARTHEST * _STEPS + 1) / _STEPS
    x = x[np.argsort(abs(x), kind="stable")]
    with np.errstate(all="ignore"):
        values = program([tree], Grid())(x)[0]
    run = program([tree], RealField(context(320)))
    for place in x[~np.isfinite(np.broadcast_to(values, x.shape))].tolist():
        try:
            run(context(320).mpf(place))
        except DomainError as error:
            if "division" not in str(error) and "too large" not in str(error):  # a pole is looked at later
                raise undefined(text, error, place) from None


def _check_growth(tree: Tree, text: str) -> None:
    """Refuse a φ that outgrows e^{x²/4}, so that φ² has no Gaussian mean."""
    ctx = context(64)
    run = program([tree, derivative(tree)], RealField(ctx))
    for side in (-1, 1):
        for power in (6, 8, 10, 12):
            x = ctx.ldexp(side, power)
            try:
                values = run(x)
            except DomainError as error:
                if not any(said in str(error) for said in ("too large", "division")):
                    raise undefined(text, error, side * 2.0**power) from None
                raise InputError(
                    f"{text} is not square-integrable under the Gaussian weight: {error}, at x = {side * 2**power}"
                ) from None
            if power == 12 and any(abs(v) > ctx.exp(x * x / 4 - 64) for v in values):
                raise InputError(
                    f"{text} is not square-integrable under the Gaussian weight: it outgrows exp(x^2/4), "
                    f"to {ctx.nstr(max(map(abs, values)), 4)} at x = {side * 2**power}"
                )


def _places(tree: Tree, text: str) -> Iterator[tuple[float, Real, Tree | None, Tree | None]]:
    """Yield where φ may bend or be singular, with the formulas on both sides."""
    ctx = context(_BITS)
    pieces = rational_pieces(tree)
    panels = Panels(tree, text, most_cells=_MOST_CELLS)
    try:
        slivers = panels.line(64.0).slivers
    except TooFastError as error:
        near = round(error.place * 256) / 256
        _check_place(text, near, ctx.mpf(near), tree, tree)
        raise
    kinks = kinks_of(panels, _PLACES) if pieces is None else rational_kinks(pieces)
    for kink in kinks:
        with working_precision(_BITS):
            place = to_real(ctx, kink.centre())
        yield kink.near, place, kink.left, kink.right
    for sliver in slivers:
        if len(sliver.trees) == 1 and max(sliver.log_sizes) == float("inf"):
            end, tree = sliver.singular_end(), sliver.trees[0]
            sides = (None, tree) if end == sliver.left else (tree, None) if end == sliver.right else (tree, tree)
            yield float(end.mid()), to_real(ctx, end), *sides


def _check_place(text: str, near: float, x: Real, left: Tree | None, right: Tree | None) -> None:
    """Refuse a pole, a jump, or a derivative that is not square-integrable, at a place."""
    ctx, limits = x.context, []
    for side, tree in ((-1, left), (1, right)):
        if tree is None:
            continue
        run = program([tree, derivative(tree)], RealField(ctx))
        try:
            (far, _), (close, slope), (closest, steeper) = (run(x + side * ctx.ldexp(1, -n)) for n in (60, 80, 100))
        except DomainError as error:
            raise undefined(text, error, near) from None
        if abs(closest - close) > 1e-6 * (1 + abs(close)) or abs(close) > 2 * abs(far) + 1e6:
            if _swings(run, x, side):
                raise InputError(f"{text} has no limit at x = {near:.6g}; phi must be continuous")
            raise InputError(f"{text} is unbounded at x = {near:.6g}; phi must be finite everywhere")
        if abs(steeper) > abs(slope) * ctx.mpf(2) ** 9.95 and abs(steeper) > 1e6:  # like 1/√x or worse
            raise InputError(
                f"{text}: its derivative is not square-integrable at x = {near:.6g}, so that chi is infinite"
            )
        limits.append((closest, ctx.ldexp(8 * abs(steeper), -100) + ctx.ldexp(1 + abs(closest), -160)))
    if len(limits) < 2:
        return
    (before, near_before), (after, near_after) = limits
    if abs(before - after) > near_before + near_after:
        raise InputError(
            f"{text} jumps {_from_to(ctx, before, after)} at x = {near:.6g}; "
            "Assumption 3 asks for a continuous phi (chi is infinite)"
        )


def _swings(run: Program, x: Real, side: int) -> bool:
    """Return whether values next to a place go up and down within bounds instead of running off."""
    ctx = x.context
    try:
        values = [run(x + side * ctx.ldexp(1, -n))[0] for n in range(20, 340, 20)]
    except DomainError:
        return False
    rises = {bool(b > a) for a, b in pairwise(values)}
    half = len(values) // 2
    return len(rises) == 2 and bool(max(map(abs, values[half:])) <= 2 * max(map(abs, values[:half])))


def _from_to(ctx: Context, before: Real, after: Real) -> str:
    """Return two limits as text, without what is left of the distance at which they were taken."""
    least = ctx.ldexp(max(abs(before), abs(after)), -64)
    one, other = (ctx.nstr(x if abs(x) > least else ctx.zero, 5) for x in (before, after))
    return f"from {one} to {other}" if one != other else f"by {ctx.nstr(after - before, 5)}"
