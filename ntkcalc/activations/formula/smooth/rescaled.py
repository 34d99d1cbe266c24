"""The dual of e^s φ from that of a φ with E[φ²] about 1, so that absolute errors of φ are relative ones, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ntkcalc.activations.dual import Correlation, Expansion, ExpansionPoint
from ntkcalc.activations.formula.smooth.quadrature_dual import QuadratureDual
from ntkcalc.numerics.precision import Context, Real


@dataclass(frozen=True, eq=False)
class Rescaled:
    """The dual of e^s φ.

    Parameters
    ----------
    inner
        The dual of φ.
    shift
        s.
    """

    inner: QuadratureDual
    shift: int

    def __getattr__(self, name: str) -> Any:
        """What is the same for every multiple of φ."""
        return getattr(self.inner, name)

    def _squares(self, row: Iterable[Real]) -> list[Real]:
        return [x * x.context.exp(2 * self.shift) for x in row]

    def jumps(self) -> tuple[tuple[tuple[int, Callable[[Context], Real]], ...], int | None]:
        """Return what `ntkcalc.activations.activation.Activation` calls jumps and roughness."""
        jumps, roughness = self.inner.jumps()
        return tuple((m, lambda ctx, jump=jump: jump(ctx) * ctx.exp(self.shift)) for m, jump in jumps), roughness

    def mean_square(self, bits: int) -> Real:
        """Return E[(e^s φ)²]."""
        return self._squares([self.inner.mean_square(bits)])[0]

    def slope_square(self, bits: int) -> Real:
        """Return E[(e^s φ')²]."""
        return self._squares([self.inner.slope_square(bits)])[0]

    def hermite(self, degree: int, bits: int) -> list[Real]:
        """Return the Hermite coefficients, as `QuadratureDual.hermite`."""
        return [x * x.context.exp(self.shift) for x in self.inner.hermite(degree, bits)]

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> list[Real]:
        """See `ntkcalc.activations.dual.Dual.taylor`."""
        return self._squares(self.inner.taylor(point, degree, bits))

    def expansion(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """See `ntkcalc.activations.dual.Dual.expansion`."""
        found = self.inner.expansion(point, degree, bits)
        return Expansion(*(self._squares(row) for row in (found.d, found.tails, found.slope_tails)))

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `ntkcalc.activations.dual.Dual.value`."""
        value, slope = self._squares(self.inner.value(t, bits))
        return value, slope
