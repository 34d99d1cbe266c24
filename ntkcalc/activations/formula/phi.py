"""φ and φ' of a formula at points and on arrays, branches taken as they come."""

from __future__ import annotations

from functools import cached_property

from ntkcalc.activations.activation import ArrayFunction, ArrayPair
from ntkcalc.activations.formula.functions import DomainError, Program, RealField, derivative, program
from ntkcalc.activations.formula.trees import Tree
from ntkcalc.numerics.precision import Context, Real, context
from ntkcalc.numerics.types import Array


class Phi:
    """One φ, a plain tree with its branches, and its text as a user may know it."""

    def __init__(self, tree: Tree, text: str) -> None:
        self.tree, self.text = tree, text
        self._programs: dict[int, Program] = {}

    @cached_property
    def slope(self) -> Tree:
        """φ'."""
        return derivative(self.tree)

    def __call__(self, ctx: Context, x: Real) -> Real:
        """Return φ(x)."""
        return self.both(ctx, ctx.convert(x))[0]

    def both(self, ctx: Context, x: Real) -> list[Real]:
        """Return φ(x) and φ'(x) to most bits of the context; next to a removable singularity their limits there."""
        bits = 2 * ctx.prec + 64
        before: list[Real] = []
        for _ in range(4):  # until two precisions agree: roundings may take any number of bits
            values = self._at(bits, x)
            pairs = zip(before, values, strict=False)
            if before and all(abs(a - b) <= abs(b) * ctx.ldexp(1, -ctx.prec) for a, b in pairs):
                break
            before, bits = values, 2 * bits
        return [ctx.convert(v) for v in values]

    def _at(self, bits: int, x: Real) -> list[Real]:
        ctx = context(bits)
        try:
            return self._program(bits)(ctx.convert(x))
        except DomainError:
            wide = context(6 * bits)
            try:
                return self._program(6 * bits)(wide.convert(x) + wide.ldexp(1, -bits))
            except DomainError as error:
                raise DomainError(f"{self.text} cannot be computed at x = {float(x):.6g}: {error}") from None

    def _program(self, bits: int) -> Program:
        if bits not in self._programs:
            self._programs[bits] = program([self.tree, self.slope], RealField(context(bits)))
        return self._programs[bits]

    def on_arrays(self) -> ArrayPair:
        """Return φ and φ' on arrays of float64; where these give ∞ or NaN, values are computed in high precision."""
        return self._on_arrays(0), self._on_arrays(1)

    def _on_arrays(self, which: int) -> ArrayFunction:
        import numpy as np

        from ntkcalc.activations.formula.array_field import ArrayField

        run = program([(self.tree, self.slope)[which]], ArrayField())

        def function(x: Array) -> Array:
            with np.errstate(all="ignore"):
                values = np.array(np.broadcast_to(run(x)[0], x.shape), dtype=np.float64)
            bad = ~np.isfinite(values) & np.isfinite(x)
            if bad.any():
                values[bad] = [self._as_float(float(v), which) for v in x[bad]]
            return values

        return function

    def _as_float(self, x: float, which: int) -> float:
        """Return φ(x) or φ'(x), infinity where that is too large for any number."""
        try:
            return float(self.both(context(64), context(64).mpf(x))[which])
        except DomainError:
            return float("inf")
