"""φ and φ' of a formula at points and on arrays, branches taken as they come, and why there may be no value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from flint import arb

from ntkcalc.activations.activation import ArrayFunction, ArrayPair
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, short_text, to_ball, to_real, working_precision
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.programs import program
from ntkcalc.activations.formula.expressions.trees import Tree, in_order
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Context, Real, context
from ntkcalc.numerics.types import Array


class DomainError(InputError):
    """A function has no real value somewhere on the line."""


_HUGE = 1e12  # argument of an exponential that is refused
_EDGE = 1 << 13  # bits that an argument of a periodic function may have
_TRIES = 4  # precisions, each with twice the bits of the one before
_BITS = 320  # in which it is told why there is no value


class Phi:
    """One φ, a plain tree with its branches, and its text as a user may know it."""

    def __init__(self, tree: Tree, text: str) -> None:
        self.tree, self.text = tree, text

    def __call__(self, ctx: Context, x: Real) -> Real:
        """Return φ(x) to most bits of the context."""
        return self._value(self.tree, ctx, ctx.convert(x))

    def _value(self, tree: Tree, ctx: Context, x: Real) -> Real:
        """Return the value of a tree; next to a removable singularity its limit there."""
        bits = 2 * ctx.prec + 64
        for _ in range(_TRIES):
            value = self._ball(tree, bits, x)
            if value.rel_accuracy_bits() > ctx.prec:
                break
            bits *= 2
        if value.rad() > (1 + abs(value.mid())) * arb(2) ** -ctx.prec:
            raise self._refusal(tree, x)
        return to_real(ctx, value)

    def _ball(self, tree: Tree, bits: int, x: Real) -> Ball:
        for precision, shift in ((bits, arb(0)), (6 * bits, arb(2) ** -bits)):
            with working_precision(precision):
                value = real_program(tree)(to_ball(x) + shift)[0]
            if value.is_finite():
                return value
        raise self._refusal(tree, x)

    def _refusal(self, tree: Tree, x: Real) -> DomainError:
        with working_precision(_BITS):
            reason = obstacle([tree], to_ball(x)) or "no digits are found"
        return DomainError(f"{self.text} cannot be computed at x = {float(x):.6g}: {reason}")

    def on_arrays(self) -> ArrayPair:
        """Return φ and φ' on arrays of float64; where these give ∞ or NaN, values are computed in high precision."""
        return self._on_arrays(self.tree), self._on_arrays(derivative(self.tree))

    def _on_arrays(self, tree: Tree) -> ArrayFunction:
        import numpy as np

        from ntkcalc.activations.formula.expressions.array_field import ArrayField

        run, ctx = program([tree], ArrayField()), context(64)

        def as_float(x: float) -> float:
            try:
                return float(self._value(tree, ctx, ctx.mpf(x)))
            except DomainError:
                return float("inf")  # too large for any number

        def function(x: Array) -> Array:
            with np.errstate(all="ignore"):
                values = np.array(np.broadcast_to(run(x)[0], x.shape), dtype=np.float64)
            bad = ~np.isfinite(values) & np.isfinite(x)
            if bad.any():
                values[bad] = [as_float(float(v)) for v in x[bad]]
            return values

        return function


def obstacle(trees: list[Tree], x: Ball) -> str:
    """Return why one of several trees has no value at a point, nothing where no reason is proven."""
    nodes = list(in_order(*trees))
    with working_precision(_BITS):
        known = dict(zip(nodes, real_program(*nodes)(x), strict=True))
        for t in nodes:
            place, is_wrong, said = _OBSTACLES.get(t.word if t.arguments else "", _NONE)
            if is_wrong(*(known[a] for a in t.arguments)):
                return said.format(short_text(known[t.arguments[place]] + (t.word == "log1p")))
    return ""


_Obstacle: TypeAlias = tuple[int, Callable[..., bool], str]
_NONE: _Obstacle = (0, lambda *_: False, "")
_OBSTACLES: dict[str, _Obstacle] = {
    "/": (1, lambda a, b: b == 0, "division by zero"),
    "power": (0, lambda a, r: a < 0 or (a == 0 and r <= 0), "a power of {} that is no whole number is not real"),
    "log": (0, lambda u: u <= 0, "log of {} is not finite and real"),
    "log1p": (0, lambda u: u <= -1, "log of {} is not finite and real"),
    "sqrt": (0, lambda u: u < 0, "sqrt of {} is not real"),
    **dict.fromkeys(("exp", "expm1"), (0, lambda u: u > _HUGE, "exp of {} is too large")),
    "sinh": (0, lambda u: abs(u) > _HUGE, "exp of {} is too large"),
    **dict.fromkeys(("sin", "cos"), (0, lambda u: abs(u) > arb(2) ** _EDGE, "sin and cos of {} have no digits")),
}
"""Of functions that may have no value: which argument tells, when there is none, and what is said of it."""
